// SPDX-License-Identifier: Apache-2.0
import XenStoreServer
public import XenStoreWire

/// A client of the store in the process that serves it. Calls take effect at once; what they cause elsewhere (events,
/// also to handlers of this client) is delivered afterwards, from the reactor.
public final class LocalStoreClient {
    let id: ConnectionID
    private let store: XenStore
    weak var service: XenStoreService?
    private var handlers: [UInt64: (path: [UInt8], handler: (String) -> Void)] = [:]
    private var watchesMade: UInt64 = 0
    private var framer = XenStoreFramer()

    /// Names a watch.
    public struct Watch: Hashable, Sendable {
        public let number: UInt64
        public init(number: UInt64) { self.number = number }
    }

    init(id: ConnectionID, store: XenStore) {
        self.id = id
        self.store = store
    }

    private func bytes(_ path: String) -> [UInt8] { Array(path.utf8) }

    /// The value at `path`; nil if there is no such node. Bytes that are no text come out replaced.
    public func read(_ path: String, in transaction: UInt32 = 0) -> String? {
        readBytes(path, in: transaction).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The value at `path`; nil if there is no such node.
    public func readBytes(_ path: String, in transaction: UInt32 = 0) -> [UInt8]? {
        do { return try store.read(bytes(path), as: id, in: transaction) } catch { return nil }
    }

    /// The names of the nodes below `path`, in order; empty if there is no such node.
    public func directory(_ path: String, in transaction: UInt32 = 0) -> [String] {
        do {
            return try store.directory(bytes(path), as: id, in: transaction).split(separator: 0)
                .map { String(decoding: $0, as: UTF8.self) }
        } catch {
            return []
        }
    }

    /// The permissions of a node.
    public func permissions(
        _ path: String, in transaction: UInt32 = 0
    ) throws(XenStoreError) -> [XenStorePermission] {
        try store.permissions(bytes(path), as: id, in: transaction)
    }

    /// Writes; makes the node and its parents if they are missing.
    public func write(_ path: String, _ value: String, in transaction: UInt32 = 0) throws(XenStoreError) {
        try write(path, Array(value.utf8), in: transaction)
    }

    /// Writes; makes the node and its parents if they are missing.
    public func write(_ path: String, _ value: [UInt8], in transaction: UInt32 = 0) throws(XenStoreError) {
        try store.write(bytes(path), value, as: id, in: transaction)
        service?.planDelivery()
    }

    /// Makes the node, and its parents, if they are missing.
    public func makeDirectory(_ path: String, in transaction: UInt32 = 0) throws(XenStoreError) {
        try store.makeDirectory(bytes(path), as: id, in: transaction)
        service?.planDelivery()
    }

    /// Removes the node and all below it. Nothing happens if there is no such node.
    public func remove(_ path: String, in transaction: UInt32 = 0) throws(XenStoreError) {
        do { try store.remove(bytes(path), as: id, in: transaction) } catch .noEntry {}
        service?.planDelivery()
    }

    /// Replaces the permissions; the first entry names the owner.
    public func setPermissions(
        _ path: String, _ permissions: [XenStorePermission], in transaction: UInt32 = 0
    ) throws(XenStoreError) {
        try store.setPermissions(bytes(path), permissions, as: id, in: transaction)
        service?.planDelivery()
    }

    /// Does all that `body` does, or nothing if it throws. Nobody else comes between.
    ///
    /// - Parameter body: gets the transaction's number, for `in:`.
    public func transaction(_ body: (UInt32) throws(XenStoreError) -> Void) throws(XenStoreError) {
        let number = try store.startTransaction(as: id)
        do {
            try body(number)
        } catch {
            do { try store.endTransaction(number, commits: false, as: id) } catch {}
            throw error
        }
        try store.endTransaction(number, commits: true, as: id)
        service?.planDelivery()
    }

    /// Calls `handler` soon, and then after each change at or below the path, with the changed node's path.
    public func watch(
        _ path: String, depth: UInt32? = nil, _ handler: @escaping (String) -> Void
    ) throws(XenStoreError) -> Watch {
        watchesMade += 1
        var token: [UInt8] = []
        token.append(decimal: watchesMade)
        try store.watch(bytes(path), token: token, depth: depth, as: id)
        handlers[watchesMade] = (bytes(path), handler)
        service?.planDelivery()
        return Watch(number: watchesMade)
    }

    /// Ends the watch: its handler is not called again.
    public func unwatch(_ watch: Watch) {
        guard let entry = handlers.removeValue(forKey: watch.number) else { return }
        var token: [UInt8] = []
        token.append(decimal: watch.number)
        do { try store.unwatch(entry.path, token: token, as: id) } catch {}
    }

    /// Calls the handlers of the events that wait.
    func takeEvents() {
        var events: [(UInt64, String)] = []
        store.sendOutput(id) { bytes in
            do {
                return try framer.feed(bytes) { header, payload in
                    guard header.operation == .watchEvent else { return true }
                    var fields = XenStoreFields(payload)
                    guard let path = fields.next(), let token = fields.next(),
                        let number = payload.extracting(token).decimal(as: UInt64.self)
                    else { return true }
                    events.append(
                        (number, String(decoding: payload.extracting(path).copied(), as: UTF8.self)))
                    return true
                }
            } catch {
                return bytes.count
            }
        }
        for (number, path) in events { handlers[number]?.handler(path) }
    }
}
