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
            memory.copy(512, from: vcpu.state.contextFrame, at: VirtualCPU.floatingPointOffset, to: scratch, at: 0)
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
        guard let scratch = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else { throw .noMemory }
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
                try append(UInt16(perVCPURecords.byte(at: kind)), of: target, index, scratch, buffer, room, &done)
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
        guard let scratch = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else { throw .noMemory }
        target.pause()
        defer {
            target.unpause()
            hypervisor.state.frames.free(scratch)
        }
        guard let size = buildRecord(UInt16(truncatingIfNeeded: type), of: target, instance, in: scratch) else {
            throw .noData
        }
        if buffer != 0 {
            guard room >= UInt64(size) else { throw .noBuffers }
            try copyOut(size, from: scratch, offset: 0, to: buffer)
        }
        return size
    }

    // MARK: Loading

    /// Loads a stream of records: a header, any of those a domain has, an end. Records before a bad one have taken effect.
    func loadContext(of target: Ref<Domain>, from buffer: UInt64, size: UInt32) throws(XenError) {
        let hypervisor = hypervisor
        guard let scratch = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else { throw .noMemory }
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
        case HVMSaveRecord.pciInterrupt, HVMSaveRecord.isaInterrupt, HVMSaveRecord.pciLink, HVMSaveRecord.cpuXSAVE,
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
                    512, from: scratch, at: 0, to: vcpu.state.contextFrame, at: VirtualCPU.floatingPointOffset)
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
            guard vcpu.state.apic.setBase(base & ~0x400) || base & 0x800 == 0, vcpu.state.apic.setBase(base) else {
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
        func register(_ index: Int) -> UInt32 { view[Field<HVMSaveLAPICRegistersLayout, UInt32>(at: index &* 16)] }
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

extension CPUContext {
    /// Reads the registers of a CPU record; the floating-point part is left.
    init(from view: ABIView<HVMSaveCPULayout>) {
        self.init()
        rax = view[.rax]
        rbx = view[.rbx]
        rcx = view[.rcx]
        rdx = view[.rdx]
        rbp = view[.rbp]
        rsi = view[.rsi]
        rdi = view[.rdi]
        rsp = view[.rsp]
        r8 = view[.r8]
        r9 = view[.r9]
        r10 = view[.r10]
        r11 = view[.r11]
        r12 = view[.r12]
        r13 = view[.r13]
        r14 = view[.r14]
        r15 = view[.r15]
        rip = view[.rip]
        rflags = view[.rflags] | 2
        cr0 = view[.cr0]
        cr2 = view[.cr2]
        cr3 = view[.cr3]
        cr4 = view[.cr4]
        efer = view[.efer]
        dr6 = view[.dr6]
        dr7 = view[.dr7]
        func segment(
            _ selector: Field<HVMSaveCPULayout, UInt32>, _ attributes: Field<HVMSaveCPULayout, UInt32>,
            _ limit: Field<HVMSaveCPULayout, UInt32>, _ base: Field<HVMSaveCPULayout, UInt64>
        ) -> SegmentState {
            SegmentState(
                selector: UInt16(truncatingIfNeeded: view[selector]),
                attributes: UInt16(truncatingIfNeeded: view[attributes]), limit: view[limit], base: view[base])
        }
        cs = segment(.csSelector, .csAttributes, .csLimit, .csBase)
        ds = segment(.dsSelector, .dsAttributes, .dsLimit, .dsBase)
        es = segment(.esSelector, .esAttributes, .esLimit, .esBase)
        fs = segment(.fsSelector, .fsAttributes, .fsLimit, .fsBase)
        gs = segment(.gsSelector, .gsAttributes, .gsLimit, .gsBase)
        ss = segment(.ssSelector, .ssAttributes, .ssLimit, .ssBase)
        tr = segment(.trSelector, .trAttributes, .trLimit, .trBase)
        ldtr = segment(.ldtrSelector, .ldtrAttributes, .ldtrLimit, .ldtrBase)
        idtLimit = view[.idtrLimit]
        gdtLimit = view[.gdtrLimit]
        idtBase = view[.idtrBase]
        gdtBase = view[.gdtrBase]
        sysenterCS = view[.sysenterCS]
        sysenterESP = view[.sysenterESP]
        sysenterEIP = view[.sysenterEIP]
        star = view[.star]
        lstar = view[.lstar]
        cstar = view[.cstar]
        sfmask = view[.syscallMask]
        kernelGSBase = view[.shadowGS]
        tscAux = view[.tscAux]
    }
    /// Writes the registers into a CPU record whose other bytes are zero.
    func store(to view: ABIView<HVMSaveCPULayout>) {
        view[.rax] = rax
        view[.rbx] = rbx
        view[.rcx] = rcx
        view[.rdx] = rdx
        view[.rbp] = rbp
        view[.rsi] = rsi
        view[.rdi] = rdi
        view[.rsp] = rsp
        view[.r8] = r8
        view[.r9] = r9
        view[.r10] = r10
        view[.r11] = r11
        view[.r12] = r12
        view[.r13] = r13
        view[.r14] = r14
        view[.r15] = r15
        view[.rip] = rip
        view[.rflags] = rflags
        view[.cr0] = cr0
        view[.cr2] = cr2
        view[.cr3] = cr3
        view[.cr4] = cr4
        view[.efer] = efer
        view[.dr6] = dr6
        view[.dr7] = dr7
        func set(
            _ segment: SegmentState, _ selector: Field<HVMSaveCPULayout, UInt32>,
            _ attributes: Field<HVMSaveCPULayout, UInt32>, _ limit: Field<HVMSaveCPULayout, UInt32>,
            _ base: Field<HVMSaveCPULayout, UInt64>
        ) {
            view[selector] = UInt32(segment.selector)
            view[attributes] = UInt32(segment.attributes)
            view[limit] = segment.limit
            view[base] = segment.base
        }
        set(cs, .csSelector, .csAttributes, .csLimit, .csBase)
        set(ds, .dsSelector, .dsAttributes, .dsLimit, .dsBase)
        set(es, .esSelector, .esAttributes, .esLimit, .esBase)
        set(fs, .fsSelector, .fsAttributes, .fsLimit, .fsBase)
        set(gs, .gsSelector, .gsAttributes, .gsLimit, .gsBase)
        set(ss, .ssSelector, .ssAttributes, .ssLimit, .ssBase)
        set(tr, .trSelector, .trAttributes, .trLimit, .trBase)
        set(ldtr, .ldtrSelector, .ldtrAttributes, .ldtrLimit, .ldtrBase)
        view[.idtrLimit] = idtLimit
        view[.gdtrLimit] = gdtLimit
        view[.idtrBase] = idtBase
        view[.gdtrBase] = gdtBase
        view[.sysenterCS] = sysenterCS
        view[.sysenterESP] = sysenterESP
        view[.sysenterEIP] = sysenterEIP
        view[.star] = star
        view[.lstar] = lstar
        view[.cstar] = cstar
        view[.syscallMask] = sfmask
        view[.shadowGS] = kernelGSBase
        view[.tscAux] = tscAux
    }
}
