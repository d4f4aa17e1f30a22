// SPDX-License-Identifier: Apache-2.0
import GuestABI

/// The whole guest: it prints a line on its console and powers off when this function returns.
@c(guest_main)
public func guestMain() {
    let boot = BootInformation.current
    Console.print("Hello from a Swift guest!")
    if boot.commandLine.count > 0 { Console.print("I was told: \(boot.commandLine)") }
}
