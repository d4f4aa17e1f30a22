// SPDX-License-Identifier: Apache-2.0

/// One name of a path, as the tree keeps and compares it.
///
/// The first 16 bytes are two words, first byte highest, padded with zeroes, so that most comparisons are one or two of
/// words and need no memory; a name holds no zero byte, so the padding is unambiguous. Longer names keep the rest aside.
struct NodeName: Equatable {
    private(set) var high: UInt64 = 0
    private(set) var low: UInt64 = 0
    private(set) var rest: [UInt8] = []

    /// Takes the name that starts at `at` and moves `at` behind it and its slash; nil at the end of the path.
    ///
    /// - Parameter path: an absolute path that was checked. Begin with `at` = 1.
    init?(next at: inout Int, in path: [UInt8]) {
        let count = path.count
        guard at < count else { return nil }
        var index = at
        high = Self.word(&index, path)
        if index &- at == 8 { low = Self.word(&index, path) }
        if index < count && path[index] != 0x2f {
            let start = index
            while index < count && path[index] != 0x2f { index &+= 1 }
            rest = Array(path[start..<index])
        }
        at = index &+ 1
    }

    /// Up to eight bytes of a name, from `index` on; `index` then stands behind them.
    @inline(__always)
    private static func word(_ index: inout Int, _ path: [UInt8]) -> UInt64 {
        let start = index
        let end = start &+ min(8, path.count &- start)
        var word: UInt64 = 0
        while index < end {
            let byte = path[index]
            if byte == 0x2f { break }
            word = word &<< 8 | UInt64(byte)
            index &+= 1
        }
        return word &<< UInt64((8 &- (index &- start)) &* 8)
    }

    var byteCount: Int {
        if !rest.isEmpty { return 16 + rest.count }
        return low != 0 ? 16 - low.trailingZeroBitCount / 8 : 8 - high.trailingZeroBitCount / 8
    }

    /// Appends the name's bytes.
    func append(to bytes: inout [UInt8]) {
        for word in [high, low] {
            var word = word
            while word != 0 {
                bytes.append(UInt8(truncatingIfNeeded: word &>> 56))
                word &<<= 8
            }
        }
        bytes.append(contentsOf: rest)
    }

    /// The order of the bytes.
    @inline(__always)
    static func < (a: Self, b: Self) -> Bool {
        if a.high != b.high { return a.high < b.high }
        if a.low != b.low { return a.low < b.low }
        return a.rest.lexicographicallyPrecedes(b.rest)
    }
    @inline(__always)
    static func == (a: Self, b: Self) -> Bool {
        a.high == b.high && a.low == b.low && a.rest == b.rest
    }
}

/// Values by name, in the order of the names.
struct NameMap<Value> {
    struct Entry {
        let name: NodeName
        var value: Value
    }
    var entries: [Entry] = []

    /// Where `name` is, or would be.
    func position(of name: NodeName) -> (index: Int, isFound: Bool) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low &+ high) &>> 1
            if entries[middle].name < name { low = middle &+ 1 } else { high = middle }
        }
        return (low, low < entries.count && entries[low].name == name)
    }

    func value(_ name: NodeName) -> Value? {
        let (index, isFound) = position(of: name)
        return isFound ? entries[index].value : nil
    }
}
