// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
public import LinuxXen
public import Reactor
public import XenABI

/// Hands the events of one `/dev/xen/evtchn` to whoever bound the port.
public final class EventHub: EventChannels {
    private let device: EventChannelDevice
    private let reactor: Reactor
    private var handlers: [EventPort: () -> Void] = [:]

    public init(_ device: EventChannelDevice, reactor: Reactor) throws(ReactorError) {
        self.device = device
        self.reactor = reactor
        try reactor.watch(device.descriptor, .readable) { [unowned self] _ in takeEvents() }
    }

    private func takeEvents() {
        // A failure to read leaves the descriptor readable: the next turn tries again.
        try? device.readPendingPorts { port in
            // A port stays masked until its handler is done: an event meanwhile is delivered after.
            guard let handler = handlers[port] else { return }
            handler()
            if handlers[port] != nil { try? device.unmask(port) }
        }
    }

    public func bind(
        _ port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void
    ) throws(APIError) -> EventPort {
        do throws(XenCallError) {
            let local = try device.bind(to: port, of: domain)
            handlers[local] = handler
            return local
        } catch {
            throw APIError(hypervisor: error)
        }
    }

    /// Calls `handler` for each event of a virtual interrupt (`VirtualInterrupt`), from now on for good.
    public func bind(virtualInterrupt number: UInt32, _ handler: @escaping () -> Void) throws(APIError) {
        do throws(XenCallError) {
            handlers[try device.bind(virtualInterrupt: number)] = handler
        } catch {
            throw APIError(hypervisor: error)
        }
    }

    public func notify(_ port: EventPort) { try? device.notify(port) }

    public func close(_ port: EventPort) {
        handlers[port] = nil
        try? device.unbind(port)
    }
}
