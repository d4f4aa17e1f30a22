// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Argument blocks at addresses that are wrong in every way: an error for the caller, nothing worse.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("pointers")

    let bad: InlineArray<6, UInt64> = [
        AddressSpace.testArea + 0x40_0000,  // not mapped
        0x0000_8000_0000_0000,  // first non-canonical
        0x7FFF_FFFF_FFFF_FFF8,
        0xFFFF_7FFF_FFFF_FFF8,  // last non-canonical
        0xFFFF_FFFF_FFFF_FFFF,  // the end of the address space: the block wraps
        0xFFFF_8000_0000_0000,  // the other half, not mapped by this guest
    ]
    guard let open = try? OwnedPort(unboundFor: .caller), let hole = UnusedFrames.take(),
        let buffer = GuestPage(), let places = try? Places()
    else { panic("no memory for the blocks") }
    let calls = blockCalls(open: open.port, hole: hole, buffer: buffer.memory)

    suite.test("addresses_that_are_not_there") { t throws(XenError) in
        for call in calls {
            for index in 0..<6 {
                t.expectReturn(call(bad[index]), .badAddress, "\(call.name) at \(hex: bad[index])")
            }
        }
    }
    suite.test("memory_that_does_not_exist_behind_the_mapping") { t throws(XenError) in
        guard AddressSpace.map(hole, at: Places.start, .writable) else { throw .noMemory }
        for call in calls {
            t.expectReturn(call(Places.start), .badAddress, "\(call.name)")
        }
    }
    suite.test("blocks_up_to_the_last_byte_of_a_page") { t throws(XenError) in
        try places.map(.writable, nil)
        for call in calls {
            let end = Places.border - UInt64(call.byteCount)
            places.put(call, at: end)
            let result = call(end)
            places.keep(call, at: end)
            t.expect(result != XenError.badAddress.returnValue, "\(call.name) at the end of a page")
            t.expect(places.isAsKept(call, at: end), "\(call.name) wrote beside its block")
            t.expect(
                call.writes || places.isUntouched(call, at: end), "\(call.name) wrote into its block")
            call.undo()
            // One byte more is one too many.
            guard call.needsAll else { continue }
            places.put(call, at: end + 1)
            t.expectReturn(call(end + 1), .badAddress, "\(call.name) whose last byte is missing")
            call.undo()
        }
        try places.map(nil, .writable)
        for call in calls where call.byteCount > 1 {
            places.put(call, at: Places.border - 1)
            t.expectReturn(call(Places.border - 1), .badAddress, "\(call.name) whose first byte is missing")
            call.undo()
        }
    }
    suite.test("blocks_across_two_pages_far_apart") { t throws(XenError) in
        try places.map(.writable, .writable)
        for call in calls {
            let whole = Places.start + 64
            places.put(call, at: whole)
            let wanted = call(whole)
            places.keep(call, at: whole)
            call.undo()
            for before in [1, call.byteCount / 2, call.byteCount - 1] where before > 0 {
                let address = Places.border - UInt64(before)
                places.put(call, at: address)
                t.expectReturn(call(address), wanted, "\(call.name), \(before) bytes before a border")
                t.expect(
                    places.isAsKept(call, at: address),
                    "\(call.name), \(before) bytes before a border, left other bytes than in one page")
                call.undo()
            }
        }
    }
    suite.test("read_only_blocks") { t throws(XenError) in
        for call in calls {
            let address = Places.start + 64
            try places.map(.writable, .writable)
            places.put(call, at: address)
            let good = call(address)
            let wanted = call.writes ? XenError.badAddress.returnValue : good
            call.undo()
            try places.map([], [])
            places.put(call, at: address)
            t.expectReturn(call(address), wanted, "\(call.name) with a read-only block")
            t.expect(places.isUntouched(call, at: address), "\(call.name) wrote into a read-only page")
            call.undo()
            // The second half of the block alone.
            try places.map(.writable, [])
            let split = Places.border - UInt64(call.byteCount / 2)
            places.put(call, at: split)
            let result = call(split)
            t.expect(
                result == wanted || result == good,
                "\(call.name) with its second half read-only returned \(result)")
            t.expect(places.isUntouchedBehindBorder(call, at: split), "\(call.name) wrote behind the border")
            call.undo()
        }
    }
    suite.test("buffers_that_a_block_names") { t throws(XenError) in
        places.fill(0)
        try places.map([], nil)
        let unwritable = Places.start
        let writable = buffer.memory.address
        func map(_ address: UInt64) -> Int64 {
            var block = ArgumentBlock<MemoryMapLayout>()
            block[.entryCount] = 1
            block[.buffer] = address
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.memoryMap, &block)
        }
        func batch(_ indexes: UInt64, _ frames: UInt64, _ errors: UInt64) -> Int64 {
            var block = ArgumentBlock<AddToPhysmapBatchLayout>()
            block[.domain] = DomainID.caller.rawValue
            block[.size] = 1
            block[.indexes] = indexes
            block[.guestFrames] = frames
            block[.errors] = errors
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.addToPhysmapBatch, &block)
        }
        func poll(_ ports: UInt64) -> Int64 { Scheduler.poll(portsAt: ports, count: 2, until: 1) }
        func setUp(_ list: UInt64) -> Int64 {
            var block = ArgumentBlock<GrantSetupTableLayout>()
            block[.domain] = DomainID.caller.rawValue
            block[.frameCount] = 1
            block[.frameList] = list
            guard (try? GrantTable.call(GrantTableOperation.setupTable, &block)) != nil else { return 99 }
            return Int64(block[.status])
        }
        // What is given is read once and only read: index 1 of shared info does not exist, in whatever page that is said.
        buffer.memory.fill(0)
        buffer.memory.store(UInt64(1), at: 0)
        buffer.memory.store(hole.rawValue, at: 8)
        t.expectReturn(batch(writable, writable + 8, writable + 16), 0, "a batch")
        t.expectEqual(
            buffer.memory.load(at: 16, as: Int32.self), 0 - XenError.invalidArgument.rawValue,
            "the error of its entry")
        t.expectReturn(map(writable), 0, "the memory map")
        t.expectReturn(setUp(writable), Int64(GrantStatusCode.okay), "setup_table")
        buffer.memory.fill(0)
        buffer.memory.store(open.port.rawValue, at: 0)
        buffer.memory.store(open.port.rawValue, at: 4)
        t.expectReturn(poll(writable), 0, "a poll")
        for index in 0..<6 {
            let at: Text = "at \(hex: bad[index])"
            t.expectReturn(map(bad[index]), .badAddress, "the memory map \(at)")
            t.expectReturn(batch(bad[index], writable, writable), .badAddress, "a batch's indexes \(at)")
            t.expectReturn(batch(writable, bad[index], writable), .badAddress, "a batch's frames \(at)")
            t.expectReturn(batch(writable, writable, bad[index]), .badAddress, "a batch's errors \(at)")
            t.expectReturn(poll(bad[index]), .badAddress, "ports to poll \(at)")
            t.expectReturn(
                setUp(bad[index]), Int64(GrantStatusCode.badVirtualAddress), "setup_table's list \(at)")
        }
        t.expectReturn(map(unwritable), .badAddress, "the memory map into a read-only page")
        t.expectReturn(batch(writable, writable, unwritable), .badAddress, "errors into a read-only page")
        t.expectReturn(
            setUp(unwritable), Int64(GrantStatusCode.badVirtualAddress), "frames into a read-only page")
        places.fill(open.port.rawValue)
        t.expectReturn(poll(Places.border - 4), .badAddress, "ports of which the second is missing")
        try places.map(.writable, nil)
        t.expectReturn(map(Places.border - 19), .badAddress, "a map whose last byte has no room")
        t.expectReturn(map(Places.border - 20), 0, "a map that ends with the page")
        try places.map(.writable, .writable)
        t.expectReturn(map(Places.border - 10), 0, "a map across a border")
    }
    suite.test("lists_of_which_the_second_block_is_missing") { t throws(XenError) in
        places.fill(0)
        try places.map(.writable, nil)
        // Of a page of nobody's.
        let first = MappedPage(unsafeAddress: Places.start).view(
            GrantCopyLayout.self, at: 4096 - GrantCopyLayout.byteCount)
        first[.sourceDomain] = nobody.rawValue
        first[.destinationDomain] = DomainID.caller.rawValue
        first[.status] = 99
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.grantTable, UInt64(GrantTableOperation.copy),
                Places.border - UInt64(GrantCopyLayout.byteCount), 2),
            .badAddress, "two copies")
        t.expectEqual(first[.status], GrantStatusCode.badDomain, "status of the first")
        let call = MappedPage(unsafeAddress: Places.start).view(
            MulticallEntryLayout.self, at: 4096 - MulticallEntryLayout.byteCount)
        call[.operation] = UInt64(HypercallNumber.version)
        call[.arguments] = UInt64(VersionOperation.version)
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.multicall, Places.border - UInt64(MulticallEntryLayout.byteCount), 2),
            .badAddress, "two calls")
        t.expectEqual(call[.result], 0x0004_0011, "result of the first")
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
