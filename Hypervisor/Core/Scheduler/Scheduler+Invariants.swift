// SPDX-License-Identifier: Apache-2.0
import SharedMemory

extension Scheduler {
    /// Checks what must hold between operations; nil if it does, else what does not. For tests: the image never calls it.
    ///
    /// The queue is in order and counted right; who is in it may run and does not; who is said to run on a CPU knows it.
    public mutating func checkInvariants() -> StaticString? {
        var count = 0
        var last: UInt64 = 0
        var next = head
        while let vcpu = next {
            guard vcpu.state.isQueued else { return "a vCPU in the run queue does not know it" }
            guard vcpu.state.runningOn < 0 else { return "a vCPU both waits and runs" }
            guard vcpu.isRunnable else { return "a vCPU that may not run is in the run queue" }
            guard vcpu.state.virtualRuntime >= last else { return "the run queue is out of order" }
            last = vcpu.state.virtualRuntime
            count &+= 1
            guard count <= queuedCount else { return "the run queue is longer than counted" }
            next = vcpu.state.nextInQueue
        }
        guard count == queuedCount else { return "the run queue is shorter than counted" }
        var cpu = 0
        while cpu < 64 {
            if let running = current[cpu] {
                guard Int(running.state.runningOn) == cpu else {
                    return "a running vCPU does not know its CPU"
                }
                guard running.isRunnable || needsReschedule[cpu] else {
                    return "a vCPU that may not run is not made to leave"
                }
            }
            cpu &+= 1
        }
        return nil
    }
}

extension Ref<VirtualCPU> {
    /// Checks what must hold of one vCPU between operations.
    func checkRunInvariants() -> StaticString? {
        let hypervisor = hypervisor
        if state.runningOn >= 0 {
            guard state.runningOn < 64, hypervisor.state.scheduler.current[Int(state.runningOn)] == self
            else {
                return "a vCPU says it runs where it does not"
            }
        } else {
            guard isRunnable == state.isQueued else {
                return state.isQueued ? "a vCPU waits for a CPU but may not run" : "a wakeup was lost"
            }
        }
        guard state.isQueued || state.nextInQueue == nil else {
            return "a vCPU that does not wait has a successor"
        }
        if state.pollPort == 0 {
            guard !hypervisor.state.timers.isQueued(state.pollTimer) else {
                return "the timer of a poll that is over goes on"
            }
        } else if state.pollPort != .max {
            guard domain.state.events.mayHavePollers else { return "nobody would wake a poller" }
        }
        let apicDeadline = state.apic.timerDeadline
        guard (hypervisor.state.timers.deadline(state.apicTimer) ?? 0) == apicDeadline else {
            return "an APIC's timer and its place in the queue disagree"
        }
        return nil
    }
}
