// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// What the hypervisor knows of one machine frame. 12 bytes a frame.
public struct FrameRecord: BitwiseCopyable {
    /// Who the frame is accounted to; `DomainID.invalid` while free or unusable.
    public var owner: DomainID = .invalid
    /// Order of the free block that starts here; meaningful while free.
    var order: UInt8 = 0
    var flags: UInt8 = 0
    /// Free: next block of the order. In use: how many mappings by others (grants, foreign maps) pin it.
    var first: UInt32 = 0
    /// Free: previous block. In use: the gfn at which the owner has it, `UInt32.max` for none.
    var second: UInt32 = .max

    public init() {}

    static var free: UInt8 { 1 }
    static var dirty: UInt8 { 2 }
    static var released: UInt8 { 4 }
}

/// The machine's free memory: a buddy system over the frame records, orders 0 (4 KiB) to 18 (1 GiB).
///
/// Pages are scrubbed when they are handed out if a domain had them before. Guarded by the hypervisor lock.
public struct FrameAllocator: ~Copyable {
    public static var maximumOrder: Int { 18 }
    static var none: UInt32 { .max }
    let memory: MachineMemory
    let records: FixedArray<FrameRecord>
    var heads: InlineArray<19, UInt32> = InlineArray(repeating: .max)
    /// Frames that can be allocated.
    public private(set) var freeFrames: UInt64 = 0
    /// Frames ever handed to the allocator.
    public private(set) var totalFrames: UInt64 = 0
    /// Frames promised to domains under construction (`XENMEM_claim_pages`).
    public var claimedFrames: UInt64 = 0

    /// - Parameter records: one record for each frame of `memory`.
    public init(memory: MachineMemory, records: FixedArray<FrameRecord>) {
        self.memory = memory
        self.records = records
    }

    /// Gives a range of RAM to the allocator at start-up. The frames must be nobody's.
    public mutating func addRange(_ start: MachineFrame, count: UInt64) {
        var frame = start.rawValue
        let end = min(start.rawValue &+ count, UInt64(records.count))
        while frame < end {
            var order = 0
            while order < Self.maximumOrder, frame & ((2 &<< UInt64(order)) &- 1) == 0,
                frame &+ (2 &<< UInt64(order)) <= end
            {
                order &+= 1
            }
            let size = UInt64(1) &<< UInt64(order)
            markDirty(frame, size)
            release(frame, order)
            totalFrames &+= size
            frame &+= size
        }
    }

    private func markDirty(_ frame: UInt64, _ count: UInt64) {
        var index = frame
        while index < frame &+ count {
            records.withElement(Int(index)) { $0.flags |= FrameRecord.dirty }
            index &+= 1
        }
    }

    private mutating func push(_ frame: UInt64, _ order: Int) {
        let head = heads[order]
        records.withElement(Int(frame)) {
            $0.flags |= FrameRecord.free
            $0.owner = .invalid
            $0.order = UInt8(truncatingIfNeeded: order)
            $0.first = head
            $0.second = Self.none
        }
        if head != Self.none {
            records.withElement(Int(head)) { $0.second = UInt32(truncatingIfNeeded: frame) }
        }
        heads[order] = UInt32(truncatingIfNeeded: frame)
    }

    private mutating func remove(_ frame: UInt64, _ order: Int) {
        let record = records[Int(frame)]
        if record.second == Self.none {
            heads[order] = record.first
        } else {
            records.withElement(Int(record.second)) { $0.first = record.first }
        }
        if record.first != Self.none { records.withElement(Int(record.first)) { $0.second = record.second } }
        records.withElement(Int(frame)) { $0.flags &= ~FrameRecord.free }
    }

    private mutating func release(_ frame: UInt64, _ order: Int) {
        var frame = frame
        var order = order
        freeFrames &+= 1 &<< UInt64(order)
        while order < Self.maximumOrder {
            let buddy = frame ^ (1 &<< UInt64(order))
            guard buddy < UInt64(records.count) else { break }
            let record = records[Int(buddy)]
            guard record.flags & FrameRecord.free != 0, record.order == UInt8(order) else { break }
            remove(buddy, order)
            frame = min(frame, buddy)
            order &+= 1
        }
        push(frame, order)
    }

    /// Takes 2^order aligned frames and accounts them to `owner`. Nil when there is no such block.
    ///
    /// - Parameter zeroed: clear what an earlier owner left. Pass false only when every byte is about to be written.
    public mutating func allocate(order: Int, owner: DomainID, zeroed: Bool = true) -> MachineFrame? {
        guard order >= 0, order <= Self.maximumOrder else { return nil }
        var from = order
        while from <= Self.maximumOrder, heads[from] == Self.none { from &+= 1 }
        guard from <= Self.maximumOrder else { return nil }
        let frame = UInt64(heads[from])
        remove(frame, from)
        while from > order {
            from &-= 1
            push(frame &+ (1 &<< UInt64(from)), from)
        }
        let count = UInt64(1) &<< UInt64(order)
        freeFrames &-= count
        var index = frame
        while index < frame &+ count {
            let wasDirty = records.withElement(Int(index)) { record in
                let dirty = record.flags & FrameRecord.dirty != 0
                record = FrameRecord()
                record.owner = owner
                return dirty
            }
            if zeroed, wasDirty { memory.zero(MachineFrame(rawValue: index)) }
            // What the owner writes must be scrubbed before the next owner.
            records.withElement(Int(index)) { $0.flags = FrameRecord.dirty }
            index &+= 1
        }
        return MachineFrame(rawValue: frame)
    }

    /// Gives back 2^order frames, whoever they are accounted to. They must carry no pins.
    public mutating func free(_ frame: MachineFrame, order: Int = 0) {
        let count = UInt64(1) &<< UInt64(order)
        var index = frame.rawValue
        while index < frame.rawValue &+ count {
            records.withElement(Int(index)) {
                precondition($0.flags & FrameRecord.free == 0)
                $0.owner = .invalid
                $0.flags = FrameRecord.dirty
            }
            index &+= 1
        }
        release(frame.rawValue, order)
    }

    /// Who a frame is accounted to; `.invalid` if it is free, not RAM, or beyond memory.
    public mutating func owner(of frame: MachineFrame) -> DomainID {
        guard frame.rawValue < UInt64(records.count) else { return .invalid }
        return records[Int(frame.rawValue)].owner
    }
    /// Start-up: takes a frame out of circulation for an owner without allocating it (Dom0's RAM, the image).
    public mutating func assign(_ frame: MachineFrame, to owner: DomainID) {
        guard frame.rawValue < UInt64(records.count) else { return }
        records.withElement(Int(frame.rawValue)) {
            $0 = FrameRecord()
            $0.owner = owner
            $0.flags = FrameRecord.dirty
        }
    }
    /// Where the owner has the frame, or nil. A page lives at one gfn.
    public mutating func guestFrame(of frame: MachineFrame) -> GuestFrame? {
        guard frame.rawValue < UInt64(records.count) else { return nil }
        let gfn = records[Int(frame.rawValue)].second
        return gfn == .max ? nil : GuestFrame(rawValue: UInt64(gfn))
    }
    public mutating func setGuestFrame(of frame: MachineFrame, _ gfn: GuestFrame?) {
        records.withElement(Int(frame.rawValue)) {
            $0.second = gfn.map { UInt32(truncatingIfNeeded: $0.rawValue) } ?? .max
        }
    }

    // MARK: Pins: a frame that others map is not reused before they let go.

    /// Adds a mapping by somebody else. Throws `busy` at 2^31 pins.
    public mutating func pin(_ frame: MachineFrame) throws(XenError) {
        let done = records.withElement(Int(frame.rawValue)) { record in
            guard record.first < 1 &<< 31 else { return false }
            record.first &+= 1
            return true
        }
        if !done { throw .busy }
    }
    /// Drops a mapping. If the owner released the frame meanwhile and this was the last pin, the frame becomes free.
    /// Returns the owner to take it off the account of, in that case.
    public mutating func unpin(_ frame: MachineFrame) -> DomainID? {
        let (freeNow, owner) = records.withElement(Int(frame.rawValue)) { record in
            precondition(record.first > 0)
            record.first &-= 1
            return (record.first == 0 && record.flags & FrameRecord.released != 0, record.owner)
        }
        guard freeNow else { return nil }
        free(frame)
        return owner
    }
    public mutating func pinCount(_ frame: MachineFrame) -> UInt32 { records[Int(frame.rawValue)].first }
    /// The owner gives up a frame: frees it now (true) or, if it is pinned, when the last pin goes (false).
    public mutating func releaseFromOwner(_ frame: MachineFrame) -> Bool {
        let pinned = records.withElement(Int(frame.rawValue)) { record in
            record.second = .max
            if record.first != 0 { record.flags |= FrameRecord.released }
            return record.first != 0
        }
        if pinned { return false }
        free(frame)
        return true
    }
}
