// SPDX-License-Identifier: Apache-2.0

/// Numbers that look random, the same in each run.
struct XorShift {
    private var state: UInt64 = 88_172_645_463_325_252

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    /// Changes fewer than `limit` bytes.
    mutating func spoil(_ bytes: inout [UInt8], limit: UInt64) {
        for _ in 0..<(next() % limit) where !bytes.isEmpty {
            bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next())
        }
    }
}
