// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// What must hold of the whole machine between operations: every structure by itself, and all frames on one account. For
// tests and fuzzing: the image never calls it, so the linker leaves it out.

extension Ref<Hypervisor> {
    /// Nil if everything holds, else what does not.
    ///
    /// - Parameter otherFrames: frames of the hypervisor that no structure here knows: the vendor's, the start-up code's.
    public func checkInvariants(otherFrames: UInt64 = 0) -> StaticString? {
        if let fault = state.domains.checkInvariants() { return fault }
        if let fault = state.frames.checkInvariants() { return fault }
        if let fault = state.timers.checkInvariants() { return fault }
        if let fault = state.scheduler.checkInvariants() { return fault }
        var own =
            otherFrames &+ state.domainPool.frameCount(in: state.memory)
            &+ state.vcpuPool.frameCount(in: state.memory)
        var pins = [UInt32](repeating: 0, count: state.frames.records.count)
        var timers = 0
        var vcpus = 0
        var claims: UInt64 = 0
        var index = 0
        while let domain = state.domains[index] {
            index &+= 1
            if let fault = domain.checkInvariants() { return fault }
            own &+= domain.tableFrameCount
            domain.addPins(to: &pins)
            claims &+= domain.state.claimedPages
            domain.forEachVCPU { vcpu in
                vcpus &+= 1
                timers &+= 3
            }
        }
        guard state.domainPool.count == state.domains.count else {
            return "a domain's slot was not given back"
        }
        guard state.vcpuPool.count == vcpus else { return "a vCPU's slot was not given back" }
        guard state.timers.allocatedCount() == timers else { return "a vCPU's timers were not given back" }
        guard state.frames.claimedFrames == claims else { return "claims miscounted" }
        var frame = 0
        while frame < pins.count {
            let record = state.frames.records[frame]
            if record.owner != .invalid {
                guard record.first == pins[frame] else {
                    return record.first > pins[frame]
                        ? "a frame has pins that nobody holds" : "a mapped frame lacks a pin"
                }
                // A frame of a table that is gone, which somebody maps still.
                if record.owner == .hypervisor, record.flags & FrameRecord.released != 0 { own &+= 1 }
            } else {
                guard pins[frame] == 0 else { return "a mapped frame is free" }
            }
            frame &+= 1
        }
        guard state.frames.countFrames(of: .hypervisor) == own else {
            return "the hypervisor has frames that no table names"
        }
        return nil
    }
}

extension Ref<Domain> {
    /// Nil if everything holds of this domain, else what does not.
    public func checkInvariants() -> StaticString? {
        let hypervisor = hypervisor
        if let fault = state.physmap.checkInvariants(&hypervisor.state.frames) { return fault }
        if let fault = checkEventChannelInvariants() { return fault }
        if let fault = checkGrantInvariants() { return fault }
        if let fault = checkPages() { return fault }
        var fault: StaticString?
        forEachVCPU { vcpu in
            if fault == nil { fault = vcpu.checkRunInvariants() }
        }
        if fault != nil { return fault }
        switch state.lifecycle {
        case .vacant: return "a listed domain is vacant"
        case .alive: break
        case .dying:
            guard state.events.openCount == 0 || state.control.teardownStep == .stop else {
                return "a dying domain has open ports"
            }
        case .dead:
            guard state.totalPages > 0 else { return "a dead domain without pages is listed" }
            guard state.physmap.root == nil, state.events.openCount == 0, state.claimedPages == 0 else {
                return "a dead domain holds on to something"
            }
        }
        return nil
    }
    /// Frames that hold the domain's own tables and its vCPUs' contexts.
    fileprivate var tableFrameCount: UInt64 {
        var count: UInt64 = 1 &+ state.physmap.tableCount
        if state.grants.directory != nil {
            count &+= 1
            var index = 0
            while index < 1024 {
                if grantDirectoryFrame(index) != nil { count &+= 1 }
                index &+= 1
            }
        }
        if state.grants.maptrackDirectory != nil { count &+= 1 &+ UInt64(state.grants.maptrackFrameCount) }
        var page = 0
        while page < 16 {
            if state.events.pages[page] != EventChannelTable.noPage { count &+= 1 }
            page &+= 1
        }
        if state.memoryMapFrame != nil { count &+= 1 &<< UInt64(Self.memoryMapOrder(state.memoryMapCount)) }
        if state.control.parkedFrame != nil { count &+= 1 &<< UInt64(state.control.parkedOrder) }
        forEachVCPU { vcpu in
            count &+= vcpu.state.controlFrame == nil ? 1 : 2
        }
        return count
    }
    /// Counts what this domain maps of others, and where the hypervisor writes for it, frame by frame.
    fileprivate func addPins(to pins: inout [UInt32]) {
        func add(_ frame: MachineFrame?) {
            if let frame, frame.rawValue < UInt64(pins.count) {
                pins[Int(truncatingIfNeeded: frame.rawValue)] &+= 1
            }
        }
        var place: GuestFrame? = GuestFrame(rawValue: 0)
        // The content of a dying domain's map is released step by step; its tables stay until the end.
        if let next = state.teardownNext, state.control.teardownStep != .tables {
            place = next
        } else {
            place = nil
        }
        while let from = place {
            place = state.physmap.forEach(from: from, limit: 512) { _, mapping in
                if mapping.type == .foreign { add(mapping.frame) }
            }
        }
        var handle: UInt32 = 0
        while let record = maptrack(handle) {
            if record[MaptrackLayout.flags] & MaptrackLayout.live != 0 {
                add(MachineFrame(rawValue: UInt64(record[MaptrackLayout.frame])))
            }
            handle &+= 1
        }
        forEachVCPU { vcpu in
            add(vcpu.state.runStatePlace?.frame)
            add(vcpu.state.runStatePlace?.secondFrame)
            add(vcpu.state.timeAreaPlace?.frame)
            add(vcpu.state.timeAreaPlace?.secondFrame)
            if vcpu.state.hasRegisteredInfo { add(vcpu.state.infoFrame) }
        }
    }
    /// The map and the frame table agree, and the domain's account is right.
    private func checkPages() -> StaticString? {
        let hypervisor = hypervisor
        guard hypervisor.state.frames.countFrames(of: id) == state.totalPages else {
            return "a domain's pages miscounted"
        }
        // While its memory is released step by step, the map still names what is gone.
        guard state.lifecycle == .alive else { return nil }
        var fault: StaticString?
        var mapped: UInt64 = 0
        var place: GuestFrame? = GuestFrame(rawValue: 0)
        while let from = place, fault == nil {
            place = state.physmap.forEach(from: from, limit: 512) { gfn, mapping in
                if fault == nil { fault = checkLeaf(mapping, at: gfn, &mapped) }
            }
        }
        if let fault { return fault }
        var frame: UInt64 = 0
        var hidden: UInt64 = 0
        while frame < UInt64(hypervisor.state.frames.records.count) {
            let here = MachineFrame(rawValue: frame)
            frame &+= 1
            guard hypervisor.state.frames.owner(of: here) == id else { continue }
            guard hypervisor.state.frames.guestFrame(of: here) == nil else { continue }
            hidden &+= 1
            guard state.isHardwareDomain || hypervisor.state.frames.isReleased(here) else {
                return "a domain has a page that is nowhere in its map"
            }
        }
        guard mapped &+ hidden == state.totalPages else { return "a domain's map and its account disagree" }
        if let gfn = state.sharedInfoGuestFrame {
            guard let mapping = state.physmap.lookup(gfn), mapping.type == .special,
                mapping.frame == state.sharedInfoFrame
            else { return "shared info is not where the domain put it" }
        }
        var index: UInt32 = 0
        while index < state.grants.frameCount {
            guard let table = existingGrantFrame(index) else { return "a frame of a grant table is missing" }
            index &+= 1
            guard let gfn = hypervisor.state.frames.guestFrame(of: table) else { continue }
            guard let mapping = state.physmap.lookup(gfn), mapping.type == .special, mapping.frame == table
            else {
                return "a grant table's frame is not where the domain put it"
            }
        }
        return nil
    }
    private func checkLeaf(_ mapping: Mapping, at gfn: GuestFrame, _ mapped: inout UInt64) -> StaticString? {
        let hypervisor = hypervisor
        switch mapping.type {
        case .ram:
            let size = UInt64(1) &<< UInt64(mapping.order)
            var index: UInt64 = 0
            while index < size {
                let frame = MachineFrame(rawValue: mapping.frame.rawValue &+ index)
                guard hypervisor.state.frames.owner(of: frame) == id else {
                    return "mapped RAM is not the domain's"
                }
                guard hypervisor.state.frames.guestFrame(of: frame)?.rawValue == gfn.rawValue &+ index else {
                    return "a page is not where the frame table says"
                }
                if state.isHardwareDomain {
                    guard frame.rawValue == gfn.rawValue &+ index else { return "the 1:1 map is not 1:1" }
                }
                index &+= 1
            }
            mapped &+= size
        case .special:
            guard hypervisor.state.frames.owner(of: mapping.frame) == .hypervisor else {
                return "a special page is not the hypervisor's"
            }
            if mapping.frame == state.sharedInfoFrame {
                guard state.sharedInfoGuestFrame == gfn else { return "shared info is mapped twice" }
            } else {
                guard hypervisor.state.frames.guestFrame(of: mapping.frame) == gfn else {
                    return "a special page is mapped twice"
                }
            }
        case .foreign:
            guard state.isPrivileged else { return "an unprivileged domain has a foreign mapping" }
        // Grants are checked with the table; device memory has no owner.
        case .grant, .device, .none: break
        }
        return nil
    }
}
