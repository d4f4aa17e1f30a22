// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
import Glibc
public import Reactor

/// The answer to one request. It may be given later, whole or in pieces; what comes after the end is dropped.
public final class HTTPExchange {
    fileprivate weak var connection: HTTPServer.Connection?
    fileprivate var isStreaming = false
    fileprivate var isComplete = false
    /// Called once if the client goes away before the answer is complete.
    public var onAbandon: (() -> Void)?

    fileprivate init(_ connection: HTTPServer.Connection) { self.connection = connection }

    private func head(_ status: Int, _ type: String, _ length: String) -> [UInt8] {
        let reason = status < 300 ? "OK" : "Failed"
        let keeps = connection?.keepsAlive == true && !isStreaming
        return Array(
            ("HTTP/1.1 \(status) \(reason)\r\nContent-Type: \(type)\r\n\(length)\r\nSwiftvisor-API: \(APIVersion.current)\r\n"
                + "Connection: \(keeps ? "keep-alive" : "close")\r\n\r\n").utf8)
    }

    /// The whole answer.
    public func respond(_ body: [UInt8], status: Int = 200, type: String = "application/json") {
        guard !isComplete, !isStreaming else { return }
        isComplete = true
        connection?.send(head(status, type, "Content-Length: \(body.count)") + body)
        connection?.finished(keep: true)
    }

    /// Starts an answer that comes in pieces.
    public func begin(type: String) {
        guard !isComplete, !isStreaming else { return }
        isStreaming = true
        connection?.send(head(200, type, "Transfer-Encoding: chunked"))
    }

    /// A piece.
    public func send(_ piece: [UInt8]) {
        guard isStreaming, !isComplete, !piece.isEmpty else { return }
        connection?.send(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10])
    }

    /// The end of the pieces.
    public func end() {
        guard isStreaming, !isComplete else { return }
        isComplete = true
        connection?.send(Array("0\r\n\r\n".utf8))
        connection?.finished(keep: false)
    }

    fileprivate func abandon() {
        guard !isComplete else { return }
        isComplete = true
        onAbandon?()
        onAbandon = nil
    }
}

/// HTTP/1.1 on a unix socket, on the reactor's thread.
public final class HTTPServer {
    private let reactor: Reactor
    private let handler: (HTTPRequest, HTTPExchange) -> Void
    private let path: String
    private let listener: Int32
    private var watching: Reactor.Watching?
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Connections served at once.
    static let connectionLimit = 256

    /// Listens at `path`, which only its owner may use. An old socket there is replaced.
    public init(
        reactor: Reactor, path: String, handler: @escaping (HTTPRequest, HTTPExchange) -> Void
    ) throws(HostFailure) {
        self.reactor = reactor
        self.path = path
        self.handler = handler
        listener = try System.listen(at: path)
        do {
            watching = try reactor.watch(listener, .readable) { [unowned self] _ in acceptAll() }
        } catch {
            throw HostFailure("\(error)")
        }
    }

    /// Ends all connections and removes the socket.
    public func close() {
        if let watching { reactor.cancel(watching) }
        watching = nil
        _ = Glibc.close(listener)
        System.remove(path)
        for connection in Array(connections.values) { connection.drop() }
    }

    private func acceptAll() {
        while let descriptor = System.accept(listener) {
            guard connections.count < Self.connectionLimit else {
                _ = Glibc.close(descriptor)
                continue
            }
            let connection = Connection(descriptor, self)
            if connection.start() { connections[ObjectIdentifier(connection)] = connection }
        }
    }

    fileprivate final class Connection {
        private let descriptor: Int32
        private unowned let server: HTTPServer
        private var watching: Reactor.Watching?
        private var decoder = HTTPRequestDecoder()
        private var output: [UInt8] = []
        private var exchange: HTTPExchange?
        private var isEnding = false
        private(set) var keepsAlive = true
        /// A client that is this far behind is let go.
        private static let outputLimit = 4 << 20

        init(_ descriptor: Int32, _ server: HTTPServer) {
            self.descriptor = descriptor
            self.server = server
        }

        func start() -> Bool {
            do {
                watching = try server.reactor.watch(descriptor, .readable) { [unowned self] ready in
                    if ready.contains(.writable) { flush() }
                    if ready.contains(.readable) { takeInput() }
                }
                return true
            } catch {
                _ = Glibc.close(descriptor)
                return false
            }
        }

        private func takeInput() {
            switch System.readSome(descriptor, limit: 16 * 1024) {
            case .later: break
            case .end: drop()
            case .bytes(let bytes):
                // Requests sent ahead wait in the decoder; more than a large request's worth is not waited for.
                decoder.take(bytes)
                serveNext()
            }
        }

        /// One request at a time: the next is taken when the last is answered.
        private func serveNext() {
            guard watching != nil, exchange == nil, !isEnding else { return }
            do throws(HTTPRequestDecoder.Refusal) {
                guard let request = try decoder.next() else {
                    if decoder.takeContinue() { send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
                    return
                }
                keepsAlive = request.keepsAlive
                let exchange = HTTPExchange(self)
                self.exchange = exchange
                server.handler(request, exchange)
            } catch {
                keepsAlive = false
                let exchange = HTTPExchange(self)
                self.exchange = exchange
                exchange.respond(
                    JSON.encode(APIError(.badRequest, error.what, hint: "see Docs/ControlAPI.md")),
                    status: error.status)
            }
        }

        func send(_ bytes: [UInt8]) {
            guard watching != nil else { return }
            output += bytes
            flush()
            if output.count > Self.outputLimit { drop() }
        }

        func finished(keep: Bool) {
            exchange = nil
            guard keep && keepsAlive else {
                isEnding = true
                flush()
                return
            }
            // Not from here: the handler may still be at work.
            server.reactor.after(milliseconds: 0) { [weak self] in self?.serveNext() }
        }

        private func flush() {
            guard let watching else { return }
            if !output.isEmpty {
                guard let sent = System.sendSome(output[...], to: descriptor) else { return drop() }
                output.removeFirst(sent)
            }
            if output.isEmpty && isEnding { return drop() }
            try? server.reactor.update(watching, output.isEmpty ? .readable : [.readable, .writable])
        }

        func drop() {
            guard let watching else { return }
            self.watching = nil
            server.reactor.cancel(watching)
            _ = Glibc.close(descriptor)
            exchange?.abandon()
            exchange = nil
            server.connections[ObjectIdentifier(self)] = nil
        }
    }
}
