// SPDX-License-Identifier: Apache-2.0
import CGuest
import SharedMemory
import XenABI

/// What `guest_interrupt_common` in entry.S leaves on the stack. 176 bytes.
enum InterruptFrameLayout: ABILayout { static var byteCount: Int { 176 } }
extension Field<InterruptFrameLayout, UInt64> {
    static var r11: Self { .init(at: 32) }
    static var rax: Self { .init(at: 112) }
    static var vector: Self { .init(at: 120) }
    static var errorCode: Self { .init(at: 128) }
    static var rip: Self { .init(at: 136) }
    static var cs: Self { .init(at: 144) }
    static var rflags: Self { .init(at: 152) }
    static var rsp: Self { .init(at: 160) }
    static var ss: Self { .init(at: 168) }
}

/// Interrupt vectors of this guest and who handles them.
public enum Interrupts {
    // SAFETY: entries are replaced as a whole, with interrupts off, by the first vCPU.
    nonisolated(unsafe) private static var handlers: [(() -> Void)?] = []

    /// Calls `handler`, with interrupts off, for each interrupt at `vector` (32 to 255) on any vCPU.
    public static func handle(_ vector: UInt8, _ handler: @escaping () -> Void) {
        precondition(vector >= 32)
        Processor.withoutInterrupts {
            // SAFETY: interrupts are off and only the first vCPU changes the table.
            if unsafe handlers.isEmpty { unsafe handlers = Array(repeating: nil, count: 256) }
            unsafe handlers[Int(vector)] = handler
        }
    }

    static func dispatch(_ vector: UInt8) -> Bool {
        // SAFETY: entries are only replaced as a whole, with interrupts off.
        guard unsafe Int(vector) < handlers.count, let handler = unsafe handlers[Int(vector)] else {
            return false
        }
        handler()
        return true
    }

    /// Fills the interrupt table and this vCPU's task state, and loads both.
    static func setUp(virtualCPU: Int) {
        if virtualCPU == 0 { fillTable() }
        // Task state: stack for interrupts from ring 3, and one for double faults. AMD APM vol 2 §12.2.5.
        let state = guest_address_tss() + UInt64(virtualCPU) * 128
        let page = MappedPage(unsafeAddress: state & ~0xFFF)
        let offset = Int(state & 0xFFF)
        page.store(guest_address_user_stack_top(), at: offset + 4)
        page.store(guest_address_fault_stack_top(), at: offset + 36)
        page.store(UInt16(0x68), at: offset + 102)
        let descriptor = guest_address_gdt() + 0x28 + UInt64(virtualCPU) * 16
        let tables = MappedPage(unsafeAddress: descriptor & ~7)
        tables.store(0x67 | (state & 0xFF_FFFF) << 16 | 0x89 << 40 | (state >> 24 & 0xFF) << 56, at: 0)
        tables.store(state >> 32, at: 8)
        guest_ltr(UInt16(0x28 + virtualCPU * 16))

        var pointer: InlineArray<10, UInt8> = InlineArray(repeating: 0)
        pointer[0] = 0xFF
        pointer[1] = 0x0F
        for index in 0..<8 {
            pointer[2 + index] = UInt8(truncatingIfNeeded: guest_address_idt() >> UInt64(index * 8))
        }
        // SAFETY: ten bytes of a local value, read by the instruction before it ends.
        unsafe pointer.span.bytes.withUnsafeBytes {
            guard let start = $0.baseAddress else { return }
            unsafe guest_lidt(start.assumingMemoryBound(to: UInt8.self))
        }
    }

    private static func fillTable() {
        let table = MappedPage(unsafeAddress: guest_address_idt())
        for vector in 0..<256 {
            var target = guest_address_interrupt_stubs() + UInt64(vector) * 16
            var kind: UInt64 = 0x8E  // interrupt gate, ring 0
            if vector == 3 { kind = 0xEE }
            if vector == 0x82 {
                target = guest_address_user_return()
                kind = 0xEE
            }
            let stack: UInt64 = vector == 8 || vector == 2 ? 1 : 0
            let low = target & 0xFFFF | 0x08 << 16 | stack << 32 | kind << 40 | (target >> 16 & 0xFFFF) << 48
            table.store(low, at: vector * 16)
            table.store(target >> 32, at: vector * 16 + 8)
        }
    }

    /// Where to go on after a fault at `address`, if that instruction said so.
    static func fixup(for address: UInt64) -> UInt64? {
        var entry = guest_address_fixups_start()
        while entry < guest_address_fixups_end() {
            let words = MappedPage(unsafeAddress: entry)
            let from = entry &+ UInt64(bitPattern: Int64(words.load(at: 0, as: Int32.self)))
            let to = entry &+ 4 &+ UInt64(bitPattern: Int64(words.load(at: 4, as: Int32.self)))
            if from == address { return to }
            entry += 8
        }
        return nil
    }
}

/// Called by entry.S for every interrupt and exception, interrupts off.
@c(guest_interrupt) @used
func guestInterrupt(_ frameAddress: UInt64) {
    let frame = MappedPage(unsafeAddress: frameAddress).view(InterruptFrameLayout.self)
    let vector = UInt8(truncatingIfNeeded: frame[.vector])
    if vector >= 32 {
        if !Interrupts.dispatch(vector) {
            Console.print("guest: interrupt at vector \(vector), which nothing handles")
            if vector != LocalAPIC.spuriousVector { LocalAPIC.acknowledge() }
        }
        return
    }
    if frame[.cs] & 3 == 3 {
        // Ring 3 code faulted: `guest_run_in_user` returns the vector.
        frame[.rip] = guest_address_user_return()
        frame[.cs] = 0x08
        frame[.ss] = 0x10
        frame[.rflags] = 0x2
        frame[.rax] = UserMode.faultMarker | UInt64(vector)
        return
    }
    if let target = Interrupts.fixup(for: frame[.rip]) {
        frame[.rip] = target
        frame[.r11] = 0x100 | UInt64(vector)
        return
    }
    if vector == 2, Interrupts.countNonMaskable() { return }
    var flags = frame[.rflags]
    if vector == 1, DebugFacilities.take(at: frame[.rip], flags: &flags) {
        frame[.rflags] = flags
        return
    }
    panic(at: frameAddress)
}

extension Interrupts {
    // SAFETY: as for the state above: single words, changed with interrupts off.
    nonisolated(unsafe) private static var nonMaskableExpected = false
    nonisolated(unsafe) private static var nonMaskableSeen: UInt32 = 0

    /// Takes non-maskable interrupts as counted events from now on, instead of as a panic.
    public static func expectNonMaskable() { unsafe nonMaskableExpected = true }
    /// How many came since.
    public static var nonMaskableCount: UInt32 { unsafe nonMaskableSeen }

    static func countNonMaskable() -> Bool {
        guard unsafe nonMaskableExpected else { return false }
        unsafe nonMaskableSeen &+= 1
        return true
    }
}
