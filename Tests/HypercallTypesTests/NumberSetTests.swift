// SPDX-License-Identifier: Apache-2.0
import HypercallTypes
import Testing

@Suite struct NumberSetTests {
    @Test func numbersAreBitsFromTheLowestOn() {
        var set = NumberSet(capacity: 20)
        #expect(set.bytes == [0, 0, 0])
        set.insert(0)
        set.insert(9)
        set.insert(19)
        #expect(set.bytes == [0x01, 0x02, 0x08])
        #expect(set.contains(9) && !set.contains(8))
        #expect(set.count == 3)
        set.remove(9)
        set.remove(7)
        #expect(set.bytes == [0x01, 0x00, 0x08])
    }
    @Test func whatDoesNotFitIsNotIn() {
        var set = NumberSet(capacity: 12)
        // A hypervisor may fill whole bytes.
        set.bytes = [0xFF, 0xFF]
        #expect(set.count == 12)
        #expect(!set.contains(12) && !set.contains(-1) && !set.contains(.max))
        set.bytes = [0x00, 0xF0]
        #expect(set.isEmpty)
        #expect(NumberSet(capacity: 0).bytes.isEmpty)
    }
    @Test func aSetOfOneNumberHasRoomForIt() {
        #expect(NumberSet(0).capacity == 64)
        let set = NumberSet(100)
        #expect(set.capacity == 101 && set.contains(100) && set.count == 1)
    }
}
