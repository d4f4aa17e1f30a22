// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Calls from 32-bit code: registers, blocks of 4-byte longs, and the 32-bit form of the shared page. Offsets are those of
/// Xen's headers compiled for i386, written out.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("compat")
    registers(&suite)
    memory(&suite)
    grants(&suite)
    events(&suite)
    processors(&suite)
    control(&suite)
    suite.runAgainAsDomU()
    suite.finish()
}

private func registers(_ suite: inout TestSuite) {
    suite.test("numbers_and_errors") { t throws(XenError) in
        t.expectEqual(
            try call32(HypercallNumber.version, VersionOperation.version), 0x0004_0011, "the version")
        for number: UInt32 in [0, 11, 23, 28, 45, 63, 64, 0x8000_0000, .max] {
            t.expectError(.notImplemented, "call \(number)") { () throws(XenError) in try call32(number) }
        }
        for number in [
            HypercallNumber.memory, HypercallNumber.scheduler, HypercallNumber.eventChannel,
            HypercallNumber.hvm,
            HypercallNumber.version,
        ] {
            t.expectError(.notImplemented, "\(HypercallNumber.name(number)) 63") { () throws(XenError) in
                try call32(number, 63)
            }
        }
    }
    suite.test("version_blocks") { t throws(XenError) in
        let block = try NarrowBlock()
        let number = HypercallNumber.version
        block.clear(0xA5)
        try call32(number, VersionOperation.platformParameters, block.address)
        t.expectEqual(block.load(0, as: UInt32.self), 0, "virt_start")
        t.expectEqual(block.load(4, as: UInt32.self), 0xA5A5_A5A5, "the word after it")
        block.store(UInt32(0), 0)
        try call32(number, VersionOperation.getFeatures, block.address)
        t.expectEqual(block.load(4, as: UInt32.self), try Version.features().rawValue, "features")
        t.expectEqual(try call32(number, VersionOperation.pageSize), 4096, "page size")
        try call32(number, VersionOperation.capabilities, block.address)
        t.expect(block.load(0, as: UInt32.self) != 0, "there are no capabilities")
        t.expectError(.badAddress, "extra version nowhere") { () throws(XenError) in
            try call32(number, VersionOperation.extraVersion, nowhere32)
        }
    }
    suite.test("a_timer_comes_in_two_halves") { t throws(XenError) in
        let port = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer, vcpu: 0)
        try Events.mapSharedInfo()
        let deadline = Clock.now + 2_000_000
        try call32(
            HypercallNumber.setTimer, UInt32(truncatingIfNeeded: deadline),
            UInt32(truncatingIfNeeded: deadline >> 32))
        while !Events.isPending(port.port) {
            guard Clock.now < deadline + 1_000_000_000 else {
                return t.expect(false, "no event a second after the deadline")
            }
        }
        t.expect(Clock.now >= deadline, "the event came early")
        // Without its high half the deadline would be over.
        Events.clear(port.port)
        let far = Clock.now + (1 << 33)
        try call32(
            HypercallNumber.setTimer, UInt32(truncatingIfNeeded: far), UInt32(truncatingIfNeeded: far >> 32))
        let end = Clock.now + 5_000_000
        while Clock.now < end {}
        t.expect(!Events.isPending(port.port), "a deadline 8 seconds ahead has come")
        try call32(HypercallNumber.setTimer, 0, 0)
    }
    suite.test("batches") { t throws(XenError) in
        let block = try NarrowBlock()
        // op, result, six arguments: 32 bytes.
        block.store(words: [HypercallNumber.version, 7, VersionOperation.version, 0, 0, 0, 0, 0])
        block.store(words: [HypercallNumber.multicall, 7, 0, 0, 0, 0, 0, 0], at: 32)
        block.store(
            words: [HypercallNumber.version, 7, VersionOperation.pageSize, 0, 0, 0, 0, 0], at: 64)
        block.store(words: [77, 7, 0, 0, 0, 0, 0, 0], at: 96)
        try call32(HypercallNumber.multicall, block.address, 4)
        t.expectEqual(block.load(4, as: UInt32.self), 0x0004_0011, "result 0")
        t.expectEqual(block.load(36, as: Int32.self), 0 - XenError.invalidArgument.rawValue, "a nested batch")
        t.expectEqual(block.load(68, as: UInt32.self), 4096, "result 2")
        t.expectEqual(
            block.load(100, as: Int32.self), 0 - XenError.notImplemented.rawValue, "an unknown call")
        // One entry at the end of the page, the next beyond it.
        block.store(words: [HypercallNumber.version, 7, 0, 0, 0, 0, 0, 0], at: 4096 - 32)
        try call32(HypercallNumber.multicall, block.address + 4096 - 32, 1)
        t.expectEqual(block.load(4096 - 28, as: UInt32.self), 0x0004_0011, "the result at the page's end")
        t.expectError(.badAddress, "a batch nowhere") { () throws(XenError) in
            try call32(HypercallNumber.multicall, nowhere32, 1)
        }
    }
}

private func memory(_ suite: inout TestSuite) {
    let number = HypercallNumber.memory
    let caller = UInt32(DomainID.caller.rawValue)
    suite.test("reservations") { t throws(XenError) in
        let block = try NarrowBlock()
        let list = try NarrowBlock()
        let who = try NarrowBlock()
        who.store(words: [caller])
        guard let first = GuestPage(), let second = GuestPage() else { throw .noMemory }
        let frames: InlineArray<2, GuestFrame> = [first.forget(), second.forget()]
        for index in 0..<2 { list.store(UInt32(truncatingIfNeeded: frames[index].rawValue), 4 * index) }
        let before = try call32(number, MemoryOperation.currentReservation, who.address)
        // extent_start, nr_extents, extent_order, mem_flags, domid: 20 bytes.
        block.store(words: [list.address, 2, 0, 0, caller])
        t.expectEqual(try call32(number, MemoryOperation.decreaseReservation, block.address), 2, "given back")
        // Domain 0 keeps its pages: they are mapped 1:1.
        t.expectEqual(
            try call32(number, MemoryOperation.currentReservation, who.address),
            BootInformation.current.isInitialDomain ? before : before - 2, "pages then")
        t.expectEqual(try call32(number, MemoryOperation.populatePhysmap, block.address), 2, "taken again")
        t.expectEqual(
            try call32(number, MemoryOperation.currentReservation, who.address), before, "pages at the end")
        let page = MappedPage(unsafeAddress: frames[1].address.rawValue)
        page.store(UInt64(0x1234), at: 8)
        t.expectEqual(page.load(at: 8, as: UInt64.self), 0x1234, "a word of the new page")
        block.store(nowhere32, 0)
        t.expectEqual(
            try call32(number, MemoryOperation.populatePhysmap, block.address), 0, "done of a list nowhere")
        t.expectEqual(
            try call32(number, MemoryOperation.populatePhysmap, nowhere32), 0, "done of a block nowhere")
        t.expect(
            try call32(number, MemoryOperation.maximumReservation, who.address) >= before,
            "the maximum is below what there is")
        t.expectError(.badAddress, "a reservation asked nowhere") { () throws(XenError) in
            try call32(number, MemoryOperation.currentReservation, nowhere32)
        }
        who.store(words: [1234])
        t.expectError(.noSuchDomain, "a reservation of nobody") { () throws(XenError) in
            try call32(number, MemoryOperation.currentReservation, who.address)
        }
    }
    suite.test("physmap_blocks") { t throws(XenError) in
        let block = try NarrowBlock()
        guard let hole = UnusedFrames.take() else { throw .noMemory }
        let gfn = UInt32(truncatingIfNeeded: hole.rawValue)
        try Events.mapSharedInfo()
        // domid and size, space, idx, gpfn: 16 bytes.
        block.store(words: [caller, PhysmapSpace.sharedInfo, 1, gfn])
        t.expectError(.invalidArgument, "page 1 of shared info") { () throws(XenError) in
            try call32(number, MemoryOperation.addToPhysmap, block.address)
        }
        block.store(words: [caller, PhysmapSpace.grantTable, 0, gfn])
        try call32(number, MemoryOperation.addToPhysmap, block.address)
        t.expectEqual(
            MappedPage(unsafeAddress: hole.address.rawValue).load(at: 64, as: UInt64.self), 0,
            "an entry of the grant table")
        // domid, gpfn: 8 bytes.
        block.store(words: [caller, gfn])
        try call32(number, MemoryOperation.removeFromPhysmap, block.address)
        t.expectError(.noEntry, "removing it again") { () throws(XenError) in
            try call32(number, MemoryOperation.removeFromPhysmap, block.address)
        }
        t.expectError(.badAddress, "a block nowhere") { () throws(XenError) in
            try call32(number, MemoryOperation.addToPhysmap, nowhere32)
        }
    }
    suite.test("batches_of_pages") { t throws(XenError) in
        let block = try NarrowBlock()
        let list = try NarrowBlock()
        guard let page = GuestPage(), let holes = UnusedFrames.take(count: 2) else { throw .noMemory }
        page.memory.store(UInt64(0x5151), at: 0)
        let place = UInt32(truncatingIfNeeded: holes.rawValue)
        let from = page.forget()
        // Lists of 4 bytes an entry: indexes, frames, errors.
        list.store(words: [UInt32(truncatingIfNeeded: from.rawValue), 0x0700_0000], at: 0)
        list.store(words: [place, place + 1], at: 256)
        list.store(words: [77, 77, 77], at: 512)
        // domid and space, size and foreign_domid, idxs, gpfns, errs: 20 bytes.
        block.store(words: [
            caller | PhysmapSpace.guestFrame << 16, 2, list.address, list.address + 256, list.address + 512,
        ])
        try call32(number, MemoryOperation.addToPhysmapBatch, block.address)
        guard !BootInformation.current.isInitialDomain else {
            // Its pages do not move.
            let refused = 0 - XenError.notPermitted.rawValue
            return t.expectEqual(list.load(512, as: Int32.self), refused, "error of a 1:1 page")
        }
        t.expectEqual(list.load(512, as: Int32.self), 0, "error of the first entry")
        t.expect(list.load(516, as: Int32.self) < 0, "the second entry has no error")
        t.expectEqual(list.load(520, as: UInt32.self), 77, "the word after the errors")
        t.expectEqual(
            MappedPage(unsafeAddress: holes.address.rawValue).load(at: 0, as: UInt64.self), 0x5151,
            "the page at its new place")
    }
    suite.test("memory_map") { t throws(XenError) in
        let block = try NarrowBlock()
        let list = try NarrowBlock()
        list.clear(0xFF)
        block.store(words: [1, list.address, 0xA5A5_A5A5])
        try call32(number, MemoryOperation.memoryMap, block.address)
        t.expectEqual(block.load(0, as: UInt32.self), 1, "entries")
        t.expectEqual(block.load(8, as: UInt32.self), 0xA5A5_A5A5, "the word after the block")
        t.expect(list.load(16, as: UInt32.self) <= 5, "the type of the first region")
        t.expectEqual(list.load(20, as: UInt32.self), .max, "the bytes after one entry")
    }
    suite.test("blocks_end_where_the_small_form_ends") { t throws(XenError) in
        // A page alone between addresses where nothing is: the 64-bit forms would not fit.
        let block = try NarrowBlock()
        let list = try NarrowBlock()
        let alone: UInt32 = 0xE000_0000
        guard AddressSpace.map(block.frame, at: UInt64(alone), .writable) else { throw .noMemory }
        defer { AddressSpace.unmap(at: UInt64(alone)) }
        block.store(words: [caller, 0x0700_0000], at: 4096 - 8)
        t.expectError(.noEntry, "removal of what is not there") { () throws(XenError) in
            try call32(number, MemoryOperation.removeFromPhysmap, alone + 4096 - 8)
        }
        t.expectError(.badAddress, "a block that goes on where nothing is") { () throws(XenError) in
            try call32(number, MemoryOperation.removeFromPhysmap, alone + 4096 - 4)
        }
        block.store(words: [1, list.address], at: 4096 - 8)
        try call32(number, MemoryOperation.memoryMap, alone + 4096 - 8)
        // A run state: 44 bytes.
        try call32(
            HypercallNumber.vcpu, VCPUOperation.getRunstateInfo, 0, alone + 4096 - 44)
        t.expectError(.badAddress, "a run state of which the last word does not fit") { () throws(XenError) in
            try call32(HypercallNumber.vcpu, VCPUOperation.getRunstateInfo, 0, alone + 4096 - 40)
        }
        // A timer: 12 bytes.
        block.store(words: [0, 0, 0], at: 4096 - 12)
        try call32(HypercallNumber.vcpu, VCPUOperation.setSingleshotTimer, 0, alone + 4096 - 12)
        t.expectError(.badAddress, "a timer whose flags are not there") { () throws(XenError) in
            try call32(HypercallNumber.vcpu, VCPUOperation.setSingleshotTimer, 0, alone + 4096 - 8)
        }
        try call32(HypercallNumber.vcpu, VCPUOperation.stopSingleshotTimer, 0)
        // Read-only pages are read, not written.
        guard AddressSpace.map(block.frame, at: UInt64(alone), []) else { throw .noMemory }
        t.expectError(.badAddress, "a map told to a read-only block") { () throws(XenError) in
            block.store(words: [1, list.address], at: 4096 - 8)
            try call32(number, MemoryOperation.memoryMap, alone + 4096 - 8)
        }
    }
}

private func grants(_ suite: inout TestSuite) {
    let number = HypercallNumber.grantTable
    let caller = UInt32(DomainID.caller.rawValue)
    suite.test("grant_table_blocks") { t throws(XenError) in
        try GrantTable.start()
        let block = try NarrowBlock()
        let list = try NarrowBlock()
        list.clear(0xA5)
        // dom, nr_frames, status, frame_list: 16 bytes.
        block.store(words: [caller, 1, 0x7777, list.address])
        try call32(number, GrantTableOperation.setupTable, block.address, 1)
        t.expectEqual(block.load(8, as: Int16.self), 0, "status of setup_table")
        t.expectEqual(list.load(4, as: UInt32.self), 0xA5A5_A5A5, "the word after one frame")
        block.store(words: [caller, 0, 0, 0])
        try call32(number, GrantTableOperation.querySize, block.address, 1)
        t.expect(block.load(4, as: UInt32.self) >= 1, "frames of the table")
        t.expectEqual(block.load(12, as: Int16.self), 0, "status of query_size")
        block.store(words: [caller, 7])
        try call32(number, GrantTableOperation.getVersion, block.address, 1)
        t.expectEqual(block.load(4, as: UInt32.self), 1, "the version")
        t.expectError(.invalidArgument, "setup_table of two blocks") { () throws(XenError) in
            try call32(number, GrantTableOperation.setupTable, block.address, 2)
        }
        t.expectError(.badAddress, "query_size nowhere") { () throws(XenError) in
            try call32(number, GrantTableOperation.querySize, nowhere32, 1)
        }
    }
    suite.test("grant_copies") { t throws(XenError) in
        try GrantTable.start()
        guard let source = GuestPage(), let target = GuestPage(), let reference = GrantTable.takeReference()
        else { throw .noMemory }
        defer { GrantTable.giveReference(reference) }
        source.memory.fill(0x6B)
        GrantTable.publish(
            source.frame, to: Platform.domainID ?? .zero, flags: GrantEntryFlag.permitAccess, as: reference)
        let block = try NarrowBlock()
        // Each end: ref or gmfn, domid and offset; then len and flags, status: 24 bytes.
        for index in 0..<2 {
            block.store(
                words: [
                    index == 0 ? reference.rawValue : 0x00FF_FFFF, caller | 16 << 16,
                    UInt32(truncatingIfNeeded: target.frame.rawValue), caller | 32 << 16,
                    64 | UInt32(GrantCopyFlag.sourceIsReference) << 16, 0x7777,
                ], at: 24 * index)
        }
        try call32(number, GrantTableOperation.copy, block.address, 2)
        t.expectEqual(block.load(20, as: Int16.self), GrantStatusCode.okay, "status of the copy")
        t.expectEqual(block.load(44, as: Int16.self), GrantStatusCode.badReference, "status of the second")
        t.expectEqual(target.memory.load(at: 24, as: UInt64.self), 0, "the word before")
        t.expectEqual(target.memory.load(at: 32, as: UInt64.self), 0x6B6B_6B6B_6B6B_6B6B, "the first word")
        t.expectEqual(target.memory.load(at: 88, as: UInt64.self), 0x6B6B_6B6B_6B6B_6B6B, "the last word")
        t.expectEqual(target.memory.load(at: 96, as: UInt64.self), 0, "the word after")
        t.expect(GrantTable.revoke(reference), "the grant is in use after the copy")
        t.expectError(.badAddress, "copies nowhere") { () throws(XenError) in
            try call32(number, GrantTableOperation.copy, nowhere32, 1)
        }
    }
    suite.test("grant_maps") { t throws(XenError) in
        try GrantTable.start()
        guard let source = GuestPage(), let hole = UnusedFrames.take(),
            let reference = GrantTable.takeReference()
        else { throw .noMemory }
        defer { GrantTable.giveReference(reference) }
        source.memory.store(UInt64(0xABCD), at: 40)
        GrantTable.publish(
            source.frame, to: Platform.domainID ?? .zero, flags: GrantEntryFlag.permitAccess, as: reference)
        let block = try NarrowBlock()
        let address = hole.address.rawValue
        let halves = (UInt32(truncatingIfNeeded: address), UInt32(truncatingIfNeeded: address >> 32))
        // host_addr, flags, ref, dom and status, handle, dev_bus_addr: 32 bytes in both forms.
        let me = UInt32((Platform.domainID ?? .zero).rawValue)
        block.store(words: [halves.0, halves.1, GrantMapFlag.hostMap, reference.rawValue, me, 0, 0, 0])
        try call32(number, GrantTableOperation.mapGrantReference, block.address, 1)
        t.expectEqual(block.load(18, as: Int16.self), 0, "status of the map")
        t.expectEqual(
            MappedPage(unsafeAddress: address).load(at: 40, as: UInt64.self), 0xABCD, "a word through the map"
        )
        let handle = block.load(20, as: UInt32.self)
        block.store(words: [halves.0, halves.1, 0, 0, handle, 0x7777])
        try call32(number, GrantTableOperation.unmapGrantReference, block.address, 1)
        t.expectEqual(block.load(20, as: Int16.self), 0, "status of the unmap")
        t.expect(GrantTable.revoke(reference), "the grant is in use after the unmap")
        // In Xen a page that its owner maps leaves its first place.
        _ = source.forget()
    }
}

private func events(_ suite: inout TestSuite) {
    let number = HypercallNumber.eventChannel
    suite.test("event_channels") { t throws(XenError) in
        let block = try NarrowBlock()
        try Events.mapSharedInfo()
        // vcpu, port.
        block.store(words: [0, 0])
        try call32(number, EventChannelOperation.bindIPI, block.address)
        let port = EventPort(rawValue: block.load(4, as: UInt32.self))
        block.store(words: [port.rawValue])
        try call32(number, EventChannelOperation.send, block.address)
        t.expect(Events.clear(port), "no event after send")
        // dom, port, status, vcpu.
        block.store(words: [UInt32(DomainID.caller.rawValue), port.rawValue, 0, 7])
        try call32(number, EventChannelOperation.status, block.address)
        t.expectEqual(block.load(8, as: UInt32.self), 5, "the status of an IPI")
        block.store(words: [port.rawValue])
        try call32(number, EventChannelOperation.close, block.address)
        t.expectError(.invalidArgument, "send on a closed port") { () throws(XenError) in
            try call32(number, EventChannelOperation.send, block.address)
        }
        t.expectError(.badAddress, "send of a port nowhere") { () throws(XenError) in
            try call32(number, EventChannelOperation.send, nowhere32)
        }
    }
    suite.test("the_shared_page_changes_its_form_with_the_callback") { t throws(XenError) in
        try Events.mapSharedInfo()
        let shared = MappedPage(unsafeAddress: Events.sharedInfoAddress)
        var ports = PortList()
        // Enough ports that one lies beyond the first 32: there the forms differ.
        while ports.last < 40 { try ports.open() }
        defer { ports.close() }
        let last = ports.last
        let block = try NarrowBlock()
        var failure: XenError?
        var seen = SharedWords()
        var wallclock: (UInt32, UInt32) = (0, 0)
        Processor.withoutInterrupts {
            do throws(XenError) {
                try setCallback(block)
                // Masks are not carried over.
                for word in 0..<32 { shared.store(UInt32.max, at: 2176 + 4 * word) }
                for word in 0..<32 { shared.store(UInt32(0), at: 2048 + 4 * word) }
                shared.store(UInt8(0), at: 0)
                shared.store(UInt32(0), at: 4)
                wallclock = (shared.load(at: 2304, as: UInt32.self), shared.load(at: 2308, as: UInt32.self))
                block.store(words: [last])
                try call32(number, EventChannelOperation.send, block.address)
                seen.masked = SharedWords.Words(shared)
                // Unmasking sends it to the vCPU.
                try call32(number, EventChannelOperation.unmask, block.address)
                seen.unmasked = SharedWords.Words(shared)
                // Closing takes the pending bit back.
                for word in 0..<32 { shared.store(UInt32.max, at: 2176 + 4 * word) }
            } catch { failure = error }
            ports.close(last)
            seen.closed = SharedWords.Words(shared)
            // The way back: the 64-bit form again, every port masked.
            shared.store(UInt8(0), at: 0)
            shared.store(UInt64(0), at: 8)
            for word in 0..<64 {
                Events.shared?.store(UInt64.max, to: .eventMask.element(word))
                Events.shared?.store(UInt64(0), to: .eventPending.element(word))
            }
            do throws(XenError) {
                try HVM.setParameter(HVMParameter.callbackInterrupt, to: 0)
            } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        t.expectEqual(seen.masked.pending, 1 << (last - 32), "pending word 1, masked")
        t.expectEqual(seen.masked.selector, 0, "the selector, masked")
        t.expectEqual(seen.unmasked.selector, 2, "the selector, unmasked")
        t.expectEqual(seen.unmasked.upcall, 1, "the upcall, unmasked")
        t.expectEqual(seen.unmasked.mask, ~(1 << (last - 32)), "mask word 1, unmasked")
        t.expectEqual(seen.closed.pending, 0, "pending word 1, closed")
        t.expect(wallclock.0 & 1 == 0, "the wallclock's version is odd")
        // Told in both forms at the change to each.
        let clock = Clock.wallclock
        t.expect(clock.seconds != 0, "there is no wallclock")
        t.expectEqual(wallclock.1, UInt32(truncatingIfNeeded: clock.seconds), "the wallclock's seconds")
    }
}

/// Words of the shared page in its 32-bit form, as they stood at three moments.
private struct SharedWords {
    struct Words {
        var upcall: UInt8 = 0
        var selector: UInt32 = 0
        /// Of ports 32 to 63.
        var pending: UInt32 = 0
        var mask: UInt32 = 0
        init() {}
        init(_ page: MappedPage) {
            upcall = page.load(at: 0, as: UInt8.self)
            selector = page.load(at: 4, as: UInt32.self)
            pending = page.load(at: 2052, as: UInt32.self)
            mask = page.load(at: 2180, as: UInt32.self)
        }
    }
    var masked = Words()
    var unmasked = Words()
    var closed = Words()
}
/// Ports to oneself.
private struct PortList {
    private var ports: [EventPort] = []
    var last: UInt32 { ports.last?.rawValue ?? 0 }
    mutating func open() throws(XenError) { ports.append(try EventChannel.bindInterprocessor(vcpu: 0)) }
    mutating func close(_ port: UInt32) {
        ports.removeAll { $0.rawValue == port }
        try? EventChannel.close(EventPort(rawValue: port))
    }
    mutating func close() {
        for port in ports { try? EventChannel.close(port) }
        ports = []
    }
}
/// Sets the callback parameter from 32-bit code, to what it is without one.
private func setCallback(_ block: borrowing NarrowBlock) throws(XenError) {
    // domid, index, value.
    block.store(words: [UInt32(DomainID.caller.rawValue), HVMParameter.callbackInterrupt, 0, 0])
    try call32(HypercallNumber.hvm, HVMOperation.setParameter, block.address)
}

private func processors(_ suite: inout TestSuite) {
    let number = HypercallNumber.vcpu
    suite.test("run_states") { t throws(XenError) in
        let block = try NarrowBlock()
        block.clear(0xA5)
        try call32(number, VCPUOperation.getRunstateInfo, 0, block.address)
        t.expectEqual(block.load(0, as: UInt32.self), Runstate.running, "the state")
        let first = block.load(12, as: UInt64.self)
        t.expect(block.load(4, as: UInt64.self) < 1 << 50, "the time it was entered")
        t.expectEqual(block.load(44, as: UInt32.self), 0xA5A5_A5A5, "the word after 44 bytes")
        try call32(number, VCPUOperation.getRunstateInfo, 0, block.address)
        t.expect(block.load(12, as: UInt64.self) > first, "the time spent running stands still")
    }
    suite.test("run_state_areas") { t throws(XenError) in
        // Aligned to 4 bytes, not to 8.
        let block = try NarrowBlock()
        let area = try NarrowBlock()
        area.clear(0xA5)
        // The upper half of the union is no part of the address.
        block.store(words: [area.address + 20, 0xFFFF_FFFF])
        try call32(number, VCPUOperation.registerRunstateMemoryArea, 0, block.address)
        t.expectEqual(area.load(20, as: UInt32.self), Runstate.running, "the state")
        t.expectEqual(area.load(16, as: UInt32.self), 0xA5A5_A5A5, "the word before")
        t.expectEqual(area.load(64, as: UInt32.self), 0xA5A5_A5A5, "the word after")
        block.store(words: [0, 0])
        try call32(number, VCPUOperation.registerRunstateMemoryArea, 0, block.address)
        block.store(words: [area.address + 256 + 4, 0xFFFF_FFFF])
        try call32(number, VCPUOperation.registerTimeMemoryArea, 0, block.address)
        t.expect(area.load(256 + 4, as: UInt32.self) & 1 == 0, "the version of the time area")
        t.expect(area.load(256 + 4 + 24, as: UInt32.self) != 0xA5A5_A5A5, "the factor of the time area")
        block.store(words: [0, 0])
        try call32(number, VCPUOperation.registerTimeMemoryArea, 0, block.address)
    }
    suite.test("timers_of_12_bytes") { t throws(XenError) in
        try Events.mapSharedInfo()
        let port = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer, vcpu: 0)
        let block = try NarrowBlock()
        let deadline = Clock.now + 1_000_000
        block.store(words: [
            UInt32(truncatingIfNeeded: deadline), UInt32(truncatingIfNeeded: deadline >> 32), 0,
        ])
        try call32(number, VCPUOperation.setSingleshotTimer, 0, block.address)
        while !Events.isPending(port.port) {
            guard Clock.now < deadline + 1_000_000_000 else {
                return t.expect(false, "no event a second after the deadline")
            }
        }
        t.expect(Clock.now >= deadline, "the event came early")
        t.expectError(.noEntry, "vCPU 99") { () throws(XenError) in try call32(number, VCPUOperation.isUp, 99)
        }
        t.expectEqual(try call32(number, VCPUOperation.isUp, 0), 1, "vCPU 0 is up")
    }
    suite.test("polls_of_16_bytes") { t throws(XenError) in
        try Events.mapSharedInfo()
        let scheduler = HypercallNumber.scheduler
        let port = try OwnedPort(interprocessorTo: 0)
        let block = try NarrowBlock()
        // ports, nr_ports, timeout.
        block.store(words: [block.address + 64, 1, 0, 0])
        block.store(words: [port.port.rawValue], at: 64)
        try port.send()
        try call32(scheduler, SchedulerOperation.poll, block.address)
        t.expect(Events.clear(port.port), "the event is gone")
        let deadline = Clock.now + 3_000_000
        block.store(words: [
            block.address + 64, 1, UInt32(truncatingIfNeeded: deadline),
            UInt32(truncatingIfNeeded: deadline >> 32),
        ])
        try call32(scheduler, SchedulerOperation.poll, block.address)
        t.expect(Clock.now >= deadline, "the poll ended before its time")
        block.store(words: [nowhere32, 1, 0, 0])
        t.expectError(.badAddress, "ports nowhere") { () throws(XenError) in
            try call32(scheduler, SchedulerOperation.poll, block.address)
        }
        block.store(words: [block.address + 64, 129, 0, 0])
        t.expectError(.invalidArgument, "129 ports") { () throws(XenError) in
            try call32(scheduler, SchedulerOperation.poll, block.address)
        }
        try call32(scheduler, SchedulerOperation.yield)
        t.expectError(.badAddress, "a shutdown for a reason nowhere") { () throws(XenError) in
            try call32(scheduler, SchedulerOperation.shutdown, nowhere32)
        }
    }
}

private func control(_ suite: inout TestSuite) {
    suite.test("hvm_console_and_assist") { t throws(XenError) in
        let block = try NarrowBlock()
        block.store(words: [UInt32(DomainID.caller.rawValue), HVMParameter.callbackInterrupt, 7, 7])
        try call32(HypercallNumber.hvm, HVMOperation.getParameter, block.address)
        t.expect(block.load(12, as: UInt32.self) != 7, "the value's high half was not written")
        try call32(HypercallNumber.hvm, HVMOperation.getTime, block.address)
        t.expect(block.load(0, as: UInt64.self) != 0, "the time is 0")
        block.store(words: [0x2032_3320, 0x2074_6962, 0x0A])  // " 32 bit \n"
        let written = Hypercall.invokeFrom32BitCode(HypercallNumber.consoleIO, 0, 9, block.address)
        // A release build of Xen writes for domain 0 only.
        t.expect(
            written == 0 || written == 0 - XenError.notPermitted.rawValue, "console_io returned \(written)")
        t.expectError(.invalidArgument, "assist 99") { () throws(XenError) in
            try call32(HypercallNumber.vmAssist, VMAssistOperation.enable, 99)
        }
        try call32(HypercallNumber.vmAssist, VMAssistOperation.enable, VMAssistType.runstateUpdateFlag)
        try call32(HypercallNumber.vmAssist, VMAssistOperation.disable, VMAssistType.runstateUpdateFlag)
        t.expectError(.notSupported, "xenpmu_op") { () throws(XenError) in
            try call32(HypercallNumber.pmu)
        }
    }
    // These blocks are the same for both widths: addresses in them have 8 bytes.
    suite.test("control_operations") { t throws(XenError) in
        let isInitialDomain = BootInformation.current.isInitialDomain
        let block = try NarrowBlock()
        block.store(words: [DomctlOperation.getDomainInfo, DomctlVersion.value, 0, 0])
        guard isInitialDomain else {
            t.expectError(.notPermitted, "a domctl of a guest") { () throws(XenError) in
                try call32(HypercallNumber.domctl, block.address)
            }
            block.store(words: [SysctlOperation.physicalInfo, SysctlVersion.value])
            t.expectError(.notPermitted, "a sysctl of a guest") { () throws(XenError) in
                try call32(HypercallNumber.sysctl, block.address)
            }
            return
        }
        try call32(HypercallNumber.domctl, block.address)
        t.expectEqual(
            block.load(16 + 8, as: UInt64.self), try Memory.currentReservation(), "the pages of domain 0")
        block.store(words: [SysctlOperation.physicalInfo, SysctlVersion.value])
        try call32(HypercallNumber.sysctl, block.address)
        t.expect(block.load(8 + 24, as: UInt32.self) > 0, "the clock rate")
        t.expectError(.badAddress, "a domctl nowhere") { () throws(XenError) in
            try call32(HypercallNumber.domctl, nowhere32)
        }
        // A buffer of a device-model call: address and size of 4 bytes each.
        block.store(words: [DeviceModelOperation.vcpuCount, 0, 0, 0, 0, 0, 0, 0], at: 256)
        block.store(words: [block.address + 256, 32])
        try call32(HypercallNumber.deviceModel, UInt32(DomainID.caller.rawValue), 1, block.address)
        t.expect(block.load(256 + 8, as: UInt32.self) >= 1, "the vCPUs of domain 0")
    }
}
