// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import Testing
import XenABI

@Suite struct ViewTests {
    @Test func fieldsLieWhereTheLayoutSays() {
        let arena = Arena(frames: 1)
        let view = arena.memory.view(SampleLayout.self, in: frame(0), at: 40)
        view[.byte] = 0x11
        view[.half] = 0x2233
        view[.word] = 0x4455_6677
        view[.long] = 0x8899_aabb_ccdd_eeff
        let bytes = (40..<56).map { arena.memory.loadByte(frame(0), $0) }
        #expect(
            bytes == [
                0x11, 0, 0x33, 0x22, 0x77, 0x66, 0x55, 0x44, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88,
            ])
        #expect(view[.byte] == UInt8(0x11))
        #expect(view[.half] == UInt16(0x2233))
        #expect(view[.word] == UInt32(0x4455_6677))
        #expect(view[.long] == UInt64(0x8899_aabb_ccdd_eeff))
        #expect(view[.last] == UInt64(0))
    }
    @Test func elementsFollowEachOther() {
        let arena = Arena(frames: 1)
        for index in 0..<512 { arena.memory.storeWord(UInt64(index), frame(0), index) }
        let view = arena.memory.view(PageOfWords.self, in: frame(0))
        for index in [0, 1, 255, 511] { #expect(view[PageOfWords.words.element(index)] == UInt64(index)) }
    }
    @Test func sharedFieldsChangeAtomically() {
        let arena = Arena(frames: 1)
        let shared = arena.memory.sharedView(SampleLayout.self, in: frame(0), at: 4072)
        shared.store(UInt8(7), to: .byte)
        #expect(shared.load(.byte) == UInt8(7))
        #expect(shared.exchange(UInt8(9), at: .byte) == 7)
        #expect(shared.load(.byte) == UInt8(9))
        #expect(shared.compareExchange(at: .half, expected: UInt16(0), desired: 5) == 0)
        #expect(shared.compareExchange(at: .half, expected: UInt16(0), desired: 6) == 5)
        #expect(shared.load(.half) == UInt16(5))
        #expect(shared.clearBits(UInt16(4), at: .half) == 5)
        #expect(shared.load(.half) == UInt16(1))
        #expect(shared.compareExchange(at: .word, expected: UInt32(1), desired: 2) == 0)
        #expect(shared.setBits(0xf0, at: .long) == 0)
        #expect(shared.setBits(0x0f, at: .long) == 0xf0)
        #expect(shared.clearBits(UInt64(0x18), at: .long) == 0xff)
        #expect(shared.load(.long) == UInt64(0xe7))
        #expect(shared.load(.word) == UInt32(0))
    }
    @Test func aViewBeyondItsFrameTraps() async {
        await #expect(processExitsWith: .failure) {
            _ = Arena(frames: 2).memory.view(SampleLayout.self, in: frame(0), at: 4080)
        }
        await #expect(processExitsWith: .failure) {
            _ = Arena(frames: 2).memory.sharedView(SampleLayout.self, in: frame(2))
        }
    }
}

@Suite struct MachineMemoryTests {
    @Test func zeroingStaysInItsFrames() {
        let arena = Arena(frames: 4)
        for number in 0..<4 { arena.memory.storeWord(.max, frame(UInt64(number)), 0) }
        for number in 0..<4 { arena.memory.storeWord(.max, frame(UInt64(number)), 511) }
        arena.memory.zero(frame(1), count: 2)
        for (number, value) in [UInt64.max, 0, 0, .max].enumerated() {
            #expect(arena.memory.loadWord(frame(UInt64(number)), 0) == value)
            #expect(arena.memory.loadWord(frame(UInt64(number)), 511) == value)
        }
    }
    @Test func zeroingBeyondTheMachineTraps() async {
        await #expect(processExitsWith: .failure) { Arena(frames: 4).memory.zero(frame(3), count: 2) }
        await #expect(processExitsWith: .failure) { Arena(frames: 4).memory.zero(frame(1), count: .max) }
    }
    @Test func copiesMoveBytesBetweenPlaces() {
        let arena = Arena(frames: 2)
        for index in 0..<64 { arena.memory.storeByte(UInt8(index), frame(0), 4032 + index) }
        arena.memory.copy(64, from: frame(0), at: 4032, to: frame(1), at: 3)
        #expect((0..<64).allSatisfy { arena.memory.loadByte(frame(1), 3 + $0) == UInt8($0) })
        #expect(arena.memory.loadByte(frame(1), 2) == 0 && arena.memory.loadByte(frame(1), 67) == 0)
        // Overlapping runs.
        arena.memory.copy(64, from: frame(1), at: 3, to: frame(1), at: 5)
        #expect((0..<64).allSatisfy { arena.memory.loadByte(frame(1), 5 + $0) == UInt8($0) })
        arena.memory.copy(0, from: frame(0), at: 4096, to: frame(1), at: 4096)
    }
    @Test func copiesBeyondAFrameTrap() async {
        await #expect(processExitsWith: .failure) {
            Arena(frames: 2).memory.copy(64, from: frame(0), at: 4033, to: frame(1), at: 0)
        }
        await #expect(processExitsWith: .failure) {
            Arena(frames: 2).memory.copy(8, from: frame(0), at: 0, to: frame(1), at: -1)
        }
    }
    @Test func numbersMayLieAnywhereInAFrame() {
        let arena = Arena(frames: 1)
        arena.memory.store(UInt32(0xdead_beef), frame(0), 4091)
        #expect(arena.memory.load(UInt32.self, frame(0), 4091) == 0xdead_beef)
        #expect(arena.memory.load(UInt16.self, frame(0), 4093) == 0xdead)
    }
}
