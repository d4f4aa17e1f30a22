// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// How often an interrupt came.
final class Counter {
    var count = 0
}

/// What the virtual CPU is: CPUID, MSRs, ports, HLT, local APIC.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("machine")
    let isInitialDomain = BootInformation.current.isInitialDomain

    suite.test("hypervisor_leaves") { t throws(XenError) in
        guard let leaf = Platform.hypervisorLeaf else { return t.error("no signature, but this code runs") }
        t.expectEqual(leaf & 0xFF, 0, "low bits of the base leaf")
        t.expect(Processor.cpuid(leaf).eax >= leaf + 4, "maximum leaf is \(hex: Processor.cpuid(leaf).eax)")
        t.expectEqual(Processor.cpuid(leaf + 1).eax, 0x0004_0011, "version leaf")
        t.expectEqual(Processor.cpuid(leaf + 2).eax, 1, "hypercall pages")
        t.expect(Processor.cpuid(1).ecx & 1 << 31 != 0, "the hypervisor bit")
        let features = Processor.cpuid(leaf + 4)
        t.expect(features.eax & 1 << 3 != 0, "the vCPU id is there")
        t.expectEqual(features.ebx, 0, "vCPU id")
        t.expect(features.eax & 1 << 4 != 0, "the domain id is there")
        if isInitialDomain { t.expectEqual(features.ecx, 0, "domain id") }
    }
    suite.test("cpuid_hides_what_is_not_offered") { t throws(XenError) in
        let basic = Processor.cpuid(1)
        t.expect(basic.ecx & 1 << 5 == 0, "VMX")
        t.expect(basic.ecx & 1 << 3 == 0, "MONITOR")
        t.expect(Processor.cpuid(0x8000_0001).ecx & 1 << 2 == 0, "SVM")
        t.expect(Processor.cpuid(7).ecx & 1 << 16 == 0, "LA57")
        t.expect(Processor.cpuid(0x8000_0001).edx & 1 << 29 != 0, "long mode")
        t.expectEqual(basic.ebx >> 24, 0, "APIC id in leaf 1")
        if Processor.cpuid(0).eax >= 0xB { t.expectEqual(Processor.cpuid(0xB).edx, 0, "APIC id in leaf 0xb") }
    }
    suite.test("unknown_msrs_fault") { t throws(XenError) in
        for number: UInt32 in [0x0FFF_FFFF, 0x4000_0001, 0x4000_02FF, 0xC000_FFFF, 0xDEAD_0000] {
            t.expectFault(.generalProtection, "reading MSR \(hex: number)") { () throws(Fault) in
                _ = try Processor.readMSR(number)
            }
            t.expectFault(.generalProtection, "writing MSR \(hex: number)") { () throws(Fault) in
                try Processor.writeMSR(number, 0)
            }
        }
    }
    suite.test("msrs_that_linux_uses") { t throws(XenError) in
        do throws(Fault) {
            let efer = try Processor.readMSR(0xC000_0080)
            t.expectEqual(efer & 0xD00, 0xD00, "long mode and no-execute in EFER")
            t.expectEqual(efer & 0x1000, 0, "SVME in EFER")
            for number: UInt32 in [
                0xC000_0081, 0xC000_0082, 0xC000_0083, 0xC000_0100, 0xC000_0101, 0xC000_0102,
            ] {
                let old = try Processor.readMSR(number)
                try Processor.writeMSR(number, 0x1234_5000)
                t.expectEqual(try Processor.readMSR(number), 0x1234_5000, "MSR \(hex: number) after a write")
                try Processor.writeMSR(number, old)
            }
            let pat = try Processor.readMSR(0x277)
            try Processor.writeMSR(0x277, 0x0007_0406_0007_0406)
            t.expectEqual(try Processor.readMSR(0x277), 0x0007_0406_0007_0406, "PAT after a write")
            try Processor.writeMSR(0x277, pat)
            let base = try Processor.readMSR(0x1B)
            t.expectEqual(base & 0xFFFF_F000, 0xFEE0_0000, "address in APIC_BASE")
            t.expect(base & 1 << 8 != 0, "the bootstrap flag in APIC_BASE")
            t.expect(base & 1 << 11 != 0, "the enable flag in APIC_BASE")
            _ = try Processor.readMSR(0x10)
            _ = try Processor.readMSR(0x8B)
            _ = try Processor.readMSR(0xC001_0015)
            if Processor.cpuid(1).edx & 1 << 12 != 0 {
                _ = try Processor.readMSR(0xFE)
                _ = try Processor.readMSR(0x2FF)
            }
        } catch {
            t.expect(false, "exception \(error.vector)")
        }
        t.expectFault(.generalProtection, "reserved bits of EFER") { () throws(Fault) in
            try Processor.writeMSR(0xC000_0080, 0xFFFF_FFFF_FFFF_FFFF)
        }
    }
    suite.test("unclaimed_ports_read_as_ones") { t throws(XenError) in
        // None of these has a device on the emulated machine, whoever owns the ports.
        for port: UInt16 in [0x2F0, 0x5F0, 0xA00, 0xD00] {
            t.expectEqual(Processor.in8(port), 0xFF, "byte of port \(hex: port)")
            t.expectEqual(Processor.in16(port), 0xFFFF, "word of port \(hex: port)")
            t.expectEqual(Processor.in32(port), 0xFFFF_FFFF, "double word of port \(hex: port)")
            Processor.out8(port, 0x55)
            Processor.out16(port, 0x5555)
            Processor.out32(port, 0x5555_5555)
        }
    }
    suite.test("legacy_devices_are_absent") { t throws(XenError) in
        // The interrupt controller and the timer are the hypervisor's, even where domain 0 owns the rest.
        for port: UInt16 in [0x20, 0x21, 0xA0, 0xA1, 0x40, 0x41] {
            Processor.out8(port, 0xFB)
            t.expectEqual(Processor.in8(port), 0xFF, "port \(hex: port)")
        }
        // The counter that kernels measure themselves with stands still: at 0 here, where they give up at once.
        let counter = Processor.in8(0x42)
        t.expect(counter == 0 || counter == 0xFF, "counter \(hex: counter)")
        for _ in 0..<100 { t.expectEqual(Processor.in8(0x42), counter, "the counter moved") }
    }
    suite.test("halt_wakes_on_an_interrupt") { t throws(XenError) in
        try Events.start()
        let start = Clock.now
        let deadline = try Deadline(nanoseconds: 2_000_000)
        Processor.disableInterrupts()
        while !deadline.hasPassed { Processor.waitForInterrupt() }
        Processor.disableInterrupts()
        t.expect(Clock.now - start >= 2_000_000, "woke after \(Clock.now - start) ns of 2000000")
    }
    suite.test("task_priority_outlives_interrupts") { t throws(XenError) in
        try Events.start()
        // QEMU's emulation ends itself if CR8 is written while an interrupt is on offer: none may wait.
        func drain() {
            Processor.enableInterrupts()
            Processor.noOperation()
            Processor.disableInterrupts()
        }
        drain()
        Processor.taskPriority = 1
        let deadline = try Deadline(nanoseconds: 1_000_000)
        t.expect(!deadline.wait { false } && deadline.hasPassed, "no timer event came")
        t.expectEqual(Processor.taskPriority, 1, "CR8 after an interrupt")
        drain()
        Processor.taskPriority = 0
    }
    suite.test("local_apic") { t throws(XenError) in
        t.expectEqual(LocalAPIC.id, 0, "APIC id")
        t.expectEqual(LocalAPIC.read(.version) & 0xFF, 0x14, "version")
        t.expectEqual(LocalAPIC.read(.spurious) & 0x1FF, 0x1FF, "spurious vector register")
        LocalAPIC.write(.taskPriority, 0x20)
        t.expectEqual(LocalAPIC.read(.taskPriority), 0x20, "task priority after a write")
        LocalAPIC.write(.taskPriority, 0)
    }
    suite.test("interrupt_to_itself") { t throws(XenError) in
        let counter = Counter()
        Interrupts.handle(0x50) {
            counter.count += 1
            LocalAPIC.acknowledge()
        }
        Processor.disableInterrupts()
        LocalAPIC.interruptSelf(0x50)
        t.expectEqual(counter.count, 0, "handler calls with interrupts off")
        t.expectEqual(LocalAPIC.read(.requested(2)) & 1 << 16, 1 << 16, "request bit of vector 0x50")
        Processor.enableInterrupts()
        Processor.noOperation()
        t.expectEqual(counter.count, 1, "handler calls")
        LocalAPIC.interrupt(LocalAPIC.id, 0x50)
        Processor.noOperation()
        t.expectEqual(counter.count, 2, "handler calls after one to its own id")
        Processor.disableInterrupts()
        t.expectEqual(LocalAPIC.read(.inService(2)), 0, "vectors in service")
    }
    suite.test("priorities_order_interrupts") { t throws(XenError) in
        let order = Counter()
        let second = Counter()
        Interrupts.handle(0x60) {
            order.count += 1
            second.count = order.count
            LocalAPIC.acknowledge()
        }
        let first = Counter()
        Interrupts.handle(0x70) {
            order.count += 1
            first.count = order.count
            LocalAPIC.acknowledge()
        }
        Processor.disableInterrupts()
        LocalAPIC.interruptSelf(0x60)
        LocalAPIC.interruptSelf(0x70)
        Processor.enableInterrupts()
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(first.count, 1, "turn of the higher vector")
        t.expectEqual(second.count, 2, "turn of the lower vector")
        // The task priority holds back what is not above it.
        order.count = 0
        LocalAPIC.write(.taskPriority, 0x70)
        LocalAPIC.interruptSelf(0x60)
        Processor.enableInterrupts()
        Processor.noOperation()
        t.expectEqual(order.count, 0, "handler calls below the task priority")
        LocalAPIC.write(.taskPriority, 0)
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(order.count, 1, "handler calls once the task priority is low")
    }
    suite.test("apic_timer") { t throws(XenError) in
        let counter = Counter()
        Interrupts.handle(0x58) {
            counter.count += 1
            LocalAPIC.acknowledge()
        }
        LocalAPIC.write(.divide, 0xB)
        LocalAPIC.write(.timer, 0x58)
        LocalAPIC.write(.initialCount, 100_000)
        t.expect(LocalAPIC.read(.currentCount) <= 100_000, "the count runs down")
        let deadline = try Deadline(nanoseconds: 2_000_000_000)
        t.expect(deadline.wait { counter.count > 0 }, "the one-shot timer fired")
        Processor.disableInterrupts()
        t.expectEqual(counter.count, 1, "interrupts of a one-shot timer")
        LocalAPIC.write(.timer, 1 << 16)
        LocalAPIC.write(.initialCount, 0)
    }
    suite.test("both_ways_to_the_apic") { t throws(XenError) in
        // A guest may start through the page and change over; never back without a reset.
        if LocalAPIC.hasRegisterMode {
            do throws(Fault) {
                let base = try Processor.readMSR(0x1B)
                t.expect(base & 1 << 10 != 0, "x2APIC mode is on")
                t.expectFault(.generalProtection, "from x2APIC to xAPIC") { () throws(Fault) in
                    try Processor.writeMSR(0x1B, base & ~(1 << 10))
                }
                t.expectFault(.generalProtection, "a write to the version register") { () throws(Fault) in
                    try Processor.writeMSR(0x803, 0)
                }
            } catch {
                t.expect(false, "APIC_BASE raised \(error.vector)")
            }
        } else {
            t.skip("no x2APIC")
        }
    }
    suite.test("single_step_and_breakpoint") { t throws(XenError) in
        DebugFacilities.expectTraps()
        let before = DebugFacilities.trapCount
        DebugFacilities.singleStep()
        t.expectEqual(DebugFacilities.trapCount - before, 1, "traps of one step")
        t.expectEqual(DebugFacilities.lastStatus & 1 << 14, 1 << 14, "the step bit in DR6")
        guard let page = GuestPage() else { throw .noMemory }
        DebugFacilities.setRegister(1, page.memory.address + 16)
        DebugFacilities.setRegister(7, 0x400 | 0b1000 | 0b1001 << 20)  // DR1, writes, eight bytes
        page.memory.store(UInt64(1), at: 8)
        t.expectEqual(DebugFacilities.trapCount - before, 1, "traps after a store beside the breakpoint")
        page.memory.store(UInt64(1), at: 16)
        t.expectEqual(DebugFacilities.trapCount - before, 2, "traps after a store to it")
        t.expectEqual(DebugFacilities.lastStatus & 0xF, 0b0010, "the breakpoint in DR6")
        DebugFacilities.setRegister(7, 0x400)
        page.memory.store(UInt64(2), at: 16)
        t.expectEqual(DebugFacilities.trapCount - before, 2, "traps with the breakpoint off")
    }
    suite.test("debug_registers_are_its_own") { t throws(XenError) in
        // As vCPU 0 of domain 0 and as a DomU beside it: neither sees what the other wrote.
        let seed: UInt64 = TestSuite.isChild ? 0x1111_0000 : 0x2222_0000
        for number in 0..<4 {
            let found = DebugFacilities.register(number)
            t.expect(
                found == 0 || (number == 1 && found < 1 << 32 && found & 0xFFFF_0000 != 0x2222_0000),
                "DR\(number) is \(hex: found) at first")
        }
        for number in 0..<4 { DebugFacilities.setRegister(number, seed + UInt64(number)) }
        for _ in 0..<20 {
            try Scheduler.sleep(until: Clock.now + 1_000_000)
            for number in 0..<4 {
                t.expectEqual(DebugFacilities.register(number), seed + UInt64(number), "DR\(number)")
            }
        }
    }
    suite.test("performance_counters_are_hidden") { t throws(XenError) in
        guard !TestSuite.isReference else { return t.skip("the reference hides the instruction too") }
        t.expectFault(.generalProtection, "RDPMC") { () throws(Fault) in
            _ = try Processor.readPerformanceCounter(0)
        }
    }
    suite.runAgainAsDomU()
    suite.finish()
}
