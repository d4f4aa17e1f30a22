// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import FoundationEssentials
import Reactor
import Testing
import XenABI

@testable import DomainManager

/// The whole interface, through a socket, against the made-up machine.
@Suite struct InterfaceTests {
    private final class Service {
        let machine: Machine
        let server: HTTPServer
        let directory: String
        init() throws {
            machine = try Machine()
            directory =
                FileManager.default.temporaryDirectory.appending(
                    path: "sv-if-\(UInt64.random(in: 0 ... .max))"
                ).path
            try System.makeDirectory(directory)
            let interface = ControlInterface(
                reactor: machine.reactor, supervisor: machine.supervisor, crashWatch: 20)
            server = try HTTPServer(reactor: machine.reactor, path: ControlPaths.apiSocket(in: directory)) {
                interface.handle($0, $1)
            }
        }
        deinit {
            server.close()
            try? FileManager.default.removeItem(atPath: directory)
        }
        func connect() throws -> UnixSocket {
            try UnixSocket(connectingTo: ControlPaths.apiSocket(in: directory))
        }

        /// Sends a request, lets the service work until the answer is whole, and returns status and body.
        func ask(
            _ method: String, _ path: String, _ body: String = "", headers: String = "",
            while meanwhile: () -> Void = {}
        ) throws -> (status: Int, body: String) {
            let socket = try connect()
            try socket.write(
                Array(
                    "\(method) \(path) HTTP/1.1\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                        .utf8))
            for _ in 0..<5 { machine.reactor.turn(limit: 1) }
            meanwhile()
            // The service closes the connection at the end: nothing here waits for what does not come.
            for _ in 0..<60 { machine.reactor.turn(limit: 1) }
            var decoder = HTTPResponseDecoder()
            var text: [UInt8] = []
            while !decoder.isComplete {
                let bytes = try socket.read()
                if bytes.isEmpty { try decoder.finish() } else { try decoder.take(bytes) { text.append($0) } }
            }
            #expect(decoder.header("swiftvisor-api") == "1")
            return (decoder.status, String(decoding: text, as: UTF8.self))
        }
        func code(_ answer: (status: Int, body: String)) throws -> String {
            try JSON.decode(APIError.self, from: Array(answer.body.utf8)).code
        }
        func updates(_ body: String) throws -> [CreateUpdate] {
            try body.split(separator: "\n").map { try JSON.decode(CreateUpdate.self, from: Array($0.utf8)) }
        }
    }
    private static let web1 = #"{"configuration":{"name":"web1","kernel":"/k","memory":128}}"#

    @Test func createsListsAndDestroys() throws {
        let service = try Service()
        let created = try service.ask("POST", "/v1/domains", Self.web1)
        let updates = try service.updates(created.body)
        #expect(
            created.status == 200 && updates.first?.progress != nil && updates.last?.domain?.name == "web1")
        let list = try JSON.decode(
            [ControlAPI.DomainInfo].self, from: Array(try service.ask("GET", "/v1/domains").body.utf8))
        #expect(list.map(\.name) == ["Domain-0", "web1"])
        let usage = try JSON.decode(
            Usage.self, from: Array(try service.ask("GET", "/v1/usage").body.utf8))
        #expect(usage.domains.map(\.domain) == list && usage.host.host == "dom0")
        let details = try JSON.decode(
            DomainDetails.self, from: Array(try service.ask("GET", "/v1/domains/web1").body.utf8))
        #expect(details.configuration?.kernel == "/k" && details.vcpus.count == 1)
        for action in ["pause", "unpause"] {
            #expect(try service.ask("POST", "/v1/domains/1/\(action)").status == 200)
        }
        #expect(try service.ask("POST", "/v1/domains/1/rename", #"{"name":"web2"}"#).status == 200)
        #expect(try service.ask("DELETE", "/v1/domains/web2").status == 200)
        #expect(service.machine.isClean)
    }

    @Test func aRefusedCreationSaysWhy() throws {
        let service = try Service()
        let updates = try service.updates(
            try service.ask("POST", "/v1/domains", Self.web1.replacing("/k", with: "/nowhere")).body)
        #expect(updates.last?.error?.code == "kernel-unreadable" && updates.last?.domain == nil)
    }

    @Test func aDomainThatCrashesAtOnceIsAnErrorWithItsConsole() throws {
        let service = try Service()
        let answer = try service.ask("POST", "/v1/domains", Self.web1) {
            service.machine.hypervisor.pages[DomainID(rawValue: 1)]?.print("no init found\n")
            service.machine.stop(1, .crash)
        }
        let last = try #require(try service.updates(answer.body).last)
        #expect(last.error?.code == "domain-crashed" && last.console == "no init found")
    }

    @Test func shutdownWaitsForTheDomain() throws {
        let service = try Service()
        _ = try service.ask("POST", "/v1/domains", Self.web1)
        let answer = try service.ask("POST", "/v1/domains/web1/shutdown", #"{"wait":10}"#) {
            service.machine.stop(1, .poweroff)
        }
        #expect(answer.status == 200 && service.machine.isClean)
    }

    @Test(arguments: [
        ("GET", "/v1/domains/x", "", 404, "domain-unknown"),
        ("DELETE", "/v1/domains/0", "", 409, "domain-zero"),
        ("POST", "/v1/domains", "{", 400, "bad-request"),
        ("POST", "/v1/domains/0/rename", "{}", 400, "bad-request"),
        ("POST", "/v1/domains/0/shutdown", #"{"wait":-1}"#, 400, "bad-request"),
        ("GET", "/v1/nothing", "", 400, "bad-request"),
        ("GET", "/", "", 400, "bad-request"), ("PUT", "/v1/domains", "", 400, "bad-request"),
        ("GET", "/v1/domains/a/b/c", "", 400, "bad-request"),
        ("POST", "/v1/domains/0/explode", "", 400, "bad-request"),
    ])
    func refuses(method: String, path: String, body: String, status: Int, code: String) throws {
        let service = try Service()
        let answer = try service.ask(method, path, body)
        #expect(answer.status == status)
        #expect(try service.code(answer) == code)
    }

    @Test func refusesAnotherVersion() throws {
        let service = try Service()
        let answer = try service.ask("GET", "/v1/version", headers: "Swiftvisor-API: 9\r\n")
        #expect(try service.code(answer) == "api-version")
    }

    @Test func tellsOfMachineLogAndMetrics() throws {
        let service = try Service()
        #expect(
            try JSON.decode(HostInfo.self, from: Array(try service.ask("GET", "/v1/host").body.utf8)).host
                == "dom0")
        #expect(try service.ask("GET", "/v1/dmesg?clear=1").body.contains("(XEN) hello"))
        #expect(try service.ask("GET", "/v1/version").body.contains("\"api\":1"))
        #expect(try service.ask("GET", "/metrics").body.contains("swiftvisor_domains 1\n"))
    }

    @Test func streamsEventsUntilTheClientLeaves() throws {
        let service = try Service()
        let socket = try service.connect()
        try socket.write(Array("GET /v1/events HTTP/1.1\r\n\r\n".utf8))
        for _ in 0..<5 { service.machine.reactor.turn(limit: 1) }
        try service.machine.create(Machine.configuration())
        var text = ""
        while !text.contains("\"kind\":\"created\"") {
            text += String(decoding: try socket.read(), as: UTF8.self)
        }
        #expect(text.contains("text/event-stream") && text.contains("data: {\"domain\":1"))
    }

    @Test func answersOneAfterTheOtherOnOneConnection() throws {
        let service = try Service()
        let socket = try service.connect()
        try socket.write(Array(String(repeating: "GET /v1/version HTTP/1.1\r\n\r\n", count: 3).utf8))
        for _ in 0..<20 { service.machine.reactor.turn(limit: 1) }
        let text = String(decoding: try socket.read(), as: UTF8.self)
        #expect(text.split(separator: "HTTP/1.1 200 OK").count == 3)
    }

    @Test func nonsenseEndsOnlyItsConnection() throws {
        let service = try Service()
        let socket = try service.connect()
        try socket.write(Array("SSH-2.0-x\r\n\r\n".utf8))
        for _ in 0..<10 { service.machine.reactor.turn(limit: 1) }
        #expect(String(decoding: try socket.read(), as: UTF8.self).hasPrefix("HTTP/1.1 400 "))
        #expect(try service.ask("GET", "/v1/version").status == 200)
    }

    @Test func aClientThatLeavesDuringACreationChangesNothing() throws {
        let service = try Service()
        do {
            let socket = try service.connect()
            try socket.write(
                Array(
                    "POST /v1/domains HTTP/1.1\r\nContent-Length: \(Self.web1.utf8.count)\r\n\r\n\(Self.web1)"
                        .utf8))
            for _ in 0..<3 { service.machine.reactor.turn(limit: 1) }
        }
        for _ in 0..<60 { service.machine.reactor.turn(limit: 1) }
        #expect(try service.machine.supervisor.find("web1").rawValue == 1)
    }
}
