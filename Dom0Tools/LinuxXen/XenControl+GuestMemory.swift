// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
import SharedMemory
public import XenABI

extension XenControl {
    /// Pages mapped at a time when guest memory is written through a mapping.
    private var pagesPerMapping: UInt64 { 1024 }

    /// Copies bytes into a domain's memory.
    ///
    /// The domain must be paused and its vCPU 0 must not have enabled paging: the copy then is one call
    /// (`XEN_DOMCTL_gdbsx_guestmemio`, whose linear addresses are guest-physical ones). Where the hypervisor does not
    /// offer that, the pages are mapped and written here.
    ///
    /// - Parameters:
    ///   - address: guest-physical; all pages up to `address + source.count` must be populated.
    ///   - source: present or pageable memory of this process.
    public func write(_ source: RawSpan, to domain: DomainID, at address: GuestPhysical) throws(XenCallError)
    {
        // SAFETY: the span outlives the call.
        try unsafe source.withUnsafeBytes { bytes throws(XenCallError) in
            try unsafe writeAll(bytes, domain, address)
        }
    }

    private func writeAll(
        _ source: UnsafeRawBufferPointer, _ domain: DomainID, _ address: GuestPhysical
    ) throws(XenCallError) {
        var done = 0
        let piece = 4 << 20
        while done < source.count {
            let count = min(piece, source.count - done)
            // SAFETY: the range lies inside `source`.
            let part = unsafe UnsafeRawBufferPointer(rebasing: source[done..<done + count])
            let target = address.rawValue + UInt64(done)
            if unsafe !copyDirectly(part, domain, target) {
                try unsafe copyThroughMapping(part, domain, target)
            }
            done += count
        }
    }

    /// Copies bytes into memory of a domain that is still all zero, as `write` does, and leaves out what is zero anyway.
    public func writeNonzero(
        _ source: RawSpan, to domain: DomainID, at address: GuestPhysical
    ) throws(XenCallError) {
        // SAFETY: the span outlives the call.
        try unsafe source.withUnsafeBytes { bytes throws(XenCallError) in
            try unsafe writeParts(bytes, domain, address)
        }
    }

    private func writeParts(
        _ source: UnsafeRawBufferPointer, _ domain: DomainID, _ address: GuestPhysical
    ) throws(XenCallError) {
        // Fewer zero pages than this in a row are cheaper to copy than another call.
        let threshold = 4
        guard let base = source.baseAddress else { return }
        var start = 0
        var zeroPages = 0
        var at = 0
        while at < source.count {
            let count = min(pageSize, source.count - at)
            // SAFETY: the range lies inside `source`.
            if unsafe sv_is_zero(base + at, UInt64(count)) != 0 {
                zeroPages += 1
            } else {
                if zeroPages >= threshold {
                    try unsafe writePart(source, start..<at - zeroPages * pageSize, domain, address)
                    start = at
                }
                zeroPages = 0
            }
            at += count
        }
        let pages = (source.count + pageSize - 1) / pageSize
        let end = zeroPages >= threshold ? (pages - zeroPages) * pageSize : source.count
        try unsafe writePart(source, start..<end, domain, address)
    }

    private func writePart(
        _ source: UnsafeRawBufferPointer, _ range: Range<Int>, _ domain: DomainID, _ address: GuestPhysical
    ) throws(XenCallError) {
        guard !range.isEmpty else { return }
        // SAFETY: the caller's range lies inside `source`.
        try unsafe writeAll(
            UnsafeRawBufferPointer(rebasing: source[range]), domain,
            GuestPhysical(rawValue: address.rawValue + UInt64(range.lowerBound)))
    }

    /// Copies bytes into a domain's memory, as the other `write` does.
    public func write(_ bytes: [UInt8], to domain: DomainID, at address: GuestPhysical) throws(XenCallError) {
        // SAFETY: every byte of an array of bytes is initialised.
        try unsafe write(bytes.span.bytes, to: domain, at: address)
    }

    private func copyDirectly(_ source: UnsafeRawBufferPointer, _ domain: DomainID, _ address: UInt64) -> Bool
    {
        guard offersDirectCopy else { return false }
        // The hypervisor cannot wait for a page of ours to come in.
        unsafe sv_touch(source.baseAddress, UInt64(source.count))
        let view = domctl(DomctlOperation.gdbsxGuestMemoryIO, domain, DomctlGuestMemoryIOLayout.self)
        view[.guestAddress] = address
        view[.buffer] = UInt64(UInt(bitPattern: source.baseAddress))
        view[.length] = UInt32(source.count)
        view[.isWrite] = 1
        view[.remaining] = UInt32(source.count)
        do {
            try runDomctl("XEN_DOMCTL_gdbsx_guestmemio")
            return view[.remaining] == 0
        } catch {
            if error.errno != EFAULT { offersDirectCopy = false }
            return false
        }
    }

    private func copyThroughMapping(
        _ source: UnsafeRawBufferPointer, _ domain: DomainID, _ address: UInt64
    ) throws(XenCallError) {
        let page = UInt64(pageSize)
        let end = address + UInt64(source.count)
        var at = address
        while at < end {
            let first = at / page
            let stop = min((first + pagesPerMapping) * page, end)
            let frames = (stop + page - 1) / page - first
            let pages = try map(from: GuestFrame(rawValue: first), count: Int(frames), of: domain)
            // SAFETY: the target lies in the pages just mapped, the source inside `source`.
            unsafe sv_copy(
                pages.base + Int(at - first * page), source.baseAddress.map { unsafe $0 + Int(at - address) },
                stop - at)
            at = stop
        }
    }
}
