// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
import SharedMemory
public import XenABI

/// One range of a domain's memory map.
public struct MemoryRange: Hashable, Sendable {
    public var address: UInt64
    public var byteCount: UInt64
    /// An `E820Type`.
    public var type: UInt32
    public init(address: UInt64, byteCount: UInt64, type: UInt32) {
        self.address = address
        self.byteCount = byteCount
        self.type = type
    }
}

extension XenControl {
    private func memory(
        _ operation: UInt32, _ name: StaticString, _ detail: @autoclosure () -> String
    ) throws(XenCallError) -> Int {
        try call(HypercallNumber.memory, UInt64(operation), blockAddress, name: name, detail: detail())
    }

    /// Extents that one call populates: a page of frame numbers.
    private var extentsPerCall: UInt64 { 512 }

    /// Gives a domain zeroed memory: `count` extents of 2^`order` pages, the first at `first`, one after the other.
    /// `XENMEM_populate_physmap`.
    ///
    /// - Returns: how many extents it got, from the first on. Fewer than `count` when memory is short or a large
    ///   extent cannot be had; that is no error here.
    public func populate(
        _ domain: DomainID, first: GuestFrame, count: UInt64, order: UInt32
    ) throws(XenCallError) -> UInt64 {
        let buffer = try listBuffer(byteCount: Int(extentsPerCall) * 8)
        var done: UInt64 = 0
        while done < count {
            let batch = min(count - done, extentsPerCall)
            // SAFETY: the buffer has room for `extentsPerCall` words.
            let words = unsafe buffer.base.assumingMemoryBound(to: UInt64.self)
            for index in 0..<batch {
                unsafe words[Int(index)] = first.rawValue &+ (done + index) << UInt64(order)
            }
            let view = argument(MemoryReservationLayout.self)
            view[.extentStart] = buffer.address
            view[.extentCount] = batch
            view[.extentOrder] = order
            view[.domain] = domain.rawValue
            let result = try memory(
                MemoryOperation.populatePhysmap, "XENMEM_populate_physmap",
                "domain \(domain.rawValue), \(batch) extents of order \(order) at frame \(hex(first.rawValue))"
            )
            done += min(UInt64(result), batch)
            if UInt64(result) < batch { break }
        }
        return done
    }

    /// Sets `pageCount` pages aside for a domain that is to be populated; 0 gives the claim back.
    /// `XENMEM_claim_pages`.
    ///
    /// - Throws: ENOMEM if fewer are free.
    public func claim(pageCount: UInt64, for domain: DomainID) throws(XenCallError) {
        let view = argument(MemoryReservationLayout.self)
        view[.extentCount] = pageCount
        view[.domain] = domain.rawValue
        _ = try memory(
            MemoryOperation.claimPages, "XENMEM_claim_pages", "domain \(domain.rawValue), \(pageCount) pages")
    }

    /// Pages a domain holds. `XENMEM_current_reservation`.
    public func currentReservation(of domain: DomainID) throws(XenCallError) -> UInt64 {
        argument(MemoryDomainLayout.self)[.domain] = domain.rawValue
        return UInt64(
            try memory(
                MemoryOperation.currentReservation, "XENMEM_current_reservation", "domain \(domain.rawValue)")
        )
    }

    /// Maps a page of `space` (`PhysmapSpace`) at `guestFrame` of a domain. `XENMEM_add_to_physmap`.
    public func addToPhysmap(
        _ domain: DomainID, space: UInt32, index: UInt64, guestFrame: GuestFrame
    ) throws(XenCallError) {
        let view = argument(AddToPhysmapLayout.self)
        view[.domain] = domain.rawValue
        view[.space] = space
        view[.index] = index
        view[.guestFrame] = guestFrame.rawValue
        _ = try memory(
            MemoryOperation.addToPhysmap, "XENMEM_add_to_physmap",
            "domain \(domain.rawValue), space \(space), index \(index), frame \(hex(guestFrame.rawValue))")
    }

    /// Installs the map that the domain's `XENMEM_memory_map` returns. `XENMEM_set_memory_map`.
    public func setMemoryMap(_ map: [MemoryRange], of domain: DomainID) throws(XenCallError) {
        var bytes: [UInt8] = []
        for range in map {
            bytes.append(littleEndian: range.address)
            bytes.append(littleEndian: range.byteCount)
            bytes.append(littleEndian: range.type)
        }
        let buffer = try listBuffer(byteCount: bytes.count)
        buffer.write(bytes, at: 0)
        let view = argument(ForeignMemoryMapLayout.self)
        view[.domain] = domain.rawValue
        view[.entryCount] = UInt32(map.count)
        view[.buffer] = buffer.address
        _ = try memory(
            MemoryOperation.setMemoryMap, "XENMEM_set_memory_map",
            "domain \(domain.rawValue), \(map.count) ranges")
    }

    // MARK: Mapping other domains' pages

    /// Maps frames of a domain next to each other, in the order given. `IOCTL_PRIVCMD_MMAPBATCH_V2`.
    ///
    /// - Throws: what became of the first frame that could not be mapped; then none stays mapped.
    public func map(
        _ frames: [GuestFrame], of domain: DomainID, isWritable: Bool = true
    ) throws(XenCallError) -> MappedPages {
        let words = frames.map(\.rawValue)
        return try mapWords(words, domain, isWritable)
    }

    /// Maps `count` frames of a domain from `first` on.
    public func map(
        from first: GuestFrame, count: Int, of domain: DomainID, isWritable: Bool = true
    ) throws(XenCallError) -> MappedPages {
        try mapWords((0..<UInt64(max(0, count))).map { first.rawValue &+ $0 }, domain, isWritable)
    }

    private func mapWords(
        _ frames: [UInt64], _ domain: DomainID, _ isWritable: Bool
    ) throws(XenCallError) -> MappedPages {
        let name = "IOCTL_PRIVCMD_MMAPBATCH_V2"
        let detail = "domain \(domain.rawValue), \(frames.count) frames from \(hex(frames.first ?? 0))"
        let pages = try MappedPages(
            file: privcmd.descriptor, pageCount: frames.count, isWritable: isWritable, operation: name,
            detail: detail)
        var errors = [Int32](repeating: 0, count: frames.count)
        // SAFETY: both arrays have one element per page and outlive the call.
        let result = unsafe frames.withUnsafeBufferPointer { frames in
            unsafe errors.withUnsafeMutableBufferPointer { errors in
                unsafe sv_privcmd_map_batch(
                    privcmd.descriptor, domain.rawValue, pages.address, UInt32(frames.count),
                    frames.baseAddress,
                    errors.baseAddress)
            }
        }
        if let failed = errors.firstIndex(where: { $0 != 0 }) {
            throw XenCallError(
                operation: name, errno: -errors[failed],
                detail: "domain \(domain.rawValue), frame \(hex(frames[failed]))")
        }
        guard result >= 0 else { throw XenCallError(operation: name, errno: Int32(-result), detail: detail) }
        return pages
    }

    /// Maps frames of a domain's resource, such as its grant table. `IOCTL_PRIVCMD_MMAP_RESOURCE`.
    ///
    /// - Parameters:
    ///   - type: a `ResourceType`.
    ///   - id: which one, such as `GrantTableResource.shared`.
    public func mapResource(
        _ type: UInt16, id: UInt32, frame: UInt32 = 0, count: Int = 1, of domain: DomainID
    ) throws(XenCallError) -> MappedPages {
        let name = "XENMEM_acquire_resource"
        let detail = "domain \(domain.rawValue), resource \(type), id \(id), \(count) frames from \(frame)"
        let pages = try MappedPages(
            file: privcmd.descriptor, pageCount: count, operation: name, detail: detail)
        let result = sv_privcmd_map_resource(
            privcmd.descriptor, domain.rawValue, UInt32(type), id, frame, UInt64(count), pages.address)
        guard result >= 0 else { throw XenCallError(operation: name, errno: Int32(-result), detail: detail) }
        return pages
    }

    /// Number of frames in a domain's resource. `XENMEM_acquire_resource`.
    public func resourceFrameCount(_ type: UInt16, id: UInt32, of domain: DomainID) throws(XenCallError)
        -> UInt32
    {
        let view = argument(AcquireResourceLayout.self)
        view[.domain] = domain.rawValue
        view[.type] = type
        view[.id] = id
        _ = try memory(
            MemoryOperation.acquireResource, "XENMEM_acquire_resource", "domain \(domain.rawValue)")
        return view[.frameCount]
    }
}

extension [UInt8] {
    /// Appends the bytes of `value`, lowest first.
    mutating func append(littleEndian value: some FixedWidthInteger) {
        var rest = value
        for _ in 0..<(value.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
