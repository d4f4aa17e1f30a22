// SPDX-License-Identifier: Apache-2.0

import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

extension FakeMachine {
    func domain(_ id: UInt16) -> Ref<Domain>? { hypervisor.state.domains.find(DomainID(rawValue: id)) }
}

/// Domctl calls: the head at the caller's block, the operation's own fields behind it.
extension Caller {
    func domctl(
        _ command: UInt32, _ id: UInt16, version: UInt32 = DomctlVersion.value, at address: UInt64? = nil
    ) -> Int64 {
        set(Field<DomctlLayout, UInt32>.command, command)
        set(Field<DomctlLayout, UInt32>.interfaceVersion, version)
        set(Field<DomctlLayout, UInt16>.domain, id)
        return call(HypercallNumber.domctl, address ?? block)
    }
    func body<Layout: ABILayout, Value: FixedWidthInteger>(_ field: Field<Layout, Value>, _ value: Value) {
        machine.set(field, value, at: block + UInt64(DomctlLayout.argumentOffset), in: domain)
    }
    func body<Layout: ABILayout, Value: FixedWidthInteger>(_ field: Field<Layout, Value>) -> Value {
        machine.get(field, at: block + UInt64(DomctlLayout.argumentOffset), in: domain)
    }
    func clearBlock() { machine.fill(0, at: block, count: 256, in: domain) }
    /// Fills a creation request that is fine.
    func prepareCreation(vcpus: UInt32 = 2) {
        clearBlock()
        body(Field<DomctlCreateDomainLayout, UInt32>.flags, CreateDomainFlag.hvm | CreateDomainFlag.hap)
        body(Field<DomctlCreateDomainLayout, UInt32>.emulationFlags, EmulationFlag.lapic)
        body(Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs, vcpus)
        body(Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort, 1023)
        body(Field<DomctlCreateDomainLayout, UInt32>.grantOptions, 1)
        body(Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, -1)
        body(Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames, -1)
        for index in 0..<16 {
            body(Field<DomctlCreateDomainLayout, UInt8>.handle.element(index), UInt8(index))
        }
    }
    /// Creates a domain by hypercall and gives it its vCPUs.
    func createByHypercall(vcpus: UInt32 = 2) throws -> Ref<Domain> {
        prepareCreation(vcpus: vcpus)
        try #require(domctl(DomctlOperation.createDomain, 0) == 0)
        let id = get(Field<DomctlLayout, UInt16>.domain)
        body(Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, vcpus)
        try #require(domctl(DomctlOperation.maximumVCPUs, id) == 0)
        return try #require(machine.domain(id))
    }
}

private func failure(_ error: XenError) -> Int64 { error.returnValue }

@Suite struct DomainControlTests {
    @Test func versionPrivilegeAndAddressAreChecked() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(control.domctl(DomctlOperation.pauseDomain, 3, version: 0x14) == failure(.accessDenied))
        #expect(control.domctl(DomctlOperation.pauseDomain, 3, at: Caller.nowhere) == failure(.badAddress))
        #expect(control.domctl(DomctlOperation.pauseDomain, 9) == failure(.noSuchDomain))
        #expect(
            control.domctl(DomctlOperation.pauseDomain, DomainID.caller.rawValue) == failure(.noSuchDomain))
        #expect(control.domctl(999, 3) == failure(.notImplemented))
        #expect(control.domctl(DomctlOperation.vmEvent, 3) == failure(.notSupported))
        #expect(control.domctl(DomctlOperation.assignDevice, 3) == failure(.notImplemented))
        for command in UInt32(0)..<90 { #expect(guest.domctl(command, 3) == failure(.notPermitted)) }
    }
    @Test func creationChecksAndReports() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let domain = try control.createByHypercall()
        #expect(domain.id.rawValue == 1)
        #expect(domain.state.handle[15] == 15)
        #expect(domain.vcpu(1)?.state.isDown == true)
        #expect(domain.state.grants.maximumFrames == 64)

        func creation(_ id: UInt16 = 0, _ change: () -> Void) -> Int64 {
            control.prepareCreation()
            change()
            return control.domctl(DomctlOperation.createDomain, id)
        }
        let free = machine.freeFrames
        typealias Word = Field<DomctlCreateDomainLayout, UInt32>
        #expect(creation(1) {} == failure(.exists))
        #expect(creation { control.body(Word.flags, 0) } == failure(.invalidArgument))
        #expect(creation { control.body(Word.flags, CreateDomainFlag.hvm) } == failure(.invalidArgument))
        #expect(
            creation { control.body(Word.flags, 3 | CreateDomainFlag.iommu) } == failure(.invalidArgument))
        #expect(creation { control.body(Word.flags, 3 | 1 << 20) } == failure(.invalidArgument))
        #expect(creation { control.body(Word.emulationFlags, 0x3ff) } == failure(.notSupported))
        #expect(creation { control.body(Word.grantOptions, 2) } == failure(.invalidArgument))
        #expect(creation { control.body(Word.maximumVCPUs, 0) } == failure(.invalidArgument))
        #expect(creation { control.body(Word.maximumVCPUs, 129) } == failure(.invalidArgument))
        #expect(creation { control.body(Word.cpupool, 1) } == failure(.invalidArgument))
        #expect(creation { control.body(Word.vmtraceSize, 4096) } == failure(.notSupported))
        #expect(
            creation { control.body(Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, -2) }
                == failure(.invalidArgument))
        #expect(machine.freeFrames == free)
        #expect(machine.hypervisor.state.domains.count == 2)
        // A number of the caller's choice; then the next free one.
        #expect(creation(77) {} == 0)
        #expect(creation(DomainID.caller.rawValue) {} == 0)
        let chosen = control.get(Field<DomctlLayout, UInt16>.domain)
        #expect(chosen > 1 && chosen < 77)
    }
    @Test func maximumVCPUsMustEqualTheCreationsCount() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try control.createByHypercall(vcpus: 3)
        control.body(Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, 2)
        #expect(control.domctl(DomctlOperation.maximumVCPUs, 1) == failure(.invalidArgument))
        // Once more is no error and makes none.
        control.body(Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, 3)
        #expect(control.domctl(DomctlOperation.maximumVCPUs, 1) == 0)
        #expect(machine.hypervisor.state.vcpuPool.count == 4)
    }
    @Test func pausesAreCounted() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        let domain = try control.createByHypercall()
        #expect(control.domctl(DomctlOperation.unpauseDomain, 1) == 0)
        #expect(domain.state.isCreationFinished == true)
        #expect(domain.state.pauseCount == 0)
        #expect(control.domctl(DomctlOperation.unpauseDomain, 1) == failure(.invalidArgument))
        #expect(control.domctl(DomctlOperation.pauseDomain, 3) == 0)
        #expect(control.domctl(DomctlOperation.pauseDomain, 3) == 0)
        #expect(control.domctl(DomctlOperation.unpauseDomain, 3) == 0)
        #expect(!guest.vcpu.isRunnable)
        #expect(control.domctl(DomctlOperation.unpauseDomain, 3) == 0)
        #expect(guest.vcpu.isRunnable)
        #expect(control.domctl(DomctlOperation.pauseDomain, 0) == failure(.invalidArgument))
        guest.domain.state.controllerPauseCount = 255
        #expect(control.domctl(DomctlOperation.pauseDomain, 3) == failure(.overflow))
    }
    @Test func aShutDomainIsResumed() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        guest.domain.shutDown(reason: 2)
        #expect(!guest.vcpu.isRunnable)
        #expect(control.domctl(DomctlOperation.resumeDomain, 3) == 0)
        #expect(guest.vcpu.isRunnable)
        #expect(guest.domain.state.shutdownReason == .max)
        // Of a running domain: nothing to do.
        #expect(control.domctl(DomctlOperation.resumeDomain, 3) == 0)
        #expect(guest.domain.state.pauseCount == 0)
        #expect(control.domctl(DomctlOperation.resumeDomain, 0) == failure(.invalidArgument))
    }
    @Test func destructionIsPreemptedAndTotal() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try control.createByHypercall()
        let first = try machine.makeDomain(2)
        while !machine.hypervisor.destroy(first, budget: 1000) {}
        let free = machine.freeFrames
        let guest = try machine.makeDomain(3, vcpus: 2, pages: 300)
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        #expect(control.domctl(DomctlOperation.destroyDomain, 3) == 0)
        #expect(machine.freeFrames == free)
        #expect(guest.state.lifecycle == .dead)
        #expect(control.domctl(DomctlOperation.destroyDomain, 3) == failure(.noSuchDomain))
        #expect(control.domctl(DomctlOperation.destroyDomain, 0) == failure(.invalidArgument))
    }
    @Test func destructionWaitsForOtherCPUs() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        guest.vcpu.state.runningOn = 1
        control.set(Field<DomctlLayout, UInt32>.command, DomctlOperation.destroyDomain)
        control.set(Field<DomctlLayout, UInt32>.interfaceVersion, DomctlVersion.value)
        control.set(Field<DomctlLayout, UInt16>.domain, 3)
        let registers = control.vcpu.state.registers
        registers[.rax] = UInt64(HypercallNumber.domctl)
        registers[.rdi] = control.block
        control.vcpu.handleHypercall()
        #expect(control.vcpu.state.continuesHypercall == true)
        #expect(machine.log.kicks == [1])
        #expect(guest.domain.state.lifecycle == .dying)
        guest.vcpu.state.runningOn = -1
        #expect(control.domctl(DomctlOperation.destroyDomain, 3) == 0)
        #expect(machine.domain(3) == nil)
    }
    @Test func informationWalksTheList() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(7, pages: 20)
        guest.domain.state.handle[0] = 0xab
        guest.vcpu.state.isBlocked = true
        #expect(control.domctl(DomctlOperation.getDomainInfo, 1) == 0)
        #expect(control.get(Field<DomctlLayout, UInt16>.domain) == 7)
        typealias Info = DomctlDomainInfoLayout
        #expect(control.body(Field<Info, UInt16>.domain) == 7)
        #expect(control.body(Field<Info, UInt64>.totalPages) == 20)
        #expect(control.body(Field<Info, UInt32>.onlineVCPUs) == 1)
        #expect(control.body(Field<Info, UInt32>.maximumVCPUID) == 0)
        #expect(control.body(Field<Info, UInt8>.handle) == 0xab)
        #expect(control.body(Field<Info, UInt32>.emulationFlags) == EmulationFlag.lapic)
        let alive = DomainInfoFlag.hvmGuest | DomainInfoFlag.hap | DomainInfoFlag.blocked
        #expect(control.body(Field<Info, UInt32>.flags) == alive)
        #expect(control.domctl(DomctlOperation.getDomainInfo, 8) == failure(.noSuchDomain))
        // Shut down by a crash, and paused.
        guest.domain.shutDown(reason: 3)
        #expect(control.domctl(DomctlOperation.pauseDomain, 7) == 0)
        #expect(control.domctl(DomctlOperation.getDomainInfo, 7) == 0)
        #expect(
            control.body(Field<Info, UInt32>.flags) == alive | DomainInfoFlag.shutdown | DomainInfoFlag.paused
                | 3 << 16)
        // A zombie is listed as dying.
        #expect(control.mapForeign(7, [5], at: [0x700]).1 == [0])
        #expect(control.domctl(DomctlOperation.destroyDomain, 7) == 0)
        #expect(control.domctl(DomctlOperation.getDomainInfo, 7) == 0)
        #expect(control.body(Field<Info, UInt32>.flags) & DomainInfoFlag.dying != 0)
        #expect(control.body(Field<Info, UInt32>.maximumVCPUID) == DomainInfoLimit.noVCPUs)
        #expect(control.domctl(DomctlOperation.maximumMemory, 7) == failure(.noSuchDomain))
    }
    @Test func limitsNamesAndTimesAreKept() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        control.body(Field<DomctlMaximumMemoryLayout, UInt64>.kibibytes, 4097)
        #expect(control.domctl(DomctlOperation.maximumMemory, 3) == 0)
        #expect(guest.domain.state.maximumPages == 1024)

        control.body(Field<DomctlPagingMempoolLayout, UInt64>.size, 0x1001)
        #expect(control.domctl(DomctlOperation.setPagingMempoolSize, 3) == failure(.invalidArgument))
        control.body(Field<DomctlPagingMempoolLayout, UInt64>.size, 0x30_0000)
        #expect(control.domctl(DomctlOperation.setPagingMempoolSize, 3) == 0)
        control.body(Field<DomctlPagingMempoolLayout, UInt64>.size, 0)
        #expect(control.domctl(DomctlOperation.getPagingMempoolSize, 3) == 0)
        #expect(control.body(Field<DomctlPagingMempoolLayout, UInt64>.size) == 0x30_0000)
        control.body(Field<DomctlShadowLayout, UInt32>.operation, ShadowOperation.getAllocation)
        #expect(control.domctl(DomctlOperation.shadow, 3) == 0)
        #expect(control.body(Field<DomctlShadowLayout, UInt32>.megabytes) == 3)
        control.body(Field<DomctlShadowLayout, UInt32>.operation, ShadowOperation.enableLogDirty)
        #expect(control.domctl(DomctlOperation.shadow, 3) == failure(.notSupported))

        for index in 0..<16 {
            control.body(Field<DomctlDomainHandleLayout, UInt8>.handle.element(index), 0xcd)
        }
        #expect(control.domctl(DomctlOperation.setDomainHandle, 3) == 0)
        #expect(guest.domain.state.handle[15] == 0xcd)

        try machine.hypervisor.setWallclock(seconds: 1000, nanoseconds: 0, systemTime: 0)
        control.body(Field<DomctlTimeOffsetLayout, Int64>.seconds, -10)
        #expect(control.domctl(DomctlOperation.setTimeOffset, 3) == 0)
        #expect(guest.domain.sharedInfo.load(Field<SharedInfoLayout, UInt32>.wallclockSeconds) == 990)

        control.clearBlock()
        control.body(Field<DomctlTSCInfoLayout, UInt32>.mode, 3)
        #expect(control.domctl(DomctlOperation.setTSCInfo, 3) == failure(.invalidArgument))
        control.body(Field<DomctlTSCInfoLayout, UInt32>.mode, 1)
        control.body(Field<DomctlTSCInfoLayout, UInt32>.kilohertz, 5)
        #expect(control.domctl(DomctlOperation.setTSCInfo, 3) == failure(.notSupported))
        control.body(Field<DomctlTSCInfoLayout, UInt32>.kilohertz, 0)
        control.body(Field<DomctlTSCInfoLayout, UInt32>.incarnation, 4)
        #expect(control.domctl(DomctlOperation.setTSCInfo, 3) == 0)
        #expect(control.domctl(DomctlOperation.getTSCInfo, 3) == 0)
        #expect(control.body(Field<DomctlTSCInfoLayout, UInt32>.kilohertz) == 1_000_000)
        #expect(control.body(Field<DomctlTSCInfoLayout, UInt32>.incarnation) == 4)
    }
    @Test func hardwareIsNotGivenAway() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3)
        control.clearBlock()
        for command in [
            DomctlOperation.irqPermission, DomctlOperation.iomemPermission, DomctlOperation.ioportPermission,
        ] { #expect(control.domctl(command, 3) == 0) }
        control.body(Field<DomctlInterruptPermissionLayout, UInt8>.allow, 1)
        control.body(Field<DomctlIOMemoryPermissionLayout, UInt8>.allow, 1)
        control.body(Field<DomctlIOPortPermissionLayout, UInt8>.allow, 1)
        for command in [
            DomctlOperation.irqPermission, DomctlOperation.iomemPermission, DomctlOperation.ioportPermission,
        ] { #expect(control.domctl(command, 3) == failure(.notSupported)) }
    }
    @Test func frameTypesTellRAMFromHoles() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3)
        control.writeList([5, 0x900, .max])
        control.body(Field<DomctlPageFrameInfo3Layout, UInt64>.count, 3)
        control.body(Field<DomctlPageFrameInfo3Layout, UInt64>.array, control.list)
        #expect(control.domctl(DomctlOperation.getPageFrameInfo3, 3) == 0)
        #expect(control.readList(3, of: UInt64.self, at: control.list) == [0, 0xf000_0000, 0xf000_0000])
        control.body(Field<DomctlPageFrameInfo3Layout, UInt64>.count, 1025)
        #expect(control.domctl(DomctlOperation.getPageFrameInfo3, 3) == failure(.tooBig))
        control.body(Field<DomctlPageFrameInfo3Layout, UInt64>.count, 2)
        control.body(Field<DomctlPageFrameInfo3Layout, UInt64>.array, Caller.nowhere)
        #expect(control.domctl(DomctlOperation.getPageFrameInfo3, 3) == failure(.badAddress))
    }
}

@Suite struct DomainControlVCPUTests {
    @Test func vcpuInformation() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        guest.vcpu.state.runStateTimes[0] = 1234
        control.body(Field<DomctlVCPUInfoLayout, UInt32>.vcpu, 0)
        #expect(control.domctl(DomctlOperation.getVCPUInfo, 3) == 0)
        #expect(control.body(Field<DomctlVCPUInfoLayout, UInt8>.online) == 1)
        #expect(control.body(Field<DomctlVCPUInfoLayout, UInt8>.running) == 0)
        #expect(control.body(Field<DomctlVCPUInfoLayout, UInt64>.cpuTime) == 1234)
        for bad in [UInt32(1), 128, .max] {
            control.body(Field<DomctlVCPUInfoLayout, UInt32>.vcpu, bad)
            #expect(control.domctl(DomctlOperation.getVCPUInfo, 3) == failure(.noSuchDomain))
        }
    }
    @Test func affinityIsStoredAndTheEffectiveOneToldBack() throws {
        let machine = FakeMachine()
        machine.hypervisor.state.facts.cpuCount = 4
        let control = try machine.control()
        let guest = try machine.guest(3)
        typealias Layout = DomctlVCPUAffinityLayout
        func affinity(_ command: UInt32, _ flags: UInt32, hard: UInt8) -> Int64 {
            machine.write(hard, at: control.list, in: control.domain)
            machine.write(UInt16(0xffff), at: control.list + 8, in: control.domain)
            control.body(Field<Layout, UInt32>.vcpu, 0)
            control.body(Field<Layout, UInt32>.flags, flags)
            control.body(Field<Layout, UInt64>.hardBitmap, control.list)
            control.body(Field<Layout, UInt32>.hardBitCount, 8)
            control.body(Field<Layout, UInt64>.softBitmap, control.list + 8)
            control.body(Field<Layout, UInt32>.softBitCount, 12)
            return control.domctl(command, 3)
        }
        let both = VCPUAffinityFlag.hard | VCPUAffinityFlag.soft
        #expect(affinity(DomctlOperation.setVCPUAffinity, both, hard: 0xf6) == 0)
        #expect(machine.read(UInt8.self, at: control.list, in: control.domain) == 0x06)
        #expect(machine.read(UInt16.self, at: control.list + 8, in: control.domain) == 0x006)
        #expect(guest.vcpu.state.control.hardAffinity == 0xf6)
        #expect(affinity(DomctlOperation.getVCPUAffinity, VCPUAffinityFlag.hard, hard: 0) == 0)
        #expect(machine.read(UInt8.self, at: control.list, in: control.domain) == 0x06)
        #expect(affinity(DomctlOperation.setVCPUAffinity, both, hard: 0xf0) == failure(.invalidArgument))
        #expect(affinity(DomctlOperation.setVCPUAffinity, 0, hard: 1) == failure(.invalidArgument))
        #expect(affinity(DomctlOperation.setVCPUAffinity, 0x11, hard: 1) == failure(.invalidArgument))
        #expect(guest.vcpu.state.control.hardAffinity == 0xf6)
        control.body(Field<Layout, UInt64>.hardBitmap, Caller.nowhere)
        control.body(Field<Layout, UInt32>.flags, VCPUAffinityFlag.hard)
        #expect(control.domctl(DomctlOperation.getVCPUAffinity, 3) == failure(.badAddress))
        // A bitmap without end does not keep the hypervisor busy.
        control.body(Field<Layout, UInt64>.hardBitmap, control.list)
        control.body(Field<Layout, UInt32>.hardBitCount, .max)
        #expect(control.domctl(DomctlOperation.getVCPUAffinity, 3) == failure(.invalidArgument))
    }
    @Test func nodeAffinityKnowsOneNode() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3)
        machine.write(UInt64(0xff), at: control.list, in: control.domain)
        control.body(Field<DomctlNodeAffinityLayout, UInt64>.bitmap, control.list)
        control.body(Field<DomctlNodeAffinityLayout, UInt32>.bitCount, 64)
        #expect(control.domctl(DomctlOperation.setNodeAffinity, 3) == 0)
        #expect(control.domctl(DomctlOperation.getNodeAffinity, 3) == 0)
        #expect(machine.read(UInt64.self, at: control.list, in: control.domain) == 1)
        machine.write(UInt64(2), at: control.list, in: control.domain)
        #expect(control.domctl(DomctlOperation.setNodeAffinity, 3) == failure(.invalidArgument))
    }
    @Test func triggers() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        control.clearBlock()
        #expect(control.domctl(DomctlOperation.sendTrigger, 3) == 0)
        #expect(guest.vcpu.state.isNMIPending == true)
        control.body(Field<DomctlSendTriggerLayout, UInt32>.trigger, TriggerKind.power)
        #expect(control.domctl(DomctlOperation.sendTrigger, 3) == failure(.notSupported))
        control.body(Field<DomctlSendTriggerLayout, UInt32>.vcpu, 4)
        #expect(control.domctl(DomctlOperation.sendTrigger, 3) == failure(.noSuchDomain))
    }
    @Test func registersAreReadAndPatched() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        var context = CPUContext()
        context.rax = 0x1111
        context.rip = 0x2222
        context.cr3 = 0x3000
        machine.hypervisor.state.hooks.loadContext(guest.vcpu, context)
        control.body(Field<DomctlVCPUContextLayout, UInt32>.vcpu, 0)
        control.body(Field<DomctlVCPUContextLayout, UInt64>.context, control.list)
        #expect(control.domctl(DomctlOperation.getVCPUContext, 3) == 0)
        typealias Word = Field<VCPUGuestContextLayout, UInt64>
        func word(_ field: Word) -> UInt64 { machine.get(field, at: control.list, in: control.domain) }
        #expect(word(.rax) == 0x1111)
        #expect(word(.rip) == 0x2222)
        #expect(word(.controlRegisters.element(3)) == 0x3000)
        machine.set(Word.rax, 1, at: control.list, in: control.domain)
        #expect(control.domctl(DomctlOperation.setVCPUContext, 3) == 0)
        let last = try #require(machine.log.contexts.last)
        #expect(last.context.rax == 1)
        #expect(last.context.rip == 0x2222)
        #expect(last.context.cr3 == 0x3000)
        // A reset takes the vCPU down; then there is nothing to read.
        control.body(Field<DomctlVCPUContextLayout, UInt64>.context, 0)
        #expect(control.domctl(DomctlOperation.setVCPUContext, 3) == 0)
        #expect(guest.vcpu.state.isDown && !guest.vcpu.state.isInitialised)
        control.body(Field<DomctlVCPUContextLayout, UInt64>.context, control.list)
        #expect(control.domctl(DomctlOperation.getVCPUContext, 3) == failure(.noData))
        #expect(control.domctl(DomctlOperation.getVCPUContext, 0) == failure(.invalidArgument))
        control.body(Field<DomctlVCPUContextLayout, UInt64>.context, Caller.nowhere)
        #expect(control.domctl(DomctlOperation.setVCPUContext, 3) == failure(.badAddress))
        #expect(guest.domain.state.pauseCount == 0)
    }
}

@Suite struct DomainControlMemoryAccessTests {
    private func access(
        _ control: Caller, write: Bool, at address: UInt64, count: UInt32, buffer: UInt64? = nil,
        of id: UInt16 = 3
    ) -> Int64 {
        control.body(Field<DomctlGuestMemoryIOLayout, UInt64>.guestAddress, address)
        control.body(Field<DomctlGuestMemoryIOLayout, UInt64>.buffer, buffer ?? control.list)
        control.body(Field<DomctlGuestMemoryIOLayout, UInt32>.length, count)
        control.body(Field<DomctlGuestMemoryIOLayout, UInt8>.isWrite, write ? 1 : 0)
        return control.domctl(DomctlOperation.gdbsxGuestMemoryIO, id)
    }
    private func remaining(_ control: Caller) -> UInt32 {
        control.body(Field<DomctlGuestMemoryIOLayout, UInt32>.remaining)
    }

    @Test func bytesGoInAndOutAcrossPages() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3, pages: 64)
        // More than sixteen pages, at unequal offsets, with somebody waiting for the CPU.
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        let count = 100_000
        for index in 0..<count {
            machine.write(
                UInt8(truncatingIfNeeded: index &* 7), at: 0x4_0123 + UInt64(index), in: control.domain)
        }
        #expect(access(control, write: true, at: 0x1_0fff, count: UInt32(count), buffer: 0x4_0123) == 0)
        #expect(remaining(control) == 0)
        for index in [0, 1, 4095, 4096, 65_535, count - 1] {
            #expect(
                machine.read(UInt8.self, at: 0x1_0fff + UInt64(index), in: guest.domain)
                    == UInt8(truncatingIfNeeded: index &* 7))
        }
        #expect(machine.read(UInt8.self, at: 0x1_0fff + UInt64(count), in: guest.domain) == 0)
        #expect(access(control, write: false, at: 0x1_1000, count: 16, buffer: 0x8_0ff8) == 0)
        #expect(machine.read(UInt8.self, at: 0x8_0ff8, in: control.domain) == 7)
        #expect(machine.read(UInt8.self, at: 0x8_1007, in: control.domain) == 7 * 16)
        #expect(access(control, write: true, at: 0, count: 0) == 0)
    }
    @Test func whatCannotBeReachedIsLeft() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3)
        #expect(access(control, write: true, at: 15 << 12, count: 5000) == failure(.badAddress))
        #expect(remaining(control) == 5000 - 4096)
        #expect(access(control, write: true, at: 0x80_0000, count: 5) == failure(.badAddress))
        #expect(remaining(control) == 5)
        #expect(
            access(control, write: false, at: 0, count: 5, buffer: Caller.nowhere) == failure(.badAddress))
        #expect(access(control, write: false, at: .max, count: .max) == failure(.badAddress))
        #expect(access(control, write: true, at: 0, count: 5, of: 0) == failure(.invalidArgument))
        #expect(access(control, write: true, at: 0, count: 5, of: 8) == failure(.noSuchDomain))
        control.prepareCreation()
        #expect(control.domctl(DomctlOperation.createDomain, 5) == 0)
        #expect(access(control, write: true, at: 0, count: 5, of: 5) == failure(.noSuchDomain))
    }
    @Test func pagingOfTheFirstVCPUCounts() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        // 32-bit paging with one 4 MiB page: linear 0x40_0000 is guest-physical 0.
        machine.write(UInt32(0x0000_0087), at: (9 << 12) + 4, in: guest.domain)
        var context = CPUContext()
        context.cr0 = 0x8000_0011
        context.cr3 = 9 << 12
        context.cr4 = 0x10
        machine.hypervisor.state.hooks.loadContext(guest.vcpu, context)
        machine.write(UInt64(0xabcdef), at: control.list, in: control.domain)
        #expect(access(control, write: true, at: 0x40_5000, count: 8) == 0)
        #expect(machine.read(UInt64.self, at: 0x5000, in: guest.domain) == 0xabcdef)
        #expect(access(control, write: true, at: 0x5000, count: 8) == failure(.badAddress))
    }
}

@Suite struct DomainControlContextTests {
    private func getContext(_ control: Caller, _ buffer: UInt64, _ size: UInt32) -> Int64 {
        control.body(Field<DomctlHVMContextLayout, UInt32>.size, size)
        control.body(Field<DomctlHVMContextLayout, UInt64>.buffer, buffer)
        return control.domctl(DomctlOperation.getHVMContext, 3)
    }
    private func setContext(_ control: Caller, _ size: UInt32, buffer: UInt64? = nil) -> Int64 {
        control.body(Field<DomctlHVMContextLayout, UInt32>.size, size)
        control.body(Field<DomctlHVMContextLayout, UInt64>.buffer, buffer ?? control.list)
        return control.domctl(DomctlOperation.setHVMContext, 3)
    }
    /// Writes HEADER, one record whose words `fill` sets, END; returns the size.
    private func writeStream(
        _ control: Caller, type: UInt16, instance: UInt16 = 0, length: Int,
        magic: UInt32 = HVMSaveMagic.value,
        _ fill: (UInt64) -> Void = { _ in }
    ) -> UInt32 {
        let machine = control.machine
        machine.fill(0, at: control.list, count: 64 + length, in: control.domain)
        func descriptor(_ type: UInt16, _ instance: UInt16, _ length: Int, at address: UInt64) {
            machine.set(
                Field<HVMSaveDescriptorLayout, UInt16>.typecode, type, at: address, in: control.domain)
            machine.set(
                Field<HVMSaveDescriptorLayout, UInt16>.instance, instance, at: address, in: control.domain)
            machine.set(
                Field<HVMSaveDescriptorLayout, UInt32>.length, UInt32(length), at: address, in: control.domain
            )
        }
        descriptor(HVMSaveRecord.header, 0, 24, at: control.list)
        machine.set(Field<HVMSaveHeaderLayout, UInt32>.magic, magic, at: control.list + 8, in: control.domain)
        machine.set(Field<HVMSaveHeaderLayout, UInt32>.version, 1, at: control.list + 8, in: control.domain)
        descriptor(type, instance, length, at: control.list + 32)
        fill(control.list + 40)
        descriptor(HVMSaveRecord.end, 0, 0, at: control.list + 40 + UInt64(length))
        return UInt32(48 + length)
    }

    @Test func theStreamHasWhatTheBuilderLooksFor() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(getContext(control, 0, 0) == 0)
        let size = control.body(Field<DomctlHVMContextLayout, UInt32>.size)
        // HEADER, CPU, LAPIC, LAPIC_REGS, MTRR, END.
        #expect(size == (8 + 24) + (8 + 1032) + (8 + 24) + (8 + 1024) + (8 + 240) + 8)
        #expect(getContext(control, control.list, size - 1) == failure(.noSpace))
        #expect(getContext(control, control.list, size) == 0)
        #expect(machine.read(UInt32.self, at: control.list + 8, in: control.domain) == HVMSaveMagic.value)
        #expect(machine.read(UInt16.self, at: control.list + 32, in: control.domain) == HVMSaveRecord.cpu)
        #expect(getContext(control, Caller.nowhere, size) == failure(.badAddress))
        #expect(guest.domain.state.pauseCount == 0)
        // A vCPU that is down has no CPU record.
        guest.vcpu.state.isDown = true
        #expect(getContext(control, 0, 0) == 0)
        #expect(control.body(Field<DomctlHVMContextLayout, UInt32>.size) == size - 1040)
        // What was read can be loaded again.
        guest.vcpu.state.isDown = false
        #expect(getContext(control, control.list, size) == 0)
        #expect(setContext(control, size) == 0)
    }
    @Test func aCPURecordStartsAVCPU() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        control.prepareCreation()
        #expect(control.domctl(DomctlOperation.createDomain, 3) == 0)
        control.body(Field<DomctlMaximumVCPUsLayout, UInt32>.maximum, 2)
        #expect(control.domctl(DomctlOperation.maximumVCPUs, 3) == 0)
        let guest = try #require(machine.domain(3))
        let size = writeStream(control, type: HVMSaveRecord.cpu, length: 1032) { record in
            typealias Word = Field<HVMSaveCPULayout, UInt64>
            machine.set(Word.rbx, 0x4000, at: record, in: control.domain)
            machine.set(Word.rip, 0x10_0000, at: record, in: control.domain)
            machine.set(Word.cr0, 0x11, at: record, in: control.domain)
            machine.set(Word.tsc, 500, at: record, in: control.domain)
            machine.set(Field<HVMSaveCPULayout, UInt32>.csAttributes, 0xc9b, at: record, in: control.domain)
            machine.set(Field<HVMSaveCPULayout, UInt32>.csLimit, .max, at: record, in: control.domain)
        }
        machine.tsc = 100
        #expect(setContext(control, size) == 0)
        let loaded = try #require(machine.log.contexts.last)
        #expect(loaded.vcpu == 0)
        #expect(loaded.context.rbx == 0x4000)
        #expect(loaded.context.rip == 0x10_0000)
        #expect(loaded.context.cs.attributes == 0xc9b)
        #expect(guest.vcpu(0)?.state.isDown == false)
        #expect(guest.vcpu(1)?.state.isDown == true)
        #expect(guest.vcpu(1)?.state.tscOffset == 400)
        #expect(guest.state.pauseCount == 1)
    }
    @Test func badStreamsAreRefused() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        let mtrr = HVMSaveRecord.mtrr
        var size = writeStream(control, type: mtrr, length: 240)
        for short in [UInt32(0), 7, 31, 39, size - 1, size - 8] {
            #expect(setContext(control, short) == failure(.noData))
        }
        #expect(setContext(control, size, buffer: Caller.nowhere) == failure(.badAddress))
        #expect(setContext(control, .max) == failure(.tooBig))
        size = writeStream(control, type: mtrr, length: 239)
        #expect(setContext(control, size) == failure(.invalidArgument))
        size = writeStream(control, type: mtrr, instance: 1, length: 240)
        #expect(setContext(control, size) == failure(.invalidArgument))
        size = writeStream(control, type: mtrr, length: 240, magic: 5)
        #expect(setContext(control, size) == failure(.invalidArgument))
        size = writeStream(control, type: 99, length: 8)
        #expect(setContext(control, size) == failure(.invalidArgument))
        size = writeStream(control, type: HVMSaveRecord.pic, length: 8)
        #expect(setContext(control, size) == failure(.invalidArgument))
        size = writeStream(control, type: HVMSaveRecord.tscAdjust, length: 8)
        #expect(setContext(control, size) == 0)
        // A length that reaches beyond the buffer, and no header.
        size = writeStream(control, type: mtrr, length: 240)
        machine.write(UInt32.max, at: control.list + 36, in: control.domain)
        #expect(setContext(control, size) == failure(.noData))
        #expect(setContext(control, size, buffer: control.list + 32) == failure(.noData))
        // Registers that no CPU could run with.
        size = writeStream(control, type: HVMSaveRecord.cpu, length: 1032) { record in
            machine.set(Field<HVMSaveCPULayout, UInt64>.cr0, 0x8000_0000, at: record, in: control.domain)
        }
        #expect(setContext(control, size) == failure(.invalidArgument))
        #expect(machine.log.contexts.isEmpty)
        #expect(guest.domain.state.pauseCount == 0)
    }
    @Test func singleRecordsAreRead() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        func partial(_ type: UInt32, _ instance: UInt32, room: UInt64, buffer: UInt64? = nil) -> Int64 {
            control.body(Field<DomctlHVMContextPartialLayout, UInt32>.type, type)
            control.body(Field<DomctlHVMContextPartialLayout, UInt32>.instance, instance)
            control.body(Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize, room)
            control.body(Field<DomctlHVMContextPartialLayout, UInt64>.buffer, buffer ?? control.list)
            return control.domctl(DomctlOperation.getHVMContextPartial, 3)
        }
        let mtrr = UInt32(HVMSaveRecord.mtrr)
        guest.vcpu.state.control.mtrr[29] = 0xc06
        #expect(partial(mtrr, 0, room: 240) == 0)
        #expect(
            machine.get(Field<HVMSaveMTRRLayout, UInt64>.defaultType, at: control.list, in: control.domain)
                == 0xc06)
        #expect(partial(mtrr, 0, room: 0, buffer: 0) == 0)
        #expect(control.body(Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize) == 240)
        #expect(partial(mtrr, 0, room: 239) == failure(.noBuffers))
        #expect(partial(mtrr, 1, room: 240) == failure(.noEntry))
        #expect(partial(3, 0, room: 240) == failure(.invalidArgument))
        #expect(partial(.max, 0, room: 240) == failure(.invalidArgument))
        guest.vcpu.state.isDown = true
        #expect(partial(UInt32(HVMSaveRecord.cpu), 0, room: 4096) == failure(.noData))
    }
    @Test func theAPICSurvivesARoundTrip() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        _ = guest.vcpu.state.apic.setBase(0xfee0_0d00)
        _ = guest.vcpu.state.apic.write(0x0f, 0x1ff, now: 0)
        _ = guest.vcpu.state.apic.write(0x08, 0x20, now: 0)
        _ = guest.vcpu.state.apic.write(0x35, 0x1_0042, now: 0)
        guest.vcpu.state.apic.setPending(vector: 0x51, isLevel: true)
        guest.vcpu.state.apic.setPending(vector: 0x91, isLevel: false)
        guest.vcpu.state.apic.acknowledge(0x91)
        #expect(getContext(control, 0, 0) == 0)
        let size = control.body(Field<DomctlHVMContextLayout, UInt32>.size)
        #expect(getContext(control, control.list, size) == 0)
        guest.vcpu.state.apic.reset()
        #expect(setContext(control, size) == 0)
        let apic = guest.vcpu.state.apic
        #expect(apic.isX2 && apic.isSoftwareEnabled)
        #expect(apic.taskPriority == 0x20)
        #expect(apic.requested[0x51] && apic.levelTriggered[0x51])
        #expect(apic.inService[0x91] && !apic.requested[0x91])
    }
}

@Suite struct DomainControlPolicyTests {
    /// A machine whose CPU has three basic leaves and two extended ones.
    static func installCPU(_ machine: FakeMachine) {
        machine.hypervisor.state.hooks.cpuid = { leaf, subleaf in
            switch (leaf, subleaf) {
            case (0, _): CPUIDRegisters(a: 2, b: 0x6874_7541, c: 0x444d_4163, d: 0x6974_6e65)
            case (1, _): CPUIDRegisters(a: 0x600, c: 0x8000_0001, d: 0x0f)
            case (0x8000_0000, _): CPUIDRegisters(a: 0x8000_0001)
            case (0x8000_0001, _): CPUIDRegisters(c: 1, d: 1 << 29)
            default: CPUIDRegisters()
            }
        }
    }
    private func policy(
        _ control: Caller, _ command: UInt32, leaves: UInt64, _ leafCount: UInt32, msrs: UInt64,
        _ msrCount: UInt32
    ) -> Int64 {
        control.body(Field<DomctlCPUPolicyLayout, UInt32>.leafCount, leafCount)
        control.body(Field<DomctlCPUPolicyLayout, UInt32>.msrCount, msrCount)
        control.body(Field<DomctlCPUPolicyLayout, UInt64>.leaves, leaves)
        control.body(Field<DomctlCPUPolicyLayout, UInt64>.msrs, msrs)
        return control.domctl(command, 1)
    }
    @Test func aPolicyIsReadAndWrittenBackUnchanged() throws {
        let machine = FakeMachine()
        Self.installCPU(machine)
        let control = try machine.control()
        let domain = try control.createByHypercall()
        let get = DomctlOperation.getCPUPolicy
        let set = DomctlOperation.setCPUPolicy
        #expect(policy(control, get, leaves: 0, 0, msrs: 0, 0) == 0)
        #expect(control.body(Field<DomctlCPUPolicyLayout, UInt32>.leafCount) == 5)
        #expect(control.body(Field<DomctlCPUPolicyLayout, UInt32>.msrCount) == 2)
        let leaves = control.list
        let msrs = control.list + 0x400
        #expect(policy(control, get, leaves: leaves, 4, msrs: msrs, 2) == failure(.noBuffers))
        #expect(policy(control, get, leaves: leaves, 5, msrs: msrs, 1) == failure(.noBuffers))
        #expect(policy(control, get, leaves: leaves, 5, msrs: msrs, 2) == 0)
        #expect(machine.read(UInt32.self, at: leaves + 24, in: control.domain) == 1)
        #expect(machine.read(UInt32.self, at: leaves + 28, in: control.domain) == CPUPolicyLimit.noSubleaf)
        #expect(machine.read(UInt32.self, at: leaves + 4 * 24, in: control.domain) == 0x8000_0001)
        #expect(policy(control, set, leaves: leaves, 5, msrs: msrs, 2) == 0)
        #expect(control.body(Field<DomctlCPUPolicyLayout, UInt32>.errorLeaf) == .max)
        // Fewer features are fine, more are not.
        machine.write(UInt32(0), at: leaves + 24 + 16, in: control.domain)
        #expect(policy(control, set, leaves: leaves, 5, msrs: msrs, 2) == 0)
        machine.write(UInt32(0x10), at: leaves + 24 + 20, in: control.domain)
        #expect(policy(control, set, leaves: leaves, 5, msrs: msrs, 2) == failure(.invalidArgument))
        #expect(control.body(Field<DomctlCPUPolicyLayout, UInt32>.errorLeaf) == 1)
        machine.write(UInt32(0), at: leaves + 24 + 20, in: control.domain)
        machine.write(UInt64(1), at: msrs + 8, in: control.domain)
        #expect(policy(control, set, leaves: leaves, 5, msrs: msrs, 2) == failure(.invalidArgument))
        #expect(control.body(Field<DomctlCPUPolicyLayout, UInt32>.errorMSR) == 0xce)
        #expect(policy(control, set, leaves: leaves, 257, msrs: msrs, 0) == failure(.tooBig))
        #expect(policy(control, set, leaves: Caller.nowhere, 1, msrs: msrs, 0) == failure(.badAddress))
        // Not once it has run.
        domain.state.isCreationFinished = true
        #expect(policy(control, set, leaves: leaves, 5, msrs: msrs, 0) == failure(.exists))
    }
    @Test func aCPUThatClaimsEndlessLeavesIsWalkedInBounds() {
        var cursor = CPUPolicy.Cursor()
        var count = 0
        while cursor.next({ _, _ in CPUIDRegisters(a: .max, b: .max, c: .max, d: .max) }) != nil {
            count += 1
        }
        #expect(count < 192)
        #expect(count > 20)
    }
}
