// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import XenABI
import XenBus

/// One connection of a network frontend: rings, pages, ports. What it holds is given back when it goes.
final class NetConnection {
    var transmit: NetTransmitQueue
    var receive: NetReceiveQueue
    let transmitPages: GrantedPages
    let receivePages: GrantedPages
    let transmitRing: SharedGuestPages
    let receiveRing: SharedGuestPages
    let transmitPort: OwnedPort
    /// Nil if both rings share `transmitPort`.
    let receivePort: OwnedPort?

    init(to backend: DomainID, hasTwoPorts: Bool, _ options: NetFrontendOptions) throws(XenError) {
        let transmitRing = try SharedGuestPages(count: 1, for: backend)
        let receiveRing = try SharedGuestPages(count: 1, for: backend)
        let transmitPages = try GrantedPages(
            count: min(max(options.transmitPageCount, 1), 256), to: backend, readOnly: true)
        let receivePages = try GrantedPages(
            count: min(max(options.receivePageCount, 1), 256), to: backend, readOnly: false)
        transmit = NetTransmitQueue(
            ring: FrontRing(
                initializing: transmitRing.ring(slotByteCount: NetTransmitRequestLayout.byteCount)),
            grants: transmitPages.references)
        receive = NetReceiveQueue(
            ring: FrontRing(
                initializing: receiveRing.ring(slotByteCount: NetReceiveRequestLayout.byteCount)),
            grants: receivePages.references)
        transmitPort = try OwnedPort(unboundFor: backend)
        receivePort = hasTwoPorts ? try OwnedPort(unboundFor: backend) : nil
        self.transmitPages = transmitPages
        self.receivePages = receivePages
        self.transmitRing = transmitRing
        self.receiveRing = receiveRing
        // As long as the backend has a ring, it may use what stands in it.
        transmitRing.keep(transmitPages)
        receiveRing.keep(receivePages)
    }
    deinit {
        Events.ignore(transmitPort.port)
        if let port = receivePortNumber { Events.ignore(port) }
    }
    var receivePortNumber: EventPort? {
        switch receivePort {
        case .some(let port): port.port
        case .none: nil
        }
    }
}

/// What a network frontend holds beside its device; separate so that the device's callbacks can reach it.
final class NetFrontendCore {
    let options: NetFrontendOptions
    var macAddress = MACAddress(InlineArray(repeating: 0))
    var features = NetBackendFeatures()
    var connection: NetConnection?
    var lastError: NetQueueError?
    /// Set by events, with interrupts off.
    private var hasEvent = false
    private var wasRefused = false
    private(set) var receivedPacketCount: UInt64 = 0
    private(set) var sentPacketCount: UInt64 = 0
    private(set) var notificationCount: UInt64 = 0
    private var brokenPacketCount: UInt64 = 0

    init(_ options: NetFrontendOptions) { self.options = options }

    var hasWork: Bool { hasEvent }
    var failedPacketCount: UInt64 { brokenPacketCount &+ (connection?.transmit.failedSlotCount ?? 0) }

    // MARK: Life

    func readAddress(_ device: FrontendDevice) throws(FrontendFailure) {
        let text: StoreText?
        do throws(XenStoreFailure) { text = try device.store.readIfPresent("\(device.path)/mac") } catch {
            throw .store(error)
        }
        guard let text else { throw .missing("\(device.path)/mac") }
        guard let address = MACAddress(text) else { throw .malformed("\(device.path)/mac") }
        macAddress = address
    }

    func publish(_ device: FrontendDevice) throws(FrontendFailure) -> FrontendPublication {
        features.takesScattered = try device.backendOffers("feature-sg")
        features.segmentsTCP4 = try device.backendOffers("feature-gso-tcpv4") && features.takesScattered
        features.segmentsTCP6 = try device.backendOffers("feature-gso-tcpv6") && features.takesScattered
        features.checksumsIPv6 = try device.backendOffers("feature-ipv6-csum-offload")
        let hasTwoPorts = try device.backendOffers("feature-split-event-channels")
        let made: NetConnection
        do throws(XenError) {
            made = try NetConnection(to: device.backend, hasTwoPorts: hasTwoPorts, options)
            try Events.handle(made.transmitPort.port) { self.hasEvent = true }
            if let port = made.receivePortNumber { try Events.handle(port) { self.hasEvent = true } }
        } catch { throw .hypervisor(error) }
        _ = made.receive.offer()
        connection = made
        wasRefused = false

        var nodes = FrontendPublication()
        nodes.set("tx-ring-ref", "\(made.transmitRing.reference(0))")
        nodes.set("rx-ring-ref", "\(made.receiveRing.reference(0))")
        if let port = made.receivePortNumber {
            nodes.remove("event-channel")
            nodes.set("event-channel-tx", "\(made.transmitPort.port)")
            nodes.set("event-channel-rx", "\(port)")
        } else {
            nodes.remove("event-channel-tx")
            nodes.remove("event-channel-rx")
            nodes.set("event-channel", "\(made.transmitPort.port)")
        }
        nodes.remove("multi-queue-num-queues")
        func flag(_ name: StoreText, _ value: Bool) { nodes.set(name, value ? "1" : "0") }
        flag("request-rx-copy", true)
        flag("feature-rx-notify", true)
        flag("feature-sg", options.takesLargePackets)
        flag("feature-no-csum-offload", !options.takesBlankChecksums)
        flag("feature-gso-tcpv4", options.takesLargePackets && options.takesBlankChecksums)
        flag("feature-gso-tcpv6", options.takesLargePackets && options.takesUnfinishedIPv6)
        flag("feature-ipv6-csum-offload", options.takesUnfinishedIPv6)
        return nodes
    }
    func start() {
        // The rings may have been looked at before the frontend said that it is connected.
        hasEvent = true
        notifyReceive()
        flush()
    }
    func close() {
        connection = nil
        hasEvent = false
    }

    private func notifyTransmit() {
        notificationCount &+= 1
        // A backend that is not bound yet looks at the rings when it connects.
        if let connection { try? EventChannel.send(connection.transmitPort.port) }
    }
    private func notifyReceive() {
        notificationCount &+= 1
        if let connection {
            try? EventChannel.send(connection.receivePortNumber ?? connection.transmitPort.port)
        }
    }

    // MARK: Packets

    func receive(limit: Int, _ body: (NetPacket) -> Void) throws(NetQueueError) -> Int {
        guard let connection else {
            hasEvent = false
            return 0
        }
        var count = 0
        hasEvent = false
        while true {
            guard let packet = try connection.receive.take() else {
                if connection.receive.offer() { notifyReceive() }
                if try connection.receive.requestNotification() { continue }
                return count
            }
            if packet.isBroken {
                brokenPacketCount &+= 1
            } else {
                receivedPacketCount &+= 1
                count += 1
                body(NetPacket(packet: packet, pages: connection.receivePages))
                // The body may have been told of a closed card.
                guard self.connection === connection else { return count }
            }
            connection.receive.giveBack(packet)
            if count == limit {
                hasEvent = true
                if connection.receive.offer() { notifyReceive() }
                return count
            }
        }
    }

    func send(
        _ byteCount: Int, _ offload: NetTransmitOffload, _ fill: (inout MutableRawSpan, Int) -> Void
    ) throws(NetQueueError) -> Bool {
        guard let connection else { return false }
        let isSegmented = offload.segmentByteCount > 0
        if !connection.transmit.hasRoom(byteCount: byteCount, isSegmented: isSegmented) {
            _ = try connection.transmit.reclaim()
            if !connection.transmit.hasRoom(byteCount: byteCount, isSegmented: isSegmented) {
                wasRefused = true
                flush()
                // Events for answers are asked for only now that they matter.
                if try connection.transmit.requestNotification() { hasEvent = true }
                return false
            }
        }
        let pages = connection.transmitPages
        let wasPut = connection.transmit.put(byteCount: byteCount, offload: offload) { buffer, bytes in
            pages[buffer].withMutableBytes(0..<bytes.count) { fill(&$0, bytes.lowerBound) }
        }
        if wasPut { sentPacketCount &+= 1 }
        return wasPut
    }

    func hasRoomAgain() throws(NetQueueError) -> Bool {
        guard wasRefused, let connection else { return false }
        _ = try connection.transmit.reclaim()
        // Room for the largest packet, or all there is.
        guard connection.transmit.freeBufferCount >= min(18, options.transmitPageCount) else {
            if try connection.transmit.requestNotification() { hasEvent = true }
            return false
        }
        wasRefused = false
        return true
    }

    func flush() {
        if let connection, connection.transmit.publish() { notifyTransmit() }
    }
}
