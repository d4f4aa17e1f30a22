// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import DomainBuilder
import DomainManager
import Glibc
import LinuxXen
import Logging
import Reactor
import XenABI

/// Everything svd consists of, put together and taken apart in order.
final class Daemon {
    struct Places {
        var run: String
        var state: String
        var log: String
        var store: String
        var backend: String
        var logLevel: String
        /// In the run directory: domains do not outlive the boot.
        var histories: String { run + "/consoles" }
        var traffic: String { run + "/traffic" }
    }

    private let places: Places
    private let logger = Logger(label: "svd")
    private let lock: Int32
    private let reactor: Reactor
    private let supervisor: DomainSupervisor
    private let store: StoreHost
    private let consoles: ConsoleServer

    /// - Throws: `APIError`.
    init(_ places: Places) throws {
        self.places = places
        lock = try Self.lock(places)
        let (control, events) = try Self.openHypervisor()
        reactor = try Reactor()
        let hub = try EventHub(events, reactor: reactor, logger: logger)
        // In the run directory, which does not outlive the boot: the store describes domains that do not either.
        store = try StoreHost(
            reactor: reactor, control: control, channels: hub, directory: places.store,
            journal: places.run + "/store.journal", logger: logger)
        let host = try LinuxHost(
            reactor: reactor, backendProgram: places.backend,
            backendArguments: ["--store", places.store + "/socket"],
            logDirectory: places.log, trafficDirectory: places.traffic)
        let log = places.log
        let histories = places.histories
        let supervisor = DomainSupervisor(
            .init(
                hypervisor: XenHypervisor(control), builder: XenBuilder(DomainBuilder(control: control)),
                channels: hub,
                store: store, host: host, records: try FileRecords(stateDirectory: places.state),
                consoleLog: { ConsoleLogFile(path: "\(log)/console-\($0).log") },
                consoleHistory: { ConsoleHistoryFile(path: "\(histories)/\($0.rawValue)") }),
            reactor: reactor, logger: logger)
        self.supervisor = supervisor
        try hub.bind(virtualInterrupt: VirtualInterrupt.domainException) { supervisor.domainsChanged() }
        consoles = try ConsoleServer(
            reactor: reactor, supervisor: supervisor, path: ControlPaths.consoleSocket(in: places.run))
    }

    private static func lock(_ places: Places) throws(APIError) -> Int32 {
        let lock: Int32?
        do throws(HostFailure) {
            for directory in [
                places.run, places.histories, places.traffic, places.state, places.log, places.store,
            ] {
                try HostFiles.makeDirectory(directory)
            }
            lock = try HostFiles.lock(places.run + "/svd.lock")
        } catch {
            throw APIError(
                .stateUnwritable, "its directories cannot be made: \(error.text)", hint: "run svd as root")
        }
        guard let lock else {
            throw APIError(
                .alreadyRunning, "another svd runs: it holds \(places.run)/svd.lock",
                hint: "stop it first; svctl version asks it for its release")
        }
        return lock
    }

    private static func openHypervisor() throws(APIError) -> (XenControl, EventChannelDevice) {
        do throws(XenCallError) {
            return (try XenControl(), try EventChannelDevice())
        } catch {
            throw APIError(
                .notDomainZero, "there is no access to the hypervisor: \(error)",
                hint: "run svd as root in domain 0")
        }
    }

    /// Serves until SIGTERM or SIGINT.
    /// - Parameter ready: called once when requests are taken.
    func run(ready: () -> Void) throws {
        let reactor = reactor
        for number in [SIGTERM, SIGINT] { try reactor.onSignal(number) { reactor.stop() } }
        signal(SIGPIPE, SIG_IGN)
        try supervisor.recover()
        let interface = ControlInterface(reactor: reactor, supervisor: supervisor)
        // Last: whoever finds the socket finds everything behind it.
        let server = try HTTPServer(
            reactor: reactor, path: ControlPaths.apiSocket(in: places.run),
            handler: { interface.handle($0, $1) })
        logger.info("ready")
        ready()
        reactor.run()
        logger.info("ending; domains keep running")
        server.close()
        consoles.close()
        store.close()
        _ = close(lock)
    }
}
