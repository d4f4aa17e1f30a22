// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// What the machine has. `struct xen_sysctl_physinfo`.
public struct PhysicalInfo: Sendable {
    public let threadsPerCore: UInt32
    public let coresPerSocket: UInt32
    public let cpuCount: UInt32
    public let nodeCount: UInt32
    public let cpuKilohertz: UInt32
    /// `PhysicalCapability` bits.
    public let capabilities: UInt32
    public let totalPages: UInt64
    /// Pages free, those not yet cleaned included.
    public let freePages: UInt64
    public let scrubPages: UInt64
    /// Pages claimed and not yet allocated.
    public let outstandingPages: UInt64
}

extension XenControl {
    /// What the machine has. `XEN_SYSCTL_physinfo`.
    public func physicalInfo() throws(XenCallError) -> PhysicalInfo {
        let view = sysctl(SysctlOperation.physicalInfo, SysctlPhysicalInfoLayout.self)
        try runSysctl("XEN_SYSCTL_physinfo")
        return PhysicalInfo(
            threadsPerCore: view[.threadsPerCore], coresPerSocket: view[.coresPerSocket],
            cpuCount: view[.cpuCount],
            nodeCount: view[.nodeCount], cpuKilohertz: view[.cpuKilohertz], capabilities: view[.capabilities],
            totalPages: view[.totalPages], freePages: view[.freePages], scrubPages: view[.scrubPages],
            outstandingPages: view[.outstandingPages])
    }

    /// Reads the hypervisor's log, oldest first. `XEN_SYSCTL_readconsole`.
    ///
    /// - Parameters:
    ///   - index: where to go on; nil for all there is. Set to where the next call goes on.
    ///   - clear: forget what was read.
    public func readConsole(index: inout UInt32?, clear: Bool = false) throws(XenCallError) -> [UInt8] {
        var text: [UInt8] = []
        let size = 16384
        let buffer = try listBuffer(byteCount: size)
        var next = index ?? 0
        var isIncremental = index != nil
        while true {
            let view = sysctl(SysctlOperation.readConsole, SysctlReadConsoleLayout.self)
            view[.clear] = clear ? 1 : 0
            view[.incremental] = isIncremental ? 1 : 0
            view[.index] = next
            view[.buffer] = buffer.address
            view[.count] = UInt32(size)
            try runSysctl("XEN_SYSCTL_readconsole")
            let count = min(size, Int(view[.count]))
            text += buffer.read(at: 0, count: count)
            next = view[.index]
            isIncremental = true
            if count < size || clear { break }
        }
        index = next
        return text
    }

    /// The default scheduler (`SchedulerID`). `XEN_SYSCTL_sched_id`.
    public func schedulerID() throws(XenCallError) -> UInt32 {
        let view = sysctl(SysctlOperation.schedulerID, SysctlSchedulerIDLayout.self)
        try runSysctl("XEN_SYSCTL_sched_id")
        return view[.schedulerID]
    }

    /// The first CPU pool whose number is at least `pool`: its number, scheduler and number of domains.
    /// `XEN_SYSCTL_CPUPOOL_OP_INFO`.
    public func cpuPool(from pool: UInt32 = 0) throws(XenCallError) -> (
        pool: UInt32, scheduler: UInt32, domains: UInt32
    ) {
        let buffer = try listBuffer(byteCount: 512)
        let view = sysctl(SysctlOperation.cpupool, SysctlCPUPoolLayout.self)
        view[.operation] = CPUPoolOperation.info
        view[.cpupool] = pool
        view[.bitmap] = buffer.address
        view[.bitCount] = 4096
        try runSysctl("XEN_SYSCTL_CPUPOOL_OP_INFO")
        return (view[.cpupool], view[.schedulerID], view[.domainCount])
    }

    /// Sends keys as if typed at the hypervisor's console. `XEN_SYSCTL_debug_keys`.
    public func sendDebugKeys(_ keys: [UInt8]) throws(XenCallError) {
        let buffer = try listBuffer(byteCount: keys.count)
        buffer.write(keys, at: 0)
        let view = sysctl(SysctlOperation.debugKeys, SysctlDebugKeysLayout.self)
        view[.keys] = buffer.address
        view[.keyCount] = UInt32(keys.count)
        try runSysctl("XEN_SYSCTL_debug_keys")
    }

    /// The hypervisor's version: major in the high, minor in the low 16 bits. `XENVER_version`.
    public func version() throws(XenCallError) -> UInt32 {
        UInt32(
            truncatingIfNeeded: try call(
                HypercallNumber.version, UInt64(VersionOperation.version), name: "XENVER_version"))
    }

    private func versionText(
        _ operation: UInt32, _ byteCount: Int, _ name: StaticString
    ) throws(XenCallError) -> String {
        clearBlock(byteCount)
        _ = try call(HypercallNumber.version, UInt64(operation), blockAddress, name: name)
        return String(decoding: block.read(at: 0, count: byteCount).prefix { $0 != 0 }, as: UTF8.self)
    }

    /// What follows the version, such as ".7". `XENVER_extraversion`.
    public func extraVersion() throws(XenCallError) -> String {
        try versionText(VersionOperation.extraVersion, VersionTextSize.extraVersion, "XENVER_extraversion")
    }
    /// The kinds of guests the hypervisor runs. `XENVER_capabilities`.
    public func capabilities() throws(XenCallError) -> String {
        try versionText(VersionOperation.capabilities, VersionTextSize.capabilities, "XENVER_capabilities")
    }
    /// The source the hypervisor was built from. `XENVER_changeset`.
    public func changeset() throws(XenCallError) -> String {
        try versionText(VersionOperation.changeset, VersionTextSize.changeset, "XENVER_changeset")
    }
    /// The hypervisor's command line. `XENVER_commandline`.
    public func commandLine() throws(XenCallError) -> String {
        try versionText(VersionOperation.commandLine, VersionTextSize.commandLine, "XENVER_commandline")
    }

    /// How the hypervisor was built: compiler, user, host, date. `XENVER_compile_info`.
    public func compileInfo() throws(XenCallError) -> (
        compiler: String, by: String, domain: String, date: String
    ) {
        clearBlock(CompileInfoLayout.byteCount)
        _ = try call(
            HypercallNumber.version, UInt64(VersionOperation.compileInfo), blockAddress,
            name: "XENVER_compile_info")
        func text(_ field: Field<CompileInfoLayout, UInt8>, _ count: Int) -> String {
            String(decoding: block.read(at: field.offset, count: count).prefix { $0 != 0 }, as: UTF8.self)
        }
        return (text(.compiler, 64), text(.compileBy, 16), text(.compileDomain, 32), text(.compileDate, 32))
    }
}
