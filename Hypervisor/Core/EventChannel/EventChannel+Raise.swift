// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The 2-level ABI: a pending and a mask bit for each port in shared_info, a selector bit for each 64 ports
// and the upcall byte in the vcpu_info of the vCPU that is notified. Xen public/xen.h, "Event channel
// endpoints per domain".
extension Ref<Domain> {
    /// Sets a port pending; if that is news and the port is not masked, tells the vCPU. Wakes whoever polls
    /// the port.
    @inline(__always)
    func setPending(_ port: UInt32, vcpu: UInt32) {
        if state.sharedInfoIs32Bit { return setPending32(port, vcpu: vcpu) }
        let shared = sharedInfo
        let word = Int(port &>> 6)
        let bit: UInt64 = 1 &<< UInt64(port & 63)
        guard shared.setBits(bit, at: .eventPending.element(word)) & bit == 0 else { return }
        if shared.load(.eventMask.element(word)) & bit == 0 { select(word, vcpu: vcpu) }
        if state.events.mayHavePollers { wakePollers(of: port) }
    }
    /// Sets the selector bit of 64 ports and, if it was clear, marks the upcall pending.
    func select(_ word: Int, vcpu id: UInt32) {
        // A vCPU without vcpu_info finds the event when it registers one: that sets its whole selector.
        guard let vcpu = vcpu(id), let info = vcpu.info else { return }
        // By halves: one that was registered in the 32-bit form is aligned to 4 bytes only.
        let half = Field<VCPUInfoLayout, UInt32>(
            at: Field<VCPUInfoLayout, UInt64>.pendingSelector.offset &+ 4 &* ((word &>> 5) & 1))
        let bit: UInt32 = 1 &<< UInt32(truncatingIfNeeded: word & 31)
        guard info.setBits(bit, at: half) & bit == 0 else { return }
        guard info.exchange(1, at: .upcallPending) == 0 else { return }
        vcpu.upcallBecamePending()
    }
    func wakePollers(of port: UInt32) {
        var othersPoll = false
        forEachVCPU { vcpu in
            guard vcpu.state.pollPort != 0 else { return }
            if vcpu.state.pollPort == port || vcpu.state.pollPort == .max {
                vcpu.wake()
            } else {
                othersPoll = true
            }
        }
        state.events.mayHavePollers = othersPoll
    }
    /// Clears a port's mask bit; an event that was waiting behind it is delivered.
    func unmask(_ port: UInt32) {
        if state.sharedInfoIs32Bit { return unmask32(port) }
        let shared = sharedInfo
        let word = Int(port &>> 6)
        let bit: UInt64 = 1 &<< UInt64(port & 63)
        guard shared.clearBits(bit, at: .eventMask.element(word)) & bit != 0,
            shared.load(.eventPending.element(word)) & bit != 0
        else { return }
        select(word, vcpu: UInt32(portRecord(port)?[EventPortLayout.vcpu] ?? 0))
    }

    /// Raises a VIRQ of the whole domain (`VIRQ_DOM_EXC`, `VIRQ_CONSOLE`, …). No effect while it is not
    /// bound.
    public func raise(globalVIRQ virq: UInt32) {
        guard virq < VirtualInterrupt.count, let port = vcpu(0)?.state.virqPorts[Int(virq)], port != 0,
            let record = portRecord(port)
        else { return }
        setPending(port, vcpu: UInt32(record[EventPortLayout.vcpu]))
    }
}

extension Ref<VirtualCPU> {
    /// Raises a VIRQ of this vCPU (`VIRQ_TIMER`, `VIRQ_DEBUG`). No effect while it is not bound.
    public func raise(virq: UInt32) {
        guard virq < VirtualInterrupt.count else { return }
        let port = state.virqPorts[Int(virq)]
        guard port != 0 else { return }
        domain.setPending(port, vcpu: state.id)
    }
}

extension VirtualInterrupt {
    /// True for a VIRQ that exists once in a domain; the others exist once in each vCPU.
    static func isGlobal(_ virq: UInt32) -> Bool {
        virq != timer && virq != debug && virq != xenoprof && virq != pmu
    }
}
