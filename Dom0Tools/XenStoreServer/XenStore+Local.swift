// SPDX-License-Identifier: Apache-2.0
import XenABI
public import XenStoreWire

/// The same operations without packets, for code in the same process that acts for a connection.
extension XenStore {
    private func client(_ id: ConnectionID) throws(XenStoreError) -> Connection {
        guard let connection = connection(id) else { throw .inputOutput }
        return connection
    }

    /// The value of a node.
    public func read(
        _ path: [UInt8], as id: ConnectionID, in transaction: UInt32 = 0
    ) throws(XenStoreError) -> [UInt8] {
        let connection = try client(id)
        let path = try absolutePath(path.span, connection)
        return try read(path, connection, try self.transaction(transaction, connection))
    }

    /// The names of a node's children, each closed by a NUL.
    public func directory(
        _ path: [UInt8], as id: ConnectionID, in transaction: UInt32 = 0
    ) throws(XenStoreError) -> [UInt8] {
        let connection = try client(id)
        let path = try absolutePath(path.span, connection)
        return try directory(path, connection, try self.transaction(transaction, connection))
    }

    /// The permissions of a node.
    public func permissions(
        _ path: [UInt8], as id: ConnectionID, in transaction: UInt32 = 0
    ) throws(XenStoreError) -> [XenStorePermission] {
        let connection = try client(id)
        let path = try absolutePath(path.span, connection, allowsSpecial: true)
        return try getPermissions(path, connection, try self.transaction(transaction, connection))
    }

    /// Gives a node a value; makes it, and its parents, if they are missing.
    public func write(
        _ path: [UInt8], _ value: [UInt8], as id: ConnectionID, in transaction: UInt32 = 0
    ) throws(XenStoreError) {
        let connection = try client(id)
        let path = try absolutePath(path.span, connection)
        guard path.count + 1 + value.count <= XenStoreLimits.payload else { throw .tooBig }
        try write(path, value: value, connection, try self.transaction(transaction, connection))
    }

    /// Makes a node if it is missing.
    public func makeDirectory(
        _ path: [UInt8], as id: ConnectionID, in transaction: UInt32 = 0
    ) throws(XenStoreError) {
        let connection = try client(id)
        let path = try absolutePath(path.span, connection)
        try makeDirectory(path, connection, try self.transaction(transaction, connection))
    }

    /// Removes a node and all below it. A missing node is no error, a missing parent is `noEntry`.
    public func remove(
        _ path: [UInt8], as id: ConnectionID, in transaction: UInt32 = 0
    ) throws(XenStoreError) {
        let connection = try client(id)
        let path = try absolutePath(path.span, connection)
        try remove(path, connection, try self.transaction(transaction, connection))
    }

    /// Replaces a node's permissions, the first of which names the owner.
    public func setPermissions(
        _ path: [UInt8], _ permissions: [XenStorePermission], as id: ConnectionID, in transaction: UInt32 = 0
    ) throws(XenStoreError) {
        guard !permissions.isEmpty else { throw .invalidArgument }
        let connection = try client(id)
        let path = try absolutePath(path.span, connection, allowsSpecial: true)
        try setPermissions(path, permissions, connection, try self.transaction(transaction, connection))
    }

    /// Begins a transaction; its number goes to the other calls.
    public func startTransaction(as id: ConnectionID) throws(XenStoreError) -> UInt32 {
        try startTransaction(try client(id)).id
    }

    /// Ends it. Throws `tryAgain` if it was to be committed and met a conflict.
    public func endTransaction(
        _ number: UInt32, commits: Bool, as id: ConnectionID
    ) throws(XenStoreError) {
        let connection = try client(id)
        guard let transaction = try transaction(number, connection) else { throw .noEntry }
        try endTransaction(transaction, commits: commits, connection)
    }

    /// Registers a watch. The first event waits at once.
    public func watch(
        _ path: [UInt8], token: [UInt8], depth: UInt32? = nil, as id: ConnectionID
    ) throws(XenStoreError) {
        let connection = try client(id)
        let watch = try watch(path.span, token: token, depth: depth, connection)
        if let first = watch.payload(for: watch.path) { deliver(first, to: connection) }
    }

    /// Ends a watch.
    public func unwatch(_ path: [UInt8], token: [UInt8], as id: ConnectionID) throws(XenStoreError) {
        try unwatch(path.span, token: token, try client(id))
    }

    /// Forgets a ring client's watches, transactions and output: its stream starts anew.
    public func reset(_ id: ConnectionID) {
        guard let connection = connection(id) else { return }
        resetWatches(connection)
        connection.clearOutput()
    }

    /// Bytes a ring client has not been sent, for `StoreRecord.ringState`; what is over `limit` is left out.
    public func unsentOutput(_ id: ConnectionID, limit: Int) -> [UInt8] {
        connection(id)?.unsent(limit: limit) ?? []
    }
}
