// SPDX-License-Identifier: Apache-2.0
public import XenABI
public import XenStoreWire

/// Something the store did that must outlive the process. Replaying the records in order gives the same store.
public enum StoreRecord: Equatable, Sendable {
    case mutation(Mutation, by: DomainID)
    /// A transaction's mutations: all or none.
    case commit([Mutation], by: DomainID)
    /// A node as it is, in a snapshot.
    case node([UInt8], value: [UInt8], [XenStorePermission])
    case specialPermissions([UInt8], [XenStorePermission])
    case introduce(DomainID, frame: UInt64, port: EventPort)
    case release(DomainID)
    case shutDown(DomainID, isShutDown: Bool)
    case setTarget(of: DomainID, to: DomainID)
    /// A watch of a ring client.
    case watch(DomainID, path: [UInt8], token: [UInt8], depth: UInt32?, isRelative: Bool)
    case unwatch(DomainID, path: [UInt8], token: [UInt8])
    case resetWatches(DomainID)
    case transactionNumbers(upTo: UInt32)
    /// Bytes of a ring that are neither in the ring nor dealt with: part of a request, replies and events to send.
    case ringState(DomainID, input: [UInt8], output: [UInt8])

    /// Appends the record's bytes.
    public func encode(to bytes: inout [UInt8]) {
        switch self {
        case .mutation(let mutation, let domain):
            bytes.append(1)
            bytes.put(domain)
            XenABIEncoding.put(mutation, to: &bytes)
        case .commit(let mutations, let domain):
            bytes.append(2)
            bytes.put(domain)
            bytes.put(UInt32(mutations.count))
            for mutation in mutations { XenABIEncoding.put(mutation, to: &bytes) }
        case .node(let path, let value, let permissions):
            bytes.append(3)
            bytes.put(path)
            bytes.put(value)
            bytes.put(permissions)
        case .specialPermissions(let path, let permissions):
            bytes.append(4)
            bytes.put(path)
            bytes.put(permissions)
        case .introduce(let domain, let frame, let port):
            bytes.append(5)
            bytes.put(domain)
            bytes.put(UInt32(truncatingIfNeeded: frame))
            bytes.put(UInt32(truncatingIfNeeded: frame >> 32))
            bytes.put(port.rawValue)
        case .release(let domain):
            bytes.append(6)
            bytes.put(domain)
        case .shutDown(let domain, let isShutDown):
            bytes.append(7)
            bytes.put(domain)
            bytes.append(isShutDown ? 1 : 0)
        case .setTarget(let domain, let target):
            bytes.append(8)
            bytes.put(domain)
            bytes.put(target)
        case .watch(let domain, let path, let token, let depth, let isRelative):
            bytes.append(9)
            bytes.put(domain)
            bytes.put(path)
            bytes.put(token)
            bytes.append((depth != nil ? 1 : 0) | (isRelative ? 2 : 0))
            bytes.put(depth ?? 0)
        case .unwatch(let domain, let path, let token):
            bytes.append(10)
            bytes.put(domain)
            bytes.put(path)
            bytes.put(token)
        case .resetWatches(let domain):
            bytes.append(11)
            bytes.put(domain)
        case .transactionNumbers(let limit):
            bytes.append(12)
            bytes.put(limit)
        case .ringState(let domain, let input, let output):
            bytes.append(13)
            bytes.put(domain)
            bytes.put(input)
            bytes.put(output)
        }
    }

    /// Reads a record; nil if the bytes are none.
    public init?(_ bytes: [UInt8]) {
        var reader = RecordReader(bytes: bytes)
        guard let kind = reader.byte() else { return nil }
        switch kind {
        case 1:
            guard let domain = reader.domain(), let mutation = reader.mutation() else { return nil }
            self = .mutation(mutation, by: domain)
        case 2:
            guard let domain = reader.domain(), let count = reader.word() else { return nil }
            var mutations: [Mutation] = []
            for _ in 0..<count {
                guard let mutation = reader.mutation() else { return nil }
                mutations.append(mutation)
            }
            self = .commit(mutations, by: domain)
        case 3:
            guard let path = reader.path(), let value = reader.bytes(), let permissions = reader.permissions()
            else {
                return nil
            }
            self = .node(path, value: value, permissions)
        case 4:
            guard let path = reader.bytes(), let permissions = reader.permissions() else { return nil }
            self = .specialPermissions(path, permissions)
        case 5:
            guard let domain = reader.domain(), let low = reader.word(), let high = reader.word(),
                let port = reader.word()
            else { return nil }
            self = .introduce(
                domain, frame: UInt64(high) << 32 | UInt64(low), port: EventPort(rawValue: port))
        case 6:
            guard let domain = reader.domain() else { return nil }
            self = .release(domain)
        case 7:
            guard let domain = reader.domain(), let flag = reader.byte() else { return nil }
            self = .shutDown(domain, isShutDown: flag != 0)
        case 8:
            guard let domain = reader.domain(), let target = reader.domain() else { return nil }
            self = .setTarget(of: domain, to: target)
        case 9:
            guard let domain = reader.domain(), let path = reader.watchPath(), let token = reader.bytes(),
                let flags = reader.byte(), let depth = reader.word()
            else { return nil }
            self = .watch(
                domain, path: path, token: token, depth: flags & 1 != 0 ? depth : nil,
                isRelative: flags & 2 != 0)
        case 10:
            guard let domain = reader.domain(), let path = reader.watchPath(), let token = reader.bytes()
            else {
                return nil
            }
            self = .unwatch(domain, path: path, token: token)
        case 11:
            guard let domain = reader.domain() else { return nil }
            self = .resetWatches(domain)
        case 12:
            guard let limit = reader.word() else { return nil }
            self = .transactionNumbers(upTo: limit)
        case 13:
            guard let domain = reader.domain(), let input = reader.bytes(), let output = reader.bytes() else {
                return nil
            }
            self = .ringState(domain, input: input, output: output)
        default:
            return nil
        }
        guard reader.isAtEnd else { return nil }
    }
}

private enum XenABIEncoding {
    static func put(_ mutation: Mutation, to bytes: inout [UInt8]) {
        switch mutation {
        case .write(let path, let value):
            bytes.append(1)
            bytes.put(path)
            bytes.put(value)
        case .makeDirectory(let path):
            bytes.append(2)
            bytes.put(path)
        case .remove(let path):
            bytes.append(3)
            bytes.put(path)
        case .setPermissions(let path, let permissions):
            bytes.append(4)
            bytes.put(path)
            bytes.put(permissions)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func put(_ word: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
        }
    }
    fileprivate mutating func put(_ domain: DomainID) {
        append(UInt8(truncatingIfNeeded: domain.rawValue))
        append(UInt8(truncatingIfNeeded: domain.rawValue >> 8))
    }
    fileprivate mutating func put(_ bytes: [UInt8]) {
        put(UInt32(bytes.count))
        append(contentsOf: bytes)
    }
    fileprivate mutating func put(_ permissions: [XenStorePermission]) {
        put(UInt32(permissions.count))
        for permission in permissions {
            append(permission.access.rawValue)
            put(permission.domain)
        }
    }
}

private struct RecordReader {
    let source: [UInt8]
    var at = 0

    init(bytes: [UInt8]) { source = bytes }

    var isAtEnd: Bool { at == source.count }

    mutating func byte() -> UInt8? {
        guard at < source.count else { return nil }
        at += 1
        return source[at - 1]
    }
    mutating func word() -> UInt32? {
        guard source.count - at >= 4 else { return nil }
        at += 4
        return UInt32(source[at - 4]) | UInt32(source[at - 3]) << 8 | UInt32(source[at - 2]) << 16
            | UInt32(source[at - 1]) << 24
    }
    mutating func domain() -> DomainID? {
        guard let low = byte(), let high = byte() else { return nil }
        return DomainID(rawValue: UInt16(low) | UInt16(high) << 8)
    }
    mutating func bytes() -> [UInt8]? {
        guard let count = word(), source.count - at >= Int(count) else { return nil }
        at += Int(count)
        return Array(source[(at - Int(count))..<at])
    }
    mutating func path() -> [UInt8]? {
        guard let path = bytes(), XenStorePath.kind(of: path.span) == .absolute else { return nil }
        return path
    }
    mutating func watchPath() -> [UInt8]? {
        guard let path = bytes(), let kind = XenStorePath.kind(of: path.span), kind != .relative else {
            return nil
        }
        return path
    }
    mutating func permissions() -> [XenStorePermission]? {
        guard let count = word(), count > 0, Int(count) <= (source.count - at) / 3 else { return nil }
        var permissions: [XenStorePermission] = []
        for _ in 0..<count {
            guard let access = byte(), let domain = domain() else { return nil }
            permissions.append(
                XenStorePermission(XenStoreAccess(rawValue: access).intersection(.readWrite), domain))
        }
        return permissions
    }
    mutating func mutation() -> Mutation? {
        guard let kind = byte(), let path = path() else { return nil }
        switch kind {
        case 1:
            guard let value = bytes() else { return nil }
            return .write(path, value: value)
        case 2: return .makeDirectory(path)
        case 3: return .remove(path)
        case 4:
            guard let permissions = permissions() else { return nil }
            return .setPermissions(path, permissions)
        default: return nil
        }
    }
}
