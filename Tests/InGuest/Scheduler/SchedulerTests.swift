// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// sched_op: yield, block, poll, watchdog, remote shutdown.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("scheduler")

    suite.test("yield") { t throws(XenError) in
        for _ in 0..<100 { try Scheduler.yield() }
    }
    suite.test("events_start") { t throws(XenError) in try Events.start() }
    suite.test("poll_returns_at_once_when_pending") { t throws(XenError) in
        let port = try OwnedPort(interprocessorTo: 0)
        try port.send()
        t.expect(Events.isPending(port.port), "a masked port is pending after a send")
        try Scheduler.poll(port.port, until: 0)
        t.expect(Events.isPending(port.port), "poll leaves the port pending")
    }
    suite.test("poll_ends_at_its_deadline") { t throws(XenError) in
        let port = try OwnedPort(interprocessorTo: 0)
        let start = Clock.now
        try Scheduler.poll(port.port, until: start + 5_000_000)
        let elapsed = Clock.now - start
        t.expect(elapsed >= 5_000_000, "came back after \(elapsed) ns of 5000000")
        t.expect(elapsed < 500_000_000, "came back only after \(elapsed) ns")
        t.expect(!Events.isPending(port.port), "the port is not pending")
    }
    suite.test("poll_with_a_deadline_in_the_past") { t throws(XenError) in
        let port = try OwnedPort(interprocessorTo: 0)
        try Scheduler.poll(port.port, until: 1)
    }
    suite.test("poll_without_ports_sleeps_until_the_deadline") { t throws(XenError) in
        let start = Clock.now
        try Scheduler.poll([], until: start + 2_000_000)
        t.expect(Clock.now - start >= 2_000_000, "came back too early")
    }
    suite.test("poll_is_woken_by_the_timer_event") { t throws(XenError) in
        let timer = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        let start = Clock.now
        try VirtualCPU.setTimer(0, at: start + 3_000_000)
        try Scheduler.poll(timer.port, until: start + 2_000_000_000)
        t.expect(Events.isPending(timer.port), "the timer's port is pending")
        t.expect(Clock.now - start < 1_000_000_000, "poll slept on after the event")
    }
    suite.test("poll_refuses_bad_arguments") { t throws(XenError) in
        t.expectError(.invalidArgument, "129 ports") { () throws(XenError) in
            try Scheduler.poll([EventPort](repeating: EventPort(rawValue: 0), count: 129), until: 1)
        }
        t.expectReturn(
            Scheduler.poll(portsAt: AddressSpace.testArea, count: 4, until: 1), .badAddress, "unmapped ports")
        let closed = try OwnedPort(interprocessorTo: 0)
        let number = closed.port
        try closed.close()
        for port in [EventPort(rawValue: 0), number] {
            t.expectError(.invalidArgument, "port \(port.rawValue), which is closed") { () throws(XenError) in
                try Scheduler.poll(port, until: Clock.now + 1_000_000)
            }
        }
        t.expectError(.invalidArgument, "port 131072") { () throws(XenError) in
            try Scheduler.poll(EventPort(rawValue: 131072), until: Clock.now + 1_000_000)
        }
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.scheduler, UInt64(SchedulerOperation.poll), AddressSpace.testArea),
            .badAddress, "an unmapped block")
    }
    suite.test("block_is_woken_by_an_event") { t throws(XenError) in
        let deadline = try Deadline(nanoseconds: 3_000_000)
        Processor.enableInterrupts()
        while !deadline.hasPassed { try Scheduler.block() }
        Processor.disableInterrupts()
    }
    suite.test("shutdown_refuses_an_unmapped_block") { t throws(XenError) in
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.scheduler, UInt64(SchedulerOperation.shutdown), AddressSpace.testArea),
            .badAddress, "SCHEDOP_shutdown")
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.scheduler, UInt64(SchedulerOperation.shutdownCode), AddressSpace.testArea),
            .badAddress, "SCHEDOP_shutdown_code")
    }
    suite.test("shutdown_refuses_reasons_that_do_not_exist") { t throws(XenError) in
        guard !TestSuite.isReference else { return t.skip("the reference shuts down for any reason") }
        t.expectReturn(Scheduler.shutDown(6), .invalidArgument, "reason 6")
        t.expectReturn(Scheduler.shutDown(UInt32.max), .invalidArgument, "reason 0xffffffff")
        t.expectError(.invalidArgument, "code 6") { () throws(XenError) in
            try Scheduler.setShutdownCode(6)
        }
        guard !BootInformation.current.isInitialDomain else { return }
        t.expectError(.notPermitted, "domain 0's") { () throws(XenError) in
            try Scheduler.shutDown(.zero, ShutdownReason.powerOff)
        }
    }
    suite.test("poll_of_several_ports") { t throws(XenError) in
        let first = try OwnedPort(interprocessorTo: 0)
        let second = try OwnedPort(interprocessorTo: 0)
        try second.send()
        let start = Clock.now
        try Scheduler.poll([first.port, second.port, first.port], until: start + 2_000_000_000)
        t.expect(Clock.now - start < 1_000_000_000, "it slept")
    }
    suite.test("remote_shutdown_of_nobody") { t throws(XenError) in
        t.expectError(.noSuchDomain, "domain 1234") { () throws(XenError) in
            try Scheduler.shutDown(DomainID(rawValue: 1234), ShutdownReason.powerOff)
        }
    }
    suite.test("watchdog") { t throws(XenError) in
        let first: UInt64
        do throws(XenError) {
            first = try Scheduler.watchdog(id: 0, seconds: 100)
        } catch {
            t.expect(error == .notImplemented, "SCHEDOP_watchdog gave \(error)")
            return t.skip("no watchdogs here")
        }
        let second = try Scheduler.watchdog(id: 0, seconds: 100)
        t.expect(first != second && first > 0 && second > 0, "ids \(first) and \(second)")
        // The reference returns this error as 32 bits, zero-extended.
        let third = (try? Scheduler.watchdog(id: 0, seconds: 100)) ?? UInt64(UInt32(bitPattern: -28))
        t.expectEqual(UInt32(truncatingIfNeeded: third), UInt32(bitPattern: -28), "a third watchdog")
        t.expectError(.invalidArgument, "watchdog 3") { () throws(XenError) in
            _ = try Scheduler.watchdog(id: 3, seconds: 100)
        }
        _ = try Scheduler.watchdog(id: UInt32(first), seconds: 50)
        _ = try Scheduler.watchdog(id: UInt32(first), seconds: 0)
        _ = try Scheduler.watchdog(id: UInt32(second), seconds: 0)
        t.expectError(.invalidArgument, "a watchdog that was stopped") { () throws(XenError) in
            _ = try Scheduler.watchdog(id: UInt32(first), seconds: 50)
        }
    }
    suite.test("unknown_operation") { t throws(XenError) in
        t.expectReturn(Hypercall.invoke(HypercallNumber.scheduler, 8), .notImplemented, "sched_op 8")
        t.expectReturn(Hypercall.invoke(HypercallNumber.scheduler, 0xFFFF), .notImplemented, "sched_op 65535")
    }
    suite.runAgainAsDomU()
    suite.finish()
}
