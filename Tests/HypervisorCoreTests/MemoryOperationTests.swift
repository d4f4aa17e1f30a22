// SPDX-License-Identifier: Apache-2.0

import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

/// A caller with room for argument blocks: blocks at 0x1000, lists from 0x2000 on.
struct Caller {
    let machine: FakeMachine
    let domain: Ref<Domain>
    let block: UInt64 = 0x1000
    let list: UInt64 = 0x2000
    /// An address that is not mapped.
    static let nowhere: UInt64 = 0x7fff_f000
    var vcpu: Ref<VirtualCPU> {
        guard let vcpu = domain.vcpu(0) else { preconditionFailure("the domain has no vCPU 0") }
        return vcpu
    }

    func call(_ number: UInt32, _ first: UInt64 = 0, _ second: UInt64 = 0, _ third: UInt64 = 0) -> Int64 {
        vcpu.hypercall(number, first, second, third)
    }
    func memory(_ command: UInt32, at address: UInt64? = nil) -> Int64 {
        call(HypercallNumber.memory, UInt64(command), address ?? block)
    }
    func set<Layout: ABILayout, Value: FixedWidthInteger>(_ field: Field<Layout, Value>, _ value: Value) {
        machine.set(field, value, at: block, in: domain)
    }
    func get<Layout: ABILayout, Value: FixedWidthInteger>(_ field: Field<Layout, Value>) -> Value {
        machine.get(field, at: block, in: domain)
    }
    func writeList(_ values: [UInt64], at address: UInt64? = nil) {
        for (index, value) in values.enumerated() {
            machine.setLong(value, index, of: address ?? list, in: domain)
        }
    }
    func readList<Value: FixedWidthInteger>(_ count: Int, of type: Value.Type, at address: UInt64) -> [Value]
    {
        (0..<count).map { machine.read(at: address + UInt64($0 * Value.bitWidth / 8), in: domain) }
    }
    /// Populates or decreases; the result is the number of extents done.
    func reservation(
        _ command: UInt32, _ gfns: [UInt64], order: UInt32 = 0, of id: UInt16 = DomainID.caller.rawValue,
        from start: UInt64 = 0, list: UInt64? = nil
    ) -> Int64 {
        writeList(gfns)
        set(Field<MemoryReservationLayout, UInt64>.extentStart, list ?? self.list)
        set(Field<MemoryReservationLayout, UInt64>.extentCount, UInt64(gfns.count))
        set(Field<MemoryReservationLayout, UInt32>.extentOrder, order)
        set(Field<MemoryReservationLayout, UInt32>.flags, 0)
        set(Field<MemoryReservationLayout, UInt16>.domain, id)
        return call(HypercallNumber.memory, UInt64(command) | start << 6, block)
    }
    func populate(_ gfns: [UInt64], order: UInt32 = 0, of id: UInt16 = DomainID.caller.rawValue) -> Int64 {
        reservation(MemoryOperation.populatePhysmap, gfns, order: order, of: id)
    }
    func decrease(_ gfns: [UInt64], order: UInt32 = 0) -> Int64 {
        reservation(MemoryOperation.decreaseReservation, gfns, order: order)
    }
    func add(
        _ space: UInt32, _ index: UInt64, at gfn: UInt64, size: UInt16 = 0,
        of id: UInt16 = DomainID.caller.rawValue
    ) -> Int64 {
        set(Field<AddToPhysmapLayout, UInt16>.domain, id)
        set(Field<AddToPhysmapLayout, UInt16>.size, size)
        set(Field<AddToPhysmapLayout, UInt32>.space, space)
        set(Field<AddToPhysmapLayout, UInt64>.index, index)
        set(Field<AddToPhysmapLayout, UInt64>.guestFrame, gfn)
        return memory(MemoryOperation.addToPhysmap)
    }
    /// Maps frames of another domain; the result is the call's, the errors are the entries'.
    func mapForeign(_ id: UInt16, _ sources: [UInt64], at gfns: [UInt64]) -> (Int64, [Int32]) {
        writeList(sources)
        writeList(gfns, at: list + 0x800)
        set(Field<AddToPhysmapBatchLayout, UInt16>.domain, DomainID.caller.rawValue)
        set(Field<AddToPhysmapBatchLayout, UInt16>.space, UInt16(PhysmapSpace.foreignGuestFrame))
        set(Field<AddToPhysmapBatchLayout, UInt16>.size, UInt16(sources.count))
        set(Field<AddToPhysmapBatchLayout, UInt16>.foreignDomain, id)
        set(Field<AddToPhysmapBatchLayout, UInt64>.indexes, list)
        set(Field<AddToPhysmapBatchLayout, UInt64>.guestFrames, list + 0x800)
        set(Field<AddToPhysmapBatchLayout, UInt64>.errors, list + 0x1000)
        let result = memory(MemoryOperation.addToPhysmapBatch)
        return (result, readList(sources.count, of: Int32.self, at: list + 0x1000))
    }
    func remove(_ gfn: UInt64, of id: UInt16 = DomainID.caller.rawValue) -> Int64 {
        set(Field<RemoveFromPhysmapLayout, UInt16>.domain, id)
        set(Field<RemoveFromPhysmapLayout, UInt64>.guestFrame, gfn)
        return memory(MemoryOperation.removeFromPhysmap)
    }
    func mapping(_ gfn: UInt64) -> Mapping? { domain.state.physmap.lookup(GuestFrame(rawValue: gfn)) }
}

extension FakeMachine {
    var freeFrames: UInt64 { hypervisor.state.frames.freeFrames }
    func guest(_ id: UInt16 = 1, pages: UInt64 = 16, isPrivileged: Bool = false) throws -> Caller {
        Caller(machine: self, domain: try makeDomain(id, pages: pages, isPrivileged: isPrivileged))
    }
    func control() throws -> Caller { Caller(machine: self, domain: try makeHardwareDomain()) }

    /// The books agree: every mapped page of RAM belongs to the domain that maps it, at the place the frame table says, and
    /// the domain's account is the number of frames it owns.
    func checkBooks(sourceLocation: SourceLocation = #_sourceLocation) {
        var index = 0
        while let domain = hypervisor.state.domains[index] {
            var owned: UInt64 = 0
            for number in 0..<memory.frameCount
            where hypervisor.state.frames.owner(of: MachineFrame(rawValue: number)) == domain.id {
                owned += 1
            }
            #expect(owned == domain.state.totalPages, sourceLocation: sourceLocation)
            var next: GuestFrame? = GuestFrame(rawValue: 0)
            while let from = next {
                next = domain.state.physmap.forEach(from: from, limit: 4096) { gfn, mapping in
                    guard mapping.type == .ram, domain.state.lifecycle == .alive else { return }
                    for offset in 0..<(UInt64(1) << UInt64(mapping.order)) {
                        let frame = MachineFrame(rawValue: mapping.frame.rawValue + offset)
                        #expect(
                            hypervisor.state.frames.owner(of: frame) == domain.id,
                            sourceLocation: sourceLocation)
                        #expect(
                            hypervisor.state.frames.guestFrame(of: frame)?.rawValue == gfn.rawValue + offset,
                            sourceLocation: sourceLocation)
                    }
                }
            }
            index += 1
        }
    }
}

private func failure(_ error: XenError) -> Int64 { error.returnValue }

@Suite struct MemoryReservationTests {
    @Test func populatedPagesAreZeroedAndAccounted() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        let free = machine.freeFrames
        // In the table that pages 0 to 15 use: no table page is needed.
        #expect(guest.populate([0x100, 0x101]) == 2)
        #expect(guest.domain.state.totalPages == 18)
        #expect(machine.freeFrames == free - 2)
        #expect(machine.read(UInt64.self, at: 0x100 << 12, in: guest.domain) == 0)
        machine.checkBooks()
    }
    @Test func reusedPagesAreScrubbed() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.populate([0x100]) == 1)
        machine.write(UInt64(0x5ec2e7), at: 0x100 << 12, in: guest.domain)
        #expect(guest.decrease([0x100]) == 1)
        #expect(guest.mapping(0x100) == nil)
        // Whichever frame comes, it is clear.
        for gfn in UInt64(0x100)..<0x140 {
            #expect(guest.populate([gfn]) == 1)
            #expect(machine.read(UInt64.self, at: gfn << 12, in: guest.domain) == 0)
        }
    }
    @Test func theLimitEndsTheWorkWithAShortCount() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        guest.domain.state.maximumPages = 18
        #expect(guest.populate([0x100, 0x101, 0x102]) == 2)
        #expect(guest.domain.state.totalPages == 18)
        machine.checkBooks()
    }
    @Test func exhaustedMemoryEndsTheWorkWithAShortCount() throws {
        let machine = FakeMachine(frameCount: 600, hardwareFrames: 16)
        let guest = try machine.guest()
        guest.domain.state.maximumPages = .max
        var hoard: [MachineFrame] = []
        while machine.freeFrames > 3 {
            hoard.append(machine.hypervisor.state.frames.allocate(order: 0, owner: .hypervisor)!)
        }
        let done = guest.populate((0..<8).map { 0x100 + $0 })
        #expect(done == 3)
        #expect(machine.freeFrames == 0)
        machine.checkBooks()
    }
    @Test func aSuperpageIsOneEntryAndSplitsWhenPartIsGivenUp() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.populate([0x200], order: 9) == 1)
        #expect(guest.mapping(0x200)?.order == 9)
        #expect(guest.domain.state.totalPages == 16 + 512)
        machine.checkBooks()
        #expect(guest.decrease([0x210]) == 1)
        #expect(guest.mapping(0x210) == nil)
        #expect(guest.mapping(0x211)?.order == 0)
        #expect(guest.domain.state.totalPages == 16 + 511)
        machine.checkBooks()
    }
    @Test func unalignedExtentsBecomeSmallPages() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.populate([0x201], order: 3) == 1)
        #expect(guest.mapping(0x208)?.order == 0)
        #expect(guest.decrease([0x201], order: 3) == 1)
        #expect(guest.domain.state.totalPages == 16)
        machine.checkBooks()
    }
    @Test func anOccupiedExtentIsRefusedWhole() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.populate([0x3ff]) == 1)
        #expect(guest.populate([0x200], order: 9) == 0)
        #expect(guest.domain.state.totalPages == 17)
        machine.checkBooks()
    }
    @Test func populatingOverRAMReplacesIt() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        machine.write(UInt64(7), at: 9 << 12, in: guest.domain)
        #expect(guest.populate([9]) == 1)
        #expect(machine.read(UInt64.self, at: 9 << 12, in: guest.domain) == 0)
        #expect(guest.domain.state.totalPages == 16)
        machine.checkBooks()
    }
    @Test(arguments: [1 << 36, UInt64.max, UInt64(UInt32.max), 1 << 52])
    func framesBeyondTheMapAreRefused(gfn: UInt64) throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        let free = machine.freeFrames
        #expect(guest.populate([gfn]) == 0)
        #expect(guest.decrease([gfn]) == 0)
        #expect(machine.freeFrames == free)
    }
    @Test func badInputYieldsACountNotAnError() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        let populate = MemoryOperation.populatePhysmap
        // Unreadable block, unreadable list, unknown domain, foreign domain, order too large, resume beyond the end.
        #expect(guest.memory(populate, at: Caller.nowhere) == 0)
        #expect(guest.reservation(populate, [0x100], list: Caller.nowhere) == 0)
        #expect(guest.populate([0x100], of: 77) == 0)
        _ = try machine.makeDomain(2)
        #expect(guest.populate([0x100], of: 2) == 0)
        #expect(guest.populate([0], order: 10) == 0)
        #expect(guest.populate([0], order: .max) == 0)
        #expect(guest.reservation(populate, [0x100], from: 5) == 5)
        guest.set(Field<MemoryReservationLayout, UInt32>.extentOrder, 0)
        guest.set(Field<MemoryReservationLayout, UInt32>.flags, MemoryFlag.populateOnDemand)
        #expect(guest.memory(populate) == 0)
        #expect(guest.domain.state.totalPages == 16)
        #expect(guest.memory(MemoryOperation.increaseReservation) == 0)
    }
    @Test func anUnmappedPageCannotBeGivenUp() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.decrease([14, 0x900, 15]) == 1)
        #expect(guest.domain.state.totalPages == 15)
    }
    @Test func preemptedWorkGoesOnWhereItStopped() throws {
        let machine = FakeMachine(frameCount: 8192)
        let guest = try machine.guest()
        guest.domain.state.maximumPages = 4096
        // Somebody always wants the CPU.
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        #expect(guest.populate([0x200, 0x400, 0x600], order: 9) == 3)
        #expect(guest.domain.state.totalPages == 16 + 3 * 512)
        #expect(guest.decrease([0x200, 0x400, 0x600], order: 9) == 3)
        #expect(guest.domain.state.totalPages == 16)
        machine.checkBooks()
    }
    @Test func controlToolsPopulateOthers() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.makeDomain(3)
        #expect(control.populate([0x100], of: 3) == 1)
        #expect(guest.state.totalPages == 17)
        machine.checkBooks()
    }
    @Test func aLargeExtentIsClearedInSteps() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.makeDomain(3)
        guest.state.maximumPages = 16 + 512
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        let gfn = GuestFrame(rawValue: 0x200)
        // The way that 1 GiB extents go, taken by one of 2 MiB.
        #expect(try control.vcpu.populateInSteps(guest, gfn, order: 9) == false)
        let block = try #require(guest.state.control.parkedFrame)
        #expect(machine.hypervisor.state.frames.owner(of: block) == .hypervisor)
        #expect(guest.state.totalPages == 16)
        #expect(try control.vcpu.populateInSteps(guest, gfn, order: 9) == true)
        #expect(guest.state.control.parkedFrame == nil)
        #expect(guest.state.physmap.lookup(gfn)?.frame == block)
        #expect(guest.state.totalPages == 16 + 512)
        machine.checkBooks()
        #expect(throws: XenError.noMemory) { try control.vcpu.populateInSteps(guest, gfn, order: 9) }
    }
    @Test func aLargeExtentGivenUpHalfwayIsNotLost() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.makeDomain(9)
        let free = machine.freeFrames
        let guest = try machine.makeDomain(3)
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        #expect(try control.vcpu.populateInSteps(guest, GuestFrame(rawValue: 0x200), order: 9) == false)
        while !machine.hypervisor.destroy(guest, budget: 8) {}
        #expect(machine.freeFrames == free)
    }
    @Test func gigabyteExtentsNeedACPUThatHasThem() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.makeDomain(3)
        guest.state.maximumPages = .max
        #expect(control.populate([262_144], order: 18, of: 3) == 0)
        #expect(guest.state.control.parkedFrame == nil)
    }
    @Test func queriesTellTheAccount() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.makeDomain(3, pages: 20)
        guest.state.maximumPages = 99
        control.set(Field<MemoryDomainLayout, UInt16>.domain, 3)
        #expect(control.memory(MemoryOperation.currentReservation) == 20)
        #expect(control.memory(MemoryOperation.maximumReservation) == 99)
        #expect(control.memory(MemoryOperation.maximumGuestFrame) == 19)
        #expect(control.memory(MemoryOperation.maximumRAMPage) == 4095)
        control.set(Field<MemoryDomainLayout, UInt16>.domain, 9)
        #expect(control.memory(MemoryOperation.currentReservation) == failure(.noSuchDomain))
        #expect(
            control.memory(MemoryOperation.currentReservation, at: Caller.nowhere) == failure(.badAddress))
        let other = Caller(machine: machine, domain: guest)
        other.set(Field<MemoryDomainLayout, UInt16>.domain, 0)
        #expect(other.memory(MemoryOperation.currentReservation) == failure(.notPermitted))
        other.set(Field<MemoryDomainLayout, UInt16>.domain, DomainID.caller.rawValue)
        #expect(other.memory(MemoryOperation.currentReservation) == 20)
        // Progress bits mean nothing to a call that makes none.
        #expect(
            other.call(HypercallNumber.memory, UInt64(MemoryOperation.currentReservation) | 64, other.block)
                == failure(.invalidArgument))
    }
    @Test func whatIsNotOfferedHasItsName() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.memory(MemoryOperation.exchange) == failure(.notPermitted))
        #expect(guest.memory(MemoryOperation.exchange, at: Caller.nowhere) == failure(.badAddress))
        #expect(guest.memory(MemoryOperation.getVNUMAInfo, at: Caller.nowhere) == failure(.badAddress))
        guest.set(Field<VNUMATopologyLayout, UInt16>.domain, 1234)
        #expect(guest.memory(MemoryOperation.getVNUMAInfo) == failure(.noSuchDomain))
        guest.set(Field<VNUMATopologyLayout, UInt16>.domain, DomainID.caller.rawValue)
        #expect(guest.memory(MemoryOperation.getVNUMAInfo) == failure(.notSupported))
        guest.set(Field<VNUMATopologyLayout, UInt16>.padding, 1)
        #expect(guest.memory(MemoryOperation.getVNUMAInfo) == failure(.invalidArgument))
        // Progress where there is none, of what Xen keeps apart.
        for command in [
            MemoryOperation.memoryMap, MemoryOperation.setMemoryMap, MemoryOperation.setPoDTarget,
            MemoryOperation.getPoDTarget,
        ] { #expect(guest.memory(command | 64) == failure(.notImplemented)) }
        for command in [
            MemoryOperation.machinePhysicalFrameList, MemoryOperation.machineMemoryMap,
            MemoryOperation.machinePhysicalMapping, MemoryOperation.getSharingFreedPages,
            MemoryOperation.getSharingSharedPages, MemoryOperation.paging, MemoryOperation.access,
            MemoryOperation.sharing, MemoryOperation.machinePhysicalCompatibleFrameList, 8, 29, 63,
        ] {
            #expect(guest.memory(command) == failure(.notImplemented))
        }
    }
}

@Suite struct MemoryMappingTests {
    @Test func sharedInfoMovesAndFreesWhatItCovers() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 9) == 0)
        #expect(guest.domain.state.totalPages == 15)
        #expect(guest.domain.state.sharedInfoGuestFrame == GuestFrame(rawValue: 9))
        #expect(guest.mapping(9)?.frame == guest.domain.state.sharedInfoFrame)
        // Again at the same place: nothing changes. At the end of the address space: it moves.
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 9) == 0)
        let high: UInt64 = (1 << 36) - 1
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: high) == 0)
        #expect(guest.mapping(9) == nil)
        #expect(guest.mapping(high)?.type == .special)
        #expect(guest.remove(high) == 0)
        #expect(guest.domain.state.sharedInfoGuestFrame == nil)
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 9) == 0)
        machine.checkBooks()
    }
    @Test func sharedInfoRequestsAreChecked() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        _ = try machine.makeDomain(2)
        #expect(guest.add(PhysmapSpace.sharedInfo, 1, at: 9) == failure(.invalidArgument))
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 1 << 36) == failure(.invalidArgument))
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: .max) == failure(.invalidArgument))
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 9, of: 2) == failure(.notPermitted))
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 9, of: 8) == failure(.noSuchDomain))
        #expect(guest.add(PhysmapSpace.foreignGuestFrame, 0, at: 9) == failure(.notImplemented))
        #expect(guest.add(PhysmapSpace.deviceMMIO, 0, at: 9) == failure(.invalidArgument))
        #expect(guest.memory(MemoryOperation.addToPhysmap, at: Caller.nowhere) == failure(.badAddress))
        #expect(guest.domain.state.totalPages == 16)
    }
    @Test func grantFramesGrowOnDemandAndLiveAtOnePlace() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.add(PhysmapSpace.grantTable, 2, at: 0x500) == 0)
        #expect(guest.domain.state.grants.frameCount == 3)
        let frame = try #require(guest.mapping(0x500)?.frame)
        #expect(guest.add(PhysmapSpace.grantTable, 2, at: 0x501) == 0)
        #expect(guest.mapping(0x500) == nil)
        #expect(guest.mapping(0x501)?.frame == frame)
        #expect(guest.add(PhysmapSpace.grantTable, 4, at: 0x502) == failure(.invalidArgument))
        #expect(guest.add(PhysmapSpace.grantTable, 1 << 31, at: 0x502) == failure(.invalidArgument))
        #expect(guest.add(PhysmapSpace.grantTable, .max, at: 0x502) == failure(.invalidArgument))
    }
    @Test func pagesMoveWithinADomain() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        machine.write(UInt64(0xabc), at: 9 << 12, in: guest.domain)
        #expect(guest.add(PhysmapSpace.guestFrame, 9, at: 10) == 0)
        #expect(machine.read(UInt64.self, at: 10 << 12, in: guest.domain) == 0xabc)
        #expect(guest.mapping(9) == nil)
        #expect(guest.domain.state.totalPages == 15)
        #expect(guest.add(PhysmapSpace.guestFrame, 9, at: 11) == failure(.invalidArgument))
        #expect(guest.add(PhysmapSpace.guestFrame, 10, at: 10) == 0)
        #expect(guest.add(PhysmapSpace.guestFrame, 10, at: UInt64(UInt32.max)) == failure(.invalidArgument))
        machine.checkBooks()
    }
    @Test func rangesMoveInOrderAndStopAtTheFirstHole() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(pages: 200)
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        #expect(guest.add(PhysmapSpace.guestFrameRange, 16, at: 0x300, size: 180) == 0)
        #expect(guest.mapping(16) == nil)
        #expect(guest.mapping(0x300 + 179)?.type == .ram)
        #expect(guest.domain.state.totalPages == 200)
        #expect(guest.add(PhysmapSpace.guestFrameRange, 16, at: 0x400, size: 1) == failure(.invalidArgument))
        #expect(guest.add(PhysmapSpace.guestFrameRange, .max - 1, at: 0, size: 4) == failure(.overflow))
        machine.checkBooks()
    }
    @Test func movingOutOfASuperpageSplitsIt() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.populate([0x200], order: 9) == 1)
        #expect(guest.add(PhysmapSpace.guestFrame, 0x205, at: 0x206) == 0)
        #expect(guest.mapping(0x205) == nil)
        #expect(guest.domain.state.totalPages == 16 + 511)
        machine.checkBooks()
    }
    @Test func removalFreesRAMAndRefusesWhatIsNotThere() throws {
        let machine = FakeMachine()
        let guest = try machine.guest()
        #expect(guest.remove(9) == 0)
        #expect(guest.domain.state.totalPages == 15)
        #expect(guest.remove(9) == failure(.noEntry))
        #expect(guest.remove(.max) == failure(.noEntry))
        #expect(guest.remove(9, of: 44) == failure(.noSuchDomain))
    }
}

@Suite struct MemoryForeignTests {
    @Test func foreignPagesArePinnedUntilTheyAreRemoved() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        machine.write(UInt64(0x1234), at: 5 << 12, in: guest.domain)
        let (result, errors) = control.mapForeign(3, [5, 6], at: [0x900, 0x901])
        #expect(result == 0)
        #expect(errors == [0, 0])
        #expect(machine.read(UInt64.self, at: 0x900 << 12, in: control.domain) == 0x1234)
        let frame = try #require(guest.mapping(5)?.frame)
        #expect(machine.hypervisor.state.frames.pinCount(frame) == 1)
        // The owner gives the page up: it stays its own until the mapping goes.
        let free = machine.freeFrames
        #expect(guest.decrease([5]) == 1)
        #expect(machine.freeFrames == free)
        #expect(guest.domain.state.totalPages == 16)
        #expect(control.remove(0x900) == 0)
        #expect(machine.freeFrames == free + 1)
        #expect(guest.domain.state.totalPages == 15)
        #expect(control.remove(0x901) == 0)
        machine.checkBooks()
    }
    @Test func eachEntryHasItsError() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 0x800) == 0)
        let (result, errors) = control.mapForeign(
            3, [5, 0x700, 0x800, .max, 6], at: [0x900, 0x901, 0x902, 0x903, 1 << 40])
        #expect(result == 0)
        let bad = XenError.invalidArgument.rawValue
        #expect(errors == [0, -bad, -bad, -bad, -bad])
        #expect(control.mapForeign(44, [5], at: [0x905]).1 == [-XenError.noSuchDomain.rawValue])
        #expect(control.mapForeign(0, [5], at: [0x905]).1 == [-bad])
        #expect(control.mapForeign(DomainID.caller.rawValue, [5], at: [0x905]).1 == [-bad])
        #expect(control.mapping(0x905) == nil)
        machine.checkBooks()
    }
    @Test func guestsMapNobodysPages() throws {
        let machine = FakeMachine()
        _ = try machine.control()
        _ = try machine.guest(3)
        let guest = try machine.guest(4)
        #expect(guest.mapForeign(3, [5], at: [0x905]).1 == [-XenError.notPermitted.rawValue])
        #expect(guest.mapForeign(0, [5], at: [0x905]).1 == [-XenError.notPermitted.rawValue])
    }
    @Test func batchesAreCheckedAndPreempted() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3, pages: 200)
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        let sources = (0..<150).map { UInt64($0) }
        let (result, errors) = control.mapForeign(3, sources, at: sources.map { $0 + 0x900 })
        #expect(result == 0)
        #expect(errors.allSatisfy { $0 == 0 })
        #expect(control.mapping(0x900 + 149)?.type == .foreign)
        control.set(Field<AddToPhysmapBatchLayout, UInt16>.space, UInt16(PhysmapSpace.guestFrameRange))
        #expect(control.memory(MemoryOperation.addToPhysmapBatch) == failure(.notSupported))
        control.set(Field<AddToPhysmapBatchLayout, UInt16>.space, UInt16(PhysmapSpace.sharedInfo))
        #expect(control.memory(MemoryOperation.addToPhysmapBatch) == failure(.invalidArgument))
        control.set(Field<AddToPhysmapBatchLayout, UInt16>.space, UInt16(PhysmapSpace.foreignGuestFrame))
        control.set(Field<AddToPhysmapBatchLayout, UInt64>.indexes, Caller.nowhere)
        #expect(control.memory(MemoryOperation.addToPhysmapBatch) == failure(.badAddress))
        for gfn in sources { #expect(control.remove(gfn + 0x900) == 0) }
        machine.checkBooks()
    }
    @Test func aForeignPageGivesWayOnlyToAnother() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(control.mapForeign(3, [5], at: [0x900]).1 == [0])
        #expect(control.mapForeign(3, [6], at: [0x900]).1 == [0])
        #expect(machine.hypervisor.state.frames.pinCount(guest.mapping(5)!.frame) == 0)
        #expect(machine.hypervisor.state.frames.pinCount(guest.mapping(6)!.frame) == 1)
        #expect(control.add(PhysmapSpace.sharedInfo, 0, at: 0x900) == failure(.notPermitted))
    }
    @Test func grantFramesOfOthersAreAcquired() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        control.writeList([0x900, 0x901])
        control.set(Field<AcquireResourceLayout, UInt16>.domain, 3)
        control.set(Field<AcquireResourceLayout, UInt16>.type, ResourceType.grantTable)
        control.set(Field<AcquireResourceLayout, UInt32>.id, GrantTableResource.shared)
        control.set(Field<AcquireResourceLayout, UInt32>.padding, 0)
        control.set(Field<AcquireResourceLayout, UInt64>.frame, 1)
        func acquire(_ count: UInt32, list: UInt64) -> Int64 {
            control.set(Field<AcquireResourceLayout, UInt32>.frameCount, count)
            control.set(Field<AcquireResourceLayout, UInt64>.frameList, list)
            return control.memory(MemoryOperation.acquireResource)
        }
        #expect(acquire(2, list: control.list) == 0)
        #expect(guest.domain.state.grants.frameCount == 3)
        #expect(control.mapping(0x901)?.type == .foreign)
        // How many there may be; beyond them; sizes that overflow.
        #expect(acquire(0, list: 0) == 0)
        #expect(control.get(Field<AcquireResourceLayout, UInt32>.frameCount) == 4)
        #expect(acquire(1, list: 0) == failure(.invalidArgument))
        #expect(acquire(4, list: control.list) == failure(.invalidArgument))
        control.set(Field<AcquireResourceLayout, UInt64>.frame, .max)
        #expect(acquire(2, list: control.list) == failure(.invalidArgument))
        control.set(Field<AcquireResourceLayout, UInt32>.padding, 1)
        #expect(acquire(0, list: 0) == failure(.invalidArgument))
        control.set(Field<AcquireResourceLayout, UInt32>.padding, 0)
        control.set(Field<AcquireResourceLayout, UInt32>.id, GrantTableResource.status)
        #expect(acquire(0, list: 0) == failure(.invalidArgument))
        control.set(Field<AcquireResourceLayout, UInt16>.type, ResourceType.ioreqServer)
        #expect(acquire(0, list: 0) == failure(.notSupported))
        #expect(guest.memory(MemoryOperation.acquireResource) == failure(.accessDenied))
        // The frames outlive their domain while they are mapped.
        while !machine.hypervisor.destroy(guest.domain, budget: 64) {}
        let free = machine.freeFrames
        #expect(control.remove(0x900) == 0)
        #expect(control.remove(0x901) == 0)
        #expect(machine.freeFrames == free + 2)
    }
}

@Suite struct MemoryHardwareDomainTests {
    @Test func anOverlayHidesTheFrameAndItsRemovalShowsIt() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        machine.write(UInt64(0xfeed), at: 0x40 << 12, in: control.domain)
        let free = machine.freeFrames
        #expect(control.add(PhysmapSpace.sharedInfo, 0, at: 0x40) == 0)
        #expect(machine.hypervisor.state.frames.owner(of: MachineFrame(rawValue: 0x40)) == .zero)
        #expect(machine.freeFrames == free)
        #expect(control.add(PhysmapSpace.sharedInfo, 0, at: 0x41) == 0)
        #expect(control.mapping(0x40)?.frame == MachineFrame(rawValue: 0x40))
        #expect(machine.read(UInt64.self, at: 0x40 << 12, in: control.domain) == 0xfeed)
        #expect(control.remove(0x41) == 0)
        #expect(control.mapping(0x41)?.type == .ram)
        #expect(control.domain.state.totalPages == 256)
        machine.checkBooks()
    }
    @Test func ballooningKeepsTheFrame() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let free = machine.freeFrames
        machine.write(UInt64(0xfeed), at: 0x40 << 12, in: control.domain)
        #expect(control.decrease([0x40, 0x41]) == 2)
        #expect(control.mapping(0x40) == nil)
        #expect(machine.freeFrames == free)
        #expect(control.populate([0x40]) == 1)
        #expect(control.mapping(0x40)?.frame == MachineFrame(rawValue: 0x40))
        // It is the domain's own content: nobody had the frame meanwhile.
        #expect(machine.read(UInt64.self, at: 0x40 << 12, in: control.domain) == 0xfeed)
        #expect(control.populate([0x40]) == 1)
        // Nobody else's frame can be had, nor one that does not exist.
        #expect(control.populate([0x300]) == 0)
        #expect(control.populate([1 << 30]) == 0)
        #expect(control.populate([.max]) == 0)
        machine.checkBooks()
    }
    @Test func foreignPagesLieOverRAMAndDeviceHoles() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3)
        let hypervisor = machine.hypervisor
        try control.domain.state.physmap.map(
            GuestFrame(rawValue: 0xfe000), to: MachineFrame(rawValue: 0xfe000), type: .device, writable: true,
            frames: &hypervisor.state.frames)
        #expect(control.mapForeign(3, [5, 6], at: [0x50, 0xfe000]).1 == [0, 0])
        #expect(control.domain.state.totalPages == 256)
        #expect(control.remove(0x50) == 0)
        #expect(control.mapping(0x50)?.frame == MachineFrame(rawValue: 0x50))
        #expect(control.mapping(0x50)?.type == .ram)
        #expect(control.remove(0xfe000) == 0)
        #expect(control.mapping(0xfe000) == nil)
        machine.checkBooks()
    }
    @Test func deviceMemoryIsNotRemovedAndRAMNotMoved() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let hypervisor = machine.hypervisor
        try control.domain.state.physmap.map(
            GuestFrame(rawValue: 0xfe000), to: MachineFrame(rawValue: 0xfe000), type: .device, writable: true,
            frames: &hypervisor.state.frames)
        #expect(control.remove(0xfe000) == failure(.notPermitted))
        #expect(control.add(PhysmapSpace.guestFrame, 0x40, at: 0x41) == failure(.notPermitted))
    }
}

@Suite struct MemoryMapTests {
    private func setMap(_ control: Caller, _ id: UInt16, _ count: UInt32, buffer: UInt64? = nil) -> Int64 {
        control.set(Field<ForeignMemoryMapLayout, UInt16>.domain, id)
        control.set(Field<ForeignMemoryMapLayout, UInt32>.entryCount, count)
        control.set(Field<ForeignMemoryMapLayout, UInt64>.buffer, buffer ?? control.list)
        return control.memory(MemoryOperation.setMemoryMap)
    }
    private func getMap(_ guest: Caller, _ count: UInt32, buffer: UInt64? = nil) -> Int64 {
        guest.set(Field<MemoryMapLayout, UInt32>.entryCount, count)
        guest.set(Field<MemoryMapLayout, UInt64>.buffer, buffer ?? guest.list)
        return guest.memory(MemoryOperation.memoryMap)
    }
    @Test func aMapIsInstalledAndReadInPart() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(guest.memory(MemoryOperation.memoryMap, at: Caller.nowhere) == failure(.badAddress))
        #expect(getMap(guest, 8) == failure(.notImplemented))
        #expect(setMap(control, 3, 0) == 0)
        #expect(getMap(guest, 8) == failure(.notImplemented))
        for byte in UInt64(0)..<60 { machine.write(UInt8(byte), at: control.list + byte, in: control.domain) }
        #expect(setMap(control, 3, 3) == 0)
        #expect(getMap(guest, 8) == 0)
        #expect(guest.get(Field<MemoryMapLayout, UInt32>.entryCount) == 3)
        #expect(guest.readList(60, of: UInt8.self, at: guest.list) == (0..<60).map { UInt8($0) })
        machine.fill(0xff, at: guest.list, count: 60, in: guest.domain)
        #expect(getMap(guest, 1) == 0)
        #expect(guest.get(Field<MemoryMapLayout, UInt32>.entryCount) == 1)
        #expect(machine.read(UInt8.self, at: guest.list + 20, in: guest.domain) == 0xff)
        #expect(getMap(guest, 8, buffer: Caller.nowhere) == failure(.badAddress))
    }
    @Test func largeMapsReplaceSmallOnesWithoutLoss() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.makeDomain(3, pages: 40)
        #expect(setMap(control, 3, 1) == 0)
        let free = machine.freeFrames
        #expect(setMap(control, 3, 1024) == 0)
        #expect(machine.freeFrames == free + 1 - 8)
        #expect(setMap(control, 3, 2) == 0)
        #expect(machine.freeFrames == free)
        #expect(guest.state.memoryMapCount == 2)
    }
    @Test func badMapsChangeNothing() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(setMap(control, 3, 2) == 0)
        let free = machine.freeFrames
        #expect(setMap(control, 3, 1025) == failure(.invalidArgument))
        #expect(setMap(control, 3, 4, buffer: Caller.nowhere) == failure(.badAddress))
        #expect(setMap(control, 4, 4) == failure(.noSuchDomain))
        #expect(setMap(guest, 0, 4) == failure(.notPermitted))
        #expect(machine.freeFrames == free)
        #expect(guest.domain.state.memoryMapCount == 2)
        // Its own it may set.
        #expect(setMap(guest, DomainID.caller.rawValue, 1) == 0)
        #expect(guest.domain.state.memoryMapCount == 1)
    }
    @Test func startUpCodeWritesEntries() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        try guest.domain.resetMemoryMap(count: 300)
        guest.domain.setMemoryMapEntry(205, address: 0x1122_3344_5566_7788, size: 0x1000, type: E820Type.acpi)
        guest.domain.setMemoryMapEntry(300, address: 1, size: 1, type: 1)
        #expect(getMap(guest, 300) == 0)
        let entry = guest.list + 205 * 20
        #expect(machine.read(UInt64.self, at: entry, in: guest.domain) == 0x1122_3344_5566_7788)
        #expect(machine.read(UInt64.self, at: entry + 8, in: guest.domain) == 0x1000)
        #expect(machine.read(UInt32.self, at: entry + 16, in: guest.domain) == E820Type.acpi)
    }
    @Test func claimsKeepMemoryForTheirDomain() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.makeDomain(3)
        let rival = try machine.guest(4)
        guest.state.maximumPages = .max
        rival.domain.state.maximumPages = .max
        func claim(_ count: UInt64) -> Int64 {
            control.set(Field<MemoryReservationLayout, UInt64>.extentStart, 0)
            control.set(Field<MemoryReservationLayout, UInt64>.extentCount, count)
            control.set(Field<MemoryReservationLayout, UInt32>.extentOrder, 0)
            control.set(Field<MemoryReservationLayout, UInt32>.flags, 0)
            control.set(Field<MemoryReservationLayout, UInt16>.domain, 3)
            return control.memory(MemoryOperation.claimPages)
        }
        let free = machine.freeFrames
        #expect(claim(16) == failure(.invalidArgument))
        #expect(claim(16 + free + 1) == failure(.noMemory))
        #expect(claim(16 + free) == 0)
        #expect(claim(16 + free) == failure(.invalidArgument))
        #expect(rival.populate([0x100]) == 0)
        #expect(control.populate([0x100], of: 3) == 1)
        #expect(guest.state.claimedPages == free - 1)
        #expect(claim(0) == 0)
        #expect(machine.hypervisor.state.frames.claimedFrames == 0)
        #expect(rival.populate([0x100]) == 1)
        rival.set(Field<MemoryReservationLayout, UInt64>.extentStart, 0)
        #expect(rival.memory(MemoryOperation.claimPages) == failure(.notPermitted))
    }
    @Test func populateOnDemandIsNotOffered() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        control.set(Field<PoDTargetLayout, UInt16>.domain, 3)
        control.set(Field<PoDTargetLayout, UInt64>.targetPages, 16)
        #expect(control.memory(MemoryOperation.setPoDTarget) == 0)
        #expect(control.get(Field<PoDTargetLayout, UInt64>.totalPages) == 16)
        control.set(Field<PoDTargetLayout, UInt64>.targetPages, 8)
        #expect(control.memory(MemoryOperation.setPoDTarget) == failure(.notSupported))
        #expect(control.memory(MemoryOperation.getPoDTarget) == 0)
        guest.set(Field<PoDTargetLayout, UInt16>.domain, DomainID.caller.rawValue)
        #expect(guest.memory(MemoryOperation.getPoDTarget) == failure(.notPermitted))
        #expect(guest.memory(MemoryOperation.reservedDeviceMemoryMap) == 0)
        #expect(guest.get(Field<ReservedDeviceMemoryMapLayout, UInt32>.entryCount) == 0)
    }
}

@Suite struct MemoryStormTests {
    /// Random calls of two guests and the control domain, most of them senseless: the books stay right and nothing traps.
    @Test(arguments: [UInt64(1), 2, 3])
    func theBooksSurviveAStorm(seed: UInt64) throws {
        var random = seed &* 0x9e37_79b9_7f4a_7c15
        func next(_ limit: UInt64) -> UInt64 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return random % limit
        }
        let machine = FakeMachine()
        let control = try machine.control()
        let guests = [control, try machine.guest(1), try machine.guest(2)]
        for round in 0..<600 {
            let caller = guests[Int(next(3))]
            // Pages 0 to 7 hold the caller's own blocks.
            let gfns = (0..<4).map { _ in next(20) == 0 ? next(.max) : 8 + next(0x100) }
            let id = UInt16(next(4))
            switch next(8) {
            case 0, 1: _ = caller.populate(gfns, order: next(4) == 0 ? UInt32(next(10)) : 0, of: id)
            case 2, 3: _ = caller.decrease(gfns)
            case 4: _ = caller.add([0, 1, 1, 3, 4, 5][Int(next(6))], next(4), at: gfns[0])
            case 5: _ = caller.add(PhysmapSpace.guestFrame, gfns[0], at: gfns[1])
            case 6: _ = caller.mapForeign(id, [gfns[0], gfns[1]], at: [gfns[2], gfns[3]])
            default: _ = caller.remove(gfns[0])
            }
            if round % 50 == 0 { machine.checkBooks() }
        }
        machine.checkBooks()
        for guest in guests[1...] { while !machine.hypervisor.destroy(guest.domain, budget: 100) {} }
        for gfn in UInt64(8)..<0x120 where control.mapping(gfn)?.type == .foreign {
            #expect(control.remove(gfn) == 0)
        }
        machine.checkBooks()
        #expect(machine.hypervisor.state.domains.count == 1)
    }
}
