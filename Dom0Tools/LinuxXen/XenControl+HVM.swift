// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

extension XenControl {
    private func parameter(
        _ operation: UInt32, _ index: UInt32, _ value: UInt64, _ domain: DomainID, _ name: StaticString
    ) throws(XenCallError) -> UInt64 {
        let view = argument(HVMParameterLayout.self)
        view[.domain] = domain.rawValue
        view[.index] = index
        view[.value] = value
        _ = try call(
            HypercallNumber.hvm, UInt64(operation), blockAddress, name: name,
            detail: "domain \(domain.rawValue), HVM parameter \(index)")
        return view[.value]
    }

    /// Reads an `HVMParameter`. `HVMOP_get_param`.
    public func hvmParameter(_ index: UInt32, of domain: DomainID) throws(XenCallError) -> UInt64 {
        try parameter(HVMOperation.getParameter, index, 0, domain, "HVMOP_get_param")
    }

    /// Sets an `HVMParameter`. `HVMOP_set_param`.
    public func setHVMParameter(_ index: UInt32, to value: UInt64, of domain: DomainID) throws(XenCallError) {
        _ = try parameter(HVMOperation.setParameter, index, value, domain, "HVMOP_set_param")
    }

    /// Loads saved records (`HVMSaveRecord`) into a domain. `XEN_DOMCTL_sethvmcontext`.
    public func setHVMContext(_ records: [UInt8], of domain: DomainID) throws(XenCallError) {
        let buffer = try listBuffer(byteCount: records.count)
        buffer.write(records, at: 0)
        let view = domctl(DomctlOperation.setHVMContext, domain, DomctlHVMContextLayout.self)
        view[.size] = UInt32(records.count)
        view[.buffer] = buffer.address
        try runDomctl("XEN_DOMCTL_sethvmcontext", detail: "\(records.count) bytes")
    }

    /// All saved records of a domain. `XEN_DOMCTL_gethvmcontext`.
    public func hvmContext(of domain: DomainID) throws(XenCallError) -> [UInt8] {
        let query = domctl(DomctlOperation.getHVMContext, domain, DomctlHVMContextLayout.self)
        try runDomctl("XEN_DOMCTL_gethvmcontext")
        let size = Int(query[.size])
        let buffer = try listBuffer(byteCount: size)
        let view = domctl(DomctlOperation.getHVMContext, domain, DomctlHVMContextLayout.self)
        view[.size] = UInt32(size)
        view[.buffer] = buffer.address
        try runDomctl("XEN_DOMCTL_gethvmcontext", detail: "\(size) bytes")
        return buffer.read(at: 0, count: min(size, Int(view[.size])))
    }

    /// A CPUID and MSR policy as the hypervisor serialises it.
    public struct CPUPolicy: Sendable {
        /// Whole `CPUIDLeafLayout` records.
        public var leaves: [UInt8]
        /// Whole `MSREntryLayout` records.
        public var msrs: [UInt8]
    }

    /// One of the machine's policies (`SystemCPUPolicy`). `XEN_SYSCTL_get_cpu_policy`.
    public func systemCPUPolicy(_ index: UInt32) throws(XenCallError) -> CPUPolicy {
        let query = sysctl(SysctlOperation.getCPUPolicy, SysctlCPUPolicyLayout.self)
        query[.index] = index
        try runSysctl("XEN_SYSCTL_get_cpu_policy")
        let leafBytes = Int(query[.leafCount]) * CPUIDLeafLayout.byteCount
        let msrBytes = Int(query[.msrCount]) * MSREntryLayout.byteCount
        let buffer = try listBuffer(byteCount: leafBytes + msrBytes)
        let view = sysctl(SysctlOperation.getCPUPolicy, SysctlCPUPolicyLayout.self)
        view[.index] = index
        view[.leafCount] = UInt32(leafBytes / CPUIDLeafLayout.byteCount)
        view[.msrCount] = UInt32(msrBytes / MSREntryLayout.byteCount)
        view[.leaves] = buffer.address
        view[.msrs] = buffer.address + UInt64(leafBytes)
        try runSysctl("XEN_SYSCTL_get_cpu_policy")
        return CPUPolicy(
            leaves: buffer.read(
                at: 0, count: min(leafBytes, Int(view[.leafCount]) * CPUIDLeafLayout.byteCount)),
            msrs: buffer.read(
                at: leafBytes, count: min(msrBytes, Int(view[.msrCount]) * MSREntryLayout.byteCount)))
    }

    /// Gives a domain its policy, before it first runs. `XEN_DOMCTL_set_cpu_policy`.
    public func setCPUPolicy(_ policy: CPUPolicy, of domain: DomainID) throws(XenCallError) {
        let buffer = try listBuffer(byteCount: policy.leaves.count + policy.msrs.count)
        buffer.write(policy.leaves, at: 0)
        buffer.write(policy.msrs, at: policy.leaves.count)
        let view = domctl(DomctlOperation.setCPUPolicy, domain, DomctlCPUPolicyLayout.self)
        view[.leafCount] = UInt32(policy.leaves.count / CPUIDLeafLayout.byteCount)
        view[.msrCount] = UInt32(policy.msrs.count / MSREntryLayout.byteCount)
        view[.leaves] = buffer.address
        view[.msrs] = buffer.address + UInt64(policy.leaves.count)
        do {
            try runDomctl("XEN_DOMCTL_set_cpu_policy")
        } catch {
            let place =
                "leaf \(hex(view[.errorLeaf])), subleaf \(hex(view[.errorSubleaf])), MSR \(hex(view[.errorMSR]))"
            throw XenCallError(
                operation: error.operation, errno: error.errno, detail: "\(error.detail), \(place)")
        }
    }
}

func hex(_ value: some FixedWidthInteger) -> String { "0x" + String(value, radix: 16) }
