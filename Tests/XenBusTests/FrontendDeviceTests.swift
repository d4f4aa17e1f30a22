// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenBus

/// A device whose backend runs by `BackendHandshake`, over a real store.
final class DeviceBench {
    static let front = "/local/domain/7/device/vbd/51712"
    static let back = "/local/domain/0/backend/vbd/7/51712"
    let bench: StoreBench
    var backend = BackendHandshake(connectsEarly: true)
    var isOnline = true
    var isBackendAlive = true
    private(set) var published: [FrontendPublication.Node] = []
    private(set) var uses = 0
    private(set) var closes = 0
    /// What the next calls of `publish` and `use` throw.
    var publishFailure: FrontendFailure?
    var useFailure: FrontendFailure?

    init() throws {
        bench = try StoreBench()
        try bench.write("\(Self.front)/state", "1")
        try bench.write("\(Self.front)/backend", Self.back)
        try bench.write("\(Self.front)/backend-id", "0")
        try bench.write("\(Self.back)/state", "1")
        try bench.write("\(Self.back)/feature-x", "1")
        let client = bench.service.client
        for path in ["\(Self.front)", "\(Self.front)/state"] {
            try client.setPermissions(path, [.init(.none, StoreBench.domain), .init(.read, .zero)])
        }
        for path in ["\(Self.back)", "\(Self.back)/state", "\(Self.back)/feature-x"] {
            try client.setPermissions(path, [.init(.none, .zero), .init(.read, StoreBench.domain)])
        }
        bench.whileAsleep = { [unowned self] in if isBackendAlive { runBackend() } }
    }

    var driver: FrontendDriver {
        FrontendDriver(
            publish: { [unowned self] _ throws(FrontendFailure) -> FrontendPublication in
                if let failure = publishFailure { throw failure }
                var publication = FrontendPublication()
                publication.set("ring-ref", "8")
                publication.set("event-channel", "3")
                publication.remove("ring-page-order")
                published = publication.nodes
                return publication
            },
            use: { [unowned self] device throws(FrontendFailure) -> Void in
                if let failure = useFailure { throw failure }
                _ = try device.backendOffers("feature-x")
                uses += 1
            },
            close: { [unowned self] _ in closes += 1 })
    }
    func device(connectsAtOnce: Bool = false) throws -> FrontendDevice {
        try FrontendDevice(
            bench.store, kind: "vbd", id: 51712, connectsAtOnce: connectsAtOnce, driver: driver)
    }

    func state(_ path: String) -> DeviceState {
        DeviceState(value: StoreText(Array((bench.read(path + "/state") ?? "").utf8)).bytes.span)
    }
    /// The backend looks at the frontend once and does what it must.
    func runBackend() {
        perform(backend.start())
        perform(backend.observe(frontend: state(Self.front), isOnline: isOnline))
    }
    private func perform(_ action: BackendHandshake.Action) {
        switch action {
        case .nothing: return
        case .connect: backend.connected()
        default: break
        }
        try? bench.write(Self.back + "/state", "\(backend.state.rawValue)")
    }
    func settle() {
        for _ in 0..<20 {
            if isBackendAlive { runBackend() }
            bench.settle()
        }
    }
}

@Suite struct FrontendDeviceTests {
    let bench: DeviceBench
    init() throws { bench = try DeviceBench() }
    var store: XenStoreConnection { bench.bench.store }

    @Test func devicesAreFound() throws {
        #expect(try FrontendDevice.numbers(of: "vbd", in: store) == [51712])
        #expect(try FrontendDevice.numbers(of: "vif", in: store).isEmpty)
        #expect(throws: FrontendFailure.missing("device/vbd/5")) {
            _ = try FrontendDevice(store, kind: "vbd", id: 5, driver: bench.driver)
        }
        try bench.bench.write("\(DeviceBench.front)/backend-id", "nobody")
        #expect(throws: FrontendFailure.malformed("device/vbd/51712/backend-id")) { _ = try bench.device() }
    }

    @Test(arguments: [false, true]) func connectsAfterAnEarlierFrontendClosed(_ atOnce: Bool) throws {
        for round in 1...3 {
            // The backend is closed at first from the second round on.
            let device = try bench.device(connectsAtOnce: atOnce)
            try device.connect()
            #expect(device.isConnected && bench.uses == round)
            try device.disconnect()
            bench.settle()
            #expect(bench.state(DeviceBench.back) == .closed && device.state == .closed)
        }
        let device = try bench.device(connectsAtOnce: atOnce)
        for round in 4...5 {
            // The same device, closed and opened again.
            try device.connect()
            #expect(device.isConnected && bench.uses == round)
            try device.disconnect()
        }
    }
    @Test(arguments: [false, true]) func connects(_ atOnce: Bool) throws {
        try bench.bench.write("\(DeviceBench.front)/ring-page-order", "2")
        try bench.bench.service.client.setPermissions(
            "\(DeviceBench.front)/ring-page-order", [.init(.none, StoreBench.domain)])
        let device = try bench.device(connectsAtOnce: atOnce)
        try device.connect()
        bench.settle()
        #expect(device.isConnected && bench.uses == 1 && bench.closes == 0)
        #expect(bench.bench.read("\(DeviceBench.front)/ring-ref") == "8")
        #expect(bench.bench.read("\(DeviceBench.front)/ring-page-order") == nil)
        #expect(bench.state(DeviceBench.front) == .connected && bench.backend.state == .connected)
        try device.connect()
        #expect(bench.uses == 1)
    }

    @Test func leavesAndComesBack() throws {
        let device = try bench.device()
        try device.connect()
        try device.disconnect()
        #expect(device.state == .closed && bench.closes == 1)
        bench.settle()
        #expect(bench.backend.state == .closed)
        try device.connect()
        #expect(device.isConnected && bench.uses == 2)
    }

    @Test func aNewBeginningWaitsForTheBackend() throws {
        let device = try bench.device()
        try device.connect()
        // Somebody writes the backend's state; the backend itself learns of the close only later.
        bench.isBackendAlive = false
        try bench.bench.write("\(DeviceBench.back)/state", "5")
        bench.bench.settle()
        #expect(device.state == .closed)
        var rounds = 0
        let runs = bench.bench.whileAsleep
        bench.bench.whileAsleep = { [bench] in
            rounds += 1
            if rounds == 10 {
                #expect(bench.state(DeviceBench.front) == .closed)
                bench.isBackendAlive = true
            }
            runs()
        }
        try device.connect()
        #expect(rounds >= 10)
        #expect(device.isConnected && bench.uses == 2 && bench.backend.state == .connected)
    }

    @Test func theBackendClosesAndReappears() throws {
        let device = try bench.device()
        try device.connect()
        bench.isBackendAlive = false
        try bench.bench.write("\(DeviceBench.back)/state", "5")
        bench.settle()
        #expect(device.state == .closed && device.failure == .closed && bench.closes == 1)
        try bench.bench.write("\(DeviceBench.back)/state", "6")
        bench.settle()
        // Another backend process, from its beginning.
        bench.backend = BackendHandshake(connectsEarly: true)
        bench.isBackendAlive = true
        bench.settle()
        #expect(device.isConnected && bench.uses == 2 && bench.closes == 1)
        #expect(bench.state(DeviceBench.front) == .connected)
    }

    @Test func theToolstackRemovesTheDevice() throws {
        let device = try bench.device()
        try device.connect()
        bench.isBackendAlive = false
        try bench.bench.service.client.remove(DeviceBench.front)
        try bench.bench.service.client.remove(DeviceBench.back)
        bench.settle()
        #expect(device.state == .closed)
        #expect(bench.closes == 1 && device.failure == .closed)
        #expect(device.backendState == .unknown)
        // The removed directory did not come back as a remnant.
        #expect(bench.bench.read("\(DeviceBench.front)/state") == nil)
        #expect(throws: FrontendFailure.self) { try device.connect() }
    }

    @Test func aBackendThatNeverAnswers() throws {
        bench.isBackendAlive = false
        let device = try bench.device()
        #expect(throws: FrontendFailure.timedOut) { try device.connect() }
        bench.isBackendAlive = true
        try device.connect()
        #expect(device.isConnected)
    }

    @Test func aDriverThatCannot() throws {
        let device = try bench.device()
        bench.publishFailure = .hypervisor(.noMemory)
        #expect(throws: FrontendFailure.hypervisor(.noMemory)) { try device.connect() }
        #expect(bench.closes >= 1)
        bench.settle()
        #expect(device.state == .closed)
        bench.publishFailure = nil
        bench.useFailure = .malformed("sectors")
        #expect(throws: FrontendFailure.malformed("sectors")) { try device.connect() }
        bench.settle()
        bench.useFailure = nil
        try device.connect()
        #expect(device.isConnected)
    }

    @Test func aDriverThatGivesUpLater() throws {
        let device = try bench.device()
        try device.connect()
        device.fail(.protocolViolation)
        bench.settle()
        #expect(device.failure == .protocolViolation && !device.isConnected)
        #expect(bench.backend.state == .closed && device.state == .closed)
        try device.connect()
        device.fail(.protocolViolation)
        // Also at once: what is being closed is waited for.
        try device.connect()
        #expect(device.isConnected && device.failure == nil)
    }

    @Test func noSequenceOfBackendStatesDoesHarm() throws {
        var generator = SplitMix(state: 7)
        bench.isBackendAlive = false
        let device = try bench.device()
        try device.start()
        for _ in 0..<400 {
            let value = generator.next() % 12
            try bench.bench.write("\(DeviceBench.back)/state", value == 11 ? "nonsense" : "\(value)")
            bench.bench.settle()
            #expect(bench.uses - bench.closes <= 1)
        }
        bench.backend = BackendHandshake(connectsEarly: true)
        bench.isBackendAlive = true
        try bench.bench.write("\(DeviceBench.back)/state", "6")
        bench.settle()
        try device.connect()
        #expect(device.isConnected)
    }
}
