// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// A set of mapping types, for look-ups that want only some.
struct MappingTypes: BitwiseCopyable {
    let bits: UInt64
    /// The domain's own RAM.
    static var ownRAM: MappingTypes { MappingTypes(bits: 1 << UInt64(MappingType.ram.rawValue)) }
    /// What hypercalls may read and write for the domain: all but devices.
    static var memory: MappingTypes {
        MappingTypes(
            bits: 1 << UInt64(MappingType.ram.rawValue) | 1 << UInt64(MappingType.grant.rawValue)
                | 1 << UInt64(MappingType.foreign.rawValue) | 1 << UInt64(MappingType.special.rawValue))
    }
}

extension PhysicalMap {
    /// The machine frame behind `gfn` if it is of one of the wanted types, inside the window and, for
    /// writing, writable. The short form of `lookup`, for the walk of a guest's page tables, which does it
    /// five times for one address.
    mutating func frame(_ gfn: GuestFrame, _ types: MappingTypes, forWriting: Bool) -> MachineFrame? {
        let tag = gfn.rawValue &>> 9
        let slot = Int(truncatingIfNeeded: (tag & 3) &* 2)
        if recent[slot] != tag {
            // Down to level 1, which is remembered, or a 1 GiB leaf, which counts as the 2 MiB of it that are meant.
            guard let root, Self.isInRange(gfn) else { return nil }
            let top = memory.loadWord(root, Int(truncatingIfNeeded: gfn.rawValue &>> 27))
            guard top & format.presentMask != 0 else { return nil }
            let middle = memory.loadWord(
                MachineFrame(rawValue: (top & NestedEntryFormat.addressMask) &>> 12),
                Int(truncatingIfNeeded: gfn.rawValue &>> 18))
            guard middle & format.presentMask != 0 else { return nil }
            if middle & NestedEntryFormat.largeBit != 0 {
                recent[slot &+ 1] = middle &+ (tag & 511) &<< 21
            } else {
                let entry = memory.loadWord(
                    MachineFrame(rawValue: (middle & NestedEntryFormat.addressMask) &>> 12),
                    Int(truncatingIfNeeded: tag))
                guard entry & format.presentMask != 0 else { return nil }
                recent[slot &+ 1] = entry
            }
            recent[slot] = tag
        }
        var entry = recent[slot &+ 1]
        var frame = (entry & NestedEntryFormat.addressMask) &>> 12
        if entry & NestedEntryFormat.largeBit != 0 {
            frame &+= gfn.rawValue & 511
        } else {
            entry = memory.loadWord(MachineFrame(rawValue: frame), Int(truncatingIfNeeded: gfn.rawValue))
            guard entry & format.presentMask != 0 else { return nil }
            frame = (entry & NestedEntryFormat.addressMask) &>> 12
        }
        guard types.bits &>> ((entry &>> NestedEntryFormat.typeShift) & 15) & 1 != 0 else { return nil }
        if forWriting, entry & format.writableBit == 0 { return nil }
        return frame < memory.frameCount ? MachineFrame(rawValue: frame) : nil
    }
}
