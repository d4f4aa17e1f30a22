// SPDX-License-Identifier: Apache-2.0

/// Where the fuzzer's decisions come from: a seed, or the bytes that a coverage-guided fuzzer gave.
///
/// From a seed it is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): the same numbers on
/// every machine. From bytes it takes one for a small choice and up to eight for a large one, then zeroes.
public struct RandomSource: Sendable {
    private var state: UInt64
    private var bytes: [UInt8]?
    private var position = 0

    public init(seed: UInt64) { state = seed }
    public init(bytes: [UInt8]) {
        state = 0
        self.bytes = bytes
    }
    /// All bytes are used up. Never, from a seed.
    public var isExhausted: Bool { bytes.map { position >= $0.count } ?? false }

    /// One step of SplitMix64: the mixing function by itself, to derive seeds from seeds.
    public static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
    private mutating func take(_ count: Int) -> UInt64 {
        guard let bytes else {
            defer { state = state &+ 0x9e37_79b9_7f4a_7c15 }
            return Self.mix(state)
        }
        var value: UInt64 = 0
        for _ in 0..<count {
            let byte = position < bytes.count ? bytes[position] : 0
            value = value << 8 | UInt64(byte)
            position += 1
        }
        return value
    }
    public mutating func word() -> UInt64 { take(8) }
    /// 0 to `limit` - 1; 0 for a limit of 0.
    public mutating func below(_ limit: UInt64) -> UInt64 {
        guard limit > 1 else { return 0 }
        return take(limit <= 256 ? 1 : limit <= 65536 ? 2 : 8) % limit
    }
    public mutating func below(_ limit: Int) -> Int { Int(below(UInt64(max(limit, 0)))) }
    /// True once in `times`.
    public mutating func once(in times: UInt64) -> Bool { below(times) == 0 }
    public mutating func pick<Item>(_ items: [Item]) -> Item { items[below(items.count)] }
    /// A place in `weights`, each as likely as its weight says.
    public mutating func weighted(_ weights: [Int]) -> Int {
        var left = below(weights.reduce(0, +))
        for (index, weight) in weights.enumerated() {
            if left < weight { return index }
            left -= weight
        }
        return 0
    }
    /// A number that tables, masks and sums get wrong.
    public mutating func edge() -> UInt64 {
        switch below(8) {
        case 0: 0
        case 1: .max
        case 2: UInt64(UInt32.max)
        case 3: 1 << below(64)
        case 4: (1 << below(64)) &- 1
        case 5: 0 &- below(4097)
        case 6: below(65536)
        default: word()
        }
    }
}
