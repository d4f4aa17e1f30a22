// SPDX-License-Identifier: Apache-2.0
import XenABI

/// The errors that each operation may return, as its handler's documentation says. Anything else is a fault.
enum DocumentedErrors {
    static func allows(_ result: Int64, of operation: FuzzOperation) -> Bool {
        guard result < 0 else { return true }
        return errors(of: operation).contains { $0.returnValue == result }
    }

    private static func errors(of operation: FuzzOperation) -> [XenError] {
        switch operation.number {
        case HypercallNumber.memory: memory(operation.command)
        case HypercallNumber.eventChannel: eventChannel(operation.command)
        case HypercallNumber.grantTable: grantTable(operation.command)
        case HypercallNumber.vcpu: vcpu(operation.command)
        case HypercallNumber.scheduler: scheduler(operation.command)
        case HypercallNumber.hvm: hvm(operation.command)
        case HypercallNumber.version: version(operation.command)
        case HypercallNumber.setTimer: []
        case HypercallNumber.consoleIO:
            operation.command > 1 ? [.notImplemented] : [.badAddress, .notPermitted]
        case HypercallNumber.multicall: [.badAddress]
        case HypercallNumber.vmAssist: operation.command > 1 ? [.notImplemented] : [.invalidArgument]
        case HypercallNumber.pmu: [.notSupported]
        case HypercallNumber.physicalDevice: [.notImplemented, .badAddress, .invalidArgument]
        case HypercallNumber.deviceModel:
            [.noSuchDomain, .notPermitted, .invalidArgument, .badAddress, .notSupported]
        case HypercallNumber.platform: platform(operation.command)
        case HypercallNumber.sysctl: [.badAddress, .accessDenied, .notPermitted] + sysctl(operation.command)
        case HypercallNumber.domctl:
            [.badAddress, .accessDenied, .notPermitted, .noSuchDomain] + domctl(operation.command)
        default: [.notImplemented]
        }
    }

    private static func memory(_ command: UInt32) -> [XenError] {
        switch command {
        // These tell how far they came, whatever ended them.
        case MemoryOperation.increaseReservation, MemoryOperation.decreaseReservation,
            MemoryOperation.populatePhysmap:
            []
        case MemoryOperation.maximumRAMPage: [.invalidArgument]
        case MemoryOperation.currentReservation, MemoryOperation.maximumReservation,
            MemoryOperation.maximumGuestFrame:
            [.notPermitted, .noSuchDomain, .badAddress, .invalidArgument]
        case MemoryOperation.getPoDTarget: [.notPermitted, .noSuchDomain, .badAddress, .notImplemented]
        case MemoryOperation.setPoDTarget:
            [.notPermitted, .noSuchDomain, .badAddress, .notSupported, .notImplemented]
        case MemoryOperation.addToPhysmap:
            [
                .notPermitted, .noSuchDomain, .badAddress, .invalidArgument, .notImplemented, .overflow,
                .noMemory,
            ]
        case MemoryOperation.addToPhysmapBatch:
            [.notPermitted, .noSuchDomain, .badAddress, .invalidArgument, .notSupported]
        case MemoryOperation.removeFromPhysmap:
            [.notPermitted, .noSuchDomain, .noEntry, .badAddress, .invalidArgument, .noMemory]
        case MemoryOperation.memoryMap: [.badAddress, .notImplemented]
        case MemoryOperation.setMemoryMap:
            [.notPermitted, .noSuchDomain, .badAddress, .invalidArgument, .noMemory, .notImplemented]
        case MemoryOperation.claimPages:
            [.notPermitted, .noSuchDomain, .badAddress, .invalidArgument, .noMemory]
        case MemoryOperation.reservedDeviceMemoryMap: [.badAddress, .invalidArgument]
        case MemoryOperation.exchange: [.badAddress, .notPermitted, .invalidArgument]
        case MemoryOperation.getVNUMAInfo:
            [.badAddress, .notSupported, .invalidArgument, .noSuchDomain, .notPermitted]
        case MemoryOperation.acquireResource:
            [
                .accessDenied, .notPermitted, .noSuchDomain, .badAddress, .invalidArgument, .notSupported,
                .noMemory, .busy,
            ]
        default: [.notImplemented, .invalidArgument]
        }
    }
    private static func eventChannel(_ command: UInt32) -> [XenError] {
        switch command {
        case EventChannelOperation.send, EventChannelOperation.unmask, EventChannelOperation.close,
            EventChannelOperation.bindPhysicalInterrupt:
            [.badAddress, .invalidArgument]
        case EventChannelOperation.bindInterdomain:
            [.badAddress, .invalidArgument, .noSuchDomain, .noSpace, .noMemory]
        case EventChannelOperation.allocateUnbound:
            [.badAddress, .invalidArgument, .noSuchDomain, .notPermitted, .noSpace, .noMemory]
        case EventChannelOperation.bindVirtualInterrupt:
            [.badAddress, .invalidArgument, .noEntry, .exists, .noSpace, .noMemory]
        case EventChannelOperation.bindIPI: [.badAddress, .noEntry, .noSpace, .noMemory]
        case EventChannelOperation.bindVCPU: [.badAddress, .noEntry, .invalidArgument]
        case EventChannelOperation.status, EventChannelOperation.reset:
            [.badAddress, .noSuchDomain, .notPermitted, .invalidArgument]
        default: [.notImplemented]
        }
    }
    private static func grantTable(_ command: UInt32) -> [XenError] {
        switch command {
        case GrantTableOperation.mapGrantReference, GrantTableOperation.unmapGrantReference,
            GrantTableOperation.copy, GrantTableOperation.swapGrantReference,
            GrantTableOperation.setupTable, GrantTableOperation.querySize:
            [.badAddress, .invalidArgument]
        case GrantTableOperation.setVersion: [.badAddress, .invalidArgument, .notImplemented]
        case GrantTableOperation.getVersion: [.badAddress, .invalidArgument, .noSuchDomain, .notPermitted]
        default: [.notImplemented]
        }
    }
    private static func vcpu(_ command: UInt32) -> [XenError] {
        switch command {
        case VCPUOperation.initialise: [.noEntry, .badAddress, .exists, .invalidArgument]
        case VCPUOperation.up, VCPUOperation.setPeriodicTimer, VCPUOperation.stopSingleshotTimer,
            VCPUOperation.sendNMI, VCPUOperation.getPhysicalID:
            [.noEntry, .invalidArgument]
        case VCPUOperation.down, VCPUOperation.isUp, VCPUOperation.stopPeriodicTimer: [.noEntry]
        case VCPUOperation.getRunstateInfo: [.noEntry, .badAddress]
        case VCPUOperation.registerRunstateMemoryArea: [.noEntry, .badAddress, .busy]
        case VCPUOperation.registerTimeMemoryArea: [.noEntry, .badAddress, .noSuchAddress, .busy]
        case VCPUOperation.setSingleshotTimer: [.noEntry, .badAddress, .invalidArgument]
        case VCPUOperation.registerVCPUInfo: [.noEntry, .badAddress, .noSuchAddress, .invalidArgument, .busy]
        default: [.noEntry, .notImplemented]
        }
    }
    private static func scheduler(_ command: UInt32) -> [XenError] {
        switch command {
        case SchedulerOperation.yield, SchedulerOperation.block: []
        case SchedulerOperation.shutdown, SchedulerOperation.shutdownCode, SchedulerOperation.poll:
            [.badAddress, .invalidArgument]
        case SchedulerOperation.remoteShutdown: [.badAddress, .noSuchDomain, .notPermitted, .invalidArgument]
        default: [.notImplemented]
        }
    }
    private static func hvm(_ command: UInt32) -> [XenError] {
        switch command {
        case HVMOperation.setParameter:
            [.badAddress, .invalidArgument, .noSuchDomain, .notPermitted, .noDevice, .exists]
        case HVMOperation.getParameter: [.badAddress, .invalidArgument, .noSuchDomain, .notPermitted]
        case HVMOperation.flushTLBs: [.invalidArgument]
        case HVMOperation.pageTableDying: [.badAddress, .noSuchDomain, .notSupported, .invalidArgument]
        case HVMOperation.getTime: [.badAddress]
        case HVMOperation.trace: [.badAddress, .invalidArgument]
        case HVMOperation.getMemoryType: [.badAddress, .noSuchDomain, .notPermitted]
        case HVMOperation.setEventUpcallVector: [.badAddress, .invalidArgument, .noEntry]
        case HVMOperation.guestRequestVMEvent: [.invalidArgument]
        case HVMOperation.altp2m: [.notSupported]
        default: [.notImplemented]
        }
    }
    private static func version(_ command: UInt32) -> [XenError] {
        switch command {
        case VersionOperation.version: []
        case VersionOperation.pageSize: [.invalidArgument]
        case VersionOperation.getFeatures: [.badAddress, .invalidArgument]
        case VersionOperation.buildID: [.notPermitted, .noData, .noBuffers, .badAddress, .invalidArgument]
        case VersionOperation.commandLine, VersionOperation.changeset: [.notPermitted, .badAddress]
        case VersionOperation.extraVersion, VersionOperation.compileInfo, VersionOperation.capabilities,
            VersionOperation.platformParameters, VersionOperation.guestHandle:
            [.badAddress]
        default: [.notImplemented]
        }
    }
    private static func platform(_ command: UInt32) -> [XenError] {
        let common: [XenError] = [.badAddress, .accessDenied, .notPermitted]
        return switch command {
        case PlatformOperation.setTime32, PlatformOperation.setTime64: common + [.invalidArgument]
        case PlatformOperation.getCPUInfo: common
        case PlatformOperation.enterACPISleep: common + [.invalidArgument, .notSupported]
        default: common + [.notImplemented]
        }
    }
    private static func sysctl(_ command: UInt32) -> [XenError] {
        switch command {
        case SysctlOperation.physicalInfo, SysctlOperation.getDomainInfoList, SysctlOperation.readConsole,
            SysctlOperation.schedulerID, SysctlOperation.getCPUInfo, SysctlOperation.availableHeap,
            SysctlOperation.cpuTopology, SysctlOperation.getCPULevellingCapabilities,
            SysctlOperation.pciTopology:
            []
        case SysctlOperation.debugKeys: [.tooBig]
        case SysctlOperation.numaInfo: [.invalidArgument]
        case SysctlOperation.cpupool: [.invalidArgument, .noEntry, .noSuchDomain]
        case SysctlOperation.getCPUFeatureset, SysctlOperation.getCPUPolicy:
            [.invalidArgument, .notSupported, .noBuffers]
        case SysctlOperation.getPMStatistics: [.noDevice]
        case SysctlOperation.scheduler, SysctlOperation.coverage, SysctlOperation.psrMonitoring,
            SysctlOperation.psrAllocation, SysctlOperation.livepatch:
            [.notSupported]
        default: [.notImplemented]
        }
    }
    private static func domctl(_ command: UInt32) -> [XenError] {
        switch command {
        case DomctlOperation.createDomain: [.invalidArgument, .notSupported, .exists, .noMemory, .noSpace]
        case DomctlOperation.destroyDomain, DomctlOperation.unpauseDomain, DomctlOperation.resumeDomain:
            [.invalidArgument]
        case DomctlOperation.pauseDomain: [.invalidArgument, .overflow]
        case DomctlOperation.getDomainInfo, DomctlOperation.maximumMemory, DomctlOperation.setDomainHandle,
            DomctlOperation.getVCPUInfo, DomctlOperation.setTimeOffset, DomctlOperation.getTSCInfo,
            DomctlOperation.getPagingMempoolSize:
            []
        case DomctlOperation.maximumVCPUs: [.invalidArgument, .noMemory]
        case DomctlOperation.setVCPUAffinity, DomctlOperation.getVCPUAffinity,
            DomctlOperation.setNodeAffinity, DomctlOperation.getNodeAffinity, DomctlOperation.setVCPUContext:
            [.invalidArgument]
        case DomctlOperation.getVCPUContext: [.invalidArgument, .noData, .noMemory]
        case DomctlOperation.irqPermission, DomctlOperation.iomemPermission,
            DomctlOperation.ioportPermission:
            [.notSupported]
        case DomctlOperation.shadow: [.invalidArgument, .notSupported]
        case DomctlOperation.setTSCInfo: [.invalidArgument, .notSupported]
        case DomctlOperation.sendTrigger: [.notImplemented, .notSupported]
        case DomctlOperation.getHVMContext: [.invalidArgument, .noSpace, .noMemory]
        case DomctlOperation.setHVMContext: [.invalidArgument, .tooBig, .noData, .noMemory]
        case DomctlOperation.getHVMContextPartial:
            [.invalidArgument, .noEntry, .noData, .noBuffers, .noMemory]
        case DomctlOperation.getPageFrameInfo3: [.tooBig]
        case DomctlOperation.getCPUPolicy: [.noBuffers]
        case DomctlOperation.setCPUPolicy: [.tooBig, .exists, .invalidArgument]
        case DomctlOperation.setPagingMempoolSize: [.invalidArgument]
        case DomctlOperation.gdbsxGuestMemoryIO: [.invalidArgument]
        case DomctlOperation.setAddressSize, DomctlOperation.getAddressSize, DomctlOperation.hypercallInit,
            DomctlOperation.setExtendedVCPUContext, DomctlOperation.getExtendedVCPUContext,
            DomctlOperation.setVCPUExtendedState, DomctlOperation.getVCPUExtendedState,
            DomctlOperation.getVCPUMSRs, DomctlOperation.setVCPUMSRs, DomctlOperation.vmEvent,
            DomctlOperation.monitor, DomctlOperation.vmtrace:
            [.notSupported]
        default: [.notImplemented]
        }
    }
}
