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

    private let driver: FrontendDriver
    private var handshake: FrontendHandshake
    private var watch: XenStoreWatch?
    private var wantsToStay = true
    /// The backend is still closed from an earlier connection: it opens when it sees that we start over.
    private var awaitsBackend = false

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
            guard let backendPath = try store.readIfPresent("\(path)/\(XenBusKey.backend)"),
                let number = try store.readNumber("\(path)/\(XenBusKey.backendID)", as: UInt16.self)
            else { throw .refused(.noEntry) }
            return (backendPath, DomainID(rawValue: number))
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
        do throws(XenStoreFailure) { return try store.readIfPresent("\(backendPath)/\(key)") } catch {
            throw .store(error)
        }
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
            if try readState(path) != .initialising {
                awaitsBackend = true
                try store.write("\(path)/\(XenBusKey.state)", StoreText(DeviceState.initialising.value))
            }
            watch = try store.watch("\(backendPath)/\(XenBusKey.state)") { _ in self.look() }
        } catch { throw .store(error) }
    }
    /// Starts, or starts over after the device was closed, and waits until it is connected.
    public func connect() throws(FrontendFailure) {
        try start()
        wantsToStay = true
        if state == .closing || state == .closed {
            // A backend that has not acted on the close would take the new beginning for nothing new.
            let isReady = store.wait {
                isConnected
                    || state == .closed && backendState != .closing && backendState != .connected
                        && backendState != .initialised
            }
            if !isReady { throw .noAnswer }
        }
        if reopenIfClosed() {
            awaitsBackend = true
            look()
        }
        let decided = store.wait { isConnected || failure != nil }
        if let failure { throw failure }
        if !decided { throw .noAnswer }
    }
    /// Says good-bye, waits until the backend has followed, and watches no more; the rings are taken back in any case.
    public func disconnect() throws(FrontendFailure) {
        wantsToStay = false
        defer { watch = nil }
        guard state != .closed, state != .initialising else { return }
        perform(handshake.stop())
        let decided = store.wait { state == .closed }
        if !decided {
            driver.close(self)
            throw .noAnswer
        }
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
        } catch {
            // After a fresh start of the ring the watch calls again; the device's own rings go on.
            if error != .connectionLost { failure = .store(error) }
            return
        }
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

    private func readState(_ directory: StoreText) throws(XenStoreFailure) -> DeviceState {
        let value: StoreText
        do throws(XenStoreFailure) { value = try store.read("\(directory)/\(XenBusKey.state)") } catch {
            // A missing node below a directory that is not ours is refused as `accessDenied`.
            if error == .refused(.noEntry) || error == .refused(.accessDenied) { return .unknown }
            throw error
        }
        return DeviceState(value: value.bytes.span)
    }

    private func perform(_ action: FrontendHandshake.Action) {
        do throws(FrontendFailure) {
            switch action {
            case .nothing: return
            case .publishRings:
                failure = nil
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
            driver.close(self)
            // Tell the backend, unless it is telling that failed.
            if isNews, state != .closed, state != .closing { perform(handshake.stop()) }
        }
    }

    private func publish(_ publication: FrontendPublication) throws(FrontendFailure) {
        let own: StoreText = "\(path)/\(XenBusKey.state)"
        do throws(XenStoreFailure) {
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
        } catch { throw .store(error) }
    }
}
