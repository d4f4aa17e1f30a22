// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import XenABI

/// The repository's root, from this file's place in it.
let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

@Suite struct LayoutTests {
    @Test(arguments: LayoutCatalogue.layouts.map(\.name))
    func fieldsLieInTheBlockAlignedAndApart(_ name: String) throws {
        let table = try #require(LayoutCatalogue.layouts.first { $0.name == name })
        #expect(table.byteCount > 0)
        var taken: [(Range<Int>, String)] = []
        var names: Set<String> = []
        for row in table.rows {
            #expect(row.range.upperBound <= table.byteCount, "\(name).\(row.name) ends beyond the block")
            #expect(row.offset % row.byteCount == 0, "\(name).\(row.name) is not aligned to its size")
            #expect(names.insert(row.name).inserted, "\(name).\(row.name) is listed twice")
            guard !row.isUnionMember else { continue }
            for (range, other) in taken {
                #expect(!range.overlaps(row.range), "\(name).\(row.name) overlaps \(other)")
            }
            taken.append((row.range, row.name))
        }
        // A union member may share bytes with other members only.
        for row in table.rows where row.isUnionMember {
            for (range, other) in taken {
                #expect(
                    !range.overlaps(row.range), "\(name).\(row.name) overlaps \(other), outside its union")
            }
        }
    }

    @Test func everyLayoutOfTheModuleIsListed() throws {
        let folder = repository.appendingPathComponent("Sources/XenABI")
        let listed = Set(LayoutCatalogue.layouts.map(\.name))
        var found: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            guard file.pathExtension == "swift" else { continue }
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(whereSeparator: { $0 == " " || $0 == ":" || $0 == "{" })
                guard words.count >= 4, words[0] == "public", words[1] == "enum", words[3] == "ABILayout"
                else { continue }
                found.insert(String(words[2]))
            }
        }
        #expect(found.count > 100)
        #expect(found.subtracting(listed).sorted() == [], "add these to LayoutCatalogue")
    }

    @Test func constantsOfAGroupHaveDistinctNames() {
        for table in LayoutCatalogue.constants {
            #expect(Set(table.rows.map(\.name)).count == table.rows.count, "\(table.name)")
        }
    }

    /// Set `UPDATE_GOLDEN` in the environment to write the table anew; then look at the difference.
    @Test func theTablesAreTheGoldenOnes() throws {
        let file = repository.appendingPathComponent("Tests/Golden/XenABI.txt")
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
            try LayoutCatalogue.text.write(to: file, atomically: true, encoding: .utf8)
        }
        let golden = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        let ours = LayoutCatalogue.text.split(separator: "\n", omittingEmptySubsequences: false)
        let difference = ours.difference(from: golden)
        for change in difference { Issue.record("\(change)") }
        #expect(difference.isEmpty)
    }

    @Test func everyHypercallHasItsName() {
        #expect("\(HypercallNumber.name(HypercallNumber.eventChannel))" == "event_channel_op")
        #expect("\(HypercallNumber.name(HypercallNumber.domctl))" == "domctl")
        #expect("\(HypercallNumber.name(11))" == "unknown")
        #expect("\(HypercallNumber.name(.max))" == "unknown")
    }
}
