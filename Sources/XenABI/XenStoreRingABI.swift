// SPDX-License-Identifier: Apache-2.0

/// The page a guest and the store share. `struct xenstore_domain_interface`, `public/io/xs_wire.h`.
///
/// Two byte rings of 1024 bytes; all four indices run freely through 32 bits.
public enum XenStoreRingLayout: ABILayout { @inlinable public static var byteCount: Int { 2076 } }
extension XenStoreRingLayout {
    /// Size of each ring in bytes. `XENSTORE_RING_SIZE`.
    @inlinable public static var ringByteCount: Int { 1024 }
}
extension Field<XenStoreRingLayout, UInt8> {
    /// First byte of the ring to the store. `req`.
    @inlinable public static var requests: Self { .init(at: 0) }
    /// First byte of the ring to the guest. `rsp`.
    @inlinable public static var responses: Self { .init(at: 1024) }
}
extension Field<XenStoreRingLayout, UInt32> {
    /// `req_cons`.
    @inlinable public static var requestConsumer: Self { .init(at: 2048) }
    /// `req_prod`.
    @inlinable public static var requestProducer: Self { .init(at: 2052) }
    /// `rsp_cons`.
    @inlinable public static var responseConsumer: Self { .init(at: 2056) }
    /// `rsp_prod`.
    @inlinable public static var responseProducer: Self { .init(at: 2060) }
    /// What the store offers, an `XenStoreServerFeatures`. `server_features`.
    @inlinable public static var serverFeatures: Self { .init(at: 2064) }
    /// 0 when in use, 1 while a reconnection is asked for. `connection`, `XENSTORE_CONNECTED`, `XENSTORE_RECONNECT`.
    @inlinable public static var connection: Self { .init(at: 2068) }
    /// Why the store gave the ring up, an `XenStoreRingError`. `error`.
    @inlinable public static var error: Self { .init(at: 2072) }
}

/// What a store offers its ring clients. `XENSTORE_SERVER_FEATURE_…`.
public struct XenStoreServerFeatures: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// The ring can be reset by the guest. `XENSTORE_SERVER_FEATURE_RECONNECTION`.
    @inlinable public static var reconnection: Self { Self(rawValue: 1) }
    /// The page has the error field. `XENSTORE_SERVER_FEATURE_ERROR`.
    @inlinable public static var errorField: Self { Self(rawValue: 2) }
    /// WATCH takes a depth. `XENSTORE_SERVER_FEATURE_WATCHDEPTH`.
    @inlinable public static var watchDepth: Self { Self(rawValue: 4) }
}

/// Why a store stopped serving a ring. `XENSTORE_ERROR_…`.
public struct XenStoreRingError: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `XENSTORE_ERROR_NONE`.
    @inlinable public static var none: Self { Self(rawValue: 0) }
    /// `XENSTORE_ERROR_COMM`.
    @inlinable public static var communication: Self { Self(rawValue: 1) }
    /// Producer and consumer are more than a ring apart. `XENSTORE_ERROR_RINGIDX`.
    @inlinable public static var ringIndex: Self { Self(rawValue: 2) }
    /// A payload longer than 4096 bytes. `XENSTORE_ERROR_PROTO`.
    @inlinable public static var protocolViolation: Self { Self(rawValue: 3) }
}

/// The header of each message. `struct xsd_sockmsg`. 16 bytes, then `length` bytes of payload.
public enum XenStoreHeaderLayout: ABILayout { @inlinable public static var byteCount: Int { 16 } }
extension Field<XenStoreHeaderLayout, UInt32> {
    /// `type`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `req_id`.
    @inlinable public static var requestID: Self { .init(at: 4) }
    /// `tx_id`.
    @inlinable public static var transactionID: Self { .init(at: 8) }
    /// `len`.
    @inlinable public static var length: Self { .init(at: 12) }
}

/// Limits of the protocol, in bytes without the closing NUL.
public enum XenStoreLimits {
    /// `XENSTORE_PAYLOAD_MAX`.
    @inlinable public static var payload: Int { 4096 }
    /// `XENSTORE_ABS_PATH_MAX`.
    @inlinable public static var absolutePath: Int { 3072 }
    /// `XENSTORE_REL_PATH_MAX`.
    @inlinable public static var relativePath: Int { 2048 }
}

/// What a message is. `enum xsd_sockmsg_type`.
public struct XenStoreOperation: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `XS_CONTROL`, once `XS_DEBUG`.
    @inlinable public static var control: Self { Self(rawValue: 0) }
    /// `XS_DIRECTORY`.
    @inlinable public static var directory: Self { Self(rawValue: 1) }
    /// `XS_READ`.
    @inlinable public static var read: Self { Self(rawValue: 2) }
    /// `XS_GET_PERMS`.
    @inlinable public static var getPermissions: Self { Self(rawValue: 3) }
    /// `XS_WATCH`.
    @inlinable public static var watch: Self { Self(rawValue: 4) }
    /// `XS_UNWATCH`.
    @inlinable public static var unwatch: Self { Self(rawValue: 5) }
    /// `XS_TRANSACTION_START`.
    @inlinable public static var transactionStart: Self { Self(rawValue: 6) }
    /// `XS_TRANSACTION_END`.
    @inlinable public static var transactionEnd: Self { Self(rawValue: 7) }
    /// `XS_INTRODUCE`.
    @inlinable public static var introduce: Self { Self(rawValue: 8) }
    /// `XS_RELEASE`.
    @inlinable public static var release: Self { Self(rawValue: 9) }
    /// `XS_GET_DOMAIN_PATH`.
    @inlinable public static var getDomainPath: Self { Self(rawValue: 10) }
    /// `XS_WRITE`.
    @inlinable public static var write: Self { Self(rawValue: 11) }
    /// `XS_MKDIR`.
    @inlinable public static var makeDirectory: Self { Self(rawValue: 12) }
    /// `XS_RM`.
    @inlinable public static var remove: Self { Self(rawValue: 13) }
    /// `XS_SET_PERMS`.
    @inlinable public static var setPermissions: Self { Self(rawValue: 14) }
    /// Unsolicited, from the store. `XS_WATCH_EVENT`.
    @inlinable public static var watchEvent: Self { Self(rawValue: 15) }
    /// Reply only. `XS_ERROR`.
    @inlinable public static var error: Self { Self(rawValue: 16) }
    /// `XS_IS_DOMAIN_INTRODUCED`.
    @inlinable public static var isDomainIntroduced: Self { Self(rawValue: 17) }
    /// `XS_RESUME`.
    @inlinable public static var resume: Self { Self(rawValue: 18) }
    /// `XS_SET_TARGET`.
    @inlinable public static var setTarget: Self { Self(rawValue: 19) }
    /// `XS_RESET_WATCHES`.
    @inlinable public static var resetWatches: Self { Self(rawValue: 21) }
    /// `XS_DIRECTORY_PART`.
    @inlinable public static var directoryPart: Self { Self(rawValue: 22) }
}
