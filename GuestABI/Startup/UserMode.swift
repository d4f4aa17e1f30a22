// SPDX-License-Identifier: Apache-2.0
import CGuest
import XenABI

/// Ring 3, for tests of what user programs may do.
public enum UserMode {
    static var faultMarker: UInt64 { 0x5555_0000_0000_0000 }
    private static var codeAddress: UInt64 { AddressSpace.testArea + (1 << 30) }

    /// Makes hypercall `number` from ring 3 and returns its result; a fault of the instruction is an error.
    public static func hypercall(
        _ number: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0, _ third: UInt64 = 0
    ) throws(Fault) -> Int64 {
        let code = GuestPhysical(rawValue: guest_address_user_page()).frame
        guard AddressSpace.map(code, at: codeAddress, .user) else { throw .pageFault }
        let registers: InlineArray<6, UInt64> = [number, first, second, third, 0, 0]
        let entry = codeAddress + (guest_get_uses_vmmcall() != 0 ? 0 : 16)
        return try result(of: run(entry, registers))
    }
    /// Executes CLI in ring 3, which is forbidden there. Always throws on a correct machine.
    public static func privilegedInstruction() throws(Fault) {
        let code = GuestPhysical(rawValue: guest_address_user_page()).frame
        guard AddressSpace.map(code, at: codeAddress, .user) else { throw .pageFault }
        _ = try result(of: run(codeAddress + 32, InlineArray(repeating: 0)))
    }

    private static func run(_ entry: UInt64, _ registers: InlineArray<6, UInt64>) -> UInt64 {
        Processor.withoutInterrupts {
            // SAFETY: six words that outlive the call; the code page is mapped for ring 3 and returns by `int $0x82`.
            unsafe registers.span.withUnsafeBufferPointer {
                guard let start = $0.baseAddress else { return 0 }
                return unsafe guest_run_in_user(entry, start)
            }
        }
    }
    private static func result(of value: UInt64) throws(Fault) -> Int64 {
        if value & 0xFFFF_FFFF_FFFF_FF00 == faultMarker {
            throw Fault(vector: UInt8(truncatingIfNeeded: value))
        }
        return Int64(bitPattern: value)
    }
}
