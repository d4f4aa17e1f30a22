// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// vCPU 0's one-shot timer, shared by everything that waits with an end. `VCPUOP_set_singleshot_timer`, `VIRQ_TIMER`.
///
/// It may fire early: who sleeps looks at the clock and asks again. So a timer that is set already is not set anew for
/// each of many waits that all end early. A guest that binds `VirtualInterrupt.timer` of vCPU 0 itself shares the timer with
/// these waits: each then overwrites what the other set.
enum OneShotTimer {
    /// A `Deadline` that lives.
    private struct Entry {
        let number: UInt64
        let deadline: UInt64
    }
    // SAFETY: changed by vCPU 0 with interrupts off.
    nonisolated(unsafe) private static var port: EventPort?
    /// The system time that the timer is set to.
    nonisolated(unsafe) private static var setTo: UInt64 = .max
    /// Waits keep the port for the next one; `Deadline`s give it back with the last.
    nonisolated(unsafe) private static var isKept = false
    nonisolated(unsafe) private static var entries: [Entry] = []
    nonisolated(unsafe) private static var lastNumber: UInt64 = 0

    /// An interrupt will come at `deadline` or before. Called with interrupts off.
    static func wake(before deadline: UInt64) {
        // SAFETY: as for the state above.
        unsafe isKept = true
        // Whoever has bound the interrupt already is woken by it, too.
        try? open()
        try? set(deadline)
    }
    /// Takes note of a deadline, which interrupts when it passes. Returns its number.
    static func add(_ deadline: UInt64) throws(XenError) -> UInt64 {
        let wereEnabled = Processor.interruptsEnabled
        Processor.disableInterrupts()
        defer { if wereEnabled { Processor.enableInterrupts() } }
        // SAFETY: as for the state above.
        try open()
        unsafe lastNumber += 1
        unsafe entries.append(Entry(number: lastNumber, deadline: deadline))
        try set(deadline)
        return unsafe lastNumber
    }
    static func remove(_ number: UInt64) {
        let wereEnabled = Processor.interruptsEnabled
        Processor.disableInterrupts()
        defer { if wereEnabled { Processor.enableInterrupts() } }
        // SAFETY: as for the state above.
        unsafe entries.removeAll { $0.number == number }
        guard unsafe entries.isEmpty, unsafe !isKept, let bound = unsafe port else { return }
        try? VirtualCPU.stopTimer(0)
        Events.ignore(bound)
        try? EventChannel.close(bound)
        unsafe port = nil
        unsafe setTo = .max
    }

    private static func open() throws(XenError) {
        guard unsafe port == nil else { return }
        let bound = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.timer, vcpu: 0)
        // SAFETY: as for the state above.
        unsafe port = bound
        try Events.handle(bound) { fired() }
    }
    private static func set(_ deadline: UInt64) throws(XenError) {
        // SAFETY: as for the state above. A time that has passed fires at once, and the handler forgets it.
        guard unsafe deadline < setTo || port == nil || setTo <= Clock.now else { return }
        try VirtualCPU.setTimer(0, at: deadline)
        unsafe setTo = deadline
    }
    /// The handler: sets the timer for the next `Deadline`.
    private static func fired() {
        // SAFETY: as for the state above.
        unsafe setTo = .max
        let now = Clock.now
        var next = UInt64.max
        for entry in unsafe entries where entry.deadline > now { next = min(next, entry.deadline) }
        if next != .max { try? set(next) }
    }
}

/// A point in time, on vCPU 0's clock, that interrupts when it passes, so that a wait for something that never comes ends.
/// Any number at a time.
public struct Deadline: ~Copyable {
    private let number: UInt64
    /// System time, in nanoseconds.
    public let time: UInt64
    public var hasPassed: Bool { Clock.now >= time }

    /// `nanoseconds` from now. For vCPU 0.
    public init(nanoseconds: UInt64) throws(XenError) {
        let time = Clock.now &+ nanoseconds
        number = try OneShotTimer.add(time)
        self.time = time
    }
    /// Sleeps until `condition` holds or the deadline passes; says whether it holds.
    public func wait(for condition: () -> Bool) -> Bool {
        let time = time
        Events.wait { condition() || Clock.now >= time }
        return condition()
    }
    deinit { OneShotTimer.remove(number) }
}
