// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// One call of a batch.
public struct MulticallEntry: BitwiseCopyable, Sendable {
    /// A `HypercallNumber`.
    public var number: UInt32
    public var arguments: InlineArray<6, UInt64>
    /// What the call returned: a value, or a negated error number.
    public var result: Int64 = 0
    public init(_ number: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) {
        self.number = number
        arguments = [a, b, c, 0, 0, 0]
    }
}

extension Hypercall {
    /// Makes all `calls` in one, at most 64; results come back in place, an error of one does not end the batch.
    /// `HYPERVISOR_multicall`, `public/xen.h`.
    /// - Throws: `noMemory`, or the error of the batch as a whole.
    public static func multicall<let count: Int>(
        _ calls: inout InlineArray<count, MulticallEntry>
    ) throws(XenError) {
        // Each entry is 64 bytes: 8 words.
        guard let page = GuestPage() else { throw .noMemory }
        for index in 0..<count {
            let entry = page.memory.view(
                MulticallEntryLayout.self, at: index * MulticallEntryLayout.byteCount)
            entry[.operation] = UInt64(calls[index].number)
            for argument in 0..<6 { entry[.arguments.element(argument)] = calls[index].arguments[argument] }
        }
        try check(invoke(HypercallNumber.multicall, page.memory.address, UInt64(count)))
        for index in 0..<count {
            let entry = page.memory.view(
                MulticallEntryLayout.self, at: index * MulticallEntryLayout.byteCount)
            calls[index].result = Int64(bitPattern: entry[.result])
        }
    }
}
