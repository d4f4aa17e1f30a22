// SPDX-License-Identifier: Apache-2.0
import XenABI

/// Virtual Machine Control Block. AMD APM vol 2, Appendix B.
public enum VMCBLayout: ABILayout { @inlinable public static var byteCount: Int { 4096 } }
extension Field<VMCBLayout, UInt32> {
    static var interceptCR: Self { .init(at: 0x000) }
    static var interceptDR: Self { .init(at: 0x004) }
    static var interceptExceptions: Self { .init(at: 0x008) }
    static var intercepts1: Self { .init(at: 0x00c) }
    static var intercepts2: Self { .init(at: 0x010) }
    static var asid: Self { .init(at: 0x058) }
}
extension Field<VMCBLayout, UInt8> {
    static var tlbControl: Self { .init(at: 0x05c) }
    static var cpl: Self { .init(at: 0x4cb) }
    static var virtualTPR: Self { .init(at: 0x060) }
}
extension Field<VMCBLayout, UInt64> {
    static var ioPermissions: Self { .init(at: 0x040) }
    static var msrPermissions: Self { .init(at: 0x048) }
    static var tscOffset: Self { .init(at: 0x050) }
    /// V_TPR 7:0, V_IRQ 8, V_INTR_PRIO 19:16, V_IGN_TPR 20, V_INTR_MASKING 24, V_INTR_VECTOR 39:32.
    static var virtualInterrupt: Self { .init(at: 0x060) }
    static var interruptShadow: Self { .init(at: 0x068) }
    static var exitCode: Self { .init(at: 0x070) }
    static var exitInfo1: Self { .init(at: 0x078) }
    static var exitInfo2: Self { .init(at: 0x080) }
    static var exitInterruptInfo: Self { .init(at: 0x088) }
    static var nestedControl: Self { .init(at: 0x090) }
    static var eventInjection: Self { .init(at: 0x0a8) }
    static var nestedCR3: Self { .init(at: 0x0b0) }
    static var nextRIP: Self { .init(at: 0x0c8) }
    static var efer: Self { .init(at: 0x4d0) }
    static var cr4: Self { .init(at: 0x548) }
    static var cr3: Self { .init(at: 0x550) }
    static var cr0: Self { .init(at: 0x558) }
    static var dr7: Self { .init(at: 0x560) }
    static var dr6: Self { .init(at: 0x568) }
    static var rflags: Self { .init(at: 0x570) }
    static var rip: Self { .init(at: 0x578) }
    static var rsp: Self { .init(at: 0x5d8) }
    static var rax: Self { .init(at: 0x5f8) }
    static var star: Self { .init(at: 0x600) }
    static var lstar: Self { .init(at: 0x608) }
    static var cstar: Self { .init(at: 0x610) }
    static var sfmask: Self { .init(at: 0x618) }
    static var kernelGSBase: Self { .init(at: 0x620) }
    static var sysenterCS: Self { .init(at: 0x628) }
    static var sysenterESP: Self { .init(at: 0x630) }
    static var sysenterEIP: Self { .init(at: 0x638) }
    static var cr2: Self { .init(at: 0x640) }
    static var guestPAT: Self { .init(at: 0x668) }
}

/// A segment register in the block: selector, attributes, limit, base. 16 bytes.
struct VMCBSegment: BitwiseCopyable {
    let offset: Int
    static var es: VMCBSegment { .init(offset: 0x400) }
    static var cs: VMCBSegment { .init(offset: 0x410) }
    static var ss: VMCBSegment { .init(offset: 0x420) }
    static var ds: VMCBSegment { .init(offset: 0x430) }
    static var fs: VMCBSegment { .init(offset: 0x440) }
    static var gs: VMCBSegment { .init(offset: 0x450) }
    static var gdtr: VMCBSegment { .init(offset: 0x460) }
    static var ldtr: VMCBSegment { .init(offset: 0x470) }
    static var idtr: VMCBSegment { .init(offset: 0x480) }
    static var tr: VMCBSegment { .init(offset: 0x490) }
    var selector: Field<VMCBLayout, UInt16> { .init(at: offset) }
    var attributes: Field<VMCBLayout, UInt16> { .init(at: offset &+ 2) }
    var limit: Field<VMCBLayout, UInt32> { .init(at: offset &+ 4) }
    var base: Field<VMCBLayout, UInt64> { .init(at: offset &+ 8) }
}

/// Intercept bits. AMD APM vol 2 §15.9, Appendix B offsets 0x00C and 0x010.
enum Intercept {
    /// #AC and #DB: they could loop in their own delivery without an exit. APM vol 2 §15.12 (Xen: XSA-156).
    static var exceptions: UInt32 { 1 << 17 | 1 << 1 }
    /// And all that an IRET can raise: #TS, #NP, #SS, #GP, #PF, #CP.
    static var exceptionsOfReturn: UInt32 { exceptions | 0x1f << 10 | 1 << 21 }
    /// Of the vector for control registers: writes to CR8.
    static var taskPriorityWrite: UInt32 { 1 << 24 }
    // First vector.
    static var interrupt: UInt32 { 1 << 0 }
    static var nmi: UInt32 { 1 << 1 }
    static var smi: UInt32 { 1 << 2 }
    static var initSignal: UInt32 { 1 << 3 }
    static var iret: UInt32 { 1 << 20 }
    static var readPerformanceCounter: UInt32 { 1 << 15 }
    static var cpuid: UInt32 { 1 << 18 }
    static var invd: UInt32 { 1 << 22 }
    static var pause: UInt32 { 1 << 23 }
    static var halt: UInt32 { 1 << 24 }
    static var invlpga: UInt32 { 1 << 26 }
    static var io: UInt32 { 1 << 27 }
    static var msr: UInt32 { 1 << 28 }
    static var shutdown: UInt32 { 1 << 31 }
    // Second vector.
    static var vmrun: UInt32 { 1 << 0 }
    static var vmmcall: UInt32 { 1 << 1 }
    static var vmload: UInt32 { 1 << 2 }
    static var vmsave: UInt32 { 1 << 3 }
    static var stgi: UInt32 { 1 << 4 }
    static var clgi: UInt32 { 1 << 5 }
    static var skinit: UInt32 { 1 << 6 }
    static var icebp: UInt32 { 1 << 8 }
    static var wbinvd: UInt32 { 1 << 9 }
    static var monitor: UInt32 { 1 << 10 }
    static var mwait: UInt32 { 1 << 11 }
    static var xsetbv: UInt32 { 1 << 13 }
}

/// Exit codes. AMD APM vol 2, Appendix C.
enum ExitCode {
    static var taskPriorityWrite: UInt64 { 0x018 }
    /// Exception 0; the others follow.
    static var firstException: UInt64 { 0x040 }
    static var lastException: UInt64 { 0x05f }
    static var interrupt: UInt64 { 0x060 }
    static var nmi: UInt64 { 0x061 }
    static var smi: UInt64 { 0x062 }
    static var initSignal: UInt64 { 0x063 }
    static var firstDebugRegister: UInt64 { 0x020 }
    static var lastDebugRegister: UInt64 { 0x03f }
    static var readPerformanceCounter: UInt64 { 0x06f }
    static var cpuid: UInt64 { 0x072 }
    static var iret: UInt64 { 0x074 }
    static var invd: UInt64 { 0x076 }
    static var pause: UInt64 { 0x077 }
    static var halt: UInt64 { 0x078 }
    static var invlpga: UInt64 { 0x07a }
    static var io: UInt64 { 0x07b }
    static var msr: UInt64 { 0x07c }
    static var shutdown: UInt64 { 0x07f }
    static var vmrun: UInt64 { 0x080 }
    static var vmmcall: UInt64 { 0x081 }
    static var skinit: UInt64 { 0x086 }
    static var icebp: UInt64 { 0x088 }
    static var wbinvd: UInt64 { 0x089 }
    static var monitor: UInt64 { 0x08a }
    static var mwaitConditional: UInt64 { 0x08c }
    static var xsetbv: UInt64 { 0x08d }
    static var nestedPageFault: UInt64 { 0x400 }
    static var invalid: UInt64 { .max }
}

/// The backend's own words about a vCPU, in its context page behind the general registers.
enum SVMStateLayout: ABILayout { static var byteCount: Int { 512 } }
extension Field<SVMStateLayout, UInt64> {
    /// Guest XCR0.
    static var xcr0: Self { .init(at: 160) }
    /// An event that an exit interrupted and that is delivered first at the next entry (EXITINTINFO form), or 0.
    static var interruptedEvent: Self { .init(at: 168) }
    /// Whether a further NMI may come: see `NonMaskable`.
    static var nmiMasked: Self { .init(at: 176) }
    /// The interrupt that the CPU may deliver during this entry: an `OfferedInterrupt` and its vector, or 0.
    static var offeredInterrupt: Self { .init(at: 184) }
    static var tscAux: Self { .init(at: 192) }
    /// MTRRdefType and PAT are per vCPU; MTRRs proper are remembered only.
    static var mtrrDefault: Self { .init(at: 200) }
    /// 1 while DR0 to DR3 of the CPU are the guest's: it has touched them since it was switched to.
    static var ownsDebugRegisters: Self { .init(at: 208) }
    /// DR0 to DR3 while they are not in the CPU.
    static func debugRegister(_ number: Int) -> Self { .init(at: 216 &+ 8 &* (number & 3)) }
    /// The guest's own trap flag and DR6, while `NonMaskable` steps over an IRET.
    static var ownTrapFlag: Self { .init(at: 248) }
    static var ownDebugStatus: Self { .init(at: 256) }
}

/// The virtual interrupt word of the control block. AMD APM vol 2 §15.21.1, Appendix B offset 0x060.
enum VirtualInterruptControl {
    /// V_TPR: the guest's CR8, which it reads and writes without an exit.
    static var taskPriority: UInt64 { 0xff }
    /// V_IRQ: cleared by the CPU when the guest takes the interrupt.
    static var pending: UInt64 { 1 << 8 }
    /// V_INTR_MASKING only: the guest's RFLAGS.IF says nothing about the machine's interrupts.
    static var none: UInt64 { 1 << 24 }
    /// V_IRQ at the highest priority, V_TPR ignored; the vector goes to bits 39:32.
    static var offer: UInt64 { 1 << 24 | 1 << 20 | 0xf << 16 | 1 << 8 }
}

/// Where an offered interrupt comes from, beside its vector in bits 7:0.
enum OfferedInterrupt {
    static var sources: UInt64 { 0x700 }
    /// Requested in the local APIC; it becomes one in service when it is taken.
    static var fromAPIC: UInt64 { 0x100 }
    /// The event channel callback, which passes the local APIC by.
    static var callback: UInt64 { 0x200 }
    /// It was taken already, but an exit cut its delivery short.
    static var again: UInt64 { 0x300 }
}
