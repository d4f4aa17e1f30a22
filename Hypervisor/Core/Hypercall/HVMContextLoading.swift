// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// Save records on their way into a domain: `XEN_DOMCTL_sethvmcontext`. Xen public/hvm/save.h.

extension Ref<VirtualCPU> {
    /// Loads a stream of records: a header, any of those a domain has, an end. Records before a bad one have taken effect.
    func loadContext(of target: Ref<Domain>, from buffer: UInt64, size: UInt32) throws(XenError) {
        guard size <= Self.maximumContextSize else { throw .tooBig }
        let hypervisor = hypervisor
        guard let scratch = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else {
            throw .noMemory
        }
        target.pause()
        defer {
            target.unpause()
            hypervisor.state.frames.free(scratch)
        }
        let descriptorSize = UInt32(HVMSaveDescriptorLayout.byteCount)
        var position: UInt32 = 0
        var seenHeader = false
        while true {
            guard size &- position >= descriptorSize else { throw .noData }
            let descriptor = try copyIn(HVMSaveDescriptorLayout.self, at: buffer &+ UInt64(position))
            position &+= descriptorSize
            let type = descriptor[.typecode]
            let length = descriptor[.length]
            guard length <= size &- position else { throw .noData }
            if type == HVMSaveRecord.end {
                guard seenHeader else { throw .invalidArgument }
                return
            }
            guard seenHeader || type == HVMSaveRecord.header else { throw .invalidArgument }
            if let fixed = Self.loadedSize(type) {
                let shorter = type == HVMSaveRecord.cpu ? Self.oldCPURecordSize : fixed
                guard length == UInt32(fixed) || length == UInt32(shorter) else { throw .invalidArgument }
                hypervisor.state.memory.zero(scratch)
                try copyIn(Int(length), at: buffer &+ UInt64(position), to: scratch, offset: 0)
                try load(type, descriptor[.instance], of: target, Int(length), from: scratch)
                if type == HVMSaveRecord.header { seenHeader = true }
            } else if !Self.isIgnored(type) {
                throw .invalidArgument
            }
            position &+= length
        }
    }
    /// More than 128 vCPUs with all their records need.
    private static var maximumContextSize: UInt32 { 4 << 20 }
    /// A CPU record before `flags` joined it.
    private static var oldCPURecordSize: Int { 1016 }
    private static func loadedSize(_ type: UInt16) -> Int? {
        switch type {
        case HVMSaveRecord.header: HVMSaveHeaderLayout.byteCount
        case HVMSaveRecord.cpu: HVMSaveCPULayout.byteCount
        case HVMSaveRecord.lapic: HVMSaveLAPICLayout.byteCount
        case HVMSaveRecord.lapicRegisters: HVMSaveLAPICRegistersLayout.byteCount
        case HVMSaveRecord.mtrr: HVMSaveMTRRLayout.byteCount
        default: nil
        }
    }
    /// Records of hardware that a PVH domain lacks or whose state is always the same: read over.
    private static func isIgnored(_ type: UInt16) -> Bool {
        switch type {
        case HVMSaveRecord.pciInterrupt, HVMSaveRecord.isaInterrupt, HVMSaveRecord.pciLink,
            HVMSaveRecord.cpuXSAVE,
            HVMSaveRecord.machineCheckVCPU, HVMSaveRecord.tscAdjust, HVMSaveRecord.cpuMSR:
            true
        default: false
        }
    }
    private func load(
        _ type: UInt16, _ instance: UInt16, of target: Ref<Domain>, _ length: Int, from scratch: MachineFrame
    ) throws(XenError) {
        let memory = hypervisor.state.memory
        if type == HVMSaveRecord.header {
            let view = memory.view(HVMSaveHeaderLayout.self, in: scratch)
            guard view[.magic] == HVMSaveMagic.value, view[.version] == HVMSaveMagic.version else {
                throw .invalidArgument
            }
            return
        }
        guard let vcpu = target.vcpu(UInt32(instance)) else { throw .invalidArgument }
        switch type {
        case HVMSaveRecord.cpu:
            let view = memory.view(HVMSaveCPULayout.self, in: scratch)
            let context = CPUContext(from: view)
            guard context.isAcceptable else { throw .invalidArgument }
            hypervisor.state.hooks.loadContext(vcpu, context)
            let isOld = length == Self.oldCPURecordSize
            if isOld || view[.flags] & HVMSaveCPUFlag.fpuInitialised != 0 {
                memory.copy(
                    512, from: scratch, at: 0, to: vcpu.state.contextFrame, at: VirtualCPU.floatingPointOffset
                )
                // x87 and SSE state is in the area. Intel SDM vol 1 §13.4.2 (XSTATE_BV).
                memory.storeWord(3, vcpu.state.contextFrame, (VirtualCPU.floatingPointOffset &+ 512) / 8)
            }
            if view[.tsc] != 0 { target.setTSC(view[.tsc]) }
            vcpu.state.isInitialised = true
            vcpu.state.waitsForStartup = false
            vcpu.comeUp()
        case HVMSaveRecord.lapic:
            let base = memory.view(HVMSaveLAPICLayout.self, in: scratch)[.apicBase]
            vcpu.state.apic.reset()
            vcpu.syncAPICTimer()
            // The architecture reaches x2APIC mode only by way of xAPIC mode, and "disabled" from anywhere.
            guard vcpu.state.apic.setBase(base & ~0x400) || base & 0x800 == 0, vcpu.state.apic.setBase(base)
            else {
                throw .invalidArgument
            }
        case HVMSaveRecord.lapicRegisters: vcpu.loadAPIC(from: scratch)
        case HVMSaveRecord.mtrr:
            let view = memory.view(HVMSaveMTRRLayout.self, in: scratch)
            var index = 0
            while index < 30 {
                vcpu.state.control.mtrr[index] = view[Field<HVMSaveMTRRLayout, UInt64>.pat.element(index)]
                index &+= 1
            }
        default: break
        }
    }
    /// Sets the APIC's registers from an image of its page: the enabling one first, the timer's count last.
    private func loadAPIC(from scratch: MachineFrame) {
        let view = hypervisor.state.memory.view(HVMSaveLAPICRegistersLayout.self, in: scratch)
        let now = hypervisor.state.now()
        func register(_ index: Int) -> UInt32 {
            view[Field<HVMSaveLAPICRegistersLayout, UInt32>(at: index &* 16)]
        }
        func set(_ index: Int) { _ = state.apic.write(index, register(index), now: now) }
        set(0x0f)
        set(0x08)
        set(0x0d)
        set(0x0e)
        for index in 0x32...0x37 { set(index) }
        set(0x3e)
        for bank in 0..<8 {
            let requested = register(0x20 &+ bank)
            let inService = register(0x10 &+ bank)
            let level = register(0x18 &+ bank)
            for bit in 0..<32 {
                let mask: UInt32 = 1 &<< UInt32(bit)
                let vector = UInt8(truncatingIfNeeded: bank &* 32 &+ bit)
                if inService & mask != 0, vector >= 16 {
                    state.apic.setPending(vector: vector, isLevel: level & mask != 0)
                    state.apic.acknowledge(vector)
                }
                if requested & mask != 0 { state.apic.setPending(vector: vector, isLevel: level & mask != 0) }
            }
        }
        // A one-shot timer that had run out stays silent.
        if register(0x39) != 0 { set(0x38) }
        syncAPICTimer()
    }
}

extension Ref<Domain> {
    /// Makes the TSC of all vCPUs read `value` now.
    func setTSC(_ value: UInt64) {
        let offset = value &- hypervisor.state.hooks.readTSC()
        forEachVCPU { vcpu in
            vcpu.state.tscOffset = offset
            vcpu.publishTime()
        }
    }
}
