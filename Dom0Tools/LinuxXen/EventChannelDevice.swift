// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
public import XenABI

/// The calling domain's event channels, through `/dev/xen/evtchn`.
///
/// A port that became pending is masked by the kernel and delivered once by `readPendingPorts`; `unmask` re-arms it.
public final class EventChannelDevice {
    private let file: FileHandle
    private var buffer = [UInt32](repeating: 0, count: 128)

    /// Opens the device, not blocking on reads.
    public init(path: String = "/dev/xen/evtchn") throws(XenCallError) {
        file = try FileHandle(path)
        guard fcntl(file.descriptor, F_SETFL, O_NONBLOCK) == 0 else {
            throw XenCallError(operation: path, errno: errno, detail: "O_NONBLOCK")
        }
    }

    /// Readable when a port is pending.
    public var descriptor: Int32 { file.descriptor }

    private func port(_ result: Int, _ operation: String, _ detail: String) throws(XenCallError) -> EventPort
    {
        guard result >= 0 else {
            throw XenCallError(operation: operation, errno: Int32(-result), detail: detail)
        }
        return EventPort(rawValue: UInt32(result))
    }

    /// Connects a new local port with `port` of `domain`, which must be unbound and reserved for this domain.
    public func bind(to port: EventPort, of domain: DomainID) throws(XenCallError) -> EventPort {
        try self.port(
            sv_evtchn_bind_interdomain(descriptor, UInt32(domain.rawValue), port.rawValue),
            "EVTCHNOP_bind_interdomain", "port \(port.rawValue) of domain \(domain.rawValue)")
    }

    /// Opens a port for a global virtual interrupt (`VirtualInterrupt`).
    public func bind(virtualInterrupt number: UInt32) throws(XenCallError) -> EventPort {
        try port(sv_evtchn_bind_virq(descriptor, number), "EVTCHNOP_bind_virq", "VIRQ \(number)")
    }

    /// Opens a port that `domain` may bind.
    public func allocateUnbound(for domain: DomainID) throws(XenCallError) -> EventPort {
        try port(
            sv_evtchn_bind_unbound(descriptor, UInt32(domain.rawValue)), "EVTCHNOP_alloc_unbound",
            "for domain \(domain.rawValue)")
    }

    /// Closes a port that this device opened.
    public func unbind(_ port: EventPort) throws(XenCallError) {
        _ = try self.port(
            sv_evtchn_unbind(descriptor, port.rawValue), "EVTCHNOP_close", "port \(port.rawValue)")
    }

    /// Notifies the other end of a port.
    public func notify(_ port: EventPort) throws(XenCallError) {
        _ = try self.port(
            sv_evtchn_notify(descriptor, port.rawValue), "EVTCHNOP_send", "port \(port.rawValue)")
    }

    /// Calls `body` for every pending port; each stays masked until `unmask`. Does not block.
    public func readPendingPorts(_ body: (EventPort) -> Void) throws(XenCallError) {
        while true {
            let limit = buffer.count * 4
            // SAFETY: the buffer has room for `limit` bytes.
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress, limit)
            }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return }
                throw XenCallError(operation: file.path, errno: errno, detail: "read")
            }
            // The handler may come back here; work on a copy.
            let pending = buffer[..<(count / 4)].map { EventPort(rawValue: $0) }
            for port in pending { body(port) }
            if count < limit { return }
        }
    }

    /// Lets a port that was delivered become pending again.
    public func unmask(_ port: EventPort) throws(XenCallError) {
        var word = port.rawValue
        // SAFETY: the kernel reads four bytes.
        let count = unsafe withUnsafeBytes(of: &word) { unsafe write(descriptor, $0.baseAddress, 4) }
        guard count == 4 else {
            throw XenCallError(operation: "EVTCHNOP_unmask", errno: errno, detail: "port \(port.rawValue)")
        }
    }
}
