// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

@Suite struct WatchTests {
    let fixture = StoreFixture()

    @Test func firesAtOnceThenForTheNodeAndAllBelow() throws {
        let client = fixture.privileged()
        try client.watch("/a/b", "tok")
        #expect(client.takeEvents() == ["/a/b tok"])
        try client.write("/a/b", "1")
        try client.write("/a/b/c/d", "1")
        try client.write("/a", "1")
        try client.write("/a/bc", "1")
        #expect(client.takeEvents() == ["/a/b tok", "/a/b/c/d tok"])
        try client.setPermissions("/a/b/c", .init(.none, 0))
        try client.ok(.makeDirectory("/a/b/m".bytes))
        try client.ok(.makeDirectory("/a/b/m".bytes))
        #expect(client.takeEvents() == ["/a/b/c tok", "/a/b/m tok"])
    }

    @Test func tellsOfARemovalOnceAndOfRemovedNodesThatAreWatched() throws {
        let client = fixture.privileged()
        try client.write("/a/b/c/d", "1")
        try client.watch("/a", "above")
        try client.watch("/a/b", "at")
        try client.watch("/a/b/c/d", "below")
        try client.watch("/a/b/none", "missing")
        _ = client.takeEvents()
        try client.remove("/a/b")
        #expect(client.takeEvents() == ["/a/b above", "/a/b at", "/a/b/c/d below"])
        try client.remove("/a/b")
        #expect(client.takeEvents().isEmpty)
    }

    @Test func theRootSeesEverythingButSpecials() throws {
        let client = fixture.privileged()
        try client.watch("/", "r")
        _ = try fixture.guest(4)
        #expect(client.takeEvents() == ["/ r", "/local/domain/4 r", "/local/domain/4 r"])
    }

    @Test func depthLimitsHowFarBelow() throws {
        let client = fixture.privileged()
        try client.watch("/d", "0", depth: 0)
        try client.watch("/d", "1", depth: 1)
        try client.watch("/", "root", depth: 1)
        _ = client.takeEvents()
        try client.write("/d", "")
        try client.write("/d/x", "")
        try client.write("/d/x/y", "")
        #expect(client.takeEvents() == ["/d root", "/d 0", "/d 1", "/d/x 1"])
    }

    @Test func relativeWatchesReportRelativePaths() throws {
        let guest = try fixture.guest(2)
        try guest.watch("device", "t")
        try guest.watch("/local/domain/2/device", "abs")
        _ = guest.takeEvents()
        try fixture.privileged().write("/local/domain/2/device/vbd/1/state", "1")
        #expect(guest.takeEvents() == ["device/vbd/1/state t", "/local/domain/2/device/vbd/1/state abs"])
    }

    @Test func refusesDuplicatesAndUnknownOnes() throws {
        let client = fixture.privileged()
        try client.watch("/a", "t")
        #expect(try client.error(.watch("/a".bytes, token: "t".bytes, depth: nil)) == .exists)
        try client.watch("/a", "u")
        #expect(try client.error(.unwatch("/a".bytes, token: "x".bytes)) == .noEntry)
        #expect(try client.error(.unwatch("/b".bytes, token: "t".bytes)) == .noEntry)
        #expect(try client.ok(.unwatch("/a".bytes, token: "t".bytes)) == "OK|")
        _ = client.takeEvents()
        try client.write("/a", "")
        #expect(client.takeEvents() == ["/a u"])
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func resetForgetsWatchesAndTransactions() throws {
        let client = fixture.privileged()
        try client.watch("/a", "t")
        try client.watch("@releaseDomain", "t")
        let transaction = try client.start()
        #expect(try client.ok(.resetWatches) == "OK|")
        _ = client.takeEvents()
        try client.write("/a", "")
        #expect(client.takeEvents().isEmpty)
        #expect(try client.error(.read("/a".bytes), in: transaction) == .noEntry)
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func aClosedConnectionHasNoWatches() throws {
        let client = fixture.privileged()
        try client.watch("/a/b/c", "t")
        client.close()
        #expect(fixture.store.firstBrokenInvariant() == nil)
        try fixture.privileged().write("/a/b/c", "")
    }

    @Test func guestsAreToldOnlyWhatTheyMayRead() throws {
        let tools = fixture.privileged()
        let guest = try fixture.guest(3)
        try tools.write("/secret/x", "")
        try guest.watch("/secret", "t")
        #expect(guest.takeEvents() == ["/secret t"])
        try tools.write("/secret/x", "1")
        try tools.remove("/secret/x")
        #expect(guest.takeEvents().isEmpty)
        try tools.write("/secret/open", "")
        try tools.setPermissions("/secret/open", .init(.read, 0))
        #expect(guest.takeEvents() == ["/secret/open t"])
        // Losing the right to read is the last thing it is told.
        try tools.setPermissions("/secret/open", .init(.none, 0))
        try tools.write("/secret/open", "2")
        #expect(guest.takeEvents() == ["/secret/open t"])
        try tools.setPermissions("/secret/open", .init(.read, 0))
        try tools.remove("/secret/open")
        #expect(guest.takeEvents() == ["/secret/open t"])
    }

    @Test func identicalWaitingEventsAreSentOnce() throws {
        let guest = try fixture.guest(3)
        try guest.watch("data", "t")
        _ = guest.takeEvents()
        let tools = fixture.privileged()
        for value in 0..<50 { try tools.write("/local/domain/3/data", "\(value)") }
        #expect(fixture.store.outputByteCount(guest.id) < 100)
        #expect(guest.takeEvents() == ["data t"])
        try tools.write("/local/domain/3/data", "x")
        #expect(guest.takeEvents() == ["data t"])
    }

    @Test func domainsComingAndGoingAreTold() throws {
        let tools = fixture.privileged()
        try tools.watch("@introduceDomain", "i")
        try tools.watch("@releaseDomain", "r")
        try tools.watch("@releaseDomain", "deep", depth: 1)
        _ = tools.takeEvents()
        let guest = try fixture.guest(9)
        #expect(tools.takeEvents() == ["@introduceDomain i"])
        fixture.store.domainShutDown(DomainID(rawValue: 9))
        fixture.store.domainShutDown(DomainID(rawValue: 9))
        #expect(tools.takeEvents() == ["@releaseDomain r", "@releaseDomain/9 deep"])
        #expect(try tools.ok(.resume(DomainID(rawValue: 9))) == "OK|")
        fixture.store.domainShutDown(DomainID(rawValue: 9))
        #expect(tools.takeEvents().count == 2)
        // A guest is told only if it was granted.
        try guest.watch("@releaseDomain", "g")
        _ = guest.takeEvents()
        _ = try fixture.guest(10)
        try tools.ok(.release(DomainID(rawValue: 10)))
        #expect(guest.takeEvents().isEmpty)
        #expect(try guest.error(.setPermissions("@releaseDomain".bytes, [.init(.read, 0)])) == .accessDenied)
        try tools.setPermissions("@releaseDomain", .init(.none, 0), .init(.read, 9))
        #expect(try tools.ok(.getPermissions("@releaseDomain".bytes)) == "n0|r9|")
        _ = try fixture.guest(11)
        try tools.ok(.release(DomainID(rawValue: 11)))
        #expect(guest.takeEvents() == ["@releaseDomain g"])
        #expect(try tools.error(.setPermissions("@other".bytes, [.init(.read, 0)])) == .invalidArgument)
    }
}
