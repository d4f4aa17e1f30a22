// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/domctl.h. Fields name their C spelling.

/// `interfaceVersion` of every `DomctlLayout`.
public enum DomctlVersion {
    /// `XEN_DOMCTL_INTERFACE_VERSION`.
    @inlinable public static var value: UInt32 { 0x15 }
}

/// Head of every domctl; the operation's own block follows at `argumentOffset`. `struct xen_domctl`, 144
/// bytes.
public enum DomctlLayout: ABILayout {
    @inlinable public static var byteCount: Int { 144 }
    /// Where the operation's own block starts in it.
    @inlinable public static var argumentOffset: Int { 16 }
}
extension Field<DomctlLayout, UInt32> {
    /// `cmd`.
    @inlinable public static var command: Self { .init(at: 0) }
    /// `interface_version`.
    @inlinable public static var interfaceVersion: Self { .init(at: 4) }
}
extension Field<DomctlLayout, UInt16> {
    /// `domain`.
    @inlinable public static var domain: Self { .init(at: 8) }
}

/// `command` of a domctl.
public enum DomctlOperation {
    /// `XEN_DOMCTL_createdomain`.
    @inlinable public static var createDomain: UInt32 { 1 }
    /// `XEN_DOMCTL_destroydomain`.
    @inlinable public static var destroyDomain: UInt32 { 2 }
    /// `XEN_DOMCTL_pausedomain`.
    @inlinable public static var pauseDomain: UInt32 { 3 }
    /// `XEN_DOMCTL_unpausedomain`.
    @inlinable public static var unpauseDomain: UInt32 { 4 }
    /// `XEN_DOMCTL_getdomaininfo`.
    @inlinable public static var getDomainInfo: UInt32 { 5 }
    /// `XEN_DOMCTL_setvcpuaffinity`.
    @inlinable public static var setVCPUAffinity: UInt32 { 9 }
    /// `XEN_DOMCTL_shadow_op`.
    @inlinable public static var shadow: UInt32 { 10 }
    /// `XEN_DOMCTL_max_mem`.
    @inlinable public static var maximumMemory: UInt32 { 11 }
    /// `XEN_DOMCTL_setvcpucontext`.
    @inlinable public static var setVCPUContext: UInt32 { 12 }
    /// `XEN_DOMCTL_getvcpucontext`.
    @inlinable public static var getVCPUContext: UInt32 { 13 }
    /// `XEN_DOMCTL_getvcpuinfo`.
    @inlinable public static var getVCPUInfo: UInt32 { 14 }
    /// `XEN_DOMCTL_max_vcpus`.
    @inlinable public static var maximumVCPUs: UInt32 { 15 }
    /// `XEN_DOMCTL_scheduler_op`.
    @inlinable public static var scheduler: UInt32 { 16 }
    /// `XEN_DOMCTL_setdomainhandle`.
    @inlinable public static var setDomainHandle: UInt32 { 17 }
    /// `XEN_DOMCTL_setdebugging`.
    @inlinable public static var setDebugging: UInt32 { 18 }
    /// `XEN_DOMCTL_irq_permission`.
    @inlinable public static var irqPermission: UInt32 { 19 }
    /// `XEN_DOMCTL_iomem_permission`.
    @inlinable public static var iomemPermission: UInt32 { 20 }
    /// `XEN_DOMCTL_ioport_permission`.
    @inlinable public static var ioportPermission: UInt32 { 21 }
    /// `XEN_DOMCTL_hypercall_init`.
    @inlinable public static var hypercallInit: UInt32 { 22 }
    /// `XEN_DOMCTL_settimeoffset`.
    @inlinable public static var setTimeOffset: UInt32 { 24 }
    /// `XEN_DOMCTL_getvcpuaffinity`.
    @inlinable public static var getVCPUAffinity: UInt32 { 25 }
    /// `XEN_DOMCTL_resumedomain`.
    @inlinable public static var resumeDomain: UInt32 { 27 }
    /// `XEN_DOMCTL_sendtrigger`.
    @inlinable public static var sendTrigger: UInt32 { 28 }
    /// `XEN_DOMCTL_subscribe`.
    @inlinable public static var subscribe: UInt32 { 29 }
    /// `XEN_DOMCTL_gethvmcontext`.
    @inlinable public static var getHVMContext: UInt32 { 33 }
    /// `XEN_DOMCTL_sethvmcontext`.
    @inlinable public static var setHVMContext: UInt32 { 34 }
    /// `XEN_DOMCTL_set_address_size`.
    @inlinable public static var setAddressSize: UInt32 { 35 }
    /// `XEN_DOMCTL_get_address_size`.
    @inlinable public static var getAddressSize: UInt32 { 36 }
    /// `XEN_DOMCTL_assign_device`.
    @inlinable public static var assignDevice: UInt32 { 37 }
    /// `XEN_DOMCTL_bind_pt_irq`.
    @inlinable public static var bindPTInterrupt: UInt32 { 38 }
    /// `XEN_DOMCTL_memory_mapping`.
    @inlinable public static var memoryMapping: UInt32 { 39 }
    /// `XEN_DOMCTL_ioport_mapping`.
    @inlinable public static var ioportMapping: UInt32 { 40 }
    /// `XEN_DOMCTL_set_ext_vcpucontext`.
    @inlinable public static var setExtendedVCPUContext: UInt32 { 42 }
    /// `XEN_DOMCTL_get_ext_vcpucontext`.
    @inlinable public static var getExtendedVCPUContext: UInt32 { 43 }
    /// `XEN_DOMCTL_test_assign_device`.
    @inlinable public static var testAssignDevice: UInt32 { 45 }
    /// `XEN_DOMCTL_set_target`.
    @inlinable public static var setTarget: UInt32 { 46 }
    /// `XEN_DOMCTL_deassign_device`.
    @inlinable public static var deassignDevice: UInt32 { 47 }
    /// `XEN_DOMCTL_unbind_pt_irq`.
    @inlinable public static var unbindPTInterrupt: UInt32 { 48 }
    /// `XEN_DOMCTL_get_device_group`.
    @inlinable public static var getDeviceGroup: UInt32 { 50 }
    /// `XEN_DOMCTL_debug_op`.
    @inlinable public static var debug: UInt32 { 54 }
    /// `XEN_DOMCTL_gethvmcontext_partial`.
    @inlinable public static var getHVMContextPartial: UInt32 { 55 }
    /// `XEN_DOMCTL_vm_event_op`.
    @inlinable public static var vmEvent: UInt32 { 56 }
    /// `XEN_DOMCTL_mem_sharing_op`.
    @inlinable public static var memorySharing: UInt32 { 57 }
    /// `XEN_DOMCTL_gettscinfo`.
    @inlinable public static var getTSCInfo: UInt32 { 59 }
    /// `XEN_DOMCTL_settscinfo`.
    @inlinable public static var setTSCInfo: UInt32 { 60 }
    /// `XEN_DOMCTL_getpageframeinfo3`.
    @inlinable public static var getPageFrameInfo3: UInt32 { 61 }
    /// `XEN_DOMCTL_setvcpuextstate`.
    @inlinable public static var setVCPUExtendedState: UInt32 { 62 }
    /// `XEN_DOMCTL_getvcpuextstate`.
    @inlinable public static var getVCPUExtendedState: UInt32 { 63 }
    /// `XEN_DOMCTL_set_access_required`.
    @inlinable public static var setAccessRequired: UInt32 { 64 }
    /// `XEN_DOMCTL_audit_p2m`.
    @inlinable public static var auditP2M: UInt32 { 65 }
    /// `XEN_DOMCTL_set_virq_handler`.
    @inlinable public static var setVirtualInterruptHandler: UInt32 { 66 }
    /// `XEN_DOMCTL_set_broken_page_p2m`.
    @inlinable public static var setBrokenPage: UInt32 { 67 }
    /// `XEN_DOMCTL_setnodeaffinity`.
    @inlinable public static var setNodeAffinity: UInt32 { 68 }
    /// `XEN_DOMCTL_getnodeaffinity`.
    @inlinable public static var getNodeAffinity: UInt32 { 69 }
    /// `XEN_DOMCTL_cacheflush`.
    @inlinable public static var cacheFlush: UInt32 { 71 }
    /// `XEN_DOMCTL_get_vcpu_msrs`.
    @inlinable public static var getVCPUMSRs: UInt32 { 72 }
    /// `XEN_DOMCTL_set_vcpu_msrs`.
    @inlinable public static var setVCPUMSRs: UInt32 { 73 }
    /// `XEN_DOMCTL_setvnumainfo`.
    @inlinable public static var setVNUMAInfo: UInt32 { 74 }
    /// `XEN_DOMCTL_psr_cmt_op`.
    @inlinable public static var psrMonitoring: UInt32 { 75 }
    /// `XEN_DOMCTL_monitor_op`.
    @inlinable public static var monitor: UInt32 { 77 }
    /// `XEN_DOMCTL_psr_alloc`.
    @inlinable public static var psrAllocation: UInt32 { 78 }
    /// `XEN_DOMCTL_soft_reset`.
    @inlinable public static var softReset: UInt32 { 79 }
    /// `XEN_DOMCTL_vuart_op`.
    @inlinable public static var vuart: UInt32 { 81 }
    /// `XEN_DOMCTL_get_cpu_policy`.
    @inlinable public static var getCPUPolicy: UInt32 { 82 }
    /// `XEN_DOMCTL_set_cpu_policy`.
    @inlinable public static var setCPUPolicy: UInt32 { 83 }
    /// `XEN_DOMCTL_vmtrace_op`.
    @inlinable public static var vmtrace: UInt32 { 84 }
    /// `XEN_DOMCTL_get_paging_mempool_size`.
    @inlinable public static var getPagingMempoolSize: UInt32 { 85 }
    /// `XEN_DOMCTL_set_paging_mempool_size`.
    @inlinable public static var setPagingMempoolSize: UInt32 { 86 }
    /// `XEN_DOMCTL_gdbsx_guestmemio`.
    @inlinable public static var gdbsxGuestMemoryIO: UInt32 { 1000 }
    /// `XEN_DOMCTL_gdbsx_pausevcpu`.
    @inlinable public static var gdbsxPauseVCPU: UInt32 { 1001 }
    /// `XEN_DOMCTL_gdbsx_unpausevcpu`.
    @inlinable public static var gdbsxUnpauseVCPU: UInt32 { 1002 }
    /// `XEN_DOMCTL_gdbsx_domstatus`.
    @inlinable public static var gdbsxDomainStatus: UInt32 { 1003 }
}

/// A new domain's fixed properties. `struct xen_domctl_createdomain`, 64 bytes.
public enum DomctlCreateDomainLayout: ABILayout {
    @inlinable public static var byteCount: Int { 64 }
}
extension Field<DomctlCreateDomainLayout, UInt32> {
    /// `ssidref`.
    @inlinable public static var ssidref: Self { .init(at: 0) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 20) }
    /// `iommu_opts`.
    @inlinable public static var iommuOptions: Self { .init(at: 24) }
    /// `max_vcpus`.
    @inlinable public static var maximumVCPUs: Self { .init(at: 28) }
    /// `max_evtchn_port`.
    @inlinable public static var maximumEventPort: Self { .init(at: 32) }
    /// `grant_opts`.
    @inlinable public static var grantOptions: Self { .init(at: 44) }
    /// `vmtrace_size`.
    @inlinable public static var vmtraceSize: Self { .init(at: 48) }
    /// `cpupool_id`.
    @inlinable public static var cpupool: Self { .init(at: 52) }
    /// `arch.emulation_flags`.
    @inlinable public static var emulationFlags: Self { .init(at: 56) }
    /// `arch.misc_flags`.
    @inlinable public static var miscFlags: Self { .init(at: 60) }
}
extension Field<DomctlCreateDomainLayout, UInt8> {
    /// `handle`, the first of 16.
    @inlinable public static var handle: Self { .init(at: 4) }
}
extension Field<DomctlCreateDomainLayout, Int32> {
    /// `max_grant_frames`.
    @inlinable public static var maximumGrantFrames: Self { .init(at: 36) }
    /// `max_maptrack_frames`.
    @inlinable public static var maximumMaptrackFrames: Self { .init(at: 40) }
}

/// `flags` of `DomctlCreateDomainLayout`. `XEN_DOMCTL_CDF_…`.
public enum CreateDomainFlag {
    /// `XEN_DOMCTL_CDF_hvm`.
    @inlinable public static var hvm: UInt32 { 1 }
    /// `XEN_DOMCTL_CDF_hap`.
    @inlinable public static var hap: UInt32 { 2 }
    /// `XEN_DOMCTL_CDF_s3_integrity`.
    @inlinable public static var s3Integrity: UInt32 { 4 }
    /// `XEN_DOMCTL_CDF_oos_off`.
    @inlinable public static var outOfSyncOff: UInt32 { 8 }
    /// `XEN_DOMCTL_CDF_xs_domain`.
    @inlinable public static var xenstoreDomain: UInt32 { 0x10 }
    /// `XEN_DOMCTL_CDF_iommu`.
    @inlinable public static var iommu: UInt32 { 0x20 }
    /// `XEN_DOMCTL_CDF_nested_virt`.
    @inlinable public static var nestedVirtualization: UInt32 { 0x40 }
    /// `XEN_DOMCTL_CDF_vpmu`.
    @inlinable public static var vpmu: UInt32 { 0x80 }
}

/// `grantOptions` of `DomctlCreateDomainLayout`.
public enum GrantOption {
    /// `XEN_DOMCTL_GRANT_version_mask`.
    @inlinable public static var versionMask: UInt32 { 15 }
}

/// Devices a domain's hypervisor emulates. `XEN_X86_EMU_…`, `public/arch-x86/xen.h`.
public enum EmulationFlag {
    /// `XEN_X86_EMU_LAPIC`.
    @inlinable public static var lapic: UInt32 { 1 }
    /// `XEN_X86_EMU_HPET`.
    @inlinable public static var hpet: UInt32 { 2 }
    /// `XEN_X86_EMU_PM`.
    @inlinable public static var pm: UInt32 { 4 }
    /// `XEN_X86_EMU_RTC`.
    @inlinable public static var rtc: UInt32 { 8 }
    /// `XEN_X86_EMU_IOAPIC`.
    @inlinable public static var ioapic: UInt32 { 0x10 }
    /// `XEN_X86_EMU_PIC`.
    @inlinable public static var pic: UInt32 { 0x20 }
    /// `XEN_X86_EMU_VGA`.
    @inlinable public static var vga: UInt32 { 0x40 }
    /// `XEN_X86_EMU_IOMMU`.
    @inlinable public static var iommu: UInt32 { 0x80 }
    /// `XEN_X86_EMU_PIT`.
    @inlinable public static var pit: UInt32 { 0x100 }
    /// `XEN_X86_EMU_USE_PIRQ`.
    @inlinable public static var usePIRQ: UInt32 { 0x200 }
    /// `XEN_X86_EMU_VPCI`.
    @inlinable public static var vpci: UInt32 { 0x400 }
    /// `XEN_X86_EMU_ALL`.
    @inlinable public static var all: UInt32 { 0x7ff }
}

/// What a domain is and uses. `struct xen_domctl_getdomaininfo`, 112 bytes.
public enum DomctlDomainInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 112 }
}
extension Field<DomctlDomainInfoLayout, UInt16> {
    /// `domain`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<DomctlDomainInfoLayout, UInt32> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 4) }
    /// `nr_online_vcpus`.
    @inlinable public static var onlineVCPUs: Self { .init(at: 64) }
    /// `max_vcpu_id`.
    @inlinable public static var maximumVCPUID: Self { .init(at: 68) }
    /// `ssidref`.
    @inlinable public static var ssidref: Self { .init(at: 72) }
    /// `cpupool`.
    @inlinable public static var cpupool: Self { .init(at: 92) }
    /// `arch_config.emulation_flags`.
    @inlinable public static var emulationFlags: Self { .init(at: 104) }
    /// `arch_config.misc_flags`.
    @inlinable public static var miscFlags: Self { .init(at: 108) }
}
extension Field<DomctlDomainInfoLayout, UInt64> {
    /// `tot_pages`.
    @inlinable public static var totalPages: Self { .init(at: 8) }
    /// `max_pages`.
    @inlinable public static var maximumPages: Self { .init(at: 16) }
    /// `outstanding_pages`.
    @inlinable public static var outstandingPages: Self { .init(at: 24) }
    /// `shr_pages`.
    @inlinable public static var sharedPages: Self { .init(at: 32) }
    /// `paged_pages`.
    @inlinable public static var pagedPages: Self { .init(at: 40) }
    /// `shared_info_frame`.
    @inlinable public static var sharedInfoFrame: Self { .init(at: 48) }
    /// `cpu_time`. Nanoseconds.
    @inlinable public static var cpuTime: Self { .init(at: 56) }
}
extension Field<DomctlDomainInfoLayout, UInt8> {
    /// `handle`, the first of 16.
    @inlinable public static var handle: Self { .init(at: 76) }
    /// `gpaddr_bits`.
    @inlinable public static var guestAddressBits: Self { .init(at: 96) }
}

/// `flags` of `DomctlDomainInfoLayout`. `XEN_DOMINF_…`.
public enum DomainInfoFlag {
    /// `XEN_DOMINF_dying`.
    @inlinable public static var dying: UInt32 { 1 }
    /// `XEN_DOMINF_hvm_guest`.
    @inlinable public static var hvmGuest: UInt32 { 2 }
    /// `XEN_DOMINF_shutdown`.
    @inlinable public static var shutdown: UInt32 { 4 }
    /// `XEN_DOMINF_paused`.
    @inlinable public static var paused: UInt32 { 8 }
    /// `XEN_DOMINF_blocked`.
    @inlinable public static var blocked: UInt32 { 0x10 }
    /// `XEN_DOMINF_running`.
    @inlinable public static var running: UInt32 { 0x20 }
    /// `XEN_DOMINF_debugged`.
    @inlinable public static var debugged: UInt32 { 0x40 }
    /// `XEN_DOMINF_xs_domain`.
    @inlinable public static var xenstoreDomain: UInt32 { 0x80 }
    /// `XEN_DOMINF_hap`.
    @inlinable public static var hap: UInt32 { 0x100 }
    /// `XEN_DOMINF_shutdownmask`. Mask of the shutdown reason after the shift.
    @inlinable public static var shutdownMask: UInt32 { 255 }
    /// `XEN_DOMINF_shutdownshift`.
    @inlinable public static var shutdownShift: UInt32 { 16 }
}

/// Special values in `DomctlDomainInfoLayout`.
public enum DomainInfoLimit {
    /// `XEN_INVALID_MAX_VCPU_ID`. `maximumVCPUID` of a domain without vCPUs.
    @inlinable public static var noVCPUs: UInt32 { 0xffffffff }
}

/// Types of up to 1024 guest frames. `struct xen_domctl_getpageframeinfo3`, 16 bytes.
public enum DomctlPageFrameInfo3Layout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<DomctlPageFrameInfo3Layout, UInt64> {
    /// `num`.
    @inlinable public static var count: Self { .init(at: 0) }
    /// `array`.
    @inlinable public static var array: Self { .init(at: 8) }
}

/// Types that `getPageFrameInfo3` reports. `XEN_DOMCTL_PFINFO_…`.
public enum PageFrameType {
    /// `XEN_DOMCTL_PFINFO_NOTAB`.
    @inlinable public static var none: UInt32 { 0 }
    /// `XEN_DOMCTL_PFINFO_XTAB`.
    @inlinable public static var invalid: UInt32 { 0xf0000000 }
    /// `XEN_DOMCTL_PFINFO_XALLOC`.
    @inlinable public static var allocateOnly: UInt32 { 0xe0000000 }
    /// `XEN_DOMCTL_PFINFO_BROKEN`.
    @inlinable public static var broken: UInt32 { 0xd0000000 }
}

/// A set of NUMA nodes. `struct xen_domctl_nodeaffinity`, 16 bytes.
public enum DomctlNodeAffinityLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<DomctlNodeAffinityLayout, UInt64> {
    /// `nodemap.bitmap`.
    @inlinable public static var bitmap: Self { .init(at: 0) }
}
extension Field<DomctlNodeAffinityLayout, UInt32> {
    /// `nodemap.nr_bits`.
    @inlinable public static var bitCount: Self { .init(at: 8) }
}

/// Where a vCPU may and should run. `struct xen_domctl_vcpuaffinity`, 40 bytes.
public enum DomctlVCPUAffinityLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<DomctlVCPUAffinityLayout, UInt32> {
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 0) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 4) }
    /// `cpumap_hard.nr_bits`.
    @inlinable public static var hardBitCount: Self { .init(at: 16) }
    /// `cpumap_soft.nr_bits`.
    @inlinable public static var softBitCount: Self { .init(at: 32) }
}
extension Field<DomctlVCPUAffinityLayout, UInt64> {
    /// `cpumap_hard.bitmap`.
    @inlinable public static var hardBitmap: Self { .init(at: 8) }
    /// `cpumap_soft.bitmap`.
    @inlinable public static var softBitmap: Self { .init(at: 24) }
}

/// `flags` of `DomctlVCPUAffinityLayout`.
public enum VCPUAffinityFlag {
    /// `XEN_VCPUAFFINITY_HARD`.
    @inlinable public static var hard: UInt32 { 1 }
    /// `XEN_VCPUAFFINITY_SOFT`.
    @inlinable public static var soft: UInt32 { 2 }
    /// `XEN_VCPUAFFINITY_FORCE`.
    @inlinable public static var force: UInt32 { 4 }
}

/// Log-dirty control and the size of the paging pool. `struct xen_domctl_shadow_op`, 40 bytes.
public enum DomctlShadowLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<DomctlShadowLayout, UInt32> {
    /// `op`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `mode`.
    @inlinable public static var mode: Self { .init(at: 4) }
    /// `mb`.
    @inlinable public static var megabytes: Self { .init(at: 8) }
    /// `stats.fault_count`.
    @inlinable public static var faultCount: Self { .init(at: 32) }
    /// `stats.dirty_count`.
    @inlinable public static var dirtyCount: Self { .init(at: 36) }
}
extension Field<DomctlShadowLayout, UInt64> {
    /// `dirty_bitmap`.
    @inlinable public static var dirtyBitmap: Self { .init(at: 16) }
    /// `pages`.
    @inlinable public static var pages: Self { .init(at: 24) }
}

/// `operation` of `DomctlShadowLayout`.
public enum ShadowOperation {
    /// `XEN_DOMCTL_SHADOW_OP_OFF`.
    @inlinable public static var off: UInt32 { 0 }
    /// `XEN_DOMCTL_SHADOW_OP_ENABLE_TEST`.
    @inlinable public static var enableTest: UInt32 { 1 }
    /// `XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY`.
    @inlinable public static var enableLogDirty: UInt32 { 2 }
    /// `XEN_DOMCTL_SHADOW_OP_CLEAN`.
    @inlinable public static var clean: UInt32 { 11 }
    /// `XEN_DOMCTL_SHADOW_OP_PEEK`.
    @inlinable public static var peek: UInt32 { 12 }
    /// `XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION`.
    @inlinable public static var getAllocation: UInt32 { 30 }
    /// `XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION`.
    @inlinable public static var setAllocation: UInt32 { 31 }
    /// `XEN_DOMCTL_SHADOW_OP_ENABLE`.
    @inlinable public static var enable: UInt32 { 32 }
}

/// `mode` of `DomctlShadowLayout`.
public enum ShadowMode {
    /// `XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL`.
    @inlinable public static var logDirtyFinal: UInt32 { 1 }
    /// `XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY`.
    @inlinable public static var enableLogDirty: UInt32 { 4 }
}

/// Limit of a domain's memory in KiB. `struct xen_domctl_max_mem`, 8 bytes.
public enum DomctlMaximumMemoryLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<DomctlMaximumMemoryLayout, UInt64> {
    /// `max_memkb`.
    @inlinable public static var kibibytes: Self { .init(at: 0) }
}

/// A vCPU and the address of its `VCPUGuestContextLayout`. `struct xen_domctl_vcpucontext`, 16 bytes.
public enum DomctlVCPUContextLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<DomctlVCPUContextLayout, UInt32> {
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 0) }
}
extension Field<DomctlVCPUContextLayout, UInt64> {
    /// `ctxt`.
    @inlinable public static var context: Self { .init(at: 8) }
}

/// A vCPU's registers as the tools see them. `public/arch-x86/xen.h`. `struct vcpu_guest_context`, 5168
/// bytes.
public enum VCPUGuestContextLayout: ABILayout {
    @inlinable public static var byteCount: Int { 5168 }
}
extension Field<VCPUGuestContextLayout, UInt8> {
    /// `fpu_ctxt.x`, the first of 512.
    @inlinable public static var fpuContext: Self { .init(at: 0) }
}
extension Field<VCPUGuestContextLayout, UInt64> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 512) }
    /// `user_regs.r15`.
    @inlinable public static var r15: Self { .init(at: 520) }
    /// `user_regs.r14`.
    @inlinable public static var r14: Self { .init(at: 528) }
    /// `user_regs.r13`.
    @inlinable public static var r13: Self { .init(at: 536) }
    /// `user_regs.r12`.
    @inlinable public static var r12: Self { .init(at: 544) }
    /// `user_regs.rbp`.
    @inlinable public static var rbp: Self { .init(at: 552) }
    /// `user_regs.rbx`.
    @inlinable public static var rbx: Self { .init(at: 560) }
    /// `user_regs.r11`.
    @inlinable public static var r11: Self { .init(at: 568) }
    /// `user_regs.r10`.
    @inlinable public static var r10: Self { .init(at: 576) }
    /// `user_regs.r9`.
    @inlinable public static var r9: Self { .init(at: 584) }
    /// `user_regs.r8`.
    @inlinable public static var r8: Self { .init(at: 592) }
    /// `user_regs.rax`.
    @inlinable public static var rax: Self { .init(at: 600) }
    /// `user_regs.rcx`.
    @inlinable public static var rcx: Self { .init(at: 608) }
    /// `user_regs.rdx`.
    @inlinable public static var rdx: Self { .init(at: 616) }
    /// `user_regs.rsi`.
    @inlinable public static var rsi: Self { .init(at: 624) }
    /// `user_regs.rdi`.
    @inlinable public static var rdi: Self { .init(at: 632) }
    /// `user_regs.rip`.
    @inlinable public static var rip: Self { .init(at: 648) }
    /// `user_regs.rflags`.
    @inlinable public static var rflags: Self { .init(at: 664) }
    /// `user_regs.rsp`.
    @inlinable public static var rsp: Self { .init(at: 672) }
    /// `ctrlreg`, the first of 8.
    @inlinable public static var controlRegisters: Self { .init(at: 4984) }
    /// `debugreg`, the first of 8.
    @inlinable public static var debugRegisters: Self { .init(at: 5048) }
    /// `fs_base`.
    @inlinable public static var fsBase: Self { .init(at: 5144) }
    /// `gs_base_kernel`.
    @inlinable public static var kernelGSBase: Self { .init(at: 5152) }
    /// `gs_base_user`.
    @inlinable public static var userGSBase: Self { .init(at: 5160) }
}
extension Field<VCPUGuestContextLayout, UInt32> {
    /// `user_regs.error_code`.
    @inlinable public static var errorCode: Self { .init(at: 640) }
    /// `user_regs.entry_vector`.
    @inlinable public static var entryVector: Self { .init(at: 644) }
}
extension Field<VCPUGuestContextLayout, UInt16> {
    /// `user_regs.cs`.
    @inlinable public static var cs: Self { .init(at: 656) }
    /// `user_regs.ss`.
    @inlinable public static var ss: Self { .init(at: 680) }
    /// `user_regs.es`.
    @inlinable public static var es: Self { .init(at: 688) }
    /// `user_regs.ds`.
    @inlinable public static var ds: Self { .init(at: 696) }
    /// `user_regs.fs`.
    @inlinable public static var fs: Self { .init(at: 704) }
    /// `user_regs.gs`.
    @inlinable public static var gs: Self { .init(at: 712) }
}

/// What a vCPU is doing; `cpuTime` in nanoseconds. `struct xen_domctl_getvcpuinfo`, 24 bytes.
public enum DomctlVCPUInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<DomctlVCPUInfoLayout, UInt32> {
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 0) }
    /// `cpu`.
    @inlinable public static var cpu: Self { .init(at: 16) }
}
extension Field<DomctlVCPUInfoLayout, UInt8> {
    /// `online`.
    @inlinable public static var online: Self { .init(at: 4) }
    /// `blocked`.
    @inlinable public static var blocked: Self { .init(at: 5) }
    /// `running`.
    @inlinable public static var running: Self { .init(at: 6) }
}
extension Field<DomctlVCPUInfoLayout, UInt64> {
    /// `cpu_time`.
    @inlinable public static var cpuTime: Self { .init(at: 8) }
}

/// Number of vCPUs to make. `struct xen_domctl_max_vcpus`, 4 bytes.
public enum DomctlMaximumVCPUsLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<DomctlMaximumVCPUsLayout, UInt32> {
    /// `max`.
    @inlinable public static var maximum: Self { .init(at: 0) }
}

/// Schedulers. `XEN_SCHEDULER_…`.
public enum SchedulerID {
    /// `XEN_SCHEDULER_CREDIT`.
    @inlinable public static var credit: UInt32 { 5 }
    /// `XEN_SCHEDULER_CREDIT2`.
    @inlinable public static var credit2: UInt32 { 6 }
    /// `XEN_SCHEDULER_ARINC653`.
    @inlinable public static var arinc653: UInt32 { 7 }
    /// `XEN_SCHEDULER_RTDS`.
    @inlinable public static var rtds: UInt32 { 8 }
    /// `XEN_SCHEDULER_NULL`.
    @inlinable public static var null: UInt32 { 9 }
}

/// Scheduling parameters of a domain. `struct xen_domctl_scheduler_op`, 24 bytes.
public enum DomctlSchedulerLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<DomctlSchedulerLayout, UInt32> {
    /// `sched_id`.
    @inlinable public static var schedulerID: Self { .init(at: 0) }
    /// `cmd`.
    @inlinable public static var command: Self { .init(at: 4) }
}
extension Field<DomctlSchedulerLayout, UInt16> {
    /// `u.credit.weight`.
    @inlinable public static var creditWeight: Self { .init(at: 8) }
    /// `u.credit.cap`.
    @inlinable public static var creditCap: Self { .init(at: 10) }
}

/// A domain's UUID. `struct xen_domctl_setdomainhandle`, 16 bytes.
public enum DomctlDomainHandleLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<DomctlDomainHandleLayout, UInt8> {
    /// `handle`, the first of 16.
    @inlinable public static var handle: Self { .init(at: 0) }
}

/// Access to a physical interrupt. `struct xen_domctl_irq_permission`, 8 bytes.
public enum DomctlInterruptPermissionLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<DomctlInterruptPermissionLayout, UInt32> {
    /// `pirq`.
    @inlinable public static var interrupt: Self { .init(at: 0) }
}
extension Field<DomctlInterruptPermissionLayout, UInt8> {
    /// `allow_access`.
    @inlinable public static var allow: Self { .init(at: 4) }
}

/// Access to machine frames that are not RAM. `struct xen_domctl_iomem_permission`, 24 bytes.
public enum DomctlIOMemoryPermissionLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<DomctlIOMemoryPermissionLayout, UInt64> {
    /// `first_mfn`.
    @inlinable public static var firstFrame: Self { .init(at: 0) }
    /// `nr_mfns`.
    @inlinable public static var frameCount: Self { .init(at: 8) }
}
extension Field<DomctlIOMemoryPermissionLayout, UInt8> {
    /// `allow_access`.
    @inlinable public static var allow: Self { .init(at: 16) }
}

/// Access to I/O ports. `struct xen_domctl_ioport_permission`, 12 bytes.
public enum DomctlIOPortPermissionLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<DomctlIOPortPermissionLayout, UInt32> {
    /// `first_port`.
    @inlinable public static var firstPort: Self { .init(at: 0) }
    /// `nr_ports`.
    @inlinable public static var portCount: Self { .init(at: 4) }
}
extension Field<DomctlIOPortPermissionLayout, UInt8> {
    /// `allow_access`.
    @inlinable public static var allow: Self { .init(at: 8) }
}

/// Frame to fill with a hypercall page. `struct xen_domctl_hypercall_init`, 8 bytes.
public enum DomctlHypercallInitLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<DomctlHypercallInitLayout, UInt64> {
    /// `gmfn`.
    @inlinable public static var guestFrame: Self { .init(at: 0) }
}

/// Seconds added to a domain's wallclock. `struct xen_domctl_settimeoffset`, 8 bytes.
public enum DomctlTimeOffsetLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<DomctlTimeOffsetLayout, Int64> {
    /// `time_offset_seconds`.
    @inlinable public static var seconds: Self { .init(at: 0) }
}

/// A buffer of saved records. `public/hvm/save.h`. `struct xen_domctl_hvmcontext`, 16 bytes.
public enum DomctlHVMContextLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<DomctlHVMContextLayout, UInt32> {
    /// `size`.
    @inlinable public static var size: Self { .init(at: 0) }
}
extension Field<DomctlHVMContextLayout, UInt64> {
    /// `buffer`.
    @inlinable public static var buffer: Self { .init(at: 8) }
}

/// One saved record. `struct xen_domctl_hvmcontext_partial`, 24 bytes.
public enum DomctlHVMContextPartialLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<DomctlHVMContextPartialLayout, UInt32> {
    /// `type`.
    @inlinable public static var type: Self { .init(at: 0) }
    /// `instance`.
    @inlinable public static var instance: Self { .init(at: 4) }
}
extension Field<DomctlHVMContextPartialLayout, UInt64> {
    /// `bufsz`.
    @inlinable public static var bufferSize: Self { .init(at: 8) }
    /// `buffer`.
    @inlinable public static var buffer: Self { .init(at: 16) }
}

/// Word size of a PV guest. `struct xen_domctl_address_size`, 4 bytes.
public enum DomctlAddressSizeLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<DomctlAddressSizeLayout, UInt32> {
    /// `size`.
    @inlinable public static var size: Self { .init(at: 0) }
}

/// An event for a vCPU. `struct xen_domctl_sendtrigger`, 8 bytes.
public enum DomctlSendTriggerLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<DomctlSendTriggerLayout, UInt32> {
    /// `trigger`.
    @inlinable public static var trigger: Self { .init(at: 0) }
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 4) }
}

/// `trigger` of `DomctlSendTriggerLayout`.
public enum TriggerKind {
    /// `XEN_DOMCTL_SENDTRIGGER_NMI`.
    @inlinable public static var nmi: UInt32 { 0 }
    /// `XEN_DOMCTL_SENDTRIGGER_RESET`.
    @inlinable public static var reset: UInt32 { 1 }
    /// `XEN_DOMCTL_SENDTRIGGER_INIT`.
    @inlinable public static var initialise: UInt32 { 2 }
    /// `XEN_DOMCTL_SENDTRIGGER_POWER`.
    @inlinable public static var power: UInt32 { 3 }
    /// `XEN_DOMCTL_SENDTRIGGER_SLEEP`.
    @inlinable public static var sleep: UInt32 { 4 }
}

/// The domain a device model serves. `struct xen_domctl_set_target`, 2 bytes.
public enum DomctlSetTargetLayout: ABILayout {
    @inlinable public static var byteCount: Int { 2 }
}
extension Field<DomctlSetTargetLayout, UInt16> {
    /// `target`.
    @inlinable public static var target: Self { .init(at: 0) }
}

/// A domain's CPUID and MSR policy. `struct xen_domctl_cpu_policy`, 40 bytes.
public enum DomctlCPUPolicyLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<DomctlCPUPolicyLayout, UInt32> {
    /// `nr_leaves`.
    @inlinable public static var leafCount: Self { .init(at: 0) }
    /// `nr_msrs`.
    @inlinable public static var msrCount: Self { .init(at: 4) }
    /// `err_leaf`.
    @inlinable public static var errorLeaf: Self { .init(at: 24) }
    /// `err_subleaf`.
    @inlinable public static var errorSubleaf: Self { .init(at: 28) }
    /// `err_msr`.
    @inlinable public static var errorMSR: Self { .init(at: 32) }
}
extension Field<DomctlCPUPolicyLayout, UInt64> {
    /// `leaves`.
    @inlinable public static var leaves: Self { .init(at: 8) }
    /// `msrs`.
    @inlinable public static var msrs: Self { .init(at: 16) }
}

/// One CPUID leaf of a policy. `public/arch-x86/xen.h`. `struct xen_cpuid_leaf`, 24 bytes.
public enum CPUIDLeafLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<CPUIDLeafLayout, UInt32> {
    /// `leaf`.
    @inlinable public static var leaf: Self { .init(at: 0) }
    /// `subleaf`.
    @inlinable public static var subleaf: Self { .init(at: 4) }
    /// `a`.
    @inlinable public static var a: Self { .init(at: 8) }
    /// `b`.
    @inlinable public static var b: Self { .init(at: 12) }
    /// `c`.
    @inlinable public static var c: Self { .init(at: 16) }
    /// `d`.
    @inlinable public static var d: Self { .init(at: 20) }
}

/// One MSR of a policy. `public/arch-x86/xen.h`. `struct xen_msr_entry`, 16 bytes.
public enum MSREntryLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<MSREntryLayout, UInt32> {
    /// `idx`.
    @inlinable public static var index: Self { .init(at: 0) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 4) }
}
extension Field<MSREntryLayout, UInt64> {
    /// `val`.
    @inlinable public static var value: Self { .init(at: 8) }
}

/// Special values in policies.
public enum CPUPolicyLimit {
    /// `XEN_CPUID_NO_SUBLEAF`.
    @inlinable public static var noSubleaf: UInt32 { 0xffffffff }
}

/// How a domain's TSC behaves. `struct xen_domctl_tsc_info`, 24 bytes.
public enum DomctlTSCInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<DomctlTSCInfoLayout, UInt32> {
    /// `tsc_mode`.
    @inlinable public static var mode: Self { .init(at: 0) }
    /// `gtsc_khz`.
    @inlinable public static var kilohertz: Self { .init(at: 4) }
    /// `incarnation`.
    @inlinable public static var incarnation: Self { .init(at: 8) }
}
extension Field<DomctlTSCInfoLayout, UInt64> {
    /// `elapsed_nsec`.
    @inlinable public static var elapsedNanoseconds: Self { .init(at: 16) }
}

/// A global virtual interrupt to hand over. `struct xen_domctl_set_virq_handler`, 4 bytes.
public enum DomctlVirtualInterruptHandlerLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<DomctlVirtualInterruptHandlerLayout, UInt32> {
    /// `virq`.
    @inlinable public static var virtualInterrupt: Self { .init(at: 0) }
}

/// Size of a domain's paging pool in bytes. `struct xen_domctl_paging_mempool`, 8 bytes.
public enum DomctlPagingMempoolLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<DomctlPagingMempoolLayout, UInt64> {
    /// `size`.
    @inlinable public static var size: Self { .init(at: 0) }
}

/// A vCPU's XSAVE state. `struct xen_domctl_vcpuextstate`, 32 bytes.
public enum DomctlVCPUExtendedStateLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<DomctlVCPUExtendedStateLayout, UInt32> {
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 0) }
}
extension Field<DomctlVCPUExtendedStateLayout, UInt64> {
    /// `xfeature_mask`.
    @inlinable public static var featureMask: Self { .init(at: 8) }
    /// `size`.
    @inlinable public static var size: Self { .init(at: 16) }
    /// `buffer`.
    @inlinable public static var buffer: Self { .init(at: 24) }
}

/// Some of a vCPU's MSRs. `struct xen_domctl_vcpu_msrs`, 16 bytes.
public enum DomctlVCPUMSRsLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<DomctlVCPUMSRsLayout, UInt32> {
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 0) }
    /// `msr_count`.
    @inlinable public static var msrCount: Self { .init(at: 4) }
}
extension Field<DomctlVCPUMSRsLayout, UInt64> {
    /// `msrs`.
    @inlinable public static var msrs: Self { .init(at: 8) }
}

/// Maps machine frames that are not RAM. `struct xen_domctl_memory_mapping`, 32 bytes.
public enum DomctlMemoryMappingLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<DomctlMemoryMappingLayout, UInt64> {
    /// `first_gfn`.
    @inlinable public static var firstGuestFrame: Self { .init(at: 0) }
    /// `first_mfn`.
    @inlinable public static var firstMachineFrame: Self { .init(at: 8) }
    /// `nr_mfns`.
    @inlinable public static var frameCount: Self { .init(at: 16) }
}
extension Field<DomctlMemoryMappingLayout, UInt32> {
    /// `add_mapping`.
    @inlinable public static var add: Self { .init(at: 24) }
}

/// Copies between a domain's memory, by vCPU 0's linear addresses, and a buffer of the caller. `struct
/// xen_domctl_gdbsx_memio`, 40 bytes.
public enum DomctlGuestMemoryIOLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<DomctlGuestMemoryIOLayout, UInt64> {
    /// `pgd3val`.
    @inlinable public static var directoryBase: Self { .init(at: 0) }
    /// `gva`.
    @inlinable public static var guestAddress: Self { .init(at: 8) }
    /// `uva`.
    @inlinable public static var buffer: Self { .init(at: 16) }
}
extension Field<DomctlGuestMemoryIOLayout, UInt32> {
    /// `len`.
    @inlinable public static var length: Self { .init(at: 24) }
    /// `remain`.
    @inlinable public static var remaining: Self { .init(at: 32) }
}
extension Field<DomctlGuestMemoryIOLayout, UInt8> {
    /// `gwr`.
    @inlinable public static var isWrite: Self { .init(at: 28) }
}

/// A guest's bitmap. `public/xen.h`. `struct xenctl_bitmap`, 16 bytes.
public enum BitmapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<BitmapLayout, UInt64> {
    /// `bitmap`.
    @inlinable public static var bitmap: Self { .init(at: 0) }
}
extension Field<BitmapLayout, UInt32> {
    /// `nr_bits`.
    @inlinable public static var bitCount: Self { .init(at: 8) }
}
