// SPDX-License-Identifier: Apache-2.0

/// The version protocol of what the hypervisor rewrites at any moment: the version is odd meanwhile, and another one
/// afterwards. Xen public/xen.h, `struct vcpu_time_info` and `wc_version`.
public enum VersionedRead {
    /// What `body` reads, when nobody wrote from before its first read until after its last.
    /// - Parameters:
    ///   - version: reads the version, now.
    ///   - relax: is called before each further try.
    @inlinable public static func read<Value>(
        version: () -> UInt32, relax: () -> Void, _ body: () -> Value
    ) -> Value {
        while true {
            let before = version()
            if before & 1 == 0 {
                let value = body()
                if version() == before { return value }
            }
            relax()
        }
    }
}

/// Ticks of the time stamp counter as nanoseconds. `tsc_to_system_mul` and `tsc_shift` of `struct vcpu_time_info`.
public struct TickScale: Equatable, BitwiseCopyable, Sendable {
    /// Nanoseconds of a shifted tick, times 2^32.
    public let multiplier: UInt32
    /// Bits that ticks are shifted by first: to the left, or to the right if negative.
    public let shift: Int8

    @inlinable public init(multiplier: UInt32, shift: Int8) {
        self.multiplier = multiplier
        self.shift = shift
    }
    /// Nanoseconds of a number of ticks; any number gives one, what does not fit is lost.
    @inlinable public func nanoseconds(_ ticks: UInt64) -> UInt64 {
        let shifted = shift >= 0 ? ticks &<< UInt64(UInt8(shift)) : ticks &>> UInt64(shift.magnitude)
        let product = shifted.multipliedFullWidth(by: UInt64(multiplier))
        return product.high &<< 32 | product.low &>> 32
    }
}
