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
    public func write(
        _ source: UnsafeRawBufferPointer, to domain: DomainID, at address: GuestPhysical
    ) throws(XenCallError) {
        var done = 0
        let piece = 4 << 20
        while done < source.count {
            let count = min(piece, source.count - done)
            // SAFETY: the range lies inside `source`.
            let part = unsafe UnsafeRawBufferPointer(rebasing: source[done..<done + count])
            let target = address.rawValue + UInt64(done)
            if unsafe !copyDirectly(part, domain, target) { try unsafe copyThroughMapping(part, domain, target) }
            done += count
        }
    }

    /// Copies bytes into a domain's memory, as the other `write` does.
    public func write(_ bytes: [UInt8], to domain: DomainID, at address: GuestPhysical) throws(XenCallError) {
        let result = unsafe bytes.withUnsafeBytes { source -> Result<Void, XenCallError> in
            do throws(XenCallError) {
                return .success(try unsafe write(source, to: domain, at: address))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func copyDirectly(_ source: UnsafeRawBufferPointer, _ domain: DomainID, _ address: UInt64) -> Bool {
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
