// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// Bytes of the guest's own memory that a hypercall reads or fills, with the fields of the ABI's blocks in them.
///
/// A value like any other: a copy is a copy of the bytes. An offset out of range traps.
public struct HypercallBuffer: FieldSource, Equatable, Sendable {
    /// The bytes, little-endian as the ABI is.
    public var bytes: [UInt8]

    /// `byteCount` bytes of zero.
    public init(byteCount: Int) { bytes = [UInt8](repeating: 0, count: byteCount) }
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public var byteCount: Int { bytes.count }

    /// The field of a block that starts at byte `start`.
    public subscript<Layout: ABILayout, Value: FixedWidthInteger & BitwiseCopyable>(
        field: Field<Layout, Value>, at start: Int
    ) -> Value {
        get { load(at: start &+ field.offset) }
        set { store(newValue, at: start &+ field.offset) }
    }
    /// A number of any width at byte `offset`.
    public func load<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        var value: Value = 0
        for index in 0..<Value.bitWidth / 8 {
            value |= Value(truncatingIfNeeded: bytes[offset + index]) &<< Value(truncatingIfNeeded: index * 8)
        }
        return value
    }
    /// Writes a number of any width at byte `offset`.
    public mutating func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for index in 0..<Value.bitWidth / 8 {
            bytes[offset + index] = UInt8(
                truncatingIfNeeded: value &>> Value(truncatingIfNeeded: index * 8))
        }
    }
    /// Drops all but the first `count` bytes; more than there are changes nothing.
    public mutating func keep(first count: Int) {
        if count < bytes.count { bytes.removeLast(bytes.count - max(count, 0)) }
    }
}

/// One block of `Layout` that is too large for an argument block, zeroed when made.
public struct HypercallBlock<Layout: ABILayout>: Equatable, Sendable {
    /// The block's bytes; `Layout.byteCount` of them unless a caller changes that.
    public var buffer: HypercallBuffer
    public init() { buffer = HypercallBuffer(byteCount: Layout.byteCount) }
    public subscript<Value: FixedWidthInteger & BitwiseCopyable>(field: Field<Layout, Value>) -> Value {
        get { buffer[field, at: 0] }
        set { buffer[field, at: 0] = newValue }
    }
}
