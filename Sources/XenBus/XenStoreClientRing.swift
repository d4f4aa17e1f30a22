// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// The guest's end of the page it shares with the store. `struct xenstore_domain_interface`, `public/io/xs_wire.h`.
///
/// The store is not trusted with the indices: one out of range is an error.
public struct XenStoreClientRing: BitwiseCopyable, Sendable {
    private let page: SharedView<XenStoreRingLayout>

    public init(_ page: SharedView<XenStoreRingLayout>) { self.page = page }

    /// An index is more than a ring ahead of its partner.
    public struct Corrupt: Error, Equatable, BitwiseCopyable, Sendable {}

    private static var size: UInt32 { UInt32(XenStoreRingLayout.ringByteCount) }

    /// Whether bytes wait to be read, or an index is wrong.
    public var hasInput: Bool { page.load(.responseProducer) != page.load(.responseConsumer) }
    /// Whether bytes can be written, or an index is wrong.
    public var hasRoom: Bool { page.load(.requestProducer) &- page.load(.requestConsumer) != Self.size }
    /// What the store offers.
    public var offers: XenStoreServerFeatures { XenStoreServerFeatures(rawValue: page.load(.serverFeatures)) }
    /// Why the store gave the ring up; `none` if it serves it, or does not tell.
    public var error: XenStoreRingError {
        offers.contains(.errorField) ? XenStoreRingError(rawValue: page.load(.error)) : .none
    }
    /// Whether a fresh start was asked for and has not been given yet.
    public var isReconnecting: Bool { page.load(.connection) != 0 }

    /// Asks for a fresh start: the store then empties both rings, and forgets this domain's watches and transactions.
    /// Notify it. Only if it offers `reconnection`.
    public func requestReconnection() { page.store(1 as UInt32, to: .connection) }
    /// Throws away what was not read: what a system that ran in this domain before left.
    public func discardInput() { page.store(page.load(.responseProducer), to: .responseConsumer) }

    /// Appends what waits to `bytes`. Returns how much that was; notify the store if not zero.
    public func read(into bytes: inout [UInt8]) throws(Corrupt) -> Int {
        let consumer = page.load(.responseConsumer)
        let count = page.load(.responseProducer) &- consumer
        guard count <= Self.size else { throw Corrupt() }
        guard count > 0 else { return 0 }
        bytes.reserveCapacity(bytes.count + Int(count))
        let responses = Field<XenStoreRingLayout, UInt8>.responses
        for index in 0..<count {
            bytes.append(page.load(responses.element(Int((consumer &+ index) & (Self.size &- 1)))))
        }
        fullMemoryBarrier()
        page.store(consumer &+ count, to: .responseConsumer)
        return Int(count)
    }

    /// Writes what fits of `bytes`, from `start` on. Returns how much that was; notify the store if not zero.
    public func write(_ bytes: [UInt8], from start: Int) throws(Corrupt) -> Int {
        let producer = page.load(.requestProducer)
        let used = producer &- page.load(.requestConsumer)
        guard used <= Self.size else { throw Corrupt() }
        let count = min(Int(Self.size &- used), bytes.count - start)
        guard count > 0 else { return 0 }
        fullMemoryBarrier()
        let requests = Field<XenStoreRingLayout, UInt8>.requests
        for index in 0..<count {
            let place = (producer &+ UInt32(truncatingIfNeeded: index)) & (Self.size &- 1)
            page.store(bytes[start + index], to: requests.element(Int(place)))
        }
        page.store(producer &+ UInt32(truncatingIfNeeded: count), to: .requestProducer)
        return count
    }
}
