// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// memory_op: reservation, physmap, memory map.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("memory")
    let nobody = DomainID(rawValue: 1234)

    suite.test("memory_map") { t throws(XenError) in
        var ramPages: UInt64 = 0
        var coversImage = false
        let image: UInt64 = 0x100_0000
        let count = try Memory.forEachRegion { region in
            if region.type == E820Type.ram {
                ramPages += region.byteCount >> 12
                if region.start <= image && region.end > image { coversImage = true }
            }
        }
        t.expect(count >= 1, "\(count) regions")
        t.expect(coversImage, "no RAM region holds this guest")
        let boot = BootInformation.current
        for first in 0..<boot.regionCount {
            for second in 0..<first {
                let a = boot.region(first)
                let b = boot.region(second)
                t.expect(
                    a.end <= b.start || b.end <= a.start,
                    "regions at \(hex: a.start) and \(hex: b.start) overlap")
            }
        }
        t.expect(ramPages >= 256, "\(ramPages) pages of RAM")
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.memory, UInt64(MemoryOperation.memoryMap), AddressSpace.testArea),
            .badAddress, "XENMEM_memory_map on unmapped memory")
    }
    suite.test("memory_map_into_a_small_buffer") { t throws(XenError) in
        let all = try Memory.memoryMap()
        let first = try Memory.memoryMap(maximum: 1)
        t.expectEqual(first.count, 1, "regions where there is room for one")
        t.expect(first.first == all.first, "it is not the first of all")
        guard let page = GuestPage() else { throw .noMemory }
        page.memory.fill(0xFF)
        var block = ArgumentBlock<MemoryMapLayout>()
        block[.entryCount] = 1
        block[.buffer] = page.memory.address
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.memory, MemoryOperation.memoryMap, &block), 0,
            "room for one entry")
        t.expectEqual(block[.entryCount], 1, "entries written")
        t.expectEqual(page.memory.load(at: 20, as: UInt64.self), UInt64.max, "the bytes behind it")
    }
    suite.test("reservation") { t throws(XenError) in
        let current = try Memory.currentReservation()
        let maximum = try Memory.maximumReservation()
        t.expect(current > 0, "current reservation is \(current)")
        t.expect(maximum >= current, "maximum \(maximum) is below current \(current)")
        t.expectError(.noSuchDomain, "current, of a domain that is not there") { () throws(XenError) in
            _ = try Memory.currentReservation(of: nobody)
        }
        t.expectError(.noSuchDomain, "maximum, of a domain that is not there") { () throws(XenError) in
            _ = try Memory.maximumReservation(of: nobody)
        }
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.memory, UInt64(MemoryOperation.currentReservation), AddressSpace.testArea),
            .badAddress, "an unmapped block")
        t.expect(try Memory.maximumGuestFrame() >= 0x1000, "the highest page is below this image")
        t.expect(try Memory.maximumMachinePage() >= 0x1000, "the machine's highest page is below this image")
    }
    suite.test("decrease_and_populate") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let memory = page.memory
        let before = try Memory.currentReservation()
        memory.store(UInt64(0xDEAD), at: 0)
        let frame = page.forget()
        guard Memory.decrease(frame) else {
            t.expect(false, "decrease_reservation of an own page")
            return
        }
        t.expect(try Memory.currentReservation() <= before, "the reservation grew by a decrease")
        t.expect(Memory.populate(frame), "populate_physmap at the same page")
        t.expectEqual(try Memory.currentReservation(), before, "reservation afterwards")
        memory.store(UInt64(0xBEEF), at: 4088)
        t.expectEqual(memory.load(at: 4088, as: UInt64.self), 0xBEEF, "last word after a store")
    }
    suite.test("decrease_of_what_is_not_there") { t throws(XenError) in
        guard let hole = UnusedFrames.take() else { throw .noMemory }
        t.expectEqual(Memory.decrease([hole]), 0, "extents of a hole")
    }
    suite.test("counts_not_errors") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        t.expectEqual(Memory.populate([]), 0, "extents of none")
        t.expectEqual(Memory.populate([page.frame], order: 60), 0, "extents of order 60")
        t.expectReturn(
            Memory.changeReservation(
                MemoryOperation.populatePhysmap, extents: AddressSpace.testArea, count: 1), 0,
            "a list that is not there")
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.memory, UInt64(MemoryOperation.populatePhysmap), AddressSpace.testArea),
            0, "a block that is not there: no extents done")
    }
    suite.test("shared_info") { t throws(XenError) in
        try Events.mapSharedInfo()
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        t.expectError(.invalidArgument, "index 1 of shared info") { () throws(XenError) in
            try Memory.addToPhysmap(space: PhysmapSpace.sharedInfo, index: 1, at: frame)
        }
        // The page moves: what was written is seen at the new place.
        Events.shared?.store(0x5A5A_0000_0000_0001, to: .eventMask.element(63))
        try Memory.addToPhysmap(.sharedInfo, at: frame)
        let moved = MappedPage(unsafeAddress: frame.address.rawValue).sharedView(SharedInfoLayout.self)
        t.expectEqual(
            moved.load(Field<SharedInfoLayout, UInt64>.eventMask.element(63)), 0x5A5A_0000_0000_0001,
            "a word at the new place")
        t.expect(moved.load(.wallclockVersion) & 1 == 0, "the wallclock's version is even")
        try Memory.removeFromPhysmap(frame)
        t.expectError(.noEntry, "removing it again") { () throws(XenError) in
            try Memory.removeFromPhysmap(frame)
        }
    }
    suite.test("shared_info_over_ram") { t throws(XenError) in
        // Linux puts it over a page of its own RAM.
        guard let page = GuestPage() else { throw .noMemory }
        let memory = page.memory
        let frame = page.forget()
        try Memory.addToPhysmap(.sharedInfo, at: frame)
        t.expect(
            memory.sharedView(VCPUInfoLayout.self).load(.timeTSCToSystemMultiplier) != 0,
            "a clock in the shared page")
    }
    suite.test("add_to_physmap_refusals") { t throws(XenError) in
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            try Memory.addToPhysmap(.sharedInfo, at: frame, domain: nobody)
        }
        t.expectError(.notImplemented, "a foreign page") { () throws(XenError) in
            try Memory.addToPhysmap(space: PhysmapSpace.foreignGuestFrame, index: 0, at: frame)
        }
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.memory, UInt64(MemoryOperation.addToPhysmap), AddressSpace.testArea),
            .badAddress, "a block that is not there")
    }
    suite.test("remove_from_physmap_refusals") { t throws(XenError) in
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        t.expectError(.noEntry, "a hole") { () throws(XenError) in try Memory.removeFromPhysmap(frame) }
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            try Memory.removeFromPhysmap(frame, domain: nobody)
        }
    }
    suite.test("foreign_mapping_refusals") { t throws(XenError) in
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        let wanted: XenError = BootInformation.current.isInitialDomain ? .noSuchDomain : .notPermitted
        t.expectError(wanted, "a domain that is not there") { () throws(XenError) in
            try Memory.mapForeign(GuestFrame(rawValue: 1), of: nobody, at: frame)
        }
    }
    suite.test("a_hole_reads_as_ones") { t throws(XenError) in
        guard !BootInformation.current.isInitialDomain else {
            return t.skip("domain 0 sees the machine there")
        }
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        do throws(Fault) {
            t.expectEqual(try AddressSpace.probe(frame.address.rawValue), UInt64.max, "a word of a hole")
            try AddressSpace.poke(frame.address.rawValue, 1)
            t.expectEqual(
                try AddressSpace.probe(frame.address.rawValue), UInt64.max, "the word after a store")
        } catch {
            t.expect(false, "a hole raises \(error.vector)")
        }
    }
    suite.test("moving_pages") { t throws(XenError) in
        guard !BootInformation.current.isInitialDomain else {
            guard let hole = UnusedFrames.take(), let page = GuestPage() else { throw .noMemory }
            t.expectError(.notPermitted, "moving a page of the 1:1 mapped domain") { () throws(XenError) in
                try Memory.addToPhysmap(.page(page.frame), at: hole)
            }
            return
        }
        guard let hole = UnusedFrames.take(count: 4), let first = GuestPage(), let second = GuestPage() else {
            throw .noMemory
        }
        first.memory.store(UInt64(0xAAAA), at: 0)
        let pages = try Memory.currentReservation()
        let (source, other) = (first.forget(), second.forget())
        try Memory.addToPhysmap(.page(source), at: hole)
        t.expectEqual(
            (try? AddressSpace.probe(hole.address.rawValue)) ?? 0, 0xAAAA, "the page at its new place")
        t.expectEqual((try? AddressSpace.probe(source.address.rawValue)) ?? 0, UInt64.max, "its old place")
        t.expectEqual(try Memory.currentReservation(), pages, "pages")
        t.expectError(.invalidArgument, "moving what is not there") { () throws(XenError) in
            try Memory.addToPhysmap(.page(source), at: GuestFrame(rawValue: hole.rawValue + 1))
        }
        // A range of one: the page goes back; another goes over it, and one of the two is gone.
        try Memory.addToPhysmap(.pages(hole, count: 1), at: source)
        t.expectEqual((try? AddressSpace.probe(source.address.rawValue)) ?? 0, 0xAAAA, "the page, back again")
        try Memory.addToPhysmap(.page(other), at: source)
        t.expectEqual(try Memory.currentReservation(), pages - 1, "pages after one replaced another")
        t.expectError(.overflow, "a range beyond the end") { () throws(XenError) in
            try Memory.addToPhysmap(.pages(GuestFrame(rawValue: UInt64.max), count: 2), at: hole)
        }
    }
    suite.test("refused_for_a_guest") { t throws(XenError) in
        let isInitialDomain = BootInformation.current.isInitialDomain
        func call(_ operation: UInt32, _ argument: UInt64 = AddressSpace.testArea) -> Int64 {
            Hypercall.invoke(HypercallNumber.memory, UInt64(operation), argument)
        }
        t.expectReturn(call(MemoryOperation.exchange), .badAddress, "exchange of what is not there")
        var exchange = ArgumentBlock<MemoryExchangeLayout>()
        exchange[Field<MemoryReservationLayout, UInt32>.extentOrder, at: 0] = 20
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.memory, MemoryOperation.exchange, &exchange), .notPermitted,
            "exchange")
        t.expectReturn(call(MemoryOperation.getVNUMAInfo), .badAddress, "get_vnumainfo to what is not there")
        var nodes = ArgumentBlock<VNUMATopologyLayout>()
        func nodesOf(_ domain: DomainID) -> Int64 {
            nodes[.domain] = domain.rawValue
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.getVNUMAInfo, &nodes)
        }
        t.expectReturn(nodesOf(.caller), .notSupported, "get_vnumainfo")
        t.expectReturn(nodesOf(nobody), .noSuchDomain, "get_vnumainfo of nobody")
        if !isInitialDomain { t.expectReturn(nodesOf(.zero), .notPermitted, "get_vnumainfo of domain 0") }
        nodes[.padding] = 1
        t.expectReturn(nodesOf(.caller), .invalidArgument, "get_vnumainfo with something in its padding")
        t.expect(try Memory.maximumMachinePage() > 1024, "maximum_ram_page")
        // The reference takes a page that is then nowhere.
        if !TestSuite.isReference {
            t.expectEqual(Memory.increase(extentCount: 1), 0, "extents that increase_reservation gave")
        }
        t.expectEqual(try Memory.reservedDeviceRegionCount(), 0, "reserved regions of devices")
        t.expectReturn(
            call(MemoryOperation.reservedDeviceMemoryMap), .badAddress, "reserved regions to unmapped memory")
        // Progress bits where there is no progress.
        for operation in [
            MemoryOperation.maximumRAMPage, MemoryOperation.currentReservation,
            MemoryOperation.maximumReservation, MemoryOperation.maximumGuestFrame,
            MemoryOperation.removeFromPhysmap, MemoryOperation.exchange,
        ] {
            t.expectReturn(call(operation | 1 << 6), .invalidArgument, "memory_op \(operation), resumed")
        }
        for operation in [
            MemoryOperation.memoryMap, MemoryOperation.setMemoryMap, MemoryOperation.getPoDTarget,
            MemoryOperation.setPoDTarget,
        ] {
            t.expectReturn(call(operation | 1 << 6), .notImplemented, "memory_op \(operation), resumed")
        }
        guard !isInitialDomain else { return }
        for operation in [
            MemoryOperation.currentReservation, MemoryOperation.maximumReservation,
            MemoryOperation.maximumGuestFrame,
        ] {
            var block = ArgumentBlock<MemoryDomainLayout>()
            block[.domain] = 0
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.memory, operation, &block), .notPermitted,
                "memory_op \(operation) of domain 0")
        }
        t.expectError(.notPermitted, "claiming") { () throws(XenError) in
            try Memory.claim(pages: 1, for: Platform.domainID ?? .caller)
        }
        t.expectError(.notPermitted, "the target on demand") { () throws(XenError) in
            _ = try Memory.onDemandTarget(of: .caller)
        }
        t.expectError(.notPermitted, "setting the target on demand") { () throws(XenError) in
            _ = try Memory.onDemandTarget(of: .caller, setting: 1)
        }
        t.expectError(.notPermitted, "the memory map of domain 0") { () throws(XenError) in
            try Memory.setMemoryMap(
                of: .zero, to: [MemoryRegion(start: 0, byteCount: 4096, type: E820Type.ram)])
        }
        t.expectReturn(call(MemoryOperation.acquireResource), .accessDenied, "acquire_resource")
        // Domain 0 of the reference has no physmap that could change.
        guard !TestSuite.isReference else { return }
        t.expectError(.notPermitted, "removing a page of domain 0") { () throws(XenError) in
            try Memory.removeFromPhysmap(GuestFrame(rawValue: 1), domain: .zero)
        }
        t.expectError(.notPermitted, "adding a page to domain 0") { () throws(XenError) in
            try Memory.addToPhysmap(.sharedInfo, at: GuestFrame(rawValue: 1), domain: .zero)
        }
    }
    suite.test("not_for_pvh") { t throws(XenError) in
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.memory, UInt64(MemoryOperation.machinePhysicalMapping), AddressSpace.testArea),
            .notImplemented, "machphys_mapping")
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.memory, 63, 0), .notImplemented, "memory_op 63")
    }
    suite.runAgainAsDomU()
    suite.finish()
}
