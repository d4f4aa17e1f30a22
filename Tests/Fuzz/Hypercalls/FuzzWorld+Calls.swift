// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import XenABI

// The generator: one function for each group of calls. Arguments are plausible, drawn from what lives, with edges mixed in.
extension FuzzWorld {
    func makeCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        // Guests ask for what only the control domain may do now and then.
        let control = domain.state.isPrivileged ? 16 : 1
        switch random.weighted([
            16, 16, 22, 7, 9, 5, 3, 2, 5, control * 3 / 2, 1 + control / 4, 1 + control / 8, 2, 3, 1,
        ]) {
        case 0: return memoryCall(vcpu)
        case 1: return eventCall(vcpu)
        case 2: return grantCall(vcpu)
        case 3: return schedulerCall(vcpu)
        case 4: return vcpuCall(vcpu)
        case 5: return hvmCall(vcpu)
        case 6:
            let command = random.below(UInt64(12))
            return call(HypercallNumber.version, command, [command, room(1024, domain)])
        case 7:
            let count = random.once(in: 8) ? random.edge() & 0x7fff : random.below(UInt64(200))
            let command = random.below(UInt64(3))
            return call(HypercallNumber.consoleIO, command, [command, count, room(200, domain)])
        case 8: return multicall(vcpu)
        case 9: return domctlCall(vcpu)
        case 10: return sysctlCall(vcpu)
        case 11: return platformCall(vcpu)
        case 12:
            let deadline = random.once(in: 8) ? random.edge() : machine.tsc &+ random.below(UInt64(400_000))
            return call(HypercallNumber.setTimer, 0, [deadline])
        case 13:
            switch random.below(3) {
            case 0:
                var draft = newDraft(24)
                draft.bytes[1] = UInt8(random.below(4))
                let command = random.pick([UInt64(15), 24, 25, 16, random.below(UInt64(40))])
                return call(HypercallNumber.physicalDevice, command, [command, stage(draft, domain)])
            case 1: return deviceModelCall(vcpu)
            default:
                let command = random.below(UInt64(3))
                return call(
                    HypercallNumber.vmAssist, command,
                    [
                        command,
                        random.once(in: 4)
                            ? random.below(UInt64(8)) : UInt64(VMAssistType.runstateUpdateFlag),
                    ])
            }
        default:
            let number = random.once(in: 2) ? random.below(UInt64(64)) : random.edge()
            // Calls with a command have generators of their own.
            guard number > 42 || [0, 1, 11, 16, 28, 30, 31, 37, 40].contains(number) else {
                return call(HypercallNumber.pmu, 0, [random.word()])
            }
            return FuzzCall(
                operation: FuzzOperation(UInt32(truncatingIfNeeded: min(number, 1000))), number: number,
                arguments: (0..<5).map { _ in random.edge() })
        }
    }
    func call(
        _ number: UInt32, _ command: UInt64, _ arguments: [UInt64], then: FuzzCall.Afterwards = .nothing
    ) -> FuzzCall {
        FuzzCall(
            operation: FuzzOperation(number, UInt32(truncatingIfNeeded: command)), number: UInt64(number),
            arguments: arguments + [UInt64](repeating: 0, count: 5 - arguments.count), then: then)
    }

    // MARK: memory_op

    private func memoryCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let operations: [UInt32] = [
            MemoryOperation.decreaseReservation, MemoryOperation.populatePhysmap,
            MemoryOperation.addToPhysmap,
            MemoryOperation.addToPhysmapBatch, MemoryOperation.removeFromPhysmap,
            MemoryOperation.setMemoryMap,
            MemoryOperation.memoryMap, MemoryOperation.claimPages, MemoryOperation.acquireResource,
            MemoryOperation.getPoDTarget, MemoryOperation.currentReservation,
            UInt32(random.below(UInt64(32))),
        ]
        let operation = operations[random.weighted([12, 14, 16, 10, 8, 2, 2, 4, 4, 2, 2, 3])]
        let address: UInt64
        switch operation {
        case MemoryOperation.decreaseReservation, MemoryOperation.populatePhysmap:
            address = reservation(domain, operation)
        case MemoryOperation.addToPhysmap:
            var draft = newDraft(AddToPhysmapLayout.self)
            draft.put(.domain, domainID(domain), AddToPhysmapLayout.self)
            let space = UInt32(random.weighted([4, 8, 10, 3, 1, 1, 1]))
            draft.put(Field<AddToPhysmapLayout, UInt32>.space, space)
            draft.put(Field<AddToPhysmapLayout, UInt16>.size, UInt16(random.below(UInt64(200))))
            let index =
                space == PhysmapSpace.sharedInfo
                ? (random.once(in: 8) ? 1 : 0)
                : space == PhysmapSpace.grantTable ? random.below(UInt64(5)) : gfn(domain)
            draft.put(Field<AddToPhysmapLayout, UInt64>.index, index)
            draft.put(Field<AddToPhysmapLayout, UInt64>.guestFrame, hole(domain))
            address = stage(draft, domain)
        case MemoryOperation.addToPhysmapBatch: address = batch(domain)
        case MemoryOperation.removeFromPhysmap:
            var draft = newDraft(RemoveFromPhysmapLayout.self)
            draft.put(Field<RemoveFromPhysmapLayout, UInt16>.domain, domainID(domain))
            draft.put(Field<RemoveFromPhysmapLayout, UInt64>.guestFrame, hole(domain))
            address = stage(draft, domain)
        case MemoryOperation.setMemoryMap, MemoryOperation.memoryMap:
            let layout = operation == MemoryOperation.setMemoryMap
            var draft = layout ? newDraft(ForeignMemoryMapLayout.self) : newDraft(MemoryMapLayout.self)
            let count =
                random.once(in: 8)
                ? UInt32(truncatingIfNeeded: random.edge()) : UInt32(random.below(UInt64(300)))
            let buffer = room(4096, domain)
            if layout {
                draft.put(Field<ForeignMemoryMapLayout, UInt16>.domain, domainID(domain))
                draft.put(Field<ForeignMemoryMapLayout, UInt32>.entryCount, count)
                draft.put(Field<ForeignMemoryMapLayout, UInt64>.buffer, buffer)
            } else {
                draft.put(Field<MemoryMapLayout, UInt32>.entryCount, count)
                draft.put(Field<MemoryMapLayout, UInt64>.buffer, buffer)
            }
            address = stage(draft, domain)
        case MemoryOperation.claimPages:
            var draft = newDraft(MemoryReservationLayout.self)
            draft.put(
                Field<MemoryReservationLayout, UInt64>.extentCount,
                random.once(in: 4) ? 0 : random.once(in: 8) ? random.edge() : random.below(UInt64(80)))
            draft.put(Field<MemoryReservationLayout, UInt16>.domain, peerID(domain))
            address = stage(draft, domain)
        case MemoryOperation.acquireResource:
            var draft = newDraft(AcquireResourceLayout.self)
            draft.put(Field<AcquireResourceLayout, UInt16>.domain, peerID(domain))
            draft.put(
                Field<AcquireResourceLayout, UInt16>.type,
                random.once(in: 8) ? UInt16(random.below(UInt64(4))) : 1)
            draft.put(Field<AcquireResourceLayout, UInt32>.id, random.once(in: 8) ? 1 : 0)
            let count = UInt32(random.below(UInt64(4)))
            draft.put(Field<AcquireResourceLayout, UInt32>.frameCount, count)
            draft.put(Field<AcquireResourceLayout, UInt64>.frame, random.below(UInt64(4)))
            let list = room(32, domain)
            for index in 0..<UInt64(count) { poke(long: hole(domain), index, of: list, domain) }
            draft.put(Field<AcquireResourceLayout, UInt64>.frameList, random.once(in: 8) ? 0 : list)
            address = stage(draft, domain)
        default:
            var draft = newDraft(64)
            draft.put(Field<PageOfWords, UInt16>(at: 0), domainID(domain))
            draft.put(Field<PageOfWords, UInt16>(at: 32), domainID(domain))
            address = stage(draft, domain)
        }
        let progress = random.once(in: 64) ? random.edge() << 6 : 0
        return call(HypercallNumber.memory, UInt64(operation), [UInt64(operation) | progress, address])
    }
    private func reservation(_ domain: Ref<Domain>, _ operation: UInt32) -> UInt64 {
        let count =
            random.once(in: 12) ? random.edge() : 1 + random.below(UInt64(random.once(in: 4) ? 300 : 6))
        let list = room(64, domain)
        let populates = operation == MemoryOperation.populatePhysmap
        // Only the first few of a long list are written: the rest is what stood there.
        let start = random.once(in: 3) ? random.below(UInt64(20)) : 0x300 + random.below(UInt64(256))
        for index in 0..<min(count, 300) {
            poke(long: random.once(in: 3) ? gfn(domain) : start &+ index, index, of: list, domain)
        }
        var draft = newDraft(MemoryReservationLayout.self)
        draft.put(Field<MemoryReservationLayout, UInt64>.extentStart, list)
        draft.put(Field<MemoryReservationLayout, UInt64>.extentCount, count)
        draft.put(
            Field<MemoryReservationLayout, UInt32>.extentOrder,
            UInt32(random.pick([0, 0, 0, 0, 0, 1, 2, 3, 9, 9, 10, 18, 19])))
        draft.put(
            Field<MemoryReservationLayout, UInt32>.flags,
            random.once(in: 16) ? UInt32(random.word() & 0xffffff) : 0)
        draft.put(
            Field<MemoryReservationLayout, UInt16>.domain,
            populates && domain.state.isPrivileged ? peerID(domain) : domainID(domain))
        return stage(draft, domain)
    }
    private func batch(_ domain: Ref<Domain>) -> UInt64 {
        let count = random.below(UInt64(random.once(in: 8) ? 80 : 5))
        let indexes = room(Int(count) * 8, domain)
        let frames = room(Int(count) * 8, domain)
        for index in 0..<count {
            poke(long: gfn(domain), index, of: indexes, domain)
            poke(long: hole(domain), index, of: frames, domain)
        }
        var draft = newDraft(AddToPhysmapBatchLayout.self)
        let isForeign = !random.once(in: 4)
        draft.put(
            Field<AddToPhysmapBatchLayout, UInt16>.domain,
            random.once(in: 8) ? domainID(domain) : DomainID.caller.rawValue)
        draft.put(
            Field<AddToPhysmapBatchLayout, UInt16>.space,
            UInt16(isForeign ? PhysmapSpace.foreignGuestFrame : UInt32(random.below(UInt64(6)))))
        draft.put(Field<AddToPhysmapBatchLayout, UInt16>.size, UInt16(count))
        draft.put(Field<AddToPhysmapBatchLayout, UInt16>.foreignDomain, isForeign ? peerID(domain) : 0)
        draft.put(Field<AddToPhysmapBatchLayout, UInt64>.indexes, indexes)
        draft.put(Field<AddToPhysmapBatchLayout, UInt64>.guestFrames, frames)
        draft.put(Field<AddToPhysmapBatchLayout, UInt64>.errors, room(Int(count) * 4, domain))
        return stage(draft, domain)
    }

    // MARK: event_channel_op

    private func eventCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let operations: [UInt32] = [
            EventChannelOperation.send, EventChannelOperation.unmask, EventChannelOperation.close,
            EventChannelOperation.bindInterdomain, EventChannelOperation.allocateUnbound,
            EventChannelOperation.bindVirtualInterrupt, EventChannelOperation.bindIPI,
            EventChannelOperation.bindVCPU,
            EventChannelOperation.status, EventChannelOperation.reset, UInt32(random.below(UInt64(16))),
        ]
        let operation = operations[random.weighted([14, 6, 10, 16, 14, 6, 6, 6, 6, 1, 2])]
        var then = FuzzCall.Afterwards.nothing
        let address: UInt64
        switch operation {
        case EventChannelOperation.allocateUnbound:
            var draft = newDraft(EventChannelAllocateUnboundLayout.self)
            draft.put(.domain, domainID(domain), EventChannelAllocateUnboundLayout.self)
            draft.put(.remoteDomain, peerID(domain), EventChannelAllocateUnboundLayout.self)
            address = stage(draft, domain)
            then = .port(address &+ 4)
        case EventChannelOperation.bindInterdomain:
            var draft = newDraft(EventChannelBindInterdomainLayout.self)
            let remote = peerID(domain)
            draft.put(Field<EventChannelBindInterdomainLayout, UInt16>.remoteDomain, remote)
            let ports = knowledge[remote]?.ports ?? []
            draft.put(
                Field<EventChannelBindInterdomainLayout, UInt32>.remotePort,
                ports.isEmpty || random.once(in: 8) ? UInt32(random.below(UInt64(12))) : random.pick(ports))
            address = stage(draft, domain)
            then = .port(address &+ 8)
        case EventChannelOperation.bindVirtualInterrupt:
            var draft = newDraft(EventChannelBindVirtualInterruptLayout.self)
            draft.put(
                Field<EventChannelBindVirtualInterruptLayout, UInt32>.virtualInterrupt,
                UInt32(random.below(UInt64(26))))
            draft.put(
                Field<EventChannelBindVirtualInterruptLayout, UInt32>.vcpu, random.once(in: 2) ? 0 : vcpuID())
            address = stage(draft, domain)
            then = .port(address &+ 8)
        case EventChannelOperation.bindIPI:
            var draft = newDraft(EventChannelBindIPILayout.self)
            draft.put(Field<EventChannelBindIPILayout, UInt32>.vcpu, vcpuID())
            address = stage(draft, domain)
            then = .port(address &+ 4)
        case EventChannelOperation.bindVCPU:
            var draft = newDraft(EventChannelBindVCPULayout.self)
            draft.put(Field<EventChannelBindVCPULayout, UInt32>.port, port(domain))
            draft.put(Field<EventChannelBindVCPULayout, UInt32>.vcpu, vcpuID())
            address = stage(draft, domain)
        case EventChannelOperation.status:
            var draft = newDraft(EventChannelStatusLayout.self)
            draft.put(Field<EventChannelStatusLayout, UInt16>.domain, domainID(domain))
            draft.put(Field<EventChannelStatusLayout, UInt32>.port, port(domain))
            address = stage(draft, domain)
        case EventChannelOperation.reset:
            var draft = newDraft(EventChannelResetLayout.self)
            draft.put(Field<EventChannelResetLayout, UInt16>.domain, domainID(domain))
            address = stage(draft, domain)
        default:
            var draft = newDraft(24)
            draft.put(Field<PageOfWords, UInt32>(at: 0), port(domain))
            address = stage(draft, domain)
        }
        return call(
            HypercallNumber.eventChannel, UInt64(operation), [UInt64(operation), address], then: then)
    }

    // MARK: grant_table_op

    private func grantCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let operations: [UInt32] = [
            GrantTableOperation.mapGrantReference, GrantTableOperation.unmapGrantReference,
            GrantTableOperation.copy,
            GrantTableOperation.setupTable, GrantTableOperation.querySize,
            GrantTableOperation.swapGrantReference,
            GrantTableOperation.setVersion, GrantTableOperation.getVersion, UInt32(random.below(UInt64(16))),
        ]
        let operation = operations[random.weighted([30, 22, 20, 3, 2, 5, 1, 1, 1])]
        let count = random.once(in: 6) ? 1 + random.below(30) : 1
        var draft = newDraft(0)
        var then = FuzzCall.Afterwards.nothing
        switch operation {
        case GrantTableOperation.mapGrantReference:
            draft = newDraft(GrantMapLayout.byteCount * count)
            for index in 0..<count { fillMap(&draft, at: index * GrantMapLayout.byteCount, domain) }
        case GrantTableOperation.unmapGrantReference:
            draft = newDraft(GrantUnmapLayout.byteCount * count)
            let handles = known(domain).handles
            for index in 0..<count {
                let base = index * GrantUnmapLayout.byteCount
                let known = handles.isEmpty || random.once(in: 8) ? nil : random.pick(handles)
                draft.put(
                    Field<GrantUnmapLayout, UInt32>.handle, known?.handle ?? UInt32(random.below(UInt64(8))),
                    at: base)
                draft.put(
                    Field<GrantUnmapLayout, UInt64>.hostAddress,
                    random.once(in: 12) ? random.edge() : (known?.gfn ?? hole(domain)) << 12, at: base)
            }
        case GrantTableOperation.copy:
            draft = newDraft(GrantCopyLayout.byteCount * count)
            for index in 0..<count { fillCopy(&draft, at: index * GrantCopyLayout.byteCount, domain) }
        case GrantTableOperation.setupTable:
            draft = newDraft(GrantSetupTableLayout.self)
            draft.put(Field<GrantSetupTableLayout, UInt16>.domain, domainID(domain))
            draft.put(Field<GrantSetupTableLayout, UInt32>.frameCount, UInt32(random.below(UInt64(5))))
            draft.put(Field<GrantSetupTableLayout, UInt64>.frameList, room(32, domain))
        case GrantTableOperation.swapGrantReference:
            draft = newDraft(GrantSwapReferencesLayout.byteCount * count)
            for index in 0..<count {
                let base = index * GrantSwapReferencesLayout.byteCount
                draft.put(Field<GrantSwapReferencesLayout, UInt32>.referenceA, reference(), at: base)
                draft.put(Field<GrantSwapReferencesLayout, UInt32>.referenceB, reference(), at: base)
            }
        default:
            draft = newDraft(24)
            draft.put(Field<PageOfWords, UInt16>(at: 0), domainID(domain))
            if random.once(in: 2) {
                draft.put(Field<PageOfWords, UInt32>(at: 0), UInt32(random.below(UInt64(4))))
            }
        }
        let address = stage(draft, domain)
        if operation == GrantTableOperation.mapGrantReference { then = .mappings(address, count) }
        let told = random.once(in: 32) ? random.edge() : UInt64(count)
        // A count that is much too large ends at the end of memory, after some thousand entries of what stands there.
        return call(
            HypercallNumber.grantTable, UInt64(operation),
            [UInt64(operation), address, told > 64 && told < 1 << 31 ? told & 0x3ff : told], then: then)
    }
    private func fillMap(_ draft: inout Draft, at base: Int, _ domain: Ref<Domain>) {
        draft.put(Field<GrantMapLayout, UInt64>.hostAddress, hole(domain) << 12, at: base)
        var flags = GrantMapFlag.hostMap | (random.once(in: 3) ? GrantMapFlag.readOnly : 0)
        if random.once(in: 24) { flags ^= 1 << UInt32(random.below(UInt64(8))) }
        draft.put(Field<GrantMapLayout, UInt32>.flags, flags, at: base)
        let grant = grant(for: domain)
        draft.put(Field<GrantMapLayout, UInt32>.reference, grant.reference, at: base)
        draft.put(Field<GrantMapLayout, UInt16>.domain, grant.granter, at: base)
        draft.put(Field<GrantMapLayout, Int16>.status, 99, at: base)
    }
    private func fillCopy(_ draft: inout Draft, at base: Int, _ domain: Ref<Domain>) {
        let sourceIsReference = !random.once(in: 3)
        let targetIsReference = sourceIsReference ? random.once(in: 3) : !random.once(in: 8)
        typealias Word = Field<GrantCopyLayout, UInt64>
        typealias Half = Field<GrantCopyLayout, UInt16>
        let source = grant(for: domain)
        let target = grant(for: domain)
        draft.put(Word.sourceFrame, sourceIsReference ? UInt64(source.reference) : ramPage(domain), at: base)
        draft.put(
            Word.destinationFrame, targetIsReference ? UInt64(target.reference) : ramPage(domain), at: base)
        draft.put(Half.sourceDomain, sourceIsReference ? source.granter : DomainID.caller.rawValue, at: base)
        draft.put(
            Half.destinationDomain, targetIsReference ? target.granter : DomainID.caller.rawValue, at: base)
        draft.put(Half.sourceOffset, UInt16(random.below(UInt64(2048))), at: base)
        draft.put(Half.destinationOffset, UInt16(random.below(UInt64(2048))), at: base)
        draft.put(Half.length, UInt16(random.below(UInt64(random.once(in: 8) ? 65536 : 2050))), at: base)
        draft.put(
            Half.flags,
            (sourceIsReference ? GrantCopyFlag.sourceIsReference : 0)
                | (targetIsReference ? GrantCopyFlag.destinationIsReference : 0), at: base)
    }

    // MARK: sched_op, vcpu_op, hvm_op

    private func schedulerCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        var operation = UInt32(random.weighted([6, 6, 1, 8, 1, 1, 1, 1]))
        // Domain 0 lives as long as the machine.
        if domain == control, operation == SchedulerOperation.shutdown {
            operation = SchedulerOperation.yield
        }
        let address: UInt64
        switch operation {
        case SchedulerOperation.poll:
            let count = random.once(in: 12) ? random.below(140) : random.below(3)
            let list = room(count * 4, domain)
            for index in 0..<count { poke(port(domain), list &+ UInt64(index * 4), domain) }
            var draft = newDraft(SchedulerPollLayout.self)
            draft.put(Field<SchedulerPollLayout, UInt64>.ports, list)
            draft.put(Field<SchedulerPollLayout, UInt32>.portCount, UInt32(count))
            draft.put(
                Field<SchedulerPollLayout, UInt64>.timeout,
                random.once(in: 4) ? random.edge() : machine.tsc &+ random.below(UInt64(300_000)))
            address = stage(draft, domain)
        case SchedulerOperation.remoteShutdown:
            var draft = newDraft(SchedulerRemoteShutdownLayout.self)
            let id = peerID(domain)
            draft.put(Field<SchedulerRemoteShutdownLayout, UInt16>.domain, id == 0 ? 1 : id)
            draft.put(Field<SchedulerRemoteShutdownLayout, UInt32>.reason, UInt32(random.below(UInt64(7))))
            address = stage(draft, domain)
        default:
            var draft = newDraft(8)
            draft.put(Field<PageOfWords, UInt32>(at: 0), UInt32(random.below(UInt64(7))))
            address = stage(draft, domain)
        }
        return call(HypercallNumber.scheduler, UInt64(operation), [UInt64(operation), address])
    }
    private func vcpuCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        var operation = UInt32(random.weighted([4, 6, 3, 3, 3, 6, 1, 1, 6, 3, 6, 3, 1, 6, 1]))
        var id = random.once(in: 3) ? vcpu.state.id : vcpuID()
        if domain == control, operation == VCPUOperation.down {
            id = 1
            if random.once(in: 2) { operation = VCPUOperation.up }
        }
        var address: UInt64
        switch operation {
        case VCPUOperation.initialise:
            var draft = newDraft(VCPUContextLayout.self)
            draft.put(Field<VCPUContextLayout, UInt32>(at: 0), UInt32(random.below(UInt64(3))))
            draft.put(Field<PageOfWords, UInt32>(at: 8 + 40), 0x11)
            // Segments present, 32-bit.
            for index in 0..<5 { draft.put(Field<PageOfWords, UInt16>(at: 8 + 104 + 2 * index), 0xc9b) }
            address = stage(draft, domain)
        case VCPUOperation.registerRunstateMemoryArea, VCPUOperation.registerTimeMemoryArea:
            var draft = newDraft(8)
            let area = random.once(in: 6) ? hole(domain) << 12 : room(48, domain)
            draft.put(Field<PageOfWords, UInt64>(at: 0), random.once(in: 6) ? 0 : area)
            address = stage(draft, domain)
        case VCPUOperation.setSingleshotTimer:
            var draft = newDraft(16)
            draft.put(
                Field<PageOfWords, UInt64>(at: 0),
                random.once(in: 6) ? random.edge() : machine.tsc &+ random.below(UInt64(300_000)))
            address = stage(draft, domain)
        case VCPUOperation.registerVCPUInfo:
            var draft = newDraft(RegisterVCPUInfoLayout.self)
            draft.put(
                Field<RegisterVCPUInfoLayout, UInt64>.guestFrame,
                random.once(in: 4) ? gfn(domain) : ramPage(domain))
            draft.put(Field<RegisterVCPUInfoLayout, UInt32>.offset, UInt32(random.below(UInt64(512))) * 8)
            address = stage(draft, domain)
        default: address = random.once(in: 2) ? 0 : room(64, domain)
        }
        return call(HypercallNumber.vcpu, UInt64(operation), [UInt64(operation), UInt64(id), address])
    }
    private func hvmCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let operations: [UInt32] = [
            HVMOperation.setParameter, HVMOperation.getParameter, HVMOperation.flushTLBs,
            HVMOperation.pageTableDying,
            HVMOperation.getTime, HVMOperation.getMemoryType, HVMOperation.setEventUpcallVector,
            UInt32(random.below(UInt64(28))),
        ]
        let operation = operations[random.weighted([10, 6, 1, 1, 2, 3, 5, 1])]
        var draft = newDraft(24)
        switch operation {
        case HVMOperation.setParameter, HVMOperation.getParameter:
            draft.put(Field<HVMParameterLayout, UInt16>.domain, domainID(domain))
            draft.put(
                Field<HVMParameterLayout, UInt32>.index,
                UInt32(random.once(in: 3) ? 0 : random.below(UInt64(41))))
            draft.put(
                Field<HVMParameterLayout, UInt64>.value,
                random.once(in: 2) ? 2 << 56 | random.below(UInt64(256)) : random.edge())
        case HVMOperation.setEventUpcallVector:
            draft.put(Field<HVMUpcallVectorLayout, UInt32>.vcpu, vcpuID())
            draft.put(
                Field<HVMUpcallVectorLayout, UInt8>.vector,
                UInt8(truncatingIfNeeded: random.below(UInt64(256))))
        case HVMOperation.getMemoryType:
            draft.put(Field<HVMMemoryTypeLayout, UInt16>.domain, domainID(domain))
            draft.put(Field<HVMMemoryTypeLayout, UInt64>.guestFrame, gfn(domain))
        default: draft.put(Field<PageOfWords, UInt16>(at: 0), domainID(domain))
        }
        let isFlush = operation == HVMOperation.flushTLBs && !random.once(in: 4)
        return call(
            HypercallNumber.hvm, UInt64(operation), [UInt64(operation), isFlush ? 0 : stage(draft, domain)])
    }
    private func deviceModelCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        var body = newDraft(DeviceModelLayout.byteCount)
        let operation = random.pick([7, DeviceModelOperation.remoteShutdown, DeviceModelOperation.vcpuCount])
        body.put(Field<PageOfWords, UInt32>(at: 0), operation)
        body.put(Field<PageOfWords, UInt32>(at: 8), UInt32(random.below(UInt64(7))))
        let address = stage(body, domain)
        var draft = newDraft(DeviceModelBufferLayout.byteCount)
        draft.put(Field<DeviceModelBufferLayout, UInt64>.address, address)
        draft.put(Field<DeviceModelBufferLayout, UInt64>.size, random.once(in: 8) ? 1 : 64)
        return call(
            HypercallNumber.deviceModel, UInt64(operation),
            [UInt64(peerID(domain)), random.once(in: 8) ? 0 : 1, stage(draft, domain)])
    }

    // MARK: multicall

    private func multicall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let count = random.below(6)
        var draft = newDraft(64 * count)
        for index in 0..<count {
            let inner: FuzzCall
            switch random.below(8) {
            case 0: inner = memoryCall(vcpu)
            case 1: inner = eventCall(vcpu)
            case 2: inner = grantCall(vcpu)
            case 3: inner = schedulerCall(vcpu)
            case 4: inner = vcpuCall(vcpu)
            case 5: inner = hvmCall(vcpu)
            case 6: inner = domctlCall(vcpu)
            default: inner = call(HypercallNumber.multicall, 0, [0, 0])
            }
            draft.put(Field<MulticallEntryLayout, UInt64>.operation, inner.number, at: 64 * index)
            for place in 0..<5 {
                draft.put(
                    Field<MulticallEntryLayout, UInt64>.arguments.element(place), inner.arguments[place],
                    at: 64 * index)
            }
        }
        return call(
            HypercallNumber.multicall, 0,
            [stage(draft, domain), random.once(in: 24) ? random.below(UInt64(70)) : UInt64(count)])
    }
}

extension Draft {
    /// As `put`, for fields whose layout the name alone does not tell.
    mutating func put<Layout: ABILayout, Value: FixedWidthInteger>(
        _ field: Field<Layout, Value>, _ value: Value, _ layout: Layout.Type
    ) { put(field, value) }
}
