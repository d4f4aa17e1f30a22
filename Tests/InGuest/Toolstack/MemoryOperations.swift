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
        var list: InlineArray<1, UInt64> = [100]
        let result = Hypercall.withAddress(of: &list) {
            Memory.changeReservation(
                MemoryOperation.populatePhysmap, extents: $0, count: 1, domain: id,
                flags: MemoryFlag.populateOnDemand)
        }
        t.expectReturn(result, 0, "populating on demand")
        try child.destroy()
    }
    suite.test("large_extents") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 2048)
        let id = child.id
        var list: InlineArray<2, UInt64> = [512, 1024]
        func change(_ operation: UInt32, order: UInt32, count: UInt64 = 2) -> Int64 {
            Hypercall.withAddress(of: &list) {
                Memory.changeReservation(operation, extents: $0, count: count, order: order, domain: id)
            }
        }
        t.expectReturn(change(MemoryOperation.populatePhysmap, order: 9), 2, "two extents of 2 MiB")
        t.expectEqual(try child.info().totalPages, 1024, "pages")
        try child.withPage(1024 + 511) { $0.store(UInt64(5), at: 0) }
        t.expectReturn(change(MemoryOperation.populatePhysmap, order: 9), 0, "over what is there")
        // A page out of the middle, then the rest.
        list = [700, 0]
        t.expectReturn(change(MemoryOperation.decreaseReservation, order: 0, count: 1), 1, "one page of them")
        t.expectEqual(try child.info().totalPages, 1023, "pages without it")
        list = [1024, 512]
        t.expectReturn(change(MemoryOperation.decreaseReservation, order: 9), 1, "the extents: one is whole")
        t.expectReturn(change(MemoryOperation.populatePhysmap, order: 19), 0, "order 19")
        list = [1 << 35, 0]
        t.expectReturn(
            change(MemoryOperation.populatePhysmap, order: 0, count: 1), 0, "a frame beyond the limit")
        t.expectReturn(
            change(MemoryOperation.populatePhysmap, order: 0, count: 1 << 40), 0, "too many extents")
        try child.destroy()
    }
    suite.test("memory_map_of_another") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        func set(_ id: DomainID, _ count: UInt32, at address: UInt64) -> Int64 {
            var block = ArgumentBlock<ForeignMemoryMapLayout>()
            block[.domain] = id.rawValue
            block[.entryCount] = count
            block[.buffer] = address
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.setMemoryMap, &block)
        }
        t.expectReturn(set(id, 2, at: page.memory.address), 0, "two entries")
        t.expectReturn(set(id, 0, at: nowhere), 0, "none")
        t.expectReturn(set(id, 1025, at: page.memory.address), .invalidArgument, "1025 entries")
        t.expectReturn(set(nobody, 1, at: page.memory.address), .noSuchDomain, "of nobody")
        t.expectReturn(set(id, 1, at: nowhere), .badAddress, "from unmapped memory")
        let free = try SystemControl.physicalInfo().freePages
        for _ in 0..<50 { _ = set(id, 100, at: nowhere) }
        t.expectEqual(try SystemControl.physicalInfo().freePages, free, "free pages after refusals")
        try child.destroy()
    }
    suite.test("resources") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        guard let window = UnusedFrames.take(), let page = GuestPage() else { throw .noMemory }
        func acquire(
            _ id: DomainID, type: UInt16 = ResourceType.grantTable, resource: UInt32 = 0, count: UInt32 = 1,
            first: UInt64 = 0, padding: UInt32 = 0, list: UInt64
        ) -> Int64 {
            var block = ArgumentBlock<AcquireResourceLayout>()
            block[.domain] = id.rawValue
            block[.type] = type
            block[.id] = resource
            block[.frameCount] = count
            block[.padding] = padding
            block[.frame] = first
            block[.frameList] = list
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.acquireResource, &block)
        }
        let list = page.memory.address
        page.memory.store(window.rawValue, at: 0)
        t.expectReturn(acquire(child.id, list: list), 0, "the first frame")
        try Memory.removeFromPhysmap(window)
        t.expectReturn(acquire(child.id, padding: 1, list: list), .invalidArgument, "padding that is not 0")
        t.expectReturn(acquire(nobody, list: list), .noSuchDomain, "of nobody")
        t.expectReturn(acquire(child.id, type: 0, list: list), .notSupported, "an ioreq server")
        t.expectReturn(acquire(child.id, type: 9, list: list), .invalidArgument, "type 9")
        t.expectReturn(acquire(child.id, resource: 1, list: list), .invalidArgument, "status frames")
        t.expectReturn(acquire(child.id, count: 1, list: 0), .invalidArgument, "a frame without a list")
        t.expectReturn(acquire(child.id, first: 4, list: list), .invalidArgument, "a frame beyond the table")
        t.expectReturn(
            acquire(child.id, first: UInt64.max, list: list), .invalidArgument, "frame 0xffffffffffffffff")
        t.expectReturn(acquire(child.id, list: nowhere), .badAddress, "a list that is not there")
        try child.destroy()
    }
    suite.test("batches") { t throws(XenError) in
        guard let window = UnusedFrames.take(), let page = GuestPage() else { throw .noMemory }
        let child = try ChildDomain(pageCount: 8)
        try child.populate(0, count: 4)
        func batch(
            _ space: UInt32, foreign: DomainID, size: UInt16 = 4, domain: DomainID = .caller,
            indexes: UInt64? = nil
        ) -> Int64 {
            var block = ArgumentBlock<AddToPhysmapBatchLayout>()
            block[.domain] = domain.rawValue
            block[.space] = UInt16(space)
            block[.size] = size
            block[.foreignDomain] = foreign.rawValue
            block[.indexes] = indexes ?? page.memory.address
            block[.guestFrames] = page.memory.address + 1024
            block[.errors] = page.memory.address + 2048
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.addToPhysmapBatch, &block)
        }
        for index in 0..<4 {
            page.memory.store(UInt64([0, 9, 1, 2][index]), at: index * 8)
            page.memory.store(window.rawValue, at: 1024 + index * 8)
            page.memory.store(Int32(1), at: 2048 + index * 4)
        }
        t.expectReturn(batch(PhysmapSpace.foreignGuestFrame, foreign: child.id), 0, "a batch of four")
        for index in 0..<4 {
            let wanted = index == 1 ? -XenError.invalidArgument.rawValue : 0
            t.expectEqual(
                page.memory.load(at: 2048 + index * 4, as: Int32.self), wanted, "status of \(index)")
        }
        try Memory.removeFromPhysmap(window)
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
        t.expectReturn(batch(PhysmapSpace.foreignGuestFrame, foreign: nobody, size: 1), 0, "of nobody")
        t.expectEqual(
            page.memory.load(at: 2048, as: Int32.self), -XenError.noSuchDomain.rawValue, "status of nobody's")
        try child.destroy()
    }
    suite.test("page_types") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        try child.populate(5, count: 1)
        func types(_ count: UInt64, at address: UInt64) -> Int64 {
            domctl(DomctlOperation.getPageFrameInfo3, id) { block in
                block[Field<DomctlPageFrameInfo3Layout, UInt64>.count, at: body] = count
                block[Field<DomctlPageFrameInfo3Layout, UInt64>.array, at: body] = address
            }
        }
        page.memory.store(UInt64(5), at: 0)
        page.memory.store(UInt64(6), at: 8)
        page.memory.store(UInt64.max, at: 16)
        t.expectReturn(types(3, at: page.memory.address), 0, "three frames")
        t.expectEqual(page.memory.load(at: 0, as: UInt64.self), 0, "type of a page")
        t.expectEqual(
            page.memory.load(at: 8, as: UInt64.self), UInt64(PageFrameType.invalid), "type of a hole")
        t.expectEqual(
            page.memory.load(at: 16, as: UInt64.self), UInt64(PageFrameType.invalid), "type of no frame")
        t.expectReturn(types(1025, at: page.memory.address), .tooBig, "1025 frames")
        t.expectReturn(types(1, at: nowhere), .badAddress, "a list that is not there")
        try child.destroy()
    }
    suite.test("memory_of_another_by_its_addresses") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        try child.populate(0, count: 4)
        var left: UInt32 = 0
        func access(
            _ address: UInt64, _ length: UInt32, writes: Bool, buffer: UInt64, of id: DomainID
        ) -> Int64 {
            domctl(DomctlOperation.gdbsxGuestMemoryIO, id) { block in
                block[Field<DomctlGuestMemoryIOLayout, UInt64>.guestAddress, at: body] = address
                block[Field<DomctlGuestMemoryIOLayout, UInt64>.buffer, at: body] = buffer
                block[Field<DomctlGuestMemoryIOLayout, UInt32>.length, at: body] = length
                block[Field<DomctlGuestMemoryIOLayout, UInt8>.isWrite, at: body] = writes ? 1 : 0
            } check: {
                left = $0[Field<DomctlGuestMemoryIOLayout, UInt32>.remaining, at: body]
            }
        }
        let own = page.memory.address
        page.memory.store(UInt64(0xFEED), at: 0)
        t.expectReturn(access(0x1FFC, 8, writes: true, buffer: own, of: id), 0, "a word across two pages")
        t.expectEqual(left, 0, "bytes left")
        page.memory.store(UInt64(0), at: 0)
        t.expectReturn(access(0x1FFC, 8, writes: false, buffer: own, of: id), 0, "reading it back")
        t.expectEqual(page.memory.load(at: 0, as: UInt64.self), 0xFEED, "the word")
        t.expectReturn(
            access(0x3FF8, 16, writes: false, buffer: own, of: id), .badAddress, "beyond its memory")
        t.expectEqual(left, 8, "bytes that could not be read")
        t.expectReturn(
            access(0, 8, writes: false, buffer: nowhere, of: id), .badAddress, "to unmapped memory")
        t.expectReturn(access(0, 8, writes: false, buffer: own, of: .zero), .invalidArgument, "its own")
        let bare = try DomainControl.create(vcpuCount: 1)
        t.expectReturn(
            access(0, 8, writes: false, buffer: own, of: bare), .noSuchDomain, "a domain without vCPU")
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
