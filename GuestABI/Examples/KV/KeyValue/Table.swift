// SPDX-License-Identifier: Apache-2.0

/// Keys and their values, with times at which they end. Hashed into a fixed number of chains.
///
/// Memory is counted by a `MemoryBudget` before it is used. Times are in milliseconds of any clock that never goes back.
public final class Table {
    final class Entry {
        let key: Bytes
        var value: Bytes
        /// When the key ends; 0 for never.
        var end: UInt64
        var next: Entry?
        init(_ key: Bytes, _ value: Bytes, end: UInt64, next: Entry?) {
            self.key = key
            self.value = value
            self.end = end
            self.next = next
        }
    }
    /// Chains: a power of two.
    public static var chainCount: Int { 65536 }
    /// What an entry takes beside its key and its value, in bytes.
    static var entryByteCount: Int { 64 }

    private var chains: [Entry?]
    private let budget: MemoryBudget
    private let seed: UInt64
    /// Keys, those that ended and were not found out yet included.
    public private(set) var count = 0
    /// Keys that ended by their time.
    public private(set) var expiredCount: UInt64 = 0
    private var sweepPosition = 0

    /// - Parameter seed: unknown to clients, so that they cannot choose keys that fall into one chain.
    public init(budget: MemoryBudget, seed: UInt64) {
        self.budget = budget
        self.seed = seed
        chains = Array(repeating: nil, count: Self.chainCount)
    }

    private func chain(of key: Bytes) -> Int {
        var hash = seed ^ 0xcbf2_9ce4_8422_2325
        for index in 0..<key.count {
            hash = (hash ^ UInt64(key[index])) &* 0x0000_0100_0000_01b3
            hash ^= hash >> 29
        }
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(Self.chainCount - 1))
    }
    private static func hasEnded(_ entry: Entry, _ now: UInt64) -> Bool { entry.end != 0 && entry.end <= now }

    /// The entry of a key that has not ended.
    func find(_ key: Bytes, now: UInt64) -> Entry? {
        var entry = chains[chain(of: key)]
        while let one = entry {
            if Bytes.isEqual(one.key, key) {
                guard Self.hasEnded(one, now) else { return one }
                _ = remove(key)
                expiredCount &+= 1
                return nil
            }
            entry = one.next
        }
        return nil
    }
    /// A key's value.
    public func value(of key: Bytes, now: UInt64) -> Bytes? { find(key, now: now)?.value }

    /// Sets a key, which ends at `end` (0: never). False, and nothing happens, if there is no memory.
    public func set(_ key: Bytes, _ value: Bytes, end: UInt64, now: UInt64) -> Bool {
        if let entry = find(key, now: now) {
            guard replace(entry, value) else { return false }
            entry.end = end
            return true
        }
        guard budget.take(Self.entryByteCount) else { return false }
        guard budget.take(key.count) else {
            budget.give(Self.entryByteCount)
            return false
        }
        guard budget.take(value.count) else {
            budget.give(key.count)
            budget.give(Self.entryByteCount)
            return false
        }
        let chain = chain(of: key)
        chains[chain] = Entry(key.trimmed, value.trimmed, end: end, next: chains[chain])
        count += 1
        return true
    }
    /// Changes an entry's value. False, and nothing happens, if there is no memory.
    func replace(_ entry: Entry, _ value: Bytes) -> Bool {
        guard budget.take(value.count) else { return false }
        budget.give(entry.value.count)
        entry.value = value.trimmed
        return true
    }

    /// Removes a key, ended or not. True if it was there.
    public func remove(_ key: Bytes) -> Bool {
        let chain = chain(of: key)
        var previous: Entry?
        var entry = chains[chain]
        while let one = entry {
            if Bytes.isEqual(one.key, key) {
                if let previous { previous.next = one.next } else { chains[chain] = one.next }
                giveBack(one)
                return true
            }
            previous = one
            entry = one.next
        }
        return false
    }
    private func giveBack(_ entry: Entry) {
        budget.give(entry.key.count)
        budget.give(entry.value.count)
        budget.give(Self.entryByteCount)
        count -= 1
    }
    public func removeAll() {
        for chain in 0..<chains.count {
            // One by one: a chain that lets go of its first entry would let go of all in a recursion.
            while let entry = chains[chain] {
                chains[chain] = entry.next
                entry.next = nil
                giveBack(entry)
            }
        }
    }

    /// Calls `body` with each key of a chain that has not ended.
    public func forEachKey(inChain chain: Int, now: UInt64, _ body: (Bytes) -> Void) {
        var entry = chains[chain]
        while let one = entry {
            if !Self.hasEnded(one, now) { body(one.key) }
            entry = one.next
        }
    }
    /// Removes keys that ended, from the next `chainCount` chains.
    public func sweep(chainCount: Int, now: UInt64) {
        for _ in 0..<chainCount {
            var ended: [Bytes] = []
            var entry = chains[sweepPosition]
            while let one = entry {
                if Self.hasEnded(one, now) { ended.append(one.key) }
                entry = one.next
            }
            for key in ended where remove(key) { expiredCount &+= 1 }
            sweepPosition = (sweepPosition + 1) & (Self.chainCount - 1)
        }
    }
}
