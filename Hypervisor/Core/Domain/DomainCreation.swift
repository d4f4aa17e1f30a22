// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<Hypervisor> {
    /// Makes a domain without vCPUs or memory, paused by one controller pause until it is first unpaused. It is in the
    /// domain table on return; on failure nothing is left.
    ///
    /// Throws `invalidArgument` for an identifier that is no domain's, a vCPU count outside 1 to 128 or limits that no
    /// table has; `exists` if the number is taken; `noMemory`; `noSpace` when 512 domains exist.
    public func createDomain(
        id: DomainID, maximumVCPUs: UInt32, maximumEventPort: UInt32, maximumGrantFrames: UInt32,
        maximumMaptrackFrames: UInt32, isPrivileged: Bool, isHardwareDomain: Bool
    ) throws(XenError) -> Ref<Domain> {
        guard id.isReal, maximumVCPUs >= 1, maximumVCPUs <= UInt32(Domain.maximumVCPUs) else {
            throw .invalidArgument
        }
        guard state.domains.find(id) == nil else { throw .exists }
        guard state.domains.count < DomainTable.capacity else { throw .noSpace }
        let memory = state.memory
        guard
            state.domainPool.reserve(
                in: memory, allocate: { state.frames.allocate(order: $0, owner: .hypervisor) })
        else { throw .noMemory }
        guard let sharedInfo = state.frames.allocate(order: 0, owner: .hypervisor) else { throw .noMemory }
        let ports = maximumEventPort == .max ? .max : maximumEventPort &+ 1
        let domain: Ref<Domain>
        do throws(XenError) {
            let physmap = try PhysicalMap(
                format: state.facts.nestedFormat, memory: memory,
                allowsGiantPages: state.facts.allowsGiantPages,
                frames: &state.frames)
            domain = state.domainPool.insert(
                Domain(
                    hypervisor: self, id: id, physmap: physmap, sharedInfoFrame: sharedInfo,
                    events: EventChannelTable(limit: ports),
                    grants: GrantTable(
                        maximumFrames: maximumGrantFrames, maximumMaptrackFrames: maximumMaptrackFrames)),
                in: memory)
        } catch {
            state.frames.free(sharedInfo)
            throw error
        }
        domain.state.isPrivileged = isPrivileged
        domain.state.isHardwareDomain = isHardwareDomain
        if !isHardwareDomain { domain.setPagingPool(byteCount: PhysicalMap.minimumTableLimit &<< 12) }
        domain.state.maximumVCPUCount = maximumVCPUs
        domain.state.pauseCount = 1
        domain.state.controllerPauseCount = 1
        domain.state.parameters[Int(HVMParameter.tripleFaultReason)] = 1
        if isHardwareDomain {
            domain.state.control.emulationFlags =
                EmulationFlag.lapic | EmulationFlag.ioapic | EmulationFlag.vpci
        }
        do throws(XenError) {
            // Tools put two entries into it before the guest runs.
            _ = try domain.grantFrame(0)
            try state.domains.insert(domain)
        } catch {
            domain.freeTables()
            state.domainPool.remove(domain, in: memory)
            throw error
        }
        updateWallclock(domain)
        return domain
    }

    /// Makes vCPU `id` of a domain: down, without registers. On failure nothing is left.
    ///
    /// Throws `invalidArgument` for a number beyond the domain's count, `exists` if there is one, `noMemory`.
    public func createVCPU(in domain: Ref<Domain>, id: UInt32) throws(XenError) -> Ref<VirtualCPU> {
        guard domain.state.lifecycle == .alive else { throw .noSuchDomain }
        guard id < domain.state.maximumVCPUCount else { throw .invalidArgument }
        guard domain.vcpu(id) == nil else { throw .exists }
        let memory = state.memory
        guard
            state.vcpuPool.reserve(
                in: memory, allocate: { state.frames.allocate(order: $0, owner: .hypervisor) }),
            let context = state.frames.allocate(order: 0, owner: .hypervisor)
        else { throw .noMemory }
        // The floating-point state after reset: x87 control word, MXCSR. Intel SDM vol 1 §10.5.1.
        memory.storeWord(0x037f, context, VirtualCPU.floatingPointOffset / 8)
        memory.storeWord(0x1f80, context, VirtualCPU.floatingPointOffset / 8 &+ 3)
        let vcpu = state.vcpuPool.insert(
            VirtualCPU(hypervisor: self, domain: domain, id: id, contextFrame: context), in: memory)
        vcpu.state.runStateEntryTime = state.now()
        if id < SharedInfoLimit.legacyVCPUs {
            vcpu.state.infoFrame = domain.state.sharedInfoFrame
            vcpu.state.infoOffset = Int(id) &* VCPUInfoLayout.byteCount
        }
        guard let singleshot = state.timers.allocate(.singleshot, for: vcpu) else {
            discard(vcpu)
            throw .noMemory
        }
        vcpu.state.singleshotTimer = singleshot
        guard let apic = state.timers.allocate(.apic, for: vcpu) else {
            discard(vcpu)
            throw .noMemory
        }
        vcpu.state.apicTimer = apic
        guard let poll = state.timers.allocate(.poll, for: vcpu) else {
            discard(vcpu)
            throw .noMemory
        }
        vcpu.state.pollTimer = poll
        guard state.hooks.createBackendState(vcpu) else {
            discard(vcpu)
            throw .noMemory
        }
        // All vCPUs of a domain see one TSC.
        if let first = domain.vcpu(0) { vcpu.state.tscOffset = first.state.tscOffset }
        domain.state.vcpus[Int(id)] = vcpu
        vcpu.publishTime()
        return vcpu
    }
    /// Ends a vCPU that nothing refers to any more, but for the vendor's state.
    private func discard(_ vcpu: Ref<VirtualCPU>) {
        state.timers.free(vcpu.state.singleshotTimer)
        state.timers.free(vcpu.state.apicTimer)
        state.timers.free(vcpu.state.pollTimer)
        state.frames.free(vcpu.state.contextFrame)
        state.vcpuPool.remove(vcpu, in: state.memory)
    }
    /// Ends a vCPU of a domain that is being destroyed. It neither runs nor waits to.
    func destroyVCPU(_ vcpu: Ref<VirtualCPU>) {
        let domain = vcpu.domain
        vcpu.releaseAreas()
        state.scheduler.dequeue(vcpu)
        domain.state.vcpus[Int(vcpu.state.id)] = nil
        state.hooks.destroyBackendState(vcpu)
        discard(vcpu)
    }
}
