// SPDX-License-Identifier: Apache-2.0
import Backends
import DeviceProtocols
import DriverKitTesting
import RingProtocol
import TestSupport
import XenABI

/// One domain's devices in memory: the host under test and everything around it.
final class Bench {
    static let domain = DomainID(rawValue: 7)
    let work = InMemoryWork()
    let grants = InMemoryGrants(domain: domain)
    let events: InMemoryEvents
    let store: InMemoryStore
    let platform: BackendPlatform
    private(set) var isFinished = false
    private(set) var host: DeviceHost?

    init(traffic: Traffic = Traffic()) {
        events = InMemoryEvents(work: work)
        store = InMemoryStore(work: work)
        platform = BackendPlatform(
            grants: grants, events: events, store: store, work: work, traffic: traffic)
    }

    /// Starts a host; a second one plays the process that follows a killed one.
    func startHost(_ makeDriver: @escaping DeviceHost.DriverMaker) throws {
        isFinished = false
        let host = DeviceHost(
            domain: Self.domain, platform: platform, log: Log(level: .error, prefix: "test"),
            makeDriver: makeDriver
        ) { [weak self] in self?.isFinished = true }
        try host.start()
        self.host = host
        work.run()
    }
    /// Plays kill -9: the process is gone without a word.
    func killHost() { host = nil }
}

/// A block frontend and its toolstack, played by hand.
final class BlockFrontend {
    static let backendPath = "/local/domain/0/backend/vbd/7/51712"
    static let frontendPath = "/local/domain/7/device/vbd/51712"
    static let port: UInt32 = 33
    let bench: Bench
    let abi: BlockRingABI
    let pageCount: Int
    let ringPages: RingPages
    var ring: FrontRing
    /// Data pages, each with its grant.
    let data = RingPages(pageCount: 80)
    let grants: [GrantReference]

    init(_ bench: Bench, abi: BlockRingABI = .x86_64, pageCount: Int = 1) {
        self.bench = bench
        self.abi = abi
        self.pageCount = pageCount
        ringPages = RingPages(pageCount: pageCount)
        ring = FrontRing(initializing: ringPages.ring(slotByteCount: abi.slotByteCount))
        let data = data
        grants = (0..<data.pageCount).map { bench.grants.grant(data, page: $0) }
    }

    /// What the toolstack writes for a disk.
    static func toolstack(_ store: InMemoryStore, params: String, mode: String = "w", discard: String? = nil)
    {
        store.set("\(frontendPath)/state", "1")
        store.set("\(backendPath)/frontend", frontendPath)
        store.set("\(backendPath)/frontend-id", "7")
        store.set("\(backendPath)/online", "1")
        store.set("\(backendPath)/mode", mode)
        store.set("\(backendPath)/type", "phy")
        store.set("\(backendPath)/params", params)
        store.set("\(backendPath)/dev", "xvda")
        if let discard { store.set("\(backendPath)/discard-enable", discard) }
        store.set("\(backendPath)/state", "1")
    }

    var backendState: String? { bench.store.read("\(Self.backendPath)/state") }
    func backendKey(_ key: String) -> String? { bench.store.read("\(Self.backendPath)/\(key)") }
    func setState(_ state: Int) {
        bench.store.set("\(Self.frontendPath)/state", "\(state)")
        bench.work.run()
    }

    /// Publishes the ring and waits in `initialised`, as blkfront does; then goes to `connected`.
    func connect(extra: [(String, String)] = []) {
        let path = Self.frontendPath
        if pageCount > 1 {
            bench.store.set("\(path)/ring-page-order", "\(pageCount.trailingZeroBitCount)")
            for page in 0..<pageCount {
                bench.store.set(
                    "\(path)/ring-ref\(page)", "\(bench.grants.grant(ringPages, page: page).rawValue)")
            }
        } else {
            bench.store.set("\(path)/ring-ref", "\(bench.grants.grant(ringPages).rawValue)")
        }
        bench.store.set("\(path)/event-channel", "\(Self.port)")
        bench.store.set("\(path)/protocol", abi == .x86_64 ? "x86_64-abi" : "x86_32-abi")
        for (key, value) in extra { bench.store.set("\(path)/\(key)", value) }
        setState(3)
        if backendState == "4" { setState(4) }
    }

    func put(_ request: BlockRequest) { precondition(ring.putBlockRequest(request, abi)) }
    /// Publishes what was put, notifies if asked to, and lets the backend work.
    func submit() {
        if ring.publishRequests() { bench.events.kick(Self.port) }
        bench.work.run()
    }
    func takeAll() throws -> [BlockResponse] {
        var responses: [BlockResponse] = []
        while let response = try ring.takeBlockResponse() { responses.append(response) }
        _ = try ring.finalCheckForResponses()
        return responses
    }
    /// One request and its answer.
    func exchange(_ request: BlockRequest) throws -> BlockStatus? {
        put(request)
        submit()
        let responses = try takeAll()
        guard responses.count == 1, responses[0].identifier == request.identifier,
            responses[0].operation == request.operation
        else { return nil }
        return responses[0].status
    }
    /// A read or write of whole pages from the `page`th data page on.
    func transfer(
        _ operation: BlockOperation, identifier: UInt64 = 1, sector: UInt64, page: Int = 0, pageCount: Int = 1
    ) -> BlockRequest {
        var transfer = BlockTransfer(
            operation: operation, identifier: identifier, sector: sector, segmentCount: UInt8(pageCount))
        for index in 0..<pageCount {
            transfer.segments[index] = BlockSegment(
                grant: grants[page + index], firstSector: 0, lastSector: 7)
        }
        return .transfer(transfer)
    }
}

/// A disk that does what the test says.
final class ScriptedStorage: BlockStorage {
    var geometry = DiskGeometry(byteCount: 1 << 20)
    var mapping: LocalMemory? { nil }
    let completionDescriptor: Int32? = 99
    var error: Int32 = 0
    /// Started operations end only when the test says so.
    var isAsynchronous = false
    private(set) var performed: [String] = []
    private(set) var startedTokens: [Int] = []
    private var completions: [(token: Int, error: Int32)] = []
    private(set) var isClosed = false

    private func describe(_ operation: StorageOperation) -> String {
        switch operation {
        case .read(let memory, let offset): return "read \(offset) \(memory.byteCount)"
        case .write(let memory, let offset): return "write \(offset) \(memory.byteCount)"
        case .flush: return "flush"
        case .discard(let offset, let byteCount): return "discard \(offset) \(byteCount)"
        }
    }
    func perform(_ operation: StorageOperation) -> Int32 {
        performed.append(describe(operation))
        return error
    }
    func start(_ operation: StorageOperation, token: Int) -> Bool {
        guard isAsynchronous else { return false }
        if case .discard = operation { return false }
        performed.append("start " + describe(operation))
        startedTokens.append(token)
        return true
    }
    func submit() {}
    func complete(_ index: Int, error: Int32 = 0) {
        completions.append((startedTokens.remove(at: index), error))
    }
    func takeCompletion() -> (token: Int, error: Int32)? {
        completions.isEmpty ? nil : completions.removeFirst()
    }
    func settle() { while !startedTokens.isEmpty { complete(0) } }
    func close() { isClosed = true }
}
