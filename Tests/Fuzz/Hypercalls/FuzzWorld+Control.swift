// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import XenABI

// domctl, sysctl and platform_op: what the control domain does, and what others are refused.
extension FuzzWorld {
    func domctlCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let operations: [UInt32] = [
            DomctlOperation.createDomain, DomctlOperation.destroyDomain, DomctlOperation.pauseDomain,
            DomctlOperation.unpauseDomain, DomctlOperation.getDomainInfo, DomctlOperation.resumeDomain,
            DomctlOperation.maximumVCPUs, DomctlOperation.maximumMemory, DomctlOperation.setVCPUContext,
            DomctlOperation.getVCPUContext, DomctlOperation.setHVMContext, DomctlOperation.getHVMContext,
            DomctlOperation.getHVMContextPartial, DomctlOperation.gdbsxGuestMemoryIO,
            DomctlOperation.setVCPUAffinity,
            DomctlOperation.getPageFrameInfo3, DomctlOperation.getCPUPolicy,
            DomctlOperation.setPagingMempoolSize,
            DomctlOperation.sendTrigger, UInt32(random.below(UInt64(90))),
        ]
        let operation = operations[
            random.weighted([10, 7, 4, 9, 2, 5, 8, 5, 6, 3, 4, 3, 3, 6, 3, 2, 2, 3, 3, 8])]
        let body = DomctlLayout.argumentOffset
        var draft = newDraft(DomctlLayout.self)
        draft.put(Field<DomctlLayout, UInt32>.command, operation)
        draft.put(Field<DomctlLayout, UInt32>.interfaceVersion, random.once(in: 32) ? 0 : DomctlVersion.value)
        // The youngest domain is the one under construction.
        let youngest = hypervisor.state.domains[hypervisor.state.domains.count - 1]?.id.rawValue ?? 1
        var target = random.once(in: 3) ? peerID(domain) : youngest
        if target == 0,
            operation == DomctlOperation.setVCPUContext || operation == DomctlOperation.setHVMContext
        {
            target = youngest
        }
        switch operation {
        case DomctlOperation.createDomain:
            target = random.once(in: 4) ? UInt16(random.below(UInt64(8))) : 0
            if hypervisor.state.domains.count > 8 {
                draft.put(Field<DomctlLayout, UInt32>.interfaceVersion, 1)
            }
            draft.put(
                Field<DomctlCreateDomainLayout, UInt32>.flags, CreateDomainFlag.hvm | CreateDomainFlag.hap,
                at: body)
            draft.put(
                Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs,
                random.once(in: 16)
                    ? UInt32(truncatingIfNeeded: random.edge()) : 1 + UInt32(random.below(UInt64(4))),
                at: body)
            draft.put(
                Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort,
                random.pick([UInt32.max, 0, 1, 63, 1023, 4095, 100_000]), at: body)
            draft.put(
                Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames,
                random.pick([-1, 0, 1, 4, 64, -2]), at: body)
            draft.put(
                Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames, random.pick([-1, 0, 1, 4]),
                at: body)
            draft.put(Field<DomctlCreateDomainLayout, UInt32>.grantOptions, 1, at: body)
            draft.put(Field<DomctlCreateDomainLayout, UInt32>.emulationFlags, EmulationFlag.lapic, at: body)
        case DomctlOperation.maximumVCPUs:
            let wanted =
                hypervisor.state.domains.find(DomainID(rawValue: target))?.state.maximumVCPUCount ?? 1
            draft.put(
                Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, random.once(in: 8) ? wanted &+ 1 : wanted,
                at: body)
        case DomctlOperation.maximumMemory:
            draft.put(
                Field<DomctlMaximumMemoryLayout, UInt64>.kibibytes,
                random.once(in: 8) ? random.edge() : random.below(UInt64(4096)), at: body)
        case DomctlOperation.setVCPUContext, DomctlOperation.getVCPUContext:
            draft.put(Field<DomctlVCPUContextLayout, UInt32>.vcpu, vcpuID(), at: body)
            let address = room(4096, domain) & ~0xfff
            if operation == DomctlOperation.setVCPUContext, !random.once(in: 4) {
                // Online, flags clear, all else zero: a context that is acceptable.
                poke([UInt8](repeating: 0, count: 2048), address, domain)
                poke(
                    UInt64(1 << 5), address &+ UInt64(Field<VCPUGuestContextLayout, UInt64>.flags.offset),
                    domain)
            }
            draft.put(
                Field<DomctlVCPUContextLayout, UInt64>.context, random.once(in: 8) ? 0 : address, at: body)
        case DomctlOperation.setHVMContext, DomctlOperation.getHVMContext:
            let address = room(4096, domain) & ~0xfff
            if operation == DomctlOperation.setHVMContext { writeContext(address, domain) }
            draft.put(
                Field<DomctlHVMContextLayout, UInt32>.size,
                random.once(in: 8) ? UInt32(truncatingIfNeeded: random.edge()) : 8192, at: body)
            draft.put(
                Field<DomctlHVMContextLayout, UInt64>.buffer, random.once(in: 6) ? 0 : address, at: body)
        case DomctlOperation.getHVMContextPartial:
            draft.put(
                Field<DomctlHVMContextPartialLayout, UInt32>.type, UInt32(random.below(UInt64(20))), at: body)
            draft.put(Field<DomctlHVMContextPartialLayout, UInt32>.instance, vcpuID(), at: body)
            draft.put(
                Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize, random.below(UInt64(2048)), at: body)
            draft.put(Field<DomctlHVMContextPartialLayout, UInt64>.buffer, room(1024, domain), at: body)
        case DomctlOperation.gdbsxGuestMemoryIO:
            draft.put(Field<DomctlGuestMemoryIOLayout, UInt64>.guestAddress, gfn(domain) << 12, at: body)
            draft.put(Field<DomctlGuestMemoryIOLayout, UInt64>.buffer, room(64, domain), at: body)
            draft.put(
                Field<DomctlGuestMemoryIOLayout, UInt32>.length,
                UInt32(random.below(UInt64(random.once(in: 4) ? 100_000 : 64))), at: body)
            draft.put(Field<DomctlGuestMemoryIOLayout, UInt8>.isWrite, UInt8(random.below(2)), at: body)
        case DomctlOperation.setVCPUAffinity, DomctlOperation.getVCPUAffinity:
            draft.put(Field<DomctlVCPUAffinityLayout, UInt32>.vcpu, vcpuID(), at: body)
            draft.put(
                Field<DomctlVCPUAffinityLayout, UInt32>.flags, UInt32(random.below(UInt64(8))), at: body)
            draft.put(
                Field<DomctlVCPUAffinityLayout, UInt32>.hardBitCount, UInt32(random.below(UInt64(130))),
                at: body)
            draft.put(Field<DomctlVCPUAffinityLayout, UInt64>.hardBitmap, room(16, domain), at: body)
            draft.put(
                Field<DomctlVCPUAffinityLayout, UInt32>.softBitCount, UInt32(random.below(UInt64(130))),
                at: body)
            draft.put(Field<DomctlVCPUAffinityLayout, UInt64>.softBitmap, room(16, domain), at: body)
        case DomctlOperation.getPageFrameInfo3:
            draft.put(Field<DomctlPageFrameInfo3Layout, UInt64>.count, random.below(UInt64(1100)), at: body)
            draft.put(Field<DomctlPageFrameInfo3Layout, UInt64>.array, room(64, domain), at: body)
        case DomctlOperation.getCPUPolicy, DomctlOperation.setCPUPolicy:
            draft.put(
                Field<DomctlCPUPolicyLayout, UInt32>.leafCount, UInt32(random.below(UInt64(120))), at: body)
            draft.put(
                Field<DomctlCPUPolicyLayout, UInt32>.msrCount, UInt32(random.below(UInt64(4))), at: body)
            draft.put(Field<DomctlCPUPolicyLayout, UInt64>.leaves, room(2880, domain), at: body)
            draft.put(Field<DomctlCPUPolicyLayout, UInt64>.msrs, room(64, domain), at: body)
        case DomctlOperation.setPagingMempoolSize:
            draft.put(
                Field<DomctlPagingMempoolLayout, UInt64>.size,
                random.once(in: 8) ? random.edge() : random.below(UInt64(64)) << 12, at: body)
        case DomctlOperation.sendTrigger:
            draft.put(
                Field<DomctlSendTriggerLayout, UInt32>.trigger, UInt32(random.below(UInt64(6))), at: body)
            draft.put(Field<DomctlSendTriggerLayout, UInt32>.vcpu, vcpuID(), at: body)
        default:
            for offset in stride(from: body, to: draft.bytes.count, by: 8) {
                let value =
                    switch random.below(4) {
                    case 0: room(64, domain)
                    case 1: random.edge()
                    default: random.below(UInt64(4))
                    }
                draft.put(Field<PageOfWords, UInt64>(at: offset), value)
            }
        }
        draft.put(Field<DomctlLayout, UInt16>.domain, target)
        return call(HypercallNumber.domctl, UInt64(operation), [stage(draft, domain)])
    }
    /// A save stream: a header, a record or two, an end; now and then something is wrong.
    private func writeContext(_ start: UInt64, _ domain: Ref<Domain>) {
        var address = start
        func record(_ type: UInt16, _ instance: UInt16, _ length: Int, _ fill: (inout Draft) -> Void) {
            var head = newDraft(HVMSaveDescriptorLayout.self)
            head.put(Field<HVMSaveDescriptorLayout, UInt16>.typecode, type)
            head.put(Field<HVMSaveDescriptorLayout, UInt16>.instance, instance)
            head.put(
                Field<HVMSaveDescriptorLayout, UInt32>.length,
                random.once(in: 24) ? UInt32(truncatingIfNeeded: random.edge()) : UInt32(length))
            var body = newDraft(length)
            fill(&body)
            poke(head.bytes + body.bytes, address, domain)
            address = address &+ UInt64(head.bytes.count + length)
        }
        record(HVMSaveRecord.header, 0, HVMSaveHeaderLayout.byteCount) {
            $0.put(Field<HVMSaveHeaderLayout, UInt32>.magic, HVMSaveMagic.value)
            $0.put(Field<HVMSaveHeaderLayout, UInt32>.version, HVMSaveMagic.version)
        }
        let instance = UInt16(random.below(UInt64(3)))
        switch random.below(4) {
        case 0: record(HVMSaveRecord.cpu, instance, HVMSaveCPULayout.byteCount) { $0.bytes[0] = 0 }
        case 1:
            record(HVMSaveRecord.lapic, instance, HVMSaveLAPICLayout.byteCount) {
                $0.put(Field<PageOfWords, UInt64>(at: 0), 0xfee0_0800 | random.word() & 0xc00)
            }
        case 2:
            record(HVMSaveRecord.lapicRegisters, instance, HVMSaveLAPICRegistersLayout.byteCount) {
                for index in 0..<64 where random.once(in: 3) {
                    $0.put(
                        Field<PageOfWords, UInt32>(at: index * 16), UInt32(truncatingIfNeeded: random.word()))
                }
            }
        default: record(HVMSaveRecord.mtrr, instance, HVMSaveMTRRLayout.byteCount) { $0.bytes[0] = 6 }
        }
        record(HVMSaveRecord.end, 0, 0) { _ in }
    }

    func sysctlCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let operation = UInt32(random.below(UInt64(31)))
        var draft = newDraft(SysctlLayout.self)
        draft.put(Field<SysctlLayout, UInt32>.command, operation)
        draft.put(Field<SysctlLayout, UInt32>.interfaceVersion, random.once(in: 32) ? 0 : SysctlVersion.value)
        let body = SysctlLayout.argumentOffset
        for offset in stride(from: body, to: draft.bytes.count, by: 8) {
            let value =
                switch random.below(4) {
                case 0: room(256, domain)
                case 1: random.edge()
                default: random.below(UInt64(6)) << (random.once(in: 2) ? 32 : 0)
                }
            draft.put(Field<PageOfWords, UInt64>(at: offset), value)
        }
        switch operation {
        case SysctlOperation.readConsole:
            draft.put(Field<SysctlReadConsoleLayout, UInt64>.buffer, room(512, domain), at: body)
            draft.put(
                Field<SysctlReadConsoleLayout, UInt32>.count, UInt32(random.below(UInt64(9000))), at: body)
        case SysctlOperation.getDomainInfoList:
            draft.put(
                Field<SysctlDomainInfoListLayout, UInt16>.firstDomain, UInt16(random.below(UInt64(4))),
                at: body)
            draft.put(
                Field<SysctlDomainInfoListLayout, UInt32>.maximumDomains, UInt32(random.below(UInt64(20))),
                at: body)
            draft.put(Field<SysctlDomainInfoListLayout, UInt64>.buffer, room(1024, domain), at: body)
        default: break
        }
        return call(HypercallNumber.sysctl, UInt64(operation), [stage(draft, domain)])
    }

    func platformCall(_ vcpu: Ref<VirtualCPU>) -> FuzzCall {
        let domain = vcpu.domain
        let operation = random.pick([
            PlatformOperation.setTime32, PlatformOperation.setTime64, PlatformOperation.getCPUInfo,
            UInt32(random.below(UInt64(70))),
        ])
        var draft = newDraft(PlatformLayout.self)
        draft.put(Field<PlatformLayout, UInt32>.command, operation)
        draft.put(
            Field<PlatformLayout, UInt32>.interfaceVersion, random.once(in: 32) ? 1 : PlatformVersion.value)
        for offset in stride(from: PlatformLayout.argumentOffset, to: draft.bytes.count, by: 8) {
            draft.put(
                Field<PageOfWords, UInt64>(at: offset),
                random.once(in: 3) ? random.edge() : random.below(UInt64(1 << 30)))
        }
        return call(HypercallNumber.platform, UInt64(operation), [stage(draft, domain)])
    }
}
