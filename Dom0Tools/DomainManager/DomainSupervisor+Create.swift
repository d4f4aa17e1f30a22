// SPDX-License-Identifier: Apache-2.0
public import Configuration
public import ControlAPI
import Reactor
import XenABI

extension DomainSupervisor {
    /// Creates a domain and, unless it is to stay paused, lets it run.
    ///
    /// Everything that can be checked is checked before anything is made; a failure later undoes all of it.
    ///
    /// - Parameters:
    ///   - programWait: milliseconds for programs that serve its devices to be started, nil for the limit.
    ///   - progress: called with what is being done.
    ///   - completion: called once.
    public func create(
        _ wanted: DomainConfiguration, paused: Bool, programWait: Int? = nil,
        progress: @escaping (String) -> Void,
        completion: @escaping (Result<ControlAPI.DomainInfo, APIError>) -> Void
    ) {
        afterEndingBackends { [self] in
            waitForPrograms(wanted, limit: programWait ?? limits.programWait, progress) { [self] error in
                if let error { return completion(.failure(error)) }
                createNow(wanted, paused: paused, progress: progress, completion: completion)
            }
        }
    }

    /// Calls `done` when somebody serves each type of device that svback does not serve, or with whom nobody serves. At once
    /// if there is no such device.
    private func waitForPrograms(
        _ wanted: DomainConfiguration, limit: Int, _ progress: @escaping (String) -> Void,
        _ done: @escaping (APIError?) -> Void
    ) {
        var missing = Set(wanted.devices.map(\.type))
        guard !missing.isEmpty else { return done(nil) }
        do throws(APIError) { _ = try complete(wanted) } catch { return done(error) }
        var cancels: [() -> Void] = []
        var timers: [Reactor.Timer] = []
        var isDone = false
        let finish = { (error: APIError?) in
            guard !isDone else { return }
            isDone = true
            for cancel in cancels { cancel() }
            for timer in timers { timer.cancel() }
            done(error)
        }
        for type in missing.sorted() {
            let path = "\(DomainNodes.backendHome)/\(type)"
            cancels.append(
                with.store.whenProgramWatches(path) {
                    missing.remove(type)
                    if missing.isEmpty { finish(nil) }
                })
        }
        guard !isDone else { return }
        // After those that run already have been found.
        timers.append(
            reactor.after(milliseconds: 50) {
                guard !isDone else { return }
                progress(
                    "waiting for a program that serves \(missing.sorted().joined(separator: ", ")) devices")
            })
        timers.append(
            reactor.after(milliseconds: limit) {
                let type = missing.sorted().first ?? ""
                finish(
                    APIError(
                        .backendMissing, "no backend for devices of type \"\(type)\" is running in domain 0",
                        hint:
                            "start the program that serves \(type) devices there, and try again; one made with the driver kit is called \(type)-backend",
                        details: ["type": type]))
            })
    }

    private func createNow(
        _ wanted: DomainConfiguration, paused: Bool, progress: @escaping (String) -> Void,
        completion: @escaping (Result<ControlAPI.DomainInfo, APIError>) -> Void
    ) {
        let domain: Domain
        do throws(APIError) {
            domain = try build(try complete(wanted), progress)
        } catch {
            return completion(.failure(error))
        }
        let fail = { [self] (error: APIError) in end(domain) { completion(.failure(error)) } }
        do throws(APIError) {
            let devices = try connect(domain, progress)
            guard !devices.isEmpty else {
                completion(.success(try start(domain, paused: paused)))
                return
            }
            if devices.contains(where: { $0.program == nil }) { try startBackend(domain) }
            progress("waiting for \(devices.count) device\(devices.count == 1 ? "" : "s")")
            waitForDevices(devices, of: domain) { [self] error in
                if let error { return fail(error) }
                do throws(APIError) {
                    completion(.success(try start(domain, paused: paused)))
                } catch {
                    fail(error)
                }
            }
        } catch {
            fail(error)
        }
    }

    // MARK: Checks

    /// The configuration with everything chosen that was left open, after all checks that need no building.
    private func complete(_ wanted: DomainConfiguration) throws(APIError) -> DomainConfiguration {
        do throws(ConfigurationError) {
            try wanted.validate()
        } catch {
            throw APIError(error)
        }
        try checkName(wanted.name)
        var configuration = wanted
        if let uuid = configuration.uuid {
            let other = try with.hypervisor.domains().first { $0.handle == uuid.bytes }
            if let other {
                throw APIError(
                    .uuidInUse,
                    "the UUID \(uuid) belongs to \(name(of: other.id)), domain \(other.id.rawValue)",
                    hint: "leave uuid out, or destroy the other domain")
            }
        } else {
            configuration.uuid = .random()
        }
        for index in configuration.vifs.indices where configuration.vifs[index].mac == nil {
            let tail = (0..<3).map { _ in UInt8.random(in: 0...255) }
            // 00:16:3e is the range that was set aside for virtual cards of this kind.
            configuration.vifs[index].mac =
                "00:16:3e" + tail.map { ($0 < 16 ? ":0" : ":") + String($0, radix: 16) }.joined()
        }
        _ = try inspect(configuration.kernel, "kernel", .kernelUnreadable)
        if let ramdisk = configuration.ramdisk { _ = try inspect(ramdisk, "ramdisk", .ramdiskUnreadable) }
        _ = try diskUses(configuration)
        for vif in configuration.vifs where !with.host.isBridge(vif.bridge) {
            let exists = with.host.interfaceExists(vif.bridge)
            throw APIError(
                .bridgeMissing, exists ? "\(vif.bridge) is not a bridge" : "there is no bridge \(vif.bridge)",
                hint:
                    "create it in domain 0: ip link add \(vif.bridge) type bridge && ip link set \(vif.bridge) up",
                details: ["bridge": vif.bridge])
        }
        try checkMemory(configuration)
        return configuration
    }

    private func inspect(_ path: String, _ what: String, _ code: ErrorCode) throws(APIError) -> HostFile {
        do throws(HostFailure) {
            return try with.host.inspect(path, forWriting: false)
        } catch {
            throw APIError(
                code, "the \(what) \(path) cannot be read: \(error.text)",
                hint: "check the path: it is a path in domain 0", details: ["path": path])
        }
    }

    private func diskUses(_ configuration: DomainConfiguration) throws(APIError) -> [DiskUse] {
        var uses: [DiskUse] = []
        for disk in configuration.disks {
            let file: HostFile
            do throws(HostFailure) {
                file = try with.host.inspect(disk.target, forWriting: !disk.isReadOnly)
            } catch {
                let access = disk.isReadOnly ? "read" : "opened for reading and writing"
                throw APIError(
                    .diskUnreadable, "disk \(disk.vdev): \(disk.target) cannot be \(access): \(error.text)",
                    hint:
                        "check the path in domain 0; make an empty image with: truncate -s 1G \(disk.target)",
                    details: ["path": disk.target])
            }
            guard file.size > 0 else {
                throw APIError(
                    .diskUnreadable, "disk \(disk.vdev): \(disk.target) is empty",
                    hint: "give it a size: truncate -s 1G \(disk.target)", details: ["path": disk.target])
            }
            let use = DiskUse(identity: file.identity, isReadOnly: disk.isReadOnly, vdev: disk.vdev)
            func clashes(_ other: DiskUse) -> Bool {
                other.identity == use.identity && !(other.isReadOnly && use.isReadOnly)
            }
            if let other = uses.first(where: clashes) {
                throw inUse(disk, by: "disk \(other.vdev) of the same domain")
            }
            for domain in domains.values {
                if let other = domain.diskUses.first(where: clashes) {
                    throw inUse(disk, by: "\(domain.name), domain \(domain.id.rawValue), as \(other.vdev)")
                }
            }
            uses.append(use)
        }
        return uses
    }

    private func inUse(_ disk: DiskConfiguration, by user: String) -> APIError {
        APIError(
            .diskInUse, "disk \(disk.vdev): \(disk.target) is in use by \(user)",
            hint: "two domains may share a disk only if both have it read-only (access=r)",
            details: ["path": disk.target])
    }

    private func checkMemory(_ configuration: DomainConfiguration) throws(APIError) {
        let free = try with.hypervisor.freeMemory()
        let guest = UInt64(configuration.memory) << 20
        // Page tables and the hypervisor's own structures.
        let needed = guest + guest / 256 + 1 << 20
        guard needed <= free else {
            throw APIError(
                .memoryShort,
                "not enough memory: \(needed >> 20) MiB are needed, \(free >> 20) MiB are free",
                hint:
                    "lower memory, stop another domain, or give domain 0 less: dom0_mem= on the hypervisor's command line",
                details: ["needed_bytes": "\(needed)", "free_bytes": "\(free)"])
        }
    }

    // MARK: Making

    private func build(
        _ configuration: DomainConfiguration, _ progress: (String) -> Void
    ) throws(APIError) -> Domain {
        let uuid = configuration.uuid ?? .random()
        var record = DomainRecord(configuration: configuration, uuid: uuid, startedAt: with.host.now)
        // Written before the domain exists: should svd be killed while building, the next one finds and removes it.
        try keep(record)
        do throws(APIError) {
            let built = try with.builder.build(configuration, uuid: uuid, progress: progress)
            record.id = Int(built.id.rawValue)
            record.rings = built.rings
            let domain = Domain(id: built.id, record: record, rings: built.rings)
            domain.diskUses = (try? diskUses(configuration)) ?? []
            domains[built.id] = domain
            return domain
        } catch {
            with.records.remove(uuid)
            throw error
        }
    }

    private func keep(_ record: DomainRecord) throws(APIError) {
        do throws(HostFailure) {
            try with.records.save(record)
        } catch {
            throw APIError(
                .stateUnwritable, "the domain's state cannot be written: \(error.text)",
                hint: "check that svd's state directory is writable and has room")
        }
    }

    /// Store, rings and device nodes.
    private func connect(
        _ domain: Domain, _ progress: (String) -> Void
    ) throws(APIError) -> [DomainNodes.Device] {
        progress("connecting domain \(domain.id.rawValue) to store and console")
        try keep(domain.record)
        let nodes = domain.nodes
        try write(nodes.skeleton())
        with.consoleHistory(domain.id)?.remove()
        with.host.forgetTraffic(of: domain.id)
        try attachRings(domain)
        let devices = nodes.devices()
        for device in devices { try write(device.nodes) }
        return devices
    }

    func attachRings(_ domain: Domain) throws(APIError) {
        try with.store.introduce(
            domain.id, ringAt: GuestFrame(rawValue: domain.rings.storeFrame),
            port: EventPort(rawValue: domain.rings.storePort))
        domain.console = try Console(
            ring: try with.hypervisor.mapConsole(
                of: domain.id, at: GuestFrame(rawValue: domain.rings.consoleFrame)),
            domain: domain.id, port: EventPort(rawValue: domain.rings.consolePort), channels: with.channels,
            log: with.consoleLog(domain.name),
            history: ConsoleHistory(keeper: with.consoleHistory(domain.id)))
    }

    func startBackend(_ domain: Domain) throws(APIError) {
        do throws(HostFailure) {
            domain.backend = try with.host.startBackend(for: domain.id, name: domain.name) {
                [weak self, weak domain] why in
                guard let self, let domain else { return }
                self.backendEnded(domain, why)
            }
        } catch {
            throw APIError(
                .backendFailed, "the backend process svback cannot be started: \(error.text)",
                hint: "is svback installed beside svd?")
        }
        domain.backendStartedAt = with.host.now
        domain.record.backendProcess = domain.backend?.number
        save(domain)
    }

    func backendEnded(_ domain: Domain, _ why: String) {
        domain.backend = nil
        switch domain.phase {
        case .starting:
            domain.onBackendExit?(why)
        case .running:
            if with.host.now - domain.backendStartedAt >= limits.backendSettled { domain.backendRestarts = 0 }
            domain.backendRestarts += 1
            guard domain.backendRestarts <= limits.backendRestarts else {
                announce(
                    .failed, domain.id, domain.name,
                    reason: "its backend ended \(domain.backendRestarts) times in a row: \(why)")
                return
            }
            reactor.after(milliseconds: limits.backendDelay) { [self] in
                guard domain.phase == .running, domain.backend == nil else { return }
                announce(.backendRestarted, domain.id, domain.name, reason: why)
                do throws(APIError) {
                    try startBackend(domain)
                } catch {
                    announce(.failed, domain.id, domain.name, reason: error.message)
                }
            }
        case .preserved, .ending:
            break
        }
    }

    /// Calls `done` when the backend has attached every device, or with why it has not.
    private func waitForDevices(
        _ devices: [DomainNodes.Device], of domain: Domain, _ done: @escaping (APIError?) -> Void
    ) {
        var pending = devices
        var watches: [StoreWatch] = []
        var timer: Reactor.Timer?
        var isDone = false
        let finish = { [self] (error: APIError?) in
            guard !isDone else { return }
            isDone = true
            timer?.cancel()
            for watch in watches { with.store.unwatch(watch) }
            domain.onBackendExit = nil
            done(error)
        }
        let check = { [self] in
            guard !isDone else { return }
            for device in pending {
                let status = with.store.read(device.backend + "/hotplug-status")
                if let error = with.store.read(device.backend + "/hotplug-error"), !error.isEmpty {
                    return finish(failed(device, error))
                }
                if status == "error" { return finish(failed(device, "the backend gave no reason")) }
                if status == "connected" { pending.removeAll { $0.backend == device.backend } }
            }
            if pending.isEmpty { finish(nil) }
        }
        domain.onBackendExit = { [self] why in
            // What it said before it ended is better than that it ended.
            check()
            finish(
                APIError(
                    .backendFailed, "the backend process of the devices ended: \(why)",
                    hint: "its messages are in /var/log/swiftvisor/svback-\(domain.name).log"))
            if domain.phase == .starting { logger.error("\(domain.name): svback ended: \(why)") }
        }
        timer = reactor.after(milliseconds: limits.deviceWait) { [limits] in
            finish(
                APIError(
                    .deviceTimeout,
                    "\(pending.first?.label ?? "a device") was not attached within \(limits.deviceWait / 1000) seconds",
                    hint: pending.first?.program.map {
                        "start the program in domain 0 that serves \($0) devices"
                    }
                        ?? "the backend's messages are in /var/log/swiftvisor/svback-\(domain.name).log"))
        }
        for device in devices where !isDone {
            watches.append(with.store.watch(device.backend) { _ in check() })
        }
        // A watch may have answered before its token was known.
        if isDone { for watch in watches { with.store.unwatch(watch) } }
    }

    private func failed(_ device: DomainNodes.Device, _ why: String) -> APIError {
        APIError(
            .deviceFailed, "\(device.label) cannot be attached: \(why)",
            hint: "check the \(device.program == nil ? "disk or vif" : "device") line of the configuration")
    }

    private func start(_ domain: Domain, paused: Bool) throws(APIError) -> ControlAPI.DomainInfo {
        domain.record.isStarted = true
        domain.record.startedAt = with.host.now
        try keep(domain.record)
        logger.debug("\(domain.name): all is ready")
        if !paused { try with.hypervisor.unpause(domain.id) }
        logger.debug("\(domain.name): let run")
        domain.phase = .running
        guard let status = try with.hypervisor.status(of: domain.id) else { throw gone(domain.name) }
        announce(.created, domain.id, domain.name)
        return info(status)
    }
}
