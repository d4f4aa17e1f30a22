// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The 2-level ABI in the 32-bit form of the shared information: words of 32 ports, 1024 ports in all. Which form a
// domain reads is latched where its drivers begin. Xen public/xen.h for i386.
extension Ref<Domain> {
    /// First port number that the domain cannot open now.
    var portLimit: UInt32 {
        state.sharedInfoIs32Bit
            ? min(state.events.limit, EventChannelLimit.twoLevelPorts32) : state.events.limit
    }

    /// Takes the form of the caller's code as that of the shared information: at the write of the hypercall page's MSR and
    /// of `HVM_PARAM_CALLBACK_IRQ`, as Xen does. Of what stands there, only the wallclock is written anew.
    public func latchSharedInfoForm(is32Bit: Bool) {
        guard state.sharedInfoIs32Bit != is32Bit else { return }
        // Ports beyond the new limit stay open, and silent.
        state.sharedInfoIs32Bit = is32Bit
        hypervisor.updateWallclock(self)
    }

    /// Clears the pending bit of a port.
    func clearPending(_ port: UInt32) {
        guard state.sharedInfoIs32Bit else {
            sharedInfo.clearBits(1 &<< UInt64(port & 63), at: .eventPending.element(Int(port &>> 6)))
            return
        }
        guard port < EventChannelLimit.twoLevelPorts32 else { return }
        sharedInfo32.clearBits(1 &<< (port & 31), at: .eventPending.element(Int(port &>> 5)))
    }
    /// Whether the pending bit of a port is set.
    func hasPendingBit(_ port: UInt32) -> Bool {
        guard state.sharedInfoIs32Bit else {
            return sharedInfo.load(.eventPending.element(Int(port &>> 6))) & (1 &<< UInt64(port & 63)) != 0
        }
        guard port < EventChannelLimit.twoLevelPorts32 else { return false }
        return sharedInfo32.load(.eventPending.element(Int(port &>> 5))) & (1 &<< (port & 31)) != 0
    }

    /// `setPending` in the 32-bit form. Ports that it has no bit for are silent.
    func setPending32(_ port: UInt32, vcpu: UInt32) {
        guard port < EventChannelLimit.twoLevelPorts32 else { return }
        let shared = sharedInfo32
        let word = Int(port &>> 5)
        let bit: UInt32 = 1 &<< (port & 31)
        guard shared.setBits(bit, at: .eventPending.element(word)) & bit == 0 else { return }
        if shared.load(.eventMask.element(word)) & bit == 0 { select32(word, vcpu: vcpu) }
        if state.events.mayHavePollers { wakePollers(of: port) }
    }
    /// `unmask` in the 32-bit form.
    func unmask32(_ port: UInt32) {
        guard port < EventChannelLimit.twoLevelPorts32 else { return }
        let shared = sharedInfo32
        let word = Int(port &>> 5)
        let bit: UInt32 = 1 &<< (port & 31)
        guard shared.clearBits(bit, at: .eventMask.element(word)) & bit != 0,
            shared.load(.eventPending.element(word)) & bit != 0
        else { return }
        select32(word, vcpu: UInt32(portRecord(port)?[EventPortLayout.vcpu] ?? 0))
    }
    private func select32(_ word: Int, vcpu id: UInt32) {
        guard let vcpu = vcpu(id), let info = vcpu.info32 else { return }
        let bit: UInt32 = 1 &<< UInt32(truncatingIfNeeded: word)
        guard info.setBits(bit, at: .pendingSelector) & bit == 0 else { return }
        guard info.exchange(1, at: .upcallPending) == 0 else { return }
        vcpu.upcallBecamePending()
    }
}
