// SPDX-License-Identifier: Apache-2.0
import CX86

/// What one measurement of the counters against the interval timer saw. Something may stop this CPU between any two readings
/// (a management interrupt, or a host that runs us among others), so each end of the span lies between two readings of the
/// TSC, and their distance is the doubt.
struct CalibrationRound: BitwiseCopyable {
    /// TSC before and after the timer was started.
    var beforeStart: UInt64 = 0
    var afterStart: UInt64 = 0
    /// TSC before and after the reading that found the timer at its end.
    var beforeEnd: UInt64 = 0
    var afterEnd: UInt64 = 0
    /// Ticks of the local APIC's timer meanwhile.
    var apicTicks: UInt64 = 0

    /// TSC ticks that `ticks` may be wrong by, twice over.
    var doubt: UInt64 { (afterStart &- beforeStart) &+ (afterEnd &- beforeEnd) }
    /// TSC ticks of the span, with its ends in the middle of what they may be.
    var ticks: UInt64 { (afterEnd &- beforeStart) &- doubt / 2 }
    /// The doubt is below a thousandth.
    var isGood: Bool { doubt < ticks / 1000 }
    /// Rounds that are made at most.
    static var limit: Int { 16 }

    /// The better of two: that with the smaller doubt, whichever counted more.
    func better(of other: CalibrationRound) -> CalibrationRound { other.doubt < doubt ? other : self }
}

/// The rates of the counters, from a round.
struct CalibratedRates {
    /// 11932 counts of 1193182 Hz are 10.000151 ms.
    static var count: UInt64 { 11932 }
    static var nanoseconds: UInt64 { 10_000_151 }
    let hertz: UInt64
    /// Ticks of the APIC's timer in 2²⁰ ns.
    let apicTicksPerMeganano: UInt64

    init(_ round: CalibrationRound) {
        apicTicksPerMeganano = max((round.apicTicks &<< 20) / Self.nanoseconds, 1)
        let measured = round.ticks &* 1_000_000 / (Self.nanoseconds / 1000)
        // The counter is near a round number of MHz: within 0.1 % the round number is what was meant.
        let rounded = (measured &+ 500_000) / 1_000_000 &* 1_000_000
        let difference = measured > rounded ? measured &- rounded : rounded &- measured
        hertz = rounded > 0 && difference < measured / 1000 ? rounded : max(measured, 1_000_000)
    }
}

extension CalibrationRound {
    /// Measures until a round is good, or takes the best of all.
    static func measure(_ apic: LocalAPIC) -> CalibrationRound {
        var best = once(apic)
        var rounds = 1
        while !best.isGood, rounds < limit {
            best = best.better(of: once(apic))
            rounds &+= 1
        }
        apic.endCalibration()
        return best
    }
    /// Channel 2 of the interval timer counts 10 ms down, behind its gate (Intel 8254 data sheet, mode 0).
    private static func once(_ apic: LocalAPIC) -> CalibrationRound {
        var round = CalibrationRound()
        let gate = cx86_in8(0x61)
        cx86_out8(0x61, gate & ~2 | 1)
        cx86_out8(0x43, 0xb0)
        cx86_out8(0x42, UInt8(CalibratedRates.count & 0xff))
        apic.startCalibration()
        round.beforeStart = cx86_rdtsc()
        let first = apic.remaining()
        cx86_out8(0x42, UInt8(CalibratedRates.count &>> 8))
        round.afterStart = cx86_rdtsc()
        var tries = 100_000_000
        repeat {
            round.beforeEnd = cx86_rdtsc()
            tries &-= 1
        } while cx86_in8(0x61) & 0x20 == 0 && tries > 0
        round.apicTicks = UInt64(first &- apic.remaining())
        round.afterEnd = cx86_rdtsc()
        cx86_out8(0x61, gate)
        return round
    }
}
