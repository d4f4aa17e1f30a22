// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What one leaf of CPUID answers. `struct xen_cpuid_leaf`, `public/arch-x86/xen.h`.
public struct CPUIDLeaf: Equatable, BitwiseCopyable, Sendable {
    public var leaf: UInt32
    /// `CPUPolicyLimit.noSubleaf` where the leaf has none.
    public var subleaf: UInt32
    public var (eax, ebx, ecx, edx): (UInt32, UInt32, UInt32, UInt32)
    public init(leaf: UInt32, subleaf: UInt32, eax: UInt32, ebx: UInt32, ecx: UInt32, edx: UInt32) {
        self.leaf = leaf
        self.subleaf = subleaf
        (self.eax, self.ebx, self.ecx, self.edx) = (eax, ebx, ecx, edx)
    }
}

/// What one MSR answers. `struct xen_msr_entry`, `public/arch-x86/xen.h`.
public struct MSRValue: Equatable, BitwiseCopyable, Sendable {
    public var index: UInt32
    public var value: UInt64
    public init(index: UInt32, value: UInt64) {
        self.index = index
        self.value = value
    }
}

/// What CPUID and the MSRs of the feature kind answer: of the machine, or for a domain.
public struct CPUPolicy: Equatable, Sendable {
    public var leaves: [CPUIDLeaf]
    public var msrs: [MSRValue]
    public init(leaves: [CPUIDLeaf] = [], msrs: [MSRValue] = []) {
        self.leaves = leaves
        self.msrs = msrs
    }
    /// How many entries a policy has.
    public struct Size: Equatable, BitwiseCopyable, Sendable {
        public var leafCount: UInt32
        public var msrCount: UInt32
        public init(leafCount: UInt32, msrCount: UInt32) {
            self.leafCount = leafCount
            self.msrCount = msrCount
        }
    }
    /// The leaf and subleaf, where the policy has it.
    public func leaf(_ leaf: UInt32, _ subleaf: UInt32 = CPUPolicyLimit.noSubleaf) -> CPUIDLeaf? {
        for entry in leaves where entry.leaf == leaf && entry.subleaf == subleaf { return entry }
        return nil
    }

    /// Reads `size` entries from the two lists that a call filled.
    public init(leaves: HypercallBuffer, msrs: HypercallBuffer, size: Size) {
        typealias LeafWord = Field<CPUIDLeafLayout, UInt32>
        let leafCount = min(Int(size.leafCount), leaves.byteCount / CPUIDLeafLayout.byteCount)
        let msrCount = min(Int(size.msrCount), msrs.byteCount / MSREntryLayout.byteCount)
        self.init()
        self.leaves.reserveCapacity(leafCount)
        for index in 0..<leafCount {
            let start = index * CPUIDLeafLayout.byteCount
            self.leaves.append(
                CPUIDLeaf(
                    leaf: leaves[LeafWord.leaf, at: start], subleaf: leaves[LeafWord.subleaf, at: start],
                    eax: leaves[LeafWord.a, at: start], ebx: leaves[LeafWord.b, at: start],
                    ecx: leaves[LeafWord.c, at: start], edx: leaves[LeafWord.d, at: start]))
        }
        for index in 0..<msrCount {
            let start = index * MSREntryLayout.byteCount
            self.msrs.append(
                MSRValue(
                    index: msrs[Field<MSREntryLayout, UInt32>.index, at: start],
                    value: msrs[Field<MSREntryLayout, UInt64>.value, at: start]))
        }
    }
    /// The list of leaves as a call takes it.
    public var leafBuffer: HypercallBuffer {
        typealias LeafWord = Field<CPUIDLeafLayout, UInt32>
        var buffer = HypercallBuffer(byteCount: leaves.count * CPUIDLeafLayout.byteCount)
        for index in 0..<leaves.count {
            let start = index * CPUIDLeafLayout.byteCount
            buffer[LeafWord.leaf, at: start] = leaves[index].leaf
            buffer[LeafWord.subleaf, at: start] = leaves[index].subleaf
            buffer[LeafWord.a, at: start] = leaves[index].eax
            buffer[LeafWord.b, at: start] = leaves[index].ebx
            buffer[LeafWord.c, at: start] = leaves[index].ecx
            buffer[LeafWord.d, at: start] = leaves[index].edx
        }
        return buffer
    }
    /// The list of MSRs as a call takes it.
    public var msrBuffer: HypercallBuffer {
        var buffer = HypercallBuffer(byteCount: msrs.count * MSREntryLayout.byteCount)
        for index in 0..<msrs.count {
            let start = index * MSREntryLayout.byteCount
            buffer[Field<MSREntryLayout, UInt32>.index, at: start] = msrs[index].index
            buffer[Field<MSREntryLayout, UInt64>.value, at: start] = msrs[index].value
        }
        return buffer
    }
}

/// A policy that was refused, and by which entry: numbers of all ones name none.
public struct CPUPolicyError: Error, Equatable, BitwiseCopyable, Sendable {
    public var error: XenError
    public var leaf: UInt32
    public var subleaf: UInt32
    public var msr: UInt32
    public init(error: XenError, leaf: UInt32 = .max, subleaf: UInt32 = .max, msr: UInt32 = .max) {
        self.error = error
        self.leaf = leaf
        self.subleaf = subleaf
        self.msr = msr
    }
}

/// One of the machine's own policies. `XEN_SYSCTL_cpu_policy_…`.
public struct MachineCPUPolicy: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// What the processor says.
    public static var raw: MachineCPUPolicy { MachineCPUPolicy(rawValue: SystemCPUPolicy.raw) }
    /// What the hypervisor uses of it.
    public static var host: MachineCPUPolicy { MachineCPUPolicy(rawValue: SystemCPUPolicy.host) }
    /// Most that a paravirtual guest may have, and what it gets: there are none here.
    public static var pvMaximum: MachineCPUPolicy { MachineCPUPolicy(rawValue: SystemCPUPolicy.pvMaximum) }
    public static var pvDefault: MachineCPUPolicy { MachineCPUPolicy(rawValue: SystemCPUPolicy.pvDefault) }
    /// Most that a domain may have.
    public static var hvmMaximum: MachineCPUPolicy { MachineCPUPolicy(rawValue: SystemCPUPolicy.hvmMaximum) }
    /// What a domain gets unless asked otherwise.
    public static var hvmDefault: MachineCPUPolicy { MachineCPUPolicy(rawValue: SystemCPUPolicy.hvmDefault) }
}

/// One of the machine's sets of features, 32 to a word. `XEN_SYSCTL_cpu_featureset_…`.
public struct MachineCPUFeatures: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// What the processor says.
    public static var raw: MachineCPUFeatures { MachineCPUFeatures(rawValue: SystemCPUFeatureSet.raw) }
    /// What the hypervisor uses of it.
    public static var host: MachineCPUFeatures { MachineCPUFeatures(rawValue: SystemCPUFeatureSet.host) }
    /// Those of paravirtual guests, of which there are none here.
    public static var pv: MachineCPUFeatures { MachineCPUFeatures(rawValue: SystemCPUFeatureSet.pv) }
    /// What a domain gets unless asked otherwise.
    public static var hvm: MachineCPUFeatures { MachineCPUFeatures(rawValue: SystemCPUFeatureSet.hvm) }
    /// Most that a domain may have.
    public static var hvmMaximum: MachineCPUFeatures {
        MachineCPUFeatures(rawValue: SystemCPUFeatureSet.hvmMaximum)
    }
}
