// SPDX-License-Identifier: Apache-2.0
public import DeviceProtocols
public import RingProtocol
public import XenABI

/// Serves one block ring: takes requests, moves the data, answers.
///
/// Requests live in a fixed number of places, used in turn. Each has room for its segments and, if the disk is not
/// mapped, a buffer. They may end in any order; answers are put in the order of the requests, so that a ring whose
/// backend died can be taken over (see `BackRing.init(resuming:)`). Nothing is allocated once the service runs.
public final class BlockService {
    /// Requests worked on at once.
    static let placeCount = 32
    /// Segments a request may have: what `feature-max-indirect-segments` says.
    public static let segmentLimit = 64

    private enum State {
        /// Segments are still in the guest's indirect page.
        case wantsSegments
        /// Data is still in the guest's pages.
        case wantsData
        /// To be handed to the disk.
        case ready
        /// The disk works on it.
        case started
        /// Data has been read and is still ours.
        case hasData
        case finished
    }
    private enum Kind { case read, write, flush, discard, none }

    private struct Place {
        var state = State.finished
        var kind = Kind.none
        var status = BlockStatus.okay
        var operation = BlockOperation.read
        /// A write that must be durable before it is answered.
        var flushesAfter = false
        /// Data goes through the buffer although the disk is mapped, because the mapping failed.
        var usesBuffer = false
        var segmentCount = 0
        var identifier: UInt64 = 0
        var sector: UInt64 = 0
        var sectorCount: UInt64 = 0
        var segmentPage = GrantReference(rawValue: 0)
        /// First copy in the list.
        var firstCopy = 0
        var lastCopy = 0

        var byteOffset: UInt64 { sector &* 512 }
        var byteCount: Int { Int(truncatingIfNeeded: sectorCount &* 512) }
    }

    private var ring: BackRing
    private let abi: BlockRingABI
    private let domain: DomainID
    private let grants: any GrantAccess
    private let storage: any BlockStorage
    private let mapping: LocalMemory?
    private let geometry: DiskGeometry
    private let persistent: PersistentGrants?
    private let traffic: Traffic
    private let notify: () -> Void
    /// Runs `serve` again later.
    private let again: () -> Void

    private var places = [Place](repeating: Place(), count: placeCount)
    private var segments = [BlockSegment](repeating: .none, count: placeCount * segmentLimit)
    private var buffers: LocalMemory
    private static let bufferByteCount = segmentLimit * 4096
    private var copies = GrantCopyList(capacity: placeCount * 16)
    /// Free-running: places `head ..< tail` are in use.
    private var head = 0
    private var tail = 0
    /// Taken requests beyond this have not been looked at by the steps of `serve`.
    private var isClosed = false

    /// - Parameters:
    ///   - notify: tells the frontend.
    ///   - again: calls `serve` soon, after other work.
    /// - Throws: `hypervisor` if there is no memory for the buffers.
    public init(
        ring: consuming BackRing, abi: BlockRingABI, domain: DomainID, storage: any BlockStorage,
        grants: any GrantAccess, persistent: PersistentGrants? = nil, traffic: Traffic,
        notify: @escaping () -> Void, again: @escaping () -> Void
    ) throws(BackendError) {
        buffers = try .buffers(byteCount: Self.placeCount * Self.bufferByteCount, of: "block")
        self.ring = ring
        self.abi = abi
        self.domain = domain
        self.storage = storage
        self.grants = grants
        self.persistent = persistent
        self.traffic = traffic
        // Data of persistent grants is moved by the processor here, and a mapped file can be made shorter under it.
        mapping = persistent == nil ? storage.mapping : nil
        geometry = storage.geometry
        self.notify = notify
        self.again = again
    }

    deinit { buffers.deallocate() }

    /// Requests taken and not answered.
    public var outstandingCount: Int { tail - head }

    /// Does all that can be done now. Call on every event of the frontend and on every completion of the disk.
    /// - Throws: the ring's error; the ring is dead then.
    public func serve() throws(RingError) {
        guard !isClosed else { return }
        var rounds = 0
        while true {
            let first = tail
            while tail &- head < Self.placeCount, let request = try ring.takeBlockRequest(abi) {
                admit(request)
            }
            if tail != first {
                fetchSegments(first..<tail)
                fetchData(first..<tail)
                start(first..<tail)
            }
            reap()
            returnData()
            respond()
            // With all places in use the next completion comes back here.
            if tail &- head == Self.placeCount { return }
            guard try ring.finalCheckForRequests() else { return }
            rounds += 1
            if rounds == 64 {
                // Let the other devices and the store have their turn.
                again()
                return
            }
        }
    }

    // MARK: Taking a request

    private func admit(_ request: BlockRequest) {
        let index = tail & (Self.placeCount - 1)
        tail &+= 1
        var place = Place()
        place.identifier = request.identifier
        place.operation = request.operation
        switch request {
        case .transfer(let transfer):
            place.sector = transfer.sector
            place.segmentCount = Int(transfer.segmentCount)
            switch transfer.operation {
            case .read: place.kind = .read
            case .write: place.kind = .write
            case .flush:
                place.kind = transfer.segmentCount == 0 ? .flush : .write
                place.flushesAfter = true
            default: place.status = .notSupported
            }
            if place.kind == .read || place.kind == .write {
                if place.segmentCount < 1 || place.segmentCount > BlockInterface.maximumSegments {
                    place.status = .error
                } else {
                    for number in 0..<place.segmentCount {
                        segments[index &* Self.segmentLimit &+ number] = transfer.segments[number]
                    }
                    checkSegments(index, &place)
                }
            }
            place.state = place.kind == .write ? .wantsData : .ready
        case .discard(let discard):
            place.kind = .discard
            place.sector = discard.sector
            place.sectorCount = discard.sectorCount
            if geometry.discardGranularity == 0 {
                place.status = .notSupported
            } else if geometry.isReadOnly || !isInside(discard.sector, discard.sectorCount) {
                place.status = .error
            }
            place.state = .ready
        case .indirect(let indirect):
            place.sector = indirect.sector
            place.segmentCount = Int(indirect.segmentCount)
            place.segmentPage = indirect.grants[0]
            if indirect.operation == .read {
                place.kind = .read
            } else if indirect.operation == .write {
                place.kind = .write
            } else {
                place.status = .error
            }
            if place.segmentCount < 1 || place.segmentCount > Self.segmentLimit { place.status = .error }
            place.state = .wantsSegments
        case .unknown:
            place.status = .notSupported
        }
        if place.status != .okay { place.state = .finished }
        places[index] = place
    }

    private func isInside(_ sector: UInt64, _ count: UInt64) -> Bool {
        let (end, overflow) = sector.addingReportingOverflow(count)
        return !overflow && end <= geometry.sectorCount
    }

    /// Checks the segments of a read or write against the page and the disk; adds up the sectors.
    private func checkSegments(_ index: Int, _ place: inout Place) {
        var total = 0
        for number in 0..<place.segmentCount {
            let segment = segments[index &* Self.segmentLimit &+ number]
            guard segment.isValid else {
                place.status = .error
                return
            }
            total &+= segment.byteCount
        }
        place.sectorCount = UInt64(total / 512)
        if !isInside(place.sector, place.sectorCount) || place.kind == .write && geometry.isReadOnly {
            place.status = .error
        }
    }

    private func buffer(_ index: Int, _ byteCount: Int) -> LocalMemory {
        buffers.slice(index &* Self.bufferByteCount, byteCount)
    }

    // MARK: The steps, each over all new requests, so that the copies of many go in one call

    private func fetchSegments(_ range: Range<Int>) {
        copies.removeAll()
        for number in range {
            let index = number & (Self.placeCount - 1)
            guard places[index].state == .wantsSegments else { continue }
            places[index].firstCopy = copies.count
            copies.append(
                from: places[index].segmentPage, of: domain, offset: 0,
                to: buffer(index, places[index].segmentCount &* 8))
        }
        guard copies.count > 0 else { return }
        let ran = grants.copy(&copies)
        for number in range {
            let index = number & (Self.placeCount - 1)
            var place = places[index]
            guard place.state == .wantsSegments else { continue }
            if ran && copies.succeeded(place.firstCopy..<place.firstCopy + 1) {
                let words = buffer(index, place.segmentCount &* 8)
                for number in 0..<place.segmentCount {
                    segments[index &* Self.segmentLimit &+ number] = BlockSegment(
                        words: words.load(number &* 8, as: UInt32.self),
                        words.load(number &* 8 &+ 4, as: UInt32.self))
                }
                checkSegments(index, &place)
            } else {
                place.status = .error
            }
            place.state = place.status != .okay ? .finished : place.kind == .write ? .wantsData : .ready
            places[index] = place
        }
    }

    /// Where a request's data is on our side.
    private func local(_ index: Int) -> LocalMemory {
        if let mapping, !places[index].usesBuffer {
            return mapping.slice(Int(places[index].byteOffset), places[index].byteCount)
        }
        return buffer(index, places[index].byteCount)
    }

    /// Moves a request's data through persistent grants, or else adds its copies to the list.
    private func addCopies(_ index: Int) {
        places[index].firstCopy = copies.count
        let memory = local(index)
        let isWrite = places[index].kind == .write
        var offset = 0
        for number in 0..<places[index].segmentCount {
            let segment = segments[index &* Self.segmentLimit &+ number]
            let piece = memory.slice(offset, segment.byteCount)
            offset &+= segment.byteCount
            if let page = persistent?.page(segment.grant) {
                let remote = page.slice(segment.pageOffset, segment.byteCount)
                if isWrite { piece.copy(from: remote) } else { remote.copy(from: piece) }
            } else if isWrite {
                copies.append(from: segment.grant, of: domain, offset: segment.pageOffset, to: piece)
            } else {
                copies.append(from: piece, to: segment.grant, of: domain, offset: segment.pageOffset)
            }
        }
        places[index].lastCopy = copies.count
    }

    private func fetchData(_ range: Range<Int>) {
        copies.removeAll()
        var isNeeded = false
        for number in range where places[number & (Self.placeCount - 1)].state == .wantsData {
            addCopies(number & (Self.placeCount - 1))
            isNeeded = true
        }
        guard isNeeded else { return }
        let ran = copies.count == 0 || grants.copy(&copies)
        for number in range {
            let index = number & (Self.placeCount - 1)
            guard places[index].state == .wantsData else { continue }
            if ran {
                let isDone = copies.succeeded(places[index].firstCopy..<places[index].lastCopy)
                places[index].status = isDone ? .okay : .error
            } else {
                // Some page of the mapped file cannot be had. Go through the buffer, one request at a time.
                places[index].usesBuffer = true
            }
            places[index].state = places[index].status == .okay ? .ready : .finished
        }
        guard !ran else { return }
        for number in range {
            let index = number & (Self.placeCount - 1)
            guard places[index].usesBuffer, places[index].kind == .write else { continue }
            copies.removeAll()
            addCopies(index)
            if !grants.copy(&copies) || !copies.succeeded(0..<copies.count) { finish(index, .error) }
        }
    }

    private func start(_ range: Range<Int>) {
        var isStarted = false
        for number in range {
            let index = number & (Self.placeCount - 1)
            guard places[index].state == .ready else { continue }
            let isMapped = mapping != nil && !places[index].usesBuffer
            let operation: StorageOperation
            switch places[index].kind {
            case .read:
                if isMapped {
                    places[index].state = .hasData
                    continue
                }
                operation = .read(buffer(index, places[index].byteCount), offset: places[index].byteOffset)
            case .write:
                if isMapped {
                    ended(index, places[index].flushesAfter ? storage.perform(.flush) : 0)
                    continue
                }
                operation = .write(buffer(index, places[index].byteCount), offset: places[index].byteOffset)
            case .flush: operation = .flush
            case .discard:
                operation = .discard(
                    offset: places[index].byteOffset, byteCount: places[index].sectorCount &* 512)
                if places[index].sectorCount == 0 {
                    finish(index, .okay)
                    continue
                }
            case .none:
                finish(index, .error)
                continue
            }
            if storage.start(operation, token: index) {
                places[index].state = .started
                isStarted = true
            } else {
                ended(index, storage.perform(operation))
            }
        }
        if isStarted { storage.submit() }
    }

    private func reap() {
        while let (index, error) = storage.takeCompletion() { ended(index, error) }
    }

    /// The disk is done with a request.
    private func ended(_ index: Int, _ error: Int32) {
        if error != 0 {
            finish(index, .error)
        } else if places[index].kind == .read {
            places[index].state = .hasData
        } else if places[index].flushesAfter && places[index].kind == .write {
            finish(index, storage.perform(.flush) == 0 ? .okay : .error)
        } else {
            finish(index, .okay)
        }
    }

    private func finish(_ index: Int, _ status: BlockStatus) {
        places[index].status = status
        places[index].state = .finished
    }

    private func returnData() {
        copies.removeAll()
        var isNeeded = false
        for number in head..<tail where places[number & (Self.placeCount - 1)].state == .hasData {
            addCopies(number & (Self.placeCount - 1))
            isNeeded = true
        }
        guard isNeeded else { return }
        let ran = copies.count == 0 || grants.copy(&copies)
        for number in head..<tail {
            let index = number & (Self.placeCount - 1)
            guard places[index].state == .hasData, ran else { continue }
            finish(index, copies.succeeded(places[index].firstCopy..<places[index].lastCopy) ? .okay : .error)
        }
        guard !ran else { return }
        // Some page of the mapped file cannot be had: read it as a file, one request at a time.
        for number in head..<tail {
            let index = number & (Self.placeCount - 1)
            guard places[index].state == .hasData else { continue }
            places[index].usesBuffer = true
            copies.removeAll()
            let memory = buffer(index, places[index].byteCount)
            guard storage.perform(.read(memory, offset: places[index].byteOffset)) == 0 else {
                finish(index, .error)
                continue
            }
            addCopies(index)
            finish(index, grants.copy(&copies) && copies.succeeded(0..<copies.count) ? .okay : .error)
        }
    }

    private func respond() {
        while head != tail {
            let index = head & (Self.placeCount - 1)
            guard places[index].state == .finished else { break }
            ring.putBlockResponse(
                BlockResponse(
                    identifier: places[index].identifier, operation: places[index].operation,
                    status: places[index].status))
            if places[index].status == .okay {
                switch places[index].kind {
                case .read: traffic.add(places[index].byteCount, .blockRead)
                case .write: traffic.add(places[index].byteCount, .blockWritten)
                default: break
                }
            }
            head &+= 1
        }
        if ring.publishResponses() { notify() }
    }

    /// Waits for what the disk still works on, answers it, and takes nothing more.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        storage.submit()
        storage.settle()
        reap()
        returnData()
        respond()
    }
}
