// SPDX-License-Identifier: Apache-2.0
import XenBus

/// Work that events ask for, done outside interrupt handlers: whoever waits on vCPU 0 with `wait` does it meanwhile.
///
/// Event handlers only wake the vCPU; what is to be done is found by asking each source. Sources run with interrupts on
/// and may wait themselves; the one that runs is not run again until it returns.
public enum EventLoop {
    private final class Source {
        let number: UInt32
        let isReady: () -> Bool
        let run: () -> Void
        var isRunning = false
        init(_ number: UInt32, _ isReady: @escaping () -> Bool, _ run: @escaping () -> Void) {
            self.number = number
            self.isReady = isReady
            self.run = run
        }
    }
    // SAFETY: used by vCPU 0 outside interrupt handlers only.
    nonisolated(unsafe) private static var sources: [Source] = []
    nonisolated(unsafe) private static var nextNumber: UInt32 = 0
    nonisolated(unsafe) private static var store: XenStoreConnection?

    /// - Parameters:
    ///   - isReady: whether there is something to do; cheap, without effect, asked with interrupts off.
    ///   - run: does it. It must make `isReady` answer false, or change nothing at all while it cannot.
    public static func add(
        isReady: @escaping () -> Bool, run: @escaping () -> Void
    ) -> EventSource {
        // SAFETY: used by vCPU 0 outside interrupt handlers only.
        unsafe nextNumber &+= 1
        unsafe sources.append(Source(nextNumber, isReady, run))
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
        unsafe sources.append(Source(nextNumber, { connection.hasWork }, { connection.turn() }))
    }

    private static func ready() -> Source? {
        // SAFETY: as above.
        for source in unsafe sources where !source.isRunning && source.isReady() { return source }
        return nil
    }

    /// Runs the sources that are ready, once each. True if there was one.
    @discardableResult
    public static func turn() -> Bool {
        var any = false
        // SAFETY: as above; sources may come and go meanwhile, so a copy is walked.
        for source in unsafe sources where !source.isRunning && source.isReady() {
            any = true
            source.isRunning = true
            source.run()
            source.isRunning = false
        }
        return any
    }

    /// Runs sources as they become ready, asleep in between, until `condition` holds. Interrupts are on afterwards.
    /// Something must be going to interrupt.
    public static func wait(until condition: () -> Bool) {
        while true {
            if condition() { return }
            if turn() { continue }
            Events.wait { condition() || ready() != nil }
        }
    }
}

/// A source of work that `EventLoop` knows; forgotten when the value goes.
public struct EventSource: ~Copyable {
    let number: UInt32
    init(number: UInt32) { self.number = number }
    deinit { EventLoop.remove(number) }
}
