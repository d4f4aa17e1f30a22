// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
public import XenABI

/// A virtual disk: `backend/vbd/<domain>/<virtual device>`.
public final class BlockDriver: DeviceDriver {
    public static var connectsEarly: Bool { true }
    /// Pages a ring may have, as a power of two: what `max-ring-page-order` says.
    public static let ringPageOrderLimit: UInt32 = 2

    private let platform: BackendPlatform
    private let domain: DomainID
    private let offersPersistentGrants: Bool
    private let openStorage: (String, Bool, Bool) throws(BackendError) -> any BlockStorage
    private var storage: (any BlockStorage)?

    private var service: BlockService?
    private var pages: (any MappedGrants)?
    private var port: EventPort?
    private var watching: Int?

    /// - Parameters:
    ///   - offersPersistentGrants: publish `feature-persistent`. Copying by grant is faster, so this is off by default.
    ///   - openStorage: opens a disk by path, read-only or not, with discard or not.
    public init(
        platform: BackendPlatform, domain: DomainID, offersPersistentGrants: Bool = false,
        openStorage: @escaping (String, Bool, Bool) throws(BackendError) -> any BlockStorage = {
            (path, isReadOnly, offersDiscard) throws(BackendError) in
            try FileStorage(
                path: path, isReadOnly: isReadOnly, offersDiscard: offersDiscard,
                operationLimit: 32)
        }
    ) {
        self.platform = platform
        self.domain = domain
        self.offersPersistentGrants = offersPersistentGrants
        self.openStorage = openStorage
    }

    public func open(_ backend: DeviceKeys) throws(BackendError) {
        let path = try backend.required("params")
        let mode = try backend.required("mode")
        guard mode == "r" || mode == "w" else {
            throw .key(path: "\(backend.path)/mode", problem: "'\(mode)' is neither r nor w")
        }
        storage = try openStorage(path, mode == "r", try backend.number("discard-enable", default: 1) != 0)
    }

    public var features: [(String, String)] {
        guard let geometry = storage?.geometry else { return [] }
        var keys = [
            ("feature-flush-cache", "1"), ("feature-max-indirect-segments", "\(BlockService.segmentLimit)"),
            ("max-ring-page-order", "\(Self.ringPageOrderLimit)"),
            ("feature-persistent", offersPersistentGrants ? "1" : "0"),
        ]
        if geometry.discardGranularity > 0 {
            keys += [
                ("feature-discard", "1"), ("discard-granularity", "\(geometry.discardGranularity)"),
                ("discard-alignment", "0"), ("discard-secure", "0"),
            ]
        }
        return keys
    }

    public func connect(
        _ frontend: DeviceKeys, isResuming: Bool, failed: @escaping (BackendError) -> Void
    ) throws(BackendError) -> [(String, String)] {
        guard let storage else { throw .frontend("the disk is not open") }
        let abi: BlockRingABI
        switch try frontend.text("protocol") {
        case nil, "x86_64-abi": abi = .x86_64
        case "x86_32-abi": abi = .x86_32
        case let other?: throw .key(path: "\(frontend.path)/protocol", problem: "'\(other)' is not known")
        }
        var references: [GrantReference] = []
        if try frontend.text("ring-page-order") != nil {
            let order = try frontend.number("ring-page-order")
            guard order <= Self.ringPageOrderLimit else {
                throw .key(path: "\(frontend.path)/ring-page-order", problem: "\(order) is above the limit")
            }
            for index in 0..<(1 << order) {
                references.append(GrantReference(rawValue: try frontend.number("ring-ref\(index)")))
            }
        } else {
            references.append(GrantReference(rawValue: try frontend.number("ring-ref")))
        }
        let remote = EventPort(rawValue: try frontend.number("event-channel"))
        let acceptsPersistent = try frontend.flag("feature-persistent")
        let isPersistent = offersPersistentGrants && acceptsPersistent

        let pages = try platform.grants.map(references, of: domain, isWritable: true)
        let memory = pages.memory.ring(slotByteCount: abi.slotByteCount)
        let grants = platform.grants
        let persistent = isPersistent ? PersistentGrants(grants: grants, domain: domain) : nil
        let work = platform.work
        let events = platform.events
        let port = try events.bind(to: remote, of: domain) { [weak self] in self?.serve(failed) }
        do throws(BackendError) {
            let ring = try BackRing.join(memory, isResuming: isResuming, name: "block")
            service = try BlockService(
                ring: ring, abi: abi, domain: domain, storage: storage, grants: grants,
                persistent: persistent, traffic: platform.traffic,
                notify: { events.notify(port) },
                again: { [weak self] in work.after(milliseconds: 0) { self?.serve(failed) } })
            if let descriptor = storage.completionDescriptor {
                watching = try work.watchReadable(descriptor) { [weak self] in self?.serve(failed) }
            }
        } catch {
            service = nil
            events.unbind(port)
            throw error
        }
        self.pages = pages
        self.port = port
        // Requests may wait already; and whoever served before may have died before it notified.
        work.after(milliseconds: 0) { [weak self] in
            self?.serve(failed)
            if isResuming, let port = self?.port { events.notify(port) }
        }
        let geometry = storage.geometry
        return [
            ("sectors", "\(geometry.sectorCount)"),
            ("info", geometry.isReadOnly ? "\(BlockInterface.infoReadOnly)" : "0"),
            ("sector-size", "\(geometry.sectorByteCount)"),
            ("physical-sector-size", "\(geometry.physicalSectorByteCount)"),
        ]
    }

    private func serve(_ failed: (BackendError) -> Void) {
        do throws(RingError) { try service?.serve() } catch { failed(.ring(name: "block", error)) }
    }

    public func disconnect() {
        service?.close()
        service = nil
        if let watching { platform.work.cancelWatching(watching) }
        watching = nil
        if let port { platform.events.unbind(port) }
        port = nil
        pages = nil
    }

    public func close() {
        disconnect()
        storage?.close()
        storage = nil
    }
}
