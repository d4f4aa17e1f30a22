// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// A domain's vCPUs.
extension DomainControl {
    /// Makes the vCPUs that `create` announced; `invalidArgument` for another number. `XEN_DOMCTL_max_vcpus`.
    public static func setMaximumVCPUs(_ count: UInt32, of domain: DomainID) throws(XenError) {
        var block = block(DomctlOperation.maximumVCPUs, domain)
        block[Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, at: body] = count
        try call(&block)
    }
    /// What a vCPU does; `noSuchDomain` for one that is not there. `XEN_DOMCTL_getvcpuinfo`.
    public static func state(ofVCPU vcpu: UInt32, of domain: DomainID) throws(XenError) -> VCPUState {
        var block = block(DomctlOperation.getVCPUInfo, domain)
        block[Field<DomctlVCPUInfoLayout, UInt32>.vcpu, at: body] = vcpu
        try call(&block)
        return VCPUState(from: block, at: body)
    }
    /// Sends something to a vCPU from outside: here an NMI only. `XEN_DOMCTL_sendtrigger`.
    /// - Throws: `noSuchDomain` for a vCPU that is not there, `notSupported`, `notImplemented` for what does not exist.
    public static func send(
        _ trigger: VCPUTrigger, toVCPU vcpu: UInt32, of domain: DomainID
    ) throws(XenError) {
        var block = block(DomctlOperation.sendTrigger, domain)
        block[Field<DomctlSendTriggerLayout, UInt32>.trigger, at: body] = trigger.rawValue
        block[Field<DomctlSendTriggerLayout, UInt32>.vcpu, at: body] = vcpu
        try call(&block)
    }

    /// The CPUs on which a vCPU may or should run, those below `capacity`. `XEN_DOMCTL_getvcpuaffinity`.
    public static func affinity(
        _ kind: VCPUAffinity, ofVCPU vcpu: UInt32, of domain: DomainID, capacity: Int = 64
    ) throws(XenError) -> NumberSet {
        var cpus = NumberSet(capacity: capacity)
        try self.affinity(DomctlOperation.getVCPUAffinity, kind, vcpu, domain, &cpus)
        return cpus
    }
    /// Sets the same. `XEN_DOMCTL_setvcpuaffinity`.
    /// - Throws: `noSuchDomain` for a vCPU that is not there, `invalidArgument` for a set without a CPU that exists.
    public static func setAffinity(
        _ kind: VCPUAffinity, ofVCPU vcpu: UInt32, of domain: DomainID, to cpus: NumberSet
    ) throws(XenError) {
        var cpus = cpus
        try self.affinity(DomctlOperation.setVCPUAffinity, kind, vcpu, domain, &cpus)
    }
    private static func affinity(
        _ operation: UInt32, _ kind: VCPUAffinity, _ vcpu: UInt32, _ domain: DomainID, _ cpus: inout NumberSet
    ) throws(XenError) {
        typealias Word = Field<DomctlVCPUAffinityLayout, UInt32>
        typealias Long = Field<DomctlVCPUAffinityLayout, UInt64>
        var block = block(operation, domain)
        block[Word.vcpu, at: body] = vcpu
        block[Word.flags, at: body] = kind.flag
        block[kind == .hard ? Word.hardBitCount : .softBitCount, at: body] = UInt32(
            truncatingIfNeeded: cpus.capacity)
        try call(&block, kind == .hard ? Long.hardBitmap : .softBitmap, &cpus.bytes)
    }
    /// The NUMA nodes from which the domain's memory comes. `XEN_DOMCTL_getnodeaffinity`.
    public static func nodes(of domain: DomainID, capacity: Int = 64) throws(XenError) -> NumberSet {
        var nodes = NumberSet(capacity: capacity)
        try self.nodes(DomctlOperation.getNodeAffinity, domain, &nodes)
        return nodes
    }
    /// Sets the same; `invalidArgument` for a node that is not there. `XEN_DOMCTL_setnodeaffinity`.
    public static func setNodes(of domain: DomainID, to nodes: NumberSet) throws(XenError) {
        var nodes = nodes
        try self.nodes(DomctlOperation.setNodeAffinity, domain, &nodes)
    }
    private static func nodes(
        _ operation: UInt32, _ domain: DomainID, _ nodes: inout NumberSet
    ) throws(XenError) {
        var block = block(operation, domain)
        block[Field<DomctlNodeAffinityLayout, UInt32>.bitCount, at: body] = UInt32(
            truncatingIfNeeded: nodes.capacity)
        try call(&block, Field<DomctlNodeAffinityLayout, UInt64>.bitmap, &nodes.bytes)
    }

    /// A vCPU's registers, `noData` before it has any. `XEN_DOMCTL_getvcpucontext`.
    public static func registers(
        ofVCPU vcpu: UInt32, of domain: DomainID
    ) throws(XenError) -> HypercallBlock<VCPUGuestContextLayout> {
        var registers = HypercallBlock<VCPUGuestContextLayout>()
        try self.registers(DomctlOperation.getVCPUContext, vcpu, domain, &registers.buffer)
        return registers
    }
    /// Sets a vCPU's general registers; `invalidArgument` for what the processor would not take.
    /// `XEN_DOMCTL_setvcpucontext`.
    public static func setRegisters(
        ofVCPU vcpu: UInt32, of domain: DomainID, to values: HypercallBlock<VCPUGuestContextLayout>
    ) throws(XenError) {
        var buffer = values.buffer
        try registers(DomctlOperation.setVCPUContext, vcpu, domain, &buffer)
    }
    /// Takes a vCPU's registers away, as before it was set up first. `XEN_DOMCTL_setvcpucontext` without a context.
    public static func reset(vcpu: UInt32, of domain: DomainID) throws(XenError) {
        var none = HypercallBuffer(byteCount: 0)
        try registers(DomctlOperation.setVCPUContext, vcpu, domain, &none)
    }
    private static func registers(
        _ operation: UInt32, _ vcpu: UInt32, _ domain: DomainID, _ buffer: inout HypercallBuffer
    ) throws(XenError) {
        var block = block(operation, domain)
        block[Field<DomctlVCPUContextLayout, UInt32>.vcpu, at: body] = vcpu
        try call(&block, Field<DomctlVCPUContextLayout, UInt64>.context, &buffer.bytes)
    }
}
