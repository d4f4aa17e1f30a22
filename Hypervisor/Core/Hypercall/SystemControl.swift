// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    private static var sysctlBody: Int { SysctlLayout.argumentOffset }

    /// `HYPERVISOR_sysctl`, for privileged domains. Xen public/sysctl.h.
    func systemControl(_ argument: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        var block = try copyIn(SysctlLayout.self, at: argument)
        guard block[.interfaceVersion] == SysctlVersion.value else { throw .accessDenied }
        guard domain.state.isPrivileged else { throw .notPermitted }
        let body = Self.sysctlBody
        switch block[Field<SysctlLayout, UInt32>.command] {
        case SysctlOperation.physicalInfo: fillPhysicalInfo(&block)
        case SysctlOperation.getDomainInfoList: try listDomains(&block)
        case SysctlOperation.readConsole: try readConsoleRing(&block)
        case SysctlOperation.schedulerID:
            // The one whose name promises no parameters: tools then ask for none.
            block[Field<SysctlSchedulerIDLayout, UInt32>.schedulerID, in: body] = SchedulerID.null
        case SysctlOperation.getCPUInfo: try listIdleTimes(&block)
        case SysctlOperation.availableHeap:
            block[Field<SysctlAvailableHeapLayout, UInt64>.availableBytes, in: body] =
                hypervisor.state.frames.freeFrames &<< 12
        case SysctlOperation.cpuTopology: try listTopology(&block)
        case SysctlOperation.numaInfo: try describeNode(&block)
        case SysctlOperation.cpupool: try cpupool(&block)
        case SysctlOperation.getCPUFeatureset: return try listFeatures(&block, argument)
        case SysctlOperation.getCPUPolicy: try describeCPU(&block)
        case SysctlOperation.getCPULevellingCapabilities:
            block[Field<SysctlCPULevellingLayout, UInt32>.capabilities, in: body] = 0
        case SysctlOperation.debugKeys:
            let keys = block[Field<SysctlDebugKeysLayout, UInt64>.keys, in: body]
            let count = block[Field<SysctlDebugKeysLayout, UInt32>.keyCount, in: body]
            guard count <= 256 else { throw .tooBig }
            var index: UInt64 = 0
            while index < UInt64(count) {
                hypervisor.debugKey(try read(UInt8.self, at: keys &+ index))
                index &+= 1
            }
            return 0
        case SysctlOperation.pciTopology:
            block[Field<SysctlPCITopologyLayout, UInt32>.deviceCount, in: body] = 0
        case SysctlOperation.scheduler, SysctlOperation.psrMonitoring, SysctlOperation.psrAllocation,
            SysctlOperation.coverage, SysctlOperation.livepatch:
            throw .notSupported
        case SysctlOperation.getPMStatistics: throw .noDevice
        default: throw .notImplemented
        }
        try copyOut(block, to: argument)
        return 0
    }

    private func fillPhysicalInfo(_ block: inout ArgumentBlock<SysctlLayout>) {
        let body = Self.sysctlBody
        let hypervisor = hypervisor
        let facts = hypervisor.state.facts
        let assigned = hypervisor.state.controlDomain?.state.totalPages ?? 0
        block[Field<SysctlPhysicalInfoLayout, UInt32>.threadsPerCore, in: body] = 1
        block[Field<SysctlPhysicalInfoLayout, UInt32>.coresPerSocket, in: body] = facts.cpuCount
        block[Field<SysctlPhysicalInfoLayout, UInt32>.cpuCount, in: body] = facts.cpuCount
        block[Field<SysctlPhysicalInfoLayout, UInt32>.maximumCPUID, in: body] = facts.cpuCount &- 1
        block[Field<SysctlPhysicalInfoLayout, UInt32>.nodeCount, in: body] = 1
        block[Field<SysctlPhysicalInfoLayout, UInt32>.maximumNodeID, in: body] = 0
        block[Field<SysctlPhysicalInfoLayout, UInt32>.cpuKilohertz, in: body] = facts.tscKiloHertz
        block[Field<SysctlPhysicalInfoLayout, UInt32>.capabilities, in: body] =
            PhysicalCapability.hvm | PhysicalCapability.hap | PhysicalCapability.grantTableV1
        block[Field<SysctlPhysicalInfoLayout, UInt32>.archCapabilities, in: body] = 0
        block[Field<SysctlPhysicalInfoLayout, UInt64>.totalPages, in: body] =
            hypervisor.state.frames.totalFrames &+ assigned
        block[Field<SysctlPhysicalInfoLayout, UInt64>.freePages, in: body] =
            hypervisor.state.frames.freeFrames
        block[Field<SysctlPhysicalInfoLayout, UInt64>.scrubPages, in: body] = 0
        block[Field<SysctlPhysicalInfoLayout, UInt64>.outstandingPages, in: body] =
            hypervisor.state.frames.claimedFrames
        block[Field<SysctlPhysicalInfoLayout, UInt64>.maximumMachineFrame, in: body] = facts.highestFrame
        var index: UInt32 = 0
        while index < 8 {
            block[
                Field<SysctlPhysicalInfoLayout, UInt32>.hardwareCapabilities.element(Int(index)), in: body] =
                CPUPolicy.featureWord(index, hypervisor.state.hooks.cpuid)
            index &+= 1
        }
    }

    private func listDomains(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        let body = Self.sysctlBody
        let buffer = block[Field<SysctlDomainInfoListLayout, UInt64>.buffer, in: body]
        let room = block[Field<SysctlDomainInfoListLayout, UInt32>.maximumDomains, in: body]
        var next = block[Field<SysctlDomainInfoListLayout, UInt16>.firstDomain, in: body]
        var count: UInt32 = 0
        while count < room, let found = hypervisor.state.domains.next(from: next) {
            var info = ArgumentBlock<DomctlDomainInfoLayout>()
            found.fillInfo(&info)
            try copyOut(info, to: buffer &+ UInt64(count) &* UInt64(DomctlDomainInfoLayout.byteCount))
            count &+= 1
            next = found.id.rawValue &+ 1
        }
        block[Field<SysctlDomainInfoListLayout, UInt32>.domainCount, in: body] = count
    }

    /// `XEN_SYSCTL_readconsole`: what was printed and not cleared; `incremental` goes on at `index`.
    private func readConsoleRing(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        let body = Self.sysctlBody
        let buffer = block[Field<SysctlReadConsoleLayout, UInt64>.buffer, in: body]
        let room = UInt64(block[Field<SysctlReadConsoleLayout, UInt32>.count, in: body])
        let index = block[Field<SysctlReadConsoleLayout, UInt32>.index, in: body]
        let hypervisor = hypervisor
        let produced = hypervisor.state.console.produced
        var position = hypervisor.state.console.consumed
        if block[Field<SysctlReadConsoleLayout, UInt8>.incremental, in: body] != 0 {
            // Positions are told in 32 bits: the distance from the oldest byte says which is meant.
            let distance = UInt64(index &- UInt32(truncatingIfNeeded: position))
            if distance <= produced &- position { position &+= distance }
        }
        let end = min(produced, position &+ room)
        var done: UInt64 = 0
        while position < end {
            let run = min(UInt64(TextChunkLayout.byteCount), end &- position)
            var chunk = ArgumentBlock<TextChunkLayout>()
            var byte: UInt64 = 0
            while byte < run {
                chunk[Field<TextChunkLayout, UInt8>(at: Int(byte))] =
                    hypervisor.state.console.byte(at: position &+ byte)
                byte &+= 1
            }
            try copyOut(chunk, byteCount: Int(run), to: buffer &+ done)
            position &+= run
            done &+= run
        }
        if block[Field<SysctlReadConsoleLayout, UInt8>.clear, in: body] != 0 {
            hypervisor.state.console.consumed = position
        }
        block[Field<SysctlReadConsoleLayout, UInt32>.count, in: body] = UInt32(truncatingIfNeeded: done)
        block[Field<SysctlReadConsoleLayout, UInt32>.index, in: body] = UInt32(truncatingIfNeeded: position)
    }

    /// `XEN_SYSCTL_getcpuinfo`: idle nanoseconds of each CPU.
    private func listIdleTimes(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        let body = Self.sysctlBody
        let info = block[Field<SysctlCPUInfoLayout, UInt64>.info, in: body]
        let count = min(
            block[Field<SysctlCPUInfoLayout, UInt32>.maximumCPUs, in: body], hypervisor.state.facts.cpuCount)
        var busy: UInt64 = 0
        var index = 0
        while let domain = hypervisor.state.domains[index] {
            busy &+= domain.totalCPUTime
            index &+= 1
        }
        // Guests' time is booked by domain: the CPUs share it evenly.
        let share = busy / UInt64(max(hypervisor.state.facts.cpuCount, 1))
        let now = hypervisor.state.now()
        var cpu: UInt32 = 0
        while cpu < count {
            try write(now > share ? now &- share : 0, at: info &+ UInt64(cpu) &* 8)
            cpu &+= 1
        }
        block[Field<SysctlCPUInfoLayout, UInt32>.cpuCount, in: body] = count
    }

    private func listTopology(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        let body = Self.sysctlBody
        let list = block[Field<SysctlCPUTopologyInfoLayout, UInt64>.topology, in: body]
        let room = block[Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount, in: body]
        let all = hypervisor.state.facts.cpuCount
        let count = list == 0 ? all : min(room, all)
        var cpu: UInt32 = 0
        while list != 0, cpu < count {
            var record = ArgumentBlock<SysctlCPUTopologyLayout>()
            record[.core] = cpu
            record[.socket] = 0
            record[.node] = 0
            try copyOut(record, to: list &+ UInt64(cpu) &* UInt64(SysctlCPUTopologyLayout.byteCount))
            cpu &+= 1
        }
        block[Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount, in: body] = count
    }

    /// `XEN_SYSCTL_numainfo`: one node with all memory, at distance 10 from itself.
    private func describeNode(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        let body = Self.sysctlBody
        let memory = block[Field<SysctlNUMAInfoLayout, UInt64>.memoryInfo, in: body]
        let distance = block[Field<SysctlNUMAInfoLayout, UInt64>.distance, in: body]
        let room = block[Field<SysctlNUMAInfoLayout, UInt32>.nodeCount, in: body]
        if memory != 0 || distance != 0 {
            guard room >= 1 else { throw .invalidArgument }
        }
        if memory != 0 {
            let assigned = hypervisor.state.controlDomain?.state.totalPages ?? 0
            var record = ArgumentBlock<SysctlMemoryInfoLayout>()
            record[.size] = (hypervisor.state.frames.totalFrames &+ assigned) &<< 12
            record[.free] = hypervisor.state.frames.freeFrames &<< 12
            try copyOut(record, to: memory)
        }
        if distance != 0 { try write(UInt32(10), at: distance) }
        block[Field<SysctlNUMAInfoLayout, UInt32>.nodeCount, in: body] = 1
    }

    /// `XEN_SYSCTL_cpupool_op`: pool 0 has all CPUs and all domains, and there is no other.
    private func cpupool(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        let body = Self.sysctlBody
        let pool = block[Field<SysctlCPUPoolLayout, UInt32>.cpupool, in: body]
        let bitmap = block[Field<SysctlCPUPoolLayout, UInt64>.bitmap, in: body]
        let bits = block[Field<SysctlCPUPoolLayout, UInt32>.bitCount, in: body]
        let count = hypervisor.state.facts.cpuCount
        switch block[Field<SysctlCPUPoolLayout, UInt32>.operation, in: body] {
        case CPUPoolOperation.info:
            guard pool == 0 else { throw .noEntry }
            block[Field<SysctlCPUPoolLayout, UInt32>.schedulerID, in: body] = SchedulerID.null
            block[Field<SysctlCPUPoolLayout, UInt32>.domainCount, in: body] =
                UInt32(truncatingIfNeeded: hypervisor.state.domains.count)
            if bitmap != 0 {
                try writeBitmap(count >= 64 ? .max : (1 &<< UInt64(count)) &- 1, bitmap, bits)
            }
        case CPUPoolOperation.freeInfo: if bitmap != 0 { try writeBitmap(0, bitmap, bits) }
        case CPUPoolOperation.moveDomain:
            let id = UInt16(truncatingIfNeeded: block[Field<SysctlCPUPoolLayout, UInt32>.domain, in: body])
            guard hypervisor.state.domains.find(DomainID(rawValue: id)) != nil else { throw .noSuchDomain }
            guard pool == 0 else { throw .noEntry }
        default: throw .invalidArgument
        }
    }

    /// `XEN_SYSCTL_get_cpu_featureset`: as many words as fit; `noBuffers` if that is not all, with those written.
    private func listFeatures(
        _ block: inout ArgumentBlock<SysctlLayout>, _ argument: UInt64
    ) throws(XenError) -> Int64 {
        let body = Self.sysctlBody
        let list = block[Field<SysctlCPUFeaturesetLayout, UInt64>.features, in: body]
        let room = block[Field<SysctlCPUFeaturesetLayout, UInt32>.featureCount, in: body]
        switch block[Field<SysctlCPUFeaturesetLayout, UInt32>.index, in: body] {
        case 0, 1, 3, 5: break
        // PV guests' sets.
        case 2, 4: throw .notSupported
        default: throw .invalidArgument
        }
        let count = list == 0 ? CPUPolicy.featureWordCount : min(room, CPUPolicy.featureWordCount)
        var index: UInt32 = 0
        while list != 0, index < count {
            try write(
                CPUPolicy.featureWord(index, hypervisor.state.hooks.cpuid), at: list &+ UInt64(index) &* 4)
            index &+= 1
        }
        block[Field<SysctlCPUFeaturesetLayout, UInt32>.featureCount, in: body] = count
        try copyOut(block, to: argument)
        if count < CPUPolicy.featureWordCount { throw .noBuffers }
        return 0
    }

    private func describeCPU(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        let body = Self.sysctlBody
        switch block[Field<SysctlCPUPolicyLayout, UInt32>.index, in: body] {
        case SystemCPUPolicy.raw, SystemCPUPolicy.host, SystemCPUPolicy.hvmMaximum,
            SystemCPUPolicy.hvmDefault:
            break
        case SystemCPUPolicy.pvMaximum, SystemCPUPolicy.pvDefault: throw .notSupported
        default: throw .invalidArgument
        }
        let count = try writePolicy(
            leaves: block[Field<SysctlCPUPolicyLayout, UInt64>.leaves, in: body],
            room: block[Field<SysctlCPUPolicyLayout, UInt32>.leafCount, in: body],
            msrs: block[Field<SysctlCPUPolicyLayout, UInt64>.msrs, in: body],
            msrRoom: block[Field<SysctlCPUPolicyLayout, UInt32>.msrCount, in: body])
        block[Field<SysctlCPUPolicyLayout, UInt32>.leafCount, in: body] = count
        block[Field<SysctlCPUPolicyLayout, UInt32>.msrCount, in: body] = CPUPolicy.msrCount
    }
}

extension Ref<Hypervisor> {
    /// One key of the hypervisor's console: `q` prints the domains, `m` the memory; others say which there are.
    public func debugKey(_ key: UInt8) {
        switch key {
        case UInt8(ascii: "q"):
            var index = 0
            while let domain = state.domains[index] {
                note(
                    DomainIDText(id: domain.id.rawValue), "pages, pause count", domain.state.totalPages,
                    UInt64(domain.state.pauseCount))
                domain.forEachVCPU { vcpu in
                    note(
                        DomainIDText(id: domain.id.rawValue), "vcpu, state", UInt64(vcpu.state.id),
                        UInt64(vcpu.state.runState.rawValue))
                }
                index &+= 1
            }
        case UInt8(ascii: "m"):
            note(.none, "frames free, claimed", state.frames.freeFrames, state.frames.claimedFrames)
        default: note(.none, "console keys: q domains, m memory")
        }
    }
}
