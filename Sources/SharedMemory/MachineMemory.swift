// SPDX-License-Identifier: Apache-2.0
import XenABI

/// The machine's memory as the hypervisor sees it: one linear window in which machine address 0 is `base`.
///
/// On hardware the window is the direct map; in tests it is an allocated arena. A frame number handed to these methods
/// comes from the frame allocator or from a physmap entry of RAM type, never from a guest; one beyond the window is our
/// mistake and traps.
@safe public struct MachineMemory: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// Number of 4096-byte frames in the window.
    public let frameCount: UInt64
    @inlinable public init(unsafeBase: UnsafeMutableRawPointer, frameCount: UInt64) {
        // SAFETY: the caller vouches for the window, which is never unmapped.
        unsafe base = unsafeBase
        self.frameCount = frameCount
    }

    @inlinable @inline(__always)
    func pointer(_ frame: MachineFrame, _ offset: Int, _ byteCount: Int) -> UnsafeMutableRawPointer {
        precondition(
            frame.rawValue < frameCount && offset >= 0 && byteCount >= 0 && offset &+ byteCount <= pageSize)
        // SAFETY: the frame is inside the window and the bytes inside the frame.
        return unsafe base.advanced(by: Int(truncatingIfNeeded: frame.rawValue &<< 12) &+ offset)
    }
    /// Where a frame is mapped: for handing a page to code that needs raw storage (stacks, tables, control blocks).
    @unsafe @inlinable public func unsafePointer(to frame: MachineFrame) -> UnsafeMutableRawPointer {
        unsafe pointer(frame, 0, pageSize)
    }
    /// Memory that only the hypervisor, or a stopped vCPU, touches.
    @inlinable public func view<Layout: ABILayout>(
        _ layout: Layout.Type, in frame: MachineFrame, at offset: Int = 0
    ) -> ABIView<Layout> {
        // SAFETY: in range by `pointer`; direct-map memory is never unmapped.
        unsafe ABIView(unsafeBase: pointer(frame, offset, Layout.byteCount))
    }
    /// Memory that a guest may write at any moment.
    @inlinable public func sharedView<Layout: ABILayout>(
        _ layout: Layout.Type, in frame: MachineFrame, at offset: Int = 0
    ) -> SharedView<Layout> {
        // SAFETY: in range by `pointer`; direct-map memory is never unmapped.
        unsafe SharedView(unsafeBase: pointer(frame, offset, Layout.byteCount))
    }
    /// The `index`th 64-bit word of a frame (0 to 511), read once.
    @inlinable public func loadWord(_ frame: MachineFrame, _ index: Int) -> UInt64 {
        sharedView(PageOfWords.self, in: frame).load(PageOfWords.words.element(index & 511))
    }
    @inlinable public func storeWord(_ value: UInt64, _ frame: MachineFrame, _ index: Int) {
        sharedView(PageOfWords.self, in: frame).store(value, to: PageOfWords.words.element(index & 511))
    }
    /// Fills `count` frames from `frame` on with zeroes. Not inlined: with the size in sight the compiler clears by four
    /// bytes a step, `memset` by eight.
    @inlinable @inline(never) public func zero(_ frame: MachineFrame, count: UInt64 = 1) {
        precondition(frame.rawValue < frameCount && count <= frameCount &- frame.rawValue)
        // SAFETY: in range.
        unsafe base.advanced(by: Int(truncatingIfNeeded: frame.rawValue &<< 12))
            .initializeMemory(as: UInt8.self, repeating: 0, count: Int(truncatingIfNeeded: count &<< 12))
    }
    /// Copies bytes between two frames, each run within its page. The runs may overlap.
    @inlinable public func copy(
        _ byteCount: Int, from source: MachineFrame, at sourceOffset: Int, to target: MachineFrame,
        at targetOffset: Int
    ) {
        let from = unsafe pointer(source, sourceOffset, byteCount)
        // SAFETY: both runs are in range.
        unsafe pointer(target, targetOffset, byteCount).copyMemory(from: from, byteCount: byteCount)
    }
    /// An integer anywhere in a frame, read once.
    @inlinable public func load<Word: FixedWidthInteger & BitwiseCopyable>(
        _ type: Word.Type, _ frame: MachineFrame, _ offset: Int
    ) -> Word {
        // SAFETY: in range by `pointer`.
        unsafe pointer(frame, offset, MemoryLayout<Word>.size).loadUnaligned(as: Word.self)
    }
    @inlinable public func store<Word: FixedWidthInteger & BitwiseCopyable>(
        _ value: Word, _ frame: MachineFrame, _ offset: Int
    ) {
        // SAFETY: in range by `pointer`.
        unsafe pointer(frame, offset, MemoryLayout<Word>.size).storeBytes(of: value, as: Word.self)
    }
    /// One byte of a frame.
    @inlinable public func loadByte(_ frame: MachineFrame, _ offset: Int) -> UInt8 {
        // SAFETY: in range by `pointer`.
        unsafe pointer(frame, offset, 1).load(as: UInt8.self)
    }
    @inlinable public func storeByte(_ value: UInt8, _ frame: MachineFrame, _ offset: Int) {
        // SAFETY: in range by `pointer`.
        unsafe pointer(frame, offset, 1).storeBytes(of: value, as: UInt8.self)
    }
}

/// A page read as 512 words of 64 bits.
public enum PageOfWords: ABILayout {
    @inlinable public static var byteCount: Int { 4096 }
    @inlinable public static var words: Field<PageOfWords, UInt64> { .init(at: 0) }
}
