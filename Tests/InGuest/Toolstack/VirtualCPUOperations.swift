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
        t.expect(try !DomainControl.state(ofVCPU: 0, of: id).isOnline, "vCPU 0 is online before it starts")
        let own = try DomainControl.state(ofVCPU: 0, of: .zero)
        t.expect(own.isOnline && own.isRunning && !own.isBlocked, "this vCPU does not run")
        t.expect(own.cpuTime > 0, "this vCPU took no time")
        t.expectEqual(own.cpu, 0, "its CPU")
        for vcpu in [1, UInt32.max] {
            t.expectError(.noSuchDomain, "vCPU \(vcpu)") { () throws(XenError) in
                _ = try DomainControl.state(ofVCPU: vcpu, of: id)
            }
        }
        try child.destroy()
    }
    suite.test("affinity") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        try DomainControl.setAffinity(.hard, ofVCPU: 0, of: id, to: NumberSet(0))
        let hard = try DomainControl.affinity(.hard, ofVCPU: 0, of: id)
        t.expect(hard == NumberSet(0), "\(hard.count) CPUs in the hard affinity")
        t.expect(
            try DomainControl.affinity(.soft, ofVCPU: 0, of: id).contains(0), "CPU 0 is not in the soft one")
        t.expectError(.invalidArgument, "no CPU") { () throws(XenError) in
            try DomainControl.setAffinity(.hard, ofVCPU: 0, of: id, to: NumberSet())
        }
        t.expectError(.noSuchDomain, "setting vCPU 5's") { () throws(XenError) in
            try DomainControl.setAffinity(.hard, ofVCPU: 5, of: id, to: NumberSet(0))
        }
        t.expectError(.noSuchDomain, "getting vCPU 5's") { () throws(XenError) in
            _ = try DomainControl.affinity(.hard, ofVCPU: 5, of: id)
        }
        t.expectError(.invalidArgument, "a map that is too long") { () throws(XenError) in
            _ = try DomainControl.affinity(.hard, ofVCPU: 0, of: id, capacity: 65537)
        }
        let set = DomctlOperation.setVCPUAffinity
        let get = DomctlOperation.getVCPUAffinity
        func affinity(_ operation: UInt32, flags: UInt32) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlVCPUAffinityLayout, UInt32>.flags, at: body] = flags
                block[Field<DomctlVCPUAffinityLayout, UInt64>.hardBitmap, at: body] = nowhere
                block[Field<DomctlVCPUAffinityLayout, UInt32>.hardBitCount, at: body] = 64
            }
        }
        t.expectReturn(affinity(set, flags: 0), .invalidArgument, "neither hard nor soft")
        t.expectReturn(affinity(get, flags: 0), .invalidArgument, "neither hard nor soft")
        t.expectReturn(affinity(set, flags: 0x80), .invalidArgument, "flag 0x80")
        t.expectReturn(affinity(set, flags: 1), .badAddress, "a map that is not there")
        t.expectReturn(affinity(get, flags: 1), .badAddress, "a map that is not there")

        try DomainControl.setNodes(of: id, to: NumberSet(0))
        t.expectError(.invalidArgument, "a node that is not there") { () throws(XenError) in
            try DomainControl.setNodes(of: id, to: NumberSet(1))
        }
        t.expect(try DomainControl.nodes(of: id) == NumberSet(0), "the nodes are not as set")
        t.expectError(.invalidArgument, "a map that is too long") { () throws(XenError) in
            _ = try DomainControl.nodes(of: id, capacity: 65537)
        }
        for operation in [DomctlOperation.setNodeAffinity, DomctlOperation.getNodeAffinity] {
            t.expectReturn(
                domctl(operation, id) { block in
                    block[Field<DomctlNodeAffinityLayout, UInt64>.bitmap, at: body] = nowhere
                    block[Field<DomctlNodeAffinityLayout, UInt32>.bitCount, at: body] = 64
                }, .badAddress, "a map that is not there")
        }
        try child.destroy()
    }
    suite.test("vcpu_context") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        func registers(
            _ vcpu: UInt32, of id: DomainID
        ) throws(XenError) -> HypercallBlock<VCPUGuestContextLayout> {
            try DomainControl.registers(ofVCPU: vcpu, of: id)
        }
        t.expectError(.noData, "before it has any") { () throws(XenError) in _ = try registers(0, of: id) }
        try child.loadTinyPrograms()
        try child.setEntry64(0x1200, rbx: 0x1234, pageTable: 0x3000)
        var found = try registers(0, of: id)
        t.expectEqual(found[.rbx], 0x1234, "RBX")
        t.expectEqual(found[.rip], 0x1200, "RIP")
        t.expectEqual(
            found[Field<VCPUGuestContextLayout, UInt64>.controlRegisters.element(3)], 0x3000, "CR3")
        t.expectError(.noSuchDomain, "vCPU 1") { () throws(XenError) in _ = try registers(1, of: id) }
        t.expectError(.invalidArgument, "its own") { () throws(XenError) in _ = try registers(0, of: .zero) }
        found[.rip] = 0x1000
        found[.rbx] = UInt64(ShutdownReason.reboot)
        try DomainControl.setRegisters(ofVCPU: 0, of: id, to: found)
        func expectRefusal(
            _ wanted: XenError, _ what: Text, _ vcpu: UInt32, of id: DomainID,
            _ change: (inout HypercallBlock<VCPUGuestContextLayout>) -> Void = { _ in }
        ) {
            var values = found
            change(&values)
            t.expectError(wanted, what) { () throws(XenError) in
                try DomainControl.setRegisters(ofVCPU: vcpu, of: id, to: values)
            }
        }
        expectRefusal(.invalidArgument, "flags that long mode does not know", 0, of: id) {
            $0[.rflags] = 1 << 17
        }
        expectRefusal(.noSuchDomain, "vCPU 1", 1, of: id)
        expectRefusal(.invalidArgument, "its own", 0, of: .zero)
        for operation in [DomctlOperation.getVCPUContext, DomctlOperation.setVCPUContext] {
            t.expectReturn(
                domctl(operation, id) { block in
                    block[Field<DomctlVCPUContextLayout, UInt64>.context, at: body] = nowhere
                }, .badAddress, "domctl \(operation) with unmapped memory")
        }
        // It runs what was set, not what the save record said.
        try child.unpause()
        t.expectEqual(try child.waitForShutdown() ?? 99, ShutdownReason.reboot, "reason")
        try DomainControl.reset(vcpu: 0, of: id)
        t.expectError(.noData, "after the reset") { () throws(XenError) in _ = try registers(0, of: id) }
        try child.destroy()
    }
    suite.test("save_records") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        try child.loadTinyPrograms()
        try child.setEntry32(0x1100)
        let size = try DomainControl.contextByteCount(of: id)
        let saved = try DomainControl.context(of: id)
        t.expectEqual(saved.buffer.byteCount, size, "bytes")
        let header = saved.block(HVMSaveHeaderLayout.self, type: HVMSaveRecord.header)
        t.expectEqual(header?[.magic] ?? 0, HVMSaveMagic.value, "the header's magic")
        t.expectEqual(
            saved.block(HVMSaveCPULayout.self, type: HVMSaveRecord.cpu)?[.rip] ?? 0, 0x1100, "RIP")
        // What was saved can be loaded, and is there again.
        try child.setEntry32(0x1300)
        try DomainControl.setContext(of: id, to: saved)
        let again = try DomainControl.context(of: id)
        t.expect(again.records == saved.records, "other records than were loaded")
        t.expectEqual(
            again.block(HVMSaveCPULayout.self, type: HVMSaveRecord.cpu)?[.rip] ?? 0, 0x1100,
            "RIP after loading")
        func expectRefusal(_ wanted: XenError, _ what: Text, _ byteCount: Int, of id: DomainID) {
            t.expectError(wanted, what) { () throws(XenError) in
                try DomainControl.setContext(
                    of: id, to: SavedContext(HypercallBuffer(byteCount: byteCount)))
            }
        }
        expectRefusal(.invalidArgument, "its own", 0, of: .zero)
        expectRefusal(.noData, "half a descriptor", 4, of: id)
        expectRefusal(.invalidArgument, "an end without start", 100, of: id)
        t.expectError(.invalidArgument, "asking for its own") { () throws(XenError) in
            _ = try DomainControl.contextByteCount(of: .zero)
        }
        t.expectError(.noSpace, "a byte too few") { () throws(XenError) in
            _ = try DomainControl.context(of: id, byteCount: size - 1)
        }
        func context(_ operation: UInt32, _ address: UInt64, _ size: UInt32) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlHVMContextLayout, UInt32>.size, at: body] = size
                block[Field<DomctlHVMContextLayout, UInt64>.buffer, at: body] = address
            }
        }
        let get = DomctlOperation.getHVMContext
        let set = DomctlOperation.setHVMContext
        t.expectReturn(context(get, nowhere, UInt32(size)), .badAddress, "to unmapped memory")
        t.expectReturn(context(set, nowhere, 4 << 20 | 1), .tooBig, "more than 4 MiB")
        t.expectReturn(context(set, nowhere, 100), .badAddress, "from unmapped memory")

        let cpu = HVMSaveRecord.cpu
        t.expectEqual(
            try DomainControl.record(HVMSaveCPULayout.self, type: cpu, of: id)[.rip], 0x1100,
            "RIP of vCPU 0's record")
        t.expectError(.noEntry, "vCPU 9") { () throws(XenError) in
            _ = try DomainControl.record(HVMSaveCPULayout.self, type: cpu, instance: 9, of: id)
        }
        t.expectError(.invalidArgument, "record 99") { () throws(XenError) in
            _ = try DomainControl.record(HVMSaveCPULayout.self, type: 99, of: id)
        }
        t.expectError(.noBuffers, "8 bytes of room") { () throws(XenError) in
            _ = try DomainControl.record(HVMSaveDescriptorLayout.self, type: cpu, of: id)
        }
        t.expectError(.invalidArgument, "its own") { () throws(XenError) in
            _ = try DomainControl.record(HVMSaveCPULayout.self, type: cpu, of: .zero)
        }
        t.expectReturn(
            domctl(DomctlOperation.getHVMContextPartial, id) { block in
                block[Field<DomctlHVMContextPartialLayout, UInt32>.type, at: body] = UInt32(cpu)
                block[Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize, at: body] = 4096
                block[Field<DomctlHVMContextPartialLayout, UInt64>.buffer, at: body] = nowhere
            }, .badAddress, "to unmapped memory")
        try child.destroy()
    }
    suite.test("cpu_policy_of_a_domain") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        let size = try DomainControl.cpuPolicySize(of: id)
        let policy = try DomainControl.cpuPolicy(of: id)
        t.expectEqual(policy.leaves.count, Int(size.leafCount), "leaves")
        t.expectEqual(policy.msrs.count, Int(size.msrCount), "MSRs")
        t.expectError(.noBuffers, "room for a leaf less") { () throws(XenError) in
            _ = try DomainControl.cpuPolicy(
                of: id, room: CPUPolicy.Size(leafCount: size.leafCount - 1, msrCount: size.msrCount))
        }
        func expectRefusal(_ wanted: CPUPolicyError, _ what: Text, _ policy: CPUPolicy, of id: DomainID) {
            do throws(CPUPolicyError) {
                try DomainControl.setCPUPolicy(of: id, to: policy)
                t.expect(false, "\(what) was taken")
            } catch {
                t.expect(error == wanted, "\(what) gave \(error.error), leaf \(hex: error.leaf)")
            }
        }
        do throws(CPUPolicyError) {
            try DomainControl.setCPUPolicy(of: id, to: policy)
        } catch {
            t.expect(false, "setting the same gave \(error.error), leaf \(hex: error.leaf)")
        }
        expectRefusal(CPUPolicyError(error: .invalidArgument), "its own", CPUPolicy(), of: .zero)
        // Everything in leaf 1.
        let leaf = CPUIDLeaf(
            leaf: 1, subleaf: CPUPolicyLimit.noSubleaf, eax: 0, ebx: 0, ecx: .max, edx: .max)
        expectRefusal(
            CPUPolicyError(error: .invalidArgument, leaf: 1), "features there are not",
            CPUPolicy(leaves: [leaf]), of: id)
        func list(_ operation: UInt32, _ count: UInt32) -> Int64 {
            domctl(operation, id) { block in
                block[Field<DomctlCPUPolicyLayout, UInt32>.leafCount, at: body] = count
                block[Field<DomctlCPUPolicyLayout, UInt64>.leaves, at: body] = nowhere
            }
        }
        let get = DomctlOperation.getCPUPolicy
        let set = DomctlOperation.setCPUPolicy
        t.expectReturn(list(get, size.leafCount), .badAddress, "to unmapped memory")
        t.expectReturn(list(set, 4096), .tooBig, "4096 leaves")
        t.expectReturn(list(set, 1), .badAddress, "from unmapped memory")
        try child.unpause()
        expectRefusal(CPUPolicyError(error: .exists), "a policy after its start", CPUPolicy(), of: id)
        try child.destroy()
    }
}
