// SPDX-License-Identifier: Apache-2.0
public import Backends
import DriverKit
import XenABI

/// A backend process in Dom0 that serves all devices of one kind, of all domains: `BackendProgram<MyService>.main()`.
public enum BackendProgram<Service: DeviceService> {
    private static var kind: String { "\(Service.Device.kind)" }
    private static var program: String {
        CommandLine.arguments.first.flatMap { $0.split(separator: "/").last }.map(String.init)
            ?? "\(kind)-backend"
    }
    private static var usage: String {
        """
        Serves the \(kind) devices of all domains.

        usage: \(program) [options]

        \(BackendCommand.optionsUsage)

        A domain gets such a device with  device = [ 'type=\(kind)' ]  in its configuration; further keys there are
        settings of the device. The program runs until SIGTERM, which closes all devices first. Exit status: 0 when it
        is done, 1 on failure, 2 for a wrong command line.

        """
    }

    /// Reads the command line and serves until a signal ends it.
    public static func main() -> Never {
        let command = BackendCommand(name: program, usage: usage) { argument, _ in
            "unknown argument '\(argument)'"
        }
        command.run { reactor, platform, log in
            let server = ServiceServer<Service>(platform: platform, log: log)
            try server.start()
            return {
                server.stop()
                reactor.stop()
            }
        }
    }
}

/// All devices of one kind: finds the domains that have some, and serves them.
public final class ServiceServer<Service: DeviceService> {
    private let platform: BackendPlatform
    private let log: Log
    private var hosts: [UInt16: DeviceHost] = [:]
    private var watch: Int?
    private var path: String { "/local/domain/0/backend/\(Service.Device.kind)" }

    public init(platform: BackendPlatform, log: Log) {
        self.platform = platform
        self.log = log
    }

    /// Devices that are served or about to be.
    public var deviceCount: Int { hosts.values.reduce(0) { $0 + $1.deviceCount } }

    /// Begins to look for domains. By the watch svd knows that somebody serves devices of this kind.
    public func start() throws(BackendError) {
        watch = try platform.store.watch(path) { [weak self] changed in self?.look(changed) }
    }

    private func look(_ changed: String) {
        // What changes inside the directory of a domain that is served is its host's to see.
        let parts = changed.hasPrefix(path) ? changed.dropFirst(path.count).split(separator: "/") : []
        if parts.count > 1, let domain = UInt16(parts[0]), hosts[domain] != nil { return }
        do throws(BackendError) {
            let present = Set(try platform.store.list(path).compactMap { UInt16($0) })
            for domain in hosts.keys.sorted() where !present.contains(domain) {
                hosts.removeValue(forKey: domain)?.stop()
            }
            for domain in present.sorted() where hosts[domain] == nil { try add(DomainID(rawValue: domain)) }
        } catch {
            // The watch fires again when the store is back.
            log.info(error.description)
        }
    }

    private func add(_ domain: DomainID) throws(BackendError) {
        guard domain.isReal else { return }
        let platform = platform
        let log = Log(level: log.level, prefix: "\(log.prefix) \(domain.rawValue)")
        let host = DeviceHost(
            domain: domain, platform: platform, log: log, kinds: ["\(Service.Device.kind)"],
            endsWithLastDevice: false,
            makeDriver: { _, _ in ServiceDriver<Service>(platform: platform, domain: domain, log: log) },
            finished: {})
        // One that could not begin is begun again when the store is back.
        try host.start()
        hosts[domain.rawValue] = host
    }

    /// Lets go of everything and says nothing, as a process that is killed.
    public func die() {
        if let watch { platform.store.unwatch(watch) }
        watch = nil
        for host in hosts.values { host.abandon() }
        hosts = [:]
    }

    /// Ends all devices, each with state `closed`.
    public func stop() {
        if let watch { platform.store.unwatch(watch) }
        watch = nil
        for domain in hosts.keys.sorted() { hosts.removeValue(forKey: domain)?.stop() }
    }
}
