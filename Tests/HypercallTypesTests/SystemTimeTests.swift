// SPDX-License-Identifier: Apache-2.0
import HypercallTypes
import Testing

/// Reading the time while the hypervisor writes it.
@Suite struct SystemTimeTests {
    /// A block that is written while it is read: before each look at its version, one step is done.
    final class Block {
        var version: UInt32
        var values = (0, 0)
        var steps: [(Block) -> Void]
        var relaxCount = 0
        init(version: UInt32, _ steps: [(Block) -> Void]) {
            self.version = version
            self.steps = steps
        }
        func read() -> (Int, Int) {
            VersionedRead.read(
                version: {
                    if !steps.isEmpty { steps.removeFirst()(self) }
                    return version
                }, relax: { relaxCount += 1 }
            ) { values }
        }
    }

    @Test func aQuietBlockIsReadOnce() {
        let block = Block(version: 4, [{ $0.values = (1, 1) }])
        #expect(block.read() == (1, 1))
        #expect(block.relaxCount == 0)
    }
    @Test func anOddVersionIsWaitedFor() {
        let block = Block(
            version: 5,
            [
                { $0.values = (1, 0) }, { _ in },
                {
                    $0.values = (1, 1)
                    $0.version = 6
                },
            ])
        #expect(block.read() == (1, 1))
        #expect(block.relaxCount == 2)
    }
    @Test(arguments: [UInt32(5), 6, 8])
    func aWriteInBetweenIsSeen(then version: UInt32) {
        // The values are of two writes when the version is looked at the second time.
        let block = Block(
            version: 4,
            [
                { $0.values = (1, 0) }, { $0.version = version },
                {
                    $0.values = (2, 2)
                    $0.version = 10
                },
            ])
        #expect(block.read() == (2, 2))
        #expect(block.relaxCount == 1)
    }
    @Test func theVersionMayWrap() {
        let block = Block(version: .max, [{ _ in }, { $0.version = 0 }])
        #expect(block.read() == (0, 0))
    }

    @Test func ticksAreScaled() {
        // 2.5 GHz: 0.4 ns each.
        let scale = TickScale(multiplier: 0xCCCC_CCCD, shift: -1)
        #expect(scale.nanoseconds(2_500_000_000) == 1_000_000_000)
        // A year of them, and a day more.
        let year: UInt64 = 366 * 86400
        #expect(scale.nanoseconds(year * 2_500_000_000) / 1_000_000_000 == year)
        // 1 MHz: 1000 ns each, shifted to the left.
        #expect(TickScale(multiplier: 0xFA00_0000, shift: 10).nanoseconds(1_000_000) == 1_000_000_000)
        #expect(TickScale(multiplier: 0, shift: 0).nanoseconds(.max) == 0)
    }
    @Test(arguments: [Int8.min, -64, -63, 0, 63, 64, .max])
    func noShiftTraps(shift: Int8) {
        for ticks in [0, 1, UInt64.max] {
            for multiplier in [0, 1, UInt32.max] {
                let time = TickScale(multiplier: multiplier, shift: shift).nanoseconds(ticks)
                #expect(ticks != 0 && multiplier != 0 || time == 0)
            }
        }
    }
}
