// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The save records of a domain: `XEN_DOMCTL_gethvmcontext`, `…_partial` and `sethvmcontext`. A record is built in, and
// read from, one scratch frame; the records of a PVH domain are HEADER, CPU, LAPIC, LAPIC_REGS, MTRR, END.
// Xen public/hvm/save.h, public/arch-x86/hvm/save.h.

/// A record type that is saved once for each vCPU.
private let perVCPURecords: StaticString = "\u{02}\u{05}\u{06}\u{0e}"

extension Ref<VirtualCPU> {
    /// Builds a record's body in `scratch`; returns its size, or nil if the domain has no such record.
    private func buildRecord(
        _ type: UInt16, of target: Ref<Domain>, _ instance: UInt32, in scratch: MachineFrame
    ) -> Int? {
        let memory = hypervisor.state.memory
        memory.zero(scratch)
        if type == HVMSaveRecord.header {
            guard instance == 0 else { return nil }
            let view = memory.view(HVMSaveHeaderLayout.self, in: scratch)
            view[.magic] = HVMSaveMagic.value
            view[.version] = HVMSaveMagic.version
            view[.changeset] = 0
            view[.cpuid] = hypervisor.state.hooks.cpuid(1, 0).a
            view[.guestTSCKilohertz] = hypervisor.state.facts.tscKiloHertz
            return HVMSaveHeaderLayout.byteCount
        }
        guard let vcpu = target.vcpu(instance) else { return nil }
        switch type {
        case HVMSaveRecord.cpu:
            // A vCPU that is down has no record: loading leaves it down.
            guard vcpu.state.isInitialised, !vcpu.state.isDown else { return nil }
            memory.copy(
                512, from: vcpu.state.contextFrame, at: VirtualCPU.floatingPointOffset, to: scratch, at: 0)
            let context = hypervisor.state.hooks.saveContext(vcpu)
            let view = memory.view(HVMSaveCPULayout.self, in: scratch)
            context.store(to: view)
            view[.tsc] = hypervisor.state.hooks.readTSC() &+ vcpu.state.tscOffset
            view[.flags] = HVMSaveCPUFlag.fpuInitialised
            return HVMSaveCPULayout.byteCount
        case HVMSaveRecord.lapic:
            let view = memory.view(HVMSaveLAPICLayout.self, in: scratch)
            let apic = vcpu.state.apic
            view[.apicBase] = apic.baseMSR
            view[.disabled] = (apic.isSoftwareEnabled ? 0 : 1) | (apic.isHardwareEnabled ? 0 : 2)
            return HVMSaveLAPICLayout.byteCount
        case HVMSaveRecord.lapicRegisters:
            let now = hypervisor.state.now()
            var index = 2
            while index < 64 {
                if let value = vcpu.state.apic.read(index, now: now) {
                    memory.view(HVMSaveLAPICRegistersLayout.self, in: scratch)[
                        Field<HVMSaveLAPICRegistersLayout, UInt32>(at: index &* 16)] = value
                }
                index &+= 1
            }
            return HVMSaveLAPICRegistersLayout.byteCount
        case HVMSaveRecord.mtrr:
            let view = memory.view(HVMSaveMTRRLayout.self, in: scratch)
            var index = 0
            while index < 30 {
                view[Field<HVMSaveMTRRLayout, UInt64>.pat.element(index)] = vcpu.state.control.mtrr[index]
                index &+= 1
            }
            return HVMSaveMTRRLayout.byteCount
        default: return nil
        }
    }
    private static func isSaved(_ type: UInt32) -> Bool {
        guard type != UInt32(HVMSaveRecord.header) else { return true }
        var index = 0
        while index < perVCPURecords.utf8CodeUnitCount {
            if UInt32(perVCPURecords.byte(at: index)) == type { return true }
            index &+= 1
        }
        return false
    }

    /// Writes a domain's records to `buffer`, or only counts their bytes if that is null. Throws `noSpace` when `room` is
    /// too small.
    func saveContext(of target: Ref<Domain>, to buffer: UInt64, room: UInt32) throws(XenError) -> UInt32 {
        let hypervisor = hypervisor
        guard let scratch = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else {
            throw .noMemory
        }
        target.pause()
        defer {
            target.unpause()
            hypervisor.state.frames.free(scratch)
        }
        var done: UInt32 = 0
        try append(HVMSaveRecord.header, of: target, 0, scratch, buffer, room, &done)
        var kind = 0
        while kind < perVCPURecords.utf8CodeUnitCount {
            var index: UInt32 = 0
            while index < target.state.maximumVCPUCount {
                try append(
                    UInt16(perVCPURecords.byte(at: kind)), of: target, index, scratch, buffer, room, &done)
                index &+= 1
            }
            kind &+= 1
        }
        try put(HVMSaveRecord.end, 0, byteCount: 0, scratch, buffer, room, &done)
        return done
    }
    private func append(
        _ type: UInt16, of target: Ref<Domain>, _ instance: UInt32, _ scratch: MachineFrame, _ buffer: UInt64,
        _ room: UInt32, _ done: inout UInt32
    ) throws(XenError) {
        guard let size = buildRecord(type, of: target, instance, in: scratch) else { return }
        try put(type, UInt16(truncatingIfNeeded: instance), byteCount: size, scratch, buffer, room, &done)
    }
    private func put(
        _ type: UInt16, _ instance: UInt16, byteCount: Int, _ scratch: MachineFrame, _ buffer: UInt64,
        _ room: UInt32, _ done: inout UInt32
    ) throws(XenError) {
        let total = UInt32(truncatingIfNeeded: HVMSaveDescriptorLayout.byteCount &+ byteCount)
        if buffer != 0 {
            guard done <= room, total <= room &- done else { throw .noSpace }
            var descriptor = ArgumentBlock<HVMSaveDescriptorLayout>()
            descriptor[.typecode] = type
            descriptor[.instance] = instance
            descriptor[.length] = UInt32(truncatingIfNeeded: byteCount)
            try copyOut(descriptor, to: buffer &+ UInt64(done))
            if byteCount > 0 {
                try copyOut(
                    byteCount, from: scratch, offset: 0,
                    to: buffer &+ UInt64(done) &+ UInt64(HVMSaveDescriptorLayout.byteCount))
            }
        }
        done &+= total
    }

    /// Writes the body of one record. A null `buffer` asks for its size. Throws `invalidArgument` for a type that is never
    /// saved, `noEntry` for a vCPU there is not, `noData` where it has no such record now, `noBuffers` for too little room.
    func saveRecord(
        of target: Ref<Domain>, type: UInt32, instance: UInt32, to buffer: UInt64, room: UInt64
    ) throws(XenError) -> Int {
        guard Self.isSaved(type) else { throw .invalidArgument }
        if type != UInt32(HVMSaveRecord.header), target.vcpu(instance) == nil { throw .noEntry }
        let hypervisor = hypervisor
        guard let scratch = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else {
            throw .noMemory
        }
        target.pause()
        defer {
            target.unpause()
            hypervisor.state.frames.free(scratch)
        }
        guard let size = buildRecord(UInt16(truncatingIfNeeded: type), of: target, instance, in: scratch)
        else {
            throw .noData
        }
        if buffer != 0 {
            guard room >= UInt64(size) else { throw .noBuffers }
            try copyOut(size, from: scratch, offset: 0, to: buffer)
        }
        return size
    }
}
