// SPDX-License-Identifier: Apache-2.0
import Backends
import CLinuxXen
import TestSupport
import XenABI

/// A guest's grant table in memory: maps and copies for real, and refuses what a hypervisor would refuse.
final class InMemoryGrants: GrantAccess {
    struct Entry {
        let pages: RingPages
        let page: Int
        let isWritable: Bool
    }
    final class Mapping: MappedGrants {
        let memory: LocalMemory
        private let pages: RingPages
        private let owner: InMemoryGrants
        init(_ memory: LocalMemory, _ pages: RingPages, _ owner: InMemoryGrants) {
            self.memory = memory
            self.pages = pages
            self.owner = owner
            owner.mappingCount += 1
        }
        deinit { owner.mappingCount -= 1 }
    }
    let domain: DomainID
    private var entries: [UInt32: Entry] = [:]
    private var next: UInt32 = 8
    /// Mappings that have not been dropped.
    fileprivate(set) var mappingCount = 0
    private(set) var copyCallCount = 0
    private(set) var copySegmentCount = 0
    /// The next so many lists cannot be run at all.
    var failingLists = 0

    init(domain: DomainID) { self.domain = domain }

    /// Grants one page.
    func grant(_ pages: RingPages, page: Int = 0, isWritable: Bool = true) -> GrantReference {
        next += 1
        entries[next] = Entry(pages: pages, page: page, isWritable: isWritable)
        return GrantReference(rawValue: next)
    }
    func revoke(_ reference: GrantReference) { entries[reference.rawValue] = nil }

    func map(
        _ references: [GrantReference], of domain: DomainID, isWritable: Bool
    ) throws(BackendError) -> any MappedGrants {
        guard domain == self.domain, let first = references.first.flatMap({ entries[$0.rawValue] }) else {
            throw .hypervisor("no such grant")
        }
        for (index, reference) in references.enumerated() {
            guard let entry = entries[reference.rawValue], entry.pages === first.pages,
                entry.page == first.page + index, entry.isWritable || !isWritable
            else { throw .hypervisor("grant \(reference.rawValue) cannot be mapped") }
        }
        let memory = unsafe LocalMemory(
            unsafeBase: first.pages.base + first.page * 4096, byteCount: references.count * 4096)
        return Mapping(memory, first.pages, self)
    }

    func copy(_ list: inout GrantCopyList) -> Bool {
        copyCallCount += 1
        if failingLists > 0 {
            failingLists -= 1
            return false
        }
        for index in 0..<list.count {
            copySegmentCount += 1
            let segment = list.segments[index]
            let isFromGrant = segment.flags == GrantCopyFlag.sourceIsReference
            let word = isFromGrant ? segment.source : segment.destination
            let offset = Int(word >> 32 & 0xffff)
            guard UInt16(word >> 48) == domain.rawValue, let entry = entries[UInt32(truncatingIfNeeded: word)]
            else {
                list.setStatus(GrantStatusCode.badReference, of: index)
                continue
            }
            guard entry.isWritable || isFromGrant, offset + Int(segment.length) <= 4096,
                let local = unsafe UnsafeMutableRawPointer(
                    bitPattern: UInt(isFromGrant ? segment.destination : segment.source))
            else {
                list.setStatus(GrantStatusCode.permissionDenied, of: index)
                continue
            }
            let remote = unsafe entry.pages.base + entry.page * 4096 + offset
            if isFromGrant {
                unsafe local.copyMemory(from: remote, byteCount: Int(segment.length))
            } else {
                unsafe remote.copyMemory(from: local, byteCount: Int(segment.length))
            }
            list.setStatus(GrantStatusCode.okay, of: index)
        }
        return true
    }
}

/// Event channels between a backend and a frontend played by the test.
final class InMemoryEvents: EventAccess {
    private let work: InMemoryWork
    private var handlers: [UInt32: () -> Void] = [:]
    private var remotes: [UInt32: UInt32] = [:]
    private var next: UInt32 = 100
    /// Times the backend notified, by the frontend's port.
    private(set) var notified: [UInt32: Int] = [:]
    var refusedPort: UInt32?

    init(work: InMemoryWork) { self.work = work }

    var boundCount: Int { handlers.count }

    func bind(
        to port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void
    ) throws(BackendError) -> EventPort {
        guard port.rawValue != refusedPort else { throw .hypervisor("port \(port.rawValue) is not unbound") }
        next += 1
        handlers[next] = handler
        remotes[next] = port.rawValue
        return EventPort(rawValue: next)
    }
    func notify(_ port: EventPort) {
        if let remote = remotes[port.rawValue] { notified[remote, default: 0] += 1 }
    }
    func unbind(_ port: EventPort) {
        handlers[port.rawValue] = nil
        remotes[port.rawValue] = nil
    }
    /// The frontend notifies through its port.
    func kick(_ remote: UInt32) {
        for (local, port) in remotes where port == remote {
            work.after(milliseconds: 0) { [weak self] in self?.handlers[local]?() }
        }
    }
}

/// A store in memory.
final class InMemoryStore: StoreAccess {
    private let work: InMemoryWork
    private var nodes: [String: String] = [:]
    private var watches: [Int: (path: String, handler: (String) -> Void)] = [:]
    private var next = 0
    private(set) var writeCount = 0

    init(work: InMemoryWork) { self.work = work }

    var watchCount: Int { watches.count }
    func read(_ path: String) -> String? { nodes[path] }
    func list(_ path: String) -> [String] {
        Set(
            nodes.keys.filter { $0.hasPrefix(path + "/") }
                .map { String($0.dropFirst(path.count + 1).prefix { $0 != "/" }) }
        ).sorted()
    }
    func write(_ values: [(path: String, value: String)], ifPresent anchor: String) throws(BackendError) {
        guard nodes[anchor] != nil else { return }
        writeCount += 1
        for (path, value) in values { set(path, value) }
    }
    /// Writes one node, as whoever else would.
    func set(_ path: String, _ value: String) {
        nodes[path] = value
        fire(path)
    }
    func remove(_ path: String) throws(BackendError) {
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
    func watch(_ path: String, _ handler: @escaping (String) -> Void) throws(BackendError) -> Int {
        next += 1
        let token = next
        watches[token] = (path, handler)
        work.after(milliseconds: 0) { [weak self] in self?.watches[token]?.handler(path) }
        return token
    }
    func unwatch(_ token: Int) { watches[token] = nil }
}

/// An event loop with a clock of its own.
final class InMemoryWork: WorkAccess {
    private var queue: [(time: Int, order: Int, work: () -> Void)] = []
    private var now = 0
    private var order = 0
    private var readable: [Int: (descriptor: Int32, handler: () -> Void, isActive: Bool)] = [:]

    func after(milliseconds: Int, _ work: @escaping () -> Void) {
        order += 1
        queue.append((now + milliseconds, order, work))
    }
    func watchReadable(_ descriptor: Int32, _ handler: @escaping () -> Void) throws(BackendError) -> Int {
        order += 1
        readable[order] = (descriptor, handler, true)
        return order
    }
    func setActive(_ token: Int, _ isActive: Bool) { readable[token]?.isActive = isActive }
    func cancelWatching(_ token: Int) { readable[token] = nil }

    var watchedCount: Int { readable.count }
    var activeCount: Int { readable.values.filter(\.isActive).count }
    /// Calls the handlers of a descriptor that are active.
    func makeReadable(_ descriptor: Int32) {
        for watch in readable.values where watch.descriptor == descriptor && watch.isActive {
            watch.handler()
        }
    }
    /// Calls every active handler.
    func pollAll() { for watch in readable.values where watch.isActive { watch.handler() } }

    /// Does all the work there is, the delayed too up to `limit` milliseconds from now.
    func run(limit: Int = 0) {
        let end = now + limit
        var steps = 0
        while let next = queue.indices.filter({ queue[$0].time <= end })
            .min(by: { (queue[$0].time, queue[$0].order) < (queue[$1].time, queue[$1].order) })
        {
            let item = queue.remove(at: next)
            now = max(now, item.time)
            item.work()
            steps += 1
            precondition(steps < 100_000, "the backend never comes to rest")
        }
        now = end
    }
}
