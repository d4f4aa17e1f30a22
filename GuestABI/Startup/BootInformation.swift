// SPDX-License-Identifier: Apache-2.0
import CGuest
import SharedMemory
import XenABI

/// What the loader told: copied at start, so that its memory may be used for something else.
public struct BootInformation {
    /// Bits of `StartInfoFlag`.
    public fileprivate(set) var flags: UInt32 = 0
    public fileprivate(set) var commandLine = Text()
    /// Guest-physical address of the ACPI root pointer, 0 for none.
    public fileprivate(set) var rsdp: UInt64 = 0
    public fileprivate(set) var regionCount = 0
    var regions: InlineArray<64, MemoryRegion> = InlineArray(
        repeating: MemoryRegion(start: 0, byteCount: 0, type: 0))

    /// Region `index` of the memory map, below `regionCount`.
    public func region(_ index: Int) -> MemoryRegion { regions[index] }
    /// The time stamp counter at the guest's first instruction, in ticks. What start-up took is
    /// `Processor.timestamp - entryTimestamp` at the start of the guest's main function.
    public static var entryTimestamp: UInt64 { guest_get_entry_time() }
    /// Whether this is the control domain.
    public var isInitialDomain: Bool { flags & StartInfoFlag.initialDomain != 0 }

    // SAFETY: written once, before the guest's main function runs.
    nonisolated(unsafe) private static var storage: BootInformation?
    /// What the loader told this guest.
    public static var current: BootInformation {
        // SAFETY: written once, before the guest's main function.
        unsafe storage ?? BootInformation()
    }

    /// Reads start info and sets up the page allocator from the memory map.
    static func setUp(startInfo address: UInt64) {
        let info = view(address, StartInfoLayout.self)
        guard info[.magic] == StartInfoMagic.value else {
            panic("start info at \(hex: address) has magic \(hex: info[.magic])")
        }
        var boot = BootInformation()
        boot.flags = info[.flags]
        boot.rsdp = info[.rsdp]
        var taken: InlineArray<16, (UInt64, UInt64)> = InlineArray(repeating: (0, 0))
        var takenCount = 0
        func take(_ start: UInt64, _ byteCount: UInt64) {
            if takenCount < 16 {
                taken[takenCount] = (start, start + byteCount)
                takenCount += 1
            }
        }
        take(guest_address_image_start(), guest_address_image_end() - guest_address_image_start())
        take(address, UInt64(StartInfoLayout.byteCount))
        if info[.commandLine] != 0 {
            var at = info[.commandLine]
            while boot.commandLine.count < Text.capacity, byte(at) != 0 {
                boot.commandLine.append(byte: byte(at))
                at += 1
            }
            take(info[.commandLine], 4096)
        }
        let moduleCount = min(UInt64(info[.moduleCount]), 8)
        if moduleCount > 0 {
            take(info[.moduleList], moduleCount * UInt64(ModuleListEntryLayout.byteCount))
            for index in 0..<moduleCount {
                let module = view(
                    info[.moduleList] + index * UInt64(ModuleListEntryLayout.byteCount),
                    ModuleListEntryLayout.self)
                take(module[.address], module[.size])
            }
        }
        if info[.version] >= 1, info[.memoryMap] != 0, info[.memoryMapCount] != 0 {
            let count = UInt64(info[.memoryMapCount])
            take(info[.memoryMap], count * UInt64(MemoryMapTableEntryLayout.byteCount))
            for index in 0..<count {
                let entry = view(
                    info[.memoryMap] + index * UInt64(MemoryMapTableEntryLayout.byteCount),
                    MemoryMapTableEntryLayout.self)
                boot.add(MemoryRegion(start: entry[.address], byteCount: entry[.size], type: entry[.type]))
            }
        } else {
            do throws(XenError) {
                // No page can be taken yet: the stack for ring 3 is not in use before the guest's main function.
                let buffer = MappedPage(unsafeAddress: guest_address_user_stack_top() - 4096)
                _ = try Memory.forEachRegion(through: buffer) { boot.add($0) }
            } catch {
                panic("no memory map: XENMEM_memory_map gave \(error)")
            }
        }
        boot.setUpMemory(taken: taken, count: takenCount)
        // SAFETY: written here once, before the guest's main function runs.
        unsafe storage = boot
    }

    private mutating func add(_ region: MemoryRegion) {
        guard regionCount < 64 else { return }
        regions[regionCount] = region
        regionCount += 1
    }

    /// Gives the page allocator the largest free piece of the RAM region that the image lies in.
    private func setUpMemory(taken: InlineArray<16, (UInt64, UInt64)>, count: Int) {
        let image = guest_address_image_start()
        var top: UInt64 = 0
        var best: (UInt64, UInt64) = (0, 0)
        for index in 0..<regionCount {
            let region = regions[index]
            if region.type != E820Type.reserved && region.end <= 1 << 46 { top = max(top, region.end) }
            guard region.type == E820Type.ram, region.start <= image, image < region.end else { continue }
            for candidate in 0..<count {
                let start = (taken[candidate].1 + 4095) & ~4095
                var end = min(region.end, 4 << 30) & ~4095
                guard start >= image, start < end else { continue }
                for other in 0..<count where taken[other].1 > start && taken[other].0 < end {
                    end = min(end, max(taken[other].0 & ~4095, start))
                }
                if end - start > best.1 - best.0 { best = (start, end) }
            }
        }
        guard best.1 - best.0 >= 1 << 20 else { panic("no megabyte of free memory behind the image") }
        PageAllocator.setUp(from: best.0, to: best.1)
        UnusedFrames.setUp(aboveMemory: top)
    }

    private static func view<Layout: ABILayout>(_ address: UInt64, _ layout: Layout.Type) -> ABIView<Layout> {
        // The loader's structures lie below 4 GiB, identity mapped; they may cross a page border.
        // SAFETY: as above.
        unsafe ABIView(unsafeBase: rawPointer(address))
    }
    private static func byte(_ address: UInt64) -> UInt8 {
        MappedPage(unsafeAddress: address).load(at: 0, as: UInt8.self)
    }
}
