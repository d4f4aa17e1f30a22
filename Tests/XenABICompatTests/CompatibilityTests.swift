// SPDX-License-Identifier: Apache-2.0
import CXenHeaders
import Foundation
import Testing

/// Compares the golden table of `Tests/Golden/XenABI.txt`, which `XenABITests` proves equal to `Sources/XenABI`, with
/// what the C compiler makes of libxen-dev's headers.
@Suite struct CompatibilityTests {
    struct Place: Equatable {
        let offset: UInt64
        let byteCount: UInt64
    }

    /// Rows of the C compiler by "struct" or "struct.field"; constants by their name.
    static let compiled: [String: Place] = {
        var rows: [String: Place] = [:]
        for index in 0..<xen_abi_row_count() {
            let row = unsafe xen_abi_row_at(index)
            // SAFETY: both are string literals of the header.
            let layout = unsafe String(cString: row.layout)
            let field = unsafe String(cString: row.field)
            let key = layout.isEmpty ? field : field.isEmpty ? layout : "\(layout).\(field)"
            rows[key] = unsafe Place(offset: row.offset, byteCount: row.byte_count)
        }
        return rows
    }()

    static let golden: [Substring] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Golden/XenABI.txt")
        return ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n")
    }()

    static func size(of type: Substring) -> UInt64? {
        switch type.prefix(while: { $0 != "[" }) {
        case "UInt8", "Int8": 1
        case "UInt16", "Int16": 2
        case "UInt32", "Int32": 4
        case "UInt64", "Int64": 8
        default: nil
        }
    }

    @Test func everyFieldAndConstantIsWhereCPutsIt() throws {
        var layout = ""
        var compared = 0
        for line in Self.golden {
            let words = line.split(separator: " ")
            if line.hasPrefix("enum ") {
                layout = ""
            } else if !line.hasPrefix(" ") {
                // NAME C-NAME SIZE
                try #require(words.count == 3, "\(line)")
                layout = String(words[1])
                guard layout != "-" else { continue }
                let place = try #require(Self.compiled[layout], "\(layout) is missing from rows.h")
                #expect(UInt64(words[2]) == place.byteCount, "\(line)")
                compared += 1
            } else if layout.isEmpty {
                // NAME C-NAME VALUE
                try #require(words.count >= 3, "\(line)")
                let name = words[1..<(words.count - 1)].joined(separator: " ")
                guard name != "-" else { continue }
                let place = try #require(Self.compiled[name], "\(name) is missing from rows.h")
                let value = try #require(
                    Int64(words[words.count - 1]).map(UInt64.init(bitPattern:))
                        ?? UInt64(words[words.count - 1]))
                // Narrow constants are compared in their own width: C may sign-extend them.
                #expect(value == place.offset || value == place.offset & 0xffff_ffff, "\(line)")
                compared += 1
            } else {
                // NAME C-PATH TYPE @OFFSET [union]
                try #require(words.count >= 4, "\(line)")
                guard layout != "-", words[1] != "-" else { continue }
                let place = try #require(
                    Self.compiled["\(layout).\(words[1])"], "\(layout).\(words[1]) is missing from rows.h")
                #expect(UInt64(words[3].dropFirst()) == place.offset, "\(layout): \(line)")
                #expect(Self.size(of: words[2]) == place.byteCount, "\(layout): \(line)")
                compared += 1
            }
        }
        #expect(compared > 1000)
    }
}
