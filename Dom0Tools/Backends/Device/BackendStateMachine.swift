// SPDX-License-Identifier: Apache-2.0

/// What a backend does about the states its frontend goes through. No I/O: it says what to do.
public struct BackendStateMachine: Sendable {
    /// What to do now.
    public enum Step: Equatable, Sendable {
        case nothing
        /// Map the rings and serve them; then call `didConnect`, or `didFail`.
        case connect
        /// Stop serving, and write this state.
        case disconnect(DeviceState)
        /// Write this state.
        case enter(DeviceState)
        /// Stop serving, write `closed`, and forget the device.
        case remove
    }

    /// Our own state as the store has it.
    public private(set) var state: DeviceState
    /// Rings are mapped.
    public private(set) var isServing = false
    /// The frontend's node has been there: only then its absence means anything.
    private var hasSeenFrontend = false
    /// The frontend states in which its rings are ready.
    private let readyStates: (DeviceState, DeviceState)

    /// - Parameter connectsEarly: the frontend waits in `initialised` for our `connected`, as block frontends do.
    public init(connectsEarly: Bool) {
        state = .initialising
        readyStates = (connectsEarly ? .initialised : .connected, .connected)
    }

    /// The device was opened and its features are written with state `initWait`.
    public mutating func didOpen() { state = .initWait }
    /// The rings are served.
    public mutating func didConnect() {
        state = .connected
        isServing = true
    }
    /// Connecting failed, or the frontend broke the rules; state `closing` was written.
    public mutating func didFail() {
        state = .closing
        isServing = false
    }

    /// The frontend's state or the `online` key changed.
    public mutating func observe(frontend: DeviceState, isOnline: Bool) -> Step {
        // Not open yet, or the frontend's broken device waits to be closed.
        guard state != .initialising else { return .nothing }
        if frontend != .unknown { hasSeenFrontend = true }
        switch frontend {
        case .initialising, .reconfiguring, .reconfigured, .initWait:
            guard state == .closed || state == .closing && !isServing else { return .nothing }
            guard isOnline else { return .remove }
            state = .initWait
            return .enter(.initWait)
        case .initialised, .connected:
            guard !isServing, state == .initWait, frontend == readyStates.0 || frontend == readyStates.1
            else {
                return .nothing
            }
            return .connect
        case .closing:
            guard state != .closing, state != .closed else { return .nothing }
            isServing = false
            state = .closing
            return .disconnect(.closing)
        case .closed:
            isServing = false
            guard isOnline else {
                state = .closed
                return .remove
            }
            guard state != .closed else { return .nothing }
            // A frontend that has not looked at the device yet is no reason to close it.
            guard state != .initWait else { return .nothing }
            state = .closed
            return .disconnect(.closed)
        case .unknown:
            guard hasSeenFrontend || !isOnline else { return .nothing }
            isServing = false
            state = .closed
            return .remove
        }
    }
}
