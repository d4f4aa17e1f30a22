// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// What builders do to another domain's memory: memory_op on others, and the domctls that read and write it.
func memoryOperations(_ suite: inout TestSuite) {
    let body = domctlBody
    let nowhere = AddressSpace.testArea

    suite.test("claims") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 64)
        let id = child.id
        try Memory.claim(pages: 32, for: id)
        t.expectError(.invalidArgument, "a second claim") { () throws(XenError) in
            try Memory.claim(pages: 40, for: id)
        }
        try child.populate(0, count: 8)
        try Memory.claim(pages: 0, for: id)
        t.expectError(.invalidArgument, "less than it has") { () throws(XenError) in
            try Memory.claim(pages: 4, for: id)
        }
        t.expectError(.invalidArgument, "more than its limit") { () throws(XenError) in
            try Memory.claim(pages: 65, for: id)
        }
        try DomainControl.setMaximumMemory(kibibytes: 1 << 40, of: id)
        t.expectError(.noMemory, "more than there is") { () throws(XenError) in
            try Memory.claim(pages: 1 << 30, for: id)
        }
        t.expectError(.noSuchDomain, "for nobody") { () throws(XenError) in
            try Memory.claim(pages: 1, for: nobody)
        }
        var block = ArgumentBlock<MemoryReservationLayout>()
        block[.domain] = id.rawValue
        block[.extentCount] = 16
        block[.extentOrder] = 1
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.memory, MemoryOperation.claimPages, &block), .invalidArgument,
            "extents of order 1")
        try child.destroy()
    }
    suite.test("populate_on_demand_is_not_offered") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        try child.populate(0, count: 4)
        t.expectEqual(try Memory.onDemandTarget(of: id).total, 4, "pages")
        t.expectEqual(try Memory.onDemandTarget(of: id, setting: 4).cache, 0, "pages in the cache")
        t.expectError(.notSupported, "another target") { () throws(XenError) in
            _ = try Memory.onDemandTarget(of: id, setting: 8)
        }
        t.expectError(.noSuchDomain, "getting nobody's") { () throws(XenError) in
            _ = try Memory.onDemandTarget(of: nobody)
        }
        t.expectError(.noSuchDomain, "setting nobody's") { () throws(XenError) in
            _ = try Memory.onDemandTarget(of: nobody, setting: 1)
        }
        t.expectEqual(
            Memory.populate([GuestFrame(rawValue: 100)], domain: id, flags: .populateOnDemand), 0,
            "extents populated on demand")
        try child.destroy()
    }
    suite.test("large_extents") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 2048)
        let id = child.id
        func frames(_ numbers: UInt64...) -> [GuestFrame] { numbers.map { GuestFrame(rawValue: $0) } }
        let extents = frames(512, 1024)
        t.expectEqual(Memory.populate(extents, order: 9, domain: id), 2, "extents of 2 MiB")
        t.expectEqual(try child.info().totalPages, 1024, "pages")
        try child.withPage(1024 + 511) { $0.store(UInt64(5), at: 0) }
        t.expectEqual(Memory.populate(extents, order: 9, domain: id), 0, "extents over what is there")
        // A page out of the middle, then the rest.
        t.expectEqual(Memory.decrease(frames(700), domain: id), 1, "pages taken out of them")
        t.expectEqual(try child.info().totalPages, 1023, "pages without it")
        t.expectEqual(
            Memory.decrease(frames(1024, 512), order: 9, domain: id), 1, "extents given back: one is whole")
        t.expectEqual(Memory.populate(extents, order: 19, domain: id), 0, "extents of order 19")
        t.expectEqual(Memory.populate(frames(1 << 35), domain: id), 0, "frames beyond the limit")
        var list: InlineArray<2, UInt64> = [1 << 35, 0]
        t.expectReturn(
            Hypercall.withAddress(of: &list) {
                Memory.changeReservation(
                    MemoryOperation.populatePhysmap, extents: $0, count: 1 << 40, domain: id)
            }, 0, "too many extents")
        try child.destroy()
    }
    suite.test("memory_map_of_another") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        let region = MemoryRegion(start: 0, byteCount: 4096, type: E820Type.ram)
        try Memory.setMemoryMap(of: id, to: [region, region])
        try Memory.setMemoryMap(of: id, to: [])
        t.expectError(.invalidArgument, "1025 entries") { () throws(XenError) in
            try Memory.setMemoryMap(of: id, to: [MemoryRegion](repeating: region, count: 1025))
        }
        t.expectError(.noSuchDomain, "of nobody") { () throws(XenError) in
            try Memory.setMemoryMap(of: nobody, to: [region])
        }
        func set(_ id: DomainID, _ count: UInt32, at address: UInt64) -> Int64 {
            var block = ArgumentBlock<ForeignMemoryMapLayout>()
            block[.domain] = id.rawValue
            block[.entryCount] = count
            block[.buffer] = address
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.setMemoryMap, &block)
        }
        t.expectReturn(set(id, 1, at: nowhere), .badAddress, "from unmapped memory")
        let free = try SystemControl.physicalInfo().freePages
        for _ in 0..<50 { _ = set(id, 100, at: nowhere) }
        t.expectEqual(try SystemControl.physicalInfo().freePages, free, "free pages after refusals")
        try child.destroy()
    }
    suite.test("resources") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        guard let window = UnusedFrames.take() else { throw .noMemory }
        try Memory.map(.grantTable, of: id, at: [window])
        try Memory.removeFromPhysmap(window)
        func expectRefusal(
            _ wanted: XenError, _ what: Text, _ resource: DomainResource = .grantTable, of id: DomainID,
            from first: UInt64 = 0
        ) {
            t.expectError(wanted, what) { () throws(XenError) in
                try Memory.map(resource, of: id, from: first, at: [window])
            }
        }
        expectRefusal(.noSuchDomain, "of nobody", of: nobody)
        expectRefusal(.notSupported, "an ioreq server", .ioreqServer(0), of: id)
        expectRefusal(.invalidArgument, "type 9", DomainResource(type: 9, id: 0), of: id)
        expectRefusal(.invalidArgument, "status frames", .grantStatus, of: id)
        expectRefusal(.invalidArgument, "a frame beyond the table", of: id, from: 4)
        expectRefusal(.invalidArgument, "frame 0xffffffffffffffff", of: id, from: UInt64.max)
        func acquire(padding: UInt32 = 0, list: UInt64) -> Int64 {
            var block = ArgumentBlock<AcquireResourceLayout>()
            block[.domain] = id.rawValue
            block[.type] = ResourceType.grantTable
            block[.frameCount] = 1
            block[.padding] = padding
            block[.frameList] = list
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.acquireResource, &block)
        }
        t.expectReturn(acquire(padding: 1, list: nowhere), .invalidArgument, "padding that is not 0")
        t.expectReturn(acquire(list: 0), .invalidArgument, "a frame without a list")
        t.expectReturn(acquire(list: nowhere), .badAddress, "a list that is not there")
        try child.destroy()
    }
    suite.test("batches") { t throws(XenError) in
        guard let window = UnusedFrames.take(), let page = GuestPage() else { throw .noMemory }
        let child = try ChildDomain(pageCount: 8)
        try child.populate(0, count: 4)
        let wanted = [0, 9, 1, 2].map { GuestFrame(rawValue: $0) }
        let places = [GuestFrame](repeating: window, count: 4)
        let errors = try Memory.mapForeign(wanted, of: child.id, at: places)
        for index in 0..<4 {
            t.expect(errors[index] == (index == 1 ? .invalidArgument : nil), "the error of \(index)")
        }
        try Memory.removeFromPhysmap(window)
        let none = try Memory.mapForeign([wanted[0]], of: nobody, at: [window])
        t.expect(none == [.noSuchDomain], "the error of nobody's")
        func batch(
            _ space: UInt32, foreign: DomainID, domain: DomainID = .caller, indexes: UInt64? = nil
        ) -> Int64 {
            var block = ArgumentBlock<AddToPhysmapBatchLayout>()
            block[.domain] = domain.rawValue
            block[.space] = UInt16(space)
            block[.size] = 4
            block[.foreignDomain] = foreign.rawValue
            block[.indexes] = indexes ?? page.memory.address
            block[.guestFrames] = page.memory.address + 1024
            block[.errors] = page.memory.address + 2048
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.addToPhysmapBatch, &block)
        }
        t.expectReturn(
            batch(PhysmapSpace.guestFrameRange, foreign: .zero), .notSupported, "a range inside a batch")
        t.expectReturn(
            batch(PhysmapSpace.guestFrame, foreign: child.id), .invalidArgument, "a domain where none belongs"
        )
        t.expectReturn(
            batch(PhysmapSpace.foreignGuestFrame, foreign: child.id, domain: nobody), .noSuchDomain,
            "into nobody")
        t.expectReturn(
            batch(PhysmapSpace.foreignGuestFrame, foreign: child.id, indexes: nowhere), .badAddress,
            "a list that is not there")
        try child.destroy()
    }
    suite.test("page_types") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        try child.populate(5, count: 1)
        let frames: [UInt64] = [5, 6, UInt64.max]
        let kinds = try DomainControl.pageKinds(of: frames.map { GuestFrame(rawValue: $0) }, in: id)
        t.expect(kinds == [.memory, .hole, .hole], "a page, a hole and no frame")
        t.expectError(.tooBig, "1025 frames") { () throws(XenError) in
            _ = try DomainControl.pageKinds(
                of: [GuestFrame](repeating: GuestFrame(rawValue: 5), count: 1025), in: id)
        }
        t.expectReturn(
            domctl(DomctlOperation.getPageFrameInfo3, id) { block in
                block[Field<DomctlPageFrameInfo3Layout, UInt64>.count, at: body] = 1
                block[Field<DomctlPageFrameInfo3Layout, UInt64>.array, at: body] = nowhere
            }, .badAddress, "a list that is not there")
        try child.destroy()
    }
    suite.test("memory_of_another_by_its_addresses") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        try child.populate(0, count: 4)
        func expectRefusal(
            _ wanted: GuestMemoryError, _ what: Text, _ address: UInt64, _ byteCount: Int, of id: DomainID
        ) {
            do throws(GuestMemoryError) {
                _ = try DomainControl.readMemory(
                    of: id, at: GuestLinear(rawValue: address), byteCount: byteCount)
                t.expect(false, "\(what) succeeded")
            } catch {
                t.expect(error == wanted, "\(what) gave \(error.error), \(error.remaining) left")
            }
        }
        let border = GuestLinear(rawValue: 0x1FFC)
        do throws(GuestMemoryError) {
            var word = HypercallBuffer(byteCount: 8)
            word.store(UInt64(0xFEED_0000_BEEF), at: 0)
            try DomainControl.writeMemory(of: id, at: border, word)
            let back = try DomainControl.readMemory(of: id, at: border, byteCount: 8)
            t.expect(back == word, "a word across two pages is \(hex: back.load(at: 0, as: UInt64.self))")
        } catch {
            t.expect(false, "a word across two pages gave \(error.error), \(error.remaining) left")
        }
        t.expectEqual(
            try child.withPage(2) { $0.load(at: 0, as: UInt32.self) }, 0xFEED, "the half in the next page")
        expectRefusal(
            GuestMemoryError(error: .badAddress, remaining: 8), "beyond its memory", 0x3FF8, 16, of: id)
        expectRefusal(GuestMemoryError(error: .invalidArgument, remaining: 8), "its own", 0, 8, of: .zero)
        t.expectReturn(
            domctl(DomctlOperation.gdbsxGuestMemoryIO, id) { block in
                block[Field<DomctlGuestMemoryIOLayout, UInt64>.buffer, at: body] = nowhere
                block[Field<DomctlGuestMemoryIOLayout, UInt32>.length, at: body] = 8
            }, .badAddress, "to unmapped memory")
        let bare = try DomainControl.create(vcpuCount: 1)
        expectRefusal(
            GuestMemoryError(error: .noSuchDomain, remaining: 8), "a domain without vCPU", 0, 8, of: bare)
        try DomainControl.destroy(bare)
        try child.destroy()
    }
    suite.test("set_once_parameters") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        try HVM.setParameter(HVMParameter.ioreqFrame, of: id, to: 0xFEFFD)
        try HVM.setParameter(HVMParameter.ioreqFrame, of: id, to: 0xFEFFD)
        t.expectError(.exists, "another value") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.ioreqFrame, of: id, to: 0xFEFFE)
        }
        t.expectError(.invalidArgument, "timer mode 4") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.timerMode, of: id, to: 4)
        }
        try child.destroy()
    }
    suite.test("events_and_grants_of_another") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        let port = try EventChannel.allocateUnboundPort(of: id, for: .zero)
        t.expectError(.invalidArgument, "resetting a domain that is not paused by its controller") {
            () throws(XenError) in
            try DomainControl.unpause(id)
            try EventChannel.reset(id)
        }
        try DomainControl.pause(id)
        try EventChannel.reset(id)
        t.expectEqual(
            try EventChannel.status(of: port, in: id).state, EventChannelState.closed,
            "its port after a reset")
        t.expectEqual(try GrantTable.version(of: id), 1, "its grant table's version")
        try child.destroy()
    }
}
