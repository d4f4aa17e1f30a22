// SPDX-License-Identifier: Apache-2.0
import ControlAPI
public import Reactor

/// Serves consoles on a unix socket: one request line, then bytes both ways. See `ConsoleProtocol`.
public final class ConsoleServer {
    private let server: SocketServer
    /// Connections served at once.
    static let sessionLimit = 64
    /// A reader that is this many bytes behind is let go.
    static let outputLimit = 512 * 1024

    public init(reactor: Reactor, supervisor: DomainSupervisor, path: String) throws(HostFailure) {
        server = try SocketServer(
            reactor, path: path, limit: Self.sessionLimit, outputLimit: Self.outputLimit
        ) { stream in
            let session = Session(stream, supervisor)
            stream.onInput = { session.take($0) }
            stream.onClose { session.detach() }
        }
    }

    /// Ends all sessions and removes the socket.
    public func close() { server.close(waits: true) }

    /// One connection.
    private final class Session: ConsoleClient {
        private let stream: SocketStream
        private let supervisor: DomainSupervisor
        private var request: [UInt8] = []
        private var console: Console?
        private var isRefused = false

        init(_ stream: SocketStream, _ supervisor: DomainSupervisor) {
            self.stream = stream
            self.supervisor = supervisor
        }

        func take(_ bytes: [UInt8]) {
            if let console { console.send(bytes) } else { takeRequest(bytes) }
        }

        private func takeRequest(_ bytes: [UInt8]) {
            guard !isRefused else { return }
            request += bytes
            guard let end = request.firstIndex(of: UInt8(ascii: "\n")) else {
                if request.count > ConsoleProtocol.lineLimit { stream.drop() }
                return
            }
            let name = String(decoding: request[..<end], as: UTF8.self)
            do throws(APIError) {
                let console = try supervisor.console(name)
                receive(ConsoleProtocol.answer(nil))
                self.console = console
                console.attach(self)
                let rest = request[(end + 1)...]
                if !rest.isEmpty { console.send(Array(rest)) }
            } catch {
                isRefused = true
                receive(ConsoleProtocol.answer(error))
                stream.end()
            }
        }

        func receive(_ bytes: [UInt8]) { stream.send(bytes) }
        func end() { stream.end() }

        func detach() {
            console?.detach(self)
            console = nil
        }
    }
}
