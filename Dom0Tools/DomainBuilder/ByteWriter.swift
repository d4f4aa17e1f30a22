// SPDX-License-Identifier: Apache-2.0
import XenABI

/// Builds a block of bytes from layout tables and plain numbers, lowest byte first.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    init() {}
    init(zeros count: Int) { bytes = [UInt8](repeating: 0, count: count) }

    var count: Int { bytes.count }

    mutating func append(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
    mutating func append(text: String) { bytes += Array(text.utf8) }
    mutating func append(_ other: [UInt8]) { bytes += other }
    mutating func append(zeros count: Int) { bytes += [UInt8](repeating: 0, count: count) }
    mutating func align(to alignment: Int) {
        append(zeros: (alignment - bytes.count % alignment) % alignment)
    }

    /// Replaces the bytes of a number.
    mutating func set(_ value: some FixedWidthInteger, at offset: Int) {
        for index in 0..<value.bitWidth / 8 {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
        }
    }
    /// Sets a field of the block of `Layout` that starts at `start`.
    mutating func set<Layout: ABILayout, Value: FixedWidthInteger>(
        _ field: Field<Layout, Value>, _ value: Value, start: Int = 0
    ) {
        set(value, at: start + field.offset)
    }
    /// Replaces bytes.
    mutating func set(_ other: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + other.count, with: other)
    }
}
