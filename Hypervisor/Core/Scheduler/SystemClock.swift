// SPDX-License-Identifier: Apache-2.0

/// Turns TSC ticks into nanoseconds of system time, the way `struct pvclock_vcpu_time_info` tells guests to: both sides use
/// the same factor, so both read the same clock. Xen public/xen.h.
public struct SystemClock: BitwiseCopyable, Sendable {
    /// TSC at system time 0.
    public var baseTSC: UInt64
    /// ns = ((tsc - baseTSC) << shift) * multiplier / 2^32; a negative shift goes right.
    public var multiplier: UInt32
    public var shift: Int8

    /// - Parameter hertz: TSC frequency; at least 1.
    public init(hertz: UInt64, baseTSC: UInt64) {
        self.baseTSC = baseTSC
        // Find shift so that the factor 10^9 / (hertz << shift) lies in [1/2, 1).
        var scaled = max(hertz, 1)
        var shift: Int8 = 0
        while scaled <= 1_000_000_000, shift < 31 {
            scaled = scaled &<< 1
            shift &+= 1
        }
        while scaled > 2_000_000_000, shift > -31 {
            scaled = scaled &>> 1
            shift &-= 1
        }
        self.shift = shift
        let (quotient, _) = scaled.dividingFullWidth((1_000_000_000 &>> 32, 1_000_000_000 &<< 32))
        multiplier = UInt32(truncatingIfNeeded: min(quotient, UInt64(UInt32.max)))
    }
    /// Nanoseconds of system time at a TSC reading. A reading before the base is taken as the base.
    @inline(__always)
    public func nanoseconds(atTSC tsc: UInt64) -> UInt64 {
        var delta = tsc >= baseTSC ? tsc &- baseTSC : 0
        delta = shift >= 0 ? delta &<< UInt64(shift) : delta &>> UInt64(-Int(shift))
        let product = delta.multipliedFullWidth(by: UInt64(multiplier))
        return (product.high &<< 32) | (product.low &>> 32)
    }
    /// Ticks in a span of nanoseconds, rounded up a little: never too few.
    public func ticks(inNanoseconds span: UInt64) -> UInt64 {
        guard span < 1 << 62 else { return .max &>> 1 }
        guard multiplier != 0, (span &>> 32) < UInt64(multiplier) else { return .max &>> 1 }
        let (quotient, _) = UInt64(multiplier).dividingFullWidth((span &>> 32, span &<< 32))
        let ticks = shift >= 0 ? quotient &>> UInt64(shift) : quotient &<< UInt64(-Int(shift))
        return ticks &+ 1
    }
}
