// SPDX-License-Identifier: Apache-2.0
import GuestABI
import RingProtocol
import SharedMemory
import XenABI
import XenBus

/// One lie, and what may come of it.
private struct NetLie {
    let what: StaticString
    let outcome: LieOutcome
    let tell: (LyingCard) -> Void
    init(_ what: StaticString, _ outcome: LieOutcome, _ tell: @escaping (LyingCard) -> Void) {
        self.what = what
        self.outcome = outcome
        self.tell = tell
    }
}

private let error: Int16 = -1

/// Lies about single packets, and about chains of slots.
private func packetLies() -> [NetLie] {
    let nowhere = GrantReference(rawValue: 0xFFFF_FFFF)
    return [
        NetLie("an empty packet", .status(error)) { $0.put([$0.request($0.good, size: 0)]) },
        NetLie("less than a header", .status(error)) { $0.put([$0.request($0.good, size: 13)]) },
        NetLie("a reference without an entry", .status(error)) { $0.put([$0.request(nowhere)]) },
        NetLie("a reserved reference", .status(error)) { $0.put([$0.request(GrantReference(rawValue: 7))]) },
        NetLie("a page granted to another domain", .status(error)) { card in
            guard let page = try? GrantedPage(to: DomainID(rawValue: 77)) else { return }
            card.put([card.request(page.reference)])
            _ = within(milliseconds: 500) { card.transmitRing.load(.responseProducer) != 0 }
        },
        NetLie("a second slot without a grant", .status(error)) {
            $0.put([$0.request($0.good, size: 200, flags: .moreData), $0.request(nowhere, size: 100)])
        },
        NetLie("slots that hold more than the packet", .status(error)) {
            $0.put([$0.request($0.good, size: 100, flags: .moreData), $0.request($0.good, size: 4096)])
        },
        NetLie("one number for four packets", .status(error)) { card in
            card.put((0..<4).map { _ in card.request(nowhere, identifier: 9) })
        },
        NetLie("nineteen slots", .status(error)) { card in
            card.put(
                (0..<19).map { index in
                    card.request(card.good, size: index == 0 ? 1900 : 100, flags: index < 18 ? .moreData : [])
                })
        },
        NetLie("an unknown extra slot", .answered) {
            $0.put([$0.request($0.good, flags: .extraInfo), $0.extra(99)])
        },
        NetLie("extra slots that nobody offered", .answered) {
            $0.put([$0.request($0.good, flags: .extraInfo), $0.extra(2, hasMore: true), $0.extra(4)])
        },
        NetLie("segmentation of what is no TCP packet", .answered) {
            $0.put([$0.request($0.good, flags: [.extraInfo, .checksumBlank]), $0.extra(1, 1, size: 1)])
        },
        NetLie("segments larger than the packet", .answered) {
            $0.put([
                $0.request($0.good, flags: [.extraInfo, .checksumBlank]), $0.extra(1, 2, size: 0xFFFF),
            ])
        },
        NetLie("every flag", .either) {
            $0.put([$0.request($0.good, flags: NetTransmitFlags(rawValue: 0xFFF3))])
        },
        NetLie("beyond the page", .closed) { $0.put([$0.request($0.good, offset: 4090, size: 100)]) },
        NetLie("the largest numbers", .closed) {
            $0.put([$0.request($0.good, offset: 0xFFFF, size: 0xFFFF)])
        },
        NetLie("a second slot beyond its page", .closed) {
            $0.put([
                $0.request($0.good, size: 200, flags: .moreData),
                $0.request($0.good, offset: 4000, size: 100),
            ])
        },
        NetLie("forty slots", .closed) { card in
            card.put((0..<40).map { _ in card.request(card.good, flags: .moreData) })
        },
        NetLie("a packet without an end", .closed) { $0.put([$0.request($0.good, flags: .moreData)]) },
        NetLie("extra slots without an end", .closed) { card in
            card.put(
                [card.request(card.good, flags: .extraInfo)]
                    + (0..<200).map { _ in card.extra(2, hasMore: true) })
        },
        NetLie("segments of nothing", .closed) {
            $0.put([$0.request($0.good, flags: .extraInfo), $0.extra(1, 1, size: 0)])
        },
        NetLie("segments of an unknown kind", .closed) {
            $0.put([$0.request($0.good, flags: .extraInfo), $0.extra(1, 77, size: 1000)])
        },
    ]
}

/// Lies about the rings themselves.
private func ringLies() -> [NetLie] {
    [
        NetLie("a producer far ahead", .closed) {
            $0.transmitRing.store($0.transmitRing.load(.responseProducer) &+ 1000, to: .requestProducer)
            $0.notify()
        },
        NetLie("a producer behind", .closed) {
            $0.transmitRing.store($0.transmitRing.load(.responseProducer) &- 1, to: .requestProducer)
            $0.notify()
        },
        NetLie("the backend's own indexes", .answered) {
            $0.receiveRing.store(UInt32.max, to: .requestEvent)
            $0.transmitRing.store(0x8000_0000, to: .requestEvent)
            $0.notify()
        },
        NetLie("rings granted to nobody while they are mapped", .answered) {
            for reference in [$0.transmitReference, $0.receiveReference] {
                GrantTable.entry(reference).store(UInt16(0xFFFF), to: .domain)
            }
            $0.put([$0.request($0.good)])
        },
        NetLie("a port that is closed", .either) { card in
            card.closePort()
            card.put([card.request(card.good)])
        },
        NetLie("packets of noise", .either) { card in
            var noise = Noise(seed: 31)
            for _ in 0..<64 {
                var slot = RingSlot<3>()
                for word in 0..<3 { slot[word: word] = UInt32(truncatingIfNeeded: noise.next()) }
                // Half of them name a page that is there.
                if noise.next() & 1 == 0 { slot[word: 0] = card.good.rawValue }
                card.put([slot])
            }
        },
        NetLie("rings that change all the time", .either) { card in
            var noise = Noise(seed: 13)
            for _ in 0..<20_000 {
                card.transmitRing.store(UInt32(truncatingIfNeeded: noise.next()), to: .requestProducer)
                card.receiveRing.store(UInt32(truncatingIfNeeded: noise.next()), to: .requestProducer)
                card.transmit.store(noise.next(), at: 64 + Int(noise.next() % 380) * 8)
                card.receive.store(noise.next(), at: 64 + Int(noise.next() % 250) * 8)
                if noise.next() & 127 == 0 { card.notify() }
            }
            card.notify()
        },
    ]
}

/// The backend's state is this one.
private func backend(of device: FrontendDevice, is state: DeviceState) -> Bool {
    guard let found = try? device.store.readNumber("\(device.backendPath)/state", as: UInt8.self) else {
        return false
    }
    return found == state.rawValue
}
/// Whether the backend has closed the device.
private func isClosed(_ device: FrontendDevice) -> Bool { !backend(of: device, is: .connected) }

/// Connects anew, with good rings, and waits until the backend serves them.
private func connect(_ device: FrontendDevice) throws(FrontendFailure) {
    try? device.disconnect()
    try device.connect()
    // A network frontend is connected by its own word.
    guard within(milliseconds: 20_000, { backend(of: device, is: .connected) }) else { throw .timedOut }
}

/// Waits for what comes of a lie, and says so; nil is right.
private func problem(of lie: NetLie, _ card: LyingCard, _ device: FrontendDevice) -> StaticString? {
    let mayClose: Bool
    switch lie.outcome {
    case .closed:
        return within(milliseconds: 5000) { isClosed(device) } ? nil : "goes on"
    case .either: mayClose = true
    default: mayClose = false
    }
    let statuses = card.statuses(milliseconds: mayClose ? 500 : 5000)
    if isClosed(device) { return mayClose ? nil : "is closed" }
    guard let statuses else { return mayClose ? nil : "does not answer" }
    if case .status(let wanted) = lie.outcome {
        for status in statuses where status != wanted { return "answers otherwise" }
        if statuses.isEmpty { return "was not asked" }
    }
    var failed = 0
    if !mayClose, !card.roundTrip(failed: &failed) { return "serves no more" }
    return nil
}

/// Received packets whose buffers are not what they should be.
private func lieAboutBuffers(_ card: LyingCard) -> Bool {
    // Each buffer that was offered is used up by packets that are asked for, then come the bad ones.
    var failed = 0
    guard card.roundTrip(failed: &failed), failed == 0 else { return false }
    for index in 0..<8 { card.grant(index, readOnly: true) }
    var rounds = 0
    while failed < 8, rounds < 40 {
        _ = card.roundTrip(failed: &failed, milliseconds: 300)
        rounds += 1
    }
    Console.print("rings: net, read-only buffers: \(failed) answered with an error")
    var good = 0
    rounds = 0
    while good < 3, rounds < 20 {
        if card.roundTrip(failed: &failed) { good += 1 }
        rounds += 1
    }
    return failed >= 8 && good == 3
}

func lieToNetBackend() {
    do throws(FrontendFailure) {
        let store: XenStore
        do throws(XenStoreFailure) { store = try XenStore.open() } catch { throw .store(error) }
        let card = LyingCard()
        let device = try FrontendDevice(
            store, kind: "vif", id: 0, connectsAtOnce: true,
            driver: FrontendDriver(
                publish: { device throws(FrontendFailure) in try card.publish(device) }, use: { _ in },
                close: { _ in }))
        try connect(device)
        var failed = 0
        // The bridge may take a moment to forward.
        var isServed = false
        for _ in 0..<10 where !isServed { isServed = card.roundTrip(failed: &failed) }
        Console.print("rings: net, \(isServed ? "served" : "WRONG: not served" as StaticString) at first")
        if !lieAboutBuffers(card) { Console.print("rings: net WRONG: read-only buffers") }
        var right = 0
        for lie in packetLies() + ringLies() {
            lie.tell(card)
            if let problem = problem(of: lie, card, device) {
                Console.print("rings: net WRONG: \(lie.what): \(problem)")
            } else {
                right += 1
            }
            // What was put up with leaves no ring behind for the next.
            try connect(device)
        }
        Console.print("rings: net, \(right) lies dealt with")
        // Ends in the middle of everything.
        var noise = Noise(seed: 1)
        for _ in 0..<100 {
            let reference = GrantReference(rawValue: UInt32(noise.next() & 63))
            card.put([card.request(reference, flags: .moreData)])
        }
        Console.print("rings: net done")
    } catch {
        Console.print("rings: net failed")
    }
}
