// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import SharedMemory
import TestSupport
import Testing
import XenABI

@Suite struct ConsoleRingTests {
    static func page(_ pages: RingPages) -> SharedView<ConsoleRingLayout> {
        unsafe SharedView(unsafeBase: pages.base)
    }

    @Test func carriesBytesAroundTheRing() throws {
        let pages = RingPages()
        let ring = ConsoleByteRing.output(Self.page(pages))
        var sent: UInt8 = 0
        var received: UInt8 = 0
        for turn in 0..<500 {
            let count = try ring.write(count: turn % 97) { sent &+ UInt8(truncatingIfNeeded: $0) }
            sent &+= UInt8(truncatingIfNeeded: count)
            _ = try ring.read(limit: turn % 89) { byte in
                #expect(byte == received)
                received &+= 1
            }
        }
        _ = try ring.read { byte in
            #expect(byte == received)
            received &+= 1
        }
        #expect(sent == received)
    }

    @Test func stopsWhenFull() throws {
        let pages = RingPages()
        let input = ConsoleByteRing.input(Self.page(pages))
        #expect(try input.write(count: 2000) { UInt8(truncatingIfNeeded: $0) } == 1024)
        #expect(try input.write(count: 1) { _ in 0 } == 0)
        #expect(try input.readableByteCount() == 1024)
        // The other direction is not touched.
        #expect(try ConsoleByteRing.output(Self.page(pages)).readableByteCount() == 0)
        #expect(pages[byte: 1023] == 255 && pages[byte: 1024] == 0)
    }

    @Test(arguments: [UInt32(2049), 0xffff_ffff]) func refusesAnIndexOutOfRange(produced: UInt32) {
        let pages = RingPages()
        let page = Self.page(pages)
        page.store(produced, to: .outputProducer)
        let ring = ConsoleByteRing.output(page)
        let expected = RingError.producerOutOfRange(produced: produced, accounted: 0, slots: 2048)
        #expect(throws: expected) { try ring.read { _ in } }
        #expect(throws: expected) { try ring.write(count: 1) { _ in 0 } }
    }
}
