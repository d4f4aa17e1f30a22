// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import DomainManager
import Glibc
import LinuxXen
import Logging
import Reactor

/// The daemon of domain 0: store, consoles, life cycle of domains, and the interface that svctl uses.
@main
struct Svd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "svd",
        abstract: "Run domains: store, consoles, devices, and the interface that svctl uses.",
        discussion:
            "svd stays in the foreground. Domains keep running when it ends, and it takes them over when it starts.",
        version: ControlRelease.text)

    @Option(name: .long, help: "Where svd's sockets are.") var runDir = ControlPaths.runDirectory
    @Option(name: .long, help: "Where the state of domains is kept.") var stateDir = "/var/lib/swiftvisor"
    @Option(name: .long, help: "Where the logs of consoles and backends go.") var logDir =
        "/var/log/swiftvisor"
    @Option(name: .long, help: "Where the store's socket is.") var storeDir = "/run/xenstored"
    @Option(name: .long, help: "The backend program; svback beside svd if not given.") var backend: String?
    @Option(name: .long, help: "Messages to write: trace, debug, info, notice, warning, error, critical.")
    var logLevel = "info"
    @Flag(name: .long, help: "Stay in the foreground; it always does.") var foreground = false
    @Option(name: .long, help: "Descriptor that gets a line, and its end, as soon as svd serves.")
    var readyFd: Int32?

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("\"\(logLevel)\" is no log level.")
        }
        // The processes that svd starts must not have it: its end would come with theirs.
        if let readyFd, readyFd <= STDERR_FILENO || fcntl(readyFd, F_SETFD, FD_CLOEXEC) != 0 {
            throw ValidationError("\(readyFd) is no open descriptor beyond the first three.")
        }
    }

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as APIError {
            Messages.write(failure.report(program: "svd", doing: "start"))
            Glibc.exit(1)
        } catch let failure as HostFailure {
            Messages.write("svd: cannot start: \(failure.text).\n")
            Glibc.exit(1)
        } catch let failure as XenCallError {
            Messages.write("svd: cannot start: \(failure).\n")
            Glibc.exit(1)
        } catch let failure as SystemCallError {
            Messages.write("svd: cannot start: \(failure).\n")
            Glibc.exit(1)
        } catch {
            let code = exitCode(for: error)
            Messages.write(
                fullMessage(for: error) + "\n", to: code == .success ? STDOUT_FILENO : STDERR_FILENO)
            Glibc.exit(code == .success ? 0 : 2)
        }
    }

    func run() throws {
        let level = Logger.Level(rawValue: logLevel) ?? .info
        LoggingSystem.bootstrap { _ in PlainLog(level: level) }
        umask(0o077)
        let daemon = try Daemon(
            Daemon.Places(
                run: runDir, state: stateDir, log: logDir, store: storeDir,
                backend: backend ?? Self.besideItself("svback"),
                logLevel: logLevel))
        try daemon.run {
            guard let readyFd else { return }
            Messages.write("ready\n", to: readyFd)
            _ = close(readyFd)
        }
    }

    /// A program in the same directory as this one.
    private static func besideItself(_ name: String) -> String {
        let path = CommandLine.arguments.first ?? ""
        guard let slash = path.lastIndex(of: "/") else { return name }
        return path[...slash] + name
    }
}

/// Lines on the standard error output.
enum Messages {
    static func write(_ text: String, to descriptor: Int32 = STDERR_FILENO) {
        HostFiles.write(text, to: descriptor)
    }
}

/// `svd: warning: …`, one line a message, with the seconds since it started.
struct PlainLog: LogHandler {
    private static let start = ContinuousClock.now
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    init(level: Logger.Level) { logLevel = level }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
        // Within the first message the start may be later than now.
        let parts = max(.zero, ContinuousClock.now - Self.start).components
        let fraction = "\(parts.attoseconds / 1_000_000_000_000_000)"
        let time = "\(parts.seconds)." + String(repeating: "0", count: 3 - fraction.count) + fraction
        Messages.write("svd \(time) \(event.level.rawValue): \(event.message)\n")
    }
}
