// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// The domain a hypercall names, for callers that may act on it: themselves, or a privileged domain on any.
    ///
    /// Throws `noSuchDomain`, also for one that is being destroyed, and `notPermitted`.
    func target(_ id: UInt16) throws(XenError) -> Ref<Domain> {
        if id == DomainID.caller.rawValue || id == domain.id.rawValue { return domain }
        guard let found = hypervisor.state.domains.find(DomainID(rawValue: id)),
            found.state.lifecycle == .alive
        else {
            throw .noSuchDomain
        }
        guard domain.state.isPrivileged else { throw .notPermitted }
        return found
    }

    /// `HYPERVISOR_memory_op`. Bits 6 and up of `command` carry the progress of a call that was preempted.
    /// Xen public/memory.h.
    func memoryOperation(_ command: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        let operation = UInt32(truncatingIfNeeded: command & 63)
        let progress = command &>> 6
        switch operation {
        case MemoryOperation.increaseReservation: return 0
        case MemoryOperation.decreaseReservation, MemoryOperation.populatePhysmap:
            return changeReservation(operation, from: progress, argument)
        case MemoryOperation.addToPhysmap: return try addToPhysmap(from: progress, argument)
        case MemoryOperation.addToPhysmapBatch: return try addToPhysmapBatch(from: progress, argument)
        case MemoryOperation.acquireResource: return try acquireResource(from: progress, argument)
        default: break
        }
        guard progress == 0 else {
            // The groups of operations that Xen keeps apart differ in what they say of an operation that is not theirs.
            switch operation {
            case MemoryOperation.memoryMap, MemoryOperation.setMemoryMap, MemoryOperation.setPoDTarget,
                MemoryOperation.getPoDTarget:
                throw .notImplemented
            default: throw .invalidArgument
            }
        }
        switch operation {
        case MemoryOperation.maximumRAMPage:
            return Int64(truncatingIfNeeded: hypervisor.state.facts.highestFrame)
        case MemoryOperation.currentReservation:
            return Int64(truncatingIfNeeded: try reservationTarget(argument).state.totalPages)
        case MemoryOperation.maximumReservation:
            return Int64(truncatingIfNeeded: min(try reservationTarget(argument).state.maximumPages, 1 << 52))
        case MemoryOperation.maximumGuestFrame:
            return Int64(truncatingIfNeeded: try reservationTarget(argument).state.physmap.highestFrame)
        case MemoryOperation.removeFromPhysmap:
            let block = try copyIn(RemoveFromPhysmapLayout.self, at: argument)
            let target = try target(block[.domain])
            try target.removeMapping(GuestFrame(rawValue: block[.guestFrame]))
            return 0
        case MemoryOperation.memoryMap: return try memoryMap(argument)
        case MemoryOperation.setMemoryMap: return try setMemoryMap(argument)
        case MemoryOperation.claimPages: return try claimPages(argument)
        case MemoryOperation.setPoDTarget: return try podTarget(argument, sets: true)
        case MemoryOperation.getPoDTarget: return try podTarget(argument, sets: false)
        case MemoryOperation.reservedDeviceMemoryMap:
            // No device needs a page of its own at a fixed place: an empty list.
            _ = try copyIn(ReservedDeviceMemoryMapLayout.self, at: argument)
            try copyOut(
                UInt32(0), field: Field<ReservedDeviceMemoryMapLayout, UInt32>.entryCount, of: argument)
            return 0
        case MemoryOperation.exchange:
            let block = try copyIn(MemoryExchangeLayout.self, at: argument)
            // How much was exchanged is told even with an error.
            let count = Field<MemoryExchangeLayout, UInt64>.exchangedCount
            try copyOut(block[count], field: count, of: argument)
            throw .notPermitted
        case MemoryOperation.getVNUMAInfo:
            let block = try copyIn(VNUMATopologyLayout.self, at: argument)
            guard block[Field<VNUMATopologyLayout, UInt16>.padding] == 0 else { throw .invalidArgument }
            _ = try target(block[.domain])
            throw .notSupported
        default: throw .notImplemented
        }
    }

    private func reservationTarget(_ argument: UInt64) throws(XenError) -> Ref<Domain> {
        try target(try read(UInt16.self, at: argument))
    }

    // MARK: Physmap entries

    private func addToPhysmap(from start: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        let block = try copyIn(AddToPhysmapLayout.self, at: argument)
        let space = block[Field<AddToPhysmapLayout, UInt32>.space]
        let size = UInt64(block[Field<AddToPhysmapLayout, UInt16>.size])
        let index = block[Field<AddToPhysmapLayout, UInt64>.index]
        let gfn = block[Field<AddToPhysmapLayout, UInt64>.guestFrame]
        guard space != PhysmapSpace.foreignGuestFrame else { throw .notImplemented }
        let target = try target(block[.domain])
        guard space == PhysmapSpace.guestFrameRange else {
            guard start == 0 else { throw .invalidArgument }
            try target.add(space, index, at: GuestFrame(rawValue: gfn))
            return 0
        }
        guard start <= size else { throw .invalidArgument }
        guard !index.addingReportingOverflow(size).overflow, !gfn.addingReportingOverflow(size).overflow
        else {
            throw .overflow
        }
        var done = start
        while done < size {
            try target.add(PhysmapSpace.guestFrame, index &+ done, at: GuestFrame(rawValue: gfn &+ done))
            done &+= 1
            if done & 63 == 0, done < size, shouldPreempt {
                continueHypercall(
                    HypercallNumber.memory, UInt64(MemoryOperation.addToPhysmap) | done &<< 6, argument)
                return 0
            }
        }
        return 0
    }

    /// `XENMEM_add_to_physmap_batch`: one error per entry, and 0 for the call.
    private func addToPhysmapBatch(from start: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        let block = try copyIn(AddToPhysmapBatchLayout.self, at: argument)
        let space = UInt32(block[Field<AddToPhysmapBatchLayout, UInt16>.space])
        let size = UInt64(block[Field<AddToPhysmapBatchLayout, UInt16>.size])
        let foreign = block[Field<AddToPhysmapBatchLayout, UInt16>.foreignDomain]
        let indexes = block[Field<AddToPhysmapBatchLayout, UInt64>.indexes]
        let frames = block[Field<AddToPhysmapBatchLayout, UInt64>.guestFrames]
        let errors = block[Field<AddToPhysmapBatchLayout, UInt64>.errors]
        let target = try target(block[.domain])
        guard space != PhysmapSpace.guestFrameRange else { throw .notSupported }
        guard space == PhysmapSpace.foreignGuestFrame || foreign == 0 else { throw .invalidArgument }
        guard start <= size else { throw .invalidArgument }
        var done = start
        while done < size {
            let index = try readLong(indexes, done)
            let gfn = GuestFrame(rawValue: try readLong(frames, done))
            var result: Int32 = 0
            do throws(XenError) {
                if space == PhysmapSpace.foreignGuestFrame {
                    try addForeign(foreign, GuestFrame(rawValue: index), to: target, at: gfn)
                } else {
                    try target.add(space, index, at: gfn)
                }
            } catch { result = 0 &- error.rawValue }
            try write(result, at: errors &+ done &* 4)
            done &+= 1
            if done & 31 == 0, done < size, shouldPreempt {
                continueHypercall(
                    HypercallNumber.memory, UInt64(MemoryOperation.addToPhysmapBatch) | done &<< 6, argument)
                return 0
            }
        }
        return 0
    }
    private func addForeign(
        _ id: UInt16, _ source: GuestFrame, to target: Ref<Domain>, at gfn: GuestFrame
    ) throws(XenError) {
        guard domain.state.isPrivileged, target.state.isPrivileged else { throw .notPermitted }
        guard id != DomainID.caller.rawValue else { throw .invalidArgument }
        guard let owner = hypervisor.state.domains.find(DomainID(rawValue: id)),
            owner.state.lifecycle == .alive
        else {
            throw .noSuchDomain
        }
        guard owner != target else { throw .invalidArgument }
        guard let mapping = owner.state.physmap.lookup(source), mapping.type == .ram else {
            throw .invalidArgument
        }
        try target.mapForeign(mapping.frame, at: gfn, writable: mapping.isWritable)
    }

    /// `XENMEM_acquire_resource`: grant frames of another domain at frames of the caller's choice.
    private func acquireResource(from start: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        guard domain.state.isHardwareDomain else { throw .accessDenied }
        let block = try copyIn(AcquireResourceLayout.self, at: argument)
        let list = block[Field<AcquireResourceLayout, UInt64>.frameList]
        let count = UInt64(block[Field<AcquireResourceLayout, UInt32>.frameCount])
        let first = block[Field<AcquireResourceLayout, UInt64>.frame]
        guard block[.padding] == 0 else { throw .invalidArgument }
        let owner = try target(block[.domain])
        switch block[.type] {
        case ResourceType.grantTable: break
        case ResourceType.ioreqServer, ResourceType.vmtraceBuffer: throw .notSupported
        default: throw .invalidArgument
        }
        guard block[.id] == GrantTableResource.shared else { throw .invalidArgument }
        let maximum = UInt64(owner.state.grants.maximumFrames)
        if list == 0 {
            guard count == 0 else { throw .invalidArgument }
            try copyOut(
                UInt32(truncatingIfNeeded: maximum), field: Field<AcquireResourceLayout, UInt32>.frameCount,
                of: argument)
            return 0
        }
        guard first <= maximum, count <= maximum &- first, start <= count else { throw .invalidArgument }
        var done = start
        while done < count {
            let gfn = GuestFrame(rawValue: try readLong(list, done))
            let frame = try owner.grantFrame(UInt32(truncatingIfNeeded: first &+ done))
            try domain.mapForeign(frame, at: gfn, writable: true)
            done &+= 1
            if done & 31 == 0, done < count, shouldPreempt {
                continueHypercall(
                    HypercallNumber.memory, UInt64(MemoryOperation.acquireResource) | done &<< 6, argument)
                return 0
            }
        }
        return 0
    }
}

extension Ref<Domain> {
    /// Adds one page to the physmap. Throws what `XENMEM_add_to_physmap` returns.
    func add(_ space: UInt32, _ index: UInt64, at gfn: GuestFrame) throws(XenError) {
        guard state.lifecycle == .alive else { throw .noSuchDomain }
        switch space {
        case PhysmapSpace.sharedInfo:
            guard index == 0 else { throw .invalidArgument }
            try mapSpecial(state.sharedInfoFrame, at: gfn)
        case PhysmapSpace.grantTable:
            // Status frames belong to version 2 of the table, which is not offered.
            guard index < UInt64(state.grants.maximumFrames) else { throw .invalidArgument }
            try mapSpecial(try grantFrame(UInt32(truncatingIfNeeded: index)), at: gfn)
        case PhysmapSpace.guestFrame: try moveRAM(from: GuestFrame(rawValue: index), to: gfn)
        default: throw .invalidArgument
        }
    }
}
