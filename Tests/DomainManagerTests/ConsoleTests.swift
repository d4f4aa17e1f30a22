// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import FoundationEssentials
import Reactor
import Testing
import TrafficCounts
import XenABI

@testable import DomainManager

private final class Watcher: ConsoleClient {
    var bytes: [UInt8] = []
    var hasEnded = false
    var text: String { String(decoding: bytes, as: UTF8.self) }
    func receive(_ bytes: [UInt8]) { self.bytes += bytes }
    func end() { hasEnded = true }
}

@Suite struct ConsoleTests {
    @Test func movesBytesAcrossTheEndOfTheRing() {
        let page = FakePage()
        let ring = ConsoleRing(page.console, owner: page)
        for start in [UInt32(0), UInt32(2040), UInt32.max - 5] {
            page.console.store(start, to: .outputConsumer)
            page.console.store(start, to: .outputProducer)
            page.print("0123456789abcdef")
            #expect(String(decoding: ring.drain(), as: UTF8.self) == "0123456789abcdef")
            #expect(ring.drain().isEmpty)
            page.console.store(start, to: .inputConsumer)
            page.console.store(start, to: .inputProducer)
            #expect(ring.push(Array("typed".utf8)[...]) == 5)
            #expect(page.typed() == "typed")
        }
        #expect(ring.faults == 0)
    }

    @Test func aFullRingTakesNoMore() {
        let page = FakePage()
        let ring = ConsoleRing(page.console, owner: page)
        #expect(ring.push([UInt8](repeating: 65, count: 1500)[...]) == 1024)
        #expect(ring.push([66][...]) == 0)
        _ = page.typed()
        #expect(ring.push([66][...]) == 1)
    }

    @Test(arguments: [UInt32(2049), 1 << 31, .max]) func indicesThatMakeNoSenseAreNotFollowed(
        distance: UInt32
    ) {
        let page = FakePage()
        let ring = ConsoleRing(page.console, owner: page)
        page.console.store(distance, to: .outputProducer)
        #expect(ring.drain().isEmpty && ring.faults == 1)
        // The ring works again from where the guest says it is.
        page.print("ok")
        #expect(String(decoding: ring.drain(), as: UTF8.self) == "ok")
        page.console.store(7, to: .inputConsumer)
        #expect(ring.push([65][...]) == 0 && ring.faults == 2)
    }

    @Test func historyKeepsTheLast16KiB() {
        var history = ConsoleHistory()
        for number in 0..<10_000 { history.append(Array("line \(number)\n".utf8)) }
        #expect(history.contents.count == ConsoleHistory.capacity)
        #expect(history.lastLines(2) == "line 9998\nline 9999")
        history.append(Array("\u{1B}[31mred\r\n".utf8))
        #expect(history.lastLines(1) == "[31mred")
    }

    @Test func historyGoesOnWithWhatWasKept() throws {
        try withDirectory { directory in
            let path = directory + "/1"
            var history = ConsoleHistory(keeper: ConsoleHistoryFile(path: path))
            #expect(history.contents.isEmpty)
            for number in 0..<10_000 {
                history.append(Array("line \(number)\n".utf8))
                if number % 999 == 0 {
                    let kept = try System.readFile(path)
                    #expect(kept.count <= 2 * ConsoleHistory.capacity)
                    let other = ConsoleHistory(keeper: ConsoleHistoryFile(path: path))
                    #expect(other.contents == history.contents)
                }
            }
            // The next daemon, and the one after it.
            for round in 1...2 {
                let before = history.contents
                history = ConsoleHistory(keeper: ConsoleHistoryFile(path: path))
                #expect(history.contents == before)
                history.append(Array("daemon \(round)\n".utf8))
            }
            #expect(history.lastLines(3) == "line 9999\ndaemon 1\ndaemon 2")
            let file = ConsoleHistoryFile(path: path)
            file.remove()
            #expect(file.contents.isEmpty && !System.exists(path))
            file.append([65])
            #expect(file.contents == [65])
            // What cannot be kept does no harm.
            var unkept = ConsoleHistory(keeper: ConsoleHistoryFile(path: "/nowhere/1"))
            unkept.append(Array("seen\n".utf8))
            #expect(unkept.lastLines(1) == "seen")
        }
    }

    @Test func servesSeveralClientsAndTheLog() throws {
        let machine = try Machine()
        try machine.create(Machine.configuration())
        let page = try #require(machine.hypervisor.pages[DomainID(rawValue: 1)])
        page.print("before\n")
        machine.channels.raise("1:2")
        let console = try machine.supervisor.console("web1")
        let first = Watcher()
        let second = Watcher()
        console.attach(first)
        console.attach(second)
        page.print("after\n")
        machine.channels.raise("1:2")
        #expect(first.text == "before\nafter\n" && second.text == first.text)
        console.detach(second)
        console.send(Array("ls\n".utf8))
        #expect(page.typed() == "ls\n")
        page.print("x")
        machine.channels.raise("1:2")
        #expect(second.text == "before\nafter\n")
        #expect(String(decoding: machine.consoleLog.bytes, as: UTF8.self) == "before\nafter\nx")
        #expect(!machine.channels.notified.isEmpty)
        page.print("last words")
        try machine.destroy("web1")
        #expect(first.text.hasSuffix("last words") && first.hasEnded)
    }

    @Test func typedBytesWaitForTheGuest() throws {
        let machine = try Machine()
        try machine.create(Machine.configuration())
        let page = try #require(machine.hypervisor.pages[DomainID(rawValue: 1)])
        let console = try machine.supervisor.console("1")
        console.send([UInt8](repeating: 65, count: 3000))
        #expect(page.typed().utf8.count == 1024)
        machine.channels.raise("1:2")
        #expect(page.typed().utf8.count == 1024)
        machine.channels.raise("1:2")
        #expect(page.typed().utf8.count == 952)
        console.send([UInt8](repeating: 65, count: 1 << 20))
        var total = 0
        for _ in 0..<200 {
            total += page.typed().utf8.count
            machine.channels.raise("1:2")
        }
        #expect(total <= Console.typedLimit + 1024 && total >= Console.typedLimit)
    }

    @Test func domainZeroHasNoConsoleHere() throws {
        let machine = try Machine()
        #expect(throws: APIError.self) { try machine.supervisor.console("0") }
        #expect(throws: APIError.self) { try machine.supervisor.console("nobody") }
    }
}

/// With real files and sockets in a directory of its own.
@Suite struct HostTests {
    @Test func recordsSurvive() throws {
        try withDirectory { directory in
            var record = DomainRecord(configuration: Machine.configuration(), uuid: .random(), startedAt: 5)
            record.rings = GuestRings(storeFrame: 1, storePort: 2, consoleFrame: 3, consolePort: 4)
            try FileRecords(stateDirectory: directory).save(record)
            try System.replaceFile(directory + "/domains/x.json", with: Array("{".utf8))
            let again = try FileRecords(stateDirectory: directory)
            #expect(again.all() == [record])
            again.remove(record.uuid)
            #expect(again.all().isEmpty)
        }
    }

    @Test func logsAreSetAsideWhenTheyAreLong() throws {
        try withDirectory { directory in
            let path = directory + "/console-a.log"
            let log = ConsoleLogFile(path: path)
            for _ in 0..<300 { log.append([UInt8](repeating: 65, count: 4096)) }
            let old = try System.readFile(path + ".1", limit: 4 << 20)
            #expect(old.count == 1 << 20)
            let current = try System.readFile(path)
            #expect(current.count == 44 * 4096)
            let more = ConsoleLogFile(path: path)
            more.append([66])
            let longer = try System.readFile(path)
            #expect(longer.count == 44 * 4096 + 1)
        }
    }

    @Test func inspectsFiles() throws {
        try withDirectory { directory in
            let reactor = try Reactor()
            let host = try LinuxHost(reactor: reactor, backendProgram: "/bin/false", logDirectory: directory)
            try System.replaceFile(directory + "/a", with: [1, 2, 3])
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/b", withDestinationPath: directory + "/a")
            let file = try host.inspect(directory + "/a", forWriting: true)
            #expect(file.size == 3)
            #expect(try host.inspect(directory + "/b", forWriting: false) == file)
            #expect(throws: HostFailure("No such file or directory")) {
                try host.inspect(directory + "/c", forWriting: false)
            }
            #expect(throws: HostFailure.self) { try host.inspect(directory, forWriting: false) }
            #expect(throws: HostFailure.self) { try host.inspect("/dev/null", forWriting: false) }
            #expect(host.interfaceExists("lo") && !host.isBridge("lo"))
        }
    }

    @Test func backendsCountWhereTheyAreTold() throws {
        try withDirectory { directory in
            let reactor = try Reactor()
            let host = try LinuxHost(
                reactor: reactor, backendProgram: "/bin/sh",
                backendArguments: ["-c", "printf '%32s' '' >$2/$3", "sh"], logDirectory: directory,
                trafficDirectory: directory)
            #expect(host.traffic(of: DomainID(rawValue: 3)) == nil)
            var ended: String?
            // `sh -c … sh --traffic DIRECTORY 3`
            _ = try host.startBackend(for: DomainID(rawValue: 3), name: "a") { ended = $0 }
            for _ in 0..<500 where ended == nil { reactor.turn(limit: 10) }
            #expect(ended == "exit status 0")
            let blanks = TrafficCounts([UInt8](repeating: 32, count: 32))
            #expect(host.traffic(of: DomainID(rawValue: 3)) == blanks)
            host.forgetTraffic(of: DomainID(rawValue: 3))
            #expect(host.traffic(of: DomainID(rawValue: 3)) == nil)
        }
    }

    @Test func startsAndStopsProcesses() throws {
        try withDirectory { directory in
            let reactor = try Reactor()
            let host = try LinuxHost(
                reactor: reactor, backendProgram: "/bin/sh",
                backendArguments: ["-c", "echo hello; exit 3", "sh"],
                logDirectory: directory)
            var ended: String?
            let short = try host.startBackend(for: DomainID(rawValue: 5), name: "a") { ended = $0 }
            for _ in 0..<500 where ended == nil { reactor.turn(limit: 10) }
            #expect(ended == "exit status 3" && !short.isRunning)
            let said = try System.readFile(directory + "/svback-a.log")
            #expect(said == Array("hello\n".utf8))

            let other = try LinuxHost(
                reactor: reactor, backendProgram: "/bin/sh",
                backendArguments: ["-c", "while :; do sleep 1; done", "sh"],
                logDirectory: directory)
            var wasStopped = false
            let long = try other.startBackend(for: DomainID(rawValue: 6), name: "b") { _ in
                Issue.record("asked to end")
            }
            #expect(other.adoptBackend(long.number, for: DomainID(rawValue: 7), onExit: { _ in }) == nil)
            long.stop { wasStopped = true }
            for _ in 0..<700 where !wasStopped { reactor.turn(limit: 10) }
            #expect(wasStopped && !long.isRunning)
            #expect(throws: HostFailure.self) {
                try LinuxHost(reactor: reactor, backendProgram: "/nowhere", logDirectory: directory)
                    .startBackend(for: .zero, name: "c") { _ in }
            }
        }
    }

    @Test func servesConsolesOnASocket() throws {
        try withDirectory { directory in
            let machine = try Machine()
            try machine.create(Machine.configuration())
            let page = try #require(machine.hypervisor.pages[DomainID(rawValue: 1)])
            page.print("login: ")
            let path = directory + "/console.sock"
            let server = try ConsoleServer(
                reactor: machine.reactor, supervisor: machine.supervisor, path: path)

            let socket = try UnixSocket(connectingTo: path)
            try socket.write(ConsoleProtocol.request(for: "web1") + Array("root\n".utf8))
            for _ in 0..<20 { machine.reactor.turn(limit: 1) }
            #expect(String(decoding: try socket.read(), as: UTF8.self) == "{}\nlogin: ")
            #expect(page.typed() == "root\n")

            let stranger = try UnixSocket(connectingTo: path)
            try stranger.write(ConsoleProtocol.request(for: "web2"))
            for _ in 0..<20 { machine.reactor.turn(limit: 1) }
            #expect(throws: APIError.self) { try ConsoleProtocol.attach(to: "web2", over: stranger) }

            let babbler = try UnixSocket(connectingTo: path)
            try babbler.write([UInt8](repeating: 65, count: 4000))
            for _ in 0..<20 { machine.reactor.turn(limit: 1) }
            #expect(try babbler.read().isEmpty)

            try machine.destroy("web1")
            for _ in 0..<20 { machine.reactor.turn(limit: 1) }
            #expect(try socket.read().isEmpty)
            server.close()
            #expect(!System.exists(path))
        }
    }
}
