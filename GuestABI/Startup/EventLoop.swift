// SPDX-License-Identifier: Apache-2.0
public import XenBus

/// Work that events and time ask for, done outside interrupt handlers: whoever waits on vCPU 0 with `wait` does it meanwhile.
///
/// Event handlers only wake the vCPU; what is to be done is found by asking each source. Sources run with interrupts on
/// and may wait themselves; the one that runs is not run again until it returns.
public enum EventLoop {
    private final class Source {
        let number: UInt32
        let isReady: () -> Bool
        let deadline: () -> UInt64
        let run: () -> Void
        var isRunning = false
        init(
            _ number: UInt32, _ isReady: @escaping () -> Bool, _ deadline: @escaping () -> UInt64,
            _ run: @escaping () -> Void
        ) {
            self.number = number
            self.isReady = isReady
            self.deadline = deadline
            self.run = run
        }
        var hasWork: Bool {
            if isRunning { return false }
            if isReady() { return true }
            let time = deadline()
            return time != .max && Clock.now >= time
        }
    }
    // SAFETY: used by vCPU 0 outside interrupt handlers only.
    nonisolated(unsafe) private static var sources: [Source] = []
    nonisolated(unsafe) private static var nextNumber: UInt32 = 0
    nonisolated(unsafe) private static var store: XenStoreConnection?

    /// - Parameters:
    ///   - isReady: whether there is something to do; cheap, without effect, asked with interrupts off.
    ///   - deadline: the time of `Clock` at which there is something to do in any case, `UInt64.max` for none; as cheap.
    ///   - run: does it. It must make `isReady` answer false and `deadline` a later time, or change nothing at all while it
    ///     cannot.
    public static func add(
        isReady: @escaping () -> Bool, deadline: @escaping () -> UInt64 = { .max },
        run: @escaping () -> Void
    ) -> EventSource {
        // SAFETY: used by vCPU 0 outside interrupt handlers only.
        unsafe nextNumber &+= 1
        unsafe sources.append(Source(nextNumber, isReady, deadline, run))
        return EventSource(number: unsafe nextNumber)
    }
    static func remove(_ number: UInt32) {
        // SAFETY: as above.
        unsafe sources.removeAll { $0.number == number }
    }

    /// The connection to the store, once it is made.
    // SAFETY: as above.
    static var knownStore: XenStoreConnection? { unsafe store }
    /// Keeps the connection for the guest's life, and has its watches served.
    static func keep(_ connection: XenStoreConnection) {
        // SAFETY: as above.
        unsafe store = connection
        unsafe nextNumber &+= 1
        unsafe sources.append(
            Source(
                nextNumber, { connection.hasWork }, { connection.nextDeadline }, { connection.turn() }))
    }

    private static var hasWork: Bool {
        // SAFETY: as above.
        for source in unsafe sources where source.hasWork { return true }
        return false
    }
    private static var nextDeadline: UInt64 {
        var next = UInt64.max
        // SAFETY: as above.
        for source in unsafe sources where !source.isRunning { next = min(next, source.deadline()) }
        return next
    }

    /// Runs the sources that are ready, once each. True if there was one.
    @discardableResult
    public static func turn() -> Bool {
        var any = false
        // SAFETY: as above; sources may come and go meanwhile, so a copy is walked.
        for source in unsafe sources where source.hasWork {
            any = true
            source.isRunning = true
            source.run()
            source.isRunning = false
        }
        return any
    }

    /// Runs sources as they become ready, asleep in between, until `condition` holds. Interrupts are on afterwards.
    /// Something must be going to interrupt.
    public static func wait(until condition: () -> Bool) { _ = wait(before: .max, until: condition) }
    /// The same for a limited time: says whether the condition holds.
    public static func wait(_ timeout: Timeout, until condition: () -> Bool) -> Bool {
        wait(before: timeout == .never ? .max : timeout.deadline(from: Clock.now), until: condition)
    }
    /// The same until `Clock` shows `end`, or without end for `UInt64.max`: says whether the condition holds. A source that
    /// always has work does not keep it longer.
    public static func wait(before end: UInt64, until condition: () -> Bool) -> Bool {
        while true {
            if condition() { return true }
            if end != .max, Clock.now >= end { return false }
            if turn() { continue }
            _ = Events.wait(before: min(end, nextDeadline)) { condition() || hasWork }
        }
    }
}

/// A source of work that `EventLoop` knows; forgotten when the value goes.
public struct EventSource: ~Copyable {
    let number: UInt32
    init(number: UInt32) { self.number = number }
    deinit { EventLoop.remove(number) }
}
