// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

@Suite struct RecordTests {
    /// Everything a store is, as text.
    private func dump(_ store: XenStore) -> [String] {
        var lines: [String] = []
        store.tree.forEach { path, node in
            var text: [UInt8] = []
            for permission in node.permissions { permission.append(to: &text) }
            lines.append(
                "\(String(decoding: path, as: UTF8.self)) = \(String(decoding: node.value, as: UTF8.self)) "
                    + String(decoding: text, as: UTF8.self))
        }
        for domain in store.restoredDomains {
            lines.append("\(domain.domain) \(domain.frame) \(domain.port)")
        }
        for domain in store.introducedDomains {
            guard let id = store.ring(of: domain), let connection = store.connection(id) else { continue }
            for watch in connection.watches {
                lines.append(
                    "\(domain) \(watch.path) \(watch.token) \(String(describing: watch.depth)) \(watch.isRelative)"
                )
            }
            lines.append("target \(String(describing: connection.target))")
        }
        lines.append("\(store.specialPermissions.all)")
        return lines
    }

    private func makeBusyStore() throws -> StoreFixture {
        let fixture = StoreFixture()
        let tools = fixture.privileged()
        let one = try fixture.guest(1)
        let two = try fixture.guest(2)
        _ = try fixture.guest(3)
        try tools.write("/tool/a", "1")
        try tools.remove("/tool")
        try tools.setPermissions("@releaseDomain", .init(.none, 0), .init(.read, 1))
        try one.watch("device", "r")
        try one.watch("/local/domain/1", "d", depth: 2)
        try one.watch("@releaseDomain", "s")
        try two.watch("x", "gone")
        try two.ok(.resetWatches)
        try one.watch("y", "gone")
        try one.ok(.unwatch("y".bytes, token: "gone".bytes))
        let transaction = try one.start()
        try one.write("data/in-transaction", "\u{1}\u{2}", in: transaction)
        try one.ok(.transactionEnd(commits: true), in: transaction)
        let lost = try one.start()
        try one.write("data/lost", "", in: lost)
        try tools.ok(.setTarget(DomainID(rawValue: 2), target: DomainID(rawValue: 1)))
        try tools.ok(.release(DomainID(rawValue: 3)))
        try one.setPermissions("data", .init(.none, 1), .init(.read, 2))
        return fixture
    }

    @Test func replayGivesTheSameStore() throws {
        let fixture = try makeBusyStore()
        let copy = XenStore()
        for record in fixture.records {
            var bytes: [UInt8] = []
            record.encode(to: &bytes)
            let decoded = try #require(StoreRecord(bytes))
            #expect(decoded == record)
            #expect(copy.restore(decoded))
        }
        #expect(dump(copy) == dump(fixture.store))
        #expect(copy.firstBrokenInvariant() == nil)
    }

    @Test func aSnapshotGivesTheSameStore() throws {
        let fixture = try makeBusyStore()
        let copy = XenStore()
        fixture.store.snapshot { #expect(copy.restore($0)) }
        #expect(dump(copy) == dump(fixture.store))
        #expect(copy.firstBrokenInvariant() == nil)
    }

    @Test func noPrefixOfARecordIsTakenForOne() throws {
        for record in try makeBusyStore().records {
            var bytes: [UInt8] = []
            record.encode(to: &bytes)
            for count in 0..<bytes.count { #expect(StoreRecord(Array(bytes[..<count])) == nil) }
            #expect(StoreRecord(bytes + [0]) == nil)
        }
    }

    @Test func guestsGoOnAfterARestart() throws {
        let fixture = try makeBusyStore()
        let copy = XenStore()
        fixture.store.snapshot { copy.restore($0) }
        copy.restore(.ringState(DomainID(rawValue: 1), input: [1, 2, 3], output: [9, 9]))
        #expect(copy.restoredDomains.map(\.input) == [[1, 2, 3], []])
        let id = try #require(copy.ring(of: DomainID(rawValue: 1)))
        #expect(copy.outputByteCount(id) == 2)
        copy.sendOutput(id) { _ in 2 }
        // A transaction from before: everything works in it, and its end says to start again.
        func ask(_ request: XenStoreRequest, in transaction: UInt32) throws -> (XenStoreOperation, [UInt8]) {
            var packet: [UInt8] = []
            try request.encode(to: &packet)
            let payload = Array(packet[16...])
            copy.handle(
                XenStoreHeader(operation: request.operation, requestID: 7, transactionID: transaction),
                payload.span,
                from: id)
            var reply: [UInt8] = []
            copy.sendOutput(id) {
                reply = $0.copied()
                return reply.count
            }
            let header = XenStoreHeader(reply.span)
            return (try #require(header).operation, Array(reply[16...]))
        }
        let lost = fixture.store.lastTransactionID
        #expect(try ask(.read("data/in-transaction".bytes), in: lost) == (.read, [1, 2]))
        #expect(try ask(.write("data/again".bytes, value: []), in: lost) == (.write, "OK\0".bytes))
        #expect(try ask(.transactionEnd(commits: true), in: lost) == (.error, "EAGAIN\0".bytes))
        #expect(try ask(.read("data/again".bytes), in: 0) == (.error, "ENOENT\0".bytes))
        #expect(try ask(.transactionEnd(commits: true), in: 4_000_000) == (.error, "ENOENT\0".bytes))
        let (_, number) = try ask(.transactionStart, in: 0)
        #expect(try #require(UInt32(String(decoding: number.dropLast(), as: UTF8.self))) > lost)
        // Watches of the ring are still there.
        copy.fireRestoredWatches(of: DomainID(rawValue: 1))
        #expect(copy.outputByteCount(id) > 0)
    }

    @Test func contradictingRecordsAreLeftOut() {
        let store = XenStore()
        let one = DomainID(rawValue: 1)
        #expect(!store.restore(.release(one)))
        #expect(!store.restore(.watch(one, path: "/a".bytes, token: [], depth: nil, isRelative: false)))
        #expect(!store.restore(.unwatch(one, path: "/a".bytes, token: [])))
        #expect(!store.restore(.resetWatches(one)))
        #expect(!store.restore(.ringState(one, input: [], output: [])))
        #expect(!store.restore(.setTarget(of: one, to: .zero)))
        #expect(!store.restore(.specialPermissions("@x".bytes, [.init(.none, 0)])))
        #expect(!store.restore(.mutation(.setPermissions("/x".bytes, [.init(.none, 0)]), by: .zero)))
        #expect(store.firstBrokenInvariant() == nil)
    }
}
