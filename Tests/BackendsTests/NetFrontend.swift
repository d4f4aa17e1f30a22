// SPDX-License-Identifier: Apache-2.0
import Backends
import DeviceProtocols
import DriverKitTesting
import RingProtocol
import TestSupport
import XenABI

/// An interface whose other end is the test.
final class ScriptedInterface: NetworkInterface {
    static var headerByteCount: Int { 10 }
    let descriptor: Int32 = 77
    var failure: BackendError?
    private(set) var offload = NetworkOffload()
    private(set) var isUp = false
    private(set) var isClosed = false
    /// Frames that were sent, each with its header.
    private(set) var sent: [[UInt8]] = []
    /// Frames that wait to be read, each with its header.
    var waiting: [[UInt8]] = []
    var refusesToSend = false

    func setOffload(_ offload: NetworkOffload) { self.offload = offload }
    func setUp(_ isUp: Bool) { self.isUp = isUp }
    func receive(into memory: LocalMemory) -> Int? {
        guard !waiting.isEmpty else { return nil }
        let frame = waiting.removeFirst()
        for (index, byte) in frame.enumerated() { memory.store(byte, at: index) }
        return frame.count
    }
    func send(_ memory: LocalMemory) -> Bool {
        guard !refusesToSend else { return false }
        sent.append((0..<memory.byteCount).map { memory.load($0, as: UInt8.self) })
        return true
    }
    func close() { isClosed = true }
}

/// A network frontend and its toolstack, played by hand.
final class NetFrontend {
    static let backendPath = "/local/domain/0/backend/vif/7/0"
    static let frontendPath = "/local/domain/7/device/vif/0"
    let bench = Bench()
    let interface = ScriptedInterface()
    let transmitPages = RingPages()
    let receivePages = RingPages()
    var transmit: FrontRing
    var receive: FrontRing
    /// Pages to send from, then 256 pages to receive into.
    let data = RingPages(pageCount: 24)
    let buffers = RingPages(pageCount: 256)
    let dataGrants: [GrantReference]
    let bufferGrants: [GrantReference]
    /// Backend calls the transmit side through 41; the receive side too, unless they are split.
    let ports: (UInt32, UInt32)

    init(isSplit: Bool = true) {
        transmit = FrontRing(initializing: transmitPages.ring(slotByteCount: 12))
        receive = FrontRing(initializing: receivePages.ring(slotByteCount: 8))
        ports = (41, isSplit ? 42 : 41)
        let (data, buffers, grants) = (data, buffers, bench.grants)
        dataGrants = (0..<data.pageCount).map { grants.grant(data, page: $0, isWritable: false) }
        bufferGrants = (0..<buffers.pageCount).map { grants.grant(buffers, page: $0) }
    }

    static let allFeatures = [
        ("feature-sg", "1"), ("feature-gso-tcpv4", "1"), ("feature-gso-tcpv6", "1"),
        ("feature-ipv6-csum-offload", "1"), ("request-rx-copy", "1"),
    ]

    func connect(features: [(String, String)] = allFeatures) throws {
        let store = bench.store
        store.set("\(Self.frontendPath)/state", "1")
        for (key, value) in [
            ("frontend", Self.frontendPath), ("frontend-id", "7"), ("online", "1"), ("handle", "0"),
            ("mac", "00:16:3e:00:00:01"), ("bridge", "xenbr0"), ("state", "1"),
        ] { store.set("\(Self.backendPath)/\(key)", value) }
        let (bench, interface) = (bench, interface)
        try bench.startHost { kind, name in
            guard kind == "vif", let number = Int(name) else { return nil }
            return NetDriver(platform: bench.platform, domain: Bench.domain, number: number) {
                (name, bridge, mtu) throws(BackendError) in
                guard name == "vif7.0", bridge == "xenbr0", mtu == nil else {
                    throw .network(interface: name, problem: "not what the toolstack wrote")
                }
                return interface
            }
        }
        store.set("\(Self.frontendPath)/tx-ring-ref", "\(bench.grants.grant(transmitPages).rawValue)")
        store.set("\(Self.frontendPath)/rx-ring-ref", "\(bench.grants.grant(receivePages).rawValue)")
        if ports.0 != ports.1 {
            store.set("\(Self.frontendPath)/event-channel-tx", "\(ports.0)")
            store.set("\(Self.frontendPath)/event-channel-rx", "\(ports.1)")
        } else {
            store.set("\(Self.frontendPath)/event-channel", "\(ports.0)")
        }
        for (key, value) in features { store.set("\(Self.frontendPath)/\(key)", value) }
        setState(4)
    }
    func setState(_ state: Int) {
        bench.store.set("\(Self.frontendPath)/state", "\(state)")
        bench.work.run()
    }
    var backendState: String? { bench.store.read("\(Self.backendPath)/state") }

    // MARK: Transmitting

    func put(_ request: NetTransmitRequest) { precondition(transmit.putRequest(request.encoded())) }
    func put(_ extra: NetExtraInfo) {
        var slot = NetTransmitSlot()
        let encoded = extra.encoded()
        for word in 0..<2 { slot[word: word] = encoded[word: word] }
        precondition(transmit.putRequest(slot))
    }
    /// Puts `bytes` into the data pages from `page` on, and the slots of the packet into the ring.
    func send(
        _ bytes: [UInt8], page: Int = 0, flags: NetTransmitFlags = [], gso: NetExtraInfo? = nil,
        identifier: UInt16 = 0
    ) {
        data.write(bytes, at: page * 4096)
        var offset = 0
        var slot: UInt16 = 0
        while offset < bytes.count {
            let count = min(4096, bytes.count - offset)
            var slotFlags: NetTransmitFlags = offset == 0 ? flags : []
            if offset + count < bytes.count { slotFlags = slotFlags.union(.moreData) }
            if offset == 0 && gso != nil { slotFlags = slotFlags.union(.extraInfo) }
            put(
                NetTransmitRequest(
                    grant: dataGrants[page + offset / 4096], offset: 0, flags: slotFlags,
                    identifier: identifier + slot,
                    size: UInt16(offset == 0 ? bytes.count : count)))
            if offset == 0, let gso { put(gso) }
            offset += count
            slot += 1
        }
    }
    func flush() {
        if transmit.publishRequests() { bench.events.kick(ports.0) }
        bench.work.run()
    }
    func transmitAnswers() throws -> [NetTransmitResponse] {
        var answers: [NetTransmitResponse] = []
        var slot = RingSlot<1>()
        while try transmit.takeResponse(into: &slot) { answers.append(NetTransmitResponse(decoding: slot)) }
        _ = try transmit.finalCheckForResponses()
        return answers
    }

    // MARK: Receiving

    private var offered: UInt16 = 0
    func offer(_ count: Int) {
        for _ in 0..<count {
            let request = NetReceiveRequest(identifier: offered, grant: bufferGrants[Int(offered) % 256])
            precondition(receive.putRequest(request.encoded()))
            offered += 1
        }
        if receive.publishRequests() { bench.events.kick(ports.1) }
        bench.work.run()
    }
    func poll() {
        bench.work.makeReadable(interface.descriptor)
        bench.work.run()
    }
    /// A packet put together from its slots, as netfront does it.
    struct Packet: Equatable {
        var bytes: [UInt8] = []
        var flags: NetReceiveFlags = []
        var gso: NetExtraInfo?
        var isBroken = false
    }
    func packets() throws -> [Packet] {
        var packets: [Packet] = []
        var current: Packet?
        var wantsExtra = false
        var slot = NetReceiveSlot()
        var index =
            Int(receive.memory.header.load(.responseProducer)) - (try Int(receive.availableResponseCount()))
        while try receive.takeResponse(into: &slot) {
            defer { index += 1 }
            if wantsExtra {
                current?.gso = NetExtraInfo(decoding: slot)
                wantsExtra = current?.gso?.hasMore ?? false
            } else {
                let response = NetReceiveResponse(decoding: slot)
                var packet = current ?? Packet(flags: response.flags)
                // Responses stand where their requests stood.
                precondition(Int(response.identifier) == index)
                if response.status < 0 {
                    packet.isBroken = true
                } else {
                    packet.bytes += buffers.bytes(
                        Int(response.identifier) % 256 * 4096 + Int(response.offset), Int(response.status))
                }
                wantsExtra = response.flags.contains(.extraInfo)
                current = packet
                if response.flags.contains(.moreData) { continue }
            }
            if !wantsExtra, let done = current {
                if done.flags.contains(.moreData), done.gso != nil, done.bytes.count <= 4096 { continue }
                packets.append(done)
                current = nil
            }
        }
        _ = try receive.finalCheckForResponses()
        return packets
    }
}

/// Frames for tests.
enum Frame {
    /// Ethernet, IPv4 and TCP headers and a payload; the checksum's place holds the pseudo-header's sum.
    static func tcp4(payload: Int, options: Int = 0) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: 14 + 20 + 20 + options + payload)
        frame.replaceSubrange(0..<14, with: [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0])
        frame[14] = 0x45
        let length = frame.count - 14
        frame[16] = UInt8(length >> 8 & 255)
        frame[17] = UInt8(length & 255)
        frame[23] = 6
        frame.replaceSubrange(26..<34, with: [10, 0, 0, 1, 10, 0, 0, 2])
        frame[46] = UInt8((20 + options) / 4) << 4
        for index in 54 + options..<frame.count {
            frame[index] = UInt8(truncatingIfNeeded: index &* 13 &+ index >> 8)
        }
        return frame
    }
    /// Ethernet, IPv6, one hop-by-hop header, UDP and a payload.
    static func udp6(payload: Int) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: 14 + 40 + 8 + 8 + payload)
        frame.replaceSubrange(0..<14, with: [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd])
        frame[14] = 0x60
        frame[20] = 0
        frame[54] = 17
        for index in 70..<frame.count { frame[index] = UInt8(truncatingIfNeeded: index &* 29) }
        return frame
    }
    static func header(
        flags: UInt8 = 0, gsoType: UInt8 = 0, headerBytes: UInt16 = 0, segment: UInt16 = 0, start: UInt16 = 0,
        offset: UInt16 = 0
    ) -> [UInt8] {
        [flags, gsoType]
            + [headerBytes, segment, start, offset].flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    }
}
