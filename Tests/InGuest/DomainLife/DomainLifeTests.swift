// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// A second domain from creation to destruction, built by hypercalls from domain 0.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("domain")
    guard BootInformation.current.isInitialDomain else {
        suite.test("all") { t throws(XenError) in t.skip("this is not domain 0") }
        suite.finish()
    }
    let signature: UInt32 = 0x5449_4E59

    suite.test("start") { t throws(XenError) in try Events.start() }
    suite.test("create_and_destroy_without_memory") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        t.expect(child.id.rawValue >= 1 && child.id.isReal, "its number is \(child.id)")
        let info = try child.info()
        t.expect(info.domain == child.id, "info is of domain \(info.domain)")
        t.expect(info.has(.paused), "a new domain is paused: \(hex: info.flags.rawValue)")
        t.expect(info.has(.hvmGuest), "the hvm flag: \(hex: info.flags.rawValue)")
        t.expectEqual(info.totalPages, 0, "pages")
        t.expectEqual(info.maximumPages, 16, "most pages")
        t.expectEqual(info.onlineVCPUs, 0, "vCPUs online")
        t.expectEqual(info.maximumVCPUID, 0, "highest vCPU")
        let id = child.id
        try child.destroy()
        t.expectError(.noSuchDomain, "info afterwards") { () throws(XenError) in
            let next = try DomainControl.info(id)
            if next.domain != id { throw .noSuchDomain }
        }
    }
    suite.test("create_refusals") { t throws(XenError) in
        t.expectError(.invalidArgument, "no vCPU") { () throws(XenError) in
            _ = try DomainControl.create(vcpuCount: 0)
        }
        t.expectError(.invalidArgument, "a million vCPUs") { () throws(XenError) in
            _ = try DomainControl.create(vcpuCount: 1_000_000)
        }
        t.expectError(.notSupported, "emulated devices that PVH lacks") { () throws(XenError) in
            var configuration = DomainConfiguration(vcpuCount: 1)
            configuration.emulation.insert(.vga)
            _ = try DomainControl.create(configuration)
        }
        t.expectError(.invalidArgument, "flags that do not exist") { () throws(XenError) in
            var configuration = DomainConfiguration(vcpuCount: 1)
            configuration.flags = DomainConfiguration.Flags(rawValue: 0x8000_0000)
            _ = try DomainControl.create(configuration)
        }
        let child = try ChildDomain(pageCount: 16)
        let id = child.id
        t.expectError(.exists, "a number that is taken") { () throws(XenError) in
            _ = try DomainControl.create(DomainConfiguration(vcpuCount: 1), as: id)
        }
        t.expectError(.invalidArgument, "unpausing is counted: after the first it is at 0") {
            () throws(XenError) in
            try DomainControl.unpause(id)
            try DomainControl.unpause(id)
        }
        try child.destroy()
    }
    suite.test("populate_is_bounded_and_zeroed") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        try child.populate(100, count: 4)
        t.expectEqual(try child.info().totalPages, 4, "pages")
        t.expectError(.noMemory, "a page above the maximum") { () throws(XenError) in
            try child.populate(200, count: 1)
        }
        t.expectEqual(try Memory.currentReservation(of: child.id), 4, "its reservation")
        t.expectEqual(try Memory.maximumReservation(of: child.id), 4, "its maximum")
        t.expectEqual(try Memory.maximumGuestFrame(of: child.id), 103, "its highest page")
        try child.withPage(101) { page in
            for offset in stride(from: 0, to: 4096, by: 8) {
                t.expectEqual(page.load(at: offset, as: UInt64.self), 0, "a word of a new page")
            }
            page.store(UInt64(0x1234), at: 8)
        }
        t.expectEqual(try child.withPage(101) { $0.load(at: 8, as: UInt64.self) }, 0x1234, "a word read back")
        try child.destroy()
    }
    suite.test("foreign_mapping_refusals") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        guard let window = UnusedFrames.take() else { throw .noMemory }
        let id = child.id
        let page = GuestFrame(rawValue: 7)
        t.expectError(.invalidArgument, "a page it does not have") { () throws(XenError) in
            try Memory.mapForeign(page, of: id, at: window)
        }
        try child.populate(7, count: 1)
        try Memory.mapForeign(page, of: id, at: window)
        MappedPage(unsafeAddress: window.address.rawValue).store(UInt64(1), at: 0)
        try Memory.removeFromPhysmap(window)
        t.expect(
            (try? Memory.mapForeign(page, of: .zero, at: window)) == nil,
            "a domain cannot map itself as foreign")
        try child.destroy()
    }
    suite.test("runs_64_bit_code") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        try child.loadTinyPrograms()
        try child.setEntry64(0x1000, rbx: UInt64(ShutdownReason.reboot), pageTable: 0x3000)
        t.expectEqual(
            try child.withPage(1) { $0.load(at: 0x800, as: UInt32.self) }, 0, "signature before the start")
        try child.unpause()
        guard let reason = try child.waitForShutdown() else {
            t.expect(false, "no shutdown; flags \(hex: (try child.info()).flags.rawValue)")
            return
        }
        t.expectEqual(reason, ShutdownReason.reboot, "reason")
        t.expectEqual(try child.withPage(1) { $0.load(at: 0x800, as: UInt32.self) }, signature, "signature")
        t.expect(try child.info().cpuTime > 0, "CPU time")
        try child.destroy()
    }
    suite.test("runs_32_bit_code_and_halts_for_good") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        try child.loadTinyPrograms()
        try child.setEntry32(0x1100)
        try child.unpause()
        guard let reason = try child.waitForShutdown() else {
            t.expect(false, "no shutdown; flags \(hex: (try child.info()).flags.rawValue)")
            return
        }
        t.expectEqual(reason, ShutdownReason.powerOff, "reason of a HLT with interrupts off")
        t.expectEqual(try child.withPage(1) { $0.load(at: 0x800, as: UInt32.self) }, signature, "signature")
        try child.destroy()
    }
    suite.test("triple_fault_is_a_shutdown") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        try child.loadTinyPrograms()
        try child.setEntry32(0x1300)
        try HVM.setParameter(HVMParameter.tripleFaultReason, of: child.id, to: UInt64(ShutdownReason.crash))
        try child.unpause()
        guard let reason = try child.waitForShutdown() else {
            t.expect(false, "no shutdown; flags \(hex: (try child.info()).flags.rawValue)")
            return
        }
        t.expectEqual(reason, ShutdownReason.crash, "reason")
        try child.destroy()
    }
    suite.test("a_spinning_domain_is_preempted") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        try child.loadTinyPrograms()
        try child.setEntry64(0x1200, pageTable: 0x3000)
        try child.unpause()
        let port = try OwnedPort(interprocessorTo: 0)
        // While domain 0 sleeps the other runs, and domain 0 still wakes in time.
        let start = Clock.now
        try Scheduler.poll(port.port, until: start + 20_000_000)
        let elapsed = Clock.now - start
        t.expect(elapsed < 500_000_000, "a sleep of 20 ms took \(elapsed) ns")
        let count = try child.withPage(1) { $0.load(at: 0x808, as: UInt64.self) }
        t.expect(count > 1000, "it counted to \(count)")
        // Neither starves: both share the one CPU.
        let before = try child.info().cpuTime
        let spinStart = Clock.now
        while Clock.now < spinStart + 200_000_000 { Processor.noOperation() }
        let used = try child.info().cpuTime - before
        t.expect(used > 20_000_000, "it ran \(used) ns of 200 ms beside a busy domain 0")
        // A paused domain does not run.
        try child.pause()
        let paused = try child.withPage(1) { $0.load(at: 0x808, as: UInt64.self) }
        try Scheduler.poll(port.port, until: Clock.now + 5_000_000)
        t.expectEqual(
            try child.withPage(1) { $0.load(at: 0x808, as: UInt64.self) }, paused, "count while paused")
        try child.unpause()
        let end = Clock.now + 2_000_000_000
        while try child.withPage(1, { $0.load(at: 0x808, as: UInt64.self) }) == paused, Clock.now < end {
            try Scheduler.poll(port.port, until: Clock.now + 20_000_000)
        }
        t.expect(try child.withPage(1) { $0.load(at: 0x808, as: UInt64.self) } > paused, "it goes on")
        try child.destroy()
    }
    suite.test("remote_shutdown") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 16)
        try child.loadTinyPrograms()
        try child.setEntry64(0x1200, pageTable: 0x3000)
        try child.unpause()
        try Scheduler.shutDown(child.id, ShutdownReason.suspend)
        guard let reason = try child.waitForShutdown() else {
            t.expect(false, "no shutdown")
            return
        }
        t.expectEqual(reason, ShutdownReason.suspend, "reason")
        try DomainControl.resume(child.id)
        t.expect(try !child.info().has(.shutdown), "resumed")
        try child.destroy()
    }
    suite.test("context_that_makes_no_sense") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let size = try DomainControl.contextByteCount(of: child.id)
        t.expect(size > 24 && size < 65536, "its context has \(size) bytes")
        let id = child.id
        t.expectError(.noSpace, "a buffer that is too small") { () throws(XenError) in
            _ = try DomainControl.context(of: id, byteCount: 8)
        }
        var nonsense = SavedContext(HypercallBuffer(byteCount: 4096))
        t.expectError(.invalidArgument, "a context of zeroes") { () throws(XenError) in
            try DomainControl.setContext(of: id, to: nonsense)
        }
        nonsense.buffer = HypercallBuffer([UInt8](repeating: 0xFF, count: 4096))
        do throws(XenError) {
            try DomainControl.setContext(of: id, to: nonsense)
            t.expect(false, "a context of ones was taken")
        } catch {}
        var block = DomainControl.block(DomctlOperation.setHVMContext, id)
        block[Field<DomctlHVMContextLayout, UInt32>.size, at: DomctlLayout.argumentOffset] = 4096
        block[Field<DomctlHVMContextLayout, UInt64>.buffer, at: DomctlLayout.argumentOffset] =
            AddressSpace.testArea
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.domctl, &block), .badAddress, "a context that is not there")
        try child.destroy()
    }
    suite.test("parameters_of_another_domain") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        try HVM.setParameter(HVMParameter.storeFrame, of: child.id, to: 0xFEFFC)
        t.expectEqual(try HVM.parameter(HVMParameter.storeFrame, of: child.id), 0xFEFFC, "the store's frame")
        let port = try EventChannel.allocateUnboundPort(of: child.id, for: .zero)
        t.expectEqual(
            try EventChannel.status(of: port, in: child.id).state, EventChannelState.unbound, "state")
        let bound = try OwnedPort(to: child.id, port)
        t.expect(try bound.status().remoteDomain == child.id, "the other end")
        let id = child.id
        try child.destroy()
        // The port's other end went with its domain.
        let after = try bound.status()
        t.expect(
            after.state != EventChannelState.interdomain || after.remoteDomain != id, "bound to a dead domain"
        )
    }
    suite.test("grant_table_of_another_domain") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let pageCount = try Memory.pageCount(of: .grantTable, of: child.id)
        t.expect(pageCount >= 1, "\(pageCount) frames")
        guard let window = UnusedFrames.take() else { throw .noMemory }
        try Memory.map(.grantTable, of: child.id, at: [window])
        let table = MappedPage(unsafeAddress: window.address.rawValue)
        t.expectEqual(table.load(at: 0, as: UInt64.self), 0, "entry 0 of a new table")
        table.store(UInt64(0x1), at: 0)
        try Memory.removeFromPhysmap(window)
        try child.destroy()
    }
    suite.test("memory_comes_back_exactly") { t throws(XenError) in
        func round() throws(XenError) {
            let child = try ChildDomain(pageCount: 300)
            try child.loadTinyPrograms()
            try child.populate(0x1000, count: 280)
            try child.setEntry64(0x1000, rbx: UInt64(ShutdownReason.powerOff), pageTable: 0x3000)
            try child.unpause()
            _ = try child.waitForShutdown()
            try child.destroy()
        }
        // The first may make tables that stay.
        try round()
        let before = try SystemControl.physicalInfo().freePages
        for _ in 0..<20 { try round() }
        t.expectEqual(try SystemControl.physicalInfo().freePages, before, "free pages after 20 domains")
    }
    suite.test("many_at_once") { t throws(XenError) in
        var list: [DomainID] = []
        for _ in 0..<20 {
            let id = try DomainControl.create(vcpuCount: 1)
            for other in list { t.expect(other != id, "number \(id) twice") }
            list.append(id)
        }
        let found = try SystemControl.domains(maximum: 30)
        t.expectEqual(found.count, 21, "domains in the list")
        for id in list {
            t.expect(found.contains { $0.domain == id }, "domain \(id) is not in the list")
            try DomainControl.destroy(id)
        }
        t.expectEqual(try SystemControl.domains(maximum: 30).count, 1, "domains afterwards")
    }
    suite.finish()
}
