// SPDX-License-Identifier: Apache-2.0

extension StaticString {
    /// The UTF-8 byte at `index`, or 0 beyond the end.
    @inlinable public func byte(at index: Int) -> UInt8 {
        guard index >= 0, index < utf8CodeUnitCount else { return 0 }
        // SAFETY: index is in range of the literal.
        return unsafe utf8Start[index]
    }
}
