// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

@Suite struct NodeTests {
    let fixture = StoreFixture()

    @Test func writesReadsListsAndRemoves() throws {
        let client = fixture.privileged()
        try client.write("/a/b/c", "one")
        #expect(try client.read("/a/b/c") == "one")
        #expect(try client.read("/a/b") == "")
        #expect(try client.directory("/a") == "b|")
        #expect(try client.directory("/") == "a|")
        try client.write("/a/b/c", "")
        #expect(try client.read("/a/b/c") == "")
        try client.remove("/a/b")
        #expect(try client.readError("/a/b/c") == .noEntry)
        #expect(try client.directory("/a") == "")
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func listsNamesOfAnyLengthInOrder() throws {
        let client = fixture.privileged()
        let names = [
            "a", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghijklmno", "abcdefghijklmnop",
            "abcdefghijklmnopq",
            "feature-max-indirect-segments", "feature-max-indirect-segmentt", "Z", "0", "10", "9",
        ]
        for name in names.reversed() { try client.write("/d/\(name)", name) }
        let sorted = names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        #expect(try client.directory("/d") == sorted.map { $0 + "|" }.joined())
        for name in names { #expect(try client.read("/d/\(name)") == name) }
        for name in names {
            try client.remove("/d/\(name)")
            #expect(try client.readError("/d/\(name)") == .noEntry)
            #expect(fixture.store.firstBrokenInvariant() == nil)
        }
    }

    @Test func makesDirectoriesOnceAndKeepsTheirValue() throws {
        let client = fixture.privileged()
        #expect(try client.ok(.makeDirectory("/x/y".bytes)) == "OK|")
        try client.write("/x/y", "kept")
        #expect(try client.ok(.makeDirectory("/x/y".bytes)) == "OK|")
        #expect(try client.read("/x/y") == "kept")
    }

    @Test func removingWhatIsMissingIsAnErrorOnlyWithoutParent() throws {
        let client = fixture.privileged()
        try client.write("/x", "")
        #expect(try client.ok(.remove("/x/y".bytes)) == "OK|")
        #expect(try client.error(.remove("/x/y/z".bytes)) == .noEntry)
        #expect(try client.error(.remove("/".bytes)) == .invalidArgument)
    }

    @Test(arguments: [
        "", "a b", "/a//b", "/a/", "//", "/a.b", "/a\u{1}", "/ä", "/" + String(repeating: "x", count: 3072),
        "@x",
        String(repeating: "x", count: 2049),
    ])
    func refusesBadPaths(_ path: String) throws {
        let client = fixture.privileged()
        #expect(try client.readError(path) == .invalidArgument)
        #expect(try client.error(.makeDirectory(path.bytes)) == .invalidArgument)
        #expect(try client.error(.remove(path.bytes)) == .invalidArgument)
        #expect(try client.error(.directory(path.bytes)) == .invalidArgument)
        #expect(try client.error(.directoryPart(path.bytes, offset: 0)) == .invalidArgument)
        if path.utf8.count < 3000 { #expect(try client.writeError(path) == .invalidArgument) }
        if !path.hasPrefix("@") {
            #expect(try client.error(.watch(path.bytes, token: [0x74], depth: nil)) == .invalidArgument)
            #expect(try client.error(.getPermissions(path.bytes)) == .invalidArgument)
        }
    }

    @Test func takesTheLongestPaths() throws {
        let client = fixture.privileged()
        let path = "/" + String(repeating: "x", count: 3071)
        try client.write(path, "v")
        #expect(try client.read(path) == "v")
        try client.write(String(repeating: "y", count: 2048), "w")
        #expect(try client.read("/local/domain/0/" + String(repeating: "y", count: 2048)) == "w")
    }

    @Test func refusesMalformedPayloads() throws {
        let client = fixture.privileged()
        let cases: [(XenStoreOperation, [UInt8])] = [
            (.read, []), (.read, "/".bytes), (.read, "/\0/\0".bytes), (.read, "/\0x".bytes),
            (.write, "/a".bytes),
            (.write, []), (.directory, []), (.makeDirectory, "/a".bytes), (.remove, "/a\0b\0".bytes),
            (.watch, "/a\0".bytes), (.watch, "/a\0t".bytes), (.watch, "/a\0t\0x\0".bytes),
            (.watch, "/a\0t\01\02\0".bytes), (.watch, "/a\0t\0-1\0".bytes), (.unwatch, "/a\0".bytes),
            (.setPermissions, "/\0".bytes), (.setPermissions, "/\0q0\0".bytes),
            (.setPermissions, "/\0r\0".bytes),
            (.setPermissions, "/\0r70000\0".bytes), (.setPermissions, "/\0r0".bytes),
            (.transactionEnd, "T\0".bytes),
            (.transactionEnd, []), (.transactionEnd, "X\0".bytes), (.transactionEnd, "TT\0".bytes),
            (.introduce, "1\0".bytes), (.introduce, "0\01\01\0".bytes), (.introduce, "1\0x\01\0".bytes),
            (.release, "0\0".bytes), (.release, "x\0".bytes), (.release, "40000\0".bytes),
            (.getDomainPath, []),
            (.isDomainIntroduced, "-1\0".bytes), (.resume, "\0".bytes), (.setTarget, "1\0".bytes),
            (.control, []),
            (.control, "check".bytes), (.control, "nonsense\0".bytes), (.directoryPart, "/\0".bytes),
            (.directoryPart, "/\0x\0".bytes), (.resetWatches, []),
        ]
        for (operation, payload) in cases {
            let expected: XenStoreError =
                operation == .transactionEnd && payload == "T\0".bytes ? .noEntry : .invalidArgument
            #expect(
                try client.send(operation, payload) == .failure(expected), "\(operation.rawValue) \(payload)")
        }
        for unknown: UInt32 in [15, 16, 20, 23, 0xffff, .max] {
            #expect(try client.send(XenStoreOperation(rawValue: unknown), []) == .failure(.notImplemented))
        }
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func relativePathsAreBelowTheClientsHome() throws {
        let guest = try fixture.guest(7)
        try guest.write("data/x", "1")
        #expect(try guest.read("/local/domain/7/data/x") == "1")
        #expect(try guest.read("data/x") == "1")
        #expect(try fixture.privileged().read("/local/domain/7/data/x") == "1")
    }

    @Test func bigDirectoriesComeInParts() throws {
        let client = fixture.privileged()
        for index in 0..<600 { try client.write("/big/child-\(index)", "") }
        #expect(try client.error(.directory("/big".bytes)) == .tooBig)
        var names: [UInt8] = []
        var parts = 0
        while !names.suffix(2).elementsEqual([0, 0]) {
            let part = try client.request(.directoryPart("/big".bytes, offset: UInt32(names.count))).get()
            #expect(part.count <= 4096)
            let end = try #require(part.firstIndex(of: 0))
            names += part[(end + 1)...]
            parts += 1
        }
        #expect(parts >= 2)
        #expect(names.split(separator: 0).count == 600)
        // The generation changes with the list, so that a client notices.
        let before = try client.ok(.directoryPart("/big".bytes, offset: 100_000))
        try client.remove("/big/child-5")
        let after = try client.ok(.directoryPart("/big".bytes, offset: 100_000))
        #expect(before != after)
        #expect(try client.ok(.directoryPart("/big/child-6".bytes, offset: 0)).hasSuffix("||"))
    }

    @Test func newNodesInheritPermissionsAndGuestsOwnTheirs() throws {
        let tools = fixture.privileged()
        let guest = try fixture.guest(3)
        try tools.write("/shared", "")
        try tools.setPermissions("/shared", .init(.none, 0), .init(.readWrite, 3))
        try guest.write("/shared/mine", "1")
        #expect(try guest.ok(.getPermissions("/shared/mine".bytes)) == "n3|b3|")
        try tools.write("/shared/mine/deep", "2")
        #expect(try tools.ok(.getPermissions("/shared/mine/deep".bytes)) == "n3|b3|")
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func permissionsDecideWhoReadsAndWrites() throws {
        let tools = fixture.privileged()
        let one = try fixture.guest(1)
        let two = try fixture.guest(2)
        try tools.write("/n", "v")
        let cases: [([XenStorePermission], reads: Bool, writes: Bool)] = [
            ([.init(.none, 0)], false, false), ([.init(.read, 0)], true, false),
            ([.init(.write, 0)], false, true),
            ([.init(.readWrite, 0)], true, true), ([.init(.none, 0), .init(.read, 1)], true, false),
            ([.init(.none, 0), .init(.write, 1)], false, true),
            ([.init(.readWrite, 0), .init(.none, 1)], false, false),
            ([.init(.none, 1)], true, true),
        ]
        for (permissions, reads, writes) in cases {
            #expect(try tools.ok(.setPermissions("/n".bytes, permissions)) == "OK|")
            #expect(try one.readError("/n") == (reads ? nil : .accessDenied))
            #expect(try one.writeError("/n", "v") == (writes ? nil : .accessDenied))
            #expect(try tools.read("/n") == "v")
        }
        // What is missing is told only to who could see it.
        try tools.setPermissions("/n", .init(.read, 0))
        #expect(try one.readError("/n/missing") == .noEntry)
        try tools.setPermissions("/n", .init(.none, 0))
        #expect(try one.readError("/n/missing") == .accessDenied)
        #expect(try one.writeError("/n/missing") == .accessDenied)
        #expect(try one.error(.remove("/n/missing".bytes)) == .accessDenied)
        // Only owners change permissions, and they cannot give the node away.
        try tools.setPermissions("/n", .init(.readWrite, 0))
        #expect(try one.error(.setPermissions("/n".bytes, [.init(.none, 0)])) == .accessDenied)
        try one.write("data", "")
        try one.setPermissions("data", .init(.none, 1), .init(.read, 2))
        #expect(try one.error(.setPermissions("data".bytes, [.init(.none, 2)])) == .notPermitted)
        #expect(try two.ok(.getPermissions("/local/domain/1/data".bytes)) == "n1|r2|")
        #expect(try two.error(.remove("/local/domain/1/data".bytes)) == .accessDenied)
        #expect(fixture.store.firstBrokenInvariant() == nil)
    }

    @Test func aTargetsRightsGoToItsDeviceModel() throws {
        let tools = fixture.privileged()
        let guest = try fixture.guest(5)
        let model = try fixture.guest(6)
        try guest.write("private", "1")
        #expect(try model.readError("/local/domain/5/private") == .accessDenied)
        #expect(
            try guest.error(.setTarget(DomainID(rawValue: 6), target: DomainID(rawValue: 5))) == .accessDenied
        )
        #expect(try tools.error(.setTarget(DomainID(rawValue: 9), target: DomainID(rawValue: 5))) == .noEntry)
        #expect(try tools.ok(.setTarget(DomainID(rawValue: 6), target: DomainID(rawValue: 5))) == "OK|")
        #expect(try model.read("/local/domain/5/private") == "1")
        #expect(try tools.ok(.release(DomainID(rawValue: 5))) == "OK|")
        #expect(try model.readError("/local/domain/5/private") == .accessDenied)
    }
}
