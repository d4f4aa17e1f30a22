// SPDX-License-Identifier: Apache-2.0

/// The frontend's half of a device's life, as a value: it is told what is seen and says what to do. No I/O.
public struct FrontendHandshake: Equatable, BitwiseCopyable, Sendable {
    /// What to do; afterwards `state` is what is to be written to the own `state` node.
    public enum Action: Equatable, BitwiseCopyable, Sendable {
        case nothing
        /// Make rings and event channel and publish them, then write the state.
        case publishRings
        /// Read what the backend says of the device and use it, then write the state.
        case use
        /// Finish or fail what is under way, take the rings back, then write the state.
        case close
        /// Only write the state.
        case writeState
    }

    /// Our state.
    public private(set) var state: DeviceState = .initialising
    private let connectsAtOnce: Bool

    /// - Parameter connectsAtOnce: publishing the rings is followed by `connected`, as network frontends do, not by
    ///   `initialised` and waiting, as block frontends do.
    public init(connectsAtOnce: Bool = false) { self.connectsAtOnce = connectsAtOnce }

    /// The backend's state as it stands in the store.
    public mutating func observe(backend: DeviceState) -> Action {
        switch backend {
        case .initWait:
            guard state == .initialising else { return .nothing }
            state = connectsAtOnce ? .connected : .initialised
            return .publishRings
        case .connected:
            guard state == .initialised else { return .nothing }
            state = .connected
            return .use
        case .closing, .closed:
            guard state != .closed else { return .nothing }
            let held = state == .initialised || state == .connected || state == .closing
            state = .closed
            return held ? .close : .writeState
        case .unknown, .initialising, .initialised, .reconfiguring, .reconfigured:
            return .nothing
        }
    }

    /// This end wants to stop: says `closing` and waits for the backend to follow.
    public mutating func stop() -> Action {
        guard state != .closed, state != .closing else { return .nothing }
        state = .closing
        return .writeState
    }

    /// This end waits for the backend no longer.
    public mutating func giveUp() -> Action {
        guard state != .closed, state != .initialising else { return .nothing }
        state = .closed
        return .close
    }

    /// The driver starts over after a close.
    public mutating func restart() -> Action {
        guard state == .closed else { return .nothing }
        state = .initialising
        return .writeState
    }
}
