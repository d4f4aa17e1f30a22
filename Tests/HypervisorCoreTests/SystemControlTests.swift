// SPDX-License-Identifier: Apache-2.0

import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

extension Caller {
    func sysctl(_ command: UInt32, version: UInt32 = SysctlVersion.value, at address: UInt64? = nil) -> Int64
    {
        set(Field<SysctlLayout, UInt32>.command, command)
        set(Field<SysctlLayout, UInt32>.interfaceVersion, version)
        return call(HypercallNumber.sysctl, address ?? block)
    }
    func part<Layout: ABILayout, Value: FixedWidthInteger>(_ field: Field<Layout, Value>, _ value: Value) {
        machine.set(field, value, at: block + UInt64(SysctlLayout.argumentOffset), in: domain)
    }
    func part<Layout: ABILayout, Value: FixedWidthInteger>(_ field: Field<Layout, Value>) -> Value {
        machine.get(field, at: block + UInt64(SysctlLayout.argumentOffset), in: domain)
    }
    func platform(_ command: UInt32, version: UInt32 = PlatformVersion.value) -> Int64 {
        set(Field<PlatformLayout, UInt32>.command, command)
        set(Field<PlatformLayout, UInt32>.interfaceVersion, version)
        return call(HypercallNumber.platform, block)
    }
    func text(_ count: Int, at address: UInt64) -> String {
        String(decoding: readList(count, of: UInt8.self, at: address), as: UTF8.self)
    }
}

private func failure(_ error: XenError) -> Int64 { error.returnValue }

@Suite struct SystemControlTests {
    @Test func versionPrivilegeAndAddressAreChecked() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(control.sysctl(SysctlOperation.physicalInfo, version: 0x14) == failure(.accessDenied))
        #expect(control.sysctl(SysctlOperation.physicalInfo, at: Caller.nowhere) == failure(.badAddress))
        for command in UInt32(0)..<40 { #expect(guest.sysctl(command) == failure(.notPermitted)) }
        for command in [
            SysctlOperation.livepatch, SysctlOperation.scheduler, SysctlOperation.coverage,
            SysctlOperation.psrMonitoring, SysctlOperation.psrAllocation,
        ] { #expect(control.sysctl(command) == failure(.notSupported)) }
        for command in [
            SysctlOperation.traceBuffer, SysctlOperation.cpuHotplug, SysctlOperation.pageOffline, 13, 99,
        ] { #expect(control.sysctl(command) == failure(.notImplemented)) }
        #expect(control.sysctl(SysctlOperation.getPMStatistics) == failure(.noDevice))
    }
    @Test func theMachineIsDescribed() throws {
        let machine = FakeMachine()
        DomainControlPolicyTests.installCPU(machine)
        machine.hypervisor.state.facts.cpuCount = 2
        let control = try machine.control()
        typealias Info = SysctlPhysicalInfoLayout
        #expect(control.sysctl(SysctlOperation.physicalInfo) == 0)
        #expect(control.part(Field<Info, UInt32>.cpuCount) == 2)
        #expect(control.part(Field<Info, UInt32>.maximumCPUID) == 1)
        #expect(control.part(Field<Info, UInt32>.capabilities) == 0x109)
        #expect(control.part(Field<Info, UInt64>.totalPages) == 4096)
        #expect(control.part(Field<Info, UInt64>.freePages) == machine.freeFrames)
        #expect(control.part(Field<Info, UInt64>.maximumMachineFrame) == 4095)
        #expect(control.part(Field<Info, UInt32>.hardwareCapabilities) == 0x0f)
        #expect(control.part(Field<Info, UInt32>.hardwareCapabilities.element(2)) == 1 << 29)

        #expect(control.sysctl(SysctlOperation.schedulerID) == 0)
        #expect(control.part(Field<SysctlSchedulerIDLayout, UInt32>.schedulerID) == 9)
        #expect(control.sysctl(SysctlOperation.availableHeap) == 0)
        #expect(
            control.part(Field<SysctlAvailableHeapLayout, UInt64>.availableBytes) == machine.freeFrames * 4096
        )
        #expect(control.sysctl(SysctlOperation.getCPULevellingCapabilities) == 0)
        #expect(control.part(Field<SysctlCPULevellingLayout, UInt32>.capabilities) == 0)
        #expect(control.sysctl(SysctlOperation.pciTopology) == 0)
        #expect(control.part(Field<SysctlPCITopologyLayout, UInt32>.deviceCount) == 0)
    }
    @Test func domainsAreListedFromAnyNumberOn() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        for id in [UInt16(3), 5, 9] { _ = try machine.makeDomain(id) }
        typealias List = SysctlDomainInfoListLayout
        func list(from first: UInt16, room: UInt32, buffer: UInt64? = nil) -> (Int64, [UInt16]) {
            control.part(Field<List, UInt16>.firstDomain, first)
            control.part(Field<List, UInt32>.maximumDomains, room)
            control.part(Field<List, UInt64>.buffer, buffer ?? control.list)
            let result = control.sysctl(SysctlOperation.getDomainInfoList)
            guard result == 0 else { return (result, []) }
            let count = Int(control.part(Field<List, UInt32>.domainCount))
            return (
                0, (0..<count).map { machine.read(at: control.list + UInt64($0) * 112, in: control.domain) }
            )
        }
        #expect(list(from: 0, room: 10).1 == [0, 3, 5, 9])
        #expect(list(from: 4, room: 1).1 == [5])
        #expect(list(from: 10, room: 10).1 == [])
        #expect(list(from: .max, room: 10).1 == [])
        #expect(list(from: 0, room: 0).1 == [])
        #expect(list(from: 0, room: 10, buffer: Caller.nowhere).0 == failure(.badAddress))
    }
    @Test func theConsoleIsReadOnceOrAgain() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        machine.hypervisor.print("hello world")
        typealias Read = SysctlReadConsoleLayout
        func read(_ room: UInt32, clear: UInt8 = 0, incremental: UInt8 = 0, index: UInt32 = 0) -> String? {
            control.part(Field<Read, UInt8>.clear, clear)
            control.part(Field<Read, UInt8>.incremental, incremental)
            control.part(Field<Read, UInt32>.index, index)
            control.part(Field<Read, UInt64>.buffer, control.list)
            control.part(Field<Read, UInt32>.count, room)
            guard control.sysctl(SysctlOperation.readConsole) == 0 else { return nil }
            return control.text(Int(control.part(Field<Read, UInt32>.count)), at: control.list)
        }
        #expect(read(5) == "hello")
        #expect(control.part(Field<Read, UInt32>.index) == 5)
        #expect(read(100, incremental: 1, index: 5) == " world")
        #expect(read(100, incremental: 1, index: 11) == "")
        // An index that names nothing starts at the oldest byte.
        #expect(read(100, incremental: 1, index: 500) == "hello world")
        #expect(read(6, clear: 1) == "hello ")
        #expect(read(100) == "world")
        control.part(Field<Read, UInt64>.buffer, Caller.nowhere)
        control.part(Field<Read, UInt32>.count, 9)
        #expect(control.sysctl(SysctlOperation.readConsole) == failure(.badAddress))
        // More than the ring holds: the last of it.
        for _ in 0..<20_000 { machine.hypervisor.putByte(65) }
        machine.hypervisor.putByte(66)
        #expect(read(16_384)?.count == 16_384)
        #expect(read(16_384)?.last == "B")
    }
    @Test func processorsNodesAndPools() throws {
        let machine = FakeMachine()
        machine.hypervisor.state.facts.cpuCount = 3
        let control = try machine.control()
        typealias Topology = SysctlCPUTopologyInfoLayout
        control.part(Field<Topology, UInt64>.topology, 0)
        #expect(control.sysctl(SysctlOperation.cpuTopology) == 0)
        #expect(control.part(Field<Topology, UInt32>.cpuCount) == 3)
        control.part(Field<Topology, UInt64>.topology, control.list)
        control.part(Field<Topology, UInt32>.cpuCount, 2)
        #expect(control.sysctl(SysctlOperation.cpuTopology) == 0)
        #expect(control.readList(6, of: UInt32.self, at: control.list) == [0, 0, 0, 1, 0, 0])

        typealias Node = SysctlNUMAInfoLayout
        control.part(Field<Node, UInt64>.memoryInfo, 0)
        control.part(Field<Node, UInt64>.distance, 0)
        #expect(control.sysctl(SysctlOperation.numaInfo) == 0)
        #expect(control.part(Field<Node, UInt32>.nodeCount) == 1)
        control.part(Field<Node, UInt64>.memoryInfo, control.list)
        control.part(Field<Node, UInt64>.distance, control.list + 64)
        #expect(control.sysctl(SysctlOperation.numaInfo) == 0)
        #expect(machine.read(UInt64.self, at: control.list, in: control.domain) == 4096 * 4096)
        #expect(machine.read(UInt32.self, at: control.list + 64, in: control.domain) == 10)
        control.part(Field<Node, UInt32>.nodeCount, 0)
        #expect(control.sysctl(SysctlOperation.numaInfo) == failure(.invalidArgument))

        typealias Pool = SysctlCPUPoolLayout
        func pool(_ operation: UInt32, _ id: UInt32, domain: UInt32 = 0) -> Int64 {
            control.part(Field<Pool, UInt32>.operation, operation)
            control.part(Field<Pool, UInt32>.cpupool, id)
            control.part(Field<Pool, UInt32>.domain, domain)
            control.part(Field<Pool, UInt64>.bitmap, control.list)
            control.part(Field<Pool, UInt32>.bitCount, 8)
            return control.sysctl(SysctlOperation.cpupool)
        }
        #expect(pool(CPUPoolOperation.info, 0) == 0)
        #expect(machine.read(UInt8.self, at: control.list, in: control.domain) == 7)
        #expect(control.part(Field<Pool, UInt32>.domainCount) == 1)
        #expect(pool(CPUPoolOperation.info, 1) == failure(.noEntry))
        #expect(pool(CPUPoolOperation.moveDomain, 0) == 0)
        #expect(pool(CPUPoolOperation.moveDomain, 0, domain: 6) == failure(.noSuchDomain))
        #expect(pool(CPUPoolOperation.moveDomain, 2) == failure(.noEntry))
        #expect(pool(CPUPoolOperation.create, 0) == failure(.invalidArgument))

        machine.tsc = 1_000_000
        typealias Idle = SysctlCPUInfoLayout
        control.part(Field<Idle, UInt32>.maximumCPUs, 100)
        control.part(Field<Idle, UInt64>.info, control.list)
        #expect(control.sysctl(SysctlOperation.getCPUInfo) == 0)
        #expect(control.part(Field<Idle, UInt32>.cpuCount) == 3)
        #expect(machine.read(UInt64.self, at: control.list, in: control.domain) <= 1_000_000)
    }
    @Test func featuresAndPolicies() throws {
        let machine = FakeMachine()
        DomainControlPolicyTests.installCPU(machine)
        let control = try machine.control()
        typealias Features = SysctlCPUFeaturesetLayout
        func features(_ index: UInt32, _ buffer: UInt64, _ room: UInt32) -> Int64 {
            control.part(Field<Features, UInt32>.index, index)
            control.part(Field<Features, UInt64>.features, buffer)
            control.part(Field<Features, UInt32>.featureCount, room)
            return control.sysctl(SysctlOperation.getCPUFeatureset)
        }
        #expect(features(1, 0, 0) == 0)
        #expect(control.part(Field<Features, UInt32>.featureCount) == 19)
        #expect(features(1, control.list, 19) == 0)
        #expect(control.readList(4, of: UInt32.self, at: control.list) == [0x0f, 0x8000_0001, 1 << 29, 1])
        #expect(features(1, control.list, 2) == failure(.noBuffers))
        #expect(control.part(Field<Features, UInt32>.featureCount) == 2)
        #expect(features(2, 0, 0) == failure(.notSupported))
        #expect(features(6, 0, 0) == failure(.invalidArgument))

        typealias Policy = SysctlCPUPolicyLayout
        func policy(_ index: UInt32, _ buffer: UInt64, _ room: UInt32) -> Int64 {
            control.part(Field<Policy, UInt32>.index, index)
            control.part(Field<Policy, UInt64>.leaves, buffer)
            control.part(Field<Policy, UInt32>.leafCount, room)
            control.part(Field<Policy, UInt64>.msrs, 0)
            return control.sysctl(SysctlOperation.getCPUPolicy)
        }
        #expect(policy(SystemCPUPolicy.host, 0, 0) == 0)
        #expect(control.part(Field<Policy, UInt32>.leafCount) == 5)
        #expect(control.part(Field<Policy, UInt32>.msrCount) == 2)
        #expect(policy(SystemCPUPolicy.hvmDefault, control.list, 5) == 0)
        #expect(policy(SystemCPUPolicy.hvmDefault, control.list, 4) == failure(.noBuffers))
        #expect(policy(SystemCPUPolicy.pvDefault, 0, 0) == failure(.notSupported))
        #expect(policy(9, 0, 0) == failure(.invalidArgument))
    }
    @Test func debugKeysPrint() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3)
        func keys(_ count: UInt32, at address: UInt64) -> Int64 {
            control.part(Field<SysctlDebugKeysLayout, UInt64>.keys, address)
            control.part(Field<SysctlDebugKeysLayout, UInt32>.keyCount, count)
            return control.sysctl(SysctlOperation.debugKeys)
        }
        machine.write(UInt8(ascii: "q"), at: control.list, in: control.domain)
        #expect(keys(1, at: control.list) == 0)
        #expect(machine.consoleText.contains("d3"))
        #expect(keys(257, at: control.list) == failure(.tooBig))
        #expect(keys(1, at: Caller.nowhere) == failure(.badAddress))
    }
}

@Suite struct SystemPlatformTests {
    @Test func theWallclockReachesEveryDomain() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        func setTime(_ seconds: UInt64, _ nanoseconds: UInt32, at systemTime: UInt64, pad: UInt32 = 0)
            -> Int64
        {
            let body = control.block + UInt64(PlatformLayout.argumentOffset)
            machine.set(Field<PlatformSetTime64Layout, UInt64>.seconds, seconds, at: body, in: control.domain)
            machine.set(
                Field<PlatformSetTime64Layout, UInt32>.nanoseconds, nanoseconds, at: body, in: control.domain)
            machine.set(Field<PlatformSetTime64Layout, UInt32>.mustBeZero, pad, at: body, in: control.domain)
            machine.set(
                Field<PlatformSetTime64Layout, UInt64>.systemTime, systemTime, at: body, in: control.domain)
            return control.platform(PlatformOperation.setTime64)
        }
        let before = guest.domain.sharedInfo.load(Field<SharedInfoLayout, UInt32>.wallclockVersion)
        #expect(setTime(0x1_0000_0010, 100, at: 2_000_000_200) == 0)
        let info = guest.domain.sharedInfo
        // 16 s and 100 ns less 2 s and 200 ns.
        #expect(info.load(Field<SharedInfoLayout, UInt32>.wallclockSeconds) == 0x0d)
        #expect(info.load(Field<SharedInfoLayout, UInt32>.wallclockSecondsHigh) == 1)
        #expect(info.load(Field<SharedInfoLayout, UInt32>.wallclockNanoseconds) == 999_999_900)
        #expect(info.load(Field<SharedInfoLayout, UInt32>.wallclockVersion) == before + 2)
        #expect(setTime(5, 1_000_000_000, at: 0) == failure(.invalidArgument))
        #expect(setTime(5, 0, at: 0, pad: 1) == failure(.invalidArgument))
        #expect(setTime(1, 0, at: 2_000_000_000) == failure(.invalidArgument))
        #expect(setTime(1, 0, at: .max) == failure(.invalidArgument))
        #expect(machine.hypervisor.state.wallclockSeconds == 0x1_0000_000d)
    }
    @Test func processorsSleepAndRefusals() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        let body = control.block + UInt64(PlatformLayout.argumentOffset)
        typealias CPU = Field<PlatformCPUInfoLayout, UInt32>
        machine.set(CPU.cpu, 0, at: body, in: control.domain)
        #expect(control.platform(PlatformOperation.getCPUInfo) == 0)
        #expect(machine.get(CPU.flags, at: body, in: control.domain) == PhysicalCPUFlag.online)
        #expect(machine.get(CPU.maximumPresent, at: body, in: control.domain) == 0)
        machine.set(CPU.cpu, 7, at: body, in: control.domain)
        #expect(control.platform(PlatformOperation.getCPUInfo) == 0)
        #expect(machine.get(CPU.flags, at: body, in: control.domain) == PhysicalCPUFlag.invalid)

        machine.fill(0, at: body, count: 64, in: control.domain)
        machine.set(Field<PlatformACPISleepLayout, UInt32>.sleepState, 3, at: body, in: control.domain)
        #expect(control.platform(PlatformOperation.enterACPISleep) == failure(.notSupported))
        #expect(machine.log.stops.isEmpty)
        machine.set(Field<PlatformACPISleepLayout, UInt32>.sleepState, 5, at: body, in: control.domain)
        #expect(control.platform(PlatformOperation.enterACPISleep) == 0)
        #expect(machine.log.stops == [.powerOff])

        #expect(control.platform(PlatformOperation.getCPUInfo, version: 5) == failure(.accessDenied))
        #expect(guest.platform(PlatformOperation.getCPUInfo) == failure(.notPermitted))
        #expect(guest.call(HypercallNumber.platform, Caller.nowhere) == failure(.badAddress))
        for command in [PlatformOperation.firmwareInfo, 64, PlatformOperation.microcodeUpdate, 0] {
            #expect(control.platform(command) == failure(.notImplemented))
        }
    }
}
