// SPDX-License-Identifier: Apache-2.0

/// What text is here: bytes. Strings would bring Unicode's tables.
public typealias Bytes = [UInt8]

extension Array<UInt8> {
    /// The same bytes in memory of just that size: what grew by appending has room that nobody counts.
    var trimmed: [UInt8] {
        guard capacity > count else { return self }
        var copy = [UInt8](repeating: 0, count: count)
        var target = copy.mutableSpan
        for index in 0..<count { target[index] = self[index] }
        return copy
    }
    /// Whether the bytes are those of `literal`, letters of either case being equal. The literal is lower case.
    public func matches(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Span { other in
            for index in 0..<count where self[index].lowercased != other[index] { return false }
            return true
        }
    }
    mutating func append(_ literal: StaticString) {
        literal.withUTF8Span { for index in 0..<$0.count { append($0[index]) } }
    }
    mutating func append(decimal number: Int64) {
        if number < 0 { append(0x2D) }
        var digits: InlineArray<20, UInt8> = InlineArray(repeating: 0)
        var length = 0
        var rest = number.magnitude
        repeat {
            digits[length] = 0x30 + UInt8(rest % 10)
            rest /= 10
            length += 1
        } while rest != 0
        while length > 0 {
            length -= 1
            append(digits[length])
        }
    }
    /// The bytes as a decimal number of 64 bits in its one and only spelling: no plus, no leading zeros or blanks.
    public var integer: Int64? { span.integer }
    static func isEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count where a[index] != b[index] { return false }
        return true
    }
}

extension Span<UInt8> {
    var integer: Int64? {
        guard count > 0, count <= 20 else { return nil }
        let isNegative = self[0] == 0x2D
        let first = isNegative ? 1 : 0
        guard count > first, self[first] != 0x30 || count == 1 else { return nil }
        var value: Int64 = 0
        for index in first..<count {
            guard self[index] >= 0x30, self[index] <= 0x39 else { return nil }
            let digit = Int64(self[index] - 0x30)
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) =
                isNegative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
            guard !overflow, !overflow2 else { return nil }
            value = sum
        }
        return value
    }
}

extension UInt8 {
    var lowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self + 0x20 : self }
    /// The value of a hexadecimal digit.
    var hexDigit: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x37
        case 0x61...0x66: self - 0x57
        default: nil
        }
    }
    var isBlank: Bool { self == 0x20 || self >= 9 && self <= 13 }
}

extension StaticString {
    /// Lends the literal's bytes.
    func withUTF8Span<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        // SAFETY: a literal's bytes live for ever, and `utf8CodeUnitCount` says how many there are.
        unsafe body(Span(_unsafeStart: utf8Start, count: utf8CodeUnitCount))
    }
}
