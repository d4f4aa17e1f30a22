// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
public import XenABI

/// A virtual network card: `backend/vif/<domain>/<number>`.
public final class NetDriver: DeviceDriver {
    public static var connectsEarly: Bool { false }

    private let platform: BackendPlatform
    private let domain: DomainID
    private let number: Int
    private let openInterface: (String, String?, Int?) throws(BackendError) -> any NetworkInterface
    private var interface: (any NetworkInterface)?

    private var transmit: NetTransmitService?
    private var receive: NetReceiveService?
    private var pages: [any MappedGrants] = []
    private var ports: [EventPort] = []
    private var watching: Int?

    /// - Parameters:
    ///   - number: the device's number; the interface is called `vif<domain>.<number>`.
    ///   - openInterface: makes an interface by name, bridge, MTU.
    public init(
        platform: BackendPlatform, domain: DomainID, number: Int,
        openInterface: @escaping (String, String?, Int?) throws(BackendError) -> any NetworkInterface = {
            (name, bridge, mtu) throws(BackendError) in try TapInterface(name: name, bridge: bridge, mtu: mtu)
        }
    ) {
        self.platform = platform
        self.domain = domain
        self.number = number
        self.openInterface = openInterface
    }

    public func open(_ backend: DeviceKeys) throws(BackendError) {
        let bridge = try backend.text("bridge").flatMap { $0.isEmpty ? nil : $0 }
        let name =
            try backend.text("vifname").flatMap { $0.isEmpty ? nil : $0 } ?? "vif\(domain.rawValue).\(number)"
        interface = try openInterface(name, bridge, try backend.text("mtu").flatMap { Int($0) })
    }

    public var features: [(String, String)] {
        [
            ("feature-sg", "1"), ("feature-gso-tcpv4", "1"), ("feature-gso-tcpv6", "1"),
            ("feature-ipv6-csum-offload", "1"), ("feature-rx-copy", "1"), ("feature-rx-flip", "0"),
            ("feature-split-event-channels", "1"),
        ]
    }

    public func connect(
        _ frontend: DeviceKeys, isResuming: Bool, failed: @escaping (BackendError) -> Void
    ) throws(BackendError) -> [(String, String)] {
        guard let interface else { throw .frontend("the network interface is not open") }
        guard try frontend.flag("request-rx-copy") else {
            throw .key(path: "\(frontend.path)/request-rx-copy", problem: "must be 1: pages are not flipped")
        }
        guard try frontend.number("multi-queue-num-queues", default: 1) == 1 else {
            throw .key(path: "\(frontend.path)/multi-queue-num-queues", problem: "one queue is offered")
        }
        let transmitReference = GrantReference(rawValue: try frontend.number("tx-ring-ref"))
        let receiveReference = GrantReference(rawValue: try frontend.number("rx-ring-ref"))
        var remotes: [EventPort] = []
        if try frontend.text("event-channel-tx") != nil {
            remotes.append(EventPort(rawValue: try frontend.number("event-channel-tx")))
            remotes.append(EventPort(rawValue: try frontend.number("event-channel-rx")))
        } else {
            remotes.append(EventPort(rawValue: try frontend.number("event-channel")))
        }
        var offload = NetworkOffload()
        let takesScattered = try frontend.flag("feature-sg")
        offload.checksum = try !frontend.flag("feature-no-csum-offload")
        offload.checksum6 = try frontend.flag("feature-ipv6-csum-offload")
        // Packets to be cut need several pages and come with blank checksums.
        offload.tcp4 = try frontend.flag("feature-gso-tcpv4")
        offload.tcp4 = offload.tcp4 && offload.checksum && takesScattered
        offload.tcp6 = try frontend.flag("feature-gso-tcpv6")
        offload.tcp6 = offload.tcp6 && offload.checksum && offload.checksum6 && takesScattered

        let grants = platform.grants
        let events = platform.events
        let work = platform.work
        do throws(BackendError) {
            let transmitPages = try grants.map([transmitReference], of: domain, isWritable: true)
            let receivePages = try grants.map([receiveReference], of: domain, isWritable: true)
            pages = [transmitPages, receivePages]
            let both = remotes.count == 1
            ports.append(
                try events.bind(to: remotes[0], of: domain) { [weak self] in
                    self?.serveTransmit(failed)
                    if both { self?.serveReceive(failed) }
                })
            if !both {
                ports.append(
                    try events.bind(to: remotes[1], of: domain) { [weak self] in self?.serveReceive(failed) })
            }
            let transmitPort = ports[0]
            let receivePort = ports[ports.count - 1]
            transmit = try NetTransmitService(
                ring: try BackRing.join(
                    transmitPages.memory.ring(slotByteCount: NetTransmitRequestLayout.byteCount),
                    isResuming: isResuming, name: "transmit"),
                domain: domain, interface: interface, grants: grants, traffic: platform.traffic,
                notify: { events.notify(transmitPort) },
                again: { [weak self] in work.after(milliseconds: 0) { self?.serveTransmit(failed) } })
            interface.setOffload(offload)
            receive = try NetReceiveService(
                ring: try BackRing.join(
                    receivePages.memory.ring(slotByteCount: NetReceiveRequestLayout.byteCount),
                    isResuming: isResuming, name: "receive"),
                domain: domain, interface: interface, grants: grants, offload: offload,
                takesScattered: takesScattered, traffic: platform.traffic,
                notify: { events.notify(receivePort) },
                setActive: { [weak self] isActive in
                    if let watching = self?.watching { work.setActive(watching, isActive) }
                })
            watching = try work.watchReadable(interface.descriptor) { [weak self] in
                self?.serveReceive(failed)
            }
        } catch {
            disconnect()
            throw error
        }
        interface.setUp(true)
        // Requests may wait already; and whoever served before may have died before it notified.
        work.after(milliseconds: 0) { [weak self] in
            self?.serveTransmit(failed)
            self?.serveReceive(failed)
            if isResuming, let self { for port in ports { events.notify(port) } }
        }
        return []
    }

    private func serveTransmit(_ failed: (BackendError) -> Void) {
        do throws(BackendError) { try transmit?.serve() } catch { failed(error) }
    }
    private func serveReceive(_ failed: (BackendError) -> Void) {
        do throws(BackendError) { try receive?.serve() } catch { failed(error) }
    }

    public func disconnect() {
        if let watching { platform.work.cancelWatching(watching) }
        watching = nil
        transmit = nil
        receive = nil
        for port in ports { platform.events.unbind(port) }
        ports = []
        pages = []
        interface?.setUp(false)
    }

    public func close() {
        disconnect()
        interface?.close()
        interface = nil
    }
}
