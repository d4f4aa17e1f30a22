// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The domctls about vCPUs: making them, their state, and where they should run. Xen public/domctl.h.

extension Ref<VirtualCPU> {
    /// False: `command` is no operation on vCPUs.
    func controlVCPUs(
        of target: Ref<Domain>, _ command: UInt32, _ block: inout ArgumentBlock<DomctlLayout>,
        _ argument: UInt64
    ) throws(XenError) -> Bool {
        let body = Self.domctlBody
        switch command {
        case DomctlOperation.maximumVCPUs:
            let count = block[Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, in: body]
            guard target != domain, count == target.state.maximumVCPUCount else { throw .invalidArgument }
            var index: UInt32 = 0
            while index < count {
                if target.vcpu(index) == nil { _ = try hypervisor.createVCPU(in: target, id: index) }
                index &+= 1
            }
        case DomctlOperation.getVCPUInfo:
            guard let vcpu = target.vcpu(block[Field<DomctlVCPUInfoLayout, UInt32>.vcpu, in: body]) else {
                throw .noSuchDomain
            }
            block[Field<DomctlVCPUInfoLayout, UInt8>.online, in: body] = vcpu.state.isDown ? 0 : 1
            block[Field<DomctlVCPUInfoLayout, UInt8>.blocked, in: body] = vcpu.state.isBlocked ? 1 : 0
            block[Field<DomctlVCPUInfoLayout, UInt8>.running, in: body] = vcpu.state.runningOn >= 0 ? 1 : 0
            block[Field<DomctlVCPUInfoLayout, UInt64>.cpuTime, in: body] = vcpu.totalCPUTime
            block[Field<DomctlVCPUInfoLayout, UInt32>.cpu, in: body] = UInt32(max(vcpu.state.runningOn, 0))
            try copyOut(block, to: argument)
        case DomctlOperation.setVCPUAffinity, DomctlOperation.getVCPUAffinity:
            try affinity(of: target, sets: command == DomctlOperation.setVCPUAffinity, block)
        case DomctlOperation.setNodeAffinity:
            let map = try readBitmap(
                block[Field<DomctlNodeAffinityLayout, UInt64>.bitmap, in: body],
                block[Field<DomctlNodeAffinityLayout, UInt32>.bitCount, in: body])
            guard map & 1 != 0 else { throw .invalidArgument }
            target.state.control.nodeAffinity = map
        case DomctlOperation.getNodeAffinity:
            try writeBitmap(
                target.state.control.nodeAffinity & 1,
                block[Field<DomctlNodeAffinityLayout, UInt64>.bitmap, in: body],
                block[Field<DomctlNodeAffinityLayout, UInt32>.bitCount, in: body])
        case DomctlOperation.sendTrigger:
            guard let vcpu = target.vcpu(block[Field<DomctlSendTriggerLayout, UInt32>.vcpu, in: body]) else {
                throw .noSuchDomain
            }
            switch block[Field<DomctlSendTriggerLayout, UInt32>.trigger, in: body] {
            case TriggerKind.nmi:
                vcpu.state.isNMIPending = true
                vcpu.wake()
            // Buttons need ACPI hardware that these guests do not have.
            case TriggerKind.power, TriggerKind.sleep, TriggerKind.reset, TriggerKind.initialise:
                throw .notSupported
            default: throw .notImplemented
            }
        case DomctlOperation.getVCPUContext: try getContext(of: target, block)
        case DomctlOperation.setVCPUContext: try setContext(of: target, block)
        default: return false
        }
        return true
    }

    // MARK: Affinity

    /// One bit per CPU there is.
    private var onlineCPUs: UInt64 {
        let count = hypervisor.state.facts.cpuCount
        return count >= 64 ? .max : (1 &<< UInt64(count)) &- 1
    }
    private func affinity(
        of target: Ref<Domain>, sets: Bool, _ block: borrowing ArgumentBlock<DomctlLayout>
    ) throws(XenError) {
        let body = Self.domctlBody
        guard let vcpu = target.vcpu(block[Field<DomctlVCPUAffinityLayout, UInt32>.vcpu, in: body]) else {
            throw .noSuchDomain
        }
        let flags = block[Field<DomctlVCPUAffinityLayout, UInt32>.flags, in: body]
        let hardMap = block[Field<DomctlVCPUAffinityLayout, UInt64>.hardBitmap, in: body]
        let hardBits = block[Field<DomctlVCPUAffinityLayout, UInt32>.hardBitCount, in: body]
        let softMap = block[Field<DomctlVCPUAffinityLayout, UInt64>.softBitmap, in: body]
        let softBits = block[Field<DomctlVCPUAffinityLayout, UInt32>.softBitCount, in: body]
        let isHard = flags & VCPUAffinityFlag.hard != 0
        let isSoft = flags & VCPUAffinityFlag.soft != 0
        guard isHard || isSoft,
            flags & ~(VCPUAffinityFlag.hard | VCPUAffinityFlag.soft | VCPUAffinityFlag.force) == 0
        else { throw .invalidArgument }
        if sets {
            let hard = isHard ? try readBitmap(hardMap, hardBits) : vcpu.state.control.hardAffinity
            let soft = isSoft ? try readBitmap(softMap, softBits) : vcpu.state.control.softAffinity
            guard hard & onlineCPUs != 0 else { throw .invalidArgument }
            vcpu.state.control.hardAffinity = hard
            vcpu.state.control.softAffinity = soft
        }
        // What is in effect.
        let hard = vcpu.state.control.hardAffinity & onlineCPUs
        if isHard { try writeBitmap(hard, hardMap, hardBits) }
        if isSoft { try writeBitmap(vcpu.state.control.softAffinity & hard, softMap, softBits) }
    }
    /// The first 64 bits of a guest's bitmap of `count` bits.
    func readBitmap(_ address: UInt64, _ count: UInt32) throws(XenError) -> UInt64 {
        var value: UInt64 = 0
        var byte: UInt64 = 0
        while byte < 8, byte &* 8 < UInt64(count) {
            value |= UInt64(try read(UInt8.self, at: address &+ byte)) &<< (byte &* 8)
            byte &+= 1
        }
        return count >= 64 ? value : value & ((1 &<< UInt64(count)) &- 1)
    }
    /// Writes a guest's bitmap of `count` bits (no more than 64 KiB of them), zeroes beyond the 64 we have.
    func writeBitmap(_ value: UInt64, _ address: UInt64, _ count: UInt32) throws(XenError) {
        guard count <= 65536 else { throw .invalidArgument }
        var byte: UInt64 = 0
        while byte &* 8 < UInt64(count) {
            var part = byte < 8 ? UInt8(truncatingIfNeeded: value &>> (byte &* 8)) : 0
            let left = UInt64(count) &- byte &* 8
            if left < 8 { part &= (1 &<< UInt8(left)) &- 1 }
            try write(part, at: address &+ byte)
            byte &+= 1
        }
    }

    // MARK: vcpu_guest_context

    /// `XEN_DOMCTL_getvcpucontext`: registers as debuggers and the save code know them.
    private func getContext(
        of target: Ref<Domain>, _ block: borrowing ArgumentBlock<DomctlLayout>
    ) throws(XenError) {
        let body = Self.domctlBody
        let address = block[Field<DomctlVCPUContextLayout, UInt64>.context, in: body]
        guard target != domain else { throw .invalidArgument }
        guard let vcpu = target.vcpu(block[Field<DomctlVCPUContextLayout, UInt32>.vcpu, in: body]) else {
            throw .noSuchDomain
        }
        guard vcpu.state.isInitialised else { throw .noData }
        let hypervisor = hypervisor
        guard let scratch = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else {
            throw .noMemory
        }
        defer { hypervisor.state.frames.free(scratch) }
        try copyOut(pageSize, from: scratch, offset: 0, to: address)
        try copyOut(
            VCPUGuestContextLayout.byteCount &- pageSize, from: scratch, offset: 0,
            to: address &+ UInt64(pageSize))
        try copyOut(512, from: vcpu.state.contextFrame, offset: VirtualCPU.floatingPointOffset, to: address)
        target.pause()
        let c = hypervisor.state.hooks.saveContext(vcpu)
        target.unpause()
        func put<Item: FixedWidthInteger & BitwiseCopyable>(
            _ value: Item, _ field: Field<VCPUGuestContextLayout, Item>
        ) throws(XenError) {
            try copyOut(value, field: field, of: address)
        }
        let online = vcpu.state.isDown ? 0 : VCPUGuestContextFlag.online
        try put(VCPUGuestContextFlag.fpuValid | online, .flags)
        try put(c.r15, .r15)
        try put(c.r14, .r14)
        try put(c.r13, .r13)
        try put(c.r12, .r12)
        try put(c.rbp, .rbp)
        try put(c.rbx, .rbx)
        try put(c.r11, .r11)
        try put(c.r10, .r10)
        try put(c.r9, .r9)
        try put(c.r8, .r8)
        try put(c.rax, .rax)
        try put(c.rcx, .rcx)
        try put(c.rdx, .rdx)
        try put(c.rsi, .rsi)
        try put(c.rdi, .rdi)
        try put(c.rip, .rip)
        try put(c.rflags, .rflags)
        try put(c.rsp, .rsp)
        try put(c.cs.selector, .cs)
        try put(c.ss.selector, .ss)
        try put(c.es.selector, .es)
        try put(c.ds.selector, .ds)
        try put(c.fs.selector, .fs)
        try put(c.gs.selector, .gs)
        let control = Field<VCPUGuestContextLayout, UInt64>.controlRegisters
        try put(c.cr0, control.element(0))
        try put(c.cr2, control.element(2))
        try put(c.cr3, control.element(3))
        try put(c.cr4, control.element(4))
        let debug = Field<VCPUGuestContextLayout, UInt64>.debugRegisters
        try put(c.dr6, debug.element(6))
        try put(c.dr7, debug.element(7))
        try put(c.fs.base, .fsBase)
        try put(c.kernelGSBase, .userGSBase)
        try put(c.gs.base, .kernelGSBase)
    }

    /// `XEN_DOMCTL_setvcpucontext`: the general registers of a stopped domain's vCPU; a null address resets the vCPU.
    private func setContext(
        of target: Ref<Domain>, _ block: borrowing ArgumentBlock<DomctlLayout>
    ) throws(XenError) {
        let body = Self.domctlBody
        let address = block[Field<DomctlVCPUContextLayout, UInt64>.context, in: body]
        guard target != domain else { throw .invalidArgument }
        guard let vcpu = target.vcpu(block[Field<DomctlVCPUContextLayout, UInt32>.vcpu, in: body]) else {
            throw .noSuchDomain
        }
        let hooks = hypervisor.state.hooks
        guard address != 0 else {
            vcpu.state.isDown = true
            vcpu.stopRunning()
            vcpu.state.isInitialised = false
            vcpu.state.isBlocked = false
            vcpu.state.apic.reset()
            vcpu.state.isNMIPending = false
            vcpu.syncAPICTimer()
            return
        }
        func word(_ field: Field<VCPUGuestContextLayout, UInt64>) throws(XenError) -> UInt64 {
            try read(UInt64.self, at: address &+ UInt64(truncatingIfNeeded: field.offset))
        }
        target.pause()
        defer { target.unpause() }
        var c = vcpu.state.isInitialised ? hooks.saveContext(vcpu) : CPUContext()
        c.r15 = try word(.r15)
        c.r14 = try word(.r14)
        c.r13 = try word(.r13)
        c.r12 = try word(.r12)
        c.rbp = try word(.rbp)
        c.rbx = try word(.rbx)
        c.r11 = try word(.r11)
        c.r10 = try word(.r10)
        c.r9 = try word(.r9)
        c.r8 = try word(.r8)
        c.rax = try word(.rax)
        c.rcx = try word(.rcx)
        c.rdx = try word(.rdx)
        c.rsi = try word(.rsi)
        c.rdi = try word(.rdi)
        c.rip = try word(.rip)
        c.rflags = try word(.rflags) | 2
        c.rsp = try word(.rsp)
        guard c.isAcceptable else { throw .invalidArgument }
        let flags = try word(Field<VCPUGuestContextLayout, UInt64>.flags)
        hooks.loadContext(vcpu, c)
        vcpu.state.isInitialised = true
        vcpu.state.waitsForStartup = false
        if flags & VCPUGuestContextFlag.online != 0 { vcpu.comeUp() }
    }
}

/// `flags` of `VCPUGuestContextLayout`. Xen public/arch-x86/xen.h.
enum VCPUGuestContextFlag {
    /// `VGCF_i387_valid`.
    static var fpuValid: UInt64 { 1 << 0 }
    /// `VGCF_online`.
    static var online: UInt64 { 1 << 5 }
}
extension VirtualCPU {
    /// Where the floating-point state starts in the context page: 512 bytes as FXSAVE lays them out, then the XSAVE header.
    static var floatingPointOffset: Int { 512 }
}
