// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// What the machine's CPUs, and domains on them, can do.
extension SystemControl {
    /// Words that a set of features has, 32 features to a word. `XEN_SYSCTL_get_cpu_featureset` without a buffer.
    public static func featureWordCount(of features: MachineCPUFeatures) throws(XenError) -> Int {
        var none: [UInt32] = []
        return try self.features(features, &none)
    }
    /// A set of features. `XEN_SYSCTL_get_cpu_featureset`.
    /// - Parameter room: words, by default as many as it takes; `noBuffers` if it is less.
    /// - Throws: `notSupported` for those of paravirtual guests, `invalidArgument` for a set that does not exist.
    public static func features(
        _ features: MachineCPUFeatures, room: Int? = nil
    ) throws(XenError) -> [UInt32] {
        let count: Int
        if let room { count = room } else { count = try featureWordCount(of: features) }
        var words = [UInt32](repeating: 0, count: count)
        let found = try self.features(features, &words)
        if found < words.count { words.removeLast(words.count - found) }
        return words
    }
    private static func features(
        _ features: MachineCPUFeatures, _ words: inout [UInt32]
    ) throws(XenError) -> Int {
        typealias Word = Field<SysctlCPUFeaturesetLayout, UInt32>
        var block = block(SysctlOperation.getCPUFeatureset)
        block[Word.index, at: body] = features.rawValue
        block[Word.featureCount, at: body] = UInt32(truncatingIfNeeded: words.count)
        try call(&block, Field<SysctlCPUFeaturesetLayout, UInt64>.features, &words)
        return Int(block[Word.featureCount, at: body])
    }

    /// How many entries a policy has. `XEN_SYSCTL_get_cpu_policy` without buffers.
    public static func cpuPolicySize(_ policy: MachineCPUPolicy) throws(XenError) -> CPUPolicy.Size {
        var (leaves, msrs) = (HypercallBuffer(byteCount: 0), HypercallBuffer(byteCount: 0))
        return try self.policy(policy, &leaves, &msrs, CPUPolicy.Size(leafCount: 0, msrCount: 0))
    }
    /// A policy. `XEN_SYSCTL_get_cpu_policy`.
    /// - Parameter room: for how many entries, by default as many as it has; `noBuffers` if it is less.
    /// - Throws: `notSupported` for those of paravirtual guests, `invalidArgument` for a policy that does not exist.
    public static func cpuPolicy(
        _ policy: MachineCPUPolicy, room: CPUPolicy.Size? = nil
    ) throws(XenError) -> CPUPolicy {
        let size: CPUPolicy.Size
        if let room { size = room } else { size = try cpuPolicySize(policy) }
        var leaves = HypercallBuffer(byteCount: Int(size.leafCount) * CPUIDLeafLayout.byteCount)
        var msrs = HypercallBuffer(byteCount: Int(size.msrCount) * MSREntryLayout.byteCount)
        let found = try self.policy(policy, &leaves, &msrs, size)
        return CPUPolicy(leaves: leaves, msrs: msrs, size: found)
    }
    private static func policy(
        _ policy: MachineCPUPolicy, _ leaves: inout HypercallBuffer, _ msrs: inout HypercallBuffer,
        _ size: CPUPolicy.Size
    ) throws(XenError) -> CPUPolicy.Size {
        typealias Word = Field<SysctlCPUPolicyLayout, UInt32>
        typealias Long = Field<SysctlCPUPolicyLayout, UInt64>
        var block = block(SysctlOperation.getCPUPolicy)
        block[Word.index, at: body] = policy.rawValue
        block[Word.leafCount, at: body] = size.leafCount
        block[Word.msrCount, at: body] = size.msrCount
        try Hypercall.check(
            Hypercall.withAddress(of: &leaves) { leaves in
                Hypercall.withAddress(of: &msrs) { msrs in
                    block[Long.leaves, at: body] = leaves
                    block[Long.msrs, at: body] = msrs
                    return Hypercall.invoke(HypercallNumber.sysctl, &block)
                }
            })
        return CPUPolicy.Size(
            leafCount: block[Word.leafCount, at: body], msrCount: block[Word.msrCount, at: body])
    }
    /// Which values of CPUID can be changed for a domain by the processor itself, as bits: none here.
    /// `XEN_SYSCTL_get_cpu_levelling_caps`.
    public static func levellingCapabilities() throws(XenError) -> UInt32 {
        var block = block(SysctlOperation.getCPULevellingCapabilities)
        try call(&block)
        return block[Field<SysctlCPULevellingLayout, UInt32>.capabilities, at: body]
    }
}
