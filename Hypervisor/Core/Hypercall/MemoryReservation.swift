// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// `XENMEM_populate_physmap` and `XENMEM_decrease_reservation`. Xen public/memory.h.

extension Ref<VirtualCPU> {
    /// Reads the reservation at a guest address: in place where it lies within a page, as C aligns it.
    private func reservation(_ argument: UInt64) throws(XenError) -> MemoryReservation {
        let offset = Int(truncatingIfNeeded: argument & 0xfff)
        guard offset & 7 == 0, offset <= pageSize &- MemoryReservationLayout.byteCount, !callerIs32Bit else {
            return MemoryReservation(try copyIn(MemoryReservationLayout.self, at: argument))
        }
        guard let frame = translate(linear: argument, forWriting: false) else { throw .badAddress }
        return MemoryReservation(
            hypervisor.state.memory.sharedView(MemoryReservationLayout.self, in: frame, at: offset))
    }
    /// Reads up to `limit` frame numbers from place `index` of a list on, no further than the page, into `chunk`. Returns
    /// how many.
    private func readFrames(
        _ list: UInt64, from index: UInt64, limit: UInt64, into chunk: inout InlineArray<16, UInt64>
    ) throws(XenError) -> UInt64 {
        let address = list &+ index &* 8
        let offset = address & 0xfff
        guard offset & 7 == 0, !callerIs32Bit else {
            chunk[0] = try readLong(list, index)
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
    func changeReservation(_ operation: UInt32, from start: UInt64, _ argument: UInt64) -> Int64 {
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
                let read = try readFrames(request.list, from: index, limit: count &- index, into: &chunk)
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
        if target.state.control.parkedFrame != nil, target.state.control.parkedOrder != order {
            target.dropParked()
        }
        try target.checkRoom(gfn, order: order, isAllocated: target.state.control.parkedFrame != nil)
        if target.state.control.parkedFrame == nil {
            guard
                let block = hypervisor.state.frames.allocate(order: order, owner: .hypervisor, zeroed: false)
            else {
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
    /// Frees a large extent whose way into the physmap was not finished.
    func dropParked() {
        guard let block = state.control.parkedFrame else { return }
        hypervisor.state.frames.free(block, order: state.control.parkedOrder)
        state.control.parkedFrame = nil
    }
}
