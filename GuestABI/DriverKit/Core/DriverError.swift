// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI
public import XenBus

/// Why a frontend cannot do what it was asked.
public enum DriverError: Error, Equatable, Sendable {
    /// The store knows no such device: the domain's configuration gives it none.
    case noDevice
    /// A node of the device is missing or makes no sense; the path says which.
    case badNode(StoreText)
    /// The backend speaks this version and not ours.
    case version(UInt32)
    /// The device is not connected, now: see `Frontend.state`.
    case notConnected
    /// As many requests are under way as the ring holds: wait for an answer.
    case ringFull
    /// This was called from a completion, where nothing can be waited for.
    case busy
    /// No answer, or no connection, in time. A request may still be carried out: its pages stay with it until the backend
    /// has answered or let go of the ring, and a late answer is taken for no other's.
    case timedOut
    /// The connection ended before the answer came. The request may or may not have been carried out.
    case disconnected
    /// The backend broke the rules of the ring.
    case ring(RingError)
    /// The backend answered what was not asked, or answered twice.
    case unexpectedResponse(UInt32)
    /// No page, port or grant reference is free.
    case exhausted
    case store(XenStoreFailure)
    case hypervisor(XenError)
}
