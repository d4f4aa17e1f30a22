// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/xen.h. Fields name their C spelling.

/// Numbers of the hypercalls, in RAX (EAX for a 32-bit caller). `__HYPERVISOR_…`.
public enum HypercallNumber {
    /// `__HYPERVISOR_set_trap_table`.
    @inlinable public static var setTrapTable: UInt32 { 0 }
    /// `__HYPERVISOR_mmu_update`.
    @inlinable public static var mmuUpdate: UInt32 { 1 }
    /// `__HYPERVISOR_set_gdt`.
    @inlinable public static var setGDT: UInt32 { 2 }
    /// `__HYPERVISOR_stack_switch`.
    @inlinable public static var stackSwitch: UInt32 { 3 }
    /// `__HYPERVISOR_set_callbacks`.
    @inlinable public static var setCallbacks: UInt32 { 4 }
    /// `__HYPERVISOR_fpu_taskswitch`.
    @inlinable public static var fpuTaskSwitch: UInt32 { 5 }
    /// `__HYPERVISOR_sched_op_compat`.
    @inlinable public static var schedulerCompatible: UInt32 { 6 }
    /// `__HYPERVISOR_platform_op`.
    @inlinable public static var platform: UInt32 { 7 }
    /// `__HYPERVISOR_set_debugreg`.
    @inlinable public static var setDebugRegister: UInt32 { 8 }
    /// `__HYPERVISOR_get_debugreg`.
    @inlinable public static var getDebugRegister: UInt32 { 9 }
    /// `__HYPERVISOR_update_descriptor`.
    @inlinable public static var updateDescriptor: UInt32 { 10 }
    /// `__HYPERVISOR_memory_op`.
    @inlinable public static var memory: UInt32 { 12 }
    /// `__HYPERVISOR_multicall`.
    @inlinable public static var multicall: UInt32 { 13 }
    /// `__HYPERVISOR_update_va_mapping`.
    @inlinable public static var updateVAMapping: UInt32 { 14 }
    /// `__HYPERVISOR_set_timer_op`.
    @inlinable public static var setTimer: UInt32 { 15 }
    /// `__HYPERVISOR_event_channel_op_compat`.
    @inlinable public static var eventChannelCompatible: UInt32 { 16 }
    /// `__HYPERVISOR_xen_version`.
    @inlinable public static var version: UInt32 { 17 }
    /// `__HYPERVISOR_console_io`.
    @inlinable public static var consoleIO: UInt32 { 18 }
    /// `__HYPERVISOR_physdev_op_compat`.
    @inlinable public static var physicalDeviceCompatible: UInt32 { 19 }
    /// `__HYPERVISOR_grant_table_op`.
    @inlinable public static var grantTable: UInt32 { 20 }
    /// `__HYPERVISOR_vm_assist`.
    @inlinable public static var vmAssist: UInt32 { 21 }
    /// `__HYPERVISOR_update_va_mapping_otherdomain`.
    @inlinable public static var updateVAMappingOtherDomain: UInt32 { 22 }
    /// `__HYPERVISOR_iret`.
    @inlinable public static var iret: UInt32 { 23 }
    /// `__HYPERVISOR_vcpu_op`.
    @inlinable public static var vcpu: UInt32 { 24 }
    /// `__HYPERVISOR_set_segment_base`.
    @inlinable public static var setSegmentBase: UInt32 { 25 }
    /// `__HYPERVISOR_mmuext_op`.
    @inlinable public static var mmuExtended: UInt32 { 26 }
    /// `__HYPERVISOR_xsm_op`.
    @inlinable public static var xsm: UInt32 { 27 }
    /// `__HYPERVISOR_nmi_op`.
    @inlinable public static var nmi: UInt32 { 28 }
    /// `__HYPERVISOR_sched_op`.
    @inlinable public static var scheduler: UInt32 { 29 }
    /// `__HYPERVISOR_callback_op`.
    @inlinable public static var callback: UInt32 { 30 }
    /// `__HYPERVISOR_xenoprof_op`.
    @inlinable public static var xenoprof: UInt32 { 31 }
    /// `__HYPERVISOR_event_channel_op`.
    @inlinable public static var eventChannel: UInt32 { 32 }
    /// `__HYPERVISOR_physdev_op`.
    @inlinable public static var physicalDevice: UInt32 { 33 }
    /// `__HYPERVISOR_hvm_op`.
    @inlinable public static var hvm: UInt32 { 34 }
    /// `__HYPERVISOR_sysctl`.
    @inlinable public static var sysctl: UInt32 { 35 }
    /// `__HYPERVISOR_domctl`.
    @inlinable public static var domctl: UInt32 { 36 }
    /// `__HYPERVISOR_kexec_op`.
    @inlinable public static var kexec: UInt32 { 37 }
    /// `__HYPERVISOR_tmem_op`.
    @inlinable public static var tmem: UInt32 { 38 }
    /// `__HYPERVISOR_argo_op`.
    @inlinable public static var argo: UInt32 { 39 }
    /// `__HYPERVISOR_xenpmu_op`.
    @inlinable public static var pmu: UInt32 { 40 }
    /// `__HYPERVISOR_dm_op`.
    @inlinable public static var deviceModel: UInt32 { 41 }
    /// `__HYPERVISOR_hypfs_op`.
    @inlinable public static var hypfs: UInt32 { 42 }
    /// `__HYPERVISOR_arch_0`.
    @inlinable public static var machineCheck: UInt32 { 48 }
    /// `__HYPERVISOR_arch_1`.
    @inlinable public static var pagingDomctlContinuation: UInt32 { 49 }
}

extension HypercallNumber {
    /// The C name without its prefix, for messages; "unknown" for a number the table lacks.
    public static func name(_ number: UInt32) -> StaticString {
        switch number {
        case setTrapTable: "set_trap_table"
        case mmuUpdate: "mmu_update"
        case setGDT: "set_gdt"
        case stackSwitch: "stack_switch"
        case setCallbacks: "set_callbacks"
        case fpuTaskSwitch: "fpu_taskswitch"
        case schedulerCompatible: "sched_op_compat"
        case platform: "platform_op"
        case setDebugRegister: "set_debugreg"
        case getDebugRegister: "get_debugreg"
        case updateDescriptor: "update_descriptor"
        case memory: "memory_op"
        case multicall: "multicall"
        case updateVAMapping: "update_va_mapping"
        case setTimer: "set_timer_op"
        case eventChannelCompatible: "event_channel_op_compat"
        case version: "xen_version"
        case consoleIO: "console_io"
        case physicalDeviceCompatible: "physdev_op_compat"
        case grantTable: "grant_table_op"
        case vmAssist: "vm_assist"
        case updateVAMappingOtherDomain: "update_va_mapping_otherdomain"
        case iret: "iret"
        case vcpu: "vcpu_op"
        case setSegmentBase: "set_segment_base"
        case mmuExtended: "mmuext_op"
        case xsm: "xsm_op"
        case nmi: "nmi_op"
        case scheduler: "sched_op"
        case callback: "callback_op"
        case xenoprof: "xenoprof_op"
        case eventChannel: "event_channel_op"
        case physicalDevice: "physdev_op"
        case hvm: "hvm_op"
        case sysctl: "sysctl"
        case domctl: "domctl"
        case kexec: "kexec_op"
        case tmem: "tmem_op"
        case argo: "argo_op"
        case pmu: "xenpmu_op"
        case deviceModel: "dm_op"
        case hypfs: "hypfs_op"
        case machineCheck: "arch_0"
        case pagingDomctlContinuation: "arch_1"
        default: "unknown"
        }
    }
}

/// First argument of `console_io`.
public enum ConsoleIOOperation {
    /// `CONSOLEIO_write`.
    @inlinable public static var write: UInt32 { 0 }
    /// `CONSOLEIO_read`.
    @inlinable public static var read: UInt32 { 1 }
}

/// First argument of `vm_assist`.
public enum VMAssistOperation {
    /// `VMASST_CMD_enable`.
    @inlinable public static var enable: UInt32 { 0 }
    /// `VMASST_CMD_disable`.
    @inlinable public static var disable: UInt32 { 1 }
}

/// Second argument of `vm_assist`.
public enum VMAssistType {
    /// `VMASST_TYPE_runstate_update_flag`.
    @inlinable public static var runstateUpdateFlag: UInt32 { 5 }
}

/// One call of a `multicall` batch. `struct multicall_entry`, 64 bytes.
public enum MulticallEntryLayout: ABILayout {
    @inlinable public static var byteCount: Int { 64 }
}
extension Field<MulticallEntryLayout, UInt64> {
    /// `op`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `result`.
    @inlinable public static var result: Self { .init(at: 8) }
    /// `args`, the first of 6.
    @inlinable public static var arguments: Self { .init(at: 16) }
}
