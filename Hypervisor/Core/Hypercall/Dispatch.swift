// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// From the registers of a hypercall to its handler and back.
extension Ref<VirtualCPU> {
    /// Handles one hypercall of a vCPU that stands at a VMCALL or VMMCALL instruction, `paging` being set. Afterwards RAX
    /// holds the result, or `continuesHypercall` is set and the registers hold the call that is to be made again.
    /// Xen public/arch-x86/xen-x86_64.h.
    public func handleHypercall() {
        let registers = state.registers
        // Guest-controlled from here.
        guard state.paging.privilegeLevel == 0 else {
            registers[.rax] = UInt64(bitPattern: XenError.notPermitted.returnValue)
            return
        }
        guard state.paging.isLongMode else {
            handleCompatHypercall()
            return
        }
        let number = registers[.rax]
        let result = call(
            number, registers[.rdi], registers[.rsi], registers[.rdx], registers[.r10], registers[.r8])
        if !state.continuesHypercall { registers[.rax] = UInt64(bitPattern: result) }
    }

    /// Calls a handler by number; an error comes back negated.
    func call(
        _ number: UInt64, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64
    ) -> Int64 {
        do throws(XenError) {
            switch number {
            case UInt64(HypercallNumber.eventChannel): return try eventChannelOperation(a, b)
            case UInt64(HypercallNumber.grantTable): return try grantTableOperation(a, b, c)
            case UInt64(HypercallNumber.vcpu): return try vcpuOperation(a, b, c)
            case UInt64(HypercallNumber.scheduler): return try schedulerOperation(a, b)
            case UInt64(HypercallNumber.version): return try versionOperation(a, b)
            case UInt64(HypercallNumber.memory): return try memoryOperation(a, b)
            case UInt64(HypercallNumber.setTimer): return setTimer(callerIs32Bit ? a | b &<< 32 : a)
            case UInt64(HypercallNumber.consoleIO): return try consoleOperation(a, b, c)
            case UInt64(HypercallNumber.multicall): return try multicall(a, b)
            case UInt64(HypercallNumber.hvm): return try hvmOperation(a, b)
            case UInt64(HypercallNumber.physicalDevice): return try physicalDeviceOperation(a, b)
            case UInt64(HypercallNumber.platform): return try platformOperation(a)
            case UInt64(HypercallNumber.sysctl): return try systemControl(a)
            case UInt64(HypercallNumber.domctl): return try domainControl(a)
            case UInt64(HypercallNumber.vmAssist): return try assistOperation(a, b)
            case UInt64(HypercallNumber.deviceModel): return try deviceModelOperation(a, b, c)
            case UInt64(HypercallNumber.pmu): return XenError.notSupported.returnValue
            default: return XenError.notImplemented.returnValue
            }
        } catch {
            return error.returnValue
        }
    }

    /// The call is to be made again after interrupts were looked at: the arguments given replace the caller's, and RIP
    /// stays on the instruction; inside a multicall, they replace the entry's. The handler returns 0.
    public func continueHypercall(
        _ number: UInt32, _ first: UInt64, _ second: UInt64? = nil, _ third: UInt64? = nil
    ) {
        state.continuesHypercall = true
        guard !state.isInMulticall else {
            state.multicallRest = MulticallRest(number: number, first: first, second: second, third: third)
            return
        }
        guard !callerIs32Bit else { return setCompatRegisters(number, first, second, third) }
        let registers = state.registers
        registers[.rax] = UInt64(number)
        registers[.rdi] = first
        if let second { registers[.rsi] = second }
        if let third { registers[.rdx] = third }
    }
    /// True when a long operation should make room: its time slice ended, or an interrupt or timer is due.
    public var shouldPreempt: Bool {
        let hypervisor = state.hypervisor
        let cpu = max(Int(state.runningOn), 0)
        if hypervisor.state.scheduler.needsReschedule[cpu & 63] { return true }
        return hypervisor.state.now() >= hypervisor.nextDeadline(cpu: cpu & 63)
    }

    /// `HYPERVISOR_multicall`: entries in order; each result is written into its entry. Entries are read once. One that makes
    /// room for others half-way is rewritten to what is left of it, as in Xen, and the batch goes on there.
    func multicall(_ list: UInt64, _ count: UInt64) throws(XenError) -> Int64 {
        var address = list
        var left = count
        while left > 0 {
            let entry = try copyIn(MulticallEntryLayout.self, at: address)
            let number = entry[.operation]
            state.isInMulticall = true
            let result =
                number == UInt64(HypercallNumber.multicall)
                ? XenError.invalidArgument.returnValue
                : call(
                    number, entry[.arguments], entry[.arguments.element(1)], entry[.arguments.element(2)],
                    entry[.arguments.element(3)], entry[.arguments.element(4)])
            state.isInMulticall = false
            if state.continuesHypercall {
                state.continuesHypercall = false
                try copyOut(state.multicallRest, to: address)
                continueHypercall(HypercallNumber.multicall, address, left)
                return 0
            }
            try copyOut(asSeen(result), field: Field<MulticallEntryLayout, UInt64>.result, of: address)
            address = address &+ stride(of: MulticallEntryLayout.self)
            left &-= 1
            if left > 0, shouldPreempt {
                continueHypercall(HypercallNumber.multicall, address, left)
                return 0
            }
        }
        return 0
    }
}

extension Ref<VirtualCPU> {
    /// Writes what is left of a call into its entry, whose guest address is given.
    private func copyOut(_ rest: MulticallRest, to entry: UInt64) throws(XenError) {
        try copyOut(UInt64(rest.number), field: Field<MulticallEntryLayout, UInt64>.operation, of: entry)
        try copyOut(rest.first, field: Field<MulticallEntryLayout, UInt64>.arguments, of: entry)
        if let second = rest.second {
            try copyOut(second, field: Field<MulticallEntryLayout, UInt64>.arguments.element(1), of: entry)
        }
        if let third = rest.third {
            try copyOut(third, field: Field<MulticallEntryLayout, UInt64>.arguments.element(2), of: entry)
        }
    }
}

/// What is left of a call inside a multicall that made room for others: its number and the arguments that changed.
public struct MulticallRest: BitwiseCopyable, Sendable {
    var number: UInt32 = 0
    var first: UInt64 = 0
    var second: UInt64?
    var third: UInt64?
    public init() {}
    init(number: UInt32, first: UInt64, second: UInt64?, third: UInt64?) {
        self.number = number
        self.first = first
        self.second = second
        self.third = third
    }
}
