// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// All that a domain's vCPUs and devices are set to.
extension DomainControl {
    /// Bytes that the domain's records take. `XEN_DOMCTL_gethvmcontext` without a buffer.
    public static func contextByteCount(of domain: DomainID) throws(XenError) -> Int {
        var none = HypercallBuffer(byteCount: 0)
        return Int(try context(DomctlOperation.getHVMContext, domain, &none))
    }
    /// The domain's records. `XEN_DOMCTL_gethvmcontext`.
    /// - Parameter byteCount: room for them, by default as much as it takes; `noSpace` if it is less.
    public static func context(of domain: DomainID, byteCount: Int? = nil) throws(XenError) -> SavedContext {
        let room: Int
        if let byteCount { room = byteCount } else { room = try contextByteCount(of: domain) }
        var buffer = HypercallBuffer(byteCount: room)
        buffer.keep(first: Int(try context(DomctlOperation.getHVMContext, domain, &buffer)))
        return SavedContext(buffer)
    }
    /// Loads records (a header, others, an end) into the domain. `XEN_DOMCTL_sethvmcontext`.
    /// - Throws: `invalidArgument`, `tooBig` or `noData` for records that make no sense.
    public static func setContext(of domain: DomainID, to context: SavedContext) throws(XenError) {
        var buffer = context.buffer
        _ = try self.context(DomctlOperation.setHVMContext, domain, &buffer)
    }
    private static func context(
        _ operation: UInt32, _ domain: DomainID, _ buffer: inout HypercallBuffer
    ) throws(XenError) -> UInt32 {
        var block = block(operation, domain)
        block[Field<DomctlHVMContextLayout, UInt32>.size, at: body] = UInt32(
            truncatingIfNeeded: buffer.byteCount)
        try call(&block, Field<DomctlHVMContextLayout, UInt64>.buffer, &buffer.bytes)
        return block[Field<DomctlHVMContextLayout, UInt32>.size, at: body]
    }
    /// One record, such as the CPU record (`HVMSaveRecord.cpu`) of a vCPU. `XEN_DOMCTL_gethvmcontext_partial`.
    /// - Throws: `invalidArgument` for a type that does not exist, `noEntry` for an instance, `noBuffers` if `Layout` is too
    ///   short for the record.
    public static func record<Layout: ABILayout>(
        _ layout: Layout.Type, type: UInt16, instance: UInt16 = 0, of domain: DomainID
    ) throws(XenError) -> HypercallBlock<Layout> {
        typealias Word = Field<DomctlHVMContextPartialLayout, UInt32>
        typealias Long = Field<DomctlHVMContextPartialLayout, UInt64>
        var record = HypercallBlock<Layout>()
        var block = block(DomctlOperation.getHVMContextPartial, domain)
        block[Word.type, at: body] = UInt32(type)
        block[Word.instance, at: body] = UInt32(instance)
        block[Long.bufferSize, at: body] = UInt64(record.buffer.byteCount)
        try call(&block, Long.buffer, &record.buffer.bytes)
        return record
    }
}

/// What CPUID and the MSRs of the feature kind answer in a domain.
extension DomainControl {
    /// How many entries the domain's policy has. `XEN_DOMCTL_get_cpu_policy` without buffers.
    public static func cpuPolicySize(of domain: DomainID) throws(XenError) -> CPUPolicy.Size {
        var (leaves, msrs) = (HypercallBuffer(byteCount: 0), HypercallBuffer(byteCount: 0))
        return try policy(
            DomctlOperation.getCPUPolicy, domain, &leaves, &msrs, CPUPolicy.Size(leafCount: 0, msrCount: 0)
        ).checked()
    }
    /// The domain's policy. `XEN_DOMCTL_get_cpu_policy`.
    /// - Parameter room: for how many entries, by default as many as it has; `noBuffers` if it is less.
    public static func cpuPolicy(
        of domain: DomainID, room: CPUPolicy.Size? = nil
    ) throws(XenError) -> CPUPolicy {
        let size: CPUPolicy.Size
        if let room { size = room } else { size = try cpuPolicySize(of: domain) }
        var leaves = HypercallBuffer(byteCount: Int(size.leafCount) * CPUIDLeafLayout.byteCount)
        var msrs = HypercallBuffer(byteCount: Int(size.msrCount) * MSREntryLayout.byteCount)
        let found = try policy(DomctlOperation.getCPUPolicy, domain, &leaves, &msrs, size).checked()
        return CPUPolicy(leaves: leaves, msrs: msrs, size: found)
    }
    /// Sets entries of the domain's policy before it starts. `XEN_DOMCTL_set_cpu_policy`.
    /// - Throws: `invalidArgument` with the entry that asks for more than guests get; `exists` after its start.
    public static func setCPUPolicy(
        of domain: DomainID, to wanted: CPUPolicy
    ) throws(CPUPolicyError) {
        var (leaves, msrs) = (wanted.leafBuffer, wanted.msrBuffer)
        let size = CPUPolicy.Size(
            leafCount: UInt32(truncatingIfNeeded: wanted.leaves.count),
            msrCount: UInt32(truncatingIfNeeded: wanted.msrs.count))
        let answer = policy(DomctlOperation.setCPUPolicy, domain, &leaves, &msrs, size)
        if let refusal = answer.refusal { throw refusal }
    }

    /// What a call about a policy answered.
    private struct PolicyAnswer {
        var size: CPUPolicy.Size
        var refusal: CPUPolicyError?
        func checked() throws(XenError) -> CPUPolicy.Size {
            if let refusal { throw refusal.error }
            return size
        }
    }
    private static func policy(
        _ operation: UInt32, _ domain: DomainID, _ leaves: inout HypercallBuffer,
        _ msrs: inout HypercallBuffer, _ size: CPUPolicy.Size
    ) -> PolicyAnswer {
        typealias Word = Field<DomctlCPUPolicyLayout, UInt32>
        typealias Long = Field<DomctlCPUPolicyLayout, UInt64>
        var block = block(operation, domain)
        block[Word.leafCount, at: body] = size.leafCount
        block[Word.msrCount, at: body] = size.msrCount
        for word in [Word.errorLeaf, Word.errorSubleaf, Word.errorMSR] { block[word, at: body] = .max }
        let result = Hypercall.withAddress(of: &leaves) { leaves in
            Hypercall.withAddress(of: &msrs) { msrs in
                block[Long.leaves, at: body] = leaves
                block[Long.msrs, at: body] = msrs
                return Hypercall.invoke(HypercallNumber.domctl, &block)
            }
        }
        var answer = PolicyAnswer(
            size: CPUPolicy.Size(
                leafCount: block[Word.leafCount, at: body], msrCount: block[Word.msrCount, at: body]))
        if result < 0 {
            answer.refusal = CPUPolicyError(
                error: XenError(rawValue: Int32(truncatingIfNeeded: -result)),
                leaf: block[Word.errorLeaf, at: body], subleaf: block[Word.errorSubleaf, at: body],
                msr: block[Word.errorMSR, at: body])
        }
        return answer
    }
}
