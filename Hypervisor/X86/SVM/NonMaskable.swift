// SPDX-License-Identifier: Apache-2.0
import SharedMemory

/// Non-maskable interrupts. After one no other comes until an IRET has executed (APM vol 2 §8.2.3); one that came meanwhile
/// is taken right behind that IRET, before the next instruction.
///
/// EVENTINJ masks nothing, so the masking is done here. The IRET is intercepted; to learn when it is done (an NMI before it
/// would overwrite the frame that it is about to read), it then executes with the trap flag set, and the #DB behind it is an
/// exit. The guest sees neither: nothing is delivered to it while the trap flag is set, an exception of the IRET itself is
/// an exit too, after which the flag is taken back, and DR6 is put back. CPUs with virtual NMIs (V_NMI) could do without the
/// two exits per NMI; a single way for all CPUs is tested everywhere.
enum NonMaskable {
    // MARK: States of `nmiMasked`
    /// An NMI may be injected.
    static var open: UInt64 { 0 }
    /// One is being handled; IRET is intercepted.
    static var masked: UInt64 { 1 }
    /// Its IRET executes, with the trap flag set.
    static var returning: UInt64 { 2 }

    static var trapFlag: UInt64 { 1 << 8 }
    private static var nestedTaskFlag: UInt64 { 1 << 14 }
    private static var resumeFlag: UInt64 { 1 << 16 }
    /// DR6: the step itself; breakpoints 0 to 3. APM vol 2 §13.1.1.3.
    private static var stepStatus: UInt64 { 1 << 14 }
    private static var breakpointStatus: UInt64 { 0xf }

    static func mayInject(_ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) -> Bool {
        svm[.nmiMasked] == open && vmcb[.interruptShadow] & 1 == 0
    }
    static func inject(_ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) {
        svm[.nmiMasked] = masked
        vmcb[.intercepts1] |= Intercept.iret
        vmcb[.eventInjection] = 1 << 31 | 2 << 8 | 2
    }
    /// IRET was intercepted: lets it execute.
    static func handlerReturns(_ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) {
        vmcb[.intercepts1] &= ~Intercept.iret
        let flags = vmcb[.rflags]
        if flags & nestedTaskFlag != 0, vmcb[.efer] & (1 << 10) == 0 {
            // A task switch, which would store the trap flag in the task that it leaves. The next NMI waits for an exit.
            svm[.nmiMasked] = open
            return
        }
        svm[.nmiMasked] = returning
        svm[.ownTrapFlag] = flags & trapFlag
        svm[.ownDebugStatus] = vmcb[.dr6]
        vmcb[.rflags] = flags | trapFlag
        vmcb[.dr6] &= ~(stepStatus | breakpointStatus)
        vmcb[.interceptExceptions] = Intercept.exceptionsOfReturn
    }
    /// A #DB exit. False: it was the step, and the guest is to see nothing of it.
    static func debugExceptionIsDue(_ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) -> Bool {
        guard svm[.nmiMasked] == returning else { return true }
        let raised = vmcb[.dr6] & (stepStatus | breakpointStatus)
        let own = svm[.ownDebugStatus]
        if raised & stepStatus == 0 {
            // A breakpoint on the IRET, which has not executed.
            abandonStep(vmcb, svm)
            vmcb[.dr6] = own & ~breakpointStatus | raised
            return true
        }
        svm[.nmiMasked] = open
        vmcb[.interceptExceptions] = Intercept.exceptions
        let steps = svm[.ownTrapFlag] != 0
        guard steps || hits(raised, vmcb[.dr7]) else {
            vmcb[.dr6] = own
            return false
        }
        vmcb[.dr6] = own & ~breakpointStatus | raised & breakpointStatus | (steps ? stepStatus : 0)
        return true
    }
    /// An instruction that the hypervisor executed in the guest's place was stepped over by the guest: #DB is due.
    static func stepped(_ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) {
        guard svm[.nmiMasked] != returning else { return }
        vmcb[.dr6] |= stepStatus
        svm[.interruptedEvent] = 1 << 31 | 3 << 8 | 1
    }
    /// Whether a breakpoint of `status` is on in DR7 (bits 7:0, local and global enables).
    private static func hits(_ status: UInt64, _ control: UInt64) -> Bool {
        var number: UInt64 = 0
        while number < 4 {
            if status & (1 &<< number) != 0, control & (3 &<< (2 &* number)) != 0 { return true }
            number &+= 1
        }
        return false
    }
    /// The IRET did not execute: the guest goes on elsewhere, with NMIs masked until the next one. Without a step nothing.
    static func abandonStep(_ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) {
        guard svm[.nmiMasked] == returning else { return }
        svm[.nmiMasked] = masked
        vmcb[.intercepts1] |= Intercept.iret
        vmcb[.interceptExceptions] = Intercept.exceptions
        // Faults leave the resume flag set in the frame. APM vol 2 §3.1.6.
        vmcb[.rflags] = vmcb[.rflags] & ~trapFlag | svm[.ownTrapFlag] | resumeFlag
        vmcb[.dr6] = svm[.ownDebugStatus]
    }
    /// Forgets all: the vCPU begins anew.
    static func reset(_ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) {
        svm[.nmiMasked] = open
        vmcb[.intercepts1] &= ~Intercept.iret
        vmcb[.interceptExceptions] = Intercept.exceptions
    }
}
