// SPDX-License-Identifier: Apache-2.0
import CGuest
public import XenABI

/// A vCPU besides the first: how to start one on a Swift function.
public enum SecondaryVCPU {
    // SAFETY: written by vCPU 0 before the vCPU that reads it starts.
    nonisolated(unsafe) private static var bodies: [(() -> Void)?] = []
    nonisolated(unsafe) private static var started = false

    /// Whether any was ever started.
    static var wasStarted: Bool { unsafe started }

    /// Starts vCPU `number` (1 to 7) in 64-bit mode through `VCPUOP_initialise` and `VCPUOP_up`. It runs `body` with
    /// interrupts off, then goes down.
    public static func start(_ number: UInt32, _ body: @escaping () -> Void) throws(XenError) {
        let stack = try prepare(number, body)
        try VirtualCPU.initialise(
            number, entry: GuestLinear(rawValue: guest_address_secondary_entry()),
            stack: GuestLinear(rawValue: stack), argument: UInt64(number),
            pageTable: GuestPhysical(rawValue: guest_address_pml4()))
        try VirtualCPU.up(number)
    }
    /// Starts vCPU `number` (1 to 7) as firmware and Linux do: INIT and SIPI through the local APIC, from real mode.
    /// - Parameter page: a free page of RAM below 1 MiB, by its number.
    public static func startByInterrupt(_ number: UInt32, page: UInt8, _ body: @escaping () -> Void)
        throws(XenError)
    {
        let stack = try prepare(number, body)
        guest_set_trampoline(stack, UInt64(number))
        let target = MappedPage(unsafeAddress: UInt64(page) << 12)
        let source = guest_address_trampoline_start()
        for offset in 0..<Int(guest_address_trampoline_end() - source) {
            let byte = MappedPage(unsafeAddress: source + UInt64(offset)).load(at: 0, as: UInt8.self)
            target.store(byte, at: offset)
        }
        LocalAPIC.start(number * 2, page: page)
    }
    private static func prepare(_ number: UInt32, _ body: @escaping () -> Void) throws(XenError) -> UInt64 {
        guard number >= 1, number < 8 else { throw .invalidArgument }
        guard let stack = PageAllocator.take(count: 8) else { throw .noMemory }
        // SAFETY: as for the state above: written before the vCPU starts.
        if unsafe bodies.isEmpty { unsafe bodies = Array(repeating: nil, count: 8) }
        unsafe bodies[Int(number)] = body
        unsafe started = true
        return stack.address.rawValue + 8 * 4096
    }
    static func run(_ number: Int) {
        if let body = unsafe bodies[number] { body() }
    }
}

/// Called by entry.S on a further vCPU, interrupts off.
@c(guest_secondary_start) @used
func guestSecondaryStart(_ number: UInt64) {
    Interrupts.setUp(virtualCPU: Int(number))
    SecondaryVCPU.run(Int(number))
    try? VirtualCPU.down(UInt32(number))
    Processor.stop()
}
