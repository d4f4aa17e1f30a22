// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import Testing
import XenABI

@Suite struct ArgumentBlockTests {
    @Test func aBlockIsACopy() {
        let arena = Arena(frames: 1)
        let view = arena.memory.view(SampleLayout.self, in: frame(0), at: 104)
        view[.long] = 42
        var block = ArgumentBlock<SampleLayout>()
        block.fill(at: 0, count: 24, from: arena.memory, frame: frame(0), frameOffset: 104)
        view[.long] = 43
        let before = block[Field<SampleLayout, UInt64>.long]
        #expect(before == 42)
        block[.long] = 44
        #expect(view[.long] == 43)
        block.drain(at: 8, count: 8, to: arena.memory, frame: frame(0), frameOffset: 112)
        #expect(view[.long] == 44)
    }
    @Test func aBlockComesInTwoPiecesAcrossPages() {
        let arena = Arena(frames: 3)
        for index in 0..<5 { arena.memory.storeByte(UInt8(index + 1), frame(2), 4091 + index) }
        for index in 0..<3 { arena.memory.storeByte(UInt8(index + 6), frame(0), index) }
        var block = ArgumentBlock<SampleLayout>()
        block.fill(at: 8, count: 5, from: arena.memory, frame: frame(2), frameOffset: 4091)
        block.fill(at: 13, count: 3, from: arena.memory, frame: frame(0), frameOffset: 0)
        let whole = block[Field<SampleLayout, UInt64>.long]
        #expect(whole == 0x0807_0605_0403_0201)
        block.drain(at: 8, count: 8, to: arena.memory, frame: frame(1), frameOffset: 4088)
        #expect(arena.memory.loadWord(frame(1), 511) == whole)
    }
    @Test func piecesBeyondTheBlockTrap() async {
        await #expect(processExitsWith: .failure) {
            var block = ArgumentBlock<SampleLayout>()
            block.fill(at: 153, count: 8, from: Arena(frames: 1).memory, frame: frame(0), frameOffset: 0)
        }
        await #expect(processExitsWith: .failure) {
            let block = ArgumentBlock<SampleLayout>()
            block.drain(at: -1, count: 8, to: Arena(frames: 1).memory, frame: frame(0), frameOffset: 0)
        }
        await #expect(processExitsWith: .failure) {
            let block = ArgumentBlock<SampleLayout>()
            _ = block[Field<SampleLayout, UInt64>(at: 156)]
        }
    }
}

@Suite struct FixedArrayTests {
    private func array(_ arena: Arena, count: Int) -> FixedArray<UInt32> {
        // SAFETY: a frame has room for 1024 of them.
        unsafe FixedArray(
            unsafeStorage: arena.memory.unsafePointer(to: frame(0)), count: count, repeating: 7)
    }
    @Test func elementsKeepTheirValues() {
        let arena = Arena(frames: 1)
        let values = array(arena, count: 10)
        #expect((0..<10).allSatisfy { values[$0] == 7 })
        #expect(arena.memory.load(UInt32.self, frame(0), 40) == 0)
        values[9] = 1
        let changed = values.withElement(0) { value in
            value += 1
            return value
        }
        #expect(changed == 8 && values[0] == 8 && values[8] == 7 && values[9] == 1)
    }
    @Test func anIndexOutOfRangeTraps() async {
        await #expect(processExitsWith: .failure) {
            let arena = Arena(frames: 1)
            // SAFETY: as above.
            let values = unsafe FixedArray(
                unsafeStorage: arena.memory.unsafePointer(to: frame(0)), count: 10, repeating: UInt32(0))
            values[10] = 0
        }
    }
}

@Suite struct RefPoolTests {
    /// Counts the lives of values in a pool.
    final class Counter { var living = 0 }
    struct Resource: ~Copyable {
        let counter: Counter
        var number: Int
        init(_ counter: Counter, _ number: Int) {
            self.counter = counter
            self.number = number
            counter.living += 1
        }
        deinit { counter.living -= 1 }
    }

    @Test func aPoolGrowsAndItsValuesStayWhereTheyAre() {
        let arena = Arena(frames: 64)
        var next: UInt64 = 0
        var pool = RefPool<Resource>()
        let counter = Counter()
        var references: [Ref<Resource>] = []
        let frames: UInt64 = 1 << UInt64(RefPool<Resource>.blockOrder)
        for number in 0..<200 {
            let hasRoom = pool.reserve(in: arena.memory) { order in
                defer { next += 1 << UInt64(order) }
                return next + 1 << UInt64(order) <= 64 ? frame(next) : nil
            }
            #expect(hasRoom)
            references.append(pool.insert(Resource(counter, number), in: arena.memory))
        }
        #expect(pool.count == 200 && counter.living == 200)
        let blocks = (200 + RefPool<Resource>.slotsPerBlock - 1) / RefPool<Resource>.slotsPerBlock
        #expect(next == UInt64(blocks) * frames && pool.frameCount(in: arena.memory) == next)
        #expect(references.enumerated().allSatisfy { $1.state.number == $0 })

        for index in stride(from: 0, to: 200, by: 2) { pool.remove(references[index], in: arena.memory) }
        #expect(pool.count == 100 && counter.living == 100)
        #expect(stride(from: 1, to: 200, by: 2).allSatisfy { references[$0].state.number == $0 })
        // Freed slots are used again before the pool grows.
        for number in 0..<100 {
            let hasRoom = pool.reserve(in: arena.memory) { _ in nil }
            #expect(hasRoom)
            references.append(pool.insert(Resource(counter, 1000 + number), in: arena.memory))
        }
        #expect(pool.count == 200 && pool.frameCount(in: arena.memory) == next)
        for index in Array(stride(from: 1, to: 200, by: 2)) + Array(200..<300) {
            pool.remove(references[index], in: arena.memory)
        }
        #expect(pool.count == 0 && counter.living == 0)
    }
    @Test func aPoolWithoutMemorySaysSo() {
        let arena = Arena(frames: 1)
        var pool = RefPool<Resource>()
        let hasRoom = pool.reserve(in: arena.memory) { _ in nil }
        #expect(!hasRoom && pool.count == 0 && pool.frameCount(in: arena.memory) == 0)
    }
    @Test func removingTwiceTraps() async {
        await #expect(processExitsWith: .failure) {
            let arena = Arena(frames: 16)
            var pool = RefPool<Resource>()
            _ = pool.reserve(in: arena.memory) { _ in frame(0) }
            let reference = pool.insert(Resource(Counter(), 1), in: arena.memory)
            pool.remove(reference, in: arena.memory)
            pool.remove(reference, in: arena.memory)
        }
    }
}
