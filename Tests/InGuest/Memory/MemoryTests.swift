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
        var list: InlineArray<1, UInt64> = [hole.rawValue]
        let result = Hypercall.withAddress(of: &list) {
            Memory.changeReservation(MemoryOperation.decreaseReservation, extents: $0, count: 1)
        }
        t.expectReturn(result, 0, "decrease of a hole: no extents done")
    }
    suite.test("counts_not_errors") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        page.memory.store(page.frame.rawValue, at: 0)
        t.expectReturn(
            Memory.changeReservation(MemoryOperation.populatePhysmap, extents: page.memory.address, count: 0),
            0,
            "no extents")
        t.expectReturn(
            Memory.changeReservation(
                MemoryOperation.populatePhysmap, extents: page.memory.address, count: 1, order: 60), 0,
            "order 60")
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
        try Memory.addToPhysmap(space: PhysmapSpace.sharedInfo, index: 0, at: frame)
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
        try Memory.addToPhysmap(space: PhysmapSpace.sharedInfo, index: 0, at: frame)
        t.expect(
            memory.sharedView(VCPUInfoLayout.self).load(.timeTSCToSystemMultiplier) != 0,
            "a clock in the shared page")
    }
    suite.test("add_to_physmap_refusals") { t throws(XenError) in
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            try Memory.addToPhysmap(domain: nobody, space: PhysmapSpace.sharedInfo, index: 0, at: frame)
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
            let status = try Memory.mapForeign(GuestFrame(rawValue: 1), of: nobody, at: frame)
            if status < 0 { throw XenError(rawValue: -status) }
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
