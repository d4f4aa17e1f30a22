// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

@Suite struct QuotaTests {
    let fixture = StoreFixture()

    @Test func limitsNodes() throws {
        let guest = try fixture.guest(1)
        for index in 0..<998 { try guest.write("n/\(index / 40)-\(index)", "") }
        #expect(fixture.store.tree.usage[1]?.nodes == 1000)
        #expect(try guest.writeError("more") == .noSpace)
        #expect(try guest.error(.makeDirectory("more".bytes)) == .noSpace)
        try guest.write("n/0-0", "existing nodes can still change")
        let transaction = try guest.start()
        #expect(try guest.writeError("more", in: transaction) == .noSpace)
        try guest.remove("n/0-1", in: transaction)
        try guest.write("n/in-its-place", "", in: transaction)
        #expect(try guest.ok(.transactionEnd(commits: true), in: transaction) == "OK|")
        try fixture.privileged().write("/local/domain/1/by-tools", "domain 0 is not limited")
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func aCommitThatBreaksTheLimitChangesNothing() throws {
        fixture.store.quota.nodes = 5
        let guest = try fixture.guest(1)
        let first = try guest.start()
        let second = try guest.start()
        for name in ["a", "b", "c"] {
            try guest.write("first-\(name)", "", in: first)
            try guest.write("second-\(name)", "", in: second)
        }
        #expect(try guest.ok(.transactionEnd(commits: true), in: first) == "OK|")
        #expect(try guest.error(.transactionEnd(commits: true), in: second) == .noSpace)
        #expect(try guest.directory("/local/domain/1") == "first-a|first-b|first-c|")
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func limitsValuesPathsPermissionsAndWatches() throws {
        let guest = try fixture.guest(1)
        try guest.write("v", String(repeating: "x", count: 2048))
        #expect(try guest.writeError("v", String(repeating: "x", count: 2049)) == .noSpace)
        #expect(try guest.readError("/" + String(repeating: "x", count: 2048)) == .noSpace)
        let six = (0..<6).map { XenStorePermission(.read, $0 == 0 ? 1 : UInt16($0 + 1)) }
        #expect(try guest.error(.setPermissions("v".bytes, six)) == .noSpace)
        #expect(try guest.ok(.setPermissions("v".bytes, Array(six.prefix(5)))) == "OK|")
        for index in 0..<128 { try guest.watch("v", "\(index)") }
        #expect(try guest.error(.watch("v".bytes, token: "x".bytes, depth: nil)) == .tooBig)
        #expect(try guest.ok(.unwatch("v".bytes, token: "5".bytes)) == "OK|")
        try guest.watch("v", "x")
    }

    @Test func limitsTransactionsAndWhatTheyTouch() throws {
        let guest = try fixture.guest(1)
        let transactions = try (0..<10).map { _ in try guest.start() }
        #expect(try guest.error(.transactionStart) == .noSpace)
        try guest.ok(.transactionEnd(commits: false), in: transactions[0])
        let transaction = try guest.start()
        fixture.store.quota.nodesPerTransaction = 3
        for name in ["a", "b", "c", "a"] { #expect(try guest.readError(name, in: transaction) == .noEntry) }
        #expect(try guest.readError("d", in: transaction) == .noSpace)
        #expect(try guest.writeError("e", in: transaction) == .noSpace)
        let tools = fixture.privileged()
        let free = try tools.start()
        for name in ["a", "b", "c", "d", "e"] { #expect(try tools.readError(name, in: free) == .noEntry) }
    }

    @Test func limitsMemory() throws {
        fixture.store.quota.memoryHard = 10_000
        let guest = try fixture.guest(1)
        let value = String(repeating: "x", count: 2000)
        for index in 0..<4 { try guest.write("v\(index)", value) }
        #expect(try guest.writeError("v4", value) == .noMemory)
        #expect(
            try guest.error(.watch("v1".bytes, token: Array(repeating: 0x74, count: 2000), depth: nil))
                == .noMemory)
        try guest.remove("v0")
        try guest.write("v4", value)
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func limitsMemoryOfTransactions() throws {
        fixture.store.quota.memoryHard = 50_000
        let guest = try fixture.guest(1)
        let transaction = try guest.start()
        let value = String(repeating: "x", count: 2000)
        var count = 0
        while try guest.writeError("same", value, in: transaction) == nil {
            count += 1
            try #require(count < 100)
        }
        #expect(count > 10)
        #expect(try guest.writeError("same", value, in: transaction) == .noMemory)
        try guest.ok(.transactionEnd(commits: true), in: transaction)
        #expect(try guest.read("same") == value)
        try guest.write("same", value)
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func takesNoRequestsWhileTwentyAnswersWait() throws {
        let guest = try fixture.guest(1)
        let header = XenStoreHeader(operation: .read, requestID: 1, length: 2)
        for count in 0..<20 {
            #expect(fixture.store.acceptsRequests(guest.id), "after \(count)")
            fixture.store.handle(header, "/\0".bytes.span, from: guest.id)
        }
        #expect(!fixture.store.acceptsRequests(guest.id))
        // Taking part of the first answer is not enough, all of it is.
        fixture.store.sendOutput(guest.id) { _ in 10 }
        #expect(!fixture.store.acceptsRequests(guest.id))
        fixture.store.sendOutput(guest.id) { _ in 13 }
        #expect(fixture.store.acceptsRequests(guest.id))
        let tools = fixture.privileged()
        for _ in 0..<100 { fixture.store.handle(header, "/\0".bytes.span, from: tools.id) }
        #expect(fixture.store.acceptsRequests(tools.id))
    }

    @Test func aGuestThatTakesNoEventsLosesThemAndHarmsNobody() throws {
        fixture.store.quota.memoryHard = 20_000
        let guest = try fixture.guest(1)
        try guest.watch("data", "t")
        _ = guest.takeEvents()
        let tools = fixture.privileged()
        for index in 0..<2000 { try tools.write("/local/domain/1/data/\(index)", "") }
        #expect(fixture.store.outputByteCount(guest.id) < 25_000)
        #expect(guest.takeEvents().first == "data/0 t")
    }
}
