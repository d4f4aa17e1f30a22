// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What a grant table operation answers for one entry. `GNTST_…`, `public/grant_table.h`.
public struct GrantStatus: RawRepresentable, Error, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: Int16
    @inlinable public init(rawValue: Int16) { self.rawValue = rawValue }
    /// Throws the status unless it is `GNTST_okay`.
    @inlinable public func check() throws(GrantStatus) {
        if rawValue != GrantStatusCode.okay { throw self }
    }
    /// The call as a whole failed, with an error number instead of a status: never a value of the ABI.
    @inlinable public static var callFailed: GrantStatus { GrantStatus(rawValue: Int16.min) }
    /// Something else is wrong. `GNTST_general_error`.
    public static var generalError: GrantStatus { GrantStatus(rawValue: GrantStatusCode.generalError) }
    /// No such domain. `GNTST_bad_domain`.
    public static var badDomain: GrantStatus { GrantStatus(rawValue: GrantStatusCode.badDomain) }
    /// No such grant, or it is not for the caller. `GNTST_bad_gntref`.
    public static var badReference: GrantStatus { GrantStatus(rawValue: GrantStatusCode.badReference) }
    /// No such mapping. `GNTST_bad_handle`.
    public static var badHandle: GrantStatus { GrantStatus(rawValue: GrantStatusCode.badHandle) }
    /// An address of this domain's cannot be written. `GNTST_bad_virt_addr`.
    public static var badVirtualAddress: GrantStatus {
        GrantStatus(rawValue: GrantStatusCode.badVirtualAddress)
    }
    /// The hypervisor's table of mappings is full. `GNTST_no_device_space`.
    public static var noDeviceSpace: GrantStatus { GrantStatus(rawValue: GrantStatusCode.noDeviceSpace) }
    /// There is no room for more. `GNTST_no_space`.
    public static var noSpace: GrantStatus { GrantStatus(rawValue: GrantStatusCode.noSpace) }
    /// The caller may not do this. `GNTST_permission_denied`.
    public static var permissionDenied: GrantStatus {
        GrantStatus(rawValue: GrantStatusCode.permissionDenied)
    }
    /// The page is not memory that can be granted. `GNTST_bad_page`.
    public static var badPage: GrantStatus { GrantStatus(rawValue: GrantStatusCode.badPage) }
    /// A copy that crosses a page's end. `GNTST_bad_copy_arg`.
    public static var badCopyArgument: GrantStatus { GrantStatus(rawValue: GrantStatusCode.badCopyArgument) }
    /// The entry is in use. `GNTST_eagain`.
    public static var tryAgain: GrantStatus { GrantStatus(rawValue: GrantStatusCode.tryAgain) }
}

/// How a grant is mapped. `GNTMAP_…`, `public/grant_table.h`.
public struct GrantMapFlags: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// For the caller's vCPUs. `GNTMAP_host_map`.
    public static var host: GrantMapFlags { GrantMapFlags(rawValue: GrantMapFlag.hostMap) }
    /// For devices: not offered here. `GNTMAP_device_map`.
    public static var device: GrantMapFlags { GrantMapFlags(rawValue: GrantMapFlag.deviceMap) }
    public static var readOnly: GrantMapFlags { GrantMapFlags(rawValue: GrantMapFlag.readOnly) }
    /// For ring 3 of paravirtual guests. `GNTMAP_application_map`.
    public static var application: GrantMapFlags { GrantMapFlags(rawValue: GrantMapFlag.applicationMap) }
    /// The address is that of a page table's entry, for paravirtual guests. `GNTMAP_contains_pte`.
    public static var containsPTE: GrantMapFlags { GrantMapFlags(rawValue: GrantMapFlag.containsPTE) }
}

/// Sizes of a grant table in pages. `struct gnttab_query_size`.
public struct GrantTableSize: Equatable, BitwiseCopyable, Sendable {
    public var frameCount: UInt32
    public var maximumFrameCount: UInt32
    public init(frameCount: UInt32, maximumFrameCount: UInt32) {
        self.frameCount = frameCount
        self.maximumFrameCount = maximumFrameCount
    }
}

/// One end of a grant copy.
public enum GrantCopyEnd: BitwiseCopyable, Sendable {
    /// A grant of `domain`, from byte `offset` of its page on.
    case reference(GrantReference, of: DomainID, offset: UInt16)
    /// A page of the caller's own (`domain` is normally `.caller`).
    case frame(GuestFrame, of: DomainID = .caller, offset: UInt16)
}
