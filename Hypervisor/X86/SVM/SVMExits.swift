// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// The exits that are not on the shortest path.
enum SVMExits {
    @inline(__always)
    static func advance(
        _ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>, _ length: UInt64, hasNextRIP: Bool
    ) {
        let next = hasNextRIP ? vmcb[.nextRIP] : 0
        var rip = next != 0 ? next : vmcb[.rip] &+ length
        if vmcb[VMCBSegment.cs.attributes] & 0x200 == 0 { rip &= 0xffff_ffff }
        vmcb[.rip] = rip
        vmcb[.interruptShadow] = 0
        if vmcb[.rflags] & NonMaskable.trapFlag != 0 { NonMaskable.stepped(vmcb, vcpu.svm) }
    }
    static func injectException(_ vcpu: Ref<VirtualCPU>, vector: UInt8, errorCode: UInt32? = nil) {
        var event = UInt64(1) << 31 | 3 << 8 | UInt64(vector)
        if let errorCode { event |= 1 << 11 | UInt64(errorCode) &<< 32 }
        vcpu.svm[.interruptedEvent] = event
    }

    /// An intercepted exception goes on to the guest: #DB and #AC, which could raise themselves in their own delivery for
    /// ever if no exit came between (Xen: XSA-156), and those that an IRET stepped over raised.
    static func exception(_ vector: UInt8, _ vmcb: ABIView<VMCBLayout>, _ svm: ABIView<SVMStateLayout>) {
        vmcb[.eventInjection] = 0
        if vector == 1 {
            // DR6 is the guest's already.
            guard NonMaskable.debugExceptionIsDue(vmcb, svm) else { return }
            svm[.interruptedEvent] = 1 << 31 | 3 << 8 | 1
            return
        }
        NonMaskable.abandonStep(vmcb, svm)
        var event = UInt64(1) << 31 | 3 << 8 | UInt64(vector)
        switch vector {
        case 8, 10...14, 21: event |= 1 << 11 | vmcb[.exitInfo1] &<< 32
        case 17: event |= 1 << 11
        default: break
        }
        if vector == 14 { vmcb[.cr2] = vmcb[.exitInfo2] }
        svm[.interruptedEvent] = event
    }

    // MARK: CPUID

    static func cpuid(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        let registers = vcpu.state.registers
        let leaf = UInt32(truncatingIfNeeded: registers[.rax])
        let subleaf = UInt32(truncatingIfNeeded: registers[.rcx])
        var answer = GuestCPUID.answer(leaf: leaf, subleaf: subleaf, vcpu: vcpu)
        if leaf == 1, vmcb[.cr4] & (1 << 18) != 0 { answer.c |= 1 << 27 }
        if leaf == 7, subleaf == 0, vmcb[.cr4] & (1 << 22) != 0 { answer.c |= 1 << 4 }
        registers[.rax] = UInt64(answer.a)
        registers[.rbx] = UInt64(answer.b)
        registers[.rcx] = UInt64(answer.c)
        registers[.rdx] = UInt64(answer.d)
    }

    // MARK: Task priority

    /// MOV to CR8 while an interrupt waits: another may be due now, or none.
    static func writeTaskPriority(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        vmcb[.interceptCR] = 0
        vcpu.state.paging = SVMBackend.pagingState(vmcb)
        var bytes: InlineArray<16, UInt8> = InlineArray(repeating: 0)
        let count = fetch(vcpu, vmcb, &bytes)
        var decoder = InstructionDecoder(bytes, count: count)
        let isLong = vcpu.state.paging.isLongMode
        guard let instruction = decoder.decodeTaskPriorityWrite(isLongMode: isLong) else {
            // Rewritten since the CPU read it.
            injectException(vcpu, vector: 6)
            return
        }
        let registers = vcpu.state.registers
        var value = instruction.register == 4 ? vmcb[.rsp] : registers[.numbered(instruction.register)]
        if !isLong { value &= 0xffff_ffff }
        guard value < 16, vmcb[.cpl] == 0 else {
            injectException(vcpu, vector: 13, errorCode: 0)
            return
        }
        vcpu.state.apic.setTaskClass(UInt8(truncatingIfNeeded: value))
        advance(vcpu, vmcb, UInt64(instruction.length), hasNextRIP: false)
    }

    // MARK: Model-specific registers

    static func msr(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        let registers = vcpu.state.registers
        let number = UInt32(truncatingIfNeeded: registers[.rcx])
        let isWrite = vmcb[.exitInfo1] & 1 != 0
        if isWrite {
            let value = registers[.rax] & 0xffff_ffff | registers[.rdx] &<< 32
            guard GuestMSR.write(number, value, vcpu, vmcb) else {
                injectException(vcpu, vector: 13, errorCode: 0)
                return
            }
        } else {
            guard let value = GuestMSR.read(number, vcpu, vmcb) else {
                injectException(vcpu, vector: 13, errorCode: 0)
                return
            }
            registers[.rax] = value & 0xffff_ffff
            registers[.rdx] = value &>> 32
        }
        advance(vcpu, vmcb, 2, hasNextRIP: Machine.hasNextRIP)
    }
    static func xsetbv(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        let registers = vcpu.state.registers
        let value = registers[.rax] & 0xffff_ffff | registers[.rdx] &<< 32
        let isValid =
            registers[.rcx] & 0xffff_ffff == 0 && value & 1 != 0 && value & ~Machine.xcr0Mask == 0
            && (value & 4 == 0 || value & 2 != 0) && vmcb[.cpl] == 0
        guard isValid else {
            injectException(vcpu, vector: 13, errorCode: 0)
            return
        }
        vcpu.svm[.xcr0] = value
        cx86_xsetbv(0, value)
        advance(vcpu, vmcb, 3, hasNextRIP: Machine.hasNextRIP)
    }

    // MARK: I/O ports

    /// EXITINFO1: IN 0, string 2, REP 3, size 6:4, segment 12:10, port 31:16; EXITINFO2: next RIP. APM vol 2 §15.10.2.
    static func io(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        let information = vmcb[.exitInfo1]
        let port = UInt16(truncatingIfNeeded: information &>> 16)
        let size = Int((information &>> 4) & 7)
        guard information & 4 == 0 else {
            // String instructions on unclaimed ports: nothing is there to talk to (Docs/Caveats.md).
            injectException(vcpu, vector: 13, errorCode: 0)
            return
        }
        let registers = vcpu.state.registers
        if information & 1 != 0 {
            let mask: UInt64 = size == 1 ? 0xff : size == 2 ? 0xffff : 0xffff_ffff
            let value = GuestPort.read(port, size, vcpu) & mask
            registers[.rax] = size == 4 ? value : registers[.rax] & ~mask | value
        } else {
            GuestPort.write(port, size, UInt32(truncatingIfNeeded: registers[.rax]), vcpu)
        }
        vmcb[.rip] = vmcb[.exitInfo2]
        vmcb[.interruptShadow] = 0
        if vmcb[.rflags] & NonMaskable.trapFlag != 0 { NonMaskable.stepped(vmcb, vcpu.svm) }
    }

    // MARK: Memory

    /// EXITINFO1: error code (present 0, write 1, user 2, fetch 4); EXITINFO2: guest-physical address. APM vol 2 §15.25.6.
    static func nestedPageFault(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        let address = GuestPhysical(rawValue: vmcb[.exitInfo2])
        let code = vmcb[.exitInfo1]
        if vcpu.hypervisor.state.trace.isEnabled { vcpu.trace(.nestedFault, address.rawValue, code) }
        if vcpu.domain.state.isHardwareDomain, Machine.mapDevicePage(vcpu.domain, address.frame) { return }
        // Somewhere nothing is mapped, or a page that may only be read. The instruction is emulated: device registers that
        // exist (APIC, IO-APIC) answer, anywhere else reads give all ones and writes are dropped.
        guard code & 0x10 == 0 else {
            vcpu.domain.crash("executes where nothing is mapped; address, rip", address.rawValue, vmcb[.rip])
            return
        }
        vcpu.state.paging = SVMBackend.pagingState(vmcb)
        var bytes: InlineArray<16, UInt8> = InlineArray(repeating: 0)
        let count = fetch(vcpu, vmcb, &bytes)
        var decoder = InstructionDecoder(bytes, count: count)
        let isLong = vcpu.state.paging.isLongMode
        guard
            let instruction = decoder.decode(
                isLongMode: isLong, is32Bit: vmcb[VMCBSegment.cs.attributes] & 0x400 != 0)
        else {
            vcpu.domain.crash(
                "accesses a device in a way that is not emulated; address, rip", address.rawValue, vmcb[.rip])
            return
        }
        DeviceAccess.perform(instruction, at: address, vcpu, vmcb)
        advance(vcpu, vmcb, UInt64(instruction.length), hasNextRIP: false)
    }
    /// Reads up to 15 instruction bytes at RIP; returns how many could be read.
    private static func fetch(
        _ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>, _ bytes: inout InlineArray<16, UInt8>
    ) -> Int {
        let base = vcpu.state.paging.isLongMode ? 0 : vmcb[VMCBSegment.cs.base]
        let start = base &+ vmcb[.rip]
        let memory = vcpu.hypervisor.state.memory
        var index = 0
        var frame = vcpu.translate(linear: start, forWriting: false)
        while index < 15 {
            let address = start &+ UInt64(index)
            if index > 0, address & 0xfff == 0 { frame = vcpu.translate(linear: address, forWriting: false) }
            guard let frame else { return index }
            bytes[index] = memory.loadByte(frame, Int(truncatingIfNeeded: address & 0xfff))
            index &+= 1
        }
        return 15
    }
    static func tripleFault(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        vcpu.hypervisor.note(
            DomainIDText(id: vcpu.domain.id.rawValue), "triple fault; last known rip, cr2", vmcb[.rip],
            vmcb[.cr2])
        // HVM_PARAM_TRIPLE_FAULT_REASON, public/hvm/params.h.
        let reason = vcpu.domain.state.parameters[31]
        vcpu.domain.shutDown(reason: UInt8(truncatingIfNeeded: min(reason, 5)))
    }
}
