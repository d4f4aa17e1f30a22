// SPDX-License-Identifier: Apache-2.0
public import XenABI
import XenStoreWire

/// What a frontend tells its backend: nodes of its directory, written in one transaction with the state.
public struct FrontendPublication: Equatable, Sendable {
    public struct Node: Equatable, Sendable {
        public let key: StoreText
        /// Nil removes the node, if it is there.
        public let value: StoreText?
    }
    public private(set) var nodes: [Node] = []
    public init() {}
    /// Sets a node below the device's directory.
    public mutating func set(_ key: StoreText, _ value: StoreText) {
        nodes.append(Node(key: key, value: value))
    }
    /// Removes a node that an earlier connection may have left.
    public mutating func remove(_ key: StoreText) { nodes.append(Node(key: key, value: nil)) }
}

/// What a driver does when its device changes. All are called outside interrupt handlers.
public struct FrontendDriver {
    /// Makes rings, grants and event channels, and says what to publish. Called for each connection anew.
    public var publish: (FrontendDevice) throws(FrontendFailure) -> FrontendPublication
    /// The backend serves the rings: reads what it says of the device.
    public var use: (FrontendDevice) throws(FrontendFailure) -> Void
    /// The device closes, or connecting it failed: fails what is under way and takes the rings back. May be called when
    /// there is nothing to take back.
    public var close: (FrontendDevice) -> Void

    public init(
        publish: @escaping (FrontendDevice) throws(FrontendFailure) -> FrontendPublication,
        use: @escaping (FrontendDevice) throws(FrontendFailure) -> Void,
        close: @escaping (FrontendDevice) -> Void
    ) {
        self.publish = publish
        self.use = use
        self.close = close
    }
}

/// A device of this domain in the store, and its way through the handshake: watches the backend's state and asks its
/// driver for what has to be done. `public/io/xenbus.h`.
///
/// When the backend closes the device, the driver's `close` is called; when it comes back (its driver was loaded again),
/// the device connects once more by itself.
///
/// A store that fails does not touch a connection: its rings go on, and the device looks again when the store answers. A
/// connection in the making fails with `store`, and the device closes.
public final class FrontendDevice {
    public let store: XenStoreConnection
    /// `vbd`, `vif`, …
    public let kind: StoreText
    public let id: UInt32
    /// The frontend's directory, relative to the domain's: `device/vbd/51712`.
    public let path: StoreText
    public private(set) var backendPath: StoreText
    public private(set) var backend: DomainID
    /// The backend's state as last seen.
    public private(set) var backendState: DeviceState = .unknown
    /// Why the last connection did not come about or ended.
    public private(set) var failure: FrontendFailure?
    /// Why the store did not tell the backend's state, when it last did not; nil since it did.
    public private(set) var storeFailure: XenStoreFailure?

    private let driver: FrontendDriver
    private var handshake: FrontendHandshake
    private var watch: XenStoreWatch?
    private var wantsToStay = true
    /// The backend is still closed from an earlier connection: it opens when it sees that we start over.
    private var awaitsBackend = false
    /// The store is asked for the backend's state without waiting.
    private var isAsking = false
    /// What the backend was told last may still come to the store: it may use the rings until the store has answered.
    private var isTelling = false
    /// Which of those messages was the last.
    private var tellingNumber: UInt64 = 0

    /// Our state, as written to the store.
    public var state: DeviceState { handshake.state }
    public var isConnected: Bool { handshake.state == .connected && failure == nil }

    /// Numbers of the devices of a kind that the toolstack gave this domain, in the store's order.
    public static func numbers(
        of kind: StoreText, in store: XenStoreConnection
    ) throws(XenStoreFailure) -> [UInt32] {
        var numbers: [UInt32] = []
        do {
            for name in try store.list("device/\(kind)") {
                if let number = name.decimal(as: UInt32.self) { numbers.append(number) }
            }
        } catch .refused(.noEntry) {}
        return numbers
    }

    /// Finds the device; nothing is published before `start`.
    /// - Parameter connectsAtOnce: as in `FrontendHandshake`: true for network devices.
    public init(
        _ store: XenStoreConnection, kind: StoreText, id: UInt32, connectsAtOnce: Bool = false,
        driver: FrontendDriver
    ) throws(FrontendFailure) {
        self.store = store
        self.kind = kind
        self.id = id
        self.driver = driver
        path = "device/\(kind)/\(id)"
        handshake = FrontendHandshake(connectsAtOnce: connectsAtOnce)
        (backendPath, backend) = try Self.findBackend(store, path)
    }

    private static func findBackend(
        _ store: XenStoreConnection, _ path: StoreText
    ) throws(FrontendFailure) -> (StoreText, DomainID) {
        do throws(XenStoreFailure) {
            return try store.repeating { () throws(XenStoreFailure) in
                guard let backendPath = try store.readIfPresent("\(path)/\(XenBusKey.backend)"),
                    let number = try store.readNumber("\(path)/\(XenBusKey.backendID)", as: UInt16.self)
                else { throw .refused(.noEntry) }
                return (backendPath, DomainID(rawValue: number))
            }
        } catch {
            switch error {
            case .refused(.noEntry): throw .missing(path)
            case .notANumber: throw .malformed("\(path)/\(XenBusKey.backendID)")
            default: throw .store(error)
            }
        }
    }

    // MARK: What the backend says

    /// A node of the backend's directory; nil if it is missing.
    public func backendText(_ key: StaticString) throws(FrontendFailure) -> StoreText? {
        do throws(XenStoreFailure) {
            return try store.repeating { () throws(XenStoreFailure) in
                try store.readIfPresent("\(backendPath)/\(key)")
            }
        } catch { throw .store(error) }
    }
    /// A number in the backend's directory; nil if the node is missing.
    public func backendNumber<Number: FixedWidthInteger>(
        _ key: StaticString, as type: Number.Type = Number.self
    ) throws(FrontendFailure) -> Number? {
        guard let text = try backendText(key) else { return nil }
        guard let number = text.decimal(as: type) else { throw .malformed("\(backendPath)/\(key)") }
        return number
    }
    /// A feature the backend may offer: its node is there and not 0.
    public func backendOffers(_ key: StaticString) throws(FrontendFailure) -> Bool {
        (try backendNumber(key, as: UInt32.self) ?? 0) != 0
    }

    // MARK: Life

    /// Watches the backend from now on; connecting goes on as its state changes, whenever the store's connection turns.
    public func start() throws(FrontendFailure) {
        guard watch == nil else { return }
        do throws(XenStoreFailure) {
            // A frontend that ran in this domain before may have left another state.
            let isAnew = try store.repeating { () throws(XenStoreFailure) in
                guard try readState(path) != .initialising else { return false }
                try store.write("\(path)/\(XenBusKey.state)", StoreText(DeviceState.initialising.value))
                return true
            }
            if isAnew { awaitsBackend = true }
            watch = try store.watch("\(backendPath)/\(XenBusKey.state)") { _ in self.look() }
        } catch { throw .store(error) }
    }
    /// Starts, or starts over after the device was closed, and waits until it is connected.
    ///
    /// After `timedOut` the device goes on connecting; `disconnect` or `abandon` ends that.
    /// - Parameter timeout: for the backend; the store's answers have a time of their own, `XenStoreConnection.timeout`.
    public func connect(_ timeout: Timeout = .opening) throws(FrontendFailure) {
        let end = store.deadline(timeout)
        try start()
        wantsToStay = true
        if state == .closing || state == .closed {
            // A backend that has not acted on the close would take the new beginning for nothing new.
            let isReady = store.wait(before: end) {
                isConnected
                    || state == .closed && !isTelling && backendState != .closing
                        && backendState != .connected
                        && backendState != .initialised
            }
            if !isReady { throw .timedOut }
        }
        if reopenIfClosed() {
            awaitsBackend = true
            look()
        }
        let decided = store.wait(before: end) { isConnected || failure != nil }
        if let failure { throw failure }
        if !decided { throw .timedOut }
    }
    /// Says good-bye, waits until the backend has followed, and watches no more; the rings are taken back in any case.
    /// - Parameter timeout: for the backend, as for `connect`. After it `timedOut` is thrown: see `abandon`.
    public func disconnect(_ timeout: Timeout = .closing) throws(FrontendFailure) {
        let end = store.deadline(timeout)
        wantsToStay = false
        defer { watch = nil }
        guard state != .closed, state != .initialising else { return }
        perform(handshake.stop())
        guard store.wait(before: end, until: { state == .closed }) else {
            abandon()
            throw .timedOut
        }
    }
    /// Ends the device without the backend, which may be gone for good: the rings are taken back, and the device says that
    /// it is closed. What the backend still has mapped is set aside by who owns the pages.
    public func abandon() {
        wantsToStay = false
        watch = nil
        let action = handshake.giveUp()
        guard action != .nothing else { return }
        if failure == nil { failure = .timedOut }
        if isTelling { tell() } else { perform(action) }
    }
    /// The driver found that the backend broke the rules, or cannot go on itself: the device closes.
    public func fail(_ reason: FrontendFailure) {
        failure = reason
        driver.close(self)
        perform(handshake.stop())
    }

    private func reopenIfClosed() -> Bool {
        guard state == .closed else { return false }
        failure = nil
        do throws(FrontendFailure) {
            (backendPath, backend) = try Self.findBackend(store, path)
        } catch {
            failure = error
            return false
        }
        perform(handshake.restart())
        return failure == nil
    }

    /// Reads the backend's state and does what follows from it.
    func look() {
        let seen: DeviceState
        do throws(XenStoreFailure) {
            seen = try readState(backendPath)
            storeFailure = nil
        } catch { return miss(error) }
        backendState = seen
        if seen == .closing || seen == .closed {
            if awaitsBackend { return }
        } else {
            awaitsBackend = false
        }
        switch seen {
        case .unknown:
            // The backend's directory is gone: as if it had closed, once it was there.
            if state == .initialised || state == .connected || state == .closing {
                perform(handshake.observe(backend: .closed))
            }
        case .initialising, .initWait:
            // It came back.
            if state == .closed, wantsToStay, !reopenIfClosed() { return }
            perform(handshake.observe(backend: seen))
        default:
            perform(handshake.observe(backend: seen))
        }
    }

    /// The backend's state is not known. Linux takes that as no news, too.
    private func miss(_ error: XenStoreFailure) {
        storeFailure = error
        switch error {
        case .timedOut, .busy:
            // The change that led here is not told twice: ask until there is an answer.
            guard !isAsking else { return }
            let node: StoreText = "\(backendPath)/\(XenBusKey.state)"
            do throws(XenStoreFailure) {
                try store.submit(.read(node.bytes), timeout: .never) { _ in
                    self.isAsking = false
                    if self.watch != nil { self.look() }
                }
                isAsking = true
            } catch {}
        case .connectionDead, .unreachable:
            // Nothing will be heard any more. A connection goes on.
            if !isConnected, failure == nil { failure = .store(error) }
        case .connectionLost, .refused, .badReply, .notANumber:
            // After a fresh start of the ring the watch calls again, and it does at the next change.
            break
        }
    }

    private func readState(_ directory: StoreText) throws(XenStoreFailure) -> DeviceState {
        var attempts = 3
        while true {
            do throws(XenStoreFailure) {
                let value = try store.read("\(directory)/\(XenBusKey.state)")
                return DeviceState(value: value.bytes.span)
            } catch {
                switch error {
                // A missing node below a directory that is not ours is refused as `accessDenied`.
                case .refused(.noEntry), .refused(.accessDenied): return .unknown
                case .refused(.tryAgain), .refused(.busy), .refused(.noMemory):
                    attempts -= 1
                    if attempts == 0 { throw error }
                default: throw error
                }
            }
        }
    }

    private func perform(_ action: FrontendHandshake.Action) {
        do throws(FrontendFailure) {
            switch action {
            case .nothing: return
            case .publishRings:
                failure = nil
                // The backend's state was read after what was told: the answer is there, and old rings are not in use.
                if isTelling {
                    isTelling = false
                    driver.close(self)
                }
                try publish(driver.publish(self))
                // A frontend that connects at once uses the device at once.
                if state == .connected { try driver.use(self) }
                return
            case .use:
                try driver.use(self)
                try publish(FrontendPublication())
            case .close:
                if failure == nil { failure = .closed }
                driver.close(self)
                try publish(FrontendPublication())
            case .writeState:
                if state == .closed, failure == nil { failure = .closed }
                try publish(FrontendPublication())
            }
        } catch {
            let isNews = failure == nil
            if isNews { failure = error }
            if error == .store(.timedOut) {
                _ = handshake.stop()
                return tell()
            }
            driver.close(self)
            // Tell the backend, unless it is telling that failed.
            if isNews, state != .closed, state != .closing { perform(handshake.stop()) }
        }
    }

    /// Writes the state without waiting. The store may still carry out what it did not answer, and show the backend rings
    /// that are no more: they are taken back when it has answered this.
    private func tell() {
        let own: StoreText = "\(path)/\(XenBusKey.state)"
        let number = tellingNumber + 1
        do throws(XenStoreFailure) {
            try store.submit(.write(own.bytes, value: handshake.state.value), timeout: .never) { _ in
                guard self.isTelling, self.tellingNumber == number else { return }
                self.isTelling = false
                self.driver.close(self)
            }
            tellingNumber = number
            isTelling = true
        } catch { driver.close(self) }
    }

    private func publish(_ publication: FrontendPublication) throws(FrontendFailure) {
        let own: StoreText = "\(path)/\(XenBusKey.state)"
        do throws(XenStoreFailure) {
            try store.repeating { () throws(XenStoreFailure) in
                try store.transaction {
                    (transaction: borrowing XenStoreTransaction) throws(XenStoreFailure) -> Void in
                    // A device that the toolstack removed must not come back as a node of ours.
                    guard try transaction.readIfPresent(own) != nil else { return }
                    for node in publication.nodes {
                        let key = path.appending(node.key)
                        if let value = node.value {
                            try transaction.write(key, value)
                        } else if try transaction.readIfPresent(key) != nil {
                            try transaction.remove(key)
                        }
                    }
                    try transaction.write(own, StoreText(handshake.state.value))
                }
            }
        } catch { throw .store(error) }
    }
}

extension XenStoreConnection {
    /// Does what may be done twice; once more, twice at most, when the ring was started over under it.
    func repeating<Result>(
        _ body: () throws(XenStoreFailure) -> Result
    ) throws(XenStoreFailure) -> Result {
        var attempts = 3
        while true {
            do throws(XenStoreFailure) { return try body() } catch {
                attempts -= 1
                guard error == .connectionLost, attempts > 0 else { throw error }
            }
        }
    }
}
