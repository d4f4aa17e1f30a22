// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
import HypervisorCore
import SharedMemory
import Synchronization
import TestSupport
import Testing
import XenABI

@Suite struct GrantMapTests {
    typealias Flag = GrantEntryFlag
    typealias Status = GrantStatusCode
    private let readOnly = GrantMapFlag.hostMap | GrantMapFlag.readOnly

    // MARK: What mapping does

    @Test func mapsWritableAndMarksTheEntry() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let frame = f.machineFrame(5, of: f.granter)
        let mapped = f.map(8, by: f.mapper)
        #expect(mapped == .init(status: Status.okay, handle: 0, busAddress: frame.rawValue << 12))
        let mapping = try #require(f.mapping(0x100, of: f.mapper))
        #expect(mapping.frame == frame && mapping.type == .grant && mapping.isWritable)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.reading | Flag.writing)
        #expect(f.pins(frame) == 1)
        #expect(f.granter.hasMappedPages == true)
        #expect(f.mapper.state.grants.mappingCount == 1)
        // What one writes the other reads.
        f.machine.write(UInt64(0x1234_5678_9abc), at: 0x100_010, in: f.mapper)
        #expect(f.machine.read(UInt64.self, at: 0x5010, in: f.granter) == 0x1234_5678_9abc)
        #expect(try f.revoke(8, of: f.granter) == false)

        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
        #expect(f.mapping(0x100, of: f.mapper) == nil)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
        #expect(f.pins(frame) == 0)
        #expect(f.granter.hasMappedPages == false)
        #expect(f.mapper.state.physmap.needsFlush == true)
        #expect(try f.revoke(8, of: f.granter) == true)
        #expect(f.map(8, by: f.mapper).status == Status.generalError)
    }
    @Test func mapsReadOnlyOfEitherKind() throws {
        let f = try GrantFixture()
        for isReadOnlyGrant in [false, true] {
            try f.grant(9, page: 6, to: 2, readOnly: isReadOnlyGrant, by: f.granter)
            let mapped = f.map(9, flags: readOnly, by: f.mapper)
            #expect(mapped.status == Status.okay)
            #expect(f.mapping(0x100, of: f.mapper)?.isWritable == false)
            #expect(try f.flags(9, of: f.granter) & (Flag.reading | Flag.writing) == Flag.reading)
            #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
            #expect(try f.flags(9, of: f.granter) & (Flag.reading | Flag.writing) == 0)
        }
    }
    @Test func severalMappingsCountSeparately() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let frame = f.machineFrame(5, of: f.granter)
        let first = f.map(8, at: 0x100, flags: readOnly, by: f.mapper)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.reading)
        let second = f.map(8, at: 0x101, by: f.mapper)
        let third = f.map(8, at: 0x102, by: f.mapper)
        #expect([first.status, second.status, third.status] == [0, 0, 0])
        #expect(Set([first.handle, second.handle, third.handle]).count == 3)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.reading | Flag.writing)
        #expect(f.pins(frame) == 3)
        #expect(f.granter.state.grants.activeCount == 1)
        #expect(f.unmap(second.handle, at: 0x101, by: f.mapper) == Status.okay)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.reading | Flag.writing)
        #expect(f.unmap(third.handle, at: 0x102, by: f.mapper) == Status.okay)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.reading)
        #expect(f.unmap(first.handle, at: 0x100, by: f.mapper) == Status.okay)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
        #expect(f.pins(frame) == 0)
    }
    @Test func aDomainMapsItsOwnGrant() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 1, by: f.granter)
        let mapped = f.map(8, of: 1, by: f.granter)
        #expect(mapped.status == Status.okay)
        f.machine.write(UInt32(77), at: 0x100_000, in: f.granter)
        #expect(f.machine.read(UInt32.self, at: 0x5000, in: f.granter) == 77)
        #expect(f.unmap(mapped.handle, by: f.granter) == Status.okay)
    }
    @Test func handlesAndMemoryAreReused() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let first = f.map(8, by: f.mapper)
        #expect(f.unmap(first.handle, by: f.mapper) == Status.okay)
        let free = f.machine.hypervisor.state.frames.freeFrames
        for _ in 0..<100 {
            let again = f.map(8, by: f.mapper)
            #expect(again.handle == first.handle)
            #expect(f.unmap(again.handle, by: f.mapper) == Status.okay)
        }
        #expect(f.machine.hypervisor.state.frames.freeFrames == free)
    }

    // MARK: What it refuses

    @Test func refusesFlagsThatDoNotFitPVH() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        #expect(f.map(8, flags: 0, by: f.mapper).status == Status.badReference)
        #expect(f.map(8, flags: GrantMapFlag.readOnly, by: f.mapper).status == Status.badReference)
        for extra in [
            GrantMapFlag.deviceMap, GrantMapFlag.applicationMap, GrantMapFlag.containsPTE, 0x20, 0x10000,
            0x8000_0000,
        ] {
            #expect(f.map(8, flags: GrantMapFlag.hostMap | extra, by: f.mapper).status == Status.generalError)
        }
        #expect(f.map(8, flags: GrantMapFlag.deviceMap, by: f.mapper).status == Status.generalError)
        try expectNothingMapped(f, 8)
    }
    @Test func refusesDomainsThatAreNot() throws {
        let f = try GrantFixture()
        for id: UInt16 in [9, 0x7FF0, 0x7FF2, 0x7FFF, 0xffff] {
            #expect(f.map(8, of: id, by: f.mapper).status == Status.badDomain)
        }
        try f.grant(8, page: 5, to: 2, by: f.granter)
        f.granter.state.lifecycle = .dying
        #expect(f.map(8, by: f.mapper).status == Status.badDomain)
        try expectNothingMapped(f, 8)
    }
    @Test func refusesReferencesBeyondTheTable() throws {
        let f = try GrantFixture()
        for reference: UInt32 in [512, 513, 0x8000_0000, .max] {
            #expect(f.map(reference, by: f.mapper).status == Status.badReference)
        }
        // One inside, once the table has grown.
        try f.grant(512, page: 5, to: 2, by: f.granter)
        let mapped = f.map(512, by: f.mapper)
        #expect(mapped.status == Status.okay)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
    }
    @Test(
        arguments: [
            (flags: GrantEntryFlag.invalid, domain: 2), (flags: GrantEntryFlag.acceptTransfer, domain: 2),
            (flags: GrantEntryFlag.transitive, domain: 2), (flags: GrantEntryFlag.permitAccess, domain: 3),
            (flags: GrantEntryFlag.permitAccess | GrantEntryFlag.readOnly, domain: 2),
            (flags: GrantEntryFlag.permitAccess | GrantEntryFlag.subPage, domain: 2),
            (flags: GrantEntryFlag.permitAccess | GrantEntryFlag.pageCacheDisable, domain: 2),
        ] as [(flags: UInt16, domain: UInt16)])
    func refusesEntriesThatDoNotPermitIt(entry: (flags: UInt16, domain: UInt16)) throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: entry.domain, by: f.granter)
        try f.entry(8, of: f.granter).store(entry.flags, to: Field<GrantEntryV1Layout, UInt16>.flags)
        #expect(f.map(8, by: f.mapper).status == Status.generalError)
        #expect(try f.flags(8, of: f.granter) == entry.flags)
        try expectNothingMapped(f, 8)
    }
    @Test func aReadOnlyMappingDoesNotLetAWritableOneThrough() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, readOnly: true, by: f.granter)
        let mapped = f.map(8, flags: readOnly, by: f.mapper)
        #expect(mapped.status == Status.okay)
        #expect(f.map(8, at: 0x101, by: f.mapper).status == Status.generalError)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.readOnly | Flag.reading)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
    }
    @Test func refusesPagesThatAreNotTheGrantersRAM() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        try f.grant(9, page: 0x777, to: 2, by: f.granter)
        try f.grant(10, page: 0xffff_ffff, to: 2, by: f.granter)
        #expect(f.map(9, by: f.mapper).status == Status.badPage)
        #expect(f.map(10, by: f.mapper).status == Status.badPage)
        #expect(try f.flags(9, of: f.granter) == Flag.permitAccess)
        // A granted page is not the mapper's to grant on.
        #expect(f.map(8, at: 0x100, by: f.mapper).status == Status.okay)
        try f.grant(8, page: 0x100, to: 3, by: f.mapper)
        #expect(f.map(8, of: 2, by: f.stranger).status == Status.badPage)
        // Nor are the hypervisor's own pages.
        try f.granter.mapSpecial(f.granter.grantFrame(0), at: GuestFrame(rawValue: 0x200))
        try f.grant(11, page: 0x200, to: 2, by: f.granter)
        #expect(f.map(11, at: 0x101, by: f.mapper).status == Status.badPage)
    }
    @Test func refusesPlacesThatAreTaken() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        #expect(f.map(8, at: 4, by: f.mapper).status == Status.generalError)  // RAM
        #expect(f.map(8, at: 0x100, by: f.mapper).status == Status.okay)
        #expect(f.map(8, at: 0x100, by: f.mapper).status == Status.generalError)  // a grant
        try f.mapper.mapSpecial(f.mapper.grantFrame(0), at: GuestFrame(rawValue: 0x200))
        #expect(f.map(8, at: 0x200, by: f.mapper).status == Status.generalError)
        #expect(f.map(8, at: 1 << 36, by: f.mapper).status == Status.generalError)
        #expect(f.map(8, at: (1 << 52) - 1, by: f.mapper).status == Status.generalError)
        #expect(f.mapping(4, of: f.mapper)?.type == .ram)
        #expect(f.mapping(0x200, of: f.mapper)?.type == .special)
        // The last place there is.
        let mapped = f.map(8, at: (1 << 36) - 1, by: f.mapper)
        #expect(mapped.status == Status.okay)
        #expect(f.unmap(mapped.handle, at: (1 << 36) - 1, by: f.mapper) == Status.okay)
    }
    @Test func onlyOneDomainHasAGrantMapped() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let mapped = f.map(8, by: f.mapper)
        // The granter rewrites the entry under the mapping.
        try f.entry(8, of: f.granter).store(UInt16(3), to: .domain)
        #expect(f.map(8, by: f.stranger).status == Status.generalError)
        // The mapping stands, and ends in order, whatever the entry says now.
        try f.entry(8, of: f.granter).store(UInt16(0), to: Field<GrantEntryV1Layout, UInt16>.flags)
        let again = f.map(8, at: 0x101, by: f.mapper)
        #expect(again.status == Status.okay)
        #expect(f.unmap(again.handle, at: 0x101, by: f.mapper) == Status.okay)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
        #expect(try f.flags(8, of: f.granter) == 0)
    }
    @Test func aChangedFrameDoesNotMoveAMapping() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let frame = f.machineFrame(5, of: f.granter)
        #expect(f.map(8, at: 0x100, by: f.mapper).status == Status.okay)
        try f.entry(8, of: f.granter).store(UInt32(6), to: .frame)
        let second = f.map(8, at: 0x101, by: f.mapper)
        #expect(second.busAddress == frame.rawValue << 12)
        #expect(f.mapping(0x101, of: f.mapper)?.frame == frame)
    }
    @Test func theMaptrackEnds() throws {
        let f = try GrantFixture(maximumMaptrackFrames: 1)
        try f.grant(8, page: 5, to: 2, by: f.granter)
        var handles: Set<UInt32> = []
        for index in 0..<UInt64(256) {
            f.writeMap(8, of: 1, at: 0x100 + index, by: f.mapper)
            #expect(
                f.mapper.vcpu(0)!.hypercall(
                    HypercallNumber.grantTable, UInt64(GrantTableOperation.mapGrantReference),
                    GrantFixture.block, 1) == 0)
            let mapped = f.readMap(by: f.mapper)
            #expect(mapped.status == Status.okay)
            handles.insert(mapped.handle)
        }
        #expect(handles == Set(0..<256))
        #expect(f.map(8, at: 0x300, by: f.mapper).status == Status.noDeviceSpace)
        #expect(f.unmap(17, at: 0x111, by: f.mapper) == Status.okay)
        #expect(
            f.map(8, at: 0x300, by: f.mapper)
                == .init(
                    status: 0, handle: 17, busAddress: f.machineFrame(5, of: f.granter).rawValue << 12))
    }
    @Test func memoryExhaustionRefusesAndChangesNothing() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        try f.grant(300, page: 5, to: 2, by: f.granter)
        let mapped = f.map(8, by: f.mapper)
        #expect(mapped.status == Status.okay)
        while f.machine.hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) != nil {}
        // The active record's page of reference 300, a nested table, the maptrack of another mapper.
        #expect(f.map(300, at: 0x101, by: f.mapper).status == Status.generalError)
        #expect(f.map(8, at: 0x10_0000, by: f.mapper).status == Status.generalError)
        #expect(f.map(8, by: f.stranger).status == Status.noDeviceSpace)
        #expect(try f.flags(300, of: f.granter) == Flag.permitAccess)
        #expect(f.pins(f.machineFrame(5, of: f.granter)) == 1)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
        try expectNothingMapped(f, 8)
    }

    // MARK: Unmapping

    @Test func refusesHandlesThatNameNothing() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        #expect(f.unmap(0, by: f.mapper) == Status.badHandle)
        let mapped = f.map(8, by: f.mapper)
        for handle: UInt32 in [1, 255, 256, 512, .max] {
            #expect(f.unmap(handle, by: f.mapper) == Status.badHandle)
        }
        #expect(f.unmap(mapped.handle, by: f.stranger) == Status.badHandle)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.badHandle)
    }
    @Test func unmapsOnlyWhereItIs() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        // Two mappings of one page: each handle stands for its own place, so that the writable one cannot
        // outlive its mark.
        let weak = f.map(8, at: 0x100, flags: readOnly, by: f.mapper)
        let strong = f.map(8, at: 0x101, by: f.mapper)
        #expect(f.unmap(strong.handle, at: 0x100, by: f.mapper) == Status.generalError)
        #expect(f.unmap(weak.handle, at: 0x101, by: f.mapper) == Status.generalError)
        #expect(f.unmap(weak.handle, at: 4, by: f.mapper) == Status.generalError)
        #expect(f.unmap(weak.handle, at: (1 << 52) - 1, by: f.mapper) == Status.generalError)
        // No address: nothing is asked for.
        #expect(f.unmap(weak.handle, at: 0, by: f.mapper) == Status.okay)
        #expect(f.mapping(0x100, of: f.mapper)?.type == .grant)
        #expect(f.mapping(4, of: f.mapper)?.type == .ram)
        #expect(f.unmap(strong.handle, at: 0x101, by: f.mapper) == Status.okay)
        #expect(f.unmap(weak.handle, at: 0x100, by: f.mapper) == Status.okay)
    }
    @Test func otherOperationsDoNotRemoveAMapping() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        #expect(f.map(8, by: f.mapper).status == Status.okay)
        #expect(throws: XenError.noEntry) { try f.mapper.removeMapping(GuestFrame(rawValue: 0x100)) }
        #expect(throws: XenError.notPermitted) { try f.mapper.addRAM(GuestFrame(rawValue: 0x100), order: 0) }
        f.checkInvariants()
    }
    @Test func theHardwareDomainGetsItsOwnPageBack() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 0, by: f.granter)
        // Ballooned out: hidden, a hole of the map.
        try f.control.removeMapping(GuestFrame(rawValue: 0x80))
        #expect(f.mapping(0x80, of: f.control) == nil)
        #expect(f.map(8, at: 0x81, by: f.control).status == Status.generalError)
        let mapped = f.map(8, at: 0x80, by: f.control)
        #expect(mapped.status == Status.okay)
        #expect(f.mapping(0x80, of: f.control)?.frame == f.machineFrame(5, of: f.granter))
        #expect(f.unmap(mapped.handle, at: 0x80, by: f.control) == Status.okay)
        #expect(f.mapping(0x80, of: f.control)?.type == .ram)
        #expect(f.mapping(0x80, of: f.control)?.frame == MachineFrame(rawValue: 0x80))
        // Where it owns nothing there is a hole again; device holes may be used, too.
        try f.control.state.physmap.map(
            GuestFrame(rawValue: 0x1000), to: MachineFrame(rawValue: 0x1000), type: .device, writable: true,
            frames: &f.machine.hypervisor.state.frames)
        let device = f.map(8, at: 0x1000, by: f.control)
        #expect(device.status == Status.okay)
        #expect(f.unmap(device.handle, at: 0x1000, by: f.control) == Status.okay)
        #expect(f.mapping(0x1000, of: f.control) == nil)
    }

    @Test func entriesMayChangeAtAnyMoment() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let entry = try f.entry(8, of: f.granter)
        // A granter that rewrites all of the entry as fast as it can, on another CPU.
        let words: [UInt32] = [0x0002_0001, 0x0002_0005, 0x0003_0001, 0x0000_0000, 0x0002_0019, 0xffff_ffff]
        let flipper = FlippingGuest(entry: entry, words: words)
        flipper.start()
        var mapped = 0
        var refused = 0
        for round in 0..<400 {
            let flags = round % 2 == 0 ? GrantMapFlag.hostMap : readOnly
            f.writeMap(8, of: 1, at: 0x100, flags: flags, by: f.mapper)
            let call = f.mapper.vcpu(0)!.hypercall(
                HypercallNumber.grantTable, UInt64(GrantTableOperation.mapGrantReference), GrantFixture.block,
                1)
            #expect(call == 0)
            let result = f.readMap(by: f.mapper)
            guard result.status == Status.okay else {
                #expect([Status.generalError, Status.badPage].contains(result.status))
                refused += 1
                continue
            }
            mapped += 1
            #expect(f.unmap(result.handle, by: f.mapper) == Status.okay)
        }
        flipper.stop()
        #expect(mapped + refused == 400)
        #expect(refused > 0)
        #expect(f.mapper.state.grants.mappingCount == 0)
        #expect(f.pins(f.machineFrame(5, of: f.granter)) == 0)
        f.checkInvariants()
    }

    // MARK: Ends of domains and pages

    @Test func aPageGivenUpByItsOwnerLivesUntilUnmapped() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let frame = f.machineFrame(5, of: f.granter)
        let pages = f.granter.state.totalPages
        let mapped = f.map(8, by: f.mapper)
        let free = f.machine.hypervisor.state.frames.freeFrames
        try f.granter.removeMapping(GuestFrame(rawValue: 5))
        #expect(f.machine.hypervisor.state.frames.freeFrames == free)
        #expect(f.machine.hypervisor.state.frames.owner(of: frame) == f.granter.id)
        // A second mapping gets the same page, for the first holds it.
        let second = f.map(8, at: 0x101, by: f.mapper)
        #expect(second.busAddress == frame.rawValue << 12)
        #expect(f.unmap(second.handle, at: 0x101, by: f.mapper) == Status.okay)
        #expect(f.machine.hypervisor.state.frames.freeFrames == free)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
        #expect(f.machine.hypervisor.state.frames.freeFrames == free + 1)
        #expect(f.granter.state.totalPages == pages - 1)
        #expect(f.map(8, by: f.mapper).status == Status.badPage)
    }
    @Test func aDeadGranterWaitsForItsMappers() throws {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        let mapped = f.map(8, by: f.mapper)
        f.machine.write(UInt32(0xabcd), at: 0x5000, in: f.granter)
        while !f.machine.hypervisor.destroy(f.granter, budget: 64) {}
        #expect(f.machine.hypervisor.state.domains.find(DomainID(rawValue: 1)) == f.granter)
        #expect(f.granter.state.totalPages == 1)
        #expect(f.machine.read(UInt32.self, at: 0x100_000, in: f.mapper) == 0xabcd)
        #expect(f.map(8, at: 0x101, by: f.mapper).status == Status.badDomain)
        #expect(f.unmap(mapped.handle, by: f.mapper) == Status.okay)
        #expect(f.machine.hypervisor.state.domains.find(DomainID(rawValue: 1)) == nil)
    }
    @Test func aDyingMapperLetsGoOfEverything() throws {
        let f = try GrantFixture()
        let free = f.machine.hypervisor.state.frames.freeFrames
        for reference in UInt32(8)..<16 { try f.grant(reference, page: 5, to: 2, by: f.granter) }
        for index in 0..<UInt64(8) {
            #expect(f.map(UInt32(8 + index), at: 0x100 + index, by: f.mapper).status == 0)
        }
        #expect(f.pins(f.machineFrame(5, of: f.granter)) == 8)
        f.mapper.state.lifecycle = .dying
        #expect(f.mapper.releaseGrantMappings(limit: 3) == false)
        f.checkInvariants()
        #expect(f.mapper.state.grants.mappingCount == 5)
        f.mapper.releaseAllGrantMappings()
        #expect(f.mapper.state.grants.mappingCount == 0)
        #expect(f.pins(f.machineFrame(5, of: f.granter)) == 0)
        #expect(f.granter.hasMappedPages == false)
        for reference in UInt32(8)..<16 {
            #expect(try f.flags(reference, of: f.granter) == Flag.permitAccess)
        }
        #expect(f.mapping(0x100, of: f.mapper) == nil)
        // What is left over is one page of the granter's active records and one nested table of the mapper's.
        #expect(f.machine.hypervisor.state.frames.freeFrames == free - 1)
        f.checkInvariants()
        f.mapper.releaseAllGrantMappings()
    }
    @Test func destroyingEverybodyGivesAllMemoryBack() throws {
        let machine = FakeMachine()
        let first = try machine.makeDomain(5)
        while !machine.hypervisor.destroy(first, budget: 64) {}
        let free = machine.hypervisor.state.frames.freeFrames
        let f = (try machine.makeDomain(1), try machine.makeDomain(2))
        let entry = machine.memory.sharedView(GrantEntryV1Layout.self, in: try f.0.grantFrame(2))
        entry.store(UInt32(5), to: .frame)
        entry.store(UInt16(2), to: .domain)
        entry.store(GrantEntryFlag.permitAccess, to: Field<GrantEntryV1Layout, UInt16>.flags)
        machine.write(UInt64(0x100_000), at: 0x3000, in: f.1)
        machine.write(GrantMapFlag.hostMap, at: 0x3008, in: f.1)
        machine.write(UInt32(1024), at: 0x300c, in: f.1)
        machine.write(UInt16(1), at: 0x3010, in: f.1)
        #expect(f.1.vcpu(0)!.hypercall(HypercallNumber.grantTable, 0, 0x3000, 1) == 0)
        #expect(f.1.state.grants.mappingCount == 1)
        for domain in [f.0, f.1] { while !machine.hypervisor.destroy(domain, budget: 64) {} }
        #expect(machine.hypervisor.state.domains.count == 0)
        #expect(machine.hypervisor.state.frames.freeFrames == free)
    }

    private func expectNothingMapped(_ f: GrantFixture, _ reference: UInt32) throws {
        #expect(f.mapper.state.grants.mappingCount == 0)
        #expect(f.granter.state.grants.activeCount == 0)
        #expect(try f.flags(reference, of: f.granter) & (Flag.reading | Flag.writing) == 0)
        #expect(f.pins(f.machineFrame(5, of: f.granter)) == 0)
    }
}

/// A guest's CPU that writes values into a shared entry, over and over, until stopped.
private final class FlippingGuest: Sendable {
    private let entry: SharedView<GrantEntryV1Layout>
    private let words: [UInt32]
    private let isStopped = Atomic(false)
    private let done = DispatchSemaphore(value: 0)

    init(entry: SharedView<GrantEntryV1Layout>, words: [UInt32]) {
        self.entry = entry
        self.words = words
    }
    func start() {
        let ready = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            ready.signal()
            while !self.isStopped.load(ordering: .acquiring) {
                for word in self.words { self.entry.store(word, to: Field(at: 0)) }
            }
            self.done.signal()
        }
        ready.wait()
    }
    func stop() {
        isStopped.store(true, ordering: .releasing)
        done.wait()
    }
}
