// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/version.h, public/features.h. Fields name their C spelling.

/// First argument of `xen_version`.
public enum VersionOperation {
    /// `XENVER_version`.
    @inlinable public static var version: UInt32 { 0 }
    /// `XENVER_extraversion`.
    @inlinable public static var extraVersion: UInt32 { 1 }
    /// `XENVER_compile_info`.
    @inlinable public static var compileInfo: UInt32 { 2 }
    /// `XENVER_capabilities`.
    @inlinable public static var capabilities: UInt32 { 3 }
    /// `XENVER_changeset`.
    @inlinable public static var changeset: UInt32 { 4 }
    /// `XENVER_platform_parameters`.
    @inlinable public static var platformParameters: UInt32 { 5 }
    /// `XENVER_get_features`.
    @inlinable public static var getFeatures: UInt32 { 6 }
    /// `XENVER_pagesize`.
    @inlinable public static var pageSize: UInt32 { 7 }
    /// `XENVER_guest_handle`.
    @inlinable public static var guestHandle: UInt32 { 8 }
    /// `XENVER_commandline`.
    @inlinable public static var commandLine: UInt32 { 9 }
    /// `XENVER_build_id`.
    @inlinable public static var buildID: UInt32 { 10 }
}

/// Sizes of the fixed text buffers, in bytes.
public enum VersionTextSize {
    /// `sizeof(xen_extraversion_t)`.
    @inlinable public static var extraVersion: Int { 16 }
    /// `sizeof(xen_capabilities_info_t)`.
    @inlinable public static var capabilities: Int { 1024 }
    /// `sizeof(xen_changeset_info_t)`.
    @inlinable public static var changeset: Int { 64 }
    /// `sizeof(xen_commandline_t)`.
    @inlinable public static var commandLine: Int { 1024 }
    /// `sizeof(xen_domain_handle_t)`.
    @inlinable public static var guestHandle: Int { 16 }
}

/// Four NUL-terminated texts. `struct xen_compile_info`, 144 bytes.
public enum CompileInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 144 }
}
extension Field<CompileInfoLayout, UInt8> {
    /// `compiler`, the first of 64.
    @inlinable public static var compiler: Self { .init(at: 0) }
    /// `compile_by`, the first of 16.
    @inlinable public static var compileBy: Self { .init(at: 64) }
    /// `compile_domain`, the first of 32.
    @inlinable public static var compileDomain: Self { .init(at: 80) }
    /// `compile_date`, the first of 32.
    @inlinable public static var compileDate: Self { .init(at: 112) }
}

/// Where the hypervisor's address space starts. `struct xen_platform_parameters`, 8 bytes.
public enum PlatformParametersLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<PlatformParametersLayout, UInt64> {
    /// `virt_start`.
    @inlinable public static var virtualStart: Self { .init(at: 0) }
}

/// One word of feature bits. `struct xen_feature_info`, 8 bytes.
public enum FeatureInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<FeatureInfoLayout, UInt32> {
    /// `submap_idx`.
    @inlinable public static var submapIndex: Self { .init(at: 0) }
    /// `submap`.
    @inlinable public static var submap: Self { .init(at: 4) }
}

/// Length, then the bytes. `struct xen_build_id`, 4 bytes.
public enum BuildIDLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<BuildIDLayout, UInt32> {
    /// `len`.
    @inlinable public static var length: Self { .init(at: 0) }
}

/// Bit numbers in feature word 0. `XENFEAT_…`.
public enum FeatureBit {
    /// `XENFEAT_writable_page_tables`.
    @inlinable public static var writablePageTables: UInt32 { 0 }
    /// `XENFEAT_writable_descriptor_tables`.
    @inlinable public static var writableDescriptorTables: UInt32 { 1 }
    /// `XENFEAT_auto_translated_physmap`.
    @inlinable public static var autoTranslatedPhysmap: UInt32 { 2 }
    /// `XENFEAT_supervisor_mode_kernel`.
    @inlinable public static var supervisorModeKernel: UInt32 { 3 }
    /// `XENFEAT_pae_pgdir_above_4gb`.
    @inlinable public static var paePageDirectoryAbove4G: UInt32 { 4 }
    /// `XENFEAT_mmu_pt_update_preserve_ad`.
    @inlinable public static var mmuUpdatePreserveAD: UInt32 { 5 }
    /// `XENFEAT_highmem_assist`.
    @inlinable public static var highMemoryAssist: UInt32 { 6 }
    /// `XENFEAT_gnttab_map_avail_bits`.
    @inlinable public static var grantMapAvailableBits: UInt32 { 7 }
    /// `XENFEAT_hvm_callback_vector`.
    @inlinable public static var callbackVector: UInt32 { 8 }
    /// `XENFEAT_hvm_safe_pvclock`.
    @inlinable public static var safePVClock: UInt32 { 9 }
    /// `XENFEAT_hvm_pirqs`.
    @inlinable public static var physicalInterrupts: UInt32 { 10 }
    /// `XENFEAT_dom0`.
    @inlinable public static var domain0: UInt32 { 11 }
    /// `XENFEAT_memory_op_vnode_supported`.
    @inlinable public static var memoryOperationVNode: UInt32 { 13 }
    /// `XENFEAT_ARM_SMCCC_supported`.
    @inlinable public static var smccc: UInt32 { 14 }
    /// `XENFEAT_linux_rsdp_unrestricted`.
    @inlinable public static var linuxRSDPUnrestricted: UInt32 { 15 }
    /// `XENFEAT_not_direct_mapped`.
    @inlinable public static var notDirectMapped: UInt32 { 16 }
    /// `XENFEAT_direct_mapped`.
    @inlinable public static var directMapped: UInt32 { 17 }
}
