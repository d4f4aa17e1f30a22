// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import GuestABI
import RingProtocol
import SharedMemory
import XenABI
import XenBus

/// What a backend may do with a lie.
enum LieOutcome {
    /// Every request is answered with this status, and the device goes on. (Extra slots are answered with `null`.)
    case status(Int16)
    /// Every request is answered somehow, and the device goes on.
    case answered
    /// The device is closed.
    case closed
    /// The device is closed, or goes on with every request answered.
    case either
}

/// The rings of a network card, without any care for their rules.
final class LyingCard {
    private static let slotCount: UInt32 = 256
    private static let bufferCount = 8
    private var transmitPage: GrantedPage?
    private var receivePage: GrantedPage?
    private var dataPage: GrantedPage?
    private var port: OwnedPort?
    private var buffers: [UInt64] = []
    private var references: [GrantReference] = []
    private(set) var transmit = MappedPage(unsafeAddress: 0)
    private(set) var receive = MappedPage(unsafeAddress: 0)
    private(set) var data = MappedPage(unsafeAddress: 0)
    private(set) var good = GrantReference(rawValue: 0)
    private(set) var transmitReference = GrantReference(rawValue: 0)
    private(set) var receiveReference = GrantReference(rawValue: 0)
    private(set) var portNumber = EventPort(rawValue: 0)
    private var sent: UInt32 = 0
    private var answeredCount: UInt32 = 0
    private var offered: UInt32 = 0
    private var received: UInt32 = 0
    private(set) var backend = DomainID.zero

    /// The driver's side of connecting: rings and a port that are good.
    func publish(_ device: FrontendDevice) throws(FrontendFailure) -> FrontendPublication {
        backend = device.backend
        do throws(XenError) {
            transmitPage = nil
            receivePage = nil
            port = nil
            let first = try GrantedPage(to: device.backend)
            let second = try GrantedPage(to: device.backend)
            let own = try OwnedPort(unboundFor: device.backend)
            if references.isEmpty {
                let page = try GrantedPage(to: device.backend, readOnly: true)
                (data, good) = (page.memory, page.reference)
                dataPage = consume page
                for _ in 0..<Self.bufferCount {
                    guard let page = GuestPage(), let reference = GrantTable.takeReference() else {
                        throw .noMemory
                    }
                    buffers.append(page.memory.address)
                    references.append(reference)
                    _ = page.forget()
                }
            }
            (transmit, transmitReference) = (first.memory, first.reference)
            (receive, receiveReference) = (second.memory, second.reference)
            portNumber = own.port
            transmitPage = consume first
            receivePage = consume second
            port = consume own
        } catch { throw .hypervisor(error) }
        (sent, answeredCount, offered, received) = (0, 0, 0, 0)
        for memory in [transmit, receive] {
            memory.fill(0)
            ring(memory).store(1, to: .requestEvent)
            ring(memory).store(1, to: .responseEvent)
        }
        for index in 0..<Self.bufferCount {
            grant(index, readOnly: false)
            offer(index, references[index])
        }
        var nodes = FrontendPublication()
        nodes.set("tx-ring-ref", "\(transmitReference.rawValue)")
        nodes.set("rx-ring-ref", "\(receiveReference.rawValue)")
        nodes.set("event-channel", "\(portNumber)")
        nodes.set("request-rx-copy", "1")
        nodes.set("feature-rx-notify", "1")
        nodes.set("feature-sg", "1")
        nodes.set("feature-gso-tcpv4", "1")
        return nodes
    }
    private func ring(_ memory: MappedPage) -> SharedView<SharedRingLayout> {
        memory.sharedView(SharedRingLayout.self)
    }
    var transmitRing: SharedView<SharedRingLayout> { ring(transmit) }
    var receiveRing: SharedView<SharedRingLayout> { ring(receive) }
    func notify() { try? EventChannel.send(portNumber) }
    func closePort() { port = nil }
    /// Grants a page for received packets once more, as it should be or not.
    func grant(_ index: Int, readOnly: Bool) {
        GrantTable.publish(
            GuestPhysical(rawValue: buffers[index]).frame, to: backend,
            flags: GrantEntryFlag.permitAccess | (readOnly ? GrantEntryFlag.readOnly : 0),
            as: references[index])
    }

    // MARK: Sending

    /// Puts slots of three words and tells the backend; how many were put.
    func put(_ slots: [RingSlot<3>]) {
        for slot in slots {
            let place = 64 + Int(sent & (Self.slotCount - 1)) * 12
            for word in 0..<3 { transmit.store(slot[word: word], at: place + word * 4) }
            sent &+= 1
        }
        transmitRing.store(answeredCount &+ 1, to: .responseEvent)
        fullMemoryBarrier()
        transmitRing.store(sent, to: .requestProducer)
        notify()
    }
    /// The statuses of what was sent, once all of it is answered; nil if that does not come.
    func statuses(milliseconds: UInt64) -> [Int16]? {
        guard within(milliseconds: milliseconds, { transmitRing.load(.responseProducer) == sent }) else {
            return nil
        }
        var found: [Int16] = []
        while answeredCount != sent {
            let place = 64 + Int(answeredCount & (Self.slotCount - 1)) * 12
            found.append(transmit.load(at: place + 2, as: Int16.self))
            answeredCount &+= 1
        }
        return found
    }

    // MARK: Receiving

    /// Offers a buffer under its number, with a reference of the caller's choice.
    func offer(_ index: Int, _ reference: GrantReference) {
        let place = 64 + Int(offered & (Self.slotCount - 1)) * 8
        receive.store(UInt16(index), at: place)
        receive.store(reference.rawValue, at: place + 4)
        offered &+= 1
        fullMemoryBarrier()
        receiveRing.store(offered, to: .requestProducer)
    }
    /// The next answer of the receive ring: buffer, status and the buffer's address.
    func nextReceived() -> (buffer: Int, status: Int16, page: MappedPage)? {
        guard receiveRing.load(.responseProducer) != received else { return nil }
        let place = 64 + Int(received & (Self.slotCount - 1)) * 8
        received &+= 1
        receiveRing.store(received &+ 1, to: .responseEvent)
        let index = Int(receive.load(at: place, as: UInt16.self)) % Self.bufferCount
        return (index, receive.load(at: place + 6, as: Int16.self), MappedPage(unsafeAddress: buffers[index]))
    }
    func reference(of buffer: Int) -> GrantReference { references[buffer] }

    /// Asks Dom0 for its address by ARP, and checks each byte of the answer. Statuses of buffers that failed are noted in
    /// `failed`. RFC 826.
    func roundTrip(failed: inout Int, milliseconds: UInt64 = 4000) -> Bool {
        let own: [UInt8] = [0x00, 0x16, 0x3E, 0x66, 0x66, 0x66]
        let ownAddress: [UInt8] = [10, 77, 0, 66]
        let bridge: [UInt8] = [10, 77, 0, 1]
        var frame: [UInt8] = Array(repeating: 0xFF, count: 6)
        frame += own
        frame += [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]
        frame += own
        frame += ownAddress
        frame += Array(repeating: 0, count: 6)
        frame += bridge
        for (index, byte) in frame.enumerated() { data.store(byte, at: 100 + index) }
        put([request(good, offset: 100, size: UInt16(frame.count))])
        guard let statuses = statuses(milliseconds: milliseconds), statuses == [0] else { return false }
        let end = Clock.now + milliseconds * 1_000_000
        while Clock.now < end {
            guard let (buffer, status, page) = nextReceived() else {
                try? Scheduler.sleep(until: Clock.now + 1_000_000)
                continue
            }
            var isAnswer = status >= 42
            if status < 0 { failed += 1 }
            if isAnswer {
                let wanted: [(Int, [UInt8])] = [
                    (0, own), (12, [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2]), (28, bridge), (32, own),
                    (38, ownAddress),
                ]
                for (offset, bytes) in wanted {
                    for (index, byte) in bytes.enumerated()
                    where page.load(at: offset + index, as: UInt8.self) != byte { isAnswer = false }
                }
            }
            grant(buffer, readOnly: false)
            offer(buffer, references[buffer])
            notify()
            if isAnswer { return true }
        }
        return false
    }
    func request(
        _ grant: GrantReference, offset: UInt16 = 0, size: UInt16 = 60, flags: NetTransmitFlags = [],
        identifier: UInt16 = 1
    ) -> RingSlot<3> {
        NetTransmitRequest(grant: grant, offset: offset, flags: flags, identifier: identifier, size: size)
            .encoded()
    }
    func extra(_ type: UInt8, _ gsoType: UInt8 = 0, size: UInt16 = 0, hasMore: Bool = false) -> RingSlot<3> {
        let short = NetExtraInfo(
            type: NetExtraType(rawValue: type), hasMore: hasMore, payload: (size, UInt16(gsoType), 0)
        ).encoded()
        var slot = RingSlot<3>()
        for word in 0..<2 { slot[word: word] = short[word: word] }
        return slot
    }
}
