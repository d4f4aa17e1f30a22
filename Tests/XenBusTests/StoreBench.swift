// SPDX-License-Identifier: Apache-2.0
import Reactor
import SharedMemory
import XenABI
import XenBus
import XenStoreService
import XenStoreWire

/// A zeroed store page in memory, and both views of it.
@safe final class StorePage {
    let base: UnsafeMutableRawPointer
    let view: SharedView<XenStoreRingLayout>
    init() {
        unsafe base = .allocate(byteCount: 4096, alignment: 4096)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        unsafe view = SharedView(unsafeBase: base)
    }
    deinit { unsafe base.deallocate() }

    /// What the guest sent and nobody took.
    func takeRequests() -> [UInt8] {
        let consumer = view.load(Field<XenStoreRingLayout, UInt32>.requestConsumer)
        let count = min(1024, view.load(Field<XenStoreRingLayout, UInt32>.requestProducer) &- consumer)
        let bytes = (0..<count).map {
            view.load(Field<XenStoreRingLayout, UInt8>.requests.element(Int((consumer &+ $0) & 1023)))
        }
        view.store(consumer &+ count, to: .requestConsumer)
        return bytes
    }
    /// Sends bytes as a store would, as many as fit.
    @discardableResult func respond(_ bytes: [UInt8]) -> Int {
        let producer = view.load(Field<XenStoreRingLayout, UInt32>.responseProducer)
        let used = producer &- view.load(Field<XenStoreRingLayout, UInt32>.responseConsumer)
        let count = min(bytes.count, 1024 - Int(min(used, 1024)))
        for (index, byte) in bytes.prefix(count).enumerated() {
            view.store(
                byte,
                to: Field<XenStoreRingLayout, UInt8>.responses.element(
                    Int(producer &+ UInt32(index)) & 1023))
        }
        view.store(producer &+ UInt32(count), to: .responseProducer)
        return count
    }
}

/// A clock that goes on only while somebody sleeps in vain.
final class TestClock {
    var now: UInt64 = 1_000_000_000
    /// How far each look at it moves it.
    var tick: UInt64 = 0
    /// Sleepers look 200 times at what `step` does; after that their time is over, or nobody wants to wait any longer.
    func waiting(_ step: @escaping () -> Void) -> Waiting {
        let read: () -> UInt64 = { [self] in
            now += tick
            return now
        }
        return Waiting(now: read) { [self] deadline, isDone in
            for _ in 0..<200 {
                if isDone() { return true }
                if now >= deadline { return false }
                step()
            }
            if isDone() { return true }
            if deadline != .max { now = max(now, deadline) }
            return false
        }
    }
}

/// A guest's connection to the real store service, in one process.
final class StoreBench {
    static let domain = DomainID(rawValue: 7)
    let reactor: Reactor
    let service: XenStoreService
    let page = StorePage()
    let store: XenStoreConnection
    /// Called while the guest sleeps, before the store works.
    var whileAsleep: () -> Void = {}
    /// The guest's clock, in nanoseconds.
    let clock = TestClock()
    /// Whether the store works while the guest sleeps.
    var isStoreAwake = true

    init() throws {
        let reactor = try Reactor()
        let service = XenStoreService(reactor: reactor)
        let page = page
        try service.client.write("/local/domain/7", "")
        try service.client.setPermissions("/local/domain/7", [.init(.none, Self.domain)])
        service.introduce(
            Self.domain, frame: 5, port: EventPort(rawValue: 2),
            ring: XenStoreRing(page: page.view, owner: page) {})
        final class Hook { var body: () -> Void = {} }
        let hook = Hook()
        store = XenStoreConnection(
            ring: XenStoreClientRing(page.view),
            waiting: clock.waiting { hook.body() }, notify: {})
        self.reactor = reactor
        self.service = service
        hook.body = { [unowned self] in
            whileAsleep()
            if isStoreAwake {
                service.ringEvent(Self.domain)
                reactor.turn(limit: 0)
            }
        }
    }

    /// Lets the store work and the guest take what came, until both rest.
    func settle() {
        for _ in 0..<50 {
            service.ringEvent(Self.domain)
            reactor.turn(limit: 0)
            store.turn()
        }
    }
    func write(_ path: String, _ value: String) throws { try service.client.write(path, value) }
    func read(_ path: String) -> String? { service.client.read(path) }
}

extension StoreText {
    var string: String { String(decoding: bytes, as: UTF8.self) }
}

/// A store that the test plays: it answers what the closure says, whatever that is.
final class LyingStore {
    let page = StorePage()
    let store: XenStoreConnection
    let clock = TestClock()
    /// Gets each whole request, and answers with bytes for the ring.
    init(features: UInt32 = 7, answer: @escaping (StorePage, XenStoreHeader, [UInt8]) -> [UInt8]) {
        let page = page
        page.view.store(features, to: .serverFeatures)
        final class State {
            var framer = XenStoreFramer()
            var output: [UInt8] = []
        }
        let state = State()
        let waiting = clock.waiting {
            if page.view.load(Field<XenStoreRingLayout, UInt32>.connection) != 0, features & 1 != 0 {
                for field: Field<XenStoreRingLayout, UInt32> in [
                    .requestConsumer, .requestProducer, .responseConsumer, .responseProducer, .error,
                    .connection,
                ] { page.view.store(0 as UInt32, to: field) }
                state.framer = XenStoreFramer()
                state.output = []
                return
            }
            let input = page.takeRequests()
            _ = try? state.framer.feed(input.span) { header, payload in
                state.output += answer(page, header, payload.copied())
                return true
            }
            state.output.removeFirst(page.respond(state.output))
        }
        store = XenStoreConnection(ring: XenStoreClientRing(page.view), waiting: waiting, notify: {})
    }
}

/// A packet as a store sends it.
func packet(_ header: XenStoreHeader, _ payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    header.append(payload: payload.span, to: &bytes)
    return bytes
}
