// SPDX-License-Identifier: Apache-2.0
import HypercallTypes
import SharedMemory
import Testing
import XenABI

/// Lists that a call takes or fills, and what a call says of their length.
@Suite struct ListTests {
    @Test func aPolicyIsTheSameAfterACall() {
        let policy = CPUPolicy(
            leaves: [
                CPUIDLeaf(leaf: 0, subleaf: .max, eax: 13, ebx: 1, ecx: 2, edx: 3),
                CPUIDLeaf(leaf: 7, subleaf: 1, eax: 4, ebx: 5, ecx: 6, edx: 0xFFFF_FFFF),
            ], msrs: [MSRValue(index: 0xCE, value: 1 << 40)])
        let (leaves, msrs) = (policy.leafBuffer, policy.msrBuffer)
        #expect(leaves.byteCount == 48 && msrs.byteCount == 16)
        #expect(leaves.load(at: 24, as: UInt32.self) == 7 && leaves.load(at: 28, as: UInt32.self) == 1)
        #expect(msrs.load(at: 4, as: UInt32.self) == 0, "flags")
        let size = CPUPolicy.Size(leafCount: 2, msrCount: 1)
        #expect(CPUPolicy(leaves: leaves, msrs: msrs, size: size) == policy)
        #expect(policy.leaf(0)?.eax == 13 && policy.leaf(7, 1)?.edx == .max)
        #expect(policy.leaf(7) == nil && policy.leaf(7, 0) == nil)
    }
    @Test func aCountBeyondTheRoomIsNotBelieved() {
        let size = CPUPolicy.Size(leafCount: .max, msrCount: .max)
        let policy = CPUPolicy(
            leaves: HypercallBuffer(byteCount: 50), msrs: HypercallBuffer(byteCount: 15), size: size)
        #expect(policy.leaves.count == 2 && policy.msrs.isEmpty)
        let nodes = NUMAInfo(
            memory: HypercallBuffer(byteCount: 16), distances: HypercallBuffer(byteCount: 4), count: 1000)
        #expect(nodes.nodeCount == 1 && nodes.distances == [0])
    }
    @Test func distancesGoFromTheFirstNodeOn() {
        var memory = HypercallBuffer(byteCount: 32)
        var distances = HypercallBuffer(byteCount: 16)
        memory.store(UInt64(1 << 30), at: 0)
        memory.store(UInt64(4096), at: 24)
        for (index, value) in [10, 20, 21, 10].enumerated() { distances.store(UInt32(value), at: index * 4) }
        let nodes = NUMAInfo(memory: memory, distances: distances, count: 2)
        #expect(nodes.memory[0].byteCount == 1 << 30 && nodes.memory[0].freeByteCount == 0)
        #expect(nodes.memory[1].freeByteCount == 4096)
        #expect(nodes.distance(from: 0, to: 1) == 20 && nodes.distance(from: 1, to: 0) == 21)
        #expect(nodes.distance(from: 0, to: 2) == nil && nodes.distance(from: -1, to: 0) == nil)
    }
    @Test func regionsArePacked() {
        let regions = [
            MemoryRegion(start: 0, byteCount: 0xA0000, type: E820Type.ram),
            MemoryRegion(start: 1 << 40, byteCount: .max, type: E820Type.reserved),
        ]
        let buffer = MemoryRegion.buffer(regions)
        #expect(buffer.byteCount == 40)
        #expect(buffer.load(at: 16, as: UInt32.self) == E820Type.ram)
        #expect(buffer.load(at: 20, as: UInt64.self) == 1 << 40)
        #expect(MemoryRegion(from: buffer, at: 0) == regions[0])
        #expect(MemoryRegion(from: buffer, at: 20) == regions[1])
        #expect(regions[0].end == 0xA0000 && regions[1].end == .max, "the end does not wrap")
    }
}

/// Numbers of the ABI as Swift's values.
@Suite struct ValueTests {
    @Test func aConfigurationIsWrittenWhereTheBlockStarts() {
        var configuration = DomainConfiguration(vcpuCount: 3)
        configuration.emulation.insert(.vga)
        configuration.maximumGrantFrames = -1
        var block = ArgumentBlock<DomctlLayout>()
        configuration.store(in: &block, at: 16)
        typealias Word = Field<DomctlCreateDomainLayout, UInt32>
        #expect(block[Word.flags, at: 16] == 3)
        let count = block[Word.maximumVCPUs, at: 16]
        #expect(count == 3)
        let emulation = block[Word.emulationFlags, at: 16]
        #expect(emulation == EmulationFlag.lapic | EmulationFlag.vga)
        let frames = block[Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, at: 16]
        #expect(frames == -1)
        let handle = DomainHandle(
            from: block, Field<DomctlCreateDomainLayout, UInt8>.handle, at: 16)
        #expect(handle == configuration.handle && handle[0] == 1 && handle[15] == 16)
        let command = block[.command]
        #expect(command == 0, "the head is not touched")
    }
    @Test func flagsOfADomainHaveItsReasonBesideThem() {
        var buffer = HypercallBuffer(byteCount: DomctlDomainInfoLayout.byteCount)
        buffer[Field<DomctlDomainInfoLayout, UInt32>.flags, at: 0] =
            DomainInfoFlag.shutdown | DomainInfoFlag.hvmGuest
            | ShutdownReason.crash << DomainInfoFlag.shutdownShift
        buffer[Field<DomctlDomainInfoLayout, UInt64>.totalPages, at: 0] = 77
        let info = DomainInfo(from: buffer, at: 0)
        #expect(info.has(.shutdown) && info.has(.hvmGuest) && !info.has(.dying) && !info.has(.paused))
        #expect(info.shutdownReason == ShutdownReason.crash)
        #expect(info.totalPages == 77)
    }
    @Test(arguments: [
        (EventChannelState.closed, EventChannelStatus.Binding.closed),
        (EventChannelState.unbound, .unbound(for: DomainID(rawValue: 5))),
        (EventChannelState.interdomain, .interdomain(DomainID(rawValue: 5), EventPort(rawValue: 9))),
        (EventChannelState.physicalInterrupt, .physicalInterrupt(5)),
        (EventChannelState.virtualInterrupt, .virtualInterrupt(5)),
        (EventChannelState.ipi, .interprocessor), (77, .other(77)),
    ])
    func aPortsStateSaysWhatElseThereIs(_ state: UInt32, _ binding: EventChannelStatus.Binding) {
        typealias Word = Field<EventChannelStatusLayout, UInt32>
        var buffer = HypercallBuffer(byteCount: EventChannelStatusLayout.byteCount)
        buffer[Word.status, at: 0] = state
        // The domain, the interrupt and the number share their place.
        buffer[Word.virtualInterrupt, at: 0] = 5
        buffer[Word.interdomainPort, at: 0] = 9
        #expect(EventChannelStatus(from: buffer, at: 0).binding == binding)
    }
    @Test func statusesAreErrorsButForOne() {
        #expect(throws: Never.self) { try GrantStatus(rawValue: GrantStatusCode.okay).check() }
        #expect(throws: GrantStatus.badReference) {
            try GrantStatus(rawValue: GrantStatusCode.badReference).check()
        }
        #expect(throws: GrantStatus.callFailed) { try GrantStatus.callFailed.check() }
    }
    @Test func aFunctionsNumberIsPartOfItsDevices() {
        let function = PCIFunction(bus: 3, device: 31, function: 7)
        #expect(function.deviceFunction == 0xFF && function.device == 31 && function.function == 7)
        #expect(PCIFunction(bus: 0, device: 2, function: 1).deviceFunction == 0x11)
    }
    @Test func featuresAreBitNumbers() {
        let features = HypervisorFeatures(rawValue: 1 << 2 | 1 << 17)
        #expect(features.contains(.autoTranslatedPhysmap) && features.contains(.directMapped))
        #expect(!features.contains(.notDirectMapped) && !features.contains(.domain0))
    }
    @Test func timesOfARunState() {
        var buffer = HypercallBuffer(byteCount: RunstateInfoLayout.byteCount)
        buffer[Field<RunstateInfoLayout, UInt32>.state, at: 0] = Runstate.blocked
        for index in 0..<4 {
            buffer[Field<RunstateInfoLayout, UInt64>.times.element(index), at: 0] = UInt64(index) * 100
        }
        let info = RunstateInfo(from: buffer, at: 0)
        #expect(info.state == .blocked)
        #expect(info.time(in: .blocked) == 200 && info.time(in: .offline) == 300)
        #expect(info.time(in: RunstateInfo.State(rawValue: 4)) == 0)
    }
}
