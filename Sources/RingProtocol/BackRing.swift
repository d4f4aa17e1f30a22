// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// The backend's half of a shared ring: takes requests, gives responses. `struct …_back_ring`, `public/io/ring.h`.
///
/// Invariant: `responseProducer <= requestConsumer <= requestProducer <= responseProducer + slotCount`, counted
/// modulo 2^32. The frontend is not trusted to keep it: a producer index out of range kills the ring.
public struct BackRing: ~Copyable {
    public let memory: RingMemory
    /// One past the newest request taken.
    @usableFromInline var requestConsumer: UInt32
    /// The frontend's producer as last read and checked.
    @usableFromInline var requestProducerSeen: UInt32
    /// One past the newest response put, published or not.
    @usableFromInline var responseProducer: UInt32
    /// As published.
    @usableFromInline var responseProducerPublished: UInt32
    /// True once the frontend broke the rules: every call then throws `RingError.dead`.
    public private(set) var isDead = false

    /// Joins a ring that the frontend has initialised, at the frontend's first unanswered request.
    public init(_ memory: RingMemory) {
        self.memory = memory
        let start = memory.header.load(.responseProducer)
        requestConsumer = start
        requestProducerSeen = start
        responseProducer = start
        responseProducerPublished = start
        memory.header.store(start, to: .privateWord)
    }

    /// Joins a ring that another backend served until it died. Requests it had not answered come again.
    ///
    /// Only for rings whose responses were put in the order of the requests: an answer put out of order would have
    /// overwritten a request that still waits.
    /// - Throws: `interruptedWrite` if that backend died while it wrote responses, or if it was not a `BackRing`.
    public init(resuming memory: RingMemory) throws(RingError) {
        guard memory.header.load(.privateWord) == memory.header.load(.responseProducer) else {
            throw .interruptedWrite
        }
        self.init(memory)
    }

    /// Requests taken and not answered yet.
    @inlinable public var outstandingCount: UInt32 { requestConsumer &- responseProducer }

    /// Requests that can be taken now.
    /// - Throws: `producerOutOfRange`, then `dead`.
    @inlinable public mutating func availableRequestCount() throws(RingError) -> UInt32 {
        try refresh()
        return requestProducerSeen &- requestConsumer
    }

    @usableFromInline mutating func refresh() throws(RingError) {
        guard !isDead else { throw .dead }
        let produced = memory.header.load(.requestProducer)
        guard produced &- responseProducer <= memory.slotCount,
            produced &- responseProducer >= requestConsumer &- responseProducer
        else {
            isDead = true
            throw .producerOutOfRange(
                produced: produced, accounted: responseProducer, slots: memory.slotCount)
        }
        requestProducerSeen = produced
    }

    /// Takes the next request into `slot`. False if there is none.
    /// - Throws: `producerOutOfRange`, then `dead`.
    @inlinable public mutating func takeRequest<let wordCount: Int>(
        into slot: inout RingSlot<wordCount>
    ) throws(RingError) -> Bool {
        if requestConsumer == requestProducerSeen {
            try refresh()
            if requestConsumer == requestProducerSeen { return false }
        }
        memory.read(requestConsumer, into: &slot)
        requestConsumer &+= 1
        return true
    }

    /// Copies the request `distance` after the next one, without taking it. The caller has counted that it is there;
    /// it may change until it is taken, so what was looked at must not be relied on.
    @inlinable public func peekRequest<let wordCount: Int>(
        _ distance: UInt32, into slot: inout RingSlot<wordCount>
    ) {
        memory.read(requestConsumer &+ distance, into: &slot)
    }

    /// Puts a response into the ring; the frontend sees it after `publishResponses()`.
    ///
    /// One response for each request taken: more is our mistake and traps.
    @inlinable public mutating func putResponse<let wordCount: Int>(_ slot: RingSlot<wordCount>) {
        precondition(responseProducer != requestConsumer)
        if responseProducer == responseProducerPublished {
            // From here to the publication the ring cannot be taken over: see `init(resuming:)`.
            memory.header.store(responseProducerPublished ^ 0x8000_0000, to: .privateWord)
        }
        memory.write(slot, to: responseProducer)
        responseProducer &+= 1
    }

    /// Publishes the responses put so far. True if the frontend must be notified.
    @inlinable public mutating func publishResponses() -> Bool {
        let old = responseProducerPublished
        guard old != responseProducer else { return false }
        memory.header.store(responseProducer, to: .privateWord)
        memory.header.store(responseProducer, to: .responseProducer)
        responseProducerPublished = responseProducer
        // The index must be visible before the frontend's wish is read, or both sides may go to sleep.
        fullMemoryBarrier()
        return responseProducer &- memory.header.load(.responseEvent) < responseProducer &- old
    }

    /// Call before going to sleep: asks for a notification of the next request and looks once more.
    /// True if there is work already. `RING_FINAL_CHECK_FOR_REQUESTS`.
    /// - Throws: `producerOutOfRange`, then `dead`.
    @inlinable public mutating func finalCheckForRequests() throws(RingError) -> Bool {
        if try availableRequestCount() > 0 { return true }
        memory.header.store(requestConsumer &+ 1, to: .requestEvent)
        fullMemoryBarrier()
        return try availableRequestCount() > 0
    }
    /// Asks for a notification once `count` requests wait beyond those taken; then counts them. For rings whose
    /// requests are buffers that are used later.
    /// - Throws: `producerOutOfRange`, then `dead`.
    @inlinable public mutating func requestNotification(afterRequests count: UInt32) throws(RingError)
        -> UInt32
    {
        memory.header.store(requestConsumer &+ count, to: .requestEvent)
        fullMemoryBarrier()
        return try availableRequestCount()
    }
}
