// SPDX-License-Identifier: Apache-2.0
import GuestABI
import KeyValue
import Network

/// A client's connection: moves bytes between it and its `Session`.
final class Client: TCPSession {
    private let session: Session
    private var hasFinished = false
    init(_ connection: TCPConnection, _ server: Server) {
        session = Session(server)
        super.init(connection)
    }
    override func ready() {
        while true {
            connection.read { session.receive($0, now: milliseconds()) }
            session.reply.drain { connection.write($0) }
            // A client that does not read its replies is not read either.
            guard connection.hasBytes, session.reply.byteCount < Session.replyMark else {
                break
            }
        }
        if session.reply.hasOverflown {
            connection.abort()
            return
        }
        connection.flush()
        if connection.hasPeerFinished && !connection.hasBytes && session.reply.byteCount == 0 {
            connection.close()
        } else if session.isClosing && session.reply.byteCount == 0 && !hasFinished {
            // The client reads its last reply, and closes; what it sends until then is thrown away.
            hasFinished = connection.finish()
        }
    }
}

/// Milliseconds since the hypervisor started.
func milliseconds() -> UInt64 { Clock.now / 1_000_000 + 1 }

/// Bytes for keys, values, requests and replies: what `maxmemory=MIB` says, or all that is free but 6 MiB.
func memoryLimit() -> Int {
    let boot = BootInformation.current
    let most = max(FreeMemory.byteCount - 6 << 20, 1 << 20)
    let key: Text = "maxmemory="
    for start in 0..<boot.commandLine.count {
        var index = 0
        while index < key.count, boot.commandLine[start + index] == key[index] { index += 1 }
        guard index == key.count else { continue }
        var wanted = 0
        while wanted < 1 << 20, case let digit = boot.commandLine[start + index], digit >= 0x30, digit <= 0x39
        {
            wanted = wanted * 10 + Int(digit - 0x30)
            index += 1
        }
        return min(max(wanted, 1) << 20, most)
    }
    return most
}

@c(guest_main)
public func guestMain() {
    guard let settings = NetworkSettings(commandLine: BootInformation.current.commandLine) else {
        Console.print("kv: give ip=ADDRESS/BITS, and gateway=ADDRESS if there is one, on the command line")
        return
    }
    do {
        try Network.start(settings)
        // What the server needs itself is taken before the rest is counted.
        let limit = memoryLimit()
        let server = Server(
            memoryLimit: limit, seed: Clock.now &* 0x9E37_79B9_7F4A_7C15, now: milliseconds())
        guard Network.listen(port: 6379, open: { Client($0, server) }) else { return }
        Console.print("kv: port 6379 is open, \(limit >> 20) MiB for data")
        var nextSweep: UInt64 = 0
        try Network.run {
            let now = milliseconds()
            if now >= nextSweep {
                server.table.sweep(chainCount: 2048, now: now)
                nextSweep = now + 250
            }
            return false
        }
    } catch {
        Console.print("kv: the network card cannot be used")
    }
}
