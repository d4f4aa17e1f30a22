// SPDX-License-Identifier: Apache-2.0
import XenStoreWire

/// A client's wish to be told of changes at and below a path.
final class Watch {
    unowned let connection: Connection
    /// Absolute, or an @ name.
    let path: [UInt8]
    let token: [UInt8]
    /// Levels below the path that still count; nil is all.
    let depth: UInt32?
    /// True if the client gave a relative path: events name paths relative to its directory.
    let isRelative: Bool

    init(connection: Connection, path: [UInt8], token: [UInt8], depth: UInt32?, isRelative: Bool) {
        self.connection = connection
        self.path = path
        self.token = token
        self.depth = depth
        self.isRelative = isRelative
    }

    var weight: Int { 128 + path.count + token.count }

    /// Payload of an event about `path`, which lies at or below the watched path; nil if it would not fit a packet.
    func payload(for path: [UInt8]) -> [UInt8]? {
        let skipped = isRelative && path.count > connection.home.count ? connection.home.count + 1 : 0
        let count = path.count - skipped + token.count + 2
        guard count <= 4096 else { return nil }
        var payload: [UInt8] = []
        payload.reserveCapacity(count)
        payload.append(contentsOf: path[skipped...])
        payload.append(0)
        payload.append(contentsOf: token)
        payload.append(0)
        return payload
    }
}

/// The watches, by path, so that the ones a change concerns are found by walking its path once.
final class WatchNode {
    var children = NameMap<WatchNode>()
    var watches: [Watch] = []

    func insert(_ watch: Watch) {
        var at = 1
        var node = self
        while let name = NodeName(next: &at, in: watch.path) {
            let (index, isFound) = node.children.position(of: name)
            if !isFound { node.children.entries.insert(.init(name: name, value: WatchNode()), at: index) }
            node = node.children.entries[index].value
        }
        node.watches.append(watch)
    }

    /// Removes the watch and the nodes that only it needed.
    func remove(_ watch: Watch) {
        var at = 1
        remove(watch, &at)
    }

    private func remove(_ watch: Watch, _ at: inout Int) {
        guard let name = NodeName(next: &at, in: watch.path) else {
            watches.removeAll { $0 === watch }
            return
        }
        let (index, isFound) = children.position(of: name)
        guard isFound else { return }
        let child = children.entries[index].value
        child.remove(watch, &at)
        if child.watches.isEmpty && child.children.entries.isEmpty { children.entries.remove(at: index) }
    }
}
