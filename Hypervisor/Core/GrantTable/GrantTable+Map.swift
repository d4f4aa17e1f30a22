// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<Domain> {
    /// Maps a grant of another domain into this one.
    ///
    /// - Parameters:
    ///   - hostAddress: guest-physical address; its page must be a hole of this domain's map.
    ///   - flags: `GNTMAP_host_map`, with or without `GNTMAP_readonly`.
    /// - Returns: the handle and the frame.
    ///
    /// Throws `badReference`, `generalError`, `badDomain`, `noDeviceSpace` (maptrack full), `badPage`, in
    /// Xen's order. Changes nothing on failure.
    func mapGrant(
        hostAddress: UInt64, flags: UInt32, reference: UInt32, granter id: UInt16
    ) throws(GrantStatus) -> (handle: UInt32, frame: MachineFrame) {
        guard flags & (GrantMapFlag.deviceMap | GrantMapFlag.hostMap) != 0 else { throw .badReference }
        guard flags & (GrantMapFlag.deviceMap | GrantMapFlag.applicationMap | GrantMapFlag.containsPTE) == 0
        else {
            throw .generalError
        }
        let hypervisor = hypervisor
        // A dying domain gives out nothing; `DOMID_SELF` is no domain here.
        guard let granter = hypervisor.state.domains.find(DomainID(rawValue: id)),
            granter.state.lifecycle == .alive
        else { throw .badDomain }
        guard let handle = nextHandle(), let record = maptrack(handle) else { throw .noDeviceSpace }
        guard let entry = granter.grantEntry(reference) else { throw .badReference }
        let active: ABIView<ActiveGrantLayout>
        do throws(XenError) { active = try granter.needActiveGrant(reference) } catch { throw .generalError }
        let writing = flags & GrantMapFlag.readOnly == 0
        let frame = try granter.takeGrant(reference, for: self.id, writing: writing, forMapping: true)
        let gfn = GuestFrame(rawValue: hostAddress &>> 12)
        do throws(XenError) {
            // Bits of `flags` beyond those named, and caching attributes in the entry, mean nothing to nested
            // paging.
            let caching =
                GrantEntryFlag.pageWriteThrough | GrantEntryFlag.pageCacheDisable
                | GrantEntryFlag.pageAttributeTable
            guard flags & ~GrantMapFlag.readOnly == GrantMapFlag.hostMap, entry.load(.flags) & caching == 0,
                isFreeForGrant(gfn)
            else { throw .invalidArgument }
            try hypervisor.state.frames.pin(frame)
            do throws(XenError) {
                try state.physmap.map(
                    gfn, to: frame, type: .grant, writable: writing, frames: &hypervisor.state.frames)
            } catch {
                hypervisor.dropPin(frame)
                throw error
            }
        } catch {
            granter.unmark(reference, entry)
            throw .generalError
        }

        if active[ActiveGrantLayout.readers] | active[ActiveGrantLayout.writers] == 0 {
            active[ActiveGrantLayout.frame] = UInt32(truncatingIfNeeded: frame.rawValue)
            active[ActiveGrantLayout.domain] = self.id.rawValue
            granter.state.grants.activeCount &+= 1
        }
        if writing {
            active[ActiveGrantLayout.writers] &+= 1
        } else {
            active[ActiveGrantLayout.readers] &+= 1
        }
        state.grants.firstFreeHandle = record[MaptrackLayout.reference]
        state.grants.mappingCount &+= 1
        record[MaptrackLayout.reference] = reference
        record[MaptrackLayout.domain] = id
        record[MaptrackLayout.frame] = UInt32(truncatingIfNeeded: frame.rawValue)
        record[MaptrackLayout.gfn] = UInt32(truncatingIfNeeded: gfn.rawValue)
        record[MaptrackLayout.flags] =
            MaptrackLayout.live | (writing ? MaptrackLayout.writable : 0)
            | UInt16(truncatingIfNeeded: gfn.rawValue &>> 32) &<< 12
        return (handle, frame)
    }
    /// True for a place of the map that nothing occupies. In the hardware domain, where all that is not RAM
    /// may show devices, a place that nothing but that occupies.
    private func isFreeForGrant(_ gfn: GuestFrame) -> Bool {
        guard PhysicalMap.isInRange(gfn) else { return false }
        switch state.physmap.lookup(gfn)?.type {
        case nil: return true
        case .device: return state.isHardwareDomain
        case .ram, .grant, .foreign, .special, .some(.none): return false
        }
    }

    /// Ends a mapping of this domain.
    ///
    /// - Parameter hostAddress: where it is; 0 means "leave it", unless it is at 0.
    ///
    /// Throws `badHandle` for a handle that names no mapping, `generalError` if the mapping is elsewhere.
    func unmapGrant(handle: UInt32, hostAddress: UInt64) throws(GrantStatus) {
        guard let record = maptrack(handle), record[MaptrackLayout.flags] & MaptrackLayout.live != 0 else {
            throw .badHandle
        }
        let gfn = hostAddress &>> 12
        guard gfn == Self.gfn(of: record).rawValue else {
            if hostAddress == 0 { return }
            throw .generalError
        }
        endMapping(handle, record)
    }
    static func gfn(of record: ABIView<MaptrackLayout>) -> GuestFrame {
        GuestFrame(
            rawValue: UInt64(record[MaptrackLayout.gfn]) | UInt64(record[MaptrackLayout.flags] &>> 12) &<< 32)
    }
    /// Takes a live mapping away: out of the map, off the granter's books, off the frame.
    func endMapping(_ handle: UInt32, _ record: ABIView<MaptrackLayout>) {
        let hypervisor = hypervisor
        let gfn = Self.gfn(of: record)
        let flags = record[MaptrackLayout.flags]
        let reference = record[MaptrackLayout.reference]
        let frame = MachineFrame(rawValue: UInt64(record[MaptrackLayout.frame]))
        let granter = hypervisor.state.domains.find(DomainID(rawValue: record[MaptrackLayout.domain]))
        if let mapping = state.physmap.lookup(gfn), mapping.type == .grant, mapping.frame == frame {
            // Cannot fail: a grant has an entry of its own.
            try? state.physmap.unmap(gfn, frames: &hypervisor.state.frames)
            uncover(gfn)
        }
        freeHandle(handle, record)
        if let granter, let active = granter.activeGrant(reference) {
            if flags & MaptrackLayout.writable != 0 {
                active[ActiveGrantLayout.writers] &-= 1
            } else {
                active[ActiveGrantLayout.readers] &-= 1
            }
            if let entry = granter.grantEntry(reference) { granter.unmark(reference, entry) }
            if active[ActiveGrantLayout.readers] | active[ActiveGrantLayout.writers] == 0 {
                active[ActiveGrantLayout.frame] = 0
                active[ActiveGrantLayout.domain] = 0
                granter.state.grants.activeCount &-= 1
            }
        }
        // Last: this may be the end of the granter.
        hypervisor.dropPin(frame)
    }
}
