// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

// Attacks through calls and their arguments.

extension Attack {
    /// The second vCPU changes lists and blocks while the first has calls in progress that use them. Whatever happens, the
    /// results stay within the rules and the domain's account is right.
    static func rewriteArguments(_ t: inout Test) throws(XenError) {
        guard let list = GuestPage(), let block = GuestPage(), let batch = GuestPage() else {
            throw .noMemory
        }
        let signal = Signal()
        let first: UInt64 = 0x20_0000  // frames from 8 GiB on: nothing is there
        let words = list.memory
        let reservation = block.memory
        let calls = batch.memory
        try signal.repeatOnSecondVCPU { round in
            var numbers = Sequence64(seed: round)
            for _ in 0..<64 {
                let value = numbers.next()
                let frame =
                    switch value & 7 {
                    case 0: UInt64.max
                    case 1: value
                    case 2: value & 0xFFFF_FFFF
                    default: first + value &>> 8 & 0x1FF
                    }
                // Not what it runs on.
                words.store(frame < 0x10_0000 ? first : frame, at: Int(value & 0x1FF) * 8)
            }
            reservation.view(MemoryReservationLayout.self)[.extentCount] = numbers.next() & 0x1FF
            reservation.view(MemoryReservationLayout.self)[.domain] =
                numbers.next() & 1 == 0
                ? DomainID.caller.rawValue : UInt16(truncatingIfNeeded: numbers.next())
            let entry = calls.view(MulticallEntryLayout.self, at: Int(numbers.next() & 63) * 64)
            entry[.operation] =
                numbers.next() & 1 == 0 ? UInt64(HypercallNumber.version) : numbers.next() & 63
        }
        for index in 0..<512 { words.store(first + UInt64(index), at: index * 8) }
        let before = try Memory.currentReservation()
        let most = try Memory.maximumReservation()
        for round in 0..<120 {
            let blockView = reservation.view(MemoryReservationLayout.self)
            blockView[.extentStart] = words.address
            blockView[.extentOrder] = 0
            for operation in [MemoryOperation.populatePhysmap, MemoryOperation.decreaseReservation] {
                let done = Hypercall.invoke(HypercallNumber.memory, UInt64(operation), reservation.address)
                t.expect(done >= 0 && done <= 0x1FF, "memory_op \(operation) returned \(done)")
            }
            for index in 0..<64 {
                let entry = calls.view(MulticallEntryLayout.self, at: index * 64)
                entry[.operation] = UInt64(HypercallNumber.version)
                for argument in 0..<6 { entry[.arguments.element(argument)] = 0 }
            }
            let result = Hypercall.invoke(HypercallNumber.multicall, calls.address, 64)
            t.expectReturn(result, 0, "a batch that is rewritten")
            t.expect(try Memory.currentReservation() <= most, "more pages than the limit")
            if round % 4 == 0 { try Scheduler.yield() }
        }
        try signal.end()
        // Everything that may have been populated goes back.
        for index in 0..<512 { _ = Memory.decrease(GuestFrame(rawValue: first + UInt64(index))) }
        t.expectEqual(try Memory.currentReservation(), before, "pages afterwards")
        t.expectEqual(try Version.number(), 0x0004_0011, "a call afterwards")
    }

    /// Numbers and registers that mean nothing; the same from ring 3 and from 32-bit code.
    static func wildCalls(_ t: inout Test) throws(XenError) {
        let known: [UInt32] = [7, 12, 13, 15, 17, 18, 20, 21, 24, 29, 32, 33, 34, 35, 36, 40, 41]
        var numbers = Sequence64(seed: 99)
        for number: UInt32 in 0..<2000 where !known.contains(number) {
            t.expectReturn(
                Hypercall.invoke(
                    number, numbers.next(), numbers.next(), numbers.next(), numbers.next(), numbers.next()),
                .notImplemented, "call \(number)")
        }
        for _ in 0..<2000 {
            let number = UInt32(truncatingIfNeeded: numbers.next()) | 0x8000_0000
            t.expectReturn(Hypercall.invoke(number), .notImplemented, "call \(number)")
        }
        for number: UInt64 in 0..<64 {
            do throws(Fault) {
                t.expectReturn(
                    try UserMode.hypercall(number, numbers.next(), numbers.next()), .notPermitted,
                    "call \(number) from ring 3")
            } catch {
                t.expect(false, "call \(number) from ring 3 raised \(error.vector)")
            }
        }
        for number: UInt32 in 0..<64 {
            // Arguments of 0, which stop nothing and shut nothing down.
            let result = Hypercall.invokeFrom32BitCode(number)
            t.expectEqual(
                result, Int32(truncatingIfNeeded: Hypercall.invoke(number)), "call \(number) in 32-bit code")
        }
        // Operations that do not exist, of every call that has operations.
        for number: UInt32 in [12, 17, 18, 20, 21, 24, 29, 32, 33, 34] {
            for _ in 0..<200 {
                let operation = numbers.next() | 1 << 20
                let result = Hypercall.invoke(number, operation, AddressSpace.testArea, UInt64.max, 0, 0)
                t.expect(
                    result < 0 || number == HypercallNumber.memory || number == HypercallNumber.eventChannel
                        || number == HypercallNumber.grantTable,
                    "call \(number), operation \(hex: operation) returned \(result)")
            }
        }
    }

    /// A batch of four thousand million entries, all the same page, each of which replaces one page 67 million times.
    static func multicallFlood() {
        guard let entries = GuestPage(), let list = GuestPage(), let block = GuestPage(),
            AddressSpace.mapRepeatedly(entries.frame, at: AddressSpace.testArea),
            AddressSpace.mapRepeatedly(list.frame, at: AddressSpace.testArea + 1 << 31)
        else { panic("no memory") }
        let spare: UInt64 = 0x20_0000
        for index in 0..<512 { list.memory.store(spare + UInt64(index & 7), at: index * 8) }
        let reservation = block.memory.view(MemoryReservationLayout.self)
        reservation[.extentStart] = AddressSpace.testArea + 1 << 31
        reservation[.extentCount] = 0x3FF_FFFF
        reservation[.domain] = DomainID.caller.rawValue
        for index in 0..<64 {
            let entry = entries.memory.view(MulticallEntryLayout.self, at: index * 64)
            entry[.operation] = UInt64(HypercallNumber.memory)
            entry[.arguments.element(0)] = UInt64(MemoryOperation.populatePhysmap)
            entry[.arguments.element(1)] = block.memory.address
        }
        // The second vCPU does the same without multicall.
        try? SecondaryVCPU.start(1) {
            while true {
                _ = Hypercall.invoke(
                    HypercallNumber.memory, UInt64(MemoryOperation.populatePhysmap), block.memory.address)
            }
        }
        while true {
            _ = Hypercall.invoke(HypercallNumber.multicall, AddressSpace.testArea, 0xFFFF_FFFF)
        }
    }
}
