// SPDX-License-Identifier: Apache-2.0

/// How long a wait may take.
///
/// A wait whose condition holds is never too late: what came while this domain was paused counts, whatever the clock says.
public struct Timeout: Equatable, BitwiseCopyable, Sendable {
    /// `UInt64.max` is no end.
    public let nanoseconds: UInt64

    private init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// As long as it takes.
    public static var never: Timeout { Timeout(nanoseconds: .max) }
    /// Not at all: what is there counts, nothing is waited for.
    public static var now: Timeout { Timeout(nanoseconds: 0) }
    public static func seconds(_ count: UInt32) -> Timeout {
        Timeout(nanoseconds: UInt64(count) &* 1_000_000_000)
    }
    public static func milliseconds(_ count: UInt32) -> Timeout {
        Timeout(nanoseconds: UInt64(count) &* 1_000_000)
    }

    /// For a backend to be there and connect, unless said otherwise: 60 s.
    public static var opening: Timeout { .seconds(60) }
    /// For a backend to let go, unless said otherwise: 30 s.
    public static var closing: Timeout { .seconds(30) }
    /// For the store to answer, unless said otherwise: 60 s.
    public static var store: Timeout { .seconds(60) }

    /// The time at which a wait that begins at `start` ends; `UInt64.max` if it does not.
    public func deadline(from start: UInt64) -> UInt64 {
        let (end, isTooFar) = start.addingReportingOverflow(nanoseconds)
        return isTooFar ? .max : end
    }
}

/// The clock, and the way to sleep, of those who wait.
public struct Waiting {
    /// Nanoseconds of a clock that never goes back.
    public let now: () -> UInt64
    /// Sleeps until the closure, which is cheap and without effect, answers true, or the clock shows the deadline
    /// (`UInt64.max`: no end). False if the closure's answer is false still; also when nothing can ever change it.
    public let sleep: (_ deadline: UInt64, _ until: () -> Bool) -> Bool
    /// Whether sleeping is possible here: not in an interrupt handler.
    public let isAllowed: () -> Bool

    public init(
        now: @escaping () -> UInt64, isAllowed: @escaping () -> Bool = { true },
        sleep: @escaping (_ deadline: UInt64, _ until: () -> Bool) -> Bool
    ) {
        self.now = now
        self.isAllowed = isAllowed
        self.sleep = sleep
    }
}
