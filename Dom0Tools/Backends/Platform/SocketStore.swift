// SPDX-License-Identifier: Apache-2.0
import CBackends
import Glibc
import XenABI
import XenStoreWire

/// The store behind its daemon's unix socket. Calls wait for their answers; events of watches are told between.
///
/// When the daemon goes away the calls fail until it is back; then the watches are set again, so that everybody looks
/// at what they wait for once more.
final class SocketStore: StoreAccess {
    private struct Watch {
        let path: String
        let handler: (String) -> Void
    }
    /// What a request came back with.
    private enum Reply {
        case payload([UInt8])
        case refused(XenStoreError?)
    }

    private let path: String
    private let work: any WorkAccess
    private let log: Log
    private var descriptor: Int32 = -1
    private var watching: Int?
    private var framer = XenStoreFramer()
    private var replies: [(requestID: UInt32, reply: Reply)] = []
    private var events: [(path: String, token: Int)] = []
    private var deliversLater = false
    private var watches: [Int: Watch] = [:]
    private var nextToken = 1
    private var nextRequest: UInt32 = 1
    private var buffer = [UInt8](repeating: 0, count: 8192)

    /// How long to wait before the next attempt to reach the daemon again.
    private static let retryMilliseconds = 100

    /// - Throws: `store` if the daemon cannot be reached.
    init(path: String, work: any WorkAccess, log: Log) throws(BackendError) {
        self.path = path
        self.work = work
        self.log = log
        try connect()
    }
    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    // MARK: The connection

    private func connect() throws(BackendError) {
        // SAFETY: the C function reads the terminated text and keeps nothing of it.
        let fd = unsafe sv_store_connect(path)
        guard fd >= 0 else {
            throw .store("cannot reach '\(path)': \(BackendError.text(-fd)); is svd running?")
        }
        descriptor = fd
        framer = XenStoreFramer()
        do throws(BackendError) {
            watching = try work.watchReadable(fd) { [weak self] in self?.receive() }
        } catch {
            lost("")
            throw error
        }
    }

    /// The connection has ended: nothing that was under way gets an answer.
    private func lost(_ why: String) {
        if let watching { work.cancelWatching(watching) }
        watching = nil
        guard descriptor >= 0 else { return }
        _ = close(descriptor)
        descriptor = -1
        replies = []
        log.warning("the store went away \(why)")
        work.after(milliseconds: Self.retryMilliseconds) { [weak self] in self?.reconnect() }
    }

    private func reconnect() {
        guard descriptor < 0 else { return }
        do throws(BackendError) {
            try connect()
            for (token, watch) in watches.sorted(by: { $0.key < $1.key }) { try set(watch.path, token) }
            log.warning("the store is back")
        } catch {
            if descriptor >= 0 { return lost(error.description) }
            work.after(milliseconds: Self.retryMilliseconds) { [weak self] in self?.reconnect() }
        }
    }

    /// Reads what there is. False if the connection has ended.
    @discardableResult private func read(waits: Bool) -> Bool {
        let descriptor = descriptor
        // SAFETY: the buffer has `count` bytes.
        // SAFETY: the buffer gives its own bounds, and is not touched meanwhile.
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe sv_store_receive(descriptor, $0.baseAddress, UInt64($0.count), waits ? 1 : 0)
        }
        if count == Int64(-EAGAIN) { return true }
        guard count > 0 else {
            lost(count == 0 ? "" : BackendError.text(Int32(-count)))
            return false
        }
        do throws(XenStoreFramer.Malformed) {
            var packets: [(XenStoreHeader, [UInt8])] = []
            _ = try framer.feed(buffer.span.extracting(0..<Int(count))) { (header, payload) in
                packets.append((header, payload.copied()))
                return true
            }
            for (header, payload) in packets { take(header, payload) }
            return true
        } catch {
            lost("after nonsense")
            return false
        }
    }

    private func take(_ header: XenStoreHeader, _ payload: [UInt8]) {
        if header.operation == .watchEvent {
            let fields = payload.split(separator: 0, omittingEmptySubsequences: false)
            guard fields.count >= 2, let token = Int(String(decoding: fields[1], as: UTF8.self)) else {
                return
            }
            events.append((String(decoding: fields[0], as: UTF8.self), token))
            deliverLater()
        } else if header.operation == .error {
            let name = payload.prefix { $0 != 0 }
            let error = XenStoreError.allCases.first { "\($0.name)".utf8.elementsEqual(name) }
            replies.append((header.requestID, .refused(error)))
        } else {
            replies.append((header.requestID, .payload(payload)))
        }
    }

    /// The descriptor is readable outside of a call.
    private func receive() {
        read(waits: false)
        deliver()
    }
    /// Events that came between a request and its answer are told when the caller is done.
    private func deliverLater() {
        guard !deliversLater else { return }
        deliversLater = true
        work.after(milliseconds: 0) { [weak self] in
            self?.deliversLater = false
            self?.deliver()
        }
    }
    private func deliver() {
        let waiting = events
        events = []
        for event in waiting { watches[event.token]?.handler(event.path) }
    }

    // MARK: Requests

    /// Sends requests together and waits for all their answers.
    private func exchange(
        _ requests: [XenStoreRequest], transaction: UInt32 = 0
    ) throws(BackendError) -> [Reply] {
        guard descriptor >= 0 else { throw .store("not connected to '\(path)'") }
        let first = nextRequest
        var bytes: [UInt8] = []
        for request in requests {
            do throws(XenStoreError) {
                try request.encode(requestID: nextRequest, transactionID: transaction, to: &bytes)
            } catch {
                throw .store("a request is too long: \(request)")
            }
            nextRequest &+= 1
        }
        let descriptor = descriptor
        // SAFETY: the array outlives the call.
        // SAFETY: the bytes outlive the call and give their own bounds.
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe sv_store_send(descriptor, $0.baseAddress, UInt64($0.count))
        }
        guard sent == 0 else {
            lost(BackendError.text(-sent))
            throw .store("the connection to '\(path)' ended")
        }
        replies.removeAll { $0.requestID &- first >= UInt32(requests.count) }
        while replies.count < requests.count {
            guard read(waits: true) else { throw .store("the connection to '\(path)' ended") }
        }
        defer { replies.removeAll() }
        return replies.map(\.reply)
    }

    private func one(_ request: XenStoreRequest) throws(BackendError) -> Reply {
        guard let reply = try exchange([request]).first else { throw .store("no answer") }
        return reply
    }
    private static func refusal(_ error: XenStoreError?, _ what: String) -> BackendError {
        .store("\(what): \(error.map { "\($0.name)" } ?? "an unknown error")")
    }

    func read(_ path: String) throws(BackendError) -> String? {
        switch try one(.read(Array(path.utf8))) {
        case .payload(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .refused(.noEntry), .refused(.accessDenied): return nil
        case .refused(let error): throw Self.refusal(error, "read \(path)")
        }
    }

    func list(_ path: String) throws(BackendError) -> [String] {
        switch try one(.directory(Array(path.utf8))) {
        case .payload(let bytes): return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        case .refused(.noEntry): return []
        case .refused(let error): throw Self.refusal(error, "list \(path)")
        }
    }

    func write(_ values: [(path: String, value: String)], ifPresent anchor: String) throws(BackendError) {
        while true {
            let transaction: UInt32
            switch try one(.transactionStart) {
            case .payload(let bytes):
                guard let number = UInt32(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)) else {
                    throw .store("a transaction has no number")
                }
                transaction = number
            case .refused(let error): throw Self.refusal(error, "start a transaction")
            }
            var requests = [XenStoreRequest.read(Array(anchor.utf8))]
            for (path, value) in values {
                requests.append(.write(Array(path.utf8), value: Array(value.utf8)))
            }
            let replies = try exchange(requests, transaction: transaction)
            var problem: BackendError?
            var isPresent = true
            for (index, reply) in replies.enumerated() {
                guard case .refused(let error) = reply else { continue }
                if index == 0 && error == .noEntry {
                    isPresent = false
                } else if problem == nil {
                    problem = Self.refusal(
                        error, index == 0 ? "read \(anchor)" : "write \(values[index - 1].path)")
                }
            }
            let commits = isPresent && problem == nil
            let end = try exchange([.transactionEnd(commits: commits)], transaction: transaction)
            if !isPresent { return }
            if let problem { throw problem }
            guard case .refused(let error)? = end.first else { return }
            guard error == .tryAgain else { throw Self.refusal(error, "commit a transaction") }
        }
    }

    func remove(_ path: String) throws(BackendError) {
        guard case .refused(let error) = try one(.remove(Array(path.utf8))), error != .noEntry else { return }
        throw Self.refusal(error, "remove \(path)")
    }

    private func set(_ path: String, _ token: Int) throws(BackendError) {
        let request = XenStoreRequest.watch(Array(path.utf8), token: Array("\(token)".utf8), depth: nil)
        guard case .refused(let error) = try one(request), error != .exists else { return }
        throw Self.refusal(error, "watch \(path)")
    }
    func watch(_ path: String, _ handler: @escaping (String) -> Void) throws(BackendError) -> Int {
        let token = nextToken
        nextToken += 1
        watches[token] = Watch(path: path, handler: handler)
        do throws(BackendError) { try set(path, token) } catch {
            watches[token] = nil
            throw error
        }
        return token
    }
    func unwatch(_ token: Int) {
        guard let watch = watches.removeValue(forKey: token) else { return }
        _ = try? one(.unwatch(Array(watch.path.utf8), token: Array("\(token)".utf8)))
    }
}
