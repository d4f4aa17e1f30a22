// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// A private copy of one slot: `wordCount` 32-bit words. The peer cannot change it any more.
///
/// Field offsets come from the tables in XenABI; one beyond the slot is our mistake and traps.
public struct RingSlot<let wordCount: Int>: BitwiseCopyable, Sendable {
    @usableFromInline var words: InlineArray<wordCount, UInt32>
    /// A slot of zeros.
    @inlinable public init() { words = InlineArray(repeating: 0) }

    /// The `index`th 32-bit word.
    @inlinable public subscript(word index: Int) -> UInt32 {
        get { words[index] }
        set { words[index] = newValue }
    }
    @inlinable public subscript<Layout>(field: Field<Layout, UInt8>) -> UInt8 {
        get {
            UInt8(
                truncatingIfNeeded: words[field.offset &>> 2]
                    &>> UInt32(truncatingIfNeeded: 8 &* (field.offset & 3)))
        }
        set {
            let shift = UInt32(truncatingIfNeeded: 8 &* (field.offset & 3))
            words[field.offset &>> 2] =
                words[field.offset &>> 2] & ~(0xff &<< shift) | UInt32(newValue) &<< shift
        }
    }
    @inlinable public subscript<Layout>(field: Field<Layout, UInt16>) -> UInt16 {
        get {
            UInt16(
                truncatingIfNeeded: words[field.offset &>> 2]
                    &>> UInt32(truncatingIfNeeded: 8 &* (field.offset & 2)))
        }
        set {
            let shift = UInt32(truncatingIfNeeded: 8 &* (field.offset & 2))
            words[field.offset &>> 2] =
                words[field.offset &>> 2] & ~(0xffff &<< shift) | UInt32(newValue) &<< shift
        }
    }
    @inlinable public subscript<Layout>(field: Field<Layout, UInt32>) -> UInt32 {
        get { words[field.offset &>> 2] }
        set { words[field.offset &>> 2] = newValue }
    }
    /// 64-bit fields need only be aligned to 4: 32-bit guests place them so.
    @inlinable public subscript<Layout>(field: Field<Layout, UInt64>) -> UInt64 {
        get { UInt64(words[field.offset &>> 2]) | UInt64(words[(field.offset &>> 2) &+ 1]) &<< 32 }
        set {
            words[field.offset &>> 2] = UInt32(truncatingIfNeeded: newValue)
            words[(field.offset &>> 2) &+ 1] = UInt32(truncatingIfNeeded: newValue &>> 32)
        }
    }
}
