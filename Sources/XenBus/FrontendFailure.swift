// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// Why a device cannot be used.
public enum FrontendFailure: Error, Equatable, Sendable {
    /// There is no such device, or a node that it must have is missing.
    case missing(StoreText)
    /// A node's value makes no sense.
    case malformed(StoreText)
    case store(XenStoreFailure)
    /// The hypervisor refused a page, a grant or a port.
    case hypervisor(XenError)
    /// The backend closed the device, or it is gone.
    case closed
    /// The backend broke the rules of the ring.
    case protocolViolation
    /// The backend did not follow in time.
    case timedOut
}
