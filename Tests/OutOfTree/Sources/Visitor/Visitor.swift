// SPDX-License-Identifier: Apache-2.0
import GuestABI

@c(guest_main)
public func guestMain() {
    let boot = BootInformation.current
    Console.print("A guest from another package, told \"\(boot.commandLine)\"")
}
