// SPDX-License-Identifier: Apache-2.0

/// The backend's half of a device's life, as a value: it is told what is seen and says what to do. No I/O.
///
/// Normal course: `start` → features published, `initWait` → frontend's rings → `connected` → `closing` → `closed`, then
/// either once more from `initWait` (the driver was loaded again) or, when `online` is 0, gone.
public struct BackendHandshake: Equatable, BitwiseCopyable, Sendable {
    /// What to do; afterwards `state` is what is to be written to the own `state` node.
    public enum Action: Equatable, BitwiseCopyable, Sendable {
        case nothing
        /// Publish what the backend offers, then write the state.
        case publishFeatures
        /// Map the rings and bind the event channel, publish what the frontend needs; then `connected` or `failed`.
        case connect
        /// Stop serving and let go of rings and event channel, then write the state.
        case disconnect
        /// Only write the state.
        case writeState
        /// As `disconnect`; afterwards the device is gone.
        case remove
    }

    /// Our state.
    public private(set) var state: DeviceState = .initialising
    /// True while rings are mapped.
    public private(set) var isServing = false
    private var isHotplugged: Bool
    private var frontend: DeviceState = .unknown
    private var isConnecting = false

    /// - Parameter waitsForHotplug: the device may connect only after `hotplugged`.
    public init(waitsForHotplug: Bool = false) { isHotplugged = !waitsForHotplug }

    /// The device is there: say what it offers.
    public mutating func start() -> Action {
        guard state == .initialising else { return .nothing }
        state = .initWait
        return .publishFeatures
    }

    /// The host-side resource is ready.
    public mutating func hotplugged() -> Action {
        isHotplugged = true
        return connectIfReady()
    }

    /// The rings are served: answers whether to write the state. Not if the frontend left meanwhile.
    public mutating func connected() -> Action {
        guard isConnecting else { return .nothing }
        isConnecting = false
        isServing = true
        state = .connected
        return .writeState
    }

    /// The rings could not be served, or the frontend broke their rules: the reason belongs in the log and in the
    /// backend's `error` node.
    public mutating func failed() -> Action {
        isConnecting = false
        let wasServing = isServing
        isServing = false
        state = .closing
        return wasServing ? .disconnect : .writeState
    }

    /// The frontend's state as it stands in the store, and whether the device is to exist.
    public mutating func observe(frontend seen: DeviceState, isOnline: Bool) -> Action {
        frontend = seen
        switch seen {
        case .initialising, .initWait, .reconfiguring, .reconfigured:
            // After a close this is the next driver.
            guard state == .closed, isOnline else {
                return state == .closed && !isOnline ? remove() : .nothing
            }
            state = .initWait
            return .publishFeatures
        case .initialised, .connected:
            return connectIfReady()
        case .closing:
            guard state != .closing, state != .closed, state != .initialising else { return .nothing }
            return leave(to: .closing)
        case .closed:
            if !isOnline { return remove() }
            guard state != .closed, state != .initialising, state != .initWait else { return .nothing }
            return leave(to: .closed)
        case .unknown:
            return isOnline ? .nothing : remove()
        }
    }

    private mutating func connectIfReady() -> Action {
        guard state == .initWait, isHotplugged, !isConnecting,
            frontend == .initialised || frontend == .connected
        else { return .nothing }
        isConnecting = true
        return .connect
    }

    private mutating func leave(to next: DeviceState) -> Action {
        let held = isServing || isConnecting
        isServing = false
        isConnecting = false
        state = next
        return held ? .disconnect : .writeState
    }

    private mutating func remove() -> Action {
        isServing = false
        isConnecting = false
        state = .closed
        return .remove
    }
}
