// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/memory.h. Fields name their C spelling.

/// First argument of `memory_op`, bits 0 to 5; the bits above carry the progress of a continuation.
public enum MemoryOperation {
    /// `XENMEM_increase_reservation`.
    @inlinable public static var increaseReservation: UInt32 { 0 }
    /// `XENMEM_decrease_reservation`.
    @inlinable public static var decreaseReservation: UInt32 { 1 }
    /// `XENMEM_maximum_ram_page`.
    @inlinable public static var maximumRAMPage: UInt32 { 2 }
    /// `XENMEM_current_reservation`.
    @inlinable public static var currentReservation: UInt32 { 3 }
    /// `XENMEM_maximum_reservation`.
    @inlinable public static var maximumReservation: UInt32 { 4 }
    /// `XENMEM_machphys_mfn_list`.
    @inlinable public static var machinePhysicalFrameList: UInt32 { 5 }
    /// `XENMEM_populate_physmap`.
    @inlinable public static var populatePhysmap: UInt32 { 6 }
    /// `XENMEM_add_to_physmap`.
    @inlinable public static var addToPhysmap: UInt32 { 7 }
    /// `XENMEM_memory_map`.
    @inlinable public static var memoryMap: UInt32 { 9 }
    /// `XENMEM_machine_memory_map`.
    @inlinable public static var machineMemoryMap: UInt32 { 10 }
    /// `XENMEM_exchange`.
    @inlinable public static var exchange: UInt32 { 11 }
    /// `XENMEM_machphys_mapping`.
    @inlinable public static var machinePhysicalMapping: UInt32 { 12 }
    /// `XENMEM_set_memory_map`.
    @inlinable public static var setMemoryMap: UInt32 { 13 }
    /// `XENMEM_maximum_gpfn`.
    @inlinable public static var maximumGuestFrame: UInt32 { 14 }
    /// `XENMEM_remove_from_physmap`.
    @inlinable public static var removeFromPhysmap: UInt32 { 15 }
    /// `XENMEM_set_pod_target`.
    @inlinable public static var setPoDTarget: UInt32 { 16 }
    /// `XENMEM_get_pod_target`.
    @inlinable public static var getPoDTarget: UInt32 { 17 }
    /// `XENMEM_get_sharing_freed_pages`.
    @inlinable public static var getSharingFreedPages: UInt32 { 18 }
    /// `XENMEM_get_sharing_shared_pages`.
    @inlinable public static var getSharingSharedPages: UInt32 { 19 }
    /// `XENMEM_paging_op`.
    @inlinable public static var paging: UInt32 { 20 }
    /// `XENMEM_access_op`.
    @inlinable public static var access: UInt32 { 21 }
    /// `XENMEM_sharing_op`.
    @inlinable public static var sharing: UInt32 { 22 }
    /// `XENMEM_add_to_physmap_batch`.
    @inlinable public static var addToPhysmapBatch: UInt32 { 23 }
    /// `XENMEM_claim_pages`.
    @inlinable public static var claimPages: UInt32 { 24 }
    /// `XENMEM_machphys_compat_mfn_list`.
    @inlinable public static var machinePhysicalCompatibleFrameList: UInt32 { 25 }
    /// `XENMEM_get_vnumainfo`.
    @inlinable public static var getVNUMAInfo: UInt32 { 26 }
    /// `XENMEM_reserved_device_memory_map`.
    @inlinable public static var reservedDeviceMemoryMap: UInt32 { 27 }
    /// `XENMEM_acquire_resource`.
    @inlinable public static var acquireResource: UInt32 { 28 }
}

/// Where a page to be mapped comes from. `XENMAPSPACE_…`.
public enum PhysmapSpace {
    /// `XENMAPSPACE_shared_info`.
    @inlinable public static var sharedInfo: UInt32 { 0 }
    /// `XENMAPSPACE_grant_table`.
    @inlinable public static var grantTable: UInt32 { 1 }
    /// `XENMAPSPACE_gmfn`.
    @inlinable public static var guestFrame: UInt32 { 2 }
    /// `XENMAPSPACE_gmfn_range`.
    @inlinable public static var guestFrameRange: UInt32 { 3 }
    /// `XENMAPSPACE_gmfn_foreign`.
    @inlinable public static var foreignGuestFrame: UInt32 { 4 }
    /// `XENMAPSPACE_dev_mmio`.
    @inlinable public static var deviceMMIO: UInt32 { 5 }
}

/// Flags in the index of `PhysmapSpace.grantTable`.
public enum GrantTableMapIndex {
    /// `XENMAPIDX_grant_table_status`.
    @inlinable public static var statusFrame: UInt64 { 0x80000000 }
}

/// `mem_flags` of a reservation above its address bits and node.
public enum MemoryFlag {
    /// `XENMEMF_populate_on_demand`.
    @inlinable public static var populateOnDemand: UInt32 { 0x10000 }
    /// `XENMEMF_exact_node_request`.
    @inlinable public static var exactNode: UInt32 { 0x20000 }
    /// `XENMEMF_vnode`.
    @inlinable public static var virtualNode: UInt32 { 0x40000 }
}

/// What `XENMEM_acquire_resource` maps.
public enum ResourceType {
    /// `XENMEM_resource_ioreq_server`.
    @inlinable public static var ioreqServer: UInt16 { 0 }
    /// `XENMEM_resource_grant_table`.
    @inlinable public static var grantTable: UInt16 { 1 }
    /// `XENMEM_resource_vmtrace_buf`.
    @inlinable public static var vmtraceBuffer: UInt16 { 2 }
}

/// `id` of a `ResourceType.grantTable`.
public enum GrantTableResource {
    /// `XENMEM_resource_grant_table_id_shared`.
    @inlinable public static var shared: UInt32 { 0 }
    /// `XENMEM_resource_grant_table_id_status`.
    @inlinable public static var status: UInt32 { 1 }
}

/// Extents to allocate, free or claim. `struct xen_memory_reservation`, 32 bytes.
public enum MemoryReservationLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<MemoryReservationLayout, UInt64> {
    /// `extent_start`.
    @inlinable public static var extentStart: Self { .init(at: 0) }
    /// `nr_extents`.
    @inlinable public static var extentCount: Self { .init(at: 8) }
}
extension Field<MemoryReservationLayout, UInt32> {
    /// `extent_order`.
    @inlinable public static var extentOrder: Self { .init(at: 16) }
    /// `mem_flags`.
    @inlinable public static var flags: Self { .init(at: 20) }
}
extension Field<MemoryReservationLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 24) }
}

/// Trades extents for others. `struct xen_memory_exchange`, 72 bytes.
public enum MemoryExchangeLayout: ABILayout {
    @inlinable public static var byteCount: Int { 72 }
}
extension Field<MemoryExchangeLayout, UInt64> {
    /// `in.extent_start`.
    @inlinable public static var inExtentStart: Self { .init(at: 0) }
    /// `out.extent_start`.
    @inlinable public static var outExtentStart: Self { .init(at: 32) }
    /// `nr_exchanged`.
    @inlinable public static var exchangedCount: Self { .init(at: 64) }
}

/// Names the domain of a query. `struct xen_memory_domain`, 2 bytes.
public enum MemoryDomainLayout: ABILayout {
    @inlinable public static var byteCount: Int { 2 }
}
extension Field<MemoryDomainLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
}

/// Maps one page (or a range of frames) into a physmap. `struct xen_add_to_physmap`, 24 bytes.
public enum AddToPhysmapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<AddToPhysmapLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
    /// `size`.
    @inlinable public static var size: Self { .init(at: 2) }
}
extension Field<AddToPhysmapLayout, UInt32> {
    /// `space`.
    @inlinable public static var space: Self { .init(at: 4) }
}
extension Field<AddToPhysmapLayout, UInt64> {
    /// `idx`.
    @inlinable public static var index: Self { .init(at: 8) }
    /// `gpfn`.
    @inlinable public static var guestFrame: Self { .init(at: 16) }
}

/// Maps many pages into a physmap; one error per page. `struct xen_add_to_physmap_batch`, 32 bytes.
public enum AddToPhysmapBatchLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<AddToPhysmapBatchLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
    /// `space`.
    @inlinable public static var space: Self { .init(at: 2) }
    /// `size`.
    @inlinable public static var size: Self { .init(at: 4) }
    /// `u.foreign_domid`.
    @inlinable public static var foreignDomain: Self { .init(at: 6) }
}
extension Field<AddToPhysmapBatchLayout, UInt64> {
    /// `idxs`.
    @inlinable public static var indexes: Self { .init(at: 8) }
    /// `gpfns`.
    @inlinable public static var guestFrames: Self { .init(at: 16) }
    /// `errs`.
    @inlinable public static var errors: Self { .init(at: 24) }
}

/// Unmaps one guest frame. `struct xen_remove_from_physmap`, 16 bytes.
public enum RemoveFromPhysmapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<RemoveFromPhysmapLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<RemoveFromPhysmapLayout, UInt64> {
    /// `gpfn`.
    @inlinable public static var guestFrame: Self { .init(at: 8) }
}

/// A buffer of `E820EntryLayout` entries. `struct xen_memory_map`, 16 bytes.
public enum MemoryMapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<MemoryMapLayout, UInt32> {
    /// `nr_entries`.
    @inlinable public static var entryCount: Self { .init(at: 0) }
}
extension Field<MemoryMapLayout, UInt64> {
    /// `buffer`.
    @inlinable public static var buffer: Self { .init(at: 8) }
}

/// A domain and its memory map. `struct xen_foreign_memory_map`, 24 bytes.
public enum ForeignMemoryMapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<ForeignMemoryMapLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<ForeignMemoryMapLayout, UInt32> {
    /// `map.nr_entries`.
    @inlinable public static var entryCount: Self { .init(at: 8) }
}
extension Field<ForeignMemoryMapLayout, UInt64> {
    /// `map.buffer`.
    @inlinable public static var buffer: Self { .init(at: 16) }
}

/// Populate-on-demand target and counters, in pages. `struct xen_pod_target`, 40 bytes.
public enum PoDTargetLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<PoDTargetLayout, UInt64> {
    /// `target_pages`.
    @inlinable public static var targetPages: Self { .init(at: 0) }
    /// `tot_pages`.
    @inlinable public static var totalPages: Self { .init(at: 8) }
    /// `pod_cache_pages`.
    @inlinable public static var cachePages: Self { .init(at: 16) }
    /// `pod_entries`.
    @inlinable public static var entries: Self { .init(at: 24) }
}
extension Field<PoDTargetLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 32) }
}

/// Regions that devices need mapped one to one. `struct xen_reserved_device_memory_map`, 24 bytes.
public enum ReservedDeviceMemoryMapLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<ReservedDeviceMemoryMapLayout, UInt32> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 0) }
    /// `nr_entries`.
    @inlinable public static var entryCount: Self { .init(at: 4) }
}
extension Field<ReservedDeviceMemoryMapLayout, UInt64> {
    /// `buffer`.
    @inlinable public static var buffer: Self { .init(at: 8) }
}
extension Field<ReservedDeviceMemoryMapLayout, UInt16> {
    /// `dev.pci.seg`.
    @inlinable public static var segment: Self { .init(at: 16) }
}
extension Field<ReservedDeviceMemoryMapLayout, UInt8> {
    /// `dev.pci.bus`.
    @inlinable public static var bus: Self { .init(at: 18) }
    /// `dev.pci.devfn`.
    @inlinable public static var deviceFunction: Self { .init(at: 19) }
}

/// Maps a domain's resource into the caller, or tells its size. `struct xen_mem_acquire_resource`, 32
/// bytes.
public enum AcquireResourceLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<AcquireResourceLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
    /// `type`.
    @inlinable public static var type: Self { .init(at: 2) }
}
extension Field<AcquireResourceLayout, UInt32> {
    /// `id`.
    @inlinable public static var id: Self { .init(at: 4) }
    /// `nr_frames`.
    @inlinable public static var frameCount: Self { .init(at: 8) }
    /// `pad`.
    @inlinable public static var padding: Self { .init(at: 12) }
}
extension Field<AcquireResourceLayout, UInt64> {
    /// `frame`.
    @inlinable public static var frame: Self { .init(at: 16) }
    /// `frame_list`.
    @inlinable public static var frameList: Self { .init(at: 24) }
}

/// A guest's NUMA topology. `struct xen_vnuma_topology_info`, 40 bytes.
public enum VNUMATopologyLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<VNUMATopologyLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
    /// `pad`.
    @inlinable public static var padding: Self { .init(at: 2) }
}
extension Field<VNUMATopologyLayout, UInt32> {
    /// `nr_vnodes`.
    @inlinable public static var nodeCount: Self { .init(at: 4) }
    /// `nr_vcpus`.
    @inlinable public static var vcpuCount: Self { .init(at: 8) }
    /// `nr_vmemranges`.
    @inlinable public static var rangeCount: Self { .init(at: 12) }
}
extension Field<VNUMATopologyLayout, UInt64> {
    /// `vdistance.pad`.
    @inlinable public static var distance: Self { .init(at: 16) }
    /// `vcpu_to_vnode.pad`.
    @inlinable public static var vcpuToNode: Self { .init(at: 24) }
    /// `vmemrange.pad`.
    @inlinable public static var range: Self { .init(at: 32) }
}

/// One entry of `XENMEM_memory_map` and `XENMEM_set_memory_map`: packed, 20 bytes, so that every second
/// entry is aligned to 4 only. As INT 15h, AX=E820h of the PC BIOS returns it. 20 bytes.
public enum E820EntryLayout: ABILayout {
    @inlinable public static var byteCount: Int { 20 }
}
extension Field<E820EntryLayout, UInt64> {
    /// First byte of the range.
    @inlinable public static var address: Self { .init(at: 0) }
    /// Bytes in the range.
    @inlinable public static var size: Self { .init(at: 8) }
}
extension Field<E820EntryLayout, UInt32> {
    /// An `E820Type`.
    @inlinable public static var type: Self { .init(at: 16) }
}

/// `type` of a memory map entry, there and in `MemoryMapTableEntryLayout`. `XEN_HVM_MEMMAP_TYPE_…`,
/// `public/arch-x86/hvm/start_info.h`.
public enum E820Type {
    /// `XEN_HVM_MEMMAP_TYPE_RAM`.
    @inlinable public static var ram: UInt32 { 1 }
    /// `XEN_HVM_MEMMAP_TYPE_RESERVED`.
    @inlinable public static var reserved: UInt32 { 2 }
    /// `XEN_HVM_MEMMAP_TYPE_ACPI`.
    @inlinable public static var acpi: UInt32 { 3 }
    /// `XEN_HVM_MEMMAP_TYPE_NVS`.
    @inlinable public static var nvs: UInt32 { 4 }
    /// `XEN_HVM_MEMMAP_TYPE_UNUSABLE`.
    @inlinable public static var unusable: UInt32 { 5 }
    /// `XEN_HVM_MEMMAP_TYPE_DISABLED`.
    @inlinable public static var disabled: UInt32 { 6 }
    /// `XEN_HVM_MEMMAP_TYPE_PMEM`.
    @inlinable public static var persistent: UInt32 { 7 }
}
