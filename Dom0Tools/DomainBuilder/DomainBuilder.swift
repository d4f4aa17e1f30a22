// SPDX-License-Identifier: Apache-2.0
import Glibc
public import LinuxXen
public import XenABI

/// What a domain shall be.
public struct DomainSpecification: Sendable {
    /// A bzImage or an ELF file with a PVH entry.
    public var kernelPath: String
    public var ramdiskPath: String?
    public var commandLine: String
    /// RAM the domain starts with.
    public var memoryKiB: UInt64
    /// RAM it may grow to; less than `memoryKiB` counts as `memoryKiB`.
    public var maximumMemoryKiB: UInt64
    public var vcpuCount: Int
    /// 16 bytes.
    public var uuid: [UInt8]
    /// Highest event port.
    public var maximumEventPorts = 1023
    public var maximumGrantFrames = 64
    public var maximumMaptrackFrames = 1024

    public init(
        kernelPath: String, ramdiskPath: String? = nil, commandLine: String = "", memoryKiB: UInt64,
        maximumMemoryKiB: UInt64 = 0, vcpuCount: Int = 1, uuid: [UInt8]
    ) {
        self.kernelPath = kernelPath
        self.ramdiskPath = ramdiskPath
        self.commandLine = commandLine
        self.memoryKiB = memoryKiB
        self.maximumMemoryKiB = maximumMemoryKiB
        self.vcpuCount = vcpuCount
        self.uuid = uuid
    }
}

/// A domain that is built and paused, ready to be introduced to the store and unpaused.
public struct BuiltDomain: Sendable {
    public let id: DomainID
    /// The store's ring page.
    public let storeFrame: GuestFrame
    /// The guest's port for the store, unbound and reserved for domain 0.
    public let storePort: EventPort
    /// The console's ring page.
    public let consoleFrame: GuestFrame
    /// The guest's port for the console, unbound and reserved for domain 0.
    public let consolePort: EventPort
}

/// Builds PVH domains as libxl does: creates the domain, gives it memory, loads kernel and ramdisk, writes start info and
/// ACPI tables, and sets vCPU 0 to the kernel's entry.
public struct DomainBuilder {
    private let control: XenControl
    private let kernels: KernelLibrary

    /// - Parameters:
    ///   - cacheFolder: where decompressed kernels are kept; nil for nowhere.
    public init(control: XenControl, cacheFolder: String? = "/var/cache/swiftvisor") {
        self.control = control
        kernels = KernelLibrary(cacheFolder: cacheFolder)
    }

    /// Most vCPUs a domain may have, as Xen's `HVM_MAX_VCPUS`.
    public static let maximumVCPUs = 128
    /// Most bytes of a command line; Linux uses 2047 of them.
    public static let maximumCommandLine = 4095
    /// Most memory: what Xen's HVM domains can have at 46 address bits, halved to stay clear of every hole.
    public static let maximumMemoryKiB: UInt64 = 1 << 35

    /// Builds a domain and leaves it paused.
    ///
    /// - Parameter progress: told what is being done.
    /// - Throws: `BuilderError`; then the domain is destroyed and nothing is left behind.
    public func build(
        _ specification: DomainSpecification, progress: (String) -> Void = { _ in }
    ) throws(BuilderError) -> BuiltDomain {
        let plan = try BuildPlan(specification, kernels: kernels, progress: progress)
        try checkFreeMemory(plan)
        progress("creating the domain")
        let id = try create(specification)
        do {
            return try populate(id, plan, progress)
        } catch {
            try? control.destroyDomain(id)
            throw error
        }
    }

    /// Runs a step, naming it if it fails.
    private func step<Value>(
        _ name: String, _ body: () throws(XenCallError) -> Value
    ) throws(BuilderError) -> Value {
        do {
            return try body()
        } catch {
            throw .hypervisor(step: name, error)
        }
    }

    private var freeKiB: UInt64? {
        guard let info = try? control.physicalInfo() else { return nil }
        let free = info.freePages > info.outstandingPages ? info.freePages - info.outstandingPages : 0
        return free * 4
    }

    private func checkFreeMemory(_ plan: BuildPlan) throws(BuilderError) {
        guard let free = freeKiB else { return }
        guard plan.neededKiB <= free else { throw .notEnoughMemory(neededKiB: plan.neededKiB, freeKiB: free) }
    }

    private func create(_ specification: DomainSpecification) throws(BuilderError) -> DomainID {
        var creation = DomainCreation(
            handle: specification.uuid, maximumVCPUs: UInt32(specification.vcpuCount))
        creation.maximumEventPort = UInt32(specification.maximumEventPorts)
        creation.maximumGrantFrames = Int32(specification.maximumGrantFrames)
        creation.maximumMaptrackFrames = Int32(specification.maximumMaptrackFrames)
        let final = creation
        return try step("create the domain") { () throws(XenCallError) in try control.createDomain(final) }
    }

    private func populate(
        _ id: DomainID, _ plan: BuildPlan, _ progress: (String) -> Void
    ) throws(BuilderError) -> BuiltDomain {
        let specification = plan.specification
        let page = UInt64(pageSize)
        let layout = plan.layout
        try step("prepare the domain") { () throws(XenCallError) in
            try control.setMaximumVCPUs(UInt32(specification.vcpuCount), of: id)
            try control.setMaximumMemory(kibibytes: plan.maximumKiB, of: id)
        }
        try enoughMemory(plan) { () throws(XenCallError) in
            try control.setPagingMempool(byteCount: plan.pagingPoolKiB * 1024, of: id)
        }

        progress("allocating \(specification.memoryKiB) KiB")
        try allocate(0, layout.lowMemoryEnd / page, id, plan)
        if layout.highMemoryByteCount > 0 {
            try allocate(DomainLayout.highMemoryStart / page, layout.highMemoryByteCount / page, id, plan)
        }
        try allocate(DomainLayout.lowMemoryLimit / page, layout.acpiPageCount, id, plan)
        try allocate(DomainLayout.storeFrame, 1, id, plan)
        try allocate(DomainLayout.identityPageTableFrame, 2, id, plan)

        progress("loading \(specification.kernelPath)")
        try step("write the domain's memory") { () throws(XenCallError) in
            for segment in plan.kernel.image.segments where segment.fileByteCount > 0 {
                let start = Int(segment.fileOffset)
                try plan.kernel.content.withSpan(start..<start + Int(segment.fileByteCount)) {
                    bytes throws(XenCallError) in
                    try control.writeNonzero(bytes, to: id, at: GuestPhysical(rawValue: segment.address))
                }
            }
            if let ramdisk = plan.ramdisk {
                try ramdisk.withSpan(0..<ramdisk.count) { bytes throws(XenCallError) in
                    try control.write(bytes, to: id, at: GuestPhysical(rawValue: layout.ramdiskAddress))
                }
            }
            let address = layout.startInfoAddress
            try control.write(
                plan.startInfo.encode(at: address), to: id, at: GuestPhysical(rawValue: address))
            try control.write(
                plan.acpi.tables, to: id, at: GuestPhysical(rawValue: DomainLayout.lowMemoryLimit))
            try control.write(
                plan.acpi.rootPointer, to: id, at: GuestPhysical(rawValue: layout.rootPointerAddress))
            try control.write(
                Self.identityPageTable, to: id,
                at: GuestPhysical(rawValue: DomainLayout.identityPageTableFrame * page))
        }

        progress("setting up the first vCPU")
        return try step("set the domain up") { () throws(XenCallError) in
            let store = try control.allocateUnboundPort(of: id, for: .zero)
            let console = try control.allocateUnboundPort(of: id, for: .zero)
            try control.setHVMParameter(HVMParameter.storeFrame, to: DomainLayout.storeFrame, of: id)
            try control.setHVMParameter(HVMParameter.storePort, to: UInt64(store.rawValue), of: id)
            try control.setHVMParameter(HVMParameter.consoleFrame, to: DomainLayout.consoleFrame, of: id)
            try control.setHVMParameter(HVMParameter.consolePort, to: UInt64(console.rawValue), of: id)
            try control.setHVMParameter(
                HVMParameter.identityPageTable, to: DomainLayout.identityPageTableFrame * page, of: id)
            // Without this a triple fault counts as a reboot, and a kernel that dies at once is started again for ever.
            try control.setHVMParameter(
                HVMParameter.tripleFaultReason, to: UInt64(ShutdownReason.crash), of: id)
            try control.setMemoryMap(layout.memoryMap, of: id)
            try control.setHVMContext(
                FirstContext.records(
                    entry: plan.entry, startInfo: layout.startInfoAddress, vcpuCount: specification.vcpuCount),
                of: id)
            try seedGrants(id)
            return BuiltDomain(
                id: id, storeFrame: GuestFrame(rawValue: DomainLayout.storeFrame), storePort: store,
                consoleFrame: GuestFrame(rawValue: DomainLayout.consoleFrame), consolePort: console)
        }
    }

    /// Runs a step that allocates; lack of memory gets the error that tells how much is needed and free.
    private func enoughMemory<Value>(
        _ plan: BuildPlan, _ body: () throws(XenCallError) -> Value
    ) throws(BuilderError) -> Value {
        do {
            return try body()
        } catch  where error.errno == ENOMEM {
            throw .notEnoughMemory(neededKiB: plan.neededKiB, freeKiB: freeKiB ?? 0)
        } catch {
            throw .hypervisor(step: "allocate the domain's memory", error)
        }
    }

    /// Gives the domain `count` pages from frame `first` on, in extents as large as can be had.
    private func allocate(_ first: UInt64, _ count: UInt64, _ id: DomainID, _ plan: BuildPlan)
        throws(BuilderError)
    {
        let end = first + count
        var at = first
        var order: UInt32 = 18
        while at < end {
            // The largest extent that is aligned here and ends in time.
            while order > 0, at & ((1 << UInt64(order)) - 1) != 0 || end - at < 1 << UInt64(order) {
                order = order == 18 ? 9 : 0
            }
            let size: UInt64 = 1 << UInt64(order)
            // As many of these as come before the next border at which larger ones may be used.
            var wanted = (end - at) / size
            if order == 0 { wanted = min(wanted, 512 - at % 512) }
            if order == 9 { wanted = min(wanted, (1 << 18 - at % (1 << 18)) / 512) }
            let start = at
            let count = wanted
            let got = try enoughMemory(plan) { () throws(XenCallError) in
                try control.populate(id, first: GuestFrame(rawValue: start), count: count, order: order)
            }
            at += got * size
            if got == wanted {
                order = 18
            } else if order == 0 {
                throw .notEnoughMemory(neededKiB: plan.neededKiB, freeKiB: freeKiB ?? 0)
            } else {
                // No such large extent free: the next smaller size until the next border.
                order = order == 18 ? 9 : 0
                let stop = min(end, (at / size + 1) * size)
                try allocateSmall(at, stop, order, id, plan)
                at = stop
                order = 18
            }
        }
    }

    /// Gives the domain the pages up to `end` in extents of `order`, or 4 KiB where even these are short.
    private func allocateSmall(
        _ first: UInt64, _ end: UInt64, _ order: UInt32, _ id: DomainID, _ plan: BuildPlan
    ) throws(BuilderError) {
        var at = first
        if order > 0 {
            let got = try enoughMemory(plan) { () throws(XenCallError) in
                try control.populate(
                    id, first: GuestFrame(rawValue: first), count: (end - first) >> UInt64(order),
                    order: order)
            }
            at += got << UInt64(order)
        }
        guard at < end else { return }
        let start = at
        let got = try enoughMemory(plan) { () throws(XenCallError) in
            try control.populate(id, first: GuestFrame(rawValue: start), count: end - start, order: 0)
        }
        guard at + got == end else {
            throw .notEnoughMemory(neededKiB: plan.neededKiB, freeKiB: freeKiB ?? 0)
        }
    }

    /// Grants domain 0 the console's and the store's ring page, by the references that have this fixed use.
    private func seedGrants(_ id: DomainID) throws(XenCallError) {
        let table = try control.mapResource(ResourceType.grantTable, id: GrantTableResource.shared, of: id)
        for (reference, frame) in [
            (ReservedGrantReference.console, DomainLayout.consoleFrame),
            (ReservedGrantReference.store, DomainLayout.storeFrame),
        ] {
            let entry = table.shared(
                as: GrantEntryV1Layout.self, at: Int(reference) * GrantEntryV1Layout.byteCount)
            entry.store(UInt32(truncatingIfNeeded: frame), to: .frame)
            entry.store(DomainID.zero.rawValue, to: .domain)
            entry.store(GrantEntryFlag.permitAccess, to: .flags)
        }
    }

    /// 1024 entries that map the first 4 GiB one to one in 4 MiB pages: present, writable, user, accessed, dirty, large.
    /// Processors that cannot run a guest without paging run it on these.
    private static var identityPageTable: [UInt8] {
        var writer = ByteWriter()
        for entry in UInt32(0)..<1024 { writer.append(entry << 22 | 0xe7) }
        return writer.bytes
    }
}
