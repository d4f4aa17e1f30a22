// SPDX-License-Identifier: Apache-2.0
import CGuest
public import XenABI

/// What a page of the test area allows. AMD APM vol 2 §5.4.
public struct PageAccess: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static var writable: PageAccess { PageAccess(rawValue: 1 << 1) }
    /// Ring 3 may use the page.
    public static var user: PageAccess { PageAccess(rawValue: 1 << 2) }
    public static var noExecute: PageAccess { PageAccess(rawValue: 1 << 63) }
}

/// The guest's page tables: the first 4 GiB identity mapped at entry, the rest on demand.
public enum AddressSpace {
    /// Start of the virtual addresses that tests may map as they like: 512 GiB.
    public static var testArea: UInt64 { 0x80_0000_0000 }

    private static func word(_ table: UInt64, _ index: UInt64) -> UInt64 {
        MappedPage(unsafeAddress: table).load(at: Int(index & 511) * 8, as: UInt64.self)
    }
    private static func setWord(_ table: UInt64, _ index: UInt64, _ value: UInt64) {
        MappedPage(unsafeAddress: table).store(value, at: Int(index & 511) * 8)
    }
    /// The table that entry `index` of `table` names, made if missing or if a large page stands there.
    private static func descend(_ table: UInt64, _ index: UInt64) -> UInt64? {
        let entry = word(table, index)
        if entry & 0x81 == 1 { return entry & 0x000F_FFFF_FFFF_F000 }
        guard let frame = PageAllocator.take(count: 1) else { return nil }
        MappedPage(unsafeAddress: frame.address.rawValue).fill(0)
        setWord(table, index, frame.address.rawValue | 7)
        return frame.address.rawValue
    }

    /// Makes `address` reachable at the virtual address of the same value, with a 2 MiB page.
    public static func ensureIdentity(_ address: GuestPhysical) {
        let value = address.rawValue
        guard value >= 4 << 30,
            let pdpt = descend(guest_address_pml4(), value >> 39),
            let directory = descend(pdpt, value >> 30)
        else { return }
        if word(directory, value >> 21) & 1 == 0 {
            setWord(directory, value >> 21, value & ~0x1F_FFFF | 0x83)
        }
    }

    /// Maps one page at a virtual address of the test area. False when there is no memory for tables. Below 4 GiB it takes
    /// the place of 2 MiB of the identity map, where there must be no memory.
    public static func map(_ frame: GuestFrame, at address: UInt64, _ access: PageAccess) -> Bool {
        guard let pdpt = descend(guest_address_pml4(), address >> 39),
            let directory = descend(pdpt, address >> 30), let table = descend(directory, address >> 21)
        else { return false }
        setWord(table, address >> 12, frame.address.rawValue | access.rawValue | 1)
        guest_invlpg(address)
        return true
    }
    /// Maps one page 262144 times in a row, 1 GiB of virtual addresses from a multiple of that on. False when there is no
    /// memory for tables.
    public static func mapRepeatedly(_ frame: GuestFrame, at address: UInt64) -> Bool {
        guard let pdpt = descend(guest_address_pml4(), address >> 39),
            let directory = descend(pdpt, address >> 30), let table = descend(directory, 0)
        else { return false }
        for index: UInt64 in 0..<512 {
            setWord(table, index, frame.address.rawValue | 3)
            setWord(directory, index, table | 7)
        }
        guest_write_cr3(guest_read_cr3())
        return true
    }
    /// Address of the root table, and what its entry `index` (256 to 511: addresses nothing else uses) holds.
    public static var root: UInt64 { guest_address_pml4() }
    public static func setRootEntry(_ index: Int, _ value: UInt64) {
        precondition(index >= 256)
        setWord(root, UInt64(index), value)
        guest_write_cr3(guest_read_cr3())
    }
    /// Removes the page at a virtual address of the test area.
    public static func unmap(at address: UInt64) {
        guard let pdpt = descend(guest_address_pml4(), address >> 39),
            let directory = descend(pdpt, address >> 30), let table = descend(directory, address >> 21)
        else { return }
        setWord(table, address >> 12, 0)
        guest_invlpg(address)
    }

    /// Reads a word at any virtual address; a fault is an error, not a panic.
    public static func probe(_ address: UInt64) throws(Fault) -> UInt64 {
        var value: UInt64 = 0
        // SAFETY: a fault of the instruction is caught by its fix-up entry.
        let fault = unsafe guest_load64_safe(address, &value)
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
        return value
    }
    /// Writes a word at any virtual address; a fault is an error, not a panic.
    public static func poke(_ address: UInt64, _ value: UInt64) throws(Fault) {
        let fault = guest_store64_safe(address, value)
        if fault != 0 { throw Fault(vector: UInt8(truncatingIfNeeded: fault)) }
    }
}
