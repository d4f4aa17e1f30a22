// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import TestSupport
import Testing
import XenABI

private func enabled() -> VirtualAPIC {
    var apic = VirtualAPIC(id: 2, isBootProcessor: false)
    _ = apic.write(0x0f, 0x1ff, now: 0)
    return apic
}

struct VirtualAPICTests {
    @Test func startsSoftwareDisabledAndInXAPICMode() {
        var apic = VirtualAPIC(id: 4, isBootProcessor: true)
        #expect(plain(!apic.isSoftwareEnabled && !apic.isX2))
        #expect(plain(apic.baseMSR == 0xfee0_0900))
        #expect(plain(apic.read(0x02, now: 0) == 4 << 24))
        #expect(plain(apic.read(0x03, now: 0) == 0x0005_0014))
    }
    @Test func refusesForbiddenModeChanges() {
        var apic = enabled()
        #expect(plain(!apic.setBase(0xfee0_0400)))  // x2APIC without enable
        #expect(plain(apic.setBase(0xfee0_0c00) && apic.isX2))
        #expect(plain(!apic.setBase(0xfee0_0800)))  // back to xAPIC directly
        #expect(plain(apic.setBase(0xfee0_0000) && !apic.isHardwareEnabled))
        #expect(plain(!apic.setBase(0xfee0_0c00)))  // from off to x2APIC
        #expect(plain(!apic.setBase(0xfee0_0801)))  // reserved bit
    }
    @Test func deliversByPriorityAndHoldsEqualClassesBack() {
        var apic = enabled()
        apic.setPending(vector: 0x41, isLevel: false)
        apic.setPending(vector: 0x62, isLevel: false)
        #expect(plain(apic.highestDeliverable == 0x62))
        apic.acknowledge(0x62)
        #expect(plain(apic.highestDeliverable == nil))
        apic.setPending(vector: 0x6f, isLevel: false)
        #expect(plain(apic.highestDeliverable == nil))
        apic.setPending(vector: 0x70, isLevel: false)
        #expect(plain(apic.highestDeliverable == 0x70))
    }
    @Test func endsTheHighestInService() {
        var apic = enabled()
        apic.setPending(vector: 0x51, isLevel: true)
        apic.acknowledge(0x51)
        apic.setPending(vector: 0x91, isLevel: false)
        apic.acknowledge(0x91)
        guard case .ended(0x91, false) = apic.write(0x0b, 0, now: 0) else { return #expect(Bool(false)) }
        guard case .ended(0x51, true) = apic.write(0x0b, 0, now: 0) else { return #expect(Bool(false)) }
        guard case .none = apic.write(0x0b, 0, now: 0) else { return #expect(Bool(false)) }
    }
    @Test func taskPriorityMasksLowerClasses() {
        var apic = enabled()
        _ = apic.write(0x08, 0x80, now: 0)
        apic.setPending(vector: 0x8f, isLevel: false)
        #expect(plain(apic.highestDeliverable == nil))
        _ = apic.write(0x08, 0x7f, now: 0)
        #expect(plain(apic.highestDeliverable == 0x8f))
    }
    @Test func taskPriorityIsCR8() {
        var apic = enabled()
        _ = apic.write(0x08, 0x1_2375, now: 0)
        #expect(plain(apic.taskClass == 7 && apic.taskPriority == 0x75))
        #expect(plain(apic.read(0x0a, now: 0) == 0x75))
        apic.setTaskClass(0xf3)
        #expect(plain(apic.read(0x08, now: 0) == 0x30))
        #expect(plain(apic.setBase(0xfee0_0c00)))
        guard case .refused = apic.write(0x08, 0x100, now: 0) else { return #expect(Bool(false)) }
        #expect(plain(apic.taskPriority == 0x30))
        guard case .none = apic.write(0x08, 0xff, now: 0) else { return #expect(Bool(false)) }
        #expect(plain(apic.taskPriority == 0xff))
        apic.reset()
        #expect(plain(apic.taskPriority == 0))
    }
    @Test func admitsWhatIsAboveTheTaskPriority() {
        var apic = enabled()
        for number: UInt8 in 1...15 {
            apic.setTaskClass(number)
            #expect(plain(!apic.admits(number << 4 | 15)))
            #expect(plain(number == 15 || apic.admits((number &+ 1) << 4)))
        }
        // What is in service counts for both; the task priority only for what may be delivered now.
        apic.setPending(vector: 0x81, isLevel: false)
        apic.setTaskClass(8)
        #expect(plain(apic.highestRequested == 0x81 && apic.highestDeliverable == nil))
        apic.setTaskClass(7)
        #expect(plain(apic.highestDeliverable == 0x81))
        apic.acknowledge(0x81)
        apic.setPending(vector: 0x8f, isLevel: false)
        #expect(plain(apic.highestRequested == nil))
    }
    @Test func dropsVectorsBelow16() {
        var apic = enabled()
        apic.setPending(vector: 15, isLevel: false)
        #expect(plain(apic.requested.highest == nil))
    }
    @Test func matchesDestinations() {
        var apic = enabled()
        #expect(plain(apic.matches(destination: 2, isLogical: false, senderIsX2: false)))
        #expect(plain(apic.matches(destination: 0xff, isLogical: false, senderIsX2: false)))
        #expect(plain(!apic.matches(destination: 0xff, isLogical: false, senderIsX2: true)))
        _ = apic.write(0x0d, 0x0400_0000, now: 0)
        #expect(plain(apic.matches(destination: 0x06, isLogical: true, senderIsX2: false)))
        #expect(plain(!apic.matches(destination: 0x03, isLogical: true, senderIsX2: false)))
        #expect(plain(apic.setBase(0xfee0_0c00)))
        #expect(plain(apic.read(0x0d, now: 0) == 1 << 2))
        #expect(plain(apic.matches(destination: 1 << 2, isLogical: true, senderIsX2: true)))
    }
    @Test func anyRegisterAccessIsAnsweredWithoutATrap() {
        for isX2 in [false, true] {
            var apic = enabled()
            if isX2 { #expect(plain(apic.setBase(0xfee0_0c00))) }
            for index in 0..<256 {
                for value: UInt32 in [0, 1, 0x1ff, .max] {
                    _ = apic.write(index, value, high: value, now: .max)
                    _ = apic.read(index, now: 0)
                }
            }
        }
    }
    @Test func theLastSetVectorIsFoundInEachWord() {
        var set = VectorSet()
        for vector: UInt8 in [0, 63, 64, 127, 128, 191, 192, 255] {
            set[vector] = true
            #expect(plain(set.highest == vector))
        }
        #expect(plain(set.register(7) == 1 << 31))
    }
}

struct UpcallTests {
    @Test func anUpcallDroppedByADisabledAPICIsDeliveredWhenItIsEnabled() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1)
        let vcpu = try #require(plain(domain.vcpu(0)))
        vcpu.state.upcallVector = 0xf3
        let info = try #require(plain(vcpu.info))
        info.store(1, to: .upcallPending)
        vcpu.upcallBecamePending()
        #expect(plain(vcpu.state.apic.requested.highest == nil))
        #expect(plain(vcpu.writeAPIC(0x0f, 0x1ff)))
        #expect(plain(vcpu.state.apic.requested.highest == 0xf3))
    }
    @Test func theCallbackVectorIsLevelLike() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1)
        let vcpu = try #require(plain(domain.vcpu(0)))
        domain.state.callbackVector = 0xe0
        #expect(plain(vcpu.pendingCallbackVector == nil))
        vcpu.info?.store(1, to: .upcallPending)
        #expect(plain(vcpu.pendingCallbackVector == 0xe0))
        #expect(plain(vcpu.pendingCallbackVector == 0xe0))
        vcpu.state.upcallVector = 0xf3
        #expect(plain(vcpu.pendingCallbackVector == nil))
    }
    @Test func aStartupInterruptStartsAWaitingVCPUInRealMode() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, vcpus: 2)
        let first = try #require(plain(domain.vcpu(0)))
        let second = try #require(plain(domain.vcpu(1)))
        #expect(plain(first.writeAPIC(0x31, 2 << 24)))
        #expect(plain(first.writeAPIC(0x30, 0x4500)))  // INIT
        #expect(plain(second.state.isDown && second.state.waitsForStartup))
        #expect(plain(first.writeAPIC(0x30, 0x4609)))  // start-up at 0x9000
        #expect(plain(!second.state.isDown))
        #expect(plain(machine.log.contexts.last?.context.cs.base == 0x9000))
        #expect(plain(machine.log.contexts.last?.context.cr0 == 0x6000_0010))
        let count = machine.log.contexts.count
        #expect(plain(first.writeAPIC(0x30, 0x460a)))  // a second one is ignored
        #expect(plain(machine.log.contexts.count == count))
    }
    @Test func anNMIThatWaitsDoesNotOutliveINIT() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, vcpus: 2)
        let first = try #require(plain(domain.vcpu(0)))
        let second = try #require(plain(domain.vcpu(1)))
        #expect(plain(first.writeAPIC(0x31, 2 << 24)))
        #expect(plain(first.writeAPIC(0x30, 0x4400)))  // NMI
        #expect(plain(second.state.isNMIPending))
        #expect(plain(first.writeAPIC(0x30, 0x4500)))  // INIT
        #expect(plain(!second.state.isNMIPending))
        #expect(plain(first.writeAPIC(0x30, 0x4609)))  // start-up
        #expect(plain(!second.state.isNMIPending))
    }
}

struct InterruptRoutingTests {
    @Test func aLevelPinStaysMaskedUntilTheEnd() throws {
        let machine = FakeMachine()
        let domain = try machine.makeHardwareDomain()
        let vcpu = try #require(plain(domain.vcpu(0)))
        _ = vcpu.writeAPIC(0x0f, 0x1ff)
        machine.hypervisor.state.interrupts.pinCount = 24
        machine.hypervisor.state.interrupts.set(9, RedirectionEntry(rawValue: 0x8021))
        #expect(plain(machine.log.programmedPins.last?.4 == false))
        machine.hypervisor.deliverHardwareInterrupt(0x21)
        #expect(plain(machine.log.programmedPins.last?.4 == true))
        vcpu.state.apic.acknowledge(0x21)
        #expect(plain(vcpu.writeAPIC(0x0b, 0)))
        #expect(plain(machine.log.programmedPins.last?.0 == 9))
        #expect(plain(machine.log.programmedPins.last?.4 == false))
    }
    @Test func vectorsOfTheHypervisorAreNotGivenAway() throws {
        let machine = FakeMachine()
        machine.hypervisor.state.interrupts.pinCount = 24
        for vector: UInt64 in [0x10, 0x1f, 0xf0, 0xff] {
            machine.hypervisor.state.interrupts.set(5, RedirectionEntry(rawValue: vector))
            #expect(plain(machine.log.programmedPins.last?.4 == true))
        }
    }
    @Test func pinsOutOfRangeAreIgnored() {
        let machine = FakeMachine()
        machine.hypervisor.state.interrupts.pinCount = 24
        machine.hypervisor.state.interrupts.set(24, RedirectionEntry(rawValue: 0x21))
        machine.hypervisor.state.interrupts.set(-1, RedirectionEntry(rawValue: 0x21))
        #expect(plain(machine.log.programmedPins.isEmpty))
        #expect(plain(machine.hypervisor.state.interrupts.entry(1000).isMasked))
    }
}
