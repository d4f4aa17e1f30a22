// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The common change of the map, one 4 KiB page of RAM, in one walk.

extension PhysicalMap {
    /// Table and index of the 4 KiB entry of `gfn`; nil where a table is missing or a larger entry maps the place.
    @inline(__always)
    private mutating func smallPlace(_ gfn: GuestFrame) -> (table: MachineFrame, index: Int)? {
        guard var table = root, Self.isInRange(gfn) else { return nil }
        let memory = memory
        let present = format.presentMask
        var shift: UInt64 = 27
        while shift > 0 {
            let entry = memory.loadWord(table, Int(truncatingIfNeeded: gfn.rawValue &>> shift))
            guard entry & present != 0, entry & NestedEntryFormat.largeBit == 0 else { return nil }
            table = MachineFrame(rawValue: (entry & NestedEntryFormat.addressMask) &>> 12)
            shift &-= 9
        }
        return (table, Int(truncatingIfNeeded: gfn.rawValue & 511))
    }
    /// Unmaps a single page of RAM in one walk and returns its frame. Nil, and no change, if there is none or it is part
    /// of a larger entry.
    mutating func takeSmallRAM(_ gfn: GuestFrame) -> MachineFrame? {
        guard let place = smallPlace(gfn) else { return nil }
        let entry = memory.loadWord(place.table, place.index)
        guard entry & format.presentMask != 0,
            UInt8(truncatingIfNeeded: (entry &>> NestedEntryFormat.typeShift) & 15)
                == MappingType.ram.rawValue
        else { return nil }
        memory.storeWord(0, place.table, place.index)
        needsFlush = true
        return MachineFrame(rawValue: (entry & NestedEntryFormat.addressMask) &>> 12)
    }
    /// Maps a page of RAM in one walk where nothing is mapped and RAM has been before. False, and no change, elsewhere.
    mutating func fillSmall(_ gfn: GuestFrame, with frame: MachineFrame) -> Bool {
        guard gfn.rawValue <= highestFrame, let place = smallPlace(gfn) else { return false }
        guard memory.loadWord(place.table, place.index) & format.presentMask == 0 else { return false }
        memory.storeWord(
            (frame.rawValue &<< 12) | format.leafBits | format.writableBit
                | (UInt64(MappingType.ram.rawValue) &<< NestedEntryFormat.typeShift), place.table, place.index
        )
        return true
    }
}
