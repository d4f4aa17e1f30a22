// SPDX-License-Identifier: Apache-2.0
import GuestABI
import Network
import XenBus

/// Sends back what a client sends; when the client finishes, it gets the rest, then the end.
final class EchoSession: TCPSession {
    override func ready() {
        connection.read { connection.write($0) }
        connection.flush()
        if connection.hasPeerFinished && !connection.hasBytes { connection.close() }
    }
}

/// Connects the card and gives it back, some times: for the test that nothing gets lost.
func openAndClose() throws(FrontendFailure) {
    let store: XenStore
    do throws(XenStoreFailure) { store = try XenStore.open() } catch { throw .store(error) }
    for round in 1...5 {
        let card = try NetFrontend(store)
        card.close()
        Console.print("echo: card closed \(round) times, \(FreeMemory.byteCount >> 10) KiB free")
    }
}

@c(guest_main)
public func guestMain() {
    guard let settings = NetworkSettings(commandLine: BootInformation.current.commandLine) else {
        Console.print("echo: give ip=ADDRESS/BITS, and gateway=ADDRESS if there is one, on the command line")
        return
    }
    do {
        if BootInformation.current.commandLine.contains("reopen") { try openAndClose() }
        try Network.start(settings)
        guard Network.listen(port: 7, open: { EchoSession($0) }) else { return }
        _ = Network.listen(port: 5001, open: { MeasureSession($0) })
        Console.print("echo: port 7 is open")
        try Network.run()
    } catch {
        Console.print("echo: the network card cannot be used")
    }
}
