// SPDX-License-Identifier: Apache-2.0

/// The byte layout of one block of the ABI: a set of typed offsets, never the layout of a Swift struct.
public protocol ABILayout {
    /// Size of the block in bytes, as C's `sizeof` gives it for a 64-bit caller.
    static var byteCount: Int { get }
    /// The form that a 32-bit caller gives the block; nil where it is the same.
    static var compat: CompatLayout? { get }
}
extension ABILayout {
    @inlinable public static var compat: CompatLayout? { nil }
}

/// A field of `Layout`, at a fixed byte offset, holding a `Value`.
public struct Field<Layout: ABILayout, Value: BitwiseCopyable>: BitwiseCopyable, Sendable {
    /// Distance from the start of the block in bytes.
    public let offset: Int
    @inlinable public init(at offset: Int) { self.offset = offset }
    /// Size of the field in bytes.
    @inlinable public var byteCount: Int { MemoryLayout<Value>.size }
}

extension Field where Value: FixedWidthInteger {
    /// The `index`th element of an array that starts at this field. `index` is the caller's to check.
    @inlinable public func element(_ index: Int) -> Field {
        Field(at: offset &+ index &* MemoryLayout<Value>.size)
    }
}
