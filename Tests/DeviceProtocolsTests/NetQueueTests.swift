// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import TestSupport
import Testing
import XenABI

/// Both queues of a network frontend, with a backend played by hand that may lie.
private final class Pair {
    let transmitPages = RingPages()
    let receivePages = RingPages()
    var transmit: NetTransmitQueue
    var receive: NetReceiveQueue
    var transmitBack: BackRing
    var receiveBack: BackRing

    init(transmitBuffers: Int = 20, receiveBuffers: Int = 32) {
        let transmitMemory = transmitPages.ring(slotByteCount: 12)
        let receiveMemory = receivePages.ring(slotByteCount: 8)
        transmit = NetTransmitQueue(
            ring: FrontRing(initializing: transmitMemory),
            grants: (0..<transmitBuffers).map { GrantReference(rawValue: 1000 + UInt32($0)) })
        receive = NetReceiveQueue(
            ring: FrontRing(initializing: receiveMemory),
            grants: (0..<receiveBuffers).map { GrantReference(rawValue: 2000 + UInt32($0)) })
        transmitBack = BackRing(transmitMemory)
        receiveBack = BackRing(receiveMemory)
    }
    func send(_ byteCount: Int, _ offload: NetTransmitOffload = NetTransmitOffload()) -> [Range<Int>]? {
        var ranges: [Range<Int>] = []
        guard transmit.put(byteCount: byteCount, offload: offload, fill: { ranges.append($1) }) else {
            return nil
        }
        return ranges
    }
    func requests() throws -> [NetTransmitSlot] {
        _ = transmit.publish()
        var slots: [NetTransmitSlot] = []
        var slot = NetTransmitSlot()
        while try transmitBack.takeRequest(into: &slot) { slots.append(slot) }
        return slots
    }
    func answer(_ identifier: UInt16, _ status: NetStatus = .okay) {
        transmitBack.putResponse(NetTransmitResponse(identifier: identifier, status: status).encoded())
        _ = transmitBack.publishResponses()
    }
    func reclaim() throws(NetQueueError) -> Int { try transmit.reclaim() }
    var freeBuffers: Int { transmit.freeBufferCount }

    /// Answers the next offered buffer.
    func deliver(
        _ status: Int16, offset: UInt16 = 0, flags: NetReceiveFlags = [], identifier: UInt16? = nil
    ) throws -> UInt32 {
        var slot = NetReceiveSlot()
        try #require(try receiveBack.takeRequest(into: &slot))
        let request = NetReceiveRequest(decoding: slot)
        receiveBack.putResponse(
            NetReceiveResponse(
                identifier: identifier ?? request.identifier, offset: offset, flags: flags, status: status
            ).encoded())
        _ = receiveBack.publishResponses()
        return request.grant.rawValue
    }
    func deliver(_ extra: NetExtraInfo) throws {
        var slot = NetReceiveSlot()
        try #require(try receiveBack.takeRequest(into: &slot))
        receiveBack.putResponse(extra.encoded())
        _ = receiveBack.publishResponses()
    }
    func offer() -> Bool { receive.offer() }
    func take() throws(NetQueueError) -> NetReceivedPacket? { try receive.take() }
    func giveBack(_ packet: NetReceivedPacket) { receive.giveBack(packet) }
    func offeredCount() throws -> UInt32 { try receiveBack.availableRequestCount() }
}

@Suite struct NetTransmitQueueTests {
    @Test func sendsAPacketOfOnePage() throws {
        let pair = Pair()
        #expect(pair.send(60) == [0..<60])
        let slots = try pair.requests()
        #expect(
            slots.map(NetTransmitRequest.init) == [
                NetTransmitRequest(
                    grant: GrantReference(rawValue: 1000), offset: 0, flags: [], identifier: 0, size: 60)
            ])
        #expect(try pair.reclaim() == 0)
        pair.answer(0)
        #expect(try pair.reclaim() == 1)
        #expect(pair.freeBuffers == 20)
    }
    @Test func sendsSegmentsWithAnExtraSlot() throws {
        let pair = Pair()
        let offload = NetTransmitOffload(isChecksumBlank: true, segmentByteCount: 1448)
        #expect(pair.send(10000, offload) == [0..<4096, 4096..<8192, 8192..<10000])
        let slots = try pair.requests()
        try #require(slots.count == 4)
        let first = NetTransmitRequest(decoding: slots[0])
        #expect(first.size == 10000)
        #expect(first.flags == [.checksumBlank, .dataValidated, .extraInfo, .moreData])
        #expect(NetExtraInfo(decoding: slots[1]) == .gso(.tcp4, segmentByteCount: 1448))
        #expect(NetTransmitRequest(decoding: slots[2]).size == 4096)
        #expect(NetTransmitRequest(decoding: slots[2]).flags == .moreData)
        #expect(NetTransmitRequest(decoding: slots[3]).size == 1808)
        #expect(NetTransmitRequest(decoding: slots[3]).flags == [])
        // Linux answers extra slots without an identifier.
        pair.answer(0)
        pair.answer(0xffff, .null)
        pair.answer(1)
        pair.answer(2, .error)
        #expect(try pair.reclaim() == 3)
        #expect(pair.transmit.failedSlotCount == 1)
    }
    @Test func refusesWhatHasNoRoom() throws {
        let pair = Pair(transmitBuffers: 3)
        #expect(pair.send(0) == nil)
        #expect(pair.send(65536) == nil)
        #expect(pair.send(3 * 4096 + 1) == nil)
        #expect(pair.freeBuffers == 3)
        #expect(pair.send(3 * 4096) != nil)
        #expect(pair.send(1) == nil)
        _ = try pair.requests()
        pair.answer(1)
        #expect(try pair.reclaim() == 1)
        #expect(pair.send(1) == [0..<1])
    }
    @Test func refusesAnswersThatNobodyAsked() throws {
        // A buffer that does not exist, one that is free, one that was answered before, an extra slot never sent.
        for (identifier, status) in [(UInt16(99), NetStatus.okay), (1, .okay), (0, .null)] {
            let pair = Pair()
            _ = pair.send(60)
            _ = try pair.requests()
            pair.answer(identifier, status)
            #expect(throws: status == .null ? NetQueueError.unaskedAnswer : .unknownIdentifier(identifier)) {
                try pair.reclaim()
            }
        }
        let pair = Pair()
        _ = pair.send(5000)
        _ = try pair.requests()
        pair.answer(0)
        pair.answer(0)
        #expect(throws: NetQueueError.unknownIdentifier(0)) { try pair.reclaim() }
    }
    @Test func refusesIndicesThatLie() throws {
        let pair = Pair()
        _ = pair.send(60)
        _ = try pair.requests()
        pair.transmitPages.ring(slotByteCount: 12).header.store(7, to: .responseProducer)
        #expect(throws: NetQueueError.ring(.producerOutOfRange(produced: 7, accounted: 0, slots: 256))) {
            try pair.reclaim()
        }
        #expect(throws: NetQueueError.ring(.dead)) { try pair.reclaim() }
    }
}

@Suite struct NetReceiveQueueTests {
    @Test func receivesAPacketAndOffersItsBufferAgain() throws {
        let pair = Pair(receiveBuffers: 2)
        #expect(pair.offer())
        #expect(try pair.offeredCount() == 2)
        #expect(try pair.take() == nil)
        let grant = try pair.deliver(60, offset: 2, flags: .dataValidated)
        let packet = try #require(try pair.take())
        #expect(packet.pieceCount == 1 && packet.byteCount == 60 && packet.isChecksumGood && !packet.isBroken)
        #expect(packet[0].offset == 2 && UInt32(packet[0].buffer) + 2000 == grant)
        _ = pair.offer()
        #expect(try pair.offeredCount() == 1)
        pair.giveBack(packet)
        _ = pair.offer()
        #expect(try pair.offeredCount() == 2)
    }
    @Test func joinsPiecesAndExtraSlots() throws {
        let pair = Pair(receiveBuffers: 8)
        _ = pair.offer()
        _ = try pair.deliver(4096, flags: [.moreData, .extraInfo, .checksumBlank])
        #expect(try pair.take() == nil)
        try pair.deliver(NetExtraInfo.gso(.tcp4, segmentByteCount: 1460))
        _ = try pair.deliver(4096, flags: .moreData)
        #expect(try pair.take() == nil)
        _ = try pair.deliver(100)
        let packet = try #require(try pair.take())
        #expect(packet.pieceCount == 3 && packet.byteCount == 8292 && packet.segmentByteCount == 1460)
        #expect(packet.isChecksumGood)
        pair.giveBack(packet)
        _ = pair.offer()
        #expect(try pair.offeredCount() == 8)
        // An extra slot that ends a packet of one piece.
        _ = try pair.deliver(60, flags: .extraInfo)
        try pair.deliver(NetExtraInfo.gso(.tcp4, segmentByteCount: 10))
        #expect(try pair.take()?.pieceCount == 1)
    }
    @Test func tellsOfBrokenPackets() throws {
        let pair = Pair()
        _ = pair.offer()
        _ = try pair.deliver(100, flags: .moreData)
        _ = try pair.deliver(NetStatus.error.rawValue)
        let packet = try #require(try pair.take())
        #expect(packet.isBroken && packet.pieceCount == 2)
    }
    @Test func refusesPiecesOutsideTheirPage() throws {
        for (offset, status) in [(UInt16(1), Int16(4096)), (4096, 1), (0xffff, 1), (0, 0x7fff)] {
            let pair = Pair()
            _ = pair.offer()
            _ = try pair.deliver(status, offset: offset)
            #expect(throws: NetQueueError.pieceOutsidePage(offset: offset, byteCount: status)) {
                try pair.take()
            }
        }
    }
    @Test func refusesWrongIdentifiersAndEndlessPackets() throws {
        let pair = Pair()
        _ = pair.offer()
        _ = try pair.deliver(60, identifier: 5)
        #expect(throws: NetQueueError.unknownIdentifier(5)) { try pair.take() }
        // Twenty pieces are taken, the next is too many; sixteen whole pages are a byte too many.
        for (byteCount, good) in [(Int16(10), 20), (4096, 15)] {
            let pair = Pair()
            _ = pair.offer()
            for _ in 0..<good { _ = try pair.deliver(byteCount, flags: .moreData) }
            #expect(try pair.take() == nil)
            _ = try pair.deliver(byteCount, flags: .moreData)
            #expect(throws: NetQueueError.packetTooLong) { try pair.take() }
        }
    }

    /// A backend that writes anything into slots and indices: errors, never a trap, and no buffer twice.
    @Test(arguments: 0..<200) func survivesAnythingInTheRing(seed: UInt64) throws {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        let pair = Pair()
        var offered: UInt32 = 32
        _ = pair.offer()
        rounds: for _ in 0..<200 {
            for word in 0..<2 {
                // The next slots, half plausible.
                let at = 64 + (random(32) * 8 + word * 4)
                for byte in 0..<4 {
                    pair.receivePages[byte: at + byte] =
                        random(3) == 0 ? UInt8(random(256)) : UInt8(random(2) * random(40))
                }
            }
            let header = pair.receivePages.ring(slotByteCount: 8).header
            let produced = header.load(.responseProducer)
            header.store(
                random(50) == 0 ? UInt32(truncatingIfNeeded: state) : min(offered, produced &+ 1),
                to: .responseProducer)
            do throws(NetQueueError) {
                while let packet = try pair.take() {
                    var seen: Set<UInt16> = []
                    for index in 0..<packet.pieceCount {
                        #expect(seen.insert(packet[index].buffer).inserted && packet[index].buffer < 32)
                        #expect(Int(packet[index].offset) + Int(packet[index].byteCount) <= 4096)
                    }
                    pair.giveBack(packet)
                }
            } catch { break rounds }
            _ = pair.offer()
            offered = header.load(.requestProducer)
        }
    }
}
