// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// The frontend's half of a shared ring: gives requests, takes responses. `struct …_front_ring`, `public/io/ring.h`.
///
/// Invariant: `responseConsumer <= responseProducer <= requestProducer <= responseConsumer + slotCount`, counted
/// modulo 2^32. The backend is not trusted to keep it.
public struct FrontRing: ~Copyable {
    public let memory: RingMemory
    /// One past the newest request put, published or not.
    @usableFromInline var requestProducer: UInt32 = 0
    @usableFromInline var requestProducerPublished: UInt32 = 0
    /// One past the newest response taken.
    @usableFromInline var responseConsumer: UInt32 = 0
    @usableFromInline var responseProducerSeen: UInt32 = 0
    /// True once the backend broke the rules: every call then throws `RingError.dead`.
    public private(set) var isDead = false

    /// Initialises the shared header; do this before the backend learns of the ring. `SHARED_RING_INIT`.
    public init(initializing memory: RingMemory) {
        self.memory = memory
        memory.header.store(0, to: .requestProducer)
        memory.header.store(1, to: .requestEvent)
        memory.header.store(0, to: .responseProducer)
        memory.header.store(1, to: .responseEvent)
        memory.header.store(0, to: .privateWord)
    }

    /// Requests that can be put before a response is taken.
    @inlinable public var freeSlotCount: UInt32 { memory.slotCount &- (requestProducer &- responseConsumer) }
    /// Requests put whose responses have not been taken.
    @inlinable public var outstandingCount: UInt32 { requestProducer &- responseConsumer }

    /// Puts a request; the backend sees it after `publishRequests()`. False, and nothing happens, if the ring is full.
    @inlinable public mutating func putRequest<let wordCount: Int>(_ slot: RingSlot<wordCount>) -> Bool {
        guard freeSlotCount > 0 else { return false }
        memory.write(slot, to: requestProducer)
        requestProducer &+= 1
        return true
    }

    /// Publishes the requests put so far. True if the backend must be notified.
    @inlinable public mutating func publishRequests() -> Bool {
        let old = requestProducerPublished
        guard old != requestProducer else { return false }
        memory.header.store(requestProducer, to: .requestProducer)
        requestProducerPublished = requestProducer
        fullMemoryBarrier()
        return requestProducer &- memory.header.load(.requestEvent) < requestProducer &- old
    }

    @usableFromInline mutating func refresh() throws(RingError) {
        guard !isDead else { throw .dead }
        let produced = memory.header.load(.responseProducer)
        guard produced &- responseConsumer <= requestProducerPublished &- responseConsumer,
            produced &- responseConsumer >= responseProducerSeen &- responseConsumer
        else {
            isDead = true
            throw .producerOutOfRange(
                produced: produced, accounted: responseConsumer, slots: memory.slotCount)
        }
        responseProducerSeen = produced
    }

    /// Responses that can be taken now.
    /// - Throws: `producerOutOfRange`, then `dead`.
    @inlinable public mutating func availableResponseCount() throws(RingError) -> UInt32 {
        try refresh()
        return responseProducerSeen &- responseConsumer
    }

    /// Takes the next response into `slot`. False if there is none.
    /// - Throws: `producerOutOfRange`, then `dead`.
    @inlinable public mutating func takeResponse<let wordCount: Int>(
        into slot: inout RingSlot<wordCount>
    ) throws(RingError) -> Bool {
        if responseConsumer == responseProducerSeen {
            try refresh()
            if responseConsumer == responseProducerSeen { return false }
        }
        memory.read(responseConsumer, into: &slot)
        responseConsumer &+= 1
        return true
    }

    /// Call before going to sleep: asks for a notification of the next response and looks once more.
    /// True if there is work already. `RING_FINAL_CHECK_FOR_RESPONSES`.
    /// - Throws: `producerOutOfRange`, then `dead`.
    @inlinable public mutating func finalCheckForResponses() throws(RingError) -> Bool {
        if try availableResponseCount() > 0 { return true }
        memory.header.store(responseConsumer &+ 1, to: .responseEvent)
        fullMemoryBarrier()
        return try availableResponseCount() > 0
    }
}
