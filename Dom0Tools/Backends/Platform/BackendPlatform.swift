// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// Pages of another domain in this process's memory, until the last owner drops the object.
public protocol MappedGrants: AnyObject {
    var memory: LocalMemory { get }
}

/// What a backend needs of the grant tables.
public protocol GrantAccess: AnyObject {
    /// Maps grants next to each other, in the order given.
    func map(
        _ references: [GrantReference], of domain: DomainID, isWritable: Bool
    ) throws(BackendError) -> any MappedGrants
    /// Runs the copies, in order; what became of each is in `list` afterwards. False if the list could not be run at
    /// all, because of local memory that cannot be reached; then nothing is known of any of the copies.
    func copy(_ list: inout GrantCopyList) -> Bool
}

/// What a backend needs of event channels. A port's handler runs once for each delivery; further events are held back
/// until the handler is done.
public protocol EventAccess: AnyObject {
    /// Connects with a frontend's port.
    func bind(
        to port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void
    ) throws(BackendError) -> EventPort
    /// Notifies the other end.
    func notify(_ port: EventPort)
    /// Closes the port; its handler is not called again.
    func unbind(_ port: EventPort)
}

/// What a backend needs of XenStore. Calls wait for the store's answer; watches are told of between other work.
///
/// Each call throws `BackendError.store` while the store cannot be reached. When it is back, every watch is told of
/// its path again.
public protocol StoreAccess: AnyObject {
    /// The value at `path`; nil if there is no such node or it may not be read.
    func read(_ path: String) throws(BackendError) -> String?
    /// The names of the children; empty if there is no such node.
    func list(_ path: String) throws(BackendError) -> [String]
    /// Writes all the values at once, or none. Nothing is written, and that is no error, if there is no node
    /// `anchor`: what was removed does not come back by accident.
    func write(_ values: [(path: String, value: String)], ifPresent anchor: String) throws(BackendError)
    /// Removes the node and all below it; no node is no error.
    func remove(_ path: String) throws(BackendError)
    /// Calls `handler` with `path` soon after, and then with the path of whatever changes at or below it.
    func watch(_ path: String, _ handler: @escaping (String) -> Void) throws(BackendError) -> Int
    /// Ends a watch; its handler is not called again.
    func unwatch(_ token: Int)
}

/// What a backend needs of the event loop it lives in.
public protocol WorkAccess: AnyObject {
    /// Does the work after what else waits, not before `milliseconds` have passed.
    func after(milliseconds: Int, _ work: @escaping () -> Void)
    /// Calls `handler` while the descriptor is readable and `isActive` was last set so.
    func watchReadable(_ descriptor: Int32, _ handler: @escaping () -> Void) throws(BackendError) -> Int
    /// Switches a watching on or off.
    func setActive(_ token: Int, _ isActive: Bool)
    /// Ends a watching.
    func cancelWatching(_ token: Int)
}

/// The four together, and where bytes are counted.
public struct BackendPlatform {
    public let grants: any GrantAccess
    public let events: any EventAccess
    public let store: any StoreAccess
    public let work: any WorkAccess
    public let traffic: Traffic

    public init(
        grants: any GrantAccess, events: any EventAccess, store: any StoreAccess, work: any WorkAccess,
        traffic: Traffic = Traffic()
    ) {
        self.grants = grants
        self.events = events
        self.store = store
        self.work = work
        self.traffic = traffic
    }
}
