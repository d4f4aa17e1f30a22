// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// The number by which tools know a domain over its whole life: 16 bytes. `xen_domain_handle_t`.
public struct DomainHandle: Equatable, BitwiseCopyable, Sendable {
    /// The first eight bytes and the last eight, each as a little-endian number.
    public var low: UInt64
    public var high: UInt64
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
    public static var byteCount: Int { 16 }
    /// Byte `index`, 0 to 15, in the order of the ABI; another index traps.
    public subscript(index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < 16)
            return UInt8(truncatingIfNeeded: (index < 8 ? low : high) &>> UInt64(index % 8 * 8))
        }
        set {
            precondition(index >= 0 && index < 16)
            let shift = UInt64(index % 8 * 8)
            let change = UInt64(newValue ^ self[index]) &<< shift
            if index < 8 { low ^= change } else { high ^= change }
        }
    }
    /// Reads the handle that starts at `first`, the field of its first byte.
    public init<Source: FieldSource & ~Copyable, Layout: ABILayout>(
        from source: borrowing Source, _ first: Field<Layout, UInt8>, at start: Int
    ) {
        self.init(low: 0, high: 0)
        for index in 0..<16 { self[index] = source[first.element(index), at: start] }
    }
}
