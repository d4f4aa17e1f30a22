// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// Who runs next. One queue, ordered by the time each vCPU has received: whoever had least goes first, so CPU time is shared
/// evenly between those who want it, and one that slept does not collect a claim beyond `wakeCredit`.
/// Guarded by the hypervisor lock.
public struct Scheduler: ~Copyable {
    /// Longest time on the CPU while others wait, in ns.
    public static var timeSlice: UInt64 { 5_000_000 }
    /// How far behind the field a waking vCPU may be put, in ns.
    static var wakeCredit: UInt64 { 5_000_000 }
    /// A waking vCPU preempts one that is ahead of it by more than this, in ns.
    static var preemptionMargin: UInt64 { 100_000 }

    var head: Ref<VirtualCPU>?
    public private(set) var queuedCount = 0
    /// Received time of the most recently chosen vCPU: the field's position.
    private var fieldRuntime: UInt64 = 0
    /// What runs on each CPU; index is the CPU.
    public var current: InlineArray<64, Ref<VirtualCPU>?> = InlineArray(repeating: nil)
    /// The CPU is to choose again before it enters a guest.
    public var needsReschedule: InlineArray<64, Bool> = InlineArray(repeating: false)
    /// When the current vCPU's slice ends, in ns of system time.
    public var sliceEnd: InlineArray<64, UInt64> = InlineArray(repeating: .max)
    public init() {}

    mutating func enqueue(_ vcpu: Ref<VirtualCPU>) {
        guard !vcpu.state.isQueued else { return }
        vcpu.state.isQueued = true
        queuedCount &+= 1
        let key = vcpu.state.virtualRuntime
        guard let first = head, first.state.virtualRuntime <= key else {
            vcpu.state.nextInQueue = head
            head = vcpu
            return
        }
        var previous = first
        while let next = previous.state.nextInQueue, next.state.virtualRuntime <= key { previous = next }
        vcpu.state.nextInQueue = previous.state.nextInQueue
        previous.state.nextInQueue = vcpu
    }
    mutating func dequeue(_ vcpu: Ref<VirtualCPU>) {
        guard vcpu.state.isQueued else { return }
        vcpu.state.isQueued = false
        queuedCount &-= 1
        if let first = head, first == vcpu {
            head = vcpu.state.nextInQueue
        } else {
            var previous = head
            while let here = previous {
                if let next = here.state.nextInQueue, next == vcpu {
                    here.state.nextInQueue = vcpu.state.nextInQueue
                    break
                }
                previous = here.state.nextInQueue
            }
        }
        vcpu.state.nextInQueue = nil
    }

    /// A vCPU that may run again joins the queue; the CPU is told if it should run at once.
    mutating func wake(_ vcpu: Ref<VirtualCPU>, now: UInt64) {
        // The field moves on while the current vCPU runs, not only when one is chosen: otherwise who wakes after a long
        // turn of somebody else would have all of that turn as credit.
        var field = fieldRuntime
        if let running = current[0] {
            let used = now > running.state.runStateEntryTime ? now &- running.state.runStateEntryTime : 0
            field = max(field, running.state.virtualRuntime &+ used)
        }
        let floor = field > Self.wakeCredit ? field &- Self.wakeCredit : 0
        if vcpu.state.virtualRuntime < floor { vcpu.state.virtualRuntime = floor }
        enqueue(vcpu)
        guard let running = current[0] else {
            needsReschedule[0] = true
            return
        }
        let used = now > running.state.runStateEntryTime ? now &- running.state.runStateEntryTime : 0
        if running.state.virtualRuntime &+ used > vcpu.state.virtualRuntime &+ Self.preemptionMargin {
            needsReschedule[0] = true
        } else if sliceEnd[0] == .max {
            sliceEnd[0] = now &+ Self.timeSlice
        }
    }

    /// Takes the next vCPU for `cpu`; nil: nobody wants to run.
    mutating func takeNext(cpu: Int, now: UInt64) -> Ref<VirtualCPU>? {
        needsReschedule[cpu] = false
        guard let next = head else {
            sliceEnd[cpu] = .max
            return nil
        }
        dequeue(next)
        fieldRuntime = max(fieldRuntime, next.state.virtualRuntime)
        sliceEnd[cpu] = head == nil ? .max : now &+ Self.timeSlice
        return next
    }
}

extension Ref<Hypervisor> {
    /// Ends the stay of what runs on `cpu` and returns who runs next (possibly the same), or nil to idle.
    public func reschedule(cpu: Int) -> Ref<VirtualCPU>? {
        let now = state.now()
        if let last = state.scheduler.current[cpu] {
            last.state.runningOn = -1
            state.scheduler.current[cpu] = nil
            let used = now > last.state.runStateEntryTime ? now &- last.state.runStateEntryTime : 0
            last.state.virtualRuntime &+= used
            last.domain.state.cpuTime &+= used
            if last.isRunnable {
                last.setRunState(.runnable, now: now)
                state.scheduler.enqueue(last)
            } else {
                last.setRunState(last.restingState, now: now)
            }
        }
        guard let next = state.scheduler.takeNext(cpu: cpu, now: now) else { return nil }
        state.scheduler.current[cpu] = next
        next.state.runningOn = Int32(cpu)
        next.setRunState(.running, now: now)
        return next
    }
    /// Fires what is due and tells the machine when the next is.
    public func runTimers(cpu: Int) {
        let now = state.now()
        while let (vcpu, kind) = state.timers.popExpired(now: now) {
            switch kind {
            case .singleshot: vcpu.raise(virq: 0)
            case .apic: vcpu.apicTimerFired(now: now)
            case .poll:
                vcpu.state.pollPort = 0
                vcpu.wake()
            }
        }
        if now >= state.scheduler.sliceEnd[cpu] { state.scheduler.needsReschedule[cpu] = true }
    }
    /// When this CPU next needs its timer, in ns of system time.
    public func nextDeadline(cpu: Int) -> UInt64 { min(state.timers.earliest, state.scheduler.sliceEnd[cpu]) }
}

extension Ref<Domain> {
    /// Adds a reason not to run. Whoever runs on another CPU is made to leave.
    public func pause() {
        state.pauseCount &+= 1
        guard state.pauseCount == 1 else { return }
        forEachVCPU { vcpu in vcpu.stopRunning() }
    }
    /// Takes a reason away; at none left, runnable vCPUs run.
    public func unpause() {
        guard state.pauseCount > 0 else { return }
        state.pauseCount &-= 1
        guard state.pauseCount == 0 else { return }
        forEachVCPU { vcpu in if vcpu.isRunnable { vcpu.becomeRunnable() } }
    }
}
