// SPDX-License-Identifier: Apache-2.0
import SharedMemory

extension TimerQueue {
    /// Checks what must hold between operations; nil if it does, else what does not. For tests: the image never calls it.
    ///
    /// The heap is ordered, each queued timer knows its place and has a vCPU, and every slot is free or allocated.
    public mutating func checkInvariants() -> StaticString? {
        guard queuedCount >= 0, queuedCount <= heap.count else { return "the timer count is out of range" }
        var place = 0
        while place < queuedCount {
            let record = records[Int(heap[place])]
            guard Int(record.place) == place else { return "a timer does not know its place" }
            guard record.vcpu != nil else { return "a queued timer belongs to nobody" }
            if place > 0 {
                guard records[Int(heap[(place &- 1) / 2])].deadline <= record.deadline else {
                    return "the timer heap is out of order"
                }
            }
            place &+= 1
        }
        var free = 0
        var next = firstFree
        while next != .max {
            guard Int(next) < records.count, free < records.count else {
                return "the free timers' list is broken"
            }
            guard records[Int(next)].vcpu == nil else { return "a free timer belongs to somebody" }
            free &+= 1
            next = records[Int(next)].place
        }
        guard free &+ allocatedCount() == records.count else { return "timers are lost" }
        return nil
    }
    /// Slots that a vCPU has.
    mutating func allocatedCount() -> Int {
        var count = 0
        var index = 0
        while index < records.count {
            if records[index].vcpu != nil { count &+= 1 }
            index &+= 1
        }
        return count
    }
}
