// SPDX-License-Identifier: Apache-2.0
import Foundation
import FuzzTargets
import Testing

/// Every input that is kept, those included that once crashed, and a few that nobody wrote.
@Suite struct CorpusTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("Fuzz/Corpus")

    static func inputs(_ target: FuzzTarget) -> [URL] {
        let folder = folder.appendingPathComponent(target.rawValue)
        return
            ((try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? [])
            .sorted { $0.path < $1.path }
    }

    @Test(arguments: FuzzTarget.allCases) func keptInputsPass(_ target: FuzzTarget) throws {
        let inputs = Self.inputs(target)
        #expect(!inputs.isEmpty, "no corpus for \(target.rawValue)")
        for input in inputs { target.run([UInt8](try Data(contentsOf: input))) }
    }
    @Test(arguments: FuzzTarget.allCases) func nothingAndNoisePass(_ target: FuzzTarget) {
        target.run([])
        var state: UInt64 = 42
        for round in 0..<20 {
            var noise: [UInt8] = []
            for _ in 0..<(round * 20) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                noise.append(UInt8(truncatingIfNeeded: state >> 33))
            }
            target.run(noise)
        }
    }
}
