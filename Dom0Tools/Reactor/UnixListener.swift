// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc

/// A unix stream socket that takes connections on the reactor's thread.
public final class UnixListener {
    private let reactor: Reactor
    private let path: String
    private let descriptor: Int32
    private var watching: Reactor.Watching?

    /// Listens at `path`, which only its owner may use. An old socket there is replaced.
    /// - Parameter accepted: gets each connection, a descriptor that does not block, and has to close it.
    public init(
        _ reactor: Reactor, path: String, accepted: @escaping (Int32) -> Void
    ) throws(SystemCallError) {
        self.reactor = reactor
        self.path = path
        descriptor = ListeningSocket.make(at: path)
        let listener = descriptor
        guard listener >= 0 else { throw SystemCallError(operation: "listen at \(path)", number: -listener) }
        do {
            watching = try reactor.watch(listener, .readable) { _ in
                while case let connection = sv_unix_accept(listener), connection >= 0 { accepted(connection) }
            }
        } catch {
            _ = Glibc.close(listener)
            throw error
        }
    }
    deinit { close() }

    /// Takes no more connections and removes the socket.
    public func close() {
        guard let watching else { return }
        self.watching = nil
        reactor.cancel(watching)
        _ = Glibc.close(descriptor)
        ListeningSocket.remove(at: path)
    }
}
