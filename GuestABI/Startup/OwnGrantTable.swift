// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// This domain's own grant table, version 1: up to eight pages of 512 entries, mapped as they are needed.
extension GrantTable {
    // SAFETY: one vCPU sets the table up and manages references, with interrupts off.
    nonisolated(unsafe) private static var tableAddress: UInt64 = 0
    nonisolated(unsafe) private static var nextReference: UInt32 = ReservedGrantReference.count
    nonisolated(unsafe) private static var freeReferences: [UInt32] = []
    nonisolated(unsafe) private static var mappedFrames: UInt32 = 0
    private static let entriesPerFrame: UInt32 = 512
    private static let maximumFrames: UInt32 = 8

    /// Maps the first page of the table, once. Errors of the mapping calls pass through.
    public static func start() throws(XenError) {
        // SAFETY: the table is set up by one vCPU, before others use it.
        if unsafe tableAddress != 0 { return }
        guard let frame = UnusedFrames.take(count: UInt64(maximumFrames)) else { throw .noMemory }
        try Memory.addToPhysmap(.grantTable(page: 0), at: frame)
        unsafe tableAddress = frame.address.rawValue
        unsafe mappedFrames = 1
    }
    /// Maps one page more; false when the hypervisor gives no more.
    private static func grow() -> Bool {
        // SAFETY: one vCPU manages references, with interrupts off.
        let count = unsafe mappedFrames
        guard count > 0, count < maximumFrames,
            let frame = GuestPhysical(rawValue: unsafe tableAddress).frame.advanced(by: UInt64(count)),
            (try? Memory.addToPhysmap(.grantTable(page: UInt64(count)), at: frame)) != nil
        else { return false }
        unsafe mappedFrames = count + 1
        return true
    }
    /// An entry that `takeReference` gave, or one of the reserved ones.
    public static func entry(_ reference: GrantReference) -> SharedView<GrantEntryV1Layout> {
        // SAFETY: `start` and `grow` mapped the pages for good.
        precondition(unsafe reference.rawValue < mappedFrames * entriesPerFrame)
        let page = unsafe tableAddress + UInt64(reference.rawValue / entriesPerFrame) << 12
        return MappedPage(unsafeAddress: page).sharedView(
            GrantEntryV1Layout.self,
            at: Int(reference.rawValue % entriesPerFrame) * GrantEntryV1Layout.byteCount)
    }
    /// A reference that is not in use, from 8 on; nil when the table is full.
    public static func takeReference() -> GrantReference? {
        Processor.withoutInterrupts {
            // SAFETY: one vCPU manages references, with interrupts off.
            if let last = unsafe freeReferences.popLast() { return GrantReference(rawValue: last) }
            if unsafe nextReference == mappedFrames * entriesPerFrame, !grow() { return nil }
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
