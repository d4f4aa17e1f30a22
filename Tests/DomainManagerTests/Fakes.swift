// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import FoundationEssentials
import Reactor
import SharedMemory
import TrafficCounts
import XenABI

@testable import DomainManager

/// A page that stands for one shared with a guest; the test plays the guest.
@safe final class FakePage {
    let base: UnsafeMutableRawPointer
    init() {
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
    }
    deinit { unsafe base.deallocate() }
    var console: SharedView<ConsoleRingLayout> { unsafe SharedView(unsafeBase: base) }

    /// What the guest does to print.
    func print(_ text: String) {
        for byte in text.utf8 {
            let producer = console.load(.outputProducer)
            console.store(byte, to: Field<ConsoleRingLayout, UInt8>.output.element(Int(producer % 2048)))
            console.store(producer &+ 1, to: .outputProducer)
        }
    }
    /// What the guest does to read its keyboard.
    func typed() -> String {
        var bytes: [UInt8] = []
        while console.load(.inputConsumer) != console.load(.inputProducer) {
            let consumer = console.load(.inputConsumer)
            bytes.append(console.load(Field<ConsoleRingLayout, UInt8>.input.element(Int(consumer % 1024))))
            console.store(consumer &+ 1, to: .inputConsumer)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

final class FakeHypervisor: HypervisorAccess {
    var guests: [DomainID: DomainStatus] = [
        .zero: DomainStatus(id: .zero, handle: [UInt8](repeating: 0, count: 16))
    ]
    var pages: [DomainID: FakePage] = [:]
    var free: UInt64 = 4 << 30
    var failing: Set<String> = []
    var nextID: UInt16 = 1

    private func check(_ call: String) throws(APIError) {
        if failing.contains(call) { throw APIError(.hypervisor, "\(call) failed") }
    }
    func add(_ handle: [UInt8]) -> DomainID {
        let id = DomainID(rawValue: nextID)
        nextID += 1
        var status = DomainStatus(id: id, handle: handle)
        status.isPaused = true
        status.vcpuCount = 1
        guests[id] = status
        pages[id] = FakePage()
        return id
    }
    func domains() throws(APIError) -> [DomainStatus] {
        guests.values.sorted { $0.id.rawValue < $1.id.rawValue }
    }
    func status(of domain: DomainID) throws(APIError) -> DomainStatus? { guests[domain] }
    func vcpu(_ number: UInt32, of domain: DomainID) throws(APIError) -> VcpuInfo {
        VcpuInfo(id: Int(number), isOnline: true, isBlocked: false, isRunning: true, cpuTime: 1, cpu: 0)
    }
    func pause(_ domain: DomainID) throws(APIError) { guests[domain]?.isPaused = true }
    func unpause(_ domain: DomainID) throws(APIError) {
        try check("unpause")
        guests[domain]?.isPaused = false
    }
    func destroy(_ domain: DomainID) throws(APIError) {
        try check("destroy")
        guests[domain] = nil
    }
    func setHandle(_ handle: [UInt8], of domain: DomainID) throws(APIError) {
        guests[domain]?.handle = handle
    }
    func freeMemory() throws(APIError) -> UInt64 { free }
    func hostInfo() throws(APIError) -> HostInfo { HostInfo() }
    func log(clear: Bool) throws(APIError) -> [UInt8] { Array("(XEN) hello\n".utf8) }
    func rings(of domain: DomainID) throws(APIError) -> GuestRings { .none }
    func mapConsole(of domain: DomainID, at frame: GuestFrame) throws(APIError) -> ConsoleRing {
        try check("mapConsole")
        guard let page = pages[domain] else { throw APIError(.hypervisor, "no such page") }
        return ConsoleRing(page.console, owner: page)
    }
}

final class FakeBuilder: DomainBuilding {
    let hypervisor: FakeHypervisor
    var error: APIError?
    init(_ hypervisor: FakeHypervisor) { self.hypervisor = hypervisor }
    func build(
        _ configuration: DomainConfiguration, uuid: DomainUUID, progress: (String) -> Void
    ) throws(APIError) -> (id: DomainID, rings: GuestRings) {
        if let error { throw error }
        progress("loading the kernel")
        let id = hypervisor.add(uuid.bytes)
        return (id, GuestRings(storeFrame: 0xfeffc, storePort: 1, consoleFrame: 0xfefff, consolePort: 2))
    }
}

final class FakeChannels: EventChannels {
    var handlers: [EventPort: () -> Void] = [:]
    var bound: [EventPort: String] = [:]
    var notified: [EventPort] = []
    var next: UInt32 = 10
    func bind(_ port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void) throws(APIError)
        -> EventPort
    {
        next += 1
        let local = EventPort(rawValue: next)
        handlers[local] = handler
        bound[local] = "\(domain.rawValue):\(port.rawValue)"
        return local
    }
    func notify(_ port: EventPort) { notified.append(port) }
    func close(_ port: EventPort) {
        handlers[port] = nil
        bound[port] = nil
    }
    /// An event from the guest's port.
    func raise(_ name: String) {
        for (port, bound) in bound where bound == name { handlers[port]?() }
    }
}

/// A store of paths, with watches; no transactions, no quotas.
final class FakeStore: StoreAccess {
    var nodes: [String: String] = [:]
    var permissions: [String: [String]] = [:]
    var watches: [UInt64: (path: String, handler: (String) -> Void)] = [:]
    var introduced: Set<DomainID> = []
    var stopped: [DomainID] = []
    var failing: Set<String> = []
    private var lastWatch: UInt64 = 0

    func read(_ path: String) -> String? { nodes[path] }
    func children(_ path: String) -> [String] {
        Set(
            nodes.keys.filter { $0.hasPrefix(path + "/") }.compactMap {
                $0.dropFirst(path.count + 1).split(separator: "/").first.map(String.init)
            }
        )
        .sorted()
    }
    func write(_ path: String, _ value: String) throws(APIError) {
        if failing.contains(where: path.hasSuffix) { throw APIError(.store, "\(path) cannot be written") }
        nodes[path] = value
        fire(path)
    }
    func setPermissions(_ path: String, _ permissions: [String]) throws(APIError) {
        self.permissions[path] = permissions
    }
    func remove(_ path: String) {
        for key in Array(nodes.keys) where key == path || key.hasPrefix(path + "/") {
            nodes[key] = nil
            permissions[key] = nil
        }
        fire(path)
    }
    private func fire(_ path: String) {
        for watch in Array(watches.values) where path == watch.path || path.hasPrefix(watch.path + "/") {
            watch.handler(path)
        }
    }
    func watch(_ path: String, _ handler: @escaping (String) -> Void) -> StoreWatch {
        lastWatch += 1
        watches[lastWatch] = (path, handler)
        handler(path)
        return StoreWatch(number: lastWatch)
    }
    func unwatch(_ watch: StoreWatch) { watches[watch.number] = nil }
    /// Types of devices that a program serves; nil for all.
    var served: Set<String>? {
        didSet { for (type, handler) in waiters where served?.contains(type) ?? true { handler() } }
    }
    private(set) var waiters: [String: () -> Void] = [:]
    func whenProgramWatches(_ path: String, _ handler: @escaping () -> Void) -> () -> Void {
        let type = path.split(separator: "/").last.map(String.init) ?? ""
        if served?.contains(type) ?? true {
            handler()
            return {}
        }
        waiters[type] = handler
        return { [weak self] in self?.waiters[type] = nil }
    }
    func introduce(_ domain: DomainID, ringAt frame: GuestFrame, port: EventPort) throws(APIError) {
        if failing.contains("introduce") { throw APIError(.store, "the ring cannot be mapped") }
        introduced.insert(domain)
    }
    func release(_ domain: DomainID) { introduced.remove(domain) }
    func announceStop(of domain: DomainID) { stopped.append(domain) }
    func releaseAll(except domains: Set<DomainID>) { introduced.formIntersection(domains) }
}

final class FakeBackend: BackendProcess {
    let number: Int
    var isRunning = true
    private let onExit: (String) -> Void
    /// The process ends by itself.
    func exit(_ why: String) {
        isRunning = false
        onExit(why)
    }
    init(number: Int, onExit: @escaping (String) -> Void) {
        self.number = number
        self.onExit = onExit
    }
    /// Holds back the end of a backend that was stopped.
    var onStop: ((@escaping () -> Void) -> Void)?
    func stop(_ done: @escaping () -> Void) {
        let end = { [self] in
            isRunning = false
            done()
        }
        if let onStop { onStop(end) } else { end() }
    }
}

final class FakeHost: HostAccess {
    var files: [String: HostFile] = [
        "/k": HostFile(identity: "k", size: 1), "/r": HostFile(identity: "r", size: 1),
        "/a.img": HostFile(identity: "a", size: 4096), "/alias.img": HostFile(identity: "a", size: 4096),
        "/b.img": HostFile(identity: "b", size: 4096), "/empty.img": HostFile(identity: "e", size: 0),
    ]
    var bridges: Set<String> = ["br0"]
    var backends: [FakeBackend] = []
    var backendFails = false
    /// What svback would write: the status of each backend node.
    var attach: ((DomainID) -> Void)?
    var adoptable: Set<Int> = []
    var now = 1000
    var moved: [DomainID: TrafficCounts] = [:]

    func traffic(of domain: DomainID) -> TrafficCounts? { moved[domain] }
    func forgetTraffic(of domain: DomainID) { moved[domain] = nil }
    func inspect(_ path: String, forWriting: Bool) throws(HostFailure) -> HostFile {
        guard let file = files[path] else { throw HostFailure("No such file or directory") }
        return file
    }
    func isBridge(_ name: String) -> Bool { bridges.contains(name) }
    func interfaceExists(_ name: String) -> Bool { name == "eth0" || bridges.contains(name) }
    func startBackend(
        for domain: DomainID, name: String, onExit: @escaping (String) -> Void
    ) throws(HostFailure) -> BackendProcess {
        if backendFails { throw HostFailure("No such file or directory") }
        let backend = FakeBackend(number: 100 + backends.count, onExit: onExit)
        backends.append(backend)
        attach?(domain)
        return backend
    }
    func adoptBackend(_ number: Int, for domain: DomainID, onExit: @escaping (String) -> Void)
        -> BackendProcess?
    {
        guard adoptable.contains(number) else { return nil }
        let backend = FakeBackend(number: number, onExit: onExit)
        backends.append(backend)
        return backend
    }
    func describe(_ info: inout HostInfo) { info.host = "dom0" }
}

final class FakeRecords: RecordKeeping {
    var records: [DomainUUID: DomainRecord] = [:]
    var fails = false
    func save(_ record: DomainRecord) throws(HostFailure) {
        if fails { throw HostFailure("No space left on device") }
        records[record.uuid] = record
    }
    func remove(_ uuid: DomainUUID) { records[uuid] = nil }
    func all() -> [DomainRecord] { Array(records.values) }
}

final class FakeLog: ConsoleLog {
    var bytes: [UInt8] = []
    func append(_ bytes: [UInt8]) { self.bytes += bytes }
}

/// Outlives the daemon, as the run directory does.
final class FakeHistory: HistoryKeeping {
    var contents: [UInt8] = []
    func append(_ bytes: [UInt8]) { contents += bytes }
    func replace(with bytes: [UInt8]) { contents = bytes }
    func remove() { contents = [] }
}

/// A supervisor in a made-up machine, and its reactor.
final class Machine {
    let hypervisor = FakeHypervisor()
    let builder: FakeBuilder
    let channels = FakeChannels()
    let store = FakeStore()
    let host = FakeHost()
    let records = FakeRecords()
    let reactor: Reactor
    private(set) var supervisor: DomainSupervisor
    var events: [DomainEvent] = []
    /// What creations told.
    var progress: [String] = []
    let consoleLog = FakeLog()
    let history = FakeHistory()

    init() throws {
        builder = FakeBuilder(hypervisor)
        reactor = try Reactor()
        supervisor = Self.supervisor(
            hypervisor, builder, channels, store, host, records, reactor, consoleLog, history)
        watch()
        // svback attaches everything at once.
        host.attach = { [unowned self] _ in attachAll() }
    }
    private static func supervisor(
        _ hypervisor: FakeHypervisor, _ builder: FakeBuilder, _ channels: FakeChannels, _ store: FakeStore,
        _ host: FakeHost, _ records: FakeRecords, _ reactor: Reactor, _ log: FakeLog, _ history: FakeHistory
    ) -> DomainSupervisor {
        var limits = DomainSupervisor.Limits()
        limits.deviceWait = 40
        limits.programWait = 80
        limits.goneWait = 20
        limits.restartDelay = 5
        limits.backendDelay = 1
        limits.backendRestarts = 2
        return DomainSupervisor(
            .init(
                hypervisor: hypervisor, builder: builder, channels: channels, store: store, host: host,
                records: records,
                consoleLog: { _ in log }, consoleHistory: { _ in history }), reactor: reactor, limits: limits)
    }
    private func watch() { _ = supervisor.observe { [unowned self] in events.append($0) } }

    /// svd is killed and starts again: what it kept in memory is lost.
    func restartDaemon() throws {
        channels.handlers = [:]
        channels.bound = [:]
        store.introduced = []
        store.watches = [:]
        supervisor = Self.supervisor(
            hypervisor, builder, channels, store, host, records, reactor, consoleLog, history)
        watch()
        try supervisor.recover()
    }

    func attachAll() {
        for path in Array(store.nodes.keys) where path.hasSuffix("/online") && !path.contains("/console/") {
            try? store.write(path.dropLast("/online".count) + "/hotplug-status", "connected")
        }
    }

    static func configuration(_ name: String = "web1", disks: [DiskConfiguration] = []) -> DomainConfiguration
    {
        var configuration = DomainConfiguration(name: name, kernel: "/k", memory: 128)
        configuration.disks = disks
        return configuration
    }

    /// Creates a domain, letting the reactor run until it has answered.
    @discardableResult
    func create(_ configuration: DomainConfiguration, paused: Bool = false) throws -> ControlAPI.DomainInfo {
        var result: Result<ControlAPI.DomainInfo, APIError>?
        supervisor.create(configuration, paused: paused, progress: { [self] in progress.append($0) }) {
            result = $0
        }
        run { result != nil }
        guard let result else { throw APIError(.svdLost, "no answer") }
        return try result.get()
    }
    func refusal(_ configuration: DomainConfiguration) -> APIError? {
        do {
            try create(configuration)
            return nil
        } catch {
            return error as? APIError
        }
    }
    func destroy(_ name: String) throws {
        var answer: APIError??
        supervisor.destroy(name) { answer = .some($0) }
        run { answer != nil }
        if let error = answer ?? nil { throw error }
    }
    /// Lets the reactor work until `condition` holds, two seconds at most.
    func run(until condition: () -> Bool) {
        for _ in 0..<2000 where !condition() { reactor.turn(limit: 1) }
    }
    /// The guest stops by itself.
    func stop(_ id: Int, _ reason: StopReason) {
        hypervisor.guests[DomainID(rawValue: UInt16(id))]?.shutdownReason = reason
        supervisor.domainsChanged()
    }
    /// True if nothing is left of any domain.
    var isClean: Bool {
        hypervisor.guests.count == 1 && store.nodes.isEmpty && store.introduced.isEmpty
            && store.watches.isEmpty
            && channels.bound.isEmpty && records.records.isEmpty && host.backends.allSatisfy { !$0.isRunning }
    }
}

/// Runs the body with a fresh directory, which is removed afterwards.
func withDirectory(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appending(
        path: "sv-\(UInt64.random(in: 0 ... .max))"
    ).path
    try System.makeDirectory(path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
}
