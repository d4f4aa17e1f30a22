// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import SharedMemory
public import XenABI

/// One direction of the console page, seen from one end. `public/io/console.h`.
///
/// Whoever writes is the producer. Neither end trusts the other: an index out of range kills the direction.
public struct ConsoleByteRing: BitwiseCopyable, Sendable {
    let page: SharedView<ConsoleRingLayout>
    let bytes: Field<ConsoleRingLayout, UInt8>
    let byteCount: UInt32
    let producer: Field<ConsoleRingLayout, UInt32>
    let consumer: Field<ConsoleRingLayout, UInt32>

    /// The ring to the guest: the backend writes, the guest reads.
    public static func input(_ page: SharedView<ConsoleRingLayout>) -> Self {
        Self(
            page: page, bytes: .input, byteCount: UInt32(ConsoleRingLayout.inputByteCount),
            producer: .inputProducer,
            consumer: .inputConsumer)
    }
    /// The ring from the guest: the guest writes, the backend reads.
    public static func output(_ page: SharedView<ConsoleRingLayout>) -> Self {
        Self(
            page: page, bytes: .output, byteCount: UInt32(ConsoleRingLayout.outputByteCount),
            producer: .outputProducer, consumer: .outputConsumer)
    }

    /// Bytes that wait to be read.
    /// - Throws: `producerOutOfRange`.
    public func readableByteCount() throws(RingError) -> Int {
        let consumed = page.load(consumer)
        let produced = page.load(producer)
        guard produced &- consumed <= byteCount else {
            throw .producerOutOfRange(produced: produced, accounted: consumed, slots: byteCount)
        }
        return Int(produced &- consumed)
    }
    /// Bytes that can be written.
    /// - Throws: `producerOutOfRange`.
    public func writableByteCount() throws(RingError) -> Int { Int(byteCount) &- (try readableByteCount()) }

    /// Reads up to `limit` bytes, each handed to `body` in order. Returns how many. Notify the writer if not zero.
    /// - Throws: `producerOutOfRange`.
    public func read(limit: Int = .max, _ body: (UInt8) -> Void) throws(RingError) -> Int {
        let count = min(limit, try readableByteCount())
        guard count > 0 else { return 0 }
        let start = page.load(consumer)
        for index in 0..<UInt32(truncatingIfNeeded: count) {
            body(page.load(bytes.element(Int((start &+ index) & (byteCount &- 1)))))
        }
        // The bytes are read before the writer may overwrite them.
        fullMemoryBarrier()
        page.store(start &+ UInt32(truncatingIfNeeded: count), to: consumer)
        return count
    }

    /// Writes as many of `count` bytes as fit, asking `body` for each by its index. Returns how many. Notify the
    /// reader if not zero.
    /// - Throws: `producerOutOfRange`.
    public func write(count: Int, _ body: (Int) -> UInt8) throws(RingError) -> Int {
        let writable = min(count, try writableByteCount())
        guard writable > 0 else { return 0 }
        let start = page.load(producer)
        // The reader is done with the places before they are overwritten.
        fullMemoryBarrier()
        for index in 0..<writable {
            let place = (start &+ UInt32(truncatingIfNeeded: index)) & (byteCount &- 1)
            page.store(body(index), to: bytes.element(Int(place)))
        }
        page.store(start &+ UInt32(truncatingIfNeeded: writable), to: producer)
        return writable
    }
}
