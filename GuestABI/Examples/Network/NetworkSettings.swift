// SPDX-License-Identifier: Apache-2.0
public import GuestABI

/// Where the guest is in its network, from words of its command line: `ip=10.77.0.2/24 gateway=10.77.0.1`.
public struct NetworkSettings: BitwiseCopyable, Sendable {
    /// As numbers: 10.77.0.2 is 0x0A4D_0002.
    public var address: UInt32
    public var mask: UInt32
    /// 0 for none.
    public var gateway: UInt32 = 0

    /// Nil if there is no word `ip=`, or if a word makes no sense.
    public init?(commandLine: Text) {
        var words = Words(commandLine)
        var found = false
        address = 0
        mask = 0
        while let word = words.next() {
            if let start = Self.value("ip=", commandLine, word) {
                guard let (own, rest) = Self.address(commandLine, start, word.upperBound) else { return nil }
                var bits = 32
                if rest < word.upperBound {
                    guard commandLine[rest] == 0x2F,
                        let (number, end) = Self.number(commandLine, rest + 1, word.upperBound),
                        end == word.upperBound, number <= 32
                    else { return nil }
                    bits = Int(number)
                }
                address = own
                mask = bits == 0 ? 0 : UInt32.max &<< UInt32(32 - bits)
                found = true
            } else if let start = Self.value("gateway=", commandLine, word) {
                guard let (way, rest) = Self.address(commandLine, start, word.upperBound),
                    rest == word.upperBound
                else { return nil }
                gateway = way
            }
        }
        guard found, address != 0 else { return nil }
    }

    private struct Words {
        let text: Text
        var position = 0
        init(_ text: Text) { self.text = text }
        mutating func next() -> Range<Int>? {
            while position < text.count && text[position] == 0x20 { position += 1 }
            let start = position
            while position < text.count && text[position] != 0x20 { position += 1 }
            return position > start ? start..<position : nil
        }
    }
    /// Where the value begins if the word begins with `key`.
    private static func value(_ key: Text, _ text: Text, _ word: Range<Int>) -> Int? {
        guard word.count > key.count else { return nil }
        for index in 0..<key.count where text[word.lowerBound + index] != key[index] { return nil }
        return word.lowerBound + key.count
    }
    private static func number(_ text: Text, _ start: Int, _ end: Int) -> (UInt32, Int)? {
        var value: UInt32 = 0
        var at = start
        while at < end, at < start + 3, text[at] >= 0x30, text[at] <= 0x39 {
            value = value * 10 + UInt32(text[at] - 0x30)
            at += 1
        }
        return at > start ? (value, at) : nil
    }
    private static func address(_ text: Text, _ start: Int, _ end: Int) -> (UInt32, Int)? {
        var value: UInt32 = 0
        var at = start
        for part in 0..<4 {
            if part > 0 {
                guard at < end, text[at] == 0x2E else { return nil }
                at += 1
            }
            guard let (number, next) = number(text, at, end), number < 256 else { return nil }
            value = value << 8 | number
            at = next
        }
        return (value, at)
    }
}
