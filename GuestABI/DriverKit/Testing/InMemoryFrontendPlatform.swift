// SPDX-License-Identifier: Apache-2.0
import Backends
public import DriverKit
public import RingProtocol
public import XenABI
public import XenBus

/// Pages of the in-memory domain.
public final class InMemoryPages: SharedPages {
    private let memory: LocalMemory
    private let grants: InMemoryGrants
    private let references: [GrantReference]
    public let pageCount: Int
    /// The memory itself, which outlives the grants as long as somebody has them mapped.
    private final class Storage {
        let memory: LocalMemory
        var kept: [AnyObject] = []
        init(_ memory: LocalMemory) { self.memory = memory }
        deinit { memory.deallocate() }
    }

    init(pageCount: Int, isReadOnly: Bool, grants: InMemoryGrants) throws(DriverError) {
        guard let memory = LocalMemory.allocate(byteCount: pageCount * 4096) else { throw .exhausted }
        let storage = Storage(memory)
        self.memory = memory
        self.grants = grants
        self.pageCount = pageCount
        references = (0..<pageCount).map {
            grants.grant(memory, ownedBy: storage, page: $0, isWritable: !isReadOnly)
        }
        self.storage = storage
    }
    private let storage: Storage
    deinit { for reference in references { grants.revoke(reference) } }

    public func reference(_ page: Int) -> GrantReference { references[page] }
    public func keep(_ object: AnyObject) { storage.kept.append(object) }
    public func ring(slotByteCount: Int) -> RingMemory { memory.ring(slotByteCount: slotByteCount) }
    public func byte(at offset: Int) -> UInt8 { memory.load(offset, as: UInt8.self) }
    public func setByte(_ byte: UInt8, at offset: Int) { memory.store(byte, at: offset) }
}

/// A port of the in-memory domain.
public final class InMemoryPort: FrontendPort {
    public let port: EventPort
    private let events: InMemoryEvents
    init(_ events: InMemoryEvents, _ onEvent: @escaping () -> Void) {
        self.events = events
        port = EventPort(rawValue: events.open(onEvent))
    }
    deinit { events.close(port.rawValue) }
    public func notify() { events.kick(port.rawValue) }
}

/// A guest's half of the in-memory machine.
public final class InMemoryFrontendPlatform: FrontendPlatform {
    public final class Watch {
        private let store: InMemoryStore
        private let token: Int
        init(_ store: InMemoryStore, _ token: Int) {
            self.store = store
            self.token = token
        }
        deinit { store.unwatch(token) }
    }
    private let machine: InMemoryMachine
    private let home: String

    init(_ machine: InMemoryMachine) {
        self.machine = machine
        home = "/local/domain/\(machine.domain.rawValue)"
    }

    public func share(
        pageCount: Int, with domain: DomainID, isReadOnly: Bool
    ) throws(DriverError) -> InMemoryPages {
        try InMemoryPages(pageCount: pageCount, isReadOnly: isReadOnly, grants: machine.grants)
    }
    public func openPort(
        to domain: DomainID, onEvent: @escaping () -> Void
    ) throws(DriverError) -> InMemoryPort { InMemoryPort(machine.events, onEvent) }

    private func fail() throws(DriverError) {
        guard let failure = machine.storeFailure else { return }
        // A store that does not answer is waited for.
        if failure == .timedOut { machine.advance(milliseconds: 60_000) }
        throw .store(failure)
    }
    private func full(_ path: StoreText) -> String {
        let text = String(decoding: path.bytes, as: UTF8.self)
        return text.hasPrefix("/") ? text : "\(home)/\(text)"
    }
    public func read(_ path: StoreText) throws(DriverError) -> StoreText? {
        try fail()
        return machine.store.read(full(path)).map { StoreText(Array($0.utf8)) }
    }
    public func write(_ values: [(path: StoreText, value: StoreText)]) throws(DriverError) {
        try fail()
        for (path, value) in values {
            machine.store.set(full(path), String(decoding: value.bytes, as: UTF8.self))
        }
    }
    public func watch(_ path: StoreText, _ onChange: @escaping () -> Void) throws(DriverError) -> Watch {
        do throws(BackendError) {
            return Watch(machine.store, try machine.store.watch(full(path)) { _ in onChange() })
        } catch {
            throw .exhausted
        }
    }
    public var now: UInt64 { machine.now }
    public func wait(before deadline: UInt64, until condition: () -> Bool) -> Bool {
        machine.work.run(
            limit: deadline == .max ? nil : Int(clamping: (deadline + 999_999) / 1_000_000), until: condition)
    }
}
