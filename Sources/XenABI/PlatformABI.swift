// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/platform.h, public/physdev.h. Fields name their C spelling.

/// `interfaceVersion` of every `PlatformLayout`.
public enum PlatformVersion {
    /// `XENPF_INTERFACE_VERSION`.
    @inlinable public static var value: UInt32 { 0x3000001 }
}

/// Head of every platform operation; its own block follows at `argumentOffset`. `struct xen_platform_op`,
/// 136 bytes.
public enum PlatformLayout: ABILayout {
    @inlinable public static var byteCount: Int { 136 }
    /// Where the operation's own block starts in it.
    @inlinable public static var argumentOffset: Int { 8 }
}
extension Field<PlatformLayout, UInt32> {
    /// `cmd`.
    @inlinable public static var command: Self { .init(at: 0) }
    /// `interface_version`.
    @inlinable public static var interfaceVersion: Self { .init(at: 4) }
}

/// `command` of a platform operation. `XENPF_…`.
public enum PlatformOperation {
    /// `XENPF_settime32`.
    @inlinable public static var setTime32: UInt32 { 17 }
    /// `XENPF_add_memtype`.
    @inlinable public static var addMemoryType: UInt32 { 31 }
    /// `XENPF_del_memtype`.
    @inlinable public static var deleteMemoryType: UInt32 { 32 }
    /// `XENPF_read_memtype`.
    @inlinable public static var readMemoryType: UInt32 { 33 }
    /// `XENPF_microcode_update`.
    @inlinable public static var microcodeUpdate: UInt32 { 35 }
    /// `XENPF_platform_quirk`.
    @inlinable public static var platformQuirk: UInt32 { 39 }
    /// `XENPF_get_cpu_version`.
    @inlinable public static var getCPUVersion: UInt32 { 48 }
    /// `XENPF_efi_runtime_call`.
    @inlinable public static var efiRuntimeCall: UInt32 { 49 }
    /// `XENPF_firmware_info`.
    @inlinable public static var firmwareInfo: UInt32 { 50 }
    /// `XENPF_enter_acpi_sleep`.
    @inlinable public static var enterACPISleep: UInt32 { 51 }
    /// `XENPF_change_freq`.
    @inlinable public static var changeFrequency: UInt32 { 52 }
    /// `XENPF_getidletime`.
    @inlinable public static var getIdleTime: UInt32 { 53 }
    /// `XENPF_set_processor_pminfo`.
    @inlinable public static var setProcessorPMInfo: UInt32 { 54 }
    /// `XENPF_get_cpuinfo`.
    @inlinable public static var getCPUInfo: UInt32 { 55 }
    /// `XENPF_cpu_online`.
    @inlinable public static var cpuOnline: UInt32 { 56 }
    /// `XENPF_cpu_offline`.
    @inlinable public static var cpuOffline: UInt32 { 57 }
    /// `XENPF_cpu_hotadd`.
    @inlinable public static var cpuHotAdd: UInt32 { 58 }
    /// `XENPF_mem_hotadd`.
    @inlinable public static var memoryHotAdd: UInt32 { 59 }
    /// `XENPF_core_parking`.
    @inlinable public static var coreParking: UInt32 { 60 }
    /// `XENPF_resource_op`.
    @inlinable public static var resource: UInt32 { 61 }
    /// `XENPF_settime64`.
    @inlinable public static var setTime64: UInt32 { 62 }
    /// `XENPF_get_symbol`.
    @inlinable public static var getSymbol: UInt32 { 63 }
}

/// Wallclock time at a system time in nanoseconds. `struct xenpf_settime32`, 16 bytes.
public enum PlatformSetTime32Layout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<PlatformSetTime32Layout, UInt32> {
    /// `secs`.
    @inlinable public static var seconds: Self { .init(at: 0) }
    /// `nsecs`.
    @inlinable public static var nanoseconds: Self { .init(at: 4) }
}
extension Field<PlatformSetTime32Layout, UInt64> {
    /// `system_time`.
    @inlinable public static var systemTime: Self { .init(at: 8) }
}

/// Wallclock time at a system time in nanoseconds. `struct xenpf_settime64`, 24 bytes.
public enum PlatformSetTime64Layout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<PlatformSetTime64Layout, UInt64> {
    /// `secs`.
    @inlinable public static var seconds: Self { .init(at: 0) }
    /// `system_time`.
    @inlinable public static var systemTime: Self { .init(at: 16) }
}
extension Field<PlatformSetTime64Layout, UInt32> {
    /// `nsecs`.
    @inlinable public static var nanoseconds: Self { .init(at: 8) }
    /// `mbz`.
    @inlinable public static var mustBeZero: Self { .init(at: 12) }
}

/// What the firmware told. `struct xenpf_firmware_info`, 40 bytes.
public enum PlatformFirmwareInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<PlatformFirmwareInfoLayout, UInt32> {
    /// `type`.
    @inlinable public static var type: Self { .init(at: 0) }
    /// `index`.
    @inlinable public static var index: Self { .init(at: 4) }
}

/// `type` of `PlatformFirmwareInfoLayout`.
public enum FirmwareInfoType {
    /// `XEN_FW_DISK_INFO`.
    @inlinable public static var disk: UInt32 { 1 }
    /// `XEN_FW_DISK_MBR_SIGNATURE`.
    @inlinable public static var diskMBRSignature: UInt32 { 2 }
    /// `XEN_FW_VBEDDC_INFO`.
    @inlinable public static var vbeDDC: UInt32 { 3 }
    /// `XEN_FW_EFI_INFO`.
    @inlinable public static var efi: UInt32 { 4 }
    /// `XEN_FW_KBD_SHIFT_FLAGS`.
    @inlinable public static var keyboardShiftFlags: UInt32 { 5 }
}

/// Values for the ACPI sleep registers. `struct xenpf_enter_acpi_sleep`, 12 bytes.
public enum PlatformACPISleepLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<PlatformACPISleepLayout, UInt16> {
    /// `val_a`.
    @inlinable public static var valueA: Self { .init(at: 0) }
    /// `val_b`.
    @inlinable public static var valueB: Self { .init(at: 2) }
}
extension Field<PlatformACPISleepLayout, UInt32> {
    /// `sleep_state`.
    @inlinable public static var sleepState: Self { .init(at: 4) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 8) }
}

/// `flags` of `PlatformACPISleepLayout`.
public enum ACPISleepFlag {
    /// `XENPF_ACPI_SLEEP_EXTENDED`.
    @inlinable public static var extended: UInt32 { 1 }
}

/// One physical CPU. `struct xenpf_pcpuinfo`, 20 bytes.
public enum PlatformCPUInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 20 }
}
extension Field<PlatformCPUInfoLayout, UInt32> {
    /// `xen_cpuid`.
    @inlinable public static var cpu: Self { .init(at: 0) }
    /// `max_present`.
    @inlinable public static var maximumPresent: Self { .init(at: 4) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 8) }
    /// `apic_id`.
    @inlinable public static var apicID: Self { .init(at: 12) }
    /// `acpi_id`.
    @inlinable public static var acpiID: Self { .init(at: 16) }
}

/// `flags` of `PlatformCPUInfoLayout`.
public enum PhysicalCPUFlag {
    /// `XEN_PCPU_FLAGS_ONLINE`.
    @inlinable public static var online: UInt32 { 1 }
    /// `XEN_PCPU_FLAGS_INVALID`.
    @inlinable public static var invalid: UInt32 { 2 }
}

/// First argument of `physdev_op`. `PHYSDEVOP_…`.
public enum PhysicalDeviceOperation {
    /// `PHYSDEVOP_eoi`.
    @inlinable public static var eoi: UInt32 { 12 }
    /// `PHYSDEVOP_irq_status_query`.
    @inlinable public static var interruptStatusQuery: UInt32 { 5 }
    /// `PHYSDEVOP_set_iopl`.
    @inlinable public static var setIOPL: UInt32 { 6 }
    /// `PHYSDEVOP_set_iobitmap`.
    @inlinable public static var setIOBitmap: UInt32 { 7 }
    /// `PHYSDEVOP_apic_read`.
    @inlinable public static var apicRead: UInt32 { 8 }
    /// `PHYSDEVOP_apic_write`.
    @inlinable public static var apicWrite: UInt32 { 9 }
    /// `PHYSDEVOP_alloc_irq_vector`.
    @inlinable public static var allocateInterruptVector: UInt32 { 10 }
    /// `PHYSDEVOP_free_irq_vector`.
    @inlinable public static var freeInterruptVector: UInt32 { 11 }
    /// `PHYSDEVOP_map_pirq`.
    @inlinable public static var mapInterrupt: UInt32 { 13 }
    /// `PHYSDEVOP_unmap_pirq`.
    @inlinable public static var unmapInterrupt: UInt32 { 14 }
    /// `PHYSDEVOP_manage_pci_add`.
    @inlinable public static var managePCIAdd: UInt32 { 15 }
    /// `PHYSDEVOP_manage_pci_remove`.
    @inlinable public static var managePCIRemove: UInt32 { 16 }
    /// `PHYSDEVOP_restore_msi`.
    @inlinable public static var restoreMSI: UInt32 { 19 }
    /// `PHYSDEVOP_manage_pci_add_ext`.
    @inlinable public static var managePCIAddExtended: UInt32 { 20 }
    /// `PHYSDEVOP_setup_gsi`.
    @inlinable public static var setupGSI: UInt32 { 21 }
    /// `PHYSDEVOP_get_free_pirq`.
    @inlinable public static var getFreeInterrupt: UInt32 { 23 }
    /// `PHYSDEVOP_pci_mmcfg_reserved`.
    @inlinable public static var pciMMCFGReserved: UInt32 { 24 }
    /// `PHYSDEVOP_pci_device_add`.
    @inlinable public static var pciDeviceAdd: UInt32 { 25 }
    /// `PHYSDEVOP_pci_device_remove`.
    @inlinable public static var pciDeviceRemove: UInt32 { 26 }
    /// `PHYSDEVOP_restore_msi_ext`.
    @inlinable public static var restoreMSIExtended: UInt32 { 27 }
    /// `PHYSDEVOP_pirq_eoi_gmfn_v2`.
    @inlinable public static var eoiFrameV2: UInt32 { 28 }
    /// `PHYSDEVOP_dbgp_op`.
    @inlinable public static var debugPort: UInt32 { 29 }
    /// `PHYSDEVOP_prepare_msix`.
    @inlinable public static var prepareMSIX: UInt32 { 30 }
    /// `PHYSDEVOP_release_msix`.
    @inlinable public static var releaseMSIX: UInt32 { 31 }
}

/// A PCI configuration window. `struct physdev_pci_mmcfg_reserved`, 16 bytes.
public enum PCIMMCFGReservedLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<PCIMMCFGReservedLayout, UInt64> {
    /// `address`.
    @inlinable public static var address: Self { .init(at: 0) }
}
extension Field<PCIMMCFGReservedLayout, UInt16> {
    /// `segment`.
    @inlinable public static var segment: Self { .init(at: 8) }
}
extension Field<PCIMMCFGReservedLayout, UInt8> {
    /// `start_bus`.
    @inlinable public static var startBus: Self { .init(at: 10) }
    /// `end_bus`.
    @inlinable public static var endBus: Self { .init(at: 11) }
}
extension Field<PCIMMCFGReservedLayout, UInt32> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 12) }
}

/// `flags` of `PCIMMCFGReservedLayout`.
public enum PCIMMCFGFlag {
    /// `XEN_PCI_MMCFG_RESERVED`.
    @inlinable public static var reserved: UInt32 { 1 }
}

/// A PCI device that Dom0 found. `struct physdev_pci_device_add`, 12 bytes.
public enum PCIDeviceAddLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<PCIDeviceAddLayout, UInt16> {
    /// `seg`.
    @inlinable public static var segment: Self { .init(at: 0) }
}
extension Field<PCIDeviceAddLayout, UInt8> {
    /// `bus`.
    @inlinable public static var bus: Self { .init(at: 2) }
    /// `devfn`.
    @inlinable public static var deviceFunction: Self { .init(at: 3) }
    /// `physfn.bus`.
    @inlinable public static var physicalFunctionBus: Self { .init(at: 8) }
    /// `physfn.devfn`.
    @inlinable public static var physicalFunctionDeviceFunction: Self { .init(at: 9) }
}
extension Field<PCIDeviceAddLayout, UInt32> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 4) }
}

/// `flags` of `PCIDeviceAddLayout`.
public enum PCIDeviceFlag {
    /// `XEN_PCI_DEV_EXTFN`.
    @inlinable public static var extendedFunction: UInt32 { 1 }
    /// `XEN_PCI_DEV_VIRTFN`.
    @inlinable public static var virtualFunction: UInt32 { 2 }
    /// `XEN_PCI_DEV_PXM`.
    @inlinable public static var proximity: UInt32 { 4 }
}

/// Names a PCI device. `struct physdev_pci_device`, 4 bytes.
public enum PCIDeviceLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<PCIDeviceLayout, UInt16> {
    /// `seg`.
    @inlinable public static var segment: Self { .init(at: 0) }
}
extension Field<PCIDeviceLayout, UInt8> {
    /// `bus`.
    @inlinable public static var bus: Self { .init(at: 2) }
    /// `devfn`.
    @inlinable public static var deviceFunction: Self { .init(at: 3) }
}

/// An interrupt to map. `struct physdev_map_pirq`, 40 bytes.
public enum PhysicalDeviceMapInterruptLayout: ABILayout {
    @inlinable public static var byteCount: Int { 40 }
}
extension Field<PhysicalDeviceMapInterruptLayout, UInt16> {
    /// `domid`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<PhysicalDeviceMapInterruptLayout, Int32> {
    /// `type`.
    @inlinable public static var type: Self { .init(at: 4) }
    /// `index`.
    @inlinable public static var index: Self { .init(at: 8) }
    /// `pirq`.
    @inlinable public static var interrupt: Self { .init(at: 12) }
    /// `bus`.
    @inlinable public static var bus: Self { .init(at: 16) }
    /// `devfn`.
    @inlinable public static var deviceFunction: Self { .init(at: 20) }
    /// `entry_nr`.
    @inlinable public static var entry: Self { .init(at: 24) }
}
extension Field<PhysicalDeviceMapInterruptLayout, UInt64> {
    /// `table_base`.
    @inlinable public static var tableBase: Self { .init(at: 32) }
}

/// EHCI debug port notification. `struct physdev_dbgp_op`, 6 bytes.
public enum PhysicalDeviceDebugPortLayout: ABILayout {
    @inlinable public static var byteCount: Int { 6 }
}
extension Field<PhysicalDeviceDebugPortLayout, UInt8> {
    /// `op`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `bus`.
    @inlinable public static var bus: Self { .init(at: 1) }
}
