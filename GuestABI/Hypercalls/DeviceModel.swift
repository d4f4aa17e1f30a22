// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// What a device model would ask, although no domain has one: for the control domain. `HYPERVISOR_dm_op`,
/// `public/hvm/dm_op.h`.
///
/// A domain that is not there is `noSuchDomain`; another caller gets `notPermitted`.
public enum DeviceModel {
    /// vCPUs that a domain was created for. `XEN_DMOP_nr_vcpus`.
    public static func vcpuCount(of domain: DomainID) throws(XenError) -> UInt32 {
        var request = ArgumentBlock<DeviceModelLayout>()
        request[.operation] = DeviceModelOperation.vcpuCount
        try call(domain, &request)
        return request[.vcpuCount]
    }
    /// Shuts a domain down for a `ShutdownReason`; `invalidArgument` for a reason that does not exist, and for the caller
    /// itself. `XEN_DMOP_remote_shutdown`.
    public static func shutDown(_ domain: DomainID, _ reason: UInt32) throws(XenError) {
        var request = ArgumentBlock<DeviceModelLayout>()
        request[.operation] = DeviceModelOperation.remoteShutdown
        request[.shutdownReason] = reason
        try call(domain, &request)
    }
    /// The raw form: one request in one buffer.
    public static func call(
        _ domain: DomainID, _ request: inout ArgumentBlock<DeviceModelLayout>
    ) throws(XenError) {
        var buffer = ArgumentBlock<DeviceModelBufferLayout>()
        buffer[.size] = UInt64(DeviceModelLayout.byteCount)
        let result = Hypercall.withAddress(of: &request) { request in
            buffer[.address] = request
            return Hypercall.withAddress(of: &buffer) {
                Hypercall.invoke(HypercallNumber.deviceModel, UInt64(domain.rawValue), 1, $0)
            }
        }
        try Hypercall.check(result)
    }
}
