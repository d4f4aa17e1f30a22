// SPDX-License-Identifier: Apache-2.0
import XenABI
public import XenStoreWire

/// A guest's client of the store: one request at a time, watches in between. No hypercall, no pointer: how to notify
/// the store and how to sleep comes from outside.
///
/// The store is not trusted: whatever it sends is an error of the request, never a trap, and takes bounded memory. Not
/// for interrupt handlers, and for one vCPU: a request made while another is under way throws `busy`. Handlers of watches
/// run in `turn` and `wait`, outside requests, and may make requests themselves.
public final class XenStoreConnection {
    /// What a watch saw, until its handler is called.
    struct WatchEntry {
        let token: UInt32
        let path: StoreText
        let handler: (StoreText) -> Void
        /// Paths that changed, each once, in the order of their first change.
        var changed: [StoreText] = []
        /// More changed than are kept: the handler is told the watched path itself.
        var hasOverflown = false
    }
    /// Different changed paths kept for each watch.
    public static var changesKept: Int { 64 }
    /// Children a directory may have in bytes of their names, before its listing is `badReply`.
    public static var maximumListing: Int { 1 << 20 }

    private let ring: XenStoreClientRing
    private let notify: () -> Void
    private let sleep: (_ until: () -> Bool) -> Bool
    private var framer = XenStoreFramer()
    private var nextRequest: UInt32 = 0
    private var awaited: UInt32?
    private var reply: (header: XenStoreHeader, payload: [UInt8])?
    private var isAsking = false
    private var isReconnecting = false
    private var isDispatching = false
    var watches: [WatchEntry] = []
    private var nextToken: UInt32 = 0

    /// Packets that answered nothing that was asked and came from no watch.
    public private(set) var strayPacketCount = 0
    /// How often the ring had to be started over.
    public private(set) var reconnectionCount = 0
    /// Whether the ring is beyond repair: every request throws `connectionDead`.
    public private(set) var isDead = false

    /// - Parameters:
    ///   - ring: the page, mapped for as long as the connection lives.
    ///   - notify: raises the event channel to the store.
    ///   - sleep: returns when its argument, which is cheap and without effect, answers true; or with false when
    ///     nobody wants to wait any longer.
    public init(
        ring: XenStoreClientRing, notify: @escaping () -> Void,
        sleep: @escaping (_ until: () -> Bool) -> Bool
    ) {
        self.ring = ring
        self.notify = notify
        self.sleep = sleep
    }

    /// Takes the ring over from whatever ran in this domain before: a fresh start if the store offers one, else what was
    /// left unread is thrown away and old watches are cancelled.
    public func takeOver() throws(XenStoreFailure) {
        if ring.offers.contains(.reconnection) {
            if ring.hasInput || ring.error != .none || ring.isReconnecting { try reconnect() }
        } else {
            ring.discardInput()
        }
        do { _ = try request(.resetWatches) } catch .refused {}  // older stores do not know it
    }

    // MARK: Requests

    /// Makes a request and returns the payload of its answer.
    public func request(
        _ request: XenStoreRequest, transaction: UInt32 = 0
    ) throws(XenStoreFailure) -> [UInt8] {
        guard !isDead else { throw .connectionDead }
        guard !isAsking else { throw .busy }
        isAsking = true
        defer { isAsking = false }
        return try ask(request, transaction)
    }

    private func ask(_ request: XenStoreRequest, _ transaction: UInt32) throws(XenStoreFailure) -> [UInt8] {
        nextRequest &+= 1
        let number = nextRequest
        var packet: [UInt8] = []
        do throws(XenStoreError) {
            try request.encode(requestID: number, transactionID: transaction, to: &packet)
        } catch { throw .refused(error) }
        reply = nil
        awaited = number
        defer { awaited = nil }
        do throws(Broken) {
            try exchange(packet)
        } catch {
            guard error == .ring else { throw .noAnswer }
            try reconnect()
            throw .connectionLost
        }
        guard let reply else { throw .noAnswer }
        self.reply = nil
        if reply.header.operation == .error { throw .refused(XenStoreError(name: reply.payload.span)) }
        guard reply.header.operation == request.operation else { throw .badReply(request.operation) }
        return reply.payload
    }

    private enum Broken: Error { case ring, patience }

    private func exchange(_ packet: [UInt8]) throws(Broken) {
        var sent = 0
        while reply == nil {
            try receive()
            if reply != nil { break }
            if sent < packet.count {
                let count: Int
                do throws(XenStoreClientRing.Corrupt) {
                    count = try ring.write(packet, from: sent)
                } catch { throw .ring }
                if count > 0 {
                    sent += count
                    notify()
                    continue
                }
            }
            let wantsRoom = sent < packet.count
            let ring = ring
            guard
                sleep({
                    ring.hasInput || (wantsRoom && ring.hasRoom) || ring.error != .none
                })
            else {
                // The rest of a request that was begun would be taken for the next one: only a fresh start helps.
                throw sent > 0 && sent < packet.count ? .ring : .patience
            }
        }
    }

    /// Takes everything out of the ring: the awaited reply, and what watches saw.
    private func receive() throws(Broken) {
        guard ring.error == .none else { throw .ring }
        // A store that fills the ring faster than it is emptied does not keep this here for ever.
        for _ in 0..<64 {
            var bytes: [UInt8] = []
            let count: Int
            do throws(XenStoreClientRing.Corrupt) {
                count = try ring.read(into: &bytes)
            } catch { throw .ring }
            guard count > 0 else { return }
            notify()
            do throws(XenStoreFramer.Malformed) {
                _ = try framer.feed(bytes.span) {
                    take($0, $1)
                    return true
                }
            } catch { throw .ring }
        }
    }

    private func take(_ header: XenStoreHeader, _ payload: Span<UInt8>) {
        if header.operation == .watchEvent {
            var fields = XenStoreFields(payload)
            if let path = fields.next(), let token = fields.next(),
                let number = payload.extracting(token).decimal(as: UInt32.self),
                note(StoreText(payload.extracting(path).copied()), token: number)
            {
                return
            }
        } else if header.requestID == awaited, reply == nil {
            reply = (header, payload.copied())
            return
        }
        strayPacketCount &+= 1
    }

    private func note(_ path: StoreText, token: UInt32) -> Bool {
        for index in 0..<watches.count where watches[index].token == token {
            for known in watches[index].changed where known == path { return true }
            if watches[index].changed.count < Self.changesKept {
                watches[index].changed.append(path)
            } else {
                watches[index].hasOverflown = true
            }
            return true
        }
        return false
    }

    /// Starts the ring over and sets the watches again; every handler is called then, as after a first `watch`.
    private func reconnect() throws(XenStoreFailure) {
        guard !isReconnecting, ring.offers.contains(.reconnection) else {
            isDead = true
            throw .connectionDead
        }
        isReconnecting = true
        defer { isReconnecting = false }
        ring.requestReconnection()
        notify()
        let ring = ring
        guard sleep({ !ring.isReconnecting }) else {
            isDead = true
            throw .connectionDead
        }
        framer = XenStoreFramer()
        reconnectionCount &+= 1
        for watch in watches {
            do throws(XenStoreFailure) {
                _ = try ask(.watch(watch.path.bytes, token: Self.text(watch.token), depth: nil), 0)
            } catch {
                if case .refused = error { continue }
                isDead = true
                throw .connectionDead
            }
        }
    }

    // MARK: Watches

    private static func text(_ token: UInt32) -> [UInt8] { StoreText(decimal: token).bytes }

    /// Calls `handler` with the path that changed for each change at or below `path`, and once at the start. The watch
    /// lasts as long as the value returned.
    public func watch(
        _ path: StoreText, _ handler: @escaping (StoreText) -> Void
    ) throws(XenStoreFailure) -> XenStoreWatch {
        nextToken &+= 1
        let token = nextToken
        watches.append(WatchEntry(token: token, path: path, handler: handler))
        do throws(XenStoreFailure) {
            _ = try request(.watch(path.bytes, token: Self.text(token), depth: nil))
        } catch {
            // After a fresh start of the ring the watch is set like all others.
            if error != .connectionLost {
                forget(token)
                throw error
            }
        }
        return XenStoreWatch(token: token, connection: self)
    }

    func unwatch(_ token: UInt32) {
        for watch in watches where watch.token == token {
            let path = watch.path
            forget(token)
            // What fails here is gone anyhow; its events count as stray.
            _ = try? request(.unwatch(path.bytes, token: Self.text(token)))
            return
        }
    }
    private func forget(_ token: UInt32) { watches.removeAll { $0.token == token } }

    /// Whether `turn` has something to do. Cheap; for interrupt handlers too.
    public var hasWork: Bool {
        if isAsking || isDispatching { return false }
        if !isDead && (ring.hasInput || ring.error != .none) { return true }
        for watch in watches where !watch.changed.isEmpty { return true }
        return false
    }

    /// Takes what the store sent and calls the handlers of watches. Does not wait. Nothing when called from a handler.
    public func turn() {
        guard !isAsking, !isDispatching else { return }
        if !isDead {
            isAsking = true
            do throws(Broken) { try receive() } catch { try? reconnect() }
            isAsking = false
        }
        isDispatching = true
        defer { isDispatching = false }
        // Handlers may add and remove watches: look from the start after each. What they cause waits for the next turn.
        var left = watches.reduce(0) { $0 + $1.changed.count }
        while left > 0, let index = watches.firstIndex(where: { !$0.changed.isEmpty }) {
            left -= 1
            let path = watches[index].hasOverflown ? watches[index].path : watches[index].changed[0]
            if watches[index].hasOverflown {
                watches[index].changed.removeAll()
                watches[index].hasOverflown = false
            } else {
                watches[index].changed.removeFirst()
            }
            watches[index].handler(path)
        }
    }

    /// Turns until `condition` holds, asleep in between; false when nobody wants to wait any longer or the ring is dead.
    /// What makes the condition true must be a watch's handler.
    public func wait(until condition: () -> Bool) -> Bool {
        while true {
            turn()
            if condition() { return true }
            if isDead || isDispatching { return false }
            // A handler's own request may have taken further changes out of the ring: they are work, too.
            guard sleep({ hasWork }) else { return false }
        }
    }
}

/// A watch that is set; cancelled when the value goes.
public struct XenStoreWatch: ~Copyable {
    let token: UInt32
    let connection: XenStoreConnection
    init(token: UInt32, connection: XenStoreConnection) {
        self.token = token
        self.connection = connection
    }
    deinit { connection.unwatch(token) }
}
