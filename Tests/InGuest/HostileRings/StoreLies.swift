// SPDX-License-Identifier: Apache-2.0
import GuestABI
import SharedMemory
import XenABI
import XenBus

/// This domain's store ring, without any care for its rules.
struct RawStoreRing {
    private let page: MappedPage
    private let port: EventPort
    let indexes: SharedView<XenStoreRingLayout>

    init() throws(XenError) {
        page = MappedPage(unsafeAddress: try HVM.parameter(HVMParameter.storeFrame) << 12)
        port = EventPort(rawValue: UInt32(truncatingIfNeeded: try HVM.parameter(HVMParameter.storePort)))
        indexes = page.sharedView(XenStoreRingLayout.self)
    }
    func notify() { try? EventChannel.send(port) }
    /// Takes whatever was answered; how many bytes that were.
    @discardableResult
    func drain() -> UInt32 {
        let produced = indexes.load(.responseProducer)
        let taken = produced &- indexes.load(.responseConsumer)
        indexes.store(produced, to: .responseConsumer)
        if taken != 0 { notify() }
        return taken
    }
    /// Writes bytes as they are. False: nobody reads any more.
    func send(_ bytes: [UInt8]) -> Bool {
        for byte in bytes {
            let hasRoom = within(milliseconds: 3000) {
                drain()
                return indexes.load(.requestProducer) &- indexes.load(.requestConsumer) < 1024
            }
            guard hasRoom else { return false }
            let producer = indexes.load(.requestProducer)
            page.store(byte, at: Int(producer & 1023))
            indexes.store(producer &+ 1, to: .requestProducer)
            if producer & 255 == 255 { notify() }
        }
        notify()
        return true
    }
    /// A message whose header says `length` whatever the payload has.
    func message(
        _ operation: UInt32, _ payload: [UInt8], length: UInt32? = nil, transaction: UInt32 = 0
    ) -> Bool {
        var bytes: [UInt8] = []
        let words: [UInt32] = [operation, 7, transaction, length ?? UInt32(payload.count)]
        for word in words {
            for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        return send(bytes + payload)
    }
    /// A directory of the domain's own, as a well-behaved guest asks for: whether an answer comes.
    func isAnswered() -> Bool {
        drain()
        guard message(XenStoreOperation.getDomainPath.rawValue, [0x30, 0]) else { return false }
        return within(milliseconds: 5000) { drain() != 0 }
    }
    /// Asks for a new start, as the ring's rules allow where the server offers it.
    func reconnect() -> Bool {
        indexes.store(1, to: .connection)
        notify()
        return within(milliseconds: 5000) { indexes.load(.connection) == 0 }
    }
}

/// - Parameter first: number of the lie about the ring to start with; from 1 on, nothing comes before it.
func lieToStore(first: Int) {
    do throws(XenError) {
        try Events.mapSharedInfo()
        let ring = try RawStoreRing()
        Console.print(
            "rings: store, \(ring.isAnswered() ? "answered" : "not answered" as StaticString) at first")
        var noise = Noise(seed: 5)

        if first == 0 { sendNonsense(to: ring, &noise) }

        let path = StoreText("data/x").bytes
        // Lies about the ring. After each the server may close it; it must not do more.
        let lies: [(StaticString, () -> Void)] = [
            ("a length of 4 GiB", { _ = ring.message(2, path, length: 0xFFFF_FFFF) }),
            ("a length just too large", { _ = ring.message(2, path, length: 4097) }),
            ("half a message", { _ = ring.message(2, path, length: 100) }),
            (
                "a producer far ahead",
                {
                    ring.indexes.store(ring.indexes.load(.requestConsumer) &+ 5000, to: .requestProducer)
                }
            ),
            (
                "a producer behind",
                {
                    ring.indexes.store(ring.indexes.load(.requestConsumer) &- 1, to: .requestProducer)
                }
            ),
            (
                "a consumer far ahead",
                {
                    ring.indexes.store(ring.indexes.load(.responseProducer) &+ 77, to: .responseConsumer)
                }
            ),
            (
                "the server's own indexes",
                {
                    ring.indexes.store(UInt32.max, to: .requestConsumer)
                    ring.indexes.store(UInt32.max, to: .responseProducer)
                    ring.indexes.store(UInt32.max, to: .serverFeatures)
                    ring.indexes.store(UInt32.max, to: .error)
                }
            ),
        ]
        // The server may close the ring at the first lie: each role starts with another.
        for index in 0..<lies.count where index >= first {
            let (what, lie) = lies[index]
            lie()
            for _ in 0..<20 { ring.notify() }
            _ = within(milliseconds: 100) { false }
            let back = ring.reconnect()
            Console.print("rings: store, \(what): \(back ? "reconnected" : "closed" as StaticString)")
            if !back { break }
        }
        // Indices that change all the time while the server looks.
        for _ in 0..<20_000 {
            ring.indexes.store(UInt32(truncatingIfNeeded: noise.next()), to: .requestProducer)
            ring.indexes.store(UInt32(truncatingIfNeeded: noise.next()), to: .responseConsumer)
            if noise.next() & 63 == 0 { ring.notify() }
            if noise.next() & 1023 == 0 { ring.indexes.store(1, to: .connection) }
        }
        ring.notify()
        Console.print("rings: store done")
    } catch {
        Console.print("rings: store failed with \(error)")
    }
}

/// Messages that the ring carries well.
private func sendNonsense(to ring: RawStoreRing, _ noise: inout Noise) {
    // Messages that are framed but mean nothing.
    let path: [UInt8] = StoreText(stringLiteral: "data/x").bytes
    var long: [UInt8] = []
    for _ in 0..<3073 { long.append(0x61) }
    var largest: [UInt8] = []
    for _ in 0..<4096 { largest.append(UInt8(truncatingIfNeeded: noise.next())) }
    let payloads: [[UInt8]] = [
        [], [0], [0, 0, 0], path, path + [0], path + [0, 0x61], long + [0], largest,
        StoreText(stringLiteral: "../../local/domain/0/name").bytes + [0], StoreText("//").bytes + [0],
        StoreText(stringLiteral: "@introduceDomain").bytes + [0],
        [0xFF, 0xFE, 0], StoreText(stringLiteral: "4294967295").bytes + [0],
        StoreText("-1").bytes + [0, 0x54, 0],
    ]
    var sent = 0
    for operation: UInt32 in [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 255,
        0xFFFF_FFFF,
    ] {
        for payload in payloads {
            for transaction: UInt32 in [0, 1, 0xFFFF_FFFF] {
                if !ring.message(operation, payload, transaction: transaction) {
                    if !ring.reconnect() { break }
                }
                sent += 1
            }
        }
    }
    Console.print(
        "rings: store, \(sent) messages without sense, then \(ring.isAnswered() ? "answered" : "silence" as StaticString)"
    )

    // More nodes, watches and transactions than one may have.
    for index in 0..<3000 {
        var name: [UInt8] = StoreText(stringLiteral: "data/").bytes
        var rest = index
        repeat {
            name.append(UInt8(0x30 + rest % 10))
            rest /= 10
        } while rest > 0
        _ = ring.message(XenStoreOperation.write.rawValue, name + [0] + name)
        if index < 400 { _ = ring.message(XenStoreOperation.watch.rawValue, name + [0, 0x74, 0]) }
        if index < 100 { _ = ring.message(XenStoreOperation.transactionStart.rawValue, [0]) }
    }
    Console.print(
        "rings: store, beyond every quota, then \(ring.isAnswered() ? "answered" : "silence" as StaticString)"
    )
}
