// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// Why this machine cannot run guests.
enum SVMProblem {
    case notOffered, disabledByFirmware, noNestedPaging
    var text: StaticString {
        switch self {
        case .notOffered: "this CPU has no AMD SVM (CPUID 8000_0001h ECX bit 2), which Swiftvisor needs"
        case .disabledByFirmware: "AMD SVM is disabled: turn on SVM (virtualisation) in the firmware setup"
        case .noNestedPaging:
            "this CPU's SVM has no nested paging (CPUID 8000_000Ah EDX bit 0), which Swiftvisor needs"
        }
    }
}

/// What this CPU's SVM offers. AMD APM vol 3, CPUID 8000_000Ah.
struct SVMFeatures: BitwiseCopyable {
    var hasNextRIP = false
    var hasFlushByASID = false
    var asidCount: UInt32 = 2
    var hasXSAVE = false
    /// Bits of XCR0 a guest may set, and the size of the area that holds their state.
    var xcr0Mask: UInt64 = 3
    /// AVX raises #UD in guests of this emulator (QEMU TCG): not offered there.
    var isEmulator = false
    var hasXSAVEInContext: Bool { hasXSAVE }
}

/// The AMD backend: stateless but for what the control blocks hold. AMD APM vol 2 §15.
enum SVMBackend {
    /// Turns SVM on. `hostSaveArea` and `hostStateArea` are pages of this CPU.
    static func enable(hostSaveArea: UInt64, hostStateArea: UInt64) -> SVMProblem? {
        guard cx86_cpuid_a(0x8000_0000, 0) >= 0x8000_000a, cx86_cpuid_c(0x8000_0001, 0) & 4 != 0 else {
            return .notOffered
        }
        guard cx86_rdmsr(0xc001_0114) & (1 << 4) == 0 else { return .disabledByFirmware }
        guard cx86_cpuid_d(0x8000_000a, 0) & 1 != 0 else { return .noNestedPaging }
        cx86_wrmsr(0xc000_0080, cx86_rdmsr(0xc000_0080) | 1 << 12)
        cx86_wrmsr(0xc001_0117, hostSaveArea)
        cx86_vmsave(hostStateArea)
        return nil
    }
    static func features() -> SVMFeatures {
        var f = SVMFeatures()
        let edx = cx86_cpuid_d(0x8000_000a, 0)
        f.hasNextRIP = edx & (1 << 3) != 0
        f.hasFlushByASID = edx & (1 << 6) != 0
        f.asidCount = max(cx86_cpuid_b(0x8000_000a, 0), 2)
        f.isEmulator = cx86_cpuid_c(1, 0) & (1 << 31) != 0 && cx86_cpuid_b(0x4000_0000, 0) == 0x5447_4354
        f.hasXSAVE = cx86_cpuid_c(1, 0) & (1 << 26) != 0
        if f.hasXSAVE {
            cx86_write_cr4(cx86_read_cr4() | 1 << 18)
            f.xcr0Mask = UInt64(cx86_cpuid_a(0xd, 0)) & 7
            if f.isEmulator { f.xcr0Mask &= 3 }
            cx86_xsetbv(0, f.xcr0Mask)
        }
        return f
    }

    /// Fills a new control block. `permissions`: I/O map, MSR map. APM vol 2 §15.5.
    static func initialise(
        _ vmcb: ABIView<VMCBLayout>, _ state: ABIView<SVMStateLayout>, ioMap: UInt64, msrMap: UInt64,
        nestedRoot: UInt64
    ) {
        vmcb[.intercepts1] =
            Intercept.interrupt | Intercept.nmi | Intercept.smi | Intercept.initSignal | Intercept.cpuid
            | Intercept.readPerformanceCounter | Intercept.invd | Intercept.halt | Intercept.invlpga
            | Intercept.io | Intercept.msr
            | Intercept.shutdown
        vmcb[.intercepts2] =
            Intercept.vmrun | Intercept.vmmcall | Intercept.vmload | Intercept.vmsave | Intercept.stgi
            | Intercept.clgi
            | Intercept.skinit | Intercept.wbinvd | Intercept.monitor | Intercept.mwait
            | Intercept.xsetbv
        vmcb[.interceptExceptions] = Intercept.exceptions
        vmcb[.interceptDR] = .max
        vmcb[.ioPermissions] = ioMap
        vmcb[.msrPermissions] = msrMap
        vmcb[.nestedControl] = 1
        vmcb[.nestedCR3] = nestedRoot
        vmcb[.virtualInterrupt] = VirtualInterruptControl.none
        vmcb[.guestPAT] = 0x0007_0406_0007_0406
        vmcb[.asid] = 1
        state[.xcr0] = 1
        state[.mtrrDefault] = 0x806
    }
    private static func write(_ segment: SegmentState, _ place: VMCBSegment, _ vmcb: ABIView<VMCBLayout>) {
        vmcb[place.selector] = segment.selector
        // The block has attribute bits 11:8 (AVL, L, D, G) right above bits 7:0, as the packed form has.
        vmcb[place.attributes] = segment.attributes & 0xfff
        vmcb[place.limit] = segment.limit
        vmcb[place.base] = segment.base
    }
    private static func read(_ place: VMCBSegment, _ vmcb: ABIView<VMCBLayout>) -> SegmentState {
        SegmentState(
            selector: vmcb[place.selector], attributes: vmcb[place.attributes] & 0xfff,
            limit: vmcb[place.limit],
            base: vmcb[place.base])
    }
    static func load(
        _ c: CPUContext, _ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>,
        _ r: ABIView<GuestRegistersLayout>
    ) {
        // Nothing of what went on before goes on in the new context.
        NonMaskable.reset(vmcb, svm)
        svm[.interruptedEvent] = 0
        r[.rax] = c.rax
        r[.rbx] = c.rbx
        r[.rcx] = c.rcx
        r[.rdx] = c.rdx
        r[.rbp] = c.rbp
        r[.rsi] = c.rsi
        r[.rdi] = c.rdi
        r[.r8] = c.r8
        r[.r9] = c.r9
        r[.r10] = c.r10
        r[.r11] = c.r11
        r[.r12] = c.r12
        r[.r13] = c.r13
        r[.r14] = c.r14
        r[.r15] = c.r15
        vmcb[.rax] = c.rax
        vmcb[.rsp] = c.rsp
        vmcb[.rip] = c.rip
        vmcb[.rflags] = c.rflags | 2
        vmcb[.cr0] = c.cr0
        vmcb[.cr2] = c.cr2
        vmcb[.cr3] = c.cr3
        vmcb[.cr4] = c.cr4
        vmcb[.efer] = c.efer | 1 << 12
        vmcb[.dr6] = c.dr6
        vmcb[.dr7] = c.dr7
        write(c.cs, .cs, vmcb)
        write(c.ds, .ds, vmcb)
        write(c.es, .es, vmcb)
        write(c.fs, .fs, vmcb)
        write(c.gs, .gs, vmcb)
        write(c.ss, .ss, vmcb)
        write(c.tr, .tr, vmcb)
        write(c.ldtr, .ldtr, vmcb)
        vmcb[.cpl] = UInt8(truncatingIfNeeded: c.ss.attributes &>> 5) & 3
        vmcb[VMCBSegment.idtr.limit] = c.idtLimit
        vmcb[VMCBSegment.idtr.base] = c.idtBase
        vmcb[VMCBSegment.gdtr.limit] = c.gdtLimit
        vmcb[VMCBSegment.gdtr.base] = c.gdtBase
        vmcb[.sysenterCS] = c.sysenterCS
        vmcb[.sysenterESP] = c.sysenterESP
        vmcb[.sysenterEIP] = c.sysenterEIP
        vmcb[.star] = c.star
        vmcb[.lstar] = c.lstar
        vmcb[.cstar] = c.cstar
        vmcb[.sfmask] = c.sfmask
        vmcb[.kernelGSBase] = c.kernelGSBase
        vmcb[.interruptShadow] = 0
        vmcb[.eventInjection] = 0
    }
    static func save(
        _ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>, _ r: ABIView<GuestRegistersLayout>
    ) -> CPUContext {
        var c = CPUContext()
        c.rax = vmcb[.rax]
        c.rbx = r[.rbx]
        c.rcx = r[.rcx]
        c.rdx = r[.rdx]
        c.rbp = r[.rbp]
        c.rsi = r[.rsi]
        c.rdi = r[.rdi]
        c.r8 = r[.r8]
        c.r9 = r[.r9]
        c.r10 = r[.r10]
        c.r11 = r[.r11]
        c.r12 = r[.r12]
        c.r13 = r[.r13]
        c.r14 = r[.r14]
        c.r15 = r[.r15]
        c.rsp = vmcb[.rsp]
        c.rip = vmcb[.rip]
        c.rflags = vmcb[.rflags]
        c.cr0 = vmcb[.cr0]
        c.cr2 = vmcb[.cr2]
        c.cr3 = vmcb[.cr3]
        c.cr4 = vmcb[.cr4]
        c.efer = vmcb[.efer] & ~(1 << 12)
        c.dr6 = vmcb[.dr6]
        c.dr7 = vmcb[.dr7]
        c.cs = read(.cs, vmcb)
        c.ds = read(.ds, vmcb)
        c.es = read(.es, vmcb)
        c.fs = read(.fs, vmcb)
        c.gs = read(.gs, vmcb)
        c.ss = read(.ss, vmcb)
        c.tr = read(.tr, vmcb)
        c.ldtr = read(.ldtr, vmcb)
        c.idtLimit = vmcb[VMCBSegment.idtr.limit]
        c.idtBase = vmcb[VMCBSegment.idtr.base]
        c.gdtLimit = vmcb[VMCBSegment.gdtr.limit]
        c.gdtBase = vmcb[VMCBSegment.gdtr.base]
        c.sysenterCS = vmcb[.sysenterCS]
        c.sysenterESP = vmcb[.sysenterESP]
        c.sysenterEIP = vmcb[.sysenterEIP]
        c.star = vmcb[.star]
        c.lstar = vmcb[.lstar]
        c.cstar = vmcb[.cstar]
        c.sfmask = vmcb[.sfmask]
        c.kernelGSBase = vmcb[.kernelGSBase]
        if svm[.nmiMasked] == NonMaskable.returning {
            c.rflags = c.rflags & ~NonMaskable.trapFlag | svm[.ownTrapFlag]
            c.dr6 = svm[.ownDebugStatus]
        }
        return c
    }
    static func pagingState(_ vmcb: ABIView<VMCBLayout>) -> GuestPagingState {
        let efer = vmcb[.efer]
        return GuestPagingState(
            cr0: vmcb[.cr0], cr3: vmcb[.cr3], cr4: vmcb[.cr4], efer: efer, privilegeLevel: vmcb[.cpl],
            isLongMode: efer & (1 << 10) != 0 && vmcb[VMCBSegment.cs.attributes] & 0x200 != 0,
            acceptsInterrupts: vmcb[.rflags] & 0x200 != 0 && vmcb[.interruptShadow] & 1 == 0)
    }
}
