// SPDX-License-Identifier: Apache-2.0
import Reactor
import XenStoreServer
import XenStoreWire

/// A client on the unix socket. It acts as domain 0.
final class SocketConnection {
    let fd: Int32
    let id: ConnectionID
    var framer = XenStoreFramer()
    var watching: Reactor.Watching?
    var interest: Reactor.Interest = .readable

    init(fd: Int32, id: ConnectionID) {
        self.fd = fd
        self.id = id
    }
    deinit { SystemCalls.close(fd) }
}

/// A domain's ring that is being served.
final class RingConnection {
    let ring: XenStoreRing
    let id: ConnectionID
    var framer: XenStoreFramer
    /// True if the record says that something of the stream is neither in the ring nor dealt with.
    var isRecorded: Bool

    init(ring: XenStoreRing, id: ConnectionID, pending: [UInt8] = [], isRecorded: Bool = false) {
        self.ring = ring
        self.id = id
        framer = XenStoreFramer(pending: pending)
        self.isRecorded = isRecorded
    }
}
