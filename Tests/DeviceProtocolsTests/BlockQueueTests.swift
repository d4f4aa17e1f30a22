// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import SharedMemory
import TestSupport
import Testing
import XenABI

/// A queue over a ring in memory, and the backend's end of it, played by the test.
private final class QueueBench {
    let pages: RingPages
    let indirect = RingPages(pageCount: 8)
    let queue: BlockQueue
    var back: BackRing
    private(set) var notifications: Int {
        get { counter.count }
        set { counter.count = newValue }
    }
    private final class Counter { var count = 0 }
    private let counter = Counter()

    init(
        sectors: UInt64 = 8192, sectorByteCount: Int = 512, indirectLimit: Int = 0, pageCount: Int = 1,
        change: (inout BlockGeometry) -> Void = { _ in }
    ) throws {
        let pages = RingPages(pageCount: pageCount)
        self.pages = pages
        let memory = pages.ring(slotByteCount: BlockRingABI.x86_64.slotByteCount)
        let front = FrontRing(initializing: memory)
        back = BackRing(memory)
        var geometry = try #require(BlockGeometry(sectorCount: sectors, sectorByteCount: sectorByteCount))
        geometry.flushOperation = .flush
        geometry.canDiscard = true
        geometry.indirectSegmentLimit = indirectLimit
        change(&geometry)
        let indirect = indirect
        let counter = counter
        queue = BlockQueue(
            geometry: geometry, ring: front,
            indirectPages: (0..<8).map {
                BlockIndirectPage(
                    grant: GrantReference(rawValue: UInt32(1000 + $0)),
                    // SAFETY: the pages live as long as the bench.
                    words: unsafe SharedView(unsafeBase: indirect.base + $0 * 4096))
            },
            notify: { counter.count += 1 })
    }
    static func data(_ byteCount: Int, offset: Int = 0, grants: Int? = nil) -> BlockData {
        let count = grants ?? (offset + byteCount + 4095) / 4096
        return BlockData(
            grants: (0..<count).map { GrantReference(rawValue: UInt32(100 + $0)) }, offset: offset,
            byteCount: byteCount, owner: RingPages())
    }
    func take() throws -> BlockRequest? { try back.takeBlockRequest(.x86_64) }
    func answer(_ request: BlockRequest, _ status: BlockStatus = .okay) {
        back.putBlockResponse(
            BlockResponse(identifier: request.identifier, operation: request.operation, status: status))
        _ = back.publishResponses()
    }
    /// Sectors of one request's segments, and where on the disk they go.
    func sectors(_ request: BlockRequest) throws -> (sector: UInt64, segments: [BlockSegment]) {
        switch request {
        case .transfer(let transfer):
            return (transfer.sector, (0..<Int(transfer.segmentCount)).map { transfer.segments[$0] })
        case .indirect(let request):
            return (
                request.sector,
                (0..<Int(request.segmentCount)).map { number in
                    let page = Int(request.grants[number / 512].rawValue) - 1000
                    let bytes = indirect.bytes(page * 4096 + number % 512 * 8, 8)
                    return BlockSegment(
                        grant: GrantReference(rawValue: UInt32(bytes[0]) | UInt32(bytes[1]) << 8),
                        firstSector: bytes[4], lastSector: bytes[5])
                }
            )
        default:
            Issue.record("no transfer: \(request)")
            return (0, [])
        }
    }
}

@Suite struct BlockQueueTests {
    @Test func refusesWhatCannotBe() throws {
        let bench = try QueueBench(sectors: 64, sectorByteCount: 4096)
        let queue = bench.queue
        func refusal(_ sector: UInt64, _ data: BlockData, _ operation: BlockOperation = .read) -> BlockError?
        {
            do throws(BlockError) {
                try queue.transfer(operation, sector: sector, data: data) { _ in Issue.record("called") }
                return nil
            } catch { return error }
        }
        #expect(refusal(64, QueueBench.data(4096)) == .outOfRange)
        #expect(refusal(56, QueueBench.data(8192)) == .outOfRange)
        #expect(refusal(UInt64.max - 7, QueueBench.data(4096)) == .outOfRange)
        #expect(refusal(4, QueueBench.data(4096)) == .misaligned)
        #expect(refusal(0, QueueBench.data(512)) == .misaligned)
        #expect(refusal(0, QueueBench.data(0, grants: 1)) == .misaligned)
        #expect(refusal(0, QueueBench.data(4096, offset: 100, grants: 2)) == .misaligned)
        #expect(refusal(0, QueueBench.data(4096, offset: 512, grants: 1)) == .bufferTooSmall)
        #expect(refusal(0, QueueBench.data(4096, offset: -512, grants: 1)) == .misaligned)
        #expect(refusal(0, QueueBench.data(4096), .flush) == .notSupported)
        #expect(throws: BlockError.outOfRange) {
            try queue.discard(sector: 8, sectorCount: 1 << 60) { _ in }
        }
        #expect(throws: BlockError.misaligned) { try queue.discard(sector: 8, sectorCount: 4) { _ in } }
        #expect(throws: BlockError.notSupported) {
            try queue.discard(sector: 0, sectorCount: 8, isSecure: true) { _ in }
        }
        #expect(queue.outstandingCount == 0)
        #expect(try bench.take() == nil)
        let readOnly = try QueueBench { $0.isReadOnly = true }
        #expect(throws: BlockError.readOnly) {
            try readOnly.queue.transfer(.write, sector: 0, data: QueueBench.data(512)) { _ in }
        }
        #expect(throws: BlockError.readOnly) {
            try readOnly.queue.discard(sector: 0, sectorCount: 8) { _ in }
        }
        let plain = try QueueBench {
            $0.flushOperation = nil
            $0.canDiscard = false
        }
        #expect(throws: BlockError.notSupported) { try plain.queue.flush { _ in } }
        #expect(throws: BlockError.notSupported) {
            try plain.queue.discard(sector: 0, sectorCount: 8) { _ in }
        }
        #expect(BlockGeometry(sectorCount: 1, sectorByteCount: 500) == nil)
        #expect(BlockGeometry(sectorCount: .max) == nil)
        #expect(BlockGeometry(sectorCount: 1, sectorByteCount: 8192) == nil)
    }

    /// Whatever the sizes: the pieces cover the range exactly, in order, and no piece is larger than allowed.
    @Test(arguments: [0, 12, 64, 256, 1024], [512, 4096])
    func piecesCoverTheRange(_ limit: Int, _ sectorByteCount: Int) throws {
        for (offset, byteCount): (Int, Int) in [
            (0, 4096), (0, 65536), (512, 45056), (3584, 8192), (1024, 1 << 20), (0, 3 << 20),
            (2560, 4096 * 11),
        ] {
            let bench = try QueueBench(
                sectorByteCount: sectorByteCount, indirectLimit: limit, pageCount: 4)
            var ended = 0
            try bench.queue.transfer(
                .write, sector: 8, data: QueueBench.data(byteCount, offset: offset)
            ) {
                #expect($0 == nil)
                ended += 1
            }
            var at = offset
            var disk: UInt64 = 8
            var largest = 0
            while ended == 0 {
                guard let request = try bench.take() else {
                    Issue.record("the rest never came")
                    return
                }
                let (sector, segments) = try bench.sectors(request)
                #expect(sector == disk)
                largest = max(largest, segments.count)
                var bytes = 0
                for segment in segments {
                    #expect(segment.isValid)
                    #expect(segment.grant.rawValue == UInt32(100 + at / 4096))
                    #expect(segment.pageOffset == at % 4096)
                    at += segment.byteCount
                    bytes += segment.byteCount
                }
                #expect(bytes > 0 && bytes % sectorByteCount == 0)
                disk += UInt64(bytes / 512)
                bench.answer(request)
                try bench.queue.process()
            }
            #expect(at == offset + byteCount && ended == 1)
            #expect(largest <= max(11, limit))
            #expect(bench.queue.outstandingCount == 0)
        }
    }

    @Test func keepsWhatDoesNotFitAndAnswersInAnyOrder() throws {
        let bench = try QueueBench()
        var ended: [Int] = []
        for index in 0..<100 {
            try bench.queue.transfer(.read, sector: UInt64(index), data: QueueBench.data(512)) {
                #expect($0 == nil)
                ended.append(index)
            }
        }
        #expect(bench.queue.outstandingCount == 100)
        while ended.count < 100 {
            var requests: [BlockRequest] = []
            while let request = try bench.take() { requests.append(request) }
            #expect(!requests.isEmpty && requests.count <= 32)
            for request in requests.reversed() { bench.answer(request) }
            #expect(bench.queue.hasAnswers)
            try bench.queue.process()
            #expect(!bench.queue.hasAnswers)
        }
        #expect(ended.sorted() == Array(0..<100) && ended != Array(0..<100))
    }

    @Test func completionsMakeRequests() throws {
        let bench = try QueueBench()
        var count = 0
        let queue = bench.queue
        func again(_ error: BlockError?) {
            count += 1
            #expect(queue.isProcessing)
            if count < 50 {
                try? queue.transfer(.read, sector: 0, data: QueueBench.data(512)) { again($0) }
            }
        }
        try queue.transfer(.read, sector: 0, data: QueueBench.data(512)) { again($0) }
        for _ in 0..<50 {
            let request = try #require(try bench.take())
            bench.answer(request)
            try queue.process()
        }
        #expect(count == 50 && queue.outstandingCount == 0 && !queue.isProcessing)
    }

    @Test func errorsBelongToTheirRequest() throws {
        let bench = try QueueBench()
        var results: [BlockError?] = []
        for _ in 0..<3 {
            try bench.queue.transfer(.read, sector: 0, data: QueueBench.data(512)) { results.append($0) }
        }
        for status in [BlockStatus.okay, .error, BlockStatus(rawValue: 77)] {
            bench.answer(try #require(try bench.take()), status)
        }
        try bench.queue.process()
        #expect(results == [nil, .inputOutput, .inputOutput])
        // What the backend takes back is not offered any more.
        var flushed: BlockError?
        try bench.queue.flush { flushed = $0 }
        bench.answer(try #require(try bench.take()), .notSupported)
        try bench.queue.process()
        #expect(flushed == .notSupported && bench.queue.geometry.flushOperation == nil)
    }

    @Test func aLargeRequestThatFailsIsNotGoneOnWith() throws {
        let bench = try QueueBench()
        var result: BlockError?
        var calls = 0
        // 8 MiB in pieces of eleven pages: more than the ring holds.
        try bench.queue.transfer(.write, sector: 0, data: QueueBench.data(4 << 20)) {
            result = $0
            calls += 1
        }
        var taken = 0
        while let request = try bench.take() {
            taken += 1
            bench.answer(request, taken == 1 ? .error : .okay)
        }
        #expect(taken == 32)
        try bench.queue.process()
        #expect(try bench.take() == nil)
        #expect(calls == 1 && result == .inputOutput && bench.queue.outstandingCount == 0)
    }

    @Test func closingFailsEverything() throws {
        let bench = try QueueBench()
        var results: [BlockError?] = []
        for _ in 0..<40 {
            try bench.queue.transfer(.read, sector: 0, data: QueueBench.data(512)) { results.append($0) }
        }
        try bench.queue.transfer(.write, sector: 0, data: QueueBench.data(1 << 20)) { results.append($0) }
        bench.queue.close()
        #expect(results.count == 41 && results.allSatisfy { $0 == .closed })
        #expect(throws: BlockError.closed) {
            try bench.queue.transfer(.read, sector: 0, data: QueueBench.data(512)) { _ in }
        }
        #expect(!bench.queue.hasAnswers)
    }

    // MARK: A backend that lies

    @Test(arguments: ["unknown", "twice", "operation", "index", "backwards"])
    func aLieEndsTheQueue(_ lie: String) throws {
        let bench = try QueueBench()
        var results: [BlockError?] = []
        for _ in 0..<3 {
            try bench.queue.transfer(.read, sector: 0, data: QueueBench.data(512)) { results.append($0) }
        }
        let request = try #require(try bench.take())
        _ = try bench.take()
        var response = BlockResponse(
            identifier: request.identifier, operation: request.operation, status: .okay)
        switch lie {
        case "unknown": response.identifier = 31
        case "twice": bench.back.putBlockResponse(response)
        case "operation": response.operation = .write
        default: break
        }
        bench.back.putBlockResponse(response)
        _ = bench.back.publishResponses()
        let header = bench.pages.ring(slotByteCount: 112).header
        if lie == "index" { header.store(UInt32(500), to: .responseProducer) }
        if lie == "backwards" {
            try bench.queue.process()
            header.store(UInt32.max, to: .responseProducer)
        }
        #expect(throws: BlockError.protocolViolation) { try bench.queue.process() }
        #expect(bench.queue.end == .protocolViolation)
        #expect(results.count == 3 && results.contains(.protocolViolation))
        #expect(throws: BlockError.protocolViolation) { try bench.queue.flush { _ in } }
        try bench.queue.process()
    }

    @Test func randomAnswersNeverTrap() throws {
        var state: UInt64 = 3
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        for _ in 0..<200 {
            let bench = try QueueBench(indirectLimit: 64)
            var started = 0
            var ended = 0
            var time: UInt64 = 0
            let header = bench.pages.ring(slotByteCount: 112).header
            for _ in 0..<60 {
                let size = 512 * Int(random() % 300 + 1)
                do throws(BlockError) {
                    try bench.queue.transfer(
                        random() % 2 == 0 ? .read : .write, sector: random() % 8192,
                        data: QueueBench.data(size), before: random() % 3 == 0 ? time + random() % 20 : .max
                    ) { _ in ended += 1 }
                    started += 1
                } catch {}
                time += random() % 4
                bench.queue.expire(now: time)
                let lies = random() % 40 == 0
                while let request = try? bench.take(), random() % 4 != 0 {
                    bench.answer(request, BlockStatus(rawValue: Int16(random() % 4) - 3))
                }
                if lies {
                    for offset in 0..<64 {
                        bench.pages[byte: 64 + offset] = UInt8(truncatingIfNeeded: random())
                    }
                    header.store(UInt32(truncatingIfNeeded: random()), to: .responseProducer)
                }
                try? bench.queue.process()
            }
            bench.queue.close()
            #expect(started == ended && bench.queue.outstandingCount == 0)
        }
    }

    // MARK: Time-outs

    @Test func aLateAnswerIsNobodys() throws {
        let bench = try QueueBench()
        let queue = bench.queue
        var results: [String] = []
        func read(_ name: String, _ sector: UInt64, before deadline: UInt64) throws {
            try queue.transfer(.read, sector: sector, data: QueueBench.data(512), before: deadline) {
                results.append("\(name) \($0.map { "\($0)" } ?? "okay")")
            }
        }
        try read("first", 0, before: 100)
        try read("second", 8, before: 200)
        try read("third", 16, before: .max)
        #expect(queue.nextDeadline == 100)
        queue.expire(now: 99)
        #expect(results.isEmpty)
        queue.expire(now: 100)
        queue.expire(now: 150)
        #expect(results == ["first timedOut"] && queue.nextDeadline == 200)
        #expect(queue.outstandingCount == 2 && queue.lateCount == 1)
        // All are answered at once; what is there by then is not too late.
        while let request = try bench.take() { bench.answer(request) }
        try queue.process()
        queue.expire(now: 300)
        #expect(results == ["first timedOut", "second okay", "third okay"])
        #expect(queue.lateCount == 0 && queue.lateAnswerCount == 1 && queue.outstandingCount == 0)
        #expect(queue.nextDeadline == .max)
        // The place is used again: an answer to its first use would be an error now.
        for round in 0..<100 {
            try read("round", UInt64(round), before: .max)
            let request = try #require(try bench.take())
            bench.answer(request)
            try queue.process()
        }
        #expect(queue.end == nil && results.count == 103)
    }

    @Test func dataStaysWithItsRequest() throws {
        final class Owner {}
        let bench = try QueueBench()
        weak var owner: Owner?
        func read(before deadline: UInt64) throws {
            let made = Owner()
            owner = made
            let data = BlockData(
                grants: [GrantReference(rawValue: 9)], offset: 0, byteCount: 4096, owner: made)
            try bench.queue.transfer(.read, sector: 0, data: data, before: deadline) { _ in }
        }
        try read(before: 1)
        bench.queue.expire(now: 1)
        #expect(owner != nil)
        bench.answer(try #require(try bench.take()))
        try bench.queue.process()
        #expect(owner == nil)
        // One that is never answered: whoever closes the queue gets it.
        try read(before: 1)
        bench.queue.expire(now: 1)
        var owners = bench.queue.close()
        #expect(owners.count == 1 && owners.first === owner && bench.queue.close().isEmpty)
        owners = []
        #expect(owner == nil)
    }

    @Test func whatWaitsForRoomIsNeverAskedFor() throws {
        let bench = try QueueBench()
        let queue = bench.queue
        var results: [BlockError?] = []
        // 32 places: the second request gets one of its own pieces in, the third none.
        func write(_ byteCount: Int, before deadline: UInt64) throws {
            try queue.transfer(.write, sector: 0, data: QueueBench.data(byteCount), before: deadline) {
                results.append($0)
            }
        }
        try write(31 * 11 * 4096, before: .max)
        try write(11 * 4096 * 2, before: 10)
        try write(4096, before: 10)
        queue.expire(now: 10)
        #expect(results == [.timedOut, .timedOut] && queue.outstandingCount == 1 && queue.lateCount == 1)
        var count = 0
        while let request = try bench.take() {
            count += 1
            bench.answer(request)
        }
        try queue.process()
        #expect(count == 32 && results == [.timedOut, .timedOut, nil])
        #expect(try bench.take() == nil && queue.lateCount == 0 && queue.lateAnswerCount == 1)
        // A completion may ask anew, and has no time left itself.
        var again = 0
        try queue.flush(before: 20) { _ in
            again += 1
            try? queue.flush(before: 30) { _ in again += 1 }
        }
        queue.expire(now: 25)
        #expect(again == 1 && queue.nextDeadline == 30)
        queue.expire(now: 30)
        #expect(again == 2 && queue.outstandingCount == 0)
    }
}
