// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

@Suite struct GrantTableTests {
    typealias Status = GrantStatusCode

    private func setUp(
        _ f: GrantFixture, _ target: UInt16, _ count: UInt32, list: UInt64 = 0x4000, by domain: Ref<Domain>
    )
        -> Int16
    {
        let block = GrantFixture.block
        f.machine.set(Field<GrantSetupTableLayout, UInt16>.domain, target, at: block, in: domain)
        f.machine.set(Field<GrantSetupTableLayout, UInt32>.frameCount, count, at: block, in: domain)
        f.machine.set(Field<GrantSetupTableLayout, UInt64>.frameList, list, at: block, in: domain)
        #expect(f.operate(GrantTableOperation.setupTable, by: domain) == 0)
        return f.machine.get(Field<GrantSetupTableLayout, Int16>.status, at: block, in: domain)
    }
    private func query(_ f: GrantFixture, _ target: UInt16, by domain: Ref<Domain>) -> (Int16, UInt32, UInt32)
    {
        let block = GrantFixture.block
        f.machine.set(Field<GrantQuerySizeLayout, UInt16>.domain, target, at: block, in: domain)
        #expect(f.operate(GrantTableOperation.querySize, by: domain) == 0)
        return (
            f.machine.get(Field<GrantQuerySizeLayout, Int16>.status, at: block, in: domain),
            f.machine.get(Field<GrantQuerySizeLayout, UInt32>.frameCount, at: block, in: domain),
            f.machine.get(Field<GrantQuerySizeLayout, UInt32>.maximumFrameCount, at: block, in: domain)
        )
    }

    @Test func growsOnDemandUpToTheMaximum() throws {
        let f = try GrantFixture()
        #expect(f.granter.state.grants.frameCount == 1)
        let third = try f.granter.grantFrame(2)
        #expect(f.granter.state.grants.frameCount == 3)
        #expect(try f.granter.grantFrame(2) == third)
        for index in UInt32(0)..<3 {
            let frame = try f.granter.grantFrame(index)
            #expect(f.machine.hypervisor.state.frames.owner(of: frame) == .hypervisor)
            for word in 0..<512 { #expect(f.machine.memory.loadWord(frame, word) == 0) }
        }
        #expect(throws: XenError.invalidArgument) { try f.granter.grantFrame(4) }
        #expect(throws: XenError.invalidArgument) { try f.granter.grantFrame(.max) }
        #expect(throws: XenError.invalidArgument) { try f.granter.grantFrame(0x8000_0000) }
    }
    @Test func growthWithoutMemoryIsRefused() throws {
        let f = try GrantFixture()
        while f.machine.hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) != nil {}
        #expect(throws: XenError.noMemory) { try f.granter.grantFrame(3) }
        #expect(setUp(f, 0x7FF0, 4, by: f.granter) == Status.generalError)
    }
    @Test func limitsAreClamped() {
        #expect(GrantTable(maximumFrames: 0, maximumMaptrackFrames: 0).maximumFrames == 1)
        #expect(GrantTable(maximumFrames: 100_000, maximumMaptrackFrames: 0).maximumFrames == 256)
        #expect(GrantTable(maximumFrames: .max, maximumMaptrackFrames: .max).maximumFrames == 64)
        #expect(GrantTable(maximumFrames: .max, maximumMaptrackFrames: .max).maximumMaptrackFrames == 1024)
        #expect(EventChannelTable(limit: 0).limit == 1)
        #expect(EventChannelTable(limit: .max).limit == 4096)
    }

    @Test func setupTellsWhereTheFramesAre() throws {
        let f = try GrantFixture()
        try f.granter.mapSpecial(f.granter.grantFrame(0), at: GuestFrame(rawValue: 0x200))
        f.machine.fill(0, at: 0x4000, count: 32, in: f.granter)
        #expect(setUp(f, 0x7FF0, 3, by: f.granter) == Status.okay)
        #expect(f.granter.state.grants.frameCount == 3)
        #expect(f.machine.read(UInt64.self, at: 0x4000, in: f.granter) == 0x200)
        #expect(f.machine.read(UInt64.self, at: 0x4008, in: f.granter) == .max)
        #expect(f.machine.read(UInt64.self, at: 0x4018, in: f.granter) == 0)
        // For the control domain, too; nobody else.
        #expect(setUp(f, 1, 1, by: f.control) == Status.okay)
        #expect(f.machine.read(UInt64.self, at: 0x4000, in: f.control) == 0x200)
        #expect(setUp(f, 1, 1, by: f.mapper) == Status.permissionDenied)
        #expect(setUp(f, 99, 1, by: f.control) == Status.badDomain)
        #expect(setUp(f, 0x7FF0, 5, by: f.granter) == Status.generalError)
        #expect(setUp(f, 0x7FF0, .max, by: f.granter) == Status.generalError)
        #expect(setUp(f, 0x7FF0, 0, by: f.granter) == Status.okay)
        #expect(setUp(f, 0x7FF0, 1, list: 0x9000_0000, by: f.granter) == Status.badVirtualAddress)
        #expect(setUp(f, 0x7FF0, 2, list: .max - 3, by: f.granter) == Status.badVirtualAddress)
    }
    @Test func sizesAreTold() throws {
        let f = try GrantFixture()
        #expect(query(f, 0x7FF0, by: f.granter) == (Status.okay, 1, 4))
        _ = try f.granter.grantFrame(1)
        #expect(query(f, 1, by: f.control) == (Status.okay, 2, 4))
        #expect(query(f, 1, by: f.mapper).0 == Status.permissionDenied)
        #expect(query(f, 99, by: f.control).0 == Status.badDomain)
    }
    @Test func onlyVersion1Exists() throws {
        let f = try GrantFixture()
        let vcpu = f.granter.vcpu(0)!
        for (version, result) in [
            (1, 0), (2, XenError.notImplemented.returnValue), (0, XenError.invalidArgument.returnValue),
            (3, XenError.invalidArgument.returnValue),
        ] as [(UInt32, Int64)] {
            f.machine.write(version, at: 0x3000, in: f.granter)
            #expect(f.operate(GrantTableOperation.setVersion, by: f.granter) == result)
            #expect(f.machine.read(UInt32.self, at: 0x3000, in: f.granter) == 1)
        }
        #expect(
            vcpu.hypercall(HypercallNumber.grantTable, UInt64(GrantTableOperation.setVersion), 0x9000_0000, 1)
                == XenError.badAddress.returnValue)
        f.machine.write(UInt16(0x7FF0), at: 0x3000, in: f.granter)
        #expect(f.operate(GrantTableOperation.getVersion, by: f.granter) == 0)
        #expect(f.machine.read(UInt32.self, at: 0x3004, in: f.granter) == 1)
        f.machine.write(UInt16(2), at: 0x3000, in: f.granter)
        #expect(f.operate(GrantTableOperation.getVersion, by: f.granter) == XenError.notPermitted.returnValue)
        f.machine.write(UInt16(99), at: 0x3000, in: f.granter)
        #expect(f.operate(GrantTableOperation.getVersion, by: f.granter) == XenError.noSuchDomain.returnValue)
    }
    @Test func swapsEntries() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        try f.grant(9, page: 6, to: 3, readOnly: true, by: f.granter)
        func swap(_ a: UInt32, _ b: UInt32) -> Int16 {
            f.machine.write(a, at: 0x3000, in: f.granter)
            f.machine.write(b, at: 0x3004, in: f.granter)
            #expect(f.operate(GrantTableOperation.swapGrantReference, by: f.granter) == 0)
            return f.machine.get(Field<GrantSwapReferencesLayout, Int16>.status, at: 0x3000, in: f.granter)
        }
        let whole = Field<GrantEntryV1Layout, UInt64>(at: 0)
        let before = (try f.entry(8, of: f.granter).load(whole), try f.entry(9, of: f.granter).load(whole))
        #expect(swap(8, 9) == Status.okay)
        #expect(try f.entry(8, of: f.granter).load(whole) == before.1)
        #expect(try f.entry(9, of: f.granter).load(whole) == before.0)
        #expect(swap(9, 9) == Status.okay)
        #expect(swap(512, 9) == Status.badReference)
        #expect(swap(9, .max) == Status.badReference)
        #expect(f.map(9, by: f.mapper).status == Status.okay)
        #expect(swap(8, 9) == Status.tryAgain)
        #expect(swap(9, 8) == Status.tryAgain)
    }

    // MARK: The call as a whole

    @Test func refusesOtherOperations() throws {
        let f = try GrantFixture()
        for command: UInt32 in [3, 4, 7, 9, 12, 13, 0x1000, .max] {
            #expect(f.operate(command, by: f.granter) == XenError.notImplemented.returnValue)
        }
    }
    @Test func refusesBadCounts() throws {
        let f = try GrantFixture()
        for command in [GrantTableOperation.setupTable, GrantTableOperation.querySize] {
            for count: UInt64 in [0, 2, 0xffff_ffff] {
                #expect(
                    f.operate(command, by: f.granter, count: count) == XenError.invalidArgument.returnValue)
            }
        }
        for command: UInt32 in [0, 1, 5, 8, 10, 11] {
            #expect(
                f.operate(command, by: f.granter, count: 0x8000_0000) == XenError.invalidArgument.returnValue)
        }
        for command: UInt32 in [0, 1, 5, 11] {
            #expect(f.operate(command, by: f.granter, at: 0x9000_0000, count: 0) == 0)
            #expect(
                f.operate(command, by: f.granter, at: 0x9000_0000, count: 1)
                    == XenError.badAddress.returnValue)
            #expect(
                f.operate(command, by: f.granter, at: 0xfff9, count: 1) == XenError.badAddress.returnValue)
        }
    }
    @Test func listsOfMappings() throws {
        let f = try GrantFixture()
        for reference in UInt32(8)..<40 {
            try f.grant(reference, page: UInt64(reference % 16), to: 2, by: f.granter)
        }
        // 32 blocks of 32 bytes; the first crosses a page, number 5 names no grant.
        let start: UInt64 = 0x3ff0
        for index in 0..<UInt64(32) {
            f.writeMap(
                index == 5 ? 400 : UInt32(8 + index), of: 1, at: 0x100 + index, block: start + index * 32,
                by: f.mapper)
        }
        #expect(f.operate(GrantTableOperation.mapGrantReference, by: f.mapper, at: start, count: 32) == 0)
        var handles: [UInt32] = []
        for index in 0..<UInt64(32) {
            let mapped = f.readMap(block: start + index * 32, by: f.mapper)
            #expect(mapped.status == (index == 5 ? Status.generalError : Status.okay))
            handles.append(mapped.handle)
        }
        #expect(f.mapper.state.grants.mappingCount == 31)
        for index in 0..<UInt64(32) {
            let block = start + index * 24
            f.machine.set(
                Field<GrantUnmapLayout, UInt64>.hostAddress, (0x100 + index) << 12, at: block, in: f.mapper)
            f.machine.set(
                Field<GrantUnmapLayout, UInt32>.handle, index == 5 ? 999 : handles[Int(index)], at: block,
                in: f.mapper)
        }
        #expect(f.operate(GrantTableOperation.unmapGrantReference, by: f.mapper, at: start, count: 32) == 0)
        for index in 0..<UInt64(32) {
            let status = f.machine.get(
                Field<GrantUnmapLayout, Int16>.status, at: start + index * 24, in: f.mapper)
            #expect(status == (index == 5 ? Status.badHandle : Status.okay))
        }
        #expect(f.mapper.state.grants.mappingCount == 0)
    }
    @Test func unmappingThePageOfTheListItself() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let mapped = f.map(8, by: f.mapper)
        f.machine.set(Field<GrantUnmapLayout, UInt64>.hostAddress, 0x100_000, at: 0x100_000, in: f.mapper)
        f.machine.set(Field<GrantUnmapLayout, UInt32>.handle, mapped.handle, at: 0x100_000, in: f.mapper)
        f.machine.set(Field<GrantUnmapLayout, Int16>.status, 99, at: 0x100_000, in: f.mapper)
        #expect(
            f.operate(GrantTableOperation.unmapGrantReference, by: f.mapper, at: 0x100_000)
                == XenError.badAddress.returnValue)
        #expect(f.mapper.state.grants.mappingCount == 0)
        // The page is the granter's alone: nothing was written there.
        #expect(f.machine.read(Int16.self, at: 0x5000 + 20, in: f.granter) == 99)
    }
    @Test func longListsOfMappingsMakeRoomForOthers() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        for index in 0..<UInt64(20) {
            f.writeMap(8, of: 1, at: 0x100 + index, block: 0x3000 + index * 32, by: f.mapper)
        }
        f.machine.hypervisor.state.scheduler.needsReschedule[0] = true
        #expect(f.operate(GrantTableOperation.mapGrantReference, by: f.mapper, count: 20) == 0)
        #expect(f.mapper.state.grants.mappingCount == 20)
    }

    // MARK: Any sequence

    @Test(arguments: [1, 2, 3] as [UInt64]) func randomSequencesKeepTheInvariants(seed: UInt64) throws {
        let f = try GrantFixture(maximumMaptrackFrames: 1, hardwareFrames: 32)
        var random = SplitMix(state: seed)
        var live: [[UInt32: UInt64]] = Array(repeating: [:], count: 4)  // per domain: handle to gfn
        var offers: [(granter: UInt16, reference: UInt32, user: UInt16)] = []
        var counts = (mapped: 0, unmapped: 0, copied: 0)
        /// Mostly something that was once granted to the domain, else anything.
        func pick(for user: UInt16) -> (granter: UInt16, reference: UInt32) {
            let own = offers.suffix(24).filter { $0.user == user }
            if random.next() % 8 != 0, let offer = own.randomElement(using: &random) {
                return (offer.granter, offer.reference)
            }
            return (UInt16(random.next() % 5), UInt32(random.next() % 600))
        }
        for _ in 0..<900 {
            let index = Int(random.next() % 4)
            let domain = f.domains[index]
            let reference = UInt32(8 + random.next() % 6)
            switch random.next() % 12 {
            case 0, 1, 2:
                // Rewrites what is there, in use or not.
                let user = UInt16(random.next() % 4)
                try f.grant(
                    reference, page: random.next() % 17, to: user, readOnly: random.next() % 4 == 0,
                    by: domain)
                offers.append((domain.id.rawValue, reference, user))
            case 3: _ = try f.revoke(reference, of: domain)
            case 4:
                // A granter that scribbles over an entry in use.
                try f.entry(reference, of: domain).store(
                    UInt16(truncatingIfNeeded: random.next()) & 0x1f,
                    to: Field<GrantEntryV1Layout, UInt16>.flags)
            case 5, 6:
                let gfn = domain.id.rawValue == 0 ? 0x2000 + random.next() % 8 : 0x100 + random.next() % 8
                let offer = pick(for: domain.id.rawValue)
                let mapped = f.map(
                    offer.reference, of: offer.granter, at: gfn,
                    flags: GrantMapFlag.hostMap | (random.next() % 2 == 0 ? GrantMapFlag.readOnly : 0),
                    by: domain)
                if mapped.status == 0 {
                    #expect(live[index][mapped.handle] == nil)
                    live[index][mapped.handle] = gfn
                    counts.mapped += 1
                }
            case 7, 8:
                if random.next() % 4 != 0, let (handle, gfn) = live[index].randomElement(using: &random) {
                    #expect(f.unmap(handle, at: gfn, by: domain) == Status.okay)
                    live[index][handle] = nil
                    counts.unmapped += 1
                } else {
                    let handle = UInt32(random.next() % 300)
                    if live[index][handle] == nil { #expect(f.unmap(handle, by: domain) == Status.badHandle) }
                }
            case 9, 10:
                let source = pick(for: domain.id.rawValue)
                let target = pick(for: domain.id.rawValue)
                let status = f.copy(
                    .reference(source.reference, of: source.granter, offset: UInt16(random.next() % 4000)),
                    to: random.next() % 2 == 0 ? .frame(9) : .reference(target.reference, of: target.granter),
                    length: UInt16(random.next() % 256), by: domain)
                if status == 0 { counts.copied += 1 }
            default:
                if domain.id.rawValue != 0 {
                    // The balloon: a page that is granted goes away and another comes.
                    let gfn = GuestFrame(rawValue: 10 + random.next() % 6)
                    if domain.state.physmap.lookup(gfn) == nil {
                        try domain.addRAM(gfn, order: 0)
                    } else {
                        try domain.removeMapping(gfn)
                    }
                    f.checkInvariants()
                }
            }
        }
        #expect(counts.mapped > 20 && counts.unmapped > 10 && counts.copied > 5, "\(counts)")
        for domain in f.domains { domain.releaseAllGrantMappings() }
        f.checkInvariants()
        #expect(f.domains.allSatisfy { $0.state.grants.activeCount == 0 })
    }
}
