// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Bytes from which fields of the ABI's blocks are read, whatever holds them.
public protocol FieldSource: ~Copyable {
    /// The field of a block that starts at byte `start`. A field beyond the end traps.
    subscript<Layout: ABILayout, Value: FixedWidthInteger & BitwiseCopyable>(
        field: Field<Layout, Value>, at start: Int
    ) -> Value { get }
}

extension ArgumentBlock: FieldSource {
    /// A field of a block that lies inside this one, from byte `start` on.
    @inlinable
    public subscript<Inner: ABILayout, Value: BitwiseCopyable>(
        field: Field<Inner, Value>, at start: Int
    ) -> Value {
        get { self[Field<Layout, Value>(at: start &+ field.offset)] }
        set { self[Field<Layout, Value>(at: start &+ field.offset)] = newValue }
    }
}
