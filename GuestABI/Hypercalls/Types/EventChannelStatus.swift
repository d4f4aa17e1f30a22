// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What a port is. `struct evtchn_status`, `public/event_channel.h`.
public struct EventChannelStatus: Equatable, BitwiseCopyable, Sendable {
    /// One of `EventChannelState`.
    public var state: UInt32
    /// The vCPU that the port notifies.
    public var vcpu: UInt32
    /// Unbound and interdomain: the other domain.
    public var remoteDomain: DomainID
    /// Interdomain: the other end.
    public var remotePort: EventPort
    /// Virtual interrupt: which, a `VirtualInterrupt`.
    public var virtualInterrupt: UInt32

    /// The state with what belongs to it.
    public enum Binding: Equatable, BitwiseCopyable, Sendable {
        case closed
        /// It waits for that domain to bind it.
        case unbound(for: DomainID)
        case interdomain(DomainID, EventPort)
        case physicalInterrupt(UInt32)
        case virtualInterrupt(UInt32)
        /// This domain raises it itself.
        case interprocessor
        /// A state that this library does not know.
        case other(UInt32)
    }
    public var binding: Binding {
        switch state {
        case EventChannelState.closed: .closed
        case EventChannelState.unbound: .unbound(for: remoteDomain)
        case EventChannelState.interdomain: .interdomain(remoteDomain, remotePort)
        case EventChannelState.physicalInterrupt: .physicalInterrupt(virtualInterrupt)
        case EventChannelState.virtualInterrupt: .virtualInterrupt(virtualInterrupt)
        case EventChannelState.ipi: .interprocessor
        default: .other(state)
        }
    }
    /// Reads an `EventChannelStatusLayout` that starts at byte `start`.
    public init<Source: FieldSource & ~Copyable>(from source: borrowing Source, at start: Int) {
        typealias Word = Field<EventChannelStatusLayout, UInt32>
        state = source[Word.status, at: start]
        vcpu = source[Word.vcpu, at: start]
        remoteDomain = DomainID(
            rawValue: source[Field<EventChannelStatusLayout, UInt16>.unboundDomain, at: start])
        remotePort = EventPort(rawValue: source[Word.interdomainPort, at: start])
        virtualInterrupt = source[Word.virtualInterrupt, at: start]
    }
}
