// SPDX-License-Identifier: Apache-2.0
public import CGuest

/// The four registers of one CPUID leaf.
public struct CPUIDResult: Equatable, BitwiseCopyable, Sendable {
    public var eax: UInt32 = 0
    public var ebx: UInt32 = 0
    public var ecx: UInt32 = 0
    public var edx: UInt32 = 0
    @inlinable public init() {}
}

/// An exception that an instruction raised and that the caller asked to see. AMD APM vol 2 §8.2.
public struct Fault: Error, Equatable, BitwiseCopyable, Sendable {
    /// Exception vector, 0 to 31.
    public let vector: UInt8
    @inlinable public init(vector: UInt8) { self.vector = vector }
    /// Invalid opcode, #UD.
    @inlinable public static var undefinedInstruction: Fault { Fault(vector: 6) }
    /// General protection, #GP.
    @inlinable public static var generalProtection: Fault { Fault(vector: 13) }
    /// Page fault, #PF.
    @inlinable public static var pageFault: Fault { Fault(vector: 14) }
}

/// The virtual CPU this code runs on: its instructions, with faults as errors.
public enum Processor {
    /// Time stamp counter of this vCPU, in ticks.
    @inlinable @inline(__always) public static var timestamp: UInt64 { guest_rdtsc() }

    public static func cpuid(_ leaf: UInt32, _ subleaf: UInt32 = 0) -> CPUIDResult {
        var result = CPUIDResult()
        // SAFETY: the four pointers are distinct words of a local value.
        unsafe guest_cpuid(leaf, subleaf, &result.eax, &result.ebx, &result.ecx, &result.edx)
        return result
    }

    /// Reads a model-specific register; #GP for one that does not exist.
    public static func readMSR(_ number: UInt32) throws(Fault) -> UInt64 {
        var value: UInt64 = 0
        // SAFETY: the pointer is a local word; a fault of the instruction is caught by its fix-up entry.
        let fault = unsafe guest_rdmsr_safe(number, &value)
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
        return value
    }
    /// Writes a model-specific register; #GP for one that does not exist or a value it does not take.
    public static func writeMSR(_ number: UInt32, _ value: UInt64) throws(Fault) {
        let fault = guest_wrmsr_safe(number, value)
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
    }
    /// Executes the hypercall instruction of the other CPU vendor: #UD, or the call's result where it is translated.
    public static func hypercallOfOtherVendor(_ number: UInt64) throws(Fault) -> Int64 {
        var result: Int64 = 0
        // SAFETY: the pointer is a local word; a fault of the instruction is caught by its fix-up entry.
        let fault = unsafe guest_wrong_vendor_hypercall(number, &result)
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
        return result
    }
    /// Executes `ud2`. Always throws.
    public static func undefinedInstruction() throws(Fault) {
        let fault = guest_undefined_instruction()
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
    }

    /// Executes `ud2` with nobody waiting for the fault: this guest panics.
    public static func trap() -> Never { guest_trap() }

    @inlinable @inline(__always) public static func in8(_ port: UInt16) -> UInt8 { guest_in8(port) }
    @inlinable @inline(__always) public static func in16(_ port: UInt16) -> UInt16 { guest_in16(port) }
    @inlinable @inline(__always) public static func in32(_ port: UInt16) -> UInt32 { guest_in32(port) }
    @inlinable @inline(__always) public static func out8(_ port: UInt16, _ value: UInt8) {
        guest_out8(port, value)
    }
    @inlinable @inline(__always) public static func out16(_ port: UInt16, _ value: UInt16) {
        guest_out16(port, value)
    }
    @inlinable @inline(__always) public static func out32(_ port: UInt16, _ value: UInt32) {
        guest_out32(port, value)
    }

    /// Whether maskable interrupts are on (RFLAGS.IF).
    @inlinable public static var interruptsEnabled: Bool { guest_flags() & 0x200 != 0 }
    @inlinable public static func enableInterrupts() { guest_sti() }
    @inlinable public static func disableInterrupts() { guest_cli() }
    /// Sleeps until the next interrupt; returns after its handler, with interrupts on.
    @inlinable public static func waitForInterrupt() { guest_sti_hlt() }
    /// Stops this vCPU for good: HLT with interrupts off takes it down.
    public static func stop() -> Never {
        while true {
            guest_cli()
            guest_hlt()
        }
    }
    /// Tells the CPU that this is a spin loop.
    @inlinable public static func relax() { guest_pause() }
    /// One instruction that does nothing: where an interrupt that was held back is taken.
    @inlinable public static func noOperation() { guest_nop() }

    /// Runs `body` with interrupts off, and puts them back as they were.
    @inlinable public static func withoutInterrupts<R: ~Copyable>(_ body: () -> R) -> R {
        let wereEnabled = interruptsEnabled
        guest_cli()
        defer { if wereEnabled { guest_sti() } }
        return body()
    }

    /// True on CPUs whose hypercall instruction is VMMCALL: vendors AMD and Hygon.
    static var vendorUsesVMMCALL: Bool {
        let vendor = cpuid(0)
        let isAMD = vendor.ebx == 0x6874_7541 && vendor.edx == 0x6974_6E65 && vendor.ecx == 0x444D_4163
        let isHygon = vendor.ebx == 0x6F67_7948 && vendor.edx == 0x6E65_476E && vendor.ecx == 0x656E_6975
        return isAMD || isHygon
    }
    /// The processor's own task priority, 0 to 15: CR8.
    public static var taskPriority: UInt64 {
        get { guest_read_cr8() }
        set { guest_write_cr8(newValue & 15) }
    }
}
