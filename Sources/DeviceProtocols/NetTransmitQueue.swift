// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI

/// What a frontend leaves to its backend to do with a packet.
public struct NetTransmitOffload: Equatable, BitwiseCopyable, Sendable {
    /// The place of the TCP or UDP checksum holds only the sum of the pseudo-header.
    public var isChecksumBlank: Bool
    /// Bytes of TCP payload of each of the segments that the packet is to be cut into, or 0. Needs a blank checksum.
    public var segmentByteCount: UInt16
    /// What is to be cut.
    public var segmentType: NetGSOType

    @inlinable public init(
        isChecksumBlank: Bool = false, segmentByteCount: UInt16 = 0, segmentType: NetGSOType = .tcp4
    ) {
        self.isChecksumBlank = isChecksumBlank
        self.segmentByteCount = segmentByteCount
        self.segmentType = segmentType
    }
}

/// The frontend's half of a transmit ring, over buffers of one page each, which are numbered and granted for good.
///
/// Holds no memory of packets: whoever owns the pages fills them when asked. Invariant: a buffer is either free or named
/// by exactly one slot that the backend has not answered.
public struct NetTransmitQueue: ~Copyable {
    @usableFromInline var ring: FrontRing
    @usableFromInline let grants: [GrantReference]
    @usableFromInline var free: [UInt16]
    @usableFromInline var isInFlight: [Bool]
    @usableFromInline var extrasInFlight = 0
    /// Slots that the backend answered with an error, or dropped.
    public private(set) var failedSlotCount: UInt64 = 0

    /// - Parameters:
    ///   - ring: a ring of `NetTransmitRequestLayout` slots that the backend has not seen yet.
    ///   - grants: of the buffers' pages, at most 65535.
    public init(ring: consuming FrontRing, grants: [GrantReference]) {
        precondition(grants.count <= 0xffff)
        self.ring = ring
        self.grants = grants
        free = []
        isInFlight = Array(repeating: false, count: grants.count)
        for buffer in 0..<grants.count { free.append(UInt16(grants.count - 1 - buffer)) }
    }

    public var freeBufferCount: Int { free.count }
    /// Buffers that the backend has.
    public var inFlightCount: Int { grants.count - free.count }

    /// Whether a packet of `byteCount` bytes can be put now.
    public func hasRoom(byteCount: Int, isSegmented: Bool) -> Bool {
        let pages = (byteCount + pageSize - 1) / pageSize
        return free.count >= pages && Int(ring.freeSlotCount) >= pages + (isSegmented ? 1 : 0)
    }

    /// Puts a packet of 1 to 65535 bytes; the backend sees it after `publish()`. False, and nothing happens, if the size
    /// is out of range or there is no room.
    ///
    /// - Parameter fill: called for each buffer with the range of the packet's bytes that belong at the buffer's start.
    public mutating func put(
        byteCount: Int, offload: NetTransmitOffload = NetTransmitOffload(),
        fill: (_ buffer: Int, _ bytes: Range<Int>) -> Void
    ) -> Bool {
        let isSegmented = offload.segmentByteCount > 0
        guard byteCount > 0, byteCount <= NetInterface.maximumPacketByteCount,
            hasRoom(byteCount: byteCount, isSegmented: isSegmented)
        else { return false }
        var position = 0
        while position < byteCount {
            let end = min(position + pageSize, byteCount)
            let buffer = free.removeLast()
            isInFlight[Int(buffer)] = true
            fill(Int(buffer), position..<end)
            var flags: NetTransmitFlags = []
            if position == 0 && offload.isChecksumBlank {
                flags = flags.union(.checksumBlank).union(.dataValidated)
            }
            if position == 0 && isSegmented { flags = flags.union(.extraInfo) }
            if end < byteCount { flags = flags.union(.moreData) }
            _ = ring.putRequest(
                NetTransmitRequest(
                    grant: grants[Int(buffer)], offset: 0, flags: flags, identifier: buffer,
                    size: UInt16(position == 0 ? byteCount : end - position)
                ).encoded())
            if position == 0 && isSegmented {
                let extra = NetExtraInfo.gso(
                    offload.segmentType, segmentByteCount: offload.segmentByteCount
                ).encoded()
                var slot = NetTransmitSlot()
                for word in 0..<2 { slot[word: word] = extra[word: word] }
                _ = ring.putRequest(slot)
                extrasInFlight += 1
            }
            position = end
        }
        return true
    }

    /// Publishes the packets put so far. True if the backend must be notified.
    public mutating func publish() -> Bool { ring.publishRequests() }

    /// Takes back the buffers that the backend is done with.
    /// - Returns: how many.
    public mutating func reclaim() throws(NetQueueError) -> Int {
        let before = free.count
        var slot = RingSlot<1>()
        while true {
            do throws(RingError) {
                guard try ring.takeResponse(into: &slot) else { break }
            } catch { throw .ring(error) }
            let response = NetTransmitResponse(decoding: slot)
            if response.status == .null {
                guard extrasInFlight > 0 else { throw .unaskedAnswer }
                extrasInFlight -= 1
                continue
            }
            let buffer = Int(response.identifier)
            guard buffer < isInFlight.count, isInFlight[buffer] else {
                throw .unknownIdentifier(response.identifier)
            }
            if response.status != .okay { failedSlotCount &+= 1 }
            isInFlight[buffer] = false
            free.append(response.identifier)
        }
        return free.count - before
    }

    /// Asks for an event at the next answer. True if there is one already.
    public mutating func requestNotification() throws(NetQueueError) -> Bool {
        do throws(RingError) { return try ring.finalCheckForResponses() } catch { throw .ring(error) }
    }
}
