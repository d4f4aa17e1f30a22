// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/hvm/hvm_op.h, public/hvm/params.h. Fields name their C spelling.

/// First argument of `hvm_op`.
public enum HVMOperation {
    /// `HVMOP_set_param`.
    @inlinable public static var setParameter: UInt32 { 0 }
    /// `HVMOP_get_param`.
    @inlinable public static var getParameter: UInt32 { 1 }
    /// `HVMOP_flush_tlbs`.
    @inlinable public static var flushTLBs: UInt32 { 5 }
    /// `HVMOP_pagetable_dying`.
    @inlinable public static var pageTableDying: UInt32 { 9 }
    /// `HVMOP_get_time`.
    @inlinable public static var getTime: UInt32 { 10 }
    /// `HVMOP_xentrace`.
    @inlinable public static var trace: UInt32 { 11 }
    /// `HVMOP_set_mem_access`.
    @inlinable public static var setMemoryAccess: UInt32 { 12 }
    /// `HVMOP_get_mem_access`.
    @inlinable public static var getMemoryAccess: UInt32 { 13 }
    /// `HVMOP_get_mem_type`.
    @inlinable public static var getMemoryType: UInt32 { 15 }
    /// `HVMOP_set_evtchn_upcall_vector`.
    @inlinable public static var setEventUpcallVector: UInt32 { 23 }
    /// `HVMOP_guest_request_vm_event`.
    @inlinable public static var guestRequestVMEvent: UInt32 { 24 }
    /// `HVMOP_altp2m`.
    @inlinable public static var altp2m: UInt32 { 25 }
}

/// One parameter of a domain. `struct xen_hvm_param`, 16 bytes.
public enum HVMParameterLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<HVMParameterLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<HVMParameterLayout, UInt32> {
    /// `index`.
    @inlinable public static var index: Self { .init(at: 4) }
}
extension Field<HVMParameterLayout, UInt64> {
    /// `value`.
    @inlinable public static var value: Self { .init(at: 8) }
}

/// The interrupt vector by which a vCPU hears of events. `struct xen_hvm_evtchn_upcall_vector`, 8 bytes.
public enum HVMUpcallVectorLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<HVMUpcallVectorLayout, UInt32> {
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 0) }
}
extension Field<HVMUpcallVectorLayout, UInt8> {
    /// `vector`.
    @inlinable public static var vector: Self { .init(at: 4) }
}

/// What a guest frame holds. `struct xen_hvm_get_mem_type`, 16 bytes.
public enum HVMMemoryTypeLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<HVMMemoryTypeLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
    /// `mem_type`.
    @inlinable public static var memoryType: Self { .init(at: 2) }
}
extension Field<HVMMemoryTypeLayout, UInt64> {
    /// `pfn`.
    @inlinable public static var guestFrame: Self { .init(at: 8) }
}

/// Hint that a page table is going away. `struct xen_hvm_pagetable_dying`, 16 bytes.
public enum HVMPageTableDyingLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<HVMPageTableDyingLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<HVMPageTableDyingLayout, UInt64> {
    /// `gpa`.
    @inlinable public static var guestPhysical: Self { .init(at: 8) }
}

/// Nanoseconds since boot. `struct xen_hvm_get_time`, 8 bytes.
public enum HVMTimeLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<HVMTimeLayout, UInt64> {
    /// `now`.
    @inlinable public static var now: Self { .init(at: 0) }
}

/// A record for the trace buffer. `struct xen_hvm_xentrace`, 32 bytes.
public enum HVMTraceLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<HVMTraceLayout, UInt16> {
    /// `event`.
    @inlinable public static var event: Self { .init(at: 0) }
    /// `extra_bytes`.
    @inlinable public static var extraByteCount: Self { .init(at: 2) }
}
extension Field<HVMTraceLayout, UInt8> {
    /// `extra`, the first of 28.
    @inlinable public static var extra: Self { .init(at: 4) }
}

/// What `HVMOP_get_mem_type` reports.
public enum HVMMemoryType {
    /// `HVMMEM_ram_rw`.
    @inlinable public static var ramReadWrite: UInt16 { 0 }
    /// `HVMMEM_ram_ro`.
    @inlinable public static var ramReadOnly: UInt16 { 1 }
    /// `HVMMEM_mmio_dm`.
    @inlinable public static var mmio: UInt16 { 2 }
}

/// Index of a parameter. `HVM_PARAM_…`.
public enum HVMParameter {
    /// `HVM_PARAM_CALLBACK_IRQ`.
    @inlinable public static var callbackInterrupt: UInt32 { 0 }
    /// `HVM_PARAM_STORE_PFN`.
    @inlinable public static var storeFrame: UInt32 { 1 }
    /// `HVM_PARAM_STORE_EVTCHN`.
    @inlinable public static var storePort: UInt32 { 2 }
    /// `HVM_PARAM_PAE_ENABLED`.
    @inlinable public static var paeEnabled: UInt32 { 4 }
    /// `HVM_PARAM_IOREQ_PFN`.
    @inlinable public static var ioreqFrame: UInt32 { 5 }
    /// `HVM_PARAM_BUFIOREQ_PFN`.
    @inlinable public static var bufferedIOreqFrame: UInt32 { 6 }
    /// `HVM_PARAM_VIRIDIAN`.
    @inlinable public static var viridian: UInt32 { 9 }
    /// `HVM_PARAM_TIMER_MODE`.
    @inlinable public static var timerMode: UInt32 { 10 }
    /// `HVM_PARAM_HPET_ENABLED`.
    @inlinable public static var hpetEnabled: UInt32 { 11 }
    /// `HVM_PARAM_IDENT_PT`.
    @inlinable public static var identityPageTable: UInt32 { 12 }
    /// `HVM_PARAM_DM_DOMAIN`.
    @inlinable public static var deviceModelDomain: UInt32 { 13 }
    /// `HVM_PARAM_ACPI_S_STATE`.
    @inlinable public static var acpiSleepState: UInt32 { 14 }
    /// `HVM_PARAM_VM86_TSS`.
    @inlinable public static var vm86TaskState: UInt32 { 15 }
    /// `HVM_PARAM_VPT_ALIGN`.
    @inlinable public static var vptAlign: UInt32 { 16 }
    /// `HVM_PARAM_CONSOLE_PFN`.
    @inlinable public static var consoleFrame: UInt32 { 17 }
    /// `HVM_PARAM_CONSOLE_EVTCHN`.
    @inlinable public static var consolePort: UInt32 { 18 }
    /// `HVM_PARAM_ACPI_IOPORTS_LOCATION`.
    @inlinable public static var acpiIOPortsLocation: UInt32 { 19 }
    /// `HVM_PARAM_NESTEDHVM`.
    @inlinable public static var nestedHVM: UInt32 { 24 }
    /// `HVM_PARAM_PAGING_RING_PFN`.
    @inlinable public static var pagingRingFrame: UInt32 { 27 }
    /// `HVM_PARAM_MONITOR_RING_PFN`.
    @inlinable public static var monitorRingFrame: UInt32 { 28 }
    /// `HVM_PARAM_SHARING_RING_PFN`.
    @inlinable public static var sharingRingFrame: UInt32 { 29 }
    /// `HVM_PARAM_TRIPLE_FAULT_REASON`.
    @inlinable public static var tripleFaultReason: UInt32 { 31 }
    /// `HVM_PARAM_IOREQ_SERVER_PFN`.
    @inlinable public static var ioreqServerFrame: UInt32 { 32 }
    /// `HVM_PARAM_NR_IOREQ_SERVER_PAGES`.
    @inlinable public static var ioreqServerPageCount: UInt32 { 33 }
    /// `HVM_PARAM_VM_GENERATION_ID_ADDR`.
    @inlinable public static var generationIDAddress: UInt32 { 34 }
    /// `HVM_PARAM_ALTP2M`.
    @inlinable public static var altp2m: UInt32 { 35 }
    /// `HVM_PARAM_X87_FIP_WIDTH`.
    @inlinable public static var x87FIPWidth: UInt32 { 36 }
    /// `HVM_PARAM_VM86_TSS_SIZED`.
    @inlinable public static var vm86TaskStateSized: UInt32 { 37 }
    /// `HVM_PARAM_MCA_CAP`.
    @inlinable public static var machineCheckCapability: UInt32 { 38 }
    /// `HVM_NR_PARAMS`.
    @inlinable public static var count: UInt32 { 39 }
}

/// Bits 63:56 of `HVMParameter.callbackInterrupt`.
public enum HVMCallbackType {
    /// `HVM_PARAM_CALLBACK_TYPE_GSI`.
    @inlinable public static var gsi: UInt64 { 0 }
    /// `HVM_PARAM_CALLBACK_TYPE_PCI_INTX`.
    @inlinable public static var pciInterrupt: UInt64 { 1 }
    /// `HVM_PARAM_CALLBACK_TYPE_VECTOR`.
    @inlinable public static var vector: UInt64 { 2 }
}
