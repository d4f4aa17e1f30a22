// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension PhysicalMap {
    /// Checks what must hold between operations; nil if it does, else what does not. For tests: the image never calls it.
    ///
    /// Tables are counted right and the hypervisor's; leaves are of a known type, aligned to their size and inside memory
    /// (but for device memory); what look-ups remember is what the tables say.
    public mutating func checkInvariants(_ frames: inout FrameAllocator) -> StaticString? {
        guard let root else { return tableCount == 0 ? nil : "tables are left without a root" }
        var tables: UInt64 = 0
        if let fault = checkTable(root, 3, 0, &tables, &frames) { return fault }
        guard tables == tableCount else { return "tables miscounted" }
        var slot = 0
        while slot < 8 {
            defer { slot &+= 2 }
            guard recent[slot] != .max else { continue }
            guard levelOneEntry(recent[slot]) == recent[slot &+ 1] else {
                return "a remembered entry is stale"
            }
        }
        return nil
    }
    private mutating func checkTable(
        _ table: MachineFrame, _ level: Int, _ start: UInt64, _ tables: inout UInt64,
        _ frames: inout FrameAllocator
    ) -> StaticString? {
        tables &+= 1
        guard tables <= tableCount else { return "more tables than were counted" }
        guard frames.owner(of: table) == .hypervisor else { return "a table is not the hypervisor's frame" }
        var index = 0
        while index < 512 {
            let entry = memory.loadWord(table, index)
            let gfn = start | UInt64(index) &<< UInt64(9 &* level)
            index &+= 1
            guard entry & format.presentMask != 0 else {
                guard entry == 0 else { return "an absent entry holds something" }
                continue
            }
            let frame = (entry & NestedEntryFormat.addressMask) &>> 12
            guard level == 0 || entry & NestedEntryFormat.largeBit != 0 else {
                if let fault = checkTable(MachineFrame(rawValue: frame), level &- 1, gfn, &tables, &frames) {
                    return fault
                }
                continue
            }
            guard level < 3, level < 2 || allowsGiantPages else { return "a leaf at a level that has none" }
            let size = UInt64(1) &<< UInt64(9 &* level)
            guard frame & (size &- 1) == 0 else { return "a large leaf is not aligned" }
            guard
                let type = MappingType(
                    rawValue: UInt8(truncatingIfNeeded: (entry &>> NestedEntryFormat.typeShift) & 15)),
                type != .none
            else { return "a leaf of no type" }
            if type == .device { continue }
            guard frame &+ size <= memory.frameCount else { return "a leaf beyond memory" }
            guard type != .ram || gfn | (size &- 1) <= highestFrame else {
                return "RAM beyond the highest gfn"
            }
            guard type == .ram || level == 0 else { return "a large leaf of somebody else's memory" }
        }
        return nil
    }
    /// The level-1 entry of a 2 MiB region, or the slice of a 1 GiB leaf, as `frame(_:_:forWriting:)` remembers it.
    private func levelOneEntry(_ tag: UInt64) -> UInt64? {
        guard let root else { return nil }
        let top = memory.loadWord(root, Int(truncatingIfNeeded: (tag &>> 18) & 511))
        guard top & format.presentMask != 0 else { return nil }
        let middle = memory.loadWord(
            MachineFrame(rawValue: (top & NestedEntryFormat.addressMask) &>> 12),
            Int(truncatingIfNeeded: (tag &>> 9) & 511))
        guard middle & format.presentMask != 0 else { return nil }
        if middle & NestedEntryFormat.largeBit != 0 { return middle &+ (tag & 511) &<< 21 }
        let entry = memory.loadWord(
            MachineFrame(rawValue: (middle & NestedEntryFormat.addressMask) &>> 12),
            Int(truncatingIfNeeded: tag & 511))
        return entry & format.presentMask != 0 ? entry : nil
    }
}
