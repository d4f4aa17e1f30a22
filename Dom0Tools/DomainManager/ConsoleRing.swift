// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Domain 0's end of a console ring. `struct xencons_interface`, `public/io/console.h`.
///
/// The guest may write anything anywhere in the page at any time: each index is read once, and what it says is checked.
public final class ConsoleRing {
    private let view: SharedView<ConsoleRingLayout>
    /// Keeps the page mapped.
    private let owner: AnyObject
    /// How often the guest's indices made no sense.
    public private(set) var faults = 0

    /// - Parameter owner: what keeps the page of `view` mapped.
    public init(_ view: SharedView<ConsoleRingLayout>, owner: AnyObject) {
        self.view = view
        self.owner = owner
    }

    /// Takes everything the guest has written; at most 2048 bytes.
    public func drain() -> [UInt8] {
        let consumer = view.load(.outputConsumer)
        let producer = view.load(.outputProducer)
        let count = producer &- consumer
        let size = UInt32(ConsoleRingLayout.outputByteCount)
        guard count <= size else {
            // Nothing in the ring can be trusted: go on where the guest says it is.
            faults += 1
            view.store(producer, to: .outputConsumer)
            return []
        }
        guard count > 0 else { return [] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(count))
        let first = Field<ConsoleRingLayout, UInt8>.output
        for index in 0..<count {
            bytes.append(view.load(first.element(Int((consumer &+ index) & (size - 1)))))
        }
        // The bytes are read before the guest learns that their room is free.
        fullMemoryBarrier()
        view.store(producer, to: .outputConsumer)
        return bytes
    }

    /// Gives the guest as much of `bytes` as fits.
    ///
    /// - Returns: how many bytes were taken.
    public func push(_ bytes: ArraySlice<UInt8>) -> Int {
        let producer = view.load(.inputProducer)
        let consumer = view.load(.inputConsumer)
        let size = UInt32(ConsoleRingLayout.inputByteCount)
        let used = producer &- consumer
        guard used <= size else {
            faults += 1
            return 0
        }
        let count = min(UInt32(clamping: bytes.count), size - used)
        guard count > 0 else { return 0 }
        let first = Field<ConsoleRingLayout, UInt8>.input
        for (index, byte) in bytes.prefix(Int(count)).enumerated() {
            view.store(byte, to: first.element(Int((producer &+ UInt32(index)) & (size - 1))))
        }
        view.store(producer &+ count, to: .inputProducer)
        return Int(count)
    }
}
