// SPDX-License-Identifier: Apache-2.0
import SharedMemory

/// What was printed, for `XEN_SYSCTL_readconsole`, and what was typed, for `CONSOLEIO_read`.
public struct ConsoleRing: ~Copyable {
    let storage: FixedArray<UInt8>
    /// Bytes ever written; the ring holds the last `storage.count` of them.
    public private(set) var produced: UInt64 = 0
    /// First byte that `clear` has not hidden.
    public var consumed: UInt64 = 0
    private var input: InlineArray<256, UInt8> = InlineArray(repeating: 0)
    private var inputProduced: UInt32 = 0
    private var inputConsumed: UInt32 = 0

    /// - Parameter storage: a power of two of bytes.
    public init(storage: FixedArray<UInt8>) { self.storage = storage }

    public mutating func append(_ byte: UInt8) {
        storage[Int(truncatingIfNeeded: produced & UInt64(storage.count &- 1))] = byte
        produced &+= 1
        let capacity = UInt64(storage.count)
        if produced &- consumed > capacity { consumed = produced &- capacity }
    }
    /// The byte at a position between `max(consumed, produced - capacity)` and `produced`.
    public func byte(at position: UInt64) -> UInt8 {
        storage[Int(truncatingIfNeeded: position & UInt64(storage.count &- 1))]
    }
    public var capacity: Int { storage.count }
    /// A byte that was typed; dropped when 256 wait.
    public mutating func typed(_ byte: UInt8) {
        guard inputProduced &- inputConsumed < 256 else { return }
        input[Int(inputProduced & 255)] = byte
        inputProduced &+= 1
    }
    public mutating func takeTyped() -> UInt8? {
        guard inputProduced != inputConsumed else { return nil }
        defer { inputConsumed &+= 1 }
        return input[Int(inputConsumed & 255)]
    }
    public var hasTyped: Bool { inputProduced != inputConsumed }
}

extension Ref<Hypervisor> {
    /// One byte to the console device and the ring. Newlines gain a carriage return on the device.
    public func putByte(_ byte: UInt8) {
        if byte == 0 { return }
        if byte == 10 { state.hooks.consoleWrite(13) }
        state.hooks.consoleWrite(byte)
        state.console.append(byte)
    }
    public func print(_ text: StaticString) {
        var index = 0
        while index < text.utf8CodeUnitCount {
            putByte(text.byte(at: index))
            index &+= 1
        }
    }
    public func print(decimal value: UInt64) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor = divisor &* 10 }
        while divisor > 0 {
            putByte(48 &+ UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }
    public func print(hex value: UInt64) {
        print("0x")
        var shift = 60
        while shift > 0, value &>> UInt64(shift) == 0 { shift &-= 4 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: (value &>> UInt64(shift)) & 15)
            putByte(digit < 10 ? 48 &+ digit : 87 &+ digit)
            shift &-= 4
        }
    }
    /// One line about a domain: `(sv) d3: text 0x12 0x34`.
    public func note(
        _ domain: DomainIDText, _ text: StaticString, _ first: UInt64? = nil, _ second: UInt64? = nil
    ) {
        print("(sv) ")
        if let id = domain.id {
            print("d")
            print(decimal: UInt64(id))
            print(": ")
        }
        print(text)
        if let first {
            print(" ")
            print(hex: first)
        }
        if let second {
            print(" ")
            print(hex: second)
        }
        print("\n")
    }
}

/// A domain number for a log line, or none.
public struct DomainIDText: BitwiseCopyable {
    let id: UInt16?
    public static var none: DomainIDText { DomainIDText(id: nil) }
    public init(id: UInt16?) { self.id = id }
}
