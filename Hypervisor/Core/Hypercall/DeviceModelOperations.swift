// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_dm_op`: no domain has a device model; what a toolstack may ask of one is here.
    /// Xen public/hvm/dm_op.h.
    func deviceModelOperation(_ id: UInt64, _ count: UInt64, _ buffers: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        let target = try target(UInt16(truncatingIfNeeded: id))
        guard domain.state.isPrivileged else { throw .notPermitted }
        guard count >= 1 else { throw .invalidArgument }
        let buffer = try copyIn(DeviceModelBufferLayout.self, at: buffers)
        guard buffer[.size] >= UInt64(DeviceModelLayout.byteCount) else { throw .invalidArgument }
        let address = buffer[Field<DeviceModelBufferLayout, UInt64>.address]
        let block = try copyIn(DeviceModelLayout.self, at: address)
        switch block[.operation] {
        case DeviceModelOperation.remoteShutdown:
            let reason = block[.shutdownReason]
            guard reason <= 5 else { throw .invalidArgument }
            guard target != domain else { throw .invalidArgument }
            target.shutDown(reason: UInt8(truncatingIfNeeded: reason))
            return 0
        case DeviceModelOperation.vcpuCount:
            try copyOut(
                target.state.maximumVCPUCount, field: Field<DeviceModelLayout, UInt32>.vcpuCount, of: address)
            return 0
        default: throw .notSupported
        }
    }
}
