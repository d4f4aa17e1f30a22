// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Virtual CPU operations. `HYPERVISOR_vcpu_op`, `public/vcpu.h`.
public enum VirtualCPU {
    /// The raw form of an operation without a block.
    @discardableResult
    public static func call(_ operation: UInt32, _ vcpu: UInt32, _ argument: UInt64 = 0) throws(XenError)
        -> UInt64
    {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.vcpu, UInt64(operation), UInt64(vcpu), argument))
    }
    /// The raw form of an operation with a block.
    @discardableResult
    public static func call<Layout: ABILayout>(
        _ operation: UInt32, _ vcpu: UInt32, _ block: inout ArgumentBlock<Layout>
    ) throws(XenError) -> UInt64 {
        let result = Hypercall.withAddress(of: &block) {
            Hypercall.invoke(HypercallNumber.vcpu, UInt64(operation), UInt64(vcpu), $0)
        }
        return try Hypercall.check(result)
    }

    /// Whether a vCPU has been brought up. `VCPUOP_is_up`.
    public static func isUp(_ vcpu: UInt32) throws(XenError) -> Bool {
        try call(VCPUOperation.isUp, vcpu) == 1
    }
    /// Lets a vCPU run that was set up; `invalidArgument` before that. `VCPUOP_up`.
    public static func up(_ vcpu: UInt32) throws(XenError) { try call(VCPUOperation.up, vcpu) }
    /// Stops a vCPU, this one for good. `VCPUOP_down`.
    public static func down(_ vcpu: UInt32) throws(XenError) { try call(VCPUOperation.down, vcpu) }
    /// What a vCPU did with its time. `VCPUOP_get_runstate_info`.
    public static func runstate(of vcpu: UInt32) throws(XenError) -> RunstateInfo {
        var block = ArgumentBlock<RunstateInfoLayout>()
        try call(VCPUOperation.getRunstateInfo, vcpu, &block)
        return RunstateInfo(from: block, at: 0)
    }
    /// Names memory in which the hypervisor keeps the run state, 48 bytes from byte `offset` of a page on, on to the next
    /// page if they do not fit. The page must stay mapped until `unregisterRunstate`.
    /// `VCPUOP_register_runstate_memory_area`.
    /// - Throws: `badAddress` for memory that is not the domain's own and writable, or an offset that is no multiple of 8.
    public static func registerRunstate(
        of vcpu: UInt32, in page: MappedPage, offset: Int = 0
    ) throws(XenError) {
        try registerRunstate(vcpu, page.address &+ UInt64(offset))
    }
    /// Ends the same.
    public static func unregisterRunstate(of vcpu: UInt32) throws(XenError) {
        try registerRunstate(vcpu, 0)
    }
    private static func registerRunstate(_ vcpu: UInt32, _ address: UInt64) throws(XenError) {
        var block = ArgumentBlock<RegisterMemoryAreaLayout>()
        block[.address] = address
        try call(VCPUOperation.registerRunstateMemoryArea, vcpu, &block)
    }
    /// Names memory for a second copy of the clock, 32 bytes from byte `offset` of a page on. The page must stay mapped until
    /// `unregisterTime`. `VCPUOP_register_vcpu_time_memory_area`.
    /// - Throws: as `registerRunstate`; `noSuchAddress` for an area across the page's end.
    public static func registerTime(of vcpu: UInt32, in page: MappedPage, offset: Int = 0) throws(XenError) {
        try registerTime(vcpu, page.address &+ UInt64(offset))
    }
    /// Ends the same.
    public static func unregisterTime(of vcpu: UInt32) throws(XenError) { try registerTime(vcpu, 0) }
    private static func registerTime(_ vcpu: UInt32, _ address: UInt64) throws(XenError) {
        var block = ArgumentBlock<RegisterTimeMemoryAreaLayout>()
        block[.address] = address
        try call(VCPUOperation.registerTimeMemoryArea, vcpu, &block)
    }
    /// Moves a vCPU's info block, once, to byte `offset` of a page of its own. `VCPUOP_register_vcpu_info`.
    /// - Throws: `noSuchAddress` for an offset that is no multiple of 8 or too high, `invalidArgument` for a page that is not
    ///   there, and the second time.
    public static func registerInfo(of vcpu: UInt32, in frame: GuestFrame, offset: UInt32) throws(XenError) {
        var block = ArgumentBlock<RegisterVCPUInfoLayout>()
        block[.guestFrame] = frame.rawValue
        block[.offset] = offset
        try call(VCPUOperation.registerVCPUInfo, vcpu, &block)
    }
    /// Raises `VirtualInterrupt.timer` at a system time in ns. `VCPUOP_set_singleshot_timer`.
    /// - Parameter onlyInFuture: a deadline that has passed is `invalidArgument` on some hypervisors, not on this.
    public static func setTimer(
        _ vcpu: UInt32, at deadline: UInt64, onlyInFuture: Bool = false
    ) throws(XenError) {
        var block = ArgumentBlock<SetSingleshotTimerLayout>()
        block[.timeoutNanoseconds] = deadline
        block[.flags] = onlyInFuture ? SingleshotTimerFlag.future : 0
        try call(VCPUOperation.setSingleshotTimer, vcpu, &block)
    }
    /// Stops the same; both are for the calling vCPU's own timer. `VCPUOP_stop_singleshot_timer`.
    public static func stopTimer(_ vcpu: UInt32) throws(XenError) {
        try call(VCPUOperation.stopSingleshotTimer, vcpu)
    }
    /// Raises `VirtualInterrupt.timer` every `period` ns: refused with `invalidArgument`. `VCPUOP_set_periodic_timer`.
    public static func setPeriodicTimer(_ vcpu: UInt32, period: UInt64) throws(XenError) {
        var block = ArgumentBlock<SetPeriodicTimerLayout>()
        block[.periodNanoseconds] = period
        try call(VCPUOperation.setPeriodicTimer, vcpu, &block)
    }
    /// Stops the same. `VCPUOP_stop_periodic_timer`.
    public static func stopPeriodicTimer(_ vcpu: UInt32) throws(XenError) {
        try call(VCPUOperation.stopPeriodicTimer, vcpu)
    }
    /// Interrupts a vCPU that cannot refuse. `VCPUOP_send_nmi`.
    public static func sendNonMaskable(_ vcpu: UInt32) throws(XenError) {
        try call(VCPUOperation.sendNMI, vcpu)
    }

    /// The physical CPU that a vCPU is bound to: refused with `invalidArgument`. `VCPUOP_get_physid`.
    /// - Returns: its APIC identifier in the low half, its ACPI identifier in the high half.
    public static func physicalID(of vcpu: UInt32) throws(XenError) -> UInt64 {
        var block = ArgumentBlock<VCPUPhysicalIDLayout>()
        try call(VCPUOperation.getPhysicalID, vcpu, &block)
        return block[.physicalID]
    }

    /// Sets a vCPU that never ran to 64-bit code at `entry`, which finds `argument` in RDI. `VCPUOP_initialise`.
    /// - Throws: `exists` for one that ran, `invalidArgument` for what the processor would not take.
    public static func initialise(
        _ vcpu: UInt32, entry: GuestLinear, stack: GuestLinear, argument: UInt64, pageTable: GuestPhysical
    ) throws(XenError) {
        var block = ArgumentBlock<VCPUContextLayout>()
        block[.mode] = VCPUContextMode.bits64
        let registers = 8
        block[Field<VCPUContext64Layout, UInt64>.rip, at: registers] = entry.rawValue
        block[Field<VCPUContext64Layout, UInt64>.rsp, at: registers] = stack.rawValue
        block[Field<VCPUContext64Layout, UInt64>.rdi, at: registers] = argument
        block[Field<VCPUContext64Layout, UInt64>.rflags, at: registers] = 2
        block[Field<VCPUContext64Layout, UInt64>.cr0, at: registers] = 0x8001_0031
        block[Field<VCPUContext64Layout, UInt64>.cr3, at: registers] = pageTable.rawValue
        block[Field<VCPUContext64Layout, UInt64>.cr4, at: registers] = 0x20
        block[Field<VCPUContext64Layout, UInt64>.efer, at: registers] = 0xD00
        try call(VCPUOperation.initialise, vcpu, &block)
    }
    /// Sets a vCPU that never ran to 32-bit code at `entry`, with flat segments and paging off, which finds `argument` in
    /// EAX. `VCPUOP_initialise`.
    public static func initialise32(
        _ vcpu: UInt32, entry: UInt32, stack: UInt32, argument: UInt32
    ) throws(XenError) {
        typealias Word = Field<VCPUContext32Layout, UInt32>
        typealias Short = Field<VCPUContext32Layout, UInt16>
        let registers = 8
        var block = ArgumentBlock<VCPUContextLayout>()
        block[.mode] = VCPUContextMode.bits32
        block[Word.eip, at: registers] = entry
        block[Word.esp, at: registers] = stack
        block[Word.eax, at: registers] = argument
        block[Word.eflags, at: registers] = 2
        block[Word.cr0, at: registers] = 0x11
        block[Word.csLimit, at: registers] = .max
        block[Word.dsLimit, at: registers] = .max
        block[Word.ssLimit, at: registers] = .max
        block[Word.esLimit, at: registers] = .max
        block[Word.trLimit, at: registers] = 0x67
        // Present, ring 0, 4 KiB granularity: code, data, and a 32-bit task segment in use.
        block[Short.csAttributes, at: registers] = 0xC9B
        block[Short.dsAttributes, at: registers] = 0xC93
        block[Short.ssAttributes, at: registers] = 0xC93
        block[Short.esAttributes, at: registers] = 0xC93
        block[Short.trAttributes, at: registers] = 0x8B
        try call(VCPUOperation.initialise, vcpu, &block)
    }
}

/// `HYPERVISOR_set_timer_op`: the calling vCPU's timer at a system time in ns, 0 to stop it.
public func setTimerOperation(_ deadline: UInt64) throws(XenError) {
    try Hypercall.check(Hypercall.invoke(HypercallNumber.setTimer, deadline))
}
