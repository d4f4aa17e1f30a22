// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

@Suite struct TransactionTests {
    let fixture = StoreFixture()

    @Test func isPrivateUntilItsEnd() throws {
        let one = fixture.privileged()
        let two = fixture.privileged()
        try one.write("/a", "before")
        let transaction = try one.start()
        try one.write("/a", "inside", in: transaction)
        try one.write("/b/c", "new", in: transaction)
        #expect(try one.read("/a", in: transaction) == "inside")
        #expect(try one.directory("/", in: transaction) == "a|b|")
        #expect(try one.read("/a") == "before")
        #expect(try two.readError("/b/c") == .noEntry)
        #expect(try two.readError("/a", in: transaction) == .noEntry)
        #expect(try one.ok(.transactionEnd(commits: true), in: transaction) == "OK|")
        #expect(try two.read("/a") == "inside")
        #expect(try two.read("/b/c") == "new")
        #expect(try one.error(.transactionEnd(commits: true), in: transaction) == .noEntry)
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func seesTheTreeAsItWasAtItsStart() throws {
        let one = fixture.privileged()
        let two = fixture.privileged()
        try one.write("/a", "1")
        let transaction = try one.start()
        try two.write("/a", "2")
        try two.write("/new", "")
        #expect(try one.read("/a", in: transaction) == "1")
        #expect(try one.directory("/", in: transaction) == "a|")
        #expect(try one.ok(.transactionEnd(commits: false), in: transaction) == "OK|")
    }

    @Test func leavesNothingWhenAbandoned() throws {
        let client = fixture.privileged()
        let transaction = try client.start()
        try client.write("/x", "", in: transaction)
        try client.ok(.transactionEnd(commits: false), in: transaction)
        #expect(try client.readError("/x") == .noEntry)
        #expect(try client.error(.transactionStart, in: try client.start()) == .busy)
    }

    enum Step: Sendable {
        case read(String), write(String, String), directory(String), remove(String), permissions(String)
    }

    private func perform(_ step: Step, _ client: TestClient, _ transaction: UInt32) throws {
        switch step {
        case .read(let path): _ = try client.request(.read(path.bytes), in: transaction)
        case .write(let path, let value): try client.write(path, value, in: transaction)
        case .directory(let path): _ = try client.request(.directory(path.bytes), in: transaction)
        case .remove(let path): try client.remove(path, in: transaction)
        case .permissions(let path):
            _ = try client.request(.setPermissions(path.bytes, [.init(.read, 0)]), in: transaction)
        }
    }

    static let conflicts: [(inside: Step, outside: Step, conflicts: Bool)] = [
        (.read("/d/a"), .write("/d/a", "x"), true),
        (.read("/d/a"), .permissions("/d/a"), true),
        (.read("/d/a"), .remove("/d/a"), true),
        (.read("/d/a"), .remove("/d"), true),
        (.read("/d/a"), .write("/d/b", "x"), false),
        (.read("/d/a"), .write("/d/new", "x"), false),
        (.read("/d"), .write("/d/a", "x"), false),
        (.read("/d/missing"), .write("/d/missing", "x"), true),
        (.read("/d/missing"), .write("/d/other", "x"), false),
        (.write("/d/a", "y"), .write("/d/a", "x"), true),
        (.write("/d/a", "y"), .write("/d/b", "x"), false),
        (.write("/d/new", "y"), .write("/d/other", "x"), false),
        (.write("/d/new", "y"), .write("/d/new", "x"), true),
        (.write("/e/new", "y"), .write("/e/other", "x"), false),
        (.directory("/d"), .write("/d/new", "x"), true),
        (.directory("/d"), .remove("/d/b"), true),
        (.directory("/d"), .write("/d/a", "x"), false),
        (.directory("/d"), .write("/d/a/deep", "x"), false),
        (.remove("/d"), .write("/d/a", "x"), true),
        (.remove("/d"), .write("/d/a/deep", "x"), true),
        (.remove("/d"), .write("/f", "x"), false),
        (.permissions("/d/a"), .write("/d/a", "x"), true),
        (.permissions("/d/a"), .write("/d/b", "x"), false),
    ]

    @Test(arguments: conflicts.indices)
    func failsExactlyIfSomethingItUsedChanged(_ index: Int) throws {
        let (inside, outside, conflicts) = Self.conflicts[index]
        let one = fixture.privileged()
        let two = fixture.privileged()
        try one.write("/d/a", "1")
        try one.write("/d/b", "2")
        let transaction = try one.start()
        try perform(inside, one, transaction)
        try perform(outside, two, 0)
        let error = try one.error(.transactionEnd(commits: true), in: transaction)
        #expect(error == (conflicts ? .tryAgain : nil))
        if !conflicts, case .write(let path, let value) = inside { #expect(try two.read(path) == value) }
        if case .write(let path, let value) = outside { #expect(try two.read(path) == value) }
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func aSecondTransactionOnTheSameNodesTriesAgain() throws {
        let client = fixture.privileged()
        try client.write("/n", "0")
        let first = try client.start()
        let second = try client.start()
        for transaction in [first, second] {
            let value = try #require(Int(try client.read("/n", in: transaction)))
            try client.write("/n", "\(value + 1)", in: transaction)
        }
        #expect(try client.ok(.transactionEnd(commits: true), in: second) == "OK|")
        #expect(try client.error(.transactionEnd(commits: true), in: first) == .tryAgain)
        #expect(try client.read("/n") == "1")
    }

    @Test func firesWatchesOnlyWhenItCommits() throws {
        let client = fixture.privileged()
        let watcher = fixture.privileged()
        try client.write("/w/gone", "")
        try watcher.watch("/w", "t")
        #expect(watcher.takeEvents() == ["/w t"])
        let abandoned = try client.start()
        try client.write("/w/x", "", in: abandoned)
        try client.ok(.transactionEnd(commits: false), in: abandoned)
        #expect(watcher.takeEvents().isEmpty)
        let transaction = try client.start()
        try client.write("/w/x", "", in: transaction)
        try client.remove("/w/gone", in: transaction)
        #expect(watcher.takeEvents().isEmpty)
        try client.ok(.transactionEnd(commits: true), in: transaction)
        #expect(watcher.takeEvents() == ["/w/x t", "/w/gone t"])
    }
}
