// SPDX-License-Identifier: Apache-2.0

extension XenStore {
    /// What is wrong with the store's structures, or nil. For tests and CONTROL "check".
    public func firstBrokenInvariant() -> String? {
        var problem: String?
        func check(_ node: Node, _ path: String) {
            if node.permissions.isEmpty { problem = "\(path) has no owner" }
            for index in node.children.entries.indices {
                let entry = node.children.entries[index]
                if index > 0 && !(node.children.entries[index - 1].name < entry.name) {
                    problem = "children of \(path) are not in order"
                }
                var name: [UInt8] = []
                entry.name.append(to: &name)
                if name.isEmpty || name.count != entry.name.byteCount {
                    problem = "a child of \(path) is misnamed"
                }
                check(entry.value, path + "/" + String(decoding: name, as: UTF8.self))
            }
        }
        check(tree.root, "")
        var counted = tree
        counted.recount()
        if counted.usage != tree.usage { problem = "usage is \(tree.usage), should be \(counted.usage)" }
        var registered = specialWatches.count
        func count(_ node: WatchNode, isRoot: Bool) {
            registered += node.watches.count
            if !isRoot && node.watches.isEmpty && node.children.entries.isEmpty {
                problem = "an empty watch node"
            }
            for entry in node.children.entries { count(entry.value, isRoot: false) }
        }
        count(watches, isRoot: true)
        let owned = connections.values.reduce(0) { $0 + $1.watches.count }
        if owned != registered { problem = "\(owned) watches are owned, \(registered) registered" }
        for connection in connections.values
        where connection.watchMemory != connection.watches.reduce(0, { $0 + $1.weight }) {
            problem = "memory of watches of domain \(connection.domain.rawValue) is miscounted"
        }
        return problem
    }
}
