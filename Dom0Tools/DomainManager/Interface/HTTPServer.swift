// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
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
    private let server: SocketServer
    /// Connections served at once.
    static let connectionLimit = 256
    /// A client that is this many bytes behind is let go.
    static let outputLimit = 4 << 20

    /// Listens at `path`, which only its owner may use. An old socket there is replaced.
    public init(
        reactor: Reactor, path: String, handler: @escaping (HTTPRequest, HTTPExchange) -> Void
    ) throws(HostFailure) {
        server = try SocketServer(
            reactor, path: path, limit: Self.connectionLimit, outputLimit: Self.outputLimit
        ) { stream in
            let connection = Connection(stream, reactor, handler)
            stream.onInput = { connection.take($0) }
            stream.onClose { connection.abandon() }
        }
    }

    /// Ends all connections and removes the socket.
    public func close() { server.close(waits: false) }

    fileprivate final class Connection {
        private let stream: SocketStream
        private let reactor: Reactor
        private let handler: (HTTPRequest, HTTPExchange) -> Void
        private var decoder = HTTPRequestDecoder()
        private var exchange: HTTPExchange?
        private var isEnding = false
        private(set) var keepsAlive = true

        init(
            _ stream: SocketStream, _ reactor: Reactor,
            _ handler: @escaping (HTTPRequest, HTTPExchange) -> Void
        ) {
            self.stream = stream
            self.reactor = reactor
            self.handler = handler
        }

        func take(_ bytes: [UInt8]) {
            // Requests sent ahead wait in the decoder; more than a large request's worth is not waited for.
            decoder.take(bytes)
            serveNext()
        }

        /// One request at a time: the next is taken when the last is answered.
        private func serveNext() {
            guard stream.isOpen, exchange == nil, !isEnding else { return }
            do throws(HTTPRequestDecoder.Refusal) {
                guard let request = try decoder.next() else {
                    if decoder.takeContinue() { send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
                    return
                }
                keepsAlive = request.keepsAlive
                let exchange = HTTPExchange(self)
                self.exchange = exchange
                handler(request, exchange)
            } catch {
                keepsAlive = false
                let exchange = HTTPExchange(self)
                self.exchange = exchange
                exchange.respond(
                    JSON.encode(APIError(.badRequest, error.what, hint: "see Docs/ControlAPI.md")),
                    status: error.status)
            }
        }

        func send(_ bytes: [UInt8]) { stream.send(bytes) }

        func finished(keep: Bool) {
            exchange = nil
            guard keep && keepsAlive else {
                isEnding = true
                return stream.end()
            }
            // Not from here: the handler may still be at work.
            reactor.after(milliseconds: 0) { [weak self] in self?.serveNext() }
        }

        func abandon() {
            exchange?.abandon()
            exchange = nil
        }
    }
}
