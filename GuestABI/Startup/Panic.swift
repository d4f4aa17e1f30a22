// SPDX-License-Identifier: Apache-2.0
import CGuest
import XenABI

/// Reports a fault nobody expected, with all registers, and takes the domain down as crashed.
func panic(at frameAddress: UInt64) -> Never {
    let words = MappedPage(unsafeAddress: frameAddress)
    func word(_ index: Int) -> UInt64 { words.load(at: index * 8, as: UInt64.self) }
    Console.print("GUEST PANIC: exception \(word(15)) error \(hex: word(16)) at \(hex: word(17))")
    Console.print("  cs \(hex: word(18)) rflags \(hex: word(19)) rsp \(hex: word(20)) ss \(hex: word(21))")
    Console.print("  rax \(hex: word(14)) rbx \(hex: word(13)) rcx \(hex: word(12)) rdx \(hex: word(11))")
    Console.print("  rsi \(hex: word(10)) rdi \(hex: word(9)) rbp \(hex: word(8)) r8 \(hex: word(7))")
    Console.print("  r9 \(hex: word(6)) r10 \(hex: word(5)) r11 \(hex: word(4)) r12 \(hex: word(3))")
    Console.print("  r13 \(hex: word(2)) r14 \(hex: word(1)) r15 \(hex: word(0))")
    Console.print("  cr0 \(hex: guest_read_cr0()) cr2 \(hex: guest_read_cr2()) cr3 \(hex: guest_read_cr3())")
    shutDownOrStop(ShutdownReason.crash)
}

/// Ends this guest with a message of its own: something it cannot go on without is missing.
public func panic(_ message: Text) -> Never {
    Console.print("GUEST PANIC: \(message)")
    shutDownOrStop(ShutdownReason.crash)
}

/// Shuts the domain down; without a hypervisor, resets the machine.
func shutDownOrStop(_ reason: UInt32) -> Never {
    guest_cli()
    if Platform.hypervisorLeaf != nil {
        Scheduler.shutDown(reason)
    } else {
        guest_out8(0xCF9, 0x6)
    }
    Processor.stop()
}
