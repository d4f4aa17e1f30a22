// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

@Suite struct DomainTests {
    let fixture = StoreFixture()

    @Test func answersWhoIsThere() throws {
        let tools = fixture.privileged()
        let nine = DomainID(rawValue: 9)
        #expect(try tools.ok(.getDomainPath(nine)) == "/local/domain/9|")
        #expect(try tools.ok(.isDomainIntroduced(nine)) == "F|")
        let guest = try fixture.guest(9)
        #expect(try guest.ok(.isDomainIntroduced(nine)) == "T|")
        #expect(try tools.ok(.release(nine)) == "OK|")
        #expect(try tools.ok(.isDomainIntroduced(nine)) == "F|")
        #expect(try tools.error(.release(nine)) == .noEntry)
        #expect(try tools.error(.resume(nine)) == .noEntry)
    }

    @Test func guestsMayNotRuleDomains() throws {
        let guest = try fixture.guest(2)
        let other = DomainID(rawValue: 1)
        for request: XenStoreRequest in [
            .introduce(other, frame: 1, port: EventPort(rawValue: 1)), .release(other), .resume(other),
            .setTarget(other, target: other), .control("check".bytes),
        ] {
            #expect(try guest.error(request) == .accessDenied)
        }
    }

    @Test func introductionByPacketAsksItsHost() throws {
        let tools = fixture.privileged()
        let request = XenStoreRequest.introduce(
            DomainID(rawValue: 4), frame: 0xfeffc, port: EventPort(rawValue: 3))
        #expect(try tools.error(request) == .notImplemented)
        var asked: [UInt64] = []
        fixture.store.introducer = { domain, frame, port in
            asked.append(frame)
            _ = self.fixture.store.introduce(domain, frame: frame, port: port)
            return nil
        }
        #expect(try tools.ok(request) == "OK|")
        #expect(asked == [0xfeffc])
        fixture.store.introducer = { _, _, _ in .inputOutput }
        #expect(try tools.error(request) == .inputOutput)
    }

    @Test func aDeadDomainsRightsAreGone() throws {
        let tools = fixture.privileged()
        let guest = try fixture.guest(5)
        try guest.write("data/x", "1")
        try tools.write("/other", "")
        try tools.setPermissions("/other", .init(.none, 0), .init(.read, 5), .init(.write, 6))
        try tools.ok(.release(DomainID(rawValue: 5)))
        #expect(try tools.ok(.getPermissions("/other".bytes)) == "n0|w6|")
        #expect(try tools.ok(.getPermissions("/local/domain/5/data/x".bytes)) == "n0|")
        #expect(fixture.store.tree.usage.isEmpty)
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func aSecondIntroductionStartsTheClientAnew() throws {
        let guest = try fixture.guest(5)
        try guest.watch("data", "t")
        let again = TestClient(
            fixture, fixture.store.introduce(DomainID(rawValue: 5), frame: 2, port: EventPort(rawValue: 2)))
        try again.write("data", "1")
        #expect(again.takeEvents().isEmpty)
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func controlAnswers() throws {
        let tools = fixture.privileged()
        _ = try fixture.guest(5)
        #expect(try tools.ok(.control("check".bytes)) == "OK|")
        #expect(try tools.ok(.control("help".bytes)).contains("memreport"))
        #expect(try tools.ok(.control("log\0on".bytes)) == "OK|")
        var lines: [String] = []
        fixture.store.log = { lines.append($0) }
        try tools.write("/x", "")
        #expect(lines.count == 1)
        #expect(try tools.ok(.control("log".bytes)) == "on|")
        #expect(try tools.ok(.control("log\0off".bytes)) == "OK|")
        #expect(try tools.ok(.control("print\0hello".bytes)) == "OK|")
        #expect(lines.last == "store: hello")
        #expect(try tools.ok(.control("memreport".bytes)).contains("domain 5: nodes 1"))
        #expect(try tools.ok(.control("quota".bytes)).contains("nodes: 1000\n"))
        #expect(try tools.ok(.control("quota\05".bytes)).contains("nodes: 1\n"))
        #expect(try tools.error(.control("quota\06".bytes)) == .noEntry)
        #expect(try tools.ok(.control("quota\0set\0nodes\07".bytes)) == "OK|")
        #expect(fixture.store.quota.nodes == 7)
        #expect(try tools.error(.control("quota\0set\0nonsense\07".bytes)) == .invalidArgument)
        #expect(try tools.error(.control("quota\0set\0nodes\0-7".bytes)) == .invalidArgument)
    }
}
