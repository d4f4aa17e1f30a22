// SPDX-License-Identifier: Apache-2.0
import XenABI

/// Which operation of which hypercall.
public struct FuzzOperation: Hashable, Comparable, Sendable {
    public var number: UInt32
    /// The command, or 0 for calls that have none.
    public var command: UInt32
    public init(_ number: UInt32, _ command: UInt32 = 0) {
        self.number = number
        self.command = command
    }
    public static func < (a: Self, b: Self) -> Bool { (a.number, a.command) < (b.number, b.command) }
}

/// How often each operation ended how.
public struct Coverage: Sendable {
    public private(set) var results: [FuzzOperation: [Int64: Int]] = [:]
    public private(set) var calls = 0
    /// Pairs of operation and result that were seen.
    public private(set) var pairs = 0
    public init() {}

    /// - Parameter result: successes that are counts and the like are one kind.
    public mutating func note(_ operation: FuzzOperation, _ result: Int64) {
        calls += 1
        let kind = min(result, 1)
        let before = results[operation, default: [:]][kind, default: 0]
        if before == 0 { pairs += 1 }
        results[operation, default: [:]][kind] = before + 1
    }
    public mutating func merge(_ other: Coverage) {
        for (operation, counts) in other.results {
            for (result, count) in counts {
                if results[operation, default: [:]][result] == nil { pairs += 1 }
                results[operation, default: [:]][result, default: 0] += count
            }
        }
        calls += other.calls
    }
    /// One line for each operation: its name, then `result×count` by result.
    public var table: String {
        var text = ""
        for (operation, counts) in results.sorted(by: { $0.key < $1.key }) {
            let name = "\(HypercallNumber.name(operation.number)) \(operation.command)"
            let cells = counts.sorted { $0.key > $1.key }.map { "\($0.key)×\($0.value)" }
            text +=
                name + String(repeating: " ", count: max(1, 28 - name.count)) + cells.joined(separator: " ")
            text += "\n"
        }
        return text
    }
}
