// SPDX-License-Identifier: Apache-2.0
import XenABI

/// Memory laid out as `Layout` that nobody else writes now: a copied-in block, a stopped vCPU's control block.
@safe public struct ABIView<Layout: ABILayout>: BitwiseCopyable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// - Parameter unsafeBase: `Layout.byteCount` mapped bytes, aligned to 8, that outlive the view.
    // SAFETY: the caller vouches for the storage, as documented.
    @inlinable public init(unsafeBase: UnsafeMutableRawPointer) { unsafe base = unsafeBase }
    @inlinable public subscript<Value: BitwiseCopyable>(field: Field<Layout, Value>) -> Value {
        // SAFETY: the layout tests prove offset + size <= byteCount and natural alignment;
        // the owner of the page proves byteCount bytes are mapped.
        get { unsafe base.load(fromByteOffset: field.offset, as: Value.self) }
        nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: field.offset, as: Value.self) }
    }
}
