// SPDX-License-Identifier: Apache-2.0
import DriverKit
import EntropyDriver
import GuestABI

/// Prints random bytes from Dom0; asks again, every second, as often as the command line has dots.
@c(guest_main)
public func guestMain() {
    do throws(DriverError) {
        let device = try Frontend<Entropy, GuestPlatform>(try GuestPlatform())
        let line = BootInformation.current.commandLine
        var rounds = 1
        for index in 0..<line.count where line[index] == 0x2E { rounds += 1 }
        for round in 0..<rounds {
            if round > 0 { pause(seconds: 1) }
            var text: Text = "random:"
            for byte in try device.randomBytes(8) {
                text.append(byte: 0x20)
                text.append(hex: UInt64(byte))
            }
            Console.print(text)
        }
        var ones = 0
        for byte in try device.randomBytes(Entropy.limit) { ones += byte.nonzeroBitCount }
        Console.print("of \(Entropy.limit * 8) bits \(ones) are set")
        device.close()
    } catch {
        Console.print("no entropy: \(reason(error))")
    }
}

func reason(_ error: DriverError) -> Text {
    switch error {
    case .noDevice: "the configuration gives this domain no entropy device"
    case .exhausted: "the backend has none, or there is no memory"
    case .disconnected: "the connection ended"
    case .version: "the backend speaks another version"
    default: "the device does not work"
    }
}

func pause(seconds: UInt64) {
    guard let deadline = try? Deadline(nanoseconds: seconds * 1_000_000_000) else { return }
    // Not asleep for everybody: the device's own events are looked after meanwhile.
    EventLoop.wait { deadline.hasPassed }
}
