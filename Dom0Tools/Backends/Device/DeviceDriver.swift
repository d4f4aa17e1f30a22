// SPDX-License-Identifier: Apache-2.0
import XenBus

/// Keys of one directory of the store, read when asked for.
public struct DeviceKeys {
    let store: any StoreAccess
    /// The directory.
    public let path: String

    public init(store: any StoreAccess, path: String) {
        self.store = store
        self.path = path
    }
    /// The value of a key; nil if there is none.
    public func text(_ key: String) throws(BackendError) -> String? { try store.read("\(path)/\(key)") }
    /// The value of a key that must be there.
    public func required(_ key: String) throws(BackendError) -> String {
        guard let value = try text(key) else { throw .key(path: "\(path)/\(key)", problem: "is missing") }
        return value
    }
    /// A number that must be there.
    public func number(_ key: String) throws(BackendError) -> UInt32 {
        let value = try required(key)
        guard let number = UInt32(value) else {
            throw .key(path: "\(path)/\(key)", problem: "'\(value)' is not a number")
        }
        return number
    }
    /// A number with a default; nonsense counts as the default.
    public func number(_ key: String, default value: UInt32) throws(BackendError) -> UInt32 {
        try text(key).flatMap { UInt32($0) } ?? value
    }
    /// The state of the end whose directory this is.
    func state() throws(BackendError) -> DeviceState {
        try text("state").map { DeviceState(value: Array($0.utf8).span) } ?? .unknown
    }
    /// "1", or another number that is not zero.
    public func flag(_ key: String) throws(BackendError) -> Bool { try number(key, default: 0) != 0 }
}

/// What is particular to one kind of backend. One object for each device.
public protocol DeviceDriver: AnyObject {
    /// The frontend waits in `initialised` for the backend: see `BackendHandshake`.
    static var connectsEarly: Bool { get }
    /// Opens what the device stands for, as the backend's directory says. Called once, or again after `storageInUse`.
    func open(_ backend: DeviceKeys) throws(BackendError)
    /// What the frontend is told before it makes its rings: key and value.
    var features: [(String, String)] { get }
    /// Maps the frontend's rings and starts to serve them. Returns what the frontend is told with state `connected`.
    /// - Parameters:
    ///   - isResuming: the rings were served by a process that died.
    ///   - failed: to be called if the frontend breaks the rules later; the device is disconnected then.
    func connect(
        _ frontend: DeviceKeys, isResuming: Bool, failed: @escaping (BackendError) -> Void
    ) throws(BackendError) -> [(String, String)]
    /// Finishes what was taken, unmaps the rings. Harmless if not connected.
    func disconnect()
    /// Lets go of what `open` took. Harmless if not open.
    func close()
}
