// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

// Attacks on limits, and on other domains by what this one shares with them.

extension Attack {
    /// Frame numbers from 8 GiB on, where nothing is.
    static var emptyFrames: UInt64 { 0x20_0000 }

    /// Takes memory in every way until there is none, gives it back, several times.
    static func exhaustMemory(_ t: inout Test) throws(XenError) {
        let start = try Memory.currentReservation()
        let most = try Memory.maximumReservation()
        t.expect(most - start >= 600, "room for \(most - start) pages")
        for round in 0..<4 {
            var count: UInt64 = 0
            while count < 2000, Memory.populate(GuestFrame(rawValue: emptyFrames + count)) { count += 1 }
            t.expectEqual(count, most - start, "pages until there were no more")
            t.expectEqual(try Memory.currentReservation(), most, "pages at the limit")
            // Replacing a page needs no more, but is refused at the limit: the new one comes first.
            t.expect(!Memory.populate(GuestFrame(rawValue: emptyFrames)), "one more than the limit")
            // A large extent that does not fit changes nothing.
            var list: InlineArray<1, UInt64> = [emptyFrames + 0x1_0000]
            let large = Hypercall.withAddress(of: &list) {
                Memory.changeReservation(MemoryOperation.populatePhysmap, extents: $0, count: 1, order: 9)
            }
            t.expectReturn(large, 0, "512 more pages than the limit")
            while count > 0 {
                count -= 1
                if !Memory.decrease(GuestFrame(rawValue: emptyFrames + count)) {
                    t.expect(false, "page \(count) does not go back")
                    return
                }
            }
            t.expectEqual(try Memory.currentReservation(), start, "pages after round \(round)")
        }
    }

    /// Makes the hypervisor spend a table on each page: first with the one shared page, then with its own memory.
    static func exhaustTables(_ t: inout Test) throws(XenError) {
        var places: UInt64 = 0
        var reason = XenError(rawValue: 0)
        while places < 4000 {
            do throws(XenError) {
                try Memory.addToPhysmap(
                    .sharedInfo, at: GuestFrame(rawValue: emptyFrames + (places + 1) << 18))
                places += 1
            } catch {
                reason = error
                break
            }
        }
        t.expect(places < 300, "\(places) places for the shared page")
        t.expect(reason == .noMemory, "then \(reason)")
        var scattered: UInt64 = 0
        while scattered < 64, Memory.populate(GuestFrame(rawValue: (scattered + 1) << 27)) { scattered += 1 }
        t.expectEqual(scattered, 0, "pages at new places without tables")
        // Where tables are, there is still room.
        t.expect(Memory.populate(GuestFrame(rawValue: emptyFrames + 1 << 18 + 1)), "a page beside another")
        t.expect(Memory.decrease(GuestFrame(rawValue: emptyFrames + 1 << 18 + 1)), "giving it back")
    }

    static func exhaustPorts(_ t: inout Test) throws(XenError) {
        for round in 0..<3 {
            var ports: [EventPort] = []
            var reason = XenError(rawValue: 0)
            while ports.count < 5000 {
                do throws(XenError) {
                    ports.append(
                        round & 1 == 0
                            ? try EventChannel.allocateUnboundPort(for: .zero)
                            : try EventChannel.bindInterprocessor(vcpu: UInt32(ports.count & 1)))
                } catch {
                    reason = error
                    break
                }
            }
            t.expect(ports.count > 1000 && ports.count < 1024, "\(ports.count) ports of 1023")
            t.expect(reason == .noSpace, "then \(reason)")
            t.expectError(.noSpace, "one more") { () throws(XenError) in
                _ = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.debug, vcpu: 0)
            }
            for port in ports { try EventChannel.send(port) }
            for port in ports { try EventChannel.close(port) }
        }
    }

    /// Grants from every entry of the largest table, maps its own until the books are full, and lets go of all.
    static func exhaustGrants(_ t: inout Test) throws(XenError) {
        try GrantTable.start()
        guard let me = Platform.domainID, let size = try? GrantTable.querySize() else {
            return t.error("no query_size")
        }
        t.expectEqual(size.maximumFrameCount, 4, "most frames of the table")
        guard let table = UnusedFrames.take(count: 4) else { throw .noMemory }
        for index: UInt64 in 1..<4 {
            try Memory.addToPhysmap(
                .grantTable(page: index), at: GuestFrame(rawValue: table.rawValue + index))
        }
        t.expectError(.invalidArgument, "a frame beyond the table's limit") { () throws(XenError) in
            try Memory.addToPhysmap(.grantTable(page: 4), at: table)
        }
        guard let page = GuestPage() else { throw .noMemory }
        GrantTable.publish(
            page.frame, to: me, flags: GrantEntryFlag.permitAccess, as: GrantReference(rawValue: 500))
        var handles: [GrantHandle] = []
        var status: Int16 = 0
        // The maptrack of `ChildDomain` has 4 frames of 256.
        while handles.count < 3000 {
            do throws(GrantStatus) {
                let address = GuestFrame(rawValue: emptyFrames + UInt64(handles.count)).address
                handles.append(
                    try GrantTable.map(GrantReference(rawValue: 500), of: me, at: address).handle)
            } catch {
                status = error.rawValue
                break
            }
        }
        t.expectEqual(handles.count, 1024, "mappings")
        t.expectEqual(status, GrantStatusCode.noDeviceSpace, "status of one more")
        t.expect(!GrantTable.revoke(GrantReference(rawValue: 500)), "revoking it meanwhile")
        for index in 0..<handles.count {
            do throws(GrantStatus) {
                try GrantTable.unmap(
                    handles[index], at: GuestFrame(rawValue: emptyFrames + UInt64(index)).address)
            } catch {
                t.expect(false, "unmapping \(index) gave status \(error.rawValue)")
                return
            }
        }
        t.expect(GrantTable.revoke(GrantReference(rawValue: 500)), "revoking it afterwards")
    }

    /// Opens, binds, sends to and closes ports on one vCPU while the other sends to every number.
    static func churnPorts(_ t: inout Test) throws(XenError) {
        let signal = Signal()
        try signal.repeatOnSecondVCPU { round in
            for port: UInt32 in 0..<64 { try? EventChannel.send(EventPort(rawValue: port)) }
            try? EventChannel.unmask(EventPort(rawValue: UInt32(truncatingIfNeeded: round & 63)))
            _ = try? EventChannel.status(of: EventPort(rawValue: UInt32(truncatingIfNeeded: round & 63)))
        }
        let end = Clock.now + 1_500_000_000
        var opened = 0
        while Clock.now < end {
            var ports: [EventPort] = []
            for index in 0..<20 {
                if let port = try? EventChannel.allocateUnboundPort(for: index & 3 == 0 ? .caller : .zero) {
                    ports.append(port)
                }
            }
            opened += ports.count
            for port in ports where port.rawValue & 3 == 0 {
                if let other = try? EventChannel.bindInterdomain(.caller, port) {
                    try? EventChannel.send(other)
                    try? EventChannel.notify(vcpu: 1, of: other)
                    ports.append(other)
                }
            }
            try Scheduler.yield()
            for port in ports { try? EventChannel.close(port) }
            if opened % 7 == 0 { try EventChannel.reset() }
        }
        try signal.end()
        t.expect(opened > 100, "only \(opened) ports")
        try EventChannel.reset()
        t.expectError(.invalidArgument, "port 1 after a reset") { () throws(XenError) in
            try EventChannel.close(EventPort(rawValue: 1))
        }
    }

    /// Grants 32 pages to domain 0 and changes entries, pages and frames all the time.
    static func churnGrants() {
        do throws(XenError) {
            try GrantTable.start()
            let signal = Signal()
            var numbers = Sequence64(seed: 11)
            for index: UInt64 in 0..<32 {
                guard Memory.populate(GuestFrame(rawValue: emptyFrames + index)) else { panic("no memory") }
            }
            try signal.repeatOnSecondVCPU { round in
                // Entries without regard to their use flags.
                var values = Sequence64(seed: round)
                let value = values.next()
                let entry = GrantTable.entry(GrantReference(rawValue: 8 + UInt32(value & 31)))
                switch value >> 8 & 3 {
                case 0: entry.store(UInt32(truncatingIfNeeded: values.next()), to: .frame)
                case 1:
                    entry.store(
                        UInt32(truncatingIfNeeded: emptyFrames + value >> 16 & 31), to: .frame)
                case 2: entry.store(UInt16(truncatingIfNeeded: values.next() & 0x1F), to: .flags)
                default: entry.store(UInt16(truncatingIfNeeded: value >> 20 & 1 == 0 ? 0 : 77), to: .domain)
                }
            }
            while true {
                let value = numbers.next()
                let frame = emptyFrames + value & 31
                let reference = GrantReference(rawValue: 8 + UInt32(value >> 8 & 31))
                GrantTable.publish(
                    GuestFrame(rawValue: frame), to: .zero, flags: GrantEntryFlag.permitAccess, as: reference)
                if value >> 16 & 7 == 0 {
                    // The page itself goes while it may be mapped, and another comes in its place.
                    _ = Memory.decrease(GuestFrame(rawValue: frame))
                    _ = Memory.populate(GuestFrame(rawValue: frame))
                }
                if value >> 20 & 15 == 0 {
                    try? Memory.addToPhysmap(
                        .page(GuestFrame(rawValue: emptyFrames + value >> 24 & 31)),
                        at: GuestFrame(rawValue: frame))
                    _ = Memory.populate(GuestFrame(rawValue: emptyFrames + value >> 24 & 31))
                }
                if value >> 36 & 3 == 0 {
                    // Entries change places, in use or not; with themselves, too.
                    let other = GrantReference(rawValue: 8 + UInt32(value >> 40 & 31))
                    try? GrantTable.swap(reference, other)
                }
                if value >> 30 & 15 == 0 { try Scheduler.yield() }
            }
        } catch {
            panic("churning grants: \(error)")
        }
    }

    /// Grants to domain 0, maps what domain 0 grants, leaves ports in every state, and hangs.
    static func leaveEverything() {
        do throws(XenError) {
            try EventChannel.reset()
            // Port 1 is for domain 0; others for nobody, for itself, bound and half-bound.
            let first = try EventChannel.allocateUnboundPort(for: .zero)
            if first.rawValue != 1 { panic("the first port is \(first)") }
            _ = try EventChannel.allocateUnboundPort(for: DomainID(rawValue: 1234))
            let own = try EventChannel.allocateUnboundPort(for: .caller)
            _ = try EventChannel.bindInterdomain(.caller, own)
            _ = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.timer, vcpu: 0)
            try GrantTable.start()
            for index: UInt32 in 0..<16 {
                guard let page = GuestPage() else { throw .noMemory }
                let frame = page.forget()
                GrantTable.publish(
                    frame, to: .zero, flags: GrantEntryFlag.permitAccess,
                    as: GrantReference(rawValue: 8 + index))
            }
            var reference: UInt32 = 0
            // Whatever of domain 0's first entries is for this domain.
            while true {
                if let mapping = try? MappedGrant(GrantReference(rawValue: reference), of: .zero) {
                    _ = mapping.memory.load(at: 0, as: UInt64.self)
                    Processor.disableInterrupts()
                    while true { Processor.noOperation() }
                }
                reference = (reference + 1) % 64
                try Scheduler.yield()
            }
        } catch {
            panic("leaving everything: \(error)")
        }
    }
}
