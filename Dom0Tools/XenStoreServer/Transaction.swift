// SPDX-License-Identifier: Apache-2.0
import XenABI
import XenStoreWire

/// A change of the tree that permissions and quotas allow.
public enum Mutation: Equatable, Sendable {
    case write([UInt8], value: [UInt8])
    case makeDirectory([UInt8])
    case remove([UInt8])
    case setPermissions([UInt8], [XenStorePermission])

    var path: [UInt8] {
        switch self {
        case .write(let path, _), .makeDirectory(let path), .remove(let path), .setPermissions(let path, _):
            path
        }
    }
}

/// A client's private snapshot of the tree, and what it did with it.
final class Transaction {
    /// What of a node the transaction depends on.
    struct Access: OptionSet {
        let rawValue: UInt8
        /// Its existence, value and permissions.
        static var node: Access { Access(rawValue: 1) }
        /// The names of its children.
        static var children: Access { Access(rawValue: 2) }
        /// Everything below it: it was removed.
        static var subtree: Access { Access(rawValue: 4) }
    }

    let id: UInt32
    /// The tree as it was at the start.
    let base: Tree
    var tree: Tree
    var accesses: [[UInt8]: Access] = [:]
    var mutations: [Mutation] = []
    /// What the two take, in bytes.
    var memory = 0
    /// True if it cannot be committed: it is from before a restart of the store.
    let isDoomed: Bool

    init(id: UInt32, base: Tree, isDoomed: Bool) {
        self.id = id
        self.base = base
        tree = base
        self.isDoomed = isDoomed
    }

    /// True if somebody else changed what the transaction depends on.
    func conflicts(with current: Tree) -> Bool {
        if current.root === base.root { return false }
        for (path, access) in accesses {
            let before = base.node(path)
            let now = current.node(path)
            if before === now { continue }
            guard let before, let now else { return true }
            if access.contains(.subtree) { return true }
            if access.contains(.node) && before.generation != now.generation { return true }
            if access.contains(.children) && before.childGeneration != now.childGeneration { return true }
        }
        return false
    }
}
