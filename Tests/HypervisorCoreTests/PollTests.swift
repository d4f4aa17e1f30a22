// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

/// What `SCHEDOP_poll` leaves behind: cases that fuzzing found.
@Suite("The end of a poll") struct PollTests {
    static let block: UInt64 = 0x3000
    let machine: FakeMachine
    let guest: Ref<Domain>
    let vcpu: Ref<VirtualCPU>

    init() throws {
        machine = FakeMachine()
        _ = try machine.makeHardwareDomain()
        guest = try machine.makeDomain(1, vcpus: 2)
        vcpu = try #require(guest.vcpu(1))
    }
    /// Polls one port until a deadline; the vCPU then sleeps.
    func poll(port: UInt32, until deadline: UInt64) -> Int64 {
        machine.write(port, at: Self.block + 0x100, in: guest)
        machine.set(Field<SchedulerPollLayout, UInt64>.ports, Self.block + 0x100, at: Self.block, in: guest)
        machine.set(Field<SchedulerPollLayout, UInt32>.portCount, 1, at: Self.block, in: guest)
        machine.set(Field<SchedulerPollLayout, UInt64>.timeout, deadline, at: Self.block, in: guest)
        return vcpu.hypercall(HypercallNumber.scheduler, UInt64(SchedulerOperation.poll), Self.block)
    }
    /// A port of the guest that is not pending.
    func openPort() throws -> UInt32 {
        machine.set(Field<EventChannelBindIPILayout, UInt32>.vcpu, 1, at: Self.block, in: guest)
        try #require(
            vcpu.hypercall(
                HypercallNumber.eventChannel, UInt64(EventChannelOperation.bindIPI), Self.block) == 0)
        return machine.read(UInt32.self, at: Self.block + 4, in: guest)
    }
    var hasPollTimer: Bool { machine.hypervisor.state.timers.isQueued(vcpu.state.pollTimer) }

    @Test("Ports that are not open are not polled: no sleep, no timer")
    func closedPorts() throws {
        for port: UInt32 in [0, 5, 99999] {
            #expect(poll(port: port, until: 1_000_000) == XenError.invalidArgument.returnValue)
            #expect(!vcpu.state.isBlocked && !hasPollTimer && vcpu.state.pollPort == 0)
        }
        let port = try openPort()
        #expect(poll(port: port, until: 1_000_000) == 0)
        #expect(vcpu.state.isBlocked && hasPollTimer)
        vcpu.wake()
        #expect(!vcpu.state.isBlocked && !hasPollTimer)
    }
    @Test("A vCPU that went down in its sleep comes up without the poll")
    func downAndUp() throws {
        #expect(poll(port: try openPort(), until: 1_000_000) == 0)
        #expect(hasPollTimer)
        vcpu.goDown()
        vcpu.comeUp()
        #expect(!vcpu.state.isBlocked && !hasPollTimer && vcpu.state.pollPort == 0)
    }
    @Test("A refused poll ends one that stood from the same multicall")
    func replaced() throws {
        #expect(poll(port: try openPort(), until: 1_000_000) == 0)
        #expect(poll(port: 99999, until: 1_000_000) == XenError.invalidArgument.returnValue)
        #expect(!hasPollTimer && vcpu.state.pollPort == 0)
    }
}
