// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// Memory operations. `HYPERVISOR_memory_op`, `public/memory.h`.
public enum Memory {
    /// The raw form: changes the reservation of `domain` by a list of extents at a linear address.
    /// `XENMEM_{increase,decrease}_reservation`, `XENMEM_populate_physmap`. Returns how many extents were done, as the
    /// hypervisor says: these calls have no errors.
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

    /// Puts new, zeroed memory at page numbers of `domain`, each the first of `1 << order` pages. `XENMEM_populate_physmap`.
    /// - Returns: how many of them were done, from the first on.
    public static func populate(
        _ frames: [GuestFrame], order: UInt32 = 0, domain: DomainID = .caller,
        flags: ReservationFlags = ReservationFlags()
    ) -> Int {
        change(MemoryOperation.populatePhysmap, frames, order, domain, flags)
    }
    /// Gives the memory at page numbers of `domain` back, `1 << order` pages at each. `XENMEM_decrease_reservation`.
    /// - Returns: how many of them were done, from the first on.
    public static func decrease(_ frames: [GuestFrame], order: UInt32 = 0, domain: DomainID = .caller) -> Int
    {
        change(MemoryOperation.decreaseReservation, frames, order, domain, ReservationFlags())
    }
    /// Asks for memory without a place, of which domains here have none. `XENMEM_increase_reservation`.
    /// - Returns: how many extents were done: 0.
    public static func increase(extentCount: Int, order: UInt32 = 0, domain: DomainID = .caller) -> Int {
        Int(
            changeReservation(
                MemoryOperation.increaseReservation, extents: 0,
                count: UInt64(truncatingIfNeeded: extentCount), order: order, domain: domain))
    }
    private static func change(
        _ operation: UInt32, _ frames: [GuestFrame], _ order: UInt32, _ domain: DomainID,
        _ flags: ReservationFlags
    ) -> Int {
        var list = frames.map { $0.rawValue }
        let count = UInt64(list.count)
        return Int(
            Hypercall.withAddress(of: &list) {
                changeReservation(
                    operation, extents: $0, count: count, order: order, domain: domain, flags: flags.rawValue)
            })
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
    /// Stakes memory for `domain` until it has `pages` in all; 0 gives up what is staked. `XENMEM_claim_pages`.
    /// - Throws: `invalidArgument` for a second claim, less than it has or more than its limit; `noMemory`.
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
    ) throws(XenError) -> OnDemandMemory {
        var block = ArgumentBlock<PoDTargetLayout>()
        block[.domain] = domain.rawValue
        block[.targetPages] = target ?? 0
        try Hypercall.call(
            HypercallNumber.memory,
            target == nil ? MemoryOperation.getPoDTarget : MemoryOperation.setPoDTarget,
            &block)
        return OnDemandMemory(
            total: block[.totalPages], cache: block[.cachePages], entries: block[.entries])
    }
}
