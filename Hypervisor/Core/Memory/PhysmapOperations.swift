// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// What may happen to a guest frame, and who is told. All of it with the hypervisor lock held.
//
// The hardware domain is mapped 1:1: machine frame n that belongs to it is guest frame n or nothing at all, because
// its devices use guest frame numbers as bus addresses. So its RAM is never given to anybody: where another page is
// laid over RAM, or RAM is given up, the frame stays owned and hidden, and comes back when the place is free again.

extension Ref<Hypervisor> {
    /// Frames that `domain` could still allocate: free ones less those promised to others.
    public func availableFrames(for domain: Ref<Domain>?) -> UInt64 {
        let own = domain?.state.claimedPages ?? 0
        let promised = state.frames.claimedFrames > own ? state.frames.claimedFrames &- own : 0
        return state.frames.freeFrames > promised ? state.frames.freeFrames &- promised : 0
    }
    /// Drops a pin that a mapping of somebody else's page held. If the owner had given the page up meanwhile, the page
    /// becomes free and leaves the owner's account; a dead owner's last page ends the owner.
    public func dropPin(_ frame: MachineFrame) {
        guard let owner = state.frames.unpin(frame), owner.isReal, let domain = state.domains.find(owner)
        else {
            return
        }
        if domain.state.totalPages > 0 { domain.state.totalPages &-= 1 }
        if domain.state.lifecycle == .dead, domain.state.totalPages == 0 { finishDestroying(domain) }
    }
}

extension Ref<Domain> {
    /// Guest frames for RAM end here: the frame table keeps the place of a page in 32 bits.
    static var ramLimit: UInt64 { UInt64(UInt32.max) }

    /// True if `mfn`, as a guest frame of the 1:1 mapped domain, is its own RAM and at present not mapped.
    private func isHidden(_ gfn: GuestFrame) -> Bool {
        let frames = MachineFrame(rawValue: gfn.rawValue)
        return state.isHardwareDomain && hypervisor.state.frames.owner(of: frames) == id
            && hypervisor.state.frames.guestFrame(of: frames) == nil
    }
    /// The place `gfn` has become free: the hardware domain's own page shows again, if there is one.
    func uncover(_ gfn: GuestFrame) {
        guard isHidden(gfn) else { return }
        let frame = MachineFrame(rawValue: gfn.rawValue)
        let hypervisor = hypervisor
        do throws(XenError) {
            try state.physmap.map(
                gfn, to: frame, type: .ram, writable: true, frames: &hypervisor.state.frames)
            hypervisor.state.frames.setGuestFrame(of: frame, gfn)
        } catch {
            // No table page: the frame stays hidden, and populating the place later brings it back.
        }
    }
    /// Releases what stood at `gfn` and does not any more.
    private func dispose(_ former: Mapping, at gfn: GuestFrame) {
        let hypervisor = hypervisor
        switch former.type {
        case .ram:
            if state.isHardwareDomain {
                hypervisor.state.frames.setGuestFrame(of: former.frame, nil)
            } else if hypervisor.state.frames.releaseFromOwner(former.frame) {
                state.totalPages &-= 1
            }
        case .foreign: hypervisor.dropPin(former.frame)
        case .special:
            if former.frame == state.sharedInfoFrame, state.sharedInfoGuestFrame == gfn {
                state.sharedInfoGuestFrame = nil
            }
            if hypervisor.state.frames.guestFrame(of: former.frame) == gfn {
                hypervisor.state.frames.setGuestFrame(of: former.frame, nil)
            }
        case .grant, .device, .none: break
        }
    }
    /// Puts a page at `gfn` in place of what is there, which is released: RAM is freed (or hidden, in the hardware domain),
    /// special pages are unhooked, a foreign page gives way to another. Changes nothing on failure.
    ///
    /// Throws `invalidArgument` for a gfn beyond the map, `notPermitted` over a grant, a foreign page or (except in the
    /// hardware domain, whose unused device holes are free for this) device memory, `noMemory` for want of a table page.
    func replaceMapping(
        _ gfn: GuestFrame, with frame: MachineFrame, type: MappingType, writable: Bool
    ) throws(XenError) {
        guard PhysicalMap.isInRange(gfn) else { throw .invalidArgument }
        let former = state.physmap.lookup(gfn)
        switch former?.type {
        case nil, .ram, .special, .some(.none): break
        case .device: if !state.isHardwareDomain { throw .notPermitted }
        case .foreign: if type != .foreign { throw .notPermitted }
        case .grant: throw .notPermitted
        }
        let hypervisor = hypervisor
        try state.physmap.map(
            gfn, to: frame, type: type, writable: writable, frames: &hypervisor.state.frames)
        if let former { dispose(former, at: gfn) }
    }

    // MARK: RAM

    /// Gives the domain 2^`order` zeroed frames at `gfn`. In the hardware domain they are the frames of the same number,
    /// which must be its own; they come back as they were left.
    ///
    /// Throws `noMemory` beyond the domain's limit or the machine's free memory, `invalidArgument` for a range that does
    /// not fit the map or, above order 0, is not empty, `notPermitted` where something else than RAM is mapped.
    public func addRAM(_ gfn: GuestFrame, order: Int) throws(XenError) {
        if state.isHardwareDomain {
            if order == 0, reinstatePage(gfn) { return }
            return try reinstateIdentity(gfn, order: order)
        }
        try checkRoom(gfn, order: order)
        let hypervisor = hypervisor
        guard let block = hypervisor.state.frames.allocate(order: order, owner: id) else { throw .noMemory }
        try placeRAM(block, at: gfn, order: order)
    }
    /// Checks that RAM may be added; what stands at a single `gfn` is released by `placeRAM`. `isAllocated`: the frames are
    /// at hand.
    func checkRoom(_ gfn: GuestFrame, order: Int, isAllocated: Bool = false) throws(XenError) {
        guard (0...9).contains(order) || isWhole(gfn, order: order) else { throw .invalidArgument }
        let count = UInt64(1) &<< UInt64(order)
        guard let end = gfn.advanced(by: count), end.rawValue <= Self.ramLimit else { throw .invalidArgument }
        guard state.lifecycle == .alive else { throw .noSuchDomain }
        guard state.maximumPages >= state.totalPages, state.maximumPages &- state.totalPages >= count,
            isAllocated || hypervisor.availableFrames(for: self) >= count
        else { throw .noMemory }
        if order == 0 {
            switch state.physmap.lookup(gfn)?.type {
            case nil, .ram, .special, .some(.none): break
            case .grant, .foreign, .device: throw .notPermitted
            }
        } else {
            try checkEmpty(gfn, end)
        }
    }
    /// Throws `invalidArgument` if anything is mapped from `gfn` up to `end`.
    private func checkEmpty(_ gfn: GuestFrame, _ end: GuestFrame) throws(XenError) {
        var next = gfn
        while next.rawValue < end.rawValue {
            var isOccupied = false
            let following = state.physmap.forEach(from: next, limit: 1) { place, _ in
                if place.rawValue < end.rawValue { isOccupied = true }
            }
            if isOccupied { throw .invalidArgument }
            guard let following else { return }
            next = following
        }
    }
    /// True if one entry can map 2^`order` frames at `gfn`.
    private func isWhole(_ gfn: GuestFrame, order: Int) -> Bool {
        (order == 9 || (order == 18 && state.physmap.allowsGiantPages))
            && gfn.rawValue & ((1 &<< UInt64(order)) &- 1) == 0
    }
    /// Maps a block of the domain's frames and takes it on account.
    /// On failure the block is freed and the map as before. `checkRoom` must have passed.
    func placeRAM(_ block: MachineFrame, at gfn: GuestFrame, order: Int) throws(XenError) {
        let hypervisor = hypervisor
        let count = UInt64(1) &<< UInt64(order)
        let former = order == 0 ? state.physmap.lookup(gfn) : nil
        // One entry where alignment allows, else single frames: those can be taken back without a table page.
        let step: UInt64 = isWhole(gfn, order: order) ? count : 1
        var done: UInt64 = 0
        do throws(XenError) {
            while done < count {
                try state.physmap.map(
                    GuestFrame(rawValue: gfn.rawValue &+ done),
                    to: MachineFrame(rawValue: block.rawValue &+ done),
                    order: step == 1 ? 0 : order, type: .ram, writable: true, frames: &hypervisor.state.frames
                )
                done &+= step
            }
        } catch {
            while done > 0 {
                done &-= 1
                try? state.physmap.unmap(
                    GuestFrame(rawValue: gfn.rawValue &+ done), frames: &hypervisor.state.frames)
            }
            hypervisor.state.frames.free(block, order: order)
            throw error
        }
        var index: UInt64 = 0
        while index < count {
            hypervisor.state.frames.setGuestFrame(
                of: MachineFrame(rawValue: block.rawValue &+ index),
                GuestFrame(rawValue: gfn.rawValue &+ index))
            index &+= 1
        }
        state.totalPages &+= count
        if state.claimedPages > 0 {
            let used = min(state.claimedPages, count)
            state.claimedPages &-= used
            hypervisor.state.frames.claimedFrames &-= min(used, hypervisor.state.frames.claimedFrames)
        }
        if let former { dispose(former, at: gfn) }
    }
    /// The short way of the hardware domain to have a hidden page back, where a table for it exists. False: take the long one.
    private func reinstatePage(_ gfn: GuestFrame) -> Bool {
        let hypervisor = hypervisor
        guard isHidden(gfn) else { return false }
        let frame = MachineFrame(rawValue: gfn.rawValue)
        guard state.physmap.fillSmall(gfn, with: frame) else { return false }
        hypervisor.state.frames.setGuestFrame(of: frame, gfn)
        return true
    }
    /// The hardware domain populates a place: the frame of that number, if it is its own, shows again as the domain left it.
    private func reinstateIdentity(_ gfn: GuestFrame, order: Int) throws(XenError) {
        guard order >= 0, order <= FrameAllocator.maximumOrder else { throw .invalidArgument }
        let count = UInt64(1) &<< UInt64(order)
        guard let end = gfn.advanced(by: count), end.rawValue <= hypervisor.state.memory.frameCount else {
            throw .noMemory
        }
        var place = gfn.rawValue
        while place < end.rawValue {
            guard hypervisor.state.frames.owner(of: MachineFrame(rawValue: place)) == id else {
                throw .noMemory
            }
            switch state.physmap.lookup(GuestFrame(rawValue: place))?.type {
            case nil, .ram, .some(.none): break
            case .special, .device, .grant, .foreign: throw .notPermitted
            }
            place &+= 1
        }
        let hypervisor = hypervisor
        place = gfn.rawValue
        while place < end.rawValue {
            let frame = MachineFrame(rawValue: place)
            if isHidden(GuestFrame(rawValue: place)) {
                try state.physmap.map(
                    GuestFrame(rawValue: place), to: frame, type: .ram, writable: true,
                    frames: &hypervisor.state.frames)
                hypervisor.state.frames.setGuestFrame(of: frame, GuestFrame(rawValue: place))
            }
            place &+= 1
        }
    }
    /// Unmaps and frees one page of the domain's RAM (hides it, in the hardware domain).
    ///
    /// Throws `noEntry` where there is no RAM, `noMemory` if a large entry cannot be split.
    func removeRAM(_ gfn: GuestFrame) throws(XenError) {
        if let frame = state.physmap.takeSmallRAM(gfn) {
            dispose(Mapping(frame: frame, type: .ram, isWritable: true, order: 0), at: gfn)
            return
        }
        guard let former = state.physmap.lookup(gfn), former.type == .ram || former.type == .special else {
            throw .noEntry
        }
        try removeMapping(gfn)
    }

    // MARK: Anything

    /// Removes whatever is at `gfn`. The domain's RAM is freed (hidden, in the hardware domain), a foreign page is let go, a
    /// special page unhooked; what the hardware domain had underneath shows again.
    ///
    /// Throws `noEntry` where nothing is mapped, or a grant, which only unmapping the grant removes; `notPermitted` for
    /// device memory; `noMemory` if a large entry cannot be split.
    public func removeMapping(_ gfn: GuestFrame) throws(XenError) {
        guard let former = state.physmap.lookup(gfn) else { throw .noEntry }
        switch former.type {
        case .grant, .none: throw .noEntry
        case .device: throw .notPermitted
        case .ram, .foreign, .special: break
        }
        let hypervisor = hypervisor
        try state.physmap.unmap(gfn, frames: &hypervisor.state.frames)
        dispose(former, at: gfn)
        if former.type != .ram { uncover(gfn) }
    }
    /// Shows a page of the hypervisor's, shared info or a grant frame, at `gfn`. A page is at one place: it leaves the former.
    ///
    /// Throws as `replaceMapping` does, and `invalidArgument` beyond the frame table's reach for grant frames.
    public func mapSpecial(_ frame: MachineFrame, at gfn: GuestFrame) throws(XenError) {
        let isSharedInfo = frame == state.sharedInfoFrame
        let former = isSharedInfo ? state.sharedInfoGuestFrame : hypervisor.state.frames.guestFrame(of: frame)
        guard former != gfn else { return }
        guard isSharedInfo || gfn.rawValue < Self.ramLimit else { throw .invalidArgument }
        try replaceMapping(gfn, with: frame, type: .special, writable: true)
        if let former, let mapping = state.physmap.lookup(former), mapping.type == .special,
            mapping.frame == frame
        {
            let hypervisor = hypervisor
            // Cannot fail: special pages have entries of their own.
            try? state.physmap.unmap(former, frames: &hypervisor.state.frames)
            uncover(former)
        }
        if isSharedInfo {
            state.sharedInfoGuestFrame = gfn
        } else {
            hypervisor.state.frames.setGuestFrame(of: frame, gfn)
        }
    }
    /// Maps another domain's page at `gfn`, pinned until it is removed.
    ///
    /// Throws as `replaceMapping` does, and `busy` if the page has too many mappings.
    func mapForeign(_ frame: MachineFrame, at gfn: GuestFrame, writable: Bool) throws(XenError) {
        try hypervisor.state.frames.pin(frame)
        do throws(XenError) {
            try replaceMapping(gfn, with: frame, type: .foreign, writable: writable)
        } catch {
            hypervisor.dropPin(frame)
            throw error
        }
    }
    /// Moves a page of the domain's RAM from one place to another. What was at `target` is released.
    ///
    /// Throws `invalidArgument` if `source` is no RAM of the domain, `notPermitted` in the 1:1 mapped domain, else as
    /// `replaceMapping`.
    func moveRAM(from source: GuestFrame, to target: GuestFrame) throws(XenError) {
        guard let mapping = state.physmap.lookup(source), mapping.type == .ram else { throw .invalidArgument }
        guard !state.isHardwareDomain else { throw .notPermitted }
        guard target.rawValue < Self.ramLimit else { throw .invalidArgument }
        guard source != target else { return }
        let hypervisor = hypervisor
        // Split a large entry first: afterwards unmapping cannot fail.
        if mapping.order > 0 {
            try state.physmap.map(
                source, to: mapping.frame, type: .ram, writable: mapping.isWritable,
                frames: &hypervisor.state.frames)
        }
        try replaceMapping(target, with: mapping.frame, type: .ram, writable: mapping.isWritable)
        try state.physmap.unmap(source, frames: &hypervisor.state.frames)
        hypervisor.state.frames.setGuestFrame(of: mapping.frame, target)
    }
}
