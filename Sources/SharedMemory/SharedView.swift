// SPDX-License-Identifier: Apache-2.0
import Synchronization
import XenABI

/// Memory laid out as `Layout` that another domain may change at any moment: rings, grant entries, shared info.
///
/// Every load happens once, atomically, with the width the ABI defines.
@safe public struct SharedView<Layout: ABILayout>: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// - Parameter unsafeBase: `Layout.byteCount` mapped bytes that outlive the view, aligned to 8, or to the widest field
    ///   that is touched.
    // SAFETY: the caller vouches for the storage, as documented.
    @inlinable public init(unsafeBase: UnsafeMutableRawPointer) { unsafe base = unsafeBase }

    @inlinable @inline(__always)
    func word<Value: FixedWidthInteger & BitwiseCopyable & AtomicRepresentable>(
        _ field: Field<Layout, Value>
    ) -> UnsafeMutablePointer<Atomic<Value>> {
        // SAFETY: the layout tests prove the field aligned and in range; Atomic<Value> is laid out as Value.
        unsafe base.advanced(by: field.offset).assumingMemoryBound(to: Atomic<Value>.self)
    }
}

// One set per width, so that the atomic operations resolve without generics over the representation.
extension SharedView {
    @inlinable public func load(_ field: Field<Layout, UInt8>) -> UInt8 {
        unsafe word(field).pointee.load(ordering: .acquiring)
    }
    @inlinable public func load(_ field: Field<Layout, UInt16>) -> UInt16 {
        unsafe word(field).pointee.load(ordering: .acquiring)
    }
    // SAFETY: here and below, see `word`: the field lies inside the view, aligned, and is only touched atomically.
    @inlinable public func load(_ field: Field<Layout, UInt32>) -> UInt32 {
        unsafe word(field).pointee.load(ordering: .acquiring)
    }
    @inlinable public func load(_ field: Field<Layout, UInt64>) -> UInt64 {
        unsafe word(field).pointee.load(ordering: .acquiring)
    }
    @inlinable public func store(_ value: UInt8, to field: Field<Layout, UInt8>) {
        unsafe word(field).pointee.store(value, ordering: .releasing)
    }
    @inlinable public func store(_ value: UInt16, to field: Field<Layout, UInt16>) {
        unsafe word(field).pointee.store(value, ordering: .releasing)
    }
    @inlinable public func store(_ value: UInt32, to field: Field<Layout, UInt32>) {
        unsafe word(field).pointee.store(value, ordering: .releasing)
    }
    @inlinable public func store(_ value: UInt64, to field: Field<Layout, UInt64>) {
        unsafe word(field).pointee.store(value, ordering: .releasing)
    }
    /// Replaces the word; returns what stood there.
    @inlinable public func exchange(_ value: UInt8, at field: Field<Layout, UInt8>) -> UInt8 {
        // SAFETY: see `word`: inside the view, aligned, only touched atomically.
        unsafe word(field).pointee.exchange(value, ordering: .sequentiallyConsistent)
    }
    @inlinable public func exchange(_ value: UInt32, at field: Field<Layout, UInt32>) -> UInt32 {
        unsafe word(field).pointee.exchange(value, ordering: .sequentiallyConsistent)
    }
    @inlinable public func exchange(_ value: UInt64, at field: Field<Layout, UInt64>) -> UInt64 {
        unsafe word(field).pointee.exchange(value, ordering: .sequentiallyConsistent)
    }
    /// Stores `desired` if the word equals `expected`. Returns what stood there: equal to `expected` on success.
    @inlinable public func compareExchange(
        at field: Field<Layout, UInt16>, expected: UInt16, desired: UInt16
    ) -> UInt16 {
        unsafe word(field).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).original
    }
    /// Stores `desired` if the word equals `expected`. Returns what stood there: equal to `expected` on success.
    @inlinable public func compareExchange(
        at field: Field<Layout, UInt32>, expected: UInt32, desired: UInt32
    ) -> UInt32 {
        // SAFETY: see `word`: inside the view, aligned, only touched atomically.
        unsafe word(field).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).original
    }
    /// Sets the bits of `mask`; returns what stood there before.
    @discardableResult
    @inlinable public func setBits(_ mask: UInt64, at field: Field<Layout, UInt64>) -> UInt64 {
        unsafe word(field).pointee.bitwiseOr(mask, ordering: .sequentiallyConsistent).oldValue
    }
    // SAFETY: here and below, see `word`: inside the view, aligned, only touched atomically.
    /// Sets the bits of `mask`; returns what stood there before.
    @discardableResult
    @inlinable public func setBits(_ mask: UInt32, at field: Field<Layout, UInt32>) -> UInt32 {
        unsafe word(field).pointee.bitwiseOr(mask, ordering: .sequentiallyConsistent).oldValue
    }
    /// Clears the bits of `mask`; returns what stood there before.
    @discardableResult
    @inlinable public func clearBits(_ mask: UInt32, at field: Field<Layout, UInt32>) -> UInt32 {
        // SAFETY: see `word`.
        unsafe word(field).pointee.bitwiseAnd(~mask, ordering: .sequentiallyConsistent).oldValue
    }
    /// Clears the bits of `mask`; returns what stood there before.
    @discardableResult
    @inlinable public func clearBits(_ mask: UInt64, at field: Field<Layout, UInt64>) -> UInt64 {
        unsafe word(field).pointee.bitwiseAnd(~mask, ordering: .sequentiallyConsistent).oldValue
    }
    /// Clears the bits of `mask`; returns what stood there before.
    @discardableResult
    @inlinable public func clearBits(_ mask: UInt16, at field: Field<Layout, UInt16>) -> UInt16 {
        unsafe word(field).pointee.bitwiseAnd(~mask, ordering: .sequentiallyConsistent).oldValue
    }
}

/// Orders all memory accesses before it against all after it (`mfence`): needed between publishing a ring index and
/// reading the peer's event index.
@inlinable public func fullMemoryBarrier() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
}
