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
    /// Sleeps until one of `ports`, at most 128, is pending or the system time `deadline` (ns, 0 for none) is reached.
    /// `SCHEDOP_poll`.
    /// - Throws: `invalidArgument` for more ports, or one that cannot exist.
    public static func poll(_ ports: [EventPort], until deadline: UInt64) throws(XenError) {
        var list = ports.map { $0.rawValue }
        let count = UInt32(truncatingIfNeeded: list.count)
        try Hypercall.check(
            Hypercall.withAddress(of: &list) { poll(portsAt: $0, count: count, until: deadline) })
    }
    /// The raw form: `SCHEDOP_poll` on `count` port numbers at a linear address.
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
