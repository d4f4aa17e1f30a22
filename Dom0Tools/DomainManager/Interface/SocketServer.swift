// SPDX-License-Identifier: Apache-2.0
import Glibc
import Reactor

/// One connection of a unix socket, on the reactor's thread. What is sent waits in memory until the peer takes it.
final class SocketStream {
    private let descriptor: Int32
    private let reactor: Reactor
    private let outputLimit: Int
    private var watching: Reactor.Watching?
    private var output: [UInt8] = []
    private var isEnding = false
    private var closed: [() -> Void] = []
    /// Gets what the peer sent.
    var onInput: ([UInt8]) -> Void = { _ in }
    /// True until the connection is gone.
    var isOpen: Bool { watching != nil }

    /// Takes over the descriptor; nil if it cannot be watched.
    /// - Parameter outputLimit: bytes that may wait; a peer that is further behind is let go.
    init?(_ descriptor: Int32, _ reactor: Reactor, outputLimit: Int) {
        self.descriptor = descriptor
        self.reactor = reactor
        self.outputLimit = outputLimit
        do {
            watching = try reactor.watch(descriptor, .readable) { [weak self] ready in
                guard let self else { return }
                if ready.contains(.writable) { flush() }
                if ready.contains(.readable) { takeInput() }
            }
        } catch {
            _ = Glibc.close(descriptor)
            return nil
        }
    }

    deinit { drop() }

    /// Called once, when the connection is gone.
    func onClose(_ work: @escaping () -> Void) { closed.append(work) }

    func send(_ bytes: [UInt8]) {
        guard isOpen else { return }
        output += bytes
        flush()
        if output.count > outputLimit { drop() }
    }

    /// Ends the connection once the peer has taken everything.
    func end() {
        isEnding = true
        flush()
    }

    /// Ends the connection now.
    func drop() {
        guard let watching else { return }
        self.watching = nil
        reactor.cancel(watching)
        _ = Glibc.close(descriptor)
        onInput = { _ in }
        let closed = closed
        self.closed = []
        for work in closed { work() }
    }

    private func takeInput() {
        guard isOpen else { return }
        switch System.readSome(descriptor, limit: 16 * 1024) {
        case .later: break
        case .end: drop()
        case .bytes(let bytes): onInput(bytes)
        }
    }

    private func flush() {
        guard let watching else { return }
        if !output.isEmpty {
            guard let sent = System.sendSome(output[...], to: descriptor) else { return drop() }
            output.removeFirst(sent)
        }
        if output.isEmpty && isEnding { return drop() }
        try? reactor.update(watching, output.isEmpty ? .readable : [.readable, .writable])
    }
}

/// Takes the connections of a unix socket and keeps them while they are open.
final class SocketServer {
    private var listener: UnixListener?
    private var streams: [ObjectIdentifier: SocketStream] = [:]

    /// - Parameters:
    ///   - limit: connections at once; more are turned away.
    ///   - outputLimit: as for `SocketStream`.
    ///   - accepted: sets up what the stream's input and end do.
    init(
        _ reactor: Reactor, path: String, limit: Int, outputLimit: Int,
        accepted: @escaping (SocketStream) -> Void
    ) throws(HostFailure) {
        do {
            listener = try UnixListener(reactor, path: path) { [unowned self] descriptor in
                guard streams.count < limit else {
                    _ = Glibc.close(descriptor)
                    return
                }
                guard let stream = SocketStream(descriptor, reactor, outputLimit: outputLimit) else { return }
                let id = ObjectIdentifier(stream)
                streams[id] = stream
                stream.onClose { [weak self] in self?.streams[id] = nil }
                accepted(stream)
            }
        } catch {
            throw HostFailure("\(error)")
        }
    }

    /// Takes no more connections, ends those there are, and removes the socket.
    /// - Parameter waits: what was sent is taken first.
    func close(waits: Bool) {
        listener?.close()
        for stream in Array(streams.values) { if waits { stream.end() } else { stream.drop() } }
    }
}
