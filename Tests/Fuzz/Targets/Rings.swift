// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import SharedMemory
import TestSupport
import XenABI

/// Both halves of a ring against a peer that writes what it likes into the header and the slots, and the console's rings.
func fuzzRings(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    let shape = reader.byte()
    let pages = RingPages(pageCount: 1 << Int(shape & 3))
    let slotByteCount = [8, 12, 16, 108, 112][Int(shape >> 2) % 5]
    let memory = pages.ring(slotByteCount: slotByteCount)
    if shape & 0x80 != 0 { pages.write(reader.bytes(24)) }
    var front = FrontRing(initializing: pages.ring(slotByteCount: slotByteCount))
    var back = BackRing(memory)
    let console = RingPages()
    // SAFETY: the page outlives the view.
    let consolePage = unsafe SharedView<ConsoleRingLayout>(unsafeBase: console.base)
    var taken: UInt32 = 0
    while !reader.isAtEnd {
        var slot = RingSlot<2>()
        switch reader.byte() % 16 {
        case 0: memory.header.store(reader.word(), to: .requestProducer)
        case 1: memory.header.store(reader.word(), to: .responseProducer)
        case 2: memory.header.store(reader.word(), to: .requestEvent)
        case 3: memory.header.store(reader.word(), to: .responseEvent)
        case 4:
            memory.header.store(
                memory.header.load(.requestProducer) &+ UInt32(reader.byte() & 15), to: .requestProducer)
        case 5:
            memory.header.store(
                memory.header.load(.responseProducer) &+ UInt32(reader.byte() & 15), to: .responseProducer)
        case 6, 7:
            if let isTaken = try? back.takeRequest(into: &slot), isTaken { taken += 1 }
        case 8: if back.outstandingCount > 0, !back.isDead { back.putResponse(slot) }
        case 9: _ = back.publishResponses()
        case 10:
            if let count = try? back.availableRequestCount() {
                FuzzTarget.expect(count <= memory.slotCount, "more requests than slots")
            }
            _ = try? back.finalCheckForRequests()
        case 11: _ = front.putRequest(slot)
        case 12: _ = front.publishRequests()
        case 13:
            if let isTaken = try? front.takeResponse(into: &slot), isTaken {}
            _ = try? front.finalCheckForResponses()
        case 14:
            if let resumed = try? BackRing(resuming: memory) { back = resumed }
        default:
            console.write(reader.bytes(16), at: 1024 + 2048)
            let input = ConsoleByteRing.input(consolePage)
            let output = ConsoleByteRing.output(consolePage)
            var seen = 0
            let count = (try? input.read(limit: Int(reader.byte())) { _ in seen += 1 }) ?? 0
            FuzzTarget.expect(
                count == seen && count <= 1024, "the console read \(count) bytes and gave \(seen)")
            let written =
                (try? output.write(count: Int(reader.half())) { UInt8(truncatingIfNeeded: $0) }) ?? 0
            FuzzTarget.expect(written <= 2048, "the console wrote more than fits")
        }
        FuzzTarget.expect(
            back.outstandingCount <= memory.slotCount, "more requests are open than there are slots")
        FuzzTarget.expect(front.outstandingCount <= memory.slotCount, "the frontend put more than fits")
    }
}

/// What block and network slots decode to encodes to the same again, as far as the protocol gives the bytes a meaning.
func fuzzDeviceCodecs(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    while !reader.isAtEnd {
        switch reader.byte() & 3 {
        case 0, 1:
            let abi: BlockRingABI = reader.byte() & 1 == 0 ? .x86_64 : .x86_32
            var slot = BlockSlot()
            for word in 0..<(abi.slotByteCount / 4) { slot[word: word] = reader.word() }
            let once = BlockRequest(decoding: slot, abi: abi)
            let again = BlockRequest(decoding: once.encoded(abi: abi), abi: abi)
            FuzzTarget.expect(
                once.identifier == again.identifier && once.operation == again.operation,
                "a block request changed")
            let third = BlockRequest(decoding: again.encoded(abi: abi), abi: abi)
            let (first, second) = (again.encoded(abi: abi), third.encoded(abi: abi))
            for word in 0..<(abi.slotByteCount / 4) {
                FuzzTarget.expect(first[word: word] == second[word: word], "a block slot changed")
            }
        case 2:
            var slot = NetTransmitSlot()
            for word in 0..<3 { slot[word: word] = reader.word() }
            let request = NetTransmitRequest(decoding: slot)
            let encoded = request.encoded()
            for word in 0..<3 {
                FuzzTarget.expect(encoded[word: word] == slot[word: word], "a transmit slot changed")
            }
        default:
            var slot = NetReceiveSlot()
            for word in 0..<2 { slot[word: word] = reader.word() }
            let extra = NetExtraInfo(decoding: slot)
            FuzzTarget.expect(
                NetExtraInfo(decoding: extra.encoded()) == extra, "an extra slot changed")
            _ = NetReceiveResponse(decoding: slot)
        }
    }
}
