// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import Synchronization
import XenABI

/// What a guest finds when its main function runs: heap, pages, page tables, a clock.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("startup")

    suite.test("heap_blocks_do_not_overlap") { t throws(XenError) in
        var blocks: [[UInt8]] = []
        // Around each of the sizes that blocks have, and some between.
        for size in 1..<200 {
            blocks.append([UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size * 13))
        }
        for index in stride(from: 0, to: blocks.count, by: 2) { blocks[index] = [] }
        for index in stride(from: 0, to: blocks.count, by: 2) {
            blocks[index] = [UInt8](repeating: UInt8(truncatingIfNeeded: index + 1), count: (index + 1) * 13)
        }
        for (index, block) in blocks.enumerated() {
            let wanted = UInt8(truncatingIfNeeded: index + 1)
            t.expectEqual(block.count, (index + 1) * 13, "bytes of block \(index)")
            for byte in block where byte != wanted {
                return t.expect(false, "block \(index) holds \(byte), not \(wanted)")
            }
        }
    }
    suite.test("heap_uses_again_what_it_got_back") { t throws(XenError) in
        func round(_ seed: Int) {
            var blocks: [[UInt64]] = []
            for index in 0..<200 { blocks.append([UInt64](repeating: 7, count: 1 + (index * seed) % 500)) }
            for index in stride(from: 0, to: 200, by: 3) { blocks[index] = [] }
            blocks.append([UInt64](repeating: 8, count: seed * 100))
        }
        for seed in 1...20 { round(seed) }
        let before = FreeMemory.byteCount
        for seed in 1...200 { round(seed % 20 + 1) }
        t.expectEqual(FreeMemory.byteCount, before, "bytes never used")
    }
    suite.test("arrays_grow_with_their_content") { t throws(XenError) in
        var numbers: [UInt32] = []
        for number in UInt32(0)..<50_000 { numbers.append(number) }
        for number in UInt32(0)..<50_000 where numbers[Int(number)] != number {
            return t.expect(false, "number \(number) is \(numbers[Int(number)])")
        }
    }
    suite.test("pages_are_zeroed_and_come_back") { t throws(XenError) in
        guard let first = GuestPage(), let second = GuestPage() else { throw .noMemory }
        t.expect(first.frame != second.frame, "one page twice")
        let number = second.frame
        second.memory.fill(0xAB)
        _ = consume second
        guard let third = GuestPage() else { throw .noMemory }
        t.expect(third.frame == number, "the page that was given back is not used again")
        for offset in stride(from: 0, to: 4096, by: 8) {
            let word = third.memory.load(at: offset, as: UInt64.self)
            if word != 0 { return t.expect(false, "the word at \(offset) is \(hex: word)") }
        }
        t.expect(first.frame.address.rawValue & 4095 == 0, "alignment")
    }
    suite.test("page_numbers_without_memory_are_never_given_twice") { t throws(XenError) in
        guard let first = UnusedFrames.take(count: 3), let second = UnusedFrames.take() else {
            throw .noMemory
        }
        t.expect(second.rawValue >= first.rawValue + 3, "\(first.rawValue) and \(second.rawValue)")
        let boot = BootInformation.current
        for index in 0..<boot.regionCount {
            let region = boot.region(index)
            let start = first.address.rawValue
            t.expect(start >= region.end || start + 4 * 4096 <= region.start, "they lie in region \(index)")
        }
    }
    suite.test("page_tables_do_what_they_say") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let address = AddressSpace.testArea + 0x30_0000
        t.expectFault(.pageFault, "a word of nothing") { () throws(Fault) in
            _ = try AddressSpace.probe(address)
        }
        guard AddressSpace.map(page.frame, at: address, .writable) else { throw .noMemory }
        page.memory.store(UInt64(0x1234), at: 8)
        do throws(Fault) {
            t.expectEqual(try AddressSpace.probe(address + 8), 0x1234, "a word through the second address")
            try AddressSpace.poke(address + 16, 0x5678)
            t.expectEqual(page.memory.load(at: 16, as: UInt64.self), 0x5678, "a word written there")
        } catch {
            t.expect(false, "exception \(error.vector)")
        }
        guard AddressSpace.map(page.frame, at: address, []) else { throw .noMemory }
        t.expectFault(.pageFault, "a store into a read-only page") { () throws(Fault) in
            try AddressSpace.poke(address + 16, 1)
        }
        t.expectEqual(page.memory.load(at: 16, as: UInt64.self), 0x5678, "the word afterwards")
        AddressSpace.unmap(at: address)
        t.expectFault(.pageFault, "a word of what was unmapped") { () throws(Fault) in
            _ = try AddressSpace.probe(address + 8)
        }
    }
    suite.test("vcpus_agree_on_the_time") { t throws(XenError) in
        try Events.start()
        guard (try? VirtualCPU.isUp(1)) != nil else { return t.skip("this domain has one vCPU") }
        // One after the other looks at the clock and tells the other: no one sees an earlier time than the other told.
        let turn = Turn()
        func play(_ mine: UInt32) {
            for _ in 0..<200 {
                while turn.whose.load(ordering: .acquiring) != mine {
                    if turn.isOver.load(ordering: .acquiring) != 0 { return }
                    try? Scheduler.yield()
                }
                let now = Clock.now
                if now < turn.time.load(ordering: .acquiring) { turn.backwards.add(1, ordering: .relaxed) }
                turn.time.store(now, ordering: .releasing)
                turn.count.add(1, ordering: .relaxed)
                turn.whose.store(1 - mine, ordering: .releasing)
            }
        }
        try SecondaryVCPU.start(1) { play(1) }
        let end = try Deadline(nanoseconds: 20_000_000_000)
        play(0)
        while try VirtualCPU.isUp(1), !end.hasPassed { try Scheduler.yield() }
        turn.isOver.store(1, ordering: .releasing)
        t.expectEqual(turn.count.load(ordering: .acquiring), 400, "turns")
        t.expectEqual(turn.backwards.load(ordering: .acquiring), 0, "turns in which time went back")
        t.expect(turn.time.load(ordering: .acquiring) > 0, "time stands at 0")
    }
    suite.runAgainAsDomU()
    // Last: afterwards there are no pages in a row any more.
    suite.test("pages_run_out_and_come_back") { t throws(XenError) in
        // The heap has no pages then either: places for all pages come first.
        var holders: [Holder] = []
        for _ in 0..<(FreeMemory.byteCount / 4096 + 64) { holders.append(Holder()) }
        var count = 0
        while let page = GuestPage() {
            holders[count].page = consume page
            count += 1
        }
        let left = FreeMemory.byteCount
        let another = GuestPage() != nil
        holders = []
        t.expectEqual(left, 0, "bytes left after \(count) pages")
        t.expect(!another, "a page although there is none")
        var again = 0
        while let page = GuestPage() {
            holders.append(Holder())
            holders[again].page = consume page
            again += 1
            if again == 64 { break }
        }
        t.expectEqual(again, 64, "pages afterwards")
    }
    suite.finish()
}

/// A page that something on the heap holds.
final class Holder {
    var page: GuestPage?
}

/// Whose turn it is at the clock, and what was seen.
final class Turn: Sendable {
    let whose = Atomic<UInt32>(0)
    let time = Atomic<UInt64>(0)
    let count = Atomic<UInt32>(0)
    let backwards = Atomic<UInt32>(0)
    let isOver = Atomic<UInt32>(0)
}
