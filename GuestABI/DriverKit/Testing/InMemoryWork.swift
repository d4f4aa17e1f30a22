// SPDX-License-Identifier: Apache-2.0
public import Backends

/// An event loop with a clock of its own.
public final class InMemoryWork: WorkAccess {
    private var queue: [(time: Int, order: Int, work: () -> Void)] = []
    /// Milliseconds.
    public private(set) var now = 0
    private var order = 0
    public init() {}
    private var readable: [Int: (descriptor: Int32, handler: () -> Void, isActive: Bool)] = [:]

    public func after(milliseconds: Int, _ work: @escaping () -> Void) {
        order += 1
        queue.append((now + milliseconds, order, work))
    }
    public func watchReadable(_ descriptor: Int32, _ handler: @escaping () -> Void) throws(BackendError)
        -> Int
    {
        order += 1
        readable[order] = (descriptor, handler, true)
        return order
    }
    public func setActive(_ token: Int, _ isActive: Bool) { readable[token]?.isActive = isActive }
    public func cancelWatching(_ token: Int) { readable[token] = nil }

    public var watchedCount: Int { readable.count }
    public var activeCount: Int { readable.values.filter(\.isActive).count }
    /// Calls the handlers of a descriptor that are active.
    public func makeReadable(_ descriptor: Int32) {
        for watch in readable.values where watch.descriptor == descriptor && watch.isActive {
            watch.handler()
        }
    }
    /// Calls every active handler.
    public func pollAll() { for watch in readable.values where watch.isActive { watch.handler() } }

    private var random = SeededRandom(seed: 0)
    private var isShuffled = false
    /// From now on any of the work that is due comes next, not the oldest: `seed` says which.
    public func shuffle(seed: UInt64) {
        random = SeededRandom(seed: seed)
        isShuffled = true
    }

    /// Does one piece of the work that is due up to `end`. False if there is none.
    private func step(until end: Int) -> Bool {
        let due = queue.indices.filter { queue[$0].time <= end }
        let chosen =
            isShuffled
            ? due.randomElement(using: &random)
            : due.min { (queue[$0].time, queue[$0].order) < (queue[$1].time, queue[$1].order) }
        guard let next = chosen else { return false }
        let item = queue.remove(at: next)
        now = max(now, item.time)
        item.work()
        return true
    }
    /// Does one piece of work that is due now. False if there is none.
    @discardableResult public func step() -> Bool { step(until: now) }

    /// Does all the work there is, the delayed too up to `limit` milliseconds from now.
    public func run(limit: Int = 0) {
        let end = now + limit
        var steps = 0
        while step(until: end) {
            steps += 1
            precondition(steps < 100_000, "the backend never comes to rest")
        }
        now = end
    }
    /// The same, with an end: true if there is no work left after `steps` pieces.
    public func comesToRest(steps: Int, limit: Int = 0) -> Bool {
        let end = now + limit
        for _ in 0..<steps where !step(until: end) {
            now = end
            return true
        }
        return false
    }
    /// Does work until `condition` holds; false if the work ran out before, or the clock came to `limit` (milliseconds).
    public func run(limit: Int? = nil, until condition: () -> Bool) -> Bool {
        while !condition() {
            if let limit, now >= limit { return false }
            guard step(until: limit ?? Int.max) else {
                if let limit { now = max(now, limit) }
                return condition()
            }
        }
        return true
    }
}
