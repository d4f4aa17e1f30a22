// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import Synchronization
import XenABI

// Attacks through what a virtual CPU can execute.

extension Attack {
    /// Reads every model-specific register that could exist, writes nonsense to all but those this code needs; asks for
    /// CPUID leaves that do not exist. Only #GP may follow.
    static func wildRegisters(_ t: inout Test) throws(XenError) {
        let ranges: [(UInt32, UInt32)] = [
            (0, 0x1000), (0x4000_0000, 0x4000_0300), (0xC000_0000, 0xC000_0200), (0xC001_0000, 0xC001_1100),
        ]
        var readable = 0
        for (start, end) in ranges {
            for number in start..<end {
                do throws(Fault) {
                    _ = try Processor.readMSR(number)
                    readable += 1
                } catch {
                    t.expect(error == .generalProtection, "reading MSR \(hex: number) raised \(error.vector)")
                }
            }
        }
        t.expect(readable > 10 && readable < 600, "\(readable) registers can be read")
        var numbers = Sequence64(seed: 7)
        for (start, end) in ranges {
            for number in start..<end {
                // The APIC and the page of calls would take this guest's own interrupts and memory away.
                if number == 0x1B || (number >= 0x800 && number < 0x900) || number == 0x4000_0000 { continue }
                for value in [UInt64.max, numbers.next(), 0, 1 << 12, 0x8000_0000_0000_0000] {
                    let old = try? Processor.readMSR(number)
                    do throws(Fault) {
                        try Processor.writeMSR(number, value)
                        if let old, number != 0x10 { try Processor.writeMSR(number, old) }
                    } catch {
                        t.expect(
                            error == .generalProtection, "writing MSR \(hex: number) raised \(error.vector)")
                    }
                }
            }
        }
        t.expect(((try? Processor.readMSR(0xC000_0080)) ?? 0) & 1 << 12 == 0, "SVME in EFER")
        for base: UInt32 in [0, 0x4000_0000, 0x4000_0100, 0x8000_0000, 0xC000_0000, 0xFFFF_FF00] {
            for leaf in 0..<UInt32(0x80) {
                for subleaf: UInt32 in [0, 1, 5, 0xFFFF_FFFF] { _ = Processor.cpuid(base &+ leaf, subleaf) }
            }
        }
        t.expectFault(.generalProtection, "RDPMC 0") { () throws(Fault) in
            _ = try Processor.readPerformanceCounter(0)
        }
        t.expectFault(.generalProtection, "RDPMC 0xffffffff") { () throws(Fault) in
            _ = try Processor.readPerformanceCounter(0xFFFF_FFFF)
        }
        // Interrupts still come: the time stamp counter was written to, but not the timer.
        let deadline = try Deadline(nanoseconds: 1_000_000)
        t.expect(!deadline.wait { false } && deadline.hasPassed, "the timer after it")
        Processor.disableInterrupts()
    }

    static func wildPorts(_ t: inout Test) throws(XenError) {
        guard let page = GuestPage() else { throw .noMemory }
        var answering = 0
        for port in 0..<UInt32(0x1_0000) {
            let port = UInt16(port)
            // The timer's counter that kernels measure with stands at 0.
            if Processor.in8(port) != (port == 0x42 ? 0 : 0xFF) { answering += 1 }
            // The debug console prints what it is sent.
            if port != 0xE9 { Processor.out8(port, 0xA5) }
            if port % 16 == 0 {
                if Processor.in32(port) != 0xFFFF_FFFF { answering += 1 }
                Processor.out32(port, 0xDEAD_BEEF)
                Processor.out16(port, 0xDEAD)
            }
        }
        t.expectEqual(answering, 0, "ports that answer")
        t.expectFault(.generalProtection, "a string instruction") { () throws(Fault) in
            try Processor.outString(0x3F8, from: page.memory.address)
        }
        t.expectFault(.generalProtection, "a string instruction from nowhere") { () throws(Fault) in
            try Processor.outString(0xE9, from: AddressSpace.testArea)
        }
    }

    /// Tables that name themselves, holes, and entries of all ones; calls are given pointers through them.
    static func loopingPageTables(_ t: inout Test) throws(XenError) {
        let root = AddressSpace.root
        guard let hole = UnusedFrames.take(), let page = GuestPage() else { throw .noMemory }
        let slot = 300
        let base = UInt64(bitPattern: Int64(bitPattern: UInt64(slot) << 55) >> 16)
        let entries: [UInt64] = [
            root | 7,  // itself
            root | 0x87,  // itself, as a page that is too large
            hole.address.rawValue | 7,  // a hole
            0x000F_FFFF_FFFF_F007,  // beyond memory
            UInt64.max, page.memory.address | 7, 0x7, 0xFFF0_0000_0000_0007,
        ]
        var numbers = Sequence64(seed: 3)
        for word in 0..<512 {
            page.memory.store(word & 3 == 0 ? UInt64.max : numbers.next() & ~0xF80 | 7, at: word * 8)
        }
        for entry in entries {
            AddressSpace.setRootEntry(slot, entry)
            for _ in 0..<200 {
                let address = base | numbers.next() & 0x0000_007F_FFFF_FFFF
                for number in [
                    HypercallNumber.version, HypercallNumber.scheduler, HypercallNumber.eventChannel,
                    HypercallNumber.hvm, HypercallNumber.memory,
                ] {
                    // Operation 3 and up only read, or fail on what they read.
                    let operation: UInt64 = number == HypercallNumber.version ? 6 : 3
                    let result = Hypercall.invoke(number, operation, address)
                    t.expect(result < 1 << 32, "\(HypercallNumber.name(number)) returned \(result)")
                }
                _ = Hypercall.invoke(HypercallNumber.multicall, address, 2)
            }
        }
        AddressSpace.setRootEntry(slot, 0)
        t.expectEqual(try Version.number(), 0x0004_0011, "a call afterwards")
    }
    /// CR3 in a hole: not even the next instruction can be read.
    static func badPageTableRoot() {
        guard let hole = UnusedFrames.take() else { panic("no page numbers") }
        Processor.setPageTable(hole.address.rawValue)
        panic("this code still runs")
    }

    /// The second vCPU sends interrupts and NMIs to the first as fast as it can.
    static func interruptStorm(_ t: inout Test) throws(XenError) {
        Interrupts.expectNonMaskable()
        final class Count { var value: UInt64 = 0 }
        let count = Count()
        Interrupts.handle(0x51) {
            count.value &+= 1
            LocalAPIC.acknowledge()
        }
        let signal = Signal()
        try SecondaryVCPU.start(1) {
            try? Events.startSecondary(vcpu: 1)
            while !signal.isOver.load(ordering: .acquiring) {
                try? VirtualCPU.sendNonMaskable(0)
                LocalAPIC.interrupt(0, 0x51)
                LocalAPIC.command(0x4400, to: 0)  // an NMI through the APIC
                signal.value.add(1, ordering: .relaxed)
            }
        }
        let start = Clock.now
        var work: UInt64 = 0
        Processor.enableInterrupts()
        // How often the two vCPUs take turns is the machine's.
        while Clock.now < start + 400_000_000 || count.value < 20 && Clock.now < start + 10_000_000_000 {
            work &+= 1
        }
        Processor.disableInterrupts()
        let masked = Clock.now
        while Clock.now < masked + 200_000_000 { work &+= 1 }
        try signal.end()
        t.expect(work > 100, "it went around its loop \(work) times")
        t.expect(count.value > 10, "\(count.value) interrupts")
        t.expect(Interrupts.nonMaskableCount > 10, "\(Interrupts.nonMaskableCount) NMIs")
        Processor.enableInterrupts()
        Processor.noOperation()
        Processor.disableInterrupts()
        t.expectEqual(LocalAPIC.read(.inService(2)), 0, "vectors in service")
    }

    /// Periodic timers of one tick on both vCPUs, and single shots in the past.
    static func timerStorm() {
        func storm() {
            Interrupts.handle(0x52) { LocalAPIC.acknowledge() }
            LocalAPIC.write(.divide, 0xB)
            LocalAPIC.write(.timer, 0x52 | 1 << 17)
            LocalAPIC.write(.initialCount, 1)
        }
        try? SecondaryVCPU.start(1) {
            try? Events.startSecondary(vcpu: 1)
            storm()
            Processor.enableInterrupts()
            while true { Processor.waitForInterrupt() }
        }
        storm()
        Processor.enableInterrupts()
        while true {
            try? VirtualCPU.setTimer(0, at: 1)
            try? setTimerOperation(1)
        }
    }

    /// Debug exceptions by breakpoint and single step for ever, with interrupts on. (A breakpoint on the stack that
    /// exceptions are pushed to, the loop of XSA-156, makes QEMU 7.2 itself stop.)
    static func debugStorm() {
        DebugFacilities.expectTraps()
        guard let page = GuestPage() else { panic("no memory") }
        for register in 0..<4 {
            DebugFacilities.setRegister(register, page.memory.address + UInt64(register) * 8)
        }
        // Eight bytes each, on writes. AMD APM vol 2 §13.1.1.4.
        DebugFacilities.setRegister(7, 0x400 | 0xFF | 0x9999_0000)
        Processor.enableInterrupts()
        while true {
            DebugFacilities.singleStep()
            page.memory.store(DebugFacilities.trapCount, at: Int(DebugFacilities.trapCount & 3) * 8)
        }
    }

    static func spin() {
        try? SecondaryVCPU.start(1) {
            Processor.disableInterrupts()
            while true { Processor.noOperation() }
        }
        Processor.disableInterrupts()
        while true { Processor.noOperation() }
    }
    static func haltAll() {
        try? SecondaryVCPU.start(1) { Processor.stop() }
        // The first stops first: the second may still be on its way.
        Processor.stop()
    }
}
