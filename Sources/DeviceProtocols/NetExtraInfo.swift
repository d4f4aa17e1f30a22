// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI

/// What a slot between the first and the second of a packet tells about the packet. `struct netif_extra_info`.
public struct NetExtraInfo: Equatable, BitwiseCopyable, Sendable {
    public var type: NetExtraType
    /// Another extra slot follows.
    public var hasMore: Bool
    /// The six bytes that `type` gives a meaning, as three 16-bit words.
    public var payload: (UInt16, UInt16, UInt16)

    @inlinable public init(type: NetExtraType, hasMore: Bool, payload: (UInt16, UInt16, UInt16)) {
        self.type = type
        self.hasMore = hasMore
        self.payload = payload
    }
    /// Segmentation offload: the payload of `gsoType` is to be cut into pieces of `segmentByteCount`.
    @inlinable public static func gso(_ gsoType: NetGSOType, segmentByteCount: UInt16, hasMore: Bool = false)
        -> Self
    {
        Self(type: .gso, hasMore: hasMore, payload: (segmentByteCount, UInt16(gsoType.rawValue), 0))
    }
    /// Bytes in each segment, if `type` is `gso`.
    @inlinable public var gsoSegmentByteCount: UInt16 { payload.0 }
    /// The protocol, if `type` is `gso`.
    @inlinable public var gsoType: NetGSOType { NetGSOType(rawValue: UInt8(truncatingIfNeeded: payload.1)) }

    /// From the private copy of a slot of either ring; only its first 8 bytes matter.
    @inlinable public init<let wordCount: Int>(decoding slot: RingSlot<wordCount>) {
        type = NetExtraType(rawValue: slot[Field<NetExtraInfoLayout, UInt8>.type])
        hasMore = slot[Field<NetExtraInfoLayout, UInt8>.flags] & NetExtraInfoLayout.moreFlag != 0
        payload = (
            slot[Field<NetExtraInfoLayout, UInt16>.gsoSize],
            UInt16(truncatingIfNeeded: slot[word: 1]),
            slot[Field<NetExtraInfoLayout, UInt16>.gsoFeatures]
        )
    }
    /// As a slot of either ring.
    @inlinable public func encoded() -> RingSlot<2> {
        var slot = RingSlot<2>()
        slot[Field<NetExtraInfoLayout, UInt8>.type] = type.rawValue
        slot[Field<NetExtraInfoLayout, UInt8>.flags] = hasMore ? NetExtraInfoLayout.moreFlag : 0
        slot[Field<NetExtraInfoLayout, UInt16>.gsoSize] = payload.0
        slot[word: 1] = UInt32(payload.1) | UInt32(payload.2) &<< 16
        return slot
    }
    @inlinable public static func == (a: Self, b: Self) -> Bool {
        a.type == b.type && a.hasMore == b.hasMore && a.payload == b.payload
    }
}
