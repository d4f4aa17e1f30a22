// SPDX-License-Identifier: Apache-2.0
import CGuest
import XenABI

/// Finds out what the virtual CPU does around non-maskable interrupts and breakpoints: each function takes over the vectors
/// that it needs, makes the events happen, and says in which order, where and with which flags they came. On the first
/// vCPU, with interrupts off meanwhile.
public enum InterruptProbe {
    /// One exception or NMI.
    public struct Record: BitwiseCopyable, Sendable {
        public let vector: UInt64
        /// RIP and RFLAGS of its frame.
        public let address: UInt64
        public let flags: UInt64
        /// DR6 for #DB, the error code for #GP, CR2 for #PF.
        public let detail: UInt64
    }
    /// How the handler of the first NMI returns.
    public enum Return: UInt32, Sendable {
        case plainly = 0
        /// Its IRET raises #GP, whose handler mends the frame.
        case throughProtectionFault
        /// Its IRET raises #PF at `hole`, whose handler gives the stack back.
        case throughPageFault
        /// With the trap flag set: #DB behind the IRET.
        case withTrapFlag
        /// With breakpoint 0 on the frame that its IRET reads: #DB behind the IRET.
        case withBreakpoint
    }
    public struct Outcome {
        /// What had happened when the code that sent the first NMI went on.
        public var atOnce: [Record] = []
        /// What came after that.
        public var later: [Record] = []
        /// Whether that code saw the trap flag set.
        public var sawTrapFlag = false
    }
    /// Where the code that sends the first NMI goes on.
    public static var sentFrom: UInt64 { guest_address_probe_sent_from() }
    /// The IRET of the first handler, where it faults.
    public static var returnAddress: UInt64 { guest_address_probe_return() }
    /// Where no stack is.
    public static var hole: UInt64 { AddressSpace.testArea + 0x200_0000 }

    /// Sends `count` (1 to 8) NMIs to this vCPU: one, the next from its handler, and so on. Waits at most `nanoseconds` for
    /// those that are late.
    public static func nonMaskable(_ count: UInt32, returning way: Return, nanoseconds: UInt64) -> Outcome {
        precondition(count >= 1 && count <= 8)
        return Processor.withoutInterrupts {
            let gates = [
                Gate(2, guest_address_probe_nmi_handler(), stack: 0),
                Gate(1, guest_address_probe_debug_handler(), stack: 1),
                Gate(13, guest_address_probe_protection_handler(), stack: 0),
                Gate(14, guest_address_probe_page_handler(), stack: 1),
            ]
            defer { for gate in gates { gate.restore() } }
            guest_set_probe_hole(hole)
            var outcome = Outcome()
            outcome.sawTrapFlag = guest_probe_nmi(count, way.rawValue) != 0
            let atOnce = Int(guest_get_probe_count_at_once())
            // Reading the clock makes no exit, which would let in what is late.
            let end = Clock.now &+ nanoseconds
            let expected = UInt64(count) + (way == .plainly ? 0 : 1)
            while guest_get_probe_count() < expected, Clock.now < end {}
            for index in 0..<min(Int(guest_get_probe_count()), 32) {
                if index < atOnce {
                    outcome.atOnce.append(record(index))
                } else {
                    outcome.later.append(record(index))
                }
            }
            return outcome
        }
    }
    /// A software interrupt whose handler sets breakpoint 0 on the frame that its IRET reads: what #DB came of it.
    public static func breakpointOnFrame() -> [Record] {
        Processor.withoutInterrupts {
            let gates = [
                Gate(1, guest_address_probe_debug_handler(), stack: 1),
                Gate(0x81, guest_address_probe_breakpoint_handler(), stack: 0),
            ]
            defer { for gate in gates { gate.restore() } }
            return debugging { guest_probe_breakpoint() }
        }
    }
    /// Where the code that such an interrupt interrupts goes on.
    public static var interruptedAt: UInt64 { guest_address_probe_interrupted_at() }

    /// Four breakpoints, each hit inside the handler of the one before.
    public static func nestedBreakpoints() -> [Record] {
        guard let page = GuestPage() else { return [] }
        return Processor.withoutInterrupts {
            let gate = Gate(1, guest_address_probe_nest_handler(), stack: 0)
            defer { gate.restore() }
            return debugging {
                for register in 0..<4 {
                    DebugFacilities.setRegister(register, page.memory.address + UInt64(register) * 8)
                }
                // Eight bytes each, on writes.
                DebugFacilities.setRegister(7, 0x400 | 0xAA | 0x9999_0000)
                guest_probe_nest(page.memory.address)
            }
        }
    }
    /// Steps, by the trap flag, over CPUID, RDMSR, IN and a hypercall, which the hypervisor executes in the guest's place.
    ///
    /// - Returns: every step, and the addresses behind those four instructions.
    public static func steps() -> (records: [Record], behind: [UInt64]) {
        Processor.withoutInterrupts {
            let gate = Gate(1, guest_address_probe_step_handler(), stack: 0)
            defer { gate.restore() }
            let records = debugging { guest_probe_step() }
            return (records, (0..<4).map { guest_address_probe_after($0) })
        }
    }
    /// What was written down during `body`; debug registers are as after a reset before and after it.
    private static func debugging(_ body: () -> Void) -> [Record] {
        DebugFacilities.setRegister(6, 0xFFFF_0FF0)
        body()
        DebugFacilities.setRegister(7, 0x400)
        DebugFacilities.setRegister(6, 0xFFFF_0FF0)
        return (0..<min(Int(guest_get_probe_count()), 32)).map(record)
    }

    /// Loads a word that is not aligned in ring 3, with alignment checks on in CR0 and RFLAGS: #AC, on a CPU that checks.
    public static func misalignedLoad() throws(Fault) {
        let code = GuestPhysical(rawValue: guest_address_probe_user_page()).frame
        let address = AddressSpace.testArea + (1 << 30)
        guard AddressSpace.map(code, at: address, .user) else { throw .pageFault }
        let control = guest_read_cr0()
        guest_write_cr0(control | 1 << 18)
        defer { guest_write_cr0(control) }
        let result = Processor.withoutInterrupts { guest_probe_misaligned_load(address) }
        if result & 0xFFFF_FFFF_FFFF_FF00 == UserMode.faultMarker {
            throw Fault(vector: UInt8(truncatingIfNeeded: result))
        }
    }

    private static func record(_ index: Int) -> Record {
        let address = guest_address_probe_log() + UInt64(index) * 32
        let words = MappedPage(unsafeAddress: address)
        return Record(
            vector: words.load(at: 0, as: UInt64.self), address: words.load(at: 8, as: UInt64.self),
            flags: words.load(at: 16, as: UInt64.self), detail: words.load(at: 24, as: UInt64.self))
    }

    /// An entry of the interrupt table, replaced for a while.
    private struct Gate {
        let vector: Int
        let first: UInt64
        let second: UInt64

        init(_ vector: Int, _ target: UInt64, stack: UInt64) {
            let table = MappedPage(unsafeAddress: guest_address_idt())
            self.vector = vector
            first = table.load(at: vector * 16, as: UInt64.self)
            second = table.load(at: vector * 16 + 8, as: UInt64.self)
            let low = target & 0xFFFF | 0x08 << 16 | stack << 32 | 0x8E << 40 | (target >> 16 & 0xFFFF) << 48
            table.store(low, at: vector * 16)
            table.store(target >> 32, at: vector * 16 + 8)
        }
        func restore() {
            let table = MappedPage(unsafeAddress: guest_address_idt())
            table.store(first, at: vector * 16)
            table.store(second, at: vector * 16 + 8)
        }
    }
}
