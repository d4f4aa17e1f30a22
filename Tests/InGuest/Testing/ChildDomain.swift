// SPDX-License-Identifier: Apache-2.0
public import GuestABI
import SharedMemory
public import XenABI

/// A domain that a test builds from inside domain 0; destroyed when the value goes.
public struct ChildDomain: ~Copyable {
    public let id: DomainID
    private var exists = true

    /// Creates a domain with `vcpuCount` vCPUs and room for `pageCount` pages, none of them populated.
    public init(vcpuCount: UInt32 = 1, pageCount: UInt64) throws(XenError) {
        id = try Self.create(vcpuCount, pageCount)
    }
    private static func create(_ vcpuCount: UInt32, _ pageCount: UInt64) throws(XenError) -> DomainID {
        let id = try DomainControl.create(vcpuCount: vcpuCount)
        do throws(XenError) {
            try DomainControl.setMaximumVCPUs(vcpuCount, of: id)
            try DomainControl.setMaximumMemory(kibibytes: pageCount * 4, of: id)
            try DomainControl.setPagingPool(byteCount: 1 << 20, of: id)
        } catch {
            try? DomainControl.destroy(id)
            throw error
        }
        return id
    }

    /// Gives the domain memory at the page numbers from `first` on.
    public func populate(_ first: UInt64, count: UInt64) throws(XenError) {
        var frames: [GuestFrame] = []
        frames.reserveCapacity(Int(count))
        for number in first..<first + count { frames.append(GuestFrame(rawValue: number)) }
        if Memory.populate(frames, domain: id) != frames.count { throw .noMemory }
    }
    /// Maps one of the domain's pages for as long as `body` runs.
    public func withPage<R>(_ number: UInt64, _ body: (MappedPage) -> R) throws(XenError) -> R {
        guard let frame = ForeignWindow.frame else { throw .noMemory }
        try Memory.mapForeign(GuestFrame(rawValue: number), of: id, at: frame)
        let result = body(MappedPage(unsafeAddress: frame.address.rawValue))
        try Memory.removeFromPhysmap(frame)
        return result
    }
    /// Sets vCPU 0's registers to a state of the PVH entry: 32-bit, flat, paging off.
    public func setEntry32(_ entry: UInt64, rbx: UInt64 = 0) throws(XenError) {
        try setContext { cpu in
            cpu[.rip] = entry
            cpu[.rbx] = rbx
            cpu[.cr0] = 0x11
            cpu[.csAttributes] = 0xC9B
        }
    }
    /// Sets vCPU 0's registers to 64-bit code under the page table at `pageTable`.
    public func setEntry64(_ entry: UInt64, rbx: UInt64 = 0, pageTable: UInt64) throws(XenError) {
        try setContext { cpu in
            cpu[.rip] = entry
            cpu[.rbx] = rbx
            cpu[.rsp] = 0x2000
            cpu[.cr0] = 0x8001_0031
            cpu[.cr3] = pageTable
            cpu[.cr4] = 0x20
            cpu[.efer] = 0x500
            cpu[.csAttributes] = 0xA9B
        }
    }
    private func setContext(_ change: (inout HypercallBlock<HVMSaveCPULayout>) -> Void) throws(XenError) {
        var cpu = HypercallBlock<HVMSaveCPULayout>()
        cpu[.rflags] = 2
        cpu[.dr6] = 0xFFFF_0FF0
        cpu[.dr7] = 0x400
        for limit in [
            Field<HVMSaveCPULayout, UInt32>.csLimit, .dsLimit, .esLimit, .fsLimit, .gsLimit, .ssLimit,
        ] {
            cpu[limit] = 0xFFFF_FFFF
        }
        for attributes in [Field<HVMSaveCPULayout, UInt32>.dsAttributes, .esAttributes, .ssAttributes] {
            cpu[attributes] = 0xC93
        }
        cpu[.trLimit] = 0x67
        cpu[.trAttributes] = 0x8B
        change(&cpu)
        var context = SavedContext(cpuid: Processor.cpuid(1).eax)
        context.append(cpu, type: HVMSaveRecord.cpu)
        context.end()
        try DomainControl.setContext(of: id, to: context)
    }

    /// Populates pages 0 to 7, puts the tiny programs at 0x1000 and a page table for 64-bit code at 0x3000.
    public func loadTinyPrograms() throws(XenError) {
        try populate(0, count: 8)
        try withPage(1) { page in
            let source = MappedPage(unsafeAddress: GuestImage.tinyPrograms)
            for offset in stride(from: 0, to: 0x800, by: 8) {
                page.store(source.load(at: offset, as: UInt64.self), at: offset)
            }
        }
        try withPage(3) { $0.store(UInt64(0x4007), at: 0) }
        try withPage(4) { $0.store(UInt64(0x5007), at: 0) }
        try withPage(5) { $0.store(UInt64(0x87), at: 0) }
    }
    /// Pages of a domain that runs this guest's own image: low memory, start info, image and heap.
    public static var ownImagePageCount: UInt64 {
        lowPages + 1 + (GuestImage.end - GuestImage.start) >> 12 + heapPages
    }
    private static var lowPages: UInt64 { 16 }
    private static var heapPages: UInt64 { 512 }

    /// Fills the domain with this guest's image as it was at entry, and sets vCPU 0 to its entry point.
    public func loadOwnImage(commandLine: Text) throws(XenError) {
        let first = GuestImage.start >> 12 - 1
        let base = first << 12
        let pageCount = 1 + (GuestImage.end - GuestImage.start) >> 12 + Self.heapPages
        try populate(0, count: Self.lowPages)
        try populate(first, count: pageCount)
        var address = GuestImage.start
        while address < GuestImage.zeroedStart {
            try withPage(address >> 12) { target in
                for offset in stride(from: 0, to: 4096, by: 8) {
                    let at = address + UInt64(offset)
                    // Data that changed since the start comes from its copy.
                    let source =
                        at >= GuestImage.dataStart && at < GuestImage.dataEnd
                        ? GuestImage.initialData + (at - GuestImage.dataStart) : at
                    if at < GuestImage.zeroedStart {
                        target.store(
                            MappedPage(unsafeAddress: source).load(at: 0, as: UInt64.self), at: offset)
                    }
                }
            }
            address += 4096
        }
        try withPage(first) { target in
            let info = target.view(StartInfoLayout.self)
            info[.magic] = StartInfoMagic.value
            info[.version] = 1
            info[.commandLine] = base + 256
            info[.memoryMap] = base + 128
            info[.memoryMapCount] = 2
            let low = target.view(MemoryMapTableEntryLayout.self, at: 128)
            low[.size] = Self.lowPages << 12
            low[.type] = E820Type.ram
            let high = target.view(
                MemoryMapTableEntryLayout.self, at: 128 + MemoryMapTableEntryLayout.byteCount)
            high[.address] = base
            high[.size] = pageCount << 12
            high[.type] = E820Type.ram
            for index in 0..<commandLine.count { target.store(commandLine[index], at: 256 + index) }
        }
        try Memory.setMemoryMap(
            of: id,
            to: [
                MemoryRegion(start: 0, byteCount: Self.lowPages << 12, type: E820Type.ram),
                MemoryRegion(start: base, byteCount: pageCount << 12, type: E820Type.ram),
            ])
        try setEntry32(GuestImage.entry, rbx: base)
    }
    public func info() throws(XenError) -> DomainInfo { try DomainControl.info(id) }
    public func unpause() throws(XenError) { try DomainControl.unpause(id) }
    public func pause() throws(XenError) { try DomainControl.pause(id) }

    /// Waits until the domain has shut down; its reason, or nil when it did not within `nanoseconds`.
    public func waitForShutdown(nanoseconds: UInt64 = 3_000_000_000) throws(XenError) -> UInt32? {
        let exception = try OwnedPort(virtualInterrupt: VirtualInterrupt.domainException)
        let end = Clock.now + nanoseconds
        while true {
            let info = try info()
            if info.has(.shutdown) { return info.shutdownReason }
            if Clock.now >= end { return nil }
            Events.clear(exception.port)
            if try self.info().has(.shutdown) { continue }
            try Scheduler.poll(exception.port, until: end)
        }
    }
    /// Destroys the domain, and waits until its number names nothing any more.
    public consuming func destroy() throws(XenError) {
        exists = false
        let id = self.id
        try DomainControl.destroy(id)
        while let info = try? DomainControl.info(id), info.domain == id { try Scheduler.yield() }
    }
    deinit { if exists { try? DomainControl.destroy(id) } }
}

/// The page number at which pages of other domains are looked at, one at a time.
enum ForeignWindow {
    nonisolated(unsafe) private static var number: UInt64 = 0
    static var frame: GuestFrame? {
        if unsafe number == 0 { unsafe number = UnusedFrames.take()?.rawValue ?? 0 }
        let known = unsafe number
        return known == 0 ? nil : GuestFrame(rawValue: known)
    }
}
