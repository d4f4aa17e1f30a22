// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/hvm/dm_op.h. Fields name their C spelling.

/// `operation` of a `DeviceModelLayout`. `XEN_DMOP_…`.
public enum DeviceModelOperation {
    /// `XEN_DMOP_remote_shutdown`.
    @inlinable public static var remoteShutdown: UInt32 { 16 }
    /// `XEN_DMOP_nr_vcpus`.
    @inlinable public static var vcpuCount: UInt32 { 20 }
}

/// One buffer of a device-model call. `struct xen_dm_op_buf`, 16 bytes.
public enum DeviceModelBufferLayout: ABILayout {
    @inlinable public static var byteCount: Int { 16 }
}
extension Field<DeviceModelBufferLayout, UInt64> {
    /// `h`.
    @inlinable public static var address: Self { .init(at: 0) }
    /// `size`.
    @inlinable public static var size: Self { .init(at: 8) }
}

/// The first buffer of a device-model call. `struct xen_dm_op`, 32 bytes.
public enum DeviceModelLayout: ABILayout {
    @inlinable public static var byteCount: Int { 32 }
}
extension Field<DeviceModelLayout, UInt32> {
    /// `op`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `u.remote_shutdown.reason`.
    @inlinable public static var shutdownReason: Self { .init(at: 8) }
    /// `u.nr_vcpus.vcpus`.
    @inlinable public static var vcpuCount: Self { .init(at: 8) }
}
