// SPDX-License-Identifier: Apache-2.0
import SharedMemory

/// A slot of the timer queue.
public struct TimerID: BitwiseCopyable, Equatable, Sendable {
    let index: UInt32
    public static var none: TimerID { TimerID(index: .max) }
}

/// What happens when a timer fires.
public enum TimerKind: UInt8, BitwiseCopyable, Sendable {
    /// `VCPUOP_set_singleshot_timer`, `set_timer_op`: VIRQ_TIMER.
    case singleshot
    /// The virtual local APIC's timer.
    case apic
    /// The end of a `SCHEDOP_poll`.
    case poll
}

/// One timer: free, idle or queued.
struct TimerRecord: BitwiseCopyable {
    var deadline: UInt64 = 0
    var vcpu: Ref<VirtualCPU>?
    /// Place in the heap, or `UInt32.max` while idle. Free slots: next free slot.
    var place: UInt32 = .max
    var kind: TimerKind = .singleshot
}

/// All timers, as a binary heap over fixed storage: setting one costs O(log n) and allocates nothing.
/// Guarded by the hypervisor lock.
public struct TimerQueue: ~Copyable {
    let records: FixedArray<TimerRecord>
    let heap: FixedArray<UInt32>
    public private(set) var queuedCount = 0
    var firstFree: UInt32 = 0

    /// Bytes of storage for `capacity` timers.
    public static func byteCount(capacity: Int) -> Int { capacity &* (MemoryLayout<TimerRecord>.stride &+ 4) }

    /// - Parameter unsafeStorage: `byteCount(capacity:)` bytes, aligned to 8, for ever.
    // SAFETY: the caller's storage is as large as byteCount(capacity:) says, and stays.
    @unsafe public init(unsafeStorage: UnsafeMutableRawPointer, capacity: Int) {
        // SAFETY: the caller's storage holds both arrays.
        unsafe records = FixedArray(unsafeStorage: unsafeStorage, count: capacity, repeating: TimerRecord())
        unsafe heap = FixedArray(
            unsafeStorage: unsafeStorage.advanced(by: capacity &* MemoryLayout<TimerRecord>.stride),
            count: capacity,
            repeating: 0)
        var index = 0
        while index < capacity {
            records.withElement(index) { $0.place = index &+ 1 == capacity ? .max : UInt32(index &+ 1) }
            index &+= 1
        }
    }

    /// Takes a slot for a vCPU; nil when all are taken.
    public mutating func allocate(_ kind: TimerKind, for vcpu: Ref<VirtualCPU>) -> TimerID? {
        guard firstFree != .max else { return nil }
        let id = TimerID(index: firstFree)
        firstFree = records[Int(id.index)].place
        records[Int(id.index)] = TimerRecord(deadline: 0, vcpu: vcpu, place: .max, kind: kind)
        return id
    }
    /// Gives a slot back, stopping the timer.
    public mutating func free(_ id: TimerID) {
        guard id != .none else { return }
        stop(id)
        records[Int(id.index)] = TimerRecord(deadline: 0, vcpu: nil, place: firstFree, kind: .singleshot)
        firstFree = id.index
    }
    /// The earliest deadline, or `UInt64.max`.
    public var earliest: UInt64 { queuedCount == 0 ? .max : records[Int(heap[0])].deadline }
    public func isQueued(_ id: TimerID) -> Bool { id != .none && records[Int(id.index)].place != .max }
    public func deadline(_ id: TimerID) -> UInt64? { isQueued(id) ? records[Int(id.index)].deadline : nil }

    /// Sets or moves a timer to a deadline in ns of system time.
    public mutating func set(_ id: TimerID, at deadline: UInt64) {
        guard id != .none else { return }
        let index = Int(id.index)
        var place = Int(truncatingIfNeeded: records[index].place)
        records.withElement(index) { $0.deadline = deadline }
        if records[index].place == .max {
            place = queuedCount
            queuedCount &+= 1
        }
        sift(id.index, from: place)
    }
    public mutating func stop(_ id: TimerID) {
        guard isQueued(id) else { return }
        let place = Int(records[Int(id.index)].place)
        records.withElement(Int(id.index)) { $0.place = .max }
        queuedCount &-= 1
        guard place != queuedCount else { return }
        sift(heap[queuedCount], from: place)
    }
    /// Takes the earliest timer off if its deadline is not after `now`.
    public mutating func popExpired(now: UInt64) -> (vcpu: Ref<VirtualCPU>, kind: TimerKind)? {
        guard queuedCount > 0 else { return nil }
        let record = records[Int(heap[0])]
        guard record.deadline <= now else { return nil }
        stop(TimerID(index: heap[0]))
        guard let vcpu = record.vcpu else { return nil }
        return (vcpu, record.kind)
    }

    private func deadline(at place: Int) -> UInt64 { records[Int(heap[place])].deadline }
    private func put(_ index: UInt32, at place: Int) {
        heap[place] = index
        records.withElement(Int(index)) { $0.place = UInt32(truncatingIfNeeded: place) }
    }
    /// Puts `index` into the heap at `start` or where order wants it.
    private func sift(_ index: UInt32, from start: Int) {
        let deadline = records[Int(index)].deadline
        var place = start
        while place > 0, self.deadline(at: (place &- 1) / 2) > deadline {
            put(heap[(place &- 1) / 2], at: place)
            place = (place &- 1) / 2
        }
        while true {
            var child = 2 &* place &+ 1
            guard child < queuedCount else { break }
            if child &+ 1 < queuedCount, self.deadline(at: child &+ 1) < self.deadline(at: child) {
                child &+= 1
            }
            guard self.deadline(at: child) < deadline else { break }
            put(heap[child], at: place)
            place = child
        }
        put(index, at: place)
    }
}
