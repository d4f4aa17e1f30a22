// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKit
import DriverKitBackend
import DriverKitTesting
import Testing
import XenABI
import XenBus

/// A backend that answers when the node `/test/answer` is written.
final class HeldAdderService: DeviceService {
    typealias Device = Adder
    private let store: any StoreAccess
    private var watch: Int?
    private var held: [() -> Void] = []

    init(_ device: DeviceContext) throws(BackendError) {
        store = device.platform.store
        watch = try store.watch("/test/answer") { [unowned self] _ in
            for answer in held { answer() }
            held = []
        }
    }
    deinit { if let watch { store.unwatch(watch) } }
    func serve(_ request: Adder.Request, _ reply: Reply<Adder>) {
        held.append { reply.send(Adder.Response(sum: request.slot[word: 1] &+ request.slot[word: 2])) }
    }
}

@Suite struct TimeoutTests {
    let machine = InMemoryMachine()
    private typealias Front = Frontend<Adder, InMemoryFrontendPlatform>

    /// Both halves, connected; the backend answers what the test takes out of `held`.
    private func connected() throws -> (ServiceServer<HeldAdderService>, Front) {
        machine.addDevice(Adder.kind)
        let server = try machine.startBackend(HeldAdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        try frontend.connect()
        return (server, frontend)
    }
    private func answerAll() {
        machine.store.set("/test/answer", "")
        machine.work.run()
    }

    @Test func aLateAnswerIsNobodys() throws {
        let (server, frontend) = try connected()
        let start = machine.now
        #expect(throws: DriverError.timedOut) {
            try frontend.call(Adder.Request(1, 1), timeout: .milliseconds(50))
        }
        #expect(machine.now == start + 50_000_000)
        #expect(frontend.outstandingCount == 0 && frontend.lateCount == 1 && frontend.isConnected)
        // The answers to both come while the second is waited for.
        machine.work.after(milliseconds: 5) { [machine] in machine.store.set("/test/answer", "") }
        #expect(try frontend.call(Adder.Request(20, 3), timeout: .seconds(1)).sum == 23)
        #expect(frontend.lateCount == 0 && frontend.lateAnswerCount == 1 && frontend.connectionCount == 1)
        #expect(machine.now == start + 55_000_000 && server.deviceCount == 1)
    }

    @Test func anAnswerThatIsThereIsNeverTooLate() throws {
        let (server, frontend) = try connected()
        var sum: UInt32?
        try frontend.submit(Adder.Request(1, 1), timeout: .milliseconds(10)) { sum = try? $0.get().sum }
        machine.work.run()
        answerAll()
        machine.advance(milliseconds: 3_600_000)
        frontend.poll()
        #expect(sum == 2 && server.deviceCount == 1)
    }

    @Test func everyRequestHasATimeOfItsOwn() throws {
        let (server, frontend) = try connected()
        frontend.requestTimeout = .milliseconds(30)
        var ended: [(Int, DriverError?)] = []
        for (number, timeout) in [nil, Timeout.milliseconds(10), .never, .milliseconds(20)].enumerated() {
            try frontend.submit(Adder.Request(UInt32(number), 0), timeout: timeout) {
                if case .failure(let error) = $0 {
                    ended.append((number, error))
                } else {
                    ended.append((number, nil))
                }
            }
        }
        machine.advance(milliseconds: 9)
        #expect(!frontend.hasWork)
        for _ in 0..<3 {
            machine.advance(milliseconds: 10)
            #expect(frontend.hasWork)
            frontend.poll()
            #expect(!frontend.hasWork)
        }
        #expect(ended.map(\.0) == [1, 3, 0] && ended.allSatisfy { $0.1 == .timedOut })
        machine.advance(milliseconds: 10_000)
        #expect(frontend.outstandingCount == 1 && frontend.lateCount == 3)
        answerAll()
        frontend.poll()
        #expect(ended.count == 4 && ended[3].0 == 2 && ended[3].1 == nil && frontend.lateAnswerCount == 3)
        #expect(server.deviceCount == 1)
    }

    @Test func pagesStayWithTheirRequest() throws {
        let (server, frontend) = try connected()
        let before = machine.grants.grantCount
        var reference = GrantReference(rawValue: 0)
        do {
            let page = try frontend.share(isReadOnly: false)
            reference = page.reference(0)
            #expect(throws: DriverError.timedOut) {
                try frontend.call(
                    Adder.Request(0, 0, page: reference, count: 4), keeping: [page], timeout: .milliseconds(5)
                )
            }
        }
        #expect(machine.grants.page(reference) != nil && machine.grants.grantCount == before + 1)
        answerAll()
        frontend.poll()
        #expect(machine.grants.page(reference) == nil && machine.grants.grantCount == before)
        #expect(server.deviceCount == 1)
    }

    @Test func lateRequestsKeepTheirPlacesInTheRing() throws {
        let (server, frontend) = try connected()
        var failures = 0
        var count = 0
        while (try? frontend.submit(
            Adder.Request(1, 1), timeout: .milliseconds(5), { if case .failure = $0 { failures += 1 } }))
            != nil
        { count += 1 }
        machine.advance(milliseconds: 5)
        frontend.poll()
        #expect(count > 100 && failures == count && frontend.lateCount == count)
        #expect(throws: DriverError.ringFull) { try frontend.submit(Adder.Request(1, 1)) { _ in } }
        let start = machine.now
        #expect(throws: DriverError.timedOut) {
            try frontend.call(Adder.Request(1, 1), timeout: .milliseconds(7))
        }
        #expect(machine.now == start + 7_000_000)
        for delay in 1...2 {
            machine.work.after(milliseconds: delay) { [machine] in machine.store.set("/test/answer", "") }
        }
        #expect(try frontend.call(Adder.Request(2, 2), timeout: .seconds(1)).sum == 4)
        #expect(frontend.lateAnswerCount == count && server.deviceCount == 1)
    }

    @Test func openingEnds() throws {
        machine.addDevice(Adder.kind)
        let frontend = try machine.makeFrontend(Adder.self)
        #expect(throws: DriverError.timedOut) { try frontend.connect() }
        #expect(machine.now == 60_000_000_000)
        #expect(throws: DriverError.timedOut) { try frontend.connect(.milliseconds(5)) }
        #expect(throws: DriverError.timedOut) {
            try frontend.call(Adder.Request(1, 1), timeout: .milliseconds(5))
        }
        #expect(machine.now == 60_010_000_000)
        // Without an end, and with nobody who could ever answer.
        #expect(throws: DriverError.notConnected) { try frontend.call(Adder.Request(1, 1)) }
        let server = try machine.startBackend(AdderService.self)
        #expect(try frontend.call(Adder.Request(1, 1), timeout: .milliseconds(5)).sum == 2)
        #expect(server.deviceCount == 1)
    }

    @Test func aBackendThatIsKilledForGood() throws {
        let (server, frontend) = try connected()
        server.die()
        #expect(throws: DriverError.timedOut) {
            try frontend.call(Adder.Request(1, 1), timeout: .milliseconds(5))
        }
        #expect(frontend.lateCount == 1 && machine.grants.mappingCount == 0)
        let start = machine.now
        #expect(!frontend.close())
        #expect(machine.now == start + 30_000_000_000)
        #expect(frontend.state == .closed && frontend.lateCount == 0)
        #expect(machine.grants.grantCount == 0 && machine.events.openCount == 0)
        #expect(machine.store.read(machine.frontendPath(Adder.kind) + "/state") == "6")
    }

    @Test func aBackendThatIsReplacedAfterTheTime() throws {
        machine.addDevice(Adder.kind)
        let first = try machine.startBackend(AdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        try frontend.connect()
        first.die()
        #expect(throws: DriverError.timedOut) {
            try frontend.call(Adder.Request(1, 1), timeout: .milliseconds(5))
        }
        let second = try machine.startBackend(AdderService.self)
        #expect(try frontend.call(Adder.Request(20, 3), timeout: .milliseconds(5)).sum == 23)
        #expect(frontend.connectionCount == 1 && frontend.lateAnswerCount == 1 && second.deviceCount == 1)
    }

    @Test func whatAHungBackendHasIsSetAside() throws {
        machine.addDevice(Adder.kind)
        let back = machine.backendPath(Adder.kind)
        let front = machine.frontendPath(Adder.kind)
        let frontend = try machine.makeFrontend(Adder.self)
        machine.store.set("\(back)/state", "2")
        machine.work.run()
        frontend.poll()
        let ring = GrantReference(
            rawValue: try #require(machine.store.read("\(front)/ring-ref").flatMap { UInt32($0) }))
        var mapping: (any MappedGrants)? = try machine.grants.map(
            [ring], of: machine.domain, isWritable: true)
        machine.store.set("\(back)/state", "4")
        machine.work.run()
        var reference = GrantReference(rawValue: 0)
        var results = 0
        do {
            let page = try frontend.share(isReadOnly: true)
            reference = page.reference(0)
            frontend.poll()
            try frontend.submit(
                Adder.Request(0, 0, page: reference, count: 1), keeping: [page], timeout: .milliseconds(1)
            ) { _ in results += 1 }
        }
        #expect(!frontend.close(.seconds(2)) && results == 1)
        // The request still stands in the ring: the page it names is not given away before the ring is let go of.
        #expect(machine.grants.page(ring) == nil && machine.grants.page(reference) != nil)
        mapping = nil
        #expect(machine.grants.page(reference) == nil && machine.grants.grantCount == 0)
        _ = mapping
    }

    @Test func aDeviceIsOpenedAgain() throws {
        machine.addDevice(Adder.kind)
        let server = try machine.startBackend(AdderService.self)
        for round in 1...3 {
            let frontend = try machine.makeFrontend(Adder.self)
            #expect(try frontend.call(Adder.Request(UInt32(round), 0)).sum == UInt32(round))
            #expect(frontend.close())
        }
        // One whose closing nobody answered, after which the backend comes back.
        let frontend = try machine.makeFrontend(Adder.self)
        try frontend.connect()
        server.die()
        #expect(!frontend.close(.seconds(1)))
        let other = try machine.startBackend(AdderService.self)
        machine.work.run()
        let last = try machine.makeFrontend(Adder.self)
        #expect(try last.call(Adder.Request(7, 0), timeout: .seconds(1)).sum == 7)
        #expect(other.deviceCount == 1)
    }

    @Test func aStoreThatDoesNotAnswer() throws {
        machine.addDevice(Adder.kind)
        let server = try machine.startBackend(AdderService.self)
        machine.storeFailure = .timedOut
        #expect(throws: DriverError.store(.timedOut)) { try machine.makeFrontend(Adder.self) }
        machine.storeFailure = nil
        let frontend = try machine.makeFrontend(Adder.self)
        machine.storeFailure = .timedOut
        machine.work.run()
        #expect(throws: DriverError.timedOut) { try frontend.connect(.seconds(90)) }
        #expect(frontend.lastError == .store(.timedOut))
        machine.storeFailure = nil
        // The change it was told of is looked at when the store answers again.
        #expect(try frontend.call(Adder.Request(1, 1)).sum == 2)
        // A connection does not need the store.
        machine.storeFailure = .timedOut
        #expect(try frontend.call(Adder.Request(1, 2)).sum == 3)
        server.stop()
        machine.work.run()
        frontend.poll()
        #expect(frontend.lastError == .store(.timedOut))
        machine.storeFailure = nil
        frontend.poll()
        #expect(!frontend.isConnected)
    }

    @Test func aTimeThatEndsUnderThePollIsATimeOut() throws {
        let (server, frontend) = try connected()
        for early in UInt64(0)..<12 {
            // Each look at the clock moves it, and an event comes just before the time is over.
            let ticking = TickingPlatform(machine.frontendPlatform)
            machine.addDevice(Adder.kind, number: Int(early) + 1)
            let other = try Frontend<Adder, TickingPlatform>(ticking, number: UInt32(early) + 1)
            try other.connect()
            ticking.early = early
            #expect(throws: DriverError.timedOut, "\(early) ns before") {
                try other.call(Adder.Request(1, 1), timeout: .milliseconds(1))
            }
            #expect(other.outstandingCount == 0 && other.lateCount == 1)
        }
        #expect(frontend.isConnected && server.deviceCount == 13)
    }

    @Test func completionsDoNotWait() throws {
        let (server, frontend) = try connected()
        var errors: [DriverError] = []
        var hasLetGo = true
        try frontend.submit(Adder.Request(1, 1)) { [unowned frontend] _ in
            do throws(DriverError) {
                _ = try frontend.call(Adder.Request(2, 2))
            } catch { errors.append(error) }
            #expect(frontend.outstandingCount == 0)
            hasLetGo = frontend.close(.never)
            do throws(DriverError) { try frontend.connect(.never) } catch { errors.append(error) }
        }
        machine.work.run()
        answerAll()
        frontend.poll()
        #expect(errors == [.busy, .notConnected] && !hasLetGo && frontend.state == .closed)
        machine.work.run()
        #expect(machine.grants.grantCount == 0 && server.deviceCount == 1)
    }
}

/// A platform whose clock goes on whenever somebody looks at it.
private final class TickingPlatform: FrontendPlatform {
    private let under: InMemoryFrontendPlatform
    private var ticks: UInt64 = 0
    private var event: () -> Void = {}
    /// How long before its end a wait is interrupted, in nanoseconds; nil for waits of the other platform.
    var early: UInt64?

    init(_ under: InMemoryFrontendPlatform) { self.under = under }

    func share(
        pageCount: Int, with domain: DomainID, isReadOnly: Bool
    ) throws(DriverError) -> InMemoryPages {
        try under.share(pageCount: pageCount, with: domain, isReadOnly: isReadOnly)
    }
    func openPort(to domain: DomainID, onEvent: @escaping () -> Void) throws(DriverError) -> InMemoryPort {
        event = onEvent
        return try under.openPort(to: domain, onEvent: onEvent)
    }
    func read(_ path: StoreText) throws(DriverError) -> StoreText? { try under.read(path) }
    func write(_ values: [(path: StoreText, value: StoreText)]) throws(DriverError) {
        try under.write(values)
    }
    func watch(
        _ path: StoreText, _ onChange: @escaping () -> Void
    ) throws(DriverError) -> InMemoryFrontendPlatform.Watch { try under.watch(path, onChange) }
    var now: UInt64 {
        ticks += 1
        return under.now + ticks
    }
    func wait(before deadline: UInt64, until condition: () -> Bool) -> Bool {
        guard let early else { return under.wait(before: deadline, until: condition) }
        if under.now + ticks + early < deadline { ticks = deadline - early - under.now }
        event()
        return condition()
    }
}
