// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
public import SharedMemory
public import XenABI

/// Whole pages in this process's address space, unmapped when the last owner drops them.
@safe public final class MappedPages {
    // SAFETY: who takes the address answers for its bounds and for `self` living as long.
    /// First byte.
    @unsafe public let base: UnsafeMutableRawPointer
    /// Size in bytes, a multiple of the page size.
    public let byteCount: Int

    /// - Parameters:
    ///   - file: descriptor of a device to map; nil for anonymous memory.
    ///   - populate: make the pages present now, so that nothing faults later.
    /// - Throws: `operation` with errno.
    init(
        file: Int32?, pageCount: Int, isWritable: Bool = true, populate: Bool = false, offset: UInt64 = 0,
        operation: String, detail: String = ""
    ) throws(XenCallError) {
        guard pageCount > 0, pageCount <= Int.max / pageSize else {
            throw XenCallError(operation: operation, errno: EINVAL, detail: "\(pageCount) pages. \(detail)")
        }
        var error: Int32 = 0
        byteCount = pageCount * pageSize
        // SAFETY: a new mapping; nothing else uses the range.
        let mapped = unsafe sv_map(
            file ?? -1, UInt64(byteCount), isWritable ? 1 : 0, populate ? 1 : 0, offset, &error)
        guard let start = unsafe mapped else {
            throw XenCallError(operation: operation, errno: error, detail: detail)
        }
        unsafe base = start
    }

    deinit {
        // SAFETY: the range was mapped by `init`, and nobody else unmaps it.
        _ = unsafe munmap(base, byteCount)
    }

    /// All the bytes. They are valid while `self` is.
    @unsafe public var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    /// A block that others may change at any moment.
    ///
    /// - Precondition: the block lies in the pages, and `offset` is a multiple of 8. The view must not outlive `self`.
    public func shared<Layout: ABILayout>(as layout: Layout.Type, at offset: Int = 0) -> SharedView<Layout> {
        precondition(offset >= 0 && offset % 8 == 0 && offset <= byteCount - layout.byteCount)
        // SAFETY: the precondition puts the block inside the mapping.
        return unsafe SharedView(unsafeBase: base + offset)
    }

    /// A block that nobody else changes now.
    ///
    /// - Precondition: the block lies in the pages, and `offset` is a multiple of 8. The view must not outlive `self`.
    public func view<Layout: ABILayout>(as layout: Layout.Type, at offset: Int = 0) -> ABIView<Layout> {
        precondition(offset >= 0 && offset % 8 == 0 && offset <= byteCount - layout.byteCount)
        // SAFETY: the precondition puts the block inside the mapping.
        return unsafe ABIView(unsafeBase: base + offset)
    }

    /// Copies `source` to `offset`.
    ///
    /// - Precondition: it fits.
    public func write(_ source: UnsafeRawBufferPointer, at offset: Int) {
        precondition(offset >= 0 && source.count <= byteCount - offset)
        guard let start = source.baseAddress else { return }
        // SAFETY: the precondition keeps the copy inside the mapping.
        unsafe (base + offset).copyMemory(from: start, byteCount: source.count)
    }

    /// Copies `source` to `offset`.
    ///
    /// - Precondition: it fits.
    public func write(_ source: [UInt8], at offset: Int) {
        // SAFETY: the array outlives the call.
        unsafe source.withUnsafeBytes { unsafe write($0, at: offset) }
    }

    /// A copy of `count` bytes from `offset`.
    ///
    /// - Precondition: they lie in the pages.
    public func read(at offset: Int, count: Int) -> [UInt8] {
        precondition(offset >= 0 && count >= 0 && count <= byteCount - offset)
        // SAFETY: the precondition keeps the range inside the mapping.
        return unsafe [UInt8](UnsafeRawBufferPointer(start: base + offset, count: count))
    }
}
