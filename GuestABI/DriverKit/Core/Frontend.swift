// SPDX-License-Identifier: Apache-2.0
import RingProtocol
public import XenABI
public import XenBus
import XenStoreWire

/// The guest's half of a split device: finds the device in the store, shakes hands with the backend, and makes requests.
///
/// The backend is not trusted: whatever it writes is an error, never a trap. When it goes away, what is under way fails
/// with `disconnected`; when it comes back, the frontend connects again by itself. For one vCPU, outside interrupt
/// handlers; `poll` (or a call that waits) does the work, completions run inside it.
public final class Frontend<Device: SplitDevice, Platform: FrontendPlatform> {
    /// What became of a request.
    public typealias Completion = (Result<Device.Response, DriverError>) -> Void

    /// Rings and port of one connection.
    private final class Connection {
        var ring: FrontRing
        let pages: Platform.Pages
        let port: Platform.Port
        init(ring: consuming FrontRing, pages: Platform.Pages, port: Platform.Port) {
            self.ring = ring
            self.pages = pages
            self.port = port
        }
    }
    /// What events left to do. Apart from the frontend, so that those who set it do not keep the frontend alive.
    private final class Signals {
        var isStoreNew = true
        var isRingNew = false
    }
    /// A place in the table of requests under way; the number in word 0 names place and use.
    private struct Place {
        var completion: Completion?
        var uses: UInt32 = 0
    }

    public let platform: Platform
    /// The device's directory, `device/<kind>/<number>`.
    public let path: StoreText
    /// The domain of the backend.
    public let backendDomain: DomainID
    /// The backend's directory.
    public let backendPath: StoreText
    /// Why the device was last given up; nil if it never was.
    public private(set) var lastError: DriverError?
    /// How often the device has been connected.
    public private(set) var connectionCount = 0

    private var handshake = FrontendHandshake()
    private var connection: Connection?
    private var places: [Place] = []
    private var freePlaces: [Int] = []
    private var watch: Platform.Watch?
    private let signals = Signals()
    private var isPolling = false
    private var isStopped = false

    /// - Parameter number: which of the domain's devices of this kind.
    /// - Throws: `noDevice`, `badNode`, and errors of the store.
    public init(_ platform: Platform, number: UInt32 = 0) throws(DriverError) {
        self.platform = platform
        path = "device/\(Device.kind)/\(number)"
        guard let backend = try platform.read(path.appending("backend")) else { throw .noDevice }
        let domain = try platform.read(path.appending("backend-id"))?.decimal(as: UInt16.self)
        guard let domain else { throw .badNode(path.appending("backend-id")) }
        backendPath = backend
        backendDomain = DomainID(rawValue: domain)
        let signals = signals
        watch = try platform.watch(backendPath.appending("state")) { signals.isStoreNew = true }
    }

    /// Where this end stands.
    public var state: DeviceState { handshake.state }
    /// Whether requests can be made.
    public var isConnected: Bool { handshake.state == .connected && connection != nil && !isStopped }
    /// Requests whose completion has not been called.
    public var outstandingCount: Int { places.count - freePlaces.count }
    /// Whether `poll` has something to do. Cheap; for interrupt handlers too.
    public var hasWork: Bool { signals.isStoreNew || signals.isRingNew }

    /// What the backend says of the device, as its service's `offers`; nil if it does not say.
    public func offer(_ key: StoreText) throws(DriverError) -> StoreText? {
        try platform.read(backendPath.appending(key))
    }
    /// Pages that the backend may use, for data beside the ring: put `reference` into a request.
    public func share(pageCount: Int = 1, isReadOnly: Bool) throws(DriverError) -> Platform.Pages {
        try platform.share(pageCount: pageCount, with: backendDomain, isReadOnly: isReadOnly)
    }

    // MARK: Requests

    /// Puts a request into the ring; `completion` is called once, from `poll`, when the answer is there or the connection
    /// has ended.
    /// - Throws: `notConnected`, `ringFull`; `completion` is not called then.
    public func submit(_ request: Device.Request, _ completion: @escaping Completion) throws(DriverError) {
        guard isConnected, let connection else { throw .notConnected }
        guard let index = freePlaces.popLast() else { throw .ringFull }
        var slot = request.slot
        slot[word: 0] = UInt32(truncatingIfNeeded: index) | places[index].uses &<< 16
        guard slot.putRequest(in: &connection.ring) else {
            freePlaces.append(index)
            throw .ringFull
        }
        places[index].completion = completion
        if connection.ring.publishRequests() { connection.port.notify() }
    }

    /// Makes a request and waits for the answer; waits for the connection and for room in the ring before.
    /// - Throws: `disconnected` if the connection ended under way, `notConnected` if there will be none.
    public func call(_ request: Device.Request) throws(DriverError) -> Device.Response {
        var answer: Result<Device.Response, DriverError>?
        // What happened since the last look may have ended the connection.
        poll()
        while true {
            try connect()
            do throws(DriverError) {
                try submit(request) { answer = $0 }
                break
            } catch {
                guard error == .ringFull else { throw error }
                let before = outstandingCount
                guard waitPolling({ outstandingCount < before }) else { throw .notConnected }
            }
        }
        guard waitPolling({ answer != nil }), let answer else { throw .disconnected }
        return try answer.get()
    }

    /// Waits until the device is connected.
    /// - Throws: `notConnected` if it will not be: it was stopped, or nobody could ever answer.
    public func connect() throws(DriverError) {
        guard !isConnected else { return }
        guard !isStopped, waitPolling({ isConnected || isStopped }), isConnected else { throw .notConnected }
    }

    /// Ends the connection for good and waits until the backend has let go, however long that takes: `stop` does not wait.
    public func close() {
        stop()
        _ = waitPolling { handshake.state == .closed || connection == nil }
        abandon(.disconnected)
        connection = nil
    }

    /// Begins to end the connection for good.
    public func stop() {
        guard !isStopped else { return }
        isStopped = true
        abandon(.disconnected)
        perform(handshake.stop())
        signals.isStoreNew = true
    }

    private func waitPolling(_ condition: () -> Bool) -> Bool {
        while true {
            poll()
            if condition() { return true }
            guard platform.wait(until: { hasWork }) else { return condition() }
        }
    }

    // MARK: What happens outside

    /// Follows the backend's state and calls the completions of what was answered. Does not wait.
    public func poll() {
        guard !isPolling else { return }
        isPolling = true
        defer { isPolling = false }
        while signals.isStoreNew {
            signals.isStoreNew = false
            look()
        }
        // Also without an event: one that was held back may have been for this.
        signals.isRingNew = false
        takeResponses()
    }

    private func look() {
        let backend: DeviceState
        do throws(DriverError) {
            let value = try platform.read(backendPath.appending("state"))
            backend = value.map { DeviceState(value: $0.bytes.span) } ?? .unknown
        } catch {
            lastError = error
            return
        }
        switch handshake.state {
        case .initialising:
            // What is left of the connection before.
            guard backend != .closing, backend != .closed else { return }
        case .closed:
            guard !isStopped, backend == .closed || backend == .initWait || backend == .initialising else {
                return
            }
            perform(handshake.restart())
            guard backend != .closed else { return }
        default: break
        }
        // A backend whose directory is gone is a backend that closed.
        perform(handshake.observe(backend: backend == .unknown && connection != nil ? .closed : backend))
        // The next turn begins as soon as the backend is ready for it.
        if handshake.state == .closed && backend != .closing {
            signals.isStoreNew = !isStopped && backend != .unknown
        }
    }

    private func perform(_ action: FrontendHandshake.Action) {
        do throws(DriverError) {
            switch action {
            case .nothing: break
            case .publishRings: try publishRings()
            case .use:
                connectionCount += 1
                try writeState()
            case .close:
                abandon(.disconnected)
                connection = nil
                try writeState()
            case .writeState: try writeState()
            }
        } catch {
            fail(error)
        }
    }

    private func writeState() throws(DriverError) {
        try platform.write([(path.appending("state"), StoreText(handshake.state.value))])
    }

    private func publishRings() throws(DriverError) {
        let theirs = try platform.read(backendPath.appending("version"))?.decimal(as: UInt32.self) ?? 1
        guard theirs == Device.version else { throw .version(theirs) }
        let pageCount = 1 << Int(Device.ringPageOrder)
        let pages = try platform.share(pageCount: pageCount, with: backendDomain, isReadOnly: false)
        let memory = pages.ring(slotByteCount: Device.slotByteCount)
        let signals = signals
        let port = try platform.openPort(to: backendDomain) { signals.isRingNew = true }
        connection = Connection(ring: FrontRing(initializing: memory), pages: pages, port: port)
        let count = Int(memory.slotCount)
        while places.count < count { places.append(Place()) }
        freePlaces = Array((0..<count).reversed())
        var values: [(path: StoreText, value: StoreText)] = []
        if Device.ringPageOrder == 0 {
            values.append((path.appending("ring-ref"), "\(pages.reference(0))"))
        } else {
            values.append((path.appending("ring-page-order"), StoreText(decimal: Device.ringPageOrder)))
            for page in 0..<pageCount {
                values.append((path.appending("ring-ref\(page)"), "\(pages.reference(page))"))
            }
        }
        values.append((path.appending("event-channel"), "\(port.port)"))
        values.append((path.appending("state"), StoreText(handshake.state.value)))
        try platform.write(values)
    }

    private func takeResponses() {
        while let connection, handshake.state == .connected, !isStopped {
            var slot = Device.Response.Slot()
            do throws(RingError) {
                guard try slot.takeResponse(from: &connection.ring) else {
                    guard try connection.ring.finalCheckForResponses() else { return }
                    continue
                }
            } catch {
                return fail(.ring(error))
            }
            let number = slot[word: 0]
            let index = Int(number & 0xFFFF)
            guard index < places.count, places[index].uses & 0xFFFF == number &>> 16,
                let completion = places[index].completion
            else { return fail(.unexpectedResponse(number)) }
            free(index)
            completion(.success(Device.Response(slot: slot)))
        }
    }

    private func free(_ index: Int) {
        places[index].completion = nil
        places[index].uses &+= 1
        freePlaces.append(index)
    }

    /// Everything under way has failed.
    private func abandon(_ error: DriverError) {
        for index in 0..<places.count {
            guard let completion = places[index].completion else { continue }
            free(index)
            completion(.failure(error))
        }
    }

    /// Gives this connection up; the rings stay until the backend says that it left.
    private func fail(_ error: DriverError) {
        lastError = error
        abandon(.disconnected)
        if handshake.stop() == .writeState {
            do throws(DriverError) { try writeState() } catch { lastError = error }
        }
        signals.isStoreNew = true
    }
}
