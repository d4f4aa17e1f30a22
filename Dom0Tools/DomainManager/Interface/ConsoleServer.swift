// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Glibc
public import Reactor

/// Serves consoles on a unix socket: one request line, then bytes both ways. See `ConsoleProtocol`.
public final class ConsoleServer {
    private let reactor: Reactor
    private let supervisor: DomainSupervisor
    private let listener: Int32
    private let path: String
    private var watching: Reactor.Watching?
    private var sessions: [ObjectIdentifier: Session] = [:]
    /// Connections served at once.
    static let sessionLimit = 64

    public init(reactor: Reactor, supervisor: DomainSupervisor, path: String) throws(HostFailure) {
        self.reactor = reactor
        self.supervisor = supervisor
        self.path = path
        listener = try System.listen(at: path)
        do {
            watching = try reactor.watch(listener, .readable) { [unowned self] _ in acceptAll() }
        } catch {
            throw HostFailure("\(error)")
        }
    }

    /// Ends all sessions and removes the socket.
    public func close() {
        if let watching { reactor.cancel(watching) }
        watching = nil
        _ = Glibc.close(listener)
        System.remove(path)
        for session in Array(sessions.values) { session.end() }
    }

    private func acceptAll() {
        while let descriptor = System.accept(listener) {
            guard sessions.count < Self.sessionLimit else {
                _ = Glibc.close(descriptor)
                continue
            }
            let session = Session(descriptor, self)
            if session.start() { sessions[ObjectIdentifier(session)] = session }
        }
    }

    /// One connection.
    private final class Session: ConsoleClient {
        private let descriptor: Int32
        private unowned let server: ConsoleServer
        private var watching: Reactor.Watching?
        private var request: [UInt8] = []
        private var console: Console?
        private var output: [UInt8] = []
        private var isEnding = false
        /// A reader that is this far behind is let go.
        private static let outputLimit = 512 * 1024

        init(_ descriptor: Int32, _ server: ConsoleServer) {
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
            switch System.readSome(descriptor) {
            case .later: break
            case .end: drop()
            case .bytes(let bytes):
                if let console { console.send(bytes) } else { takeRequest(bytes) }
            }
        }

        private func takeRequest(_ bytes: [UInt8]) {
            guard !isEnding else { return }
            request += bytes
            guard let end = request.firstIndex(of: UInt8(ascii: "\n")) else {
                if request.count > ConsoleProtocol.lineLimit { drop() }
                return
            }
            let name = String(decoding: request[..<end], as: UTF8.self)
            do throws(APIError) {
                let console = try server.supervisor.console(name)
                receive(ConsoleProtocol.answer(nil))
                self.console = console
                console.attach(self)
                let rest = request[(end + 1)...]
                if !rest.isEmpty { console.send(Array(rest)) }
            } catch {
                receive(ConsoleProtocol.answer(error))
                self.end()
            }
        }

        func receive(_ bytes: [UInt8]) {
            guard watching != nil else { return }
            output += bytes
            flush()
            if output.count > Self.outputLimit { drop() }
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

        func end() {
            isEnding = true
            flush()
        }

        private func drop() {
            guard let watching else { return }
            self.watching = nil
            server.reactor.cancel(watching)
            console?.detach(self)
            console = nil
            _ = Glibc.close(descriptor)
            server.sessions[ObjectIdentifier(self)] = nil
        }
    }
}
