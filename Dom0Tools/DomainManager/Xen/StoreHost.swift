// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
public import LinuxXen
public import Logging
public import Reactor
import SharedMemory
public import XenABI
import XenStoreServer
import XenStoreService
import XenStoreWire

/// The store of this machine: the service with its socket, the ring of domain 0's kernel, and those of all domains.
public final class StoreHost: StoreAccess {
    private let service: XenStoreService
    private let control: XenControl
    private let channels: any EventChannels
    /// Local ports of the rings that are served in this life of svd.
    private var ports: [DomainID: EventPort] = [:]
    private let socket: String

    /// Starts the store: takes back what an earlier svd left, serves the kernel of domain 0, and opens the socket.
    ///
    /// - Parameters:
    ///   - directory: of the socket, `/run/xenstored`.
    ///   - journal: the file the store's state is kept in. It must not outlive the machine's boot.
    public init(
        reactor: Reactor, control: XenControl, channels: any EventChannels, directory: String,
        journal: String,
        logger: Logger
    ) throws(APIError) {
        self.control = control
        self.channels = channels
        socket = directory + "/socket"
        service = XenStoreService(reactor: reactor)
        service.log = { logger.warning("\($0)") }
        do throws(SystemCallError) {
            try service.openJournal(journal)
        } catch {
            throw APIError(.store, "store: \(error)", hint: "check the directory of the journal")
        }
        try serveKernel()
        try describeDomainZero()
        do throws(SystemCallError) {
            try service.listen(at: socket)
        } catch {
            throw APIError(.store, "store: \(error)", hint: "check the directory of the socket")
        }
    }

    /// Closes the socket and lets go of all rings. Clients find the store again when svd starts again.
    public func close() {
        service.stop()
        for port in ports.values { channels.close(port) }
        ports = [:]
    }

    private func serveKernel() throws(APIError) {
        let kernel: StoreDaemonPort
        do throws(XenCallError) {
            kernel = try StoreDaemonPort()
        } catch {
            throw APIError(
                .notDomainZero, "the kernel offers no store: \(error)",
                hint: "run svd in domain 0, with xenfs mounted: mount -t xenfs xenfs /proc/xen")
        }
        do throws(APIError) {
            try serve(.zero, frame: 0, port: kernel.port, page: kernel.ring)
        } catch {
            // The kernel's port has a peer already.
            throw APIError(
                .xenstoredRunning, "another store daemon serves this machine: \(error.message)",
                hint:
                    "stop xenstored or oxenstored, and restart the machine: the kernel accepts one store a boot"
            )
        }
    }

    private func serve(_ domain: DomainID, frame: UInt64, port: EventPort, page: MappedPages) throws(APIError)
    {
        if let old = ports.removeValue(forKey: domain) { channels.close(old) }
        let service = service
        let local = try channels.bind(port, of: domain) { [unowned service] in service.ringEvent(domain) }
        ports[domain] = local
        let channels = channels
        let ring = XenStoreRing(page: page.shared(as: XenStoreRingLayout.self), owner: page) {
            channels.notify(local)
        }
        if service.store.isIntroduced(domain) {
            service.attach(domain, ring: ring)
        } else {
            service.introduce(domain, frame: frame, port: port, ring: ring)
        }
    }

    /// What xen-init-dom0 writes.
    private func describeDomainZero() throws(APIError) {
        for (path, value) in [
            ("/tool/xenstored", ""), ("/local/domain/0/name", "Domain-0"), ("/local/domain/0/domid", "0"),
            ("/local/domain/0/control/feature-poweroff", "1"),
            ("/local/domain/0/control/feature-reboot", "1"),
        ] {
            try write(path, value)
        }
    }

    // MARK: StoreAccess

    private func call<Value>(
        _ path: String, _ body: () throws(XenStoreError) -> Value
    ) throws(APIError) -> Value {
        do throws(XenStoreError) {
            return try body()
        } catch {
            throw APIError(
                .store, "the store refuses \(path): \(error)", hint: "see svd's log", details: ["path": path])
        }
    }

    public func read(_ path: String) -> String? { service.client.read(path) }
    public func children(_ path: String) -> [String] { service.client.directory(path) }
    public func write(_ path: String, _ value: String) throws(APIError) {
        try call(path) { () throws(XenStoreError) in try service.client.write(path, value) }
    }
    public func setPermissions(_ path: String, _ permissions: [String]) throws(APIError) {
        let parsed = permissions.compactMap { XenStorePermission(Array($0.utf8).span) }
        try call(path) { () throws(XenStoreError) in try service.client.setPermissions(path, parsed) }
    }
    public func remove(_ path: String) { try? service.client.remove(path) }

    public func watch(_ path: String, _ handler: @escaping (String) -> Void) -> StoreWatch {
        // Fails only for a malformed path, and ours are made of numbers and names of device kinds.
        let watch = try? service.client.watch(path, handler)
        return StoreWatch(number: watch?.number ?? 0)
    }
    public func unwatch(_ watch: StoreWatch) {
        service.client.unwatch(LocalStoreClient.Watch(number: watch.number))
    }

    public func whenProgramWatches(_ path: String, _ handler: @escaping () -> Void) -> () -> Void {
        let service = service
        let number = service.whenProgramWatches(path, below: DomainNodes.backendHome, handler)
        return { service.forgetWaiter(number) }
    }

    public func introduce(_ domain: DomainID, ringAt frame: GuestFrame, port: EventPort) throws(APIError) {
        let page: MappedPages
        do throws(XenCallError) {
            page = try control.map([frame], of: domain)
        } catch {
            throw APIError(hypervisor: error)
        }
        try serve(domain, frame: frame.rawValue, port: port, page: page)
    }

    public func release(_ domain: DomainID) {
        service.release(domain)
        if let port = ports.removeValue(forKey: domain) { channels.close(port) }
    }

    public func announceStop(of domain: DomainID) { service.domainShutDown(domain) }

    public func releaseAll(except domains: Set<DomainID>) {
        for domain in service.store.introducedDomains where domain != .zero && !domains.contains(domain) {
            release(domain)
        }
    }
}
