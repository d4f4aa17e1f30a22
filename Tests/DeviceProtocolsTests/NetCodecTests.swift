// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import Testing
import XenABI

@Suite struct NetCodecTests {
    @Test func encodesATransmitRequest() {
        let request = NetTransmitRequest(
            grant: GrantReference(rawValue: 0x0403_0201), offset: 0x0605,
            flags: NetTransmitFlags.checksumBlank.union(.extraInfo), identifier: 0x0a09, size: 0x0c0b)
        #expect(bytes(request.encoded()) == [1, 2, 3, 4, 5, 6, 9, 0, 9, 10, 11, 12])
        #expect(NetTransmitRequest(decoding: request.encoded()) == request)
    }
    @Test(arguments: [NetStatus.okay, .null, .error, .dropped]) func encodesATransmitResponse(
        status: NetStatus
    ) {
        let response = NetTransmitResponse(identifier: 0x0201, status: status)
        let raw = UInt16(bitPattern: status.rawValue)
        #expect(bytes(response.encoded()) == [1, 2, UInt8(raw & 0xff), UInt8(raw >> 8)])
        #expect(NetTransmitResponse(decoding: response.encoded()) == response)
    }
    @Test func encodesReceiveSlots() {
        let request = NetReceiveRequest(identifier: 0x0201, grant: GrantReference(rawValue: 0x0807_0605))
        #expect(bytes(request.encoded()) == [1, 2, 0, 0, 5, 6, 7, 8])
        #expect(NetReceiveRequest(decoding: request.encoded()) == request)
        let response = NetReceiveResponse(
            identifier: 0x0201, offset: 0x0403, flags: NetReceiveFlags.moreData.union(.dataValidated),
            status: -1)
        #expect(bytes(response.encoded()) == [1, 2, 3, 4, 5, 0, 0xff, 0xff])
        #expect(NetReceiveResponse(decoding: response.encoded()) == response)
    }
    @Test func encodesExtraInformation() {
        let gso = NetExtraInfo.gso(.tcp6, segmentByteCount: 1448, hasMore: true)
        #expect(bytes(gso.encoded()) == [1, 1, 0xa8, 0x05, 2, 0, 0, 0])
        let decoded = NetExtraInfo(decoding: gso.encoded())
        #expect(decoded == gso)
        #expect(decoded.gsoType == .tcp6 && decoded.gsoSegmentByteCount == 1448 && decoded.hasMore)
        // A transmit slot is four bytes longer; they mean nothing.
        var slot = RingSlot<3>()
        for word in 0..<2 { slot[word: word] = gso.encoded()[word: word] }
        slot[word: 2] = .max
        #expect(NetExtraInfo(decoding: slot) == gso)
    }
}
