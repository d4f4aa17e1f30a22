// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What lies under this guest: found once, at start.
public enum Platform {
    // SAFETY: written once, before anything reads it.
    nonisolated(unsafe) private static var foundLeaf: UInt32 = 0

    /// First CPUID leaf of the Xen-compatible hypervisor, or nil on a bare machine.
    public static var hypervisorLeaf: UInt32? {
        // SAFETY: written once before anything reads it.
        let leaf = unsafe foundLeaf
        return leaf == 0 ? nil : leaf
    }

    /// Looks for the signature "XenVMMXenVMM" at 0x40000000, 0x40000100 … 0x4000FF00.
    static func detect() {
        var leaf: UInt32 = 0x4000_0000
        while leaf <= 0x4000_FF00 {
            let found = Processor.cpuid(leaf)
            if found.ebx == 0x566E_6558 && found.ecx == 0x6558_4D4D && found.edx == 0x4D4D_566E
                && found.eax &- leaf >= 2 && found.eax &- leaf < 0x100
            {
                // SAFETY: only the first vCPU runs now.
                unsafe foundLeaf = leaf
                return
            }
            leaf += 0x100
        }
    }

    /// Whether events can interrupt a vCPU through its local APIC. `XEN_HVM_CPUID_UPCALL_VECTOR`.
    public static var hasUpcallVector: Bool {
        guard let leaf = hypervisorLeaf, Processor.cpuid(leaf).eax >= leaf + 4 else { return false }
        return Processor.cpuid(leaf + 4).eax & 1 << 6 != 0
    }

    /// This domain's number where CPUID tells it (`XEN_HVM_CPUID_DOMID_PRESENT`).
    public static var domainID: DomainID? {
        guard let leaf = hypervisorLeaf, Processor.cpuid(leaf).eax >= leaf + 4 else { return nil }
        let features = Processor.cpuid(leaf + 4)
        return features.eax & 1 << 4 != 0 ? DomainID(rawValue: UInt16(truncatingIfNeeded: features.ecx)) : nil
    }
}
