// SPDX-License-Identifier: Apache-2.0
public import Configuration

/// `POST /v1/domains`.
public struct CreateRequest: Codable, Hashable, Sendable {
    public var configuration: DomainConfiguration
    /// True to leave the domain paused.
    public var paused: Bool?
    public init(configuration: DomainConfiguration, paused: Bool = false) {
        self.configuration = configuration
        self.paused = paused ? true : nil
    }
}

/// One line of the answer to `POST /v1/domains`, which is a stream of JSON objects, one a line.
///
/// `progress` lines come first; then `domain`, once it exists and runs; `error` if something failed, and then nothing
/// is left of the domain unless `domain` came before: it crashed at once. The stream ends about a quarter of a second
/// after `domain`.
public struct CreateUpdate: Codable, Hashable, Sendable {
    public var progress: String?
    public var domain: DomainInfo?
    public var error: APIError?
    /// Last lines of the console, with `error` when the domain crashed at once.
    public var console: String?
    public init(progress: String) { self.progress = progress }
    public init(domain: DomainInfo) { self.domain = domain }
    public init(error: APIError, console: String? = nil) {
        self.error = error
        self.console = console
    }
}

/// `POST /v1/domains/{id}/shutdown`.
public struct ShutdownRequest: Codable, Hashable, Sendable {
    /// Seconds to wait until the domain is down; nil: do not wait.
    public var wait: Int?
    public init(wait: Int? = nil) { self.wait = wait }
}

/// `POST /v1/domains/{id}/rename`.
public struct RenameRequest: Codable, Hashable, Sendable {
    public var name: String
    public init(name: String) { self.name = name }
}

/// A domain as `GET /v1/domains` lists it.
public struct DomainInfo: Codable, Hashable, Sendable {
    public var id: Int
    public var name: String
    public var uuid: String
    /// Several may hold at once, as in the columns of `xl list`.
    public var isRunning: Bool
    public var isBlocked: Bool
    public var isPaused: Bool
    public var isShutdown: Bool
    public var isCrashed: Bool
    public var isDying: Bool
    /// KiB in use.
    public var memory: UInt64
    /// KiB at most.
    public var maximumMemory: UInt64
    public var vcpus: Int
    /// Nanoseconds of all its vCPUs together.
    public var cpuTime: UInt64
    /// Seconds since svd saw it start, nil if it was there before.
    public var uptime: Int?

    private enum CodingKeys: String, CodingKey {
        case id, name, uuid, vcpus, uptime
        case isRunning = "running"
        case isBlocked = "blocked"
        case isPaused = "paused"
        case isShutdown = "shutdown"
        case isCrashed = "crashed"
        case isDying = "dying"
        case memory = "memory_kib"
        case maximumMemory = "max_memory_kib"
        case cpuTime = "cpu_time_ns"
    }

    public init(id: Int, name: String, uuid: String) {
        self.id = id
        self.name = name
        self.uuid = uuid
        isRunning = false
        isBlocked = false
        isPaused = false
        isShutdown = false
        isCrashed = false
        isDying = false
        memory = 0
        maximumMemory = 0
        vcpus = 0
        cpuTime = 0
    }

    /// Six letters, as `xl list` shows them: running, blocked, paused, shut down, crashed, dying.
    public var stateLetters: String {
        let letters: [(Bool, Character)] = [
            (isRunning, "r"), (isBlocked, "b"), (isPaused, "p"), (isShutdown, "s"), (isCrashed, "c"),
            (isDying, "d"),
        ]
        return String(letters.map { $0.0 ? $0.1 : "-" })
    }
}

/// One virtual CPU.
public struct VcpuInfo: Codable, Hashable, Sendable {
    public var id: Int
    public var isOnline: Bool
    public var isBlocked: Bool
    public var isRunning: Bool
    public var cpuTime: UInt64
    /// Physical CPU it runs or ran on.
    public var cpu: Int
    private enum CodingKeys: String, CodingKey {
        case id, cpu
        case isOnline = "online"
        case isBlocked = "blocked"
        case isRunning = "running"
        case cpuTime = "cpu_time_ns"
    }
    public init(id: Int, isOnline: Bool, isBlocked: Bool, isRunning: Bool, cpuTime: UInt64, cpu: Int) {
        self.id = id
        self.isOnline = isOnline
        self.isBlocked = isBlocked
        self.isRunning = isRunning
        self.cpuTime = cpuTime
        self.cpu = cpu
    }
}

/// `GET /v1/domains/{id}`.
public struct DomainDetails: Codable, Hashable, Sendable {
    public var domain: DomainInfo
    /// Nil for a domain that svd did not create.
    public var configuration: DomainConfiguration?
    public var vcpus: [VcpuInfo]
    /// Process that serves its disks and network cards.
    public var backendProcess: Int?
    private enum CodingKeys: String, CodingKey {
        case domain, configuration, vcpus
        case backendProcess = "backend_pid"
    }
    public init(
        domain: DomainInfo, configuration: DomainConfiguration?, vcpus: [VcpuInfo], backendProcess: Int?
    ) {
        self.domain = domain
        self.configuration = configuration
        self.vcpus = vcpus
        self.backendProcess = backendProcess
    }
}

/// `GET /v1/host`: the machine and the hypervisor, as `xl info` shows them.
public struct HostInfo: Codable, Hashable, Sendable {
    public var host = ""
    public var release = ""
    public var version = ""
    public var machine = ""
    public var cpuCount = 0
    public var maximumCpuID = 0
    public var nodeCount = 0
    public var coresPerSocket = 0
    public var threadsPerCore = 0
    public var cpuKilohertz = 0
    /// `hvm`, `hap`, … as `virt_caps` of xl.
    public var virtualCapabilities: [String] = []
    /// Bytes.
    public var totalMemory: UInt64 = 0
    public var freeMemory: UInt64 = 0
    public var freeCpus = 0
    public var xenMajor = 0
    public var xenMinor = 0
    public var xenExtra = ""
    public var xenCapabilities = ""
    public var xenScheduler = ""
    public var xenChangeset = ""
    public var xenCommandLine = ""
    public var xenCompiler = ""
    public var xenCompileBy = ""
    public var xenCompileDomain = ""
    public var xenCompileDate = ""
    public var svdRelease = ControlRelease.text

    private enum CodingKeys: String, CodingKey {
        case host, release, version, machine
        case cpuCount = "nr_cpus"
        case maximumCpuID = "max_cpu_id"
        case nodeCount = "nr_nodes"
        case coresPerSocket = "cores_per_socket"
        case threadsPerCore = "threads_per_core"
        case cpuKilohertz = "cpu_khz"
        case virtualCapabilities = "virt_caps"
        case totalMemory = "total_memory_bytes"
        case freeMemory = "free_memory_bytes"
        case freeCpus = "free_cpus"
        case xenMajor = "xen_major"
        case xenMinor = "xen_minor"
        case xenExtra = "xen_extra"
        case xenCapabilities = "xen_caps"
        case xenScheduler = "xen_scheduler"
        case xenChangeset = "xen_changeset"
        case xenCommandLine = "xen_commandline"
        case xenCompiler = "cc_compiler"
        case xenCompileBy = "cc_compile_by"
        case xenCompileDomain = "cc_compile_domain"
        case xenCompileDate = "cc_compile_date"
        case svdRelease = "svd_release"
    }
    public init() {}
}

/// One entry of `GET /v1/events`, a stream of server-sent events whose data is this object.
public struct DomainEvent: Codable, Hashable, Sendable {
    public enum Kind: String, Codable, Sendable {
        case created, unpaused, paused, renamed
        /// The domain stopped by itself; `reason` says how.
        case shutdown
        /// It stopped because it crashed; `console` has its last lines.
        case crashed
        /// It is gone.
        case destroyed
        /// A new domain is being made in its place.
        case restarting
        /// Its backend process died and is started again.
        case backendRestarted = "backend-restarted"
        /// Something failed that no request waits for.
        case failed
    }
    public var kind: Kind
    public var domain: Int
    public var name: String
    /// Seconds since 1970.
    public var time: Int
    public var reason: String?
    public var console: String?
    public init(
        kind: Kind, domain: Int, name: String, time: Int, reason: String? = nil, console: String? = nil
    ) {
        self.kind = kind
        self.domain = domain
        self.name = name
        self.time = time
        self.reason = reason
        self.console = console
    }
}

/// What `GET /v1/dmesg` answers: the hypervisor's log.
public struct HypervisorLog: Codable, Hashable, Sendable {
    public var text: String
    public init(text: String) { self.text = text }
}

extension APIError {
    /// A refused configuration as it crosses the interface.
    public init(_ error: ConfigurationError) {
        self.init(code: error.code.rawValue, message: error.description, hint: error.hint)
    }
}
