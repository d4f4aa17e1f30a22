// SPDX-License-Identifier: Apache-2.0
import RingProtocol
public import XenABI
public import XenBus
import XenStoreWire

/// The guest's half of a split device: finds the device in the store, shakes hands with the backend, and makes requests.
///
/// The backend is not trusted: whatever it writes is an error, never a trap. When it goes away, what is under way fails
/// with `disconnected`; when it comes back, the frontend connects again by itself. One that neither answers nor goes away
/// is waited for as long as each call says; see `DriverError.timedOut`. For one vCPU, outside interrupt handlers; `poll`
/// (or a call that waits) does the work, completions run inside it.
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
        var deadline = UInt64.max
        /// What the backend may use until it has answered.
        var pages: [Platform.Pages] = []
        /// The time is over, the answer has not come.
        var isLate = false
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
    /// The store did not take our state: it is told again.
    private var hasUntoldState = false
    /// Not later than the next request's time is over.
    private var nextDeadline = UInt64.max

    /// How long a request waits unless it says otherwise, the wait for a connection included: without end at first.
    public var requestTimeout: Timeout = .never
    /// Requests whose completion has not been called.
    public private(set) var outstandingCount = 0
    /// Requests that were given up, and that the backend may still carry out: each keeps its place in the ring.
    public private(set) var lateCount = 0
    /// Answers that came after their time.
    public private(set) var lateAnswerCount = 0

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
        // A frontend that ran in this domain before may have left another state.
        if try platform.read(path.appending("state"))?.matches("1") != true { try writeState() }
        let signals = signals
        watch = try platform.watch(backendPath.appending("state")) { signals.isStoreNew = true }
    }

    /// Where this end stands.
    public var state: DeviceState { handshake.state }
    /// Whether requests can be made.
    public var isConnected: Bool { handshake.state == .connected && connection != nil && !isStopped }
    /// Whether `poll` has something to do. Cheap; for interrupt handlers too.
    public var hasWork: Bool {
        signals.isStoreNew || signals.isRingNew || nextDeadline != .max && platform.now >= nextDeadline
    }

    /// What the backend says of the device, as its service's `offers`; nil if it does not say.
    public func offer(_ key: StoreText) throws(DriverError) -> StoreText? {
        try platform.read(backendPath.appending(key))
    }
    /// Pages that the backend may use, for data beside the ring: put `reference` into a request.
    public func share(pageCount: Int = 1, isReadOnly: Bool) throws(DriverError) -> Platform.Pages {
        try platform.share(pageCount: pageCount, with: backendDomain, isReadOnly: isReadOnly)
    }

    // MARK: Requests

    /// Puts a request into the ring; `completion` is called once, from `poll`, when the answer is there, the connection has
    /// ended, or the time is over.
    /// - Parameters:
    ///   - pages: what the request refers to: kept until the backend has answered or let go of the ring, whatever
    ///     becomes of the request.
    ///   - timeout: nil for `requestTimeout`.
    /// - Throws: `notConnected`, `ringFull`; `completion` is not called then.
    public func submit(
        _ request: Device.Request, keeping pages: [Platform.Pages] = [], timeout: Timeout? = nil,
        _ completion: @escaping Completion
    ) throws(DriverError) {
        try submit(request, pages, before: deadline(timeout ?? requestTimeout), completion)
    }
    private func submit(
        _ request: Device.Request, _ pages: [Platform.Pages], before end: UInt64,
        _ completion: @escaping Completion
    ) throws(DriverError) {
        guard isConnected, let connection else { throw .notConnected }
        guard let index = freePlaces.popLast() else { throw .ringFull }
        var slot = request.slot
        slot[word: 0] = UInt32(truncatingIfNeeded: index) | places[index].uses &<< 16
        guard slot.putRequest(in: &connection.ring) else {
            freePlaces.append(index)
            throw .ringFull
        }
        places[index].completion = completion
        places[index].pages = pages
        places[index].deadline = end
        nextDeadline = min(nextDeadline, end)
        outstandingCount += 1
        if connection.ring.publishRequests() { connection.port.notify() }
    }

    /// Makes a request and waits for the answer; waits for the connection and for room in the ring before.
    /// - Parameters: as those of `submit`; the time is that of all three waits.
    /// - Throws: `timedOut`; `disconnected` if the connection ended under way, `notConnected` if there will be none; `busy`
    ///   in a completion.
    public func call(
        _ request: Device.Request, keeping pages: [Platform.Pages] = [], timeout: Timeout? = nil
    ) throws(DriverError) -> Device.Response {
        guard !isPolling else { throw .busy }
        let end = deadline(timeout ?? requestTimeout)
        var answer: Result<Device.Response, DriverError>?
        // What happened since the last look may have ended the connection.
        poll()
        while true {
            try connect(before: end)
            do throws(DriverError) {
                try submit(request, pages, before: end) { answer = $0 }
                break
            } catch {
                guard error == .ringFull else { throw error }
                guard waitPolling(before: end, { !freePlaces.isEmpty || !isConnected }) else {
                    throw isOver(end) ? .timedOut : .notConnected
                }
            }
        }
        guard waitPolling(before: end, { answer != nil }), let answer else { throw .disconnected }
        return try answer.get()
    }

    /// Waits until the device is connected.
    /// - Throws: `timedOut`; `notConnected` if it will not be: it was stopped, or nobody could ever answer; `busy` in a
    ///   completion.
    public func connect(_ timeout: Timeout = .opening) throws(DriverError) {
        try connect(before: deadline(timeout))
    }
    private func connect(before end: UInt64) throws(DriverError) {
        guard !isConnected else { return }
        guard !isStopped else { throw .notConnected }
        guard !isPolling else { throw .busy }
        guard waitPolling(before: end, { isConnected || isStopped }) else {
            throw isOver(end) ? .timedOut : .notConnected
        }
        guard isConnected else { throw .notConnected }
    }

    /// Ends the connection for good and waits until the backend has let go; `stop` does not wait, nor does this in a
    /// completion.
    ///
    /// A backend that does not let go in time keeps what it has mapped, and the pages of requests that it has not answered:
    /// they are set aside until it does.
    /// - Returns: whether it has let go.
    @discardableResult
    public func close(_ timeout: Timeout = .closing) -> Bool {
        let end = deadline(timeout)
        stop()
        let hasLetGo = waitPolling(before: end) { handshake.state == .closed || connection == nil }
        abandon(.disconnected)
        connection = nil
        if handshake.giveUp() != .nothing { tellState() }
        return hasLetGo
    }

    /// Begins to end the connection for good.
    public func stop() {
        guard !isStopped else { return }
        isStopped = true
        abandon(.disconnected)
        perform(handshake.stop())
        signals.isStoreNew = true
    }

    private func deadline(_ timeout: Timeout) -> UInt64 {
        timeout == .never ? .max : timeout.deadline(from: platform.now)
    }
    private func isOver(_ end: UInt64) -> Bool { end != .max && platform.now >= end }

    private func waitPolling(before end: UInt64, _ condition: () -> Bool) -> Bool {
        while true {
            poll()
            if condition() { return true }
            // In a completion nothing more happens until it returns.
            if isPolling { return false }
            if isOver(end) {
                // It was not when requests were looked at.
                poll()
                return condition()
            }
            let limit = min(end, nextDeadline)
            if platform.wait(before: limit, until: { hasWork }) { continue }
            guard isOver(limit) else { return condition() }
        }
    }

    // MARK: What happens outside

    /// Follows the backend's state and calls the completions of what was answered. Does not wait.
    public func poll() {
        guard !isPolling else { return }
        isPolling = true
        defer { isPolling = false }
        if hasUntoldState { tellState() }
        while signals.isStoreNew {
            signals.isStoreNew = false
            // A store that did not answer is asked again at the next call.
            guard look() else {
                signals.isStoreNew = true
                break
            }
        }
        // Also without an event: one that was held back may have been for this.
        signals.isRingNew = false
        takeResponses()
        expire()
    }

    /// False if the store did not tell the backend's state, and nothing else will have this look again.
    private func look() -> Bool {
        let backend: DeviceState
        do throws(DriverError) {
            let value = try platform.read(backendPath.appending("state"))
            backend = value.map { DeviceState(value: $0.bytes.span) } ?? .unknown
        } catch {
            lastError = error
            // After a fresh start of the store's ring the watch calls again; other failures end with the next change.
            return error != .store(.timedOut) && error != .store(.busy)
        }
        switch handshake.state {
        case .initialising:
            // What is left of the connection before.
            guard backend != .closing, backend != .closed else { return true }
        case .closed:
            guard !isStopped, backend == .closed || backend == .initWait || backend == .initialising else {
                return true
            }
            perform(handshake.restart())
            guard backend != .closed else { return true }
        default: break
        }
        // A backend whose directory is gone is a backend that closed.
        perform(handshake.observe(backend: backend == .unknown && connection != nil ? .closed : backend))
        // The next turn begins as soon as the backend is ready for it.
        if handshake.state == .closed && backend != .closing {
            signals.isStoreNew = !isStopped && backend != .unknown
        }
        return true
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
                tellState()
            case .writeState: tellState()
            }
        } catch {
            fail(error)
        }
    }

    private func writeState() throws(DriverError) {
        try platform.write([(path.appending("state"), StoreText(handshake.state.value))])
        hasUntoldState = false
    }
    /// Writes the state, and writes it again later if the store does not answer now.
    private func tellState() {
        do throws(DriverError) { try writeState() } catch {
            lastError = error
            switch error {
            case .store(.timedOut), .store(.connectionLost), .store(.busy): hasUntoldState = true
            default: hasUntoldState = false
            }
        }
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
                places[index].completion != nil || places[index].isLate
            else { return fail(.unexpectedResponse(number)) }
            let completion = places[index].completion
            if completion == nil { lateAnswerCount += 1 }
            free(index)
            completion?(.success(Device.Response(slot: slot)))
        }
    }

    /// The backend does not have the request any more, or not the ring.
    private func free(_ index: Int) {
        if places[index].isLate { lateCount -= 1 } else { outstandingCount -= 1 }
        places[index] = Place(completion: nil, uses: places[index].uses &+ 1)
        freePlaces.append(index)
    }

    /// Ends requests whose time is over. Their places in the ring are the backend's until it answers.
    private func expire() {
        guard nextDeadline != .max, platform.now >= nextDeadline else { return }
        let now = platform.now
        nextDeadline = .max
        var over: [Completion] = []
        for index in 0..<places.count {
            guard let completion = places[index].completion else { continue }
            guard places[index].deadline <= now else {
                nextDeadline = min(nextDeadline, places[index].deadline)
                continue
            }
            places[index].completion = nil
            places[index].isLate = true
            outstandingCount -= 1
            lateCount += 1
            over.append(completion)
        }
        for completion in over { completion(.failure(.timedOut)) }
    }

    /// Everything under way has failed. What it refers to stays until the backend has let go of the ring.
    private func abandon(_ error: DriverError) {
        var ended: [Completion] = []
        for index in 0..<places.count {
            guard places[index].completion != nil || places[index].isLate else { continue }
            for pages in places[index].pages { connection?.pages.keep(pages) }
            if let completion = places[index].completion { ended.append(completion) }
            free(index)
        }
        for completion in ended { completion(.failure(error)) }
    }

    /// Gives this connection up; the rings stay until the backend says that it left.
    private func fail(_ error: DriverError) {
        lastError = error
        abandon(.disconnected)
        if handshake.stop() == .writeState { tellState() }
        // A fresh look, which the store was not the reason of.
        if error != .store(.timedOut) { signals.isStoreNew = true }
    }
}
