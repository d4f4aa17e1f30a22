// SPDX-License-Identifier: Apache-2.0
import XenStoreWire

/// Where one end of a split device stands; each end writes its own to its node `state`. `enum xenbus_state`,
/// `public/io/xenbus.h`.
public enum DeviceState: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    /// The node is missing or makes no sense. `XenbusStateUnknown`.
    case unknown = 0
    /// `XenbusStateInitialising`.
    case initialising = 1
    /// The backend published what it offers. `XenbusStateInitWait`.
    case initWait = 2
    /// The frontend published its rings. `XenbusStateInitialised`.
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

    /// The state a node's value names; `unknown` if it names none.
    public init(value: Span<UInt8>) {
        self = value.decimal(as: UInt8.self).flatMap { DeviceState(rawValue: $0) } ?? .unknown
    }

    /// What the node's value is.
    public var value: [UInt8] { [0x30 + rawValue] }
}
