// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI

/// A packet that came, as pieces of the buffers it lies in. The backend has no request for these buffers any more.
public struct NetReceivedPacket: BitwiseCopyable, Sendable {
    /// Bytes of one buffer.
    public struct Piece: Equatable, BitwiseCopyable, Sendable {
        public let buffer: UInt16
        public let offset: UInt16
        public let byteCount: UInt16
    }
    /// A packet of 64 KiB in whole pages, and something for uneven beginnings.
    @inlinable public static var maximumPieceCount: Int { 20 }

    @usableFromInline var pieces: InlineArray<20, Piece> = InlineArray(
        repeating: Piece(buffer: 0, offset: 0, byteCount: 0))
    public internal(set) var pieceCount = 0
    public internal(set) var byteCount = 0
    /// Of the first slot.
    public internal(set) var flags: NetReceiveFlags = []
    /// Bytes in the segments that were joined, 0 if the packet came as it is.
    public internal(set) var segmentByteCount: UInt16 = 0
    /// The backend could not deliver all of it: there is nothing to read, the buffers are to be given back.
    public internal(set) var isBroken = false

    /// The `index`th piece, below `pieceCount`.
    @inlinable public subscript(index: Int) -> Piece {
        precondition(index >= 0 && index < pieceCount)
        return pieces[index]
    }
    /// The TCP or UDP checksum was verified, or need not be: its place may hold only the pseudo-header's sum.
    public var isChecksumGood: Bool { flags.contains(.dataValidated) || flags.contains(.checksumBlank) }
}

/// The frontend's half of a receive ring, over buffers of one page each, which are numbered and granted for good.
///
/// Invariant: a buffer is named by a request that the backend has not answered, or belongs to a packet that was taken and
/// not given back, or waits to be offered again. Answers stand at the places of their requests, as every backend puts them.
public struct NetReceiveQueue: ~Copyable {
    private var ring: FrontRing
    private let grants: [GrantReference]
    /// The buffer of the request at each place of the ring.
    private var offered: [UInt16]
    private var waiting: [UInt16]
    private var putCount: UInt32 = 0
    private var takenCount: UInt32 = 0
    /// The packet whose slots have not all come.
    private var current = NetReceivedPacket()
    private var hasCurrent = false
    private var expectsExtra = false
    private var expectsMore = false

    /// - Parameters:
    ///   - ring: a ring of `NetReceiveRequestLayout` slots that the backend has not seen yet.
    ///   - grants: of the buffers' pages, writable, at most 65535. More than the ring's slots are of no use.
    public init(ring: consuming FrontRing, grants: [GrantReference]) {
        precondition(grants.count <= 0xffff)
        offered = Array(repeating: 0, count: Int(ring.memory.slotCount))
        self.ring = ring
        self.grants = grants
        waiting = []
        for buffer in 0..<grants.count { waiting.append(UInt16(buffer)) }
    }

    /// Offers all buffers that are free. True if the backend must be notified.
    public mutating func offer() -> Bool {
        while let buffer = waiting.last, ring.freeSlotCount > 0 {
            waiting.removeLast()
            // The identifier is the place, as Linux has it.
            let place = putCount & (ring.memory.slotCount &- 1)
            offered[Int(place)] = buffer
            let request = NetReceiveRequest(
                identifier: UInt16(truncatingIfNeeded: place), grant: grants[Int(buffer)])
            _ = ring.putRequest(request.encoded())
            putCount &+= 1
        }
        return ring.publishRequests()
    }

    /// The next packet of which all slots have come, or nil. Its buffers must be given back.
    public mutating func take() throws(NetQueueError) -> NetReceivedPacket? {
        var slot = NetReceiveSlot()
        while true {
            do throws(RingError) {
                guard try ring.takeResponse(into: &slot) else { return nil }
            } catch { throw .ring(error) }
            let place = takenCount & (ring.memory.slotCount &- 1)
            let buffer = offered[Int(place)]
            takenCount &+= 1
            if expectsExtra {
                // The request that stood here was not used.
                waiting.append(buffer)
                let extra = NetExtraInfo(decoding: slot)
                if extra.type == .gso { current.segmentByteCount = extra.gsoSegmentByteCount }
                expectsExtra = extra.hasMore
            } else {
                try add(NetReceiveResponse(decoding: slot), place, buffer)
            }
            if !expectsExtra && !expectsMore {
                hasCurrent = false
                return current
            }
        }
    }

    private mutating func add(
        _ response: NetReceiveResponse, _ place: UInt32, _ buffer: UInt16
    ) throws(NetQueueError) {
        guard UInt32(response.identifier) == place else {
            throw .unknownIdentifier(response.identifier)
        }
        if !hasCurrent {
            current = NetReceivedPacket()
            current.flags = response.flags
            hasCurrent = true
        }
        guard current.pieceCount < NetReceivedPacket.maximumPieceCount else { throw .packetTooLong }
        var byteCount = 0
        if response.status < 0 {
            current.isBroken = true
        } else {
            byteCount = Int(response.status)
            guard Int(response.offset) + byteCount <= pageSize else {
                throw .pieceOutsidePage(offset: response.offset, byteCount: response.status)
            }
        }
        guard current.byteCount + byteCount <= NetInterface.maximumPacketByteCount else {
            throw .packetTooLong
        }
        current.pieces[current.pieceCount] = NetReceivedPacket.Piece(
            buffer: buffer, offset: response.offset, byteCount: UInt16(byteCount))
        current.pieceCount += 1
        current.byteCount += byteCount
        expectsExtra = response.flags.contains(.extraInfo)
        expectsMore = response.flags.contains(.moreData)
    }

    /// The packet's buffers may be offered again. Once for each packet taken.
    public mutating func giveBack(_ packet: NetReceivedPacket) {
        for index in 0..<packet.pieceCount { waiting.append(packet[index].buffer) }
    }

    /// Asks for an event at the next answer. True if there is one already.
    public mutating func requestNotification() throws(NetQueueError) -> Bool {
        do throws(RingError) { return try ring.finalCheckForResponses() } catch { throw .ring(error) }
    }
}
