// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// Scheduler operations. `HYPERVISOR_sched_op`, `public/sched.h`.
public enum Scheduler {
    /// Lets other vCPUs run. `SCHEDOP_yield`.
    public static func yield() throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.scheduler, UInt64(SchedulerOperation.yield)))
    }
    /// Sleeps until an event is deliverable. `SCHEDOP_block`.
    public static func block() throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.scheduler, UInt64(SchedulerOperation.block)))
    }
    /// Ends this domain for a `ShutdownReason`. Does not return where the hypervisor obeys. `SCHEDOP_shutdown`.
    @discardableResult
    public static func shutDown(_ reason: UInt32) -> Int64 {
        var block = ArgumentBlock<SchedulerShutdownLayout>()
        block[.reason] = reason
        return Hypercall.invoke(HypercallNumber.scheduler, SchedulerOperation.shutdown, &block)
    }
    /// Sleeps until `port` is pending or the system time `deadline` (ns, 0 for none) is reached. `SCHEDOP_poll`.
    public static func poll(_ port: EventPort, until deadline: UInt64) throws(XenError) {
        var ports: InlineArray<1, UInt32> = [port.rawValue]
        let result = Hypercall.withAddress(of: &ports) { poll(portsAt: $0, count: 1, until: deadline) }
        try Hypercall.check(result)
    }
    /// `SCHEDOP_poll` on `count` port numbers at a linear address.
    public static func poll(portsAt address: UInt64, count: UInt32, until deadline: UInt64) -> Int64 {
        var block = ArgumentBlock<SchedulerPollLayout>()
        block[.ports] = address
        block[.portCount] = count
        block[.timeout] = deadline
        return Hypercall.invoke(HypercallNumber.scheduler, SchedulerOperation.poll, &block)
    }
    /// Sleeps until a system time in ns, or an event that can be taken. `SCHEDOP_poll` of no port.
    public static func sleep(until deadline: UInt64) throws(XenError) {
        try Hypercall.check(poll(portsAt: 0, count: 0, until: deadline))
    }
    /// Names the reason of a shutdown that comes without one of its own. `SCHEDOP_shutdown_code`.
    public static func setShutdownCode(_ reason: UInt32) throws(XenError) {
        var block = ArgumentBlock<SchedulerShutdownLayout>()
        block[.reason] = reason
        try Hypercall.call(HypercallNumber.scheduler, SchedulerOperation.shutdownCode, &block)
    }
    /// Shuts another domain down. `SCHEDOP_remote_shutdown`.
    public static func shutDown(_ domain: DomainID, _ reason: UInt32) throws(XenError) {
        var block = ArgumentBlock<SchedulerRemoteShutdownLayout>()
        block[.domain] = domain.rawValue
        block[.reason] = reason
        try Hypercall.call(HypercallNumber.scheduler, SchedulerOperation.remoteShutdown, &block)
    }
    /// Arms (`id` 0), renews or disarms (`seconds` 0) a watchdog; returns its id when arming. `SCHEDOP_watchdog`.
    public static func watchdog(id: UInt32, seconds: UInt32) throws(XenError) -> UInt64 {
        var block = ArgumentBlock<SchedulerWatchdogLayout>()
        block[.id] = id
        block[.timeout] = seconds
        return try Hypercall.call(HypercallNumber.scheduler, SchedulerOperation.watchdog, &block)
    }
}

/// What one vCPU did with its time.
public struct RunstateInfo: BitwiseCopyable, Sendable {
    /// One of `Runstate`.
    public var state: UInt32
    /// System time of the last change, in ns.
    public var stateEntryTime: UInt64
    /// Nanoseconds in each state.
    public var times: InlineArray<4, UInt64>
}

/// Virtual CPU operations. `HYPERVISOR_vcpu_op`, `public/vcpu.h`.
public enum VirtualCPU {
    /// One operation without a block.
    @discardableResult
    public static func call(_ operation: UInt32, _ vcpu: UInt32, _ argument: UInt64 = 0) throws(XenError)
        -> UInt64
    {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.vcpu, UInt64(operation), UInt64(vcpu), argument))
    }
    @discardableResult
    private static func call<Layout: ABILayout>(
        _ operation: UInt32, _ vcpu: UInt32, _ block: inout ArgumentBlock<Layout>
    ) throws(XenError) -> UInt64 {
        let result = Hypercall.withAddress(of: &block) {
            Hypercall.invoke(HypercallNumber.vcpu, UInt64(operation), UInt64(vcpu), $0)
        }
        return try Hypercall.check(result)
    }

    /// `VCPUOP_is_up`.
    public static func isUp(_ vcpu: UInt32) throws(XenError) -> Bool {
        try call(VCPUOperation.isUp, vcpu) == 1
    }
    /// `VCPUOP_up`.
    public static func up(_ vcpu: UInt32) throws(XenError) { try call(VCPUOperation.up, vcpu) }
    /// `VCPUOP_down`.
    public static func down(_ vcpu: UInt32) throws(XenError) { try call(VCPUOperation.down, vcpu) }
    /// `VCPUOP_get_runstate_info`.
    public static func runstate(of vcpu: UInt32) throws(XenError) -> RunstateInfo {
        var block = ArgumentBlock<RunstateInfoLayout>()
        try call(VCPUOperation.getRunstateInfo, vcpu, &block)
        return RunstateInfo(
            state: block[.state], stateEntryTime: block[.stateEntryTime],
            times: [
                block[.times.element(0)], block[.times.element(1)], block[.times.element(2)],
                block[.times.element(3)],
            ])
    }
    /// Names memory that the hypervisor keeps the run state in; address 0 stops it.
    /// `VCPUOP_register_runstate_memory_area`.
    public static func registerRunstate(of vcpu: UInt32, at address: UInt64) throws(XenError) {
        var block = ArgumentBlock<RegisterMemoryAreaLayout>()
        block[.address] = address
        try call(VCPUOperation.registerRunstateMemoryArea, vcpu, &block)
    }
    /// Names memory for a second copy of the clock. `VCPUOP_register_vcpu_time_memory_area`.
    public static func registerTime(of vcpu: UInt32, at address: UInt64) throws(XenError) {
        var block = ArgumentBlock<RegisterTimeMemoryAreaLayout>()
        block[.address] = address
        try call(VCPUOperation.registerTimeMemoryArea, vcpu, &block)
    }
    /// Moves a vCPU's info block. `VCPUOP_register_vcpu_info`.
    public static func registerInfo(of vcpu: UInt32, in frame: GuestFrame, offset: UInt32) throws(XenError) {
        var block = ArgumentBlock<RegisterVCPUInfoLayout>()
        block[.guestFrame] = frame.rawValue
        block[.offset] = offset
        try call(VCPUOperation.registerVCPUInfo, vcpu, &block)
    }
    /// Raises `VirtualInterrupt.timer` at a system time in ns. `VCPUOP_set_singleshot_timer`.
    public static func setTimer(_ vcpu: UInt32, at deadline: UInt64, flags: UInt32 = 0) throws(XenError) {
        var block = ArgumentBlock<SetSingleshotTimerLayout>()
        block[.timeoutNanoseconds] = deadline
        block[.flags] = flags
        try call(VCPUOperation.setSingleshotTimer, vcpu, &block)
    }
    /// `VCPUOP_stop_singleshot_timer`.
    public static func stopTimer(_ vcpu: UInt32) throws(XenError) {
        try call(VCPUOperation.stopSingleshotTimer, vcpu)
    }
    /// `VCPUOP_set_periodic_timer`.
    public static func setPeriodicTimer(_ vcpu: UInt32, period: UInt64) throws(XenError) {
        var block = ArgumentBlock<SetPeriodicTimerLayout>()
        block[.periodNanoseconds] = period
        try call(VCPUOperation.setPeriodicTimer, vcpu, &block)
    }
    /// `VCPUOP_stop_periodic_timer`.
    public static func stopPeriodicTimer(_ vcpu: UInt32) throws(XenError) {
        try call(VCPUOperation.stopPeriodicTimer, vcpu)
    }
    /// Interrupts a vCPU that cannot refuse. `VCPUOP_send_nmi`.
    public static func sendNonMaskable(_ vcpu: UInt32) throws(XenError) {
        try call(VCPUOperation.sendNMI, vcpu)
    }

    /// Sets a vCPU that never ran to 64-bit code at `entry`. `VCPUOP_initialise`.
    public static func initialise(
        _ vcpu: UInt32, entry: UInt64, stack: UInt64, argument: UInt64, pageTable: UInt64
    ) throws(XenError) {
        var block = ArgumentBlock<VCPUContextLayout>()
        block[.mode] = VCPUContextMode.bits64
        let registers = 8
        block[Field<VCPUContext64Layout, UInt64>.rip, at: registers] = entry
        block[Field<VCPUContext64Layout, UInt64>.rsp, at: registers] = stack
        block[Field<VCPUContext64Layout, UInt64>.rdi, at: registers] = argument
        block[Field<VCPUContext64Layout, UInt64>.rflags, at: registers] = 2
        block[Field<VCPUContext64Layout, UInt64>.cr0, at: registers] = 0x8001_0031
        block[Field<VCPUContext64Layout, UInt64>.cr3, at: registers] = pageTable
        block[Field<VCPUContext64Layout, UInt64>.cr4, at: registers] = 0x20
        block[Field<VCPUContext64Layout, UInt64>.efer, at: registers] = 0xD00
        try call(VCPUOperation.initialise, vcpu, &block)
    }
}

/// `HYPERVISOR_set_timer_op`: the calling vCPU's timer at a system time in ns, 0 to stop it.
public func setTimerOperation(_ deadline: UInt64) throws(XenError) {
    try Hypercall.check(Hypercall.invoke(HypercallNumber.setTimer, deadline))
}
