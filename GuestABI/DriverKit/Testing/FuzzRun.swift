// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKit
import DriverKitBackend
import XenABI
import XenBus

/// One run of `DriverFuzz`.
final class FuzzRun<Service: DeviceService> {
    typealias Device = Service.Device
    typealias MakeRequest = (inout SeededRandom, InMemoryPages) -> Device.Request
    typealias Front = Frontend<Device, InMemoryFrontendPlatform>

    /// Completions count here: they may come after the run is copied.
    private final class Counts {
        var answers = 0
        var failures = 0
        var twice = 0
    }

    private let machine: InMemoryMachine
    private var random: SeededRandom
    private let counts = Counts()
    private(set) var requests = 0
    private(set) var connections = 0
    private(set) var problems: [String] = []
    var answers: Int { counts.answers }
    private var kind: StaticString { Device.kind }

    init(seed: UInt64, settings: [(key: String, value: String)]) {
        // What hostile peers make the halves say is no news.
        machine = InMemoryMachine(log: Log(level: .error, prefix: "fuzz"))
        random = SeededRandom(seed: seed)
        machine.addDevice(Device.kind, settings: settings)
        machine.work.shuffle(seed: seed &+ 1)
    }

    private func expect(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition { problems.append(problem()) }
    }

    private func rest(_ when: String) {
        expect(machine.work.comesToRest(steps: 200_000, limit: 10_000), "no rest \(when)")
    }

    private func submit(_ frontend: Front, _ request: Device.Request, _ pages: [InMemoryPages] = []) {
        let counts = counts
        var isDone = false
        let timeout: Timeout =
            random.once(in: 8) ? .milliseconds(UInt32(random.below(20))) : .never
        do throws(DriverError) {
            try frontend.submit(request, keeping: pages, timeout: timeout) { result in
                if isDone { counts.twice += 1 }
                isDone = true
                if case .success = result { counts.answers += 1 } else { counts.failures += 1 }
            }
            requests += 1
        } catch {
            expect(error == .notConnected || error == .ringFull, "submit threw \(error)")
        }
    }

    /// The frontend has closed.
    private func conclude(_ frontend: Front) {
        connections += frontend.connectionCount
        expect(frontend.outstandingCount == 0, "\(frontend.outstandingCount) requests hang")
        expect(frontend.lateCount == 0, "\(frontend.lateCount) late requests hang")
    }

    /// Everything is over: what is left that should not be?
    func finish() {
        expect(counts.twice == 0, "\(counts.twice) completions were called twice")
        expect(
            counts.answers + counts.failures == requests,
            "\(requests) requests, \(counts.answers) answers, \(counts.failures) failures")
        expect(machine.grants.mappingCount == 0, "\(machine.grants.mappingCount) mappings are left")
        expect(machine.events.boundCount == 0, "\(machine.events.boundCount) bound ports are left")
        expect(machine.events.openCount == 0, "\(machine.events.openCount) open ports are left")
        expect(machine.store.watchCount == 0, "\(machine.store.watchCount) watches are left")
        expect(machine.grants.grantCount == 0, "\(machine.grants.grantCount) grants are left")
    }

    // MARK: Honest halves

    func honest(_ steps: Int, _ makeRequest: MakeRequest) {
        guard let front = try? machine.makeFrontend(Device.self),
            let first = try? machine.startBackend(Service.self)
        else { return problems.append("the halves do not start") }
        var server: ServiceServer<Service>? = first
        for _ in 0..<steps {
            switch random.below(24) {
            case 0:
                // Stopped, or killed: a killed process leaves the store as it is.
                if random.once(in: 2) { server?.stop() } else { server?.die() }
                server = nil
            case 1, 2:
                if server == nil { server = try? machine.startBackend(Service.self) }
            case 3: rest("in between")
            case 4..<12:
                if let pages = try? front.share(isReadOnly: false) {
                    submit(front, makeRequest(&random, pages), random.once(in: 2) ? [pages] : [])
                    // The pages go while the request is under way, now and then.
                    if !random.once(in: 8) { machine.work.run() }
                }
            case 12: submit(front, Device.Request(slot: randomSlot()))
            case 13..<16: front.poll()
            case 16: machine.advance(milliseconds: random.below(15))
            default: for _ in 0..<random.below(8) { machine.work.step() }
            }
        }
        if server == nil { server = try? machine.startBackend(Service.self) }
        settle(front)
        expect(front.isConnected, "not connected in the end: state \(front.state)")
        // One more request goes through.
        if let pages = try? front.share(isReadOnly: false) {
            let before = counts.answers
            submit(front, makeRequest(&random, pages))
            settle(front)
            expect(counts.answers > before, "no answer in the end")
        }
        front.stop()
        settle(front)
        expect(front.state == .closed, "the frontend is not closed: state \(front.state)")
        machine.removeDevice(kind)
        settle(front)
        server?.stop()
        server = nil
        machine.removeGuest(kind)
        rest("at the end")
        conclude(front)
    }

    /// Lets both halves do what they have to until neither has anything to do.
    private func settle(_ front: Front) {
        for _ in 0..<100 {
            rest("while settling")
            guard front.hasWork else { return front.poll() }
            front.poll()
        }
        problems.append("the frontend does not settle")
    }

    private func randomSlot<Slot: RingMessageSlot>() -> Slot {
        var slot = Slot()
        for word in 0..<Slot.byteCount / 4 { slot[word: word] = randomWord() }
        return slot
    }
    /// Small numbers, limits, valid grants, and anything.
    private func randomWord() -> UInt32 {
        switch random.below(6) {
        case 0: return UInt32(random.below(4))
        case 1: return UInt32(random.below(5000))
        case 2: return machine.grants.references.randomElement(using: &random)?.rawValue ?? 8
        case 3: return [0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_F000, 4096][random.below(5)]
        default: return UInt32(truncatingIfNeeded: random.next())
        }
    }

    // MARK: A hostile guest

    func hostileFrontend(_ steps: Int, _ makeRequest: MakeRequest) {
        guard let started = try? machine.startBackend(Service.self) else {
            return problems.append("the backend does not start")
        }
        var server: ServiceServer<Service>? = started
        let path = machine.frontendPath(kind)
        var shared: [InMemoryPages] = []
        var ports: [InMemoryPort] = []
        rest("at the start")
        for _ in 0..<steps {
            switch random.below(16) {
            case 0:
                if let pages = try? InMemoryPages(
                    pageCount: 1 << random.below(3), isReadOnly: random.once(in: 4), grants: machine.grants)
                {
                    shared.append(pages)
                }
            case 1: if !shared.isEmpty { shared.remove(at: random.below(shared.count)) }
            case 2: ports.append(InMemoryPort(machine.events) {})
            case 3: if !ports.isEmpty { ports.remove(at: random.below(ports.count)) }
            case 4, 5: publish(path, &shared, &ports)
            case 6: machine.store.set("\(path)/state", randomState())
            case 7:
                let keys = ["ring-ref", "ring-ref0", "ring-page-order", "event-channel", "state"]
                machine.store.set("\(path)/\(keys[random.below(keys.count)])", randomText())
            case 8:
                if let reference = machine.grants.references.randomElement(using: &random) {
                    machine.grants.revoke(reference)
                }
            case 9..<12: scribble(shared, makeRequest)
            case 12: for port in ports { port.notify() }
            case 13: rest("in between")
            case 14:
                if random.once(in: 6) {
                    server?.die()
                    server = try? machine.startBackend(Service.self)
                }
            default: for _ in 0..<random.below(8) { machine.work.step() }
            }
        }
        machine.store.set("\(path)/state", "6")
        machine.removeDevice(kind)
        rest("at the end")
        machine.removeGuest(kind)
        rest("after the end")
        server?.stop()
        server = nil
        shared = []
        ports = []
        rest("after all")
    }

    /// A correct connection, mostly.
    private func publish(_ path: String, _ shared: inout [InMemoryPages], _ ports: inout [InMemoryPort]) {
        let order = Int(Device.ringPageOrder)
        guard
            let pages = try? InMemoryPages(
                pageCount: 1 << order, isReadOnly: random.once(in: 16), grants: machine.grants)
        else { return }
        shared.append(pages)
        ports.append(InMemoryPort(machine.events) {})
        if order > 0 { machine.store.set("\(path)/ring-page-order", "\(order)") }
        for page in 0..<pages.pageCount {
            machine.store.set(
                "\(path)/ring-ref\(order > 0 ? "\(page)" : "")", "\(pages.reference(page).rawValue)")
        }
        machine.store.set("\(path)/event-channel", "\(ports[ports.count - 1].port.rawValue)")
        machine.store.set("\(path)/state", random.once(in: 2) ? "3" : "1")
        if random.once(in: 2) { machine.store.set("\(path)/state", "3") }
    }
    private func randomState() -> String { random.once(in: 4) ? randomText() : "\(random.below(9))" }
    private func randomText() -> String {
        ["", "-1", "4294967296", "99999999999999999999", "x", "3 ", "0", "\(randomWord())", "\u{0}3"][
            random.below(9)]
    }

    /// Writes into shared pages: requests with a producer index beside them, wild indices, anything anywhere.
    private func scribble(_ shared: [InMemoryPages], _ makeRequest: MakeRequest) {
        guard let pages = shared.randomElement(using: &random) else { return }
        let size = pages.pageCount * 4096
        switch random.below(4) {
        case 0, 1:
            let ring = pages.ring(slotByteCount: Device.slotByteCount)
            let produced = ring.header.load(.requestProducer)
            let count = UInt32(random.below(4))
            for index in 0..<count {
                let slot =
                    random.once(in: 3)
                    ? randomSlot() : makeRequest(&random, pages).slot
                let start = 64 + Int((produced &+ index) & (ring.slotCount &- 1)) * Device.slotByteCount
                for word in 0..<Device.Request.Slot.byteCount / 4 {
                    setWord(pages, start + word * 4, slot[word: word])
                }
            }
            setWord(pages, 0, random.once(in: 12) ? randomWord() : produced &+ count)
        case 2: setWord(pages, random.below(8) * 4, randomWord())
        default: for _ in 0..<8 { setWord(pages, random.below(size / 4) * 4, randomWord()) }
        }
    }
    private func setWord(_ pages: InMemoryPages, _ offset: Int, _ word: UInt32) {
        for byte in 0..<4 {
            pages.setByte(UInt8(truncatingIfNeeded: word >> UInt32(byte * 8)), at: offset + byte)
        }
    }

    // MARK: A hostile backend

    func hostileBackend(_ steps: Int, _ makeRequest: MakeRequest) {
        let back = machine.backendPath(kind)
        guard let front = try? machine.makeFrontend(Device.self) else {
            return problems.append("the frontend does not start")
        }
        var held: [any MappedGrants] = []
        for _ in 0..<steps {
            switch random.below(16) {
            case 0..<3: machine.store.set("\(back)/state", randomState())
            case 3:
                machine.store.set("\(back)/version", random.once(in: 4) ? randomText() : "\(Device.version)")
            case 4, 5:
                // What an honest backend does, so that there are connections.
                machine.store.set("\(back)/version", "\(Device.version)")
                machine.store.set("\(back)/state", "2")
                machine.work.run()
                front.poll()
                machine.work.run()
                machine.store.set("\(back)/state", "4")
                machine.work.run()
                front.poll()
            case 6:
                if let pages = try? front.share(isReadOnly: false) {
                    submit(front, makeRequest(&random, pages), [pages])
                    if random.once(in: 4) { machine.advance(milliseconds: random.below(15)) }
                }
            case 7: submit(front, Device.Request(slot: randomSlot()))
            case 8..<11: answer(front)
            case 11: for port in machine.events.openPorts { machine.events.raise(port) }
            case 12:
                if let reference = machine.grants.references.randomElement(using: &random),
                    let mapping = try? machine.grants.map([reference], of: machine.domain, isWritable: false)
                {
                    held.append(mapping)
                }
            case 13: held.removeAll()
            case 14: if random.once(in: 8) { try? machine.store.remove(back) }
            default: rest("in between")
            }
            if random.once(in: 2) { front.poll() }
        }
        front.stop()
        if random.once(in: 2) {
            // Nobody answers: what is mapped stays set aside until it is let go of.
            let start = machine.now
            machine.store.set("\(back)/state", "4")
            front.close(.seconds(3))
            expect(machine.now - start < 4_000_000_000, "closing took \(machine.now - start) ns")
        }
        // A backend that never closes is no reason to wait for ever; this one does in the end.
        machine.store.set("\(back)/state", "5")
        settle(front)
        machine.store.set("\(back)/state", "6")
        settle(front)
        expect(front.state == .closed, "the frontend is not closed: state \(front.state)")
        held = []
        machine.removeGuest(kind)
        rest("at the end")
        conclude(front)
    }

    /// Writes into the rings as a backend may: right answers, wrong ones, anything.
    private func answer(_ front: Front) {
        guard let reference = machine.grants.references.randomElement(using: &random),
            let page = machine.grants.page(reference)
        else { return }
        switch random.below(3) {
        case 0:
            let ring = page.ring(slotByteCount: Device.slotByteCount)
            let answered = ring.header.load(.responseProducer)
            guard ring.header.load(.requestProducer) != answered else { return }
            // An answer in place: word 0 is the request's own.
            let start = 64 + Int(answered & (ring.slotCount &- 1)) * Device.slotByteCount
            if random.once(in: 4) { page.store(randomWord(), at: start) }
            page.store(answered &+ 1, at: 8)
        case 1: page.store(randomWord(), at: random.below(8) * 4)
        default: for _ in 0..<8 { page.store(randomWord(), at: random.below(1024) * 4) }
        }
    }
}
