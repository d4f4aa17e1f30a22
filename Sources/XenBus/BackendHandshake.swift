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
    /// The frontend's node has been there: only then its absence means anything.
    private var hasSeenFrontend = false
    private let connectsEarly: Bool

    /// - Parameter connectsEarly: the frontend waits in `initialised` for our `connected`, as block frontends do; that of
    ///   a network device is ready only once it is `connected` itself.
    public init(connectsEarly: Bool) { self.connectsEarly = connectsEarly }

    /// The device is there: say what it offers.
    public mutating func start() -> Action {
        guard state == .initialising else { return .nothing }
        state = .initWait
        return .publishFeatures
    }

    /// The rings are served: write the state.
    public mutating func connected() {
        state = .connected
        isServing = true
    }

    /// The rings could not be served, or the frontend broke their rules: as for `disconnect`. The reason belongs in the
    /// log and in the backend's `error` node.
    public mutating func failed() {
        state = .closing
        isServing = false
    }

    /// The frontend's state as it stands in the store, and whether the device is to exist.
    ///
    /// `connect` is said again as long as neither `connected` nor `failed` is called.
    public mutating func observe(frontend: DeviceState, isOnline: Bool) -> Action {
        guard state != .initialising else { return .nothing }
        if frontend != .unknown { hasSeenFrontend = true }
        switch frontend {
        case .initialising, .initWait, .reconfiguring, .reconfigured:
            // After a close this is the next driver.
            guard state == .closed || state == .closing && !isServing else { return .nothing }
            guard isOnline else { return remove() }
            state = .initWait
            return .publishFeatures
        case .initialised, .connected:
            return state == .initWait && (connectsEarly || frontend == .connected) ? .connect : .nothing
        case .closing:
            return state == .closing || state == .closed ? .nothing : leave(to: .closing)
        case .closed:
            guard isOnline else { return remove() }
            // In `initWait` the frontend has not looked at the device yet, and that is no reason to close it.
            return state == .closed || state == .initWait ? .nothing : leave(to: .closed)
        case .unknown:
            return hasSeenFrontend || !isOnline ? remove() : .nothing
        }
    }

    private mutating func leave(to next: DeviceState) -> Action {
        let held = isServing
        isServing = false
        state = next
        return held ? .disconnect : .writeState
    }

    private mutating func remove() -> Action {
        isServing = false
        state = .closed
        return .remove
    }
}
