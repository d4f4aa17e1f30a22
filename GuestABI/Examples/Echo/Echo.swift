// SPDX-License-Identifier: Apache-2.0
import GuestABI
import Network

/// Sends back what a client sends; when the client finishes, it gets the rest, then the end.
final class EchoSession: TCPSession {
    override func ready() {
        connection.read { connection.write($0) }
        connection.flush()
        if connection.hasPeerFinished && !connection.hasBytes { connection.close() }
    }
}

@c(guest_main)
public func guestMain() {
    guard let settings = NetworkSettings(commandLine: BootInformation.current.commandLine) else {
        Console.print("echo: give ip=ADDRESS/BITS, and gateway=ADDRESS if there is one, on the command line")
        return
    }
    do {
        try Network.start(settings)
        guard Network.listen(port: 7, open: { EchoSession($0) }) else { return }
        _ = Network.listen(port: 5001, open: { MeasureSession($0) })
        Console.print("echo: port 7 is open")
        try Network.run()
    } catch {
        Console.print("echo: the network card cannot be used")
    }
}
