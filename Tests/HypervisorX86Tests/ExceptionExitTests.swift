// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorX86

/// What intercepted exceptions and the IRET of an NMI handler do to a control block.
struct ExceptionExitTests {
    /// A control block, as a new vCPU has it, in the memory of a machine that lives as long.
    struct Block {
        let machine: FakeMachine
        let vmcb: ABIView<VMCBLayout>
        let svm: ABIView<SVMStateLayout>
        init() {
            machine = FakeMachine(frameCount: 512)
            vmcb = machine.memory.view(VMCBLayout.self, in: MachineFrame(rawValue: 8))
            svm = machine.memory.view(SVMStateLayout.self, in: MachineFrame(rawValue: 9))
            SVMBackend.initialise(vmcb, svm, ioMap: 0, msrMap: 0, nestedRoot: 0)
            vmcb[.rflags] = 0x202
            vmcb[.dr6] = 0xffff_0ff0
            vmcb[.dr7] = 0x400
            vmcb[.efer] = 0x1d01
        }
        /// An NMI is injected and its handler comes to its IRET.
        func handlerReturns() {
            NonMaskable.inject(vmcb, svm)
            vmcb[.eventInjection] = 0
            NonMaskable.handlerReturns(vmcb, svm)
        }
        func exception(_ vector: UInt8) { SVMExits.exception(vector, vmcb, svm) }
        var steps: Bool { vmcb[.rflags] & NonMaskable.trapFlag != 0 }
    }

    @Test func loopingExceptionsAreIntercepted() {
        let block = Block()
        #expect(block.vmcb[.interceptExceptions] == 1 << 1 | 1 << 17)
    }
    /// XSA-156: each round of a loop in delivery is an exit, which hands on the exception by itself, without what it cut short.
    @Test func anAlignmentCheckIsHandedOn() {
        let block = Block()
        for _ in 0..<3 {
            block.vmcb[.eventInjection] = 1 << 31 | 3 << 8 | 13
            block.vmcb[.exitInfo1] = 0xdead
            block.exception(17)
            #expect(block.svm[.interruptedEvent] == 1 << 31 | 1 << 11 | 3 << 8 | 17)
            #expect(block.vmcb[.eventInjection] == 0)
            #expect(!block.steps)
        }
    }
    @Test func aDebugExceptionIsHandedOn() {
        let block = Block()
        block.vmcb[.dr6] = 0xffff_0ff1
        block.exception(1)
        #expect(block.svm[.interruptedEvent] == 1 << 31 | 3 << 8 | 1)
        #expect(block.vmcb[.dr6] == 0xffff_0ff1)
    }

    @Test func anNMIWaitsUntilTheReturnIsDone() {
        let block = Block()
        #expect(NonMaskable.mayInject(block.vmcb, block.svm))
        NonMaskable.inject(block.vmcb, block.svm)
        #expect(block.vmcb[.eventInjection] == 1 << 31 | 2 << 8 | 2)
        #expect(block.vmcb[.intercepts1] & Intercept.iret != 0)
        #expect(!NonMaskable.mayInject(block.vmcb, block.svm))
        block.vmcb[.eventInjection] = 0
        NonMaskable.handlerReturns(block.vmcb, block.svm)
        #expect(block.vmcb[.intercepts1] & Intercept.iret == 0)
        #expect(block.steps && !NonMaskable.mayInject(block.vmcb, block.svm))
        // The IRET has loaded other flags; the step is seen by nobody.
        block.vmcb[.rflags] = 0x246
        block.vmcb[.dr6] |= 1 << 14
        block.exception(1)
        #expect(block.svm[.interruptedEvent] == 0)
        #expect(block.vmcb[.dr6] == 0xffff_0ff0 && block.vmcb[.rflags] == 0x246)
        #expect(block.vmcb[.interceptExceptions] == Intercept.exceptions)
        #expect(NonMaskable.mayInject(block.vmcb, block.svm))
    }
    @Test func anInterruptShadowHoldsItBack() {
        let block = Block()
        block.vmcb[.interruptShadow] = 1
        #expect(!NonMaskable.mayInject(block.vmcb, block.svm))
    }
    @Test(arguments: [10, 11, 12, 13, 14, 17, 21] as [UInt8])
    func aReturnThatFaultsShowsNoTrapFlag(_ vector: UInt8) {
        let block = Block()
        block.handlerReturns()
        #expect(block.vmcb[.interceptExceptions] & (1 << UInt32(vector)) != 0)
        block.vmcb[.exitInfo1] = 0x18
        block.vmcb[.exitInfo2] = 0x1234_5000
        block.exception(vector)
        let code: UInt64 = vector == 17 ? 0 : 0x18
        #expect(block.svm[.interruptedEvent] == 1 << 31 | 1 << 11 | 3 << 8 | UInt64(vector) | code << 32)
        #expect(block.vmcb[.cr2] == (vector == 14 ? 0x1234_5000 : 0))
        #expect(!block.steps)
        #expect(block.vmcb[.interceptExceptions] == Intercept.exceptions)
        #expect(block.vmcb[.intercepts1] & Intercept.iret != 0)
        #expect(!NonMaskable.mayInject(block.vmcb, block.svm))
    }
    @Test func aBreakpointOnTheReturnIsTheGuests() {
        let block = Block()
        block.vmcb[.dr7] = 0x402
        block.handlerReturns()
        block.vmcb[.dr6] |= 1
        block.exception(1)
        #expect(block.svm[.interruptedEvent] == 1 << 31 | 3 << 8 | 1)
        #expect(block.vmcb[.dr6] == 0xffff_0ff1 && !block.steps)
        #expect(block.vmcb[.intercepts1] & Intercept.iret != 0)
    }
    @Test(arguments: [true, false]) func aBreakpointInTheReturnIsTheGuestsIfItIsOn(_ isOn: Bool) {
        let block = Block()
        block.vmcb[.dr7] = isOn ? 0x400 | 0b1000 : 0x400
        block.handlerReturns()
        block.vmcb[.rflags] = 0x202
        block.vmcb[.dr6] |= 1 << 14 | 1 << 1
        block.exception(1)
        #expect(block.svm[.interruptedEvent] == (isOn ? 1 << 31 | 3 << 8 | 1 : 0))
        #expect(block.vmcb[.dr6] == (isOn ? 0xffff_0ff2 : 0xffff_0ff0))
        #expect(NonMaskable.mayInject(block.vmcb, block.svm))
    }
    @Test func theGuestsOwnTrapFlagStays() {
        let block = Block()
        block.vmcb[.rflags] |= NonMaskable.trapFlag
        block.handlerReturns()
        block.vmcb[.rflags] = 0x202
        block.vmcb[.dr6] |= 1 << 14
        block.exception(1)
        #expect(block.svm[.interruptedEvent] == 1 << 31 | 3 << 8 | 1)
        #expect(block.vmcb[.dr6] == 0xffff_4ff0)
    }
    @Test func aStepOverAnExecutedInstructionIsDue() {
        let block = Block()
        NonMaskable.stepped(block.vmcb, block.svm)
        #expect(block.svm[.interruptedEvent] == 1 << 31 | 3 << 8 | 1)
        #expect(block.vmcb[.dr6] == 0xffff_4ff0)
        // Our own trap flag is none of the guest's.
        let other = Block()
        other.handlerReturns()
        NonMaskable.stepped(other.vmcb, other.svm)
        #expect(other.svm[.interruptedEvent] == 0)
    }
    @Test func aTaskSwitchIsNotSteppedOver() {
        let block = Block()
        block.vmcb[.efer] = 0x1000
        block.vmcb[.rflags] |= 1 << 14
        block.handlerReturns()
        #expect(!block.steps && block.vmcb[.interceptExceptions] == Intercept.exceptions)
    }
    @Test func toolsSeeTheGuestsOwnFlags() {
        let block = Block()
        let registers = block.machine.memory.view(
            GuestRegistersLayout.self, in: MachineFrame(rawValue: 9))
        block.vmcb[.dr6] = 0xffff_0ff2
        block.handlerReturns()
        var context = SVMBackend.save(block.vmcb, block.svm, registers)
        #expect(context.rflags == 0x202 && context.dr6 == 0xffff_0ff2)
        // A new context forgets the return, and an exception that was on its way.
        block.svm[.interruptedEvent] = 1 << 31
        context.rflags = 0x2
        SVMBackend.load(context, block.vmcb, block.svm, registers)
        #expect(block.vmcb[.rflags] == 2 && block.svm[.interruptedEvent] == 0)
        #expect(NonMaskable.mayInject(block.vmcb, block.svm))
        #expect(block.vmcb[.interceptExceptions] == Intercept.exceptions)
    }
}
