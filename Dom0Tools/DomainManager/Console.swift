// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import XenABI

/// Somebody who watches a console.
public protocol ConsoleClient: AnyObject {
    func receive(_ bytes: [UInt8])
    /// The domain is gone.
    func end()
}

/// Where a console's output is kept.
public protocol ConsoleLog: AnyObject {
    func append(_ bytes: [UInt8])
}

/// The console of one domain: drains the ring always, keeps a log and a history, and passes bytes to and from clients.
public final class Console {
    private let ring: ConsoleRing
    private let channels: any EventChannels
    private let log: (any ConsoleLog)?
    private var port: EventPort?
    private var clients: [any ConsoleClient] = []
    /// Typed and not yet taken by the guest.
    private var typed: [UInt8] = []
    public private(set) var history: ConsoleHistory
    /// Most bytes kept for a guest that does not read.
    static let typedLimit = 64 * 1024

    /// Binds the guest's port and drains what is there.
    /// - Parameter history: what the domain wrote before.
    init(
        ring: ConsoleRing, domain: DomainID, port: EventPort, channels: any EventChannels,
        log: (any ConsoleLog)?, history: ConsoleHistory
    ) throws(APIError) {
        self.history = history
        self.ring = ring
        self.channels = channels
        self.log = log
        self.port = try channels.bind(port, of: domain) { [weak self] in self?.service() }
        service()
    }

    /// Moves bytes both ways as far as they go.
    func service() {
        var moved = false
        // A guest that writes as fast as we read gets another turn with its next event, not an endless loop here.
        for _ in 0..<8 {
            let bytes = ring.drain()
            guard !bytes.isEmpty else { break }
            moved = true
            log?.append(bytes)
            history.append(bytes)
            for client in clients { client.receive(bytes) }
        }
        moved = pushTyped() || moved
        if moved, let port { channels.notify(port) }
    }

    private func pushTyped() -> Bool {
        let count = ring.push(typed[...])
        typed.removeFirst(count)
        return count > 0
    }

    /// Bytes somebody typed. What a guest does not take in time is lost beyond 64 KiB.
    public func send(_ bytes: [UInt8]) {
        typed += bytes.prefix(max(0, Self.typedLimit - typed.count))
        if pushTyped(), let port { channels.notify(port) }
    }

    /// The history, then all that follows, goes to `client` until `detach`.
    public func attach(_ client: any ConsoleClient) {
        service()
        let past = history.contents
        if !past.isEmpty { client.receive(past) }
        clients.append(client)
    }

    public func detach(_ client: any ConsoleClient) { clients.removeAll { $0 === client } }

    /// Takes what is left, lets go of ring and port, and tells the clients.
    func close() {
        guard let port else { return }
        service()
        self.port = nil
        channels.close(port)
        let clients = clients
        self.clients = []
        for client in clients { client.end() }
    }
}
