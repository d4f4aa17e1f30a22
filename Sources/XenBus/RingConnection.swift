// SPDX-License-Identifier: Apache-2.0
public import XenABI
import XenStoreWire

/// What a frontend's directory says of a ring with one event channel.
public struct RingConnection: Equatable, BitwiseCopyable, Sendable {
    /// Pages a ring may have: 16.
    public static var maximumPageOrder: UInt32 { 4 }

    /// The grants of the ring's pages, as many as `pageCount`; the rest are 0.
    private var references: InlineArray<16, UInt32>
    public let pageCount: Int
    public let port: EventPort

    /// Why a directory does not describe a ring.
    public enum Problem: Error, Equatable, BitwiseCopyable, Sendable {
        /// A node is missing.
        case missing(RingKey)
        /// A node's value is no number in range.
        case malformed(RingKey)
    }

    /// The node a problem is with.
    public enum RingKey: Equatable, BitwiseCopyable, Sendable {
        case ringPageOrder
        /// `ring-ref`
        case ringReference
        /// `ring-ref` and a number
        case numberedRingReference(Int)
        case eventChannel
    }

    /// Decodes the nodes of a directory.
    ///
    /// - Parameters:
    ///   - maximumPageOrder: what the backend offered as `max-ring-page-order`; at most 4.
    ///   - read: gives the value of a node of the directory, nil if it is missing.
    public init(
        maximumPageOrder: UInt32 = 0, reading read: ([UInt8]) -> [UInt8]?
    ) throws(Problem) {
        func number(_ name: StaticString, _ suffix: Int?, _ key: RingKey) throws(Problem) -> UInt32? {
            var node: [UInt8] = []
            node.append(name)
            if let suffix { node.append(decimal: UInt32(truncatingIfNeeded: suffix)) }
            guard let value = read(node) else { return nil }
            guard let number = value.span.decimal(as: UInt32.self) else { throw .malformed(key) }
            return number
        }
        references = InlineArray(repeating: 0)
        if let order = try number(XenBusKey.ringPageOrder, nil, .ringPageOrder) {
            guard order <= maximumPageOrder, order <= Self.maximumPageOrder else {
                throw .malformed(.ringPageOrder)
            }
            pageCount = 1 << Int(order)
            for index in 0..<pageCount {
                guard
                    let reference = try number(XenBusKey.ringReference, index, .numberedRingReference(index))
                else { throw .missing(.numberedRingReference(index)) }
                references[index] = reference
            }
        } else {
            pageCount = 1
            guard let reference = try number(XenBusKey.ringReference, nil, .ringReference) else {
                throw .missing(.ringReference)
            }
            references[0] = reference
        }
        guard let port = try number(XenBusKey.eventChannel, nil, .eventChannel) else {
            throw .missing(.eventChannel)
        }
        self.port = EventPort(rawValue: port)
    }

    /// The grant of the `index`th page.
    public func reference(_ index: Int) -> GrantReference {
        precondition(index >= 0 && index < pageCount)
        return GrantReference(rawValue: references[index])
    }

    public static func == (a: Self, b: Self) -> Bool {
        guard a.pageCount == b.pageCount, a.port == b.port else { return false }
        for index in 0..<a.pageCount where a.references[index] != b.references[index] { return false }
        return true
    }
}
