// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI

/// How a guest lays its block ring out; the frontend's `protocol` key.
public enum BlockRingABI: Sendable {
    /// "x86_64-abi": 112-byte slots.
    case x86_64
    /// "x86_32-abi": 108-byte slots; everything after `handle` stands 4 bytes earlier.
    case x86_32

    /// Bytes in a slot.
    @inlinable public var slotByteCount: Int {
        switch self {
        case .x86_64: return BlockRequestLayout.byteCount
        case .x86_32: return BlockRequest32Layout.byteCount
        }
    }
    @inlinable var shift: Int {
        switch self {
        case .x86_64: return 0
        case .x86_32: return BlockRequest32Layout.shift
        }
    }
}

/// The private copy of a block request's slot, of either layout.
public typealias BlockSlot = RingSlot<28>
/// The 27 words of the 32-bit layout.
public typealias BlockSlot32 = RingSlot<27>

/// A request of the block protocol. `struct blkif_request…`, `public/io/blkif.h`.
///
/// Decoding accepts every bit pattern; what the numbers mean is for the backend to check.
public enum BlockRequest: Sendable {
    /// Read, write or flush, with up to eleven segments in the slot itself.
    case transfer(BlockTransfer)
    case discard(BlockDiscard)
    case indirect(BlockIndirect)
    /// An operation this protocol version does not know; to be answered with `notSupported`.
    case unknown(BlockOperation, identifier: UInt64)

    /// The frontend's own word, echoed in the response.
    @inlinable public var identifier: UInt64 {
        switch self {
        case .transfer(let transfer): return transfer.identifier
        case .discard(let discard): return discard.identifier
        case .indirect(let indirect): return indirect.identifier
        case .unknown(_, let identifier): return identifier
        }
    }
    /// The operation to echo in the response: of an indirect request, what it does. Linux's frontend gives the disk
    /// up otherwise.
    @inlinable public var operation: BlockOperation {
        switch self {
        case .transfer(let transfer): return transfer.operation
        case .discard: return .discard
        case .indirect(let indirect): return indirect.operation
        case .unknown(let operation, _): return operation
        }
    }
    /// The operation that stands in the slot.
    @inlinable var slotOperation: BlockOperation {
        if case .indirect = self { return .indirect }
        return operation
    }
}

/// Read, write, write barrier or flush.
public struct BlockTransfer: BitwiseCopyable, Sendable {
    public var operation: BlockOperation
    public var handle: UInt16
    public var identifier: UInt64
    /// First 512-byte sector of the disk.
    public var sector: UInt64
    /// As the frontend wrote it: 0 to 255, although only eleven segments exist.
    public var segmentCount: UInt8
    public var segments: InlineArray<11, BlockSegment>

    @inlinable public init(
        operation: BlockOperation, handle: UInt16 = 0, identifier: UInt64, sector: UInt64,
        segmentCount: UInt8 = 0,
        segments: InlineArray<11, BlockSegment> = InlineArray(repeating: .none)
    ) {
        self.operation = operation
        self.handle = handle
        self.identifier = identifier
        self.sector = sector
        self.segmentCount = segmentCount
        self.segments = segments
    }
}

/// Tells the disk that a range holds nothing of use.
public struct BlockDiscard: Equatable, BitwiseCopyable, Sendable {
    /// `BlockInterface.discardSecure`, or nothing.
    public var flag: UInt8
    public var handle: UInt16
    public var identifier: UInt64
    public var sector: UInt64
    /// 512-byte sectors.
    public var sectorCount: UInt64

    @inlinable public init(
        flag: UInt8 = 0, handle: UInt16 = 0, identifier: UInt64, sector: UInt64, sectorCount: UInt64
    ) {
        self.flag = flag
        self.handle = handle
        self.identifier = identifier
        self.sector = sector
        self.sectorCount = sectorCount
    }
}

/// A read or write whose segments stand in up to eight further granted pages, 512 to a page.
public struct BlockIndirect: BitwiseCopyable, Sendable {
    /// What to do: read or write; anything else is an error.
    public var operation: BlockOperation
    public var segmentCount: UInt16
    public var handle: UInt16
    public var identifier: UInt64
    public var sector: UInt64
    public var grants: InlineArray<8, GrantReference>

    @inlinable public init(
        operation: BlockOperation, segmentCount: UInt16, handle: UInt16 = 0, identifier: UInt64,
        sector: UInt64,
        grants: InlineArray<8, GrantReference>
    ) {
        self.operation = operation
        self.segmentCount = segmentCount
        self.handle = handle
        self.identifier = identifier
        self.sector = sector
        self.grants = grants
    }
}

extension BlockRequest {
    /// Decodes a private copy of a slot.
    @inlinable public init(decoding slot: BlockSlot, abi: BlockRingABI) {
        let shift = abi.shift
        let operation = BlockOperation(rawValue: slot[Field<BlockRequestLayout, UInt8>.operation])
        let identifier = slot[Self.moved(Field<BlockRequestLayout, UInt64>.identifier, shift)]
        let sector = slot[Self.moved(Field<BlockRequestLayout, UInt64>.sector, shift)]
        switch operation {
        case .read, .write, .writeBarrier, .flush:
            var transfer = BlockTransfer(
                operation: operation, handle: slot[Field<BlockRequestLayout, UInt16>.handle],
                identifier: identifier,
                sector: sector, segmentCount: slot[Field<BlockRequestLayout, UInt8>.segmentCount])
            let first = (BlockRequestLayout.segments &- shift) &>> 2
            for index in 0..<min(Int(transfer.segmentCount), BlockInterface.maximumSegments) {
                transfer.segments[index] = BlockSegment(
                    words: slot[word: first &+ 2 &* index], slot[word: first &+ 2 &* index &+ 1])
            }
            self = .transfer(transfer)
        case .discard:
            self = .discard(
                BlockDiscard(
                    flag: slot[Field<BlockDiscardLayout, UInt8>.flag],
                    handle: slot[Field<BlockDiscardLayout, UInt16>.handle], identifier: identifier,
                    sector: sector,
                    sectorCount: slot[Self.moved(Field<BlockDiscardLayout, UInt64>.sectorCount, shift)]))
        case .indirect:
            var grants = InlineArray<8, GrantReference>(repeating: GrantReference(rawValue: 0))
            let first = Self.moved(Field<BlockIndirectLayout, UInt32>.grants, shift)
            for index in 0..<BlockInterface.maximumIndirectPages {
                grants[index] = GrantReference(rawValue: slot[first.element(index)])
            }
            self = .indirect(
                BlockIndirect(
                    operation: BlockOperation(
                        rawValue: slot[Field<BlockIndirectLayout, UInt8>.indirectOperation]),
                    segmentCount: slot[Field<BlockIndirectLayout, UInt16>.segmentCount],
                    handle: slot[Self.moved(Field<BlockIndirectLayout, UInt16>.handle, shift)],
                    identifier: identifier, sector: sector, grants: grants))
        default:
            self = .unknown(operation, identifier: identifier)
        }
    }

    /// The slot that carries this request.
    @inlinable public func encoded(abi: BlockRingABI) -> BlockSlot {
        let shift = abi.shift
        var slot = BlockSlot()
        slot[Field<BlockRequestLayout, UInt8>.operation] = slotOperation.rawValue
        slot[Self.moved(Field<BlockRequestLayout, UInt64>.identifier, shift)] = identifier
        switch self {
        case .transfer(let transfer):
            slot[Field<BlockRequestLayout, UInt8>.segmentCount] = transfer.segmentCount
            slot[Field<BlockRequestLayout, UInt16>.handle] = transfer.handle
            slot[Self.moved(Field<BlockRequestLayout, UInt64>.sector, shift)] = transfer.sector
            let first = (BlockRequestLayout.segments &- shift) &>> 2
            for index in 0..<min(Int(transfer.segmentCount), BlockInterface.maximumSegments) {
                let words = transfer.segments[index].words
                slot[word: first &+ 2 &* index] = words.0
                slot[word: first &+ 2 &* index &+ 1] = words.1
            }
        case .discard(let discard):
            slot[Field<BlockDiscardLayout, UInt8>.flag] = discard.flag
            slot[Field<BlockDiscardLayout, UInt16>.handle] = discard.handle
            slot[Self.moved(Field<BlockDiscardLayout, UInt64>.sector, shift)] = discard.sector
            slot[Self.moved(Field<BlockDiscardLayout, UInt64>.sectorCount, shift)] = discard.sectorCount
        case .indirect(let indirect):
            slot[Field<BlockIndirectLayout, UInt8>.indirectOperation] = indirect.operation.rawValue
            slot[Field<BlockIndirectLayout, UInt16>.segmentCount] = indirect.segmentCount
            slot[Self.moved(Field<BlockIndirectLayout, UInt64>.sector, shift)] = indirect.sector
            slot[Self.moved(Field<BlockIndirectLayout, UInt16>.handle, shift)] = indirect.handle
            let first = Self.moved(Field<BlockIndirectLayout, UInt32>.grants, shift)
            for index in 0..<BlockInterface.maximumIndirectPages {
                slot[first.element(index)] = indirect.grants[index].rawValue
            }
        case .unknown: break
        }
        return slot
    }

    @inlinable static func moved<Layout, Value>(_ field: Field<Layout, Value>, _ shift: Int) -> Field<
        Layout, Value
    > {
        Field(at: field.offset &- shift)
    }
}

extension BackRing {
    /// Takes the next block request. Nil if there is none.
    /// - Throws: see `takeRequest(into:)`.
    @inlinable public mutating func takeBlockRequest(_ abi: BlockRingABI) throws(RingError) -> BlockRequest? {
        var slot = BlockSlot()
        switch abi {
        case .x86_64:
            guard try takeRequest(into: &slot) else { return nil }
        case .x86_32:
            var short = BlockSlot32()
            guard try takeRequest(into: &short) else { return nil }
            for word in 0..<27 { slot[word: word] = short[word: word] }
        }
        return BlockRequest(decoding: slot, abi: abi)
    }
    /// Puts a response to a block request.
    @inlinable public mutating func putBlockResponse(_ response: BlockResponse) {
        putResponse(response.encoded())
    }
}

extension FrontRing {
    /// Puts a block request. False, and nothing happens, if the ring is full.
    @inlinable public mutating func putBlockRequest(_ request: BlockRequest, _ abi: BlockRingABI) -> Bool {
        let slot = request.encoded(abi: abi)
        switch abi {
        case .x86_64: return putRequest(slot)
        case .x86_32:
            var short = BlockSlot32()
            for word in 0..<27 { short[word: word] = slot[word: word] }
            return putRequest(short)
        }
    }
    /// Takes the next response to a block request. Nil if there is none.
    /// - Throws: see `takeResponse(into:)`.
    @inlinable public mutating func takeBlockResponse() throws(RingError) -> BlockResponse? {
        var slot = BlockResponseSlot()
        return try takeResponse(into: &slot) ? BlockResponse(decoding: slot) : nil
    }
}
