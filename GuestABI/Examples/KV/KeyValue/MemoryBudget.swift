// SPDX-License-Identifier: Apache-2.0

/// Bounds the memory that clients can make the server use, before it is used: an allocation that fails is a crash.
///
/// Counts as the guest's heap does: blocks of a power of two of bytes, kept for their size once they were used. So what is
/// counted is the sum over all sizes of the most blocks that were ever in use at once; it never shrinks.
public final class MemoryBudget {
    /// Bytes that may be committed.
    public let limit: Int
    /// Bytes of all blocks that are or were in use.
    public private(set) var committed = 0
    /// Bytes asked for and not released, without what rounding adds.
    public private(set) var used = 0
    private var live: [Int]
    private var peak: [Int]

    /// Header of a heap block and of an array or object in it, in bytes.
    static var overhead: Int { 48 }
    /// Largest allocation, in bytes.
    public static var maximumByteCount: Int { (1 << 20) - overhead }

    public init(limit: Int) {
        self.limit = limit
        live = Array(repeating: 0, count: 22)
        peak = Array(repeating: 0, count: 22)
    }

    private func sizeClass(_ byteCount: Int) -> Int {
        var sizeClass = 5
        while 1 << sizeClass < byteCount + Self.overhead { sizeClass += 1 }
        return sizeClass
    }
    /// Whether an array of `byteCount` bytes may be made; it is counted if so.
    public func take(_ byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= Self.maximumByteCount else { return false }
        let sizeClass = sizeClass(byteCount)
        if live[sizeClass] == peak[sizeClass] {
            guard committed + 1 << sizeClass <= limit else { return false }
            committed += 1 << sizeClass
            peak[sizeClass] += 1
        }
        live[sizeClass] += 1
        used += byteCount
        return true
    }
    /// An array of `byteCount` bytes is gone.
    public func give(_ byteCount: Int) {
        let sizeClass = sizeClass(byteCount)
        precondition(live[sizeClass] > 0)
        live[sizeClass] -= 1
        used -= byteCount
    }
}
