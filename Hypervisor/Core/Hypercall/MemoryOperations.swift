// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// The domain a hypercall names, for callers that may act on it: themselves, or a privileged domain on any.
    ///
    /// Throws `noSuchDomain`, also for one that is being destroyed, and `notPermitted`.
    func target(_ id: UInt16) throws(XenError) -> Ref<Domain> {
        if id == DomainID.caller.rawValue || id == domain.id.rawValue { return domain }
        guard let found = hypervisor.state.domains.find(DomainID(rawValue: id)), found.state.lifecycle == .alive else {
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
        guard progress == 0 else { throw .invalidArgument }
        switch operation {
        case MemoryOperation.maximumRAMPage: return Int64(truncatingIfNeeded: hypervisor.state.facts.highestFrame)
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
            try copyOut(
                UInt32(0), field: Field<ReservedDeviceMemoryMapLayout, UInt32>.entryCount, of: argument)
            return 0
        case MemoryOperation.exchange: throw .notPermitted
        case MemoryOperation.getVNUMAInfo: throw .notSupported
        default: throw .notImplemented
        }
    }

    private func reservationTarget(_ argument: UInt64) throws(XenError) -> Ref<Domain> {
        try target(try read(UInt16.self, at: argument))
    }

    // MARK: Populate and decrease

    /// Reads the reservation at a guest address: in place where it lies within a page, as C aligns it.
    private func reservation(_ argument: UInt64) throws(XenError) -> MemoryReservation {
        let offset = Int(truncatingIfNeeded: argument & 0xfff)
        guard offset & 7 == 0, offset <= pageSize &- MemoryReservationLayout.byteCount else {
            return MemoryReservation(try copyIn(MemoryReservationLayout.self, at: argument))
        }
        guard let frame = translate(linear: argument, forWriting: false) else { throw .badAddress }
        return MemoryReservation(
            hypervisor.state.memory.sharedView(MemoryReservationLayout.self, in: frame, at: offset))
    }
    /// Reads up to `limit` frame numbers from a list, no further than its page, into `chunk`. Returns how many.
    private func readFrames(
        _ address: UInt64, limit: UInt64, into chunk: inout InlineArray<16, UInt64>
    ) throws(XenError) -> UInt64 {
        let offset = address & 0xfff
        guard offset & 7 == 0 else {
            chunk[0] = try read(UInt64.self, at: address)
            return 1
        }
        guard let frame = translate(linear: address, forWriting: false) else { throw .badAddress }
        let count = min(limit, 16, (4096 &- offset) &>> 3)
        let view = hypervisor.state.memory.sharedView(PageOfWords.self, in: frame)
        let first = Int(truncatingIfNeeded: offset &>> 3)
        var index = 0
        while index < Int(truncatingIfNeeded: count) {
            chunk[index] = view.load(PageOfWords.words.element(first &+ index))
            index &+= 1
        }
        return count
    }

    /// `XENMEM_populate_physmap` and `XENMEM_decrease_reservation`: the result is the number of extents done, whatever ended
    /// the work.
    private func changeReservation(_ operation: UInt32, from start: UInt64, _ argument: UInt64) -> Int64 {
        var index = start
        do throws(XenError) {
            let request = try reservation(argument)
            let count = request.extentCount
            guard count <= UInt64(UInt32.max &>> 6), start < count,
                request.order <= (domain.state.isPrivileged ? 18 : 9)
            else { return Int64(truncatingIfNeeded: index) }
            let order = Int(truncatingIfNeeded: request.order)
            let populates = operation == MemoryOperation.populatePhysmap
            // Memory is never populated on demand: who counts on that is told by getting none.
            guard !populates || request.flags & MemoryFlag.populateOnDemand == 0 else {
                return Int64(truncatingIfNeeded: index)
            }
            let target = try target(request.domain)
            guard target.state.lifecycle == .alive else { return Int64(truncatingIfNeeded: index) }
            var chunk = InlineArray<16, UInt64>(repeating: 0)
            var pages: UInt64 = 0
            while index < count {
                let read = try readFrames(request.list &+ index &* 8, limit: count &- index, into: &chunk)
                let end = index &+ read
                var at = 0
                while index < end {
                    let gfn = GuestFrame(rawValue: chunk[at])
                    at &+= 1
                    if populates {
                        guard try populate(target, gfn, order: order) else {
                            return goOn(operation, index, argument)
                        }
                    } else {
                        try decrease(target, gfn, order: order)
                    }
                    index &+= 1
                    pages &+= 1 &<< UInt64(order)
                    if pages >= 256, index < count {
                        pages = 0
                        if shouldPreempt { return goOn(operation, index, argument) }
                    }
                }
            }
        } catch {}
        return Int64(truncatingIfNeeded: index)
    }
    private func goOn(_ operation: UInt32, _ index: UInt64, _ argument: UInt64) -> Int64 {
        continueHypercall(HypercallNumber.memory, UInt64(operation) | index &<< 6, argument)
        return 0
    }

    /// Adds one extent. False: the caller is to come again; a large extent is being cleared.
    private func populate(_ target: Ref<Domain>, _ gfn: GuestFrame, order: Int) throws(XenError) -> Bool {
        guard order > 9, !target.state.isHardwareDomain else {
            try target.addRAM(gfn, order: order)
            return true
        }
        return try populateInSteps(target, gfn, order: order)
    }
    /// Adds one large extent, which is cleared before it is the domain's. False: the caller is to come again.
    func populateInSteps(_ target: Ref<Domain>, _ gfn: GuestFrame, order: Int) throws(XenError) -> Bool {
        let hypervisor = hypervisor
        if target.state.control.parkedFrame != nil, target.state.control.parkedOrder != order { target.dropParked() }
        try target.checkRoom(gfn, order: order, isAllocated: target.state.control.parkedFrame != nil)
        if target.state.control.parkedFrame == nil {
            guard let block = hypervisor.state.frames.allocate(order: order, owner: .hypervisor, zeroed: false) else {
                throw .noMemory
            }
            target.state.control.parkedFrame = block
            target.state.control.parkedOrder = order
            target.state.control.parkedZeroed = 0
        }
        guard let block = target.state.control.parkedFrame else { throw .noMemory }
        let count = UInt64(1) &<< UInt64(order)
        while target.state.control.parkedZeroed < count {
            hypervisor.state.memory.zero(
                MachineFrame(rawValue: block.rawValue &+ target.state.control.parkedZeroed), count: 256)
            target.state.control.parkedZeroed &+= 256
            if target.state.control.parkedZeroed < count, shouldPreempt { return false }
        }
        target.state.control.parkedFrame = nil
        var index: UInt64 = 0
        while index < count {
            hypervisor.state.frames.assign(MachineFrame(rawValue: block.rawValue &+ index), to: target.id)
            index &+= 1
        }
        try target.placeRAM(block, at: gfn, order: order)
        return true
    }

    private func decrease(_ target: Ref<Domain>, _ gfn: GuestFrame, order: Int) throws(XenError) {
        if order == 0 { return try target.removeRAM(gfn) }
        guard let end = gfn.advanced(by: 1 &<< UInt64(order)), PhysicalMap.isInRange(gfn) else {
            throw .invalidArgument
        }
        var place = gfn.rawValue
        while place < end.rawValue {
            try target.removeRAM(GuestFrame(rawValue: place))
            place &+= 1
        }
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
        guard !index.addingReportingOverflow(size).overflow, !gfn.addingReportingOverflow(size).overflow else {
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
            let index = try read(UInt64.self, at: indexes &+ done &* 8)
            let gfn = GuestFrame(rawValue: try read(UInt64.self, at: frames &+ done &* 8))
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
        guard let owner = hypervisor.state.domains.find(DomainID(rawValue: id)), owner.state.lifecycle == .alive else {
            throw .noSuchDomain
        }
        guard owner != target else { throw .invalidArgument }
        guard let mapping = owner.state.physmap.lookup(source), mapping.type == .ram else { throw .invalidArgument }
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
            let gfn = GuestFrame(rawValue: try read(UInt64.self, at: list &+ done &* 8))
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

/// A `struct xen_memory_reservation` as read, each field once.
struct MemoryReservation: BitwiseCopyable {
    let list: UInt64
    let extentCount: UInt64
    let order: UInt32
    let flags: UInt32
    let domain: UInt16

    init(_ view: SharedView<MemoryReservationLayout>) {
        list = view.load(.extentStart)
        extentCount = view.load(.extentCount)
        order = view.load(.extentOrder)
        flags = view.load(.flags)
        domain = view.load(.domain)
    }
    init(_ block: borrowing ArgumentBlock<MemoryReservationLayout>) {
        list = block[.extentStart]
        extentCount = block[.extentCount]
        order = block[.extentOrder]
        flags = block[.flags]
        domain = block[.domain]
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
    /// Frees a large extent whose way into the physmap was not finished.
    func dropParked() {
        guard let block = state.control.parkedFrame else { return }
        hypervisor.state.frames.free(block, order: state.control.parkedOrder)
        state.control.parkedFrame = nil
    }
}
