// SPDX-License-Identifier: Apache-2.0
import Glibc
import Reactor
import Synchronization
import Testing
import XenABI
import XenStoreClient
import XenStoreService
import XenStoreWire

/// Through the unix socket, with our client.
@Suite(.serialized) struct SocketTests {
    @Test func theClientDoesEverything() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let client = try XenStoreClient(socket: server.socket, reactor: nil)
        try client.write("/a/b", "1")
        #expect(try client.read("/a/b") == "1")
        #expect(try client.read("/none") == nil)
        try client.makeDirectory("/a/c")
        #expect(try client.directory("/a") == ["b", "c"])
        #expect(try client.directory("/none") == [])
        try client.setPermissions("/a/b", [.init(.none, 0), .init(.read, 4)])
        #expect(try client.permissions("/a/b") == [.init(.none, 0), .init(.read, 4)])
        try client.remove("/a")
        try client.remove("/a")
        try client.remove("/x/y/z")
        #expect(throws: StoreClientError.refused(operation: "write /bad path", .invalidArgument)) {
            try client.write("/bad path", "")
        }
        #expect(
            StoreClientError.refused(operation: "write /bad path", .invalidArgument).description
                == "store: cannot write /bad path: Invalid argument (EINVAL)")
        #expect(throws: StoreClientError.refused(operation: "write /long", .tooBig)) {
            try client.write("/long", String(repeating: "x", count: 4096))
        }
        for index in 0..<700 { try client.write("/big/child-\(index)", "") }
        #expect(try client.directory("/big").count == 700)
    }

    @Test func transactionsRetryUntilTheyFit() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let one = try XenStoreClient(socket: server.socket, reactor: nil)
        let two = try XenStoreClient(socket: server.socket, reactor: nil)
        try one.write("/counter", "0")
        var attempts = 0
        try one.transaction { transaction throws(StoreClientError) in
            attempts += 1
            let value = Int(try one.read("/counter", in: transaction) ?? "") ?? -1
            if attempts < 3 { try two.write("/counter", "\(attempts * 100)") }
            try one.write("/counter", "\(value + 1)", in: transaction)
        }
        #expect(attempts == 3)
        #expect(try two.read("/counter") == "201")
        #expect(throws: StoreClientError.refused(operation: "write bad path", .invalidArgument)) {
            try one.transaction { transaction throws(StoreClientError) in
                try one.write("/never", "", in: transaction)
                try one.write("bad path", "", in: transaction)
            }
        }
        #expect(try one.read("/never") == nil)
    }

    @Test func manyValuesAreWrittenTogetherOrNotAtAll() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let client = try XenStoreClient(socket: server.socket, reactor: nil)
        try client.write([("/d/a", "1")], ifPresent: "/d/anchor")
        #expect(try client.directory("/d") == [])
        try client.write("/d/anchor", "")
        let values = (0..<300).map { (path: "/d/\($0)", value: String(repeating: "v", count: 100)) }
        try client.write(values, ifPresent: "/d/anchor")
        #expect(try client.directory("/d").count == 301)
        #expect(try client.read("/d/299") == values[299].value)
        #expect(throws: StoreClientError.refused(operation: "write bad path", .invalidArgument)) {
            try client.write(
                [("/d/before", ""), ("bad path", ""), ("/d/after", "")], ifPresent: "/d/anchor")
        }
        #expect(throws: StoreClientError.refused(operation: "write /d/long", .tooBig)) {
            try client.write(
                [("/d/before", ""), ("/d/long", String(repeating: "x", count: 4096))], ifPresent: "/d/anchor")
        }
        #expect(try client.read("/d/before") == nil)
        #expect(try client.read("/d/0") == values[0].value)
    }

    @Test func allWatchesComeBackWhenARequestFindsTheStoreAgain() throws {
        let folder = TemporaryFolder()
        let server = try ServiceThread(folder: folder, journal: true)
        let reactor = try Reactor()
        let client = try XenStoreClient(socket: server.socket, reactor: reactor)
        var said: [String] = []
        client.log = { said.append($0) }
        var events: [String] = []
        for path in ["/a", "/b", "/c"] { _ = try client.watch(path) { events.append($0) } }
        while events.count < 3 { reactor.turn() }
        server.stop()
        let again = try ServiceThread(folder: folder, journal: true)
        defer { again.stop() }
        // The first request after the loss fails, as nobody knows what became of it; the next one connects.
        #expect(throws: StoreClientError.connectionLost(operation: "write /b/x")) {
            try client.write("/b/x", "1")
        }
        try client.write("/b/x", "1")
        while events.count < 7 { reactor.turn() }
        #expect(events.dropFirst(3).sorted() == ["/a", "/b", "/b/x", "/c"])
        #expect(said == ["the store went away", "the store is back"])
    }

    @Test func watchesComeThroughTheReactorAndSurviveARestartOfTheStore() throws {
        let folder = TemporaryFolder()
        let server = try ServiceThread(folder: folder, journal: true)
        let reactor = try Reactor()
        let client = try XenStoreClient(socket: server.socket, reactor: reactor)
        var events: [String] = []
        let watch = try client.watch("/w") { events.append($0) }
        while events.isEmpty { reactor.turn() }
        try client.write("/w/x", "1")
        while events.count < 2 { reactor.turn() }
        #expect(events == ["/w", "/w/x"])
        server.stop()
        let again = try ServiceThread(folder: folder, journal: true)
        while events.count < 3 { reactor.turn() }
        #expect(events.last == "/w")
        #expect(try client.read("/w/x") == "1")
        again.onService { do { try $0.client.write("/w/y", "2") } catch { Issue.record("\(error)") } }
        while events.count < 4 { reactor.turn() }
        #expect(events.last == "/w/y")
        client.unwatch(watch)
        try client.write("/w/z", "3")
        #expect(try client.read("/w/z") == "3")
        reactor.turn(limit: 0)
        reactor.turn(limit: 0)
        #expect(events.count == 4)
        again.stop()
        #expect(throws: StoreClientError.connectionLost(operation: "read /w/z")) { try client.read("/w/z") }
        // SAFETY: the string lives during the call.
        _ = unsafe unlink(folder.path + "/socket")
        #expect(throws: StoreClientError.unreachable(socket: folder.path + "/socket", number: ENOENT)) {
            try client.read("/w/z")
        }
    }

    @Test func aClientThatBreaksTheProtocolIsCutOff() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let good = try XenStoreClient(socket: server.socket, reactor: nil)
        let bad = try RawSocket(server.socket)
        var bytes: [UInt8] = []
        XenStoreHeader(operation: .read, length: 4097).append(to: &bytes)
        bad.send(bytes)
        #expect(bad.receive() == nil)
        try good.write("/fine", "")
    }

    @Test(arguments: [1, 3, 16, 17, 33])
    func requestsMayComeInPieces(_ chunk: Int) throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let socket = try RawSocket(server.socket)
        var bytes: [UInt8] = []
        try XenStoreRequest.write("/p".bytes, value: "value".bytes).encode(requestID: 1, to: &bytes)
        try XenStoreRequest.read("/p".bytes).encode(requestID: 2, to: &bytes)
        var rest = bytes[...]
        while !rest.isEmpty {
            socket.send(Array(rest.prefix(chunk)))
            rest = rest.dropFirst(chunk)
        }
        var answer: [UInt8] = []
        while answer.count < 16 + 3 + 16 + 5, let more = socket.receive() { answer += more }
        #expect(answer.suffix(5) == "value".bytes[...])
    }

    @Test func aClientThatReadsNothingIsNotServedWithoutEnd() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let value = [UInt8](repeating: 1, count: 4000)
        server.onService { do { try $0.client.write("/v", value) } catch { Issue.record("\(error)") } }
        let greedy = try RawSocket(server.socket)
        // 20 000 requests ask for 80 MB; the service takes them only as fast as their answers are read.
        var bytes: [UInt8] = []
        for id in 0..<200 { try XenStoreRequest.read("/v".bytes).encode(requestID: UInt32(id), to: &bytes) }
        let sent = greedy.sendWithoutWaiting(bytes, times: 100)
        let good = try XenStoreClient(socket: server.socket, reactor: nil)
        #expect(try good.readBytes("/v") == value)
        #expect(sent < bytes.count * 100)
        // Whoever reads gets everything that was asked for.
        var received = 0
        let expected = sent / 19 * 4016
        while received < expected, let more = greedy.receive() { received += more.count }
        #expect(received == expected)
    }
}

/// A socket without manners.
final class RawSocket {
    private let fd: Int32
    private var buffer = [UInt8](repeating: 0, count: 65536)
    init(_ path: String) throws {
        fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: the address has 108 bytes for the path, and the tests' paths are shorter.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe connect(
                fd, UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_un>.size))
        }
        try #require(result == 0)
    }
    deinit { close(fd) }
    func send(_ bytes: [UInt8]) {
        // SAFETY: the kernel reads the array.
        #expect(unsafe Glibc.send(fd, bytes, bytes.count, 0) == bytes.count)
    }
    /// Sends until the peer takes no more; returns how many bytes went, rounded down to whole requests of 19 bytes.
    func sendWithoutWaiting(_ bytes: [UInt8], times: Int) -> Int {
        var sent = 0
        for _ in 0..<times {
            // SAFETY: the kernel reads the array.
            let count = unsafe Glibc.send(fd, bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count < 0 { break }
            sent += count
            if count < bytes.count { break }
        }
        return sent
    }
    func receive() -> [UInt8]? {
        // SAFETY: the kernel writes at most as many bytes as the array has.
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(fd, $0.baseAddress, $0.count, 0) }
        return count > 0 ? Array(buffer[..<count]) : nil
    }
}
