// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// Where an operation's own block starts in a domctl.
    static var domctlBody: Int { DomctlLayout.argumentOffset }

    /// `HYPERVISOR_domctl`, for privileged domains. Xen public/domctl.h.
    func domainControl(_ argument: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        var block = try copyIn(DomctlLayout.self, at: argument)
        guard block[.interfaceVersion] == DomctlVersion.value else { throw .accessDenied }
        guard domain.state.isPrivileged else { throw .notPermitted }
        let command = block[Field<DomctlLayout, UInt32>.command]
        let id = block[Field<DomctlLayout, UInt16>.domain]
        switch command {
        case DomctlOperation.createDomain: return try createDomain(&block, argument)
        case DomctlOperation.getDomainInfo:
            // The next domain at or above the number: how tools walk the list.
            guard let found = hypervisor.state.domains.next(from: id) else { throw .noSuchDomain }
            var info = ArgumentBlock<DomctlDomainInfoLayout>()
            found.fillInfo(&info)
            block.copy(info, at: Self.domctlBody)
            block[.domain] = found.id.rawValue
            try copyOut(block, to: argument)
            return 0
        default: break
        }
        guard let target = hypervisor.state.domains.find(DomainID(rawValue: id)) else { throw .noSuchDomain }
        if command == DomctlOperation.destroyDomain { return try destroyDomain(target, argument) }
        guard target.state.lifecycle == .alive else { throw .noSuchDomain }
        if try controlRunning(of: target, command, &block) { return 0 }
        if try controlMemory(of: target, command, &block) { return 0 }
        if try controlVCPUs(of: target, command, &block, argument) { return 0 }
        if try controlPolicy(of: target, command, &block, argument) { return 0 }
        throw refusal(of: command)
    }

    /// What an operation that is not offered returns.
    private func refusal(of command: UInt32) -> XenError {
        switch command {
        case DomctlOperation.setAddressSize, DomctlOperation.getAddressSize,
            DomctlOperation.setExtendedVCPUContext, DomctlOperation.getExtendedVCPUContext,
            DomctlOperation.setVCPUExtendedState, DomctlOperation.getVCPUExtendedState,
            DomctlOperation.getVCPUMSRs, DomctlOperation.setVCPUMSRs, DomctlOperation.hypercallInit,
            DomctlOperation.vmEvent, DomctlOperation.monitor, DomctlOperation.vmtrace:
            .notSupported
        default: .notImplemented
        }
    }

    // MARK: Creation and destruction

    /// Checks a creation request. Throws what createdomain returns for it.
    private func checkCreation(_ block: borrowing ArgumentBlock<DomctlLayout>) throws(XenError) {
        let body = Self.domctlBody
        let flags = block[Field<DomctlCreateDomainLayout, UInt32>.flags, in: body]
        let needed = CreateDomainFlag.hvm | CreateDomainFlag.hap
        let allowed =
            needed | CreateDomainFlag.s3Integrity | CreateDomainFlag.outOfSyncOff
            | CreateDomainFlag.xenstoreDomain
        guard flags & needed == needed, flags & ~allowed == 0 else { throw .invalidArgument }
        guard block[Field<DomctlCreateDomainLayout, UInt32>.emulationFlags, in: body] == EmulationFlag.lapic
        else {
            throw .notSupported
        }
        guard block[Field<DomctlCreateDomainLayout, UInt32>.miscFlags, in: body] & ~1 == 0,
            block[Field<DomctlCreateDomainLayout, UInt32>.cpupool, in: body] == 0,
            block[Field<DomctlCreateDomainLayout, UInt32>.grantOptions, in: body] <= 1
        else { throw .invalidArgument }
        guard block[Field<DomctlCreateDomainLayout, UInt32>.vmtraceSize, in: body] == 0 else {
            throw .notSupported
        }
    }
    private func createDomain(
        _ block: inout ArgumentBlock<DomctlLayout>, _ argument: UInt64
    ) throws(XenError) -> Int64 {
        try checkCreation(block)
        let body = Self.domctlBody
        let wanted = DomainID(rawValue: block[Field<DomctlLayout, UInt16>.domain])
        let hypervisor = hypervisor
        let id: DomainID
        if wanted.rawValue != 0, wanted.isReal {
            guard hypervisor.state.domains.find(wanted) == nil else { throw .exists }
            id = wanted
        } else {
            guard let unused = hypervisor.state.domains.unusedID() else { throw .noMemory }
            id = unused
        }
        let grantFrames = block[Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, in: body]
        let maptrackFrames = block[Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames, in: body]
        guard grantFrames >= -1, maptrackFrames >= -1 else { throw .invalidArgument }
        let created = try hypervisor.createDomain(
            id: id, maximumVCPUs: block[Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs, in: body],
            maximumEventPort: block[Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort, in: body],
            maximumGrantFrames: grantFrames < 0 ? 64 : UInt32(grantFrames),
            maximumMaptrackFrames: maptrackFrames < 0 ? 1024 : UInt32(maptrackFrames), isPrivileged: false,
            isHardwareDomain: false)
        created.state.control.creationFlags = block[Field<DomctlCreateDomainLayout, UInt32>.flags, in: body]
        created.state.control.miscFlags = block[Field<DomctlCreateDomainLayout, UInt32>.miscFlags, in: body]
        var index = 0
        while index < 16 {
            created.state.handle[index] =
                block[Field<DomctlCreateDomainLayout, UInt8>.handle.element(index), in: body]
            index &+= 1
        }
        do throws(XenError) {
            try copyOut(id.rawValue, field: Field<DomctlLayout, UInt16>.domain, of: argument)
        } catch {
            // Nobody would know its number: it goes at once, and an empty domain goes in few steps.
            while !hypervisor.destroy(created, budget: 1024) {}
            throw error
        }
        return 0
    }
    private func destroyDomain(_ target: Ref<Domain>, _ argument: UInt64) throws(XenError) -> Int64 {
        guard target != domain, !target.state.isHardwareDomain else { throw .invalidArgument }
        while !hypervisor.destroy(target, budget: 64) {
            // A vCPU on another CPU leaves only once the lock is free.
            if target.isOnAnyCPU || shouldPreempt {
                continueHypercall(HypercallNumber.domctl, argument)
                return 0
            }
        }
        return 0
    }

    // MARK: Running, time and names

    /// Operations on a domain as a whole. False: `command` is none of them.
    private func controlRunning(
        of target: Ref<Domain>, _ command: UInt32, _ block: inout ArgumentBlock<DomctlLayout>
    ) throws(XenError) -> Bool {
        let body = Self.domctlBody
        switch command {
        case DomctlOperation.pauseDomain:
            guard target != domain else { throw .invalidArgument }
            guard target.state.controllerPauseCount < 255 else { throw .overflow }
            target.state.controllerPauseCount &+= 1
            target.pause()
        case DomctlOperation.unpauseDomain:
            guard target.state.controllerPauseCount > 0 else { throw .invalidArgument }
            target.state.controllerPauseCount &-= 1
            if target.state.controllerPauseCount == 0 { target.state.isCreationFinished = true }
            target.unpause()
        case DomctlOperation.resumeDomain:
            guard target != domain else { throw .invalidArgument }
            target.state.shutdownReason = .max
            if target.state.isShutDown {
                target.state.isShutDown = false
                target.unpause()
            }
        case DomctlOperation.setDomainHandle:
            var index = 0
            while index < 16 {
                target.state.handle[index] =
                    block[Field<DomctlDomainHandleLayout, UInt8>.handle.element(index), in: body]
                index &+= 1
            }
        case DomctlOperation.setTimeOffset:
            target.state.timeOffsetSeconds = block[Field<DomctlTimeOffsetLayout, Int64>.seconds, in: body]
            hypervisor.updateWallclock(target)
        case DomctlOperation.setTSCInfo:
            guard target != domain else { throw .invalidArgument }
            let mode = block[Field<DomctlTSCInfoLayout, UInt32>.mode, in: body]
            let frequency = block[Field<DomctlTSCInfoLayout, UInt32>.kilohertz, in: body]
            guard mode <= 2 else { throw .invalidArgument }
            // The TSC is never scaled: another frequency than the machine's cannot be had.
            guard frequency == 0 || frequency == hypervisor.state.facts.tscKiloHertz else {
                throw .notSupported
            }
            target.state.tscMode = mode
            target.state.tscIncarnation = block[Field<DomctlTSCInfoLayout, UInt32>.incarnation, in: body]
        case DomctlOperation.irqPermission:
            try refuseGrant(block[Field<DomctlInterruptPermissionLayout, UInt8>.allow, in: body])
        case DomctlOperation.iomemPermission:
            try refuseGrant(block[Field<DomctlIOMemoryPermissionLayout, UInt8>.allow, in: body])
        case DomctlOperation.ioportPermission:
            try refuseGrant(block[Field<DomctlIOPortPermissionLayout, UInt8>.allow, in: body])
        default: return false
        }
        return true
    }
    /// Hardware is the hardware domain's alone: taking it from another domain is done already, giving it is not offered.
    private func refuseGrant(_ allow: UInt8) throws(XenError) {
        if allow != 0 { throw .notSupported }
    }

    // MARK: Memory

    private func controlMemory(
        of target: Ref<Domain>, _ command: UInt32, _ block: inout ArgumentBlock<DomctlLayout>
    ) throws(XenError) -> Bool {
        let body = Self.domctlBody
        switch command {
        case DomctlOperation.maximumMemory:
            target.state.maximumPages =
                block[Field<DomctlMaximumMemoryLayout, UInt64>.kibibytes, in: body] &>> 2
        case DomctlOperation.setPagingMempoolSize:
            let size = block[Field<DomctlPagingMempoolLayout, UInt64>.size, in: body]
            guard size & 0xfff == 0 else { throw .invalidArgument }
            target.setPagingPool(byteCount: size)
        case DomctlOperation.getPageFrameInfo3:
            let count = block[Field<DomctlPageFrameInfo3Layout, UInt64>.count, in: body]
            let array = block[Field<DomctlPageFrameInfo3Layout, UInt64>.array, in: body]
            guard count <= 1024 else { throw .tooBig }
            var index: UInt64 = 0
            while index < count {
                let address = array &+ index &* 8
                let gfn = GuestFrame(rawValue: try read(UInt64.self, at: address))
                let type =
                    target.state.physmap.lookup(gfn)?.type == .ram
                    ? PageFrameType.none : PageFrameType.invalid
                try write(UInt64(type), at: address)
                index &+= 1
            }
        default: return false
        }
        return true
    }
}

extension Ref<Domain> {
    /// True while a vCPU runs.
    var isOnAnyCPU: Bool {
        var isRunning = false
        forEachVCPU { vcpu in if vcpu.state.runningOn >= 0 { isRunning = true } }
        return isRunning
    }
    /// Nanoseconds on a CPU so far, of all vCPUs.
    var totalCPUTime: UInt64 {
        var sum: UInt64 = 0
        forEachVCPU { vcpu in sum &+= vcpu.totalCPUTime }
        return sum
    }
    /// Fills the record that tools show. `struct xen_domctl_getdomaininfo`, 112 bytes.
    func fillInfo(_ info: inout ArgumentBlock<DomctlDomainInfoLayout>) {
        var flags = state.control.creationFlags & CreateDomainFlag.hap != 0 ? DomainInfoFlag.hap : 0
        flags |= DomainInfoFlag.hvmGuest
        if state.lifecycle != .alive { flags |= DomainInfoFlag.dying }
        if state.isShutDown { flags |= DomainInfoFlag.shutdown }
        if state.controllerPauseCount > 0 { flags |= DomainInfoFlag.paused }
        if state.control.creationFlags & CreateDomainFlag.xenstoreDomain != 0 {
            flags |= DomainInfoFlag.xenstoreDomain
        }
        if state.shutdownReason != .max {
            flags |=
                (UInt32(state.shutdownReason) & DomainInfoFlag.shutdownMask) &<< DomainInfoFlag.shutdownShift
        }
        var online: UInt32 = 0
        var highest = DomainInfoLimit.noVCPUs
        var isBlocked = true
        var isRunning = false
        forEachVCPU { vcpu in
            highest = vcpu.state.id
            guard !vcpu.state.isDown else { return }
            online &+= 1
            if !vcpu.state.isBlocked { isBlocked = false }
            if vcpu.state.runningOn >= 0 { isRunning = true }
        }
        if isBlocked { flags |= DomainInfoFlag.blocked }
        if isRunning { flags |= DomainInfoFlag.running }
        info[Field<DomctlDomainInfoLayout, UInt16>.domain] = id.rawValue
        info[Field<DomctlDomainInfoLayout, UInt32>.flags] = flags
        info[.totalPages] = state.totalPages
        info[.maximumPages] = state.maximumPages
        info[.outstandingPages] = state.claimedPages
        info[.sharedInfoFrame] = state.sharedInfoFrame.rawValue
        info[.cpuTime] = totalCPUTime
        info[.onlineVCPUs] = online
        info[.maximumVCPUID] = highest
        info[.emulationFlags] = state.control.emulationFlags
        info[.miscFlags] = state.control.miscFlags
        info[.guestAddressBits] = UInt8(truncatingIfNeeded: PhysicalMap.addressBits)
        var index = 0
        while index < 16 {
            info[Field<DomctlDomainInfoLayout, UInt8>.handle.element(index)] = state.handle[index]
            index &+= 1
        }
    }
}

extension Ref<VirtualCPU> {
    /// Nanoseconds on a CPU so far.
    var totalCPUTime: UInt64 {
        let past = state.runStateTimes[Int(RunState.running.rawValue)]
        guard state.runState == .running else { return past }
        let now = hypervisor.state.now()
        return now > state.runStateEntryTime ? past &+ (now &- state.runStateEntryTime) : past
    }
}

extension ArgumentBlock {
    /// Writes a whole inner block at `offset`.
    mutating func copy<Inner: ABILayout>(_ inner: borrowing ArgumentBlock<Inner>, at offset: Int) {
        var index = 0
        while index < Inner.byteCount {
            self[Field<Layout, UInt8>(at: offset &+ index)] = inner[Field<Inner, UInt8>(at: index)]
            index &+= 1
        }
    }
}
