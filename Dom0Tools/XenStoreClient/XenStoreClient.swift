// SPDX-License-Identifier: Apache-2.0
public import Reactor
public import XenStoreWire

/// A client of the store through its unix socket. Requests wait for their answer; watches are told of from a reactor.
///
/// When the store is restarted the client connects anew, registers its watches again, and calls each handler once, as a
/// change may have been missed. For one thread.
public final class XenStoreClient {
    /// Where the store listens.
    public static let defaultSocket = "/run/xenstored/socket"

    /// Names a watch.
    public struct Watch: Hashable, Sendable {
        public let number: UInt64
        public init(number: UInt64) { self.number = number }
    }

    /// Told when the store went away and when it is back.
    public var log: (String) -> Void = { _ in }

    private struct Registration {
        let path: String
        let depth: UInt32?
        let handler: (String) -> Void
    }

    private let path: String
    private let reactor: Reactor?
    private var socket: StoreSocket?
    private var watching: Reactor.Watching?
    private var framer = XenStoreFramer()
    private var requestID: UInt32 = 0
    private var watches: [UInt64: Registration] = [:]
    private var watchesMade: UInt64 = 0
    private var events: [(watch: UInt64, path: String)] = []
    private var deliveryPlanned = false
    private var replies: [(header: XenStoreHeader, payload: [UInt8])] = []
    private var retry: Reactor.Timer?

    /// Connects.
    ///
    /// - Parameter reactor: where watches are told of; without one there are no watches.
    public init(socket path: String = XenStoreClient.defaultSocket, reactor: Reactor?)
        throws(StoreClientError)
    {
        self.path = path
        self.reactor = reactor
        try connect()
    }

    deinit {
        retry?.cancel()
        if let watching { reactor?.cancel(watching) }
    }

    // MARK: The connection

    private func connect() throws(StoreClientError) {
        let socket = try StoreSocket(path: path)
        self.socket = socket
        framer = XenStoreFramer()
        guard let reactor else { return }
        do {
            watching = try reactor.watch(socket.fd, .readable) { [weak self] _ in self?.receiveEvents() }
        } catch {
            self.socket = nil
            throw .unreachable(socket: path, number: error.number)
        }
    }

    private func disconnect() {
        if let watching { reactor?.cancel(watching) }
        watching = nil
        socket = nil
        framer = XenStoreFramer()
    }

    /// Connects again after a loss and puts the watches back, all or none.
    private func reconnect() throws(StoreClientError) {
        try connect()
        do throws(StoreClientError) {
            for (number, watch) in watches.sorted(by: { $0.key < $1.key }) { try set(number, watch) }
        } catch {
            disconnect()
            reconnectLater()
            throw error
        }
        log("the store is back")
    }

    private func reconnectLater() {
        guard let reactor, !watches.isEmpty, retry?.isPending != true else { return }
        retry = reactor.after(milliseconds: 50) { [weak self] in
            guard let self, socket == nil else { return }
            do { try reconnect() } catch { reconnectLater() }
        }
    }

    // MARK: Requests

    /// Sends a request and waits for its answer; events that come before it are kept.
    private func exchange(
        _ request: XenStoreRequest, _ transaction: UInt32 = 0
    ) throws(StoreClientError) -> [UInt8] {
        try exchange([request], transaction)[0]
    }

    /// Sends requests together and waits for all the answers.
    ///
    /// - Throws: the first refusal.
    private func exchange(
        _ requests: [XenStoreRequest], _ transaction: UInt32
    ) throws(StoreClientError) -> [[UInt8]] {
        if socket == nil {
            // A transaction does not survive its connection.
            guard transaction == 0 else { throw .refused(operation: requests[0].purpose, .tryAgain) }
            try reconnect()
        }
        guard let socket else { throw .connectionLost(operation: requests[0].purpose) }
        let first = requestID
        var packets: [UInt8] = []
        for request in requests {
            do {
                try request.encode(requestID: requestID, transactionID: transaction, to: &packets)
            } catch {
                throw .refused(operation: request.purpose, error)
            }
            requestID &+= 1
        }
        guard socket.send(packets) else { throw lost(requests[0]) }
        replies.removeAll(keepingCapacity: true)
        while replies.count < requests.count {
            guard let bytes = socket.receive(blocks: true), take(bytes) else {
                throw lost(requests[replies.count])
            }
        }
        for (index, reply) in replies.enumerated() {
            guard index < requests.count, reply.header.requestID == first &+ UInt32(index) else {
                throw lost(requests[min(index, requests.count - 1)])
            }
            if reply.header.operation == .error {
                throw .refused(
                    operation: requests[index].purpose, XenStoreError(name: reply.payload.span))
            }
        }
        return replies.map(\.payload)
    }

    private func lost(_ request: XenStoreRequest) -> StoreClientError {
        lost()
        return .connectionLost(operation: request.purpose)
    }
    private func lost() {
        log("the store went away")
        disconnect()
        reconnectLater()
    }

    /// Sorts what came into the answer and events. False if it makes no sense.
    private func take(_ bytes: [UInt8]) -> Bool {
        do {
            _ = try framer.feed(bytes.span) { header, payload in
                if header.operation != .watchEvent {
                    replies.append((header, payload.copied()))
                    return true
                }
                var fields = XenStoreFields(payload)
                guard let path = fields.next(), let token = fields.next(),
                    let number = payload.extracting(token).decimal(as: UInt64.self)
                else { return true }
                events.append((number, String(decoding: payload.extracting(path).copied(), as: UTF8.self)))
                return true
            }
        } catch {
            return false
        }
        if !events.isEmpty { planDelivery() }
        return true
    }

    // MARK: Events

    private func receiveEvents() {
        guard let socket else { return }
        guard let bytes = socket.receive(blocks: false), take(bytes) else { return lost() }
        deliver()
    }

    private func planDelivery() {
        guard !deliveryPlanned, let reactor else { return }
        deliveryPlanned = true
        reactor.after(milliseconds: 0) { [weak self] in
            self?.deliveryPlanned = false
            self?.deliver()
        }
    }

    private func deliver() {
        while !events.isEmpty {
            let taken = events
            events = []
            for event in taken { watches[event.watch]?.handler(event.path) }
        }
    }

    // MARK: Operations

    private func bytes(_ path: String) -> [UInt8] { Array(path.utf8) }

    /// The value at `path`; nil if there is no such node.
    public func read(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) -> String? {
        try readBytes(path, in: transaction).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The value at `path`; nil if there is no such node.
    public func readBytes(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) -> [UInt8]? {
        do {
            return try exchange(.read(bytes(path)), transaction)
        } catch .refused(_, .noEntry) {
            return nil
        }
    }

    /// The names of the nodes below `path`; empty if there is no such node.
    public func directory(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) -> [String] {
        let names: [UInt8]
        do {
            names = try exchange(.directory(bytes(path)), transaction)
        } catch .refused(_, .noEntry) {
            return []
        } catch .refused(_, .tooBig) {
            names = try longDirectory(path, transaction)
        }
        return names.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A directory that does not fit a packet, piece by piece; from the start again if it changes meanwhile.
    private func longDirectory(_ path: String, _ transaction: UInt32) throws(StoreClientError) -> [UInt8] {
        var names: [UInt8] = []
        var generation: [UInt8]?
        while true {
            let part = try exchange(.directoryPart(bytes(path), offset: UInt32(names.count)), transaction)
            guard let end = part.firstIndex(of: 0) else {
                throw .refused(operation: "list \(path)", .inputOutput)
            }
            let current = Array(part[..<end])
            if let generation, generation != current {
                names = []
            } else {
                names += part[(end + 1)...]
                if names.count >= 2 && names.suffix(2) == [0, 0] || names == [0] { return names }
                if part.count == end + 1 { throw .refused(operation: "list \(path)", .inputOutput) }
            }
            generation = current
        }
    }

    /// Writes; makes the node and its parents if they are missing.
    public func write(_ path: String, _ value: String, in transaction: UInt32 = 0) throws(StoreClientError) {
        try write(path, Array(value.utf8), in: transaction)
    }

    /// Writes; makes the node and its parents if they are missing.
    public func write(_ path: String, _ value: [UInt8], in transaction: UInt32 = 0) throws(StoreClientError) {
        _ = try exchange(.write(bytes(path), value: value), transaction)
    }

    /// Writes all the values at once, or none. Nothing is written, and that is no error, if there is no node `anchor`.
    public func write(
        _ values: [(path: String, value: String)], ifPresent anchor: String
    ) throws(StoreClientError) {
        let requests =
            [XenStoreRequest.read(bytes(anchor))]
            + values.map { .write(bytes($0.path), value: Array($0.value.utf8)) }
        do {
            try transaction { number throws(StoreClientError) in _ = try exchange(requests, number) }
        } catch .refused(_, .noEntry) {}
    }

    /// Makes the node, and its parents, if they are missing.
    public func makeDirectory(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) {
        _ = try exchange(.makeDirectory(bytes(path)), transaction)
    }

    /// Removes the node and all below it; no node is no error.
    public func remove(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) {
        do {
            _ = try exchange(.remove(bytes(path)), transaction)
        } catch .refused(_, .noEntry) {}
    }

    /// The permissions of a node; the first entry names the owner.
    public func permissions(
        _ path: String, in transaction: UInt32 = 0
    ) throws(StoreClientError) -> [XenStorePermission] {
        let text = try exchange(.getPermissions(bytes(path)), transaction)
        return text.split(separator: 0).compactMap { XenStorePermission(Array($0).span) }
    }

    /// Replaces the permissions of a node; the first entry names the owner.
    public func setPermissions(
        _ path: String, _ permissions: [XenStorePermission], in transaction: UInt32 = 0
    ) throws(StoreClientError) {
        _ = try exchange(.setPermissions(bytes(path), permissions), transaction)
    }

    /// Does all that `body` does, or nothing if it throws; again from the start if somebody else changed the same nodes.
    ///
    /// - Parameter body: gets the transaction's number, for `in:`.
    public func transaction(
        _ body: (UInt32) throws(StoreClientError) -> Void
    ) throws(StoreClientError) {
        while true {
            let text = try exchange(.transactionStart)
            guard let number = text.span.extracting(0..<max(text.count - 1, 0)).decimal(as: UInt32.self)
            else {
                throw .refused(operation: "start a transaction", .inputOutput)
            }
            do {
                try body(number)
            } catch .refused(_, .tryAgain) {
                continue
            } catch {
                if socket != nil {
                    do { _ = try exchange(.transactionEnd(commits: false), number) } catch {}
                }
                throw error
            }
            do {
                _ = try exchange(.transactionEnd(commits: true), number)
                return
            } catch .refused(_, .tryAgain) {
                continue
            }
        }
    }

    /// Calls `handler` soon, and then after each change at or below the path, with the changed node's path.
    public func watch(
        _ path: String, depth: UInt32? = nil, _ handler: @escaping (String) -> Void
    ) throws(StoreClientError) -> Watch {
        watchesMade += 1
        let number = watchesMade
        let watch = Registration(path: path, depth: depth, handler: handler)
        watches[number] = watch
        do {
            try set(number, watch)
        } catch {
            watches[number] = nil
            throw error
        }
        return Watch(number: number)
    }

    private func set(_ number: UInt64, _ watch: Registration) throws(StoreClientError) {
        do {
            _ = try exchange(.watch(bytes(watch.path), token: token(number), depth: watch.depth))
        } catch .refused(_, .exists) {
            // The request made the client connect anew, which put back this watch with the others.
        }
    }
    private func token(_ number: UInt64) -> [UInt8] {
        var token: [UInt8] = []
        token.append(decimal: number)
        return token
    }

    /// Ends a watch: its handler is not called again.
    public func unwatch(_ watch: Watch) {
        guard let registration = watches.removeValue(forKey: watch.number), socket != nil else { return }
        do { _ = try exchange(.unwatch(bytes(registration.path), token: token(watch.number))) } catch {}
    }
}
