// SPDX-License-Identifier: Apache-2.0
import GuestABI
import SharedMemory
import XenABI
import XenBus

/// A block ring that this guest fills with nonsense.
final class LyingRing {
    private var page: GrantedPage?
    private var port: OwnedPort?
    private var data: GrantedPage?

    /// The driver's side of connecting: a ring and a port that are good.
    func publish(_ device: FrontendDevice) throws(FrontendFailure) -> FrontendPublication {
        do throws(XenError) {
            page = nil
            port = nil
            page = try GrantedPage(to: device.backend)
            data = try GrantedPage(to: device.backend)
            port = try OwnedPort(unboundFor: device.backend)
        } catch { throw .hypervisor(error) }
        var publication = FrontendPublication()
        withRing { memory, reference, port in
            let ring = memory.sharedView(SharedRingLayout.self)
            ring.store(1, to: .requestEvent)
            ring.store(1, to: .responseEvent)
            publication.set("ring-ref", "\(reference)")
            publication.set("event-channel", "\(port)")
        }
        publication.set("protocol", "x86_64-abi")
        publication.set("feature-persistent", "1")
        return publication
    }
    private func withRing(_ body: (MappedPage, UInt32, EventPort) -> Void) {
        let memory: MappedPage?
        let reference: UInt32
        switch page {
        case .some(let page):
            memory = page.memory
            reference = page.reference.rawValue
        case nil:
            memory = nil
            reference = 0
        }
        let number: EventPort?
        switch port {
        case .some(let port): number = port.port
        case nil: number = nil
        }
        if let memory, let number { body(memory, reference, number) }
    }
    private var goodReference: UInt32 {
        switch data {
        case .some(let data): data.reference.rawValue
        case nil: 0
        }
    }

    /// Requests of every wrong kind, each followed by a wait for its response; how many were answered.
    func sendNonsense(count: Int) -> Int {
        var answered = 0
        let good = goodReference
        withRing { memory, _, port in
            let ring = memory.sharedView(SharedRingLayout.self)
            var noise = Noise(seed: 21)
            for index in 0..<count {
                let producer = ring.load(.requestProducer)
                let slot = 64 + Int(producer & 31) * BlockRequestLayout.byteCount
                for offset in stride(from: 0, to: BlockRequestLayout.byteCount, by: 8) {
                    memory.store(noise.next(), at: slot + offset)
                }
                let kind = noise.next()
                // Most have an operation that exists, so that what follows is looked at.
                if kind & 3 != 0 { memory.store(UInt8(truncatingIfNeeded: kind >> 8 & 7), at: slot) }
                if kind & 12 != 0 { memory.store(UInt8(truncatingIfNeeded: kind >> 16 & 15), at: slot + 1) }
                if kind & 0x30 != 0 { memory.store(kind >> 24 & 0xFFFF, at: slot + 16) }
                if kind & 0x40 != 0 {
                    for segment in 0..<11 { memory.store(good, at: slot + 24 + segment * 8) }
                }
                let before = ring.load(.responseProducer)
                ring.store(before &+ 1, to: .responseEvent)
                ring.store(producer &+ 1, to: .requestProducer)
                try? EventChannel.send(port)
                if index & 7 == 0 {
                    // The same request again, while the backend may be reading it.
                    for _ in 0..<200 { memory.store(noise.next(), at: slot + Int(noise.next() % 13) * 8) }
                }
                guard within(milliseconds: 2000, { ring.load(.responseProducer) != before }) else { return }
                answered += 1
            }
        }
        return answered
    }
    /// Indices that cannot be.
    func lieAboutIndexes() {
        withRing { memory, _, port in
            let ring = memory.sharedView(SharedRingLayout.self)
            var noise = Noise(seed: 8)
            for distance: UInt32 in [33, 1000, 0x8000_0000, UInt32.max] {
                ring.store(ring.load(.responseProducer) &+ distance, to: .requestProducer)
                try? EventChannel.send(port)
                _ = within(milliseconds: 50) { false }
            }
            for _ in 0..<20_000 {
                ring.store(UInt32(truncatingIfNeeded: noise.next()), to: .requestProducer)
                ring.store(UInt32(truncatingIfNeeded: noise.next()), to: .responseProducer)
                ring.store(UInt32(truncatingIfNeeded: noise.next()), to: .requestEvent)
                if noise.next() & 127 == 0 { try? EventChannel.send(port) }
            }
            try? EventChannel.send(port)
        }
    }
}

func lieToBlockBackend() {
    do throws(FrontendFailure) {
        let store: XenStore
        do throws(XenStoreFailure) { store = try XenStore.open() } catch { throw .store(error) }
        let ring = LyingRing()
        let device = try FrontendDevice(
            store, kind: "vbd", id: 51712,
            driver: FrontendDriver(
                publish: { device throws(FrontendFailure) in try ring.publish(device) }, use: { _ in },
                close: { _ in }))
        try device.connect()
        Console.print("rings: block connected")
        let answered = ring.sendNonsense(count: 600)
        Console.print("rings: block, \(answered) of 600 requests answered")
        ring.lieAboutIndexes()
        _ = within(milliseconds: 300) { false }
        Console.print("rings: block done")
    } catch {
        Console.print("rings: block failed")
    }
}

/// States, references and ports that do not exist, for whatever devices there are.
func lieAboutStates() {
    do throws(XenStoreFailure) {
        let store = try XenStore.open()
        var noise = Noise(seed: 77)
        let values: [StoreText] = [
            "0", "1", "2", "3", "4", "5", "6", "7", "99", "-1", "4294967295", "18446744073709551616", "abc",
            "",
            "3\n", "0x3",
        ]
        for round in 0..<150 {
            for base: StoreText in ["device/vbd/51712", "device/vif/0"] {
                for key: StaticString in [
                    "ring-ref", "ring-ref0", "ring-page-order", "tx-ring-ref", "rx-ring-ref", "event-channel",
                    "event-channel-tx", "protocol", "multi-queue-num-queues", "feature-persistent",
                ] {
                    try? store.write(
                        base.appending(StoreText(stringLiteral: key)),
                        values[Int(noise.next() % UInt64(values.count))])
                }
                try? store.write(base.appending("state"), values[Int(noise.next() % 10)])
                if round % 20 == 19 { try? store.remove(base.appending("state")) }
                if round % 50 == 49 { try? store.remove(base.appending("backend")) }
            }
            try? Scheduler.sleep(until: Clock.now + 2_000_000)
        }
        Console.print("rings: states done")
    } catch {
        Console.print("rings: states failed")
    }
}
