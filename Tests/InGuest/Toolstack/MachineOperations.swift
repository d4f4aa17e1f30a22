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
        guard let page = GuestPage() else { throw .noMemory }
        func read(
            _ room: UInt32, clear: Bool = false, incremental: UInt32? = nil, at address: UInt64
        ) -> (Int64, UInt32, UInt32) {
            var count: UInt32 = 0
            var index: UInt32 = 0
            let result = sysctl(SysctlOperation.readConsole) { block in
                block[Field<SysctlReadConsoleLayout, UInt8>.clear, at: body] = clear ? 1 : 0
                block[Field<SysctlReadConsoleLayout, UInt8>.incremental, at: body] =
                    incremental == nil ? 0 : 1
                block[Field<SysctlReadConsoleLayout, UInt32>.index, at: body] = incremental ?? 0
                block[Field<SysctlReadConsoleLayout, UInt64>.buffer, at: body] = address
                block[Field<SysctlReadConsoleLayout, UInt32>.count, at: body] = room
            } check: { block in
                count = block[Field<SysctlReadConsoleLayout, UInt32>.count, at: body]
                index = block[Field<SysctlReadConsoleLayout, UInt32>.index, at: body]
            }
            return (result, count, index)
        }
        let first = read(100, at: page.memory.address)
        t.expectReturn(first.0, 0, "reading 100 bytes")
        t.expectEqual(first.1, 100, "bytes")
        t.expectEqual(page.memory.load(at: 100, as: UInt64.self), 0, "the word behind them")
        let second = read(100, incremental: first.2, at: page.memory.address)
        t.expectReturn(second.0, 0, "going on")
        t.expectEqual(second.2, first.2 &+ second.1, "where it goes on next")
        t.expectReturn(read(100, at: nowhere).0, .badAddress, "to unmapped memory")
        t.expectReturn(read(0, at: nowhere).0, 0, "nothing, to unmapped memory")
        // Cleared, what was read does not come again.
        var total: UInt32 = 0
        while true {
            let part = read(4096, clear: true, at: page.memory.address)
            total += part.1
            if part.0 != 0 || part.1 == 0 { break }
        }
        t.expect(total > 200, "\(total) bytes in all")
        t.expectEqual(read(4096, at: page.memory.address).1, 0, "bytes after clearing")
    }
    suite.test("debug_keys") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        func press(_ count: UInt32, at address: UInt64) -> Int64 {
            sysctl(SysctlOperation.debugKeys) { block in
                block[Field<SysctlDebugKeysLayout, UInt64>.keys, at: body] = address
                block[Field<SysctlDebugKeysLayout, UInt32>.keyCount, at: body] = count
            }
        }
        page.memory.store(UInt8(ascii: "m"), at: 0)
        page.memory.store(UInt8(0), at: 1)
        t.expectReturn(press(2, at: page.memory.address), 0, "m and NUL")
        t.expectReturn(press(257, at: page.memory.address), .tooBig, "257 keys")
        t.expectReturn(press(257, at: nowhere), .tooBig, "257 keys that are not there")
        t.expectReturn(press(1, at: nowhere), .badAddress, "a key that is not there")
    }
    suite.test("cpus_and_memory") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let cpus = try SystemControl.physicalInfo().cpuCount
        // getcpuinfo
        func idle(_ room: UInt32, at address: UInt64, check: (UInt32) -> Void = { _ in }) -> Int64 {
            sysctl(SysctlOperation.getCPUInfo) { block in
                block[Field<SysctlCPUInfoLayout, UInt32>.maximumCPUs, at: body] = room
                block[Field<SysctlCPUInfoLayout, UInt64>.info, at: body] = address
            } check: {
                check($0[Field<SysctlCPUInfoLayout, UInt32>.cpuCount, at: body])
            }
        }
        var found: UInt32 = 0
        t.expectReturn(idle(64, at: page.memory.address) { found = $0 }, 0, "getcpuinfo")
        t.expectEqual(found, cpus, "CPUs in getcpuinfo")
        t.expectReturn(idle(0, at: nowhere) { found = $0 }, 0, "getcpuinfo without room")
        t.expectEqual(found, 0, "CPUs without room")
        t.expectReturn(idle(1, at: nowhere), .badAddress, "getcpuinfo to unmapped memory")
        // availheap
        var bytes: UInt64 = 0
        t.expectReturn(
            sysctl(SysctlOperation.availableHeap) { _ in
            } check: {
                bytes = $0[Field<SysctlAvailableHeapLayout, UInt64>.availableBytes, at: body]
            }, 0,
            "availheap")
        t.expectEqual(bytes >> 12, try SystemControl.physicalInfo().freePages, "free pages in availheap")
        // cputopoinfo
        func topology(_ room: UInt32, at address: UInt64) -> Int64 {
            sysctl(SysctlOperation.cpuTopology) { block in
                block[Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount, at: body] = room
                block[Field<SysctlCPUTopologyInfoLayout, UInt64>.topology, at: body] = address
            } check: {
                found = $0[Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount, at: body]
            }
        }
        t.expectReturn(topology(0, at: 0), 0, "cputopoinfo's size")
        t.expectEqual(found, cpus, "CPUs in cputopoinfo")
        page.memory.fill(0xFF)
        t.expectReturn(topology(64, at: page.memory.address), 0, "cputopoinfo")
        t.expectEqual(
            page.memory.view(SysctlCPUTopologyLayout.self)[Field<SysctlCPUTopologyLayout, UInt32>.node], 0,
            "node of CPU 0")
        t.expectReturn(topology(1, at: nowhere), .badAddress, "cputopoinfo to unmapped memory")
        // numainfo
        func nodes(_ room: UInt32, memory: UInt64, distance: UInt64) -> Int64 {
            sysctl(SysctlOperation.numaInfo) { block in
                block[Field<SysctlNUMAInfoLayout, UInt32>.nodeCount, at: body] = room
                block[Field<SysctlNUMAInfoLayout, UInt64>.memoryInfo, at: body] = memory
                block[Field<SysctlNUMAInfoLayout, UInt64>.distance, at: body] = distance
            } check: {
                found = $0[Field<SysctlNUMAInfoLayout, UInt32>.nodeCount, at: body]
            }
        }
        t.expectReturn(nodes(0, memory: 0, distance: 0), 0, "numainfo's size")
        t.expectEqual(found, 1, "nodes")
        t.expectReturn(
            nodes(1, memory: page.memory.address, distance: page.memory.address + 64), 0, "numainfo")
        t.expectEqual(page.memory.load(at: 64, as: UInt32.self), 10, "distance of the node from itself")
        t.expectReturn(
            nodes(0, memory: page.memory.address, distance: 0), .invalidArgument, "numainfo without room")
        t.expectReturn(nodes(1, memory: nowhere, distance: 0), .badAddress, "numainfo to unmapped memory")
        // Levelling, PCI topology: nothing of either.
        var capabilities: UInt32 = 1
        t.expectReturn(
            sysctl(SysctlOperation.getCPULevellingCapabilities) { _ in
            } check: {
                capabilities = $0[Field<SysctlCPULevellingLayout, UInt32>.capabilities, at: body]
            }, 0,
            "get_cpu_levelling_caps")
        t.expectEqual(capabilities, 0, "levelling capabilities")
        t.expectReturn(
            sysctl(SysctlOperation.pciTopology) { block in
                block[Field<SysctlPCITopologyLayout, UInt32>.deviceCount, at: body] = 9
            } check: {
                found = $0[Field<SysctlPCITopologyLayout, UInt32>.deviceCount, at: body]
            }, 0,
            "pcitopoinfo")
        t.expectEqual(found, 0, "devices in pcitopoinfo")
    }
    suite.test("cpupools") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        var domains: UInt32 = 0
        func pool(
            _ operation: UInt32, _ id: UInt32 = 0, domain: UInt32 = 0, bitmap: UInt64 = 0, bits: UInt32 = 0
        ) -> Int64 {
            sysctl(SysctlOperation.cpupool) { block in
                block[Field<SysctlCPUPoolLayout, UInt32>.operation, at: body] = operation
                block[Field<SysctlCPUPoolLayout, UInt32>.cpupool, at: body] = id
                block[Field<SysctlCPUPoolLayout, UInt32>.domain, at: body] = domain
                block[Field<SysctlCPUPoolLayout, UInt64>.bitmap, at: body] = bitmap
                block[Field<SysctlCPUPoolLayout, UInt32>.bitCount, at: body] = bits
            } check: {
                domains = $0[Field<SysctlCPUPoolLayout, UInt32>.domainCount, at: body]
            }
        }
        t.expectReturn(
            pool(CPUPoolOperation.info, bitmap: page.memory.address, bits: 64), 0, "info of pool 0")
        t.expectEqual(domains, 1, "domains in pool 0")
        t.expectEqual(page.memory.load(at: 0, as: UInt64.self) & 1, 1, "CPU 0 in pool 0")
        t.expectReturn(pool(CPUPoolOperation.info, 1), .noEntry, "info of pool 1")
        t.expectReturn(
            pool(CPUPoolOperation.info, bitmap: nowhere, bits: 8), .badAddress, "info to unmapped memory")
        t.expectReturn(
            pool(CPUPoolOperation.freeInfo, bitmap: page.memory.address, bits: 8), 0, "CPUs in no pool")
        t.expectEqual(page.memory.load(at: 0, as: UInt8.self), 0, "CPUs in no pool")
        t.expectReturn(
            pool(CPUPoolOperation.freeInfo, bitmap: page.memory.address, bits: 65537), .invalidArgument,
            "a bitmap that is too long")
        t.expectReturn(pool(CPUPoolOperation.moveDomain, domain: 0), 0, "moving domain 0 to pool 0")
        t.expectReturn(pool(CPUPoolOperation.moveDomain, 1, domain: 0), .noEntry, "moving it to pool 1")
        t.expectReturn(
            pool(CPUPoolOperation.moveDomain, 1, domain: 1234), .noSuchDomain, "moving nobody to pool 1")
        t.expectReturn(pool(CPUPoolOperation.create), .invalidArgument, "creating a pool")
        t.expectReturn(pool(99), .invalidArgument, "cpupool_op 99")
    }
    suite.test("cpu_features_and_policies") { t throws(XenError) in
        guard let leaves = GuestPage(), let more = GuestPage(), let msrs = GuestPage() else {
            throw .noMemory
        }
        _ = more.frame
        var count: UInt32 = 0
        func features(_ set: UInt32, _ room: UInt32, at address: UInt64) -> Int64 {
            sysctl(SysctlOperation.getCPUFeatureset) { block in
                block[Field<SysctlCPUFeaturesetLayout, UInt32>.index, at: body] = set
                block[Field<SysctlCPUFeaturesetLayout, UInt32>.featureCount, at: body] = room
                block[Field<SysctlCPUFeaturesetLayout, UInt64>.features, at: body] = address
            } check: {
                count = $0[Field<SysctlCPUFeaturesetLayout, UInt32>.featureCount, at: body]
            }
        }
        t.expectReturn(features(3, 0, at: 0), 0, "how many words")
        let words = count
        t.expect(words >= 10 && words < 64, "\(words) words of features")
        t.expectReturn(features(3, words, at: leaves.memory.address), 0, "all of them")
        t.expect(leaves.memory.load(at: 0, as: UInt32.self) != 0, "no features in the first word")
        t.expectReturn(features(3, words - 1, at: leaves.memory.address), .noBuffers, "one less")
        t.expectReturn(features(2, words, at: leaves.memory.address), .notSupported, "those of PV guests")
        t.expectReturn(features(6, words, at: leaves.memory.address), .invalidArgument, "set 6")
        t.expectReturn(features(0, words, at: nowhere), .badAddress, "to unmapped memory")

        var leafCount: UInt32 = 0
        var msrCount: UInt32 = 0
        func policy(
            _ index: UInt32, _ room: UInt32, _ address: UInt64, _ msrRoom: UInt32, _ msrAddress: UInt64
        ) -> Int64 {
            sysctl(SysctlOperation.getCPUPolicy) { block in
                block[Field<SysctlCPUPolicyLayout, UInt32>.index, at: body] = index
                block[Field<SysctlCPUPolicyLayout, UInt32>.leafCount, at: body] = room
                block[Field<SysctlCPUPolicyLayout, UInt64>.leaves, at: body] = address
                block[Field<SysctlCPUPolicyLayout, UInt32>.msrCount, at: body] = msrRoom
                block[Field<SysctlCPUPolicyLayout, UInt64>.msrs, at: body] = msrAddress
            } check: {
                leafCount = $0[Field<SysctlCPUPolicyLayout, UInt32>.leafCount, at: body]
                msrCount = $0[Field<SysctlCPUPolicyLayout, UInt32>.msrCount, at: body]
            }
        }
        t.expectReturn(policy(SystemCPUPolicy.hvmMaximum, 0, 0, 0, 0), 0, "the policy's size")
        let (allLeaves, allMSRs) = (leafCount, msrCount)
        t.expect(allLeaves > 8 && allLeaves <= 170, "\(allLeaves) leaves")
        t.expectReturn(
            policy(
                SystemCPUPolicy.hvmMaximum, allLeaves, leaves.memory.address, allMSRs, msrs.memory.address),
            0, "the policy")
        t.expectReturn(
            policy(SystemCPUPolicy.host, allLeaves - 1, leaves.memory.address, 0, 0), .noBuffers,
            "room for a leaf less")
        t.expectReturn(
            policy(SystemCPUPolicy.host, 0, 0, allMSRs - 1, msrs.memory.address), .noBuffers,
            "room for an MSR less")
        t.expectReturn(policy(SystemCPUPolicy.pvMaximum, 0, 0, 0, 0), .notSupported, "that of PV guests")
        t.expectReturn(policy(6, 0, 0, 0, 0), .invalidArgument, "policy 6")
        t.expectReturn(
            policy(SystemCPUPolicy.raw, allLeaves, nowhere, 0, 0), .badAddress, "to unmapped memory")
    }
    suite.test("domain_list_refusals") { t throws(XenError) in
        t.expectError(.badAddress, "to unmapped memory") { () throws(XenError) in
            _ = try SystemControl.domainList(from: .zero, maximum: 4, at: nowhere)
        }
        t.expectEqual(
            try SystemControl.domainList(from: .zero, maximum: 0, at: nowhere), 0, "domains without room")
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
        t.expectReturn(
            platform(PlatformOperation.setTime32) { block in
                block[Field<PlatformSetTime32Layout, UInt32>.seconds, at: body] = 1_700_000_007
                block[Field<PlatformSetTime32Layout, UInt32>.nanoseconds, at: body] = 250
                block[Field<PlatformSetTime32Layout, UInt64>.systemTime, at: body] = 2_000_000_000
            }, 0, "settime32")
        t.expectEqual(Clock.wallclock.seconds, 1_700_000_005, "seconds at system time 0")
        t.expectReturn(
            platform(PlatformOperation.setTime32) { block in
                block[Field<PlatformSetTime32Layout, UInt32>.nanoseconds, at: body] = 1_000_000_000
            }, .invalidArgument, "settime32 with a second of nanoseconds")
        t.expectError(.invalidArgument, "settime64 before the machine started") { () throws(XenError) in
            try PlatformControl.setTime(seconds: 1, nanoseconds: 0, systemTime: 5_000_000_000)
        }
        try PlatformControl.setTime(seconds: old.seconds, nanoseconds: old.nanoseconds, systemTime: 0)
        t.expectReturn(
            platform(PlatformOperation.enterACPISleep) { block in
                block[Field<PlatformACPISleepLayout, UInt32>.sleepState, at: body] = 3
            }, .notSupported, "S3")
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
        var window = ArgumentBlock<PCIMMCFGReservedLayout>()
        window[.address] = 0xB000_0000
        window[.startBus] = 3
        window[.endBus] = 2
        func reserve(_ block: inout ArgumentBlock<PCIMMCFGReservedLayout>) -> Int64 {
            Hypercall.invoke(
                HypercallNumber.physicalDevice, PhysicalDeviceOperation.pciMMCFGReserved, &block)
        }
        t.expectReturn(reserve(&window), .invalidArgument, "buses from 3 to 2")
        window[.endBus] = 3
        t.expectReturn(reserve(&window), 0, "bus 3")
        window[.address] = 0xB000_1000
        t.expectReturn(reserve(&window), .invalidArgument, "a window that is not aligned to a MiB")
        var device = ArgumentBlock<PCIDeviceAddLayout>()
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.physicalDevice, PhysicalDeviceOperation.pciDeviceAdd, &device),
            0,
            "pci_device_add")
        var gone = ArgumentBlock<PCIDeviceLayout>()
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.physicalDevice, PhysicalDeviceOperation.pciDeviceRemove, &gone),
            0, "pci_device_remove")
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
