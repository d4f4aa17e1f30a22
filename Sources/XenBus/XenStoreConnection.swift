// SPDX-License-Identifier: Apache-2.0
import XenABI
public import XenStoreWire

/// A guest's client of the store: any number of requests at a time, watches in between. No hypercall, no pointer: how to
/// notify the store, to tell the time and to sleep comes from outside.
///
/// `request`, and what is made of it, waits for the answer; `submit` does not. A request ends with `timedOut` if the store
/// does not answer in time; what it may answer later is thrown away, and undone if it was a watch or the start of a
/// transaction.
///
/// The store is not trusted: whatever it sends is an error of the request, never a trap, and takes bounded memory. Not
/// for interrupt handlers, and for one vCPU. Handlers of watches and completions run in `turn` and `wait`, outside
/// requests, and may make requests themselves.
public final class XenStoreConnection {
    /// What came of a request: the payload of the answer, or why there is none.
    public typealias Outcome = Result<[UInt8], XenStoreFailure>

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
    /// A request on its way.
    final class Exchange {
        let number: UInt32
        let operation: XenStoreOperation
        let isInTransaction: Bool
        let packet: [UInt8]
        let deadline: UInt64
        /// Called from `turn`; nil if somebody waits in `request`, or nobody wants to know.
        let completion: ((Outcome) -> Void)?
        /// Undoes what was carried out after its time.
        let undo: ((XenStoreConnection, [UInt8]) -> Void)?
        var outcome: Outcome?
        /// Kept only to be undone.
        var isLate = false

        init(
            _ request: XenStoreRequest, _ number: UInt32, _ transaction: UInt32, deadline: UInt64,
            completion: ((Outcome) -> Void)?, undo: ((XenStoreConnection, [UInt8]) -> Void)?
        ) throws(XenStoreFailure) {
            var packet: [UInt8] = []
            do throws(XenStoreError) {
                try request.encode(requestID: number, transactionID: transaction, to: &packet)
            } catch { throw .refused(error) }
            self.number = number
            operation = request.operation
            isInTransaction = transaction != 0
            self.packet = packet
            self.deadline = deadline
            self.completion = completion
            self.undo = undo
        }
    }
    /// Different changed paths kept for each watch.
    public static var changesKept: Int { 64 }
    /// Children a directory may have in bytes of their names, before its listing is `badReply`.
    public static var maximumListing: Int { 1 << 20 }

    private let ring: XenStoreClientRing
    private let notify: () -> Void
    private let waiting: Waiting
    private var framer = XenStoreFramer()
    private var nextRequest: UInt32 = 0
    /// What was not answered, in the order of the requests.
    private var exchanges: [Exchange] = []
    /// Those of them that are not in the ring as a whole, and how many bytes of the first are.
    private var unsent: [Exchange] = []
    private var sentCount = 0
    /// Outcomes that completions have not been told.
    private var finished: [Exchange] = []
    /// Callers of `request` that wait now.
    private var waiterCount = 0
    private var isPumping = false
    private var isDispatching = false
    /// A fresh start was asked for and is not given yet.
    private var awaitsStart = false
    /// Nothing came since the fresh start.
    private var isFresh = false
    var watches: [WatchEntry] = []
    private var nextToken: UInt32 = 0

    /// How long a request waits unless it says otherwise.
    public var timeout: Timeout = .store
    /// Packets that answered nothing that is waited for, such as answers that came too late, and came from no watch.
    public private(set) var strayPacketCount = 0
    /// How often the ring had to be started over.
    public private(set) var reconnectionCount = 0
    /// Whether the ring is beyond repair: every request throws `connectionDead`.
    public private(set) var isDead = false

    /// - Parameters:
    ///   - ring: the page, mapped for as long as the connection lives.
    ///   - notify: raises the event channel to the store.
    ///   - waiting: sleeps until, among other things, the store raises it.
    public init(ring: XenStoreClientRing, waiting: Waiting, notify: @escaping () -> Void) {
        self.ring = ring
        self.waiting = waiting
        self.notify = notify
    }

    /// Takes the ring over from whatever ran in this domain before: a fresh start if the store offers one, else what was
    /// left unread is thrown away and old watches are cancelled.
    public func takeOver() throws(XenStoreFailure) {
        if ring.offers.contains(.reconnection) {
            if ring.hasInput || ring.error != .none || ring.isReconnecting { startOver() }
        } else {
            ring.discardInput()
        }
        do { _ = try request(.resetWatches) } catch .refused {}  // older stores do not know it
    }

    // MARK: Requests

    /// Makes a request and waits for the payload of its answer. Requests that are under way already do not matter.
    /// - Parameter timeout: nil for that of the connection.
    public func request(
        _ request: XenStoreRequest, transaction: UInt32 = 0, timeout: Timeout? = nil
    ) throws(XenStoreFailure) -> [UInt8] {
        try wait(for: try begin(request, transaction, timeout ?? self.timeout))
    }
    /// Makes a request and does not wait: `completion` is called once, from `turn` or `wait`. The store answers requests in
    /// their order, those of `request` among them.
    /// - Parameter timeout: nil for that of the connection.
    /// - Throws: `connectionDead`, `busy`, and `refused(tooBig)`; `completion` is not called then.
    public func submit(
        _ request: XenStoreRequest, transaction: UInt32 = 0, timeout: Timeout? = nil,
        completion: @escaping (Outcome) -> Void
    ) throws(XenStoreFailure) {
        _ = try begin(request, transaction, timeout ?? self.timeout, completion: completion)
        pump()
    }
    /// Makes a request whose outcome nobody asks for.
    func post(_ request: XenStoreRequest, transaction: UInt32 = 0) {
        _ = try? begin(request, transaction, .never)
        pump()
    }
    /// Requests that were not answered.
    public var outstandingCount: Int { exchanges.count { !$0.isLate } }

    func begin(
        _ request: XenStoreRequest, _ transaction: UInt32, _ timeout: Timeout,
        completion: ((Outcome) -> Void)? = nil, undo: ((XenStoreConnection, [UInt8]) -> Void)? = nil
    ) throws(XenStoreFailure) -> Exchange {
        guard !isDead else { throw .connectionDead }
        guard waiting.isAllowed() else { throw .busy }
        nextRequest &+= 1
        // Numbers come round after four billion; one that is still waited for is not given again.
        while nextRequest == 0 || exchanges.contains(where: { $0.number == nextRequest }) {
            nextRequest &+= 1
        }
        let exchange = try Exchange(
            request, nextRequest, transaction, deadline: deadline(timeout), completion: completion, undo: undo
        )
        exchanges.append(exchange)
        unsent.append(exchange)
        return exchange
    }

    func wait(for exchange: Exchange) throws(XenStoreFailure) -> [UInt8] {
        waiterCount += 1
        defer { waiterCount -= 1 }
        while true {
            pump()
            if exchange.outcome == nil,
                !waiting.sleep(exchange.deadline, { exchange.outcome != nil || canPump })
                    || exchange.deadline != .max && waiting.now() >= exchange.deadline
            {
                // What came at the last moment counts.
                pump()
                if exchange.outcome == nil { giveUp(exchange) }
            }
            if let outcome = exchange.outcome { return try outcome.get() }
        }
    }

    private func settle(_ exchange: Exchange, _ outcome: Outcome) {
        guard exchange.outcome == nil else { return }
        exchange.outcome = outcome
        if exchange.completion != nil { finished.append(exchange) }
    }
    private func forget(_ exchange: Exchange) { exchanges.removeAll { $0 === exchange } }

    /// Its time is over. What the store has not seen of it, it never sees; a packet that was begun must be ended, or the
    /// next would be taken for its rest.
    private func giveUp(_ exchange: Exchange) {
        settle(exchange, .failure(.timedOut))
        if let index = unsent.firstIndex(where: { $0 === exchange }), index > 0 || sentCount == 0 {
            unsent.remove(at: index)
            forget(exchange)
        } else if exchange.undo == nil {
            forget(exchange)
        } else {
            exchange.isLate = true
        }
    }
    /// When the next request's time is over.
    public var nextDeadline: UInt64 {
        exchanges.reduce(.max) { $1.isLate ? $0 : min($0, $1.deadline) }
    }
    private func expire() {
        guard nextDeadline != .max else { return }
        let now = waiting.now()
        for exchange in exchanges where !exchange.isLate && exchange.deadline <= now { giveUp(exchange) }
    }

    // MARK: The ring

    private enum Broken: Error { case ring }

    /// Whether `pump` has something to do.
    private var canPump: Bool {
        guard !isDead, !isPumping else { return false }
        if awaitsStart { return !ring.isReconnecting }
        return ring.hasInput || ring.error != .none || !unsent.isEmpty && ring.hasRoom
    }

    /// Takes everything out of the ring and puts in what fits. Does not wait.
    private func pump() {
        guard !isDead, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        if awaitsStart {
            guard !ring.isReconnecting else { return }
            awaitsStart = false
        }
        do throws(Broken) {
            try receive()
            try transmit()
        } catch {
            // A store that breaks the ring again before it said anything will not do better.
            if isFresh || !ring.offers.contains(.reconnection) { die() } else { startOver() }
        }
    }

    private func transmit() throws(Broken) {
        var hasWritten = false
        while let first = unsent.first {
            let count: Int
            do throws(XenStoreClientRing.Corrupt) {
                count = try ring.write(first.packet, from: sentCount)
            } catch { throw .ring }
            if count == 0 { break }
            hasWritten = true
            sentCount += count
            if sentCount == first.packet.count {
                sentCount = 0
                unsent.removeFirst()
            }
        }
        if hasWritten { notify() }
    }

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
        isFresh = false
        if header.operation == .watchEvent {
            var fields = XenStoreFields(payload)
            if let path = fields.next(), let token = fields.next(),
                let number = payload.extracting(token).decimal(as: UInt32.self),
                note(StoreText(payload.extracting(path).copied()), token: number)
            {
                return
            }
        } else if let exchange = exchanges.first(where: { $0.number == header.requestID }),
            !unsent.contains(where: { $0 === exchange })
        {
            forget(exchange)
            guard exchange.isLate else {
                if header.operation == .error {
                    settle(exchange, .failure(.refused(XenStoreError(name: payload))))
                } else if header.operation == exchange.operation {
                    settle(exchange, .success(payload.copied()))
                } else {
                    settle(exchange, .failure(.badReply(exchange.operation)))
                }
                return
            }
            if header.operation == exchange.operation { exchange.undo?(self, payload.copied()) }
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

    /// Asks for a fresh start of the ring, and for all watches after it; every handler is called then, as after a first
    /// `watch`. Requests that the store may have seen are lost; the others follow.
    private func startOver() {
        reconnectionCount &+= 1
        isFresh = true
        awaitsStart = true
        framer = XenStoreFramer()
        ring.requestReconnection()
        notify()
        let begun = sentCount > 0 ? unsent.first : nil
        sentCount = 0
        unsent.removeAll {
            $0 === begun || $0.isInTransaction || $0.operation == .watch || $0.operation == .unwatch
        }
        for exchange in exchanges where !unsent.contains(where: { $0 === exchange }) {
            settle(exchange, .failure(.connectionLost))
        }
        exchanges = unsent
        let others = unsent
        unsent = []
        for watch in watches {
            // Those who watch are not told if it fails: what is refused now was accepted before.
            _ = try? begin(.watch(watch.path.bytes, token: Self.text(watch.token), depth: nil), 0, .never)
        }
        unsent += others
    }

    private func die() {
        isDead = true
        for exchange in exchanges { settle(exchange, .failure(.connectionDead)) }
        exchanges = []
        unsent = []
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
        let name = Self.text(token)
        watches.append(WatchEntry(token: token, path: path, handler: handler))
        do throws(XenStoreFailure) {
            let exchange = try begin(
                .watch(path.bytes, token: name, depth: nil), 0, timeout,
                undo: { store, _ in store.post(.unwatch(path.bytes, token: name)) })
            _ = try wait(for: exchange)
        } catch {
            // After a fresh start of the ring the watch is set like all others.
            if error != .connectionLost {
                forget(token)
                throw error
            }
        }
        return XenStoreWatch(token: token, connection: self)
    }

    /// Does not wait: events that are under way count as stray.
    func unwatch(_ token: UInt32) {
        guard let path = watches.first(where: { $0.token == token })?.path else { return }
        forget(token)
        post(.unwatch(path.bytes, token: Self.text(token)))
    }
    private func forget(_ token: UInt32) { watches.removeAll { $0.token == token } }

    /// Whether `turn` has something to do; it also has at `nextDeadline`. Cheap; for interrupt handlers too.
    public var hasWork: Bool {
        if waiterCount > 0 || isDispatching { return false }
        if canPump || !finished.isEmpty { return true }
        for watch in watches where !watch.changed.isEmpty { return true }
        return false
    }

    /// Takes what the store sent, calls completions and the handlers of watches. Does not wait. Nothing when called from a
    /// handler or while a request is waited for.
    public func turn() {
        guard waiterCount == 0, !isDispatching else { return }
        pump()
        expire()
        isDispatching = true
        defer { isDispatching = false }
        let ended = finished
        finished = []
        for exchange in ended { if let outcome = exchange.outcome { exchange.completion?(outcome) } }
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

    /// Turns until `condition` holds, asleep in between; false when the time is over, nobody wants to wait any longer, or
    /// the ring is dead. What makes the condition true must be a watch's handler or a completion.
    public func wait(_ timeout: Timeout = .never, until condition: () -> Bool) -> Bool {
        wait(before: deadline(timeout), until: condition)
    }
    /// The end of a wait that begins now, by the connection's clock.
    func deadline(_ timeout: Timeout) -> UInt64 {
        timeout == .never ? .max : timeout.deadline(from: waiting.now())
    }
    func wait(before end: UInt64, until condition: () -> Bool) -> Bool {
        while true {
            turn()
            if condition() { return true }
            if isDead || isDispatching || waiterCount > 0 { return false }
            let limit = min(end, nextDeadline)
            // A handler's own request may have taken further changes out of the ring: they are work, too.
            let isAwake = waiting.sleep(limit, { hasWork })
            let isOver = end != .max && waiting.now() >= end
            if isAwake && !isOver { continue }
            turn()
            if condition() { return true }
            guard !isOver, limit < end, waiting.now() >= limit else { return false }
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
