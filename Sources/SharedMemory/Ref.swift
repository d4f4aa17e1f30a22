// SPDX-License-Identifier: Apache-2.0

/// A reference to a value in type-stable storage: a slot that holds values of this one type for ever.
///
/// No reference count, no allocation: what the hypervisor's hot paths use in place of classes. The storage comes from
/// a `RefSlots` table or from start-up code and is never given back for another use, so a stale reference reads a
/// valid value of the same type, never foreign memory.
@safe public struct Ref<Value: ~Copyable>: BitwiseCopyable, Equatable, @unchecked Sendable {
    @usableFromInline let pointer: UnsafeMutablePointer<Value>
    /// - Parameter unsafePointer: initialised storage that is never freed.
    // SAFETY: the caller vouches for the storage, as documented.
    @inlinable public init(unsafePointer: UnsafeMutablePointer<Value>) { unsafe pointer = unsafePointer }
    /// The value. The owner of the lock that guards it is the only one who may look.
    @inlinable public var state: Value {
        // SAFETY: storage is initialised and type-stable by construction.
        unsafeAddress { unsafe UnsafePointer(pointer) }
        nonmutating unsafeMutableAddress { unsafe pointer }
    }
    @inlinable public static func == (a: Self, b: Self) -> Bool { unsafe a.pointer == b.pointer }
}
