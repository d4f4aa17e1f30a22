// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HypervisorX86

/// Counters measured by a CPU that may be stopped between any two readings.
@Suite struct CalibrationTests {
    /// A span of 10.000151 ms at `megahertz`, with the CPU stopped for so many ticks at each end.
    private func round(
        megahertz: UInt64 = 2600, stoppedAtStart: UInt64 = 0, stoppedAtEnd: UInt64 = 0
    ) -> CalibrationRound {
        let start: UInt64 = 1_000_000
        let span = megahertz * CalibratedRates.nanoseconds / 1000
        // The timer starts behind the first reading; what stops the CPU lies between it and the second.
        return CalibrationRound(
            beforeStart: start - 400, afterStart: start + 400 + stoppedAtStart, beforeEnd: start + span - 400,
            afterEnd: start + span + 400 + stoppedAtEnd, apicTicks: 10_000_151)
    }

    @Test(arguments: [100, 999, 2600, 2601, 5700] as [UInt64]) func aQuietRoundTellsTheRate(
        _ megahertz: UInt64
    ) {
        let round = round(megahertz: megahertz)
        let rates = CalibratedRates(round)
        if megahertz >= 999 { #expect(round.isGood) }
        #expect(rates.hertz == megahertz * 1_000_000)
        #expect(rates.apicTicksPerMeganano == 1 << 20)
    }
    @Test func aRateBetweenRoundNumbersStays() {
        var odd = round(megahertz: 100)
        odd.afterEnd += 4000
        odd.beforeEnd += 4000
        #expect(CalibratedRates(odd).hertz / 100_000 == 1004)
    }
    /// Stopped behind the start of the timer, all of its 10 ms passed unseen: the span looked empty to whoever began to
    /// count after it.
    @Test func aStopAtTheStartIsSeen() {
        let span = 2600 * CalibratedRates.nanoseconds / 1000
        let stopped = CalibrationRound(
            beforeStart: 1000, afterStart: 1000 + span + 5000, beforeEnd: 1000 + span + 5100,
            afterEnd: 1000 + span + 5900, apicTicks: 77)
        #expect(!stopped.isGood)
        #expect(stopped.better(of: round()).isGood)
        #expect(CalibratedRates(stopped.better(of: round())).hertz == 2_600_000_000)
        #expect(CalibratedRates(round().better(of: stopped)).hertz == 2_600_000_000)
    }
    @Test func aStopAtTheEndIsSeen() {
        let late = round(stoppedAtEnd: 2_600_000)
        #expect(!late.isGood)
        #expect(CalibratedRates(late.better(of: round())).hertz == 2_600_000_000)
    }
    @Test func aStopInTheMiddleDoesNotMatter() {
        // It ends before the timer does: both ends are as sharp as ever.
        #expect(round().isGood)
    }
    @Test func withoutAGoodRoundTheBestIsTaken() {
        let bad = round(stoppedAtStart: 300_000)
        let worse = round(stoppedAtStart: 3_000_000)
        let best = worse.better(of: bad).better(of: worse)
        #expect(best.doubt == bad.doubt)
        #expect(CalibratedRates(best).hertz > 2_550_000_000)
    }
    @Test func aCounterThatStandsStillIsNoTrap() {
        let rates = CalibratedRates(CalibrationRound())
        #expect(rates.hertz == 1_000_000)
        #expect(rates.apicTicksPerMeganano == 1)
    }
}
