// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<Domain> {
    /// Checks what must hold of a domain's grants and mappings between operations; nil if it does, else what
    /// does not.
    public func checkGrantInvariants() -> StaticString? {
        if let fault = checkMaptrack() { return fault }
        return checkActiveGrants()
    }
    private func checkMaptrack() -> StaticString? {
        let capacity = state.grants.maptrackFrameCount &* GrantTable.recordsPerFrame
        var live: UInt32 = 0
        var handle: UInt32 = 0
        while handle < capacity {
            defer { handle &+= 1 }
            guard let record = maptrack(handle) else { return "a maptrack page is missing" }
            let flags = record[MaptrackLayout.flags]
            guard flags & MaptrackLayout.live != 0 else { continue }
            live &+= 1
            let frame = MachineFrame(rawValue: UInt64(record[MaptrackLayout.frame]))
            guard
                let granter = hypervisor.state.domains.find(DomainID(rawValue: record[MaptrackLayout.domain]))
            else {
                return "a mapping's granter is gone"
            }
            guard let active = granter.activeGrant(record[MaptrackLayout.reference]),
                active[ActiveGrantLayout.domain] == id.rawValue,
                active[ActiveGrantLayout.frame] == record[MaptrackLayout.frame]
            else { return "the granter does not know of a mapping" }
            guard let mapping = state.physmap.lookup(Self.gfn(of: record)), mapping.type == .grant,
                mapping.frame == frame, mapping.isWritable == (flags & MaptrackLayout.writable != 0)
            else { return "a mapping is not in the map" }
            guard hypervisor.state.frames.pinCount(frame) > 0 else { return "a mapped frame is not pinned" }
            guard hypervisor.state.frames.owner(of: frame) == granter.id else {
                return "a mapped frame changed hands"
            }
        }
        guard live == state.grants.mappingCount else { return "mappings miscounted" }
        var free: UInt32 = 0
        var next = state.grants.firstFreeHandle
        while next != GrantTable.noHandle {
            guard let record = maptrack(next), record[MaptrackLayout.flags] == 0, free < capacity else {
                return "the free list of handles is broken"
            }
            free &+= 1
            next = record[MaptrackLayout.reference]
        }
        guard free &+ live == capacity else { return "handles are lost" }
        var inMap: UInt32 = 0
        var place: GuestFrame? = GuestFrame(rawValue: 0)
        while let from = place {
            place = state.physmap.forEach(from: from, limit: 512) { _, mapping in
                if mapping.type == .grant { inMap &+= 1 }
            }
        }
        guard inMap == live else { return "the map holds a grant that no handle names" }
        return nil
    }
    private func checkActiveGrants() -> StaticString? {
        var activeCount: UInt32 = 0
        var reference: UInt32 = 0
        while reference < state.grants.frameCount &* GrantTable.entriesPerFrame {
            guard let active = activeGrant(reference) else {
                reference = (reference / GrantTable.recordsPerFrame &+ 1) &* GrantTable.recordsPerFrame
                continue
            }
            defer { reference &+= 1 }
            let readers = active[ActiveGrantLayout.readers]
            let writers = active[ActiveGrantLayout.writers]
            guard readers | writers != 0 else {
                guard active[ActiveGrantLayout.frame] == 0, active[ActiveGrantLayout.domain] == 0 else {
                    return "an idle grant holds something"
                }
                continue
            }
            activeCount &+= 1
            let frame = MachineFrame(rawValue: UInt64(active[ActiveGrantLayout.frame]))
            guard hypervisor.state.frames.owner(of: frame) == id else {
                return "an active grant's frame is not ours"
            }
            guard
                let mapper = hypervisor.state.domains.find(
                    DomainID(rawValue: active[ActiveGrantLayout.domain]))
            else {
                return "an active grant's mapper is gone"
            }
            let (foundReaders, foundWriters) = mapper.countMappings(of: reference, of: id)
            guard foundReaders == readers, foundWriters == writers else {
                return "mappings of a grant miscounted"
            }
        }
        guard activeCount == state.grants.activeCount else { return "active grants miscounted" }
        return nil
    }
    /// A frame that the table's directory names, of entries or of active records.
    func grantDirectoryFrame(_ index: Int) -> MachineFrame? {
        guard let directory = state.grants.directory else { return nil }
        let word = hypervisor.state.memory.view(FrameDirectoryLayout.self, in: directory)[
            FrameDirectoryLayout.entry(index & 1023)]
        return word == 0 ? nil : MachineFrame(rawValue: UInt64(word &- 1))
    }
    private func countMappings(of reference: UInt32, of granter: DomainID) -> (
        readers: UInt32, writers: UInt32
    ) {
        var readers: UInt32 = 0
        var writers: UInt32 = 0
        var handle: UInt32 = 0
        while let record = maptrack(handle) {
            handle &+= 1
            let flags = record[MaptrackLayout.flags]
            guard flags & MaptrackLayout.live != 0, record[MaptrackLayout.reference] == reference,
                record[MaptrackLayout.domain] == granter.rawValue
            else { continue }
            if flags & MaptrackLayout.writable != 0 { writers &+= 1 } else { readers &+= 1 }
        }
        return (readers, writers)
    }
}
