// SPDX-License-Identifier: Apache-2.0

/// A set of small numbers, CPUs or NUMA nodes, with room for the numbers below a fixed one. `struct xenctl_bitmap`,
/// `public/xen.h`.
public struct NumberSet: Equatable, Sendable {
    /// Eight numbers to a byte, the lowest first.
    public var bytes: [UInt8]
    /// Numbers from 0 on that the set has room for.
    public let capacity: Int

    /// An empty set with room for the numbers below `capacity`.
    public init(capacity: Int = 64) {
        self.capacity = capacity
        bytes = [UInt8](repeating: 0, count: (capacity + 7) / 8)
    }
    /// A set of one number, with room for those below 64 or as many as it takes.
    public init(_ number: Int) {
        self.init(capacity: max(64, number + 1))
        insert(number)
    }
    /// Whether a number is in the set; one that the set has no room for is not.
    public func contains(_ number: Int) -> Bool {
        guard number >= 0 && number < capacity else { return false }
        return bytes[number / 8] & 1 << UInt8(number % 8) != 0
    }
    /// Adds a number. One that the set has no room for traps.
    public mutating func insert(_ number: Int) {
        precondition(number >= 0 && number < capacity)
        bytes[number / 8] |= 1 << UInt8(number % 8)
    }
    public mutating func remove(_ number: Int) {
        guard contains(number) else { return }
        bytes[number / 8] &= ~(1 << UInt8(number % 8))
    }
    /// How many numbers are in the set. Bits beyond the capacity do not count.
    public var count: Int {
        var count = 0
        for number in 0..<capacity where contains(number) { count += 1 }
        return count
    }
    public var isEmpty: Bool { count == 0 }
}
