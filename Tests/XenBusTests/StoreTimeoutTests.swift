// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenBus
import XenStoreWire

/// Several requests at a time, and a store that answers late or never.
@Suite struct StoreTimeoutTests {
    let bench: StoreBench
    var store: XenStoreConnection { bench.store }
    init() throws {
        bench = try StoreBench()
        try store.write("a", "one")
        try store.write("b", "two")
    }

    // MARK: Several at a time

    @Test func requestsFollowEachOtherWithoutWaiting() throws {
        var answers: [String] = []
        var changes = 0
        let watch = try store.watch("watched") { _ in changes += 1 }
        bench.settle()
        for path: StoreText in ["a", "b", "missing"] {
            try store.read(path) {
                switch $0 {
                case .success(let value): answers.append(value.string)
                case .failure(let error): answers.append("\(error)")
                }
            }
        }
        #expect(store.outstandingCount == 3)
        // One that waits comes after them, and does not call their completions.
        try store.write("watched/x", "1")
        #expect(answers.isEmpty && store.outstandingCount == 0 && store.hasWork)
        bench.settle()
        #expect(answers == ["one", "two", "refused(XenStoreWire.XenStoreError.noEntry)"] && changes == 2)
        #expect(!store.hasWork && store.strayPacketCount == 0)
        _ = consume watch
    }

    @Test func manyMoreThanTheRingHolds() throws {
        var sum = 0
        for number in 0..<100 {
            try store.write("many/\(number)", StoreText([UInt8](repeating: 0x31, count: 200))) {
                if $0 == nil { sum += 1 }
            }
        }
        #expect(store.wait { sum == 100 })
        #expect(try store.list("many").count == 100)
    }

    @Test func requestsAreMadeWhileAnotherIsWaitedFor() throws {
        var inner: [String] = []
        let store = store
        bench.whileAsleep = { [bench] in
            // Once: what is asked here sleeps, too.
            bench.whileAsleep = {}
            inner.append((try? store.read("b"))?.string ?? "?")
            try? store.transaction { transaction throws(XenStoreFailure) in try transaction.write("t", "x") }
            inner.append((try? store.read("a"))?.string ?? "?")
            // Handlers wait for the outer request's end.
            #expect(!store.hasWork && !store.wait { false })
        }
        #expect(try store.read("a").matches("one"))
        #expect(inner == ["two", "one"] && store.strayPacketCount == 0)
        #expect(bench.read("/local/domain/7/t") == "x")
    }

    @Test func notInInterruptHandlers() {
        let page = StorePage()
        let store = XenStoreConnection(
            ring: XenStoreClientRing(page.view),
            waiting: Waiting(now: { 0 }, isAllowed: { false }, sleep: { _, _ in false }), notify: {})
        #expect(throws: XenStoreFailure.busy) { try store.read("a") }
        #expect(throws: XenStoreFailure.busy) { try store.submit(.read([0x61])) { _ in } }
        #expect(page.takeRequests().isEmpty)
        withExtendedLifetime(page) {}
    }

    // MARK: Time-outs

    @Test func aLateAnswerIsNobodys() throws {
        bench.isStoreAwake = false
        let start = bench.clock.now
        #expect(throws: XenStoreFailure.timedOut) {
            try store.request(.read(Array("a".utf8)), timeout: .seconds(5))
        }
        #expect(bench.clock.now == start + 5_000_000_000)
        store.timeout = .milliseconds(20)
        #expect(throws: XenStoreFailure.timedOut) { try store.read("a") }
        #expect(bench.clock.now == start + 5_020_000_000)
        bench.isStoreAwake = true
        #expect(try store.read("b").matches("two"))
        #expect(store.strayPacketCount == 2)
        #expect(try store.read("a").matches("one"))
    }

    @Test func anAnswerThatIsThereIsNeverTooLate() throws {
        // The domain was paused for an hour.
        bench.whileAsleep = { [bench] in bench.clock.now += 3_600_000_000_000 }
        #expect(try store.read("a").matches("one"))
    }

    @Test func aRequestThatWasBegunIsEndedAndOthersAreTakenBack() throws {
        bench.isStoreAwake = false
        store.timeout = .seconds(1)
        let value = StoreText([UInt8](repeating: 0x31, count: 2000))
        #expect(throws: XenStoreFailure.timedOut) { try store.write("begun", value) }
        #expect(throws: XenStoreFailure.timedOut) { try store.write("never", "1") }
        var failure: XenStoreFailure?
        try store.submit(.write(Array("later".utf8), value: [0x31])) {
            if case .failure(let error) = $0 { failure = error }
        }
        #expect(store.nextDeadline == bench.clock.now + 1_000_000_000)
        store.turn()
        #expect(failure == nil)
        bench.clock.now += 1_000_000_000
        store.turn()
        #expect(failure == .timedOut && store.nextDeadline == .max && store.outstandingCount == 0)
        bench.isStoreAwake = true
        bench.settle()
        #expect(bench.read("/local/domain/7/begun")?.count == 2000)
        #expect(bench.read("/local/domain/7/never") == nil && bench.read("/local/domain/7/later") == nil)
        #expect(try store.read("a").matches("one"))
        #expect(store.reconnectionCount == 0)
    }

    @Test func aWatchThatIsSetTooLateIsCancelled() throws {
        bench.isStoreAwake = false
        var calls = 0
        #expect(throws: XenStoreFailure.timedOut) {
            let watch = try store.watch("a") { _ in calls += 1 }
            _ = consume watch
        }
        bench.isStoreAwake = true
        bench.settle()
        let strays = store.strayPacketCount
        try bench.write("/local/domain/7/a", "changed")
        bench.settle()
        #expect(calls == 0 && store.strayPacketCount == strays)
    }

    @Test func transactionsThatOpenTooLateAreAborted() throws {
        bench.isStoreAwake = false
        for _ in 0..<40 {
            #expect(throws: XenStoreFailure.timedOut) { _ = try store.beginTransaction() }
        }
        bench.isStoreAwake = true
        bench.settle()
        // More than the quota would allow if one were still open.
        for _ in 0..<40 { _ = try store.beginTransaction() }
        #expect(store.outstandingCount == 0 || store.wait { store.outstandingCount == 0 })
    }

    @Test func aCommitThatNeverLeftEndsItsTransaction() throws {
        store.timeout = .seconds(1)
        let value = StoreText([UInt8](repeating: 0x31, count: 2000))
        // More than the quota would allow if one were still open.
        for _ in 0..<40 {
            let transaction = try store.beginTransaction()
            try transaction.write("c", "1")
            bench.isStoreAwake = false
            // No room is left in the ring.
            try store.write("full", value) { _ in }
            var failure: XenStoreFailure?
            do { try transaction.commit() } catch { failure = error }
            #expect(failure == .timedOut)
            bench.isStoreAwake = true
            bench.settle()
        }
        #expect(bench.read("/local/domain/7/c") == nil)
    }

    @Test func waitingForAWatchEnds() throws {
        let start = bench.clock.now
        #expect(!store.wait(.seconds(3)) { false })
        #expect(bench.clock.now == start + 3_000_000_000)
        #expect(!store.wait(.now) { false } && store.wait(.now) { true })
        // A request's end in between is no reason to stop waiting.
        bench.isStoreAwake = false
        var failures = 0
        try store.submit(.read([0x61]), timeout: .seconds(1)) { _ in failures += 1 }
        #expect(!store.wait(.seconds(3)) { false })
        #expect(failures == 1 && bench.clock.now == start + 6_000_000_000)
    }

    @Test func aStoreThatNeverStopsTalkingDoesNotHoldAWait() throws {
        let lying = LyingStore { _, header, _ in
            (0..<400).flatMap { _ in packet(XenStoreHeader(operation: .watchEvent), Array("a\09\0".utf8)) }
        }
        lying.clock.tick = 1_000_000
        #expect(throws: XenStoreFailure.timedOut) { try lying.store.read("a") }
        #expect(!lying.store.isDead)
    }

    // MARK: A ring that breaks

    @Test func aFreshStartThatTakesItsTime() throws {
        var outcome: XenStoreConnection.Outcome?
        bench.isStoreAwake = false
        try store.submit(.read(Array("a".utf8))) { outcome = $0 }
        // An index goes astray.
        bench.page.view.store(
            bench.page.view.load(Field<XenStoreRingLayout, UInt32>.requestConsumer) &+ 1025,
            to: .requestProducer)
        var follower: XenStoreConnection.Outcome?
        try store.submit(.read(Array("a".utf8))) { follower = $0 }
        store.turn()
        guard case .failure(.connectionLost) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        store.timeout = .seconds(1)
        #expect(throws: XenStoreFailure.timedOut) { try store.read("a") }
        #expect(!store.isDead && store.reconnectionCount == 1)
        bench.isStoreAwake = true
        #expect(try store.read("b").matches("two"))
        store.turn()
        // The store had not seen this one.
        #expect(store.strayPacketCount == 0 && (try? follower?.get()) == Array("one".utf8))
    }
}
