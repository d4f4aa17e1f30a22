// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKit
import DriverKitBackend
import DriverKitTesting
import Testing
import XenABI
import XenBus

@Suite struct DriverKitTests {
    let machine = InMemoryMachine()

    @Test func aRequestIsAnswered() throws {
        machine.addDevice(Adder.kind, settings: [("start", "100")])
        let server = try machine.startBackend(AdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        #expect(try frontend.call(Adder.Request(2, 3)).sum == 105)
        #expect(try frontend.offer("start")?.decimal(as: UInt32.self) == 100)
        #expect(frontend.state == .connected && server.deviceCount == 1)
    }

    @Test func dataGoesThroughSharedPages() throws {
        machine.addDevice(Adder.kind)
        let server = try machine.startBackend(AdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        let page = try frontend.share(isReadOnly: false)
        page.setBytes([1, 2, 3, 250])
        let answer = try frontend.call(Adder.Request(0, 0, page: page.reference(0), count: 4))
        #expect(answer.isRight && answer.sum == 256)
        #expect(page.bytes(0, 4) == [250, 3, 2, 1])
        // A page that the backend may only read, one byte too many, and a grant that nobody made.
        let readOnly = try frontend.share(isReadOnly: true)
        #expect(try !frontend.call(Adder.Request(0, 0, page: readOnly.reference(0), count: 4)).isRight)
        #expect(try !frontend.call(Adder.Request(0, 0, page: page.reference(0), count: 4097)).isRight)
        #expect(
            try !frontend.call(Adder.Request(0, 0, page: GrantReference(rawValue: 999), count: 1)).isRight)
        #expect(server.deviceCount == 1)
    }

    @Test func moreRequestsThanTheRingHolds() throws {
        machine.addDevice(Adder.kind)
        let server = try machine.startBackend(LateAdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        try frontend.connect()
        var sums: [UInt32] = []
        var refused = 0
        for number in 0..<UInt32(200) {
            do throws(DriverError) {
                try frontend.submit(Adder.Request(number, 0)) {
                    if case .success(let answer) = $0 { sums.append(answer.sum) }
                }
            } catch {
                #expect(error == .ringFull)
                refused += 1
                machine.work.run(limit: 10)
                frontend.poll()
            }
        }
        machine.work.run(limit: 10)
        frontend.poll()
        #expect(sums.count + refused == 200 && refused > 0 && Set(sums).count == sums.count)
        #expect(frontend.outstandingCount == 0 && server.deviceCount == 1)
    }

    @Test func aRingOfSeveralPages() throws {
        machine.addDevice(WideAdder.kind)
        let server = try machine.startBackend(WideAdderService.self)
        let frontend = try machine.makeFrontend(WideAdder.self)
        try frontend.connect()
        #expect(machine.grants.grantCount == 4)
        var sums: [UInt32] = []
        // (4 * 4096 - 64) / 20 slots, rounded down to a power of two.
        for number in 0..<UInt32(512) {
            try frontend.submit(Adder.Request(number, 1)) {
                if case .success(let answer) = $0 { sums.append(answer.sum) }
            }
        }
        #expect(throws: DriverError.ringFull) { try frontend.submit(Adder.Request(1, 1)) { _ in } }
        machine.work.run()
        frontend.poll()
        #expect(sums == Array(1...512) && server.deviceCount == 1)
        // A frontend that publishes more pages than the backend offered is refused, with the reason in the store.
        frontend.close()
        machine.store.set("\(machine.frontendPath(WideAdder.kind))/ring-page-order", "3")
        machine.store.set("\(machine.frontendPath(WideAdder.kind))/state", "1")
        machine.work.run()
        machine.store.set("\(machine.frontendPath(WideAdder.kind))/state", "3")
        machine.work.run()
        let path = "/local/domain/0/error/backend/wide-adder/\(machine.domain.rawValue)/0/error"
        #expect(machine.store.read(path)?.contains("ring-page-order") == true)
    }

    @Test func theBackendComesAndGoes() throws {
        machine.addDevice(Adder.kind)
        let frontend = try machine.makeFrontend(Adder.self)
        // Nobody is there: the frontend waits without harm.
        #expect(throws: DriverError.timedOut) { try frontend.connect() }
        var server = try machine.startBackend(AdderService.self)
        #expect(try frontend.call(Adder.Request(1, 1)).sum == 2)
        server.stop()
        machine.work.run()
        frontend.poll()
        #expect(!frontend.isConnected)
        server = try machine.startBackend(AdderService.self)
        #expect(try frontend.call(Adder.Request(1, 2)).sum == 3)
        #expect(frontend.connectionCount == 2)
        frontend.close()
        #expect(frontend.state == .closed && machine.grants.grantCount == 0 && machine.events.openCount == 0)
        #expect(throws: DriverError.notConnected) { try frontend.call(Adder.Request(1, 2)) }
        #expect(server.deviceCount == 1)
    }

    @Test func aKilledBackendIsReplacedUnderTheRequests() throws {
        machine.addDevice(Adder.kind)
        let first = try machine.startBackend(AdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        try frontend.connect()
        first.die()
        var sum: UInt32?
        try frontend.submit(Adder.Request(4, 5)) { sum = try? $0.get().sum }
        machine.work.run()
        #expect(sum == nil)
        let second = try machine.startBackend(AdderService.self)
        machine.work.run()
        frontend.poll()
        // The same connection, and nothing lost.
        #expect(sum == 9 && frontend.connectionCount == 1 && second.deviceCount == 1)
    }

    @Test func aKilledBackendThatAnswersOutOfOrderBeginsAnew() throws {
        machine.addDevice(Adder.kind)
        let first = try machine.startBackend(LateAdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        try frontend.connect()
        var result: Result<Adder.Response, DriverError>?
        try frontend.submit(Adder.Request(4, 5)) { result = $0 }
        first.die()
        let second = try machine.startBackend(LateAdderService.self)
        machine.work.run()
        frontend.poll()
        #expect(throws: DriverError.disconnected) { try result?.get() }
        #expect(try frontend.call(Adder.Request(4, 6)).sum == 10)
        #expect(frontend.connectionCount == 2 && second.deviceCount == 1)
    }

    @Test func theToolstackTakesTheDeviceAway() throws {
        machine.addDevice(Adder.kind)
        let server = try machine.startBackend(AdderService.self)
        let frontend = try machine.makeFrontend(Adder.self)
        try frontend.connect()
        machine.removeDevice(Adder.kind)
        for _ in 0..<4 {
            machine.work.run()
            frontend.poll()
        }
        #expect(!frontend.isConnected && server.deviceCount == 0 && machine.grants.mappingCount == 0)
    }

    @Test func theGuestDies() throws {
        machine.addDevice(Adder.kind)
        let server = try machine.startBackend(AdderService.self)
        var frontend: Frontend<Adder, InMemoryFrontendPlatform>? = try machine.makeFrontend(Adder.self)
        try frontend?.connect()
        frontend = nil
        machine.removeGuest(Adder.kind)
        machine.work.run()
        #expect(server.deviceCount == 0 && machine.grants.mappingCount == 0 && machine.events.boundCount == 0)
    }

    @Test func refusals() throws {
        #expect(throws: DriverError.noDevice) { try machine.makeFrontend(Adder.self) }
        machine.addDevice(Adder.kind)
        machine.store.set("\(machine.frontendPath(Adder.kind))/backend-id", "zero")
        #expect(throws: DriverError.badNode("device/adder/0/backend-id")) {
            try machine.makeFrontend(Adder.self)
        }
        machine.store.set("\(machine.frontendPath(Adder.kind))/backend-id", "0")
        let server = try machine.startBackend(AdderService.self)
        machine.work.run()
        machine.store.set("\(machine.backendPath(Adder.kind))/version", "2")
        let frontend = try machine.makeFrontend(Adder.self)
        machine.work.run()
        frontend.poll()
        #expect(frontend.lastError == .version(2) && !frontend.isConnected && server.deviceCount == 1)
    }

    /// A backend that answers with the number of an earlier use of the same place, twice, and what was never asked.
    @Test(arguments: ["stale", "twice", "wild", "index"]) func wrongAnswersEndTheConnection(kind: String)
        throws
    {
        machine.addDevice(Adder.kind)
        let back = machine.backendPath(Adder.kind)
        let front = machine.frontendPath(Adder.kind)
        let frontend = try machine.makeFrontend(Adder.self)
        machine.store.set("\(back)/state", "2")
        machine.work.run()
        frontend.poll()
        machine.store.set("\(back)/state", "4")
        machine.work.run()
        frontend.poll()
        #expect(frontend.isConnected)
        let reference = try #require(machine.store.read("\(front)/ring-ref").flatMap { UInt32($0) })
        let page = try #require(machine.grants.page(GrantReference(rawValue: reference)))
        var sums: [UInt32] = []
        var failures: [DriverError] = []
        func submit() throws {
            try frontend.submit(Adder.Request(1, 2)) {
                switch $0 {
                case .success(let answer): sums.append(answer.sum)
                case .failure(let error): failures.append(error)
                }
            }
        }
        func answer(_ slot: Int, number: UInt32, sum: UInt32) {
            page.store(number, at: 64 + slot * 20)
            page.store(sum, at: 64 + slot * 20 + 4)
            page.store(UInt32(slot + 1), at: 8)
            frontend.poll()
        }
        try submit()
        let first = page.load(64, as: UInt32.self)
        answer(0, number: first, sum: 3)
        #expect(sums == [3] && frontend.lastError == nil)
        try submit()
        let second = page.load(64 + 20, as: UInt32.self)
        #expect(second != first)
        switch kind {
        case "stale": answer(1, number: first, sum: 99)
        case "wild": answer(1, number: 0xFFFF_FFFF, sum: 99)
        case "twice":
            try submit()
            answer(1, number: second, sum: 4)
            answer(2, number: second, sum: 99)
        default:
            page.store(UInt32(500), at: 8)
            frontend.poll()
        }
        #expect(!sums.contains(99) && failures == [.disconnected] && frontend.state == .closing)
        switch frontend.lastError {
        case .unexpectedResponse: #expect(kind != "index")
        case .ring: #expect(kind == "index")
        default: Issue.record("lastError is \(String(describing: frontend.lastError))")
        }
    }

    @Test(arguments: UInt64(1)...40) func fuzz(seed: UInt64) {
        for report in [
            DriverFuzz.run(AdderService.self, seed: seed) { random, pages in
                Adder.Request(
                    UInt32(random.below(10)), 1, page: random.once(in: 2) ? pages.reference(0) : nil,
                    count: UInt32(random.below(4100)))
            },
            DriverFuzz.run(LateAdderService.self, seed: seed) { random, _ in Adder.Request(1, 2) },
            DriverFuzz.run(WideAdderService.self, seed: seed) { random, _ in Adder.Request(1, 2) },
        ] {
            #expect(report.problems.isEmpty, "\(report)")
            // The runs do reach the states they are for.
            #expect(report.requests > 20 && report.answers > 3 && report.connections > 2, "\(report)")
        }
    }
}
