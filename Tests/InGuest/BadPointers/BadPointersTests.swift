// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Argument blocks at addresses that are wrong in every way: an error for the caller, nothing worse.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("pointers")

    let isInitialDomain = BootInformation.current.isInitialDomain
    /// Every operation whose block is the second argument: {call, operation}.
    func forEachCall(_ body: (UInt32, UInt64) -> Void) {
        for operation in [
            EventChannelOperation.bindInterdomain, EventChannelOperation.bindVirtualInterrupt,
            EventChannelOperation.bindPhysicalInterrupt, EventChannelOperation.close,
            EventChannelOperation.send, EventChannelOperation.status, EventChannelOperation.allocateUnbound,
            EventChannelOperation.bindIPI, EventChannelOperation.bindVCPU, EventChannelOperation.unmask,
            EventChannelOperation.reset,
        ] { body(HypercallNumber.eventChannel, UInt64(operation)) }
        for operation in [
            MemoryOperation.currentReservation, MemoryOperation.maximumReservation,
            MemoryOperation.addToPhysmap, MemoryOperation.memoryMap, MemoryOperation.setMemoryMap,
            MemoryOperation.maximumGuestFrame, MemoryOperation.removeFromPhysmap,
            MemoryOperation.setPoDTarget, MemoryOperation.getPoDTarget, MemoryOperation.addToPhysmapBatch,
            MemoryOperation.claimPages,
        ] { body(HypercallNumber.memory, UInt64(operation)) }
        if isInitialDomain { body(HypercallNumber.memory, UInt64(MemoryOperation.acquireResource)) }
        for operation in [
            SchedulerOperation.shutdown, SchedulerOperation.poll, SchedulerOperation.remoteShutdown,
            SchedulerOperation.shutdownCode,
        ] { body(HypercallNumber.scheduler, UInt64(operation)) }
        for operation in [
            HVMOperation.setParameter, HVMOperation.getParameter, HVMOperation.pageTableDying,
            HVMOperation.getTime, HVMOperation.getMemoryType, HVMOperation.setEventUpcallVector,
        ] { body(HypercallNumber.hvm, UInt64(operation)) }
        for operation in [
            VersionOperation.extraVersion, VersionOperation.compileInfo, VersionOperation.capabilities,
            VersionOperation.changeset, VersionOperation.platformParameters, VersionOperation.getFeatures,
            VersionOperation.guestHandle, VersionOperation.commandLine,
        ] { body(HypercallNumber.version, UInt64(operation)) }
    }
    /// Every operation whose block is the third argument, of vCPU 0.
    func forEachVCPUCall(_ body: (UInt64) -> Void) {
        for operation in [
            VCPUOperation.getRunstateInfo, VCPUOperation.registerRunstateMemoryArea,
            VCPUOperation.setSingleshotTimer, VCPUOperation.registerVCPUInfo,
            VCPUOperation.registerTimeMemoryArea, VCPUOperation.initialise,
        ] { body(UInt64(operation)) }
    }
    /// Every operation on a list of blocks.
    func forEachGrantCall(_ body: (UInt64) -> Void) {
        for operation in [
            GrantTableOperation.mapGrantReference, GrantTableOperation.unmapGrantReference,
            GrantTableOperation.setupTable, GrantTableOperation.copy, GrantTableOperation.querySize,
            GrantTableOperation.setVersion, GrantTableOperation.getVersion,
            GrantTableOperation.swapGrantReference,
        ] { body(UInt64(operation)) }
    }
    let bad: InlineArray<6, UInt64> = [
        AddressSpace.testArea + 0x40_0000,  // not mapped
        0x0000_8000_0000_0000,  // first non-canonical
        0x7FFF_FFFF_FFFF_FFF8,
        0xFFFF_7FFF_FFFF_FFF8,  // last non-canonical
        0xFFFF_FFFF_FFFF_FFF8,  // the end of the address space: the block wraps
        0xFFFF_8000_0000_0000,  // the other half, not mapped by this guest
    ]

    suite.test("addresses_that_are_not_there") { t throws(XenError) in
        forEachCall { number, operation in
            for index in 0..<6 {
                t.expectReturn(
                    Hypercall.invoke(number, operation, bad[index]), .badAddress,
                    "\(HypercallNumber.name(number)) \(operation) at \(hex: bad[index])")
            }
        }
        for index in 0..<6 {
            forEachVCPUCall { operation in
                t.expectReturn(
                    Hypercall.invoke(HypercallNumber.vcpu, operation, 0, bad[index]), .badAddress,
                    "vcpu_op \(operation) at \(hex: bad[index])")
            }
            forEachGrantCall { operation in
                t.expectReturn(
                    Hypercall.invoke(HypercallNumber.grantTable, operation, bad[index], 1), .badAddress,
                    "grant_table_op \(operation) at \(hex: bad[index])")
            }
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.multicall, bad[index], 1), .badAddress,
                "a batch at \(hex: bad[index])")
            for number in [HypercallNumber.domctl, HypercallNumber.sysctl, HypercallNumber.platform] {
                t.expectReturn(
                    Hypercall.invoke(number, bad[index]), .badAddress,
                    "\(HypercallNumber.name(number)) at \(hex: bad[index])")
            }
        }
    }
    suite.test("reservations_answer_with_a_count") { t throws(XenError) in
        for operation in [
            MemoryOperation.increaseReservation, MemoryOperation.decreaseReservation,
            MemoryOperation.populatePhysmap,
        ] {
            for index in 0..<6 {
                t.expectReturn(
                    Hypercall.invoke(HypercallNumber.memory, UInt64(operation), bad[index]), 0,
                    "memory_op \(operation) at \(hex: bad[index])")
            }
        }
    }
    suite.test("memory_that_does_not_exist_behind_the_mapping") { t throws(XenError) in
        guard let hole = UnusedFrames.take() else { throw .noMemory }
        let address = AddressSpace.testArea + 0x50_0000
        guard AddressSpace.map(hole, at: address, .writable) else { throw .noMemory }
        forEachCall { number, operation in
            t.expectReturn(
                Hypercall.invoke(number, operation, address), .badAddress,
                "\(HypercallNumber.name(number)) \(operation)")
        }
        AddressSpace.unmap(at: address)
    }
    suite.test("a_block_across_two_pages_far_apart") { t throws(XenError) in
        guard let first = GuestPage(), let between = GuestPage(), let second = GuestPage() else {
            throw .noMemory
        }
        let address = AddressSpace.testArea + 0x60_0000
        guard AddressSpace.map(first.frame, at: address, .writable),
            AddressSpace.map(second.frame, at: address + 4096, .writable)
        else { throw .noMemory }
        between.memory.fill(0xEE)
        let start = 4096 - 4
        first.memory.store(DomainID.caller.rawValue, at: start)
        first.memory.store(DomainID.caller.rawValue, at: start + 2)
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.eventChannel, UInt64(EventChannelOperation.allocateUnbound),
                address + UInt64(start)), 0, "alloc_unbound across the border")
        let port = EventPort(rawValue: second.memory.load(at: 0, as: UInt32.self))
        t.expectEqual(try EventChannel.status(of: port).state, EventChannelState.unbound, "state of the port")
        try EventChannel.close(port)
        t.expectEqual(between.memory.load(at: 0, as: UInt64.self), 0xEEEE_EEEE_EEEE_EEEE, "the page between")
        AddressSpace.unmap(at: address)
        AddressSpace.unmap(at: address + 4096)
    }
    suite.test("a_block_whose_second_page_is_missing") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let address = AddressSpace.testArea + 0x70_0000
        guard AddressSpace.map(page.frame, at: address, .writable) else { throw .noMemory }
        AddressSpace.unmap(at: address + 4096)
        forEachCall { number, operation in
            // Texts are written byte by byte, as far as they go; a time that is 8 bytes may end with the page.
            if number == HypercallNumber.version { return }
            t.expectReturn(
                Hypercall.invoke(number, operation, address + 4096 - 1), .badAddress,
                "\(HypercallNumber.name(number)) \(operation)")
        }
        AddressSpace.unmap(at: address)
    }
    suite.test("read_only_memory_refuses_results") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let address = AddressSpace.testArea + 0x80_0000
        guard AddressSpace.map(page.frame, at: address, []) else { throw .noMemory }
        page.memory.fill(0)
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.extraVersion), address),
            .badAddress,
            "extraversion")
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.getFeatures), address),
            .badAddress,
            "get_features")
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.vcpu, UInt64(VCPUOperation.getRunstateInfo), 0, address),
            .badAddress,
            "get_runstate_info")
        page.memory.store(DomainID.caller.rawValue, at: 0)
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.hvm, UInt64(HVMOperation.getParameter), address), .badAddress,
            "get_param")
        t.expectEqual(page.memory.load(at: 8, as: UInt64.self), 0, "the page afterwards")
        // Reading from it is fine.
        let port = try OwnedPort(interprocessorTo: 0)
        page.memory.store(port.port.rawValue, at: 0)
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.eventChannel, UInt64(EventChannelOperation.send), address), 0,
            "a send from a read-only block")
        AddressSpace.unmap(at: address)
    }
    suite.test("large_counts_and_wrapping_sums") { t throws(XenError) in
        for count: UInt64 in [0x7FFF_FFFF, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, UInt64.max] {
            let result = Memory.changeReservation(
                MemoryOperation.populatePhysmap, extents: AddressSpace.testArea, count: count)
            t.expect(result <= 0, "populate of \(hex: count) extents returned \(result)")
            let batch = Hypercall.invoke(HypercallNumber.multicall, AddressSpace.testArea, count)
            t.expect(batch < 0, "a batch of \(hex: count) calls returned \(batch)")
        }
        for number: UInt32 in [
            HypercallNumber.eventChannel, HypercallNumber.memory, HypercallNumber.scheduler,
            HypercallNumber.vcpu,
            HypercallNumber.hvm, HypercallNumber.grantTable, HypercallNumber.physicalDevice,
        ] {
            let result = Hypercall.invoke(
                number, 0xFFFF_FFFF_FFFF_FFFF, UInt64.max, UInt64.max, UInt64.max, UInt64.max)
            t.expect(result < 0, "\(HypercallNumber.name(number)) with all ones returned \(result)")
        }
    }
    suite.runAgainAsDomU()
    suite.finish()
}
