// SPDX-License-Identifier: Apache-2.0

import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

@Suite struct DomainCreationTests {
    private func create(
        _ machine: FakeMachine, _ id: UInt16 = 5, vcpus: UInt32 = 2
    ) throws(XenError) -> Ref<Domain> {
        try machine.hypervisor.createDomain(
            id: DomainID(rawValue: id), maximumVCPUs: vcpus, maximumEventPort: 1023, maximumGrantFrames: 4,
            maximumMaptrackFrames: 2, isPrivileged: false, isHardwareDomain: false)
    }

    @Test func aNewDomainIsPausedEmptyAndHasAWallclock() throws {
        let machine = FakeMachine()
        try machine.hypervisor.setWallclock(seconds: 1_700_000_000, nanoseconds: 5, systemTime: 0)
        let domain = try create(machine)
        #expect(domain.state.pauseCount == 1)
        #expect(domain.state.controllerPauseCount == 1)
        #expect(domain.state.totalPages == 0)
        #expect(domain.vcpu(0) == nil)
        #expect(domain.state.grants.frameCount == 1)
        #expect(domain.sharedInfo.load(Field<SharedInfoLayout, UInt32>.wallclockSeconds) == 1_700_000_000)
        #expect(domain.sharedInfo.load(Field<SharedInfoLayout, UInt32>.wallclockVersion) & 1 == 0)
        #expect(machine.hypervisor.state.domains.find(domain.id) == domain)
    }
    @Test func requestsAreChecked() throws {
        let machine = FakeMachine()
        _ = try create(machine)
        let free = machine.freeFrames
        #expect(throws: XenError.exists) { try create(machine) }
        #expect(throws: XenError.invalidArgument) { try create(machine, 0x7ff0) }
        #expect(throws: XenError.invalidArgument) { try create(machine, 6, vcpus: 0) }
        #expect(throws: XenError.invalidArgument) { try create(machine, 6, vcpus: 129) }
        #expect(machine.freeFrames == free)
    }
    @Test func vcpusStartDownWithTheirInfoInSharedInfo() throws {
        let machine = FakeMachine()
        let domain = try create(machine, vcpus: 40)
        for id in UInt32(0)..<40 {
            let vcpu = try machine.hypervisor.createVCPU(in: domain, id: id)
            #expect(vcpu.state.isDown && !vcpu.state.isInitialised)
            #expect((vcpu.state.infoFrame == domain.state.sharedInfoFrame) == (id < 32))
        }
        #expect(machine.log.backendStates == 40)
        #expect(throws: XenError.exists) { try machine.hypervisor.createVCPU(in: domain, id: 3) }
        #expect(throws: XenError.invalidArgument) { try machine.hypervisor.createVCPU(in: domain, id: 40) }
        // The clock is readable at once: an even version, not zero.
        let time = domain.vcpu(1)!.info!
        #expect(time.load(Field<VCPUInfoLayout, UInt32>.timeVersion) & 1 == 0)
        #expect(time.load(Field<VCPUInfoLayout, UInt32>.timeTSCToSystemMultiplier) != 0)
        // The floating-point state is that after reset.
        #expect(machine.memory.loadWord(domain.vcpu(0)!.state.contextFrame, 64) == 0x037f)
        #expect(machine.memory.loadWord(domain.vcpu(0)!.state.contextFrame, 67) == 0x1f80)
    }
    /// Whatever allocation fails, nothing is left behind.
    @Test func failuresGiveBackEverything() throws {
        let machine = FakeMachine(frameCount: 1024, hardwareFrames: 16)
        // The slots' own blocks stay with the pools: have them first.
        let first = try create(machine, 1, vcpus: 3)
        for id in UInt32(0)..<3 { _ = try machine.hypervisor.createVCPU(in: first, id: id) }
        var failed = 0
        for room in UInt64(0)..<8 {
            var hoard: [MachineFrame] = []
            while machine.freeFrames > room {
                hoard.append(machine.hypervisor.state.frames.allocate(order: 0, owner: .hypervisor)!)
            }
            do throws(XenError) {
                let domain = try create(machine, 7)
                do throws(XenError) { _ = try machine.hypervisor.createVCPU(in: domain, id: 0) } catch {
                    failed += 1
                }
                while !machine.hypervisor.destroy(domain, budget: 8) {}
            } catch {
                #expect(error == .noMemory)
                failed += 1
            }
            #expect(machine.freeFrames == room)
            #expect(machine.hypervisor.state.domains.count == 1)
            for frame in hoard { machine.hypervisor.state.frames.free(frame) }
        }
        #expect(failed >= 4)
    }
    @Test func aVCPUWithoutTimersOrBackendLeavesNothing() throws {
        let machine = FakeMachine()
        let domain = try create(machine, vcpus: 8)
        _ = try machine.hypervisor.createVCPU(in: domain, id: 0)
        let free = machine.freeFrames
        machine.log.refusesBackendState = true
        #expect(throws: XenError.noMemory) { try machine.hypervisor.createVCPU(in: domain, id: 1) }
        machine.log.refusesBackendState = false
        #expect(machine.freeFrames == free)
        var taken: [TimerID] = []
        while let timer = machine.hypervisor.state.timers.allocate(.poll, for: domain.vcpu(0)!) {
            taken.append(timer)
        }
        // One slot, then two: the third of a vCPU's timers is missing.
        for spare in 0..<3 {
            #expect(throws: XenError.noMemory) { try machine.hypervisor.createVCPU(in: domain, id: 1) }
            #expect(machine.freeFrames == free)
            machine.hypervisor.state.timers.free(taken[spare])
        }
        _ = try machine.hypervisor.createVCPU(in: domain, id: 1)
    }
}

@Suite struct DomainTeardownTests {
    private func destroy(_ machine: FakeMachine, _ domain: Ref<Domain>, budget: Int = 64) {
        while !machine.hypervisor.destroy(domain, budget: budget) {}
    }

    @Test func aHundredRoundsLeakNothing() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        // The pools keep the block of slots that the first one took, and the control domain's map a table page.
        destroy(machine, try machine.makeDomain(1, vcpus: 3))
        _ = try machine.makeDomain(8)
        #expect(control.mapForeign(8, [3], at: [0x700]).1 == [0])
        #expect(control.remove(0x700) == 0)
        let free = machine.freeFrames
        for round in 0..<100 {
            let guest = Caller(
                machine: machine, domain: try machine.makeDomain(UInt16(round % 7 + 1), vcpus: 3))
            #expect(guest.populate([0x200], order: 9) == 1)
            #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 0x900) == 0)
            #expect(guest.add(PhysmapSpace.grantTable, 3, at: 0x901) == 0)
            #expect(
                control.mapForeign(guest.domain.id.rawValue, [3, 0x210], at: [0x700, 0x701]).1 == [0, 0])
            try guest.domain.resetMemoryMap(count: 5)
            #expect(control.remove(0x700) == 0)
            #expect(control.remove(0x701) == 0)
            destroy(machine, guest.domain, budget: round + 1)
            #expect(machine.freeFrames == free)
        }
        #expect(machine.log.backendStates == 2)
        #expect(machine.hypervisor.state.frames.claimedFrames == 0)
        machine.checkBooks()
    }
    @Test func mappedPagesKeepAZombieUntilTheyAreLetGo() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        destroy(machine, try machine.makeDomain(1))
        let free = machine.freeFrames
        let guest = try machine.guest(4)
        #expect(control.mapForeign(4, [3, 5], at: [0x700, 0x701]).1 == [0, 0])
        machine.write(UInt64(0xdead), at: 0x700 << 12, in: control.domain)
        destroy(machine, guest.domain)
        // Listed, dying, with the two pages; its content is still the mapper's to see.
        #expect(machine.hypervisor.state.domains.find(DomainID(rawValue: 4))?.state.lifecycle == .dead)
        #expect(guest.domain.state.totalPages == 2)
        #expect(machine.read(UInt64.self, at: 0x700 << 12, in: control.domain) == 0xdead)
        // It accepts nothing, and destroying it again is no error.
        #expect(control.mapForeign(4, [6], at: [0x702]).1 == [-XenError.noSuchDomain.rawValue])
        #expect(machine.hypervisor.destroy(guest.domain, budget: 1))
        #expect(throws: XenError.exists) {
            try machine.hypervisor.createDomain(
                id: DomainID(rawValue: 4), maximumVCPUs: 1, maximumEventPort: 1, maximumGrantFrames: 1,
                maximumMaptrackFrames: 1, isPrivileged: false, isHardwareDomain: false)
        }
        #expect(control.remove(0x700) == 0)
        #expect(machine.hypervisor.state.domains.find(DomainID(rawValue: 4)) != nil)
        #expect(control.remove(0x701) == 0)
        #expect(machine.hypervisor.state.domains.find(DomainID(rawValue: 4)) == nil)
        // The map grew a table page for 0x700; nothing else is gone.
        #expect(control.remove(0x700) == XenError.noEntry.returnValue)
        #expect(machine.freeFrames == free - 1)
    }
    @Test func whatADyingDomainMapsOfOthersIsLetGo() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let owner = try machine.guest(2)
        let mapper = try machine.makeDomain(3, isPrivileged: true)
        let second = Caller(machine: machine, domain: mapper)
        #expect(second.mapForeign(2, [5], at: [0x700]).1 == [0])
        #expect(machine.hypervisor.state.frames.pinCount(owner.mapping(5)!.frame) == 1)
        destroy(machine, mapper)
        #expect(machine.hypervisor.state.frames.pinCount(owner.mapping(5)!.frame) == 0)
        #expect(control.domain.state.totalPages == 256)
        machine.checkBooks()
    }
    @Test func registeredAreasInPagesGivenUpDoNotKeepADomain() throws {
        let machine = FakeMachine()
        _ = try machine.control()
        destroy(machine, try machine.makeDomain(1))
        let free = machine.freeFrames
        let guest = try machine.guest(4)
        machine.write(UInt64(9 << 12), at: guest.block, in: guest.domain)
        #expect(
            guest.call(
                HypercallNumber.vcpu, UInt64(VCPUOperation.registerRunstateMemoryArea), 0, guest.block) == 0)
        #expect(guest.decrease([9]) == 1)
        #expect(guest.domain.state.totalPages == 16)
        destroy(machine, guest.domain)
        #expect(machine.hypervisor.state.domains.find(DomainID(rawValue: 4)) == nil)
        #expect(machine.freeFrames == free)
    }
    @Test func areasInPagesGivenUpLeaveTheAccountWhenUnregistered() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(4)
        machine.write(UInt64(9 << 12), at: guest.block, in: guest.domain)
        let register = UInt64(VCPUOperation.registerRunstateMemoryArea)
        #expect(guest.call(HypercallNumber.vcpu, register, 0, guest.block) == 0)
        #expect(guest.decrease([9]) == 1)
        machine.write(UInt64(0), at: guest.block, in: guest.domain)
        #expect(guest.call(HypercallNumber.vcpu, register, 0, guest.block) == 0)
        #expect(guest.domain.state.totalPages == 15)
        machine.checkBooks()
    }
    @Test func theControlDomainHearsOfTheEnd() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(4)
        control.set(
            Field<EventChannelBindVirtualInterruptLayout, UInt32>.virtualInterrupt,
            VirtualInterrupt.domainException)
        control.set(Field<EventChannelBindVirtualInterruptLayout, UInt32>.vcpu, 0)
        #expect(
            control.call(
                HypercallNumber.eventChannel, UInt64(EventChannelOperation.bindVirtualInterrupt),
                control.block) == 0)
        let port = control.get(Field<EventChannelBindVirtualInterruptLayout, UInt32>.port)
        let pending = Field<SharedInfoLayout, UInt64>.eventPending
        control.domain.sharedInfo.store(0, to: pending)
        destroy(machine, guest.domain)
        #expect(control.domain.sharedInfo.load(pending) & (1 << UInt64(port)) != 0)
    }
    @Test func theUnfinishedConsoleLineIsPrinted() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(4)
        for byte in "no newline".utf8 { guest.domain.putConsoleLine(byte) }
        destroy(machine, guest.domain)
        #expect(machine.consoleText.contains("(d4) no newline\r\n"))
    }
    @Test func aVCPUOnAnotherCPUHoldsTheTeardownUp() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(4)
        guest.vcpu.state.runningOn = 1
        #expect(!machine.hypervisor.destroy(guest.domain, budget: 64))
        #expect(!machine.hypervisor.destroy(guest.domain, budget: 64))
        #expect(guest.domain.vcpu(0) != nil)
        #expect(machine.log.kicks == [1])
        guest.vcpu.state.runningOn = -1
        destroy(machine, guest.domain)
        #expect(machine.hypervisor.state.domains.find(DomainID(rawValue: 4)) == nil)
    }
    @Test func slotsAreReusedForTheSameTypeOnly() throws {
        let machine = FakeMachine()
        let first = try machine.makeDomain(1)
        destroy(machine, first)
        let second = try machine.makeDomain(2)
        #expect(first == second)
        var others: [Ref<Domain>] = []
        for id in UInt16(3)..<20 { others.append(try machine.makeDomain(id, pages: 2)) }
        #expect(machine.hypervisor.state.domainPool.count == 18)
        for domain in others { destroy(machine, domain) }
        #expect(machine.hypervisor.state.domainPool.count == 1)
        #expect(machine.hypervisor.state.vcpuPool.count == 1)
    }
}
