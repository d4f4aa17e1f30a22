// SPDX-License-Identifier: Apache-2.0
import Glibc
import SharedMemory
public import XenABI

/// The fixed properties of a domain to be created. `struct xen_domctl_createdomain`.
public struct DomainCreation: Sendable {
    /// The number wanted; domain 0 means the next free one.
    public var wanted = DomainID.zero
    /// UUID, 16 bytes.
    public var handle: [UInt8]
    /// `CreateDomainFlag` bits.
    public var flags = CreateDomainFlag.hvm | CreateDomainFlag.hap
    public var maximumVCPUs: UInt32
    /// Highest event port the domain may use.
    public var maximumEventPort: UInt32 = 1023
    public var maximumGrantFrames: Int32 = 64
    public var maximumMaptrackFrames: Int32 = 1024
    /// Newest grant table version the domain may choose.
    public var grantVersion: UInt32 = 1
    /// `EmulationFlag` bits.
    public var emulationFlags = EmulationFlag.lapic

    public init(handle: [UInt8], maximumVCPUs: UInt32) {
        self.handle = handle
        self.maximumVCPUs = maximumVCPUs
    }
}

/// What a domain is and uses now. `struct xen_domctl_getdomaininfo`.
public struct DomainInfo: Sendable {
    public let id: DomainID
    /// `DomainInfoFlag` bits.
    public let flags: UInt32
    public let totalPages: UInt64
    public let maximumPages: UInt64
    public let outstandingPages: UInt64
    /// Time its vCPUs ran, in nanoseconds.
    public let cpuTime: UInt64
    public let onlineVCPUs: UInt32
    /// Highest vCPU number, or nil if it has none.
    public let maximumVCPUID: UInt32?
    /// UUID, 16 bytes.
    public let handle: [UInt8]
    public let cpupool: UInt32

    public var isDying: Bool { flags & DomainInfoFlag.dying != 0 }
    public var isShutDown: Bool { flags & DomainInfoFlag.shutdown != 0 }
    public var isPaused: Bool { flags & DomainInfoFlag.paused != 0 }
    public var isBlocked: Bool { flags & DomainInfoFlag.blocked != 0 }
    public var isRunning: Bool { flags & DomainInfoFlag.running != 0 }
    /// A `ShutdownReason`, or nil while the domain is not shut down.
    public var shutdownReason: UInt32? {
        isShutDown ? flags >> DomainInfoFlag.shutdownShift & DomainInfoFlag.shutdownMask : nil
    }

    init(_ view: ABIView<DomctlDomainInfoLayout>) {
        id = DomainID(rawValue: view[.domain])
        flags = view[.flags]
        totalPages = view[.totalPages]
        maximumPages = view[.maximumPages]
        outstandingPages = view[.outstandingPages]
        cpuTime = view[.cpuTime]
        onlineVCPUs = view[.onlineVCPUs]
        let highest = view[.maximumVCPUID]
        maximumVCPUID = highest == DomainInfoLimit.noVCPUs ? nil : highest
        handle = (0..<16).map { view[Field<DomctlDomainInfoLayout, UInt8>.handle.element($0)] }
        cpupool = view[.cpupool]
    }
}

/// What a vCPU is doing now. `struct xen_domctl_getvcpuinfo`.
public struct VCPUInfo: Sendable {
    public let isOnline: Bool
    public let isBlocked: Bool
    public let isRunning: Bool
    /// Time it ran, in nanoseconds.
    public let cpuTime: UInt64
    /// Physical CPU it ran on last.
    public let cpu: UInt32
}

extension XenControl {
    /// Creates a domain, paused, without memory and vCPUs. `XEN_DOMCTL_createdomain`.
    public func createDomain(_ creation: DomainCreation) throws(XenCallError) -> DomainID {
        let view = domctl(DomctlOperation.createDomain, creation.wanted, DomctlCreateDomainLayout.self)
        for (index, byte) in creation.handle.prefix(16).enumerated() {
            view[Field<DomctlCreateDomainLayout, UInt8>.handle.element(index)] = byte
        }
        view[.flags] = creation.flags
        view[.maximumVCPUs] = creation.maximumVCPUs
        view[.maximumEventPort] = creation.maximumEventPort
        view[.maximumGrantFrames] = creation.maximumGrantFrames
        view[.maximumMaptrackFrames] = creation.maximumMaptrackFrames
        view[.grantOptions] = creation.grantVersion & GrantOption.versionMask
        view[.emulationFlags] = creation.emulationFlags
        try runDomctl("XEN_DOMCTL_createdomain")
        return DomainID(rawValue: block.view(as: DomctlLayout.self)[.domain])
    }

    /// Ends a domain and takes back what it holds. `XEN_DOMCTL_destroydomain`.
    public func destroyDomain(_ domain: DomainID) throws(XenCallError) {
        while true {
            do {
                return try simpleDomctl(DomctlOperation.destroyDomain, domain, "XEN_DOMCTL_destroydomain")
            } catch  where error.errno == 85 {  // XEN_ERESTART: the work is done in pieces.
                continue
            }
        }
    }

    /// Stops a domain's vCPUs; counted. `XEN_DOMCTL_pausedomain`.
    public func pauseDomain(_ domain: DomainID) throws(XenCallError) {
        try simpleDomctl(DomctlOperation.pauseDomain, domain, "XEN_DOMCTL_pausedomain")
    }

    /// Undoes one pause. A new domain starts with one. `XEN_DOMCTL_unpausedomain`.
    public func unpauseDomain(_ domain: DomainID) throws(XenCallError) {
        try simpleDomctl(DomctlOperation.unpauseDomain, domain, "XEN_DOMCTL_unpausedomain")
    }

    /// Lets a domain that suspended go on. `XEN_DOMCTL_resumedomain`.
    public func resumeDomain(_ domain: DomainID) throws(XenCallError) {
        try simpleDomctl(DomctlOperation.resumeDomain, domain, "XEN_DOMCTL_resumedomain")
    }

    /// What a domain is and uses; nil if there is none of that number. `XEN_DOMCTL_getdomaininfo`.
    public func domainInfo(_ domain: DomainID) throws(XenCallError) -> DomainInfo? {
        let view = domctl(DomctlOperation.getDomainInfo, domain, DomctlDomainInfoLayout.self)
        do {
            try runDomctl("XEN_DOMCTL_getdomaininfo")
        } catch  where error.errno == ESRCH {
            return nil
        }
        // The hypervisor answers for the next domain if there is none of this number.
        let info = DomainInfo(view)
        return info.id == domain ? info : nil
    }

    /// All domains from `first` on, at most `limit`, in the order of their numbers. `XEN_SYSCTL_getdomaininfolist`.
    public func domainInfoList(
        from first: DomainID = .zero, limit: Int = 1024
    ) throws(XenCallError) -> [DomainInfo] {
        let size = DomctlDomainInfoLayout.byteCount
        let buffer = try listBuffer(byteCount: limit * size)
        let view = sysctl(SysctlOperation.getDomainInfoList, SysctlDomainInfoListLayout.self)
        view[.firstDomain] = first.rawValue
        view[.maximumDomains] = UInt32(limit)
        view[.buffer] = buffer.address
        try runSysctl("XEN_SYSCTL_getdomaininfolist")
        return (0..<min(limit, Int(view[.domainCount]))).map {
            DomainInfo(buffer.view(as: DomctlDomainInfoLayout.self, at: $0 * size))
        }
    }

    /// Allocates a domain's vCPUs, all down. `XEN_DOMCTL_max_vcpus`.
    public func setMaximumVCPUs(_ count: UInt32, of domain: DomainID) throws(XenCallError) {
        domctl(DomctlOperation.maximumVCPUs, domain, DomctlMaximumVCPUsLayout.self)[.maximum] = count
        try runDomctl("XEN_DOMCTL_max_vcpus", detail: "\(count) vCPUs")
    }

    /// Limits a domain's memory, in KiB. `XEN_DOMCTL_max_mem`.
    public func setMaximumMemory(kibibytes: UInt64, of domain: DomainID) throws(XenCallError) {
        domctl(DomctlOperation.maximumMemory, domain, DomctlMaximumMemoryLayout.self)[.kibibytes] = kibibytes
        try runDomctl("XEN_DOMCTL_max_mem", detail: "\(kibibytes) KiB")
    }

    /// Sets the memory set aside for a domain's page tables, in bytes, whole pages.
    /// `XEN_DOMCTL_set_paging_mempool_size`.
    public func setPagingMempool(byteCount: UInt64, of domain: DomainID) throws(XenCallError) {
        domctl(DomctlOperation.setPagingMempoolSize, domain, DomctlPagingMempoolLayout.self)[.size] =
            byteCount
        try runDomctl("XEN_DOMCTL_set_paging_mempool_size", detail: "\(byteCount) bytes")
    }

    /// Chooses how a domain sees its time stamp counter: 0 default, 1 always emulated, 2 never.
    /// `XEN_DOMCTL_settscinfo`.
    public func setTSCMode(
        _ mode: UInt32, kilohertz: UInt32 = 0, incarnation: UInt32 = 0, elapsedNanoseconds: UInt64 = 0,
        of domain: DomainID
    ) throws(XenCallError) {
        let view = domctl(DomctlOperation.setTSCInfo, domain, DomctlTSCInfoLayout.self)
        view[.mode] = mode
        view[.kilohertz] = kilohertz
        view[.incarnation] = incarnation
        view[.elapsedNanoseconds] = elapsedNanoseconds
        try runDomctl("XEN_DOMCTL_settscinfo")
    }

    /// Sends a vCPU an NMI, a reset, … (`TriggerKind`). `XEN_DOMCTL_sendtrigger`.
    public func sendTrigger(_ trigger: UInt32, to vcpu: UInt32, of domain: DomainID) throws(XenCallError) {
        let view = domctl(DomctlOperation.sendTrigger, domain, DomctlSendTriggerLayout.self)
        view[.trigger] = trigger
        view[.vcpu] = vcpu
        try runDomctl("XEN_DOMCTL_sendtrigger", detail: "vCPU \(vcpu)")
    }

    /// Gives a domain its UUID. `XEN_DOMCTL_setdomainhandle`.
    public func setHandle(_ handle: [UInt8], of domain: DomainID) throws(XenCallError) {
        let view = domctl(DomctlOperation.setDomainHandle, domain, DomctlDomainHandleLayout.self)
        for (index, byte) in handle.prefix(16).enumerated() {
            view[Field<DomctlDomainHandleLayout, UInt8>.handle.element(index)] = byte
        }
        try runDomctl("XEN_DOMCTL_setdomainhandle")
    }

    /// Restricts a vCPU to the physical CPUs whose bits are set in `cpus`. `XEN_DOMCTL_setvcpuaffinity`.
    public func setHardAffinity(_ cpus: [UInt8], of vcpu: UInt32, in domain: DomainID) throws(XenCallError) {
        let buffer = try listBuffer(byteCount: cpus.count)
        buffer.write(cpus, at: 0)
        let view = domctl(DomctlOperation.setVCPUAffinity, domain, DomctlVCPUAffinityLayout.self)
        view[.vcpu] = vcpu
        view[.flags] = VCPUAffinityFlag.hard
        view[.hardBitmap] = buffer.address
        view[.hardBitCount] = UInt32(cpus.count * 8)
        try runDomctl("XEN_DOMCTL_setvcpuaffinity", detail: "vCPU \(vcpu)")
    }

    /// What a vCPU is doing. `XEN_DOMCTL_getvcpuinfo`.
    public func vcpuInfo(_ vcpu: UInt32, of domain: DomainID) throws(XenCallError) -> VCPUInfo {
        let view = domctl(DomctlOperation.getVCPUInfo, domain, DomctlVCPUInfoLayout.self)
        view[.vcpu] = vcpu
        try runDomctl("XEN_DOMCTL_getvcpuinfo", detail: "vCPU \(vcpu)")
        return VCPUInfo(
            isOnline: view[.online] != 0, isBlocked: view[.blocked] != 0, isRunning: view[.running] != 0,
            cpuTime: view[.cpuTime], cpu: view[.cpu])
    }

    /// Stops another domain with a `ShutdownReason`. `SCHEDOP_remote_shutdown`.
    public func shutDown(_ domain: DomainID, reason: UInt32) throws(XenCallError) {
        let view = argument(SchedulerRemoteShutdownLayout.self)
        view[.domain] = domain.rawValue
        view[.reason] = reason
        _ = try call(
            HypercallNumber.scheduler, UInt64(SchedulerOperation.remoteShutdown), blockAddress,
            name: "SCHEDOP_remote_shutdown", detail: "domain \(domain.rawValue), reason \(reason)")
    }

    /// Opens a port of `domain` that `remote` may bind. `EVTCHNOP_alloc_unbound`.
    public func allocateUnboundPort(of domain: DomainID, for remote: DomainID) throws(XenCallError)
        -> EventPort
    {
        let view = argument(EventChannelAllocateUnboundLayout.self)
        view[.domain] = domain.rawValue
        view[.remoteDomain] = remote.rawValue
        _ = try call(
            HypercallNumber.eventChannel, UInt64(EventChannelOperation.allocateUnbound), blockAddress,
            name: "EVTCHNOP_alloc_unbound", detail: "domain \(domain.rawValue) for domain \(remote.rawValue)")
        return EventPort(rawValue: view[.port])
    }
}
