// SPDX-License-Identifier: Apache-2.0
public import Backends
import DriverKit
import Glibc
import Reactor
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

          --store PATH           unix socket of the store (default /run/xenstored/socket)
          --log-level LEVEL      error, warning, info or debug (default warning)
          --help                 this text

        A domain gets such a device with  device = [ 'type=\(kind)' ]  in its configuration; further keys there are
        settings of the device. The program runs until SIGTERM, which closes all devices first. Exit status: 0 when it
        is done, 1 on failure, 2 for a wrong command line.

        """
    }

    private static func fail(_ message: String, status: Int32) -> Never {
        Log(level: .error, prefix: program).error(message)
        exit(status)
    }

    /// Reads the command line and serves until a signal ends it.
    public static func main() -> Never {
        var storePath = "/run/xenstored/socket"
        var level = LogLevel.warning
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            switch argument {
            case "--help", "-h":
                print(usage, terminator: "")
                exit(0)
            case "--store":
                guard let path = arguments.popFirst() else { fail("--store wants a path", status: 2) }
                storePath = path
            case "--log-level":
                guard let chosen = arguments.popFirst().flatMap({ LogLevel(name: $0) }) else {
                    fail("--log-level wants error, warning, info or debug", status: 2)
                }
                level = chosen
            default: fail("unknown argument '\(argument)'; see \(program) --help", status: 2)
            }
        }
        let log = Log(level: level, prefix: program)
        do {
            let reactor = try Reactor()
            let platform = try BackendPlatform.linux(reactor, storePath: storePath, log: log)
            let server = ServiceServer<Service>(platform: platform, log: log)
            for signal in [SIGTERM, SIGINT] {
                try reactor.onSignal(signal) {
                    server.stop()
                    reactor.stop()
                }
            }
            try server.start()
            reactor.run()
        } catch {
            fail("\(error)", status: 1)
        }
        exit(0)
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

    /// Begins to look for domains.
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
