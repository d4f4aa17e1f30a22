// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// Memory maps.
extension Memory {
    /// Gives `domain` the memory map that it will see. `XENMEM_set_memory_map`.
    /// - Throws: `invalidArgument` for more than 1024 regions, `noSuchDomain`, `notPermitted`.
    public static func setMemoryMap(of domain: DomainID, to regions: [MemoryRegion]) throws(XenError) {
        var buffer = MemoryRegion.buffer(regions)
        var block = ArgumentBlock<ForeignMemoryMapLayout>()
        block[.domain] = domain.rawValue
        block[.entryCount] = UInt32(truncatingIfNeeded: regions.count)
        let result = Hypercall.withAddress(of: &buffer) {
            block[.buffer] = $0
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.setMemoryMap, &block)
        }
        try Hypercall.check(result)
    }
    /// This domain's memory map, at most `maximum` regions of it. `XENMEM_memory_map`.
    public static func memoryMap(maximum: Int = 128) throws(XenError) -> [MemoryRegion] {
        var buffer = HypercallBuffer(byteCount: maximum * E820EntryLayout.byteCount)
        var block = ArgumentBlock<MemoryMapLayout>()
        block[.entryCount] = UInt32(truncatingIfNeeded: maximum)
        let result = Hypercall.withAddress(of: &buffer) {
            block[.buffer] = $0
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.memoryMap, &block)
        }
        try Hypercall.check(result)
        var regions: [MemoryRegion] = []
        for index in 0..<min(Int(block[.entryCount]), maximum) {
            regions.append(MemoryRegion(from: buffer, at: index * E820EntryLayout.byteCount))
        }
        return regions
    }
    /// Calls `body` for each region of this domain's memory map. `XENMEM_memory_map`.
    /// - Returns: how many regions there are.
    public static func forEachRegion(_ body: (MemoryRegion) -> Void) throws(XenError) -> Int {
        guard let page = GuestPage() else { throw .noMemory }
        return try forEachRegion(through: page.memory, body)
    }
    /// The same, with a page to read the map into.
    static func forEachRegion(
        through buffer: MappedPage, _ body: (MemoryRegion) -> Void
    ) throws(XenError) -> Int {
        // 20-byte packed entries, 128 of them at most.
        var block = ArgumentBlock<MemoryMapLayout>()
        block[.entryCount] = 128
        block[.buffer] = buffer.address
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.memoryMap, &block)
        let count = min(Int(block[.entryCount]), 128)
        for index in 0..<count {
            let start = index * E820EntryLayout.byteCount
            body(
                MemoryRegion(
                    start: buffer.load(at: start, as: UInt64.self),
                    byteCount: buffer.load(at: start + 8, as: UInt64.self),
                    type: buffer.load(at: start + 16, as: UInt32.self)))
        }
        return count
    }
    /// Number of regions that devices need mapped one to one: 0. `XENMEM_reserved_device_memory_map`.
    public static func reservedDeviceRegionCount() throws(XenError) -> UInt32 {
        var block = ArgumentBlock<ReservedDeviceMemoryMapLayout>()
        block[.entryCount] = 0xFF
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.reservedDeviceMemoryMap, &block)
        return block[.entryCount]
    }
}
