// SPDX-License-Identifier: Apache-2.0

extension StaticString {
    /// Number of bytes. A single-scalar literal is not supported: it traps.
    @inlinable var byteCount: Int { utf8CodeUnitCount }
    @inlinable func byte(_ index: Int) -> UInt8 {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: utf8CodeUnitCount))
        // SAFETY: the index is inside the literal, which lives for ever.
        return unsafe utf8Start[index]
    }
}

extension Span<UInt8> {
    /// True if the bytes are those of the literal.
    public func matches(_ text: StaticString) -> Bool {
        guard count == text.byteCount else { return false }
        for index in 0..<count where self[index] != text.byte(index) { return false }
        return true
    }

    /// True if the bytes are the same.
    public func matches(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }

    /// A decimal number: digits only, at least one, that fits.
    @inlinable public func decimal<Number: FixedWidthInteger>(as type: Number.Type = Number.self) -> Number? {
        guard count > 0 else { return nil }
        var value: Number = 0
        for index in 0..<count {
            let digit = self[index] &- 0x30
            guard digit < 10 else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Number(truncatingIfNeeded: digit))
            guard !overflow && !carry else { return nil }
            value = sum
        }
        return value
    }

    /// The bytes in an array of their own.
    public func copied() -> [UInt8] {
        var array: [UInt8] = []
        array.append(self)
        return array
    }
}

extension [UInt8] {
    /// Appends the bytes of the literal.
    public mutating func append(_ text: StaticString) {
        reserveCapacity(count + text.byteCount)
        for index in 0..<text.byteCount { append(text.byte(index)) }
    }

    /// Appends the bytes.
    public mutating func append(_ bytes: Span<UInt8>) {
        // SAFETY: the buffer is used only inside the closure.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends a number in decimal.
    @inlinable public mutating func append(decimal number: some UnsignedInteger & FixedWidthInteger) {
        var divisor: UInt64 = 1
        let value = UInt64(truncatingIfNeeded: number)
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(truncatingIfNeeded: value / divisor % 10) &+ 0x30)
            divisor /= 10
        }
    }

    /// Appends a 32-bit word, little endian.
    mutating func append(word: UInt32) {
        append(UInt8(truncatingIfNeeded: word))
        append(UInt8(truncatingIfNeeded: word &>> 8))
        append(UInt8(truncatingIfNeeded: word &>> 16))
        append(UInt8(truncatingIfNeeded: word &>> 24))
    }
}
