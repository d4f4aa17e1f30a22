// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI

/// The private copy of a receive slot, request or response.
public typealias NetReceiveSlot = RingSlot<2>

/// An empty page the frontend offers. `struct netif_rx_request`, `public/io/netif.h`.
public struct NetReceiveRequest: Equatable, BitwiseCopyable, Sendable {
    public var identifier: UInt16
    public var grant: GrantReference

    @inlinable public init(identifier: UInt16, grant: GrantReference) {
        self.identifier = identifier
        self.grant = grant
    }
    @inlinable public init(decoding slot: NetReceiveSlot) {
        identifier = slot[Field<NetReceiveRequestLayout, UInt16>.identifier]
        grant = GrantReference(rawValue: slot[Field<NetReceiveRequestLayout, UInt32>.grant])
    }
    @inlinable public func encoded() -> NetReceiveSlot {
        var slot = NetReceiveSlot()
        slot[Field<NetReceiveRequestLayout, UInt16>.identifier] = identifier
        slot[Field<NetReceiveRequestLayout, UInt32>.grant] = grant.rawValue
        return slot
    }
}

/// A piece of a packet for the frontend. `struct netif_rx_response`.
public struct NetReceiveResponse: Equatable, BitwiseCopyable, Sendable {
    public var identifier: UInt16
    /// Offset of the data in the page.
    public var offset: UInt16
    public var flags: NetReceiveFlags
    /// Bytes in this slot if not negative, else a `NetStatus`.
    public var status: Int16

    @inlinable public init(identifier: UInt16, offset: UInt16, flags: NetReceiveFlags, status: Int16) {
        self.identifier = identifier
        self.offset = offset
        self.flags = flags
        self.status = status
    }
    @inlinable public init(decoding slot: NetReceiveSlot) {
        identifier = slot[Field<NetReceiveResponseLayout, UInt16>.identifier]
        offset = slot[Field<NetReceiveResponseLayout, UInt16>.offset]
        flags = NetReceiveFlags(rawValue: slot[Field<NetReceiveResponseLayout, UInt16>.flags])
        status = Int16(bitPattern: slot[Field<NetReceiveResponseLayout, UInt16>.status])
    }
    @inlinable public func encoded() -> NetReceiveSlot {
        var slot = NetReceiveSlot()
        slot[Field<NetReceiveResponseLayout, UInt16>.identifier] = identifier
        slot[Field<NetReceiveResponseLayout, UInt16>.offset] = offset
        slot[Field<NetReceiveResponseLayout, UInt16>.flags] = flags.rawValue
        slot[Field<NetReceiveResponseLayout, UInt16>.status] = UInt16(bitPattern: status)
        return slot
    }
}
