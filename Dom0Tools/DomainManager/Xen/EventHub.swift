// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
public import LinuxXen
public import Logging
public import Reactor
public import XenABI

/// Hands the events of one `/dev/xen/evtchn` to whoever bound the port.
public final class EventHub: EventChannels {
    private let device: EventChannelDevice
    private let reactor: Reactor
    private let logger: Logger
    private var handlers: [EventPort: () -> Void] = [:]

    public init(_ device: EventChannelDevice, reactor: Reactor, logger: Logger) throws(SystemCallError) {
        self.device = device
        self.reactor = reactor
        self.logger = logger
        try reactor.watch(device.descriptor, .readable) { [unowned self] _ in takeEvents() }
    }

    private func takeEvents() {
        do throws(XenCallError) {
            try device.readPendingPorts { port in
                logger.trace("event at port \(port.rawValue)")
                // A port stays masked until its handler is done: an event meanwhile is delivered after.
                guard let handler = handlers[port] else { return }
                handler()
                if handlers[port] != nil { unmask(port) }
            }
        } catch {
            logger.error("events cannot be read: \(error)")
        }
    }

    public func bind(
        _ port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void
    ) throws(APIError) -> EventPort {
        do throws(XenCallError) {
            let local = try device.bind(to: port, of: domain)
            handlers[local] = handler
            logger.debug(
                "port \(local.rawValue) is bound to port \(port.rawValue) of domain \(domain.rawValue)")
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

    private func unmask(_ port: EventPort) {
        do throws(XenCallError) {
            try device.unmask(port)
        } catch {
            logger.error("\(error)")
        }
    }

    public func notify(_ port: EventPort) {
        do throws(XenCallError) {
            try device.notify(port)
        } catch {
            // The other end is gone; whoever watches the domain hears of it.
            logger.debug("\(error)")
        }
    }

    public func close(_ port: EventPort) {
        handlers[port] = nil
        do throws(XenCallError) {
            try device.unbind(port)
            logger.debug("port \(port.rawValue) is closed")
        } catch {
            logger.error("\(error)")
        }
    }
}
