// SPDX-License-Identifier: Apache-2.0

/// Flags of a transmit slot. `NETTXF_…`, `public/io/netif.h`.
public struct NetTransmitFlags: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// The protocol checksum holds only the pseudo-header's sum. `NETTXF_csum_blank`.
    @inlinable public static var checksumBlank: Self { .init(rawValue: 1) }
    /// The checksum was verified, or need not be. `NETTXF_data_validated`.
    @inlinable public static var dataValidated: Self { .init(rawValue: 2) }
    /// The packet goes on in the next slot. `NETTXF_more_data`.
    @inlinable public static var moreData: Self { .init(rawValue: 4) }
    /// An extra-information slot follows the first slot. `NETTXF_extra_info`.
    @inlinable public static var extraInfo: Self { .init(rawValue: 8) }
}

/// Flags of a receive response. `NETRXF_…`, `public/io/netif.h`.
public struct NetReceiveFlags: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// `NETRXF_data_validated`.
    @inlinable public static var dataValidated: Self { .init(rawValue: 1) }
    /// `NETRXF_csum_blank`.
    @inlinable public static var checksumBlank: Self { .init(rawValue: 2) }
    /// `NETRXF_more_data`.
    @inlinable public static var moreData: Self { .init(rawValue: 4) }
    /// `NETRXF_extra_info`.
    @inlinable public static var extraInfo: Self { .init(rawValue: 8) }
    /// `NETRXF_gso_prefix`.
    @inlinable public static var gsoPrefix: Self { .init(rawValue: 16) }
}

/// How a network slot was answered. `NETIF_RSP_…`, `public/io/netif.h`. Positive in a receive response: bytes.
public struct NetStatus: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: Int16
    @inlinable public init(rawValue: Int16) { self.rawValue = rawValue }
    /// `NETIF_RSP_OKAY`.
    @inlinable public static var okay: Self { .init(rawValue: 0) }
    /// Answers an extra-information slot. `NETIF_RSP_NULL`.
    @inlinable public static var null: Self { .init(rawValue: 1) }
    /// `NETIF_RSP_ERROR`.
    @inlinable public static var error: Self { .init(rawValue: -1) }
    /// `NETIF_RSP_DROPPED`.
    @inlinable public static var dropped: Self { .init(rawValue: -2) }
}

/// Numbers of the network protocol. `public/io/netif.h`.
public enum NetInterface {
    /// Slots of one packet that every backend takes. `XEN_NETIF_NR_SLOTS_MIN`.
    @inlinable public static var minimumPacketSlots: Int { 18 }
    /// Largest packet in bytes: sizes are 16-bit.
    @inlinable public static var maximumPacketByteCount: Int { 65535 }
}

/// Kind of an extra-information slot. `XEN_NETIF_EXTRA_TYPE_…`.
public struct NetExtraType: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Segmentation offload. `XEN_NETIF_EXTRA_TYPE_GSO`.
    @inlinable public static var gso: Self { .init(rawValue: 1) }
    /// `XEN_NETIF_EXTRA_TYPE_MCAST_ADD`.
    @inlinable public static var multicastAdd: Self { .init(rawValue: 2) }
    /// `XEN_NETIF_EXTRA_TYPE_MCAST_DEL`.
    @inlinable public static var multicastRemove: Self { .init(rawValue: 3) }
    /// `XEN_NETIF_EXTRA_TYPE_HASH`.
    @inlinable public static var hash: Self { .init(rawValue: 4) }
}

/// Which protocol a segmentation-offload packet carries. `XEN_NETIF_GSO_TYPE_…`.
public struct NetGSOType: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// `XEN_NETIF_GSO_TYPE_TCPV4`.
    @inlinable public static var tcp4: Self { .init(rawValue: 1) }
    /// `XEN_NETIF_GSO_TYPE_TCPV6`.
    @inlinable public static var tcp6: Self { .init(rawValue: 2) }
}

/// `struct netif_tx_request`. 12 bytes.
public enum NetTransmitRequestLayout: ABILayout { @inlinable public static var byteCount: Int { 12 } }
extension Field<NetTransmitRequestLayout, UInt32> {
    /// `gref`.
    @inlinable public static var grant: Self { .init(at: 0) }
}
extension Field<NetTransmitRequestLayout, UInt16> {
    /// Offset in the page. `offset`.
    @inlinable public static var offset: Self { .init(at: 4) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 6) }
    /// `id`.
    @inlinable public static var identifier: Self { .init(at: 8) }
    /// First slot: bytes in the whole packet; others: bytes in this slot. `size`.
    @inlinable public static var size: Self { .init(at: 10) }
}

/// `struct netif_tx_response`. 4 bytes.
public enum NetTransmitResponseLayout: ABILayout { @inlinable public static var byteCount: Int { 4 } }
extension Field<NetTransmitResponseLayout, UInt16> {
    /// `id`.
    @inlinable public static var identifier: Self { .init(at: 0) }
    /// Signed: see `NetStatus`. `status`.
    @inlinable public static var status: Self { .init(at: 2) }
}

/// `struct netif_rx_request`. 8 bytes.
public enum NetReceiveRequestLayout: ABILayout { @inlinable public static var byteCount: Int { 8 } }
extension Field<NetReceiveRequestLayout, UInt16> {
    /// `id`.
    @inlinable public static var identifier: Self { .init(at: 0) }
}
extension Field<NetReceiveRequestLayout, UInt32> {
    /// `gref`.
    @inlinable public static var grant: Self { .init(at: 4) }
}

/// `struct netif_rx_response`. 8 bytes.
public enum NetReceiveResponseLayout: ABILayout { @inlinable public static var byteCount: Int { 8 } }
extension Field<NetReceiveResponseLayout, UInt16> {
    /// `id`.
    @inlinable public static var identifier: Self { .init(at: 0) }
    /// Offset of the data in the page. `offset`.
    @inlinable public static var offset: Self { .init(at: 2) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 4) }
    /// Signed: bytes in this slot, or a negative `NetStatus`. `status`.
    @inlinable public static var status: Self { .init(at: 6) }
}

/// `struct netif_extra_info`. 8 bytes; fills a whole slot of either ring.
public enum NetExtraInfoLayout: ABILayout { @inlinable public static var byteCount: Int { 8 } }
extension Field<NetExtraInfoLayout, UInt8> {
    /// `type`.
    @inlinable public static var type: Self { .init(at: 0) }
    /// Bit 0: another extra slot follows. `flags`.
    @inlinable public static var flags: Self { .init(at: 1) }
    /// `u.gso.type`.
    @inlinable public static var gsoType: Self { .init(at: 4) }
}
extension Field<NetExtraInfoLayout, UInt16> {
    /// Bytes of payload in each segment. `u.gso.size`.
    @inlinable public static var gsoSize: Self { .init(at: 2) }
    /// `u.gso.features`.
    @inlinable public static var gsoFeatures: Self { .init(at: 6) }
}
extension NetExtraInfoLayout {
    /// Bit of `flags`: another extra slot follows. `XEN_NETIF_EXTRA_FLAG_MORE`.
    @inlinable public static var moreFlag: UInt8 { 1 }
}
