// SPDX-License-Identifier: Apache-2.0
import CX86

/// The machine's own local APIC: x2APIC through MSRs where the CPU has it, else the page at 0xfee00000. Intel SDM vol 3 §11.
public struct LocalAPIC: BitwiseCopyable {
    let isX2: Bool
    let base: UInt64
    /// Timer ticks per 2^20 ns.
    var ticksPerMeganano: UInt64 = 0

    public static var timerVector: UInt8 { 0xf0 }
    public static var kickVector: UInt8 { 0xf1 }
    public static var serialVector: UInt8 { 0xf2 }
    public static var spuriousVector: UInt8 { 0xff }

    /// - Parameter directMap: virtual address of machine address 0.
    public init(directMap: UInt64) {
        base = directMap &+ 0xfee0_0000
        let hasX2 = cx86_cpuid_c(1, 0) & (1 << 21) != 0
        isX2 = hasX2
        var msr = cx86_rdmsr(0x1b) | 0x800
        if hasX2 { msr |= 0x400 }
        cx86_wrmsr(0x1b, msr)
        write(0x0f, UInt32(Self.spuriousVector) | 0x100)
        write(0x32, 0x10000 | UInt32(Self.timerVector))
        write(0x35, 0x10000)
        write(0x36, 0x10000)
        write(0x08, 0)
        write(0x3e, 0b1011)
    }
    func read(_ index: UInt32) -> UInt32 {
        isX2
            ? UInt32(truncatingIfNeeded: cx86_rdmsr(0x800 &+ index))
            : cx86_mmio_read32(base &+ UInt64(index) &* 16)
    }
    func write(_ index: UInt32, _ value: UInt32) {
        if isX2 {
            cx86_wrmsr(0x800 &+ index, UInt64(value))
        } else {
            cx86_mmio_write32(base &+ UInt64(index) &* 16, value)
        }
    }
    public var id: UInt32 { isX2 ? read(2) : read(2) &>> 24 }
    public func endOfInterrupt() { write(0x0b, 0) }

    /// Starts the timer from its largest count, masked, for calibration; returns nothing, `remaining` reads it.
    func startCalibration() {
        write(0x32, 0x10000 | UInt32(Self.timerVector))
        write(0x38, .max)
    }
    func remaining() -> UInt32 { read(0x39) }
    /// Stops the count and lets the timer interrupt from now on.
    func endCalibration() {
        write(0x38, 0)
        write(0x32, UInt32(Self.timerVector))
    }
    /// Lets the timer interrupt once, or again after each further span until it is armed anew.
    /// It is stopped until then: the count of a short span that is over would repeat at once and without end, which on an
    /// emulator leaves the CPU no time to write another.
    func setRepeating(_ repeats: Bool) {
        write(0x38, 0)
        write(0x32, UInt32(Self.timerVector) | (repeats ? 1 << 17 : 0))
    }
    /// Has the APIC look again for what it has to offer. No effect on a real one, which never forgets.
    func offerAgain() { write(0x08, 0) }
    /// One interrupt after `span` ns; `UInt64.max`: none.
    public func arm(nanoseconds span: UInt64) {
        guard span != .max else {
            write(0x38, 0)
            return
        }
        let capped = min(span, 2_000_000_000)
        let ticks = (capped &* ticksPerMeganano) &>> 20
        write(0x38, UInt32(truncatingIfNeeded: min(max(ticks, 1), 0xffff_ffff)))
    }
}

/// One IO-APIC of the machine. Intel 82093AA data sheet §3.
public struct IOAPIC: BitwiseCopyable {
    let base: UInt64
    public let physicalAddress: UInt64
    public let id: UInt8
    public let firstPin: UInt32
    public let pinCount: UInt32

    init(id: UInt8, physicalAddress: UInt64, firstPin: UInt32, directMap: UInt64) {
        base = directMap &+ physicalAddress
        self.physicalAddress = physicalAddress
        self.id = id
        self.firstPin = firstPin
        cx86_mmio_write32(base, 1)
        pinCount = ((cx86_mmio_read32(base &+ 0x10) &>> 16) & 0xff) &+ 1
    }
    func write(_ index: UInt32, _ value: UInt32) {
        cx86_mmio_write32(base, index)
        cx86_mmio_write32(base &+ 0x10, value)
    }
    /// Writes a pin's entry: fixed delivery to the CPU with APIC id `target`.
    func program(
        _ pin: UInt32, vector: UInt8, isLevel: Bool, isActiveLow: Bool, masked: Bool, target: UInt32
    ) {
        guard pin < pinCount else { return }
        var low = UInt32(vector)
        if isActiveLow { low |= 1 << 13 }
        if isLevel { low |= 1 << 15 }
        if masked { low |= 1 << 16 }
        write(0x10 &+ 2 &* pin, 0x10000)
        write(0x11 &+ 2 &* pin, target &<< 24)
        write(0x10 &+ 2 &* pin, low)
    }
}
