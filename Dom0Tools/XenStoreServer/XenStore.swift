// SPDX-License-Identifier: Apache-2.0
public import XenABI
public import XenStoreWire

/// The store: tree, transactions, watches, permissions, quotas and domains. `docs/misc/xenstore.txt`.
///
/// It does no I/O and knows no clock. Packets come in through `handle`; replies and events wait, per connection, to be
/// taken with `withOutput` and `sent`. What has to survive the process is told to `recorder` before any reply is visible.
/// Not for several threads.
public final class XenStore {
    var tree = Tree()
    /// Counts the changes of the tree.
    var generation: UInt64 = 0
    var connections: [ConnectionID: Connection] = [:]
    private var connectionsMade: UInt64 = 0
    let watches = WatchNode()
    /// Watches of @ names.
    var specialWatches: [Watch] = []
    var specialPermissions = SpecialPermissions()
    var domains: [UInt16: Domain] = [:]
    /// The last transaction number given, and up to where the record says numbers may have been given.
    var lastTransactionID: UInt32 = 0
    var recordedTransactionID: UInt32 = 0

    /// What unprivileged domains may use.
    public var quota = Quota()
    /// Told of everything that has to survive, in order.
    public var recorder: ((StoreRecord) -> Void)?
    /// Asked to connect a domain's ring for an INTRODUCE that came as a packet. Nil refuses them all.
    public var introducer: ((DomainID, _ frame: UInt64, EventPort) -> XenStoreError?)?
    /// Told after a RELEASE that came as a packet.
    public var releaser: ((DomainID) -> Void)?
    /// Told of each watch that a client sets, by its absolute path.
    public var onWatch: ((ConnectionID, [UInt8]) -> Void)?
    /// Told of what a person should know.
    public var log: ((String) -> Void)?
    /// Connections that got output since this was last emptied.
    public var connectionsWithOutput: [ConnectionID] = []
    /// By domain: bytes of a request that had come in part before a restart.
    var restoredInput: [UInt16: [UInt8]] = [:]
    /// True if each request is told to `log`.
    var logsRequests = false
    /// A connection that was looked up last: packets come in bursts.
    private var lastConnection: Connection?

    public init() {}

    // MARK: Connections

    /// A new client that acts as `domain`. Several may act as domain 0.
    public func connect(as domain: DomainID) -> ConnectionID {
        connectionsMade += 1
        let connection = Connection(id: ConnectionID(rawValue: connectionsMade), domain: domain)
        connections[connection.id] = connection
        return connection.id
    }

    /// Forgets the client, its watches and its transactions.
    public func disconnect(_ id: ConnectionID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        if lastConnection === connection { lastConnection = nil }
        for watch in connection.watches { unregister(watch) }
    }

    func connection(_ id: ConnectionID) -> Connection? {
        if let lastConnection, lastConnection.id == id { return lastConnection }
        lastConnection = connections[id]
        return lastConnection
    }

    /// False while an unprivileged client has too many replies and events waiting: take no request from it then.
    public func acceptsRequests(_ id: ConnectionID) -> Bool {
        guard let connection = connection(id) else { return false }
        return connection.isPrivileged || connection.outstanding < quota.outstandingRequests
    }

    /// Bytes waiting to be sent to the client.
    public func outputByteCount(_ id: ConnectionID) -> Int {
        connection(id)?.outputByteCount ?? 0
    }

    /// Shows `body` the bytes that wait to be sent; it answers how many of them were.
    public func sendOutput(_ id: ConnectionID, _ body: (Span<UInt8>) -> Int) {
        guard let connection = connection(id), connection.hasOutput else { return }
        let bytes = connection.output
        let count = body(bytes.span.extracting(connection.outputStart..<bytes.count))
        if count > 0 { connection.sent(count) }
    }

    /// Forgets what waits to be sent: the client starts its stream anew.
    public func discardOutput(_ id: ConnectionID) { connection(id)?.clearOutput() }

    // MARK: Packets

    /// Handles one request. The reply, and events it causes, wait at their connections.
    public func handle(_ header: XenStoreHeader, _ payload: Span<UInt8>, from id: ConnectionID) {
        guard let connection = connection(id) else { return }
        let hadOutput = connection.hasOutput
        if logsRequests {
            log?(
                "store: domain \(connection.domain.rawValue) operation \(header.operation.rawValue) "
                    + "request \(header.requestID) transaction \(header.transactionID)")
        }
        do {
            try dispatch(header, payload, connection)
        } catch {
            replyError(header, error, connection)
        }
        if !hadOutput { connectionsWithOutput.append(id) }
    }

    func reply(_ header: XenStoreHeader, _ payload: Span<UInt8>, _ connection: Connection) {
        connection.reply(header, payload)
    }

    private func acknowledge(_ header: XenStoreHeader, _ connection: Connection) {
        connection.reply(header, XenStore.okay.span)
    }
    private static let okay: [UInt8] = [0x4f, 0x4b, 0]

    private func replyError(_ header: XenStoreHeader, _ error: XenStoreError, _ connection: Connection) {
        var name: [UInt8] = []
        name.append(error.name)
        name.append(0)
        connection.reply(
            XenStoreHeader(
                operation: .error, requestID: header.requestID, transactionID: header.transactionID),
            name.span)
    }

    private func dispatch(
        _ header: XenStoreHeader, _ payload: Span<UInt8>, _ connection: Connection
    ) throws(XenStoreError) {
        let transaction = try self.transaction(header.transactionID, connection)
        switch header.operation {
        case .read:
            let value = try read(try onlyPath(payload, connection), connection, transaction)
            connection.reply(header, value.span)
        case .write:
            var fields = XenStoreFields(payload)
            guard let field = fields.next() else { throw .invalidArgument }
            let path = try absolutePath(payload.extracting(field), connection)
            try write(path, value: payload.extracting(fields.rest).copied(), connection, transaction)
            acknowledge(header, connection)
        case .directory:
            let names = try directory(try onlyPath(payload, connection), connection, transaction)
            guard names.count <= XenStoreLimits.payload else { throw .tooBig }
            connection.reply(header, names.span)
        case .directoryPart:
            try directoryPart(header, payload, connection, transaction)
        case .getPermissions:
            let permissions = try getPermissions(
                try onlyPath(payload, connection, allowsSpecial: true), connection, transaction)
            var text: [UInt8] = []
            for permission in permissions { permission.append(to: &text) }
            guard text.count <= XenStoreLimits.payload else { throw .tooBig }
            connection.reply(header, text.span)
        case .setPermissions:
            var fields = XenStoreFields(payload)
            guard let field = fields.next() else { throw .invalidArgument }
            let path = try absolutePath(payload.extracting(field), connection, allowsSpecial: true)
            var permissions: [XenStorePermission] = []
            while let field = fields.next() {
                guard let permission = XenStorePermission(payload.extracting(field)) else {
                    throw .invalidArgument
                }
                permissions.append(permission)
            }
            guard fields.rest.isEmpty, !permissions.isEmpty else { throw .invalidArgument }
            try setPermissions(path, permissions, connection, transaction)
            acknowledge(header, connection)
        case .makeDirectory:
            try makeDirectory(try onlyPath(payload, connection), connection, transaction)
            acknowledge(header, connection)
        case .remove:
            try remove(try onlyPath(payload, connection), connection, transaction)
            acknowledge(header, connection)
        case .watch:
            var fields = XenStoreFields(payload)
            guard let path = fields.next(), let token = fields.next() else { throw .invalidArgument }
            var depth: UInt32?
            if let field = fields.next() {
                depth = payload.extracting(field).decimal()
                guard depth != nil else { throw .invalidArgument }
            }
            guard fields.rest.isEmpty else { throw .invalidArgument }
            let watch = try watch(
                payload.extracting(path), token: payload.extracting(token).copied(), depth: depth, connection)
            acknowledge(header, connection)
            if let first = watch.payload(for: watch.path) { deliver(first, to: connection) }
        case .unwatch:
            var fields = XenStoreFields(payload)
            guard let path = fields.next(), let token = fields.next(), fields.rest.isEmpty else {
                throw .invalidArgument
            }
            try unwatch(payload.extracting(path), token: payload.extracting(token).copied(), connection)
            acknowledge(header, connection)
        case .resetWatches:
            guard XenStoreFields.only(payload) != nil else { throw .invalidArgument }
            resetWatches(connection)
            acknowledge(header, connection)
        case .transactionStart:
            guard transaction == nil else { throw .busy }
            var text: [UInt8] = []
            text.append(decimal: try startTransaction(connection).id)
            text.append(0)
            connection.reply(header, text.span)
        case .transactionEnd:
            guard let field = XenStoreFields.only(payload), field.count == 1 else { throw .invalidArgument }
            let letter = payload[field.lowerBound]
            guard letter == 0x54 || letter == 0x46 else { throw .invalidArgument }
            guard let transaction else { throw .noEntry }
            try endTransaction(transaction, commits: letter == 0x54, connection)
            acknowledge(header, connection)
        default:
            try dispatchDomainOperation(header, payload, connection)
            return
        }
    }

    private func dispatchDomainOperation(
        _ header: XenStoreHeader, _ payload: Span<UInt8>, _ connection: Connection
    ) throws(XenStoreError) {
        switch header.operation {
        case .introduce:
            guard connection.isPrivileged else { throw .accessDenied }
            var fields = XenStoreFields(payload)
            guard let first = fields.next(), let second = fields.next(), let third = fields.next(),
                fields.rest.isEmpty, let domain = domainID(payload.extracting(first)),
                let frame = payload.extracting(second).decimal(as: UInt64.self),
                let port = payload.extracting(third).decimal(as: UInt32.self), domain != .zero
            else { throw .invalidArgument }
            guard let introducer else { throw .notImplemented }
            if let error = introducer(domain, frame, EventPort(rawValue: port)) { throw error }
            acknowledge(header, connection)
        case .release:
            guard connection.isPrivileged else { throw .accessDenied }
            let domain = try onlyDomain(payload)
            guard domain != .zero else { throw .invalidArgument }
            try release(domain)
            releaser?(domain)
            acknowledge(header, connection)
        case .resume:
            guard connection.isPrivileged else { throw .accessDenied }
            try resume(try onlyDomain(payload))
            acknowledge(header, connection)
        case .setTarget:
            guard connection.isPrivileged else { throw .accessDenied }
            var fields = XenStoreFields(payload)
            guard let first = fields.next(), let second = fields.next(), fields.rest.isEmpty,
                let domain = domainID(payload.extracting(first)),
                let target = domainID(payload.extracting(second))
            else { throw .invalidArgument }
            try setTarget(of: domain, to: target)
            acknowledge(header, connection)
        case .getDomainPath:
            var path = XenStorePath.home(of: try onlyDomain(payload)).bytes
            path.append(0)
            connection.reply(header, path.span)
        case .isDomainIntroduced:
            let answer: [UInt8] = [isIntroduced(try onlyDomain(payload)) ? 0x54 : 0x46, 0]
            connection.reply(header, answer.span)
        case .control:
            guard connection.isPrivileged else { throw .accessDenied }
            var text = Array(try control(payload).utf8.prefix(XenStoreLimits.payload - 1))
            text.append(0)
            connection.reply(header, text.span)
        default:
            throw .notImplemented
        }
    }

    // MARK: Fields

    func domainID(_ text: Span<UInt8>) -> DomainID? {
        guard let number = text.decimal(as: UInt16.self), DomainID(rawValue: number).isReal else {
            return nil
        }
        return DomainID(rawValue: number)
    }

    private func onlyDomain(_ payload: Span<UInt8>) throws(XenStoreError) -> DomainID {
        guard let field = XenStoreFields.only(payload), let domain = domainID(payload.extracting(field))
        else {
            throw .invalidArgument
        }
        return domain
    }

    private func onlyPath(
        _ payload: Span<UInt8>, _ connection: Connection, allowsSpecial: Bool = false
    ) throws(XenStoreError) -> [UInt8] {
        guard let field = XenStoreFields.only(payload) else { throw .invalidArgument }
        return try absolutePath(payload.extracting(field), connection, allowsSpecial: allowsSpecial)
    }

    /// Checks a path and makes it absolute.
    func absolutePath(
        _ path: Span<UInt8>, _ connection: Connection, allowsSpecial: Bool = false
    ) throws(XenStoreError) -> [UInt8] {
        guard let kind = XenStorePath.kind(of: path) else { throw .invalidArgument }
        switch kind {
        case .absolute:
            if !connection.isPrivileged && path.count > quota.pathByteCount { throw .noSpace }
            return path.copied()
        case .special:
            guard allowsSpecial else { throw .invalidArgument }
            return path.copied()
        case .relative:
            var absolute = connection.home
            absolute.append(0x2f)
            absolute.append(path)
            return absolute
        }
    }
}
