// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// What a guest frame is backed by. Kept in bits 52 to 55 of the nested entry, which both vendors leave to software.
public enum MappingType: UInt8, BitwiseCopyable, Sendable {
    case none = 0
    /// The domain's own RAM.
    case ram = 1
    /// Somebody else's page through a grant, writable or read-only as the entry says.
    case grant = 2
    /// Somebody else's page, mapped with `XENMEM_add_to_physmap_batch` (foreign) by the control domain.
    case foreign = 3
    /// Device memory, identity mapped.
    case device = 4
    /// A page of the hypervisor that the guest may use: shared info, grant frames.
    case special = 5
}

/// One mapping as found.
public struct Mapping: BitwiseCopyable, Sendable {
    public var frame: MachineFrame
    public var type: MappingType
    public var isWritable: Bool
    /// log2 of the entry's size in frames: 0, 9 or 18.
    public var order: Int
}

/// How one vendor writes a nested page-table entry. Values, not code: the walker is shared.
public struct NestedEntryFormat: BitwiseCopyable, Sendable {
    /// Bits of an entry that points to a table.
    public var tableBits: UInt64
    /// Bits of a readable, executable RAM leaf.
    public var leafBits: UInt64
    /// Added for a leaf that may be written.
    public var writableBit: UInt64
    /// Added for a leaf that may not be executed (0 where absence of a right is a cleared bit).
    public var noExecuteBit: UInt64
    /// Any of these set: the entry is present.
    public var presentMask: UInt64
    /// Memory-type bits of a leaf for device memory.
    public var deviceBits: UInt64
    public init(
        tableBits: UInt64, leafBits: UInt64, writableBit: UInt64, noExecuteBit: UInt64, presentMask: UInt64,
        deviceBits: UInt64
    ) {
        self.tableBits = tableBits
        self.leafBits = leafBits
        self.writableBit = writableBit
        self.noExecuteBit = noExecuteBit
        self.presentMask = presentMask
        self.deviceBits = deviceBits
    }
    static var largeBit: UInt64 { 1 << 7 }
    static var addressMask: UInt64 { 0x000f_ffff_ffff_f000 }
    static var typeShift: UInt64 { 52 }
    /// AMD: an ordinary long-mode entry with the user bit. AMD APM vol 2 §15.25.5.
    public static var amd: NestedEntryFormat {
        NestedEntryFormat(
            tableBits: 0b111, leafBits: 0b101, writableBit: 0b10, noExecuteBit: 1 << 63, presentMask: 1,
            deviceBits: 0)
    }
}

/// gfn to mfn: the domain's nested page table, four levels, with 4 KiB, 2 MiB and (where the CPU has them) 1 GiB leaves.
///
/// The tables the CPU walks are the only copy. Guarded by the hypervisor lock.
public struct PhysicalMap: ~Copyable {
    public let format: NestedEntryFormat
    let memory: MachineMemory
    /// The top table; the vendor backend loads it. Nil once torn down.
    public private(set) var root: MachineFrame?
    /// Table frames in use, the root included. A table stays, though empty, until the map goes.
    public private(set) var tableCount: UInt64 = 0
    /// Most table frames the map may use: the domain's paging pool. A guest picks its frame numbers, so without a limit it
    /// could have the hypervisor spend a table on each. `setLimit` never goes below `minimumTableLimit`.
    public private(set) var tableLimit: UInt64 = .max
    /// What a domain has before its builder says more: 1 MiB, as in Xen.
    public static var minimumTableLimit: UInt64 { 256 }
    /// The level-1 entries that look-ups met last, by 2 MiB region: a tag (gfn / 512) and its entry, four pairs. Only
    /// changes above the lowest level make them stale.
    var recent: InlineArray<8, UInt64> = InlineArray(repeating: .max)
    /// Set when an entry that a CPU may have cached was removed or narrowed; the backend flushes before the next entry.
    public var needsFlush = false
    /// Highest gfn ever mapped as RAM (`XENMEM_maximum_gpfn`).
    public private(set) var highestFrame: UInt64 = 0
    /// Number of bits in a guest-physical address: gfns beyond are refused.
    public static var addressBits: UInt64 { 48 }
    public let allowsGiantPages: Bool

    public init(
        format: NestedEntryFormat, memory: MachineMemory, allowsGiantPages: Bool, frames: inout FrameAllocator
    ) throws(XenError) {
        guard let root = frames.allocate(order: 0, owner: .hypervisor) else { throw .noMemory }
        self.format = format
        self.memory = memory
        self.allowsGiantPages = allowsGiantPages
        self.root = root
        tableCount = 1
    }

    /// Limits the tables to `byteCount` bytes, but for `minimumTableLimit` frames. Those in use stay.
    public mutating func setLimit(byteCount: UInt64) {
        tableLimit = max(byteCount &>> 12, Self.minimumTableLimit)
    }
    private mutating func newTable(_ frames: inout FrameAllocator) throws(XenError) -> MachineFrame {
        guard tableCount < tableLimit, let new = frames.allocate(order: 0, owner: .hypervisor) else {
            throw .noMemory
        }
        tableCount &+= 1
        return new
    }

    /// True for a gfn the map can hold.
    public static func isInRange(_ gfn: GuestFrame) -> Bool { gfn.rawValue < 1 &<< (addressBits &- 12) }

    @inline(__always)
    static func index(_ gfn: UInt64, _ level: Int) -> Int {
        Int(truncatingIfNeeded: (gfn &>> UInt64(9 &* level)) & 511)
    }

    /// What backs `gfn`, or nil. Never traps, for any value.
    public mutating func lookup(_ gfn: GuestFrame) -> Mapping? {
        guard var table = root, Self.isInRange(gfn) else { return nil }
        var level = 3
        while true {
            let entry = memory.loadWord(table, Self.index(gfn.rawValue, level))
            guard entry & format.presentMask != 0 else { return nil }
            if level == 0 || entry & NestedEntryFormat.largeBit != 0 {
                let order = 9 &* level
                let offset = gfn.rawValue & ((1 &<< UInt64(order)) &- 1)
                let frame = ((entry & NestedEntryFormat.addressMask) &>> 12) &+ offset
                return Mapping(
                    frame: MachineFrame(rawValue: frame),
                    type: MappingType(
                        rawValue: UInt8(truncatingIfNeeded: (entry &>> NestedEntryFormat.typeShift) & 15))
                        ?? .none,
                    isWritable: entry & format.writableBit != 0, order: order)
            }
            table = MachineFrame(rawValue: (entry & NestedEntryFormat.addressMask) &>> 12)
            level &-= 1
        }
    }

    private func leaf(_ frame: MachineFrame, _ type: MappingType, _ writable: Bool, large: Bool) -> UInt64 {
        var entry =
            (frame.rawValue &<< 12) | format.leafBits
            | (UInt64(type.rawValue) &<< NestedEntryFormat.typeShift)
        if writable { entry |= format.writableBit }
        if large { entry |= NestedEntryFormat.largeBit }
        switch type {
        case .device: entry |= format.deviceBits | format.noExecuteBit
        case .grant, .foreign, .special: entry |= format.noExecuteBit
        case .ram, .none: break
        }
        return entry
    }

    /// The table at `level` (0: of 4 KiB leaves) that covers `gfn`, made or split as needed.
    private mutating func table(
        for gfn: GuestFrame, level wanted: Int, frames: inout FrameAllocator
    ) throws(XenError) -> MachineFrame {
        guard var table = root, Self.isInRange(gfn) else { throw .invalidArgument }
        var level = 3
        while level > wanted {
            let index = Self.index(gfn.rawValue, level)
            let entry = memory.loadWord(table, index)
            if entry & format.presentMask == 0 {
                let new = try newTable(&frames)
                forgetRecent()
                memory.storeWord((new.rawValue &<< 12) | format.tableBits, table, index)
                table = new
            } else if entry & NestedEntryFormat.largeBit != 0 {
                let new = try newTable(&frames)
                let step = UInt64(4096) &<< UInt64(9 &* (level &- 1))
                var child = level &- 1 == 0 ? entry & ~NestedEntryFormat.largeBit : entry
                for slot in 0..<512 {
                    memory.storeWord(child, new, slot)
                    child &+= step
                }
                forgetRecent()
                memory.storeWord((new.rawValue &<< 12) | format.tableBits, table, index)
                needsFlush = true
                table = new
            } else {
                table = MachineFrame(rawValue: (entry & NestedEntryFormat.addressMask) &>> 12)
            }
            level &-= 1
        }
        return table
    }

    /// Installs a mapping of 2^order frames (order 0, 9 or 18), replacing whatever stood there. Whoever owned the former
    /// content must have been told before. Throws `noMemory` and changes nothing when a table cannot be had.
    public mutating func map(
        _ gfn: GuestFrame, to frame: MachineFrame, order: Int = 0, type: MappingType, writable: Bool,
        frames: inout FrameAllocator
    ) throws(XenError) {
        guard order == 0 || order == 9 || (order == 18 && allowsGiantPages) else { throw .invalidArgument }
        let mask = (UInt64(1) &<< UInt64(order)) &- 1
        guard (gfn.rawValue | frame.rawValue) & mask == 0 else { throw .invalidArgument }
        let level = order / 9
        let table = try table(for: gfn, level: level, frames: &frames)
        let index = Self.index(gfn.rawValue, level)
        let former = memory.loadWord(table, index)
        if former & format.presentMask != 0 {
            needsFlush = true
            if level > 0, former & NestedEntryFormat.largeBit == 0 {
                freeTables(
                    MachineFrame(rawValue: (former & NestedEntryFormat.addressMask) &>> 12), level &- 1,
                    &frames)
            }
        }
        if level > 0 { forgetRecent() }
        memory.storeWord(leaf(frame, type, writable, large: level > 0), table, index)
        if type == .ram { highestFrame = max(highestFrame, gfn.rawValue | mask) }
    }

    /// Removes the mapping of one frame, splitting a large one. No effect where nothing is mapped.
    public mutating func unmap(_ gfn: GuestFrame, frames: inout FrameAllocator) throws(XenError) {
        guard lookup(gfn) != nil else { return }
        let table = try table(for: gfn, level: 0, frames: &frames)
        memory.storeWord(0, table, Self.index(gfn.rawValue, 0))
        needsFlush = true
    }

    private mutating func forgetRecent() {
        recent[0] = .max
        recent[2] = .max
        recent[4] = .max
        recent[6] = .max
    }
    private mutating func freeTables(_ table: MachineFrame, _ level: Int, _ frames: inout FrameAllocator) {
        forgetRecent()
        if level > 0 {
            for index in 0..<512 {
                let entry = memory.loadWord(table, index)
                guard entry & format.presentMask != 0, entry & NestedEntryFormat.largeBit == 0 else {
                    continue
                }
                freeTables(
                    MachineFrame(rawValue: (entry & NestedEntryFormat.addressMask) &>> 12), level &- 1,
                    &frames)
            }
        }
        frames.free(table)
        tableCount &-= 1
    }

    /// Calls `body` for mappings from `gfn` on, in order, at most `limit` entries; returns where to go on, or nil at the end.
    /// Used by teardown, which may be preempted between calls.
    public mutating func forEach(
        from gfn: GuestFrame, limit: Int, _ body: (GuestFrame, Mapping) -> Void
    ) -> GuestFrame? {
        var next = gfn.rawValue
        var seen = 0
        while next < 1 &<< (Self.addressBits &- 12) {
            guard seen < limit else { return GuestFrame(rawValue: next) }
            let (mapping, order) = find(GuestFrame(rawValue: next))
            let size = UInt64(1) &<< UInt64(order)
            if let mapping {
                body(GuestFrame(rawValue: next), mapping)
            }
            seen &+= 1
            next = (next & ~(size &- 1)) &+ size
        }
        return nil
    }

    /// The mapping at `gfn` and the order of the entry (present or not) that decides it.
    private mutating func find(_ gfn: GuestFrame) -> (Mapping?, Int) {
        guard var table = root else { return (nil, 36) }
        var level = 3
        while true {
            let entry = memory.loadWord(table, Self.index(gfn.rawValue, level))
            guard entry & format.presentMask != 0 else { return (nil, 9 &* level) }
            if level == 0 || entry & NestedEntryFormat.largeBit != 0 { return (lookup(gfn), 9 &* level) }
            table = MachineFrame(rawValue: (entry & NestedEntryFormat.addressMask) &>> 12)
            level &-= 1
        }
    }

    /// Frees every table. The content must have been released before.
    public mutating func tearDown(frames: inout FrameAllocator) {
        guard let root else { return }
        freeTables(root, 3, &frames)
        self.root = nil
    }
}
