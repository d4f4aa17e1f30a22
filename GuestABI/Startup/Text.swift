// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// A short piece of text in fixed storage, built by string interpolation without allocation.
///
/// What does not fit in `capacity` bytes is cut off.
public struct Text: ExpressibleByStringInterpolation {
    /// Most bytes a text holds.
    public static var capacity: Int { 240 }
    var bytes: InlineArray<240, UInt8>
    public private(set) var count: Int

    public init() {
        bytes = InlineArray(repeating: 0)
        count = 0
    }
    public init(stringLiteral value: StaticString) {
        self.init()
        append(value)
    }
    public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.text }

    /// The byte at `index`, 0 beyond the end.
    public subscript(index: Int) -> UInt8 { index >= 0 && index < count ? bytes[index] : 0 }

    public mutating func append(byte: UInt8) {
        guard count < Self.capacity else { return }
        bytes[count] = byte
        count += 1
    }
    public mutating func append(_ literal: StaticString) {
        guard literal.hasPointerRepresentation else { return }
        // SAFETY: a literal's bytes live for ever; `utf8CodeUnitCount` says how many there are.
        let start = unsafe literal.utf8Start
        for index in 0..<literal.utf8CodeUnitCount { append(byte: unsafe start[index]) }
    }
    public mutating func append(_ other: Text) {
        for index in 0..<other.count { append(byte: other.bytes[index]) }
    }
    public mutating func append(decimal value: UInt64) {
        var digits: InlineArray<20, UInt8> = InlineArray(repeating: 0)
        var rest = value
        var length = 0
        repeat {
            digits[length] = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
            rest /= 10
            length += 1
        } while rest != 0
        while length > 0 {
            length -= 1
            append(byte: digits[length])
        }
    }
    public mutating func append(hex value: UInt64) {
        append(byte: 0x30)
        append(byte: 0x78)
        var shift: UInt64 = 60
        while shift > 0 && value &>> shift == 0 { shift -= 4 }
        while true {
            let digit = UInt8(truncatingIfNeeded: value &>> shift & 15)
            append(byte: digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
            if shift == 0 { break }
            shift -= 4
        }
    }

    /// Whether the text starts with `literal`.
    public func starts(with literal: StaticString) -> Bool {
        let other = Text(stringLiteral: literal)
        guard other.count <= count else { return false }
        for index in 0..<other.count where bytes[index] != other.bytes[index] { return false }
        return true
    }
    /// Whether `literal` stands anywhere in the text.
    public func contains(_ literal: StaticString) -> Bool {
        let other = Text(stringLiteral: literal)
        var start = 0
        while start + other.count <= count {
            var index = 0
            while index < other.count && bytes[start + index] == other.bytes[index] { index += 1 }
            if index == other.count { return true }
            start += 1
        }
        return false
    }

    public struct StringInterpolation: StringInterpolationProtocol {
        var text = Text()
        public init(literalCapacity: Int, interpolationCount: Int) {}
        public mutating func appendLiteral(_ literal: StaticString) { text.append(literal) }
        public mutating func appendInterpolation(_ literal: StaticString) { text.append(literal) }
        public mutating func appendInterpolation(_ other: Text) { text.append(other) }
        public mutating func appendInterpolation<Number: FixedWidthInteger>(_ number: Number) {
            if number < 0 { text.append(byte: 0x2D) }
            text.append(decimal: UInt64(truncatingIfNeeded: number.magnitude))
        }
        public mutating func appendInterpolation<Number: FixedWidthInteger>(hex number: Number) {
            text.append(hex: UInt64(truncatingIfNeeded: number))
        }
        public mutating func appendInterpolation(_ flag: Bool) {
            text.append(flag ? ("true" as StaticString) : "false")
        }
        public mutating func appendInterpolation(_ error: XenError) {
            text.append("error " as StaticString)
            text.append(decimal: UInt64(truncatingIfNeeded: error.rawValue))
        }
        public mutating func appendInterpolation(_ domain: DomainID) {
            text.append(decimal: UInt64(domain.rawValue))
        }
        public mutating func appendInterpolation(_ port: EventPort) {
            text.append(decimal: UInt64(port.rawValue))
        }
    }
}
