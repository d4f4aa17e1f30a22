// SPDX-License-Identifier: Apache-2.0
import Configuration
public import ControlAPI
import Logging
public import Reactor
public import XenABI

/// The life of all domains but the first: creation, stopping and what follows, consoles, and taking over after a restart.
///
/// Everything runs on the reactor's thread. Calls that wait for something answer through a closure, once.
public final class DomainSupervisor {
    /// What the supervisor works with.
    public struct Surroundings {
        public var hypervisor: any HypervisorAccess
        public var builder: any DomainBuilding
        public var channels: any EventChannels
        public var store: any StoreAccess
        public var host: any HostAccess
        public var records: any RecordKeeping
        /// The log for the console of a domain of that name.
        public var consoleLog: (String) -> (any ConsoleLog)?
        /// Where the console's history of a domain of that number outlives svd.
        public var consoleHistory: (DomainID) -> (any HistoryKeeping)?
        public init(
            hypervisor: any HypervisorAccess, builder: any DomainBuilding, channels: any EventChannels,
            store: any StoreAccess, host: any HostAccess, records: any RecordKeeping,
            consoleLog: @escaping (String) -> (any ConsoleLog)?,
            consoleHistory: @escaping (DomainID) -> (any HistoryKeeping)?
        ) {
            self.hypervisor = hypervisor
            self.builder = builder
            self.channels = channels
            self.store = store
            self.host = host
            self.records = records
            self.consoleLog = consoleLog
            self.consoleHistory = consoleHistory
        }
    }
    /// Times in milliseconds.
    public struct Limits: Sendable {
        /// For the backends to attach all devices.
        public var deviceWait = 20_000
        /// For the program that serves a device of its own type to be started, if it does not run.
        public var programWait = 3_000
        /// For the hypervisor to let go of a destroyed domain.
        public var goneWait = 2_000
        /// Before a domain that stopped within `quickStop` seconds is started again.
        public var restartDelay = 1_000
        public var quickStop = 2
        /// Before a backend that died is started again, and how often that is done in a row.
        public var backendDelay = 200
        public var backendRestarts = 10
        /// Seconds after which a backend's end has nothing to do with the one before.
        public var backendSettled = 60
        public init() {}
    }

    let with: Surroundings
    let reactor: Reactor
    let limits: Limits
    let logger: Logger
    var domains: [DomainID: Domain] = [:]
    /// Names of domains that are between two lives.
    private var restartingNames: Set<String> = []
    private var observers: [Int: (DomainEvent) -> Void] = [:]
    private var lastObserver = 0
    private var goneWaiters: [(id: DomainID, done: () -> Void)] = []
    /// Backends that were told to end and have not: what they had under way may still reach their disks.
    private var endingBackends = 0
    /// Creations that wait for them.
    private var delayed: [() -> Void] = []

    public init(
        _ surroundings: Surroundings, reactor: Reactor, limits: Limits = Limits(),
        logger: Logger = Logger(label: "svd")
    ) {
        with = surroundings
        self.reactor = reactor
        self.limits = limits
        self.logger = logger
    }

    // MARK: Events

    /// Calls `observer` for each event until `ignore`.
    public func observe(_ observer: @escaping (DomainEvent) -> Void) -> Int {
        lastObserver += 1
        observers[lastObserver] = observer
        return lastObserver
    }
    public func ignore(_ observer: Int) { observers[observer] = nil }

    func announce(
        _ kind: DomainEvent.Kind, _ id: DomainID, _ name: String, reason: String? = nil,
        console: String? = nil
    ) {
        let event = DomainEvent(
            kind: kind, domain: Int(id.rawValue), name: name, time: with.host.now, reason: reason,
            console: console)
        logger.info("\(name) (domain \(id.rawValue)): \(kind.rawValue)\(reason.map { ": " + $0 } ?? "")")
        for observer in observers.values { observer(event) }
    }

    // MARK: Finding

    /// The domain that `reference` names: a number, or a name.
    public func find(_ reference: String) throws(APIError) -> DomainID {
        let domains = try with.hypervisor.domains()
        if let number = UInt16(reference), let domain = domains.first(where: { $0.id.rawValue == number }) {
            return domain.id
        }
        if let domain = domains.first(where: { name(of: $0.id) == reference }) { return domain.id }
        let nearest = nearestName(to: reference, in: domains.map { name(of: $0.id) })
        throw APIError(
            .domainUnknown, "there is no domain \"\(reference)\"",
            hint: nearest.map { "did you mean \"\($0)\"? " } ?? "`svctl list` shows the domains there are",
            details: ["domain": reference])
    }

    /// The same, refusing domain 0: it is not ours to stop.
    func findGuest(_ reference: String, to action: String) throws(APIError) -> DomainID {
        let id = try find(reference)
        guard id != .zero else {
            throw APIError(
                .domainZero, "domain 0 runs these tools: svctl does not \(action) it",
                hint: "use the system's own command: poweroff, reboot")
        }
        return id
    }

    func name(of id: DomainID) -> String {
        if let domain = domains[id] { return domain.name }
        if id == .zero { return "Domain-0" }
        return with.store.read("/local/domain/\(id.rawValue)/name") ?? "(domain \(id.rawValue))"
    }

    // MARK: Listing

    public func list() throws(APIError) -> [ControlAPI.DomainInfo] {
        var list: [ControlAPI.DomainInfo] = []
        for status in try with.hypervisor.domains() { list.append(info(status)) }
        return list
    }

    /// What each domain has used.
    public func usage() throws(APIError) -> Usage {
        let start = Self.start
        let parts = (ContinuousClock.now - start).components
        return Usage(
            time: UInt64(parts.seconds) * 1_000_000_000 + UInt64(parts.attoseconds / 1_000_000_000),
            host: try hostInfo(),
            domains: try list().map { domain in
                let counts = with.host.traffic(of: DomainID(rawValue: UInt16(domain.id)))
                return DomainUsage(
                    domain: domain,
                    traffic: counts.map {
                        .init(
                            netReceived: $0[.netReceived], netSent: $0[.netSent],
                            blockRead: $0[.blockRead], blockWritten: $0[.blockWritten])
                    })
            })
    }
    private static let start = ContinuousClock.now

    public func details(_ reference: String) throws(APIError) -> DomainDetails {
        let id = try find(reference)
        guard let status = try with.hypervisor.status(of: id) else { throw gone(reference) }
        var vcpus: [VcpuInfo] = []
        for number in 0..<status.vcpuCount { vcpus.append(try with.hypervisor.vcpu(number, of: id)) }
        let domain = domains[id]
        return DomainDetails(
            domain: info(status), configuration: domain?.record.configuration, vcpus: vcpus,
            backendProcess: domain?.backend?.number)
    }

    func info(_ status: DomainStatus) -> ControlAPI.DomainInfo {
        var info = ControlAPI.DomainInfo(
            id: Int(status.id.rawValue), name: name(of: status.id),
            uuid: DomainUUID(bytes: status.handle)?.description ?? "")
        info.isRunning = status.isRunning
        info.isBlocked = status.isBlocked
        info.isPaused = status.isPaused
        info.isShutdown = status.shutdownReason != nil
        info.isCrashed = status.shutdownReason?.isFailure ?? false
        info.isDying = status.isDying
        info.memory = status.totalPages * 4
        info.maximumMemory = status.maximumPages * 4
        info.vcpus = Int(status.onlineVCPUs)
        info.cpuTime = status.cpuTime
        if let domain = domains[status.id] { info.uptime = max(0, with.host.now - domain.record.startedAt) }
        return info
    }

    public func hostInfo() throws(APIError) -> HostInfo {
        var info = try with.hypervisor.hostInfo()
        with.host.describe(&info)
        return info
    }

    public func hypervisorLog(clear: Bool) throws(APIError) -> String {
        String(decoding: try with.hypervisor.log(clear: clear), as: UTF8.self)
    }

    /// The console of a domain in svd's care.
    public func console(_ reference: String) throws(APIError) -> Console {
        let id = try find(reference)
        guard let console = domains[id]?.console else {
            throw APIError(
                .domainState, "\(name(of: id)) has no console here",
                hint: id == .zero ? "domain 0's console is this machine's" : "svd did not create this domain")
        }
        return console
    }

    func gone(_ reference: String) -> APIError {
        APIError(
            .domainUnknown, "there is no domain \"\(reference)\" any more",
            hint: "`svctl list` shows the domains there are")
    }

    // MARK: Pausing

    public func pause(_ reference: String) throws(APIError) {
        let id = try findGuest(reference, to: "pause")
        guard let status = try with.hypervisor.status(of: id) else { throw gone(reference) }
        guard !status.isPaused else { return }
        try with.hypervisor.pause(id)
        announce(.paused, id, name(of: id))
    }

    public func unpause(_ reference: String) throws(APIError) {
        let id = try findGuest(reference, to: "unpause")
        guard let status = try with.hypervisor.status(of: id) else { throw gone(reference) }
        guard status.isPaused else { return }
        if let domain = domains[id], domain.phase == .starting {
            throw APIError(
                .domainState, "\(domain.name) is still being created",
                hint: "wait until svctl create has returned")
        }
        try with.hypervisor.unpause(id)
        announce(.unpaused, id, name(of: id))
    }

    public func rename(_ reference: String, to name: String) throws(APIError) {
        let id = try findGuest(reference, to: "rename")
        do throws(ConfigurationError) {
            try DomainConfiguration.validate(name: name)
        } catch {
            throw APIError(error)
        }
        try checkName(name)
        let old = self.name(of: id)
        try with.store.write("/local/domain/\(id.rawValue)/name", name)
        if let domain = domains[id] {
            domain.record.configuration.name = name
            try with.store.write(domain.nodes.machineHome + "/name", name)
            save(domain)
        }
        announce(.renamed, id, name, reason: "it was \(old)")
    }

    func checkName(_ name: String) throws(APIError) {
        let other = try with.hypervisor.domains().first { self.name(of: $0.id) == name }
        guard other == nil, !restartingNames.contains(name) else {
            throw APIError(
                .domainExists,
                "there is a domain \"\(name)\" already\(other.map { ", domain \($0.id.rawValue)" } ?? "")",
                hint:
                    "choose another name: svctl create FILE name=…, or destroy the other: svctl destroy \(name)",
                details: ["name": name])
        }
    }

    func save(_ domain: Domain) {
        do throws(HostFailure) {
            try with.records.save(domain.record)
        } catch {
            logger.error("the state of \(domain.name) cannot be kept: \(error.text)")
        }
    }

    // MARK: Stopping

    /// Asks the kernel of a domain to power off or reboot.
    ///
    /// - Parameters:
    ///   - wait: seconds to wait until it has; nil: `completion` is called at once.
    ///   - completion: called once.
    public func stop(
        _ reference: String, reboot: Bool, wait: Int?, completion: @escaping (APIError?) -> Void
    ) {
        do throws(APIError) {
            let id = try findGuest(reference, to: reboot ? "reboot" : "shut down")
            guard let status = try with.hypervisor.status(of: id) else { throw gone(reference) }
            let name = name(of: id)
            guard status.shutdownReason == nil, !status.isDying else {
                throw APIError(
                    .domainState, "\(name) has stopped already", hint: "svctl destroy \(name) removes it")
            }
            if status.isPaused {
                throw APIError(
                    .domainState, "\(name) is paused and cannot hear the request",
                    hint: "svctl unpause \(name) first")
            }
            try with.store.write(
                "/local/domain/\(id.rawValue)/control/shutdown", reboot ? "reboot" : "poweroff")
            guard let wait else { return completion(nil) }
            guard let domain = domains[id] else {
                throw APIError(
                    .domainState, "\(name) was asked, but is not in svd's care: nobody can wait for it",
                    hint: "leave out -w")
            }
            var timer: Reactor.Timer?
            var isDone = false
            let finish: (APIError?) -> Void = { error in
                guard !isDone else { return }
                isDone = true
                timer?.cancel()
                completion(error)
            }
            domain.waiters.append(finish)
            timer = reactor.after(milliseconds: wait * 1000) {
                finish(
                    APIError(
                        .shutdownTimeout, "\(name) did not stop within \(wait) seconds",
                        hint: "look at its console; svctl destroy \(name) ends it at once"))
            }
        } catch {
            completion(error)
        }
    }

    /// Ends a domain at once.
    public func destroy(_ reference: String, completion: @escaping (APIError?) -> Void) {
        do throws(APIError) {
            let id = try findGuest(reference, to: "destroy")
            guard let domain = domains[id] else { return try destroyForeign(id, completion) }
            guard domain.phase != .ending else {
                domain.waiters.append(completion)
                return
            }
            try with.hypervisor.destroy(id)
            end(domain) { [self] in
                announce(.destroyed, domain.id, domain.name, reason: "on request")
                domain.tellWaiters(nil)
                completion(nil)
            }
        } catch {
            completion(error)
        }
    }

    private func destroyForeign(_ id: DomainID, _ completion: @escaping (APIError?) -> Void) throws(APIError)
    {
        let name = name(of: id)
        try with.hypervisor.destroy(id)
        with.store.release(id)
        with.store.remove("/local/domain/\(id.rawValue)")
        waitUntilGone(id) { [self] in
            announce(.destroyed, id, name, reason: "on request")
            completion(nil)
        }
    }

    /// Takes a domain apart: the hypervisor's part, console, store, backend, record. Never fails; `done` comes when
    /// nothing is left, or nothing more can be done.
    ///
    /// - Parameter keepsRecord: the domain is about to start again.
    func end(_ domain: Domain, keepsRecord: Bool = false, _ done: @escaping () -> Void) {
        domain.phase = .ending
        do throws(APIError) {
            if try with.hypervisor.status(of: domain.id)?.isDying == false {
                try with.hypervisor.destroy(domain.id)
            }
        } catch {
            logger.error("\(domain.name) cannot be destroyed: \(error.message)")
        }
        domain.console?.close()
        domain.console = nil
        with.consoleHistory(domain.id)?.remove()
        with.host.forgetTraffic(of: domain.id)
        with.store.release(domain.id)
        if let backend = domain.backend {
            domain.backend = nil
            endingBackends += 1
            backend.stop { [self] in
                endingBackends -= 1
                guard endingBackends == 0 else { return }
                let waiting = delayed
                delayed = []
                for work in waiting { work() }
            }
        }
        for root in domain.nodes.roots { with.store.remove(root) }
        if !keepsRecord { with.records.remove(domain.record.uuid) }
        waitUntilGone(domain.id) { [self] in
            domains[domain.id] = nil
            done()
        }
    }

    /// Does the work as soon as no backend of an earlier domain can write to a disk any more.
    func afterEndingBackends(_ work: @escaping () -> Void) {
        if endingBackends == 0 { work() } else { delayed.append(work) }
    }

    private func waitUntilGone(_ id: DomainID, _ done: @escaping () -> Void) {
        guard let status = try? with.hypervisor.status(of: id), status.id == id else { return done() }
        var isDone = false
        let finish = {
            guard !isDone else { return }
            isDone = true
            done()
        }
        goneWaiters.append((id, finish))
        reactor.after(milliseconds: limits.goneWait) { [self] in
            goneWaiters.removeAll { $0.id == id }
            if !isDone {
                logger.warning("domain \(id.rawValue) is destroyed, but somebody still holds its memory")
            }
            finish()
        }
    }

    // MARK: What the hypervisor tells

    /// Call this for `VIRQ_DOM_EXC`: some domain stopped, died or is gone.
    public func domainsChanged() {
        let list: [DomainStatus]
        do throws(APIError) {
            list = try with.hypervisor.domains()
        } catch {
            logger.error("domains cannot be listed: \(error.message)")
            return
        }
        let there = Dictionary(list.map { ($0.id, $0) }) { first, _ in first }
        let gone = goneWaiters.filter { there[$0.id] == nil }
        goneWaiters.removeAll { there[$0.id] == nil }
        for waiter in gone { waiter.done() }
        for domain in Array(domains.values) where domain.phase == .running || domain.phase == .starting {
            guard let status = there[domain.id] else {
                // Somebody else destroyed it.
                end(domain) { [self] in
                    announce(.destroyed, domain.id, domain.name, reason: "not through svd")
                    domain.tellWaiters(nil)
                }
                continue
            }
            if let reason = status.shutdownReason, domain.phase == .running { stopped(domain, reason) }
        }
    }

    /// The domain stopped by itself.
    private func stopped(_ domain: Domain, _ reason: StopReason) {
        domain.console?.service()
        let console = reason.isFailure ? domain.console?.history.lastLines(15) : nil
        announce(
            reason.isFailure ? .crashed : .shutdown, domain.id, domain.name, reason: reason.description,
            console: console)
        with.store.announceStop(of: domain.id)
        let configuration = domain.record.configuration
        let action: ShutdownAction
        switch reason {
        case .poweroff: action = configuration.onPoweroff
        case .reboot: action = configuration.onReboot
        case .watchdog: action = configuration.onWatchdog
        case .suspend: action = .preserve
        default: action = configuration.onCrash
        }
        switch action {
        case .destroy:
            end(domain) { [self] in
                announce(.destroyed, domain.id, domain.name, reason: reason.description)
                domain.tellWaiters(nil)
            }
        case .preserve:
            preserve(domain)
            domain.tellWaiters(nil)
        case .restart:
            domain.record.isRestarting = true
            domain.record.id = nil
            save(domain)
            restartingNames.insert(domain.name)
            end(domain, keepsRecord: true) { [self] in start(again: domain, configuration) }
        case .renameRestart:
            setAside(domain)
            preserve(domain)
            restartingNames.insert(configuration.name)
            start(again: domain, configuration)
        }
    }

    private func preserve(_ domain: Domain) {
        domain.phase = .preserved
        domain.record.isPreserved = true
        save(domain)
    }

    /// Gives a stopped domain another name and UUID, so that its successor can have them.
    private func setAside(_ domain: Domain) {
        let taken = Set(domains.values.map(\.name))
        let name =
            (1...).lazy.map { "\(domain.name)-\($0)" }.first { !taken.contains($0) } ?? domain.name + "-old"
        let uuid = DomainUUID.random()
        do throws(APIError) {
            try with.hypervisor.setHandle(uuid.bytes, of: domain.id)
            with.store.remove(domain.nodes.machineHome)
            with.records.remove(domain.record.uuid)
            domain.record.uuid = uuid
            domain.record.configuration.uuid = uuid
            domain.record.configuration.name = name
            try write(domain.nodes.skeleton().filter { $0.path.hasPrefix("/vm/") })
            try with.store.write(domain.nodes.home + "/name", name)
            try with.store.write(domain.nodes.home + "/vm", domain.nodes.machineHome)
        } catch {
            logger.error("\(domain.name) cannot be renamed: \(error.message)")
        }
    }

    private func start(again old: Domain, _ configuration: DomainConfiguration) {
        let waiters = old.waiters
        old.waiters = []
        let begin = { [self] in
            restartingNames.remove(configuration.name)
            announce(.restarting, old.id, configuration.name)
            create(
                configuration, paused: false, programWait: limits.deviceWait, progress: { _ in }
            ) { [self] result in
                switch result {
                case .success:
                    for waiter in waiters { waiter(nil) }
                case .failure(let error):
                    if let uuid = configuration.uuid { with.records.remove(uuid) }
                    announce(
                        .failed, old.id, configuration.name,
                        reason: "it cannot be started again: \(error.message)")
                    for waiter in waiters { waiter(error) }
                }
            }
        }
        // A domain that stops at once must not keep the machine busy.
        if with.host.now - old.record.startedAt < limits.quickStop {
            reactor.after(milliseconds: limits.restartDelay, begin)
        } else {
            begin()
        }
    }

    func write(_ nodes: [DomainNodes.Node]) throws(APIError) {
        for node in nodes {
            try with.store.write(node.path, node.value)
            if let permissions = node.permissions { try with.store.setPermissions(node.path, permissions) }
        }
    }
}
