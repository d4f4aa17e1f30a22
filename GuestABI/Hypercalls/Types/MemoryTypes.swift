// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// One region of a memory map; `type` as `E820Type`.
public struct MemoryRegion: Equatable, BitwiseCopyable, Sendable {
    public var start: UInt64
    public var byteCount: UInt64
    public var type: UInt32
    public init(start: UInt64, byteCount: UInt64, type: UInt32) {
        self.start = start
        self.byteCount = byteCount
        self.type = type
    }
    /// First address after the region; the end of the address space if it would wrap.
    public var end: UInt64 {
        let (sum, overflow) = start.addingReportingOverflow(byteCount)
        return overflow ? UInt64.max : sum
    }
    /// Reads an `E820EntryLayout` that starts at byte `start`.
    public init(from source: HypercallBuffer, at start: Int) {
        typealias Long = Field<E820EntryLayout, UInt64>
        self.init(
            start: source[Long.address, at: start], byteCount: source[Long.size, at: start],
            type: source[Field<E820EntryLayout, UInt32>.type, at: start])
    }
    /// The list of regions as a call takes it: 20 bytes each, packed.
    public static func buffer(_ regions: [MemoryRegion]) -> HypercallBuffer {
        typealias Long = Field<E820EntryLayout, UInt64>
        var buffer = HypercallBuffer(byteCount: regions.count * E820EntryLayout.byteCount)
        for index in 0..<regions.count {
            let start = index * E820EntryLayout.byteCount
            buffer[Long.address, at: start] = regions[index].start
            buffer[Long.size, at: start] = regions[index].byteCount
            buffer[Field<E820EntryLayout, UInt32>.type, at: start] = regions[index].type
        }
        return buffer
    }
}

/// What a guest's page number stands for, as `XEN_DOMCTL_getpageframeinfo3` tells. `XEN_DOMCTL_PFINFO_…`.
public struct PageKind: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Ordinary memory. `XEN_DOMCTL_PFINFO_NOTAB`.
    public static var memory: PageKind { PageKind(rawValue: PageFrameType.none) }
    /// Nothing. `XEN_DOMCTL_PFINFO_XTAB`.
    public static var hole: PageKind { PageKind(rawValue: PageFrameType.invalid) }
    /// Memory that could not be read. `XEN_DOMCTL_PFINFO_BROKEN`.
    public static var broken: PageKind { PageKind(rawValue: PageFrameType.broken) }
}

/// How memory is asked for. `XENMEMF_…`, `public/memory.h`.
public struct ReservationFlags: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// The page comes when it is first used: not offered here. `XENMEMF_populate_on_demand`.
    public static var populateOnDemand: ReservationFlags {
        ReservationFlags(rawValue: MemoryFlag.populateOnDemand)
    }
    /// From the node that was named, or not at all. `XENMEMF_exact_node_request`.
    public static var exactNode: ReservationFlags { ReservationFlags(rawValue: MemoryFlag.exactNode) }
}

/// Pages of a domain as memory on demand counts them. `struct xen_pod_target`, `public/memory.h`.
public struct OnDemandMemory: Equatable, BitwiseCopyable, Sendable {
    public var total: UInt64
    public var cache: UInt64
    public var entries: UInt64
    public init(total: UInt64, cache: UInt64, entries: UInt64) {
        self.total = total
        self.cache = cache
        self.entries = entries
    }
}

/// A copy to or from another domain's memory that ended early. `struct xen_domctl_gdbsx_memio`, `public/domctl.h`.
public struct GuestMemoryError: Error, Equatable, BitwiseCopyable, Sendable {
    public var error: XenError
    /// Bytes at the end that were not copied.
    public var remaining: UInt32
    public init(error: XenError, remaining: UInt32) {
        self.error = error
        self.remaining = remaining
    }
}

/// A byte address as a guest's own page tables translate it.
public struct GuestLinear: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Pages of a domain that are not its memory. `XENMEM_resource_…`, `public/memory.h`.
public struct DomainResource: Hashable, BitwiseCopyable, Sendable {
    /// `type`, and which of that type.
    public var type: UInt16
    public var id: UInt32
    public init(type: UInt16, id: UInt32) {
        self.type = type
        self.id = id
    }
    /// The entries of its grant table. `XENMEM_resource_grant_table_id_shared`.
    public static var grantTable: DomainResource {
        DomainResource(type: ResourceType.grantTable, id: GrantTableResource.shared)
    }
    /// The status words of a version 2 table. `XENMEM_resource_grant_table_id_status`.
    public static var grantStatus: DomainResource {
        DomainResource(type: ResourceType.grantTable, id: GrantTableResource.status)
    }
    /// Requests for a device model. `XENMEM_resource_ioreq_server`.
    public static func ioreqServer(_ id: UInt32) -> DomainResource {
        DomainResource(type: ResourceType.ioreqServer, id: id)
    }
}

/// What a page number is to stand for. `XENMAPSPACE_…`, `public/memory.h`.
public enum PhysmapSource: Hashable, BitwiseCopyable, Sendable {
    /// The domain's page of events and clocks. `XENMAPSPACE_shared_info`.
    case sharedInfo
    /// A page of the domain's grant table, made if need be. `XENMAPSPACE_grant_table`.
    case grantTable(page: UInt64)
    /// A page of the domain's memory, which moves. `XENMAPSPACE_gmfn`.
    case page(GuestFrame)
    /// As many pages of the domain's memory, from one on. `XENMAPSPACE_gmfn_range`.
    case pages(GuestFrame, count: UInt16)

    /// `space`, `idx` and `size` of the argument.
    public var arguments: (space: UInt32, index: UInt64, size: UInt16) {
        switch self {
        case .sharedInfo: (PhysmapSpace.sharedInfo, 0, 0)
        case .grantTable(let page): (PhysmapSpace.grantTable, page, 0)
        case .page(let frame): (PhysmapSpace.guestFrame, frame.rawValue, 0)
        case .pages(let first, let count): (PhysmapSpace.guestFrameRange, first.rawValue, count)
        }
    }
}
