// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/hvm/save.h, public/arch-x86/hvm/save.h. Fields name their C spelling.

/// `typecode` of a saved record.
public enum HVMSaveRecord {
    /// `HVM_SAVE_CODE(END)`.
    @inlinable public static var end: UInt16 { 0 }
    /// `HVM_SAVE_CODE(HEADER)`.
    @inlinable public static var header: UInt16 { 1 }
    /// `HVM_SAVE_CODE(CPU)`.
    @inlinable public static var cpu: UInt16 { 2 }
    /// `HVM_SAVE_CODE(PIC)`.
    @inlinable public static var pic: UInt16 { 3 }
    /// `HVM_SAVE_CODE(IOAPIC)`.
    @inlinable public static var ioapic: UInt16 { 4 }
    /// `HVM_SAVE_CODE(LAPIC)`.
    @inlinable public static var lapic: UInt16 { 5 }
    /// `HVM_SAVE_CODE(LAPIC_REGS)`.
    @inlinable public static var lapicRegisters: UInt16 { 6 }
    /// `HVM_SAVE_CODE(PCI_IRQ)`.
    @inlinable public static var pciInterrupt: UInt16 { 7 }
    /// `HVM_SAVE_CODE(ISA_IRQ)`.
    @inlinable public static var isaInterrupt: UInt16 { 8 }
    /// `HVM_SAVE_CODE(PCI_LINK)`.
    @inlinable public static var pciLink: UInt16 { 9 }
    /// `HVM_SAVE_CODE(PIT)`.
    @inlinable public static var pit: UInt16 { 10 }
    /// `HVM_SAVE_CODE(RTC)`.
    @inlinable public static var rtc: UInt16 { 11 }
    /// `HVM_SAVE_CODE(HPET)`.
    @inlinable public static var hpet: UInt16 { 12 }
    /// `HVM_SAVE_CODE(PMTIMER)`.
    @inlinable public static var pmTimer: UInt16 { 13 }
    /// `HVM_SAVE_CODE(MTRR)`.
    @inlinable public static var mtrr: UInt16 { 14 }
    /// `HVM_SAVE_CODE(VIRIDIAN_DOMAIN)`.
    @inlinable public static var viridianDomain: UInt16 { 15 }
    /// `CPU_XSAVE_CODE`.
    @inlinable public static var cpuXSAVE: UInt16 { 16 }
    /// `HVM_SAVE_CODE(VIRIDIAN_VCPU)`.
    @inlinable public static var viridianVCPU: UInt16 { 17 }
    /// `HVM_SAVE_CODE(VMCE_VCPU)`.
    @inlinable public static var machineCheckVCPU: UInt16 { 18 }
    /// `HVM_SAVE_CODE(TSC_ADJUST)`.
    @inlinable public static var tscAdjust: UInt16 { 19 }
    /// `CPU_MSR_CODE`.
    @inlinable public static var cpuMSR: UInt16 { 20 }
}

/// Magic and version of the header record.
public enum HVMSaveMagic {
    /// `HVM_FILE_MAGIC`.
    @inlinable public static var value: UInt32 { 0x54381286 }
    /// `HVM_FILE_VERSION`.
    @inlinable public static var version: UInt32 { 1 }
}

/// Stands before each record; `length` is the body's, in bytes. `struct hvm_save_descriptor`, 8 bytes.
public enum HVMSaveDescriptorLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<HVMSaveDescriptorLayout, UInt16> {
    /// `typecode`.
    @inlinable public static var typecode: Self { .init(at: 0) }
    /// `instance`.
    @inlinable public static var instance: Self { .init(at: 2) }
}
extension Field<HVMSaveDescriptorLayout, UInt32> {
    /// `length`.
    @inlinable public static var length: Self { .init(at: 4) }
}

/// First record. `struct hvm_save_header`, 24 bytes.
public enum HVMSaveHeaderLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<HVMSaveHeaderLayout, UInt32> {
    /// `magic`.
    @inlinable public static var magic: Self { .init(at: 0) }
    /// `version`.
    @inlinable public static var version: Self { .init(at: 4) }
    /// `cpuid`.
    @inlinable public static var cpuid: Self { .init(at: 16) }
    /// `gtsc_khz`.
    @inlinable public static var guestTSCKilohertz: Self { .init(at: 20) }
}
extension Field<HVMSaveHeaderLayout, UInt64> {
    /// `changeset`.
    @inlinable public static var changeset: Self { .init(at: 8) }
}

/// A vCPU's registers. Attributes are packed: descriptor bits 47:40 in [7:0], bits 55:52 in [11:8]. `struct
/// hvm_hw_cpu`, 1032 bytes.
public enum HVMSaveCPULayout: ABILayout {
    @inlinable public static var byteCount: Int { 1032 }
}
extension Field<HVMSaveCPULayout, UInt8> {
    /// `fpu_regs`, the first of 512.
    @inlinable public static var fpuRegisters: Self { .init(at: 0) }
}
extension Field<HVMSaveCPULayout, UInt64> {
    /// `rax`.
    @inlinable public static var rax: Self { .init(at: 512) }
    /// `rbx`.
    @inlinable public static var rbx: Self { .init(at: 520) }
    /// `rcx`.
    @inlinable public static var rcx: Self { .init(at: 528) }
    /// `rdx`.
    @inlinable public static var rdx: Self { .init(at: 536) }
    /// `rbp`.
    @inlinable public static var rbp: Self { .init(at: 544) }
    /// `rsi`.
    @inlinable public static var rsi: Self { .init(at: 552) }
    /// `rdi`.
    @inlinable public static var rdi: Self { .init(at: 560) }
    /// `rsp`.
    @inlinable public static var rsp: Self { .init(at: 568) }
    /// `r8`.
    @inlinable public static var r8: Self { .init(at: 576) }
    /// `r9`.
    @inlinable public static var r9: Self { .init(at: 584) }
    /// `r10`.
    @inlinable public static var r10: Self { .init(at: 592) }
    /// `r11`.
    @inlinable public static var r11: Self { .init(at: 600) }
    /// `r12`.
    @inlinable public static var r12: Self { .init(at: 608) }
    /// `r13`.
    @inlinable public static var r13: Self { .init(at: 616) }
    /// `r14`.
    @inlinable public static var r14: Self { .init(at: 624) }
    /// `r15`.
    @inlinable public static var r15: Self { .init(at: 632) }
    /// `rip`.
    @inlinable public static var rip: Self { .init(at: 640) }
    /// `rflags`.
    @inlinable public static var rflags: Self { .init(at: 648) }
    /// `cr0`.
    @inlinable public static var cr0: Self { .init(at: 656) }
    /// `cr2`.
    @inlinable public static var cr2: Self { .init(at: 664) }
    /// `cr3`.
    @inlinable public static var cr3: Self { .init(at: 672) }
    /// `cr4`.
    @inlinable public static var cr4: Self { .init(at: 680) }
    /// `dr0`.
    @inlinable public static var dr0: Self { .init(at: 688) }
    /// `dr1`.
    @inlinable public static var dr1: Self { .init(at: 696) }
    /// `dr2`.
    @inlinable public static var dr2: Self { .init(at: 704) }
    /// `dr3`.
    @inlinable public static var dr3: Self { .init(at: 712) }
    /// `dr6`.
    @inlinable public static var dr6: Self { .init(at: 720) }
    /// `dr7`.
    @inlinable public static var dr7: Self { .init(at: 728) }
    /// `cs_base`.
    @inlinable public static var csBase: Self { .init(at: 808) }
    /// `ds_base`.
    @inlinable public static var dsBase: Self { .init(at: 816) }
    /// `es_base`.
    @inlinable public static var esBase: Self { .init(at: 824) }
    /// `fs_base`.
    @inlinable public static var fsBase: Self { .init(at: 832) }
    /// `gs_base`.
    @inlinable public static var gsBase: Self { .init(at: 840) }
    /// `ss_base`.
    @inlinable public static var ssBase: Self { .init(at: 848) }
    /// `tr_base`.
    @inlinable public static var trBase: Self { .init(at: 856) }
    /// `ldtr_base`.
    @inlinable public static var ldtrBase: Self { .init(at: 864) }
    /// `idtr_base`.
    @inlinable public static var idtrBase: Self { .init(at: 872) }
    /// `gdtr_base`.
    @inlinable public static var gdtrBase: Self { .init(at: 880) }
    /// `sysenter_cs`.
    @inlinable public static var sysenterCS: Self { .init(at: 920) }
    /// `sysenter_esp`.
    @inlinable public static var sysenterESP: Self { .init(at: 928) }
    /// `sysenter_eip`.
    @inlinable public static var sysenterEIP: Self { .init(at: 936) }
    /// `shadow_gs`.
    @inlinable public static var shadowGS: Self { .init(at: 944) }
    /// `msr_flags`.
    @inlinable public static var msrFlags: Self { .init(at: 952) }
    /// `msr_lstar`.
    @inlinable public static var lstar: Self { .init(at: 960) }
    /// `msr_star`.
    @inlinable public static var star: Self { .init(at: 968) }
    /// `msr_cstar`.
    @inlinable public static var cstar: Self { .init(at: 976) }
    /// `msr_syscall_mask`.
    @inlinable public static var syscallMask: Self { .init(at: 984) }
    /// `msr_efer`.
    @inlinable public static var efer: Self { .init(at: 992) }
    /// `msr_tsc_aux`.
    @inlinable public static var tscAux: Self { .init(at: 1000) }
    /// `tsc`.
    @inlinable public static var tsc: Self { .init(at: 1008) }
}
extension Field<HVMSaveCPULayout, UInt32> {
    /// `cs_sel`.
    @inlinable public static var csSelector: Self { .init(at: 736) }
    /// `ds_sel`.
    @inlinable public static var dsSelector: Self { .init(at: 740) }
    /// `es_sel`.
    @inlinable public static var esSelector: Self { .init(at: 744) }
    /// `fs_sel`.
    @inlinable public static var fsSelector: Self { .init(at: 748) }
    /// `gs_sel`.
    @inlinable public static var gsSelector: Self { .init(at: 752) }
    /// `ss_sel`.
    @inlinable public static var ssSelector: Self { .init(at: 756) }
    /// `tr_sel`.
    @inlinable public static var trSelector: Self { .init(at: 760) }
    /// `ldtr_sel`.
    @inlinable public static var ldtrSelector: Self { .init(at: 764) }
    /// `cs_limit`.
    @inlinable public static var csLimit: Self { .init(at: 768) }
    /// `ds_limit`.
    @inlinable public static var dsLimit: Self { .init(at: 772) }
    /// `es_limit`.
    @inlinable public static var esLimit: Self { .init(at: 776) }
    /// `fs_limit`.
    @inlinable public static var fsLimit: Self { .init(at: 780) }
    /// `gs_limit`.
    @inlinable public static var gsLimit: Self { .init(at: 784) }
    /// `ss_limit`.
    @inlinable public static var ssLimit: Self { .init(at: 788) }
    /// `tr_limit`.
    @inlinable public static var trLimit: Self { .init(at: 792) }
    /// `ldtr_limit`.
    @inlinable public static var ldtrLimit: Self { .init(at: 796) }
    /// `idtr_limit`.
    @inlinable public static var idtrLimit: Self { .init(at: 800) }
    /// `gdtr_limit`.
    @inlinable public static var gdtrLimit: Self { .init(at: 804) }
    /// `cs_arbytes`.
    @inlinable public static var csAttributes: Self { .init(at: 888) }
    /// `ds_arbytes`.
    @inlinable public static var dsAttributes: Self { .init(at: 892) }
    /// `es_arbytes`.
    @inlinable public static var esAttributes: Self { .init(at: 896) }
    /// `fs_arbytes`.
    @inlinable public static var fsAttributes: Self { .init(at: 900) }
    /// `gs_arbytes`.
    @inlinable public static var gsAttributes: Self { .init(at: 904) }
    /// `ss_arbytes`.
    @inlinable public static var ssAttributes: Self { .init(at: 908) }
    /// `tr_arbytes`.
    @inlinable public static var trAttributes: Self { .init(at: 912) }
    /// `ldtr_arbytes`.
    @inlinable public static var ldtrAttributes: Self { .init(at: 916) }
    /// `pending_event`.
    @inlinable public static var pendingEvent: Self { .init(at: 1016) }
    /// `error_code`.
    @inlinable public static var errorCode: Self { .init(at: 1020) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 1024) }
}

/// `flags` of the CPU record.
public enum HVMSaveCPUFlag {
    /// `XEN_X86_FPU_INITIALISED`.
    @inlinable public static var fpuInitialised: UInt32 { 1 }
}

/// A local APIC's state outside its register page. `struct hvm_hw_lapic`, 24 bytes.
public enum HVMSaveLAPICLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<HVMSaveLAPICLayout, UInt64> {
    /// `apic_base_msr`.
    @inlinable public static var apicBase: Self { .init(at: 0) }
    /// `tdt_msr`.
    @inlinable public static var tscDeadline: Self { .init(at: 16) }
}
extension Field<HVMSaveLAPICLayout, UInt32> {
    /// `disabled`.
    @inlinable public static var disabled: Self { .init(at: 8) }
    /// `timer_divisor`.
    @inlinable public static var timerDivisor: Self { .init(at: 12) }
}

/// A local APIC's register page. `struct hvm_hw_lapic_regs`, 1024 bytes.
public enum HVMSaveLAPICRegistersLayout: ABILayout {
    @inlinable public static var byteCount: Int { 1024 }
}
extension Field<HVMSaveLAPICRegistersLayout, UInt8> {
    /// `data`, the first of 1024.
    @inlinable public static var data: Self { .init(at: 0) }
}

/// Levels of the PCI interrupt lines. `struct hvm_hw_pci_irqs`, 16 bytes.
public enum HVMSavePCIInterruptLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<HVMSavePCIInterruptLayout, UInt64> {
    /// `pad`, the first of 2.
    @inlinable public static var levels: Self { .init(at: 0) }
}

/// Levels of the ISA interrupt lines. `struct hvm_hw_isa_irqs`, 8 bytes.
public enum HVMSaveISAInterruptLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<HVMSaveISAInterruptLayout, UInt64> {
    /// `pad`.
    @inlinable public static var levels: Self { .init(at: 0) }
}

/// Routes of the four PCI links. `struct hvm_hw_pci_link`, 8 bytes.
public enum HVMSavePCILinkLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<HVMSavePCILinkLayout, UInt8> {
    /// `route`, the first of 4.
    @inlinable public static var routes: Self { .init(at: 0) }
}

/// A vCPU's memory type registers; `variable` alternates base and mask. `struct hvm_hw_mtrr`, 240 bytes.
public enum HVMSaveMTRRLayout: ABILayout {
    @inlinable public static var byteCount: Int { 240 }
}
extension Field<HVMSaveMTRRLayout, UInt64> {
    /// `msr_pat_cr`.
    @inlinable public static var pat: Self { .init(at: 0) }
    /// `msr_mtrr_var`, the first of 16.
    @inlinable public static var variable: Self { .init(at: 8) }
    /// `msr_mtrr_fixed`, the first of 11.
    @inlinable public static var fixed: Self { .init(at: 136) }
    /// `msr_mtrr_cap`.
    @inlinable public static var capability: Self { .init(at: 224) }
    /// `msr_mtrr_def_type`.
    @inlinable public static var defaultType: Self { .init(at: 232) }
}

/// A vCPU's extended state; the XSAVE area starts at byte 24. `struct hvm_hw_cpu_xsave`, 600 bytes.
public enum HVMSaveXSAVELayout: ABILayout {
    @inlinable public static var byteCount: Int { 600 }
}
extension Field<HVMSaveXSAVELayout, UInt64> {
    /// `xfeature_mask`.
    @inlinable public static var featureMask: Self { .init(at: 0) }
    /// `xcr0`.
    @inlinable public static var xcr0: Self { .init(at: 8) }
    /// `xcr0_accum`.
    @inlinable public static var xcr0Accumulated: Self { .init(at: 16) }
    /// `save_area.xsave_hdr.xstate_bv`.
    @inlinable public static var xstateBV: Self { .init(at: 536) }
    /// `save_area.xsave_hdr.xcomp_bv`.
    @inlinable public static var xcompBV: Self { .init(at: 544) }
}
extension Field<HVMSaveXSAVELayout, UInt8> {
    /// `save_area.fpu_sse.x`, the first of 512.
    @inlinable public static var area: Self { .init(at: 24) }
}

/// A vCPU's machine check registers. `struct hvm_vmce_vcpu`, 32 bytes.
public enum HVMSaveMachineCheckLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<HVMSaveMachineCheckLayout, UInt64> {
    /// `caps`.
    @inlinable public static var capability: Self { .init(at: 0) }
    /// `mci_ctl2_bank0`.
    @inlinable public static var bank0Control2: Self { .init(at: 8) }
    /// `mci_ctl2_bank1`.
    @inlinable public static var bank1Control2: Self { .init(at: 16) }
    /// `mcg_ext_ctl`.
    @inlinable public static var extendedControl: Self { .init(at: 24) }
}

/// A vCPU's TSC_ADJUST. `struct hvm_tsc_adjust`, 8 bytes.
public enum HVMSaveTSCAdjustLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<HVMSaveTSCAdjustLayout, UInt64> {
    /// `tsc_adjust`.
    @inlinable public static var tscAdjust: Self { .init(at: 0) }
}

/// Count of the `HVMSaveMSREntryLayout`s that follow at byte 8. `struct hvm_msr`, 8 bytes.
public enum HVMSaveMSRLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<HVMSaveMSRLayout, UInt32> {
    /// `count`.
    @inlinable public static var count: Self { .init(at: 0) }
}

/// One MSR. `struct hvm_one_msr`, 16 bytes.
public enum HVMSaveMSREntryLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<HVMSaveMSREntryLayout, UInt32> {
    /// `index`.
    @inlinable public static var index: Self { .init(at: 0) }
    /// `_rsvd`.
    @inlinable public static var reserved: Self { .init(at: 4) }
}
extension Field<HVMSaveMSREntryLayout, UInt64> {
    /// `val`.
    @inlinable public static var value: Self { .init(at: 8) }
}
