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
    private var reply: (header: XenStoreHeader, payload: [UInt8])?

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

    /// Connects again after a loss and puts the watches back.
    private func reconnect() throws(StoreClientError) {
        try connect()
        log("the store is back")
        for (number, watch) in watches {
            var token: [UInt8] = []
            token.append(decimal: number)
            _ = try exchange(
                .watch(Array(watch.path.utf8), token: token, depth: watch.depth), 0, "watch \(watch.path)")
        }
    }

    private func reconnectLater() {
        guard let reactor, !watches.isEmpty, retry?.isPending != true else { return }
        retry = reactor.after(milliseconds: 50) { [weak self] in
            guard let self, socket == nil else { return }
            do {
                try reconnect()
            } catch {
                disconnect()
                reconnectLater()
            }
        }
    }
    private var retry: Reactor.Timer?

    // MARK: Requests

    /// Sends a request and waits for its answer; events that come before it are kept.
    private func exchange(
        _ request: XenStoreRequest, _ transaction: UInt32, _ operation: @autoclosure () -> String
    ) throws(StoreClientError) -> [UInt8] {
        if socket == nil {
            // A transaction does not survive its connection.
            guard transaction == 0 else { throw .refused(operation: operation(), .tryAgain) }
            try reconnect()
        }
        guard let socket else { throw .connectionLost(operation: operation()) }
        requestID &+= 1
        let id = requestID
        var packet: [UInt8] = []
        do {
            try request.encode(requestID: id, transactionID: transaction, to: &packet)
        } catch {
            throw .refused(operation: operation(), error)
        }
        guard socket.send(packet) else { throw lost(operation()) }
        reply = nil
        while true {
            guard let bytes = socket.receive(blocks: true), take(bytes) else { throw lost(operation()) }
            guard let (header, payload) = reply, header.requestID == id else { continue }
            reply = nil
            if header.operation == .error {
                throw .refused(operation: operation(), XenStoreError(name: payload.span))
            }
            return payload
        }
    }

    private func lost(_ operation: String) -> StoreClientError {
        log("the store went away")
        disconnect()
        reconnectLater()
        return .connectionLost(operation: operation)
    }

    /// Sorts what came into the answer and events. False if it makes no sense.
    private func take(_ bytes: [UInt8]) -> Bool {
        do {
            _ = try framer.feed(bytes.span) { header, payload in
                if header.operation != .watchEvent {
                    reply = (header, payload.copied())
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
        guard let bytes = socket.receive(blocks: false), take(bytes) else {
            log("the store went away")
            disconnect()
            reconnectLater()
            return
        }
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
            return try exchange(.read(bytes(path)), transaction, "read \(path)")
        } catch .refused(_, .noEntry) {
            return nil
        }
    }

    /// The names of the nodes below `path`; empty if there is no such node.
    public func directory(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) -> [String] {
        let names: [UInt8]
        do {
            names = try exchange(.directory(bytes(path)), transaction, "list \(path)")
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
            let part = try exchange(
                .directoryPart(bytes(path), offset: UInt32(names.count)), transaction, "list \(path)")
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
        _ = try exchange(.write(bytes(path), value: value), transaction, "write \(path)")
    }

    /// Makes the node, and its parents, if they are missing.
    public func makeDirectory(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) {
        _ = try exchange(.makeDirectory(bytes(path)), transaction, "make \(path)")
    }

    /// Removes the node and all below it; no node is no error.
    public func remove(_ path: String, in transaction: UInt32 = 0) throws(StoreClientError) {
        do {
            _ = try exchange(.remove(bytes(path)), transaction, "remove \(path)")
        } catch .refused(_, .noEntry) {}
    }

    /// The permissions of a node; the first entry names the owner.
    public func permissions(
        _ path: String, in transaction: UInt32 = 0
    ) throws(StoreClientError) -> [XenStorePermission] {
        let text = try exchange(.getPermissions(bytes(path)), transaction, "read permissions of \(path)")
        return text.split(separator: 0).compactMap { XenStorePermission(Array($0).span) }
    }

    /// Replaces the permissions of a node; the first entry names the owner.
    public func setPermissions(
        _ path: String, _ permissions: [XenStorePermission], in transaction: UInt32 = 0
    ) throws(StoreClientError) {
        _ = try exchange(
            .setPermissions(bytes(path), permissions), transaction, "set permissions of \(path)")
    }

    /// Does all that `body` does, or nothing if it throws; again from the start if somebody else changed the same nodes.
    ///
    /// - Parameter body: gets the transaction's number, for `in:`.
    public func transaction(
        _ body: (UInt32) throws(StoreClientError) -> Void
    ) throws(StoreClientError) {
        while true {
            let text = try exchange(.transactionStart, 0, "start a transaction")
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
                    do { _ = try exchange(.transactionEnd(commits: false), number, "abort") } catch {}
                }
                throw error
            }
            do {
                _ = try exchange(.transactionEnd(commits: true), number, "commit")
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
        var token: [UInt8] = []
        token.append(decimal: number)
        watches[number] = Registration(path: path, depth: depth, handler: handler)
        do {
            _ = try exchange(.watch(bytes(path), token: token, depth: depth), 0, "watch \(path)")
        } catch .refused(_, .exists) {
            // The request made the client connect anew, which put back this watch with the others.
        } catch {
            watches[number] = nil
            throw error
        }
        return Watch(number: number)
    }

    /// Ends a watch: its handler is not called again.
    public func unwatch(_ watch: Watch) {
        guard let registration = watches.removeValue(forKey: watch.number), socket != nil else { return }
        var token: [UInt8] = []
        token.append(decimal: watch.number)
        do { _ = try exchange(.unwatch(bytes(registration.path), token: token), 0, "unwatch") } catch {}
    }
}
