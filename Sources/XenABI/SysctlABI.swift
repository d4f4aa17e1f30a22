// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/sysctl.h. Fields name their C spelling.

/// `interfaceVersion` of every `SysctlLayout`.
public enum SysctlVersion {
    /// `XEN_SYSCTL_INTERFACE_VERSION`.
    @inlinable public static var value: UInt32 { 0x15 }
}

/// Head of every sysctl; the operation's own block follows at `argumentOffset`. `struct xen_sysctl`, 136
/// bytes.
public enum SysctlLayout: ABILayout {
    @inlinable public static var byteCount: Int { 136 }
    /// Where the operation's own block starts in it.
    @inlinable public static var argumentOffset: Int { 8 }
}
extension Field<SysctlLayout, UInt32> {
    /// `cmd`.
    @inlinable public static var command: Self { .init(at: 0) }
    /// `interface_version`.
    @inlinable public static var interfaceVersion: Self { .init(at: 4) }
}

/// `command` of a sysctl.
public enum SysctlOperation {
    /// `XEN_SYSCTL_readconsole`.
    @inlinable public static var readConsole: UInt32 { 1 }
    /// `XEN_SYSCTL_tbuf_op`.
    @inlinable public static var traceBuffer: UInt32 { 2 }
    /// `XEN_SYSCTL_physinfo`.
    @inlinable public static var physicalInfo: UInt32 { 3 }
    /// `XEN_SYSCTL_sched_id`.
    @inlinable public static var schedulerID: UInt32 { 4 }
    /// `XEN_SYSCTL_perfc_op`.
    @inlinable public static var performanceCounters: UInt32 { 5 }
    /// `XEN_SYSCTL_getdomaininfolist`.
    @inlinable public static var getDomainInfoList: UInt32 { 6 }
    /// `XEN_SYSCTL_debug_keys`.
    @inlinable public static var debugKeys: UInt32 { 7 }
    /// `XEN_SYSCTL_getcpuinfo`.
    @inlinable public static var getCPUInfo: UInt32 { 8 }
    /// `XEN_SYSCTL_availheap`.
    @inlinable public static var availableHeap: UInt32 { 9 }
    /// `XEN_SYSCTL_get_pmstat`.
    @inlinable public static var getPMStatistics: UInt32 { 10 }
    /// `XEN_SYSCTL_cpu_hotplug`.
    @inlinable public static var cpuHotplug: UInt32 { 11 }
    /// `XEN_SYSCTL_pm_op`.
    @inlinable public static var pm: UInt32 { 12 }
    /// `XEN_SYSCTL_page_offline_op`.
    @inlinable public static var pageOffline: UInt32 { 14 }
    /// `XEN_SYSCTL_lockprof_op`.
    @inlinable public static var lockProfile: UInt32 { 15 }
    /// `XEN_SYSCTL_cputopoinfo`.
    @inlinable public static var cpuTopology: UInt32 { 16 }
    /// `XEN_SYSCTL_numainfo`.
    @inlinable public static var numaInfo: UInt32 { 17 }
    /// `XEN_SYSCTL_cpupool_op`.
    @inlinable public static var cpupool: UInt32 { 18 }
    /// `XEN_SYSCTL_scheduler_op`.
    @inlinable public static var scheduler: UInt32 { 19 }
    /// `XEN_SYSCTL_coverage_op`.
    @inlinable public static var coverage: UInt32 { 20 }
    /// `XEN_SYSCTL_psr_cmt_op`.
    @inlinable public static var psrMonitoring: UInt32 { 21 }
    /// `XEN_SYSCTL_pcitopoinfo`.
    @inlinable public static var pciTopology: UInt32 { 22 }
    /// `XEN_SYSCTL_psr_alloc`.
    @inlinable public static var psrAllocation: UInt32 { 23 }
    /// `XEN_SYSCTL_get_cpu_levelling_caps`.
    @inlinable public static var getCPULevellingCapabilities: UInt32 { 25 }
    /// `XEN_SYSCTL_get_cpu_featureset`.
    @inlinable public static var getCPUFeatureset: UInt32 { 26 }
    /// `XEN_SYSCTL_livepatch_op`.
    @inlinable public static var livepatch: UInt32 { 27 }
    /// `XEN_SYSCTL_get_cpu_policy`.
    @inlinable public static var getCPUPolicy: UInt32 { 29 }
}

/// Reads the hypervisor's log. `struct xen_sysctl_readconsole`, 24 bytes.
public enum SysctlReadConsoleLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<SysctlReadConsoleLayout, UInt8> {
    /// `clear`.
    @inlinable public static var clear: Self { .init(at: 0) }
    /// `incremental`.
    @inlinable public static var incremental: Self { .init(at: 1) }
}
extension Field<SysctlReadConsoleLayout, UInt32> {
    /// `index`.
    @inlinable public static var index: Self { .init(at: 4) }
    /// `count`.
    @inlinable public static var count: Self { .init(at: 16) }
}
extension Field<SysctlReadConsoleLayout, UInt64> {
    /// `buffer`.
    @inlinable public static var buffer: Self { .init(at: 8) }
}

/// What the machine has. `struct xen_sysctl_physinfo`, 112 bytes.
public enum SysctlPhysicalInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 112 }
}
extension Field<SysctlPhysicalInfoLayout, UInt32> {
    /// `threads_per_core`.
    @inlinable public static var threadsPerCore: Self { .init(at: 0) }
    /// `cores_per_socket`.
    @inlinable public static var coresPerSocket: Self { .init(at: 4) }
    /// `nr_cpus`.
    @inlinable public static var cpuCount: Self { .init(at: 8) }
    /// `max_cpu_id`.
    @inlinable public static var maximumCPUID: Self { .init(at: 12) }
    /// `nr_nodes`.
    @inlinable public static var nodeCount: Self { .init(at: 16) }
    /// `max_node_id`.
    @inlinable public static var maximumNodeID: Self { .init(at: 20) }
    /// `cpu_khz`.
    @inlinable public static var cpuKilohertz: Self { .init(at: 24) }
    /// `capabilities`.
    @inlinable public static var capabilities: Self { .init(at: 28) }
    /// `arch_capabilities`.
    @inlinable public static var archCapabilities: Self { .init(at: 32) }
    /// `hw_cap`, the first of 8.
    @inlinable public static var hardwareCapabilities: Self { .init(at: 80) }
}
extension Field<SysctlPhysicalInfoLayout, UInt64> {
    /// `total_pages`.
    @inlinable public static var totalPages: Self { .init(at: 40) }
    /// `free_pages`.
    @inlinable public static var freePages: Self { .init(at: 48) }
    /// `scrub_pages`.
    @inlinable public static var scrubPages: Self { .init(at: 56) }
    /// `outstanding_pages`.
    @inlinable public static var outstandingPages: Self { .init(at: 64) }
    /// `max_mfn`.
    @inlinable public static var maximumMachineFrame: Self { .init(at: 72) }
}

/// `capabilities` of `SysctlPhysicalInfoLayout`. `XEN_SYSCTL_PHYSCAP_…`.
public enum PhysicalCapability {
    /// `XEN_SYSCTL_PHYSCAP_hvm`.
    @inlinable public static var hvm: UInt32 { 1 }
    /// `XEN_SYSCTL_PHYSCAP_pv`.
    @inlinable public static var pv: UInt32 { 2 }
    /// `XEN_SYSCTL_PHYSCAP_directio`.
    @inlinable public static var directIO: UInt32 { 4 }
    /// `XEN_SYSCTL_PHYSCAP_hap`.
    @inlinable public static var hap: UInt32 { 8 }
    /// `XEN_SYSCTL_PHYSCAP_shadow`.
    @inlinable public static var shadow: UInt32 { 0x10 }
    /// `XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share`.
    @inlinable public static var iommuHAPShare: UInt32 { 0x20 }
    /// `XEN_SYSCTL_PHYSCAP_vmtrace`.
    @inlinable public static var vmtrace: UInt32 { 0x40 }
    /// `XEN_SYSCTL_PHYSCAP_vpmu`.
    @inlinable public static var vpmu: UInt32 { 0x80 }
    /// `XEN_SYSCTL_PHYSCAP_gnttab_v1`.
    @inlinable public static var grantTableV1: UInt32 { 0x100 }
    /// `XEN_SYSCTL_PHYSCAP_gnttab_v2`.
    @inlinable public static var grantTableV2: UInt32 { 0x200 }
}

/// The default scheduler. `struct xen_sysctl_sched_id`, 4 bytes.
public enum SysctlSchedulerIDLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<SysctlSchedulerIDLayout, UInt32> {
    /// `sched_id`.
    @inlinable public static var schedulerID: Self { .init(at: 0) }
}

/// Many domains' `DomctlDomainInfoLayout`. `struct xen_sysctl_getdomaininfolist`, 24 bytes.
public enum SysctlDomainInfoListLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<SysctlDomainInfoListLayout, UInt16> {
    /// `first_domain`.
    @inlinable public static var firstDomain: Self { .init(at: 0) }
}
extension Field<SysctlDomainInfoListLayout, UInt32> {
    /// `max_domains`.
    @inlinable public static var maximumDomains: Self { .init(at: 4) }
    /// `num_domains`.
    @inlinable public static var domainCount: Self { .init(at: 16) }
}
extension Field<SysctlDomainInfoListLayout, UInt64> {
    /// `buffer`.
    @inlinable public static var buffer: Self { .init(at: 8) }
}

/// Keys as if typed at the hypervisor's console. `struct xen_sysctl_debug_keys`, 16 bytes.
public enum SysctlDebugKeysLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<SysctlDebugKeysLayout, UInt64> {
    /// `keys`.
    @inlinable public static var keys: Self { .init(at: 0) }
}
extension Field<SysctlDebugKeysLayout, UInt32> {
    /// `nr_keys`.
    @inlinable public static var keyCount: Self { .init(at: 8) }
}

/// Idle times, eight bytes of nanoseconds per CPU. `struct xen_sysctl_getcpuinfo`, 24 bytes.
public enum SysctlCPUInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<SysctlCPUInfoLayout, UInt32> {
    /// `max_cpus`.
    @inlinable public static var maximumCPUs: Self { .init(at: 0) }
    /// `nr_cpus`.
    @inlinable public static var cpuCount: Self { .init(at: 16) }
}
extension Field<SysctlCPUInfoLayout, UInt64> {
    /// `info`.
    @inlinable public static var info: Self { .init(at: 8) }
}

/// Free memory in an address range. `struct xen_sysctl_availheap`, 24 bytes.
public enum SysctlAvailableHeapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<SysctlAvailableHeapLayout, UInt32> {
    /// `min_bitwidth`.
    @inlinable public static var minimumBits: Self { .init(at: 0) }
    /// `max_bitwidth`.
    @inlinable public static var maximumBits: Self { .init(at: 4) }
}
extension Field<SysctlAvailableHeapLayout, Int32> {
    /// `node`.
    @inlinable public static var node: Self { .init(at: 8) }
}
extension Field<SysctlAvailableHeapLayout, UInt64> {
    /// `avail_bytes`.
    @inlinable public static var availableBytes: Self { .init(at: 16) }
}

/// Topology of all CPUs. `struct xen_sysctl_cputopoinfo`, 16 bytes.
public enum SysctlCPUTopologyInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<SysctlCPUTopologyInfoLayout, UInt32> {
    /// `num_cpus`.
    @inlinable public static var cpuCount: Self { .init(at: 0) }
}
extension Field<SysctlCPUTopologyInfoLayout, UInt64> {
    /// `cputopo`.
    @inlinable public static var topology: Self { .init(at: 8) }
}

/// Topology of one CPU. `struct xen_sysctl_cputopo`, 12 bytes.
public enum SysctlCPUTopologyLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<SysctlCPUTopologyLayout, UInt32> {
    /// `core`.
    @inlinable public static var core: Self { .init(at: 0) }
    /// `socket`.
    @inlinable public static var socket: Self { .init(at: 4) }
    /// `node`.
    @inlinable public static var node: Self { .init(at: 8) }
}

/// Memory and distances of the nodes. `struct xen_sysctl_numainfo`, 24 bytes.
public enum SysctlNUMAInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<SysctlNUMAInfoLayout, UInt32> {
    /// `num_nodes`.
    @inlinable public static var nodeCount: Self { .init(at: 0) }
}
extension Field<SysctlNUMAInfoLayout, UInt64> {
    /// `meminfo`.
    @inlinable public static var memoryInfo: Self { .init(at: 8) }
    /// `distance`.
    @inlinable public static var distance: Self { .init(at: 16) }
}

/// Memory of one node in bytes. `struct xen_sysctl_meminfo`, 16 bytes.
public enum SysctlMemoryInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<SysctlMemoryInfoLayout, UInt64> {
    /// `memsize`.
    @inlinable public static var size: Self { .init(at: 0) }
    /// `memfree`.
    @inlinable public static var free: Self { .init(at: 8) }
}

/// CPU pools. `struct xen_sysctl_cpupool_op`, 40 bytes.
public enum SysctlCPUPoolLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<SysctlCPUPoolLayout, UInt32> {
    /// `op`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `cpupool_id`.
    @inlinable public static var cpupool: Self { .init(at: 4) }
    /// `sched_id`.
    @inlinable public static var schedulerID: Self { .init(at: 8) }
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 12) }
    /// `cpu`.
    @inlinable public static var cpu: Self { .init(at: 16) }
    /// `n_dom`.
    @inlinable public static var domainCount: Self { .init(at: 20) }
    /// `cpumap.nr_bits`.
    @inlinable public static var bitCount: Self { .init(at: 32) }
}
extension Field<SysctlCPUPoolLayout, UInt64> {
    /// `cpumap.bitmap`.
    @inlinable public static var bitmap: Self { .init(at: 24) }
}

/// `operation` of `SysctlCPUPoolLayout`.
public enum CPUPoolOperation {
    /// `XEN_SYSCTL_CPUPOOL_OP_CREATE`.
    @inlinable public static var create: UInt32 { 1 }
    /// `XEN_SYSCTL_CPUPOOL_OP_DESTROY`.
    @inlinable public static var destroy: UInt32 { 2 }
    /// `XEN_SYSCTL_CPUPOOL_OP_INFO`.
    @inlinable public static var info: UInt32 { 3 }
    /// `XEN_SYSCTL_CPUPOOL_OP_ADDCPU`.
    @inlinable public static var addCPU: UInt32 { 4 }
    /// `XEN_SYSCTL_CPUPOOL_OP_RMCPU`.
    @inlinable public static var removeCPU: UInt32 { 5 }
    /// `XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN`.
    @inlinable public static var moveDomain: UInt32 { 6 }
    /// `XEN_SYSCTL_CPUPOOL_OP_FREEINFO`.
    @inlinable public static var freeInfo: UInt32 { 7 }
}

/// What CPUID values can be masked. `struct xen_sysctl_cpu_levelling_caps`, 4 bytes.
public enum SysctlCPULevellingLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<SysctlCPULevellingLayout, UInt32> {
    /// `caps`.
    @inlinable public static var capabilities: Self { .init(at: 0) }
}

/// A set of CPU features, 32 per word. `struct xen_sysctl_cpu_featureset`, 16 bytes.
public enum SysctlCPUFeaturesetLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<SysctlCPUFeaturesetLayout, UInt32> {
    /// `index`.
    @inlinable public static var index: Self { .init(at: 0) }
    /// `nr_features`.
    @inlinable public static var featureCount: Self { .init(at: 4) }
}
extension Field<SysctlCPUFeaturesetLayout, UInt64> {
    /// `features`.
    @inlinable public static var features: Self { .init(at: 8) }
}

/// One of the system's CPUID and MSR policies. `struct xen_sysctl_cpu_policy`, 32 bytes.
public enum SysctlCPUPolicyLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<SysctlCPUPolicyLayout, UInt32> {
    /// `index`.
    @inlinable public static var index: Self { .init(at: 0) }
    /// `nr_leaves`.
    @inlinable public static var leafCount: Self { .init(at: 4) }
    /// `nr_msrs`.
    @inlinable public static var msrCount: Self { .init(at: 8) }
    /// `_rsvd`.
    @inlinable public static var reserved: Self { .init(at: 12) }
}
extension Field<SysctlCPUPolicyLayout, UInt64> {
    /// `leaves`.
    @inlinable public static var leaves: Self { .init(at: 16) }
    /// `msrs`.
    @inlinable public static var msrs: Self { .init(at: 24) }
}

/// `index` of `SysctlCPUPolicyLayout`.
public enum SystemCPUPolicy {
    /// `XEN_SYSCTL_cpu_policy_raw`.
    @inlinable public static var raw: UInt32 { 0 }
    /// `XEN_SYSCTL_cpu_policy_host`.
    @inlinable public static var host: UInt32 { 1 }
    /// `XEN_SYSCTL_cpu_policy_pv_max`.
    @inlinable public static var pvMaximum: UInt32 { 2 }
    /// `XEN_SYSCTL_cpu_policy_hvm_max`.
    @inlinable public static var hvmMaximum: UInt32 { 3 }
    /// `XEN_SYSCTL_cpu_policy_pv_default`.
    @inlinable public static var pvDefault: UInt32 { 4 }
    /// `XEN_SYSCTL_cpu_policy_hvm_default`.
    @inlinable public static var hvmDefault: UInt32 { 5 }
}

/// `index` of `SysctlCPUFeaturesetLayout`.
public enum SystemCPUFeatureSet {
    /// `XEN_SYSCTL_cpu_featureset_raw`.
    @inlinable public static var raw: UInt32 { 0 }
    /// `XEN_SYSCTL_cpu_featureset_host`.
    @inlinable public static var host: UInt32 { 1 }
    /// `XEN_SYSCTL_cpu_featureset_pv`.
    @inlinable public static var pv: UInt32 { 2 }
    /// `XEN_SYSCTL_cpu_featureset_hvm`.
    @inlinable public static var hvm: UInt32 { 3 }
    /// `XEN_SYSCTL_cpu_featureset_pv_max`.
    @inlinable public static var pvMaximum: UInt32 { 4 }
    /// `XEN_SYSCTL_cpu_featureset_hvm_max`.
    @inlinable public static var hvmMaximum: UInt32 { 5 }
}

/// Nodes of PCI devices. `struct xen_sysctl_pcitopoinfo`, 24 bytes.
public enum SysctlPCITopologyLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<SysctlPCITopologyLayout, UInt32> {
    /// `num_devs`.
    @inlinable public static var deviceCount: Self { .init(at: 0) }
}
extension Field<SysctlPCITopologyLayout, UInt64> {
    /// `devs`.
    @inlinable public static var devices: Self { .init(at: 8) }
    /// `nodes`.
    @inlinable public static var nodes: Self { .init(at: 16) }
}
