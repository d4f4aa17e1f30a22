// SPDX-License-Identifier: Apache-2.0
import CGuest
import XenABI

/// The guest's heap: blocks of power-of-two sizes, kept in one free list for each size, cut from whole pages.
///
/// A block carries a 16-byte header before the caller's bytes: where the block starts, and its size class.
/// Safe to use from interrupt handlers and from several vCPUs.
enum Heap {
    /// Free lists by size class; class `n` has blocks of `2^n` bytes. Statically initialised.
    // SAFETY: touched only with `HeapLock` held.
    nonisolated(unsafe) private static var freeLists = FreeLists()
    private struct FreeLists {
        var heads:
            (
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
            ) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    }
    private static let headerBytes = 16
    private static let smallestClass = 5
    private static let largestClass = 21

    /// Memory for `byteCount` bytes at a multiple of `alignment` (a power of two), or nil when there is none.
    static func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        let alignment = max(alignment, 16)
        let (wanted, overflow) = byteCount.addingReportingOverflow(
            headerBytes + (alignment > 16 ? alignment : 0))
        guard byteCount >= 0, !overflow, wanted <= 1 << largestClass else { return nil }
        var sizeClass = smallestClass
        while 1 << sizeClass < wanted { sizeClass += 1 }
        let start = takeBlock(sizeClass)
        guard start != 0 else { return nil }
        let mask = UInt64(alignment) - 1
        let user = (start + UInt64(headerBytes) + mask) & ~mask
        // SAFETY: the block is ours; `user` leaves room for the header before it and `byteCount` bytes after it.
        let pointer = unsafe UnsafeMutableRawPointer(bitPattern: UInt(user))
        unsafe pointer?.storeBytes(of: start, toByteOffset: -16, as: UInt64.self)
        unsafe pointer?.storeBytes(of: UInt64(sizeClass), toByteOffset: -8, as: UInt64.self)
        return unsafe pointer
    }

    /// Gives back a block that `allocate` returned.
    static func release(_ block: UnsafeMutableRawPointer) {
        // SAFETY: the header that `allocate` wrote stands before the block.
        let start = unsafe block.load(fromByteOffset: -16, as: UInt64.self)
        let sizeClass = Int(unsafe block.load(fromByteOffset: -8, as: UInt64.self))
        giveBlock(start, sizeClass)
    }

    private static func takeBlock(_ sizeClass: Int) -> UInt64 {
        HeapLock.withLock {
            let head = readHead(sizeClass)
            if head != 0 {
                // SAFETY: a free block holds the address of the next one in its first word.
                writeHead(
                    sizeClass, unsafe UnsafeRawPointer(bitPattern: UInt(head))?.load(as: UInt64.self) ?? 0)
                return head
            }
            // Blocks below a page are cut from one page; larger ones take pages of their own.
            let size = UInt64(1) << UInt64(sizeClass)
            let pages = max(1, size >> 12)
            guard let first = PageAllocator.takeUnlocked(count: pages) else { return 0 }
            let base = first.address.rawValue
            var offset = size
            while offset < 4096 && size < 4096 {
                link(base + offset, sizeClass)
                offset += size
            }
            return base
        }
    }

    private static func giveBlock(_ start: UInt64, _ sizeClass: Int) {
        HeapLock.withLock { link(start, sizeClass) }
    }

    private static func link(_ block: UInt64, _ sizeClass: Int) {
        // SAFETY: the block is free memory of at least 32 bytes that the heap owns.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(block))?.storeBytes(
            of: readHead(sizeClass), as: UInt64.self)
        writeHead(sizeClass, block)
    }

    private static func readHead(_ sizeClass: Int) -> UInt64 {
        // SAFETY: the tuple has a word for each class up to `largestClass`; the lock is held.
        unsafe withUnsafeBytes(of: &freeLists.heads) {
            unsafe $0.load(fromByteOffset: sizeClass &* 8, as: UInt64.self)
        }
    }
    private static func writeHead(_ sizeClass: Int, _ value: UInt64) {
        // SAFETY: as in `readHead`.
        unsafe withUnsafeMutableBytes(of: &freeLists.heads) {
            unsafe $0.storeBytes(of: value, toByteOffset: sizeClass &* 8, as: UInt64.self)
        }
    }
}

/// Guards the heap and the page allocator: interrupts off, then a spin lock between vCPUs.
enum HeapLock {
    nonisolated(unsafe) private static var word: UInt32 = 0

    static func withLock<R>(_ body: () -> R) -> R {
        Processor.withoutInterrupts {
            // SAFETY: the word is only touched by these two atomic operations.
            while unsafe guest_exchange32(&word, 1) != 0 { Processor.relax() }
            let result = body()
            _ = unsafe guest_exchange32(&word, 0)
            return result
        }
    }
}
