// SPDX-License-Identifier: Apache-2.0
import CGuest
import XenABI

/// The guest's own code: `@c(guest_main) public func guestMain()`.
@_extern(c, "guest_main") func guestMain()

/// Called by entry.S on the first vCPU, interrupts off, with the address of start info.
@c(guest_start) @used
func guestStart(_ startInfo: UInt64) {
    Platform.detect()
    guest_set_uses_vmmcall(Processor.vendorUsesVMMCALL ? 1 : 0)
    Interrupts.setUp(virtualCPU: 0)
    BootInformation.setUp(startInfo: startInfo)
    if Platform.hypervisorLeaf == nil {
        Console.print("guest: no Xen-compatible hypervisor here; nothing to run")
        shutDownOrStop(ShutdownReason.powerOff)
    }
    guestMain()
    shutDownOrStop(ShutdownReason.powerOff)
}

/// Ends this guest: the domain shuts down for a `ShutdownReason`.
public func shutDown(_ reason: UInt32 = ShutdownReason.powerOff) -> Never { shutDownOrStop(reason) }
