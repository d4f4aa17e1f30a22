// SPDX-License-Identifier: Apache-2.0
import CGuest

/// The debug registers of the vCPU that runs this, and the exceptions they raise. AMD APM vol 2 §13.1.
public enum DebugFacilities {
    // SAFETY: single words, changed with interrupts off.
    nonisolated(unsafe) private static var isExpected = false
    nonisolated(unsafe) private static var seen: UInt64 = 0
    nonisolated(unsafe) private static var status: UInt64 = 0
    nonisolated(unsafe) private static var address: UInt64 = 0

    /// Takes debug exceptions as counted events from now on, instead of as a panic.
    public static func expectTraps() { unsafe isExpected = true }
    /// How many came since.
    public static var trapCount: UInt64 { unsafe seen }
    /// DR6 at the last of them, and where it was raised.
    public static var lastStatus: UInt64 { unsafe status }
    public static var lastAddress: UInt64 { unsafe address }

    /// DR0 to DR3, DR6 or DR7 by its number; 0 for another.
    public static func register(_ number: Int) -> UInt64 {
        switch number {
        case 0: guest_read_dr0()
        case 1: guest_read_dr1()
        case 2: guest_read_dr2()
        case 3: guest_read_dr3()
        case 6: guest_read_dr6()
        case 7: guest_read_dr7()
        default: 0
        }
    }
    public static func setRegister(_ number: Int, _ value: UInt64) {
        switch number {
        case 0: guest_write_dr0(value)
        case 1: guest_write_dr1(value)
        case 2: guest_write_dr2(value)
        case 3: guest_write_dr3(value)
        case 6: guest_write_dr6(value)
        case 7: guest_write_dr7(value)
        default: break
        }
    }
    /// Executes one NOP with the trap flag set: one trap.
    public static func singleStep() { guest_single_step() }

    /// Takes a debug exception; false if none is expected. The trap flag is cleared and the resume flag set, so that the
    /// code goes on.
    static func take(at rip: UInt64, flags: inout UInt64) -> Bool {
        // SAFETY: words of one vCPU, changed with interrupts off.
        guard unsafe isExpected else { return false }
        unsafe seen &+= 1
        unsafe status = guest_read_dr6()
        unsafe address = rip
        guest_write_dr6(0xFFFF_0FF0)
        flags = flags & ~(1 << 8) | 1 << 16
        return true
    }
}

extension Processor {
    /// Reads a performance counter; #GP where there is none for this guest.
    public static func readPerformanceCounter(_ number: UInt32) throws(Fault) -> UInt64 {
        var value: UInt64 = 0
        // SAFETY: the pointer is a local word; a fault of the instruction is caught by its fix-up entry.
        let fault = unsafe guest_rdpmc_safe(number, &value)
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
        return value
    }
    /// Writes the byte at `address` to a port with a string instruction.
    public static func outString(_ port: UInt16, from address: UInt64) throws(Fault) {
        let fault = guest_out_string_safe(port, address)
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
    }
    /// Sets CR3, with interrupts as they are: `root` must map the code that runs.
    public static func setPageTable(_ root: UInt64) { guest_write_cr3(root) }
}

extension Hypercall {
    /// Makes call `number` from 32-bit code of this guest; returns EAX. Blocks have the form that `CompatLayout` tells.
    public static func invokeFrom32BitCode(
        _ number: UInt32, _ a: UInt32 = 0, _ b: UInt32 = 0, _ c: UInt32 = 0, _ d: UInt32 = 0, _ e: UInt32 = 0
    ) -> Int32 {
        let arguments: InlineArray<5, UInt32> = [a, b, c, d, e]
        // SAFETY: five words that outlive the call.
        return unsafe arguments.span.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return 0 }
            return Int32(truncatingIfNeeded: unsafe guest_hypercall_from_32_bit(number, start))
        }
    }
}
