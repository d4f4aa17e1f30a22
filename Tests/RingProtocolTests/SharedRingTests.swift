// SPDX-License-Identifier: Apache-2.0
import RingProtocol
import SharedMemory
import TestSupport
import Testing
import XenABI

typealias Slot = RingSlot<3>

func slot(_ value: UInt32) -> Slot {
    var slot = Slot()
    for word in 0..<3 { slot[word: word] = value &+ UInt32(word) &* 1000 }
    return slot
}

@Suite struct SharedRingTests {
    @Test(arguments: [
        (1, 112, 32), (1, 108, 32), (1, 12, 256), (1, 8, 256), (2, 112, 64), (4, 112, 128), (1, 64, 32),
    ])
    func holdsAPowerOfTwoOfSlots(pageCount: Int, slotByteCount: Int, expected: UInt32) {
        #expect(RingMemory.slotCount(pageCount: pageCount, slotByteCount: slotByteCount) == expected)
        #expect(RingPages(pageCount: pageCount).ring(slotByteCount: slotByteCount).slotCount == expected)
    }

    @Test func initialisesTheHeaderAsTheABISays() {
        let pages = RingPages()
        pages.write([UInt8](repeating: 0xff, count: 64))
        _ = FrontRing(initializing: pages.ring(slotByteCount: 12))
        #expect(pages.bytes(0, 20) == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Both halves talk for several turns of the ring; every request comes once and in order, and so do the answers.
    @Test func carriesRequestsAndAnswers() throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        var front = FrontRing(initializing: memory)
        var back = BackRing(memory)
        var sent: UInt32 = 0
        var received: UInt32 = 0
        var answered: UInt32 = 0
        var seed: UInt32 = 12345
        while answered < 2000 {
            seed = seed &* 1_664_525 &+ 1_013_904_223
            for _ in 0..<(seed >> 28) where front.putRequest(slot(sent)) { sent += 1 }
            _ = front.publishRequests()
            var request = Slot()
            while back.outstandingCount < (seed >> 20) & 63, try back.takeRequest(into: &request) {
                for word in 0..<3 { #expect(request[word: word] == received &+ UInt32(word) * 1000) }
                received += 1
            }
            for _ in 0..<min(back.outstandingCount, (seed >> 24) & 15) {
                back.putResponse(slot(received - back.outstandingCount &+ 7))
            }
            _ = back.publishResponses()
            var response = Slot()
            while try front.takeResponse(into: &response) {
                #expect(response[word: 0] == answered &+ 7)
                answered += 1
            }
            #expect(sent - answered == front.outstandingCount)
        }
        #expect(sent >= answered && received >= answered)
    }

    @Test func worksAcrossTheWrapOfTheIndices() throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        _ = FrontRing(initializing: memory)
        // A frontend near the wrap, played by hand.
        memory.header.store(0xffff_fffe, to: .requestProducer)
        memory.header.store(0xffff_fffe, to: .responseProducer)
        var back = BackRing(memory)
        for index in UInt32(0)..<4 { memory.write(slot(index), to: 0xffff_fffe &+ index) }
        memory.header.store(2, to: .requestProducer)
        memory.header.store(2, to: .responseEvent)
        var request = Slot()
        for index in UInt32(0)..<4 {
            #expect(try back.takeRequest(into: &request) == true)
            #expect(request[word: 0] == index)
            back.putResponse(slot(index))
        }
        #expect(try back.takeRequest(into: &request) == false)
        #expect(back.publishResponses() == true)
        #expect(memory.header.load(.responseProducer) == 2)
    }

    @Test func isFullWhenEverySlotIsOutstanding() throws {
        let pages = RingPages()
        var front = FrontRing(initializing: pages.ring(slotByteCount: 112))
        for index in UInt32(0)..<32 { #expect(front.putRequest(slot(index)) == true) }
        #expect(front.freeSlotCount == 0)
        #expect(front.putRequest(slot(99)) == false)
        #expect(front.publishRequests() == true)
        var back = BackRing(pages.ring(slotByteCount: 112))
        #expect(try back.availableRequestCount() == 32)
        var request = Slot()
        #expect(try back.takeRequest(into: &request) == true)
        #expect(request[word: 0] == 0)
        back.putResponse(slot(0))
        _ = back.publishResponses()
        #expect(front.freeSlotCount == 0)
        var response = Slot()
        #expect(try front.takeResponse(into: &response) == true)
        #expect(front.freeSlotCount == 1)
    }

    @Test func notifiesOnlyWhenThePeerAsked() throws {
        let pages = RingPages()
        var front = FrontRing(initializing: pages.ring(slotByteCount: 12))
        var back = BackRing(pages.ring(slotByteCount: 12))
        #expect(front.publishRequests() == false)  // nothing put
        _ = front.putRequest(slot(0))
        #expect(front.publishRequests() == true)  // the event index starts at 1
        _ = front.putRequest(slot(1))
        #expect(front.publishRequests() == false)  // the backend is awake
        var request = Slot()
        while try back.takeRequest(into: &request) { back.putResponse(slot(0)) }
        #expect(back.publishResponses() == true)
        #expect(try back.finalCheckForRequests() == false)  // asks for the next
        _ = front.putRequest(slot(2))
        #expect(front.publishRequests() == true)
        #expect(try back.finalCheckForRequests() == true)
        _ = try back.takeRequest(into: &request)
        back.putResponse(slot(2))
        #expect(back.publishResponses() == false)  // the frontend has not asked again
        var response = Slot()
        while try front.takeResponse(into: &response) {}
        #expect(try front.finalCheckForResponses() == false)
        #expect(try back.requestNotification(afterRequests: 3) == 0)
        for index in UInt32(3)..<5 {
            _ = front.putRequest(slot(index))
            #expect(front.publishRequests() == false)  // two of three
        }
        _ = front.putRequest(slot(5))
        #expect(front.publishRequests() == true)
        #expect(try back.requestNotification(afterRequests: 3) == 3)
    }

    // MARK: Hostile peers

    @Test(arguments: [UInt32(257), 300, 0x8000_0000, 0xffff_ffff]) func refusesAFrontendTooFarAhead(
        produced: UInt32
    ) throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        _ = FrontRing(initializing: memory)
        var back = BackRing(memory)
        memory.header.store(produced, to: .requestProducer)
        var request = Slot()
        let expected = RingError.producerOutOfRange(produced: produced, accounted: 0, slots: 256)
        #expect(throws: expected) { try back.takeRequest(into: &request) }
        #expect(back.isDead == true)
        memory.header.store(1, to: .requestProducer)
        #expect(throws: RingError.dead) { try back.availableRequestCount() }
        #expect(throws: RingError.dead) { try back.finalCheckForRequests() }
    }

    @Test func refusesAFrontendThatGoesBack() throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        var front = FrontRing(initializing: memory)
        var back = BackRing(memory)
        for index in UInt32(0)..<3 { _ = front.putRequest(slot(index)) }
        _ = front.publishRequests()
        var request = Slot()
        for _ in 0..<3 { _ = try back.takeRequest(into: &request) }
        memory.header.store(1, to: .requestProducer)
        #expect(throws: RingError.producerOutOfRange(produced: 1, accounted: 0, slots: 256)) {
            try back.availableRequestCount()
        }
    }

    /// Requests beyond the unanswered ones would overwrite answers that are still to be read.
    @Test func countsUnansweredRequestsAgainstTheRing() throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 112)
        _ = FrontRing(initializing: memory)
        var back = BackRing(memory)
        memory.header.store(32, to: .requestProducer)
        var request = Slot()
        for _ in 0..<32 { #expect(try back.takeRequest(into: &request) == true) }
        memory.header.store(33, to: .requestProducer)
        #expect(throws: RingError.producerOutOfRange(produced: 33, accounted: 0, slots: 32)) {
            try back.takeRequest(into: &request)
        }
    }

    @Test(arguments: [UInt32(2), 0xffff_ffff, 256]) func refusesABackendThatAnswersWhatWasNotAsked(
        produced: UInt32
    ) throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        var front = FrontRing(initializing: memory)
        _ = front.putRequest(slot(0))
        _ = front.publishRequests()
        memory.header.store(produced, to: .responseProducer)
        var response = Slot()
        #expect(throws: RingError.producerOutOfRange(produced: produced, accounted: 0, slots: 256)) {
            try front.takeResponse(into: &response)
        }
        #expect(front.isDead == true)
        #expect(throws: RingError.dead) { try front.finalCheckForResponses() }
    }

    @Test func aTakenSlotIsAPrivateCopy() throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        var front = FrontRing(initializing: memory)
        var back = BackRing(memory)
        _ = front.putRequest(slot(5))
        _ = front.publishRequests()
        var request = Slot()
        #expect(try back.takeRequest(into: &request) == true)
        memory.write(slot(77), to: 0)
        #expect(request[word: 0] == 5)
    }

    // MARK: Taking over

    @Test func aFreshBackendGetsTheUnansweredRequestsAgain() throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        var front = FrontRing(initializing: memory)
        for index in UInt32(0)..<5 { _ = front.putRequest(slot(index)) }
        _ = front.publishRequests()
        do {
            var first = BackRing(memory)
            var request = Slot()
            for _ in 0..<4 { _ = try first.takeRequest(into: &request) }
            first.putResponse(slot(100))
            first.putResponse(slot(101))
            _ = first.publishResponses()
        }
        var second = try BackRing(resuming: memory)
        var request = Slot()
        for index in UInt32(2)..<5 {
            #expect(try second.takeRequest(into: &request) == true)
            #expect(request[word: 0] == index)
            second.putResponse(slot(100 + index))
        }
        _ = second.publishResponses()
        var response = Slot()
        for index in UInt32(0)..<5 {
            #expect(try front.takeResponse(into: &response) == true)
            #expect(response[word: 0] == 100 + index)
        }
    }

    @Test func refusesARingWhoseBackendDiedWhileItWrote() throws {
        let pages = RingPages()
        let memory = pages.ring(slotByteCount: 12)
        var front = FrontRing(initializing: memory)
        _ = front.putRequest(slot(0))
        _ = front.publishRequests()
        do {
            var first = BackRing(memory)
            var request = Slot()
            _ = try first.takeRequest(into: &request)
            first.putResponse(slot(100))
        }
        #expect(throws: RingError.interruptedWrite) { _ = try BackRing(resuming: memory) }
    }
}

@Suite struct RingSlotTests {
    enum Layout: ABILayout { static var byteCount: Int { 16 } }

    @Test func readsAndWritesFieldsOfEveryWidth() {
        var slot = RingSlot<4>()
        slot[Field<Layout, UInt8>(at: 0)] = 0x11
        slot[Field<Layout, UInt8>(at: 3)] = 0x44
        slot[Field<Layout, UInt16>(at: 6)] = 0x8877
        slot[Field<Layout, UInt64>(at: 4 + 4)] = 0xdead_beef_0123_4567
        #expect(slot[word: 0] == 0x4400_0011)
        #expect(slot[word: 1] == 0x8877_0000)
        #expect(slot[word: 2] == 0x0123_4567)
        #expect(slot[word: 3] == 0xdead_beef)
        slot[Field<Layout, UInt32>(at: 4)] = 0xa1b2_c3d4
        #expect(slot[Field<Layout, UInt8>(at: 5)] == 0xc3)
        #expect(slot[Field<Layout, UInt16>(at: 6)] == 0xa1b2)
        #expect(slot[Field<Layout, UInt64>(at: 4)] == 0x0123_4567_a1b2_c3d4)
        slot[Field<Layout, UInt8>(at: 5)] = 0
        #expect(slot[word: 1] == 0xa1b2_00d4)
    }
}
