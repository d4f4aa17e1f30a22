// SPDX-License-Identifier: Apache-2.0
import GuestABI
import XenABI

/// The smallest guest: prints, asks, shuts down.
@c(guest_main)
public func guestMain() {
    let boot = BootInformation.current
    Console.print("Hello from a Swift guest; command line \"\(boot.commandLine)\"")
    guard let number = try? Version.number() else { panic("xen_version failed") }
    Console.print(
        "hypervisor ABI version \(number >> 16).\(number & 0xFFFF), \(boot.regionCount) memory regions")
    Console.print("TEST hello PASS")
    Console.print("Test result: SUCCESS")
    shutDown()
}
