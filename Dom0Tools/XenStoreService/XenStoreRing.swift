// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI
import XenStoreWire

/// The ring page between a domain and the store, and the way to tell the domain of changes.
@safe public final class XenStoreRing {
    private let view: SharedView<XenStoreRingLayout>
    let notify: () -> Void
    /// Keeps the page mapped.
    private let owner: AnyObject?
    private var buffer: [UInt8] = []

    /// - Parameters:
    ///   - page: the mapped page; `owner` keeps it so.
    ///   - notify: raises the domain's event channel.
    public init(page: SharedView<XenStoreRingLayout>, owner: AnyObject?, notify: @escaping () -> Void) {
        view = page
        self.owner = owner
        self.notify = notify
    }

    /// The guest's indices make no sense.
    struct Corrupt: Error {}

    private static var size: UInt32 { UInt32(XenStoreRingLayout.ringByteCount) }

    /// Says what the store can do. A guest may be asking for a fresh start already: that is left for `reset`.
    func open() {
        let features: XenStoreServerFeatures = [.reconnection, .errorField, .watchDepth]
        view.store(features.rawValue, to: .serverFeatures)
        view.store(XenStoreRingError.none.rawValue, to: .error)
    }

    /// True if the guest asks for a fresh start.
    var isReconnecting: Bool { view.load(.connection) != 0 }

    /// Empties both rings and tells the guest that it may go on.
    func reset() {
        view.store(0 as UInt32, to: .requestConsumer)
        view.store(0 as UInt32, to: .requestProducer)
        view.store(0 as UInt32, to: .responseConsumer)
        view.store(0 as UInt32, to: .responseProducer)
        view.store(0 as UInt32, to: .connection)
    }

    func fail(_ error: XenStoreRingError) {
        view.store(error.rawValue, to: .error)
        notify()
    }

    /// Shows `body` what the guest sent; it answers how much of it was dealt with. Returns that.
    func take(_ body: (Span<UInt8>) throws -> Int) throws -> Int {
        // Guest-controlled from here: each index is read once.
        let consumer = view.load(.requestConsumer)
        let available = view.load(.requestProducer) &- consumer
        guard available <= Self.size else { throw Corrupt() }
        guard available > 0 else { return 0 }
        buffer.removeAll(keepingCapacity: true)
        let requests = Field<XenStoreRingLayout, UInt8>.requests
        for index in 0..<available {
            buffer.append(view.load(requests.element(Int((consumer &+ index) & (Self.size - 1)))))
        }
        let bytes = buffer
        let taken = try body(bytes.span)
        view.store(consumer &+ UInt32(taken), to: .requestConsumer)
        return taken
    }

    /// Puts as much as there is room for into the ring. Returns how much that was.
    func put(_ bytes: Span<UInt8>) throws(Corrupt) -> Int {
        // Guest-controlled from here: each index is read once.
        let producer = view.load(.responseProducer)
        let used = producer &- view.load(.responseConsumer)
        guard used <= Self.size else { throw Corrupt() }
        let count = min(Int(Self.size - used), bytes.count)
        let responses = Field<XenStoreRingLayout, UInt8>.responses
        for index in 0..<count {
            view.store(
                bytes[index], to: responses.element(Int((producer &+ UInt32(index)) & (Self.size - 1))))
        }
        if count > 0 { view.store(producer &+ UInt32(count), to: .responseProducer) }
        return count
    }
}
