// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@testable import XenStoreServer

/// A generator whose sequence depends only on its seed.
struct Dice {
    var state: UInt64
    mutating func roll(_ sides: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % sides
    }
}

@Suite struct RandomTests {
    private func contents(_ tree: Tree) -> [String: String] {
        var all: [String: String] = [:]
        tree.forEach { path, node in
            all[String(decoding: path, as: UTF8.self)] =
                String(decoding: node.value, as: UTF8.self) + " \(node.permissions)"
        }
        return all
    }

    @Test(arguments: 1...20)
    func snapshotsNeverChange(_ seed: Int) {
        var dice = Dice(state: UInt64(seed))
        var tree = Tree()
        var snapshots: [(Tree, [String: String])] = []
        let names = ["a", "b", "c", "long-name-of-a-node-1", "long-name-of-a-node-2"]
        for step in 0..<400 {
            var path = ""
            for _ in 0...dice.roll(4) { path += "/" + names[dice.roll(names.count)] }
            let owner = DomainID(rawValue: UInt16(dice.roll(3)))
            switch dice.roll(6) {
            case 0, 1, 2:
                tree.put(path.bytes, value: "\(step)".bytes, creator: owner, generation: UInt64(step))
            case 3: _ = tree.remove(path.bytes, generation: UInt64(step))
            case 4 where tree.node(path.bytes) != nil:
                tree.setPermissions(
                    path.bytes, [.init(.read, owner), .init(.write, 2)], generation: UInt64(step))
            case 5 where dice.roll(10) == 0: tree.forget(owner, generation: UInt64(step))
            default: snapshots.append((tree, contents(tree)))
            }
            var counted = tree
            counted.recount()
            #expect(counted.usage == tree.usage)
        }
        #expect(snapshots.count > 20)
        for (snapshot, before) in snapshots { #expect(contents(snapshot) == before) }
    }

    /// Against a dictionary of paths.
    @Test(arguments: 1...10)
    func theTreeIsWhatItsHistorySays(_ seed: Int) {
        var dice = Dice(state: UInt64(seed) << 20)
        var tree = Tree()
        var model: [String: String] = ["": ""]
        for step in 0..<500 {
            var path = ""
            for _ in 0...dice.roll(3) { path += "/n\(dice.roll(4))" }
            if dice.roll(3) > 0 {
                tree.put(path.bytes, value: "\(step)".bytes, creator: .zero, generation: 0)
                var parent = ""
                for part in path.split(separator: "/") {
                    parent += "/" + part
                    if model[parent] == nil { model[parent] = "" }
                }
                model[path] = "\(step)"
            } else {
                let removed = tree.remove(path.bytes, generation: 0)
                #expect((removed != nil) == (model[path] != nil))
                model = model.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
            }
        }
        var got: [String: String] = [:]
        tree.forEach { path, node in
            let name = String(decoding: path, as: UTF8.self)
            got[name == "/" ? "" : name] = String(decoding: node.value, as: UTF8.self)
        }
        #expect(got == model)
    }

    /// Whatever a guest sends: an answer to each packet, no crash, nothing inconsistent, nothing outside its reach.
    @Test(arguments: 1...10)
    func hostileGuestsHarmNobody(_ seed: Int) throws {
        var dice = Dice(state: UInt64(seed) << 10)
        let fixture = StoreFixture()
        let tools = fixture.privileged()
        try tools.write("/secret", "kept")
        let guests = [try fixture.guest(1), try fixture.guest(2)]
        let words = [
            "/", "/secret", "/local/domain/1", "/local/domain/2/data", "data", "data/x", "@releaseDomain", "",
            "n1", "r2",
            "b0", "T", "F", "0", "1", "4294967296", "token", "\u{0}", "//", "data/",
        ]
        var transactions: [UInt32] = [0]
        for _ in 0..<3000 {
            let guest = guests[dice.roll(2)]
            var payload: [UInt8] = []
            for _ in 0..<dice.roll(4) { payload += words[dice.roll(words.count)].bytes + [0] }
            if dice.roll(8) == 0 { payload += (0..<dice.roll(3000)).map { UInt8(truncatingIfNeeded: $0) } }
            let operation = XenStoreOperation(rawValue: UInt32(dice.roll(25)))
            let transaction = transactions[dice.roll(transactions.count)]
            let reply = try guest.send(operation, payload, in: transaction)
            if operation == .transactionStart, case .success(let text) = reply {
                transactions.append(try #require(UInt32(String(decoding: text.dropLast(), as: UTF8.self))))
            }
        }
        #expect(try tools.read("/secret") == "kept")
        #expect(try tools.ok(.getPermissions("/secret".bytes)) == "n0|")
        #expect(fixture.store.firstBrokenInvariant() == nil)
        // And the record of it all gives the same tree.
        let copy = XenStore()
        for record in fixture.records { #expect(copy.restore(record)) }
        #expect(contents(copy.tree) == contents(fixture.store.tree))
    }
}
