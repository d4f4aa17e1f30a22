// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

/// Calls from 32-bit code: their registers, their blocks, their lists, and the shared information as they read it.
@Suite struct CompatCallTests {
    private func makeCaller() throws -> Caller {
        let caller = try FakeMachine().guest()
        caller.machine.makeCallers32Bit(caller.domain)
        return caller
    }

    // MARK: Registers

    @Test func highHalvesOfRegistersAreNotLookedAt() throws {
        // `load` fills them with rubbish.
        let caller = try makeCaller()
        #expect(
            caller.call(HypercallNumber.version, UInt64(VersionOperation.version)) == HypervisorVersion.number
        )
        #expect(plain(caller.vcpu.state.registers[.rax]) >> 32 == 0)
        #expect(caller.call(HypercallNumber.version, 99) == XenError.notImplemented.returnValue)
        #expect(plain(caller.vcpu.state.registers[.rax]) >> 32 == 0)
    }
    @Test func ring3IsRefused() throws {
        let caller = try makeCaller()
        caller.vcpu.setGuestMode(privilegeLevel: 3, is32Bit: true)
        #expect(caller.call(HypercallNumber.version, 0) == XenError.notPermitted.returnValue)
    }
    @Test func realModeIsRefused() throws {
        let caller = try makeCaller()
        caller.vcpu.state.paging = GuestPagingState(
            cr0: 0x10, cr3: 0, cr4: 0, efer: 0, privilegeLevel: 0, isLongMode: false)
        #expect(
            caller.call(HypercallNumber.version, UInt64(VersionOperation.version))
                == XenError.notPermitted.returnValue)
    }
    @Test func aTimerComesInTwoHalves() throws {
        let caller = try makeCaller()
        let deadline: UInt64 = 5 << 32 | 7
        #expect(caller.call(HypercallNumber.setTimer, deadline & 0xffff_ffff, deadline >> 32) == 0)
        #expect(caller.machine.hypervisor.nextDeadline(cpu: 0) == deadline)
        #expect(caller.call(HypercallNumber.setTimer, 0, 0) == 0)
        #expect(caller.machine.hypervisor.nextDeadline(cpu: 0) == .max)
    }
    @Test func aCountBeyond31BitsIsNoError() throws {
        let machine = FakeMachine()
        let caller = try machine.guest()
        caller.domain.state.maximumPages = 1 << 40
        machine.makeCallers32Bit(caller.domain)
        machine.write(DomainID.caller.rawValue, at: caller.block, in: caller.domain)
        #expect(caller.memory(MemoryOperation.maximumReservation) == Int64(Int32.max))
    }

    @Test func aCountBeyond31BitsIsNoErrorInABatchEither() throws {
        let machine = FakeMachine()
        let caller = try machine.guest()
        caller.domain.state.maximumPages = 1 << 40
        machine.makeCallers32Bit(caller.domain)
        machine.write(DomainID.caller.rawValue, at: caller.block, in: caller.domain)
        let entry: [UInt32] = [
            HypercallNumber.memory, 77, MemoryOperation.maximumReservation, UInt32(caller.block), 0, 0, 0, 0,
        ]
        for (index, word) in entry.enumerated() {
            machine.write(word, at: caller.list + UInt64(index * 4), in: caller.domain)
        }
        #expect(caller.call(HypercallNumber.multicall, caller.list, 1) == 0)
        #expect(machine.read(Int32.self, at: caller.list + 4, in: caller.domain) == .max)
    }

    // MARK: Memory

    @Test func reservationsHave20BytesAndListsOf4() throws {
        let caller = try makeCaller()
        #expect(caller.populate([0x100, 0x101, 0x105]) == 3)
        for gfn: UInt64 in [0x100, 0x101, 0x105] { #expect(caller.mapping(gfn)?.type == .ram) }
        #expect(caller.mapping(0x102) == nil)
        #expect(caller.decrease([0x101, 0x105]) == 2)
        #expect(caller.mapping(0x105) == nil)
        #expect(caller.mapping(0x100)?.type == .ram)
        caller.machine.checkBooks()
    }
    @Test func pagesAreAddedAndRemoved() throws {
        let caller = try makeCaller()
        #expect(caller.add(PhysmapSpace.sharedInfo, 0, at: 0x80) == 0)
        #expect(caller.mapping(0x80)?.frame == plain(caller.domain.state.sharedInfoFrame))
        #expect(caller.add(PhysmapSpace.grantTable, 9, at: 0x81) == XenError.invalidArgument.returnValue)
        #expect(caller.remove(0x80) == 0)
        #expect(caller.mapping(0x80) == nil)
    }
    @Test func batchesHaveListsOf4() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let other = try machine.guest(7)
        machine.makeCallers32Bit(control.domain, other.domain)
        let (result, errors) = control.mapForeign(7, [3, 0x7000], at: [0x400, 0x401])
        #expect(result == 0)
        #expect(errors[0] == 0)
        #expect(errors[1] < 0)
        #expect(control.mapping(0x400)?.frame == other.mapping(3)?.frame)
    }
    @Test func theMemoryMapGoesThroughAnAddressOf4Bytes() throws {
        let caller = try makeCaller()
        try caller.domain.resetMemoryMap(count: 2)
        caller.domain.setMemoryMapEntry(0, address: 0, size: 0x9_0000, type: 1)
        caller.domain.setMemoryMapEntry(1, address: 0x10_0000, size: 0x70_0000, type: 1)
        caller.set(Field<MemoryMapLayout, UInt32>.entryCount, 9)
        caller.set(Field<MemoryMapLayout, UInt64>.buffer, caller.list)
        #expect(caller.memory(MemoryOperation.memoryMap) == 0)
        #expect(caller.get(Field<MemoryMapLayout, UInt32>.entryCount) == 2)
        #expect(caller.machine.read(UInt64.self, at: caller.list + 20, in: caller.domain) == 0x10_0000)
    }
    @Test func anExchangeHas44Bytes() throws {
        let caller = try makeCaller()
        let end: UInt64 = 16 << 12
        #expect(
            caller.memory(MemoryOperation.exchange, at: end - 44) == XenError.notPermitted.returnValue)
        #expect(caller.memory(MemoryOperation.exchange, at: end - 40) == XenError.badAddress.returnValue)
    }
    @Test func onlyTheBytesOfTheSmallFormMustBeThere() throws {
        // 20 bytes at the end of the last page: 32 would not fit.
        let caller = try makeCaller()
        let end: UInt64 = 16 << 12
        let layout = MemoryReservationLayout.self
        caller.machine.setLong(0x100, 0, of: caller.list, in: caller.domain)
        caller.machine.set(
            Field<MemoryReservationLayout, UInt64>.extentStart, caller.list, at: end - 20, in: caller.domain)
        caller.machine.set(
            Field<MemoryReservationLayout, UInt64>.extentCount, 1, at: end - 20, in: caller.domain)
        caller.machine.set(
            Field<MemoryReservationLayout, UInt16>.domain, DomainID.caller.rawValue, at: end - 20,
            in: caller.domain)
        #expect(layout.compat?.byteCount == 20)
        #expect(caller.memory(MemoryOperation.populatePhysmap, at: end - 20) == 1)
        #expect(caller.memory(MemoryOperation.addToPhysmap, at: end - 12) == XenError.badAddress.returnValue)
    }

    // MARK: Grants

    @Test func copiesHave24Bytes() throws {
        let fixture = try GrantFixture()
        let machine = fixture.machine
        machine.makeCallers32Bit(fixture.granter, fixture.mapper)
        try fixture.grant(9, page: 5, to: 2, by: fixture.granter)
        machine.fill(0x5a, at: 5 << 12, count: 4096, in: fixture.granter)
        machine.fill(0, at: 6 << 12, count: 4096, in: fixture.mapper)
        // Two entries: the second, 24 bytes further on, has a bad reference.
        for index: UInt64 in 0..<2 {
            let at = GrantFixture.block + 24 * index
            machine.write(UInt32(index == 0 ? 9 : 99_999), at: at, in: fixture.mapper)
            machine.write(UInt16(1), at: at + 4, in: fixture.mapper)
            machine.write(UInt16(16), at: at + 6, in: fixture.mapper)
            machine.write(UInt32(6), at: at + 8, in: fixture.mapper)
            machine.write(DomainID.caller.rawValue, at: at + 12, in: fixture.mapper)
            machine.write(UInt16(32), at: at + 14, in: fixture.mapper)
            machine.write(UInt16(64), at: at + 16, in: fixture.mapper)
            machine.write(GrantCopyFlag.sourceIsReference, at: at + 18, in: fixture.mapper)
            machine.write(Int16(77), at: at + 20, in: fixture.mapper)
        }
        #expect(fixture.operate(GrantTableOperation.copy, by: fixture.mapper, count: 2) == 0)
        #expect(machine.read(Int16.self, at: GrantFixture.block + 20, in: fixture.mapper) == 0)
        #expect(
            machine.read(Int16.self, at: GrantFixture.block + 44, in: fixture.mapper)
                == GrantStatusCode.badReference)
        #expect(machine.read(UInt8.self, at: 6 << 12 | 31, in: fixture.mapper) == 0)
        #expect(machine.read(UInt8.self, at: 6 << 12 | 32, in: fixture.mapper) == 0x5a)
        #expect(machine.read(UInt8.self, at: 6 << 12 | 95, in: fixture.mapper) == 0x5a)
        #expect(machine.read(UInt8.self, at: 6 << 12 | 96, in: fixture.mapper) == 0)
    }
    @Test func mapsHaveTheSameFormInBothWidths() throws {
        let fixture = try GrantFixture()
        fixture.machine.makeCallers32Bit(fixture.granter, fixture.mapper)
        try fixture.grant(9, page: 5, to: 2, by: fixture.granter)
        let block = GrantFixture.block
        fixture.machine.write(UInt64(GrantFixture.hole << 12), at: block, in: fixture.mapper)
        fixture.machine.write(GrantMapFlag.hostMap, at: block + 8, in: fixture.mapper)
        fixture.machine.write(UInt32(9), at: block + 12, in: fixture.mapper)
        fixture.machine.write(UInt16(1), at: block + 16, in: fixture.mapper)
        #expect(fixture.operate(GrantTableOperation.mapGrantReference, by: fixture.mapper) == 0)
        #expect(fixture.machine.read(Int16.self, at: block + 18, in: fixture.mapper) == 0)
        let handle = fixture.machine.read(UInt32.self, at: block + 20, in: fixture.mapper)
        fixture.machine.write(UInt64(0), at: block + 8, in: fixture.mapper)
        fixture.machine.write(handle, at: block + 16, in: fixture.mapper)
        #expect(fixture.operate(GrantTableOperation.unmapGrantReference, by: fixture.mapper) == 0)
        #expect(fixture.machine.read(Int16.self, at: block + 20, in: fixture.mapper) == 0)
    }
    @Test func theTableListsFramesOf4Bytes() throws {
        let caller = try makeCaller()
        #expect(caller.add(PhysmapSpace.grantTable, 0, at: 0x90) == 0)
        caller.set(Field<GrantSetupTableLayout, UInt16>.domain, DomainID.caller.rawValue)
        caller.set(Field<GrantSetupTableLayout, UInt32>.frameCount, 2)
        caller.set(Field<GrantSetupTableLayout, UInt64>.frameList, caller.list)
        #expect(
            caller.call(
                HypercallNumber.grantTable, UInt64(GrantTableOperation.setupTable), caller.block, 1) == 0)
        #expect(caller.get(Field<GrantSetupTableLayout, Int16>.status) == 0)
        #expect(caller.machine.getLong(0, of: caller.list, in: caller.domain) == 0x90)
        #expect(caller.machine.getLong(1, of: caller.list, in: caller.domain) == 0xffff_ffff)
    }

    // MARK: vCPUs and scheduling

    @Test func runStateHas44Bytes() throws {
        let caller = try makeCaller()
        let (machine, domain) = (caller.machine, caller.domain)
        machine.fill(0xee, at: caller.list, count: 64, in: domain)
        #expect(
            caller.call(
                HypercallNumber.vcpu, UInt64(VCPUOperation.getRunstateInfo), 0, caller.list) == 0)
        #expect(machine.read(UInt32.self, at: caller.list, in: domain) <= 3)
        #expect(machine.read(UInt8.self, at: caller.list + 43, in: domain) == 0)
        #expect(machine.read(UInt8.self, at: caller.list + 44, in: domain) == 0xee)
    }
    @Test func aRunStateAreaNeeds4ByteAlignmentAndMayCrossAPage() throws {
        let caller = try makeCaller()
        let (machine, domain) = (caller.machine, caller.domain)
        let area: UInt64 = 0x5000 - 20
        machine.fill(0xee, at: area, count: 64, in: domain)
        // The upper half of the union is not an address.
        machine.write(UInt32(area), at: caller.block, in: domain)
        machine.write(UInt32.max, at: caller.block + 4, in: domain)
        let register = UInt64(VCPUOperation.registerRunstateMemoryArea)
        #expect(caller.call(HypercallNumber.vcpu, register, 0, caller.block) == 0)
        #expect(machine.read(UInt32.self, at: area, in: domain) <= 3)
        #expect(machine.read(UInt8.self, at: area + 43, in: domain) == 0)
        #expect(machine.read(UInt8.self, at: area + 44, in: domain) == 0xee)
        machine.write(UInt32(area + 2), at: caller.block, in: domain)
        #expect(
            caller.call(HypercallNumber.vcpu, register, 0, caller.block) == XenError.badAddress.returnValue)
        machine.write(UInt32(0), at: caller.block, in: domain)
        #expect(caller.call(HypercallNumber.vcpu, register, 0, caller.block) == 0)
    }
    @Test func aTimeAreaNeeds4ByteAlignment() throws {
        let caller = try makeCaller()
        let (machine, domain) = (caller.machine, caller.domain)
        let register = UInt64(VCPUOperation.registerTimeMemoryArea)
        machine.fill(0xee, at: 0x5000, count: 64, in: domain)
        machine.write(UInt32(0x5004), at: caller.block, in: domain)
        #expect(caller.call(HypercallNumber.vcpu, register, 0, caller.block) == 0)
        #expect(machine.read(UInt32.self, at: 0x5004, in: domain) & 1 == 0)
        #expect(machine.read(UInt64.self, at: 0x5004 + 16, in: domain) == 0)
        #expect(machine.read(UInt8.self, at: 0x5003, in: domain) == 0xee)
        #expect(machine.read(UInt8.self, at: 0x5004 + 32, in: domain) == 0xee)
    }
    @Test func aPollHas16Bytes() throws {
        let caller = try makeCaller()
        let (machine, domain) = (caller.machine, caller.domain)
        machine.write(UInt32(0), at: caller.block, in: domain)
        #expect(
            caller.call(HypercallNumber.eventChannel, UInt64(EventChannelOperation.bindIPI), caller.block)
                == 0)
        let port = machine.read(UInt32.self, at: caller.block + 4, in: domain)
        machine.write(UInt32(caller.list), at: caller.block, in: domain)
        machine.write(UInt32(1), at: caller.block + 4, in: domain)
        machine.write(UInt64(3 << 32), at: caller.block + 8, in: domain)
        machine.write(port, at: caller.list, in: domain)
        #expect(caller.call(HypercallNumber.scheduler, UInt64(SchedulerOperation.poll), caller.block) == 0)
        #expect(plain(caller.vcpu.state.pollPort) == port)
        #expect(machine.hypervisor.nextDeadline(cpu: 0) == 3 << 32)
    }

    // MARK: Batches

    @Test func batchEntriesHave32Bytes() throws {
        let caller = try makeCaller()
        let (machine, domain) = (caller.machine, caller.domain)
        let words: [[UInt32]] = [
            [HypercallNumber.version, 77, VersionOperation.version, 0, 0, 0, 0, 0],
            [HypercallNumber.setTimer, 77, 9, 1, 0, 0, 0, 0],
            [HypercallNumber.multicall, 77, 0, 0, 0, 0, 0, 0],
        ]
        for (index, word) in words.joined().enumerated() {
            machine.write(word, at: caller.list + UInt64(index * 4), in: domain)
        }
        #expect(caller.call(HypercallNumber.multicall, caller.list, 3) == 0)
        let results: [Int32] = (0..<3).map { machine.read(at: caller.list + UInt64($0 * 32 + 4), in: domain) }
        #expect(results == [Int32(HypervisorVersion.number), 0, 0 - XenError.invalidArgument.rawValue])
        #expect(machine.hypervisor.nextDeadline(cpu: 0) == 1 << 32 | 9)
    }
    @Test func aLongCallInsideABatchGoesOnInItsEntry() throws {
        let caller = try makeCaller()
        let (machine, domain) = (caller.machine, caller.domain)
        domain.state.maximumPages = 2000
        let count: UInt32 = 700
        // The list of extents fills pages 2 and on; block and batch stand before it.
        for index in 0..<Int(count) {
            machine.setLong(0x100 + UInt64(index), index, of: caller.list, in: domain)
        }
        caller.set(Field<MemoryReservationLayout, UInt64>.extentStart, caller.list)
        caller.set(Field<MemoryReservationLayout, UInt64>.extentCount, UInt64(count))
        caller.set(Field<MemoryReservationLayout, UInt16>.domain, DomainID.caller.rawValue)
        let batch = caller.block + 0x800
        let entry: [UInt32] = [
            HypercallNumber.memory, 77, MemoryOperation.populatePhysmap, UInt32(caller.block), 0, 0, 0, 0,
        ]
        for (index, word) in entry.enumerated() {
            machine.write(word, at: batch + UInt64(index * 4), in: domain)
        }
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        caller.vcpu.load(UInt64(HypercallNumber.multicall), [batch, 1, 0, 0, 0])
        caller.vcpu.state.continuesHypercall = false
        caller.vcpu.handleHypercall()
        #expect(plain(caller.vcpu.state.continuesHypercall))
        #expect(machine.read(UInt32.self, at: batch + 8, in: domain) > 64)
        #expect(plain(caller.vcpu.state.registers[.rbx]) == batch)
        #expect(plain(caller.vcpu.state.registers[.rcx]) == 1)
        machine.hypervisor.state.scheduler.needsReschedule[0] = false
        caller.vcpu.state.continuesHypercall = false
        caller.vcpu.handleHypercall()
        #expect(plain(!caller.vcpu.state.continuesHypercall))
        #expect(machine.read(UInt32.self, at: batch + 4, in: domain) == count)
        #expect(plain(domain.state.totalPages) == 16 + UInt64(count))
    }

    // MARK: Shared information

    /// Sets the callback parameter, where the form is latched.
    private func latch(_ caller: Caller) {
        caller.set(Field<HVMParameterLayout, UInt16>.domain, DomainID.caller.rawValue)
        caller.set(Field<HVMParameterLayout, UInt32>.index, HVMParameter.callbackInterrupt)
        caller.set(Field<HVMParameterLayout, UInt64>.value, HVMCallbackType.vector << 56 | 0xf3)
        #expect(caller.call(HypercallNumber.hvm, UInt64(HVMOperation.setParameter), caller.block) == 0)
    }
    @Test func theFormIsLatchedWithTheCallback() throws {
        let machine = FakeMachine()
        let caller = try machine.guest()
        latch(caller)
        #expect(plain(caller.domain.state.sharedInfoIs32Bit) == false)
        machine.makeCallers32Bit(caller.domain)
        #expect(plain(caller.domain.state.sharedInfoIs32Bit) == false)
        latch(caller)
        #expect(plain(caller.domain.state.sharedInfoIs32Bit) == true)
        // The wallclock moved with it.
        let version = caller.domain.sharedInfo32.load(Field<SharedInfo32Layout, UInt32>.wallclockVersion)
        #expect(version != 0)
        #expect(version & 1 == 0)
        caller.vcpu.setGuestMode()
        caller.machine.write(HVMCallbackType.vector << 56 | 0xf3, at: caller.block + 8, in: caller.domain)
        #expect(caller.call(HypercallNumber.hvm, UInt64(HVMOperation.setParameter), caller.block) == 0)
        #expect(plain(caller.domain.state.sharedInfoIs32Bit) == false)
    }
    @Test func anotherDomainsParameterLatchesNothing() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        machine.makeCallers32Bit(control.domain)
        control.set(Field<HVMParameterLayout, UInt16>.domain, 3)
        control.set(Field<HVMParameterLayout, UInt32>.index, HVMParameter.callbackInterrupt)
        control.set(Field<HVMParameterLayout, UInt64>.value, 0)
        #expect(control.call(HypercallNumber.hvm, UInt64(HVMOperation.setParameter), control.block) == 0)
        #expect(plain(guest.domain.state.sharedInfoIs32Bit) == false)
        #expect(plain(control.domain.state.sharedInfoIs32Bit) == false)
    }
    @Test func eventsUseWordsOf32Ports() throws {
        let fixture = try EventChannelFixture()
        let (machine, guest) = (fixture.machine, fixture.guest)
        let port = fixture.bindVIRQ(VirtualInterrupt.timer, by: guest).port
        var last = port
        while last < 40 { last = fixture.bindIPI(vcpu: 1, by: guest).port }
        guest.latchSharedInfoForm(is32Bit: true)
        let vcpu = try #require(guest.vcpu(1))
        let info = try #require(vcpu.info32)
        machine.write(last, at: EventChannelFixture.block, in: guest)
        #expect(fixture.operate(EventChannelOperation.send, by: guest) == 0)
        let shared = guest.sharedInfo32
        #expect(shared.load(.eventPending.element(1)) == 1 << (last - 32))
        #expect(shared.load(.eventPending.element(0)) == 0)
        #expect(info.load(.pendingSelector) == 1 << 1)
        #expect(info.load(.upcallPending) == 1)
        #expect(guest.isEventPending(last) == true)
        // Behind its mask an event waits for `unmask`.
        shared.clearBits(.max, at: .eventPending.element(1))
        info.store(0, to: .pendingSelector)
        _ = info.exchange(0, at: .upcallPending)
        shared.setBits(1 << (last - 32), at: .eventMask.element(1))
        #expect(fixture.operate(EventChannelOperation.send, by: guest) == 0)
        #expect(info.load(.pendingSelector) == 0)
        #expect(fixture.operate(EventChannelOperation.unmask, by: guest) == 0)
        #expect(info.load(.pendingSelector) == 1 << 1)
        #expect(shared.load(.eventMask.element(1)) == 0)
        // Closing clears the bit.
        #expect(fixture.operate(EventChannelOperation.close, by: guest) == 0)
        #expect(shared.load(.eventPending.element(1)) == 0)
    }
    @Test func thereAre1024Ports() throws {
        let fixture = try EventChannelFixture(guestPorts: 4095)
        let guest = fixture.guest
        var highest: UInt32 = 0
        for _ in 0..<1100 { highest = fixture.bindIPI(vcpu: 0, by: guest).port }
        #expect(highest == 1100)
        guest.latchSharedInfoForm(is32Bit: true)
        #expect(fixture.bindIPI(vcpu: 0, by: guest).result == XenError.noSpace.returnValue)
        // One beyond the end has no bit: silent, and it changes nothing else in the page.
        fixture.machine.write(highest, at: EventChannelFixture.block, in: guest)
        #expect(fixture.operate(EventChannelOperation.send, by: guest) == 0)
        #expect(guest.isEventPending(highest) == false)
        for word in 0..<32 {
            #expect(guest.sharedInfo32.load(.eventPending.element(word)) == 0)
            #expect(guest.sharedInfo32.load(.eventMask.element(word)) == 0)
        }
        #expect(fixture.operate(EventChannelOperation.close, by: guest) == 0)
        #expect(fixture.bindIPI(vcpu: 0, by: guest).result == XenError.noSpace.returnValue)
        fixture.machine.write(UInt32(77), at: EventChannelFixture.block, in: guest)
        #expect(fixture.operate(EventChannelOperation.close, by: guest) == 0)
        #expect(fixture.bindIPI(vcpu: 0, by: guest).port == 77)
        guest.latchSharedInfoForm(is32Bit: false)
        #expect(fixture.bindIPI(vcpu: 0, by: guest).port == 1100)
    }
    @Test func anInfoThatMovesHasItsWholeSelectorSet() throws {
        let caller = try makeCaller()
        latch(caller)
        caller.machine.fill(0, at: 0x4000, count: 64, in: caller.domain)
        caller.set(Field<RegisterVCPUInfoLayout, UInt64>.guestFrame, 4)
        caller.set(Field<RegisterVCPUInfoLayout, UInt32>.offset, 0)
        #expect(
            caller.call(HypercallNumber.vcpu, UInt64(VCPUOperation.registerVCPUInfo), 0, caller.block) == 0)
        #expect(caller.machine.read(UInt32.self, at: 0x4004, in: caller.domain) == .max)
        #expect(caller.machine.read(UInt32.self, at: 0x4008, in: caller.domain) == 0)
    }
    @Test func anInfoNeeds4ByteAlignmentInThisFormOnly() throws {
        let machine = FakeMachine()
        let caller = try machine.guest()
        let register = UInt64(VCPUOperation.registerVCPUInfo)
        caller.set(Field<RegisterVCPUInfoLayout, UInt64>.guestFrame, 4)
        caller.set(Field<RegisterVCPUInfoLayout, UInt32>.offset, 0x34)
        #expect(
            caller.call(HypercallNumber.vcpu, register, 0, caller.block) == XenError.noSuchAddress.returnValue
        )
        // The form of the shared information decides, as in Xen; not that of the caller's code.
        caller.domain.latchSharedInfoForm(is32Bit: true)
        caller.set(Field<RegisterVCPUInfoLayout, UInt32>.offset, 0x32)
        #expect(
            caller.call(HypercallNumber.vcpu, register, 0, caller.block) == XenError.noSuchAddress.returnValue
        )
        caller.set(Field<RegisterVCPUInfoLayout, UInt32>.offset, 0x34)
        #expect(caller.call(HypercallNumber.vcpu, register, 0, caller.block) == 0)
        #expect(machine.read(UInt32.self, at: 0x4034 + 4, in: caller.domain) == .max)
        #expect(machine.read(UInt32.self, at: 0x4034 + 32, in: caller.domain) & 1 == 0)
        // In the other form its selector crosses a cache line; events still arrive, and nothing beside it changes.
        caller.domain.latchSharedInfoForm(is32Bit: false)
        machine.fill(0, at: 0x4034, count: 64, in: caller.domain)
        caller.domain.select(0, vcpu: 0)
        #expect(machine.read(UInt64.self, at: 0x4034 + 8, in: caller.domain) == 1)
        caller.domain.select(40, vcpu: 0)
        #expect(machine.read(UInt64.self, at: 0x4034 + 8, in: caller.domain) == 1 | 1 << 40)
        #expect(machine.read(UInt8.self, at: 0x4034, in: caller.domain) == 1)
    }
}

/// What `CompatLayout` says, taken by itself.
@Suite struct CompatLayoutTests {
    @Test func wideningAndNarrowingAreInverse() throws {
        let compat = try #require(GrantCopyLayout.compat)
        var narrow = ArgumentBlock<GrantCopyLayout>()
        for byte in 0..<22 { narrow[Field<GrantCopyLayout, UInt8>(at: byte)] = UInt8(byte + 1) }
        var wide = ArgumentBlock<GrantCopyLayout>()
        wide.widen(narrow, compat)
        #expect(plain(wide[Field<GrantCopyLayout, UInt64>(at: 0)]) == 0x0403_0201)
        #expect(plain(wide[Field<GrantCopyLayout, UInt16>(at: 32)]) == 0x1211)
        let back = wide.narrowed(compat)
        for byte in 0..<22 {
            #expect(plain(back[Field<GrantCopyLayout, UInt8>(at: byte)]) == UInt8(byte + 1), "byte \(byte)")
        }
    }
    @Test func paddingBelongsToNoRun() throws {
        let compat = try #require(SchedulerPollLayout.compat)
        #expect(compat.run(holding: 0)?.isLong == true)
        #expect(compat.run(holding: 7)?.offset == 0)
        #expect(compat.run(holding: 8)?.offset == 4)
        #expect(compat.run(holding: 12) == nil)
    }
}
