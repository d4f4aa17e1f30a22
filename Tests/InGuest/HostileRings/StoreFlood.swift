// SPDX-License-Identifier: Apache-2.0
import GuestABI
import XenABI
import XenBus
import XenStoreWire

/// As many requests as the store takes for ten seconds, all of them allowed: transactions that conflict for ever, watches
/// that fire each other, and the nodes that Dom0's programs watch.
func floodStore() {
    do throws(XenStoreFailure) {
        let store = try XenStore.open()
        let end = Clock.now + 10_000_000_000
        var requests = 0
        var conflicts = 0
        var commits = 0
        var fired = 0
        var watches: [XenStoreWatchHolder] = []
        for index in 0..<60 {
            let holder = XenStoreWatchHolder()
            try holder.start(store, "data/\(index % 4)") { fired += 1 }
            watches.append(holder)
        }
        var round = 0
        while Clock.now < end {
            round += 1
            let node: StoreText = "data/\(round % 4)"
            do throws(XenStoreFailure) {
                let first = try store.beginTransaction()
                try first.write(node, "inside")
                try store.write(node, "outside")
                do throws(XenStoreFailure) {
                    try first.commit()
                    commits += 1
                } catch {
                    conflicts += 1
                }
                // What svback watches; 4 is what it says already.
                try store.write("device/vif/0/state", "4")
                try store.write("device/vif/0/note", "\(round)")
                for child in 0..<8 { try store.write("\(node)/\(child)", "x") }
                _ = try store.list(node)
                try store.remove(node)
                requests += 15
            } catch {
                requests += 1
            }
            store.turn()
        }
        Console.print(
            "rings: flood, \(requests) requests, \(fired) watches fired, \(conflicts) conflicts, \(commits) commits"
        )
        if conflicts == 0 || commits != 0 || fired == 0 || requests < 100 {
            Console.print("rings: flood WRONG")
        }
        Console.print("rings: flood done")
    } catch {
        Console.print("rings: flood failed")
    }
}

/// A watch in an array, which holds only what can be copied.
private final class XenStoreWatchHolder {
    private var watch: XenStoreWatch?
    func start(
        _ store: XenStore, _ path: StoreText, _ fired: @escaping () -> Void
    ) throws(XenStoreFailure) { watch = try store.watch(path) { _ in fired() } }
}
