// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

// CR8 and the local APIC's task priority are one register, and hold back what is not above them.

func addPriorityTests(_ suite: inout TestSuite) {
    suite.test("cr8_and_the_apic_register_are_one") { t throws(XenError) in
        for value: UInt64 in [1, 15, 6, 0] {
            Processor.taskPriority = value
            t.expectEqual(
                LocalAPIC.read(.taskPriority), UInt32(value) << 4, "the APIC's register for CR8 \(value)")
            t.expectEqual(
                LocalAPIC.read(.processorPriority), UInt32(value) << 4, "the priority for CR8 \(value)")
        }
        for value: UInt32 in [0x10, 0xF0, 0x75, 0x0C, 0] {
            LocalAPIC.write(.taskPriority, value)
            t.expectEqual(Processor.taskPriority, UInt64(value >> 4), "CR8 for the register \(hex: value)")
            t.expectEqual(LocalAPIC.read(.taskPriority), value, "the register \(hex: value)")
        }
        // The lower half is no part of CR8: a new class there clears it.
        LocalAPIC.write(.taskPriority, 0x35)
        Processor.taskPriority = 4
        t.expectEqual(LocalAPIC.read(.taskPriority), 0x40, "the register after 0x35 and CR8 4")
        Processor.taskPriority = 0
        if LocalAPIC.currentMode == .registers {
            t.expectFault(.generalProtection, "bits above the register") { () throws(Fault) in
                try Processor.writeMSR(0x808, 0x100)
            }
            t.expectEqual(LocalAPIC.read(.taskPriority), 0, "the register after a refused write")
        }
    }
    suite.test("an_interrupt_waits_for_cr8") { t throws(XenError) in
        let counter = counting(0x60)
        // Held back from the start.
        Processor.disableInterrupts()
        Processor.taskPriority = 6
        LocalAPIC.interruptSelf(0x60)
        Processor.enableInterrupts()
        Processor.noOperation()
        t.expectEqual(counter.count, 0, "handler calls at the vector's own class")
        Processor.taskPriority = 15
        Processor.noOperation()
        t.expectEqual(counter.count, 0, "handler calls at class 15")
        Processor.taskPriority = 5
        Processor.noOperation()
        t.expectEqual(counter.count, 1, "handler calls at the class below")
        // On its way when CR8 goes up: no exit is in between.
        Processor.disableInterrupts()
        Processor.taskPriority = 0
        LocalAPIC.interruptSelf(0x60)
        Processor.taskPriority = 6
        Processor.enableInterrupts()
        Processor.noOperation()
        t.expectEqual(counter.count, 1, "handler calls after CR8 went up")
        Processor.taskPriority = 5
        Processor.noOperation()
        t.expectEqual(counter.count, 2, "handler calls after it went down")
        // Through the APIC's register.
        LocalAPIC.write(.taskPriority, 0x6F)
        LocalAPIC.interruptSelf(0x60)
        Processor.noOperation()
        t.expectEqual(counter.count, 2, "handler calls with the register at 0x6f")
        t.expectEqual(LocalAPIC.read(.requested(3)) & 1, 1, "it is requested")
        LocalAPIC.write(.taskPriority, 0x5F)
        Processor.noOperation()
        t.expectEqual(counter.count, 3, "handler calls with the register at 0x5f")
        LocalAPIC.write(.taskPriority, 0)
        Processor.disableInterrupts()
        t.expectEqual(LocalAPIC.read(.inService(3)), 0, "vectors in service")
    }
    suite.test("every_class_against_every_priority") { t throws(XenError) in
        Processor.enableInterrupts()
        for number: UInt8 in 2...14 {
            let vector = number << 4 | 5
            let counter = counting(vector)
            for priority: UInt64 in 0...15 {
                Processor.disableInterrupts()
                Processor.taskPriority = priority
                LocalAPIC.interruptSelf(vector)
                Processor.enableInterrupts()
                Processor.noOperation()
                t.expectEqual(
                    counter.count, UInt64(number) > priority ? 1 : 0,
                    "interrupts at \(hex: vector), priority \(priority)")
                Processor.taskPriority = 0
                Processor.noOperation()
                t.expectEqual(counter.count, 1, "interrupts at \(hex: vector) after priority \(priority)")
                counter.count = 0
            }
        }
        Processor.disableInterrupts()
    }
    suite.test("the_highest_held_back_comes_first") { t throws(XenError) in
        let order = Counter()
        let low = Counter()
        let high = Counter()
        Interrupts.handle(0x41) {
            order.count += 1
            low.count = order.count
            LocalAPIC.acknowledge()
        }
        Interrupts.handle(0x71) {
            order.count += 1
            high.count = order.count
            LocalAPIC.acknowledge()
        }
        Processor.taskPriority = 7
        Processor.enableInterrupts()
        LocalAPIC.interruptSelf(0x41)
        LocalAPIC.interruptSelf(0x71)
        Processor.noOperation()
        t.expectEqual(order.count, 0, "interrupts at priority 7")
        Processor.taskPriority = 5
        Processor.noOperation()
        t.expectEqual(high.count, 1, "turn of the higher at priority 5")
        t.expectEqual(low.count, 0, "turn of the lower at priority 5")
        Processor.taskPriority = 0
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(low.count, 2, "turn of the lower at priority 0")
    }
    suite.test("what_is_in_service_counts_too") { t throws(XenError) in
        let inner = counting(0x68)
        let during = Counter()
        Interrupts.handle(0x61) {
            LocalAPIC.interruptSelf(0x68)
            Processor.enableInterrupts()
            Processor.noOperation()
            during.count = inner.count
            Processor.disableInterrupts()
            LocalAPIC.acknowledge()
        }
        Processor.enableInterrupts()
        LocalAPIC.interruptSelf(0x61)
        Processor.noOperation()
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(during.count, 0, "interrupts of the class in service")
        t.expectEqual(inner.count, 1, "interrupts after its end")
    }
    suite.test("the_timer_waits_too") { t throws(XenError) in
        let counter = counting(0x58)
        Processor.taskPriority = 5
        Processor.enableInterrupts()
        LocalAPIC.write(.divide, 0xB)
        LocalAPIC.write(.timer, 0x58)
        LocalAPIC.write(.initialCount, 100_000)
        let start = Clock.now
        while Clock.now < start + 5_000_000 { Processor.relax() }
        t.expectEqual(counter.count, 0, "timer interrupts at their own class")
        t.expectEqual(LocalAPIC.read(.requested(2)) >> 24 & 1, 1, "the timer's request")
        Processor.taskPriority = 4
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(counter.count, 1, "timer interrupts at the class below")
        Processor.taskPriority = 0
        LocalAPIC.write(.timer, 1 << 16)
    }
    suite.test("event_upcalls_wait_too") { t throws(XenError) in
        guard Platform.hasUpcallVector else { return t.skip("upcalls pass the local APIC by") }
        let port = try EventChannel.bindInterprocessor(vcpu: 0)
        let counter = Counter()
        try Events.handle(port) { counter.count += 1 }
        Processor.enableInterrupts()
        // 0xf3 is of the highest class there is.
        Processor.taskPriority = 15
        try EventChannel.send(port)
        Processor.noOperation()
        t.expectEqual(counter.count, 0, "events at priority 15")
        t.expect(Events.info(of: 0)?.load(.upcallPending) ?? 0 != 0, "the event is pending")
        Processor.taskPriority = 14
        Processor.noOperation()
        t.expectEqual(counter.count, 1, "events at priority 14")
        Processor.taskPriority = 0
        Processor.disableInterrupts()
        try EventChannel.close(port)
    }
    suite.test("halt_sleeps_through_what_is_held_back") { t throws(XenError) in
        let counter = counting(0x60)
        Processor.disableInterrupts()
        Processor.taskPriority = 6
        let start = Clock.now
        let deadline = try Deadline(nanoseconds: 20_000_000)
        LocalAPIC.interruptSelf(0x60)
        var rounds = 0
        while !deadline.hasPassed, rounds < 1000 {
            Processor.waitForInterrupt()
            Processor.disableInterrupts()
            rounds += 1
        }
        t.expect(Clock.now - start >= 20_000_000, "woke after \(Clock.now - start) ns of 20000000")
        t.expect(rounds < 100, "woke \(rounds) times")
        t.expectEqual(counter.count, 0, "held back interrupts meanwhile")
        Processor.taskPriority = 0
        Processor.enableInterrupts()
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(counter.count, 1, "held back interrupts at last")
    }
    suite.test("a_reset_takes_the_priority_back") { t throws(XenError) in
        Processor.taskPriority = 9
        do throws(Fault) {
            let base = try Processor.readMSR(0x1B)
            let mode = LocalAPIC.currentMode
            try Processor.writeMSR(0x1B, base & ~0xC00)
            t.expectEqual(Processor.taskPriority, 0, "CR8 with the APIC off")
            try Processor.writeMSR(0x1B, base & ~0xC00 | 0x800)
            try LocalAPIC.enable(mode)
        } catch {
            t.expect(false, "APIC_BASE raised \(error.vector)")
        }
        t.expectEqual(LocalAPIC.read(.taskPriority), 0, "the register after a reset")
        t.expectEqual(Processor.taskPriority, 0, "CR8 after a reset")
    }
}
