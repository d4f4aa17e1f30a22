// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
public import XenABI

/// Pages of another domain, mapped by grant; the mapping ends when the last owner drops it.
@safe public final class GrantMapping {
    /// The pages.
    public let pages: MappedPages
    private let device: GrantDevice
    private let index: UInt64
    private let count: UInt32
    private var isMapped = true

    fileprivate init(device: GrantDevice, pages: MappedPages, index: UInt64, count: UInt32) {
        self.device = device
        self.pages = pages
        self.index = index
        self.count = count
    }

    /// Has the kernel do this when the mapping ends, however it ends, a crash of this process included.
    ///
    /// - Parameters:
    ///   - clearByteAt: offset of a byte to set to zero.
    ///   - notify: a port to notify.
    public func onUnmap(clearByteAt offset: Int?, notify port: EventPort?) throws(XenCallError) {
        let action: UInt32 = (offset == nil ? 0 : 1) | (port == nil ? 0 : 2)
        let result = sv_gntdev_set_unmap_notify(
            device.file.descriptor, index + UInt64(offset ?? 0), action, port?.rawValue ?? 0)
        guard result >= 0 else {
            throw XenCallError(operation: "IOCTL_GNTDEV_SET_UNMAP_NOTIFY", errno: Int32(-result))
        }
    }

    deinit {
        // The kernel refuses to forget an index whose pages are still mapped, and unmaps the grants when the last
        // page goes; so order does not matter: this marks the index as free to go.
        _ = sv_gntdev_unmap(device.file.descriptor, index, count)
    }
}

/// Grants of other domains, through `/dev/xen/gntdev`.
public final class GrantDevice {
    fileprivate let file: FileHandle

    public init(path: String = "/dev/xen/gntdev") throws(XenCallError) { file = try FileHandle(path) }

    /// Maps grants next to each other, in the order given.
    ///
    /// - Throws: EINVAL if the granter does not offer one of them; then none is mapped.
    public func map(
        _ references: [GrantReference], of domain: DomainID, isWritable: Bool = true
    ) throws(XenCallError) -> GrantMapping {
        let count = references.count
        let detail = "\(count) grants of domain \(domain.rawValue), first \(references.first?.rawValue ?? 0)"
        guard count > 0, count <= 65536 else {
            throw XenCallError(operation: "IOCTL_GNTDEV_MAP_GRANT_REF", errno: EINVAL, detail: detail)
        }
        var index: UInt64 = 0
        // SAFETY: the request has room for `count` references, and is written before the kernel reads it.
        let result = unsafe withUnsafeTemporaryAllocation(byteCount: 16 + 8 * count, alignment: 8) {
            memory -> Int in
            guard let base = memory.baseAddress else { return Int(-ENOMEM) }
            let request = unsafe base.bindMemory(to: sv_map_grants.self, capacity: 1)
            unsafe request.pointee.count = UInt32(count)
            unsafe request.pointee.padding = 0
            unsafe request.pointee.index = 0
            for (number, reference) in references.enumerated() {
                unsafe sv_gntdev_set_reference(
                    request, UInt32(number), UInt32(domain.rawValue), reference.rawValue)
            }
            let result = unsafe sv_gntdev_map(file.descriptor, request)
            index = unsafe request.pointee.index
            return result
        }
        guard result >= 0 else {
            throw XenCallError(operation: "IOCTL_GNTDEV_MAP_GRANT_REF", errno: Int32(-result), detail: detail)
        }
        do {
            let pages = try MappedPages(
                file: file.descriptor, pageCount: count, isWritable: isWritable, offset: index,
                operation: "GNTTABOP_map_grant_ref", detail: detail)
            return GrantMapping(device: self, pages: pages, index: index, count: UInt32(count))
        } catch {
            _ = sv_gntdev_unmap(file.descriptor, index, UInt32(count))
            throw error
        }
    }

    /// Runs the copies of `batch`, in order; what became of each is in `batch` afterwards.
    ///
    /// - Throws: EFAULT and the like if the batch could not be run at all. The failure of one copy is no error here.
    public func copy(_ batch: GrantCopyBatch) throws(XenCallError) {
        guard batch.count > 0 else { return }
        let result = batch.submit(file.descriptor)
        guard result >= 0 else {
            throw XenCallError(
                operation: "IOCTL_GNTDEV_GRANT_COPY", errno: Int32(-result), detail: "\(batch.count) segments"
            )
        }
    }
}

/// Copies between this process's memory and granted pages, to be run by `GrantDevice.copy`. Made once, used often.
@safe public final class GrantCopyBatch {
    private var segments: [sv_grant_copy_segment] = []

    /// - Parameter capacity: number of segments to make room for at the start.
    public init(capacity: Int = 64) { segments.reserveCapacity(capacity) }

    /// Number of segments.
    public var count: Int { segments.count }

    /// Forgets all segments and keeps their memory.
    public func removeAll() { segments.removeAll(keepingCapacity: true) }

    private static func word(_ reference: GrantReference, _ domain: DomainID, _ offset: UInt16) -> UInt64 {
        UInt64(reference.rawValue) | UInt64(offset) << 32 | UInt64(domain.rawValue) << 48
    }

    /// Adds a copy from a granted page.
    ///
    /// - Parameters:
    ///   - offset: first byte in the granted page; `offset + byteCount` at most 4096.
    ///   - destination: `byteCount` bytes of this process, valid until the batch has run. They may cross pages.
    public func append(
        from reference: GrantReference, of domain: DomainID, offset: UInt16, byteCount: UInt16,
        to destination: UnsafeMutableRawPointer
    ) {
        segments.append(
            sv_grant_copy_segment(
                source: Self.word(reference, domain, offset),
                destination: UInt64(UInt(bitPattern: destination)),
                length: byteCount, flags: GrantCopyFlag.sourceIsReference, status: 0))
    }

    /// Adds a copy to a granted page.
    ///
    /// - Parameters:
    ///   - source: `byteCount` bytes of this process, valid until the batch has run. They may cross pages.
    ///   - offset: first byte in the granted page; `offset + byteCount` at most 4096.
    public func append(
        from source: UnsafeRawPointer, to reference: GrantReference, of domain: DomainID, offset: UInt16,
        byteCount: UInt16
    ) {
        segments.append(
            sv_grant_copy_segment(
                source: UInt64(UInt(bitPattern: source)), destination: Self.word(reference, domain, offset),
                length: byteCount, flags: GrantCopyFlag.destinationIsReference, status: 0))
    }

    /// What became of segment `number`: a `GrantStatusCode`.
    public func status(_ number: Int) -> Int16 { segments[number].status }

    /// Number of the first segment that failed, or nil.
    public var firstFailure: Int? { segments.firstIndex { $0.status != GrantStatusCode.okay } }

    fileprivate func submit(_ descriptor: Int32) -> Int {
        // SAFETY: the kernel reads and writes `count` segments; the array is not touched meanwhile.
        unsafe segments.withUnsafeMutableBufferPointer {
            unsafe sv_gntdev_copy(descriptor, UInt32($0.count), $0.baseAddress)
        }
    }
}
