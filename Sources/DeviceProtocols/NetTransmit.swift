// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI

/// The private copy of a transmit slot.
public typealias NetTransmitSlot = RingSlot<3>

/// A piece of a packet from the frontend. `struct netif_tx_request`, `public/io/netif.h`.
public struct NetTransmitRequest: Equatable, BitwiseCopyable, Sendable {
    public var grant: GrantReference
    /// Offset of the data in the granted page.
    public var offset: UInt16
    public var flags: NetTransmitFlags
    public var identifier: UInt16
    /// First slot of a packet: bytes of the whole packet. Others: bytes in this slot.
    public var size: UInt16

    @inlinable public init(
        grant: GrantReference, offset: UInt16, flags: NetTransmitFlags, identifier: UInt16, size: UInt16
    ) {
        self.grant = grant
        self.offset = offset
        self.flags = flags
        self.identifier = identifier
        self.size = size
    }
    @inlinable public init(decoding slot: NetTransmitSlot) {
        grant = GrantReference(rawValue: slot[Field<NetTransmitRequestLayout, UInt32>.grant])
        offset = slot[Field<NetTransmitRequestLayout, UInt16>.offset]
        flags = NetTransmitFlags(rawValue: slot[Field<NetTransmitRequestLayout, UInt16>.flags])
        identifier = slot[Field<NetTransmitRequestLayout, UInt16>.identifier]
        size = slot[Field<NetTransmitRequestLayout, UInt16>.size]
    }
    @inlinable public func encoded() -> NetTransmitSlot {
        var slot = NetTransmitSlot()
        slot[Field<NetTransmitRequestLayout, UInt32>.grant] = grant.rawValue
        slot[Field<NetTransmitRequestLayout, UInt16>.offset] = offset
        slot[Field<NetTransmitRequestLayout, UInt16>.flags] = flags.rawValue
        slot[Field<NetTransmitRequestLayout, UInt16>.identifier] = identifier
        slot[Field<NetTransmitRequestLayout, UInt16>.size] = size
        return slot
    }
}

/// The answer to one transmit slot. `struct netif_tx_response`.
public struct NetTransmitResponse: Equatable, BitwiseCopyable, Sendable {
    public var identifier: UInt16
    public var status: NetStatus

    @inlinable public init(identifier: UInt16, status: NetStatus) {
        self.identifier = identifier
        self.status = status
    }
    @inlinable public init(decoding slot: RingSlot<1>) {
        identifier = slot[Field<NetTransmitResponseLayout, UInt16>.identifier]
        status = NetStatus(rawValue: Int16(bitPattern: slot[Field<NetTransmitResponseLayout, UInt16>.status]))
    }
    @inlinable public func encoded() -> RingSlot<1> {
        var slot = RingSlot<1>()
        slot[Field<NetTransmitResponseLayout, UInt16>.identifier] = identifier
        slot[Field<NetTransmitResponseLayout, UInt16>.status] = UInt16(bitPattern: status.rawValue)
        return slot
    }
}
