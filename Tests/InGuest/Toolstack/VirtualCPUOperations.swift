// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// The domctls on vCPUs and their state.
func virtualCPUOperations(_ suite: inout TestSuite) {
    let body = domctlBody
    let nowhere = AddressSpace.testArea

    suite.test("maximum_vcpus") { t throws(XenError) in
        let id = try DomainControl.create(vcpuCount: 2)
        t.expectError(.invalidArgument, "fewer than announced") { () throws(XenError) in
            try DomainControl.setMaximumVCPUs(1, of: id)
        }
        t.expectEqual(try DomainControl.info(id).maximumVCPUID, UInt32.max, "highest vCPU before")
        try DomainControl.setMaximumVCPUs(2, of: id)
        try DomainControl.setMaximumVCPUs(2, of: id)
        t.expectEqual(try DomainControl.info(id).maximumVCPUID, 1, "highest vCPU")
        t.expectError(.invalidArgument, "its own") { () throws(XenError) in
            try DomainControl.setMaximumVCPUs(2, of: .zero)
        }
        try DomainControl.destroy(id)
    }
    suite.test("vcpu_info") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        var online: UInt8 = 9
        func info(_ vcpu: UInt32, of id: DomainID) -> Int64 {
            domctl(DomctlOperation.getVCPUInfo, id) { block in
                block[Field<DomctlVCPUInfoLayout, UInt32>.vcpu, at: body] = vcpu
            } check: {
                online = $0[Field<DomctlVCPUInfoLayout, UInt8>.online, at: body]
            }
        }
        t.expectReturn(info(0, of: id), 0, "vCPU 0")
        t.expectEqual(online, 0, "online before it starts")
        t.expectReturn(info(0, of: .zero), 0, "its own")
        t.expectEqual(online, 1, "this vCPU is online")
        t.expectReturn(info(1, of: id), .noSuchDomain, "vCPU 1")
        t.expectReturn(info(UInt32.max, of: id), .noSuchDomain, "vCPU 0xffffffff")
        try child.destroy()
    }
    suite.test("affinity") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        func affinity(
            _ operation: UInt32, _ vcpu: UInt32, flags: UInt32, hard: UInt64, bits: UInt32 = 64,
            soft: UInt64 = 0
        ) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlVCPUAffinityLayout, UInt32>.vcpu, at: body] = vcpu
                block[Field<DomctlVCPUAffinityLayout, UInt32>.flags, at: body] = flags
                block[Field<DomctlVCPUAffinityLayout, UInt64>.hardBitmap, at: body] = hard
                block[Field<DomctlVCPUAffinityLayout, UInt32>.hardBitCount, at: body] = bits
                block[Field<DomctlVCPUAffinityLayout, UInt64>.softBitmap, at: body] = soft
                block[Field<DomctlVCPUAffinityLayout, UInt32>.softBitCount, at: body] = 64
            }
        }
        let set = DomctlOperation.setVCPUAffinity
        let get = DomctlOperation.getVCPUAffinity
        let map = page.memory.address
        page.memory.store(UInt64(1), at: 0)
        t.expectReturn(affinity(set, 0, flags: VCPUAffinityFlag.hard, hard: map), 0, "hard affinity to CPU 0")
        page.memory.store(UInt64(0xFF), at: 0)
        t.expectReturn(affinity(get, 0, flags: VCPUAffinityFlag.hard, hard: map), 0, "asking for it")
        t.expectEqual(page.memory.load(at: 0, as: UInt64.self), 1, "the hard affinity")
        t.expectReturn(
            affinity(get, 0, flags: VCPUAffinityFlag.soft, hard: 0, soft: map + 8), 0, "soft affinity")
        page.memory.store(UInt64(0), at: 0)
        t.expectReturn(
            affinity(set, 0, flags: VCPUAffinityFlag.hard, hard: map), .invalidArgument, "no CPU")
        t.expectReturn(affinity(set, 0, flags: 0, hard: map), .invalidArgument, "neither hard nor soft")
        t.expectReturn(affinity(set, 0, flags: 0x80, hard: map), .invalidArgument, "flag 0x80")
        t.expectReturn(affinity(set, 5, flags: 1, hard: map), .noSuchDomain, "vCPU 5")
        t.expectReturn(affinity(get, 5, flags: 1, hard: map), .noSuchDomain, "vCPU 5")
        t.expectReturn(affinity(get, 0, flags: 0, hard: map), .invalidArgument, "neither hard nor soft")
        t.expectReturn(affinity(set, 0, flags: 1, hard: nowhere), .badAddress, "a map that is not there")
        t.expectReturn(affinity(get, 0, flags: 1, hard: nowhere), .badAddress, "a map that is not there")
        t.expectReturn(
            affinity(get, 0, flags: 1, hard: map, bits: 65537), .invalidArgument, "a map that is too long")
        func nodes(_ operation: UInt32, _ address: UInt64, _ bits: UInt32 = 64) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlNodeAffinityLayout, UInt64>.bitmap, at: body] = address
                block[Field<DomctlNodeAffinityLayout, UInt32>.bitCount, at: body] = bits
            }
        }
        page.memory.store(UInt64(1), at: 0)
        t.expectReturn(nodes(DomctlOperation.setNodeAffinity, map), 0, "setnodeaffinity")
        page.memory.store(UInt64(2), at: 0)
        t.expectReturn(
            nodes(DomctlOperation.setNodeAffinity, map), .invalidArgument, "a node that is not there")
        t.expectReturn(
            nodes(DomctlOperation.setNodeAffinity, nowhere), .badAddress, "a map that is not there")
        t.expectReturn(nodes(DomctlOperation.getNodeAffinity, map), 0, "getnodeaffinity")
        t.expectEqual(page.memory.load(at: 0, as: UInt64.self), 1, "the nodes")
        t.expectReturn(
            nodes(DomctlOperation.getNodeAffinity, nowhere), .badAddress, "a map that is not there")
        t.expectReturn(
            nodes(DomctlOperation.getNodeAffinity, map, 65537), .invalidArgument, "a map that is too long")
        try child.destroy()
    }
    suite.test("vcpu_context") { t throws(XenError) in
        guard let first = GuestPage(), let second = GuestPage() else { throw .noMemory }
        // 5168 bytes: two pages side by side.
        guard AddressSpace.map(first.frame, at: nowhere + 0x1_0000, .writable),
            AddressSpace.map(second.frame, at: nowhere + 0x1_1000, .writable)
        else { throw .noMemory }
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        func context(_ operation: UInt32, _ vcpu: UInt32, _ address: UInt64, of id: DomainID) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlVCPUContextLayout, UInt32>.vcpu, at: body] = vcpu
                block[Field<DomctlVCPUContextLayout, UInt64>.context, at: body] = address
            }
        }
        let get = DomctlOperation.getVCPUContext
        let set = DomctlOperation.setVCPUContext
        let buffer = nowhere + 0x1_0000
        t.expectReturn(context(get, 0, buffer, of: id), .noData, "before it has any")
        try child.loadTinyPrograms()
        try child.setEntry64(0x1200, rbx: 0x1234, pageTable: 0x3000)
        t.expectReturn(context(get, 0, buffer, of: id), 0, "getvcpucontext")
        t.expectEqual(first.memory.load(at: 552 + 8, as: UInt64.self), 0x1234, "RBX")
        t.expectEqual(first.memory.load(at: 648, as: UInt64.self), 0x1200, "RIP")
        t.expectEqual(second.memory.load(at: 4984 + 24 - 4096, as: UInt64.self), 0x3000, "CR3")
        t.expectReturn(context(get, 1, buffer, of: id), .noSuchDomain, "vCPU 1")
        t.expectReturn(context(get, 0, buffer, of: .zero), .invalidArgument, "its own")
        t.expectReturn(context(get, 0, nowhere, of: id), .badAddress, "to unmapped memory")
        first.memory.store(UInt64(0x1000), at: 648)
        first.memory.store(UInt64(ShutdownReason.reboot), at: 552 + 8)
        t.expectReturn(context(set, 0, buffer, of: id), 0, "setvcpucontext")
        first.memory.store(UInt64(1) << 17, at: 664)
        t.expectReturn(
            context(set, 0, buffer, of: id), .invalidArgument, "flags that long mode does not know")
        t.expectReturn(context(set, 1, buffer, of: id), .noSuchDomain, "vCPU 1")
        t.expectReturn(context(set, 0, buffer, of: .zero), .invalidArgument, "its own")
        t.expectReturn(context(set, 0, nowhere, of: id), .badAddress, "from unmapped memory")
        // It runs what was set, not what the save record said.
        try child.unpause()
        t.expectEqual(try child.waitForShutdown() ?? 99, ShutdownReason.reboot, "reason")
        t.expectReturn(context(set, 0, 0, of: id), 0, "resetting the vCPU")
        t.expectReturn(context(get, 0, buffer, of: id), .noData, "after the reset")
        try child.destroy()
        AddressSpace.unmap(at: buffer)
        AddressSpace.unmap(at: buffer + 4096)
    }
    suite.test("save_records") { t throws(XenError) in
        guard let page = GuestPage(), let other = GuestPage() else { throw .noMemory }
        _ = other.frame
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        try child.loadTinyPrograms()
        try child.setEntry32(0x1100)
        func context(_ operation: UInt32, _ address: UInt64, _ size: UInt32, of id: DomainID) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlHVMContextLayout, UInt32>.size, at: body] = size
                block[Field<DomctlHVMContextLayout, UInt64>.buffer, at: body] = address
            }
        }
        let get = DomctlOperation.getHVMContext
        let set = DomctlOperation.setHVMContext
        t.expectReturn(context(get, 0, 0, of: .zero), .invalidArgument, "its own")
        t.expectReturn(context(set, 0, 0, of: .zero), .invalidArgument, "its own")
        let size = try DomainControl.context(of: id, at: 0, byteCount: 0)
        t.expectReturn(context(get, page.memory.address, size - 1, of: id), .noSpace, "a byte too few")
        t.expectReturn(context(get, nowhere, size, of: id), .badAddress, "to unmapped memory")
        t.expectReturn(context(set, page.memory.address, 4 << 20 | 1, of: id), .tooBig, "more than 4 MiB")
        t.expectReturn(context(set, page.memory.address, 4, of: id), .noData, "half a descriptor")
        t.expectReturn(context(set, nowhere, 100, of: id), .badAddress, "from unmapped memory")
        page.memory.fill(0)
        t.expectReturn(
            context(set, page.memory.address, 100, of: id), .invalidArgument, "an end without start")
        func part(_ type: UInt32, _ instance: UInt32, _ address: UInt64, _ size: UInt64, of id: DomainID)
            -> Int64
        {
            domctl(DomctlOperation.getHVMContextPartial, id) { block in
                block[Field<DomctlHVMContextPartialLayout, UInt32>.type, at: body] = type
                block[Field<DomctlHVMContextPartialLayout, UInt32>.instance, at: body] = instance
                block[Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize, at: body] = size
                block[Field<DomctlHVMContextPartialLayout, UInt64>.buffer, at: body] = address
            }
        }
        let cpu = UInt32(HVMSaveRecord.cpu)
        t.expectReturn(part(cpu, 0, page.memory.address, 4096, of: id), 0, "the CPU record of vCPU 0")
        t.expectEqual(
            page.memory.view(HVMSaveCPULayout.self)[Field<HVMSaveCPULayout, UInt64>.rip], 0x1100, "its RIP")
        t.expectReturn(part(cpu, 9, page.memory.address, 4096, of: id), .noEntry, "vCPU 9")
        t.expectReturn(part(99, 0, page.memory.address, 4096, of: id), .invalidArgument, "record 99")
        t.expectReturn(part(cpu, 0, page.memory.address, 8, of: id), .noBuffers, "8 bytes of room")
        t.expectReturn(part(cpu, 0, nowhere, 4096, of: id), .badAddress, "to unmapped memory")
        t.expectReturn(part(cpu, 0, page.memory.address, 4096, of: .zero), .invalidArgument, "its own")
        try child.destroy()
    }
    suite.test("cpu_policy_of_a_domain") { t throws(XenError) in
        guard let leaves = GuestPage(), let second = GuestPage(), let msrs = GuestPage() else {
            throw .noMemory
        }
        guard AddressSpace.map(leaves.frame, at: nowhere + 0x2_0000, .writable),
            AddressSpace.map(second.frame, at: nowhere + 0x2_1000, .writable)
        else { throw .noMemory }
        let list = nowhere + 0x2_0000
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        var (leafCount, msrCount, errorLeaf): (UInt32, UInt32, UInt32) = (0, 0, 0)
        func policy(
            _ operation: UInt32, _ count: UInt32, _ address: UInt64, _ msrRoom: UInt32, _ msrAddress: UInt64,
            of id: DomainID
        ) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlCPUPolicyLayout, UInt32>.leafCount, at: body] = count
                block[Field<DomctlCPUPolicyLayout, UInt64>.leaves, at: body] = address
                block[Field<DomctlCPUPolicyLayout, UInt32>.msrCount, at: body] = msrRoom
                block[Field<DomctlCPUPolicyLayout, UInt64>.msrs, at: body] = msrAddress
            } check: {
                leafCount = $0[Field<DomctlCPUPolicyLayout, UInt32>.leafCount, at: body]
                msrCount = $0[Field<DomctlCPUPolicyLayout, UInt32>.msrCount, at: body]
                errorLeaf = $0[Field<DomctlCPUPolicyLayout, UInt32>.errorLeaf, at: body]
            }
        }
        let get = DomctlOperation.getCPUPolicy
        let set = DomctlOperation.setCPUPolicy
        t.expectReturn(policy(get, 0, 0, 0, 0, of: id), 0, "its size")
        let (all, allMSRs) = (leafCount, msrCount)
        t.expectReturn(policy(get, all, list, allMSRs, msrs.memory.address, of: id), 0, "the policy")
        t.expectReturn(policy(get, all - 1, list, 0, 0, of: id), .noBuffers, "room for a leaf less")
        t.expectReturn(policy(get, all, nowhere, 0, 0, of: id), .badAddress, "to unmapped memory")
        t.expectReturn(policy(set, all, list, allMSRs, msrs.memory.address, of: id), 0, "setting the same")
        t.expectEqual(errorLeaf, UInt32.max, "no leaf is named")
        t.expectReturn(policy(set, 4096, list, 0, 0, of: id), .tooBig, "4096 leaves")
        t.expectReturn(policy(set, 1, nowhere, 0, 0, of: id), .badAddress, "from unmapped memory")
        t.expectReturn(policy(set, 0, 0, 0, 0, of: .zero), .invalidArgument, "its own")
        // Everything in leaf 1.
        let leaf = leaves.memory.view(CPUIDLeafLayout.self)
        leaf[.leaf] = 1
        leaf[.subleaf] = CPUPolicyLimit.noSubleaf
        leaf[.c] = UInt32.max
        leaf[.d] = UInt32.max
        t.expectReturn(policy(set, 1, list, 0, 0, of: id), .invalidArgument, "features there are not")
        t.expectEqual(errorLeaf, 1, "the leaf that is named")
        try child.unpause()
        t.expectReturn(policy(set, 0, 0, 0, 0, of: id), .exists, "after its start")
        try child.destroy()
        AddressSpace.unmap(at: list)
        AddressSpace.unmap(at: list + 4096)
    }
}
