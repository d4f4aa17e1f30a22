// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/arch-x86/hvm/start_info.h, public/elfnote.h, public/xen.h. Fields name their C spelling.

/// First word of a `StartInfoLayout`.
public enum StartInfoMagic {
    /// `XEN_HVM_START_MAGIC_VALUE`.
    @inlinable public static var value: UInt32 { 0x336ec578 }
}

/// `flags` of a `StartInfoLayout`. `SIF_…`.
public enum StartInfoFlag {
    /// `SIF_PRIVILEGED`.
    @inlinable public static var privileged: UInt32 { 1 }
    /// `SIF_INITDOMAIN`.
    @inlinable public static var initialDomain: UInt32 { 2 }
    /// `SIF_MULTIBOOT_MOD`.
    @inlinable public static var multibootModule: UInt32 { 4 }
    /// `SIF_MOD_START_PFN`.
    @inlinable public static var moduleStartFrame: UInt32 { 8 }
    /// `SIF_VIRT_P2M_4TOOLS`.
    @inlinable public static var virtualP2M: UInt32 { 0x10 }
    /// `SIF_PM_MASK`.
    @inlinable public static var powerManagementMask: UInt32 { 0xff00 }
}

/// What EBX points at when a PVH kernel starts. Addresses are guest-physical, 0 for none. `struct
/// hvm_start_info`, 56 bytes.
public enum StartInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 56 }
}
extension Field<StartInfoLayout, UInt32> {
    /// `magic`.
    @inlinable public static var magic: Self { .init(at: 0) }
    /// `version`.
    @inlinable public static var version: Self { .init(at: 4) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 8) }
    /// `nr_modules`.
    @inlinable public static var moduleCount: Self { .init(at: 12) }
    /// `memmap_entries`.
    @inlinable public static var memoryMapCount: Self { .init(at: 48) }
    /// `reserved`.
    @inlinable public static var reserved: Self { .init(at: 52) }
}
extension Field<StartInfoLayout, UInt64> {
    /// `modlist_paddr`.
    @inlinable public static var moduleList: Self { .init(at: 16) }
    /// `cmdline_paddr`.
    @inlinable public static var commandLine: Self { .init(at: 24) }
    /// `rsdp_paddr`.
    @inlinable public static var rsdp: Self { .init(at: 32) }
    /// `memmap_paddr`.
    @inlinable public static var memoryMap: Self { .init(at: 40) }
}

/// One boot module; Linux takes the first for its initial ramdisk. `struct hvm_modlist_entry`, 32 bytes.
public enum ModuleListEntryLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<ModuleListEntryLayout, UInt64> {
    /// `paddr`.
    @inlinable public static var address: Self { .init(at: 0) }
    /// `size`.
    @inlinable public static var size: Self { .init(at: 8) }
    /// `cmdline_paddr`.
    @inlinable public static var commandLine: Self { .init(at: 16) }
    /// `reserved`.
    @inlinable public static var reserved: Self { .init(at: 24) }
}

/// One entry of the memory map in start info; `type` as `E820Type`. `struct hvm_memmap_table_entry`, 24
/// bytes.
public enum MemoryMapTableEntryLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<MemoryMapTableEntryLayout, UInt64> {
    /// `addr`.
    @inlinable public static var address: Self { .init(at: 0) }
    /// `size`.
    @inlinable public static var size: Self { .init(at: 8) }
}
extension Field<MemoryMapTableEntryLayout, UInt32> {
    /// `type`.
    @inlinable public static var type: Self { .init(at: 16) }
    /// `reserved`.
    @inlinable public static var reserved: Self { .init(at: 20) }
}

/// Types of ELF notes named "Xen". `XEN_ELFNOTE_…`.
public enum ELFNoteType {
    /// `XEN_ELFNOTE_INFO`.
    @inlinable public static var info: UInt32 { 0 }
    /// `XEN_ELFNOTE_ENTRY`.
    @inlinable public static var entry: UInt32 { 1 }
    /// `XEN_ELFNOTE_HYPERCALL_PAGE`.
    @inlinable public static var hypercallPage: UInt32 { 2 }
    /// `XEN_ELFNOTE_VIRT_BASE`.
    @inlinable public static var virtualBase: UInt32 { 3 }
    /// `XEN_ELFNOTE_PADDR_OFFSET`.
    @inlinable public static var physicalOffset: UInt32 { 4 }
    /// `XEN_ELFNOTE_XEN_VERSION`.
    @inlinable public static var xenVersion: UInt32 { 5 }
    /// `XEN_ELFNOTE_GUEST_OS`.
    @inlinable public static var guestOS: UInt32 { 6 }
    /// `XEN_ELFNOTE_GUEST_VERSION`.
    @inlinable public static var guestVersion: UInt32 { 7 }
    /// `XEN_ELFNOTE_LOADER`.
    @inlinable public static var loader: UInt32 { 8 }
    /// `XEN_ELFNOTE_PAE_MODE`.
    @inlinable public static var paeMode: UInt32 { 9 }
    /// `XEN_ELFNOTE_FEATURES`.
    @inlinable public static var features: UInt32 { 10 }
    /// `XEN_ELFNOTE_BSD_SYMTAB`.
    @inlinable public static var bsdSymbolTable: UInt32 { 11 }
    /// `XEN_ELFNOTE_SUSPEND_CANCEL`.
    @inlinable public static var suspendCancel: UInt32 { 14 }
    /// `XEN_ELFNOTE_SUPPORTED_FEATURES`.
    @inlinable public static var supportedFeatures: UInt32 { 17 }
    /// `XEN_ELFNOTE_PHYS32_ENTRY`. The PVH entry point, a physical address.
    @inlinable public static var physicalEntry32: UInt32 { 18 }
}
