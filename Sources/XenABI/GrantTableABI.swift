// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/grant_table.h. Fields name their C spelling.

/// First argument of `grant_table_op`.
public enum GrantTableOperation {
    /// `GNTTABOP_map_grant_ref`.
    @inlinable public static var mapGrantReference: UInt32 { 0 }
    /// `GNTTABOP_unmap_grant_ref`.
    @inlinable public static var unmapGrantReference: UInt32 { 1 }
    /// `GNTTABOP_setup_table`.
    @inlinable public static var setupTable: UInt32 { 2 }
    /// `GNTTABOP_dump_table`.
    @inlinable public static var dumpTable: UInt32 { 3 }
    /// `GNTTABOP_transfer`.
    @inlinable public static var transfer: UInt32 { 4 }
    /// `GNTTABOP_copy`.
    @inlinable public static var copy: UInt32 { 5 }
    /// `GNTTABOP_query_size`.
    @inlinable public static var querySize: UInt32 { 6 }
    /// `GNTTABOP_unmap_and_replace`.
    @inlinable public static var unmapAndReplace: UInt32 { 7 }
    /// `GNTTABOP_set_version`.
    @inlinable public static var setVersion: UInt32 { 8 }
    /// `GNTTABOP_get_status_frames`.
    @inlinable public static var getStatusFrames: UInt32 { 9 }
    /// `GNTTABOP_get_version`.
    @inlinable public static var getVersion: UInt32 { 10 }
    /// `GNTTABOP_swap_grant_ref`.
    @inlinable public static var swapGrantReference: UInt32 { 11 }
    /// `GNTTABOP_cache_flush`.
    @inlinable public static var cacheFlush: UInt32 { 12 }
}

/// The `flags` of a grant entry. The low two bits are its type.
public enum GrantEntryFlag {
    /// `GTF_invalid`.
    @inlinable public static var invalid: UInt16 { 0 }
    /// `GTF_permit_access`.
    @inlinable public static var permitAccess: UInt16 { 1 }
    /// `GTF_accept_transfer`.
    @inlinable public static var acceptTransfer: UInt16 { 2 }
    /// `GTF_transitive`.
    @inlinable public static var transitive: UInt16 { 3 }
    /// `GTF_type_mask`.
    @inlinable public static var typeMask: UInt16 { 3 }
    /// `GTF_readonly`.
    @inlinable public static var readOnly: UInt16 { 4 }
    /// `GTF_reading`. Set by the hypervisor while the page is mapped.
    @inlinable public static var reading: UInt16 { 8 }
    /// `GTF_writing`. Set by the hypervisor while the page is mapped writable.
    @inlinable public static var writing: UInt16 { 0x10 }
    /// `GTF_PWT`.
    @inlinable public static var pageWriteThrough: UInt16 { 0x20 }
    /// `GTF_PCD`.
    @inlinable public static var pageCacheDisable: UInt16 { 0x40 }
    /// `GTF_PAT`.
    @inlinable public static var pageAttributeTable: UInt16 { 0x80 }
    /// `GTF_sub_page`.
    @inlinable public static var subPage: UInt16 { 0x100 }
}

/// `flags` of a map request.
public enum GrantMapFlag {
    /// `GNTMAP_device_map`.
    @inlinable public static var deviceMap: UInt32 { 1 }
    /// `GNTMAP_host_map`.
    @inlinable public static var hostMap: UInt32 { 2 }
    /// `GNTMAP_readonly`.
    @inlinable public static var readOnly: UInt32 { 4 }
    /// `GNTMAP_application_map`.
    @inlinable public static var applicationMap: UInt32 { 8 }
    /// `GNTMAP_contains_pte`.
    @inlinable public static var containsPTE: UInt32 { 0x10 }
}

/// `flags` of a copy: which sides are grant references.
public enum GrantCopyFlag {
    /// `GNTCOPY_source_gref`.
    @inlinable public static var sourceIsReference: UInt16 { 1 }
    /// `GNTCOPY_dest_gref`.
    @inlinable public static var destinationIsReference: UInt16 { 2 }
}

/// Grant references with a fixed use.
public enum ReservedGrantReference {
    /// `GNTTAB_RESERVED_CONSOLE`.
    @inlinable public static var console: UInt32 { 0 }
    /// `GNTTAB_RESERVED_XENSTORE`.
    @inlinable public static var store: UInt32 { 1 }
    /// `GNTTAB_NR_RESERVED_ENTRIES`.
    @inlinable public static var count: UInt32 { 8 }
}

/// `status` of one entry of a grant table operation. `GNTST_…`.
public enum GrantStatusCode {
    /// `GNTST_okay`.
    @inlinable public static var okay: Int16 { 0 }
    /// `GNTST_general_error`.
    @inlinable public static var generalError: Int16 { -1 }
    /// `GNTST_bad_domain`.
    @inlinable public static var badDomain: Int16 { -2 }
    /// `GNTST_bad_gntref`.
    @inlinable public static var badReference: Int16 { -3 }
    /// `GNTST_bad_handle`.
    @inlinable public static var badHandle: Int16 { -4 }
    /// `GNTST_bad_virt_addr`.
    @inlinable public static var badVirtualAddress: Int16 { -5 }
    /// `GNTST_bad_dev_addr`.
    @inlinable public static var badDeviceAddress: Int16 { -6 }
    /// `GNTST_no_device_space`.
    @inlinable public static var noDeviceSpace: Int16 { -7 }
    /// `GNTST_permission_denied`.
    @inlinable public static var permissionDenied: Int16 { -8 }
    /// `GNTST_bad_page`.
    @inlinable public static var badPage: Int16 { -9 }
    /// `GNTST_bad_copy_arg`.
    @inlinable public static var badCopyArgument: Int16 { -10 }
    /// `GNTST_address_too_big`.
    @inlinable public static var addressTooBig: Int16 { -11 }
    /// `GNTST_eagain`.
    @inlinable public static var tryAgain: Int16 { -12 }
    /// `GNTST_no_space`.
    @inlinable public static var noSpace: Int16 { -13 }
}

/// One entry of a version 1 grant table. The guest writes it, the hypervisor sets `reading` and `writing`.
/// `struct grant_entry_v1`, 8 bytes.
public enum GrantEntryV1Layout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<GrantEntryV1Layout, UInt16> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 0) }
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 2) }
}
extension Field<GrantEntryV1Layout, UInt32> {
    /// `frame`.
    @inlinable public static var frame: Self { .init(at: 4) }
}

/// One entry of a version 2 grant table. `union grant_entry_v2`, 16 bytes.
public enum GrantEntryV2Layout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<GrantEntryV2Layout, UInt16> {
    /// `hdr.flags`.
    @inlinable public static var flags: Self { .init(at: 0) }
    /// `hdr.domid`.
    @inlinable public static var domain: Self { .init(at: 2) }
    /// `sub_page.page_off`.
    @inlinable public static var pageOffset: Self { .init(at: 4) }
    /// `sub_page.length`.
    @inlinable public static var length: Self { .init(at: 6) }
    /// `transitive.trans_domid`.
    @inlinable public static var transitiveDomain: Self { .init(at: 4) }
}
extension Field<GrantEntryV2Layout, UInt64> {
    /// `full_page.frame`.
    @inlinable public static var fullPageFrame: Self { .init(at: 8) }
}
extension Field<GrantEntryV2Layout, UInt32> {
    /// `transitive.gref`.
    @inlinable public static var transitiveReference: Self { .init(at: 8) }
}

/// Maps one grant reference at a guest-physical address. `struct gnttab_map_grant_ref`, 32 bytes.
public enum GrantMapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<GrantMapLayout, UInt64> {
    /// `host_addr`.
    @inlinable public static var hostAddress: Self { .init(at: 0) }
    /// `dev_bus_addr`.
    @inlinable public static var deviceBusAddress: Self { .init(at: 24) }
}
extension Field<GrantMapLayout, UInt32> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 8) }
    /// `ref`.
    @inlinable public static var reference: Self { .init(at: 12) }
    /// `handle`.
    @inlinable public static var handle: Self { .init(at: 20) }
}
extension Field<GrantMapLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 16) }
}
extension Field<GrantMapLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 18) }
}

/// Ends one mapping. `struct gnttab_unmap_grant_ref`, 24 bytes.
public enum GrantUnmapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<GrantUnmapLayout, UInt64> {
    /// `host_addr`.
    @inlinable public static var hostAddress: Self { .init(at: 0) }
    /// `dev_bus_addr`.
    @inlinable public static var deviceBusAddress: Self { .init(at: 8) }
}
extension Field<GrantUnmapLayout, UInt32> {
    /// `handle`.
    @inlinable public static var handle: Self { .init(at: 16) }
}
extension Field<GrantUnmapLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 20) }
}

/// Grows a grant table and returns its frames. `struct gnttab_setup_table`, 24 bytes.
public enum GrantSetupTableLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<GrantSetupTableLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<GrantSetupTableLayout, UInt32> {
    /// `nr_frames`.
    @inlinable public static var frameCount: Self { .init(at: 4) }
}
extension Field<GrantSetupTableLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 8) }
}
extension Field<GrantSetupTableLayout, UInt64> {
    /// `frame_list`.
    @inlinable public static var frameList: Self { .init(at: 16) }
}

/// Prints a grant table to the hypervisor's console. `struct gnttab_dump_table`, 4 bytes.
public enum GrantDumpTableLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<GrantDumpTableLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<GrantDumpTableLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 2) }
}

/// Copies bytes between two pages, each a grant reference or a frame of the caller. `struct gnttab_copy`,
/// 40 bytes.
public enum GrantCopyLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<GrantCopyLayout, UInt32> {
    /// `source.u.ref`.
    @inlinable public static var sourceReference: Self { .init(at: 0) }
    /// `dest.u.ref`.
    @inlinable public static var destinationReference: Self { .init(at: 16) }
}
extension Field<GrantCopyLayout, UInt64> {
    /// `source.u.gmfn`.
    @inlinable public static var sourceFrame: Self { .init(at: 0) }
    /// `dest.u.gmfn`.
    @inlinable public static var destinationFrame: Self { .init(at: 16) }
}
extension Field<GrantCopyLayout, UInt16> {
    /// `source.domid`.
    @inlinable public static var sourceDomain: Self { .init(at: 8) }
    /// `source.offset`.
    @inlinable public static var sourceOffset: Self { .init(at: 10) }
    /// `dest.domid`.
    @inlinable public static var destinationDomain: Self { .init(at: 24) }
    /// `dest.offset`.
    @inlinable public static var destinationOffset: Self { .init(at: 26) }
    /// `len`.
    @inlinable public static var length: Self { .init(at: 32) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 34) }
}
extension Field<GrantCopyLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 36) }
}

/// Returns the current and maximum number of grant table frames. `struct gnttab_query_size`, 16 bytes.
public enum GrantQuerySizeLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<GrantQuerySizeLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<GrantQuerySizeLayout, UInt32> {
    /// `nr_frames`.
    @inlinable public static var frameCount: Self { .init(at: 4) }
    /// `max_nr_frames`.
    @inlinable public static var maximumFrameCount: Self { .init(at: 8) }
}
extension Field<GrantQuerySizeLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 12) }
}

/// Ends a mapping and puts another one in its place. `struct gnttab_unmap_and_replace`, 24 bytes.
public enum GrantUnmapAndReplaceLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<GrantUnmapAndReplaceLayout, UInt64> {
    /// `host_addr`.
    @inlinable public static var hostAddress: Self { .init(at: 0) }
    /// `new_addr`.
    @inlinable public static var newAddress: Self { .init(at: 8) }
}
extension Field<GrantUnmapAndReplaceLayout, UInt32> {
    /// `handle`.
    @inlinable public static var handle: Self { .init(at: 16) }
}
extension Field<GrantUnmapAndReplaceLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 20) }
}

/// Chooses the entry format; in: wanted, out: now in use. `struct gnttab_set_version`, 4 bytes.
public enum GrantSetVersionLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<GrantSetVersionLayout, UInt32> {
    /// `version`.
    @inlinable public static var version: Self { .init(at: 0) }
}

/// Returns the frames of the version 2 status array. `struct gnttab_get_status_frames`, 16 bytes.
public enum GrantGetStatusFramesLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<GrantGetStatusFramesLayout, UInt32> {
    /// `nr_frames`.
    @inlinable public static var frameCount: Self { .init(at: 0) }
}
extension Field<GrantGetStatusFramesLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 4) }
}
extension Field<GrantGetStatusFramesLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 6) }
}
extension Field<GrantGetStatusFramesLayout, UInt64> {
    /// `frame_list`.
    @inlinable public static var frameList: Self { .init(at: 8) }
}

/// Returns the entry format in use. `struct gnttab_get_version`, 8 bytes.
public enum GrantGetVersionLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<GrantGetVersionLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<GrantGetVersionLayout, UInt32> {
    /// `version`.
    @inlinable public static var version: Self { .init(at: 4) }
}

/// Exchanges two entries. `struct gnttab_swap_grant_ref`, 12 bytes.
public enum GrantSwapReferencesLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<GrantSwapReferencesLayout, UInt32> {
    /// `ref_a`.
    @inlinable public static var referenceA: Self { .init(at: 0) }
    /// `ref_b`.
    @inlinable public static var referenceB: Self { .init(at: 4) }
}
extension Field<GrantSwapReferencesLayout, Int16> {
    /// `status`.
    @inlinable public static var status: Self { .init(at: 8) }
}

/// Cache maintenance on a granted page. `struct gnttab_cache_flush`, 16 bytes.
public enum GrantCacheFlushLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<GrantCacheFlushLayout, UInt64> {
    /// `a.dev_bus_addr`.
    @inlinable public static var deviceBusAddress: Self { .init(at: 0) }
}
extension Field<GrantCacheFlushLayout, UInt32> {
    /// `a.ref`.
    @inlinable public static var reference: Self { .init(at: 0) }
    /// `op`.
    @inlinable public static var operation: Self { .init(at: 12) }
}
extension Field<GrantCacheFlushLayout, UInt16> {
    /// `offset`.
    @inlinable public static var offset: Self { .init(at: 8) }
    /// `length`.
    @inlinable public static var length: Self { .init(at: 10) }
}
