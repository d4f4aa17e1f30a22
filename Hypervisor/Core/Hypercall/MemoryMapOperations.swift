// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The E820 map, claims and the populate-on-demand counters of memory_op. Xen public/memory.h.

extension Ref<Domain> {
    /// Entries that `XENMEM_set_memory_map` takes at most.
    static var maximumMemoryMapCount: UInt32 { 1024 }
    /// log2 of the frames that hold `count` packed entries.
    static func memoryMapOrder(_ count: UInt32) -> Int {
        var order = 0
        while UInt64(pageSize) &<< UInt64(order) < UInt64(count) &* UInt64(E820EntryLayout.byteCount) {
            order &+= 1
        }
        return order
    }
    /// Where byte `offset` of the map lies.
    private func memoryMapPlace(_ offset: Int, in frame: MachineFrame) -> (MachineFrame, Int) {
        (
            MachineFrame(rawValue: frame.rawValue &+ UInt64(truncatingIfNeeded: offset / pageSize)),
            offset % pageSize
        )
    }
    /// Gives the domain an empty map with room for `count` entries in place of the one it has. Throws `noMemory`.
    public func resetMemoryMap(count: UInt32) throws(XenError) {
        guard count <= Self.maximumMemoryMapCount else { throw .invalidArgument }
        let hypervisor = hypervisor
        guard
            let frame = hypervisor.state.frames.allocate(
                order: Self.memoryMapOrder(count), owner: .hypervisor)
        else { throw .noMemory }
        freeMemoryMap()
        state.memoryMapFrame = frame
        state.memoryMapCount = count
    }
    /// Writes entry `index` of the map that `resetMemoryMap` made. `type`: an `E820Type`.
    public func setMemoryMapEntry(_ index: UInt32, address: UInt64, size: UInt64, type: UInt32) {
        guard let frame = state.memoryMapFrame, index < state.memoryMapCount else { return }
        let start = Int(index) &* E820EntryLayout.byteCount
        var offset = 0
        while offset < E820EntryLayout.byteCount {
            let word = offset < 8 ? address : offset < 16 ? size : UInt64(type)
            let (place, at) = memoryMapPlace(start &+ offset, in: frame)
            hypervisor.state.memory.storeByte(
                UInt8(truncatingIfNeeded: word &>> UInt64(8 &* (offset & 7))), place, at)
            offset &+= 1
        }
    }
    func freeMemoryMap() {
        guard let frame = state.memoryMapFrame else { return }
        hypervisor.state.frames.free(frame, order: Self.memoryMapOrder(state.memoryMapCount))
        state.memoryMapFrame = nil
        state.memoryMapCount = 0
    }
    /// Gives up what `XENMEM_claim_pages` staked.
    func dropClaim() {
        let hypervisor = hypervisor
        hypervisor.state.frames.claimedFrames &-= min(
            state.claimedPages, hypervisor.state.frames.claimedFrames)
        state.claimedPages = 0
    }
}

extension Ref<VirtualCPU> {
    /// `XENMEM_memory_map`: as many entries as fit, and how many that is. Throws `badAddress`, `notImplemented` for a domain
    /// that has no map or an empty one.
    func memoryMap(_ argument: UInt64) throws(XenError) -> Int64 {
        let block = try copyIn(MemoryMapLayout.self, at: argument)
        guard let frame = domain.state.memoryMapFrame, domain.state.memoryMapCount > 0 else {
            throw .notImplemented
        }
        let count = min(block[.entryCount], domain.state.memoryMapCount)
        let buffer = block[Field<MemoryMapLayout, UInt64>.buffer]
        let total = Int(count) &* E820EntryLayout.byteCount
        var done = 0
        while done < total {
            let run = min(pageSize, total &- done)
            try copyOut(
                run,
                from: MachineFrame(rawValue: frame.rawValue &+ UInt64(truncatingIfNeeded: done / pageSize)),
                offset: 0, to: buffer &+ UInt64(truncatingIfNeeded: done))
            done &+= run
        }
        try copyOut(count, field: Field<MemoryMapLayout, UInt32>.entryCount, of: argument)
        return 0
    }

    /// `XENMEM_set_memory_map`: of any domain by a privileged one, and its own by any. Throws `badAddress`, `invalidArgument`
    /// for more than 1024 entries, `noSuchDomain`, `notPermitted`, `noMemory`.
    func setMemoryMap(_ argument: UInt64) throws(XenError) -> Int64 {
        let block = try copyIn(ForeignMemoryMapLayout.self, at: argument)
        let count = block[Field<ForeignMemoryMapLayout, UInt32>.entryCount]
        let buffer = block[Field<ForeignMemoryMapLayout, UInt64>.buffer]
        guard count <= Ref<Domain>.maximumMemoryMapCount else { throw .invalidArgument }
        let target = try target(block[.domain])
        let hypervisor = hypervisor
        let order = Ref<Domain>.memoryMapOrder(count)
        guard let frame = hypervisor.state.frames.allocate(order: order, owner: .hypervisor) else {
            throw .noMemory
        }
        let total = Int(count) &* E820EntryLayout.byteCount
        var done = 0
        do throws(XenError) {
            while done < total {
                let run = min(pageSize, total &- done)
                try copyIn(
                    run, at: buffer &+ UInt64(truncatingIfNeeded: done),
                    to: MachineFrame(rawValue: frame.rawValue &+ UInt64(truncatingIfNeeded: done / pageSize)),
                    offset: 0)
                done &+= run
            }
        } catch {
            hypervisor.state.frames.free(frame, order: order)
            throw error
        }
        target.freeMemoryMap()
        target.state.memoryMapFrame = frame
        target.state.memoryMapCount = count
        return 0
    }

    /// `XENMEM_claim_pages`: stakes memory for a domain that is being built; 0 pages cancels.
    func claimPages(_ argument: UInt64) throws(XenError) -> Int64 {
        let block = try copyIn(MemoryReservationLayout.self, at: argument)
        let count = block[Field<MemoryReservationLayout, UInt64>.extentCount]
        guard block[Field<MemoryReservationLayout, UInt64>.extentStart] == 0,
            block[Field<MemoryReservationLayout, UInt32>.extentOrder] == 0,
            block[Field<MemoryReservationLayout, UInt32>.flags] == 0
        else { throw .invalidArgument }
        let target = try target(block[.domain])
        guard domain.state.isPrivileged else { throw .notPermitted }
        guard count != 0 else {
            target.dropClaim()
            return 0
        }
        guard target.state.claimedPages == 0, count > target.state.totalPages,
            count <= target.state.maximumPages
        else { throw .invalidArgument }
        let claim = count &- target.state.totalPages
        guard hypervisor.availableFrames(for: nil) >= claim else { throw .noMemory }
        target.state.claimedPages = claim
        hypervisor.state.frames.claimedFrames &+= claim
        return 0
    }

    /// `XENMEM_get_pod_target` and `XENMEM_set_pod_target`. Memory is never populated on demand: the only target is what
    /// the domain has.
    func podTarget(_ argument: UInt64, sets: Bool) throws(XenError) -> Int64 {
        var block = try copyIn(PoDTargetLayout.self, at: argument)
        let target = try target(block[.domain])
        guard domain.state.isPrivileged else { throw .notPermitted }
        let pages = target.state.totalPages
        if sets, block[.targetPages] != pages { throw .notSupported }
        block[.totalPages] = pages
        block[.cachePages] = 0
        block[.entries] = 0
        try copyOut(block, to: argument)
        return 0
    }
}
