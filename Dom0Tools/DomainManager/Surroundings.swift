// SPDX-License-Identifier: Apache-2.0
public import Configuration
public import ControlAPI
public import TrafficCounts
public import XenABI

/// What the manager asks of the hypervisor. `XenHypervisor` is the real one.
public protocol HypervisorAccess: AnyObject {
    /// All domains, domain 0 included, in the order of their numbers.
    func domains() throws(APIError) -> [DomainStatus]
    /// Nil if there is none of this number.
    func status(of domain: DomainID) throws(APIError) -> DomainStatus?
    func vcpu(_ number: UInt32, of domain: DomainID) throws(APIError) -> ControlAPI.VcpuInfo
    func pause(_ domain: DomainID) throws(APIError)
    func unpause(_ domain: DomainID) throws(APIError)
    func destroy(_ domain: DomainID) throws(APIError)
    func setHandle(_ handle: [UInt8], of domain: DomainID) throws(APIError)
    /// Bytes that a new domain could get.
    func freeMemory() throws(APIError) -> UInt64
    func hostInfo() throws(APIError) -> HostInfo
    /// The hypervisor's log.
    func log(clear: Bool) throws(APIError) -> [UInt8]
    /// Where the store ring and the console ring of a running domain are, for taking it over after a restart.
    func rings(of domain: DomainID) throws(APIError) -> GuestRings
    /// Maps a console ring; it stays mapped while the answer lives.
    func mapConsole(of domain: DomainID, at frame: GuestFrame) throws(APIError) -> ConsoleRing
}

/// Where a domain's two first rings are: frames and ports are the domain's own.
public struct GuestRings: Codable, Hashable, Sendable {
    public var storeFrame: UInt64
    public var storePort: UInt32
    public var consoleFrame: UInt64
    public var consolePort: UInt32
    public init(storeFrame: UInt64, storePort: UInt32, consoleFrame: UInt64, consolePort: UInt32) {
        self.storeFrame = storeFrame
        self.storePort = storePort
        self.consoleFrame = consoleFrame
        self.consolePort = consolePort
    }
}

/// Makes domains. `XenBuilder` is the real one.
public protocol DomainBuilding: AnyObject {
    /// Builds a paused domain from files; on failure nothing is left of it.
    func build(
        _ configuration: DomainConfiguration, uuid: DomainUUID, progress: (String) -> Void
    ) throws(APIError) -> (id: DomainID, rings: GuestRings)
}

/// Event channels of domain 0, delivered on the manager's thread. `EventHub` is the real one.
public protocol EventChannels: AnyObject {
    /// Connects to `port` of `domain`; `handler` is called for each event until `close`. Returns the local port.
    func bind(_ port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void) throws(APIError)
        -> EventPort
    func notify(_ port: EventPort)
    func close(_ port: EventPort)
}

/// The store as domain 0 sees it from inside svd. `StoreHost` is the real one.
public protocol StoreAccess: AnyObject {
    /// The value at `path`, nil if there is no such node.
    func read(_ path: String) -> String?
    /// Names of the nodes below `path`; empty if there is no such node.
    func children(_ path: String) -> [String]
    /// Creates parents as needed.
    func write(_ path: String, _ value: String) throws(APIError)
    /// `permissions` as in the protocol: `n0`, `r5`, …
    func setPermissions(_ path: String, _ permissions: [String]) throws(APIError)
    /// Nothing happens if there is no such node.
    func remove(_ path: String)
    /// Calls `handler` with the path of each change at or below `path`, until `unwatch`. The first call comes at once.
    func watch(_ path: String, _ handler: @escaping (String) -> Void) -> StoreWatch
    func unwatch(_ watch: StoreWatch)
    /// Calls `handler` once, later, when a program in domain 0 watches `path`, which lies below the directory of all
    /// backends: soon, if one does already.
    /// - Returns: what ends the wait.
    func whenProgramWatches(_ path: String, _ handler: @escaping () -> Void) -> () -> Void
    /// Serves the store to a domain on its ring, and fires `@introduceDomain`.
    func introduce(_ domain: DomainID, ringAt frame: GuestFrame, port: EventPort) throws(APIError)
    /// Stops that and forgets what the domain owned as a client: watches, transactions. Fires `@releaseDomain`.
    func release(_ domain: DomainID)
    /// Fires `@releaseDomain` for a domain that stopped and is still there.
    func announceStop(of domain: DomainID)
    /// Releases every domain but domain 0 and those named: the others ended while nobody looked.
    func releaseAll(except domains: Set<DomainID>)
}

/// Names a watch.
public struct StoreWatch: Hashable, Sendable {
    public let number: UInt64
    public init(number: UInt64) { self.number = number }
}

/// Files, network interfaces and processes of domain 0. `LinuxHost` is the real one.
public protocol HostAccess: AnyObject {
    /// What a path names, after opening it the way it will be used.
    func inspect(_ path: String, forWriting: Bool) throws(HostFailure) -> HostFile
    func isBridge(_ name: String) -> Bool
    func interfaceExists(_ name: String) -> Bool
    /// What the backend of a domain has moved; nil if it does not tell.
    func traffic(of domain: DomainID) -> TrafficCounts?
    /// The domain is gone, or about to be made: what was counted for its number is not its own.
    func forgetTraffic(of domain: DomainID)
    /// Starts the process that serves a domain's devices. `onExit` is called once, with what became of it.
    func startBackend(
        for domain: DomainID, name: String, onExit: @escaping (String) -> Void
    ) throws(HostFailure) -> BackendProcess
    /// The process of that number, if it is still the backend of that domain.
    func adoptBackend(_ number: Int, for domain: DomainID, onExit: @escaping (String) -> Void)
        -> BackendProcess?
    /// Seconds since 1970.
    var now: Int { get }
    /// Identification of the running kernel.
    func describe(_ info: inout HostInfo)
}

/// A file that is about to be used.
public struct HostFile: Hashable, Sendable {
    /// The same for two paths to the same data.
    public var identity: String
    /// Bytes.
    public var size: UInt64
    public init(identity: String, size: UInt64) {
        self.identity = identity
        self.size = size
    }
}

/// A system call failed.
public struct HostFailure: Error, Hashable, Sendable {
    /// `No such file or directory`, …
    public let text: String
    public init(_ text: String) { self.text = text }
}

/// A running backend.
public protocol BackendProcess: AnyObject {
    /// Process number.
    var number: Int { get }
    var isRunning: Bool { get }
    /// Ends it, without ceremony: its domain is gone already. Calls `done` when nothing of it is left.
    func stop(_ done: @escaping () -> Void)
}
