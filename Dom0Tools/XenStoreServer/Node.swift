// SPDX-License-Identifier: Apache-2.0
import XenABI
import XenStoreWire

/// A node of the tree. A node that more than one tree holds is never changed: `Tree` copies it first, so that taking a
/// snapshot is keeping a reference to the root.
final class Node {
    var value: [UInt8] = []
    /// Never empty; the first names the owner.
    var permissions: [XenStorePermission]
    var children = NameMap<Node>()
    /// When the node was made or its value or permissions were last changed, in changes of the whole store.
    var generation: UInt64
    /// When a child was last made or removed.
    var childGeneration: UInt64

    init(permissions: [XenStorePermission], generation: UInt64) {
        self.permissions = permissions
        self.generation = generation
        childGeneration = generation
    }

    init(copying node: Node) {
        value = node.value
        permissions = node.permissions
        children = node.children
        generation = node.generation
        childGeneration = node.childGeneration
    }

    var owner: DomainID { permissions[0].domain }

    /// Makes sure that nobody else sees a change of the node.
    @inline(__always)
    static func own(_ node: inout Node) {
        if !isKnownUniquelyReferenced(&node) { node = Node(copying: node) }
    }

    /// What the node counts against its owner's memory, in bytes.
    func weight(nameByteCount: Int) -> Int {
        96 + nameByteCount + value.count + permissions.count * 4
    }
}

/// What each domain uses of the store.
struct Usage: Equatable, Sendable {
    /// Nodes it owns.
    var nodes = 0
    /// Memory those take, in bytes.
    var memory = 0
}

/// The nodes, and who owns how much of them. Copying one is a snapshot: it costs nothing.
struct Tree {
    private(set) var root: Node
    /// By domain number; domain 0 is not counted.
    private(set) var usage: [UInt16: Usage] = [:]

    init() {
        root = Node(permissions: [XenStorePermission(.none, .zero)], generation: 0)
    }

    // MARK: Looking

    /// The node at the path, or nil.
    func node(_ path: [UInt8]) -> Node? {
        var at = 1
        var node = root
        while let name = NodeName(next: &at, in: path) {
            guard let child = node.children.value(name) else { return nil }
            node = child
        }
        return node
    }

    /// The last node of the path that exists, and how many after it do not.
    func nearest(_ path: [UInt8]) -> (node: Node, missing: Int) {
        var at = 1
        var node = root
        while let name = NodeName(next: &at, in: path) {
            guard let child = node.children.value(name) else {
                var missing = 1
                while NodeName(next: &at, in: path) != nil { missing += 1 }
                return (node, missing)
            }
            node = child
        }
        return (node, 0)
    }

    // MARK: Changing

    private mutating func charge(_ owner: DomainID, nodes: Int, memory: Int) {
        guard owner != .zero else { return }
        var entry = usage[owner.rawValue] ?? Usage()
        entry.nodes += nodes
        entry.memory += memory
        usage[owner.rawValue] = entry == Usage() ? nil : entry
    }

    /// The root, not shared with any other tree: it may be changed.
    private mutating func ownedRoot() -> Node {
        Node.own(&root)
        return root
    }

    /// Makes the node if it is missing, with its ancestors, and gives it a value if there is one to give.
    ///
    /// New nodes get their parent's permissions; those a guest makes are its own.
    mutating func put(_ path: [UInt8], value: [UInt8]?, creator: DomainID, generation: UInt64) {
        var at = 1
        // Each node on the way is made this tree's own before it is entered, so a change is seen nowhere else.
        var node = ownedRoot()
        while let name = NodeName(next: &at, in: path) {
            let (index, isFound) = node.children.position(of: name)
            if !isFound {
                var permissions = node.permissions
                if creator != .zero { permissions[0].domain = creator }
                let child = Node(permissions: permissions, generation: generation)
                charge(child.owner, nodes: 1, memory: child.weight(nameByteCount: name.byteCount))
                node.children.entries.insert(.init(name: name, value: child), at: index)
                node.childGeneration = generation
            } else {
                Node.own(&node.children.entries[index].value)
            }
            node = node.children.entries[index].value
        }
        guard let value else { return }
        charge(node.owner, nodes: 0, memory: value.count - node.value.count)
        node.value = value
        node.generation = generation
    }

    /// Replaces the permissions. The node exists.
    mutating func setPermissions(_ path: [UInt8], _ permissions: [XenStorePermission], generation: UInt64) {
        withNode(path) { tree, node, nameByteCount in
            tree.charge(node.owner, nodes: -1, memory: -node.weight(nameByteCount: nameByteCount))
            node.permissions = permissions
            node.generation = generation
            tree.charge(node.owner, nodes: 1, memory: node.weight(nameByteCount: nameByteCount))
        }
    }

    /// Removes the node and all below it. Returns it as it was, or nil if there was none or it is the root.
    mutating func remove(_ path: [UInt8], generation: UInt64) -> Node? {
        guard let slash = path.lastIndex(of: 0x2f), path.count > 1, node(path) != nil else { return nil }
        let parent = slash == 0 ? [0x2f] : Array(path[..<slash])
        var at = slash + 1
        guard let name = NodeName(next: &at, in: path) else { return nil }
        var removed: Node?
        withNode(parent) { tree, node, _ in
            let (index, isFound) = node.children.position(of: name)
            guard isFound else { return }
            let child = node.children.entries.remove(at: index).value
            node.childGeneration = generation
            tree.discharge(child, nameByteCount: name.byteCount)
            removed = child
        }
        return removed
    }

    private mutating func discharge(_ node: Node, nameByteCount: Int) {
        charge(node.owner, nodes: -1, memory: -node.weight(nameByteCount: nameByteCount))
        for entry in node.children.entries { discharge(entry.value, nameByteCount: entry.name.byteCount) }
    }

    /// Calls `body` with the node, made this tree's own, if there is one.
    private mutating func withNode(_ path: [UInt8], _ body: (inout Tree, Node, Int) -> Void) {
        var at = 1
        var nameByteCount = 0
        var node = ownedRoot()
        while let name = NodeName(next: &at, in: path) {
            let (index, isFound) = node.children.position(of: name)
            guard isFound else { return }
            Node.own(&node.children.entries[index].value)
            node = node.children.entries[index].value
            nameByteCount = name.byteCount
        }
        body(&self, node, nameByteCount)
    }

    /// Takes a dead domain out of all permission lists; its nodes become domain 0's, closed to others.
    ///
    /// A later domain of the same number must not inherit rights.
    mutating func forget(_ domain: DomainID, generation: UInt64) {
        /// The node without the domain, or nil if neither it nor anything below it mentions the domain.
        func cleaned(_ node: Node) -> Node? {
            var replacements: [(Int, Node)] = []
            for (index, entry) in node.children.entries.enumerated() {
                if let child = cleaned(entry.value) { replacements.append((index, child)) }
            }
            let isMentioned = node.permissions.contains { $0.domain == domain }
            guard isMentioned || !replacements.isEmpty else { return nil }
            let copy = Node(copying: node)
            for (index, child) in replacements { copy.children.entries[index].value = child }
            if isMentioned {
                let owner = node.owner == domain ? XenStorePermission(.none, .zero) : node.permissions[0]
                copy.permissions = [owner] + node.permissions.dropFirst().filter { $0.domain != domain }
                copy.generation = generation
            }
            return copy
        }
        if let new = cleaned(root) { root = new }
        recount()
    }

    /// Counts afresh what everybody owns.
    mutating func recount() {
        usage = [:]
        func count(_ tree: inout Tree, _ node: Node) {
            for entry in node.children.entries {
                tree.charge(
                    entry.value.owner, nodes: 1,
                    memory: entry.value.weight(nameByteCount: entry.name.byteCount))
                count(&tree, entry.value)
            }
        }
        charge(root.owner, nodes: 1, memory: root.weight(nameByteCount: 0))
        count(&self, root)
    }

    /// Calls `body` with the path of each node and the node, parents first.
    func forEach(_ body: ([UInt8], Node) -> Void) {
        func visit(_ path: [UInt8], _ node: Node) {
            body(path.isEmpty ? [0x2f] : path, node)
            for entry in node.children.entries {
                var child = path
                child.append(0x2f)
                entry.name.append(to: &child)
                visit(child, entry.value)
            }
        }
        visit([], root)
    }
}
