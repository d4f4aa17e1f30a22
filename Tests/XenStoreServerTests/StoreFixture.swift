// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

/// A store with clients that talk to it in packets, all in memory.
final class StoreFixture {
    let store = XenStore()
    /// Replays everything the store recorded into another.
    var records: [StoreRecord] = []

    init() {
        store.recorder = { [unowned self] in records.append($0) }
    }

    /// A client with the rights of domain 0.
    func privileged() -> TestClient { TestClient(self, store.connect(as: .zero)) }

    /// An introduced domain's ring, with a home directory of its own.
    func guest(_ number: UInt16) throws -> TestClient {
        let domain = DomainID(rawValue: number)
        let client = TestClient(
            self, store.introduce(domain, frame: UInt64(number) << 8, port: EventPort(rawValue: 1)))
        let toolstack = privileged()
        try toolstack.write("/local/domain/\(number)", "")
        try toolstack.ok(.setPermissions(Array("/local/domain/\(number)".utf8), [.init(.none, domain)]))
        toolstack.close()
        return client
    }
}

/// One client.
final class TestClient {
    let fixture: StoreFixture
    let id: ConnectionID
    private var nextID: UInt32 = 1
    private var framer = XenStoreFramer()
    var events: [String] = []

    init(_ fixture: StoreFixture, _ id: ConnectionID) {
        self.fixture = fixture
        self.id = id
    }

    func close() { fixture.store.disconnect(id) }

    /// Sends raw payload; returns the reply and collects events into `events` as "path token".
    @discardableResult
    func send(
        _ operation: XenStoreOperation, _ payload: [UInt8], in transaction: UInt32 = 0
    ) throws -> Result<[UInt8], XenStoreError> {
        nextID += 1
        let header = XenStoreHeader(
            operation: operation, requestID: nextID, transactionID: transaction, length: UInt32(payload.count)
        )
        fixture.store.handle(header, payload.span, from: id)
        var replies: [(XenStoreHeader, [UInt8])] = []
        collect { replies.append(($0, $1)) }
        #expect(replies.count == 1)
        let reply = try #require(replies.first)
        #expect(reply.0.requestID == nextID)
        #expect(reply.0.transactionID == transaction)
        if reply.0.operation == .error { return .failure(XenStoreError(name: reply.1.span)) }
        #expect(reply.0.operation == operation)
        return .success(reply.1)
    }

    /// Takes waiting output.
    func collect(_ reply: (XenStoreHeader, [UInt8]) -> Void = { _, _ in Issue.record("unexpected reply") }) {
        fixture.store.sendOutput(id) { bytes in
            do {
                return try framer.feed(bytes) { header, payload in
                    if header.operation == .watchEvent {
                        #expect(header.requestID == 0 && header.transactionID == 0)
                        let text = payload.copied().split(separator: 0, omittingEmptySubsequences: false)
                            .map { String(decoding: $0, as: UTF8.self) }
                        #expect(text.count == 3 && text[2].isEmpty)
                        events.append("\(text[0]) \(text[1])")
                    } else {
                        reply(header, payload.copied())
                    }
                    return true
                }
            } catch {
                Issue.record("malformed output: \(error)")
                return bytes.count
            }
        }
    }

    /// Events since the last call.
    func takeEvents() -> [String] {
        collect()
        defer { events = [] }
        return events
    }

    func request(_ request: XenStoreRequest, in transaction: UInt32 = 0) throws -> Result<
        [UInt8], XenStoreError
    > {
        var packet: [UInt8] = []
        try request.encode(to: &packet)
        return try send(request.operation, Array(packet[16...]), in: transaction)
    }

    /// Expects success; returns the reply as text, NULs as `|`.
    @discardableResult
    func ok(_ request: XenStoreRequest, in transaction: UInt32 = 0) throws -> String {
        let bytes = try self.request(request, in: transaction).get()
        return String(decoding: bytes.map { $0 == 0 ? 0x7c : $0 }, as: UTF8.self)
    }

    /// Expects an error.
    func error(_ request: XenStoreRequest, in transaction: UInt32 = 0) throws -> XenStoreError? {
        if case .failure(let error) = try self.request(request, in: transaction) { return error }
        return nil
    }

    func write(_ path: String, _ value: String, in transaction: UInt32 = 0) throws {
        #expect(try ok(.write(Array(path.utf8), value: Array(value.utf8)), in: transaction) == "OK|")
    }
    func read(_ path: String, in transaction: UInt32 = 0) throws -> String {
        try ok(.read(Array(path.utf8)), in: transaction)
    }
    func readError(_ path: String, in transaction: UInt32 = 0) throws -> XenStoreError? {
        try error(.read(Array(path.utf8)), in: transaction)
    }
    func directory(_ path: String, in transaction: UInt32 = 0) throws -> String {
        try ok(.directory(Array(path.utf8)), in: transaction)
    }
    func writeError(_ path: String, _ value: String = "", in transaction: UInt32 = 0) throws -> XenStoreError?
    {
        try error(.write(Array(path.utf8), value: Array(value.utf8)), in: transaction)
    }
    func remove(_ path: String, in transaction: UInt32 = 0) throws {
        #expect(try ok(.remove(Array(path.utf8)), in: transaction) == "OK|")
    }
    func watch(_ path: String, _ token: String, depth: UInt32? = nil) throws {
        #expect(try ok(.watch(Array(path.utf8), token: Array(token.utf8), depth: depth)) == "OK|")
    }
    func start() throws -> UInt32 {
        let text = try ok(.transactionStart)
        return try #require(UInt32(text.dropLast()))
    }
    func setPermissions(_ path: String, _ permissions: XenStorePermission...) throws {
        #expect(try ok(.setPermissions(Array(path.utf8), permissions)) == "OK|")
    }
}

extension String {
    var bytes: [UInt8] { Array(utf8) }
}

extension XenStorePermission {
    init(_ access: XenStoreAccess, _ domain: UInt16) { self.init(access, DomainID(rawValue: domain)) }
}
