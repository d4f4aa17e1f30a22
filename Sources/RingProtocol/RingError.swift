// SPDX-License-Identifier: Apache-2.0

/// What can be wrong with a shared ring.
public enum RingError: Error, Equatable, Sendable {
    /// The peer's producer index is further ahead than the ring has room for. The ring is dead from here on.
    case producerOutOfRange(produced: UInt32, accounted: UInt32, slots: UInt32)
    /// An earlier error made the ring unusable: unmap it and tell the peer.
    case dead
    /// The backend that served this ring before stopped in the middle of writing responses: what stands in the slots
    /// cannot be told apart, so the ring must not be served again.
    case interruptedWrite
}
