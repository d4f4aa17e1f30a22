// SPDX-License-Identifier: Apache-2.0
import Glibc
import Reactor
import Testing
import XenABI
import XenStoreService
import XenStoreWire

@Suite struct RingTests {
    let reactor: Reactor
    let service: XenStoreService
    let guest = GuestRing()
    let one = DomainID(rawValue: 1)

    init() throws {
        reactor = try Reactor()
        service = XenStoreService(reactor: reactor)
        try service.client.write("/local/domain/1", "")
        try service.client.setPermissions("/local/domain/1", [.init(.none, 1)])
        service.introduce(one, frame: 5, port: EventPort(rawValue: 2), ring: guest.makeRing())
    }

    /// Sends a request, as the guest's speed allows, and waits for its reply; events go to `events`.
    private func ask(_ request: XenStoreRequest, chunk: Int = 1024) throws -> (XenStoreHeader, [UInt8]) {
        var bytes: [UInt8] = []
        try request.encode(requestID: 77, to: &bytes)
        var rest = bytes[...]
        var replies: [(XenStoreHeader, [UInt8])] = []
        while !rest.isEmpty {
            let count = guest.put(rest.prefix(chunk))
            try #require(count > 0)
            rest = rest.dropFirst(count)
            service.ringEvent(one)
            replies += guest.take()
        }
        while replies.isEmpty || guest.view.load(.responseProducer) != guest.view.load(.responseConsumer) {
            service.ringEvent(one)
            replies += guest.take()
        }
        replies.removeAll { $0.0.operation == .watchEvent }
        #expect(replies.count == 1)
        return try #require(replies.first)
    }

    @Test func introducesItselfAndKicksTheGuest() {
        #expect(guest.view.load(.serverFeatures) == 7)
        #expect(guest.notifications == 1)
    }

    @Test(arguments: [1, 2, 3, 7, 15, 16, 17, 100, 1023, 1024])
    func servesRequestsInChunksOfAnySize(_ chunk: Int) throws {
        let value = (0..<2000).map { UInt8(truncatingIfNeeded: $0) }
        let (header, payload) = try ask(.write("data".bytes, value: value), chunk: chunk)
        #expect(header.operation == .write && header.requestID == 77)
        #expect(payload == "OK\0".bytes)
        let (_, read) = try ask(.read("/local/domain/1/data".bytes), chunk: chunk)
        #expect(read == value)
        #expect(guest.view.load(.error) == 0)
    }

    @Test func indicesWrapAround() throws {
        for field: Field<XenStoreRingLayout, UInt32> in [
            .requestConsumer, .requestProducer, .responseConsumer, .responseProducer,
        ] { guest.view.store(UInt32.max - 5, to: field) }
        let (_, payload) = try ask(.getDomainPath(one))
        #expect(payload == "/local/domain/1\0".bytes)
        #expect(guest.view.load(.requestConsumer) < 100)
    }

    @Test func notifiesOncePerBurstAndNotForNothing() throws {
        _ = try ask(.getDomainPath(one))
        let before = guest.notifications
        service.ringEvent(one)
        #expect(guest.notifications == before)
        var bytes: [UInt8] = []
        for id in 0..<10 { try XenStoreRequest.getDomainPath(one).encode(requestID: UInt32(id), to: &bytes) }
        #expect(guest.put(bytes[...]) == bytes.count)
        service.ringEvent(one)
        #expect(guest.notifications == before + 1)
        #expect(guest.take().map(\.header.requestID) == Array(0..<10))
    }

    @Test func badIndicesEndTheServiceOfThisGuestOnly() throws {
        var lines: [String] = []
        service.log = { lines.append($0) }
        guest.view.store(guest.view.load(.requestConsumer) &+ 1025, to: .requestProducer)
        service.ringEvent(one)
        #expect(guest.view.load(.error) == XenStoreRingError.ringIndex.rawValue)
        #expect(lines == ["store: domain 1 is not served any more: its ring indices are out of range"])
        service.ringEvent(one)
        #expect(lines.count == 1)
        try service.client.write("/still", "here")
        #expect(service.store.firstBrokenInvariant() == nil)
    }

    @Test func badResponseIndicesToo() throws {
        guest.view.store(guest.view.load(.responseProducer) &+ 1, to: .responseConsumer)
        var bytes: [UInt8] = []
        try XenStoreRequest.getDomainPath(one).encode(to: &bytes)
        _ = guest.put(bytes[...])
        service.ringEvent(one)
        #expect(guest.view.load(.error) == XenStoreRingError.ringIndex.rawValue)
    }

    @Test func anOverlongPacketEndsTheServiceOfThisGuest() {
        var bytes: [UInt8] = []
        XenStoreHeader(operation: .read, length: 4097).append(to: &bytes)
        _ = guest.put(bytes[...])
        service.ringEvent(one)
        #expect(guest.view.load(.error) == XenStoreRingError.protocolViolation.rawValue)
    }

    @Test func aGuestCanStartItsRingAnew() throws {
        _ = try ask(.watch("data".bytes, token: [0x74], depth: nil))
        _ = guest.put([1, 2, 3])
        service.ringEvent(one)
        guest.view.store(1 as UInt32, to: .connection)
        service.ringEvent(one)
        #expect(guest.view.load(.connection) == 0)
        #expect(guest.view.load(.requestProducer) == 0)
        #expect(guest.view.load(.responseProducer) == 0)
        let (header, _) = try ask(.unwatch("data".bytes, token: [0x74]))
        #expect(header.operation == .error)
    }

    @Test func aGuestThatTakesNoAnswersIsNotAskedForMore() throws {
        // 100 requests whose answers do not fit the ring.
        try service.client.write("/local/domain/1/big", [UInt8](repeating: 1, count: 500))
        var bytes: [UInt8] = []
        for id in 0..<100 { try XenStoreRequest.read("big".bytes).encode(requestID: UInt32(id), to: &bytes) }
        var rest = bytes[...]
        while true {
            let count = guest.put(rest)
            service.ringEvent(one)
            if count == 0 { break }
            rest = rest.dropFirst(count)
        }
        #expect(!rest.isEmpty)
        // When it takes them, all come, in order.
        var replies: [UInt32] = []
        for _ in 0..<1000 where replies.count < 100 {
            replies += guest.take().map(\.header.requestID)
            rest = rest.dropFirst(guest.put(rest))
            service.ringEvent(one)
        }
        #expect(replies == Array(0..<100))
    }

    @Test func watchesOfOtherClientsReachTheRing() throws {
        _ = try ask(.read("/".bytes))
        var bytes: [UInt8] = []
        try XenStoreRequest.watch("data".bytes, token: [0x74], depth: nil).encode(to: &bytes)
        _ = guest.put(bytes[...])
        service.ringEvent(one)
        #expect(guest.take().map(\.header.operation) == [.watch, .watchEvent])
        let before = guest.notifications
        try service.client.write("/local/domain/1/data", "x")
        reactor.turn(limit: 1000)
        #expect(guest.notifications == before + 1)
        let events = guest.take()
        #expect(events.map(\.payload) == ["data\0t\0".bytes])
    }

    @Test func releaseEndsItAndIsTold() throws {
        var released = 0
        _ = try service.client.watch("@releaseDomain") { _ in released += 1 }
        reactor.turn(limit: 1000)
        #expect(released == 1)
        service.domainShutDown(one)
        reactor.turn(limit: 1000)
        service.release(one)
        service.release(one)
        reactor.turn(limit: 1000)
        #expect(released == 3)
        var bytes: [UInt8] = []
        try XenStoreRequest.getDomainPath(one).encode(to: &bytes)
        _ = guest.put(bytes[...])
        service.ringEvent(one)
        #expect(guest.take().isEmpty)
    }
}

@Suite struct JournalTests {
    @Test func aGuestThatAskedForAFreshStartMeanwhileGetsIt() throws {
        let folder = TemporaryFolder()
        let guest = GuestRing()
        let one = DomainID(rawValue: 1)
        do {
            let service = XenStoreService(reactor: try Reactor())
            try service.openJournal(folder.path + "/journal")
            service.introduce(one, frame: 1, port: EventPort(rawValue: 3), ring: guest.makeRing())
            _ = guest.put([1, 2, 3])
            service.ringEvent(one)
        }
        guest.view.store(1 as UInt32, to: .connection)
        let service = XenStoreService(reactor: try Reactor())
        try service.openJournal(folder.path + "/journal")
        service.attach(one, ring: guest.makeRing())
        #expect(guest.view.load(.connection) == 0)
        var bytes: [UInt8] = []
        try XenStoreRequest.getDomainPath(one).encode(requestID: 8, to: &bytes)
        _ = guest.put(bytes[...])
        service.ringEvent(one)
        #expect(guest.take().map(\.header.requestID) == [8])
    }

    @Test func ringClientsSurviveTheServiceInTheMiddleOfARequest() throws {
        let folder = TemporaryFolder()
        let guest = GuestRing()
        let one = DomainID(rawValue: 1)
        var bytes: [UInt8] = []
        try XenStoreRequest.write("data/x".bytes, value: [UInt8](repeating: 7, count: 1500)).encode(
            requestID: 5, to: &bytes)
        do {
            let service = XenStoreService(reactor: try Reactor())
            try service.openJournal(folder.path + "/journal")
            try service.client.write("/local/domain/1", "")
            try service.client.setPermissions("/local/domain/1", [.init(.none, 1)])
            service.introduce(one, frame: 0x1234, port: EventPort(rawValue: 3), ring: guest.makeRing())
            var watch: [UInt8] = []
            try XenStoreRequest.watch("data".bytes, token: [0x74], depth: nil).encode(
                requestID: 4, to: &watch)
            _ = guest.put(watch[...])
            service.ringEvent(one)
            #expect(guest.take().count == 2)
            #expect(guest.put(bytes[...]) == 1024)
            service.ringEvent(one)
            // Gone without a word: only the file is left.
        }
        let reactor = try Reactor()
        let service = XenStoreService(reactor: reactor)
        try service.openJournal(folder.path + "/journal")
        let restored = service.store.restoredDomains
        #expect(restored.map(\.domain) == [one])
        #expect(restored.map(\.frame) == [0x1234])
        #expect(restored.map(\.input.count) == [1024])
        service.attach(one, ring: guest.makeRing())
        #expect(guest.take().map(\.payload) == ["data\0t\0".bytes])
        #expect(guest.put(bytes[1024...]) == bytes.count - 1024)
        service.ringEvent(one)
        let replies = guest.take()
        #expect(replies.map(\.header.operation) == [.watchEvent, .write])
        #expect(replies.last?.header.requestID == 5)
        #expect(service.client.readBytes("/local/domain/1/data/x") == [UInt8](repeating: 7, count: 1500))
        #expect(service.store.firstBrokenInvariant() == nil)
    }

    @Test func answersThatWereNotTakenAreThereAfterARestart() throws {
        let folder = TemporaryFolder()
        let guest = GuestRing()
        let one = DomainID(rawValue: 1)
        let value = (0..<2000).map { UInt8(truncatingIfNeeded: $0) }
        do {
            let service = XenStoreService(reactor: try Reactor())
            try service.openJournal(folder.path + "/journal")
            try service.client.write("/v", value)
            try service.client.setPermissions("/v", [.init(.read, 0)])
            service.introduce(one, frame: 1, port: EventPort(rawValue: 3), ring: guest.makeRing())
            var bytes: [UInt8] = []
            try XenStoreRequest.read("/v".bytes).encode(requestID: 9, to: &bytes)
            _ = guest.put(bytes[...])
            service.ringEvent(one)
        }
        let service = XenStoreService(reactor: try Reactor())
        try service.openJournal(folder.path + "/journal")
        service.attach(one, ring: guest.makeRing())
        var replies = guest.take()
        while replies.isEmpty {
            service.ringEvent(one)
            replies += guest.take()
        }
        #expect(replies.map(\.payload) == [value])
    }

    @Test func theJournalIsCompactedAndGrows() throws {
        let folder = TemporaryFolder()
        do {
            let reactor = try Reactor()
            let service = XenStoreService(reactor: reactor)
            try service.openJournal(folder.path + "/journal")
            let value = [UInt8](repeating: 0x78, count: 1000)
            for index in 0..<5000 {
                try service.client.write("/n/\(index % 100)", value)
                if index % 100 == 0 { reactor.turn(limit: 0) }
            }
            try service.client.write("/last", "one")
        }
        // 5 MB were written; the compacted file is much shorter.
        var status = stat()
        // SAFETY: the result is a local variable.
        #expect(unsafe stat(folder.path + "/journal", &status) == 0)
        #expect(status.st_size < 3 << 20)
        let service = XenStoreService(reactor: try Reactor())
        try service.openJournal(folder.path + "/journal")
        #expect(service.client.read("/last") == "one")
        #expect(service.client.directory("/n").count == 100)
    }

    @Test func aTornTailIsDropped() throws {
        let folder = TemporaryFolder()
        do {
            let service = XenStoreService(reactor: try Reactor())
            try service.openJournal(folder.path + "/journal")
            try service.client.write("/a", "1")
            try service.client.write("/b", "2")
        }
        let file = unsafe fopen(folder.path + "/journal", "r+")
        // SAFETY: the file was opened; garbage is put behind the mark, so that no record can be read.
        unsafe fseek(file, 8, SEEK_SET)
        unsafe fputs("\u{ff}\u{ff}\u{ff}\u{7f}", file)
        unsafe fclose(file)
        let service = XenStoreService(reactor: try Reactor())
        try service.openJournal(folder.path + "/journal")
        #expect(service.client.read("/a") == nil)
        try service.client.write("/c", "3")
        #expect(service.client.read("/c") == "3")
    }

    @Test func aJournalThatCannotBeMadeIsNamed() throws {
        let service = XenStoreService(reactor: try Reactor())
        #expect(throws: SystemCallError(operation: "open /nonexistent/j", number: ENOENT)) {
            try service.openJournal("/nonexistent/j")
        }
        #expect(throws: SystemCallError(operation: "listen at /nonexistent/s", number: ENOENT)) {
            try service.listen(at: "/nonexistent/s")
        }
    }
}
