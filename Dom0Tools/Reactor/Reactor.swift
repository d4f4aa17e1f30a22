// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The event loop of a single-threaded daemon: descriptors, one-shot timers, signals, and work from other threads.
///
/// Everything but `submit` and `stop` belongs to the thread that runs the loop (or, before it runs, to the one that
/// sets it up). Handlers run one at a time on that thread and may call anything here, including `cancel` of themselves.
/// Readiness is level-triggered: a handler that leaves data behind is called again.
public final class Reactor: @unchecked Sendable {
    /// What a descriptor is watched for, and what it is ready for.
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt8
        @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Data, end of file, hang-up or error. The last two are reported whatever was asked for.
        @inlinable public static var readable: Interest { Interest(rawValue: 1) }
        /// Room to write.
        @inlinable public static var writable: Interest { Interest(rawValue: 2) }
    }

    /// Names one watched descriptor. A token that was cancelled stays harmless for ever.
    public struct Watching: Hashable, Sendable {
        fileprivate let slot: UInt32
        fileprivate let generation: UInt32
        fileprivate var token: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
    }

    /// A one-shot timer.
    public final class Timer {
        fileprivate let deadline: UInt64
        fileprivate let order: UInt64
        fileprivate var work: (() -> Void)?
        fileprivate init(deadline: UInt64, order: UInt64, work: @escaping () -> Void) {
            self.deadline = deadline
            self.order = order
            self.work = work
        }
        /// True until the timer has fired or is cancelled.
        public var isPending: Bool { work != nil }
        /// The work is not done, unless it was already.
        public func cancel() { work = nil }
    }

    private struct Slot {
        var generation: UInt32
        var fd: Int32
        var handler: ((Interest) -> Void)?
    }

    private struct Inbox: ~Copyable {
        var work: [@Sendable () -> Void] = []
        var isStopping = false
    }

    private let queue: EventQueue
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    /// Pending timers, latest first.
    private var timers: [Timer] = []
    private var timersStarted: UInt64 = 0
    private var signalHandlers: [Int32: () -> Void] = [:]
    private let inbox = Mutex(Inbox())

    public init() throws(SystemCallError) {
        queue = try EventQueue()
        let queue = queue
        try watch(queue.wakeDescriptor, .readable) { [unowned self] _ in takeSubmissions() }
    }

    // MARK: Descriptors

    /// Calls `handler` whenever `fd` is ready. `cancel` the token before closing the descriptor.
    ///
    /// Fails with `EEXIST` if the descriptor is watched already, `EPERM` for a regular file, which is always ready.
    @discardableResult
    public func watch(
        _ fd: Int32, _ interest: Interest, _ handler: @escaping (Interest) -> Void
    ) throws(SystemCallError) -> Watching {
        let index = freeSlots.last ?? UInt32(slots.count)
        let generation = Int(index) < slots.count ? slots[Int(index)].generation : 0
        let token = Watching(slot: index, generation: generation)
        try queue.add(fd, interest, token: token.token)
        if freeSlots.popLast() == nil {
            slots.append(Slot(generation: 0, fd: fd, handler: handler))
        } else {
            slots[Int(index)].fd = fd
            slots[Int(index)].handler = handler
        }
        return token
    }

    /// Changes what the descriptor is watched for. An empty interest leaves hang-up and error.
    public func update(_ token: Watching, _ interest: Interest) throws(SystemCallError) {
        guard isCurrent(token) else { return }
        try queue.modify(slots[Int(token.slot)].fd, interest, token: token.token)
    }

    /// Ends the watching: the handler is not called again, not even for readiness already collected.
    public func cancel(_ token: Watching) {
        guard isCurrent(token) else { return }
        queue.remove(slots[Int(token.slot)].fd)
        slots[Int(token.slot)].handler = nil
        slots[Int(token.slot)].generation &+= 1
        freeSlots.append(token.slot)
    }

    private func isCurrent(_ token: Watching) -> Bool {
        Int(token.slot) < slots.count && slots[Int(token.slot)].generation == token.generation
            && slots[Int(token.slot)].handler != nil
    }

    // MARK: Timers

    /// Does the work once, not before `milliseconds` have passed.
    @discardableResult
    public func after(milliseconds: Int, _ work: @escaping () -> Void) -> Timer {
        let (delay, overflow) = UInt64(max(milliseconds, 0)).multipliedReportingOverflow(by: 1_000_000)
        let deadline =
            overflow ? UInt64.max : EventQueue.nanoseconds.addingReportingOverflow(delay).partialValue
        timersStarted += 1
        let timer = Timer(deadline: deadline, order: timersStarted, work: work)
        var low = 0
        var high = timers.count
        while low < high {
            let middle = (low + high) / 2
            if timers[middle].deadline > deadline { low = middle + 1 } else { high = middle }
        }
        timers.insert(timer, at: low)
        return timer
    }

    /// How long the loop may sleep: milliseconds, rounded up, or -1 for ever.
    private func timeToNextTimer() -> Int32 {
        while let last = timers.last, last.work == nil { timers.removeLast() }
        guard let next = timers.last else { return -1 }
        let now = EventQueue.nanoseconds
        guard next.deadline > now else { return 0 }
        return Int32(clamping: (next.deadline - now + 999_999) / 1_000_000)
    }

    private func fireTimers() {
        guard !timers.isEmpty else { return }
        let now = EventQueue.nanoseconds
        let newest = timersStarted  // a timer started by a handler waits for the next turn
        while let index = timers.lastIndex(where: { $0.order <= newest }), timers[index].deadline <= now {
            let timer = timers.remove(at: index)
            let work = timer.work
            timer.work = nil
            work?()
        }
    }

    // MARK: Signals

    /// Does the work whenever the process gets the signal, whose own effect is suppressed.
    ///
    /// Call it before starting threads: they inherit the mask that keeps the signal for the reactor. Child processes
    /// inherit it too; start them with a cleared mask.
    public func onSignal(_ number: Int32, _ work: @escaping () -> Void) throws(SystemCallError) {
        let isFirst = queue.signalDescriptor < 0
        try queue.catchSignal(number)
        signalHandlers[number] = work
        if isFirst {
            try watch(queue.signalDescriptor, .readable) { [unowned self] _ in
                while let number = queue.nextSignal() { signalHandlers[number]?() }
            }
        }
    }

    // MARK: Other threads

    /// Does the work on the loop's thread, in the order of submission. May be called from any thread.
    public func submit(_ work: @escaping @Sendable () -> Void) {
        let isFirst = inbox.withLock { inbox in
            inbox.work.append(work)
            return inbox.work.count == 1
        }
        if isFirst { queue.wake() }
    }

    private func takeSubmissions() {
        queue.drainWake()
        let work = inbox.withLock { inbox in
            let work = inbox.work
            inbox.work = []
            return work
        }
        for item in work { item() }
    }

    // MARK: The loop

    /// Handles events until `stop`.
    public func run() {
        while !inbox.withLock({ $0.isStopping }) { turn() }
        inbox.withLock { $0.isStopping = false }
    }

    /// Makes `run` return after the current handler. May be called from any thread, also before `run`.
    public func stop() {
        inbox.withLock { $0.isStopping = true }
        queue.wake()
    }

    /// Waits for events once, at most `limit` milliseconds (nil: as long as it takes), and handles them.
    public func turn(limit: Int? = nil) {
        var wait = timeToNextTimer()
        if let limit {
            let limit = Int32(clamping: max(limit, 0))
            wait = wait < 0 ? limit : min(wait, limit)
        }
        queue.wait(milliseconds: wait) { token, ready in
            let slot = Int(truncatingIfNeeded: token & 0xffff_ffff)
            guard slots[slot].generation == UInt32(truncatingIfNeeded: token >> 32) else { return }
            slots[slot].handler?(ready)
        }
        fireTimers()
    }
}
