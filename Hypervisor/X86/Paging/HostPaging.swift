// SPDX-License-Identifier: Apache-2.0
import CX86
import SharedMemory

/// The hypervisor's own address space: all machine memory at `directMap` (never executable; read-only where the image's code
/// and constants lie), the image at -2 GiB with W^X per page, and unmapped guard pages below the stacks.
/// AMD APM vol 2 §5.3.
public struct HostPaging: ~Copyable {
    public static var directMap: UInt64 { 0xffff_8000_0000_0000 }
    static var imageBase: UInt64 { 0xffff_ffff_8000_0000 }
    static var present: UInt64 { 1 }
    static var writable: UInt64 { 2 }
    static var cacheDisable: UInt64 { 0x10 }
    static var large: UInt64 { 0x80 }
    static var noExecute: UInt64 { 1 << 63 }
    let memory: BootMemory
    var root: UInt64 = 0

    /// - Parameters:
    ///   - top: one past the highest machine address to map; at least 4 GiB are.
    ///   - allocate: gives a zeroed page of machine memory below 4 GiB.
    public init(
        top: UInt64, memory: BootMemory, isRAM: (UInt64) -> Bool, allocate: () -> UInt64
    ) {
        self.memory = memory
        root = allocate()
        let imageStart = cx86_image_start() &- Self.imageBase
        let imageEnd = cx86_image_end() &- Self.imageBase
        let lastWriteProtected = cx86_rodata_end() &- Self.imageBase
        let end = max((top &+ 0x3fff_ffff) & ~0x3fff_ffff, 1 << 32)
        var address: UInt64 = 0
        while address < end {
            let pdpt = table(root, (Self.directMap &+ address) &>> 39, allocate)
            let directory = table(pdpt, address &>> 30, allocate)
            let slot = directory &+ ((address &>> 21) & 511) &* 8
            let flags = Self.present | Self.writable | Self.noExecute
            if address < imageEnd, imageStart & ~0x1f_ffff <= address {
                // The image's own pages: code and constants read-only here too.
                let fine = allocate()
                var page: UInt64 = 0
                while page < 512 {
                    let at = address &+ page &* 4096
                    let isConstant = at >= imageStart & ~0xfff && at < lastWriteProtected
                    let isGuard = Self.isGuard(at)
                    memory.store(
                        isGuard ? 0 : (at | (isConstant ? flags & ~Self.writable : flags)), fine &+ page &* 8)
                    page &+= 1
                }
                memory.store(fine | 3, slot)
            } else {
                let uncached = !isRAM(address) && !isRAM(address &+ 0x1f_f000) ? Self.cacheDisable : 0
                memory.store(address | flags | Self.large | uncached, slot)
            }
            address &+= 0x20_0000
        }
        // The image where it runs.
        let pdpt = table(root, 511, allocate)
        let directory = table(pdpt, 510, allocate)
        address = imageStart & ~0xfff
        while address < imageEnd {
            let leaves = table(directory, address &>> 21, allocate)
            var entry = address | Self.present
            if address >= cx86_text_end() &- Self.imageBase { entry |= Self.noExecute }
            if address >= lastWriteProtected { entry |= Self.writable }
            memory.store(Self.isGuard(address) ? 0 : entry, leaves &+ ((address &>> 12) & 511) &* 8)
            address &+= 4096
        }
    }
    private static func isGuard(_ physical: UInt64) -> Bool {
        physical == cx86_boot_stack_guard() &- imageBase || physical == cx86_fault_stack_guard() &- imageBase
    }
    private func table(_ parent: UInt64, _ index: UInt64, _ allocate: () -> UInt64) -> UInt64 {
        let slot = parent &+ (index & 511) &* 8
        let entry = memory.u64(slot)
        if entry & Self.present != 0 { return entry & 0x000f_ffff_ffff_f000 }
        let new = allocate()
        memory.store(new | 3, slot)
        return new
    }
    /// Loads the tables and turns on what the CPU has of SMEP and SMAP.
    public func activate() {
        let features = cx86_cpuid_a(0, 0) >= 7 ? cx86_cpuid_b(7, 0) : 0
        var cr4 = cx86_read_cr4()
        if features & (1 << 7) != 0 { cr4 |= 1 << 20 }
        if features & (1 << 20) != 0 { cr4 |= 1 << 21 }
        cx86_write_cr3(root)
        cx86_write_cr4(cr4)
    }
}
