// SPDX-License-Identifier: Apache-2.0
import XenABI

/// The four registers that CPUID returns.
public struct CPUIDRegisters: BitwiseCopyable, Equatable, Sendable {
    public var a: UInt32
    public var b: UInt32
    public var c: UInt32
    public var d: UInt32
    public init(a: UInt32 = 0, b: UInt32 = 0, c: UInt32 = 0, d: UInt32 = 0) {
        self.a = a
        self.b = b
        self.c = c
        self.d = d
    }
}

/// The CPU as tools are told of it: the CPUID leaves guests see, in the order and form of Xen's policies.
/// Xen public/arch-x86/xen.h, public/arch-x86/cpufeatureset.h.
enum CPUPolicy {
    /// Leaves beyond this number are not read from a caller.
    static var maximumLeafCount: UInt32 { 256 }
    /// MSR_INTEL_PLATFORM_INFO and MSR_ARCH_CAPABILITIES; both read 0.
    static var msrCount: UInt32 { 2 }
    static func msr(_ index: UInt32) -> UInt32 { index == 0 ? 0xce : 0x10a }
    static func isKnown(msr number: UInt32) -> Bool { number == 0xce || number == 0x10a }

    /// Words of a feature set.
    static var featureWordCount: UInt32 { 19 }
    /// Word `index` of the feature set.
    static func featureWord(_ index: UInt32, _ cpuid: (UInt32, UInt32) -> CPUIDRegisters) -> UInt32 {
        switch index {
        case 0: cpuid(1, 0).d
        case 1: cpuid(1, 0).c
        case 2: cpuid(0x8000_0001, 0).d
        case 3: cpuid(0x8000_0001, 0).c
        case 4: cpuid(0xd, 1).a
        case 5: cpuid(7, 0).b
        case 6: cpuid(7, 0).c
        case 7: cpuid(0x8000_0007, 0).d
        case 8: cpuid(0x8000_0008, 0).b
        case 9: cpuid(7, 0).d
        case 10: cpuid(7, 1).a
        case 11: cpuid(0x8000_0021, 0).a
        case 12: cpuid(7, 1).b
        case 13: cpuid(7, 2).d
        case 14: cpuid(7, 1).c
        case 15: cpuid(7, 1).d
        // 16 and 17: MSR_ARCH_CAPABILITIES, which reads 0.
        case 18: cpuid(0x8000_0021, 0).c
        default: 0
        }
    }
    /// True if the feature bits of a leaf ask for no more than guests get. Other leaves carry no rights.
    static func isWithin(_ asked: CPUIDRegisters, _ own: CPUIDRegisters, leaf: UInt32, subleaf: UInt32)
        -> Bool
    {
        switch leaf {
        case 1, 0x8000_0001: asked.c & ~own.c == 0 && asked.d & ~own.d == 0
        // EAX of 7.0 is the number of the last subleaf.
        case 7:
            (subleaf == 0 || asked.a & ~own.a == 0) && asked.b & ~own.b == 0 && asked.c & ~own.c == 0
                && asked.d & ~own.d == 0
        case 0xd: subleaf != 1 || asked.a & ~own.a == 0
        case 0x8000_0007: asked.d & ~own.d == 0
        case 0x8000_0008: asked.b & ~own.b == 0
        case 0x8000_0021: asked.a & ~own.a == 0 && asked.c & ~own.c == 0
        default: true
        }
    }

    /// Walks the leaves of a policy: basic, then extended; at most 192 of them, whatever the CPU claims.
    struct Cursor {
        private var leaf: UInt32 = 0
        private var subleaf: UInt32 = 0
        private var isFinished = false

        private static func hasSubleaves(_ leaf: UInt32) -> Bool {
            leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd
        }
        /// The next leaf; subleaf `XEN_CPUID_NO_SUBLEAF` where it has none.
        mutating func next(
            _ cpuid: (UInt32, UInt32) -> CPUIDRegisters
        ) -> (leaf: UInt32, subleaf: UInt32, CPUIDRegisters)? {
            guard !isFinished else { return nil }
            let values = cpuid(leaf, subleaf)
            let here = leaf
            let part = Self.hasSubleaves(leaf) ? subleaf : CPUPolicyLimit.noSubleaf
            let lastSubleaf: UInt32 =
                switch leaf {
                case 4: values.a & 31 == 0 ? subleaf : 7
                case 7: min(cpuid(7, 0).a, 2)
                case 0xb: values.c & 0xff00 == 0 ? subleaf : 3
                case 0xd: 62
                default: 0
                }
            if Self.hasSubleaves(leaf), subleaf < lastSubleaf {
                subleaf &+= 1
                // Save areas that the CPU lacks are left out.
                if leaf == 0xd {
                    while subleaf > 1, subleaf < 62, cpuid(0xd, subleaf) == CPUIDRegisters() { subleaf &+= 1 }
                }
                return (here, part, values)
            }
            subleaf = 0
            if leaf < 0x8000_0000 {
                leaf = leaf < min(cpuid(0, 0).a, 0xd) ? leaf &+ 1 : 0x8000_0000
            } else if leaf < min(max(cpuid(0x8000_0000, 0).a, 0x8000_0000), 0x8000_0021) {
                leaf &+= 1
            } else {
                isFinished = true
            }
            return (here, part, values)
        }
    }
}
