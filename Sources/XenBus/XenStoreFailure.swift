// SPDX-License-Identifier: Apache-2.0
public import XenABI
public import XenStoreWire

/// Why a request to the store came to nothing.
public enum XenStoreFailure: Error, Equatable, Sendable {
    /// The store refused it.
    case refused(XenStoreError)
    /// The answer breaks the protocol. Nothing can be said of the request's effect.
    case badReply(XenStoreOperation)
    /// The node's value is no number in range.
    case notANumber
    /// The ring broke while the request was under way and is being started over: watches will be in place, transactions
    /// are gone. The request may or may not have been carried out; the next one waits until the ring works.
    case connectionLost
    /// The ring is broken and the store does not offer a fresh start, or broke it again at once.
    case connectionDead
    /// No answer came in time. The request may still be carried out; its answer will be taken for no other's.
    case timedOut
    /// The store cannot be waited for here: in an interrupt handler, or while it is being told of something else.
    case busy
    /// This domain has no store, or it cannot be reached: an error of the hypervisor.
    case unreachable(XenError)
}
