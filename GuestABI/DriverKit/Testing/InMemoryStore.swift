// SPDX-License-Identifier: Apache-2.0
public import Backends

/// A store in memory.
public final class InMemoryStore: StoreAccess {
    private let work: InMemoryWork
    private var nodes: [String: String] = [:]
    private var watches: [Int: (path: String, handler: (String) -> Void)] = [:]
    private var next = 0
    public private(set) var writeCount = 0

    public init(work: InMemoryWork) { self.work = work }

    public var watchCount: Int { watches.count }
    public func read(_ path: String) -> String? { nodes[path] }
    public func list(_ path: String) -> [String] {
        Set(
            nodes.keys.filter { $0.hasPrefix(path + "/") }
                .map { String($0.dropFirst(path.count + 1).prefix { $0 != "/" }) }
        ).sorted()
    }
    public func write(_ values: [(path: String, value: String)], ifPresent anchor: String)
        throws(BackendError)
    {
        guard nodes[anchor] != nil else { return }
        writeCount += 1
        for (path, value) in values { set(path, value) }
    }
    /// Writes one node, as whoever else would.
    public func set(_ path: String, _ value: String) {
        nodes[path] = value
        fire(path)
    }
    public func remove(_ path: String) throws(BackendError) {
        let gone = nodes.keys.filter { $0 == path || $0.hasPrefix(path + "/") }
        for key in gone { nodes[key] = nil }
        fire(path)
        // Watches below what was removed are told too.
        for (token, watch) in watches where watch.path.hasPrefix(path + "/") {
            work.after(milliseconds: 0) { [weak self] in self?.watches[token]?.handler(watch.path) }
        }
    }
    private func fire(_ path: String) {
        for (token, watch) in watches where path == watch.path || path.hasPrefix(watch.path + "/") {
            work.after(milliseconds: 0) { [weak self] in self?.watches[token]?.handler(path) }
        }
    }
    public func watch(_ path: String, _ handler: @escaping (String) -> Void) throws(BackendError) -> Int {
        next += 1
        let token = next
        watches[token] = (path, handler)
        work.after(milliseconds: 0) { [weak self] in self?.watches[token]?.handler(path) }
        return token
    }
    public func unwatch(_ token: Int) { watches[token] = nil }
}
