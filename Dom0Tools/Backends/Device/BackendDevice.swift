// SPDX-License-Identifier: Apache-2.0
public import XenABI
public import XenBus

/// One device of the domain: its directory in the store, its state, and the driver that does the work.
public final class BackendDevice {
    /// The backend's directory, `/local/domain/0/backend/<kind>/<domain>/<device>`.
    public let path: String
    private let platform: BackendPlatform
    private let domain: DomainID
    private let driver: any DeviceDriver
    private let log: Log
    private let removed: (BackendDevice) -> Void

    private var handshake: BackendHandshake
    private var frontendPath = ""
    private var frontendWatch: Int?
    private var openAttempts = 0
    /// The rings were served by a process that died.
    private var isResuming = false
    /// Nodes that could not be written because the store was away.
    private var unwritten: [(path: String, value: String)] = []
    /// Where an error stands in the store.
    private var errorPath: String?
    private var isGone = false

    /// How long a disk that somebody else still holds is tried for: a domain that restarts lets go of it soon.
    static let openAttemptLimit = 60
    static let retryMilliseconds = 50

    /// - Parameter removed: called once when the device has ended.
    public init(
        path: String, domain: DomainID, driver: any DeviceDriver, platform: BackendPlatform, log: Log,
        removed: @escaping (BackendDevice) -> Void
    ) {
        self.path = path
        self.domain = domain
        self.driver = driver
        self.platform = platform
        self.log = log.about(path)
        self.removed = removed
        handshake = BackendHandshake(connectsEarly: type(of: driver).connectsEarly)
    }

    private var keys: DeviceKeys { DeviceKeys(store: platform.store, path: path) }
    private var frontendKeys: DeviceKeys { DeviceKeys(store: platform.store, path: frontendPath) }
    /// Our state, as the store has it.
    public var state: DeviceState { handshake.state }
    /// True while the rings are served.
    public var isServing: Bool { handshake.isServing }

    /// Opens the device and offers it to the frontend.
    public func start() {
        guard !isGone, handshake.state == .initialising else { return }
        do throws(BackendError) {
            frontendPath = try keys.required("frontend")
            let owner = try keys.number("frontend-id")
            guard owner == UInt32(domain.rawValue) else {
                throw .key(path: "\(path)/frontend-id", problem: "\(owner) is not domain \(domain.rawValue)")
            }
            if frontendWatch == nil {
                frontendWatch = try platform.store.watch("\(frontendPath)/state") { [weak self] _ in
                    self?.look()
                }
            }
            try driver.open(keys)
            let states = (try keys.state(), try frontendKeys.state())
            isResuming = states == (.connected, .connected)
            openAttempts = 0
        } catch .storageInUse(let disk) where openAttempts < Self.openAttemptLimit {
            if openAttempts == 0 { log.info("waiting for disk '\(disk)'") }
            openAttempts += 1
            return retry()
        } catch .store(let error) {
            log.info(error.description)
            driver.close()
            return retry()
        } catch {
            driver.close()
            log.warning(error.description)
            return put([("\(path)/hotplug-error", error.description), ("\(path)/hotplug-status", "error")])
        }
        let offer = handshake.start()
        if isResuming {
            log.info("taking over the rings of the process before")
            perform(handshake.observe(frontend: .connected, isOnline: true))
        } else {
            perform(offer)
        }
    }
    private func retry() {
        platform.work.after(milliseconds: Self.retryMilliseconds) { [weak self] in self?.start() }
    }

    /// Looks at the frontend's state and at `online`, and does what they ask for.
    public func look() {
        guard !isGone, handshake.state != .initialising else { return }
        let action: BackendHandshake.Action
        do throws(BackendError) {
            // What could not be written while the store was away is written first.
            if !unwritten.isEmpty {
                try platform.store.write(unwritten, ifPresent: "\(path)/frontend")
                unwritten = []
            }
            let frontend = try frontendKeys.state()
            if frontend != .connected { isResuming = false }
            action = handshake.observe(frontend: frontend, isOnline: try keys.flag("online"))
            log.debug("frontend \(frontend), \(action)")
        } catch {
            // The watches fire again when the store is back.
            return log.info(error.description)
        }
        perform(action)
    }

    private func perform(_ action: BackendHandshake.Action) {
        switch action {
        case .nothing: break
        case .publishFeatures: write(driver.features + [("hotplug-status", "connected")])
        case .connect: connect()
        case .disconnect:
            driver.disconnect()
            write([])
        case .writeState: write([])
        case .remove: end(writesState: true)
        }
    }

    private func connect() {
        do throws(BackendError) {
            let values = try driver.connect(frontendKeys, isResuming: isResuming) { [weak self] error in
                self?.fail(error)
            }
            handshake.connected()
            if !isResuming { write(values) }
            isResuming = false
            log.info("connected")
        } catch .store(let error) {
            // Nothing was wrong with the device: it connects when the store is back.
            log.info(error.description)
        } catch {
            isResuming = false
            fail(error)
        }
    }

    /// The frontend, or something under it, is broken: the device stops, and says so where both sides look.
    private func fail(_ error: BackendError) {
        guard !isGone else { return }
        log.warning(error.description)
        driver.disconnect()
        handshake.failed()
        let home = "/local/domain/0/"
        let name = path.hasPrefix(home) ? String(path.dropFirst(home.count)) : path
        errorPath = "\(home)error/\(name)"
        put([
            ("\(home)error/\(name)/error", error.description),
            ("\(path)/state", "\(DeviceState.closing.rawValue)"),
        ])
    }

    /// Writes keys of our directory and our state.
    private func write(_ values: [(String, String)]) {
        var nodes: [(path: String, value: String)] = values.map { ("\(path)/\($0.0)", $0.1) }
        nodes.append(("\(path)/state", "\(handshake.state.rawValue)"))
        put(nodes)
    }
    private func put(_ nodes: [(path: String, value: String)]) {
        do throws(BackendError) {
            try platform.store.write(unwritten + nodes, ifPresent: "\(path)/frontend")
            unwritten = []
        } catch {
            log.info(error.description)
            unwritten += nodes
        }
    }

    /// Stops serving and lets go of everything.
    /// - Parameter writesState: the directory may still be there, and is to say `closed`.
    public func end(writesState: Bool) {
        guard !isGone else { return }
        isGone = true
        if let frontendWatch { platform.store.unwatch(frontendWatch) }
        driver.close()
        if writesState { put([("\(path)/state", "\(DeviceState.closed.rawValue)")]) }
        if let errorPath { try? platform.store.remove(errorPath) }
        log.info("ended")
        removed(self)
    }

    /// Lets go of everything and says nothing: the end of a process.
    func abandon() {
        guard !isGone else { return }
        isGone = true
        if let frontendWatch { platform.store.unwatch(frontendWatch) }
        driver.close()
    }
}
