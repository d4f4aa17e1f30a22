// SPDX-License-Identifier: Apache-2.0
public import XenABI
public import XenStoreWire

/// A domain that has a ring to the store.
struct Domain {
    /// The guest frame of its ring page; 0 for domain 0.
    var frame: UInt64
    /// The guest's port.
    var port: EventPort
    var connection: ConnectionID
    var isShutDown = false
    var target: DomainID?
}

/// A domain's ring, as it has to be found again after a restart.
public struct IntroducedDomain: Equatable, Sendable {
    public let domain: DomainID
    public let frame: UInt64
    public let port: EventPort
    /// Bytes of a request that had not come whole.
    public let input: [UInt8]
}

extension XenStore {
    /// Makes a client of the domain's ring and tells who watches `@introduceDomain`. A domain that is introduced
    /// already gets a fresh connection: its watches and transactions are forgotten.
    ///
    /// - Returns: the ring's connection.
    public func introduce(_ domain: DomainID, frame: UInt64, port: EventPort) -> ConnectionID {
        let isNew = domains[domain.rawValue] == nil
        if let old = domains[domain.rawValue] { disconnect(old.connection) }
        let id = connect(as: domain)
        domains[domain.rawValue] = Domain(frame: frame, port: port, connection: id)
        recorder?(.introduce(domain, frame: frame, port: port))
        if isNew && domain != .zero { fireSpecial("@introduceDomain", domain) }
        return id
    }

    /// Forgets the domain: its connection, its rights, and tells who watches `@releaseDomain`.
    ///
    /// Its nodes stay, as domain 0's; the tools remove what they put there. Fails with `noEntry` if it was not introduced.
    public func release(_ domain: DomainID) throws(XenStoreError) {
        guard let old = domains.removeValue(forKey: domain.rawValue) else { throw .noEntry }
        disconnect(old.connection)
        recorder?(.release(domain))
        generation += 1
        tree.forget(domain, generation: generation)
        specialPermissions.forget(domain)
        for (number, entry) in domains where entry.target == domain {
            domains[number]?.target = nil
            connections[entry.connection]?.target = nil
        }
        if domain != .zero { fireSpecial("@releaseDomain", domain) }
    }

    /// Tells who watches `@releaseDomain` that the domain shut down or crashed; once, until RESUME.
    public func domainShutDown(_ domain: DomainID) {
        guard let entry = domains[domain.rawValue], !entry.isShutDown else { return }
        domains[domain.rawValue]?.isShutDown = true
        recorder?(.shutDown(domain, isShutDown: true))
        fireSpecial("@releaseDomain", domain)
    }

    func resume(_ domain: DomainID) throws(XenStoreError) {
        guard domains[domain.rawValue] != nil else { throw .noEntry }
        domains[domain.rawValue]?.isShutDown = false
        recorder?(.shutDown(domain, isShutDown: false))
    }

    func setTarget(of domain: DomainID, to target: DomainID) throws(XenStoreError) {
        guard let entry = domains[domain.rawValue], domains[target.rawValue] != nil else { throw .noEntry }
        domains[domain.rawValue]?.target = target
        connections[entry.connection]?.target = target
        recorder?(.setTarget(of: domain, to: target))
    }

    /// True if the domain has a ring.
    public func isIntroduced(_ domain: DomainID) -> Bool { domains[domain.rawValue] != nil }

    /// The domains that have a ring.
    public var introducedDomains: [DomainID] { domains.keys.sorted().map { DomainID(rawValue: $0) } }

    // MARK: CONTROL

    /// Commands of `xenstore-control`.
    func control(_ payload: Span<UInt8>) throws(XenStoreError) -> String {
        var words: [String] = []
        var fields = XenStoreFields(payload)
        while let field = fields.next() {
            words.append(String(decoding: payload.extracting(field).copied(), as: UTF8.self))
        }
        guard fields.rest.isEmpty, let command = words.first else { throw .invalidArgument }
        switch (command, words.count) {
        case ("check", 1):
            if let problem = firstBrokenInvariant() {
                log?("store check: \(problem)")
                throw .inputOutput
            }
            return "OK"
        case ("help", 1):
            return "check\nhelp\nlog on|off\nmemreport\nprint <text>\nquota [<domid>|set <name> <value>]\n"
        case ("log", 2) where words[1] == "on" || words[1] == "off":
            logsRequests = words[1] == "on"
            return "OK"
        case ("log", 1):
            return logsRequests ? "on" : "off"
        case ("print", 2):
            log?("store: \(words[1])")
            return "OK"
        case ("memreport", 1):
            var nodes = 0
            var bytes = 0
            tree.forEach { path, node in
                nodes += 1
                bytes += node.weight(nameByteCount: 0)
            }
            var text = "nodes \(nodes), \(bytes) bytes; connections \(connections.count)\n"
            for (number, usage) in tree.usage.sorted(by: { $0.key < $1.key }) {
                text += "domain \(number): nodes \(usage.nodes), \(usage.memory) bytes\n"
            }
            return text
        case ("quota", 1):
            return Quota.names.map { "\($0.0): \(quota[keyPath: $0.1])\n" }.joined()
        case ("quota", 2):
            guard let number = UInt16(words[1]), let domain = domains[number],
                let connection = connections[domain.connection]
            else { throw .noEntry }
            let usage = tree.usage[number] ?? Usage()
            return "nodes: \(usage.nodes)\nmemory: \(usage.memory + connection.watchMemory)\n"
                + "watches: \(connection.watches.count)\ntransactions: \(connection.transactions.count)\n"
                + "outstanding: \(connection.outstanding)\n"
        case ("quota", 4) where words[1] == "set":
            guard let limit = Quota.names.first(where: { $0.0 == words[2] }), let value = Int(words[3]),
                value >= 0
            else { throw .invalidArgument }
            quota[keyPath: limit.1] = value
            return "OK"
        default:
            throw .invalidArgument
        }
    }
}
