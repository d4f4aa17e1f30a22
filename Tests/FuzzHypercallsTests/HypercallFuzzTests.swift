// SPDX-License-Identifier: Apache-2.0
import FuzzHypercalls
import Testing

/// A few seconds of `make fuzz TARGET=hypercalls`, always the same. What fuzzing found is kept as
/// tests of the parts that were at fault.
@Suite struct HypercallFuzzTests {
    @Test(arguments: 1...3) func nothingBreaks(_ seed: UInt64) throws {
        let run = FuzzRun(seed: seed, stepCount: 600)
        try run.run()
    }
    @Test func aSeedAlwaysDoesTheSame() throws {
        var tables: [String] = []
        for _ in 0..<2 { try FuzzRun(seed: 9, stepCount: 200).run { tables.append($0.table) } }
        #expect(tables[0] == tables[1] && !tables[0].isEmpty)
    }
    /// The short run reaches what it is for: domains come and go, grants are mapped, channels bound, calls preempted.
    @Test func theCallsAreNotAllRefused() throws {
        var coverage = Coverage()
        for seed in UInt64(20)..<23 { try FuzzRun(seed: seed, stepCount: 1000).run { coverage.merge($0) } }
        for (number, command): (UInt32, UInt32) in [
            (36, 1), (36, 2), (36, 4), (36, 15), (20, 0), (20, 1), (20, 5), (32, 0), (32, 6), (12, 6),
            (12, 7), (24, 10), (29, 3),
        ] {
            let results = coverage.results[FuzzOperation(number, command)] ?? [:]
            #expect(results.contains { $0.key >= 0 }, "call \(number) command \(command) never succeeds")
            // These tell of refusals in the blocks, or by a count.
            #expect(
                number == 20 || number == 29 || (number, command) == (12, 6)
                    || results.contains { $0.key < 0 },
                "call \(number) \(command) is never refused")
        }
        // Status 0 of single mappings.
        #expect((coverage.results[FuzzOperation(20, 100)]?[0] ?? 0) > 20)
    }
    @Test func sourcesFromBytesEnd() {
        var source = RandomSource(bytes: [1, 2, 3])
        #expect(!source.isExhausted)
        #expect(source.below(256) == 1 && source.below(256) == 2 && source.below(256) == 3)
        #expect(source.isExhausted && source.word() == 0)
    }
}
