// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// `HYPERVISOR_grant_table_op`. Xen public/grant_table.h. The order of checks is Xen's.
extension Ref<VirtualCPU> {
    /// - Parameters:
    ///   - command: `GNTTABOP_…`; the upper 32 bits are ignored.
    ///   - array: guest-linear address of the first block.
    ///   - count: number of blocks; the upper 32 bits are ignored.
    /// - Returns: 0 when every block was processed, each with its own status.
    ///
    /// Throws `notImplemented` for what PVH guests cannot do, `invalidArgument` for a bad count, `badAddress`
    /// for a block that cannot be read or written (those before it are done).
    public func grantTableOperation(
        _ command: UInt64, _ array: UInt64, _ count: UInt64
    ) throws(XenError) -> Int64 {
        let command = UInt32(truncatingIfNeeded: command)
        let count = UInt32(truncatingIfNeeded: count)
        switch command {
        case GrantTableOperation.mapGrantReference, GrantTableOperation.unmapGrantReference,
            GrantTableOperation.copy, GrantTableOperation.swapGrantReference:
            guard count <= UInt32(Int32.max) else { throw .invalidArgument }
        case GrantTableOperation.setupTable, GrantTableOperation.querySize:
            guard count == 1 else { throw .invalidArgument }
        case GrantTableOperation.setVersion, GrantTableOperation.getVersion:
            guard count <= UInt32(Int32.max) else { throw .invalidArgument }
        default: throw .notImplemented
        }
        switch command {
        case GrantTableOperation.copy: return try copyGrants(array, count)
        case GrantTableOperation.mapGrantReference: return try mapGrants(array, count)
        case GrantTableOperation.unmapGrantReference: return try unmapGrants(array, count)
        case GrantTableOperation.swapGrantReference: return try swapGrants(array, count)
        case GrantTableOperation.setupTable: try setUpGrantTable(array)
        case GrantTableOperation.querySize: try queryGrantTableSize(array)
        case GrantTableOperation.setVersion: try setGrantVersion(array)
        default: try getGrantVersion(array)
        }
        return 0
    }

    // MARK: Lists

    /// True when a list is to be continued by the same call made again: asked after each entry, answered
    /// every eighth.
    @inline(__always)
    private func pauses(_ command: UInt32, _ next: UInt64, _ left: UInt32) -> Bool {
        guard left & 7 == 0, left > 0, shouldPreempt else { return false }
        continueHypercall(HypercallNumber.grantTable, UInt64(command), next, UInt64(left))
        return true
    }
    /// The view of a block in guest memory, translated for writing. Nil if it crosses a page, is not
    /// aligned as C does or has the 32-bit form: such a block is copied in and out.
    @inline(__always)
    private func view<Layout: ABILayout>(
        _ layout: Layout.Type, at address: UInt64
    ) throws(XenError) -> SharedView<Layout>? {
        let offset = Int(truncatingIfNeeded: address & 0xfff)
        guard offset &+ Layout.byteCount <= pageSize, offset & 7 == 0, !callerIs32Bit else { return nil }
        guard let frame = translate(linear: address, forWriting: true) else { throw .badAddress }
        return hypervisor.state.memory.sharedView(layout, in: frame, at: offset)
    }

    private func copyGrants(_ array: UInt64, _ count: UInt32) throws(XenError) -> Int64 {
        let domain = domain
        let memory = hypervisor.state.memory
        var address = array
        var left = count
        // The page of the list is translated once: copying moves no page, so its frame stays the guest's.
        var page: UInt64 = 1
        var pageFrame = MachineFrame(rawValue: 0)
        let is32Bit = callerIs32Bit
        let stride = stride(of: GrantCopyLayout.self)
        while left > 0 {
            let offset = address & 0xfff
            if offset <= UInt64(pageSize &- GrantCopyLayout.byteCount), offset & 7 == 0, !is32Bit {
                if address &- offset != page {
                    guard let frame = translate(linear: address, forWriting: true) else { throw .badAddress }
                    page = address &- offset
                    pageFrame = frame
                }
                let view = memory.sharedView(
                    GrantCopyLayout.self, in: pageFrame, at: Int(truncatingIfNeeded: offset))
                let request = GrantCopyRequest(view)
                let status = result { () throws(GrantStatus) in try domain.copyGrant(request) }
                view.store(UInt16(bitPattern: status), to: .statusBits)
            } else {
                let request = GrantCopyRequest(try copyIn(GrantCopyLayout.self, at: address))
                let status = result { () throws(GrantStatus) in try domain.copyGrant(request) }
                try copyOut(status, field: Field<GrantCopyLayout, Int16>.status, of: address)
            }
            address = address &+ stride
            left &-= 1
            if pauses(GrantTableOperation.copy, address, left) { return 0 }
        }
        return 0
    }
    @inline(__always)
    private func result(_ body: () throws(GrantStatus) -> Void) -> Int16 {
        do throws(GrantStatus) {
            try body()
            return GrantStatusCode.okay
        } catch {
            return error.rawValue
        }
    }

    private func mapGrants(_ array: UInt64, _ count: UInt32) throws(XenError) -> Int64 {
        var address = array
        var left = count
        while left > 0 {
            // Mapping fills a hole: the frame of the block stays where it is meanwhile.
            if let view = try view(GrantMapLayout.self, at: address) {
                let outcome = mapOne(
                    view.load(.hostAddress), view.load(Field<GrantMapLayout, UInt32>.flags),
                    view.load(Field<GrantMapLayout, UInt32>.reference),
                    view.load(Field<GrantMapLayout, UInt16>.domain))
                if outcome.status == GrantStatusCode.okay {
                    view.store(outcome.handle, to: .handle)
                    view.store(outcome.busAddress, to: .deviceBusAddress)
                }
                view.store(UInt16(bitPattern: outcome.status), to: .statusBits)
            } else {
                var block = try copyIn(GrantMapLayout.self, at: address)
                let outcome = mapOne(
                    block[.hostAddress], block[Field<GrantMapLayout, UInt32>.flags],
                    block[Field<GrantMapLayout, UInt32>.reference],
                    block[Field<GrantMapLayout, UInt16>.domain])
                if outcome.status == GrantStatusCode.okay {
                    block[.handle] = outcome.handle
                    block[.deviceBusAddress] = outcome.busAddress
                }
                block[.status] = outcome.status
                try copyOut(block, to: address)
            }
            address = address &+ UInt64(GrantMapLayout.byteCount)
            left &-= 1
            if pauses(GrantTableOperation.mapGrantReference, address, left) { return 0 }
        }
        return 0
    }
    private func mapOne(
        _ hostAddress: UInt64, _ flags: UInt32, _ reference: UInt32, _ granter: UInt16
    ) -> (status: Int16, handle: UInt32, busAddress: UInt64) {
        do throws(GrantStatus) {
            let (handle, frame) = try domain.mapGrant(
                hostAddress: hostAddress, flags: flags, reference: reference, granter: granter)
            return (GrantStatusCode.okay, handle, frame.rawValue &<< 12)
        } catch {
            return (error.rawValue, 0, 0)
        }
    }

    private func unmapGrants(_ array: UInt64, _ count: UInt32) throws(XenError) -> Int64 {
        let domain = domain
        var address = array
        var left = count
        while left > 0 {
            let handle: UInt32
            let host: UInt64
            if let view = try view(GrantUnmapLayout.self, at: address) {
                handle = view.load(.handle)
                host = view.load(Field<GrantUnmapLayout, UInt64>.hostAddress)
            } else {
                let block = try copyIn(GrantUnmapLayout.self, at: address)
                handle = block[.handle]
                host = block[Field<GrantUnmapLayout, UInt64>.hostAddress]
            }
            let status = result { () throws(GrantStatus) in
                try domain.unmapGrant(handle: handle, hostAddress: host)
            }
            // The block itself may have stood in the page that is gone: its address is translated anew.
            if let view = try view(GrantUnmapLayout.self, at: address) {
                view.store(UInt16(bitPattern: status), to: .statusBits)
            } else {
                try copyOut(status, field: Field<GrantUnmapLayout, Int16>.status, of: address)
            }
            address = address &+ UInt64(GrantUnmapLayout.byteCount)
            left &-= 1
            if pauses(GrantTableOperation.unmapGrantReference, address, left) { return 0 }
        }
        return 0
    }

    /// `GNTTABOP_swap_grant_ref`: exchanges entries that nobody has mapped; -12 (`GNTST_eagain`) if somebody
    /// has.
    private func swapGrants(_ array: UInt64, _ count: UInt32) throws(XenError) -> Int64 {
        let domain = domain
        var block = ArgumentBlock<GrantSwapReferencesLayout>()
        var address = array
        var left = count
        while left > 0 {
            try copyIn(&block, byteCount: GrantSwapReferencesLayout.byteCount, at: address)
            let first = block[.referenceA]
            let second = block[Field<GrantSwapReferencesLayout, UInt32>.referenceB]
            let status = result { () throws(GrantStatus) in try domain.swapGrants(first, second) }
            try copyOut(status, field: Field<GrantSwapReferencesLayout, Int16>.status, of: address)
            address = address &+ UInt64(GrantSwapReferencesLayout.byteCount)
            left &-= 1
            if pauses(GrantTableOperation.swapGrantReference, address, left) { return 0 }
        }
        return 0
    }

    // MARK: Single blocks

    /// The domain that a table operation names, for a caller that may ask about it.
    private func tableOwner(_ id: UInt16) throws(GrantStatus) -> Ref<Domain> {
        let target: Ref<Domain>
        if id == DomainID.caller.rawValue {
            target = domain
        } else {
            guard let found = hypervisor.state.domains.find(DomainID(rawValue: id)) else { throw .badDomain }
            target = found
        }
        guard target == domain || domain.state.isPrivileged else { throw .permissionDenied }
        return target
    }

    /// `GNTTABOP_setup_table`: grows the table and tells the gfns of its frames, all ones for those that have
    /// none.
    private func setUpGrantTable(_ address: UInt64) throws(XenError) {
        let block = try copyIn(GrantSetupTableLayout.self, at: address)
        let frameCount = block[Field<GrantSetupTableLayout, UInt32>.frameCount]
        let list = block[Field<GrantSetupTableLayout, UInt64>.frameList]
        var status = GrantStatusCode.okay
        do throws(GrantStatus) {
            let target = try tableOwner(block[.domain])
            guard frameCount <= target.state.grants.maximumFrames else { throw .generalError }
            if frameCount > 0 {
                do throws(XenError) { _ = try target.grantFrame(frameCount &- 1) } catch {
                    throw .generalError
                }
            }
            var index: UInt32 = 0
            while index < frameCount {
                let gfn = target.existingGrantFrame(index).flatMap {
                    hypervisor.state.frames.guestFrame(of: $0)
                }
                do throws(XenError) {
                    try writeLong(gfn?.rawValue ?? .max, list, UInt64(index))
                } catch {
                    throw .badVirtualAddress
                }
                index &+= 1
            }
        } catch {
            status = error.rawValue
        }
        try copyOut(status, field: Field<GrantSetupTableLayout, Int16>.status, of: address)
    }

    /// `GNTTABOP_query_size`.
    private func queryGrantTableSize(_ address: UInt64) throws(XenError) {
        var block = try copyIn(GrantQuerySizeLayout.self, at: address)
        do throws(GrantStatus) {
            let target = try tableOwner(block[.domain])
            // A table has one frame from the start, even if memory for it is taken only on first use.
            block[.frameCount] = max(1, target.state.grants.frameCount)
            block[.maximumFrameCount] = target.state.grants.maximumFrames
            block[.status] = GrantStatusCode.okay
        } catch {
            block[.status] = error.rawValue
        }
        try copyOut(block, to: address)
    }

    /// `GNTTABOP_set_version`: 1 is what we have. The version in use is written back, errors included. Throws
    /// `invalidArgument`, and `notImplemented` for version 2.
    private func setGrantVersion(_ address: UInt64) throws(XenError) {
        let version = try copyIn(GrantSetVersionLayout.self, at: address)[.version]
        try copyOut(UInt32(1), field: Field<GrantSetVersionLayout, UInt32>.version, of: address)
        if version == 2 { throw .notImplemented }
        guard version == 1 else { throw .invalidArgument }
    }

    /// `GNTTABOP_get_version`. Throws `noSuchDomain`, `notPermitted`.
    private func getGrantVersion(_ address: UInt64) throws(XenError) {
        let block = try copyIn(GrantGetVersionLayout.self, at: address)
        do throws(GrantStatus) {
            _ = try tableOwner(block[.domain])
        } catch {
            throw error == .badDomain ? XenError.noSuchDomain : XenError.notPermitted
        }
        try copyOut(UInt32(1), field: Field<GrantGetVersionLayout, UInt32>.version, of: address)
    }
}

extension Ref<Domain> {
    /// Exchanges two entries of this table. Throws `badReference`, `tryAgain` while one of them is mapped.
    func swapGrants(_ first: UInt32, _ second: UInt32) throws(GrantStatus) {
        guard let a = grantEntry(first), let b = grantEntry(second) else { throw .badReference }
        guard first != second else { return }
        guard !isGrantActive(first), !isGrantActive(second) else { throw .tryAgain }
        let whole = Field<GrantEntryV1Layout, UInt64>(at: 0)
        let value = a.load(whole)
        a.store(b.load(whole), to: whole)
        b.store(value, to: whole)
    }
    func isGrantActive(_ reference: UInt32) -> Bool {
        guard let active = activeGrant(reference) else { return false }
        return active[ActiveGrantLayout.readers] | active[ActiveGrantLayout.writers] != 0
    }
}

// The signed status fields, as the unsigned words that are stored atomically.
extension Field<GrantCopyLayout, UInt16> {
    fileprivate static var statusBits: Self { .init(at: Field<GrantCopyLayout, Int16>.status.offset) }
}
extension Field<GrantMapLayout, UInt16> {
    fileprivate static var statusBits: Self { .init(at: Field<GrantMapLayout, Int16>.status.offset) }
}
extension Field<GrantUnmapLayout, UInt16> {
    fileprivate static var statusBits: Self { .init(at: Field<GrantUnmapLayout, Int16>.status.offset) }
}
