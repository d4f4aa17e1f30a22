// SPDX-License-Identifier: Apache-2.0
public import Backends
public import XenABI

/// Event channels between a backend and a frontend, which a test may play.
public final class InMemoryEvents: EventAccess {
    private let work: InMemoryWork
    private var handlers: [UInt32: () -> Void] = [:]
    private var remotes: [UInt32: UInt32] = [:]
    private var next: UInt32 = 100
    /// Handlers of ports that the frontend opened with `open`.
    private var frontendHandlers: [UInt32: () -> Void] = [:]
    private var nextFrontend: UInt32 = 1000
    /// Times the backend notified, by the frontend's port.
    public private(set) var notified: [UInt32: Int] = [:]
    public var refusedPort: UInt32?
    /// Only ports that the frontend opened can be bound to, each by one.
    public var isStrict = false

    public init(work: InMemoryWork) { self.work = work }

    /// Ports the backend has bound.
    public var boundCount: Int { handlers.count }
    /// Ports the frontend has open.
    public var openCount: Int { frontendHandlers.count }
    /// The frontend's open ports, in order.
    public var openPorts: [UInt32] { frontendHandlers.keys.sorted() }

    public func bind(
        to port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void
    ) throws(BackendError) -> EventPort {
        guard port.rawValue != refusedPort,
            !isStrict
                || frontendHandlers[port.rawValue] != nil && !remotes.values.contains(port.rawValue)
        else { throw .hypervisor("port \(port.rawValue) is not unbound") }
        next += 1
        handlers[next] = handler
        remotes[next] = port.rawValue
        return EventPort(rawValue: next)
    }
    public func notify(_ port: EventPort) {
        if let remote = remotes[port.rawValue] { raise(remote) }
    }
    public func unbind(_ port: EventPort) {
        handlers[port.rawValue] = nil
        remotes[port.rawValue] = nil
    }
    /// The frontend notifies through its port.
    public func kick(_ remote: UInt32) {
        for (local, port) in remotes where port == remote {
            work.after(milliseconds: 0) { [weak self] in self?.handlers[local]?() }
        }
    }
    /// An event at the frontend's end, from the backend or whoever plays it.
    public func raise(_ remote: UInt32) {
        notified[remote, default: 0] += 1
        guard frontendHandlers[remote] != nil else { return }
        work.after(milliseconds: 0) { [weak self] in self?.frontendHandlers[remote]?() }
    }
    /// The frontend opens a port.
    public func open(_ handler: @escaping () -> Void) -> UInt32 {
        nextFrontend += 1
        frontendHandlers[nextFrontend] = handler
        return nextFrontend
    }
    public func close(_ port: UInt32) { frontendHandlers[port] = nil }
}
