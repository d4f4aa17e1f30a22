// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// grant_table_op with this domain at both ends: entries, map, unmap, copy, and what is refused.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("grant")
    let me = Platform.domainID ?? .zero
    let nobody = DomainID(rawValue: 1234)
    // The reference lets a domain map its own grants, and then takes the page away from where it was.
    let mapsItself = !TestSuite.isReference
    let reading = GrantEntryFlag.reading
    let writing = GrantEntryFlag.writing

    suite.test("query_size") { t throws(XenError) in
        guard let size = try? GrantTable.querySize() else {
            t.expect(false, "query_size failed")
            return
        }
        t.expect(size.frameCount >= 1, "\(size.frameCount) frames")
        t.expect(size.maximumFrameCount >= size.frameCount, "at most \(size.maximumFrameCount) frames")
        t.expectStatus(.badDomain, "a domain that is not there") { () throws(GrantStatus) in
            _ = try GrantTable.querySize(of: nobody)
        }
        if !BootInformation.current.isInitialDomain {
            t.expectStatus(.permissionDenied, "domain 0's") { () throws(GrantStatus) in
                _ = try GrantTable.querySize(of: .zero)
            }
        }
    }
    suite.test("version") { t throws(XenError) in
        t.expectEqual(try GrantTable.version(), 1, "version")
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            _ = try GrantTable.version(of: nobody)
        }
        if !BootInformation.current.isInitialDomain {
            t.expectError(.notPermitted, "domain 0's") { () throws(XenError) in
                _ = try GrantTable.version(of: .zero)
            }
        }
        t.expectError(.invalidArgument, "version 3") { () throws(XenError) in _ = try GrantTable.setVersion(3)
        }
        t.expectError(.invalidArgument, "version 0") { () throws(XenError) in _ = try GrantTable.setVersion(0)
        }
        t.expectEqual(try GrantTable.setVersion(1), 1, "version after asking for 1")
        if BootInformation.current.isInitialDomain {
            t.expectError(.notImplemented, "version 2") { () throws(XenError) in
                _ = try GrantTable.setVersion(2)
            }
        }
    }
    suite.test("table_maps") { t throws(XenError) in
        try GrantTable.start()
        let entry = GrantTable.entry(GrantReference(rawValue: 100))
        entry.store(0, to: .flags)
        entry.store(0x1234, to: .frame)
        t.expectEqual(entry.load(.frame), 0x1234, "an entry's frame")
        entry.store(0, to: .frame)
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        t.expectError(.invalidArgument, "a page of the table beyond the maximum") { () throws(XenError) in
            try Memory.addToPhysmap(.grantTable(page: 1 << 20), at: frame)
        }
    }
    suite.test("table_grows_on_demand") { t throws(XenError) in
        guard let size = try? GrantTable.querySize(), size.maximumFrameCount > 1 else {
            return t.skip("a table of one page")
        }
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        try Memory.addToPhysmap(.grantTable(page: 1), at: frame)
        guard let grown = try? GrantTable.querySize() else {
            t.expect(false, "query_size failed")
            return
        }
        t.expect(grown.frameCount >= 2, "\(grown.frameCount) frames after mapping the second")
    }
    suite.test("setup_table") { t throws(XenError) in
        do throws(GrantStatus) {
            let frames = try GrantTable.setUp(frameCount: 1)
            t.expect(frames.count == 1 && frames[0].rawValue != 0, "no number for one frame")
        } catch {
            t.expect(false, "one frame gave status \(error.rawValue)")
        }
        t.expectStatus(.generalError, "more frames than the limit") { () throws(GrantStatus) in
            _ = try GrantTable.setUp(frameCount: 100_000)
        }
        t.expectStatus(.badDomain, "nobody's") { () throws(GrantStatus) in
            _ = try GrantTable.setUp(frameCount: 1, of: nobody)
        }
        if !BootInformation.current.isInitialDomain {
            t.expectStatus(.permissionDenied, "domain 0's") { () throws(GrantStatus) in
                _ = try GrantTable.setUp(frameCount: 1, of: .zero)
            }
        }
        var block = ArgumentBlock<GrantSetupTableLayout>()
        block[.domain] = DomainID.caller.rawValue
        block[.frameCount] = 1
        block[.frameList] = AddressSpace.testArea
        try GrantTable.call(GrantTableOperation.setupTable, &block)
        t.expectEqual(block[.status], GrantStatusCode.badVirtualAddress, "status of a list that is not there")
    }
    suite.test("swap") { t throws(XenError) in
        let first = try GrantedPage(to: me)
        let second = try GrantedPage(to: nobody)
        func swap() {
            t.expectStatus(GrantStatusCode.okay, "swapping two entries") { () throws(GrantStatus) in
                try GrantTable.swap(first.reference, second.reference)
            }
        }
        swap()
        t.expectEqual(GrantTable.entry(first.reference).load(.domain), nobody.rawValue, "first's domain")
        t.expectEqual(GrantTable.entry(second.reference).load(.domain), me.rawValue, "second's domain")
        swap()
        t.expectStatus(.badReference, "an entry beyond the table") { () throws(GrantStatus) in
            try GrantTable.swap(first.reference, GrantReference(rawValue: 1 << 30))
        }
        guard mapsItself, let mapping = try? MappedGrant(first.reference, of: me) else { return }
        t.expectStatus(.tryAgain, "a mapped entry") { () throws(GrantStatus) in
            try GrantTable.swap(first.reference, second.reference)
        }
        try? mapping.unmap()
    }
    suite.test("map_and_unmap_read_write") { t throws(XenError) in
        guard mapsItself else { return t.skip("needs a second domain") }
        let page = try GrantedPage(to: me)
        page.memory.store(UInt64(0x1122_3344_5566_7788), at: 8)
        do throws(GrantStatus) {
            let mapping = try MappedGrant(page.reference, of: me)
            t.expectEqual(
                mapping.memory.load(at: 8, as: UInt64.self), 0x1122_3344_5566_7788,
                "word seen through the grant")
            t.expectEqual(page.flags & (reading | writing), reading | writing, "use flags while mapped")
            mapping.memory.store(UInt64(0x99), at: 16)
            t.expectEqual(page.memory.load(at: 16, as: UInt64.self), 0x99, "word written through the grant")
            let address = mapping.memory.address
            try mapping.unmap()
            t.expectEqual(page.flags & (reading | writing), 0, "use flags after unmapping")
            // Nothing is left at that page number, whatever a hole reads as.
            page.memory.store(UInt64(0x7711_7711_7711_7711), at: 0)
            t.expect((try? AddressSpace.probe(address)) != 0x7711_7711_7711_7711, "the page is still there")
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
    }
    suite.test("map_twice") { t throws(XenError) in
        guard mapsItself else { return t.skip("needs a second domain") }
        let page = try GrantedPage(to: me)
        do throws(GrantStatus) {
            let first = try MappedGrant(page.reference, of: me)
            let second = try MappedGrant(page.reference, of: me, readOnly: true)
            t.expect(first.handle != second.handle, "two mappings have two handles")
            try first.unmap()
            t.expectEqual(page.flags & reading, reading, "still in use for reading")
            t.expectEqual(page.flags & writing, 0, "no longer in use for writing")
            try second.unmap()
            t.expectEqual(page.flags & (reading | writing), 0, "use flags at the end")
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
    }
    suite.test("read_only_mapping") { t throws(XenError) in
        guard mapsItself else { return t.skip("needs a second domain") }
        let page = try GrantedPage(to: me, readOnly: true)
        page.memory.store(UInt64(77), at: 0)
        t.expectStatus(.generalError, "a writable mapping of a read-only grant") {
            () throws(GrantStatus) in
            let mapping = try MappedGrant(page.reference, of: me)
            try mapping.unmap()
        }
        t.expectEqual(page.flags & (reading | writing), 0, "use flags after the refusal")
        do throws(GrantStatus) {
            let mapping = try MappedGrant(page.reference, of: me, readOnly: true)
            t.expectEqual(mapping.memory.load(at: 0, as: UInt64.self), 77, "word read")
            t.expectEqual(page.flags & (reading | writing), reading, "use flags")
            let address = mapping.memory.address
            // The reference drops the store; a fault would do as well.
            try? AddressSpace.poke(address, 78)
            t.expectEqual(page.memory.load(at: 0, as: UInt64.self), 77, "the word after the store")
            try mapping.unmap()
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
    }
    suite.test("revoke_while_mapped_fails") { t throws(XenError) in
        guard mapsItself else { return t.skip("needs a second domain") }
        let page = try GrantedPage(to: me)
        do throws(GrantStatus) {
            let mapping = try MappedGrant(page.reference, of: me)
            t.expect(!GrantTable.revoke(page.reference), "revoke must fail while mapped")
            try mapping.unmap()
            t.expect(GrantTable.revoke(page.reference), "revoke works after unmapping")
            t.expectStatus(.generalError, "mapping a revoked grant") {
                () throws(GrantStatus) in
                _ = try MappedGrant(page.reference, of: me)
            }
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
    }
    suite.test("a_page_dropped_while_mapped_is_not_used_again") { t throws(XenError) in
        guard mapsItself else { return t.skip("needs a second domain") }
        func expectLost() throws(XenError) {
            let page = try GrantedPage(to: me)
            let frame = page.frame
            guard let mapping = try? MappedGrant(page.reference, of: me) else {
                return t.expect(false, "mapping")
            }
            _ = consume page
            guard let next = GuestPage() else { throw .noMemory }
            t.expect(next.frame != frame, "a page that a peer has mapped came back as new")
            try? mapping.unmap()
        }
        try expectLost()
        let page = try GrantedPage(to: me)
        let frame = page.frame
        _ = consume page
        guard let next = GuestPage() else { throw .noMemory }
        t.expect(next.frame == frame, "a page that nobody had mapped is used again")
    }
    suite.test("map_refusals") { t throws(XenError) in
        let page = try GrantedPage(to: me)
        guard let hole = UnusedFrames.take() else { throw .noMemory }
        let address = hole.address
        t.expectStatus(.badReference, "neither host nor device map") {
            () throws(GrantStatus) in
            _ = try GrantTable.map(page.reference, of: me, at: address, flags: .readOnly)
        }
        t.expectStatus(.generalError, "a device map") { () throws(GrantStatus) in
            _ = try GrantTable.map(
                page.reference, of: me, at: address, flags: .host.union(.device))
        }
        t.expectStatus(.generalError, "an application map") { () throws(GrantStatus) in
            _ = try GrantTable.map(
                page.reference, of: me, at: address, flags: .host.union(.application)
            )
        }
        t.expectStatus(.generalError, "a page table entry") { () throws(GrantStatus) in
            _ = try GrantTable.map(
                page.reference, of: me, at: address, flags: .host.union(.containsPTE))
        }
        t.expectStatus(.badDomain, "a domain that is not there") { () throws(GrantStatus) in
            _ = try GrantTable.map(page.reference, of: nobody, at: address)
        }
        t.expectStatus(.badReference, "a reference beyond the table") {
            () throws(GrantStatus) in
            _ = try GrantTable.map(GrantReference(rawValue: 0x7FFF_FFFF), of: me, at: address)
        }
        t.expectStatus(.generalError, "an entry that is not in use") {
            () throws(GrantStatus) in
            _ = try GrantTable.map(GrantReference(rawValue: 400), of: me, at: address)
        }
        let foreign = try GrantedPage(to: nobody)
        t.expectStatus(.generalError, "an entry for another domain") {
            () throws(GrantStatus) in
            _ = try GrantTable.map(foreign.reference, of: me, at: address)
        }
        let bad = try GrantedPage(to: me)
        GrantTable.publish(
            GuestFrame(rawValue: 0xFFFF_FFF0), to: me, flags: GrantEntryFlag.permitAccess, as: bad.reference)
        t.expectStatus(.badPage, "an entry whose frame does not exist") {
            () throws(GrantStatus) in
            _ = try GrantTable.map(bad.reference, of: me, at: address)
        }
        t.expectEqual(bad.flags & (reading | writing), 0, "use flags of that entry")
        t.expectEqual(page.flags & (reading | writing), 0, "use flags of the good entry")
    }
    suite.test("unmap_refusals") { t throws(XenError) in
        guard mapsItself else { return t.skip("needs a second domain") }
        let page = try GrantedPage(to: me)
        t.expectStatus(.badHandle, "a handle nobody has") { () throws(GrantStatus) in
            try GrantTable.unmap(GrantHandle(rawValue: 0xFFFF), at: page.frame.address)
        }
        t.expectStatus(.badHandle, "handle 0xffffffff") { () throws(GrantStatus) in
            try GrantTable.unmap(GrantHandle(rawValue: 0xFFFF_FFFF), at: page.frame.address)
        }
        do throws(GrantStatus) {
            let mapping = try MappedGrant(page.reference, of: me)
            let handle = mapping.handle
            let address = GuestPhysical(rawValue: mapping.memory.address)
            guard let other = UnusedFrames.take() else { return t.error("no page numbers") }
            t.expectStatus(.generalError, "the wrong address") { () throws(GrantStatus) in
                try GrantTable.unmap(handle, at: other.address)
            }
            try mapping.unmap()
            t.expectStatus(.badHandle, "unmapping twice") { () throws(GrantStatus) in
                try GrantTable.unmap(handle, at: address)
            }
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
    }
    suite.test("copy") { t throws(XenError) in
        let source = try GrantedPage(to: me, readOnly: true)
        let target = try GrantedPage(to: me)
        guard let own = GuestPage() else { throw .noMemory }
        for offset in stride(from: 0, to: 4096, by: 8) {
            source.memory.store(UInt64(offset) &* 0x9E37, at: offset)
        }
        do throws(GrantStatus) {
            // Grant to own page.
            try GrantTable.copy(
                from: .reference(source.reference, of: me, offset: 8), to: .frame(own.frame, offset: 100),
                byteCount: 64)
            t.expectEqual(own.memory.load(at: 100, as: UInt64.self), 8 * 0x9E37, "first word copied")
            t.expectEqual(own.memory.load(at: 156, as: UInt64.self), 64 * 0x9E37, "last word copied")
            t.expectEqual(own.memory.load(at: 92, as: UInt64.self), 0, "the word before")
            t.expectEqual(own.memory.load(at: 164, as: UInt64.self), 0, "the word behind")
            // Own page to grant, grant to grant, own to own; whole pages.
            try GrantTable.copy(
                from: .frame(own.frame, offset: 0), to: .reference(target.reference, of: me, offset: 0),
                byteCount: 4096)
            t.expectEqual(target.memory.load(at: 156, as: UInt64.self), 64 * 0x9E37, "a word in the target")
            try GrantTable.copy(
                from: .reference(source.reference, of: me, offset: 0),
                to: .reference(target.reference, of: me, offset: 0), byteCount: 4096)
            t.expectEqual(
                target.memory.load(at: 4088, as: UInt64.self), 4088 * 0x9E37, "the last word, grant to grant")
            try GrantTable.copy(
                from: .frame(source.frame, offset: 4088), to: .frame(own.frame, offset: 0), byteCount: 8)
            t.expectEqual(own.memory.load(at: 0, as: UInt64.self), 4088 * 0x9E37, "own to own")
            try GrantTable.copy(
                from: .frame(source.frame, offset: 4096 - 1), to: .frame(own.frame, offset: 0), byteCount: 0)
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
        t.expectEqual(source.flags & (reading | writing), 0, "use flags of the source afterwards")
        t.expectEqual(target.flags & (reading | writing), 0, "use flags of the target afterwards")
    }
    suite.test("copy_refusals") { t throws(XenError) in
        let readOnly = try GrantedPage(to: me, readOnly: true)
        guard let own = GuestPage() else { throw .noMemory }
        let mine = GrantCopyEnd.frame(own.frame, offset: 0)
        t.expectStatus(.generalError, "a read-only grant as the target") {
            () throws(GrantStatus) in
            try GrantTable.copy(
                from: mine, to: .reference(readOnly.reference, of: me, offset: 0), byteCount: 8)
        }
        t.expectStatus(.badCopyArgument, "a run across the source page") {
            () throws(GrantStatus) in
            try GrantTable.copy(from: .frame(own.frame, offset: 4090), to: mine, byteCount: 8)
        }
        t.expectStatus(.badCopyArgument, "a run across the target page") {
            () throws(GrantStatus) in
            try GrantTable.copy(from: mine, to: .frame(own.frame, offset: 4095), byteCount: 2)
        }
        t.expectStatus(.badCopyArgument, "5000 bytes") { () throws(GrantStatus) in
            try GrantTable.copy(from: mine, to: mine, byteCount: 5000)
        }
        t.expectStatus(.badReference, "a reference beyond the table") {
            () throws(GrantStatus) in
            try GrantTable.copy(
                from: .reference(GrantReference(rawValue: 0x7FFF_FFFF), of: me, offset: 0), to: mine,
                byteCount: 8)
        }
        t.expectStatus(.generalError, "an entry that is not in use") {
            () throws(GrantStatus) in
            try GrantTable.copy(
                from: .reference(GrantReference(rawValue: 400), of: me, offset: 0), to: mine, byteCount: 8)
        }
        t.expectStatus(.badDomain, "a domain that is not there") { () throws(GrantStatus) in
            try GrantTable.copy(
                from: .reference(readOnly.reference, of: nobody, offset: 0), to: mine, byteCount: 8)
        }
        t.expectStatus(.badPage, "an own page that does not exist") { () throws(GrantStatus) in
            try GrantTable.copy(
                from: .frame(GuestFrame(rawValue: 0xF_FFFF_FFF0), offset: 0), to: mine, byteCount: 8)
        }
        t.expectStatus(.permissionDenied, "a page of a domain by its number") {
            () throws(GrantStatus) in
            try GrantTable.copy(from: .frame(own.frame, of: me, offset: 0), to: mine, byteCount: 8)
        }
        t.expectEqual(readOnly.flags & (reading | writing), 0, "use flags afterwards")
    }
    suite.test("a_batch_goes_on_after_a_bad_entry") { t throws(XenError) in
        guard let page = GuestPage(), let own = GuestPage() else { throw .noMemory }
        own.memory.store(UInt64(1), at: 0)
        // Three copies of 40 bytes each; the second is refused.
        for index in 0..<3 {
            let view = page.memory.view(GrantCopyLayout.self, at: index * GrantCopyLayout.byteCount)
            view[.sourceFrame] = own.frame.rawValue
            view[.sourceDomain] = DomainID.caller.rawValue
            view[.destinationFrame] = own.frame.rawValue
            view[.destinationDomain] = DomainID.caller.rawValue
            view[.destinationOffset] = UInt16(index == 1 ? 4095 : 8 * (index + 1))
            view[.length] = 8
            view[.status] = 99
        }
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.grantTable, UInt64(GrantTableOperation.copy), page.memory.address, 3),
            0, "a batch of three")
        func status(_ index: Int) -> Int16 {
            page.memory.view(GrantCopyLayout.self, at: index * GrantCopyLayout.byteCount)[.status]
        }
        t.expectEqual(status(0), GrantStatusCode.okay, "first status")
        t.expectEqual(status(1), GrantStatusCode.badCopyArgument, "second status")
        t.expectEqual(status(2), GrantStatusCode.okay, "third status")
        t.expectEqual(own.memory.load(at: 24, as: UInt64.self), 1, "the third copy was made")
    }
    suite.test("whole_call_errors") { t throws(XenError) in
        for operation: UInt64 in [3, 4, 7, 9, 12, 99] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.grantTable, operation, 0, 0), .notImplemented,
                "grant_table_op \(operation)")
        }
        func call(_ operation: UInt32, _ count: UInt64) -> Int64 {
            Hypercall.invoke(HypercallNumber.grantTable, UInt64(operation), AddressSpace.testArea, count)
        }
        for operation in [
            GrantTableOperation.mapGrantReference, GrantTableOperation.unmapGrantReference,
            GrantTableOperation.copy, GrantTableOperation.swapGrantReference,
            GrantTableOperation.setVersion, GrantTableOperation.getVersion,
        ] {
            t.expectReturn(
                call(operation, 0x8000_0000), .invalidArgument, "grant_table_op \(operation), negative count")
        }
        for operation in [GrantTableOperation.setupTable, GrantTableOperation.querySize] {
            for count: UInt64 in [0, 2, 0xFFFF_FFFF] {
                t.expectReturn(
                    call(operation, count), .invalidArgument, "grant_table_op \(operation) of \(count)")
            }
        }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.grantTable, 5, AddressSpace.testArea, 0), 0, "no copies at all")
    }
    suite.test("many_mappings") { t throws(XenError) in
        guard mapsItself else { return t.skip("needs a second domain") }
        let page = try GrantedPage(to: me)
        page.memory.store(UInt64(5), at: 0)
        var handles: [GrantHandle] = []
        guard let first = UnusedFrames.take(count: 200) else { throw .noMemory }
        do throws(GrantStatus) {
            for index in 0..<200 {
                handles.append(
                    try GrantTable.map(
                        page.reference, of: me,
                        at: GuestFrame(rawValue: first.rawValue + UInt64(index)).address
                    ).handle)
            }
            let last = MappedPage(unsafeAddress: first.address.rawValue + 199 * 4096)
            t.expectEqual(last.load(at: 0, as: UInt64.self), 5, "a word through the last mapping")
            for index in 0..<200 {
                try GrantTable.unmap(
                    handles[index], at: GuestFrame(rawValue: first.rawValue + UInt64(index)).address)
            }
        } catch {
            t.expect(false, "status \(error.rawValue)")
        }
        t.expectEqual(page.flags & (reading | writing), 0, "use flags at the end")
    }
    suite.runAgainAsDomU()
    suite.finish()
}
