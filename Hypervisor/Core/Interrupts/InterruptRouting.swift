// SPDX-License-Identifier: Apache-2.0
import SharedMemory

/// One redirection entry as Dom0 wrote it. Intel 82093AA data sheet §3.2.4.
public struct RedirectionEntry: BitwiseCopyable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public var vector: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    public var isMasked: Bool { rawValue & (1 << 16) != 0 }
    public var isLevel: Bool { rawValue & (1 << 15) != 0 }
    public var isActiveLow: Bool { rawValue & (1 << 13) != 0 }
    public var deliveryMode: UInt8 { UInt8(truncatingIfNeeded: rawValue &>> 8) & 7 }
}

/// The hardware's interrupts as Dom0 sees them.
///
/// Dom0 programs a virtual IO-APIC of the machine's shape; the machine's own entries carry the same vector, trigger and
/// polarity and this CPU as target. Message-signalled interrupts reach the CPU with the vector Dom0 chose. So a host
/// vector from 0x20 to 0xef *is* Dom0's vector, and the hypervisor's own vectors lie above. Why that is sound, and its
/// price: Docs/Decisions/0005. Guarded by the hypervisor lock.
public struct InterruptRouting: ~Copyable {
    public static var pinCapacity: Int { 240 }
    /// First vector the hypervisor keeps to itself.
    public static var firstOwnVector: UInt8 { 0xf0 }
    public var pinCount: Int = 0
    var entries: InlineArray<240, RedirectionEntry> = InlineArray(
        repeating: RedirectionEntry(rawValue: 0x10000))
    /// Level-triggered pins waiting for Dom0's end of interrupt: masked in hardware.
    var isWaiting: InlineArray<240, Bool> = InlineArray(repeating: false)
    /// Pins the hypervisor uses itself (its serial port).
    public var ownPin: Int = -1
    /// Writes a hardware entry: pin, vector, level, active low, masked.
    public var program:
        (_ pin: Int, _ vector: UInt8, _ isLevel: Bool, _ isActiveLow: Bool, _ masked: Bool) -> Void

    public init(program: @escaping (Int, UInt8, Bool, Bool, Bool) -> Void) { self.program = program }

    public mutating func entry(_ pin: Int) -> RedirectionEntry {
        pin >= 0 && pin < pinCount ? entries[pin] : RedirectionEntry(rawValue: 0x10000)
    }
    /// Dom0 writes an entry.
    public mutating func set(_ pin: Int, _ value: RedirectionEntry) {
        guard pin >= 0, pin < pinCount else { return }
        // Delivery status and remote IRR are the hardware's.
        entries[pin] = RedirectionEntry(rawValue: value.rawValue & ~0x5000)
        if !value.isLevel { isWaiting[pin] = false }
        apply(pin)
    }
    private mutating func apply(_ pin: Int) {
        guard pin != ownPin else { return }
        let entry = entries[pin]
        let usable = entry.deliveryMode <= 1 && entry.vector >= 0x20 && entry.vector < Self.firstOwnVector
        program(
            pin, entry.vector, entry.isLevel, entry.isActiveLow, entry.isMasked || isWaiting[pin] || !usable)
    }
    /// The hardware raised `vector`. True if it came from a level-triggered pin, which is masked until `ended`.
    public mutating func raised(vector: UInt8) -> Bool {
        var level = false
        var pin = 0
        while pin < pinCount {
            let entry = entries[pin]
            if entry.isLevel, !entry.isMasked, entry.vector == vector {
                level = true
                isWaiting[pin] = true
                apply(pin)
            }
            pin &+= 1
        }
        return level
    }
    /// Dom0 finished `vector`: level-triggered pins may fire again.
    public mutating func ended(vector: UInt8) {
        var pin = 0
        while pin < pinCount {
            if isWaiting[pin], entries[pin].vector == vector {
                isWaiting[pin] = false
                apply(pin)
            }
            pin &+= 1
        }
    }
}

extension Ref<Hypervisor> {
    /// A hardware interrupt that is Dom0's.
    public func deliverHardwareInterrupt(_ vector: UInt8) {
        let isLevel = state.interrupts.raised(vector: vector)
        guard let vcpu = state.controlDomain?.vcpu(0) else { return }
        vcpu.state.apic.setPending(vector: vector, isLevel: isLevel)
        vcpu.wake()
    }
}
