// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import Synchronization
public import XenABI

/// The pages of one shared ring: the header, then slots. The peer may write any of it at any moment.
///
/// The only file of this module that touches raw memory. Slots are copied word by word, each word once.
@safe public struct RingMemory: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// The four indices.
    public let header: SharedView<SharedRingLayout>
    /// Bytes in one slot: the larger of request and response. A multiple of 4.
    public let slotByteCount: Int
    /// Slots in the ring: a power of two.
    public let slotCount: UInt32

    /// - Parameters:
    ///   - unsafeBase: `pageCount` mapped pages in a row that outlive the value.
    ///   - slotByteCount: bytes in the larger of request and response; a multiple of 4.
    @inlinable public init(unsafeBase: UnsafeMutableRawPointer, pageCount: Int, slotByteCount: Int) {
        precondition(slotByteCount > 0 && slotByteCount & 3 == 0 && pageCount > 0)
        // SAFETY: the caller answers for the pages, as the parameter's doc says; the header is at their start.
        unsafe base = unsafeBase
        header = unsafe SharedView(unsafeBase: unsafeBase)
        self.slotByteCount = slotByteCount
        slotCount = Self.slotCount(pageCount: pageCount, slotByteCount: slotByteCount)
    }

    /// Slots that fit `pageCount` pages after the header, rounded down to a power of two. `__RING_SIZE`.
    @inlinable public static func slotCount(pageCount: Int, slotByteCount: Int) -> UInt32 {
        let whole = (pageCount &* pageSize &- SharedRingLayout.byteCount) / slotByteCount
        var count: UInt32 = 1
        while Int(count) &* 2 <= whole { count &*= 2 }
        return count
    }

    @inlinable @inline(__always) func wordAddress(_ index: UInt32, _ word: Int) -> UnsafeMutablePointer<
        Atomic<UInt32>
    > {
        let offset = SharedRingLayout.byteCount &+ Int(index & (slotCount &- 1)) &* slotByteCount &+ word &* 4
        // SAFETY: the masked index keeps the slot inside the pages, callers keep the word inside the slot, both are
        // aligned to 4, and Atomic<UInt32> is laid out as UInt32.
        return unsafe base.advanced(by: offset).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// Copies the slot of free-running `index` out, each word once.
    @inlinable public func read<let wordCount: Int>(_ index: UInt32, into slot: inout RingSlot<wordCount>) {
        precondition(wordCount &* 4 <= slotByteCount)
        for word in 0..<wordCount {
            // SAFETY: see `wordAddress`.
            slot.words[word] = unsafe wordAddress(index, word).pointee.load(ordering: .relaxed)
        }
    }

    /// Copies `slot` into the slot of free-running `index`.
    @inlinable public func write<let wordCount: Int>(_ slot: RingSlot<wordCount>, to index: UInt32) {
        precondition(wordCount &* 4 <= slotByteCount)
        for word in 0..<wordCount {
            // SAFETY: see `wordAddress`.
            unsafe wordAddress(index, word).pointee.store(slot.words[word], ordering: .relaxed)
        }
    }
}
