// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_sched_op`. Xen public/sched.h.
    func schedulerOperation(_ command: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        switch command {
        case UInt64(SchedulerOperation.yield):
            // Goes behind everybody who waits.
            if hypervisor.state.scheduler.queuedCount > 0 {
                state.virtualRuntime = state.virtualRuntime &+ Scheduler.preemptionMargin
                hypervisor.state.scheduler.needsReschedule[0] = true
            }
            return 0
        case UInt64(SchedulerOperation.block):
            if !(state.paging.acceptsInterrupts && hasDeliverableInterrupt) { block() }
            return 0
        case UInt64(SchedulerOperation.shutdown):
            let reason = try read(UInt32.self, at: argument)
            guard reason <= ShutdownReason.maximum else { throw .invalidArgument }
            domain.shutDown(reason: UInt8(truncatingIfNeeded: reason))
            return 0
        case UInt64(SchedulerOperation.poll): return try poll(argument)
        case UInt64(SchedulerOperation.remoteShutdown):
            let block = try copyIn(SchedulerRemoteShutdownLayout.self, at: argument)
            let id = DomainID(rawValue: block[.domain])
            let reason = block[Field<SchedulerRemoteShutdownLayout, UInt32>.reason]
            guard let target = hypervisor.state.domains.find(id), target.state.lifecycle == .alive else {
                throw .noSuchDomain
            }
            guard domain.state.isPrivileged else { throw .notPermitted }
            guard reason <= ShutdownReason.maximum else { throw .invalidArgument }
            target.shutDown(reason: UInt8(truncatingIfNeeded: reason))
            return 0
        case UInt64(SchedulerOperation.shutdownCode):
            let reason = try read(UInt32.self, at: argument)
            guard reason <= ShutdownReason.maximum else { throw .invalidArgument }
            if domain.state.shutdownReason == .max {
                domain.state.shutdownReason = UInt8(truncatingIfNeeded: reason)
            }
            return 0
        default: throw .notImplemented
        }
    }

    /// `SCHEDOP_poll`: sleeps until one of the ports is pending, an event is deliverable, or the time has come.
    private func poll(_ argument: UInt64) throws(XenError) -> Int64 {
        let block = try copyIn(SchedulerPollLayout.self, at: argument)
        let count = block[Field<SchedulerPollLayout, UInt32>.portCount]
        let timeout = block[Field<SchedulerPollLayout, UInt64>.timeout]
        let ports = block[Field<SchedulerPollLayout, UInt64>.ports]
        guard count <= 128 else { throw .invalidArgument }
        // One that stands from earlier in the same multicall is replaced.
        endPoll()
        var single: UInt32 = 0
        // Marked before the ports are looked at: an event that comes between wakes.
        state.pollPort = count == 1 ? 0 : .max
        var index: UInt32 = 0
        while index < count {
            let port: UInt32
            do throws(XenError) {
                port = try read(UInt32.self, at: ports &+ UInt64(index) &* 4)
            } catch {
                state.pollPort = 0
                throw error
            }
            guard domain.portKind(port) != .closed, let isPending = domain.isEventPending(port) else {
                state.pollPort = 0
                throw .invalidArgument
            }
            if isPending {
                state.pollPort = 0
                return 0
            }
            single = port
            index &+= 1
        }
        // Port 0 is never open: 0 stands for no poll.
        state.pollPort = count == 1 ? single : .max
        if state.paging.acceptsInterrupts, hasDeliverableInterrupt {
            state.pollPort = 0
            return 0
        }
        if timeout != 0 {
            guard timeout > hypervisor.state.now() else {
                state.pollPort = 0
                return 0
            }
            hypervisor.state.timers.set(state.pollTimer, at: timeout)
        }
        self.block()
        return 0
    }
}

extension Ref<Domain> {
    /// Stops all vCPUs and tells the control domain. The first reason stays. For the control domain itself the machine follows.
    public func shutDown(reason: UInt8) {
        guard !state.isShutDown else { return }
        state.isShutDown = true
        if state.shutdownReason == .max { state.shutdownReason = reason }
        if state.isHardwareDomain {
            switch UInt32(state.shutdownReason) {
            case ShutdownReason.powerOff: hypervisor.state.hooks.stopMachine(.powerOff)
            case ShutdownReason.reboot, ShutdownReason.softReset: hypervisor.state.hooks.stopMachine(.reboot)
            default: hypervisor.state.hooks.stopMachine(.crash)
            }
        }
        pause()
        if reason != UInt8(ShutdownReason.suspend) {
            hypervisor.note(DomainIDText(id: id.rawValue), "shut down, reason", UInt64(state.shutdownReason))
        }
        hypervisor.state.controlDomain?.raise(globalVIRQ: VirtualInterrupt.domainException)
    }
    /// A mistake of the guest that the architecture gives no other answer to: it crashes, and nobody else notices.
    public func crash(_ why: StaticString, _ first: UInt64? = nil, _ second: UInt64? = nil) {
        hypervisor.note(DomainIDText(id: id.rawValue), why, first, second)
        shutDown(reason: UInt8(ShutdownReason.crash))
    }
}
