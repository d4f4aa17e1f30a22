// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenBus
import XenStoreWire

@Suite struct StoreConnectionTests {
    let bench: StoreBench
    var store: XenStoreConnection { bench.store }
    init() throws { bench = try StoreBench() }

    @Test func nodesAreWrittenReadListedAndRemoved() throws {
        try store.takeOver()
        try store.write("data/a", "1")
        try store.write("data/b", "two")
        try store.makeDirectory("data/c")
        #expect(bench.read("/local/domain/7/data/b") == "two")
        #expect(try store.read("data/b").matches("two"))
        #expect(try store.readNumber("data/a", as: UInt32.self) == 1)
        #expect(try store.list("data").map(\.string) == ["a", "b", "c"])
        #expect(try store.list("data/c").isEmpty)
        try store.remove("data/b")
        #expect(try store.readIfPresent("data/b") == nil)
        #expect(throws: XenStoreFailure.refused(.noEntry)) { try store.read("data/b") }
        #expect(throws: XenStoreFailure.notANumber) { try store.readNumber("data/c", as: UInt8.self) }
        #expect(try store.readNumber("data/none", as: UInt8.self) == nil)
        #expect(try store.home(of: StoreBench.domain).matches("/local/domain/7"))
    }

    @Test func refusalsComeByName() throws {
        #expect(throws: XenStoreFailure.refused(.accessDenied)) { try store.write("/local/domain/0/x", "1") }
        #expect(throws: XenStoreFailure.refused(.invalidArgument)) { try store.read("a//b") }
        #expect(throws: XenStoreFailure.refused(.tooBig)) {
            try store.write("x", StoreText([UInt8](repeating: 1, count: 4096)))
        }
        #expect(throws: XenStoreFailure.refused(.noEntry)) { try store.list("nothing") }
        try store.write("x", "still served")
    }

    @Test func valuesBiggerThanTheRing() throws {
        let value = StoreText((0..<2000).map { UInt8(truncatingIfNeeded: $0) })
        try store.write("big", value)
        #expect(try store.read("big") == value)
    }

    @Test func directoriesBiggerThanAReply() throws {
        for index in 0..<600 { try bench.write("/local/domain/7/many/child-number-\(index)", "") }
        let names = try store.list("many")
        #expect(Set(names.map(\.string)).count == 600)
    }

    @Test func permissions() throws {
        try store.write("data/a", "1")
        try store.setPermissions(
            "data/a", [.init(.none, StoreBench.domain), .init(.read, DomainID(rawValue: 3))])
        #expect(
            try store.permissions("data/a") == [
                .init(.none, StoreBench.domain), .init(.read, DomainID(rawValue: 3)),
            ])
    }

    // MARK: Transactions

    @Test func aTransactionAppearsAsAWhole() throws {
        try store.transaction {
            (transaction: borrowing XenStoreTransaction) throws(XenStoreFailure) -> Void in
            try transaction.write("t/a", "1")
            #expect(bench.read("/local/domain/7/t/a") == nil)
            #expect(try transaction.read("t/a").matches("1"))
            try transaction.write("t/b", "2")
        }
        #expect(bench.read("/local/domain/7/t/a") == "1")
        #expect(bench.read("/local/domain/7/t/b") == "2")
    }

    @Test func aDroppedTransactionLeavesNothing() throws {
        do {
            let transaction = try store.beginTransaction()
            try transaction.write("t/a", "1")
        }
        #expect(bench.read("/local/domain/7/t/a") == nil)
        #expect(throws: XenStoreFailure.refused(.noEntry)) {
            try store.transaction {
                (transaction: borrowing XenStoreTransaction) throws(XenStoreFailure) -> Void in
                try transaction.write("t/a", "1")
                _ = try transaction.read("missing")
            }
        }
        #expect(bench.read("/local/domain/7/t/a") == nil)
        // Nothing stayed open: the quota of transactions is far lower than this.
        for _ in 0..<100 { _ = try store.beginTransaction() }
    }

    @Test func aConflictIsTriedAgain() throws {
        try store.write("counter", "10")
        var rounds: UInt32 = 0
        let bench = bench
        try store.transaction {
            (transaction: borrowing XenStoreTransaction) throws(XenStoreFailure) -> Void in
            let value = try transaction.readNumber("counter", as: UInt32.self) ?? 0
            rounds += 1
            // Somebody else is faster, twice.
            if rounds <= 2 { try? bench.write("/local/domain/7/counter", "\(20 * rounds)") }
            try transaction.write("counter", StoreText(decimal: value + 1))
        }
        #expect(rounds == 3)
        #expect(bench.read("/local/domain/7/counter") == "41")
    }

    @Test func aConflictThatNeverEndsIsAnError() throws {
        try store.write("counter", "10")
        var rounds = 0
        let bench = bench
        #expect(throws: XenStoreFailure.refused(.tryAgain)) {
            try store.transaction(attempts: 5) {
                (transaction: borrowing XenStoreTransaction) throws(XenStoreFailure) -> Void in
                rounds += 1
                _ = try transaction.read("counter")
                try? bench.write("/local/domain/7/counter", "\(rounds)")
                try transaction.write("counter", "x")
            }
        }
        #expect(rounds == 5)
    }

    // MARK: Watches

    @Test func watchesTellWhatChanged() throws {
        var seen: [String] = []
        let watch = try store.watch("data") { seen.append($0.string) }
        bench.settle()
        #expect(seen == ["data"])
        try bench.write("/local/domain/7/data/x", "1")
        try bench.write("/local/domain/7/other", "1")
        try bench.write("/local/domain/7/data/x", "2")
        bench.settle()
        #expect(seen == ["data", "data/x"])
        try bench.write("/local/domain/7/data/x", "3")
        bench.settle()
        #expect(seen == ["data", "data/x", "data/x"])
        _ = consume watch
        bench.settle()
        try bench.write("/local/domain/7/data/x", "4")
        bench.settle()
        #expect(seen.count == 3)
        #expect(store.strayPacketCount == 0)
    }

    @Test func handlersMakeRequestsAndWatches() throws {
        var value = ""
        var inner: [String] = []
        final class Keeper { var watch: XenStoreWatch? }
        let keeper = Keeper()
        let store = store
        try store.write("a", "first")
        let watch = try store.watch("a") { path in
            value = (try? store.read(path))?.string ?? "?"
            if keeper.watch == nil { keeper.watch = try? store.watch("b") { inner.append($0.string) } }
            // Waiting for other handlers in a handler cannot work, and says so.
            #expect(!store.wait { false })
        }
        bench.settle()
        #expect(value == "first")
        #expect(inner == ["b"])
        try bench.write("/local/domain/7/a", "second")
        bench.settle()
        #expect(value == "second")
        _ = consume watch
    }

    @Test func aWatchThatSeesTooMuchIsToldItsOwnPath() throws {
        var seen: [String] = []
        let watch = try store.watch("data") { seen.append($0.string) }
        bench.settle()
        seen = []
        // All in one answer's wait: nobody calls handlers meanwhile.
        for index in 0..<200 { try bench.write("/local/domain/7/data/\(index)", "") }
        for _ in 0..<20 { _ = try store.readIfPresent("none") }
        bench.settle()
        #expect(seen.contains("data"))
        #expect(seen.count <= XenStoreConnection.changesKept + 1)
        _ = consume watch
    }

    @Test func waitingEndsWhenTheWatchSaysSo() throws {
        var isThere = false
        let store = store
        let watch = try store.watch("answer") { isThere = (try? store.readIfPresent($0)) != nil }
        var sleeps = 0
        bench.whileAsleep = { [bench] in
            sleeps += 1
            if sleeps == 20 { try? bench.write("/local/domain/7/answer", "42") }
        }
        #expect(store.wait { isThere })
        #expect(sleeps >= 20)
        #expect(!store.wait { false })
        _ = consume watch
    }

    // MARK: A ring that breaks

    @Test func aFreshStartKeepsWatches() throws {
        var seen: [String] = []
        let watch = try store.watch("data") { seen.append($0.string) }
        bench.settle()
        seen = []
        // The guest's index goes astray: the service gives the ring up.
        bench.page.view.store(
            bench.page.view.load(Field<XenStoreRingLayout, UInt32>.requestConsumer) &+ 1025,
            to: .requestProducer)
        // The store has not seen this one: it follows the fresh start.
        #expect(throws: XenStoreFailure.refused(.noEntry)) { try store.read("x") }
        #expect(store.reconnectionCount == 1)
        bench.settle()
        #expect(seen == ["data"])
        try bench.write("/local/domain/7/data/y", "1")
        bench.settle()
        #expect(seen == ["data", "data/y"])
        try store.write("x", "works")
        _ = consume watch
        #expect(store.strayPacketCount == 0)
    }

    @Test func takingOverCleansUp() throws {
        // What another system in this domain left: half a request, an unread answer.
        var bytes: [UInt8] = []
        try XenStoreRequest.getDomainPath(.zero).encode(requestID: 9, to: &bytes)
        for (index, byte) in (bytes + [1, 2, 3]).enumerated() {
            bench.page.view.store(byte, to: Field<XenStoreRingLayout, UInt8>.requests.element(index))
        }
        bench.page.view.store(UInt32(bytes.count + 3), to: .requestProducer)
        bench.service.ringEvent(StoreBench.domain)
        try store.takeOver()
        try store.write("x", "1")
        #expect(try store.read("x").matches("1"))
        #expect(store.strayPacketCount == 0)
    }
}

@Suite struct LyingStoreTests {
    @Test func aChangeThatComesWithAHandlersReplyIsNotSleptOver() throws {
        var watch: [UInt8] = []
        let busy = LyingStore { _, header, payload in
            if header.operation == .watch { watch = payload }
            let reply = packet(
                XenStoreHeader(operation: header.operation, requestID: header.requestID), Array("OK\0".utf8))
            // The answer, and right behind it what the watch saw.
            return reply + packet(XenStoreHeader(operation: .watchEvent), watch)
        }
        var calls = 0
        let store = busy.store
        let token = try store.watch("data") { _ in
            calls += 1
            if calls == 1 { try? store.write("data/x", "1") }
        }
        #expect(store.wait { calls == 2 })
        _ = consume token
    }

    @Test func anAnswerOfAnotherKind() {
        let lying = LyingStore { _, header, _ in
            packet(XenStoreHeader(operation: .write, requestID: header.requestID), [0])
        }
        #expect(throws: XenStoreFailure.badReply(.read)) { try lying.store.read("x") }
    }

    @Test func anAnswerToAnotherRequest() {
        let lying = LyingStore { _, header, _ in
            packet(XenStoreHeader(operation: .read, requestID: header.requestID &+ 5), [0])
        }
        #expect(throws: XenStoreFailure.timedOut) { try lying.store.read("x") }
        #expect(lying.store.strayPacketCount == 1)
    }

    @Test func anErrorNobodyKnows() {
        let lying = LyingStore { _, header, _ in
            packet(XenStoreHeader(operation: .error, requestID: header.requestID), [0x45, 0x3F])
        }
        #expect(throws: XenStoreFailure.refused(.inputOutput)) { try lying.store.read("x") }
    }

    @Test func aPacketThatIsTooLongEndsTheRing() {
        for (features, failure): (UInt32, XenStoreFailure) in [(7, .connectionLost), (0, .connectionDead)] {
            let lying = LyingStore(features: features) { _, _, _ in
                var bytes: [UInt8] = []
                XenStoreHeader(operation: .read, requestID: 1, length: 4097).append(to: &bytes)
                return bytes
            }
            #expect(throws: failure) { try lying.store.read("x") }
            #expect(lying.store.isDead == (features == 0))
            #expect(!lying.store.wait { false })
        }
    }

    @Test func indicesThatLie() {
        for field: Field<XenStoreRingLayout, UInt32> in [.responseProducer, .requestConsumer] {
            let lying = LyingStore(features: 0) { page, _, _ in
                page.view.store(page.view.load(field) &+ 50_000, to: field)
                return []
            }
            #expect(throws: XenStoreFailure.self) { try lying.store.read("x") }
            #expect(throws: XenStoreFailure.self) { try lying.store.read("x") }
        }
    }

    @Test func aStoreThatSaysTheRingIsBrokenAgainAndAgain() {
        var count = 0
        let lying = LyingStore { page, header, payload in
            count += 1
            page.view.store(2 as UInt32, to: .error)
            return []
        }
        var calls: [String] = []
        if let watch = try? lying.store.watch("x", { calls.append($0.string) }) { _ = consume watch }
        #expect(throws: XenStoreFailure.connectionDead) { try lying.store.read("x") }
        #expect(calls.isEmpty)
    }

    @Test func transactionsAndListsThatMakeNoSense() {
        let lying = LyingStore { _, header, _ in
            let payload: [UInt8] =
                switch header.operation {
                case .transactionStart: [0x30, 0]
                case .directory, .directoryPart: [0x31]
                case .getPermissions: [0x71, 0x31, 0]
                case .getDomainPath: []
                default: [0]
                }
            return packet(
                XenStoreHeader(operation: header.operation, requestID: header.requestID), payload)
        }
        #expect(throws: XenStoreFailure.badReply(.transactionStart)) {
            _ = try lying.store.beginTransaction()
        }
        #expect(throws: XenStoreFailure.badReply(.getPermissions)) { try lying.store.permissions("x") }
        #expect(throws: XenStoreFailure.badReply(.getDomainPath)) { try lying.store.home(of: .zero) }
        #expect((try? lying.store.list("x"))?.isEmpty == true)
    }

    @Test func aListingThatNeverEnds() {
        var generation = 0
        for changes in [false, true] {
            let lying = LyingStore { _, header, _ in
                if header.operation == .directory {
                    return packet(
                        XenStoreHeader(operation: .error, requestID: header.requestID),
                        Array("E2BIG\0".utf8))
                }
                if changes { generation += 1 }
                let payload = Array("\(generation)\0".utf8) + Array(repeating: 0x61, count: 3999) + [0]
                return packet(
                    XenStoreHeader(operation: header.operation, requestID: header.requestID), payload)
            }
            #expect(throws: XenStoreFailure.self) { try lying.store.list("x") }
        }
    }

    @Test func eventsThatNobodyAskedFor() throws {
        let lying = LyingStore { _, header, _ in
            let events: [[UInt8]] = [
                Array("a\099\0".utf8), [], [0], Array("a\0x\0".utf8), Array(repeating: 7, count: 4096),
            ]
            return events.flatMap { packet(XenStoreHeader(operation: .watchEvent), $0) }
                + packet(XenStoreHeader(operation: header.operation, requestID: header.requestID), [0x31])
        }
        #expect(try lying.store.read("x").matches("1"))
        #expect(lying.store.strayPacketCount == 5)
    }

    @Test func randomBytesNeverTrap() {
        var generator = SplitMix(state: 42)
        for _ in 0..<300 {
            let lying = LyingStore(features: UInt32(generator.next() & 7)) { page, header, _ in
                if generator.next() % 8 == 0 {
                    let fields: [Field<XenStoreRingLayout, UInt32>] = [
                        .requestConsumer, .responseProducer, .responseConsumer, .requestProducer, .error,
                        .connection, .serverFeatures,
                    ]
                    page.view.store(
                        UInt32(truncatingIfNeeded: generator.next()),
                        to: fields[Int(generator.next() % UInt64(fields.count))])
                }
                let count = Int(generator.next() % 64)
                var payload = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                if generator.next() % 2 == 0 { return payload }
                payload.append(0)
                let operations: [XenStoreOperation] = [header.operation, .watchEvent, .error]
                return packet(
                    XenStoreHeader(
                        operation: operations[Int(generator.next() % 3)], requestID: header.requestID),
                    payload)
            }
            _ = try? lying.store.takeOver()
            final class Keeper { var watch: XenStoreWatch? }
            let keeper = Keeper()
            keeper.watch = try? lying.store.watch("w") { _ in _ = try? lying.store.read("inner") }
            var submitted = 0
            var ended = 0
            for _ in 0..<4 {
                for _ in 0..<generator.next() % 4 {
                    let timeout = Timeout.milliseconds(UInt32(generator.next() % 100_000))
                    do {
                        try lying.store.read("later", timeout: timeout) { _ in ended += 1 }
                        submitted += 1
                    } catch {}
                }
                _ = try? lying.store.list("x")
                _ = try? lying.store.permissions("x")
                lying.store.turn()
                _ = try? lying.store.transaction {
                    (transaction: borrowing XenStoreTransaction) throws(XenStoreFailure) -> Void in
                    try transaction.write("a", "b")
                }
            }
            keeper.watch = nil
            // Each request has ended once, whatever the store said.
            lying.clock.now += 100_000_000_000
            lying.store.turn()
            lying.store.turn()
            #expect(submitted == ended && lying.store.nextDeadline == .max)
        }
    }
}

struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
