// SPDX-License-Identifier: Apache-2.0
import XenABI
import XenStoreWire

extension XenStore {
    // MARK: Registering

    func watch(
        _ path: Span<UInt8>, token: [UInt8], depth: UInt32?, _ connection: Connection
    ) throws(XenStoreError) -> Watch {
        let absolute = try absolutePath(path, connection, allowsSpecial: true)
        let isRelative = XenStorePath.kind(of: path) == .relative
        if connection.watches.contains(where: { $0.path == absolute && $0.token == token }) { throw .exists }
        let watch = Watch(
            connection: connection, path: absolute, token: token, depth: depth, isRelative: isRelative)
        if !connection.isPrivileged {
            if connection.watches.count >= quota.watches { throw .tooBig }
            let usage = tree.usage[connection.domain.rawValue] ?? Usage()
            if usage.memory + connection.watchMemory + watch.weight > quota.memoryHard { throw .noMemory }
        }
        guard watch.payload(for: absolute) != nil else { throw .invalidArgument }
        register(watch)
        onWatch?(connection.id, absolute)
        if connection.domain != .zero || isRing(connection) {
            recorder?(
                .watch(connection.domain, path: absolute, token: token, depth: depth, isRelative: isRelative))
        }
        return watch
    }

    func register(_ watch: Watch) {
        watch.connection.watches.append(watch)
        watch.connection.watchMemory += watch.weight
        if watch.path[0] == 0x40 { specialWatches.append(watch) } else { watches.insert(watch) }
    }

    func unregister(_ watch: Watch) {
        watch.connection.watchMemory -= watch.weight
        if watch.path[0] == 0x40 { specialWatches.removeAll { $0 === watch } } else { watches.remove(watch) }
    }

    func unwatch(_ path: Span<UInt8>, token: [UInt8], _ connection: Connection) throws(XenStoreError) {
        let absolute = try absolutePath(path, connection, allowsSpecial: true)
        guard let index = connection.watches.firstIndex(where: { $0.path == absolute && $0.token == token })
        else {
            throw .noEntry
        }
        unregister(connection.watches.remove(at: index))
        if connection.domain != .zero || isRing(connection) {
            recorder?(.unwatch(connection.domain, path: absolute, token: token))
        }
    }

    /// Paths that the client watches.
    public func watchedPaths(of id: ConnectionID) -> [[UInt8]] { connections[id]?.watches.map(\.path) ?? [] }

    func resetWatches(_ connection: Connection) {
        for watch in connection.watches { unregister(watch) }
        connection.watches = []
        connection.transactions = []
        if connection.domain != .zero || isRing(connection) { recorder?(.resetWatches(connection.domain)) }
    }

    func isRing(_ connection: Connection) -> Bool {
        domains[connection.domain.rawValue]?.connection == connection.id
    }

    // MARK: Firing

    /// Tells of a change at `path`: every watch on it and on its ancestors; after a removal also those on what was below.
    func fireWatches(_ path: [UInt8], removed: Node?, permissionsBefore: [XenStorePermission]?) {
        var at = 1
        var node = watches
        var level = 0
        while true {
            if !node.watches.isEmpty {
                for watch in node.watches {
                    if let depth = watch.depth {
                        let levels = path.count == 1 ? 0 : path.count { $0 == 0x2f }
                        if levels - level > Int(depth) { continue }
                    }
                    notify(watch, of: path, removed, permissionsBefore)
                }
            }
            guard let name = NodeName(next: &at, in: path) else { break }
            guard let child = node.children.value(name) else { return }
            node = child
            level += 1
        }
        if let removed { fireBelow(node, removed) }
    }

    /// Tells watches on nodes that went with their ancestor, each of its own path.
    private func fireBelow(_ node: WatchNode, _ removed: Node) {
        for entry in node.children.entries {
            guard let child = removed.children.value(entry.name) else { continue }
            for watch in entry.value.watches { notify(watch, of: watch.path, child, removed.permissions) }
            fireBelow(entry.value, child)
        }
    }

    private func notify(
        _ watch: Watch, of path: [UInt8], _ removed: Node?, _ permissionsBefore: [XenStorePermission]?
    ) {
        let connection = watch.connection
        if !connection.isPrivileged {
            guard mayKnow(connection, path, removed, permissionsBefore) else { return }
        }
        guard let payload = watch.payload(for: path) else { return }
        deliver(payload, to: connection)
    }

    /// A change is told to who may read the node, could read it before, or may list its parent.
    private func mayKnow(
        _ connection: Connection, _ path: [UInt8], _ removed: Node?,
        _ permissionsBefore: [XenStorePermission]?
    ) -> Bool {
        if let permissionsBefore, access(connection, permissionsBefore).contains(.read) { return true }
        if let node = removed ?? tree.node(path), access(connection, node.permissions).contains(.read) {
            return true
        }
        guard let slash = path.lastIndex(of: 0x2f), path.count > 1 else { return false }
        guard let parent = tree.node(slash == 0 ? [0x2f] : Array(path[..<slash])) else { return false }
        return access(connection, parent.permissions).contains(.read)
    }

    func deliver(_ payload: [UInt8], to connection: Connection) {
        if !connection.isPrivileged {
            let usage = tree.usage[connection.domain.rawValue] ?? Usage()
            guard usage.memory + connection.watchMemory + connection.outputByteCount <= quota.memoryHard
            else {
                return  // A guest that does not take its events loses them.
            }
        }
        if !connection.hasOutput { connectionsWithOutput.append(connection.id) }
        connection.event(payload)
    }

    /// Tells of `@introduceDomain` or `@releaseDomain`.
    func fireSpecial(_ name: StaticString, _ domain: DomainID) {
        var path: [UInt8] = []
        path.append(name)
        guard let permissions = specialPermissions[path] else { return }
        for watch in specialWatches where watch.path == path {
            guard access(watch.connection, permissions).contains(.read) else { continue }
            var reported = path
            if watch.depth == 1 {
                reported.append(0x2f)
                reported.append(decimal: domain.rawValue)
            }
            if let payload = watch.payload(for: reported) { deliver(payload, to: watch.connection) }
        }
    }
}

/// Who may know of domains coming and going.
struct SpecialPermissions {
    private var introduced = [XenStorePermission(.none, .zero)]
    private var released = [XenStorePermission(.none, .zero)]

    /// The permissions of an @ name; nil if there is no such name.
    subscript(name: [UInt8]) -> [XenStorePermission]? {
        get {
            if name.span.matches("@introduceDomain") { return introduced }
            if name.span.matches("@releaseDomain") { return released }
            return nil
        }
        set {
            guard let newValue else { return }
            if name.span.matches("@introduceDomain") { introduced = newValue }
            if name.span.matches("@releaseDomain") { released = newValue }
        }
    }

    mutating func forget(_ domain: DomainID) {
        func clean(_ list: [XenStorePermission]) -> [XenStorePermission] {
            let owner = list[0].domain == domain ? XenStorePermission(.none, .zero) : list[0]
            return [owner] + list.dropFirst().filter { $0.domain != domain }
        }
        introduced = clean(introduced)
        released = clean(released)
    }

    var all: [([UInt8], [XenStorePermission])] {
        var first: [UInt8] = []
        first.append("@introduceDomain")
        var second: [UInt8] = []
        second.append("@releaseDomain")
        return [(first, introduced), (second, released)]
    }
}
