// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import SharedMemory
public import XenABI

/// A run of bytes in granted pages that lie next to each other for whoever filled them.
public struct BlockData {
    /// The pages' grants, in order.
    public let grants: [GrantReference]
    /// First byte, counted from the first page: a multiple of 512.
    public let offset: Int
    public let byteCount: Int
    /// Kept until the request has ended, so that the backend does not write into what is used for something else.
    let owner: AnyObject

    public init(grants: [GrantReference], offset: Int, byteCount: Int, owner: AnyObject) {
        self.grants = grants
        self.offset = offset
        self.byteCount = byteCount
        self.owner = owner
    }
}

/// A page that holds the segments of an indirect request, granted to the backend.
public struct BlockIndirectPage {
    let grant: GrantReference
    let words: SharedView<PageOfWords>
    public init(grant: GrantReference, words: SharedView<PageOfWords>) {
        self.grant = grant
        self.words = words
    }
}

/// The frontend's accounting of one connected disk: splits requests into what the ring carries, keeps what does not fit
/// until it does, matches answers. No hypercall and no wait.
///
/// The backend is not trusted: an index out of range, an answer to nothing that was asked, or to something else, ends the
/// queue with `protocolViolation`; the answers themselves can only be wrong about data. One that does not answer in time
/// keeps the request's place in the ring, and its data, until it does.
public final class BlockQueue {
    /// How a request ended: nil is success.
    public typealias Completion = (BlockError?) -> Void

    /// A request of the user: one or more in the ring.
    private final class Job {
        let operation: BlockOperation
        let data: BlockData?
        var sector: UInt64
        /// Bytes, of reads and writes, or 512-byte sectors, of discards, not in the ring yet.
        var rest: UInt64
        var offset: Int
        var isSecure = false
        var isIssued = false
        var outstanding = 0
        var error: BlockError?
        let deadline: UInt64
        /// Nil once it was called.
        var completion: Completion?
        init(
            _ operation: BlockOperation, _ data: BlockData?, _ sector: UInt64, _ rest: UInt64,
            before deadline: UInt64, _ completion: @escaping Completion
        ) {
            self.operation = operation
            self.data = data
            self.sector = sector
            self.rest = rest
            self.deadline = deadline
            self.completion = completion
            offset = data?.offset ?? 0
        }
    }
    /// A request in the ring.
    private struct Place {
        var job: Job?
        var uses: UInt64 = 0
        /// First of the indirect pages it holds; -1 for none.
        var indirect = -1
    }

    public private(set) var geometry: BlockGeometry
    private var ring: FrontRing
    private let abi: BlockRingABI
    private let indirectPages: [BlockIndirectPage]
    private let pagesPerIndirect: Int
    private var freeIndirects: [Int] = []
    private var places: [Place] = []
    private var freePlaces: [Int] = []
    private var waiting: [Job] = []
    private var firstWaiting = 0
    private let notify: () -> Void
    /// Whether `process` runs, and with it perhaps a completion.
    public private(set) var isProcessing = false
    /// Set once the backend broke the rules or the device was closed.
    public private(set) var end: BlockError?
    /// Not later than the next request's time is over; `UInt64.max` if none has an end.
    public private(set) var nextDeadline = UInt64.max
    /// Requests in the ring whose time is over, and that the backend has not answered.
    public private(set) var lateCount = 0
    /// Answers that came after their time.
    public private(set) var lateAnswerCount = 0

    /// Requests put into the ring, by kind: for statistics and tests.
    public private(set) var directCount = 0
    public private(set) var indirectCount = 0

    /// Pages that one indirect request needs for its segments.
    public static func indirectPageCount(segmentLimit: Int) -> Int {
        (segmentLimit + BlockInterface.segmentsPerIndirectPage - 1) / BlockInterface.segmentsPerIndirectPage
    }

    /// - Parameters:
    ///   - ring: initialised and published.
    ///   - indirectPages: as many as `indirectPageCount(segmentLimit:)` for each indirect request that may be under way.
    ///   - notify: raises the event channel to the backend.
    public init(
        geometry: BlockGeometry, ring: consuming FrontRing, abi: BlockRingABI = .x86_64,
        indirectPages: [BlockIndirectPage] = [], notify: @escaping () -> Void
    ) {
        self.geometry = geometry
        let limit = min(
            geometry.indirectSegmentLimit,
            BlockInterface.maximumIndirectPages * BlockInterface.segmentsPerIndirectPage)
        self.geometry.indirectSegmentLimit = limit
        let count = Int(ring.memory.slotCount)
        self.ring = ring
        self.abi = abi
        self.indirectPages = indirectPages
        self.notify = notify
        pagesPerIndirect = Self.indirectPageCount(segmentLimit: limit)
        if limit > BlockInterface.maximumSegments {
            for index in 0..<(indirectPages.count / pagesPerIndirect) {
                freeIndirects.append(index * pagesPerIndirect)
            }
        }
        for index in 0..<count {
            places.append(Place())
            freePlaces.append(count - 1 - index)
        }
    }

    /// Requests of the user whose completion has not been called.
    public private(set) var outstandingCount = 0
    /// Whether the backend has put answers, or an index that makes no sense. Cheap; for interrupt handlers too.
    public var hasAnswers: Bool {
        end == nil && ring.memory.header.load(.responseProducer) != answersTaken
    }
    private var answersTaken: UInt32 = 0

    // MARK: Requests

    /// Reads or writes from 512-byte sector `sector` on as many bytes as `data` has. `completion` is called once, from
    /// `process`, `expire` or `close`.
    /// - Parameter deadline: the time of the clock of `expire` at which the request ends with `timedOut`.
    /// - Throws: what is wrong with the request itself; `completion` is not called then.
    public func transfer(
        _ operation: BlockOperation, sector: UInt64, data: BlockData, before deadline: UInt64 = .max,
        _ completion: @escaping Completion
    ) throws(BlockError) {
        if let end { throw end }
        guard operation == .read || operation == .write else { throw .notSupported }
        guard operation == .read || !geometry.isReadOnly else { throw .readOnly }
        guard data.byteCount > 0, data.byteCount % geometry.sectorByteCount == 0, data.offset >= 0,
            data.offset % BlockInterface.sectorByteCount == 0
        else { throw .misaligned }
        guard data.byteCount <= data.grants.count &* pageSize - data.offset else { throw .bufferTooSmall }
        try check(sector, UInt64(data.byteCount / BlockInterface.sectorByteCount))
        start(Job(operation, data, sector, UInt64(data.byteCount), before: deadline, completion))
    }
    /// Tells the disk that `sectorCount` 512-byte sectors hold nothing of use. Alignment to `discardGranularity` is not
    /// required; what does not fill a unit may be ignored.
    public func discard(
        sector: UInt64, sectorCount: UInt64, isSecure: Bool = false, before deadline: UInt64 = .max,
        _ completion: @escaping Completion
    ) throws(BlockError) {
        if let end { throw end }
        guard !geometry.isReadOnly else { throw .readOnly }
        guard geometry.canDiscard, geometry.canDiscardSecurely || !isSecure else { throw .notSupported }
        guard sectorCount > 0, sectorCount % geometry.sectorsPerSector == 0 else { throw .misaligned }
        try check(sector, sectorCount)
        let job = Job(.discard, nil, sector, sectorCount, before: deadline, completion)
        job.isSecure = isSecure
        start(job)
    }
    /// Makes every write durable that had ended before.
    public func flush(
        before deadline: UInt64 = .max, _ completion: @escaping Completion
    ) throws(BlockError) {
        if let end { throw end }
        guard let operation = geometry.flushOperation else { throw .notSupported }
        start(Job(operation, nil, 0, 0, before: deadline, completion))
    }

    private func check(_ sector: UInt64, _ count: UInt64) throws(BlockError) {
        guard sector % geometry.sectorsPerSector == 0 else { throw .misaligned }
        let (last, overflow) = sector.addingReportingOverflow(count)
        guard !overflow, last <= geometry.sectorCount else { throw .outOfRange }
    }

    private func start(_ job: Job) {
        outstandingCount += 1
        nextDeadline = min(nextDeadline, job.deadline)
        waiting.append(job)
        issue()
    }

    /// Puts what waits into the ring, as far as it goes.
    private func issue() {
        // The pages may be gone by then.
        guard end == nil else { return }
        while firstWaiting < waiting.count, let index = freePlaces.last {
            let job = waiting[firstWaiting]
            freePlaces.removeLast()
            places[index].uses &+= 1
            guard put(nextPiece(of: job, index)) else {
                // The ring has as many slots as there are places; one that has none left is not ours any more.
                freePlaces.append(index)
                break
            }
            places[index].job = job
            job.outstanding += 1
            if job.rest == 0 {
                job.isIssued = true
                firstWaiting += 1
            }
        }
        if firstWaiting == waiting.count || firstWaiting > 256 {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        if ring.publishRequests() { notify() }
    }
    private func put(_ request: BlockRequest) -> Bool { ring.putBlockRequest(request, abi) }

    /// The next request of a job; takes what it carries off the rest.
    private func nextPiece(of job: Job, _ index: Int) -> BlockRequest {
        let identifier = UInt64(index) | places[index].uses &<< 16
        let sector = job.sector
        guard let data = job.data else {
            let count = job.rest
            job.rest = 0
            if job.operation == .discard {
                return .discard(
                    BlockDiscard(
                        flag: job.isSecure ? BlockInterface.discardSecure : 0, identifier: identifier,
                        sector: sector, sectorCount: count))
            }
            return .transfer(BlockTransfer(operation: job.operation, identifier: identifier, sector: 0))
        }
        let page = job.offset / pageSize
        let start = job.offset % pageSize
        let rest = Int(job.rest)
        let wanted = (start + rest + pageSize - 1) / pageSize
        var limit = BlockInterface.maximumSegments
        if wanted > limit, let first = freeIndirects.popLast() {
            places[index].indirect = first
            limit = geometry.indirectSegmentLimit
        }
        let count = min(wanted, limit)
        var bytes = min(rest, count * pageSize - start)
        bytes -= bytes % geometry.sectorByteCount
        let end = start + bytes
        let used = (end + pageSize - 1) / pageSize
        func segment(_ number: Int) -> BlockSegment {
            let from = number == 0 ? start : 0
            let to = min(end - number * pageSize, pageSize)
            return BlockSegment(
                grant: data.grants[page + number],
                firstSector: UInt8(from / BlockInterface.sectorByteCount),
                lastSector: UInt8(to / BlockInterface.sectorByteCount - 1))
        }
        job.offset += bytes
        job.rest -= UInt64(bytes)
        job.sector += UInt64(bytes / BlockInterface.sectorByteCount)
        let first = places[index].indirect
        guard first >= 0 else {
            directCount += 1
            var transfer = BlockTransfer(
                operation: job.operation, identifier: identifier, sector: sector, segmentCount: UInt8(used))
            for number in 0..<used { transfer.segments[number] = segment(number) }
            return .transfer(transfer)
        }
        indirectCount += 1
        var grants = InlineArray<8, GrantReference>(repeating: GrantReference(rawValue: 0))
        for number in 0..<used {
            let place = number / BlockInterface.segmentsPerIndirectPage
            let holder = indirectPages[first + place]
            grants[place] = holder.grant
            let words = segment(number).words
            holder.words.store(
                UInt64(words.0) | UInt64(words.1) &<< 32,
                to: PageOfWords.words.element(number % BlockInterface.segmentsPerIndirectPage))
        }
        return .indirect(
            BlockIndirect(
                operation: job.operation, segmentCount: UInt16(used), identifier: identifier, sector: sector,
                grants: grants))
    }

    // MARK: Answers

    /// Takes the backend's answers, calls completions, and puts what waited. Not from a completion: there it does nothing.
    /// - Throws: `protocolViolation`, after everything under way has failed with it.
    public func process() throws(BlockError) {
        guard !isProcessing, end == nil else { return }
        isProcessing = true
        defer { isProcessing = false }
        while end == nil {
            let response: BlockResponse?
            do throws(RingError) {
                response = try ring.takeBlockResponse()
                if response == nil, try !ring.finalCheckForResponses() { return }
            } catch {
                finish(.protocolViolation)
                throw .protocolViolation
            }
            guard let response else { continue }
            answersTaken &+= 1
            guard take(response) else {
                finish(.protocolViolation)
                throw .protocolViolation
            }
            issue()
        }
    }

    private func take(_ response: BlockResponse) -> Bool {
        let index = Int(response.identifier & 0xFFFF)
        guard index < places.count, places[index].uses &<< 16 == response.identifier & ~0xFFFF,
            let job = places[index].job, job.operation == response.operation
        else { return false }
        places[index].job = nil
        if places[index].indirect >= 0 { freeIndirects.append(places[index].indirect) }
        places[index].indirect = -1
        freePlaces.append(index)
        job.outstanding -= 1
        if job.completion == nil {
            lateCount -= 1
            lateAnswerCount += 1
            return true
        }
        switch response.status {
        case .okay: break
        case .notSupported:
            // What the backend takes back is not asked for again.
            if job.operation == .discard { geometry.canDiscard = false }
            if job.operation == geometry.flushOperation { geometry.flushOperation = nil }
            job.error = .notSupported
        default: job.error = .inputOutput
        }
        // The rest of a job that failed is not worth asking for.
        if job.error != nil, !job.isIssued, job.rest > 0 { withdraw(job) }
        if job.outstanding == 0, job.isIssued { complete(job, job.error) }
        return true
    }
    private func withdraw(_ job: Job) {
        job.rest = 0
        job.isIssued = true
        for index in firstWaiting..<waiting.count where waiting[index] === job {
            waiting.remove(at: index)
            return
        }
    }
    private func complete(_ job: Job, _ error: BlockError?) {
        guard let completion = job.completion else { return }
        job.completion = nil
        outstandingCount -= 1
        completion(error)
    }

    /// Ends the requests whose time is over at `now` with `timedOut`; call `process` first. Not from a completion: there it
    /// does nothing.
    public func expire(now: UInt64) {
        guard end == nil, !isProcessing, now >= nextDeadline else { return }
        isProcessing = true
        defer { isProcessing = false }
        nextDeadline = .max
        var over: [Job] = []
        func look(_ job: Job) {
            guard job.completion != nil else { return }
            if job.deadline > now {
                nextDeadline = min(nextDeadline, job.deadline)
            } else if !over.contains(where: { $0 === job }) {
                over.append(job)
            }
        }
        for place in places { if let job = place.job { look(job) } }
        for index in firstWaiting..<waiting.count { look(waiting[index]) }
        for job in over {
            // What is not in the ring stays out of it.
            if !job.isIssued { withdraw(job) }
            lateCount += job.outstanding
            complete(job, .timedOut)
        }
    }

    /// Ends the queue: everything under way fails with `closed`, and so does every request from now on.
    /// - Returns: the owners of the data of unanswered requests. They must be kept, or their pages never be given away, until
    ///   the backend has let go of the ring.
    @discardableResult
    public func close() -> [AnyObject] {
        finish(.closed)
        let owners = unanswered
        unanswered = []
        return owners
    }
    private var unanswered: [AnyObject] = []

    private func finish(_ reason: BlockError) {
        guard end == nil else { return }
        end = reason
        nextDeadline = .max
        lateCount = 0
        var jobs: [Job] = []
        for index in 0..<places.count {
            guard let job = places[index].job else { continue }
            places[index].job = nil
            if let owner = job.data?.owner { unanswered.append(owner) }
            job.outstanding -= 1
            if job.outstanding == 0, job.isIssued { jobs.append(job) }
        }
        for index in firstWaiting..<waiting.count { jobs.append(waiting[index]) }
        waiting = []
        firstWaiting = 0
        for job in jobs { complete(job, reason) }
    }
}
