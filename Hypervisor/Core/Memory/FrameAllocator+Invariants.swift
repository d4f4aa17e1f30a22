// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension FrameAllocator {
    /// Checks what must hold between operations; nil if it does, else what does not. For tests: the image never calls it.
    ///
    /// Every free block is aligned, linked both ways, inside the machine's memory and merged as far as it goes; the blocks
    /// add up to `freeFrames`; and no frame inside a block belongs to anybody.
    public mutating func checkInvariants() -> StaticString? {
        var sum: UInt64 = 0
        var blocks = 0
        var order = 0
        while order <= Self.maximumOrder {
            let size = UInt64(1) &<< UInt64(order)
            var previous = Self.none
            var next = heads[order]
            while next != Self.none {
                let frame = UInt64(next)
                guard frame & (size &- 1) == 0, frame &+ size <= UInt64(records.count) else {
                    return "a free block is out of place"
                }
                let record = records[Int(next)]
                guard record.flags & FrameRecord.free != 0, Int(record.order) == order else {
                    return "a block of a free list is not free, or of another order"
                }
                guard record.second == previous else { return "a free list's links disagree" }
                let buddy = frame ^ size
                if order < Self.maximumOrder, buddy < UInt64(records.count) {
                    let other = records[Int(buddy)]
                    guard other.flags & FrameRecord.free == 0 || Int(other.order) != order else {
                        return "two free buddies were not merged"
                    }
                }
                var inside = frame &+ 1
                while inside < frame &+ size {
                    let part = records[Int(inside)]
                    guard part.flags & FrameRecord.free == 0, part.owner == .invalid else {
                        return "a frame inside a free block has an owner or a list"
                    }
                    inside &+= 1
                }
                sum &+= size
                blocks &+= 1
                guard sum <= UInt64(records.count) else { return "a free list loops" }
                previous = next
                next = record.first
            }
            order &+= 1
        }
        guard sum == freeFrames else { return "free frames miscounted" }
        var marked = 0
        var index = 0
        while index < records.count {
            let record = records[index]
            index &+= 1
            guard record.flags & FrameRecord.free == 0 else {
                marked &+= 1
                guard record.owner == .invalid else { return "a free block has an owner" }
                continue
            }
            if record.flags & FrameRecord.released != 0 {
                guard record.first != 0 else { return "a released frame without pins was not freed" }
                guard record.second == .max else { return "a released frame has a place" }
            }
        }
        guard marked == blocks else { return "a free block is on no list" }
        return nil
    }
    /// Frames accounted to `owner`, those included that it gave up but others still map.
    mutating func countFrames(of owner: DomainID) -> UInt64 {
        var count: UInt64 = 0
        var index = 0
        while index < records.count {
            let record = records[index]
            if record.flags & FrameRecord.free == 0, record.owner == owner { count &+= 1 }
            index &+= 1
        }
        return count
    }
    /// The owner gave the frame up while others had it mapped.
    mutating func isReleased(_ frame: MachineFrame) -> Bool {
        frame.rawValue < UInt64(records.count)
            && records[Int(frame.rawValue)].flags & FrameRecord.released != 0
    }
}
