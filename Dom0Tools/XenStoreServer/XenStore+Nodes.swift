// SPDX-License-Identifier: Apache-2.0
import XenABI
import XenStoreWire

extension XenStore {
    // MARK: Permissions

    /// What the client may do with a node that has these permissions.
    func access(_ connection: Connection, _ permissions: [XenStorePermission]) -> XenStoreAccess {
        if connection.isPrivileged { return [.readWrite, .own] }
        let owner = permissions[0]
        func isClient(_ domain: DomainID) -> Bool {
            domain == connection.domain || domain == connection.target
        }
        if isClient(owner.domain) { return [.readWrite, .own] }
        for index in 1..<max(permissions.count, 1) where isClient(permissions[index].domain) {
            return permissions[index].access
        }
        return owner.access
    }

    /// The node, if it exists and the client has all of `needed` on it.
    ///
    /// That a node is missing is told only to who might see it: who has `needed` on the last ancestor there is.
    func node(
        _ path: [UInt8], _ needed: XenStoreAccess, _ connection: Connection, _ transaction: Transaction?,
        dependsOn: Transaction.Access
    ) throws(XenStoreError) -> Node {
        if let transaction { try note(dependsOn, of: path, transaction, connection) }
        let (node, missing) = transaction.map { $0.tree.nearest(path) } ?? tree.nearest(path)
        guard access(connection, node.permissions).isSuperset(of: needed) else { throw .accessDenied }
        guard missing == 0 else { throw .noEntry }
        return node
    }

    private func note(
        _ access: Transaction.Access, of path: [UInt8], _ transaction: Transaction, _ connection: Connection
    ) throws(XenStoreError) {
        if let known = transaction.accesses[path] {
            if !known.isSuperset(of: access) { transaction.accesses[path] = known.union(access) }
            return
        }
        if !connection.isPrivileged && transaction.accesses.count >= quota.nodesPerTransaction {
            throw .noSpace
        }
        transaction.accesses[path] = access
    }

    /// Counts what a transaction takes against its client's memory.
    private func charge(
        _ transaction: Transaction, _ byteCount: Int, _ connection: Connection
    ) throws(XenStoreError) {
        if !connection.isPrivileged {
            let others = connection.transactions.reduce(connection.watchMemory) { $0 + $1.memory }
            let usage = tree.usage[connection.domain.rawValue] ?? Usage()
            if usage.memory + others + byteCount > quota.memoryHard { throw .noMemory }
        }
        transaction.memory += byteCount
    }

    // MARK: Reading

    func read(
        _ path: [UInt8], _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) -> [UInt8] {
        try node(path, .read, connection, transaction, dependsOn: .node).value
    }

    /// The names of the children, each with a NUL.
    func directory(
        _ path: [UInt8], _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) -> [UInt8] {
        names(of: try node(path, .read, connection, transaction, dependsOn: .children))
    }

    private func names(of node: Node) -> [UInt8] {
        var names: [UInt8] = []
        names.reserveCapacity(node.children.entries.count * 12)
        for entry in node.children.entries {
            entry.name.append(to: &names)
            names.append(0)
        }
        return names
    }

    func directoryPart(
        _ header: XenStoreHeader, _ payload: Span<UInt8>, _ connection: Connection,
        _ transaction: Transaction?
    ) throws(XenStoreError) {
        var fields = XenStoreFields(payload)
        guard let field = fields.next(), let second = fields.next(), fields.rest.isEmpty,
            let offset = payload.extracting(second).decimal(as: UInt32.self)
        else { throw .invalidArgument }
        let path = try absolutePath(payload.extracting(field), connection)
        let node = try node(path, .read, connection, transaction, dependsOn: .children)
        let names = names(of: node)
        var reply: [UInt8] = []
        reply.append(decimal: max(node.generation, node.childGeneration))
        reply.append(0)
        var start = min(Int(offset), names.count)
        while start < names.count, let end = names[start...].firstIndex(of: 0) {
            guard reply.count + end + 1 - start <= XenStoreLimits.payload - 1 else { break }
            reply.append(contentsOf: names[start...end])
            start = end + 1
        }
        if start == names.count { reply.append(0) }
        connection.reply(header, reply.span)
    }

    func getPermissions(
        _ path: [UInt8], _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) -> [XenStorePermission] {
        if path[0] == 0x40 {
            guard let permissions = specialPermissions[path] else { throw .invalidArgument }
            guard access(connection, permissions).contains(.read) else { throw .accessDenied }
            return permissions
        }
        return try node(path, .read, connection, transaction, dependsOn: .node).permissions
    }

    // MARK: Changing

    func write(
        _ path: [UInt8], value: [UInt8], _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) {
        if !connection.isPrivileged && value.count > quota.nodeByteCount { throw .noSpace }
        if !connection.isPrivileged || transaction != nil {
            try checkCreation(path, growth: value.count, connection, transaction)
        }
        try perform(.write(path, value: value), connection, transaction)
    }

    func makeDirectory(
        _ path: [UInt8], _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) {
        guard try checkCreation(path, growth: 0, connection, transaction) else { return }
        try perform(.makeDirectory(path), connection, transaction)
    }

    /// Checks permissions and quotas for a node to write or make. True if it does not exist.
    @discardableResult
    private func checkCreation(
        _ path: [UInt8], growth: Int, _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) -> Bool {
        if let transaction { try note(.node, of: path, transaction, connection) }
        let (node, missing) = transaction.map { $0.tree.nearest(path) } ?? tree.nearest(path)
        if connection.isPrivileged { return missing > 0 }
        guard access(connection, node.permissions).contains(.write) else { throw .accessDenied }
        let usage = (transaction?.tree ?? tree).usage[connection.domain.rawValue] ?? Usage()
        if missing > 0 && usage.nodes + missing > quota.nodes { throw .noSpace }
        if usage.memory + connection.watchMemory + growth + missing * 96 > quota.memoryHard {
            throw .noMemory
        }
        return missing > 0
    }

    func remove(
        _ path: [UInt8], _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) {
        guard path.count > 1 else { throw .invalidArgument }
        do {
            _ = try node(path, .write, connection, transaction, dependsOn: [.node, .subtree])
        } catch .noEntry {
            // A missing node is no error, a missing parent is.
            let (_, missing) = (transaction?.tree ?? tree).nearest(path)
            guard missing == 1 else { throw .noEntry }
            return
        }
        try perform(.remove(path), connection, transaction)
    }

    func setPermissions(
        _ path: [UInt8], _ permissions: [XenStorePermission], _ connection: Connection,
        _ transaction: Transaction?
    ) throws(XenStoreError) {
        if !connection.isPrivileged && permissions.count > quota.permissionsPerNode { throw .noSpace }
        if path[0] == 0x40 {
            guard connection.isPrivileged else { throw .accessDenied }
            guard specialPermissions[path] != nil else { throw .invalidArgument }
            specialPermissions[path] = permissions
            recorder?(.specialPermissions(path, permissions))
            return
        }
        let node = try node(path, [.write, .own], connection, transaction, dependsOn: .node)
        guard connection.isPrivileged || permissions[0].domain == node.owner else { throw .notPermitted }
        try perform(.setPermissions(path, permissions), connection, transaction)
    }

    @inline(__always)
    private func perform(
        _ mutation: Mutation, _ connection: Connection, _ transaction: Transaction?
    ) throws(XenStoreError) {
        generation += 1
        if let transaction {
            var byteCount = mutation.path.count + 96
            if case .write(_, let value) = mutation { byteCount += value.count }
            try charge(transaction, byteCount, connection)
            _ = XenStore.apply(mutation, by: connection.domain, to: &transaction.tree, generation: generation)
            transaction.mutations.append(mutation)
            return
        }
        recorder?(.mutation(mutation, by: connection.domain))
        applyAndFire(mutation, by: connection.domain)
    }

    func applyAndFire(_ mutation: Mutation, by domain: DomainID) {
        let path = mutation.path
        var before: [XenStorePermission]?
        if case .setPermissions = mutation { before = tree.node(path)?.permissions }
        let removed = XenStore.apply(mutation, by: domain, to: &tree, generation: generation)
        fireWatches(path, removed: removed, permissionsBefore: before)
    }

    /// Makes the change, which was checked. Returns the node it removed.
    static func apply(
        _ mutation: Mutation, by domain: DomainID, to tree: inout Tree, generation: UInt64
    ) -> Node? {
        switch mutation {
        case .write(let path, let value):
            tree.put(path, value: value, creator: domain, generation: generation)
        case .makeDirectory(let path):
            tree.put(path, value: nil, creator: domain, generation: generation)
        case .remove(let path):
            return tree.remove(path, generation: generation)
        case .setPermissions(let path, let permissions):
            tree.setPermissions(path, permissions, generation: generation)
        }
        return nil
    }

    // MARK: Transactions

    func transaction(_ id: UInt32, _ connection: Connection) throws(XenStoreError) -> Transaction? {
        if id == 0 { return nil }
        if let transaction = connection.transactions.first(where: { $0.id == id }) { return transaction }
        // A guest may go on with a transaction from before a restart of the store: its end tells it to start again.
        guard connection.isRestored, id <= lastTransactionID else { throw .noEntry }
        let transaction = Transaction(id: id, base: tree, isDoomed: true)
        connection.transactions.append(transaction)
        return transaction
    }

    func startTransaction(_ connection: Connection) throws(XenStoreError) -> Transaction {
        if !connection.isPrivileged && connection.transactions.count >= quota.transactions { throw .noSpace }
        lastTransactionID &+= 1
        if lastTransactionID == 0 { lastTransactionID = 1 }
        if lastTransactionID >= recordedTransactionID {
            recordedTransactionID = lastTransactionID &+ 4096
            recorder?(.transactionNumbers(upTo: recordedTransactionID))
        }
        let transaction = Transaction(id: lastTransactionID, base: tree, isDoomed: false)
        connection.transactions.append(transaction)
        return transaction
    }

    func endTransaction(
        _ transaction: Transaction, commits: Bool, _ connection: Connection
    ) throws(XenStoreError) {
        connection.transactions.removeAll { $0 === transaction }
        guard commits else { return }
        if transaction.isDoomed || transaction.conflicts(with: tree) { throw .tryAgain }
        guard !transaction.mutations.isEmpty else { return }
        generation += 1
        if !connection.isPrivileged {
            // Others may have used up the quota meanwhile: try it on a copy.
            var trial = tree
            for mutation in transaction.mutations {
                _ = XenStore.apply(mutation, by: connection.domain, to: &trial, generation: generation)
            }
            let usage = trial.usage[connection.domain.rawValue] ?? Usage()
            let before = tree.usage[connection.domain.rawValue] ?? Usage()
            if usage.nodes > max(quota.nodes, before.nodes) { throw .noSpace }
            if usage.memory > max(quota.memoryHard, before.memory) { throw .noMemory }
        }
        recorder?(.commit(transaction.mutations, by: connection.domain))
        for mutation in transaction.mutations { applyAndFire(mutation, by: connection.domain) }
    }
}
