// SPDX-License-Identifier: Apache-2.0
import SharedMemory
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
}

/// Memory operations. `HYPERVISOR_memory_op`, `public/memory.h`.
public enum Memory {
    /// Changes the reservation of `domain` by a list of extents. `XENMEM_{increase,decrease}_reservation`,
    /// `XENMEM_populate_physmap`. Returns how many extents were done, as the hypervisor says.
    public static func changeReservation(
        _ operation: UInt32, extents: UInt64, count: UInt64, order: UInt32 = 0, domain: DomainID = .caller,
        flags: UInt32 = 0
    ) -> Int64 {
        var block = ArgumentBlock<MemoryReservationLayout>()
        block[.extentStart] = extents
        block[.extentCount] = count
        block[.extentOrder] = order
        block[.flags] = flags
        block[.domain] = domain.rawValue
        return Hypercall.invoke(HypercallNumber.memory, operation, &block)
    }
    /// Puts new, zeroed memory at one page number of `domain`. False when the hypervisor had none or refused.
    public static func populate(_ frame: GuestFrame, domain: DomainID = .caller) -> Bool {
        var list: InlineArray<1, UInt64> = [frame.rawValue]
        return Hypercall.withAddress(of: &list) {
            changeReservation(MemoryOperation.populatePhysmap, extents: $0, count: 1, domain: domain)
        } == 1
    }
    /// Gives the memory at one page number back. False when the hypervisor refused.
    public static func decrease(_ frame: GuestFrame, domain: DomainID = .caller) -> Bool {
        var list: InlineArray<1, UInt64> = [frame.rawValue]
        return Hypercall.withAddress(of: &list) {
            changeReservation(MemoryOperation.decreaseReservation, extents: $0, count: 1, domain: domain)
        } == 1
    }

    private static func query(_ operation: UInt32, _ domain: DomainID) throws(XenError) -> UInt64 {
        var block = ArgumentBlock<MemoryDomainLayout>()
        block[.domain] = domain.rawValue
        return try Hypercall.call(HypercallNumber.memory, operation, &block)
    }
    /// Pages that `domain` has. `XENMEM_current_reservation`.
    public static func currentReservation(of domain: DomainID = .caller) throws(XenError) -> UInt64 {
        try query(MemoryOperation.currentReservation, domain)
    }
    /// Pages that `domain` may have. `XENMEM_maximum_reservation`.
    public static func maximumReservation(of domain: DomainID = .caller) throws(XenError) -> UInt64 {
        try query(MemoryOperation.maximumReservation, domain)
    }
    /// Highest populated page number. `XENMEM_maximum_gpfn`.
    public static func maximumGuestFrame(of domain: DomainID = .caller) throws(XenError) -> UInt64 {
        try query(MemoryOperation.maximumGuestFrame, domain)
    }
    /// Highest page of the machine. `XENMEM_maximum_ram_page`.
    public static func maximumMachinePage() throws(XenError) -> UInt64 {
        try Hypercall.check(
            Hypercall.invoke(HypercallNumber.memory, UInt64(MemoryOperation.maximumRAMPage)))
    }

    /// Maps something of the hypervisor's (`PhysmapSpace`) at a page number. `XENMEM_add_to_physmap`.
    public static func addToPhysmap(
        domain: DomainID = .caller, space: UInt32, index: UInt64, size: UInt16 = 0, at frame: GuestFrame
    ) throws(XenError) {
        var block = ArgumentBlock<AddToPhysmapLayout>()
        block[.domain] = domain.rawValue
        block[.size] = size
        block[.space] = space
        block[.index] = index
        block[.guestFrame] = frame.rawValue
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.addToPhysmap, &block)
    }
    /// Maps one page of another domain at a page number of this one. `XENMEM_add_to_physmap_batch`.
    /// - Returns: the entry's own error number, negated, or 0.
    public static func mapForeign(
        _ foreignFrame: GuestFrame, of domain: DomainID, at frame: GuestFrame
    ) throws(XenError) -> Int32 {
        var indexes: InlineArray<1, UInt64> = [foreignFrame.rawValue]
        var frames: InlineArray<1, UInt64> = [frame.rawValue]
        var errors: InlineArray<1, Int32> = [1]
        var block = ArgumentBlock<AddToPhysmapBatchLayout>()
        block[.domain] = DomainID.caller.rawValue
        block[.space] = UInt16(PhysmapSpace.foreignGuestFrame)
        block[.size] = 1
        block[.foreignDomain] = domain.rawValue
        let result = Hypercall.withAddress(of: &indexes) { indexes in
            Hypercall.withAddress(of: &frames) { frames in
                Hypercall.withAddress(of: &errors) { errors in
                    block[.indexes] = indexes
                    block[.guestFrames] = frames
                    block[.errors] = errors
                    return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.addToPhysmapBatch, &block)
                }
            }
        }
        try Hypercall.check(result)
        return errors[0]
    }
    /// Stakes memory for `domain` until it has `pages` in all; 0 gives up what is staked. `XENMEM_claim_pages`.
    public static func claim(pages: UInt64, for domain: DomainID) throws(XenError) {
        var block = ArgumentBlock<MemoryReservationLayout>()
        block[.extentCount] = pages
        block[.domain] = domain.rawValue
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.claimPages, &block)
    }
    /// Pages of a domain as memory on demand counts them, all of which it has. With a target, asks for that many first.
    /// `XENMEM_get_pod_target`, `XENMEM_set_pod_target`.
    public static func onDemandTarget(
        of domain: DomainID, setting target: UInt64? = nil
    ) throws(XenError) -> (total: UInt64, cache: UInt64, entries: UInt64) {
        var block = ArgumentBlock<PoDTargetLayout>()
        block[.domain] = domain.rawValue
        block[.targetPages] = target ?? 0
        try Hypercall.call(
            HypercallNumber.memory,
            target == nil ? MemoryOperation.getPoDTarget : MemoryOperation.setPoDTarget,
            &block)
        return (block[.totalPages], block[.cachePages], block[.entries])
    }
    /// Number of regions that devices need mapped one to one: 0. `XENMEM_reserved_device_memory_map`.
    public static func reservedDeviceRegionCount() throws(XenError) -> UInt32 {
        var block = ArgumentBlock<ReservedDeviceMemoryMapLayout>()
        block[.entryCount] = 0xFF
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.reservedDeviceMemoryMap, &block)
        return block[.entryCount]
    }
    /// Unmaps a page number. `XENMEM_remove_from_physmap`.
    public static func removeFromPhysmap(_ frame: GuestFrame, domain: DomainID = .caller) throws(XenError) {
        var block = ArgumentBlock<RemoveFromPhysmapLayout>()
        block[.domain] = domain.rawValue
        block[.guestFrame] = frame.rawValue
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.removeFromPhysmap, &block)
    }

    /// Gives `domain` the memory map that it will see: at most 8 regions, the rest is ignored. `XENMEM_set_memory_map`.
    public static func setMemoryMap<let count: Int>(
        of domain: DomainID, to regions: InlineArray<count, MemoryRegion>
    ) throws(XenError) {
        guard let page = GuestPage() else { throw .noMemory }
        let used = min(count, 8)
        for index in 0..<used {
            let start = index * E820EntryLayout.byteCount
            page.memory.store(regions[index].start, at: start)
            page.memory.store(regions[index].byteCount, at: start + 8)
            page.memory.store(regions[index].type, at: start + 16)
        }
        var block = ArgumentBlock<ForeignMemoryMapLayout>()
        block[.domain] = domain.rawValue
        block[.entryCount] = UInt32(used)
        block[.buffer] = page.memory.address
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.setMemoryMap, &block)
    }

    /// Calls `body` for each region of this domain's memory map. `XENMEM_memory_map`.
    /// - Returns: how many regions there are.
    public static func forEachRegion(_ body: (MemoryRegion) -> Void) throws(XenError) -> Int {
        guard let page = GuestPage() else { throw .noMemory }
        return try forEachRegion(through: page.memory, body)
    }
    /// The same, with a page to read the map into.
    static func forEachRegion(
        through buffer: MappedPage, _ body: (MemoryRegion) -> Void
    ) throws(XenError) -> Int {
        // 20-byte packed entries, 128 of them at most.
        var block = ArgumentBlock<MemoryMapLayout>()
        block[.entryCount] = 128
        block[.buffer] = buffer.address
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.memoryMap, &block)
        let count = min(Int(block[.entryCount]), 128)
        for index in 0..<count {
            let start = index * E820EntryLayout.byteCount
            body(
                MemoryRegion(
                    start: buffer.load(at: start, as: UInt64.self),
                    byteCount: buffer.load(at: start + 8, as: UInt64.self),
                    type: buffer.load(at: start + 16, as: UInt32.self)))
        }
        return count
    }
}
