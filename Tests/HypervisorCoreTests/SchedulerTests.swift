// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

struct SystemClockTests {
    @Test(
        arguments: [1_000_000, 999_999_999, 1_000_000_000, 1_193_182, 2_595_000_000, 5_000_000_000]
            as [UInt64])
    func aSecondOfTicksIsASecond(hertz: UInt64) {
        let clock = SystemClock(hertz: hertz, baseTSC: 1000)
        for seconds: UInt64 in [1, 60, 86400] {
            let time = clock.nanoseconds(atTSC: 1000 + hertz * seconds)
            let exact = seconds * 1_000_000_000
            let error = time > exact ? time - exact : exact - time
            #expect(plain(error <= seconds * 2), "hertz \(hertz), seconds \(seconds)")
        }
    }
    @Test func timeNeverRunsBackAndStartsAtZero() {
        let clock = SystemClock(hertz: 2_595_000_000, baseTSC: 5000)
        #expect(plain(clock.nanoseconds(atTSC: 0) == 0))
        var last: UInt64 = 0
        for tsc in stride(from: UInt64(5000), to: 5_000_000, by: 777) {
            let now = clock.nanoseconds(atTSC: tsc)
            #expect(plain(now >= last))
            last = now
        }
    }
}

struct TimerQueueTests {
    private func machine() throws -> (FakeMachine, Ref<VirtualCPU>) {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1)
        return (machine, try #require(plain(domain.vcpu(0))))
    }
    @Test func timersFireInOrderOfTheirDeadlines() throws {
        let (machine, vcpu) = try machine()
        var deadlines: [UInt64] = []
        var state: UInt64 = 42
        for _ in 0..<200 {
            let id = try #require(plain(machine.hypervisor.state.timers.allocate(.poll, for: vcpu)))
            state = state &* 6_364_136_223_846_793_005 &+ 1
            machine.hypervisor.state.timers.set(id, at: state >> 40)
            machine.hypervisor.state.timers.set(id, at: state >> 44)  // moved
            deadlines.append(state >> 44)
        }
        deadlines.sort()
        for deadline in deadlines {
            #expect(plain(machine.hypervisor.state.timers.earliest == deadline))
            #expect(
                plain(deadline == 0 || machine.hypervisor.state.timers.popExpired(now: deadline - 1) == nil))
            #expect(plain(machine.hypervisor.state.timers.popExpired(now: deadline) != nil))
        }
        #expect(plain(machine.hypervisor.state.timers.earliest == .max))
    }
    @Test func stoppingTakesATimerOutWhereverItStands() throws {
        let (machine, vcpu) = try machine()
        var ids: [TimerID] = []
        for deadline in (0..<50).reversed() {
            let id = try #require(plain(machine.hypervisor.state.timers.allocate(.poll, for: vcpu)))
            machine.hypervisor.state.timers.set(id, at: UInt64(deadline))
            ids.append(id)
        }
        for (index, id) in ids.enumerated() where index % 3 == 0 { machine.hypervisor.state.timers.stop(id) }
        var last: UInt64 = 0
        var fired = 0
        while machine.hypervisor.state.timers.queuedCount > 0 {
            let earliest = machine.hypervisor.state.timers.earliest
            #expect(plain(earliest >= last))
            last = earliest
            #expect(plain(machine.hypervisor.state.timers.popExpired(now: earliest) != nil))
            fired += 1
        }
        #expect(plain(fired == 50 - 17))
    }
    @Test func slotsRunOutAndComeBack() throws {
        let (machine, vcpu) = try machine()
        var ids: [TimerID] = []
        while let id = machine.hypervisor.state.timers.allocate(.poll, for: vcpu) { ids.append(id) }
        #expect(plain(ids.count == 512 - 3))
        for id in ids { machine.hypervisor.state.timers.free(id) }
        #expect(plain(machine.hypervisor.state.timers.allocate(.poll, for: vcpu) != nil))
    }
}

struct SchedulerTests {
    @Test func vcpusThatWantTheCPUShareItEvenly() throws {
        let machine = FakeMachine()
        var vcpus: [Ref<VirtualCPU>] = []
        for id: UInt16 in 1...3 { vcpus.append(try #require(try plain(machine.makeDomain(id).vcpu(0)))) }
        for vcpu in vcpus { vcpu.domain.pause() }
        for vcpu in vcpus { vcpu.domain.unpause() }
        var received = [UInt64](repeating: 0, count: 3)
        for _ in 0..<300 {
            let running = try #require(plain(machine.hypervisor.reschedule(cpu: 0)))
            let index = try #require(plain(vcpus.firstIndex { $0 == running }))
            machine.tsc += 5_000_000
            received[index] += 5_000_000
        }
        #expect(plain(received.max()! - received.min()! <= 10_000_000))
    }
    @Test func aBlockedVCPUDoesNotRunUntilWoken() throws {
        let machine = FakeMachine()
        let vcpu = try #require(try plain(machine.makeDomain(1).vcpu(0)))
        vcpu.domain.pause()
        vcpu.domain.unpause()
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == vcpu))
        vcpu.block()
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == nil))
        #expect(plain(vcpu.state.runState == .blocked))
        vcpu.wake()
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == vcpu))
        #expect(plain(vcpu.state.runState == .running))
    }
    @Test func whoeverWakesDuringALongTurnGetsOnlyTheWakeCredit() throws {
        let machine = FakeMachine()
        let long = try #require(try plain(machine.makeDomain(1).vcpu(0)))
        let fresh = try #require(try plain(machine.makeDomain(2).vcpu(0)))
        long.domain.pause()
        long.domain.unpause()
        fresh.domain.pause()
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == long))
        machine.tsc += 100_000_000
        fresh.domain.unpause()
        #expect(plain(fresh.state.virtualRuntime == 100_000_000 - 5_000_000))
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == fresh))
        machine.tsc += 5_500_000
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == long))
    }
    @Test func pausesAreCounted() throws {
        let machine = FakeMachine()
        let vcpu = try #require(try plain(machine.makeDomain(1).vcpu(0)))
        vcpu.domain.pause()
        vcpu.domain.pause()
        vcpu.domain.unpause()
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == nil))
        vcpu.domain.unpause()
        #expect(plain(machine.hypervisor.reschedule(cpu: 0) == vcpu))
        vcpu.domain.unpause()  // one too many is ignored
        #expect(plain(vcpu.domain.state.pauseCount == 0))
    }
    @Test func theLastVCPUToGoDownPowersTheDomainOff() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, vcpus: 2)
        let first = try #require(plain(domain.vcpu(0)))
        let second = try #require(plain(domain.vcpu(1)))
        second.goDown()
        #expect(plain(!domain.state.isShutDown))
        first.goDown()
        #expect(plain(domain.state.isShutDown && domain.state.shutdownReason == 0))
    }
    @Test func theFirstShutdownReasonStays() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1)
        domain.shutDown(reason: 3)
        domain.shutDown(reason: 0)
        #expect(plain(domain.state.shutdownReason == 3))
        #expect(plain(machine.log.stops.isEmpty))
    }
    @Test func aShutdownOfDom0IsTheMachines() throws {
        let machine = FakeMachine()
        let domain = try machine.makeHardwareDomain()
        domain.shutDown(reason: 1)
        #expect(plain(machine.log.stops == [.reboot]))
    }
    @Test func theSingleShotTimerRaisesItsEvent() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1)
        let vcpu = try #require(plain(domain.vcpu(0)))
        machine.set(SetSingleshotTimerLayoutFields.timeout, 1_000, at: 0x100, in: domain)
        #expect(
            plain(
                vcpu.hypercall(HypercallNumber.vcpu, UInt64(VCPUOperation.setSingleshotTimer), 0, 0x100) == 0)
        )
        #expect(plain(machine.hypervisor.nextDeadline(cpu: 0) == 1_000))
        // A port bound to VIRQ_TIMER, unmasked.
        machine.write(0 as UInt32, at: 0x200, in: domain)
        machine.write(0 as UInt32, at: 0x204, in: domain)
        #expect(
            plain(
                vcpu.hypercall(
                    HypercallNumber.eventChannel, UInt64(EventChannelOperation.bindVirtualInterrupt), 0x200)
                    == 0))
        machine.tsc = 1_000
        machine.hypervisor.runTimers(cpu: 0)
        #expect(plain(vcpu.info?.load(.upcallPending) == 1))
        #expect(plain(machine.hypervisor.nextDeadline(cpu: 0) == .max))
    }
    @Test func timerCallsOfAnotherVCPUAreRefused() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, vcpus: 2)
        let vcpu = try #require(plain(domain.vcpu(0)))
        let refused = XenError.invalidArgument.returnValue
        #expect(
            plain(
                vcpu.hypercall(HypercallNumber.vcpu, UInt64(VCPUOperation.setSingleshotTimer), 1, 0x100)
                    == refused))
        #expect(
            plain(
                vcpu.hypercall(HypercallNumber.vcpu, UInt64(VCPUOperation.stopSingleshotTimer), 1) == refused)
        )
        let missing = XenError.noEntry.returnValue
        #expect(plain(vcpu.hypercall(HypercallNumber.vcpu, UInt64(VCPUOperation.isUp), 2) == missing))
        #expect(plain(vcpu.hypercall(HypercallNumber.vcpu, UInt64(VCPUOperation.isUp), .max) == missing))
    }
    @Test func unknownCallsAndRing3AreRefused() throws {
        let machine = FakeMachine()
        let vcpu = try #require(try plain(machine.makeDomain(1).vcpu(0)))
        for number: UInt32 in [0, 1, 11, 27, 37, 39, 42, 48, 49, 63, 1000, .max] {
            #expect(plain(vcpu.hypercall(number) == XenError.notImplemented.returnValue))
        }
        vcpu.setGuestMode(privilegeLevel: 3)
        #expect(plain(vcpu.hypercall(HypercallNumber.version) == XenError.notPermitted.returnValue))
    }
}

private enum SetSingleshotTimerLayoutFields {
    static var timeout: Field<SetSingleshotTimerLayout, UInt64> { .timeoutNanoseconds }
}
