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
        guard var table = root, Self.isInRange(gfn) else { return nil }
        let memory = memory
        let present = format.presentMask
        var shift: UInt64 = 27
        while true {
            let entry = memory.loadWord(table, Int(truncatingIfNeeded: gfn.rawValue &>> shift))
            guard entry & present != 0 else { return nil }
            table = MachineFrame(rawValue: (entry & NestedEntryFormat.addressMask) &>> 12)
            guard shift != 0, entry & NestedEntryFormat.largeBit == 0 else {
                guard types.bits &>> ((entry &>> NestedEntryFormat.typeShift) & 15) & 1 != 0 else {
                    return nil
                }
                if forWriting, entry & format.writableBit == 0 { return nil }
                let frame = table.rawValue &+ (gfn.rawValue & ((1 &<< shift) &- 1))
                return frame < memory.frameCount ? MachineFrame(rawValue: frame) : nil
            }
            shift &-= 9
        }
    }
}
