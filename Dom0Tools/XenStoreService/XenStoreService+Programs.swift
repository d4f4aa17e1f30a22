// SPDX-License-Identifier: Apache-2.0
import XenStoreServer

/// Who waits for a program to watch which path.
final class ProgramWaiters {
    var all: [(number: Int, root: [UInt8], path: [UInt8], handler: () -> Void)] = []
    var last = 0
}

/// Programs tell what they look after by what they watch: a backend watches its directory. A connection that ends takes its
/// watches along, however the program ended, and a program that finds the store again sets them again.
extension XenStoreService {
    /// Calls `handler` once, from the reactor, as soon as a client of the socket watches `path`, or a node above it that is
    /// `root` or below: now, if one does.
    /// - Returns: a number for `forgetWaiter`.
    public func whenProgramWatches(
        _ path: String, below root: String, _ handler: @escaping () -> Void
    ) -> Int {
        let waiters = programWaiters
        waiters.last += 1
        let path = Array(path.utf8)
        let root = Array(root.utf8)
        waiters.all.append((waiters.last, root, path, handler))
        for id in sockets.keys {
            for watched in store.watchedPaths(of: id) where Self.covers(watched, path, root) {
                plan(waiters.last)
                return waiters.last
            }
        }
        return waiters.last
    }
    /// Ends a wait; its handler is not called any more.
    public func forgetWaiter(_ number: Int) { programWaiters.all.removeAll { $0.number == number } }

    func programWatches(_ id: ConnectionID, _ watched: [UInt8]) {
        guard !programWaiters.all.isEmpty, sockets[id] != nil else { return }
        for waiter in programWaiters.all where Self.covers(watched, waiter.path, waiter.root) {
            plan(waiter.number)
        }
    }
    /// The program's own request is finished first.
    private func plan(_ number: Int) {
        reactor.after(milliseconds: 0) { [weak self] in
            guard let waiters = self?.programWaiters,
                let index = waiters.all.firstIndex(where: { $0.number == number })
            else { return }
            waiters.all.remove(at: index).handler()
        }
    }
    private static func covers(_ watched: [UInt8], _ path: [UInt8], _ root: [UInt8]) -> Bool {
        isAtOrBelow(path, watched) && isAtOrBelow(watched, root)
    }
    private static func isAtOrBelow(_ path: [UInt8], _ top: [UInt8]) -> Bool {
        path.starts(with: top) && (path.count == top.count || path[top.count] == 0x2F)
    }
}
