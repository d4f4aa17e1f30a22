// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/xen.h, public/arch-x86/xen.h. Fields name their C spelling.

/// How a guest turns its TSC into system time. `version` is odd while the block changes. `struct
/// vcpu_time_info`, 32 bytes.
public enum VCPUTimeInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<VCPUTimeInfoLayout, UInt32> {
    /// `version`.
    @inlinable public static var version: Self { .init(at: 0) }
    /// `tsc_to_system_mul`.
    @inlinable public static var tscToSystemMultiplier: Self { .init(at: 24) }
}
extension Field<VCPUTimeInfoLayout, UInt64> {
    /// `tsc_timestamp`.
    @inlinable public static var tscTimestamp: Self { .init(at: 8) }
    /// `system_time`.
    @inlinable public static var systemTime: Self { .init(at: 16) }
}
extension Field<VCPUTimeInfoLayout, Int8> {
    /// `tsc_shift`.
    @inlinable public static var tscShift: Self { .init(at: 28) }
}
extension Field<VCPUTimeInfoLayout, UInt8> {
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 29) }
}

/// `flags` of a `VCPUTimeInfoLayout`.
public enum TimeInfoFlag {
    /// `XEN_PVCLOCK_TSC_STABLE_BIT`.
    @inlinable public static var tscStable: UInt8 { 1 }
    /// `XEN_PVCLOCK_GUEST_STOPPED`.
    @inlinable public static var guestStopped: UInt8 { 2 }
}

/// Per-vCPU state that guest and hypervisor share. `struct vcpu_info`, 64 bytes.
public enum VCPUInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 64 }
    /// Where a `VCPUTimeInfoLayout` starts in it.
    @inlinable public static var timeOffset: Int { 32 }
}
extension Field<VCPUInfoLayout, UInt8> {
    /// `evtchn_upcall_pending`.
    @inlinable public static var upcallPending: Self { .init(at: 0) }
    /// `evtchn_upcall_mask`.
    @inlinable public static var upcallMask: Self { .init(at: 1) }
    /// `time.flags`.
    @inlinable public static var timeFlags: Self { .init(at: 61) }
}
extension Field<VCPUInfoLayout, UInt64> {
    /// `evtchn_pending_sel`.
    @inlinable public static var pendingSelector: Self { .init(at: 8) }
    /// `arch.cr2`.
    @inlinable public static var cr2: Self { .init(at: 16) }
    /// `time.tsc_timestamp`.
    @inlinable public static var timeTSCTimestamp: Self { .init(at: 40) }
    /// `time.system_time`.
    @inlinable public static var timeSystemTime: Self { .init(at: 48) }
}
extension Field<VCPUInfoLayout, UInt32> {
    /// `time.version`.
    @inlinable public static var timeVersion: Self { .init(at: 32) }
    /// `time.tsc_to_system_mul`.
    @inlinable public static var timeTSCToSystemMultiplier: Self { .init(at: 56) }
}
extension Field<VCPUInfoLayout, Int8> {
    /// `time.tsc_shift`.
    @inlinable public static var timeTSCShift: Self { .init(at: 60) }
}

/// The page that a domain's vCPUs and the hypervisor share. It starts with 32 blocks of `VCPUInfoLayout`.
/// `struct shared_info`, 3136 bytes.
public enum SharedInfoLayout: ABILayout {
    @inlinable public static var byteCount: Int { 3136 }
    /// Where the first `VCPUInfoLayout` starts in it.
    @inlinable public static var vcpuInfoOffset: Int { 0 }
}
extension Field<SharedInfoLayout, UInt64> {
    /// `evtchn_pending`, the first of 64. One bit per port.
    @inlinable public static var eventPending: Self { .init(at: 2048) }
    /// `evtchn_mask`, the first of 64. One bit per port.
    @inlinable public static var eventMask: Self { .init(at: 2560) }
    /// `arch.max_pfn`.
    @inlinable public static var maximumFrame: Self { .init(at: 3088) }
    /// `arch.nmi_reason`.
    @inlinable public static var nmiReason: Self { .init(at: 3104) }
}
extension Field<SharedInfoLayout, UInt32> {
    /// `wc_version`.
    @inlinable public static var wallclockVersion: Self { .init(at: 3072) }
    /// `wc_sec`.
    @inlinable public static var wallclockSeconds: Self { .init(at: 3076) }
    /// `wc_nsec`.
    @inlinable public static var wallclockNanoseconds: Self { .init(at: 3080) }
    /// `wc_sec_hi`.
    @inlinable public static var wallclockSecondsHigh: Self { .init(at: 3084) }
}

/// Sizes in shared info.
public enum SharedInfoLimit {
    /// `XEN_LEGACY_MAX_VCPUS`. vCPUs that have their block in the page.
    @inlinable public static var legacyVCPUs: UInt32 { 32 }
}

/// `VCPUInfoLayout` in a domain whose shared information has the 32-bit form; the time information is where it is in
/// the other. `struct vcpu_info` for i386, 64 bytes.
public enum VCPUInfo32Layout: ABILayout {
    @inlinable public static var byteCount: Int { 64 }
}
extension Field<VCPUInfo32Layout, UInt8> {
    /// `evtchn_upcall_pending`.
    @inlinable public static var upcallPending: Self { .init(at: 0) }
    /// `evtchn_upcall_mask`.
    @inlinable public static var upcallMask: Self { .init(at: 1) }
}
extension Field<VCPUInfo32Layout, UInt32> {
    /// `evtchn_pending_sel`: one bit for each 32 ports.
    @inlinable public static var pendingSelector: Self { .init(at: 4) }
    /// `time.version`.
    @inlinable public static var timeVersion: Self { .init(at: 32) }
}

/// `SharedInfoLayout` in its 32-bit form: 1024 ports. `struct shared_info` for i386, 2344 bytes.
public enum SharedInfo32Layout: ABILayout {
    @inlinable public static var byteCount: Int { 2344 }
}
extension Field<SharedInfo32Layout, UInt32> {
    /// `evtchn_pending`, the first of 32. One bit per port.
    @inlinable public static var eventPending: Self { .init(at: 2048) }
    /// `evtchn_mask`, the first of 32. One bit per port.
    @inlinable public static var eventMask: Self { .init(at: 2176) }
    /// `wc_version`.
    @inlinable public static var wallclockVersion: Self { .init(at: 2304) }
    /// `wc_sec`.
    @inlinable public static var wallclockSeconds: Self { .init(at: 2308) }
    /// `wc_nsec`.
    @inlinable public static var wallclockNanoseconds: Self { .init(at: 2312) }
    /// `arch.nmi_reason`.
    @inlinable public static var nmiReason: Self { .init(at: 2324) }
    /// `arch.wc_sec_hi`.
    @inlinable public static var wallclockSecondsHigh: Self { .init(at: 2340) }
}
