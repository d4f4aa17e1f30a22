// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// The queue's timer for the virtual APIC follows its deadline.
    func syncAPICTimer() {
        let deadline = state.apic.timerDeadline
        if deadline == 0 {
            hypervisor.state.timers.stop(state.apicTimer)
        } else {
            hypervisor.state.timers.set(state.apicTimer, at: deadline)
        }
    }
    func apicTimerFired(now: UInt64) {
        state.apic.timerExpired(now: now)
        syncAPICTimer()
        wake()
    }
    /// Writes a register of this vCPU's APIC and does what follows from it. False: no such register.
    public func writeAPIC(_ index: Int, _ value: UInt32, high: UInt32 = 0) -> Bool {
        defer {
            // An upcall that came while the APIC was off, and was dropped, is due once it is on.
            if index == 0x0f, state.apic.isSoftwareEnabled, state.upcallVector != 0,
                info?.load(.upcallPending) ?? 0 != 0
            {
                state.apic.setPending(vector: state.upcallVector, isLevel: false)
            }
        }
        switch state.apic.write(index, value, high: high, now: hypervisor.state.now()) {
        case .none: return true
        case .refused: return false
        case .timerChanged: syncAPICTimer()
        case .ended(let vector, let wasLevel):
            if hypervisor.state.trace.isEnabled { trace(.ended, UInt64(vector), 0) }
            if wasLevel, domain.state.isHardwareDomain { hypervisor.state.interrupts.ended(vector: vector) }
        case .sendIPI(let command, let destination): sendIPI(command: command, destination: destination)
        }
        return true
    }
    /// Delivers an inter-processor interrupt. Intel SDM vol 3 §11.6.1.
    private func sendIPI(command: UInt32, destination: UInt32) {
        let shorthand = (command &>> 18) & 3
        let isLogical = command & 0x800 != 0
        let mode = (command &>> 8) & 7
        let vector = UInt8(truncatingIfNeeded: command)
        let senderIsX2 = state.apic.isX2
        domain.forEachVCPU { target in
            switch shorthand {
            case 1: if target != self { return }
            case 2: break
            case 3: if target == self { return }
            default:
                if !target.state.apic.matches(
                    destination: destination, isLogical: isLogical, senderIsX2: senderIsX2)
                {
                    return
                }
            }
            switch mode {
            case 0, 1:
                guard target.state.apic.isSoftwareEnabled else { return }
                target.state.apic.setPending(vector: vector, isLevel: false)
                target.wake()
            case 4:
                target.state.isNMIPending = true
                target.wake()
            case 5:
                // INIT: level assert only; de-assert is a no-op on every processor since the P6.
                guard command & 0x4000 != 0, target != self else { return }
                target.state.isDown = true
                target.state.isInitialised = false
                target.state.waitsForStartup = true
                target.state.apic.reset()
                // One that waited would come before the first instruction of the start-up code, which cannot take it.
                target.state.isNMIPending = false
                target.syncAPICTimer()
                target.stopRunning()
            case 6:
                guard target.state.waitsForStartup, target.state.runningOn < 0 else { return }
                target.state.waitsForStartup = false
                hypervisor.state.hooks.loadContext(target, CPUContext.startup(vector: vector))
                target.state.isInitialised = true
                target.comeUp()
            default: break
            }
        }
    }
}
