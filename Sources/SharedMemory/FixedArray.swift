// SPDX-License-Identifier: Apache-2.0

/// An array of plain values whose storage and size are given at creation and never change; indexes are checked.
///
/// It owns nothing: whoever supplied the storage takes it back. An index out of range is our mistake and traps.
@safe public struct FixedArray<Element: BitwiseCopyable>: BitwiseCopyable {
    @usableFromInline let base: UnsafeMutablePointer<Element>
    public let count: Int
    /// - Parameter unsafeStorage: room for `count` elements, initialised to `initial` here.
    @inlinable public init(unsafeStorage: UnsafeMutableRawPointer, count: Int, repeating initial: Element) {
        // SAFETY: the caller vouches for the storage, as documented.
        unsafe base = unsafeStorage.bindMemory(to: Element.self, capacity: count)
        self.count = count
        unsafe base.initialize(repeating: initial, count: count)
    }
    @inlinable public subscript(index: Int) -> Element {
        get {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            // SAFETY: index is in range.
            return unsafe base[index]
        }
        nonmutating set {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            // SAFETY: index is in range.
            unsafe base[index] = newValue
        }
    }
    /// Access in place, for elements that are changed field by field.
    @inlinable public func withElement<R>(_ index: Int, _ body: (inout Element) -> R) -> R {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        // SAFETY: index is in range; the lock holder is the only user.
        return unsafe body(&base[index])
    }
}
