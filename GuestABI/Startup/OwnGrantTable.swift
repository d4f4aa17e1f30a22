// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// This domain's own grant table, version 1, its first page.
extension GrantTable {
    // SAFETY: one vCPU sets the table up and manages references, with interrupts off.
    nonisolated(unsafe) private static var tableAddress: UInt64 = 0
    nonisolated(unsafe) private static var nextReference: UInt32 = ReservedGrantReference.count
    nonisolated(unsafe) private static var freeReferences: [UInt32] = []
    private static let entriesPerFrame: UInt32 = 512

    /// Maps the first page of the table, once. Errors of the mapping calls pass through.
    public static func start() throws(XenError) {
        // SAFETY: the table is set up by one vCPU, before others use it.
        if unsafe tableAddress != 0 { return }
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        try Memory.addToPhysmap(space: PhysmapSpace.grantTable, index: 0, at: frame)
        unsafe tableAddress = frame.address.rawValue
    }
    /// An entry of the first table page.
    public static func entry(_ reference: GrantReference) -> SharedView<GrantEntryV1Layout> {
        precondition(reference.rawValue < entriesPerFrame)
        // SAFETY: `start` mapped the page for good.
        return MappedPage(unsafeAddress: unsafe tableAddress)
            .sharedView(GrantEntryV1Layout.self, at: Int(reference.rawValue) * GrantEntryV1Layout.byteCount)
    }
    /// A reference that is not in use, from 8 on; nil when the page is full.
    public static func takeReference() -> GrantReference? {
        Processor.withoutInterrupts {
            // SAFETY: one vCPU manages references, with interrupts off.
            if let last = unsafe freeReferences.popLast() { return GrantReference(rawValue: last) }
            guard unsafe nextReference < entriesPerFrame else { return nil }
            defer { unsafe nextReference += 1 }
            return GrantReference(rawValue: unsafe nextReference)
        }
    }
    public static func giveReference(_ reference: GrantReference) {
        Processor.withoutInterrupts { unsafe freeReferences.append(reference.rawValue) }
    }
    /// Publishes an entry: frame and domain first, then the flags that make it valid.
    public static func publish(
        _ frame: GuestFrame, to domain: DomainID, flags: UInt16, as reference: GrantReference
    ) {
        let entry = entry(reference)
        entry.store(domain.rawValue, to: .domain)
        entry.store(UInt32(truncatingIfNeeded: frame.rawValue), to: .frame)
        entry.store(flags, to: .flags)
    }
    /// Takes an entry back; false while it is in use.
    public static func revoke(_ reference: GrantReference) -> Bool {
        let entry = entry(reference)
        while true {
            let flags = entry.load(.flags)
            if flags & (GrantEntryFlag.reading | GrantEntryFlag.writing) != 0 { return false }
            if entry.compareExchange(at: .flags, expected: flags, desired: 0) == flags { return true }
        }
    }
}
