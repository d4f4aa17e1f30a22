// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The domctls that tell or load what a domain's machine is like: save records, TSC, CPU policy, paging pool.
// Xen public/domctl.h, public/hvm/save.h.

extension Ref<VirtualCPU> {
    /// False: `command` is none of these.
    func controlPolicy(
        of target: Ref<Domain>, _ command: UInt32, _ block: inout ArgumentBlock<DomctlLayout>,
        _ argument: UInt64
    ) throws(XenError) -> Bool {
        let body = Self.domctlBody
        switch command {
        case DomctlOperation.getPagingMempoolSize:
            block[Field<DomctlPagingMempoolLayout, UInt64>.size, in: body] = target.state.pagingPoolBytes
            try copyOut(block, to: argument)
        case DomctlOperation.getTSCInfo:
            block[Field<DomctlTSCInfoLayout, UInt32>.mode, in: body] = target.state.tscMode
            block[Field<DomctlTSCInfoLayout, UInt32>.kilohertz, in: body] =
                hypervisor.state.facts.tscKiloHertz
            block[Field<DomctlTSCInfoLayout, UInt32>.incarnation, in: body] = target.state.tscIncarnation
            block[Field<DomctlTSCInfoLayout, UInt64>.elapsedNanoseconds, in: body] = hypervisor.state.now()
            try copyOut(block, to: argument)
        case DomctlOperation.shadow:
            switch block[Field<DomctlShadowLayout, UInt32>.operation, in: body] {
            case ShadowOperation.getAllocation:
                block[Field<DomctlShadowLayout, UInt32>.megabytes, in: body] =
                    UInt32(truncatingIfNeeded: min(target.state.pagingPoolBytes &>> 20, UInt64(UInt32.max)))
                try copyOut(block, to: argument)
            case ShadowOperation.setAllocation:
                target.setPagingPool(
                    byteCount: UInt64(block[Field<DomctlShadowLayout, UInt32>.megabytes, in: body]) &<< 20)
            // Dirty pages are not tracked yet: live migration is not offered.
            default: throw .notSupported
            }
        case DomctlOperation.getCPUPolicy:
            let count = try writePolicy(
                leaves: block[Field<DomctlCPUPolicyLayout, UInt64>.leaves, in: body],
                room: block[Field<DomctlCPUPolicyLayout, UInt32>.leafCount, in: body],
                msrs: block[Field<DomctlCPUPolicyLayout, UInt64>.msrs, in: body],
                msrRoom: block[Field<DomctlCPUPolicyLayout, UInt32>.msrCount, in: body])
            block[Field<DomctlCPUPolicyLayout, UInt32>.leafCount, in: body] = count
            block[Field<DomctlCPUPolicyLayout, UInt32>.msrCount, in: body] = CPUPolicy.msrCount
            try copyOut(block, to: argument)
        case DomctlOperation.setCPUPolicy:
            guard target != domain else { throw .invalidArgument }
            guard !target.state.isCreationFinished else { throw .exists }
            try checkPolicy(&block, argument)
        case DomctlOperation.gdbsxGuestMemoryIO: try accessMemory(of: target, &block, argument)
        case DomctlOperation.getHVMContext:
            let buffer = block[Field<DomctlHVMContextLayout, UInt64>.buffer, in: body]
            let room = block[Field<DomctlHVMContextLayout, UInt32>.size, in: body]
            guard target != domain else { throw .invalidArgument }
            let size = try saveContext(of: target, to: buffer, room: room)
            block[Field<DomctlHVMContextLayout, UInt32>.size, in: body] = size
            try copyOut(block, to: argument)
        case DomctlOperation.setHVMContext:
            guard target != domain else { throw .invalidArgument }
            try loadContext(
                of: target, from: block[Field<DomctlHVMContextLayout, UInt64>.buffer, in: body],
                size: block[Field<DomctlHVMContextLayout, UInt32>.size, in: body])
        case DomctlOperation.getHVMContextPartial:
            guard target != domain else { throw .invalidArgument }
            let size = try saveRecord(
                of: target, type: block[Field<DomctlHVMContextPartialLayout, UInt32>.type, in: body],
                instance: block[Field<DomctlHVMContextPartialLayout, UInt32>.instance, in: body],
                to: block[Field<DomctlHVMContextPartialLayout, UInt64>.buffer, in: body],
                room: block[Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize, in: body])
            block[Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize, in: body] = UInt64(size)
            try copyOut(block, to: argument)
        default: return false
        }
        return true
    }

    // MARK: CPU policy

    /// Writes the CPUID leaves and MSRs of the policy; a null address only counts. Returns the number of leaves. Throws
    /// `noBuffers` when there is not room for all.
    func writePolicy(
        leaves: UInt64, room: UInt32, msrs: UInt64, msrRoom: UInt32
    ) throws(XenError) -> UInt32 {
        var cursor = CPUPolicy.Cursor()
        var count: UInt32 = 0
        while let (leaf, subleaf, values) = cursor.next(hypervisor.state.hooks.cpuid) {
            if leaves != 0 {
                guard count < room else { throw .noBuffers }
                var record = ArgumentBlock<CPUIDLeafLayout>()
                record[.leaf] = leaf
                record[.subleaf] = subleaf
                record[.a] = values.a
                record[.b] = values.b
                record[.c] = values.c
                record[.d] = values.d
                try copyOut(
                    record, to: leaves &+ UInt64(count) &* UInt64(CPUIDLeafLayout.byteCount))
            }
            count &+= 1
        }
        if msrs != 0 {
            guard msrRoom >= CPUPolicy.msrCount else { throw .noBuffers }
            var index: UInt32 = 0
            while index < CPUPolicy.msrCount {
                var record = ArgumentBlock<MSREntryLayout>()
                record[Field<MSREntryLayout, UInt32>.index] = CPUPolicy.msr(index)
                try copyOut(record, to: msrs &+ UInt64(index) &* UInt64(MSREntryLayout.byteCount))
                index &+= 1
            }
        }
        return count
    }

    /// `XEN_DOMCTL_set_cpu_policy`: a policy is accepted if its feature words ask for nothing that guests do not get anyway.
    /// The first leaf or MSR that does is named in the block.
    private func checkPolicy(
        _ block: inout ArgumentBlock<DomctlLayout>, _ argument: UInt64
    ) throws(XenError) {
        let body = Self.domctlBody
        let leafCount = block[Field<DomctlCPUPolicyLayout, UInt32>.leafCount, in: body]
        let msrCount = block[Field<DomctlCPUPolicyLayout, UInt32>.msrCount, in: body]
        let leaves = block[Field<DomctlCPUPolicyLayout, UInt64>.leaves, in: body]
        let msrs = block[Field<DomctlCPUPolicyLayout, UInt64>.msrs, in: body]
        guard leafCount <= CPUPolicy.maximumLeafCount, msrCount <= CPUPolicy.msrCount else { throw .tooBig }
        block[Field<DomctlCPUPolicyLayout, UInt32>.errorLeaf, in: body] = .max
        block[Field<DomctlCPUPolicyLayout, UInt32>.errorSubleaf, in: body] = .max
        block[Field<DomctlCPUPolicyLayout, UInt32>.errorMSR, in: body] = .max
        var isFine = true
        var index: UInt32 = 0
        while index < leafCount, isFine {
            let record = try copyIn(
                CPUIDLeafLayout.self, at: leaves &+ UInt64(index) &* UInt64(CPUIDLeafLayout.byteCount))
            let leaf = record[.leaf]
            let subleaf = record[.subleaf]
            let own = hypervisor.state.hooks.cpuid(leaf, subleaf == CPUPolicyLimit.noSubleaf ? 0 : subleaf)
            let asked = CPUIDRegisters(a: record[.a], b: record[.b], c: record[.c], d: record[.d])
            if !CPUPolicy.isWithin(asked, own, leaf: leaf, subleaf: subleaf) {
                block[Field<DomctlCPUPolicyLayout, UInt32>.errorLeaf, in: body] = leaf
                block[Field<DomctlCPUPolicyLayout, UInt32>.errorSubleaf, in: body] = subleaf
                isFine = false
            }
            index &+= 1
        }
        index = 0
        while index < msrCount, isFine {
            let record = try copyIn(
                MSREntryLayout.self, at: msrs &+ UInt64(index) &* UInt64(MSREntryLayout.byteCount))
            let number = record[Field<MSREntryLayout, UInt32>.index]
            if !CPUPolicy.isKnown(msr: number) || record[Field<MSREntryLayout, UInt32>.flags] != 0
                || record[.value] != 0
            {
                block[Field<DomctlCPUPolicyLayout, UInt32>.errorMSR, in: body] = number
                isFine = false
            }
            index &+= 1
        }
        try copyOut(block, to: argument)
        guard isFine else { throw .invalidArgument }
    }
}
