// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// Hypercalls from 32-bit code: other registers, and blocks in the form of `CompatLayout`. Handlers see 64-bit blocks in
// both cases: `copyIn` and `copyOut` translate. Xen public/arch-x86/xen-x86_32.h.

extension Ref<VirtualCPU> {
    /// True for a call from 32-bit or 16-bit code, the compatibility submode of long mode included.
    @inline(__always)
    var callerIs32Bit: Bool { !state.paging.isLongMode }

    /// `handleHypercall` for such a caller: EAX, EBX, ECX, EDX, ESI, EDI; the result in EAX.
    func handleCompatHypercall() {
        let registers = state.registers
        guard state.paging.cr0 & 1 != 0 else {
            // Real mode has no privilege levels: Xen takes no calls from it.
            registers[.rax] = UInt64(bitPattern: XenError.notPermitted.returnValue)
            return
        }
        let low: UInt64 = 0xffff_ffff
        let result = call(
            registers[.rax] & low, registers[.rbx] & low, registers[.rcx] & low, registers[.rdx] & low,
            registers[.rsi] & low, registers[.rdi] & low)
        guard !state.continuesHypercall else { return }
        registers[.rax] = asSeen(result) & low
    }
    /// The result of a call in the caller's width. A count that 32 bits cannot hold must not look like an error.
    func asSeen(_ result: Int64) -> UInt64 {
        UInt64(bitPattern: callerIs32Bit ? min(result, Int64(Int32.max)) : result)
    }

    /// The registers of a call that goes on later.
    func setCompatRegisters(_ number: UInt32, _ first: UInt64, _ second: UInt64?, _ third: UInt64?) {
        let registers = state.registers
        registers[.rax] = UInt64(number)
        registers[.rbx] = first
        if let second { registers[.rcx] = second }
        if let third { registers[.rdx] = third }
    }
}

extension ArgumentBlock {
    /// Takes the fields of a block in its 32-bit form; padding and the high halves stay 0.
    mutating func widen(_ narrow: borrowing ArgumentBlock<Layout>, _ compat: CompatLayout) {
        var index = 0
        while index < compat.count {
            let run = compat.runs[index]
            var byte = 0
            while byte < run.byteCount {
                self[Field<Layout, UInt8>(at: run.wideOffset &+ byte)] =
                    narrow[Field<Layout, UInt8>(at: run.offset &+ byte)]
                byte &+= 1
            }
            index &+= 1
        }
    }
    /// The block in its 32-bit form; high halves are cut off.
    func narrowed(_ compat: CompatLayout) -> ArgumentBlock<Layout> {
        var narrow = ArgumentBlock<Layout>()
        var index = 0
        while index < compat.count {
            let run = compat.runs[index]
            var byte = 0
            while byte < run.byteCount {
                narrow[Field<Layout, UInt8>(at: run.offset &+ byte)] =
                    self[Field<Layout, UInt8>(at: run.wideOffset &+ byte)]
                byte &+= 1
            }
            index &+= 1
        }
        return narrow
    }
}
