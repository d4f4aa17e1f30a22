// SPDX-License-Identifier: Apache-2.0
import Reactor
import Synchronization
import Testing
import XenABI
import XenStoreClient
import XenStoreService

/// How the service knows which programs run: by what they watch through the socket.
@Suite(.serialized) struct ProgramTests {
    static let root = "/local/domain/0/backend"
    final class Told: Sendable {
        let names = Mutex<[String]>([])
        func add(_ name: String) { names.withLock { $0.append(name) } }
        var all: [String] { names.withLock { $0 } }
    }
    let told = Told()

    /// Waits for a program on `path`; afterwards everything that was planned has been done.
    private func wait(_ server: ServiceThread, _ path: String, as name: String) -> Int {
        let number = Mutex(0)
        let told = told
        server.onService { service in
            let made = service.whenProgramWatches(path, below: Self.root) { told.add(name) }
            number.withLock { $0 = made }
        }
        settle(server)
        return number.withLock { $0 }
    }
    /// Two turns of the reactor: what the first one plans runs in the second.
    private func settle(_ server: ServiceThread) { for _ in 0..<3 { server.onService { _ in } } }

    @Test func aProgramThatRunsAndOneThatComes() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let reactor = try Reactor()
        var program: XenStoreClient? = try XenStoreClient(socket: server.socket, reactor: reactor)
        _ = try program?.watch("\(Self.root)/foo") { _ in }
        _ = wait(server, "\(Self.root)/foo", as: "foo")
        #expect(told.all == ["foo"])
        _ = wait(server, "\(Self.root)/bar", as: "bar")
        _ = wait(server, "\(Self.root)/fo", as: "fo")
        #expect(told.all == ["foo"])
        // Another kind, one below it, what does not belong to backends, and then it.
        for path in ["\(Self.root)/barn", "\(Self.root)/bar/3", "/local/domain", "/local/domain/0", "/"] {
            _ = try program?.watch(path) { _ in }
        }
        settle(server)
        #expect(told.all == ["foo"])
        _ = try program?.watch("backend/bar") { _ in }
        settle(server)
        #expect(told.all == ["foo", "bar"])
        // It is gone, without a word.
        program = nil
        let other = try XenStoreClient(socket: server.socket, reactor: reactor)
        try other.write("/x", "")
        settle(server)
        _ = wait(server, "\(Self.root)/foo", as: "foo again")
        #expect(told.all == ["foo", "bar"])
        // One that looks after all backends counts for each.
        _ = try other.watch(Self.root) { _ in }
        settle(server)
        #expect(told.all.count == 4 && Set(told.all).isSuperset(of: ["foo again", "fo"]))
    }

    @Test func onlyProgramsCountAndWaitsEnd() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        server.onService { service in _ = try? service.client.watch("\(Self.root)/foo") { _ in } }
        let number = wait(server, "\(Self.root)/foo", as: "foo")
        // A watch in svd itself is no program.
        #expect(told.all.isEmpty)
        server.onService { $0.forgetWaiter(number) }
        let program = try XenStoreClient(socket: server.socket, reactor: try Reactor())
        _ = try program.watch("\(Self.root)/foo") { _ in }
        settle(server)
        #expect(told.all.isEmpty)
    }
}
