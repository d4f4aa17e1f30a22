// SPDX-License-Identifier: Apache-2.0
import Configuration
import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import ControlAPI

/// Answers one connection on a unix socket with fixed bytes, then closes it.
private final class OneShotServer: Sendable {
    let directory: String
    private let request = Mutex<[UInt8]>([])
    private let thread: Thread

    private struct Thread: @unchecked Sendable { var handle: pthread_t }
    private final class Work {
        let listener: Int32
        let pieces: [[UInt8]]
        let done: ([UInt8]) -> Void
        init(_ listener: Int32, _ pieces: [[UInt8]], _ done: @escaping ([UInt8]) -> Void) {
            self.listener = listener
            self.pieces = pieces
            self.done = done
        }
        func run() {
            let descriptor = accept(listener, nil, nil)
            let connection = UnixSocket(owning: descriptor)
            var request: [UInt8] = []
            // The whole request: head, and a body as long as it says.
            while let more = try? connection.read(), !more.isEmpty {
                request += more
                let text = String(decoding: request, as: UTF8.self)
                guard let head = text.firstRange(of: "\r\n\r\n") else { continue }
                let length =
                    text.firstRange(of: "Content-Length: ").flatMap {
                        Int(text[$0.upperBound...].prefix { $0.isNumber })
                    } ?? 0
                if text[head.upperBound...].utf8.count >= length { break }
            }
            done(request)
            for piece in pieces { try? connection.write(piece) }
        }
    }

    init(_ pieces: [String]) throws {
        directory =
            FileManager.default.temporaryDirectory.appending(path: "sv-api-\(UInt64.random(in: 0 ... .max))")
            .path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = ControlPaths.apiSocket(in: directory)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            for (index, byte) in path.utf8.enumerated() { unsafe bytes[index] = byte }
        }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0 && listen(listener, 1) == 0)
        nonisolated(unsafe) var handle = pthread_t()
        nonisolated(unsafe) var box: [UInt8] = []
        let work = Work(listener, pieces.map { Array($0.utf8) }) { unsafe box = $0 }
        unsafe pthread_create(
            &handle, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        thread = unsafe Thread(handle: handle)
        received = { unsafe box }
    }
    private let received: @Sendable () -> [UInt8]

    /// What the client sent. Waits for the server's end.
    func finish() -> String {
        pthread_join(thread.handle, nil)
        try? FileManager.default.removeItem(atPath: directory)
        return String(decoding: received(), as: UTF8.self)
    }
}

@Suite struct ControlClientTests {
    private static let ok = "HTTP/1.1 200 OK\r\nSwiftvisor-API: 1\r\n"

    @Test func asksAndReadsTheAnswer() throws {
        let server = try OneShotServer([
            Self.ok + "Content-Length: 14\r\n\r\n", #"{"name":"web2"}"#.dropLast().description, "}",
        ])
        // The length is one short: the last byte never arrives, and what came is whole.
        let client = ControlClient(runDirectory: server.directory)
        #expect(throws: APIError.self) { let _: RenameRequest = try client.ask("GET", "/v1/x") }
        _ = server.finish()
    }

    @Test func sendsJSONAndItsVersion() throws {
        let server = try OneShotServer([Self.ok + "Content-Length: 15\r\n\r\n" + #"{"name":"web2"}"#])
        let answer: RenameRequest = try ControlClient(runDirectory: server.directory).ask(
            "POST", "/v1/domains/a/rename", body: RenameRequest(name: "b"))
        #expect(answer.name == "web2")
        let request = server.finish()
        #expect(request.hasPrefix("POST /v1/domains/a/rename HTTP/1.1\r\n"))
        #expect(
            request.contains("\r\nSwiftvisor-API: 1\r\n") && request.hasSuffix("\r\n\r\n{\"name\":\"b\"}"))
    }

    @Test func streamsLines() throws {
        let server = try OneShotServer([
            Self.ok + "Transfer-Encoding: chunked\r\n\r\n", "4\r\none\n\r\n", "3\r\ntwo\r\n",
            "7\r\n\nthree\n\r\n0\r\n\r\n",
        ])
        var lines: [String] = []
        try ControlClient(runDirectory: server.directory).lines("GET", "/v1/events") {
            lines.append(String(decoding: $0, as: UTF8.self))
            return true
        }
        #expect(lines == ["one", "two", "three"])
        _ = server.finish()
    }

    @Test func passesOnTheErrorOfSvd() throws {
        let body = String(
            decoding: JSON.encode(APIError(.domainUnknown, "there is no domain \"x\"", hint: "list")),
            as: UTF8.self)
        let server = try OneShotServer([
            "HTTP/1.1 404 Failed\r\nSwiftvisor-API: 1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        ])
        do {
            try ControlClient(runDirectory: server.directory).tell("DELETE", "/v1/domains/x")
            Issue.record("no error")
        } catch {
            #expect(error.code == "domain-unknown" && error.hint == "list")
        }
        _ = server.finish()
    }

    @Test(arguments: [
        ("", "svd-lost"), ("nonsense\r\n", "svd-lost"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "svd-lost"),
        ("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nabc", "svd-lost"),
        ("HTTP/1.1 200 OK\r\nSwiftvisor-API: 2\r\nContent-Length: 2\r\n\r\n{}", "api-version"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "svd-lost"),
    ])
    func explainsBrokenAnswers(text: String, code: String) throws {
        let server = try OneShotServer([text])
        do {
            let _: RenameRequest = try ControlClient(runDirectory: server.directory).ask("GET", "/v1/x")
            Issue.record("no error")
        } catch {
            #expect(error.code == code && error.hint != nil)
        }
        _ = server.finish()
    }

    @Test func saysThatSvdIsNotRunning() {
        do {
            try ControlClient(runDirectory: "/nowhere/at/all").tell("GET", "/v1/version")
            Issue.record("no error")
        } catch {
            #expect(error.code == "svd-not-running" && error.message.contains("/nowhere/at/all/svd.sock"))
        }
        #expect(throws: APIError.self) {
            try ControlClient(runDirectory: String(repeating: "x", count: 200)).tell("GET", "/v1/version")
        }
    }

    @Test func escapesNamesInPaths() {
        #expect(ControlClient.escaped("web-1.a_b~") == "web-1.a_b~")
        #expect(ControlClient.escaped("a/b c?ö") == "a%2Fb%20c%3F%C3%B6")
    }

    @Test func attachesToAConsole() throws {
        var descriptors: [Int32] = [0, 0]
        #expect(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &descriptors) == 0)
        let svd = UnixSocket(owning: descriptors[0])
        let client = UnixSocket(owning: descriptors[1])
        try svd.write(ConsoleProtocol.answer(nil) + Array("login: ".utf8))
        #expect(try ConsoleProtocol.attach(to: "web1", over: client) == Array("login: ".utf8))
        #expect(try svd.read() == Array("web1\n".utf8))
        try svd.write(ConsoleProtocol.answer(APIError(.domainUnknown, "none")))
        do {
            _ = try ConsoleProtocol.attach(to: "web1", over: client)
            Issue.record("no error")
        } catch {
            #expect(error.code == "domain-unknown")
        }
    }
}
