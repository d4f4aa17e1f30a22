// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// The four registers of a CPUID leaf.
struct CPUIDAnswer: BitwiseCopyable {
    var a: UInt32 = 0, b: UInt32 = 0, c: UInt32 = 0, d: UInt32 = 0
    static func host(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDAnswer {
        var answer = CPUIDAnswer()
        // SAFETY: four words on the stack.
        unsafe cx86_cpuid(leaf, subleaf, &answer.a, &answer.b, &answer.c, &answer.d)
        return answer
    }
}

/// What guests see of CPUID: the machine's answers, less what is not virtualised, plus Xen's leaves.
/// AMD APM vol 3, Appendix E; Xen public/arch-x86/cpuid.h.
enum GuestCPUID {
    /// The leaf before what depends on the vCPU: the policy.
    static func policy(leaf: UInt32, subleaf: UInt32) -> CPUIDAnswer {
        switch leaf {
        case 0x4000_0000...0x4fff_ffff: return CPUIDAnswer()
        case 0:
            var answer = CPUIDAnswer.host(0, 0)
            answer.a = min(answer.a, 0xd)
            return answer
        case 1:
            var answer = CPUIDAnswer.host(1, 0)
            // Not offered: MONITOR, DS-CPL, VMX, SMX, EST, TM2, PDCM, PCID where no INVPCID, DCA, TSC-deadline timer.
            answer.c &=
                ~(1 << 3 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 15 | 1 << 18 | 1 << 24
                | 1 << 27)
            answer.c |= 1 << 31 | 1 << 21
            if Machine.xcr0Mask & 4 == 0 { answer.c &= ~(1 << 28 | 1 << 12 | 1 << 29) }
            if !Machine.hasXSAVE { answer.c &= ~(1 << 26 | 1 << 28) }
            // Not offered: DS, thermal monitor, HTT is per vCPU count, MCE/MCA are (as two empty banks), PBE.
            answer.d &= ~(1 << 21 | 1 << 22 | 1 << 29 | 1 << 31)
            return answer
        case 2, 4, 5, 6, 9, 0xa, 0xb, 0xc, 8, 3: return CPUIDAnswer()
        case 7:
            guard subleaf == 0 else { return CPUIDAnswer() }
            var answer = CPUIDAnswer.host(7, 0)
            answer.a = 0
            // Kept: FSGSBASE, BMI1, SMEP, BMI2, ERMS, INVPCID, RDSEED, ADX, SMAP, CLFLUSHOPT, CLWB, SHA.
            var keep: UInt32 =
                1 << 0 | 1 << 3 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 18 | 1 << 19 | 1 << 20
            keep |= 1 << 23 | 1 << 24 | 1 << 29
            if Machine.xcr0Mask & 4 != 0 { keep |= 1 << 5 }
            answer.b &= keep
            answer.c &= 1 << 2 | 1 << 22
            // FSRM.
            answer.d &= 1 << 4
            if Machine.isEmulator {
                // TCG moves a byte with each step of REP MOVSB: eight times the work of REP MOVSQ. Decision 0012.
                answer.b &= ~(1 << 9)
                answer.d &= ~(1 << 4)
            }
            return answer
        case 0xd:
            guard Machine.hasXSAVE else { return CPUIDAnswer() }
            var answer = CPUIDAnswer.host(0xd, subleaf)
            if subleaf == 0 {
                answer.a &= UInt32(truncatingIfNeeded: Machine.xcr0Mask)
                answer.d = 0
                answer.c = Machine.xcr0Mask & 4 != 0 ? 832 : 576
                answer.b = min(answer.b, answer.c)
            } else if subleaf == 1 {
                // XSAVEOPT and XGETBV with ECX=1; not XSAVEC or XSAVES, whose state has no place in the save area.
                answer = CPUIDAnswer(a: answer.a & 1, b: 0, c: 0, d: 0)
            } else if subleaf >= 32 || Machine.xcr0Mask & (1 &<< UInt64(subleaf)) == 0 {
                answer = CPUIDAnswer()
            }
            return answer
        case 0x8000_0000:
            var answer = CPUIDAnswer.host(leaf, 0)
            answer.a = min(answer.a, 0x8000_0008)
            return answer
        case 0x8000_0001:
            var answer = CPUIDAnswer.host(leaf, 0)
            // Not offered: SVM, extended APIC space, OSVW, IBS, XOP, SKINIT, WDT, LWP, FMA4, TBM, topology, perf counters, MWAITX.
            answer.c &= 1 << 0 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8
            return answer
        case 0x8000_0002...0x8000_0006: return CPUIDAnswer.host(leaf, 0)
        case 0x8000_0007: return CPUIDAnswer(a: 0, b: 0, c: 0, d: 1 << 8)
        case 0x8000_0008:
            var answer = CPUIDAnswer.host(leaf, 0)
            answer = CPUIDAnswer(a: answer.a & 0xffff | 0 &<< 16, b: 0, c: 0, d: 0)
            return answer
        default: return CPUIDAnswer()
        }
    }
    static func answer(leaf: UInt32, subleaf: UInt32, vcpu: Ref<VirtualCPU>) -> CPUIDAnswer {
        let id = vcpu.state.apic.id
        switch leaf {
        case 0x4000_0000: return CPUIDAnswer(a: 0x4000_0005, b: 0x566e_6558, c: 0x6558_4d4d, d: 0x4d4d_566e)
        case 0x4000_0001: return CPUIDAnswer(a: 0x0004_0011)
        case 0x4000_0002: return CPUIDAnswer(a: 1, b: 0x4000_0000)
        case 0x4000_0003:
            let clock = vcpu.hypervisor.state.clock
            switch subleaf {
            case 0:
                return CPUIDAnswer(
                    a: 2, b: vcpu.domain.state.tscMode, c: vcpu.hypervisor.state.facts.tscKiloHertz,
                    d: vcpu.domain.state.tscIncarnation)
            case 1:
                let offset = clock.baseTSC &+ vcpu.state.tscOffset
                return CPUIDAnswer(
                    a: UInt32(truncatingIfNeeded: offset), b: UInt32(truncatingIfNeeded: offset &>> 32),
                    c: clock.multiplier, d: UInt32(bitPattern: Int32(clock.shift)))
            case 2: return CPUIDAnswer(a: vcpu.hypervisor.state.facts.tscKiloHertz)
            default: return CPUIDAnswer()
            }
        case 0x4000_0004:
            guard subleaf == 0 else { return CPUIDAnswer() }
            // VCPU_ID_PRESENT, DOMID_PRESENT, UPCALL_VECTOR; no IOMMU mappings.
            return CPUIDAnswer(
                a: 1 << 3 | 1 << 4 | 1 << 6, b: vcpu.state.id, c: UInt32(vcpu.domain.id.rawValue))
        case 0x4000_0005: return CPUIDAnswer()
        case 1:
            var answer = policy(leaf: 1, subleaf: 0)
            answer.b = answer.b & 0x0000_ffff | id &<< 24 | 1 << 16
            if !vcpu.state.apic.isHardwareEnabled { answer.d &= ~(1 << 9) }
            return answer
        default: return policy(leaf: leaf, subleaf: subleaf)
        }
    }
}
