// SPDX-License-Identifier: Apache-2.0

/// Where one end of a split device stands. `enum xenbus_state`, `public/io/xenbus.h`.
public enum DeviceState: Int, Sendable {
    /// `XenbusStateUnknown`: the node is not there.
    case unknown = 0
    /// `XenbusStateInitialising`.
    case initialising = 1
    /// `XenbusStateInitWait`: the backend has said what it offers and waits for the frontend.
    case initWait = 2
    /// `XenbusStateInitialised`: the frontend has made its rings.
    case initialised = 3
    /// `XenbusStateConnected`.
    case connected = 4
    /// `XenbusStateClosing`.
    case closing = 5
    /// `XenbusStateClosed`.
    case closed = 6
    /// `XenbusStateReconfiguring`.
    case reconfiguring = 7
    /// `XenbusStateReconfigured`.
    case reconfigured = 8

    /// From the text in the store; what is not a state counts as unknown.
    public init(text: String?) {
        self = text.flatMap { Int($0) }.flatMap { DeviceState(rawValue: $0) } ?? .unknown
    }
}
