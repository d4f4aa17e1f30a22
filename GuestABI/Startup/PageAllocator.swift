// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// Hands out whole pages of this guest's own RAM, identity mapped below 4 GiB.
enum PageAllocator {
    // SAFETY: set before anything allocates, then touched only with `HeapLock` held.
    nonisolated(unsafe) private static var next: UInt64 = 0
    nonisolated(unsafe) private static var end: UInt64 = 0
    nonisolated(unsafe) private static var freeHead: UInt64 = 0

    /// Uses the RAM from `start` to `end` (addresses, multiples of 4096).
    static func setUp(from start: UInt64, to limit: UInt64) {
        // SAFETY: only the first vCPU runs now.
        unsafe next = start
        unsafe end = limit
    }

    /// `count` pages in a row, or nil when there are none. The caller holds `HeapLock`.
    static func takeUnlocked(count: UInt64) -> GuestFrame? {
        // SAFETY: the lock is held.
        if count == 1, unsafe freeHead != 0 {
            let page = unsafe freeHead
            unsafe freeHead = MappedPage(unsafeAddress: page).load(at: 0, as: UInt64.self)
            return GuestPhysical(rawValue: page).frame
        }
        guard count > 0, count < 1 << 20, unsafe end &- next >= count &<< 12 else { return nil }
        let page = unsafe next
        unsafe next += count &<< 12
        return GuestPhysical(rawValue: page).frame
    }
    /// Bytes that were never taken.
    static var untouchedByteCount: UInt64 {
        // SAFETY: the lock is held.
        HeapLock.withLock { unsafe end &- next }
    }
    static func take(count: UInt64) -> GuestFrame? { HeapLock.withLock { takeUnlocked(count: count) } }

    static func give(_ frame: GuestFrame) {
        HeapLock.withLock {
            // SAFETY: the page is free and identity mapped; the lock is held.
            unsafe MappedPage(unsafeAddress: frame.address.rawValue).store(freeHead, at: 0)
            unsafe freeHead = frame.address.rawValue
        }
    }
}

/// What is left of this guest's memory.
public enum FreeMemory {
    /// Bytes of RAM that neither pages nor the heap have used yet; what they give back they use again themselves.
    public static var byteCount: Int { Int(PageAllocator.untouchedByteCount) }
}

/// Guest-physical page numbers with no memory behind them, for shared info, grants and foreign pages.
public enum UnusedFrames {
    nonisolated(unsafe) private static var next: UInt64 = 0
    nonisolated(unsafe) private static var end: UInt64 = 0

    static func setUp(aboveMemory top: UInt64) {
        let gibibyte: UInt64 = 1 << 30
        let start = (max(top, 4 * gibibyte) + 2 * gibibyte - 1) & ~(gibibyte - 1)
        // SAFETY: only the first vCPU runs now.
        unsafe next = start >> 12
        unsafe end = (start + gibibyte) >> 12
    }

    /// `count` page numbers in a row that nothing else uses, or nil after a gibibyte of them. They are not given back:
    /// a hypervisor may remember what it had there.
    public static func take(count: UInt64 = 1) -> GuestFrame? {
        let first: UInt64? = HeapLock.withLock {
            // SAFETY: the lock is held.
            guard unsafe count <= end &- next else { return nil }
            let first = unsafe next
            unsafe next += count
            return first
        }
        guard let first else { return nil }
        for index in 0..<count { AddressSpace.ensureIdentity(GuestPhysical(rawValue: (first + index) << 12)) }
        return GuestFrame(rawValue: first)
    }
}

/// A page of this guest's RAM, zeroed when taken, given back when the value goes.
@safe public struct GuestPage: ~Copyable {
    public let frame: GuestFrame
    /// The page through the identity map.
    public let memory: MappedPage

    /// Takes a page; nil when the guest's RAM is used up.
    public init?() {
        guard let frame = PageAllocator.take(count: 1) else { return nil }
        self.frame = frame
        memory = MappedPage(unsafeAddress: frame.address.rawValue)
        memory.fill(0)
    }
    /// Gives the page number away for good: its memory went back to the hypervisor or is another's now.
    public consuming func forget() -> GuestFrame {
        let frame = self.frame
        kept = false
        return frame
    }
    private var kept = true
    deinit { if kept { PageAllocator.give(frame) } }
}
