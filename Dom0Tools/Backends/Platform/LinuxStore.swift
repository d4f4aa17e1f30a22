// SPDX-License-Identifier: Apache-2.0
import Reactor
import XenStoreClient

/// The store behind its daemon's unix socket.
final class LinuxStore: StoreAccess {
    private let client: XenStoreClient

    /// - Throws: `store` if the daemon cannot be reached.
    init(_ reactor: Reactor, path: String, log: Log) throws(BackendError) {
        client = try Self.asked { () throws(StoreClientError) in
            try XenStoreClient(socket: path, reactor: reactor)
        }
        client.log = { log.warning($0) }
    }

    private static func asked<Answer>(
        _ request: () throws(StoreClientError) -> Answer
    ) throws(BackendError) -> Answer {
        do { return try request() } catch { throw .store(error) }
    }

    func read(_ path: String) throws(BackendError) -> String? {
        do throws(StoreClientError) {
            return try client.read(path)
        } catch .refused(_, .accessDenied) {
            return nil
        } catch {
            throw .store(error)
        }
    }
    func list(_ path: String) throws(BackendError) -> [String] {
        try Self.asked { () throws(StoreClientError) in try client.directory(path) }
    }
    func write(_ values: [(path: String, value: String)], ifPresent anchor: String) throws(BackendError) {
        try Self.asked { () throws(StoreClientError) in try client.write(values, ifPresent: anchor) }
    }
    func remove(_ path: String) throws(BackendError) {
        try Self.asked { () throws(StoreClientError) in try client.remove(path) }
    }
    func watch(_ path: String, _ handler: @escaping (String) -> Void) throws(BackendError) -> Int {
        try Self.asked { () throws(StoreClientError) in
            Int(truncatingIfNeeded: try client.watch(path, handler).number)
        }
    }
    func unwatch(_ token: Int) { client.unwatch(.init(number: UInt64(truncatingIfNeeded: token))) }
}
