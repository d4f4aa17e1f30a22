// SPDX-License-Identifier: Apache-2.0
public import XenABI
import XenStoreWire

extension XenStore {
    /// Takes in a record of an earlier life. Only before there are clients; nothing is checked again, nobody is told.
    ///
    /// - Returns: false if the record contradicts the state; it is left out then.
    @discardableResult
    public func restore(_ record: StoreRecord) -> Bool {
        generation += 1
        switch record {
        case .mutation(let mutation, let domain):
            return restore(mutation, by: domain)
        case .commit(let mutations, let domain):
            for mutation in mutations where !restore(mutation, by: domain) { return false }
        case .node(let path, let value, let permissions):
            tree.put(path, value: value, creator: .zero, generation: generation)
            tree.setPermissions(path, permissions, generation: generation)
        case .specialPermissions(let path, let permissions):
            guard specialPermissions[path] != nil else { return false }
            specialPermissions[path] = permissions
        case .introduce(let domain, let frame, let port):
            if let old = domains[domain.rawValue] { disconnect(old.connection) }
            let id = connect(as: domain)
            connections[id]?.isRestored = true
            domains[domain.rawValue] = Domain(frame: frame, port: port, connection: id)
        case .release(let domain):
            guard let old = domains.removeValue(forKey: domain.rawValue) else { return false }
            disconnect(old.connection)
            restoredInput[domain.rawValue] = nil
            tree.forget(domain, generation: generation)
            specialPermissions.forget(domain)
        case .shutDown(let domain, let isShutDown):
            domains[domain.rawValue]?.isShutDown = isShutDown
        case .setTarget(let domain, let target):
            guard let entry = domains[domain.rawValue] else { return false }
            domains[domain.rawValue]?.target = target
            connections[entry.connection]?.target = target
        case .watch(let domain, let path, let token, let depth, let isRelative):
            guard let connection = ringConnection(domain) else { return false }
            guard !connection.watches.contains(where: { $0.path == path && $0.token == token }) else {
                return false
            }
            register(
                Watch(connection: connection, path: path, token: token, depth: depth, isRelative: isRelative))
        case .unwatch(let domain, let path, let token):
            guard let connection = ringConnection(domain),
                let index = connection.watches.firstIndex(where: { $0.path == path && $0.token == token })
            else { return false }
            unregister(connection.watches.remove(at: index))
        case .resetWatches(let domain):
            guard let connection = ringConnection(domain) else { return false }
            for watch in connection.watches { unregister(watch) }
            connection.watches = []
        case .transactionNumbers(let limit):
            lastTransactionID = limit
            recordedTransactionID = limit
        case .ringState(let domain, let input, let output):
            guard let connection = ringConnection(domain) else { return false }
            restoredInput[domain.rawValue] = input
            connection.restore(output: output)
        }
        return true
    }

    private func restore(_ mutation: Mutation, by domain: DomainID) -> Bool {
        if case .setPermissions(let path, _) = mutation, tree.node(path) == nil { return false }
        _ = XenStore.apply(mutation, by: domain, to: &tree, generation: generation)
        return true
    }

    private func ringConnection(_ domain: DomainID) -> Connection? {
        domains[domain.rawValue].flatMap { connections[$0.connection] }
    }

    /// After the last record: the domains whose rings are to be attached again.
    public var restoredDomains: [IntroducedDomain] {
        domains.sorted { $0.key < $1.key }.map { number, domain in
            IntroducedDomain(
                domain: DomainID(rawValue: number), frame: domain.frame, port: domain.port,
                input: restoredInput[number] ?? [])
        }
    }

    /// The connection of a domain's ring.
    public func ring(of domain: DomainID) -> ConnectionID? { domains[domain.rawValue]?.connection }

    /// The domain whose ring the connection is.
    public func domain(of id: ConnectionID) -> DomainID? {
        guard let domain = connection(id)?.domain, domains[domain.rawValue]?.connection == id else {
            return nil
        }
        return domain
    }

    /// Fires each watch of a restored ring: what changed while the store was away is not known.
    public func fireRestoredWatches(of domain: DomainID) {
        guard let connection = ringConnection(domain) else { return }
        for watch in connection.watches {
            if let payload = watch.payload(for: watch.path) { deliver(payload, to: connection) }
        }
    }

    /// Hands out records that give this state when restored.
    public func snapshot(_ body: (StoreRecord) -> Void) {
        tree.forEach { path, node in body(.node(path, value: node.value, node.permissions)) }
        for (path, permissions) in specialPermissions.all { body(.specialPermissions(path, permissions)) }
        if recordedTransactionID > 0 { body(.transactionNumbers(upTo: recordedTransactionID)) }
        for (number, domain) in domains.sorted(by: { $0.key < $1.key }) {
            let id = DomainID(rawValue: number)
            body(.introduce(id, frame: domain.frame, port: domain.port))
            if domain.isShutDown { body(.shutDown(id, isShutDown: true)) }
            guard let connection = connections[domain.connection] else { continue }
            for watch in connection.watches {
                body(
                    .watch(
                        id, path: watch.path, token: watch.token, depth: watch.depth,
                        isRelative: watch.isRelative))
            }
        }
        for (number, domain) in domains {
            if let target = domain.target { body(.setTarget(of: DomainID(rawValue: number), to: target)) }
        }
    }
}
