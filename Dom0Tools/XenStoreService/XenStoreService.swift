// SPDX-License-Identifier: Apache-2.0
import Glibc
public import Reactor
public import XenABI
public import XenStoreServer
import XenStoreWire

/// The store as a service of one reactor: the unix socket, the domains' rings, and clients in the same process.
///
/// With a journal it survives the death of its process: tree, introduced domains, their watches, and what was under way
/// in their rings. Everything here belongs to the reactor's thread.
public final class XenStoreService {
    /// The engine. Change it through `client` where possible: that also delivers what the change causes.
    public let store = XenStore()
    /// What the service has to say to a person.
    public var log: (String) -> Void = { _ in }
    /// A client with the rights of domain 0.
    public private(set) var client: LocalStoreClient

    let reactor: Reactor
    /// Those who want to know when a program comes that watches a path.
    let programWaiters = ProgramWaiters()
    private var listener: UnixListener?
    private let buffer = ReceiveBuffer(byteCount: 16384)
    var sockets: [ConnectionID: SocketConnection] = [:]
    private var rings: [ConnectionID: RingConnection] = [:]
    private var locals: [ConnectionID: LocalStoreClient] = [:]
    private var deliveryPlanned = false
    private var journal: JournalFile?
    private var journalPath = ""
    private var compactAt = 1 << 20
    private var record: [UInt8] = []

    /// Output a socket client may leave unread before no more requests are taken from it, in bytes.
    public var socketOutputLimit = 1 << 18
    /// Output a socket client may leave unread, by watch events, before it is cut off, in bytes.
    public var socketOutputHardLimit = 16 << 20
    /// Socket clients at the same time.
    public var socketLimit = 1000

    public init(reactor: Reactor) {
        self.reactor = reactor
        client = LocalStoreClient(id: store.connect(as: .zero), store: store)
        client.service = self
        locals[client.id] = client
        store.log = { [unowned self] in log($0) }
        store.onWatch = { [unowned self] id, path in programWatches(id, path) }
    }

    deinit { stop() }

    /// Closes the socket and all connections; the journal keeps the state.
    public func stop() {
        listener?.close()
        listener = nil
        for socket in sockets.values { if let watching = socket.watching { reactor.cancel(watching) } }
        sockets = [:]
        rings = [:]
        journal = nil
        store.recorder = nil
    }

    // MARK: The journal

    /// Keeps the state in the file from now on, and takes back what an earlier process left there.
    ///
    /// Call it before anything else. Then attach the rings of `store.restoredDomains`.
    public func openJournal(_ path: String) throws(SystemCallError) {
        let old = try JournalFile(path, fresh: false)
        var broken = 0
        old.read { bytes in
            guard let record = StoreRecord(bytes) else {
                broken += 1
                return
            }
            if !store.restore(record) { broken += 1 }
        }
        if broken > 0 { log("store: \(broken) records of \(path) make no sense and were left out") }
        store.connectionsWithOutput = []
        journalPath = path
        pendingRings = Dictionary(
            uniqueKeysWithValues: store.restoredDomains.map { ($0.domain, $0) })
        try compact()
        store.recorder = { [unowned self] in append($0) }
    }
    /// Domains whose rings are not attached again yet.
    private var pendingRings: [DomainID: IntroducedDomain] = [:]

    private func append(_ entry: StoreRecord) {
        guard let journal else { return }
        record.removeAll(keepingCapacity: true)
        entry.encode(to: &record)
        do {
            try journal.append(record)
        } catch {
            log("store: \(error); it will not survive a restart")
            self.journal = nil
        }
    }

    /// Writes the state as it is into a new file, which takes the place of the old one.
    private func compact() throws(SystemCallError) {
        let new = try JournalFile(journalPath + ".new", fresh: true)
        var failure: SystemCallError?
        func put(_ entry: StoreRecord) {
            record.removeAll(keepingCapacity: true)
            entry.encode(to: &record)
            do { try new.append(record) } catch { failure = error }
        }
        store.snapshot(put)
        for ring in store.introducedDomains {
            guard let id = store.ring(of: ring) else { continue }
            let input = rings[id]?.framer.pendingBytes ?? pendingRings[ring]?.input ?? []
            let output = store.unsentOutput(id, limit: 16384)
            if !input.isEmpty || !output.isEmpty { put(.ringState(ring, input: input, output: output)) }
        }
        if let failure { throw failure }
        try new.rename(to: journalPath)
        journal = new
        compactAt = max(1 << 20, new.byteCount * 4)
    }

    private func compactIfLong() {
        guard let journal, journal.byteCount > compactAt else { return }
        do {
            try compact()
        } catch {
            log("store: \(error); the journal stays as it is")
            compactAt *= 2
        }
    }

    // MARK: The socket

    /// Takes connections at the path, in place of whatever stands there.
    public func listen(at path: String) throws(SystemCallError) {
        listener = try UnixListener(reactor, path: path) { [unowned self] in accept($0) }
    }

    private func accept(_ fd: Int32) {
        guard sockets.count < socketLimit else {
            log("store: more than \(socketLimit) clients: one was turned away")
            return SystemCalls.close(fd)
        }
        let socket = SocketConnection(fd: fd, id: store.connect(as: .zero))
        sockets[socket.id] = socket
        do {
            socket.watching = try reactor.watch(fd, .readable) { [unowned self, unowned socket] ready in
                serve(socket, ready)
            }
        } catch {
            log("store: \(error)")
            drop(socket)
        }
    }

    private func serve(_ socket: SocketConnection, _ ready: Reactor.Interest) {
        if ready.contains(.readable) && socket.interest.contains(.readable) {
            switch buffer.receive(from: socket.fd) {
            case .closed: return drop(socket)
            case .nothingYet: break
            case .bytes(let count):
                let isFine = buffer.withReceived(count) { bytes in
                    do {
                        _ = try socket.framer.feed(bytes) { header, payload in
                            store.handle(header, payload, from: socket.id)
                            return true
                        }
                        return true
                    } catch {
                        return false
                    }
                }
                guard isFine else { return drop(socket) }
            }
        } else if ready.contains(.readable) && !ready.contains(.writable) {
            return drop(socket)  // hang-up while no requests are taken
        }
        if ready.contains(.writable) { flush(socket) }
        deliver()
    }

    private func flush(_ socket: SocketConnection) {
        var isGone = false
        store.sendOutput(socket.id) { bytes in
            guard let count = SystemCalls.send(bytes, to: socket.fd) else {
                isGone = true
                return 0
            }
            return count
        }
        let left = store.outputByteCount(socket.id)
        if isGone || left > socketOutputHardLimit { return drop(socket) }
        var interest: Reactor.Interest = left > socketOutputLimit ? [] : .readable
        if left > 0 { interest.insert(.writable) }
        guard interest != socket.interest, let watching = socket.watching else { return }
        socket.interest = interest
        do { try reactor.update(watching, interest) } catch { drop(socket) }
    }

    private func drop(_ socket: SocketConnection) {
        if let watching = socket.watching { reactor.cancel(watching) }
        store.disconnect(socket.id)
        sockets[socket.id] = nil
    }

    // MARK: Rings

    /// Serves the store to a domain, and fires `@introduceDomain`.
    ///
    /// - Parameters:
    ///   - frame: the guest frame of the ring page, for finding it after a restart. 0 for domain 0.
    ///   - port: the guest's port, likewise.
    public func introduce(_ domain: DomainID, frame: UInt64, port: EventPort, ring: XenStoreRing) {
        if let old = store.ring(of: domain) { rings[old] = nil }
        pendingRings[domain] = nil
        let id = store.introduce(domain, frame: frame, port: port)
        let connection = RingConnection(ring: ring, id: id)
        rings[id] = connection
        ring.open()
        ring.notify()
        serve(connection, domain)
        planDelivery()
    }

    /// Serves a domain of `store.restoredDomains` again. Its watches fire, as what changed meanwhile is not known.
    public func attach(_ domain: DomainID, ring: XenStoreRing) {
        guard let id = store.ring(of: domain) else { return }
        let restored = pendingRings.removeValue(forKey: domain)
        let connection = RingConnection(ring: ring, id: id, pending: restored?.input ?? [], isRecorded: true)
        rings[id] = connection
        ring.open()
        ring.notify()
        store.fireRestoredWatches(of: domain)
        serve(connection, domain)
        planDelivery()
    }

    /// The domain's event channel was raised.
    public func ringEvent(_ domain: DomainID) {
        guard let id = store.ring(of: domain), let connection = rings[id] else { return }
        serve(connection, domain)
        deliver()
    }

    /// Stops serving the domain and forgets what it had as a client. Fires `@releaseDomain`. Nothing happens if it is
    /// not introduced.
    public func release(_ domain: DomainID) {
        if let id = store.ring(of: domain) { rings[id] = nil }
        pendingRings[domain] = nil
        do { try store.release(domain) } catch { return }
        planDelivery()
    }

    /// Fires `@releaseDomain` for a domain that stopped and is still there.
    public func domainShutDown(_ domain: DomainID) {
        store.domainShutDown(domain)
        planDelivery()
    }

    private func serve(_ connection: RingConnection, _ domain: DomainID) {
        var moved = 0
        do {
            if connection.ring.isReconnecting {
                store.reset(connection.id)
                connection.framer = XenStoreFramer()
                connection.ring.reset()
                moved = 1
            }
            // A guest on another CPU could go on for ever: others have their turn after a few rounds.
            for round in 0... {
                if round == 8 {
                    reactor.after(milliseconds: 0) { [weak self] in self?.ringEvent(domain) }
                    break
                }
                var step = try fill(connection)
                if store.acceptsRequests(connection.id) {
                    step += try connection.ring.take { bytes in
                        let taken = try connection.framer.feed(bytes) { header, payload in
                            store.handle(header, payload, from: connection.id)
                            return store.acceptsRequests(connection.id)
                        }
                        // Replies are in the ring before the requests leave it, in case this process dies between.
                        step += try fill(connection)
                        noteState(connection, domain)
                        return taken
                    }
                }
                if step == 0 { break }
                moved += step
            }
        } catch is XenStoreRing.Corrupt {
            return giveUp(connection, domain, .ringIndex, "its ring indices are out of range")
        } catch {
            return giveUp(connection, domain, .protocolViolation, "it sent a payload of more than 4096 bytes")
        }
        noteState(connection, domain)
        if moved > 0 { connection.ring.notify() }
    }

    /// Moves output into the ring.
    private func fill(_ connection: RingConnection) throws(XenStoreRing.Corrupt) -> Int {
        var moved = 0
        var failure: XenStoreRing.Corrupt?
        store.sendOutput(connection.id) { bytes in
            do throws(XenStoreRing.Corrupt) { moved = try connection.ring.put(bytes) } catch {
                failure = error
            }
            return moved
        }
        if let failure { throw failure }
        return moved
    }

    private func noteState(_ connection: RingConnection, _ domain: DomainID) {
        guard journal != nil else { return }
        let isPending = !connection.framer.pendingBytes.isEmpty || store.outputByteCount(connection.id) > 0
        guard isPending || connection.isRecorded else { return }
        connection.isRecorded = isPending
        append(
            .ringState(
                domain, input: connection.framer.pendingBytes,
                output: store.unsentOutput(connection.id, limit: 16384)))
    }

    private func giveUp(
        _ connection: RingConnection, _ domain: DomainID, _ error: XenStoreRingError, _ reason: String
    ) {
        log("store: domain \(domain.rawValue) is not served any more: \(reason)")
        connection.ring.fail(error)
        rings[connection.id] = nil
        store.reset(connection.id)
    }

    // MARK: Delivery

    /// Delivers output after what is being done now.
    func planDelivery() {
        guard !deliveryPlanned else { return }
        deliveryPlanned = true
        reactor.after(milliseconds: 0) { [weak self] in
            self?.deliveryPlanned = false
            self?.deliver()
        }
    }

    /// Sends what waits, to everybody.
    private func deliver() {
        while !store.connectionsWithOutput.isEmpty {
            let ids = store.connectionsWithOutput
            store.connectionsWithOutput = []
            for id in ids {
                if let socket = sockets[id] {
                    if !socket.interest.contains(.writable) { flush(socket) }
                } else if let ring = rings[id] {
                    if store.outputByteCount(id) > 0, let domain = store.domain(of: id) {
                        serve(ring, domain)
                    }
                } else if let local = locals[id] {
                    local.takeEvents()
                }
            }
        }
        compactIfLong()
    }

    // MARK: Clients in the process

    /// Another client with the rights of domain 0.
    public func makeClient() -> LocalStoreClient {
        let client = LocalStoreClient(id: store.connect(as: .zero), store: store)
        client.service = self
        locals[client.id] = client
        return client
    }

    /// Ends a client: its watches and transactions are gone.
    public func close(_ client: LocalStoreClient) {
        store.disconnect(client.id)
        locals[client.id] = nil
    }
}
