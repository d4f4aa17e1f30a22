// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

// Attacks through pages that are known by more than one name: mapped grants, areas the hypervisor writes to, pages that
// are given up while somebody uses them.

extension Attack {
    /// References under which `changeMappings` grants what it may not grant, and, last, a page of its own.
    static var mappedReference: GrantReference { GrantReference(rawValue: 40) }
    static var holeReference: GrantReference { GrantReference(rawValue: 41) }
    static var sharedInfoReference: GrantReference { GrantReference(rawValue: 42) }
    static var tableReference: GrantReference { GrantReference(rawValue: 43) }
    static var ownReference: GrantReference { GrantReference(rawValue: 44) }
    /// Where in the page that domain 0 grants it says that it has seen enough.
    static var doneOffset: Int { 8 }

    /// Maps a page of domain 0's, and changes what lies there by every call that changes a memory map; then grants on what
    /// it was granted.
    static func changeMappings(_ t: inout Test) throws(XenError) {
        try GrantTable.start()
        guard let window = UnusedFrames.take(), let spare = UnusedFrames.take(),
            let hole = UnusedFrames.take(),
            let own = GuestPage()
        else { throw .noMemory }
        // Whatever of domain 0's first entries is for this domain.
        var reference = GrantReference(rawValue: 0)
        let end = Clock.now + 20_000_000_000
        while true {
            if let found = try? GrantTable.map(reference, of: .zero, at: window.address) {
                do throws(GrantStatus) { try GrantTable.unmap(found.handle, at: window.address) } catch {
                    return t.expect(false, "unmapping gave \(error.rawValue)")
                }
                break
            }
            guard Clock.now < end else { return t.error("domain 0 grants nothing") }
            reference = GrantReference(rawValue: (reference.rawValue + 1) % 64)
            try Scheduler.yield()
        }
        for round in 0..<8 {
            guard let mapping = try? GrantTable.map(reference, of: .zero, at: window.address) else {
                return t.expect(false, "mapping in round \(round)")
            }
            switch round {
            case 0: _ = Memory.populate(window)
            case 1: _ = Memory.decrease(window)
            case 2: try? Memory.removeFromPhysmap(window)
            // (Its first page would leave the place where this guest looks for it.)
            case 3: try? Memory.addToPhysmap(space: PhysmapSpace.grantTable, index: 1, at: window)
            case 4:
                // The page moves away from under its handle.
                try? Memory.addToPhysmap(
                    space: PhysmapSpace.guestFrame, index: window.rawValue, at: spare)
            case 5:
                t.expect(
                    (try? VirtualCPU.registerInfo(of: 1, in: window, offset: 0)) == nil, "vcpu_info there")
            case 6:
                // Mapped over itself: the first handle loses its page.
                if let second = try? GrantTable.map(reference, of: .zero, at: window.address) {
                    try? GrantTable.unmap(second.handle, at: window.address)
                }
            default: break
            }
            // However that went: the handle goes at most once, and nothing of it stays.
            try? GrantTable.unmap(mapping.handle, at: window.address)
            t.expect(
                (try? GrantTable.unmap(mapping.handle, at: window.address)) == nil || round != 7,
                "a handle that goes twice")
            for frame in [window, spare] {
                try? GrantTable.unmap(mapping.handle, at: frame.address)
                _ = Memory.decrease(frame)
                try? Memory.removeFromPhysmap(frame)
            }
        }

        guard let mapping = try? GrantTable.map(reference, of: .zero, at: window.address) else {
            return t.expect(false, "mapping in the end")
        }
        try Memory.addToPhysmap(space: PhysmapSpace.grantTable, index: 1, at: spare)
        let shared = GuestPhysical(rawValue: Events.sharedInfoAddress).frame
        let permit = GrantEntryFlag.permitAccess
        for (frame, entry) in [
            (window, mappedReference), (hole, holeReference), (shared, sharedInfoReference),
            (spare, tableReference), (own.frame, ownReference),
        ] { GrantTable.publish(frame, to: .zero, flags: permit, as: entry) }
        let page = MappedPage(unsafeAddress: window.address.rawValue)
        while page.load(at: doneOffset, as: UInt64.self) == 0, Clock.now < end {
            try Scheduler.sleep(until: Clock.now + 1_000_000)
        }
        do throws(GrantStatus) { try GrantTable.unmap(mapping.handle, at: window.address) } catch {
            t.expect(false, "unmapping in the end gave \(error.rawValue)")
        }
        t.expect(GrantTable.revoke(ownReference), "its own page is in use no more")
    }

    /// Registers the areas that the hypervisor writes to in pages that it then gives up, and gets others in their place.
    static func giveUpAreas(_ t: inout Test) throws(XenError) {
        guard let runstate = GuestPage(), let time = GuestPage(), let info = GuestPage() else {
            throw .noMemory
        }
        let pages = [runstate.memory, time.memory, info.memory]
        func replace(_ page: MappedPage) {
            let frame = GuestPhysical(rawValue: page.address).frame
            t.expect(Memory.decrease(frame), "giving a page up")
            t.expect(Memory.populate(frame), "getting another")
            page.fill(0x5A)
        }
        func work() throws(XenError) {
            for round: UInt64 in 0..<50 {
                try Scheduler.yield()
                try Scheduler.sleep(until: Clock.now + 100_000)
                try? VirtualCPU.setTimer(1, at: Clock.now + 50_000)
                if round & 7 == 0 { try? VirtualCPU.sendNonMaskable(1) }
            }
            for (number, page) in pages.enumerated() {
                for offset in stride(from: 0, to: pageSize, by: 8)
                where page.load(at: offset, as: UInt64.self) != 0x5A5A_5A5A_5A5A_5A5A {
                    return t.expect(false, "page \(number), offset \(offset) was written to")
                }
            }
        }
        for round in 0..<4 {
            try VirtualCPU.registerRunstate(of: 0, in: runstate.memory, offset: round * 64)
            try VirtualCPU.registerTime(of: 0, in: time.memory, offset: round * 64)
            if round == 0 { try VirtualCPU.registerInfo(of: 1, in: info.frame, offset: 64) }
            for page in pages { replace(page) }
            try work()
        }
        // A new place beside an area that is gone, and none at all.
        try VirtualCPU.unregisterRunstate(of: 0)
        try VirtualCPU.unregisterTime(of: 0)
        try work()
    }

    /// Resets all ports while the other vCPU polls them, is bound to them and sends.
    static func resetWhilePolled(_ t: inout Test) throws(XenError) {
        let signal = Signal()
        try signal.repeatOnSecondVCPU { round in
            if round & 1 == 0 { try? EventChannel.reset() }
            try? Scheduler.yield()
        }
        var polls = 0
        let end = Clock.now + 300_000_000
        while Clock.now < end || polls < 20 {
            guard let port = try? EventChannel.allocateUnboundPort(for: .caller) else { continue }
            let other = try? EventChannel.bindInterdomain(.caller, port)
            if polls & 3 == 0, let other { try? EventChannel.send(other) }
            try? Scheduler.poll([port, other ?? port], until: Clock.now + 500_000)
            try? EventChannel.notify(vcpu: 1, of: port)
            polls += 1
        }
        try signal.end()
        try EventChannel.reset()
        t.expectError(.invalidArgument, "port 1 after a reset") { () throws(XenError) in
            try EventChannel.close(EventPort(rawValue: 1))
        }
    }
}
