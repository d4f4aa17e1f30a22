// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// A domain that is not there.
let nobody = DomainID(rawValue: 1234)

/// Every operation whose argument is the address of a block and that this domain may make, with blocks that change nothing
/// for good.
///
/// - Parameters:
///   - open: a port of this domain that stays open.
///   - hole: a page number with nothing behind it.
///   - buffer: a page for what blocks point to.
func blockCalls(open: EventPort, hole: GuestFrame, buffer: MappedPage) -> [BlockCall] {
    eventCalls(open) + memoryCalls(hole, buffer) + domainCalls(open, hole) + listCalls(buffer)
        + controlCalls()
}

private func eventCalls(_ open: EventPort) -> [BlockCall] {
    let number = HypercallNumber.eventChannel
    // Ports are given out from the lowest on: the one that the next call opens is known before. As in Xen it stays open if
    // its number cannot be told.
    let next = try? EventChannel.bindInterprocessor(vcpu: 0)
    let close = { if let next { try? EventChannel.close(next) } }
    close()
    return [
        BlockCall(
            number: number, form: .operation(EventChannelOperation.bindInterdomain),
            byteCount: EventChannelBindInterdomainLayout.byteCount, writes: true,
            fill: {
                let block = $0.view(EventChannelBindInterdomainLayout.self)
                block[.remoteDomain] = DomainID.caller.rawValue
                block[.remotePort] = open.rawValue
            }, undo: close),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.bindVirtualInterrupt),
            byteCount: EventChannelBindVirtualInterruptLayout.byteCount, writes: true,
            fill: {
                let block = $0.view(EventChannelBindVirtualInterruptLayout.self)
                block[.virtualInterrupt] = VirtualInterrupt.debug
            }, undo: close),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.bindPhysicalInterrupt),
            byteCount: EventChannelBindPhysicalInterruptLayout.byteCount,
            fill: { $0.view(EventChannelBindPhysicalInterruptLayout.self)[.physicalInterrupt] = .max }),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.close),
            byteCount: EventChannelCloseLayout.byteCount,
            fill: { $0.view(EventChannelCloseLayout.self)[.port] = 0 }),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.send),
            byteCount: EventChannelSendLayout.byteCount,
            fill: { $0.view(EventChannelSendLayout.self)[.port] = open.rawValue }),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.status),
            byteCount: EventChannelStatusLayout.byteCount, writes: true,
            fill: {
                let block = $0.view(EventChannelStatusLayout.self)
                block[.domain] = DomainID.caller.rawValue
                block[.port] = open.rawValue
            }),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.allocateUnbound),
            byteCount: EventChannelAllocateUnboundLayout.byteCount, writes: true,
            fill: {
                let block = $0.view(EventChannelAllocateUnboundLayout.self)
                block[.domain] = DomainID.caller.rawValue
                block[.remoteDomain] = DomainID.caller.rawValue
            }, undo: close),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.bindIPI),
            byteCount: EventChannelBindIPILayout.byteCount, writes: true,
            fill: { $0.view(EventChannelBindIPILayout.self)[.vcpu] = 0 }, undo: close),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.bindVCPU),
            byteCount: EventChannelBindVCPULayout.byteCount,
            fill: { $0.view(EventChannelBindVCPULayout.self)[.port] = open.rawValue }),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.unmask),
            byteCount: EventChannelUnmaskLayout.byteCount,
            fill: { $0.view(EventChannelUnmaskLayout.self)[.port] = open.rawValue }),
        BlockCall(
            number: number, form: .operation(EventChannelOperation.reset),
            byteCount: EventChannelResetLayout.byteCount,
            fill: { $0.view(EventChannelResetLayout.self)[.domain] = nobody.rawValue }),
    ]
}

private func memoryCalls(_ hole: GuestFrame, _ buffer: MappedPage) -> [BlockCall] {
    let number = HypercallNumber.memory
    let isControl = BootInformation.current.isInitialDomain
    let own = { (page: MappedPage) in
        page.view(MemoryDomainLayout.self)[.domain] = DomainID.caller.rawValue
    }
    let target = { (page: MappedPage) in
        let block = page.view(PoDTargetLayout.self)
        block[.domain] = DomainID.caller.rawValue
        block[.targetPages] = (try? Memory.currentReservation()) ?? 0
    }
    let calls = [
        BlockCall(
            number: number, form: .operation(MemoryOperation.currentReservation),
            byteCount: MemoryDomainLayout.byteCount, fill: own),
        BlockCall(
            number: number, form: .operation(MemoryOperation.maximumReservation),
            byteCount: MemoryDomainLayout.byteCount, fill: own),
        BlockCall(
            number: number, form: .operation(MemoryOperation.maximumGuestFrame),
            byteCount: MemoryDomainLayout.byteCount, fill: own),
        BlockCall(
            number: number, form: .operation(MemoryOperation.addToPhysmap),
            byteCount: AddToPhysmapLayout.byteCount,
            fill: {
                let block = $0.view(AddToPhysmapLayout.self)
                block[.domain] = DomainID.caller.rawValue
                block[.space] = PhysmapSpace.sharedInfo
                block[.index] = 1
                block[.guestFrame] = hole.rawValue
            }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.addToPhysmapBatch),
            byteCount: AddToPhysmapBatchLayout.byteCount,
            fill: { $0.view(AddToPhysmapBatchLayout.self)[.domain] = DomainID.caller.rawValue }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.removeFromPhysmap),
            byteCount: RemoveFromPhysmapLayout.byteCount,
            fill: {
                let block = $0.view(RemoveFromPhysmapLayout.self)
                block[.domain] = DomainID.caller.rawValue
                block[.guestFrame] = hole.rawValue
            }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.memoryMap),
            byteCount: MemoryMapLayout.byteCount, writes: true,
            fill: {
                let block = $0.view(MemoryMapLayout.self)
                block[.entryCount] = 100
                block[.buffer] = buffer.address
            }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.setMemoryMap),
            byteCount: ForeignMemoryMapLayout.byteCount,
            fill: { $0.view(ForeignMemoryMapLayout.self)[.domain] = nobody.rawValue }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.getPoDTarget),
            byteCount: PoDTargetLayout.byteCount, writes: isControl, fill: target),
        BlockCall(
            number: number, form: .operation(MemoryOperation.setPoDTarget),
            byteCount: PoDTargetLayout.byteCount, writes: isControl, fill: target),
        BlockCall(
            number: number, form: .operation(MemoryOperation.claimPages),
            byteCount: MemoryReservationLayout.byteCount,
            fill: { $0.view(MemoryReservationLayout.self)[.domain] = nobody.rawValue }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.reservedDeviceMemoryMap),
            byteCount: ReservedDeviceMemoryMapLayout.byteCount, writes: true,
            fill: { $0.view(ReservedDeviceMemoryMapLayout.self)[.entryCount] = 1 }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.getVNUMAInfo),
            byteCount: VNUMATopologyLayout.byteCount,
            fill: { $0.view(VNUMATopologyLayout.self)[.domain] = DomainID.caller.rawValue }),
        BlockCall(
            number: number, form: .operation(MemoryOperation.exchange),
            byteCount: MemoryExchangeLayout.byteCount, writes: true,
            fill: { $0.view(MemoryReservationLayout.self)[.extentOrder] = 20 }),
    ]
    guard isControl else { return calls }
    return calls + [
        BlockCall(
            number: number, form: .operation(MemoryOperation.acquireResource),
            byteCount: AcquireResourceLayout.byteCount, writes: true,
            fill: {
                let block = $0.view(AcquireResourceLayout.self)
                block[.domain] = DomainID.caller.rawValue
                block[.type] = ResourceType.grantTable
            })
    ]
}

/// What acts on this domain, its vCPU and its parameters, and what tells the version.
private func domainCalls(_ open: EventPort, _ hole: GuestFrame) -> [BlockCall] {
    func scheduler(_ operation: UInt32, _ byteCount: Int, _ fill: @escaping (MappedPage) -> Void) -> BlockCall
    {
        BlockCall(
            number: HypercallNumber.scheduler, form: .operation(operation), byteCount: byteCount, fill: fill)
    }
    func version(_ operation: UInt32, _ byteCount: Int, needsAll: Bool = true) -> BlockCall {
        BlockCall(
            number: HypercallNumber.version, form: .operation(operation), byteCount: byteCount, writes: true,
            needsAll: needsAll, fill: { _ in })
    }
    func vcpu(
        _ operation: UInt32, _ byteCount: Int, undo: @escaping () -> Void = {},
        _ fill: @escaping (MappedPage) -> Void
    ) -> BlockCall {
        BlockCall(
            number: HypercallNumber.vcpu, form: .vcpuOperation(operation), byteCount: byteCount, fill: fill,
            undo: undo)
    }
    func hvm(
        _ operation: UInt32, _ byteCount: Int, writes: Bool = false, repeats: Bool = true,
        _ fill: @escaping (MappedPage) -> Void
    ) -> BlockCall {
        BlockCall(
            number: HypercallNumber.hvm, form: .operation(operation), byteCount: byteCount, writes: writes,
            repeats: repeats, fill: fill)
    }
    // The reference takes every reason for shutting down.
    let extra = try? Version.text(VersionOperation.extraVersion, byteCount: VersionTextSize.extraVersion)
    let refusesReasons = extra?.contains("swiftvisor") ?? false
    let shutdowns = [SchedulerOperation.shutdown, SchedulerOperation.shutdownCode].map {
        scheduler($0, SchedulerShutdownLayout.byteCount) {
            $0.view(SchedulerShutdownLayout.self)[.reason] = 6
        }
    }
    return (refusesReasons ? shutdowns : []) + [
        scheduler(SchedulerOperation.poll, SchedulerPollLayout.byteCount) {
            $0.view(SchedulerPollLayout.self)[.timeout] = 1
        },
        scheduler(SchedulerOperation.remoteShutdown, SchedulerRemoteShutdownLayout.byteCount) {
            $0.view(SchedulerRemoteShutdownLayout.self)[.domain] = nobody.rawValue
        },
        hvm(HVMOperation.setParameter, HVMParameterLayout.byteCount) {
            let block = $0.view(HVMParameterLayout.self)
            block[.domain] = DomainID.caller.rawValue
            block[.index] = HVMParameter.count
        },
        hvm(HVMOperation.getParameter, HVMParameterLayout.byteCount, writes: true) {
            let block = $0.view(HVMParameterLayout.self)
            block[.domain] = DomainID.caller.rawValue
            block[.index] = HVMParameter.consolePort
            block[.value] = 0x5555
        },
        hvm(HVMOperation.pageTableDying, HVMPageTableDyingLayout.byteCount) {
            $0.view(HVMPageTableDyingLayout.self)[.domain] = DomainID.caller.rawValue
        },
        hvm(HVMOperation.trace, HVMTraceLayout.byteCount) { _ in },
        hvm(HVMOperation.getTime, HVMTimeLayout.byteCount, writes: true, repeats: false) { _ in },
        hvm(HVMOperation.getMemoryType, HVMMemoryTypeLayout.byteCount, writes: true) {
            let block = $0.view(HVMMemoryTypeLayout.self)
            block[.domain] = DomainID.caller.rawValue
            block[.guestFrame] = hole.rawValue
        },
        hvm(HVMOperation.setEventUpcallVector, HVMUpcallVectorLayout.byteCount) {
            $0.view(HVMUpcallVectorLayout.self)[.vector] = 0x0F
        },
        version(VersionOperation.extraVersion, VersionTextSize.extraVersion),
        version(VersionOperation.compileInfo, CompileInfoLayout.byteCount),
        version(VersionOperation.capabilities, VersionTextSize.capabilities),
        version(VersionOperation.changeset, VersionTextSize.changeset),
        version(VersionOperation.platformParameters, PlatformParametersLayout.byteCount),
        version(VersionOperation.getFeatures, FeatureInfoLayout.byteCount),
        version(VersionOperation.guestHandle, VersionTextSize.guestHandle),
        // What is told to those it is not for is as long as it is.
        version(
            VersionOperation.commandLine, VersionTextSize.commandLine,
            needsAll: BootInformation.current.isInitialDomain),
        BlockCall(
            number: HypercallNumber.vcpu, form: .vcpuOperation(VCPUOperation.getRunstateInfo),
            byteCount: RunstateInfoLayout.byteCount, writes: true, repeats: false, fill: { _ in }),
        vcpu(VCPUOperation.registerRunstateMemoryArea, RegisterMemoryAreaLayout.byteCount) { _ in },
        vcpu(VCPUOperation.registerTimeMemoryArea, RegisterTimeMemoryAreaLayout.byteCount) { _ in },
        vcpu(
            VCPUOperation.setSingleshotTimer, SetSingleshotTimerLayout.byteCount,
            undo: { try? VirtualCPU.stopTimer(0) }
        ) {
            $0.view(SetSingleshotTimerLayout.self)[.timeoutNanoseconds] = 1 << 60
        },
        vcpu(VCPUOperation.registerVCPUInfo, RegisterVCPUInfoLayout.byteCount) {
            $0.view(RegisterVCPUInfoLayout.self)[.offset] = 4095
        },
        vcpu(VCPUOperation.initialise, VCPUContextLayout.byteCount) { _ in },
    ]
}

/// Operations on lists, called with one element.
private func listCalls(_ buffer: MappedPage) -> [BlockCall] {
    func grant(_ operation: UInt32, _ byteCount: Int, _ fill: @escaping (MappedPage) -> Void) -> BlockCall {
        BlockCall(
            number: HypercallNumber.grantTable, form: .listOperation(operation), byteCount: byteCount,
            writes: true, fill: fill)
    }
    return [
        grant(GrantTableOperation.mapGrantReference, GrantMapLayout.byteCount) {
            $0.view(GrantMapLayout.self)[.domain] = nobody.rawValue
        },
        grant(GrantTableOperation.unmapGrantReference, GrantUnmapLayout.byteCount) {
            $0.view(GrantUnmapLayout.self)[.handle] = .max
        },
        grant(GrantTableOperation.setupTable, GrantSetupTableLayout.byteCount) {
            let block = $0.view(GrantSetupTableLayout.self)
            block[.domain] = nobody.rawValue
            block[.frameList] = buffer.address
        },
        grant(GrantTableOperation.copy, GrantCopyLayout.byteCount) {
            let block = $0.view(GrantCopyLayout.self)
            block[.sourceDomain] = nobody.rawValue
            block[.destinationDomain] = DomainID.caller.rawValue
        },
        grant(GrantTableOperation.querySize, GrantQuerySizeLayout.byteCount) {
            $0.view(GrantQuerySizeLayout.self)[.domain] = DomainID.caller.rawValue
        },
        grant(GrantTableOperation.setVersion, GrantSetVersionLayout.byteCount) {
            $0.view(GrantSetVersionLayout.self)[.version] = 1
        },
        grant(GrantTableOperation.getVersion, GrantGetVersionLayout.byteCount) {
            let block = $0.view(GrantGetVersionLayout.self)
            block[.domain] = DomainID.caller.rawValue
            block[.version] = 99
        },
        grant(GrantTableOperation.swapGrantReference, GrantSwapReferencesLayout.byteCount) {
            let block = $0.view(GrantSwapReferencesLayout.self)
            block[.referenceA] = 1 << 30
            block[.referenceB] = 1 << 30
        },
        BlockCall(
            number: HypercallNumber.multicall, form: .list, byteCount: MulticallEntryLayout.byteCount,
            writes: true,
            fill: { $0.view(MulticallEntryLayout.self)[.operation] = UInt64(HypercallNumber.version) }),
    ]
}

/// One operation of each call that is domain 0's; others are refused it once its block was read.
private func controlCalls() -> [BlockCall] {
    let isControl = BootInformation.current.isInitialDomain
    return [
        BlockCall(
            number: HypercallNumber.domctl, form: .block, byteCount: DomctlLayout.byteCount,
            writes: isControl,
            repeats: false,
            fill: {
                let block = $0.view(DomctlLayout.self)
                block[.command] = DomctlOperation.getDomainInfo
                block[.interfaceVersion] = DomctlVersion.value
            }),
        BlockCall(
            number: HypercallNumber.sysctl, form: .block, byteCount: SysctlLayout.byteCount,
            writes: isControl,
            fill: {
                let block = $0.view(SysctlLayout.self)
                block[.command] = SysctlOperation.schedulerID
                block[.interfaceVersion] = SysctlVersion.value
            }),
        BlockCall(
            number: HypercallNumber.platform, form: .block,
            byteCount: PlatformLayout.byteCount, writes: isControl, needsAll: false,
            fill: {
                let block = $0.view(PlatformLayout.self)
                block[.command] = PlatformOperation.getCPUInfo
                block[.interfaceVersion] = PlatformVersion.value
            }),
    ]
}
