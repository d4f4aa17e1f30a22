// SPDX-License-Identifier: Apache-2.0

/// Names a domain. It names; it gives no right. `domid_t`, `public/xen.h`.
public struct DomainID: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// The control domain.
    @inlinable public static var zero: DomainID { DomainID(rawValue: 0) }
    /// The caller itself. `DOMID_SELF`.
    @inlinable public static var caller: DomainID { DomainID(rawValue: 0x7FF0) }
    /// Owner of I/O memory. `DOMID_IO`.
    @inlinable public static var io: DomainID { DomainID(rawValue: 0x7FF1) }
    /// Owner of the hypervisor's pages. `DOMID_XEN`.
    @inlinable public static var hypervisor: DomainID { DomainID(rawValue: 0x7FF2) }
    /// No domain. `DOMID_INVALID`.
    @inlinable public static var invalid: DomainID { DomainID(rawValue: 0x7FF4) }
    /// True below the first reserved number. `DOMID_FIRST_RESERVED`.
    @inlinable public var isReal: Bool { rawValue < 0x7FF0 }
}

/// An event channel port: an index into one domain's table. `evtchn_port_t`.
public struct EventPort: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// Names an entry of the granter's grant table. `grant_ref_t`.
public struct GrantReference: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// Names a mapping of somebody's grant in the mapper's domain. `grant_handle_t`.
public struct GrantHandle: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A page frame number (4096-byte pages) within one address space.
///
/// `Space` is a tag: frames of different spaces do not compare, add or assign to each other.
public struct FrameNumber<Space>: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// The frame `count` further on, or nil if that leaves the 64-bit space.
    @inlinable public func advanced(by count: UInt64) -> Self? {
        let (sum, overflow) = rawValue.addingReportingOverflow(count)
        return overflow ? nil : Self(rawValue: sum)
    }
}

/// Tag: as the guest counts.
public enum GuestSpace {}
/// Tag: as the memory controller counts.
public enum MachineSpace {}
/// gfn.
public typealias GuestFrame = FrameNumber<GuestSpace>
/// mfn.
public typealias MachineFrame = FrameNumber<MachineSpace>

/// A byte address within one physical address space.
public struct PhysicalAddress<Space>: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// The page this address lies in.
    @inlinable public var frame: FrameNumber<Space> { FrameNumber(rawValue: rawValue &>> 12) }
    /// Offset in that page, 0 to 4095.
    @inlinable public var pageOffset: Int { Int(truncatingIfNeeded: rawValue & 0xfff) }
}
extension FrameNumber {
    /// First byte of the page. Frame numbers beyond 2^52 wrap; they name nothing.
    @inlinable public var address: PhysicalAddress<Space> { PhysicalAddress(rawValue: rawValue &<< 12) }
}
public typealias GuestPhysical = PhysicalAddress<GuestSpace>
public typealias MachinePhysical = PhysicalAddress<MachineSpace>

/// Bytes in a page, everywhere in this ABI.
public let pageSize = 4096
