// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/sched.h, public/vcpu.h, public/hvm/hvm_vcpu.h. Fields name their C spelling.

/// First argument of `sched_op`.
public enum SchedulerOperation {
    /// `SCHEDOP_yield`.
    @inlinable public static var yield: UInt32 { 0 }
    /// `SCHEDOP_block`.
    @inlinable public static var block: UInt32 { 1 }
    /// `SCHEDOP_shutdown`.
    @inlinable public static var shutdown: UInt32 { 2 }
    /// `SCHEDOP_poll`.
    @inlinable public static var poll: UInt32 { 3 }
    /// `SCHEDOP_remote_shutdown`.
    @inlinable public static var remoteShutdown: UInt32 { 4 }
    /// `SCHEDOP_shutdown_code`.
    @inlinable public static var shutdownCode: UInt32 { 5 }
    /// `SCHEDOP_watchdog`.
    @inlinable public static var watchdog: UInt32 { 6 }
    /// `SCHEDOP_pin_override`.
    @inlinable public static var pinOverride: UInt32 { 7 }
}

/// Why a domain stopped. `SHUTDOWN_…`.
public enum ShutdownReason {
    /// `SHUTDOWN_poweroff`.
    @inlinable public static var powerOff: UInt32 { 0 }
    /// `SHUTDOWN_reboot`.
    @inlinable public static var reboot: UInt32 { 1 }
    /// `SHUTDOWN_suspend`.
    @inlinable public static var suspend: UInt32 { 2 }
    /// `SHUTDOWN_crash`.
    @inlinable public static var crash: UInt32 { 3 }
    /// `SHUTDOWN_watchdog`.
    @inlinable public static var watchdog: UInt32 { 4 }
    /// `SHUTDOWN_soft_reset`.
    @inlinable public static var softReset: UInt32 { 5 }
    /// `SHUTDOWN_MAX`.
    @inlinable public static var maximum: UInt32 { 5 }
}

/// Stops the calling domain. `struct sched_shutdown`, 4 bytes.
public enum SchedulerShutdownLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<SchedulerShutdownLayout, UInt32> {
    /// `reason`.
    @inlinable public static var reason: Self { .init(at: 0) }
}

/// Blocks until one of some ports is pending. `timeout` is absolute, in nanoseconds; 0 for none. `struct
/// sched_poll`, 24 bytes.
public enum SchedulerPollLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<SchedulerPollLayout, UInt64> {
    /// `ports`.
    @inlinable public static var ports: Self { .init(at: 0) }
    /// `timeout`.
    @inlinable public static var timeout: Self { .init(at: 16) }
}
extension Field<SchedulerPollLayout, UInt32> {
    /// `nr_ports`.
    @inlinable public static var portCount: Self { .init(at: 8) }
}

/// Stops another domain. `struct sched_remote_shutdown`, 8 bytes.
public enum SchedulerRemoteShutdownLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<SchedulerRemoteShutdownLayout, UInt16> {
    /// `domain_id`.
    @inlinable public static var domain: Self { .init(at: 0) }
}
extension Field<SchedulerRemoteShutdownLayout, UInt32> {
    /// `reason`.
    @inlinable public static var reason: Self { .init(at: 4) }
}

/// Sets a watchdog, `timeout` in seconds. `struct sched_watchdog`, 8 bytes.
public enum SchedulerWatchdogLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<SchedulerWatchdogLayout, UInt32> {
    /// `id`.
    @inlinable public static var id: Self { .init(at: 0) }
    /// `timeout`.
    @inlinable public static var timeout: Self { .init(at: 4) }
}

/// Pins the calling vCPU to a physical CPU. `struct sched_pin_override`, 4 bytes.
public enum SchedulerPinOverrideLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<SchedulerPinOverrideLayout, Int32> {
    /// `pcpu`.
    @inlinable public static var physicalCPU: Self { .init(at: 0) }
}

/// First argument of `vcpu_op`.
public enum VCPUOperation {
    /// `VCPUOP_initialise`.
    @inlinable public static var initialise: UInt32 { 0 }
    /// `VCPUOP_up`.
    @inlinable public static var up: UInt32 { 1 }
    /// `VCPUOP_down`.
    @inlinable public static var down: UInt32 { 2 }
    /// `VCPUOP_is_up`.
    @inlinable public static var isUp: UInt32 { 3 }
    /// `VCPUOP_get_runstate_info`.
    @inlinable public static var getRunstateInfo: UInt32 { 4 }
    /// `VCPUOP_register_runstate_memory_area`.
    @inlinable public static var registerRunstateMemoryArea: UInt32 { 5 }
    /// `VCPUOP_set_periodic_timer`.
    @inlinable public static var setPeriodicTimer: UInt32 { 6 }
    /// `VCPUOP_stop_periodic_timer`.
    @inlinable public static var stopPeriodicTimer: UInt32 { 7 }
    /// `VCPUOP_set_singleshot_timer`.
    @inlinable public static var setSingleshotTimer: UInt32 { 8 }
    /// `VCPUOP_stop_singleshot_timer`.
    @inlinable public static var stopSingleshotTimer: UInt32 { 9 }
    /// `VCPUOP_register_vcpu_info`.
    @inlinable public static var registerVCPUInfo: UInt32 { 10 }
    /// `VCPUOP_send_nmi`.
    @inlinable public static var sendNMI: UInt32 { 11 }
    /// `VCPUOP_get_physid`.
    @inlinable public static var getPhysicalID: UInt32 { 12 }
    /// `VCPUOP_register_vcpu_time_memory_area`.
    @inlinable public static var registerTimeMemoryArea: UInt32 { 13 }
}

/// What a vCPU is doing. `RUNSTATE_…`.
public enum Runstate {
    /// `RUNSTATE_running`.
    @inlinable public static var running: UInt32 { 0 }
    /// `RUNSTATE_runnable`.
    @inlinable public static var runnable: UInt32 { 1 }
    /// `RUNSTATE_blocked`.
    @inlinable public static var blocked: UInt32 { 2 }
    /// `RUNSTATE_offline`.
    @inlinable public static var offline: UInt32 { 3 }
}

/// Flag in `stateEntryTime` while the block is being changed.
public enum RunstateFlag {
    /// `XEN_RUNSTATE_UPDATE`.
    @inlinable public static var update: UInt64 { 0x8000_0000_0000_0000 }
}

/// `flags` of a single-shot timer.
public enum SingleshotTimerFlag {
    /// `VCPU_SSHOTTMR_future`.
    @inlinable public static var future: UInt32 { 1 }
}

/// Where a vCPU's time goes, in nanoseconds; `times` is indexed by `Runstate`. `struct vcpu_runstate_info`,
/// 48 bytes.
public enum RunstateInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 48 }
}
extension Field<RunstateInfoLayout, UInt32> {
    /// `state`.
    @inlinable public static var state: Self { .init(at: 0) }
}
extension Field<RunstateInfoLayout, UInt64> {
    /// `state_entry_time`.
    @inlinable public static var stateEntryTime: Self { .init(at: 8) }
    /// `time`, the first of 4.
    @inlinable public static var times: Self { .init(at: 16) }
}

/// Linear address of a runstate area. The time area's block (`vcpu_register_time_memory_area`) is the same.
/// `struct vcpu_register_runstate_memory_area`, 8 bytes.
public enum RegisterMemoryAreaLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<RegisterMemoryAreaLayout, UInt64> {
    /// `addr.p`.
    @inlinable public static var address: Self { .init(at: 0) }
}

/// Linear address of a second copy of the time information. `struct vcpu_register_time_memory_area`, 8
/// bytes.
public enum RegisterTimeMemoryAreaLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<RegisterTimeMemoryAreaLayout, UInt64> {
    /// `addr.p`.
    @inlinable public static var address: Self { .init(at: 0) }
}

/// Period in nanoseconds. `struct vcpu_set_periodic_timer`, 8 bytes.
public enum SetPeriodicTimerLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<SetPeriodicTimerLayout, UInt64> {
    /// `period_ns`.
    @inlinable public static var periodNanoseconds: Self { .init(at: 0) }
}

/// Absolute system time in nanoseconds. `struct vcpu_set_singleshot_timer`, 16 bytes.
public enum SetSingleshotTimerLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<SetSingleshotTimerLayout, UInt64> {
    /// `timeout_abs_ns`.
    @inlinable public static var timeoutNanoseconds: Self { .init(at: 0) }
}
extension Field<SetSingleshotTimerLayout, UInt32> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 8) }
}

/// Guest frame and offset where a vCPU's `VCPUInfoLayout` shall live. `struct vcpu_register_vcpu_info`, 16
/// bytes.
public enum RegisterVCPUInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<RegisterVCPUInfoLayout, UInt64> {
    /// `mfn`.
    @inlinable public static var guestFrame: Self { .init(at: 0) }
}
extension Field<RegisterVCPUInfoLayout, UInt32> {
    /// `offset`.
    @inlinable public static var offset: Self { .init(at: 8) }
    /// `rsvd`.
    @inlinable public static var reserved: Self { .init(at: 12) }
}

/// APIC id in the low, ACPI id in the high half. `struct vcpu_get_physid`, 8 bytes.
public enum VCPUPhysicalIDLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<VCPUPhysicalIDLayout, UInt64> {
    /// `phys_id`.
    @inlinable public static var physicalID: Self { .init(at: 0) }
}

/// `mode` of a `VCPUContextLayout`.
public enum VCPUContextMode {
    /// `VCPU_HVM_MODE_32B`.
    @inlinable public static var bits32: UInt32 { 0 }
    /// `VCPU_HVM_MODE_64B`.
    @inlinable public static var bits64: UInt32 { 1 }
}

/// First state of a vCPU; the registers of its mode start at byte 8. `struct vcpu_hvm_context`, 128 bytes.
public enum VCPUContextLayout: ABILayout {
    @inlinable public static var byteCount: Int { 128 }
}
extension Field<VCPUContextLayout, UInt32> {
    /// `mode`.
    @inlinable public static var mode: Self { .init(at: 0) }
    /// `pad`.
    @inlinable public static var padding: Self { .init(at: 4) }
}

/// State of a vCPU that starts in 32-bit mode. `struct vcpu_hvm_x86_32`, 120 bytes.
public enum VCPUContext32Layout: ABILayout {
    @inlinable public static var byteCount: Int { 120 }
}
extension Field<VCPUContext32Layout, UInt32> {
    /// `eax`.
    @inlinable public static var eax: Self { .init(at: 0) }
    /// `ecx`.
    @inlinable public static var ecx: Self { .init(at: 4) }
    /// `edx`.
    @inlinable public static var edx: Self { .init(at: 8) }
    /// `ebx`.
    @inlinable public static var ebx: Self { .init(at: 12) }
    /// `esp`.
    @inlinable public static var esp: Self { .init(at: 16) }
    /// `ebp`.
    @inlinable public static var ebp: Self { .init(at: 20) }
    /// `esi`.
    @inlinable public static var esi: Self { .init(at: 24) }
    /// `edi`.
    @inlinable public static var edi: Self { .init(at: 28) }
    /// `eip`.
    @inlinable public static var eip: Self { .init(at: 32) }
    /// `eflags`.
    @inlinable public static var eflags: Self { .init(at: 36) }
    /// `cr0`.
    @inlinable public static var cr0: Self { .init(at: 40) }
    /// `cr3`.
    @inlinable public static var cr3: Self { .init(at: 44) }
    /// `cr4`.
    @inlinable public static var cr4: Self { .init(at: 48) }
    /// `pad1`.
    @inlinable public static var padding: Self { .init(at: 52) }
    /// `cs_base`.
    @inlinable public static var csBase: Self { .init(at: 64) }
    /// `ds_base`.
    @inlinable public static var dsBase: Self { .init(at: 68) }
    /// `ss_base`.
    @inlinable public static var ssBase: Self { .init(at: 72) }
    /// `es_base`.
    @inlinable public static var esBase: Self { .init(at: 76) }
    /// `tr_base`.
    @inlinable public static var trBase: Self { .init(at: 80) }
    /// `cs_limit`.
    @inlinable public static var csLimit: Self { .init(at: 84) }
    /// `ds_limit`.
    @inlinable public static var dsLimit: Self { .init(at: 88) }
    /// `ss_limit`.
    @inlinable public static var ssLimit: Self { .init(at: 92) }
    /// `es_limit`.
    @inlinable public static var esLimit: Self { .init(at: 96) }
    /// `tr_limit`.
    @inlinable public static var trLimit: Self { .init(at: 100) }
}
extension Field<VCPUContext32Layout, UInt64> {
    /// `efer`.
    @inlinable public static var efer: Self { .init(at: 56) }
}
extension Field<VCPUContext32Layout, UInt16> {
    /// `cs_ar`.
    @inlinable public static var csAttributes: Self { .init(at: 104) }
    /// `ds_ar`.
    @inlinable public static var dsAttributes: Self { .init(at: 106) }
    /// `ss_ar`.
    @inlinable public static var ssAttributes: Self { .init(at: 108) }
    /// `es_ar`.
    @inlinable public static var esAttributes: Self { .init(at: 110) }
    /// `tr_ar`.
    @inlinable public static var trAttributes: Self { .init(at: 112) }
    /// `pad2`, the first of 3.
    @inlinable public static var padding2: Self { .init(at: 114) }
}

/// State of a vCPU that starts in 64-bit mode. `struct vcpu_hvm_x86_64`, 112 bytes.
public enum VCPUContext64Layout: ABILayout {
    @inlinable public static var byteCount: Int { 112 }
}
extension Field<VCPUContext64Layout, UInt64> {
    /// `rax`.
    @inlinable public static var rax: Self { .init(at: 0) }
    /// `rcx`.
    @inlinable public static var rcx: Self { .init(at: 8) }
    /// `rdx`.
    @inlinable public static var rdx: Self { .init(at: 16) }
    /// `rbx`.
    @inlinable public static var rbx: Self { .init(at: 24) }
    /// `rsp`.
    @inlinable public static var rsp: Self { .init(at: 32) }
    /// `rbp`.
    @inlinable public static var rbp: Self { .init(at: 40) }
    /// `rsi`.
    @inlinable public static var rsi: Self { .init(at: 48) }
    /// `rdi`.
    @inlinable public static var rdi: Self { .init(at: 56) }
    /// `rip`.
    @inlinable public static var rip: Self { .init(at: 64) }
    /// `rflags`.
    @inlinable public static var rflags: Self { .init(at: 72) }
    /// `cr0`.
    @inlinable public static var cr0: Self { .init(at: 80) }
    /// `cr3`.
    @inlinable public static var cr3: Self { .init(at: 88) }
    /// `cr4`.
    @inlinable public static var cr4: Self { .init(at: 96) }
    /// `efer`.
    @inlinable public static var efer: Self { .init(at: 104) }
}
