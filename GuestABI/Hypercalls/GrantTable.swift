// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Grant table operations, and this domain's own table (version 1). `HYPERVISOR_grant_table_op`.
public enum GrantTable {
    /// The raw form: one operation on one block; a whole-call error is thrown, the status is in the block.
    public static func call<Layout: ABILayout>(
        _ operation: UInt32, _ block: inout ArgumentBlock<Layout>, count: UInt64 = 1
    ) throws(XenError) {
        let result = Hypercall.withAddress(of: &block) {
            Hypercall.invoke(HypercallNumber.grantTable, UInt64(operation), $0, count)
        }
        try Hypercall.check(result)
    }

    /// Pages that a domain's table has and may have. `GNTTABOP_query_size`.
    public static func querySize(of domain: DomainID = .caller) throws(GrantStatus) -> GrantTableSize {
        var block = ArgumentBlock<GrantQuerySizeLayout>()
        block[.domain] = domain.rawValue
        guard (try? call(GrantTableOperation.querySize, &block)) != nil else { throw .callFailed }
        try GrantStatus(rawValue: block[.status]).check()
        return GrantTableSize(frameCount: block[.frameCount], maximumFrameCount: block[.maximumFrameCount])
    }
    /// The version of a domain's table: 1. `GNTTABOP_get_version`.
    public static func version(of domain: DomainID = .caller) throws(XenError) -> UInt32 {
        var block = ArgumentBlock<GrantGetVersionLayout>()
        block[.domain] = domain.rawValue
        try call(GrantTableOperation.getVersion, &block)
        return block[.version]
    }
    /// Asks for a version, and returns the one in force. `GNTTABOP_set_version`.
    public static func setVersion(_ version: UInt32) throws(XenError) -> UInt32 {
        var block = ArgumentBlock<GrantSetVersionLayout>()
        block[.version] = version
        try call(GrantTableOperation.setVersion, &block)
        return block[.version]
    }

    /// Grows a domain's table to `frameCount` pages, and names their page numbers as the hypervisor counts: on PVH they are
    /// mapped with `Memory.addToPhysmap` instead. `GNTTABOP_setup_table`.
    /// - Throws: `badDomain`, `permissionDenied`; `generalError` for more pages than the table may have.
    public static func setUp(
        frameCount: UInt32, of domain: DomainID = .caller
    ) throws(GrantStatus) -> [MachineFrame] {
        var frames = [UInt64](repeating: 0, count: Int(frameCount))
        var block = ArgumentBlock<GrantSetupTableLayout>()
        block[.domain] = domain.rawValue
        block[.frameCount] = frameCount
        block[.status] = GrantStatusCode.generalError
        let result = Hypercall.withAddress(of: &frames) {
            block[.frameList] = $0
            return Hypercall.withAddress(of: &block) {
                Hypercall.invoke(HypercallNumber.grantTable, UInt64(GrantTableOperation.setupTable), $0, 1)
            }
        }
        guard result == 0 else { throw .callFailed }
        try GrantStatus(rawValue: block[.status]).check()
        return frames.map { MachineFrame(rawValue: $0) }
    }
    /// Exchanges two entries of this domain's table, neither of which may be in use. `GNTTABOP_swap_grant_ref`.
    /// - Throws: `badReference`; `tryAgain` while one is mapped.
    public static func swap(_ first: GrantReference, _ second: GrantReference) throws(GrantStatus) {
        var block = ArgumentBlock<GrantSwapReferencesLayout>()
        block[.referenceA] = first.rawValue
        block[.referenceB] = second.rawValue
        block[.status] = GrantStatusCode.generalError
        guard (try? call(GrantTableOperation.swapGrantReference, &block)) != nil else { throw .callFailed }
        try GrantStatus(rawValue: block[.status]).check()
    }

    /// Maps a grant of `domain` at a page of this domain's that holds nothing. `GNTTABOP_map_grant_ref`.
    /// - Parameter address: a multiple of the page size.
    /// - Returns: the handle to unmap it with, and the bus address.
    /// - Throws: `badDomain`, `badReference`, `generalError` for flags or an address that cannot be, `noDeviceSpace`,
    ///   `badPage`.
    public static func map(
        _ reference: GrantReference, of domain: DomainID, at address: GuestPhysical,
        flags: GrantMapFlags = .host
    ) throws(GrantStatus) -> (handle: GrantHandle, deviceBusAddress: UInt64) {
        var block = ArgumentBlock<GrantMapLayout>()
        block[.hostAddress] = address.rawValue
        block[.flags] = flags.rawValue
        block[.reference] = reference.rawValue
        block[.domain] = domain.rawValue
        block[.status] = GrantStatusCode.generalError
        guard (try? call(GrantTableOperation.mapGrantReference, &block)) != nil else { throw .callFailed }
        try GrantStatus(rawValue: block[.status]).check()
        return (GrantHandle(rawValue: block[.handle]), block[.deviceBusAddress])
    }
    /// Ends a mapping. `GNTTABOP_unmap_grant_ref`.
    /// - Throws: `badHandle`; `generalError` for another address than it was mapped at.
    public static func unmap(_ handle: GrantHandle, at address: GuestPhysical) throws(GrantStatus) {
        var block = ArgumentBlock<GrantUnmapLayout>()
        block[.hostAddress] = address.rawValue
        block[.handle] = handle.rawValue
        guard (try? call(GrantTableOperation.unmapGrantReference, &block)) != nil else { throw .callFailed }
        try GrantStatus(rawValue: block[.status]).check()
    }
    /// Copies bytes between two pages, either or both of which may be grants. `GNTTABOP_copy`.
    public static func copy(
        from source: GrantCopyEnd, to target: GrantCopyEnd, byteCount: UInt16
    ) throws(GrantStatus) {
        var block = copyBlock(from: source, to: target, byteCount: byteCount)
        guard (try? call(GrantTableOperation.copy, &block)) != nil else { throw .callFailed }
        try GrantStatus(rawValue: block[.status]).check()
    }
    /// The argument block of one copy, for callers that make the call themselves.
    public static func copyBlock(
        from source: GrantCopyEnd, to target: GrantCopyEnd, byteCount: UInt16
    ) -> ArgumentBlock<GrantCopyLayout> {
        var block = ArgumentBlock<GrantCopyLayout>()
        switch source {
        case .reference(let reference, let domain, let offset):
            block[.sourceReference] = reference.rawValue
            block[.sourceDomain] = domain.rawValue
            block[.sourceOffset] = offset
            block[.flags] |= GrantCopyFlag.sourceIsReference
        case .frame(let frame, let domain, let offset):
            block[.sourceFrame] = frame.rawValue
            block[.sourceDomain] = domain.rawValue
            block[.sourceOffset] = offset
        }
        switch target {
        case .reference(let reference, let domain, let offset):
            block[.destinationReference] = reference.rawValue
            block[.destinationDomain] = domain.rawValue
            block[.destinationOffset] = offset
            block[.flags] |= GrantCopyFlag.destinationIsReference
        case .frame(let frame, let domain, let offset):
            block[.destinationFrame] = frame.rawValue
            block[.destinationDomain] = domain.rawValue
            block[.destinationOffset] = offset
        }
        block[.length] = byteCount
        block[.status] = GrantStatusCode.generalError
        return block
    }
}

/// A page of this guest's that another domain may map or copy; both are given back when the value goes.
public struct GrantedPage: ~Copyable {
    public let reference: GrantReference
    public let frame: GuestFrame
    public var memory: MappedPage { MappedPage(unsafeAddress: frame.address.rawValue) }

    /// Takes a page and grants it to `domain`.
    /// - Throws: `noMemory` or `noSpace`, or an error of setting the table up.
    public init(to domain: DomainID, readOnly: Bool = false) throws(XenError) {
        try GrantTable.start()
        SetAsidePages.takeBack()
        guard let page = GuestPage() else { throw .noMemory }
        guard let reference = GrantTable.takeReference() else { throw .noSpace }
        GrantTable.publish(
            page.frame, to: domain,
            flags: GrantEntryFlag.permitAccess | (readOnly ? GrantEntryFlag.readOnly : 0), as: reference)
        self.reference = reference
        frame = page.forget()
    }
    /// The entry's flags as the hypervisor left them.
    public var flags: UInt16 { GrantTable.entry(reference).load(.flags) }
    deinit {
        // A page that a peer still has mapped cannot be used for anything else before the peer lets go of it.
        SetAsidePages.add(frame, reference)
        SetAsidePages.takeBack()
    }
}

/// Another domain's page, mapped through a grant; unmapped when the value goes.
public struct MappedGrant: ~Copyable {
    public let handle: GrantHandle
    public let deviceBusAddress: UInt64
    public let memory: MappedPage
    private var isMapped = true

    public init(_ reference: GrantReference, of domain: DomainID, readOnly: Bool = false) throws(GrantStatus)
    {
        guard let frame = UnusedFrames.take() else { throw .noSpace }
        let mapping = try GrantTable.map(
            reference, of: domain, at: frame.address, flags: readOnly ? .host.union(.readOnly) : .host)
        handle = mapping.handle
        deviceBusAddress = mapping.deviceBusAddress
        memory = MappedPage(unsafeAddress: frame.address.rawValue)
    }
    /// Unmaps now, and says whether the hypervisor agreed.
    public consuming func unmap() throws(GrantStatus) {
        isMapped = false
        try GrantTable.unmap(handle, at: GuestPhysical(rawValue: memory.address))
    }
    deinit { if isMapped { try? GrantTable.unmap(handle, at: GuestPhysical(rawValue: memory.address)) } }
}
