// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import TestSupport
import Testing
import XenABI

/// The bytes of a slot's words, as they stand in memory.
func bytes<let count: Int>(_ slot: RingSlot<count>) -> [UInt8] {
    (0..<count).flatMap { word in
        (0..<4).map { UInt8(truncatingIfNeeded: slot[word: word] >> (8 * UInt32($0))) }
    }
}

@Suite struct BlockCodecTests {
    /// `struct blkif_request` written by hand: a write of two segments.
    static let head: [UInt8] = [1, 2, 0x34, 0x12]
    static let identifier: [UInt8] = [8, 7, 6, 5, 4, 3, 2, 1]
    static let sector: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0]
    static let segments: [UInt8] = [9, 0, 0, 0, 0, 7, 0, 0, 10, 1, 0, 0, 2, 3, 0, 0]

    static var transfer: BlockTransfer {
        var transfer = BlockTransfer(
            operation: .write, handle: 0x1234, identifier: 0x0102_0304_0506_0708, sector: 256, segmentCount: 2
        )
        transfer.segments[0] = BlockSegment(grant: GrantReference(rawValue: 9), firstSector: 0, lastSector: 7)
        transfer.segments[1] = BlockSegment(
            grant: GrantReference(rawValue: 266), firstSector: 2, lastSector: 3)
        return transfer
    }

    @Test func encodesATransferInBothLayouts() {
        let wide = bytes(BlockRequest.transfer(Self.transfer).encoded(abi: .x86_64))
        #expect(
            Array(wide[0..<40]) == Self.head + [0, 0, 0, 0] + Self.identifier + Self.sector + Self.segments)
        let narrow = bytes(BlockRequest.transfer(Self.transfer).encoded(abi: .x86_32))
        #expect(Array(narrow[0..<36]) == Self.head + Self.identifier + Self.sector + Self.segments)
    }

    @Test(arguments: [BlockRingABI.x86_64, .x86_32]) func carriesEveryRequestOverARing(abi: BlockRingABI)
        throws
    {
        let pages = RingPages()
        var front = FrontRing(initializing: pages.ring(slotByteCount: abi.slotByteCount))
        var back = BackRing(pages.ring(slotByteCount: abi.slotByteCount))
        var grants = InlineArray<8, GrantReference>(repeating: GrantReference(rawValue: 0))
        for index in 0..<8 { grants[index] = GrantReference(rawValue: 0x1000_0000 + UInt32(index)) }
        var full = BlockTransfer(
            operation: .read, identifier: UInt64.max, sector: UInt64.max - 1, segmentCount: 11)
        for index in 0..<11 {
            full.segments[index] = BlockSegment(
                grant: GrantReference(rawValue: UInt32.max - UInt32(index)), firstSector: 255,
                lastSector: UInt8(index))
        }
        #expect(front.putBlockRequest(.transfer(full), abi) == true)
        #expect(
            front.putBlockRequest(.transfer(BlockTransfer(operation: .flush, identifier: 3, sector: 0)), abi)
                == true)
        let discard = BlockDiscard(flag: 1, handle: 7, identifier: 4, sector: 1 << 40, sectorCount: 1 << 41)
        #expect(front.putBlockRequest(.discard(discard), abi) == true)
        let large = BlockIndirect(
            operation: .write, segmentCount: 4096, handle: 9, identifier: 5, sector: 6, grants: grants)
        #expect(front.putBlockRequest(.indirect(large), abi) == true)
        #expect(front.putBlockRequest(.unknown(BlockOperation(rawValue: 4), identifier: 6), abi) == true)
        _ = front.publishRequests()

        guard case .transfer(let transfer)? = try back.takeBlockRequest(abi) else { throw Unexpected() }
        #expect(transfer.operation == .read && transfer.identifier == .max && transfer.sector == .max - 1)
        #expect(transfer.segmentCount == 11)
        for index in 0..<11 { #expect(transfer.segments[index] == full.segments[index]) }
        guard case .transfer(let flush)? = try back.takeBlockRequest(abi) else { throw Unexpected() }
        #expect(flush.operation == .flush && flush.segmentCount == 0 && flush.identifier == 3)
        guard case .discard(let gone)? = try back.takeBlockRequest(abi) else { throw Unexpected() }
        #expect(gone == discard)
        guard case .indirect(let indirect)? = try back.takeBlockRequest(abi) else { throw Unexpected() }
        #expect(indirect.operation == .write && indirect.segmentCount == 4096 && indirect.handle == 9)
        #expect(indirect.identifier == 5 && indirect.sector == 6)
        for index in 0..<8 { #expect(indirect.grants[index] == grants[index]) }
        guard case .unknown(let operation, let identifier)? = try back.takeBlockRequest(abi) else {
            throw Unexpected()
        }
        #expect(operation.rawValue == 4 && identifier == 6)
        let none = try back.takeBlockRequest(abi)
        #expect(none == nil)

        back.putBlockResponse(BlockResponse(identifier: .max, operation: .read, status: .error))
        _ = back.publishResponses()
        #expect(
            try front.takeBlockResponse() == BlockResponse(identifier: .max, operation: .read, status: .error)
        )
    }

    @Test func placesIndirectFieldsAsTheABISays() {
        var grants = InlineArray<8, GrantReference>(repeating: GrantReference(rawValue: 0))
        grants[0] = GrantReference(rawValue: 0x99)
        let request = BlockRequest.indirect(
            BlockIndirect(
                operation: .read, segmentCount: 32, handle: 0xabcd, identifier: 1, sector: 2, grants: grants))
        let wide = bytes(request.encoded(abi: .x86_64))
        #expect(wide[0] == 6 && wide[1] == 0 && wide[2] == 32)
        #expect(wide[24] == 0xcd && wide[25] == 0xab && wide[28] == 0x99)
        let narrow = bytes(request.encoded(abi: .x86_32))
        #expect(narrow[4] == 1 && narrow[12] == 2 && narrow[20] == 0xcd && narrow[24] == 0x99)
    }

    /// A count beyond the slot is kept as it stands, for the backend to refuse; nothing beyond the slot is read.
    @Test func keepsAnImpossibleSegmentCount() {
        var slot = BlockRequest.transfer(Self.transfer).encoded(abi: .x86_64)
        slot[Field<BlockRequestLayout, UInt8>.segmentCount] = 255
        guard case .transfer(let transfer) = BlockRequest(decoding: slot, abi: .x86_64) else {
            Issue.record("not a transfer")
            return
        }
        #expect(transfer.segmentCount == 255)
    }

    @Test(arguments: [
        (0, 7, true), (7, 7, true), (3, 2, false), (0, 8, false), (8, 8, false), (255, 255, false),
    ])
    func knowsValidSegments(first: UInt8, last: UInt8, isValid: Bool) {
        let segment = BlockSegment(grant: GrantReference(rawValue: 0), firstSector: first, lastSector: last)
        #expect(segment.isValid == isValid)
        if isValid { #expect(segment.byteCount == (Int(last) - Int(first) + 1) * 512) }
    }

    @Test func encodesAResponse() {
        let response = BlockResponse(
            identifier: 0x0102_0304_0506_0708, operation: .flush, status: .notSupported)
        #expect(bytes(response.encoded()) == Self.identifier + [3, 0, 0xfe, 0xff])
        #expect(BlockResponse(decoding: response.encoded()) == response)
    }
}

struct Unexpected: Error {}
