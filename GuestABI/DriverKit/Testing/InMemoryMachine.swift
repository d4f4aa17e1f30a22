// SPDX-License-Identifier: Apache-2.0
public import Backends
public import DriverKit
public import DriverKitBackend
public import XenABI
public import XenBus

/// A machine in memory with one guest: its grant table, event channels, store and event loop, for a frontend and its
/// backend in one process. Nothing happens between the two but what `work` runs.
public final class InMemoryMachine {
    public let domain: DomainID
    public let work = InMemoryWork()
    public let grants: InMemoryGrants
    public let events: InMemoryEvents
    public let store: InMemoryStore
    private let log: Log
    /// What the guest's store requests fail with, `timedOut` after 60 s; nil if they do not fail.
    public var storeFailure: XenStoreFailure?

    public init(domain: DomainID = DomainID(rawValue: 7), log: Log = Log(level: .error, prefix: "test")) {
        self.domain = domain
        self.log = log
        grants = InMemoryGrants(domain: domain)
        events = InMemoryEvents(work: work)
        events.isStrict = true
        store = InMemoryStore(work: work)
    }

    /// The machine's clock, in nanoseconds: it stands still but for `advance`, for waits with an end, and for delayed work
    /// that is waited for.
    public var now: UInt64 { UInt64(work.now) * 1_000_000 }
    /// Lets time pass, with the work that is due meanwhile. Frontends notice at their next `poll`.
    public func advance(milliseconds: Int) { work.run(limit: milliseconds) }

    /// What a backend sees of it.
    public var backendPlatform: BackendPlatform {
        BackendPlatform(grants: grants, events: events, store: store, work: work)
    }
    /// What the guest sees of it.
    public lazy var frontendPlatform = InMemoryFrontendPlatform(self)

    public func frontendPath(_ kind: StaticString, _ number: Int = 0) -> String {
        "/local/domain/\(domain.rawValue)/device/\(kind)/\(number)"
    }
    public func backendPath(_ kind: StaticString, _ number: Int = 0) -> String {
        "/local/domain/0/backend/\(kind)/\(domain.rawValue)/\(number)"
    }

    /// Gives the guest a device, as the toolstack does.
    public func addDevice(
        _ kind: StaticString, number: Int = 0, settings: [(key: String, value: String)] = []
    ) {
        let front = frontendPath(kind, number)
        let back = backendPath(kind, number)
        store.set("\(back)/frontend", front)
        store.set("\(back)/frontend-id", "\(domain.rawValue)")
        store.set("\(back)/online", "1")
        for setting in settings { store.set("\(back)/\(setting.key)", setting.value) }
        store.set("\(front)/backend", back)
        store.set("\(front)/backend-id", "0")
        store.set("\(front)/state", "1")
        store.set("\(back)/state", "1")
    }
    /// Asks the backend to end the device, as the toolstack does.
    public func removeDevice(_ kind: StaticString, number: Int = 0) {
        store.set("\(backendPath(kind, number))/online", "0")
        store.set("\(backendPath(kind, number))/state", "5")
    }
    /// The guest has gone, with all its nodes.
    public func removeGuest(_ kind: StaticString, number: Int = 0) {
        try? store.remove("/local/domain/\(domain.rawValue)")
        try? store.remove("/local/domain/0/backend/\(kind)/\(domain.rawValue)")
    }

    /// A backend process for all devices of a kind, started.
    public func startBackend<Service: DeviceService>(_: Service.Type) throws(BackendError) -> ServiceServer<
        Service
    > {
        let server = ServiceServer<Service>(platform: backendPlatform, log: log)
        try server.start()
        return server
    }
    /// The guest's half of a device.
    public func makeFrontend<Device: SplitDevice>(
        _: Device.Type, number: UInt32 = 0
    ) throws(DriverError) -> Frontend<Device, InMemoryFrontendPlatform> {
        try Frontend(frontendPlatform, number: number)
    }
}
