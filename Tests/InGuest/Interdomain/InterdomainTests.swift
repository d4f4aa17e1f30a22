// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Domain 0 and a DomU that runs this same image: events, grants, and what the DomU may not do.
@c(guest_main)
public func guestMain() {
    Peer.runIfPeer()
    var suite = TestSuite("interdomain")
    guard BootInformation.current.isInitialDomain else {
        suite.test("all") { t throws(XenError) in t.skip("this is not domain 0") }
        suite.finish()
    }
    let reading = GrantEntryFlag.reading
    let writing = GrantEntryFlag.writing

    suite.test("start") { t throws(XenError) in
        try Events.start()
        try GrantTable.start()
    }
    suite.test("a_peer_starts_and_answers") { t throws(XenError) in
        let peer = try Peer()
        t.expectEqual(try peer.ask(.identify) ?? 0, UInt64(peer.id.rawValue), "the peer's own number")
        let info = try peer.domain.info()
        t.expectEqual(info.onlineVCPUs, 1, "vCPUs online")
        try peer.tell(.shutDown, UInt64(ShutdownReason.powerOff))
        t.expectEqual(try peer.domain.waitForShutdown() ?? 99, ShutdownReason.powerOff, "reason")
        try peer.destroy()
    }
    suite.test("a_domu_has_no_privileges") { t throws(XenError) in
        let peer = try Peer()
        for number in [HypercallNumber.domctl, HypercallNumber.sysctl, HypercallNumber.platform] {
            let result = try peer.ask(.callPrivileged, UInt64(number)) ?? 0
            t.expect(
                result == UInt64(bitPattern: XenError.notPermitted.returnValue)
                    || result == UInt64(bitPattern: XenError.accessDenied.returnValue),
                "\(HypercallNumber.name(number)) gave \(Int64(bitPattern: result))")
        }
        try peer.destroy()
    }
    suite.test("its_clock_is_set_from_outside") { t throws(XenError) in
        let peer = try Peer()
        guard let before = try peer.ask(.tellTime) else { return t.expect(false, "the peer does not answer") }
        let own = Clock.wallclock.seconds
        try DomainControl.setTimeOffset(of: peer.id, toSeconds: -3600)
        t.expectEqual(try peer.ask(.tellTime) ?? 0, before - 3600, "its seconds, an hour back")
        try DomainControl.setTimeOffset(of: peer.id, toSeconds: 7)
        t.expectEqual(try peer.ask(.tellTime) ?? 0, before + 7, "its seconds, 7 ahead")
        t.expectEqual(Clock.wallclock.seconds, own, "domain 0's seconds")
        try peer.destroy()
    }
    suite.test("an_nmi_is_sent_from_outside") { t throws(XenError) in
        let peer = try Peer()
        guard let before = try peer.ask(.countNMIs) else {
            return t.expect(false, "the peer does not answer")
        }
        for sent: UInt64 in 1...3 {
            try DomainControl.send(.nonMaskable, toVCPU: 0, of: peer.id)
            t.expectEqual(try peer.ask(.countNMIs) ?? 0, before + sent, "its NMIs")
        }
        try peer.destroy()
    }
    suite.test("events_go_both_ways") { t throws(XenError) in
        let peer = try Peer()
        guard let remote = try peer.ask(.echo) else { return t.expect(false, "the peer does not answer") }
        let port = try OwnedPort(to: peer.id, EventPort(rawValue: UInt32(remote)))
        var answers = 0
        try Scheduler.poll(port.port, until: Clock.now + 10_000_000)
        Events.clear(port.port)
        for _ in 0..<100 {
            try port.send()
            let end = Clock.now + 1_000_000_000
            while !Events.isPending(port.port), Clock.now < end { try Scheduler.poll(port.port, until: end) }
            if Events.clear(port.port) { answers += 1 }
        }
        t.expectEqual(answers, 100, "answers to 100 events")
        try peer.destroy()
    }
    suite.test("grants_map_between_domains") { t throws(XenError) in
        let peer = try Peer()
        guard let number = try peer.ask(.grant, 0) else { return t.expect(false, "the peer does not answer") }
        let reference = GrantReference(rawValue: UInt32(number))
        do throws(GrantStatus) {
            let mapping = try MappedGrant(reference, of: peer.id)
            t.expectEqual(
                mapping.memory.load(at: 0, as: UInt64.self), 0x5A5A_5A5A_5A5A_5A5A, "the peer's page")
            mapping.memory.store(UInt64(0xC0FFEE), at: 0)
            t.expectEqual((try? peer.ask(.revoke, number)) ?? 99, 0, "revoke while mapped")
            t.expectEqual(
                (try? peer.ask(.readGranted, number)) ?? 0, 0xC0FFEE, "the word as the peer sees it")
            try mapping.unmap()
            t.expectEqual((try? peer.ask(.revoke, number)) ?? 99, 1, "revoke after unmapping")
            t.expectStatus(GrantStatusCode.generalError, "mapping a revoked grant") {
                () throws(GrantStatus) in
                _ = try MappedGrant(reference, of: peer.id)
            }
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
        try peer.destroy()
    }
    suite.test("read_only_grants_stay_read_only") { t throws(XenError) in
        let peer = try Peer()
        guard let number = try peer.ask(.grant, 1) else { return t.expect(false, "the peer does not answer") }
        let reference = GrantReference(rawValue: UInt32(number))
        t.expectStatus(GrantStatusCode.generalError, "a writable mapping") { () throws(GrantStatus) in
            _ = try MappedGrant(reference, of: peer.id)
        }
        do throws(GrantStatus) {
            let mapping = try MappedGrant(reference, of: peer.id, readOnly: true)
            let address = mapping.memory.address
            try? AddressSpace.poke(address, 1)
            t.expectEqual(
                mapping.memory.load(at: 0, as: UInt64.self), 0x5A5A_5A5A_5A5A_5A5A, "the page afterwards")
            try mapping.unmap()
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
        try peer.destroy()
    }
    suite.test("grant_copy_between_domains") { t throws(XenError) in
        let peer = try Peer()
        guard let number = try peer.ask(.grant, 0), let own = GuestPage() else {
            return t.expect(false, "the peer does not answer")
        }
        let reference = GrantReference(rawValue: UInt32(number))
        do throws(GrantStatus) {
            try GrantTable.copy(
                from: .reference(reference, of: peer.id, offset: 0), to: .frame(own.frame, offset: 0),
                byteCount: 4096)
            t.expectEqual(own.memory.load(at: 4088, as: UInt64.self), 0x5A5A_5A5A_5A5A_5A5A, "the last word")
            own.memory.fill(0x77)
            try GrantTable.copy(
                from: .frame(own.frame, offset: 16), to: .reference(reference, of: peer.id, offset: 0),
                byteCount: 8)
            t.expectEqual(
                (try? peer.ask(.readGranted, number)) ?? 0, 0x7777_7777_7777_7777, "the word written")
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
        try peer.destroy()
    }
    suite.test("a_grant_for_somebody_else_is_refused") { t throws(XenError) in
        let first = try Peer()
        let page = try GrantedPage(to: first.id)
        t.expectStatus(GrantStatusCode.generalError, "domain 0 mapping its grant to the peer") {
            () throws(GrantStatus) in
            _ = try GrantTable.map(page.reference, of: .zero, at: GuestPhysical(rawValue: 0x10_0000_0000))
        }
        t.expectEqual(page.flags & (reading | writing), 0, "use flags")
        try first.destroy()
    }
    suite.test("a_mapped_page_outlives_its_domain") { t throws(XenError) in
        let before = try SystemControl.physicalInfo().freePages
        let peer = try Peer()
        guard let number = try peer.ask(.grant, 0) else { return t.expect(false, "the peer does not answer") }
        let id = peer.id
        do throws(GrantStatus) {
            let mapping = try MappedGrant(GrantReference(rawValue: UInt32(number)), of: id)
            do throws(XenError) {
                try DomainControl.destroy(id)
            } catch {
                t.expect(false, "destroy gave \(error)")
            }
            // The domain is dying as long as somebody holds a page of it.
            if let info = try? DomainControl.info(id), info.domain == id {
                t.expect(info.has(.dying), "flags \(hex: info.flags.rawValue)")
            } else {
                t.expect(false, "the domain is gone although its page is mapped")
            }
            t.expectEqual(
                mapping.memory.load(at: 0, as: UInt64.self), 0x5A5A_5A5A_5A5A_5A5A, "the page is still there")
            mapping.memory.store(UInt64(1), at: 0)
            try mapping.unmap()
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
        for _ in 0..<1000 {
            guard let info = try? DomainControl.info(id), info.domain == id else { break }
            try Scheduler.yield()
        }
        t.expectError(.noSuchDomain, "info after unmapping") { () throws(XenError) in
            if try DomainControl.info(id).domain != id { throw .noSuchDomain }
        }
        let after = try SystemControl.physicalInfo().freePages
        t.expect(before >= after && before - after <= 16, "\(before) pages were free before, \(after) after")
    }
    suite.test("a_crash_harms_nobody_else") { t throws(XenError) in
        let other = try Peer()
        let peer = try Peer()
        try peer.tell(.fault)
        t.expectEqual(try peer.domain.waitForShutdown() ?? 99, ShutdownReason.crash, "reason")
        t.expectEqual(try other.ask(.identify) ?? 0, UInt64(other.id.rawValue), "the other peer's answer")
        try peer.destroy()
        try other.destroy()
    }
    suite.test("every_reason_of_a_shutdown_is_told") { t throws(XenError) in
        for reason in ShutdownReason.powerOff...ShutdownReason.maximum {
            let peer = try Peer()
            try peer.tell(.shutDown, UInt64(reason))
            t.expectEqual(try peer.domain.waitForShutdown() ?? 99, reason, "reason")
            try peer.destroy()
        }
    }
    suite.test("a_panic_is_reported") { t throws(XenError) in
        var log = try HypervisorLog()
        let peer = try Peer()
        let id = peer.id.rawValue
        try peer.tell(.fault)
        t.expectEqual(try peer.domain.waitForShutdown() ?? 99, ShutdownReason.crash, "reason")
        // ud2 is exception 6; registers follow.
        t.expectLog(
            try log.read(),
            holds: [
                "(d\(id)) GUEST PANIC: exception 6 error 0x0 at 0x", "(d\(id))   rax 0x", "(d\(id))   cr0 0x",
            ])
        try peer.destroy()
    }
    suite.test("a_guest_without_memory_says_so") { t throws(XenError) in
        var log = try HypervisorLog()
        let peer = try Peer()
        let id = peer.id.rawValue
        try peer.tell(.exhaust)
        t.expectEqual(try peer.domain.waitForShutdown() ?? 99, ShutdownReason.crash, "reason")
        t.expectLog(try log.read(), holds: ["(d\(id)) heap: no memory for "])
        try peer.destroy()
    }
    suite.test("a_hanging_domain_is_destroyed") { t throws(XenError) in
        let peer = try Peer()
        try peer.tell(.hang)
        let port = try OwnedPort(interprocessorTo: 0)
        try Scheduler.poll(port.port, until: Clock.now + 10_000_000)
        let id = peer.id
        try peer.destroy()
        t.expectError(.noSuchDomain, "info afterwards") { () throws(XenError) in
            if try DomainControl.info(id).domain != id { throw .noSuchDomain }
        }
    }
    suite.finish()
}
