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
    var hasPollTimer: Bool { machine.hypervisor.state.timers.isQueued(vcpu.state.pollTimer) }

    @Test("A poll of port 0 ends like any other: no timer goes on")
    func portZero() {
        #expect(poll(port: 0, until: 1_000_000) == 0)
        #expect(vcpu.state.isBlocked && hasPollTimer)
        vcpu.wake()
        #expect(!vcpu.state.isBlocked && !hasPollTimer)
    }
    @Test("A vCPU that went down in its sleep comes up without the poll")
    func downAndUp() {
        #expect(poll(port: 5, until: 1_000_000) == 0)
        #expect(hasPollTimer)
        vcpu.goDown()
        vcpu.comeUp()
        #expect(!vcpu.state.isBlocked && !hasPollTimer && vcpu.state.pollPort == 0)
    }
    @Test("A refused poll ends one that stood from the same multicall")
    func replaced() {
        #expect(poll(port: 5, until: 1_000_000) == 0)
        #expect(poll(port: 99999, until: 1_000_000) == XenError.invalidArgument.returnValue)
        #expect(!hasPollTimer && vcpu.state.pollPort == 0)
    }
}
