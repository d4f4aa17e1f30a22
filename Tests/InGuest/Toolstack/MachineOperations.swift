// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// sysctl, platform_op and physdev_op.
func machineOperations(_ suite: inout TestSuite) {
    let body = sysctlBody
    let nowhere = AddressSpace.testArea

    suite.test("read_console") { t throws(XenError) in
        let first = try SystemControl.readLog(maximum: 100)
        t.expectEqual(first.bytes.count, 100, "bytes")
        let second = try SystemControl.readLog(maximum: 100, from: first.next)
        t.expectEqual(second.next, first.next &+ UInt32(second.bytes.count), "where it goes on next")
        let both = try SystemControl.readLog(maximum: 100 + second.bytes.count)
        t.expect(both.bytes == first.bytes + second.bytes, "two parts are not the text as a whole")
        func read(_ room: UInt32) -> Int64 {
            sysctl(SysctlOperation.readConsole) { block in
                block[Field<SysctlReadConsoleLayout, UInt64>.buffer, at: body] = nowhere
                block[Field<SysctlReadConsoleLayout, UInt32>.count, at: body] = room
            }
        }
        t.expectReturn(read(100), .badAddress, "to unmapped memory")
        t.expectReturn(read(0), 0, "nothing, to unmapped memory")
        // Cleared, what was read does not come again.
        var total = 0
        while true {
            let part = try SystemControl.readLog(maximum: 4096, clear: true)
            total += part.bytes.count
            if part.bytes.isEmpty { break }
        }
        t.expect(total > 200, "\(total) bytes in all")
        t.expectEqual(try SystemControl.readLog(maximum: 4096).bytes.count, 0, "bytes after clearing")
    }
    suite.test("debug_keys") { t throws(XenError) in
        try SystemControl.pressDebugKeys([UInt8(ascii: "m"), 0])
        let text = try SystemControl.readLog(maximum: 4096).bytes
        t.expect(text.contains(UInt8(ascii: "f")), "the key printed nothing")
        t.expectError(.tooBig, "257 keys") { () throws(XenError) in
            try SystemControl.pressDebugKeys([UInt8](repeating: 0, count: 257))
        }
        func press(_ count: UInt32) -> Int64 {
            sysctl(SysctlOperation.debugKeys) { block in
                block[Field<SysctlDebugKeysLayout, UInt64>.keys, at: body] = nowhere
                block[Field<SysctlDebugKeysLayout, UInt32>.keyCount, at: body] = count
            }
        }
        t.expectReturn(press(257), .tooBig, "257 keys that are not there")
        t.expectReturn(press(1), .badAddress, "a key that is not there")
    }
    suite.test("cpus_and_memory") { t throws(XenError) in
        let info = try SystemControl.physicalInfo()
        let cpus = Int(info.cpuCount)
        // getcpuinfo
        let idle = try SystemControl.idleTimes()
        t.expectEqual(idle.count, cpus, "CPUs in getcpuinfo")
        t.expect(try HVM.time() >= idle[0], "CPU 0 was idle for longer than there is time: \(idle[0])")
        t.expectEqual(try SystemControl.idleTimes(maximum: 0).count, 0, "CPUs without room")
        t.expectReturn(
            sysctl(SysctlOperation.getCPUInfo) { block in
                block[Field<SysctlCPUInfoLayout, UInt32>.maximumCPUs, at: body] = 1
                block[Field<SysctlCPUInfoLayout, UInt64>.info, at: body] = nowhere
            }, .badAddress, "getcpuinfo to unmapped memory")
        // availheap
        t.expectEqual(
            try SystemControl.availableMemory() >> 12, try SystemControl.physicalInfo().freePages,
            "free pages in availheap")
        // cputopoinfo
        t.expectEqual(try SystemControl.cpuCount(), cpus, "CPUs in cputopoinfo")
        let topology = try SystemControl.cpuTopology()
        t.expectEqual(topology.count, cpus, "CPUs with a place")
        t.expectEqual(topology[0].node, 0, "node of CPU 0")
        t.expectEqual(topology[0].core, 0, "core of CPU 0")
        t.expectReturn(
            sysctl(SysctlOperation.cpuTopology) { block in
                block[Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount, at: body] = 1
                block[Field<SysctlCPUTopologyInfoLayout, UInt64>.topology, at: body] = nowhere
            }, .badAddress, "cputopoinfo to unmapped memory")
        // numainfo
        t.expectEqual(try SystemControl.nodeCount(), 1, "nodes")
        let nodes = try SystemControl.nodes()
        t.expectEqual(nodes.nodeCount, 1, "nodes with memory")
        t.expectEqual(nodes.memory[0].byteCount >> 12, info.totalPages, "pages of node 0")
        t.expectEqual(nodes.memory[0].freeByteCount >> 12, info.freePages, "free pages of node 0")
        t.expectEqual(nodes.distance(from: 0, to: 0) ?? 0, 10, "distance of the node from itself")
        func describe(_ room: UInt32) -> Int64 {
            sysctl(SysctlOperation.numaInfo) { block in
                block[Field<SysctlNUMAInfoLayout, UInt32>.nodeCount, at: body] = room
                block[Field<SysctlNUMAInfoLayout, UInt64>.memoryInfo, at: body] = nowhere
            }
        }
        t.expectReturn(describe(0), .invalidArgument, "numainfo without room")
        t.expectReturn(describe(1), .badAddress, "numainfo to unmapped memory")
        // Levelling, PCI topology: nothing of either.
        t.expectEqual(try SystemControl.levellingCapabilities(), 0, "levelling capabilities")
        let devices = [
            PCIFunction(bus: 0, device: 1, function: 0), PCIFunction(bus: 0, device: 2, function: 0),
        ]
        t.expectEqual(try SystemControl.nodes(of: devices).count, 0, "devices in pcitopoinfo")
    }
    suite.test("cpupools") { t throws(XenError) in
        let pool = try SystemControl.cpuPool(0)
        t.expectEqual(pool.domainCount, 1, "domains in pool 0")
        t.expect(pool.scheduler == .null, "scheduler \(pool.scheduler.rawValue)")
        t.expectEqual(pool.cpus.count, try SystemControl.cpuCount(), "CPUs in pool 0")
        t.expect(pool.cpus.contains(0), "CPU 0 is not in pool 0")
        t.expectError(.noEntry, "info of pool 1") { () throws(XenError) in _ = try SystemControl.cpuPool(1) }
        t.expect(try SystemControl.freeCPUs(capacity: 8).isEmpty, "a CPU is in no pool")
        t.expectError(.invalidArgument, "a bitmap that is too long") { () throws(XenError) in
            _ = try SystemControl.freeCPUs(capacity: 65537)
        }
        try SystemControl.move(.zero, toPool: 0)
        t.expectError(.noEntry, "moving it to pool 1") { () throws(XenError) in
            try SystemControl.move(.zero, toPool: 1)
        }
        t.expectError(.noSuchDomain, "moving nobody to pool 1") { () throws(XenError) in
            try SystemControl.move(nobody, toPool: 1)
        }
        t.expectError(.invalidArgument, "creating a pool") { () throws(XenError) in
            _ = try SystemControl.createPool(.null)
        }
        t.expectReturn(
            sysctl(SysctlOperation.cpupool) { block in
                block[Field<SysctlCPUPoolLayout, UInt32>.operation, at: body] = CPUPoolOperation.info
                block[Field<SysctlCPUPoolLayout, UInt64>.bitmap, at: body] = nowhere
                block[Field<SysctlCPUPoolLayout, UInt32>.bitCount, at: body] = 8
            }, .badAddress, "info to unmapped memory")
        t.expectReturn(
            sysctl(SysctlOperation.cpupool) {
                $0[Field<SysctlCPUPoolLayout, UInt32>.operation, at: body] = 99
            }, .invalidArgument, "cpupool_op 99")
    }
    suite.test("cpu_features_and_policies") { t throws(XenError) in
        let count = try SystemControl.featureWordCount(of: .hvm)
        t.expect(count >= 10 && count < 64, "\(count) words of features")
        let words = try SystemControl.features(.hvm)
        t.expectEqual(words.count, count, "words")
        t.expect(words[0] != 0, "no features in the first word")
        t.expectError(.noBuffers, "room for a word less") { () throws(XenError) in
            _ = try SystemControl.features(.hvm, room: count - 1)
        }
        t.expectError(.notSupported, "those of PV guests") { () throws(XenError) in
            _ = try SystemControl.features(.pv)
        }
        t.expectError(.invalidArgument, "set 6") { () throws(XenError) in
            _ = try SystemControl.features(MachineCPUFeatures(rawValue: 6))
        }
        t.expectReturn(
            sysctl(SysctlOperation.getCPUFeatureset) { block in
                block[Field<SysctlCPUFeaturesetLayout, UInt32>.featureCount, at: body] = UInt32(count)
                block[Field<SysctlCPUFeaturesetLayout, UInt64>.features, at: body] = nowhere
            }, .badAddress, "to unmapped memory")

        let size = try SystemControl.cpuPolicySize(.hvmMaximum)
        t.expect(size.leafCount > 8 && size.leafCount <= 192, "\(size.leafCount) leaves")
        let policy = try SystemControl.cpuPolicy(.hvmMaximum)
        t.expectEqual(policy.msrs.count, Int(size.msrCount), "MSRs")
        t.expectEqual(policy.leaf(0)?.eax ?? 0, Processor.cpuid(0).eax, "EAX of leaf 0")
        t.expectEqual(policy.leaf(1)?.edx ?? 0, words[0], "EDX of leaf 1, the first word of features")
        t.expectError(.noBuffers, "room for a leaf less") { () throws(XenError) in
            _ = try SystemControl.cpuPolicy(
                .host, room: CPUPolicy.Size(leafCount: size.leafCount - 1, msrCount: 0))
        }
        t.expectError(.noBuffers, "room for an MSR less") { () throws(XenError) in
            _ = try SystemControl.cpuPolicy(
                .host, room: CPUPolicy.Size(leafCount: 0, msrCount: size.msrCount - 1))
        }
        t.expectError(.notSupported, "that of PV guests") { () throws(XenError) in
            _ = try SystemControl.cpuPolicySize(.pvMaximum)
        }
        t.expectError(.invalidArgument, "policy 6") { () throws(XenError) in
            _ = try SystemControl.cpuPolicySize(MachineCPUPolicy(rawValue: 6))
        }
        t.expectReturn(
            sysctl(SysctlOperation.getCPUPolicy) { block in
                block[Field<SysctlCPUPolicyLayout, UInt32>.leafCount, at: body] = size.leafCount
                block[Field<SysctlCPUPolicyLayout, UInt64>.leaves, at: body] = nowhere
            }, .badAddress, "to unmapped memory")
    }
    suite.test("domain_list_refusals") { t throws(XenError) in
        func list(_ room: UInt32) -> Int64 {
            sysctl(SysctlOperation.getDomainInfoList) { block in
                block[Field<SysctlDomainInfoListLayout, UInt32>.maximumDomains, at: body] = room
                block[Field<SysctlDomainInfoListLayout, UInt64>.buffer, at: body] = nowhere
            }
        }
        t.expectReturn(list(4), .badAddress, "to unmapped memory")
        t.expectReturn(list(0), 0, "none, to unmapped memory")
        t.expectEqual(try SystemControl.domains(maximum: 0).count, 0, "domains without room")
    }
    suite.test("sysctls_that_are_refused") { t throws(XenError) in
        for operation in [
            SysctlOperation.scheduler, SysctlOperation.psrMonitoring, SysctlOperation.psrAllocation,
            SysctlOperation.coverage, SysctlOperation.livepatch,
        ] { t.expectReturn(sysctl(operation), .notSupported, "sysctl \(operation)") }
        t.expectReturn(sysctl(SysctlOperation.getPMStatistics), .noDevice, "get_pmstat")
    }
    suite.test("platform_operations") { t throws(XenError) in
        let body = PlatformLayout.argumentOffset
        try Events.mapSharedInfo()
        let old = Clock.wallclock
        try PlatformControl.setTime32(
            seconds: 1_700_000_007, nanoseconds: 250, systemTime: 2_000_000_000)
        t.expectEqual(Clock.wallclock.seconds, 1_700_000_005, "seconds at system time 0")
        t.expectError(.invalidArgument, "settime32 with a second of nanoseconds") { () throws(XenError) in
            try PlatformControl.setTime32(seconds: 0, nanoseconds: 1_000_000_000, systemTime: 0)
        }
        t.expectError(.invalidArgument, "settime64 before the machine started") { () throws(XenError) in
            try PlatformControl.setTime(seconds: 1, nanoseconds: 0, systemTime: 5_000_000_000)
        }
        try PlatformControl.setTime(seconds: old.seconds, nanoseconds: old.nanoseconds, systemTime: 0)
        t.expectError(.notSupported, "S3") { () throws(XenError) in try PlatformControl.sleep(state: 3) }
        t.expectReturn(
            platform(PlatformOperation.enterACPISleep) { block in
                block[Field<PlatformACPISleepLayout, UInt32>.sleepState, at: body] = 5
                block[Field<PlatformACPISleepLayout, UInt32>.flags, at: body] = 0x8000
            }, .invalidArgument, "S5 with a flag that does not exist")
        // A block that ends with its page: the head is read, then what the operation needs.
        guard let page = GuestPage(), AddressSpace.map(page.frame, at: nowhere, .writable) else {
            throw .noMemory
        }
        AddressSpace.unmap(at: nowhere + 4096)
        for operation in [
            PlatformOperation.setTime32, PlatformOperation.setTime64, PlatformOperation.getCPUInfo,
            PlatformOperation.enterACPISleep,
        ] {
            page.memory.store(operation, at: 4088)
            page.memory.store(PlatformVersion.value, at: 4092)
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.platform, nowhere + 4088), .badAddress,
                "platform_op \(operation) cut off by the end of memory")
        }
        AddressSpace.unmap(at: nowhere)
    }
    suite.test("physical_devices") { t throws(XenError) in
        let window = MachinePhysical(rawValue: 0xB000_0000)
        try PhysicalDevices.addConfigurationWindow(at: window, buses: 3...3)
        t.expectError(.invalidArgument, "a window that is not aligned to a MiB") { () throws(XenError) in
            try PhysicalDevices.addConfigurationWindow(
                at: MachinePhysical(rawValue: 0xB000_1000), buses: 3...3)
        }
        var block = ArgumentBlock<PCIMMCFGReservedLayout>()
        block[.address] = window.rawValue
        block[.startBus] = 3
        block[.endBus] = 2
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.physicalDevice, PhysicalDeviceOperation.pciMMCFGReserved, &block),
            .invalidArgument, "buses from 3 to 2")
        let device = PCIFunction(bus: 0, device: 31, function: 7)
        try PhysicalDevices.add(device)
        try PhysicalDevices.add(PCIFunction(bus: 1, device: 0, function: 1), virtualOf: device)
        try PhysicalDevices.remove(device)
        for operation in [
            PhysicalDeviceOperation.pciMMCFGReserved, PhysicalDeviceOperation.pciDeviceAdd,
            PhysicalDeviceOperation.pciDeviceRemove,
        ] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.physicalDevice, UInt64(operation), nowhere), .badAddress,
                "physdev_op \(operation) on unmapped memory")
        }
    }
    suite.test("vpmu_is_refused") { t throws(XenError) in
        t.expectReturn(Hypercall.invoke(HypercallNumber.pmu, 0, 0), .notSupported, "xenpmu_op 0")
        t.expectReturn(Hypercall.invoke(HypercallNumber.pmu, 99, nowhere), .notSupported, "xenpmu_op 99")
    }
}
