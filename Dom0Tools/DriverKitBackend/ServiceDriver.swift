// SPDX-License-Identifier: Apache-2.0
public import Backends
import DriverKit
import RingProtocol
public import XenABI
import XenBus

/// Runs a service for one device: opens it, maps the frontend's ring, takes requests and puts answers.
public final class ServiceDriver<Service: DeviceService>: DeviceDriver {
    private typealias Device = Service.Device

    private final class Connection {
        var ring: BackRing
        /// Keeps the pages of the ring mapped.
        let pages: any MappedGrants
        let port: EventPort
        let failed: (BackendError) -> Void
        var isTurnPlanned = false
        init(
            ring: consuming BackRing, pages: any MappedGrants, port: EventPort,
            failed: @escaping (BackendError) -> Void
        ) {
            self.ring = ring
            self.pages = pages
            self.port = port
            self.failed = failed
        }
    }

    private let platform: BackendPlatform
    private let domain: DomainID
    private let log: Log
    private var service: Service?
    private var connection: Connection?
    private var isTaking = false

    public init(platform: BackendPlatform, domain: DomainID, log: Log) {
        self.platform = platform
        self.domain = domain
        self.log = log
    }

    public static var connectsEarly: Bool { true }

    public func open(_ backend: DeviceKeys) throws(BackendError) {
        service = try Service(
            DeviceContext(
                domain: domain, settings: backend, platform: platform, log: log.about(backend.path)))
    }

    public var features: [(String, String)] {
        (service?.offers ?? []).map { ($0.key, $0.value) } + [
            ("version", "\(Device.version)"), ("max-ring-page-order", "\(Device.ringPageOrder)"),
        ]
    }

    public func connect(
        _ frontend: DeviceKeys, isResuming: Bool, failed: @escaping (BackendError) -> Void
    ) throws(BackendError) -> [(String, String)] {
        disconnect()
        let place = try readConnection(frontend)
        let references = (0..<place.pageCount).map { place.reference($0) }
        let pages = try platform.grants.map(references, of: domain, isWritable: true)
        let memory = pages.memory.ring(slotByteCount: Device.slotByteCount)
        let ring: BackRing
        if isResuming && Service.answersInOrder {
            do throws(RingError) { ring = try BackRing(resuming: memory) } catch {
                throw .ring(name: "\(Device.kind)", error)
            }
        } else if isResuming {
            throw .frontend("the backend before was killed; answers may be lost, so the device begins anew")
        } else {
            ring = BackRing(memory)
        }
        let port = try platform.events.bind(to: place.port, of: domain) { [weak self] in self?.turn() }
        connection = Connection(ring: ring, pages: pages, port: port, failed: failed)
        // Requests may have been put before the event channel was there.
        planTurn()
        return []
    }

    /// The frontend's ring and port.
    private func readConnection(_ frontend: DeviceKeys) throws(BackendError) -> RingConnection {
        var problem: BackendError?
        func value(_ name: [UInt8]) -> [UInt8]? {
            do throws(BackendError) {
                return try frontend.text(String(decoding: name, as: UTF8.self)).map { Array($0.utf8) }
            } catch {
                problem = error
                return nil
            }
        }
        do throws(RingConnection.Problem) {
            return try RingConnection(maximumPageOrder: Device.ringPageOrder, reading: value)
        } catch {
            if let problem { throw problem }
            switch error {
            case .missing(let key):
                throw .key(path: "\(frontend.path)/\(Self.name(key))", problem: "is missing")
            case .malformed(let key):
                throw .key(path: "\(frontend.path)/\(Self.name(key))", problem: "is no number in range")
            }
        }
    }
    private static func name(_ key: RingConnection.RingKey) -> String {
        switch key {
        case .ringPageOrder: return "ring-page-order"
        case .ringReference: return "ring-ref"
        case .numberedRingReference(let number): return "ring-ref\(number)"
        case .eventChannel: return "event-channel"
        }
    }

    private func planTurn() {
        guard let connection, !connection.isTurnPlanned else { return }
        connection.isTurnPlanned = true
        platform.work.after(milliseconds: 0) { [weak self, weak connection] in
            guard let self, let connection, connection === self.connection else { return }
            connection.isTurnPlanned = false
            self.turn()
        }
    }

    /// Takes a ring's worth of requests at most, so that a guest that never stops asking does not keep the others waiting.
    private func turn() {
        guard let connection, let service, !isTaking else { return }
        isTaking = true
        defer { isTaking = false }
        do throws(RingError) {
            var left = connection.ring.memory.slotCount
            while left > 0, connection === self.connection {
                var slot = Device.Request.Slot()
                guard try slot.takeRequest(from: &connection.ring) else {
                    publish(connection)
                    guard try connection.ring.finalCheckForRequests() else { return }
                    continue
                }
                left -= 1
                let reply = Reply<Device>(number: slot[word: 0], log: log) {
                    [weak self, weak connection] response in
                    guard let self, let connection, connection === self.connection else { return }
                    response.slot.putResponse(in: &connection.ring)
                    if !self.isTaking { self.publish(connection) }
                }
                service.serve(Device.Request(slot: slot), reply)
            }
            guard connection === self.connection else { return }
            publish(connection)
            planTurn()
        } catch {
            connection.failed(.ring(name: "\(Device.kind)", error))
        }
    }
    private func publish(_ connection: Connection) {
        if connection.ring.publishResponses() { platform.events.notify(connection.port) }
    }

    public func disconnect() {
        guard let connection else { return }
        self.connection = nil
        platform.events.unbind(connection.port)
        service?.disconnected()
    }

    public func close() {
        disconnect()
        service = nil
    }
}
