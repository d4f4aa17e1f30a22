// SPDX-License-Identifier: Apache-2.0
import CGuest

/// This vCPU's local APIC, through its MSRs (x2APIC) or its page (xAPIC). AMD APM vol 2 §16.
public enum LocalAPIC {
    /// How the registers are reached.
    public enum Mode: Sendable { case page, registers }
    // SAFETY: every vCPU writes the same value, before it uses the APIC.
    nonisolated(unsafe) private static var mode: Mode = .page
    /// Vector of interrupts that went away before they were taken.
    public static var spuriousVector: UInt8 { 0xFF }
    private static var pageAddress: UInt64 { 0xFEE0_0000 }
    private static var baseMSR: UInt32 { 0x1B }

    /// Whether CPUID offers x2APIC (leaf 1, ECX bit 21).
    public static var hasRegisterMode: Bool { Processor.cpuid(1).ecx & 1 << 21 != 0 }
    /// The mode in use.
    public static var currentMode: Mode { unsafe mode }

    /// Turns the local APIC of this vCPU on, in `wanted` mode or in the best there is.
    public static func enable(_ wanted: Mode? = nil) throws(Fault) {
        let base = try Processor.readMSR(baseMSR)
        let chosen = wanted ?? (hasRegisterMode ? .registers : .page)
        // SAFETY: every vCPU uses the mode of the first.
        unsafe mode = base & 1 << 10 != 0 ? .registers : chosen
        if chosen == .registers && base & 1 << 10 == 0 { try Processor.writeMSR(baseMSR, base | 3 << 10) }
        write(.spurious, 0x100 | UInt32(spuriousVector))
        write(.taskPriority, 0)
    }

    /// A register, by its offset in the page. AMD APM vol 2 §16.3.2.
    public struct Register: Sendable {
        let offset: UInt32
        public static var id: Register { Register(offset: 0x20) }
        public static var version: Register { Register(offset: 0x30) }
        public static var taskPriority: Register { Register(offset: 0x80) }
        public static var processorPriority: Register { Register(offset: 0xA0) }
        public static var endOfInterrupt: Register { Register(offset: 0xB0) }
        public static var spurious: Register { Register(offset: 0xF0) }
        public static var errorStatus: Register { Register(offset: 0x280) }
        public static var timer: Register { Register(offset: 0x320) }
        public static var lint0: Register { Register(offset: 0x350) }
        public static var initialCount: Register { Register(offset: 0x380) }
        public static var currentCount: Register { Register(offset: 0x390) }
        public static var divide: Register { Register(offset: 0x3E0) }
        /// In-service bits of vectors `32 * index` and up.
        public static func inService(_ index: UInt32) -> Register { Register(offset: 0x100 + index * 16) }
        /// Requested bits of vectors `32 * index` and up.
        public static func requested(_ index: UInt32) -> Register { Register(offset: 0x200 + index * 16) }
        static var commandLow: Register { Register(offset: 0x300) }
        static var commandHigh: Register { Register(offset: 0x310) }
    }

    public static func read(_ register: Register) -> UInt32 {
        // SAFETY: as for the state above: every vCPU has the same value.
        switch unsafe mode {
        case .page: return guest_load32(pageAddress + UInt64(register.offset))
        case .registers:
            guard let value = try? Processor.readMSR(0x800 + register.offset / 16) else { return 0 }
            return UInt32(truncatingIfNeeded: value)
        }
    }
    public static func write(_ register: Register, _ value: UInt32) {
        switch unsafe mode {
        case .page: guest_store32(pageAddress + UInt64(register.offset), value)
        case .registers: try? Processor.writeMSR(0x800 + register.offset / 16, UInt64(value))
        }
    }

    /// This vCPU's APIC id.
    public static var id: UInt32 {
        switch unsafe mode {
        case .page: read(.id) >> 24
        case .registers: read(.id)
        }
    }
    /// Ends the interrupt in service.
    public static func acknowledge() { write(.endOfInterrupt, 0) }

    /// Sends an interrupt command: `low` as the manual's bits 31:0, to an APIC id. AMD APM vol 2 §16.5.
    public static func command(_ low: UInt32, to destination: UInt32) {
        // SAFETY: as for the state above: every vCPU has the same value.
        switch unsafe mode {
        case .page:
            write(.commandHigh, destination << 24)
            write(.commandLow, low)
        case .registers:
            try? Processor.writeMSR(0x830, UInt64(destination) << 32 | UInt64(low))
        }
    }
    /// Interrupts this vCPU itself, by the "self" shorthand.
    public static func interruptSelf(_ vector: UInt8) { command(1 << 18 | 1 << 14 | UInt32(vector), to: 0) }
    /// Interrupts the vCPU with that APIC id.
    public static func interrupt(_ destination: UInt32, _ vector: UInt8) {
        command(1 << 14 | UInt32(vector), to: destination)
    }
    /// INIT, then a start at `page` * 4096 in real mode.
    public static func start(_ destination: UInt32, page: UInt8) {
        command(0x4500, to: destination)
        command(0x4600 | UInt32(page), to: destination)
    }
}
