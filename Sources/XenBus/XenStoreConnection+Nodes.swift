// SPDX-License-Identifier: Apache-2.0
public import XenABI
public import XenStoreWire

/// What can be done with nodes, in a transaction or outside one.
public protocol XenStoreNodes: ~Copyable {
    /// Makes a request as part of the transaction, if this is one.
    func ask(_ request: XenStoreRequest) throws(XenStoreFailure) -> [UInt8]
}

extension XenStoreNodes where Self: ~Copyable {
    /// The node's value. `XS_READ`.
    public func read(_ path: StoreText) throws(XenStoreFailure) -> StoreText {
        StoreText(try ask(.read(path.bytes)))
    }
    /// The node's value, nil if there is no such node.
    public func readIfPresent(_ path: StoreText) throws(XenStoreFailure) -> StoreText? {
        do { return try read(path) } catch .refused(.noEntry) { return nil }
    }
    /// The node's value as a decimal number, nil if there is no such node.
    /// - Throws: also `notANumber`.
    public func readNumber<Number: FixedWidthInteger>(
        _ path: StoreText, as type: Number.Type = Number.self
    ) throws(XenStoreFailure) -> Number? {
        guard let value = try readIfPresent(path) else { return nil }
        guard let number = value.decimal(as: type) else { throw .notANumber }
        return number
    }
    /// Sets the node's value; the node and those above it are made if missing. `XS_WRITE`.
    public func write(_ path: StoreText, _ value: StoreText) throws(XenStoreFailure) {
        _ = try ask(.write(path.bytes, value: value.bytes))
    }
    /// Makes an empty node if there is none. `XS_MKDIR`.
    public func makeDirectory(_ path: StoreText) throws(XenStoreFailure) {
        _ = try ask(.makeDirectory(path.bytes))
    }
    /// Removes the node and all below it. `XS_RM`.
    public func remove(_ path: StoreText) throws(XenStoreFailure) { _ = try ask(.remove(path.bytes)) }

    /// Names of the node's children. `XS_DIRECTORY`, and `XS_DIRECTORY_PART` for more than a reply holds.
    public func list(_ path: StoreText) throws(XenStoreFailure) -> [StoreText] {
        let names: [UInt8]
        do {
            names = try ask(.directory(path.bytes))
        } catch .refused(.tooBig) {
            names = try listInParts(path)
        }
        return Self.texts(names)
    }
    private func listInParts(_ path: StoreText) throws(XenStoreFailure) -> [UInt8] {
        var attempts = 0
        restart: while attempts < 16 {
            attempts += 1
            var names: [UInt8] = []
            var generation: [UInt8]?
            while names.count < XenStoreConnection.maximumListing {
                let part = try ask(
                    .directoryPart(path.bytes, offset: UInt32(truncatingIfNeeded: names.count)))
                guard let end = part.firstIndex(of: 0) else { throw .badReply(.directoryPart) }
                let seen = part.span.extracting(0..<end).copied()
                // A directory that changed meanwhile is listed again.
                if let generation, !generation.span.matches(seen.span) { continue restart }
                generation = seen
                // An empty name ends the list.
                let isLast = part.count >= 2 && part[part.count - 1] == 0 && part[part.count - 2] == 0
                let last = isLast ? part.count - 1 : part.count
                guard last > end + 1 || isLast, part[last - 1] == 0 else { throw .badReply(.directoryPart) }
                if last > end + 1 { names.append(part.span.extracting((end + 1)..<last)) }
                if isLast { return names }
            }
            throw .badReply(.directoryPart)
        }
        throw .refused(.busy)
    }
    private static func texts(_ bytes: [UInt8]) -> [StoreText] {
        var found: [StoreText] = []
        let span = bytes.span
        var fields = XenStoreFields(span)
        while let field = fields.next() { found.append(StoreText(span.extracting(field).copied())) }
        return found
    }

    /// The node's permissions; the first entry names the owner. `XS_GET_PERMS`.
    public func permissions(_ path: StoreText) throws(XenStoreFailure) -> [XenStorePermission] {
        var found: [XenStorePermission] = []
        for text in Self.texts(try ask(.getPermissions(path.bytes))) {
            guard let permission = XenStorePermission(text.bytes.span) else {
                throw .badReply(.getPermissions)
            }
            found.append(permission)
        }
        return found
    }
    /// Replaces the node's permissions. `XS_SET_PERMS`.
    public func setPermissions(
        _ path: StoreText, _ permissions: [XenStorePermission]
    ) throws(XenStoreFailure) {
        _ = try ask(.setPermissions(path.bytes, permissions))
    }
}

extension XenStoreConnection: XenStoreNodes {
    public func ask(_ request: XenStoreRequest) throws(XenStoreFailure) -> [UInt8] {
        try self.request(request)
    }
    /// Reads the node without waiting; `completion` is called once, from `turn` or `wait`.
    /// - Throws: as `submit`.
    public func read(
        _ path: StoreText, timeout: Timeout? = nil,
        completion: @escaping (Result<StoreText, XenStoreFailure>) -> Void
    ) throws(XenStoreFailure) {
        try submit(.read(path.bytes), timeout: timeout) {
            switch $0 {
            case .success(let value): completion(.success(StoreText(value)))
            case .failure(let error): completion(.failure(error))
            }
        }
    }
    /// Sets the node's value without waiting; `completion` gets nil, or what went wrong, once, from `turn` or `wait`.
    /// - Throws: as `submit`.
    public func write(
        _ path: StoreText, _ value: StoreText, timeout: Timeout? = nil,
        completion: @escaping (XenStoreFailure?) -> Void
    ) throws(XenStoreFailure) {
        try submit(.write(path.bytes, value: value.bytes), timeout: timeout) {
            if case .failure(let error) = $0 { completion(error) } else { completion(nil) }
        }
    }
    /// The directory of a domain, `/local/domain/N`. `XS_GET_DOMAIN_PATH`.
    public func home(of domain: DomainID) throws(XenStoreFailure) -> StoreText {
        let reply = try request(.getDomainPath(domain))
        guard let field = XenStoreFields.only(reply.span) else { throw .badReply(.getDomainPath) }
        return StoreText(reply.span.extracting(field).copied())
    }
}

/// A view of the store that others change under only as a whole: its changes appear together when it is committed, or
/// not at all. Dropped without `commit`, it is aborted.
public struct XenStoreTransaction: ~Copyable, XenStoreNodes {
    private let connection: XenStoreConnection
    private let number: UInt32
    private var isOpen = true

    /// `XS_TRANSACTION_START`.
    init(_ connection: XenStoreConnection) throws(XenStoreFailure) {
        let reply = try connection.wait(
            for: connection.begin(
                .transactionStart, 0, connection.timeout,
                undo: { connection, reply in
                    if let number = Self.number(reply) {
                        connection.post(.transactionEnd(commits: false), transaction: number)
                    }
                }))
        guard let number = Self.number(reply) else { throw .badReply(.transactionStart) }
        self.connection = connection
        self.number = number
    }
    private static func number(_ reply: [UInt8]) -> UInt32? {
        guard let field = XenStoreFields.only(reply.span),
            let number = reply.span.extracting(field).decimal(as: UInt32.self), number != 0
        else { return nil }
        return number
    }
    public func ask(_ request: XenStoreRequest) throws(XenStoreFailure) -> [UInt8] {
        try connection.request(request, transaction: number)
    }
    /// Makes all changes at once. `XS_TRANSACTION_END`.
    /// - Throws: `refused(.tryAgain)` when what was read has changed meanwhile. After `timedOut` and `connectionLost` the
    ///   changes may have been made, or may still be.
    public consuming func commit() throws(XenStoreFailure) {
        isOpen = false
        do throws(XenStoreFailure) {
            _ = try connection.request(.transactionEnd(commits: true), transaction: number)
        } catch {
            // If it never came to the store the transaction is open still; if it did, this is refused.
            if error == .timedOut {
                connection.post(.transactionEnd(commits: false), transaction: number)
            }
            throw error
        }
    }
    deinit {
        if isOpen { connection.post(.transactionEnd(commits: false), transaction: number) }
    }
}

extension XenStoreConnection {
    /// Opens a transaction, for those who end and repeat it themselves.
    public func beginTransaction() throws(XenStoreFailure) -> XenStoreTransaction {
        try XenStoreTransaction(self)
    }
    /// Runs `body` in a transaction and commits it; once more, from the start, each time somebody else was faster.
    /// - Parameter attempts: how often at most; then `refused(.tryAgain)` is thrown.
    /// - Throws: also what `body` throws, after aborting.
    public func transaction<Result>(
        attempts: Int = 64, _ body: (borrowing XenStoreTransaction) throws(XenStoreFailure) -> Result
    ) throws(XenStoreFailure) -> Result {
        var left = attempts
        while true {
            let transaction = try XenStoreTransaction(self)
            let result = try body(transaction)
            do {
                try transaction.commit()
                return result
            } catch .refused(.tryAgain) {
                left -= 1
                if left <= 0 { throw .refused(.tryAgain) }
            }
        }
    }
}
