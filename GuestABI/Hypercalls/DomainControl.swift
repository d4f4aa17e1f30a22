// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// What the hypervisor tells of a domain. `struct xen_domctl_getdomaininfo`.
public struct DomainInfo: BitwiseCopyable, Sendable {
    public var domain: DomainID
    /// Bits of `DomainInfoFlag`.
    public var flags: UInt32
    /// Pages it has, and may have.
    public var totalPages: UInt64
    public var maximumPages: UInt64
    /// Nanoseconds its vCPUs ran.
    public var cpuTime: UInt64
    public var onlineVCPUs: UInt32
    public var maximumVCPUID: UInt32
    public func has(_ flag: UInt32) -> Bool { flags & flag != 0 }
    /// Why it shut down; meaningless unless it did.
    public var shutdownReason: UInt32 {
        flags &>> DomainInfoFlag.shutdownShift & DomainInfoFlag.shutdownMask
    }
}

/// Operations on other domains, for the control domain. `HYPERVISOR_domctl`, `public/domctl.h`.
public enum DomainControl {
    /// A block for `operation` on `domain`, with the interface version set.
    public static func block(_ operation: UInt32, _ domain: DomainID) -> ArgumentBlock<DomctlLayout> {
        var block = ArgumentBlock<DomctlLayout>()
        block[.command] = operation
        block[.interfaceVersion] = DomctlVersion.value
        block[.domain] = domain.rawValue
        return block
    }
    /// Makes the call.
    public static func call(_ block: inout ArgumentBlock<DomctlLayout>) throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.domctl, &block))
    }
    /// An operation without arguments of its own.
    public static func call(_ operation: UInt32, _ domain: DomainID) throws(XenError) {
        var block = block(operation, domain)
        try call(&block)
    }
    private static var arguments: Int { DomctlLayout.argumentOffset }

    /// A PVH domain with `vcpuCount` vCPUs that do not exist yet, paused, without memory. `XEN_DOMCTL_createdomain`.
    public static func create(
        _ wanted: DomainID = DomainID(rawValue: 0), vcpuCount: UInt32,
        flags: UInt32 = CreateDomainFlag.hvm | CreateDomainFlag.hap, emulation: UInt32 = EmulationFlag.lapic,
        maximumEventPort: UInt32 = 1023
    ) throws(XenError) -> DomainID {
        var block = block(DomctlOperation.createDomain, wanted)
        for index in 0..<16 {
            block[Field<DomctlCreateDomainLayout, UInt8>.handle.element(index), at: arguments] = UInt8(
                index + 1)
        }
        block[Field<DomctlCreateDomainLayout, UInt32>.flags, at: arguments] = flags
        block[Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs, at: arguments] = vcpuCount
        block[Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort, at: arguments] = maximumEventPort
        block[Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, at: arguments] = 4
        block[Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames, at: arguments] = 4
        block[Field<DomctlCreateDomainLayout, UInt32>.grantOptions, at: arguments] = 1
        block[Field<DomctlCreateDomainLayout, UInt32>.emulationFlags, at: arguments] = emulation
        try call(&block)
        return DomainID(rawValue: block[.domain])
    }
    /// `XEN_DOMCTL_destroydomain`; called again for as long as the hypervisor asks.
    public static func destroy(_ domain: DomainID) throws(XenError) {
        try call(DomctlOperation.destroyDomain, domain)
    }
    public static func pause(_ domain: DomainID) throws(XenError) {
        try call(DomctlOperation.pauseDomain, domain)
    }
    public static func unpause(_ domain: DomainID) throws(XenError) {
        try call(DomctlOperation.unpauseDomain, domain)
    }
    /// The first existing domain from `domain` on. `XEN_DOMCTL_getdomaininfo`.
    public static func info(_ domain: DomainID) throws(XenError) -> DomainInfo {
        var block = block(DomctlOperation.getDomainInfo, domain)
        try call(&block)
        return DomainInfo(
            domain: DomainID(rawValue: block[Field<DomctlDomainInfoLayout, UInt16>.domain, at: arguments]),
            flags: block[Field<DomctlDomainInfoLayout, UInt32>.flags, at: arguments],
            totalPages: block[Field<DomctlDomainInfoLayout, UInt64>.totalPages, at: arguments],
            maximumPages: block[Field<DomctlDomainInfoLayout, UInt64>.maximumPages, at: arguments],
            cpuTime: block[Field<DomctlDomainInfoLayout, UInt64>.cpuTime, at: arguments],
            onlineVCPUs: block[Field<DomctlDomainInfoLayout, UInt32>.onlineVCPUs, at: arguments],
            maximumVCPUID: block[Field<DomctlDomainInfoLayout, UInt32>.maximumVCPUID, at: arguments])
    }
    /// Makes the vCPUs that `create` announced. `XEN_DOMCTL_max_vcpus`.
    public static func setMaximumVCPUs(_ count: UInt32, of domain: DomainID) throws(XenError) {
        var block = block(DomctlOperation.maximumVCPUs, domain)
        block[Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, at: arguments] = count
        try call(&block)
    }
    /// Most memory the domain may have, in KiB. `XEN_DOMCTL_max_mem`.
    public static func setMaximumMemory(kibibytes: UInt64, of domain: DomainID) throws(XenError) {
        var block = block(DomctlOperation.maximumMemory, domain)
        block[Field<DomctlMaximumMemoryLayout, UInt64>.kibibytes, at: arguments] = kibibytes
        try call(&block)
    }
    /// Bytes set aside for the domain's nested page tables. `XEN_DOMCTL_set_paging_mempool_size`.
    public static func setPagingPool(byteCount: UInt64, of domain: DomainID) throws(XenError) {
        var block = block(DomctlOperation.setPagingMempoolSize, domain)
        block[Field<DomctlPagingMempoolLayout, UInt64>.size, at: arguments] = byteCount
        try call(&block)
    }
    /// Loads saved records (HEADER, others, END) into the domain. `XEN_DOMCTL_sethvmcontext`.
    public static func setContext(of domain: DomainID, at address: UInt64, byteCount: UInt32) throws(XenError)
    {
        var block = block(DomctlOperation.setHVMContext, domain)
        block[Field<DomctlHVMContextLayout, UInt32>.size, at: arguments] = byteCount
        block[Field<DomctlHVMContextLayout, UInt64>.buffer, at: arguments] = address
        try call(&block)
    }
    /// Stores the domain's records at an address, or with address 0 says how large they are.
    /// `XEN_DOMCTL_gethvmcontext`.
    public static func context(
        of domain: DomainID, at address: UInt64, byteCount: UInt32
    ) throws(XenError) -> UInt32 {
        var block = block(DomctlOperation.getHVMContext, domain)
        block[Field<DomctlHVMContextLayout, UInt32>.size, at: arguments] = byteCount
        block[Field<DomctlHVMContextLayout, UInt64>.buffer, at: arguments] = address
        try call(&block)
        return block[Field<DomctlHVMContextLayout, UInt32>.size, at: arguments]
    }
}

/// What the hypervisor tells of the machine. `struct xen_sysctl_physinfo`.
public struct PhysicalInfo: BitwiseCopyable, Sendable {
    public var cpuCount: UInt32
    public var nodeCount: UInt32
    public var cpuKilohertz: UInt32
    /// Bits of `PhysicalCapability`.
    public var capabilities: UInt32
    public var totalPages: UInt64
    /// Pages nobody has, to be scrubbed pages included.
    public var freePages: UInt64
}

/// Operations on the machine, for the control domain. `HYPERVISOR_sysctl`, `public/sysctl.h`.
public enum SystemControl {
    public static func block(_ operation: UInt32) -> ArgumentBlock<SysctlLayout> {
        var block = ArgumentBlock<SysctlLayout>()
        block[.command] = operation
        block[.interfaceVersion] = SysctlVersion.value
        return block
    }
    public static func call(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.sysctl, &block))
    }
    private static var arguments: Int { SysctlLayout.argumentOffset }

    /// `XEN_SYSCTL_physinfo`.
    public static func physicalInfo() throws(XenError) -> PhysicalInfo {
        var block = block(SysctlOperation.physicalInfo)
        try call(&block)
        return PhysicalInfo(
            cpuCount: block[Field<SysctlPhysicalInfoLayout, UInt32>.cpuCount, at: arguments],
            nodeCount: block[Field<SysctlPhysicalInfoLayout, UInt32>.nodeCount, at: arguments],
            cpuKilohertz: block[Field<SysctlPhysicalInfoLayout, UInt32>.cpuKilohertz, at: arguments],
            capabilities: block[Field<SysctlPhysicalInfoLayout, UInt32>.capabilities, at: arguments],
            totalPages: block[Field<SysctlPhysicalInfoLayout, UInt64>.totalPages, at: arguments],
            freePages: block[Field<SysctlPhysicalInfoLayout, UInt64>.freePages, at: arguments]
                + block[Field<SysctlPhysicalInfoLayout, UInt64>.scrubPages, at: arguments])
    }
    /// One of `SchedulerID`. `XEN_SYSCTL_sched_id`.
    public static func schedulerID() throws(XenError) -> UInt32 {
        var block = block(SysctlOperation.schedulerID)
        try call(&block)
        return block[Field<SysctlSchedulerIDLayout, UInt32>.schedulerID, at: arguments]
    }
    /// How many domains there are from `first` on, at most one page of them stored at `address`.
    /// `XEN_SYSCTL_getdomaininfolist`.
    public static func domainList(
        from first: DomainID, maximum: UInt32, at address: UInt64
    ) throws(XenError) -> UInt32 {
        var block = block(SysctlOperation.getDomainInfoList)
        block[Field<SysctlDomainInfoListLayout, UInt16>.firstDomain, at: arguments] = first.rawValue
        block[Field<SysctlDomainInfoListLayout, UInt32>.maximumDomains, at: arguments] = maximum
        block[Field<SysctlDomainInfoListLayout, UInt64>.buffer, at: arguments] = address
        try call(&block)
        return block[Field<SysctlDomainInfoListLayout, UInt32>.domainCount, at: arguments]
    }
    /// Copies the hypervisor's log to `address`; returns how many bytes. `XEN_SYSCTL_readconsole`.
    public static func readLog(at address: UInt64, byteCount: UInt32) throws(XenError) -> UInt32 {
        var block = block(SysctlOperation.readConsole)
        block[Field<SysctlReadConsoleLayout, UInt64>.buffer, at: arguments] = address
        block[Field<SysctlReadConsoleLayout, UInt32>.count, at: arguments] = byteCount
        try call(&block)
        return block[Field<SysctlReadConsoleLayout, UInt32>.count, at: arguments]
    }
}

/// Platform operations, for the hardware domain. `HYPERVISOR_platform_op`, `public/platform.h`.
public enum PlatformControl {
    public static func block(_ operation: UInt32) -> ArgumentBlock<PlatformLayout> {
        var block = ArgumentBlock<PlatformLayout>()
        block[.command] = operation
        block[.interfaceVersion] = PlatformVersion.value
        return block
    }
    public static func call(_ block: inout ArgumentBlock<PlatformLayout>) throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.platform, &block))
    }
    private static var arguments: Int { PlatformLayout.argumentOffset }

    /// Sets the time of day at a system time. `XENPF_settime64`.
    public static func setTime(
        seconds: UInt64, nanoseconds: UInt32, systemTime: UInt64, mustBeZero: UInt32 = 0
    ) throws(XenError) {
        var block = block(PlatformOperation.setTime64)
        block[Field<PlatformSetTime64Layout, UInt64>.seconds, at: arguments] = seconds
        block[Field<PlatformSetTime64Layout, UInt32>.nanoseconds, at: arguments] = nanoseconds
        block[Field<PlatformSetTime64Layout, UInt32>.mustBeZero, at: arguments] = mustBeZero
        block[Field<PlatformSetTime64Layout, UInt64>.systemTime, at: arguments] = systemTime
        try call(&block)
    }
    /// One physical CPU: highest number present, and bits of `PhysicalCPUFlag`. `XENPF_get_cpuinfo`.
    public static func cpuInfo(_ number: UInt32) throws(XenError) -> (maximumPresent: UInt32, flags: UInt32) {
        var block = block(PlatformOperation.getCPUInfo)
        block[Field<PlatformCPUInfoLayout, UInt32>.cpu, at: arguments] = number
        try call(&block)
        return (
            block[Field<PlatformCPUInfoLayout, UInt32>.maximumPresent, at: arguments],
            block[Field<PlatformCPUInfoLayout, UInt32>.flags, at: arguments]
        )
    }
}
