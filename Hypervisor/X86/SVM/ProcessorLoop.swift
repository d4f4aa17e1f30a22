// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// What one CPU keeps to itself. Touched only by that CPU, with interrupts off.
struct Processor {
    let number: Int
    let apic: LocalAPIC
    let hostStateArea: UInt64
    let features: SVMFeatures
    /// Vectors that arrived and wait for the loop; their ends of interrupt are owed.
    var pending = VectorSet()
    var hasPending = false
    /// The deadline the timer is armed for; 0 after it fired.
    var armedDeadline: UInt64 = .max
    /// The timer fires again by itself; see `ProcessorLoop.arm`.
    var timerRepeats = false
    /// The vCPU whose vector state is in the registers.
    var loaded: Ref<VirtualCPU>?
    var nextASID: UInt32 = 1
    var asidGeneration: UInt64 = 1
    var flushesAll = true
    /// Exits by cause, for the console key.
    var exitCount: UInt64 = 0
}

extension Ref<VirtualCPU> {
    /// The control block. Every vCPU that runs has one.
    @inline(__always)
    var vmcb: ABIView<VMCBLayout> {
        guard let frame = state.controlFrame else {
            return hypervisor.state.memory.view(VMCBLayout.self, in: state.contextFrame)
        }
        return hypervisor.state.memory.view(VMCBLayout.self, in: frame)
    }
    @inline(__always)
    var svm: ABIView<SVMStateLayout> {
        hypervisor.state.memory.view(SVMStateLayout.self, in: state.contextFrame)
    }
}

/// The run loop of one CPU: interrupts, timers, choice of vCPU, entry, exit, for ever.
struct ProcessorLoop: ~Copyable {
    let hypervisor: Ref<Hypervisor>
    let processor: Ref<Processor>

    func run() -> Never {
        let cpu = processor.state.number
        while true {
            if processor.state.hasPending { handleInterrupts() }
            if hypervisor.state.scheduler.needsReschedule[cpu]
                || hypervisor.state.scheduler.current[cpu] == nil
            {
                let next = hypervisor.reschedule(cpu: cpu)
                if let next { switchTo(next) }
            }
            updateTimer(cpu)
            guard let vcpu = hypervisor.state.scheduler.current[cpu] else {
                // Idle: interrupts were looked at with them off, so none is lost before HLT.
                if !processor.state.hasPending {
                    if processor.state.features.isEmulator { processor.state.apic.offerAgain() }
                    cx86_sti_hlt_cli()
                }
                continue
            }
            prepareEntry(vcpu)
            enter(vcpu)
            processor.state.exitCount &+= 1
            if processor.state.exitCount & 63 == 0, processor.state.features.isEmulator {
                findLostInterrupt()
            }
            handleExit(vcpu)
        }
    }

    // QEMU's emulator (7.2 at least) may forget that the APIC has an interrupt for the CPU: it notes that in a word to which
    // both the timer's thread and every VMRUN and #VMEXIT write, without a lock (`interrupt_request`). Nobody would wake an
    // idle CPU then, or end a guest's turn. So the APIC is asked again before each HLT and, when a deadline has passed by
    // far, among many exits; and long spans are timed by a timer that repeats, for guests that make no exits.

    private func findLostInterrupt() {
        let deadline = processor.state.armedDeadline
        guard deadline != .max, deadline &+ 300_000 < hypervisor.state.now() else { return }
        processor.state.apic.offerAgain()
    }
    private func arm(_ span: UInt64) {
        let repeats = processor.state.features.isEmulator && span != .max && span >= 1_000_000
        if repeats != processor.state.timerRepeats {
            processor.state.timerRepeats = repeats
            processor.state.apic.setRepeating(repeats)
        }
        processor.state.apic.arm(nanoseconds: span)
    }

    private func updateTimer(_ cpu: Int) {
        let deadline = hypervisor.nextDeadline(cpu: cpu)
        guard deadline != processor.state.armedDeadline else { return }
        processor.state.armedDeadline = deadline
        guard deadline != .max else {
            arm(.max)
            return
        }
        let now = hypervisor.state.now()
        arm(deadline > now ? deadline &- now : 0)
    }

    /// Takes everything that arrived, highest vector first.
    private func handleInterrupts() {
        processor.state.hasPending = false
        while let vector = processor.state.pending.highest {
            processor.state.pending[vector] = false
            switch vector {
            case LocalAPIC.timerVector:
                processor.state.armedDeadline = 0
                hypervisor.runTimers(cpu: processor.state.number)
            case LocalAPIC.kickVector: break
            case LocalAPIC.serialVector: Machine.serialInput()
            default: hypervisor.deliverHardwareInterrupt(vector)
            }
            processor.state.apic.endOfInterrupt()
        }
    }

    /// Loads the vector state of `next`, saving that of whoever had it.
    private func switchTo(_ next: Ref<VirtualCPU>) {
        if let last = processor.state.loaded {
            if last == next { return }
            Machine.saveVectorState(last)
        }
        Machine.loadVectorState(next)
        processor.state.loaded = next
    }

    // MARK: Entry

    @inline(__always)
    private func prepareEntry(_ vcpu: Ref<VirtualCPU>) {
        let vmcb = vcpu.vmcb
        let domain = vcpu.domain
        if domain.state.physmap.needsFlush {
            domain.state.physmap.needsFlush = false
            domain.state.translationGeneration &+= 1
        }
        if vcpu.state.translationGeneration != domain.state.translationGeneration
            || vcpu.state.addressSpaceGeneration != processor.state.asidGeneration
        {
            newASID(vcpu, vmcb)
        } else {
            vmcb[.tlbControl] = 0
        }
        if processor.state.flushesAll {
            processor.state.flushesAll = false
            vmcb[.tlbControl] = 1
        }
        if vmcb[.virtualTPR] != vcpu.state.apic.taskClass {
            // The guest wrote the local APIC's register, or the APIC was reset.
            vmcb[.virtualTPR] = vcpu.state.apic.taskClass
        }
        injectWhatIsDue(vcpu, vmcb)
    }
    /// A fresh tag: translations under the old one are never used again. APM vol 2 §15.16.
    private func newASID(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        if processor.state.nextASID >= processor.state.features.asidCount {
            processor.state.nextASID = 1
            processor.state.asidGeneration &+= 1
            processor.state.flushesAll = true
        }
        vcpu.state.addressSpaceTag = processor.state.nextASID
        vcpu.state.addressSpaceGeneration = processor.state.asidGeneration
        vcpu.state.translationGeneration = vcpu.domain.state.translationGeneration
        processor.state.nextASID &+= 1
        vmcb[.asid] = vcpu.state.addressSpaceTag
    }

    /// Chooses what this entry delivers: an exception or NMI that is due now by EVENTINJ, and beside it the interrupt that
    /// comes next as a virtual one, which the CPU delivers as soon as the guest can take it, without an exit. While one is
    /// offered or held back by the task priority, and only then, a write to CR8 is an exit, after which the choice is made
    /// anew. (The CPU could compare V_INTR_PRIO with V_TPR by itself, but QEMU 7.2 to 10 compare wrongly, and 7.2 ends when a
    /// guest writes CR8 while V_IRQ is set.) APM vol 2 §15.20, §15.21.
    @inline(__always)
    private func injectWhatIsDue(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        let svm = vcpu.svm
        let interrupted = svm[.interruptedEvent]
        if interrupted != 0 || vcpu.state.isNMIPending {
            guard injectAhead(vcpu, vmcb, svm, interrupted) else { return }
        }
        if let vector = vcpu.pendingCallbackVector {
            offer(vector, OfferedInterrupt.callback, vmcb, svm)
        } else if let vector = vcpu.state.apic.highestRequested {
            if vcpu.state.apic.admits(vector) {
                offer(vector, OfferedInterrupt.fromAPIC, vmcb, svm)
            } else {
                vmcb[.interceptCR] = Intercept.taskPriorityWrite
            }
        }
    }
    /// What goes ahead of every interrupt. False: nothing else may be offered beside it.
    private func injectAhead(
        _ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>,
        _ interrupted: UInt64
    ) -> Bool {
        if interrupted != 0 {
            svm[.interruptedEvent] = 0
            if hypervisor.state.trace.isEnabled { vcpu.trace(.inject, interrupted, 1) }
            if interrupted & 0x700 == 0 {
                // An interrupt on its way into the handler: it was taken off the local APIC before.
                offer(UInt8(truncatingIfNeeded: interrupted), OfferedInterrupt.again, vmcb, svm)
                return false
            }
            NonMaskable.abandonStep(vmcb, svm)
            vmcb[.eventInjection] = interrupted
        } else if NonMaskable.mayInject(vmcb, svm) {
            vcpu.state.isNMIPending = false
            NonMaskable.inject(vmcb, svm)
            return true
        }
        if vcpu.state.isNMIPending, svm[.nmiMasked] == NonMaskable.open {
            // It comes after an exception, or after the instruction behind an STI or MOV SS. Nothing tells when those
            // are done, so the guest is looked at again soon.
            processor.state.armedDeadline = 0
            processor.state.apic.arm(nanoseconds: 20_000)
        }
        return true
    }
    /// Sets V_IRQ with its vector; the local APIC's priorities were looked at, so V_TPR is not asked. While an IRET is stepped
    /// over nothing is offered: its frame would show the trap flag.
    @inline(__always)
    private func offer(
        _ vector: UInt8, _ source: UInt64, _ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>
    ) {
        guard svm[.nmiMasked] != NonMaskable.returning else { return }
        svm[.offeredInterrupt] = source | UInt64(vector)
        vmcb[.interceptCR] = Intercept.taskPriorityWrite
        vmcb[.virtualInterrupt] =
            vmcb[.virtualInterrupt] & VirtualInterruptControl.taskPriority | VirtualInterruptControl.offer
            | UInt64(vector) &<< 32
    }
    /// After an exit: an interrupt that was taken leaves the local APIC's request register; one that was not is withdrawn,
    /// and the next entry chooses anew. One whose delivery the exit cut short was taken, whatever V_IRQ says.
    @inline(__always)
    private func settleOffer(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>, interrupted: UInt64) {
        let svm = vcpu.svm
        let offered = svm[.offeredInterrupt]
        guard offered != 0 else { return }
        svm[.offeredInterrupt] = 0
        vmcb[.interceptCR] = 0
        let control = vmcb[.virtualInterrupt]
        vmcb[.virtualInterrupt] =
            control & VirtualInterruptControl.taskPriority | VirtualInterruptControl.none
        if control & VirtualInterruptControl.pending == 0 || interrupted & 0x7ff == offered & 0xff {
            if offered & OfferedInterrupt.sources == OfferedInterrupt.fromAPIC {
                vcpu.state.apic.acknowledge(UInt8(truncatingIfNeeded: offered))
            }
            if hypervisor.state.trace.isEnabled { vcpu.trace(.inject, offered, vmcb[.rip]) }
        } else if offered & OfferedInterrupt.sources == OfferedInterrupt.again {
            svm[.interruptedEvent] = 1 << 31 | offered & 0xff
        }
    }

    @inline(__always)
    private func enter(_ vcpu: Ref<VirtualCPU>) {
        let vmcb = vcpu.vmcb
        let registers = vcpu.state.registers
        vmcb[.rax] = registers[.rax]
        guard let frame = vcpu.state.controlFrame else { return }
        sv_vmrun(
            frame.address.rawValue, HostPaging.directMap &+ vcpu.state.contextFrame.address.rawValue,
            processor.state.hostStateArea)
        registers[.rax] = vmcb[.rax]
        // An event that the exit interrupted is delivered again; stale bits without the valid bit mean nothing.
        vmcb[.eventInjection] = 0
        if vmcb[.virtualTPR] != vcpu.state.apic.taskClass {
            vcpu.state.apic.setTaskClass(vmcb[.virtualTPR])
        }
        let information = vmcb[.exitInterruptInfo]
        if information & (1 << 31) == 0 {
            settleOffer(vcpu, vmcb, interrupted: .max)
        } else {
            keepInterrupted(vcpu, vmcb, information)
        }
    }
    private func keepInterrupted(
        _ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>, _ information: UInt64
    ) {
        var event = information & 0xffff_ffff_8000_0fff
        let vector = event & 0xff
        // There are 32 exceptions: an emulator may call an interrupt one here (QEMU's TCG does).
        if event & 0x700 == 3 << 8, vector >= 32 { event = 1 << 31 | vector }
        settleOffer(vcpu, vmcb, interrupted: event & 0x7ff)
        // Software interrupts and exceptions (type 4, and 3 for INT3/INTO) re-execute by themselves.
        let type = (event &>> 8) & 7
        if type == 4 || (type == 3 && (vector == 3 || vector == 4)) { return }
        vcpu.svm[.interruptedEvent] = event
    }

    // MARK: Exit

    @inline(__always)
    private func handleExit(_ vcpu: Ref<VirtualCPU>) {
        let vmcb = vcpu.vmcb
        let code = vmcb[.exitCode]
        if hypervisor.state.trace.isEnabled { vcpu.trace(.exit, code, vmcb[.rip]) }
        switch code {
        case ExitCode.vmmcall:
            vcpu.state.paging = SVMBackend.pagingState(vmcb)
            vcpu.handleHypercall()
            if vcpu.state.continuesHypercall {
                vcpu.state.continuesHypercall = false
            } else {
                advance(vcpu, vmcb, 3)
            }
        case ExitCode.interrupt:
            // The interrupt is still pending: take it here.
            cx86_sti_nop_cli()
        case ExitCode.io: SVMExits.io(vcpu, vmcb)
        case ExitCode.halt:
            advance(vcpu, vmcb, 1)
            halt(vcpu, vmcb)
        case ExitCode.nestedPageFault: SVMExits.nestedPageFault(vcpu, vmcb)
        case ExitCode.msr: SVMExits.msr(vcpu, vmcb)
        case ExitCode.cpuid:
            SVMExits.cpuid(vcpu, vmcb)
            advance(vcpu, vmcb, 2)
        case ExitCode.taskPriorityWrite: SVMExits.writeTaskPriority(vcpu, vmcb)
        case ExitCode.iret:
            NonMaskable.handlerReturns(vmcb, vcpu.svm)
        case ExitCode.firstDebugRegister...ExitCode.lastDebugRegister:
            // The first touch since the vCPU was switched to: its values go into the CPU, and the instruction runs again.
            Machine.loadDebugRegisters(vcpu, vmcb)
        case ExitCode.readPerformanceCounter: SVMExits.injectException(vcpu, vector: 13, errorCode: 0)
        case ExitCode.nmi:
            cx86_sti_nop_cli()
        case ExitCode.smi, ExitCode.initSignal: break
        case ExitCode.wbinvd, ExitCode.invd: advance(vcpu, vmcb, 2)
        case ExitCode.pause: advance(vcpu, vmcb, 2)
        case ExitCode.xsetbv: SVMExits.xsetbv(vcpu, vmcb)
        case ExitCode.firstException...ExitCode.lastException:
            SVMExits.exception(UInt8(truncatingIfNeeded: code &- ExitCode.firstException), vmcb, vcpu.svm)
        case ExitCode.shutdown: SVMExits.tripleFault(vcpu, vmcb)
        case ExitCode.invalid:
            vcpu.domain.crash("VM entry refused: invalid guest state; rip, cr0", vmcb[.rip], vmcb[.cr0])
        case ExitCode.vmrun, 0x082...0x086, ExitCode.invlpga, ExitCode.monitor, 0x08b,
            ExitCode.mwaitConditional:
            SVMExits.injectException(vcpu, vector: 6)
        default: vcpu.domain.crash("unexpected exit; code, rip", code, vmcb[.rip])
        }
    }
    /// Moves RIP past an instruction of known length. The shadow of STI or MOV SS ends with it.
    @inline(__always)
    private func advance(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>, _ length: UInt64) {
        SVMExits.advance(vcpu, vmcb, length, hasNextRIP: processor.state.features.hasNextRIP)
    }
    private func halt(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        // A guest that steps over HLT does not sleep.
        if vcpu.svm[.interruptedEvent] != 0 { return }
        if vmcb[.rflags] & 0x200 == 0, !vcpu.state.isNMIPending {
            // Nothing can wake it: the guest's way to say that this vCPU is done.
            vcpu.goDown()
        } else if !vcpu.hasDeliverableInterrupt {
            vcpu.block()
        }
    }
}
