// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// Blocking, waking and the road from an event to an interrupt.
extension Ref<VirtualCPU> {
    /// The state to book time under while neither running nor waiting for a CPU.
    var restingState: RunState {
        if state.isDown { return .offline }
        return state.isBlocked && domain.state.pauseCount == 0
            ? .blocked : (state.isBlocked ? .blocked : .offline)
    }
    func becomeRunnable() {
        guard state.runningOn < 0, !state.isQueued else { return }
        let now = hypervisor.state.now()
        setRunState(.runnable, now: now)
        hypervisor.state.scheduler.wake(self, now: now)
    }
    /// Takes it off the queue, or off the CPU at the next chance.
    func stopRunning() {
        if state.runningOn >= 0 {
            hypervisor.state.scheduler.needsReschedule[Int(state.runningOn)] = true
            hypervisor.state.hooks.kick(Int(state.runningOn))
        } else if state.isQueued {
            hypervisor.state.scheduler.dequeue(self)
            setRunState(restingState, now: hypervisor.state.now())
        }
    }
    /// Ends a block: HLT, `SCHEDOP_block` or `SCHEDOP_poll`.
    public func wake() {
        endPoll()
        guard state.isBlocked else {
            if state.runningOn >= 0 { hypervisor.state.hooks.kick(Int(state.runningOn)) }
            return
        }
        state.isBlocked = false
        if isRunnable { becomeRunnable() }
    }
    /// Ends a `SCHEDOP_poll`, if there is one: no port and no time wakes the vCPU for it any more.
    func endPoll() {
        guard state.pollPort != 0 else { return }
        state.pollPort = 0
        hypervisor.state.timers.stop(state.pollTimer)
    }
    /// Sleeps until `wake()`. The caller has checked that nothing is deliverable.
    public func block() {
        state.isBlocked = true
        stopRunning()
    }
    /// Takes the vCPU out of service (`VCPUOP_down`, HLT with interrupts off). The last one to go shuts the domain down.
    public func goDown() {
        state.isDown = true
        stopRunning()
        var anyUp = false
        domain.forEachVCPU { vcpu in if !vcpu.state.isDown { anyUp = true } }
        if !anyUp { domain.shutDown(reason: 0) }
    }
    /// Puts it into service; it must be initialised.
    public func comeUp() {
        guard state.isDown else { return }
        state.isDown = false
        // It may have gone down in its sleep.
        endPoll()
        state.isBlocked = false
        if isRunnable { becomeRunnable() }
    }

    /// `evtchn_upcall_pending` went from 0 to 1: interrupt the vCPU the way it asked for. Xen docs/misc/pvh; D.2 of the ABI notes.
    public func upcallBecamePending() {
        if hypervisor.state.trace.isEnabled {
            trace(.upcall, UInt64(state.upcallVector), state.isBlocked ? 1 : 0)
        }
        if state.upcallVector != 0 {
            // Nothing reaches a software-disabled APIC; the pending byte stays for whoever looks.
            if state.apic.isSoftwareEnabled {
                state.apic.setPending(vector: state.upcallVector, isLevel: false)
            }
        }
        wake()
    }
    /// A vector to inject ahead of the APIC: the callback vector while an upcall is pending and no per-vCPU vector is set.
    public var pendingCallbackVector: UInt8? {
        let vector = domain.state.callbackVector
        guard vector != 0, state.upcallVector == 0, let info, info.load(.upcallPending) != 0 else {
            return nil
        }
        return vector
    }
    /// True if an interrupt could be taken now, were the interrupt flag set.
    public var hasDeliverableInterrupt: Bool {
        if state.isNMIPending { return true }
        if pendingCallbackVector != nil { return true }
        return state.apic.highestDeliverable != nil
    }

    /// Adds a record about this vCPU.
    public func trace(_ event: TraceEvent, _ first: UInt64, _ second: UInt64) {
        hypervisor.state.trace.append(
            TraceRecord(
                tsc: hypervisor.state.hooks.readTSC(), event: event, domain: domain.id.rawValue,
                vcpu: state.id,
                first: first, second: second))
    }

    // MARK: Run state

    /// Books the time since the last change and notes the new state.
    func setRunState(_ new: RunState, now: UInt64) {
        let old = state.runState
        if now > state.runStateEntryTime {
            state.runStateTimes[Int(old.rawValue)] &+= now &- state.runStateEntryTime
        }
        state.runState = new
        state.runStateEntryTime = now
        publishRunState()
    }
    /// Writes the registered area, if any.
    func publishRunState() {
        guard let place = state.runStatePlace else { return }
        var block = ArgumentBlock<RunstateInfoLayout>()
        block[.state] = state.runState.rawValue
        let flag: UInt64 = domain.state.updatesRunStateFlag ? RunstateFlag.update : 0
        block[.stateEntryTime] = state.runStateEntryTime | flag
        var index = 0
        while index < 4 {
            block[.times.element(index)] = state.runStateTimes[index]
            index &+= 1
        }
        let memory = hypervisor.state.memory
        place.write(block, to: memory)
        if flag != 0 {
            fullMemoryBarrier()
            block[.stateEntryTime] = state.runStateEntryTime
            place.write(block, to: memory)
        }
    }
    /// Writes the vCPU's clock into its vcpu_info and its registered time area, by the version protocol.
    public func publishTime() {
        let clock = hypervisor.state.clock
        let memory = hypervisor.state.memory
        if let frame = state.infoFrame {
            let view = memory.sharedView(VCPUTimeInfoLayout.self, in: frame, at: state.infoOffset &+ 32)
            writeTime(view, clock)
        }
        if let place = state.timeAreaPlace, place.secondFrame == nil {
            writeTime(memory.sharedView(VCPUTimeInfoLayout.self, in: place.frame, at: place.offset), clock)
        }
    }
    private func writeTime(_ view: SharedView<VCPUTimeInfoLayout>, _ clock: SystemClock) {
        let version = view.load(.version)
        view.store((version | 1), to: .version)
        fullMemoryBarrier()
        store(clock.baseTSC &+ state.tscOffset, to: .tscTimestamp, of: view)
        store(0, to: .systemTime, of: view)
        view.store(clock.multiplier, to: .tscToSystemMultiplier)
        view.store(
            UInt8(bitPattern: clock.shift),
            to: Field<VCPUTimeInfoLayout, UInt8>(at: Field<VCPUTimeInfoLayout, Int8>.tscShift.offset))
        view.store(TimeInfoFlag.tscStable, to: .flags)
        fullMemoryBarrier()
        view.store((version | 1) &+ 1, to: .version)
    }
    /// By halves, which the version guards: a 32-bit guest's area is aligned to 4 bytes only.
    private func store(
        _ value: UInt64, to field: Field<VCPUTimeInfoLayout, UInt64>, of view: SharedView<VCPUTimeInfoLayout>
    ) {
        view.store(UInt32(truncatingIfNeeded: value), to: Field<VCPUTimeInfoLayout, UInt32>(at: field.offset))
        view.store(
            UInt32(truncatingIfNeeded: value &>> 32),
            to: Field<VCPUTimeInfoLayout, UInt32>(at: field.offset &+ 4))
    }
}

extension AreaPlace {
    /// Writes a block into the area, in the form its owner reads.
    func write<Layout: ABILayout>(_ block: borrowing ArgumentBlock<Layout>, to memory: MachineMemory) {
        if let compat = Layout.compat, is32Bit {
            write(block.narrowed(compat), byteCount: compat.byteCount, to: memory)
        } else {
            write(block, byteCount: Layout.byteCount, to: memory)
        }
    }
    /// Writes the first `byteCount` bytes of a block into the area.
    private func write<Layout: ABILayout>(
        _ block: borrowing ArgumentBlock<Layout>, byteCount: Int, to memory: MachineMemory
    ) {
        let first = min(byteCount, pageSize &- offset)
        block.drain(at: 0, count: first, to: memory, frame: frame, frameOffset: offset)
        if let secondFrame, first < byteCount {
            block.drain(at: first, count: byteCount &- first, to: memory, frame: secondFrame, frameOffset: 0)
        }
    }
}
