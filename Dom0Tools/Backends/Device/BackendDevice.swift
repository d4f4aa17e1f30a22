// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// One device of the domain: its directory in the store, its state, and the driver that does the work.
public final class BackendDevice {
    /// The backend's directory, `/local/domain/0/backend/<kind>/<domain>/<device>`.
    public let path: String
    private let platform: BackendPlatform
    private let domain: DomainID
    private let driver: any DeviceDriver
    private let log: Log
    private let removed: (BackendDevice) -> Void

    private var machine: BackendStateMachine
    private var frontendPath = ""
    private var frontendWatch: Int?
    private var openAttempts = 0
    /// Nodes that could not be written because the store was away.
    private var unwritten: [(path: String, value: String)] = []
    /// Where an error stands in the store.
    private var errorPath: String?
    private var isGone = false

    /// How long a disk that somebody else still holds is tried for: a domain that restarts lets go of it soon.
    static let openAttemptLimit = 60
    static let openRetryMilliseconds = 50

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
        machine = BackendStateMachine(connectsEarly: type(of: driver).connectsEarly)
    }

    private var keys: DeviceKeys { DeviceKeys(store: platform.store, path: path) }
    /// Our state, as the store has it.
    public var state: DeviceState { machine.state }
    /// True while the rings are served.
    public var isServing: Bool { machine.isServing }

    /// Opens the device and offers it to the frontend.
    public func start() {
        guard !isGone, machine.state == .initialising else { return }
        do throws(BackendError) {
            frontendPath = try keys.required("frontend")
            let owner = try keys.number("frontend-id")
            guard owner == UInt32(domain.rawValue) else {
                throw .key(path: "\(path)/frontend-id", problem: "\(owner) is not domain \(domain.rawValue)")
            }
            try driver.open(keys)
            openAttempts = 0
            let frontend = DeviceState(text: try platform.store.read("\(frontendPath)/state"))
            let isResuming = DeviceState(text: try keys.text("state")) == .connected && frontend == .connected
            machine.didOpen()
            if isResuming {
                log.info("taking over the rings of the process before")
                connect(isResuming: true)
            } else {
                var values = driver.features
                values.append(("hotplug-status", "connected"))
                write(values)
            }
            frontendWatch = try platform.store.watch("\(frontendPath)/state") { [weak self] _ in self?.look()
            }
        } catch .storageInUse(let disk) where openAttempts < Self.openAttemptLimit {
            if openAttempts == 0 { log.info("waiting for disk '\(disk)'") }
            openAttempts += 1
            platform.work.after(milliseconds: Self.openRetryMilliseconds) { [weak self] in self?.start() }
        } catch {
            driver.close()
            log.warning(error.description)
            put([("\(path)/hotplug-error", error.description), ("\(path)/hotplug-status", "error")])
        }
    }

    /// Looks at the frontend's state and at `online`, and does what they ask for.
    public func look() {
        guard !isGone, machine.state != .initialising else { return }
        let step: BackendStateMachine.Step
        do throws(BackendError) {
            // What could not be written while the store was away is written first.
            if !unwritten.isEmpty {
                try platform.store.write(unwritten, ifPresent: "\(path)/frontend")
                unwritten = []
            }
            let frontend = DeviceState(text: try platform.store.read("\(frontendPath)/state"))
            step = machine.observe(frontend: frontend, isOnline: try keys.flag("online"))
            log.debug("frontend \(frontend), \(step)")
        } catch {
            // The watches fire again when the store is back.
            log.info(error.description)
            return
        }
        switch step {
        case .nothing: break
        case .connect: connect(isResuming: false)
        case .enter: write([])
        case .disconnect:
            driver.disconnect()
            write([])
        case .remove: end(writesState: true)
        }
    }

    private func connect(isResuming: Bool) {
        do throws(BackendError) {
            let values = try driver.connect(
                DeviceKeys(store: platform.store, path: frontendPath), isResuming: isResuming
            ) { [weak self] error in self?.fail(error) }
            machine.didConnect()
            if !isResuming { write(values) }
            log.info("connected")
        } catch .store(let problem) {
            // Nothing was wrong with the device: it connects when the store is back.
            log.info(problem)
        } catch {
            fail(error)
        }
    }

    /// The frontend, or something under it, is broken: the device stops, and says so where both sides look.
    private func fail(_ error: BackendError) {
        guard !isGone else { return }
        log.warning(error.description)
        driver.disconnect()
        machine.didFail()
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
        nodes.append(("\(path)/state", "\(machine.state.rawValue)"))
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
