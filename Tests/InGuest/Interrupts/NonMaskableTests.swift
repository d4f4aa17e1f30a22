// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import XenABI

// An NMI that comes while another is handled is taken right behind that one's IRET. AMD APM vol 2 §8.2.3.

private let millisecond: UInt64 = 1_000_000
private let trapFlag: UInt64 = 1 << 8

/// No frame may show the flag by which the hypervisor finds the end of an IRET.
private func expectNoTrapFlag(_ t: inout Test, _ outcome: InterruptProbe.Outcome) {
    t.expect(!outcome.sawTrapFlag, "the trap flag is set behind the NMI")
    for record in outcome.atOnce + outcome.later {
        t.expectEqual(record.flags & trapFlag, 0, "the trap flag in a frame of exception \(record.vector)")
    }
}

func addNonMaskableTests(_ suite: inout TestSuite) {
    suite.test("a_second_nmi_comes_behind_iret") { t throws(XenError) in
        DebugFacilities.setRegister(6, 0xFFFF_0FF0)
        for count: UInt32 in [1, 2, 8] {
            let outcome = InterruptProbe.nonMaskable(count, returning: .plainly, nanoseconds: millisecond)
            t.expectEqual(outcome.atOnce.count, Int(count), "NMIs of \(count) before the next instruction")
            t.expectEqual(outcome.later.count, 0, "NMIs after it")
            for record in outcome.atOnce {
                t.expectEqual(record.vector, 2, "what came")
                t.expectEqual(record.address, InterruptProbe.sentFrom, "where it came")
            }
            expectNoTrapFlag(&t, outcome)
        }
        t.expectEqual(DebugFacilities.register(6), 0xFFFF_0FF0, "DR6 afterwards")
    }
    suite.test("an_iret_that_faults_keeps_nmis_out") { t throws(XenError) in
        // The handler of the fault is the first that returns: the NMI that waits comes behind its IRET, which is at the
        // IRET that faulted.
        let outcome = InterruptProbe.nonMaskable(
            2, returning: .throughProtectionFault, nanoseconds: millisecond)
        t.expectEqual(outcome.atOnce.count, 3, "events before the next instruction")
        expectNoTrapFlag(&t, outcome)
        guard outcome.atOnce.count == 3 else { return }
        t.expectEqual(outcome.atOnce[0].vector, 2, "first event")
        t.expectEqual(outcome.atOnce[1].vector, 13, "second event")
        t.expectEqual(outcome.atOnce[1].address, InterruptProbe.returnAddress, "where #GP came")
        t.expectEqual(outcome.atOnce[1].detail, 0xFFF8, "error code of #GP")
        t.expectEqual(outcome.atOnce[2].vector, 2, "third event")
        t.expectEqual(outcome.atOnce[2].address, InterruptProbe.returnAddress, "where the second NMI came")
    }
    suite.test("an_iret_without_a_stack_faults_as_ever") { t throws(XenError) in
        let outcome = InterruptProbe.nonMaskable(1, returning: .throughPageFault, nanoseconds: millisecond)
        t.expectEqual(outcome.atOnce.count, 2, "events before the next instruction")
        expectNoTrapFlag(&t, outcome)
        guard outcome.atOnce.count == 2 else { return }
        t.expectEqual(outcome.atOnce[1].vector, 14, "second event")
        t.expectEqual(outcome.atOnce[1].address, InterruptProbe.returnAddress, "where #PF came")
        t.expectEqual(outcome.atOnce[1].detail, InterruptProbe.hole, "CR2")
    }
    suite.test("a_guest_may_step_over_that_iret_itself") { t throws(XenError) in
        DebugFacilities.setRegister(6, 0xFFFF_0FF0)
        let outcome = InterruptProbe.nonMaskable(2, returning: .withTrapFlag, nanoseconds: 50 * millisecond)
        let all = outcome.atOnce + outcome.later
        t.expectEqual(all.count, 3, "events")
        expectNoTrapFlag(&t, outcome)
        guard all.count == 3 else { return }
        // The NMI may come before the first instruction of the handler of #DB, or later.
        let step = all[1].vector == 1 ? all[1] : all[2]
        t.expectEqual(all[0].vector + all[1].vector + all[2].vector, 5, "sum of the vectors")
        t.expectEqual(step.vector, 1, "#DB among the last two")
        t.expectEqual(step.address, InterruptProbe.sentFrom, "where #DB came")
        t.expectEqual(step.detail & 0xF | step.detail & 1 << 14, 1 << 14, "DR6")
        DebugFacilities.setRegister(6, 0xFFFF_0FF0)
    }
    suite.test("a_breakpoint_may_hit_in_that_iret") { t throws(XenError) in
        DebugFacilities.setRegister(6, 0xFFFF_0FF0)
        // One NMI only: after a breakpoint QEMU's emulator tells of it once more at the next step.
        let outcome = InterruptProbe.nonMaskable(1, returning: .withBreakpoint, nanoseconds: millisecond)
        t.expectEqual(outcome.atOnce.count, 2, "events before the next instruction")
        expectNoTrapFlag(&t, outcome)
        guard outcome.atOnce.count == 2 else { return }
        t.expectEqual(outcome.atOnce[1].vector, 1, "second event")
        t.expectEqual(outcome.atOnce[1].address, InterruptProbe.sentFrom, "where #DB came")
        t.expectEqual(outcome.atOnce[1].detail & 0xF, 1, "the breakpoint in DR6")
        t.expectEqual(outcome.atOnce[1].detail & 1 << 14, 0, "the step bit in DR6")
        DebugFacilities.setRegister(6, 0xFFFF_0FF0)
    }
    suite.test("task_priority_does_not_hold_nmis") { t throws(XenError) in
        Processor.taskPriority = 15
        let outcome = InterruptProbe.nonMaskable(2, returning: .plainly, nanoseconds: millisecond)
        t.expectEqual(outcome.atOnce.count, 2, "NMIs at priority 15")
        Processor.taskPriority = 0
    }
    suite.test("an_interrupt_waits_for_the_nmi_handler") { t throws(XenError) in
        // Requested before, with interrupts off; the handlers' frames have them off, so it comes at the end.
        let counter = counting(0x62)
        Processor.disableInterrupts()
        LocalAPIC.interruptSelf(0x62)
        let outcome = InterruptProbe.nonMaskable(3, returning: .plainly, nanoseconds: millisecond)
        t.expectEqual(outcome.atOnce.count, 3, "NMIs")
        expectNoTrapFlag(&t, outcome)
        t.expectEqual(counter.count, 0, "interrupts meanwhile")
        Processor.enableInterrupts()
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(counter.count, 1, "interrupts afterwards")
    }
}
