// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
import Glibc
public import Reactor
public import TrafficCounts
public import XenABI

/// Files, network interfaces and processes of domain 0's Linux.
public final class LinuxHost: HostAccess {
    private let reactor: Reactor
    private let backendProgram: String
    private let backendArguments: [String]
    private let logDirectory: String
    private let trafficDirectory: String?

    /// - Parameters:
    ///   - backendProgram: path of svback.
    ///   - backendArguments: given to it before the domain's number.
    ///   - logDirectory: where its messages go.
    ///   - trafficDirectory: where it counts what it moves, in a file of the domain's number.
    public init(
        reactor: Reactor, backendProgram: String, backendArguments: [String] = [], logDirectory: String,
        trafficDirectory: String? = nil
    ) throws(HostFailure) {
        self.reactor = reactor
        self.backendProgram = backendProgram
        self.backendArguments = backendArguments
        self.logDirectory = logDirectory
        self.trafficDirectory = trafficDirectory
        try System.makeDirectory(logDirectory)
    }

    // MARK: Files

    public func inspect(_ path: String, forWriting: Bool) throws(HostFailure) -> HostFile {
        // Not O_EXCL on images: that has no meaning; on block devices it refuses what is mounted here.
        let descriptor = try System.open(path, (forWriting ? O_RDWR : O_RDONLY) | O_NONBLOCK)
        defer { _ = close(descriptor) }
        let status = try System.status(descriptor)
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            return HostFile(
                identity: "file \(status.st_dev) \(status.st_ino)", size: UInt64(clamping: status.st_size))
        case S_IFBLK:
            if forWriting {
                let exclusive = try System.open(path, O_RDWR | O_EXCL | O_NONBLOCK)
                _ = close(exclusive)
            }
            let end = lseek(descriptor, 0, SEEK_END)
            return HostFile(identity: "device \(status.st_rdev)", size: UInt64(clamping: end))
        case S_IFDIR:
            throw System.failure(EISDIR)
        default:
            throw HostFailure("neither a file nor a block device")
        }
    }

    public func isBridge(_ name: String) -> Bool { System.exists("/sys/class/net/\(name)/bridge") }
    public func interfaceExists(_ name: String) -> Bool { System.exists("/sys/class/net/\(name)") }
    public var now: Int { time(nil) }

    public func describe(_ info: inout HostInfo) {
        let names = System.kernelNames()
        info.host = names[0]
        info.release = names[1]
        info.version = names[2]
        info.machine = names[3]
    }

    private func trafficFile(_ domain: DomainID) -> String? {
        trafficDirectory.map { "\($0)/\(domain.rawValue)" }
    }
    public func traffic(of domain: DomainID) -> TrafficCounts? {
        trafficFile(domain).flatMap { try? System.readFile($0) }.flatMap { TrafficCounts($0) }
    }
    public func forgetTraffic(of domain: DomainID) {
        if let file = trafficFile(domain) { System.remove(file) }
    }

    // MARK: Processes

    private final class Child: BackendProcess {
        let process: pid_t
        private let descriptor: Int32
        private let reactor: Reactor
        private var watching: Reactor.Watching?
        private var onExit: ((String) -> Void)?
        private var onStop: [() -> Void] = []
        var isRunning: Bool { watching != nil }
        var number: Int { Int(process) }

        init(_ process: pid_t, reactor: Reactor, onExit: @escaping (String) -> Void) throws(HostFailure) {
            self.process = process
            self.reactor = reactor
            self.onExit = onExit
            descriptor = try System.watch(process)
            do {
                // The reactor keeps this object until the process has ended.
                watching = try reactor.watch(descriptor, .readable) { [self] _ in ended() }
            } catch {
                _ = close(descriptor)
                throw HostFailure("\(error)")
            }
        }

        func stop(_ done: @escaping () -> Void) {
            guard isRunning else { return done() }
            onExit = nil  // the end was asked for
            onStop.append(done)
            // What the guest was told is written is in the kernel's hands; the rest it may lose, as in a power cut.
            kill(process, SIGKILL)
        }

        private func ended() {
            guard let watching, let why = System.reap(process) else { return }
            self.watching = nil
            reactor.cancel(watching)
            _ = close(descriptor)
            let stopped = onStop
            onStop = []
            let exit = onExit
            onExit = nil
            for done in stopped { done() }
            exit?(why)
        }
    }

    public func startBackend(
        for domain: DomainID, name: String, onExit: @escaping (String) -> Void
    ) throws(HostFailure) -> BackendProcess {
        let process = try System.start(
            [backendProgram] + backendArguments + (trafficDirectory.map { ["--traffic", $0] } ?? [])
                + ["\(domain.rawValue)"],
            output: "\(logDirectory)/svback-\(name).log")
        return try Child(process, reactor: reactor, onExit: onExit)
    }

    public func adoptBackend(
        _ number: Int, for domain: DomainID, onExit: @escaping (String) -> Void
    ) -> BackendProcess? {
        guard let process = pid_t(exactly: number), process > 1,
            let line = try? System.readFile("/proc/\(process)/cmdline", limit: 4096)
        else { return nil }
        let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        guard words.first?.split(separator: "/").last == backendProgram.split(separator: "/").last,
            words.last == "\(domain.rawValue)"
        else { return nil }
        return try? Child(process, reactor: reactor, onExit: onExit)
    }
}
