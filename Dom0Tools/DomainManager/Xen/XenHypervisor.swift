// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
public import LinuxXen
import SharedMemory
public import XenABI

/// The hypervisor, through `/dev/xen/privcmd`.
public final class XenHypervisor: HypervisorAccess {
    private let control: XenControl

    public init(_ control: XenControl) { self.control = control }

    /// Runs a call; a refusal becomes an error that names it.
    private func call<Value>(_ body: () throws(XenCallError) -> Value) throws(APIError) -> Value {
        do throws(XenCallError) {
            return try body()
        } catch {
            throw APIError(hypervisor: error)
        }
    }

    private static func status(_ info: LinuxXen.DomainInfo) -> DomainStatus {
        var status = DomainStatus(id: info.id, handle: info.handle)
        status.isRunning = info.isRunning
        status.isBlocked = info.isBlocked
        status.isPaused = info.isPaused
        status.isDying = info.isDying
        status.shutdownReason = info.shutdownReason.map(StopReason.init)
        status.totalPages = info.totalPages
        status.maximumPages = info.maximumPages
        status.cpuTime = info.cpuTime
        status.onlineVCPUs = info.onlineVCPUs
        status.vcpuCount = info.maximumVCPUID.map { $0 + 1 } ?? 0
        return status
    }

    public func domains() throws(APIError) -> [DomainStatus] {
        try call { () throws(XenCallError) in try control.domainInfoList().map(Self.status) }
    }
    public func status(of domain: DomainID) throws(APIError) -> DomainStatus? {
        try call { () throws(XenCallError) in try control.domainInfo(domain).map(Self.status) }
    }
    public func vcpu(_ number: UInt32, of domain: DomainID) throws(APIError) -> VcpuInfo {
        let info = try call { () throws(XenCallError) in try control.vcpuInfo(number, of: domain) }
        return VcpuInfo(
            id: Int(number), isOnline: info.isOnline, isBlocked: info.isBlocked, isRunning: info.isRunning,
            cpuTime: info.cpuTime, cpu: Int(info.cpu))
    }
    public func pause(_ domain: DomainID) throws(APIError) {
        try call { () throws(XenCallError) in try control.pauseDomain(domain) }
    }
    public func unpause(_ domain: DomainID) throws(APIError) {
        try call { () throws(XenCallError) in try control.unpauseDomain(domain) }
    }
    public func destroy(_ domain: DomainID) throws(APIError) {
        try call { () throws(XenCallError) in try control.destroyDomain(domain) }
    }
    public func setHandle(_ handle: [UInt8], of domain: DomainID) throws(APIError) {
        try call { () throws(XenCallError) in try control.setHandle(handle, of: domain) }
    }

    public func freeMemory() throws(APIError) -> UInt64 {
        let info = try call { () throws(XenCallError) in try control.physicalInfo() }
        return (info.freePages - min(info.freePages, info.outstandingPages)) * UInt64(pageSize)
    }

    public func hostInfo() throws(APIError) -> HostInfo {
        var host = HostInfo()
        let physical = try call { () throws(XenCallError) in try control.physicalInfo() }
        host.cpuCount = Int(physical.cpuCount)
        host.maximumCpuID = max(0, Int(physical.cpuCount) - 1)
        host.nodeCount = Int(physical.nodeCount)
        host.coresPerSocket = Int(physical.coresPerSocket)
        host.threadsPerCore = Int(physical.threadsPerCore)
        host.cpuKilohertz = Int(physical.cpuKilohertz)
        host.totalMemory = physical.totalPages * UInt64(pageSize)
        host.freeMemory = (physical.freePages + physical.scrubPages) * UInt64(pageSize)
        let names: [(UInt32, String)] = [
            (PhysicalCapability.hvm, "hvm"), (PhysicalCapability.pv, "pv"),
            (PhysicalCapability.directIO, "hvm_directio"),
            (PhysicalCapability.hap, "hap"), (PhysicalCapability.shadow, "shadow"),
            (PhysicalCapability.grantTableV1, "gnttab-v1"), (PhysicalCapability.grantTableV2, "gnttab-v2"),
        ]
        host.virtualCapabilities = names.filter { physical.capabilities & $0.0 != 0 }.map(\.1)
        let version = try call { () throws(XenCallError) in try control.version() }
        host.xenMajor = Int(version >> 16)
        host.xenMinor = Int(version & 0xFFFF)
        // What follows is for people: a hypervisor that does not tell leaves it empty.
        host.xenExtra = (try? control.extraVersion()) ?? ""
        host.xenCapabilities = (try? control.capabilities()) ?? ""
        host.xenChangeset = (try? control.changeset()) ?? ""
        host.xenCommandLine = (try? control.commandLine()) ?? ""
        host.xenScheduler = (try? control.schedulerID()).map(Self.schedulerName) ?? ""
        if let build = try? control.compileInfo() {
            host.xenCompiler = build.compiler
            host.xenCompileBy = build.by
            host.xenCompileDomain = build.domain
            host.xenCompileDate = build.date
        }
        return host
    }

    /// `XEN_SCHEDULER_…` as xl names them.
    private static func schedulerName(_ id: UInt32) -> String {
        switch id {
        case 5: return "credit"
        case 6: return "credit2"
        case 7: return "arinc653"
        case 8: return "rtds"
        case 9: return "null"
        default: return "scheduler \(id)"
        }
    }

    public func log(clear: Bool) throws(APIError) -> [UInt8] {
        var index: UInt32?
        do throws(XenCallError) {
            return try control.readConsole(index: &index, clear: clear)
        } catch {
            throw APIError(hypervisor: error)
        }
    }

    public func rings(of domain: DomainID) throws(APIError) -> GuestRings {
        try call { () throws(XenCallError) in
            GuestRings(
                storeFrame: try control.hvmParameter(HVMParameter.storeFrame, of: domain),
                storePort: UInt32(
                    truncatingIfNeeded: try control.hvmParameter(HVMParameter.storePort, of: domain)),
                consoleFrame: try control.hvmParameter(HVMParameter.consoleFrame, of: domain),
                consolePort: UInt32(
                    truncatingIfNeeded: try control.hvmParameter(HVMParameter.consolePort, of: domain)))
        }
    }

    public func mapConsole(of domain: DomainID, at frame: GuestFrame) throws(APIError) -> ConsoleRing {
        let pages = try call { () throws(XenCallError) in try control.map([frame], of: domain) }
        return ConsoleRing(pages.shared(as: ConsoleRingLayout.self), owner: pages)
    }
}

extension APIError {
    init(hypervisor error: XenCallError) {
        self.init(
            .hypervisor, "the hypervisor refused: \(error.description)", hint: "svctl dmesg may say why",
            details: ["operation": error.operation, "errno": "\(error.errno)"])
    }
}
