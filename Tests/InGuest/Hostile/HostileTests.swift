// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Calls that would give something to a domain that is being taken apart, or get something of it: none may.
private func callDying(_ t: inout Test, _ id: DomainID) {
    func refused(_ what: Text, _ body: () throws(XenError) -> Void) {
        do throws(XenError) {
            try body()
            t.expect(false, "\(what) of a dying domain succeeded")
        } catch {}
    }
    guard let window = UnusedFrames.take(), let page = GuestPage() else { return t.error("no memory") }
    t.expect(
        (try? GrantTable.map(GrantReference(rawValue: 8), of: id, at: window.address)) == nil,
        "mapping a grant")
    t.expect(
        (try? GrantTable.copy(
            from: .reference(GrantReference(rawValue: 8), of: id, offset: 0),
            to: .frame(page.frame, offset: 0),
            byteCount: 8)) == nil, "copying a grant")
    refused("binding to a port") { () throws(XenError) in
        _ = try EventChannel.bindInterdomain(id, EventPort(rawValue: 2))
    }
    refused("opening a port") { () throws(XenError) in
        _ = try EventChannel.allocateUnboundPort(of: id, for: .zero)
    }
    refused("mapping a page") { () throws(XenError) in
        try Memory.mapForeign(GuestFrame(rawValue: 0x100), of: id, at: window)
    }
    refused("mapping the grant table") { () throws(XenError) in
        try Memory.map(.grantTable, of: id, at: [window])
    }
    refused("adding to the map") { () throws(XenError) in
        try Memory.addToPhysmap(domain: id, space: PhysmapSpace.sharedInfo, index: 0, at: window)
    }
    refused("a memory limit") { () throws(XenError) in
        try DomainControl.setMaximumMemory(kibibytes: 1 << 20, of: id)
    }
    refused("a paging pool") { () throws(XenError) in
        try DomainControl.setPagingPool(byteCount: 4 << 20, of: id)
    }
    refused("unpausing") { () throws(XenError) in try DomainControl.unpause(id) }
    refused("a parameter") { () throws(XenError) in
        try HVM.setParameter(HVMParameter.storeFrame, of: id, to: 1)
    }
    t.expect(!Memory.populate(window, domain: id), "populating a dying domain")
    t.expect(!Memory.decrease(GuestFrame(rawValue: 0x100), domain: id), "taking memory of a dying domain")
    // These find nothing to do; they must not bring it back to life.
    try? Scheduler.shutDown(id, ShutdownReason.reboot)
    try? EventChannel.reset(id)
    try? DomainControl.destroy(id)
    if let info = try? DomainControl.info(id) {
        t.expect(info.has(.dying), "flags afterwards: \(hex: info.flags.rawValue)")
    }
}

/// Domains that attack the hypervisor and each other. After each attack another domain still answers, and the machine has
/// as many free pages as before.
@c(guest_main)
public func guestMain() {
    Attack.runIfAttacker()
    Peer.runIfPeer()
    var suite = TestSuite("hostile")
    guard BootInformation.current.isInitialDomain else {
        suite.test("all") { t throws(XenError) in t.skip("this is not domain 0") }
        suite.finish()
    }
    let second: UInt64 = 1_000_000_000

    /// Runs one attack beside a peer that must go on answering.
    ///
    /// - Parameters:
    ///   - ends: the shutdown reason that the attacker must end with; nil: it does not end and is destroyed after a while.
    ///   - during: what domain 0 does meanwhile.
    func attack(
        _ t: inout Test, _ attack: Attack, ends: UInt32?, extraPages: UInt64 = 0, seconds: UInt64 = 40,
        during: (inout Test, DomainID) throws(XenError) -> Void = { _, _ in }
    ) throws(XenError) {
        let peer = try Peer()
        t.expectEqual(try peer.ask(.identify) ?? 0, UInt64(peer.id.rawValue), "the peer's answer before")
        let before = try SystemControl.physicalInfo().freePages
        let attacker = try Attacker(attack, extraPages: extraPages)
        let id = attacker.id
        try during(&t, id)
        let end = Clock.now + (ends == nil ? second / 2 : seconds * second)
        var slowest: UInt64 = 0
        while Clock.now < end, try !DomainControl.info(id).has(.shutdown) {
            let asked = Clock.now
            guard let answer = try peer.ask(.identify) else {
                t.expect(false, "the peer does not answer during the attack")
                break
            }
            t.expectEqual(answer, UInt64(peer.id.rawValue), "the peer's answer during the attack")
            slowest = max(slowest, Clock.now - asked)
            try Scheduler.sleep(until: Clock.now + 5_000_000)
        }
        t.expect(slowest < 4 * second, "the peer took \(slowest) ns to answer")
        let info = try DomainControl.info(id)
        if let ends {
            t.expect(info.has(.shutdown), "the attacker does not end; flags \(hex: info.flags.rawValue)")
            t.expectEqual(info.shutdownReason, ends, "the attacker's end")
        } else {
            t.expect(!info.has(.shutdown), "the attacker ended by itself: \(hex: info.flags.rawValue)")
        }
        try attacker.destroy()
        t.expectEqual(try SystemControl.physicalInfo().freePages, before, "free pages afterwards")
        t.expectEqual(try peer.ask(.identify) ?? 0, UInt64(peer.id.rawValue), "the peer's answer after")
        try peer.destroy()
    }

    suite.test("start") { t throws(XenError) in
        try Events.start()
        try GrantTable.start()
        // The first domain, and domain 0's first mapping, make tables that stay.
        let peer = try Peer()
        try peer.destroy()
        let page = try GrantedPage(to: .zero)
        if let mapping = try? MappedGrant(page.reference, of: .zero) { try? mapping.unmap() }
    }

    // MARK: Calls and their arguments

    suite.test("arguments_rewritten_while_a_call_runs") { t throws(XenError) in
        try attack(&t, .rewriteArguments, ends: ShutdownReason.powerOff, extraPages: 600)
    }
    suite.test("calls_that_do_not_exist_and_ring_3") { t throws(XenError) in
        try attack(&t, .wildCalls, ends: ShutdownReason.powerOff)
    }
    suite.test("a_multicall_without_end_is_preempted") { t throws(XenError) in
        try attack(&t, .multicallFlood, ends: nil, extraPages: 16)
    }

    // MARK: The virtual CPU

    suite.test("registers_and_cpuid_leaves_of_every_number") { t throws(XenError) in
        try attack(&t, .wildRegisters, ends: ShutdownReason.powerOff)
    }
    suite.test("every_io_port") { t throws(XenError) in
        try attack(&t, .wildPorts, ends: ShutdownReason.powerOff)
    }
    suite.test("page_tables_that_loop_or_lead_nowhere") { t throws(XenError) in
        try attack(&t, .loopingPageTables, ends: ShutdownReason.powerOff)
    }
    suite.test("a_page_table_root_in_a_hole_crashes_its_domain_only") { t throws(XenError) in
        try attack(&t, .badPageTableRoot, ends: ShutdownReason.crash)
    }
    suite.test("interrupts_and_nmis_without_end") { t throws(XenError) in
        try attack(&t, .interruptStorm, ends: ShutdownReason.powerOff)
    }
    suite.test("the_shortest_timers") { t throws(XenError) in try attack(&t, .timerStorm, ends: nil) }
    suite.test("debug_exceptions_that_raise_each_other") { t throws(XenError) in
        try attack(&t, .debugStorm, ends: nil)
    }
    suite.test("vcpus_that_never_yield") { t throws(XenError) in try attack(&t, .spin, ends: nil) }
    suite.test("every_vcpu_halted_with_interrupts_off") { t throws(XenError) in
        try attack(&t, .haltAll, ends: ShutdownReason.powerOff)
    }

    // MARK: Quotas

    suite.test("memory_to_the_limit_and_back") { t throws(XenError) in
        try attack(&t, .exhaustMemory, ends: ShutdownReason.powerOff, extraPages: 700)
    }
    suite.test("tables_of_the_map_to_the_limit") { t throws(XenError) in
        let before = try SystemControl.physicalInfo().freePages
        try attack(&t, .exhaustTables, ends: ShutdownReason.powerOff, extraPages: 64) {
            (t: inout Test, id: DomainID) throws(XenError) in
            // The paging pool of `ChildDomain` is 1 MiB.
            let end = Clock.now + 20 * second
            while Clock.now < end, try !DomainControl.info(id).has(.shutdown) {
                try Scheduler.sleep(until: Clock.now + 5_000_000)
            }
            let used = before - (try SystemControl.physicalInfo().freePages)
            t.expect(
                used < 2 * ChildDomain.ownImagePageCount + 64 + 256 + 128, "two domains have \(used) pages")
        }
    }
    suite.test("ports_to_the_limit_and_back") { t throws(XenError) in
        try attack(&t, .exhaustPorts, ends: ShutdownReason.powerOff)
    }
    suite.test("grants_to_the_limit_and_back") { t throws(XenError) in
        try attack(&t, .exhaustGrants, ends: ShutdownReason.powerOff)
    }

    // MARK: Between domains

    suite.test("ports_closed_while_they_are_sent_to") { t throws(XenError) in
        try attack(&t, .churnPorts, ends: ShutdownReason.powerOff) {
            (t: inout Test, id: DomainID) throws(XenError) in
            // Domain 0 binds whatever the attacker has open for it at the moment, sends, and closes or is closed on.
            var bound = 0
            var round: UInt32 = 0
            // When the attacker has its turns is the scheduler's.
            let end = Clock.now + 20 * second
            while true {
                if round >= 600 {
                    if bound >= 20 || Clock.now >= end { break }
                    if try DomainControl.info(id).has(.shutdown) { break }
                }
                round += 1
                let remote = EventPort(rawValue: 1 + round % 24)
                if let port = try? EventChannel.bindInterdomain(id, remote) {
                    bound += 1
                    for _ in 0..<8 { try? EventChannel.send(port) }
                    if round % 16 == 0 { try Scheduler.yield() }
                    try? EventChannel.send(port)
                    try EventChannel.close(port)
                }
                if round % 8 == 0 { try Scheduler.yield() }
            }
            t.expect(bound > 0, "no port of the attacker's could be bound")
        }
    }
    suite.test("grants_changed_while_they_are_mapped") { t throws(XenError) in
        try attack(&t, .churnGrants, ends: nil, extraPages: 64) {
            (t: inout Test, id: DomainID) throws(XenError) in
            guard let own = GuestPage(), let window = UnusedFrames.take() else { throw .noMemory }
            let address = window.address.rawValue
            var mapped = 0
            var copied = 0
            for round: UInt32 in 0..<1200 {
                let reference = GrantReference(rawValue: 8 + round % 32)
                do throws(GrantStatus) {
                    let mapping = try GrantTable.map(reference, of: id, at: window.address)
                    mapped += 1
                    // Whatever the attacker does to entry and page now: what is mapped stays what it is.
                    let page = MappedPage(unsafeAddress: address)
                    page.store(UInt64(0xD0D0_0000) | UInt64(round), at: 4088)
                    if round % 8 == 0 { try? Scheduler.yield() }
                    t.expectEqual(
                        page.load(at: 4088, as: UInt64.self), 0xD0D0_0000 | UInt64(round),
                        "a word of a mapped page")
                    try GrantTable.unmap(mapping.handle, at: window.address)
                } catch {
                    let known: [Int16] = [
                        GrantStatusCode.generalError, GrantStatusCode.badPage, GrantStatusCode.badReference,
                    ]
                    t.expect(known.contains(error.rawValue), "mapping gave status \(error.rawValue)")
                }
                do throws(GrantStatus) {
                    try GrantTable.copy(
                        from: .reference(reference, of: id, offset: 0), to: .frame(own.frame, offset: 0),
                        byteCount: 64)
                    copied += 1
                } catch {}
                if round % 64 == 0 { try Scheduler.yield() }
            }
            t.expect(mapped > 20, "only \(mapped) of 1200 mappings")
            t.expect(copied > 20, "only \(copied) of 1200 copies")
        }
    }
    suite.test("foreign_pages_that_are_given_up") { t throws(XenError) in
        try attack(&t, .churnGrants, ends: nil, extraPages: 64) {
            (t: inout Test, id: DomainID) throws(XenError) in
            guard let window = UnusedFrames.take() else { throw .noMemory }
            let page = MappedPage(unsafeAddress: window.address.rawValue)
            var mapped = 0
            var round: UInt64 = 0
            let end = Clock.now + 20 * second
            while round < 600 || mapped < 20 && Clock.now < end {
                round += 1
                let frame = GuestFrame(rawValue: Attack.emptyFrames + round % 32)
                // Its page may be gone at this moment, or the whole frame.
                guard (try? Memory.mapForeign(frame, of: id, at: window)) != nil else {
                    try Scheduler.yield()
                    continue
                }
                mapped += 1
                page.store(0xF0F0_0000 | round, at: 4080)
                if round % 4 == 0 { try Scheduler.yield() }
                // Given up or not, and whoever has the frame number now: what is mapped stays what it is.
                t.expectEqual(
                    page.load(at: 4080, as: UInt64.self), 0xF0F0_0000 | round, "a word of a foreign page")
                try Memory.removeFromPhysmap(window)
            }
            t.expect(mapped >= 20, "only \(mapped) of \(round) mappings")
        }
    }
    suite.test("copies_that_overlap") { t throws(XenError) in
        // Both ends in one page, as frame or as grant, moved by less than their length: done as a whole, or refused.
        let granted = try GrantedPage(to: .zero)
        for (from, to) in [(0, 64), (64, 0), (0, 1), (100, 100)] as [(UInt16, UInt16)] {
            for kind in 0..<4 {
                for index in 0..<1024 {
                    granted.memory.store(UInt8(truncatingIfNeeded: index &* 7), at: index)
                }
                let source: GrantCopyEnd =
                    kind & 1 == 0
                    ? .frame(granted.frame, offset: from)
                    : .reference(granted.reference, of: .zero, offset: from)
                let target: GrantCopyEnd =
                    kind & 2 == 0
                    ? .frame(granted.frame, offset: to) : .reference(granted.reference, of: .zero, offset: to)
                do throws(GrantStatus) { try GrantTable.copy(from: source, to: target, byteCount: 512) } catch
                {
                    continue
                }
                var wrong = 0
                for index in 0..<512 {
                    let wanted = UInt8(truncatingIfNeeded: (index + Int(from)) &* 7)
                    if granted.memory.load(at: Int(to) + index, as: UInt8.self) != wanted { wrong += 1 }
                }
                t.expectEqual(wrong, 0, "bytes copied wrongly from \(from) to \(to), kind \(kind)")
            }
        }
        t.expectEqual(
            granted.flags & (GrantEntryFlag.reading | GrantEntryFlag.writing), 0, "the entry afterwards")
    }
    suite.test("mappings_changed_under_their_handles") { t throws(XenError) in
        guard let page = GuestPage(), let reference = GrantTable.takeReference(),
            let window = UnusedFrames.take()
        else { throw .noMemory }
        t.expect(reference.rawValue < 64, "reference \(reference.rawValue)")
        page.memory.fill(0)
        try attack(&t, .changeMappings, ends: ShutdownReason.powerOff) {
            (t: inout Test, id: DomainID) throws(XenError) in
            GrantTable.publish(page.frame, to: id, flags: GrantEntryFlag.permitAccess, as: reference)
            // Its own page is granted last.
            let end = Clock.now + 20 * second
            var own: GrantHandle?
            while own == nil, Clock.now < end {
                own = try? GrantTable.map(Attack.ownReference, of: id, at: window.address).handle
                if own == nil { try Scheduler.sleep(until: Clock.now + 1_000_000) }
            }
            guard let own else { return t.expect(false, "the attacker does not come to its end") }
            try? GrantTable.unmap(own, at: window.address)
            for (granted, mustFail, what) in [
                (Attack.mappedReference, true, "what it was granted" as Text),
                (Attack.holeReference, true, "a hole"),
                (Attack.sharedInfoReference, false, "its shared page"),
                (Attack.tableReference, false, "its grant table"),
            ] {
                if let mapping = try? GrantTable.map(granted, of: id, at: window.address) {
                    t.expect(!mustFail, "mapped \(what), granted on")
                    try? GrantTable.unmap(mapping.handle, at: window.address)
                }
                do throws(GrantStatus) {
                    try GrantTable.copy(
                        from: .reference(granted, of: id, offset: 0), to: .frame(page.frame, offset: 2048),
                        byteCount: 64)
                    t.expect(!mustFail, "copied from \(what), granted on")
                } catch {}
            }
            page.memory.store(UInt64(1), at: Attack.doneOffset)
        }
        t.expect(GrantTable.revoke(reference), "nobody uses our page any more")
        GrantTable.giveReference(reference)
    }
    suite.test("areas_in_pages_that_are_given_up") { t throws(XenError) in
        try attack(&t, .giveUpAreas, ends: ShutdownReason.powerOff, extraPages: 16)
    }
    suite.test("ports_reset_while_they_are_polled") { t throws(XenError) in
        try attack(&t, .resetWhilePolled, ends: ShutdownReason.powerOff)
    }
    suite.test("destroyed_with_grants_mapped_and_ports_half_open") { t throws(XenError) in
        let before = try SystemControl.physicalInfo().freePages
        let peer = try Peer()
        let attacker = try Attacker(.leaveEverything, extraPages: 64)
        let id = attacker.id
        // It grants us pages 8 to 23, maps what we grant it, opens ports for us and for nobody, and hangs.
        let offered = try GrantedPage(to: id)
        t.expect(offered.reference.rawValue < 64, "reference \(offered.reference.rawValue)")
        var handles: [(GrantHandle, UInt64)] = []
        let end = Clock.now + 20 * second
        while handles.count < 16, Clock.now < end {
            guard let window = UnusedFrames.take() else { throw .noMemory }
            let address = window.address.rawValue
            if let mapping = try? GrantTable.map(
                GrantReference(rawValue: 8 + UInt32(handles.count)), of: id, at: window.address)
            {
                handles.append((mapping.handle, address))
            } else {
                try Scheduler.sleep(until: Clock.now + 5_000_000)
            }
        }
        t.expectEqual(handles.count, 16, "mapped grants")
        // Wait until our page is in use there.
        while offered.flags & GrantEntryFlag.reading == 0, Clock.now < end {
            try Scheduler.sleep(until: Clock.now + 5_000_000)
        }
        t.expect(offered.flags & GrantEntryFlag.reading != 0, "the attacker maps our page")
        t.expect(!GrantTable.revoke(offered.reference), "revoking it while it is mapped")
        let bound = try EventChannel.bindInterdomain(id, EventPort(rawValue: 1))
        guard let foreign = UnusedFrames.take() else { throw .noMemory }
        let image = GuestFrame(rawValue: 0x1000)
        try Memory.mapForeign(image, of: id, at: foreign)
        let foreignPage = MappedPage(unsafeAddress: foreign.address.rawValue)
        let firstWord = foreignPage.load(at: 0, as: UInt64.self)
        // Not `ChildDomain.destroy`: that waits for the number to go, and our mappings keep it.
        try DomainControl.destroy(id)
        let info = try DomainControl.info(id)
        t.expect(info.domain == id && info.has(.dying), "it stays, dying: \(hex: info.flags.rawValue)")
        t.expectError(.noSuchDomain, "pausing a dying domain") { () throws(XenError) in
            try DomainControl.pause(id)
        }
        t.expectError(.noSuchDomain, "populating a dying domain") { () throws(XenError) in
            try Memory.claim(pages: 1, for: id)
        }
        callDying(&t, id)
        t.expectEqual(
            try EventChannel.status(of: bound).state, EventChannelState.unbound, "our end of its port")
        try EventChannel.close(bound)
        t.expect(GrantTable.revoke(offered.reference), "our page is ours again")
        t.expectEqual(
            try peer.ask(.identify) ?? 0, UInt64(peer.id.rawValue), "the peer while a dead domain stays")
        t.expectEqual(foreignPage.load(at: 0, as: UInt64.self), firstWord, "a page of the dead domain's")
        try Memory.removeFromPhysmap(foreign)
        for (handle, address) in handles {
            MappedPage(unsafeAddress: address).store(UInt64(1), at: 0)
            do throws(GrantStatus) {
                try GrantTable.unmap(handle, at: GuestPhysical(rawValue: address))
            } catch {
                t.expect(false, "unmapping gave status \(error.rawValue)")
            }
        }
        if let left = try? DomainControl.info(id) {
            t.expect(left.domain != id, "the dead domain is still there")
        }
        _ = consume attacker
        try peer.destroy()
        t.expectEqual(try SystemControl.physicalInfo().freePages, before, "free pages afterwards")
    }
    suite.finish()
}
