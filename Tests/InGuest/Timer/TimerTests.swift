// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI
import XenBus

/// System time and the per-vCPU timers.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("timer")

    suite.test("start") { t throws(XenError) in try Events.start() }
    suite.test("clock_runs_forward") { t throws(XenError) in
        guard let info = Events.info(of: 0) else { return t.error("no vcpu_info") }
        t.expect(info.load(.timeTSCToSystemMultiplier) != 0, "the multiplier is 0")
        t.expect(info.load(.timeVersion) & 1 == 0, "the version is odd")
        var last = Clock.now
        for _ in 0..<10_000 {
            let now = Clock.now
            if now < last {
                t.expect(false, "time went from \(last) to \(now)")
                return
            }
            last = now
        }
        t.expect(last > 0, "time stands at 0")
    }
    suite.test("singleshot") { t throws(XenError) in
        for delay: UInt64 in [0, 1_000, 100_000, 3_000_000, 20_000_000] {
            let start = Clock.now
            let deadline = try Deadline(nanoseconds: delay)
            _ = deadline.wait { false }
            Processor.disableInterrupts()
            let elapsed = Clock.now - start
            t.expect(elapsed >= delay, "\(delay) ns timer came after \(elapsed) ns")
            t.expect(elapsed < delay + 500_000_000, "\(delay) ns timer came only after \(elapsed) ns")
        }
    }
    suite.test("deadline_in_the_past_fires_at_once") { t throws(XenError) in
        let port = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        try VirtualCPU.setTimer(0, at: 1)
        try Scheduler.poll(port.port, until: Clock.now + 100_000_000)
        t.expect(Events.isPending(port.port), "pending after a deadline in the past")
        Events.clear(port.port)
        try VirtualCPU.setTimer(0, at: 1, onlyInFuture: true)
        try VirtualCPU.stopTimer(0)
    }
    suite.test("stop") { t throws(XenError) in
        let port = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        let start = Clock.now
        try VirtualCPU.setTimer(0, at: start + 2_000_000)
        try VirtualCPU.stopTimer(0)
        let stopped = Clock.now
        try Scheduler.poll(port.port, until: start + 6_000_000)
        let inTime = stopped < start + 2_000_000
        t.expect(!Events.isPending(port.port) || !inTime, "a stopped timer raised its event")
    }
    suite.test("a_new_deadline_replaces_the_old") { t throws(XenError) in
        let port = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        let start = Clock.now
        try VirtualCPU.setTimer(0, at: start + 50_000_000)
        try VirtualCPU.setTimer(0, at: start + 90_000_000)
        guard Clock.now < start + 50_000_000 else { return t.skip("this machine is too slow to tell") }
        try Scheduler.poll(port.port, until: start + 70_000_000)
        let early = Events.isPending(port.port)
        t.expect(!early || Clock.now - start >= 90_000_000, "the replaced deadline raised its event")
        try Scheduler.poll(port.port, until: start + 500_000_000)
        t.expect(Events.isPending(port.port), "the second deadline raised nothing")
        t.expect(Clock.now - start >= 90_000_000, "the second deadline came too early")
    }
    suite.test("set_timer_op") { t throws(XenError) in
        let port = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        let start = Clock.now
        try setTimerOperation(start + 2_000_000)
        try Scheduler.poll(port.port, until: start + 500_000_000)
        t.expect(Events.isPending(port.port), "set_timer_op raised nothing")
        t.expect(Clock.now - start >= 2_000_000, "it came too early")
        Events.clear(port.port)
        try setTimerOperation(Clock.now + 50_000_000)
        try setTimerOperation(0)
        try Scheduler.poll(port.port, until: Clock.now + 60_000_000)
        t.expect(!Events.isPending(port.port), "a cancelled set_timer_op raised its event")
    }
    suite.test("periodic") { t throws(XenError) in
        try VirtualCPU.stopPeriodicTimer(0)
        do throws(XenError) {
            try VirtualCPU.setPeriodicTimer(0, period: 999_999)
            t.expect(false, "a period below a millisecond")
        } catch {
            t.expect(error == .invalidArgument, "a period below a millisecond gave \(error)")
        }
        let port = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        let start = Clock.now
        guard (try? VirtualCPU.setPeriodicTimer(0, period: 2_000_000)) != nil else {
            return t.skip("no periodic timer")
        }
        for _ in 0..<3 {
            try Scheduler.poll(port.port, until: Clock.now + 500_000_000)
            t.expect(Events.clear(port.port), "no event within 500 ms")
        }
        t.expect(Clock.now - start >= 4_000_000, "three periods of 2 ms came too soon")
        try VirtualCPU.stopPeriodicTimer(0)
    }
    suite.test("waits_with_an_end") { t throws(XenError) in
        for length: UInt32 in [0, 1, 5, 20] {
            let start = Clock.now
            t.expect(!EventLoop.wait(.milliseconds(length)) { false }, "a wait for nothing succeeded")
            let elapsed = Clock.now - start
            t.expect(elapsed >= UInt64(length) * 1_000_000, "\(length) ms were over after \(elapsed) ns")
            t.expect(elapsed < UInt64(length) * 1_000_000 + 500_000_000, "\(length) ms took \(elapsed) ns")
        }
        t.expect(EventLoop.wait(.now) { true }, "what holds is too late")
        // A short wait after a long one that ended early, and within another.
        var asked = 0
        t.expect(
            EventLoop.wait(.seconds(3600)) {
                asked += 1
                return asked > 1 || !EventLoop.wait(.milliseconds(2)) { false }
            }, "a wait in a wait")
        let start = Clock.now
        t.expect(!EventLoop.wait(.milliseconds(5)) { false }, "a wait for nothing succeeded")
        t.expect(Clock.now - start < 500_000_000, "the longer wait before held it")
        Processor.disableInterrupts()
    }
    suite.test("deadlines_at_the_same_time") { t throws(XenError) in
        let start = Clock.now
        let late = try Deadline(nanoseconds: 30_000_000)
        let early = try Deadline(nanoseconds: 5_000_000)
        Events.wait { early.hasPassed }
        t.expect(Clock.now - start >= 5_000_000, "the early one came too early")
        // The timer is set again for the late one.
        Events.wait { late.hasPassed }
        t.expect(Clock.now - start >= 30_000_000, "the late one came too early")
        t.expect(Clock.now - start < 1_000_000_000, "the late one came late")
        Processor.disableInterrupts()
    }
    suite.test("sources_with_a_time") { t throws(XenError) in
        var next = Clock.now + 3_000_000
        var runs = 0
        let source = EventLoop.add(
            isReady: { false }, deadline: { next },
            run: {
                runs += 1
                next = runs < 3 ? next + 3_000_000 : .max
            })
        t.expect(!EventLoop.wait(.milliseconds(30)) { false }, "a wait for nothing succeeded")
        t.expect(runs == 3, "the source ran \(runs) times")
        _ = consume source
        Processor.disableInterrupts()
    }
    suite.test("refusals") { t throws(XenError) in
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.vcpu, UInt64(VCPUOperation.setSingleshotTimer), 0, AddressSpace.testArea),
            .badAddress, "a block that is not there")
        if (try? VirtualCPU.isUp(1)) != nil {
            t.expectError(.invalidArgument, "another vCPU's timer") { () throws(XenError) in
                try VirtualCPU.setTimer(1, at: 1)
            }
            t.expectError(.invalidArgument, "stopping another vCPU's timer") { () throws(XenError) in
                try VirtualCPU.stopTimer(1)
            }
        }
    }
    suite.test("wallclock") { t throws(XenError) in
        let wall = Clock.wallclock
        t.expect(wall.nanoseconds < 1_000_000_000, "\(wall.nanoseconds) nanoseconds")
        guard !TestSuite.isReference else { return t.skip("only set once domain 0 set its clock") }
        t.expect(wall.seconds > 1_600_000_000, "the wall clock says \(wall.seconds) s after 1970")
    }
    suite.runAgainAsDomU()
    suite.finish()
}
