// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import XenABI
import XenBus

/// What a `BlockDisk` holds while it is connected: ring, port, queue.
final class BlockDiskCore {
    /// A port with its handler.
    private final class Port {
        let owned: OwnedPort
        init(to domain: DomainID) throws(XenError) {
            owned = try OwnedPort(unboundFor: domain)
            // The handler has nothing to do but wake the vCPU.
            try Events.handle(owned.port) {}
        }
        deinit { Events.ignore(owned.port) }
    }
    let options: BlockDiskOptions
    private var ring: SharedGuestPages?
    private var indirect: SharedGuestPages?
    private var port: Port?
    /// Initialised, until the queue takes it.
    private var frontRing: FrontRing?
    private var source: EventSource?
    private(set) var ringPageCount = 0
    /// Nil while the disk is not connected.
    private(set) var queue: BlockQueue?

    init(_ options: BlockDiskOptions) { self.options = options }

    /// Serves answers from now on; `violated` is called when the backend breaks the rules.
    func listen(_ violated: @escaping () -> Void) {
        source = EventLoop.add(
            isReady: { self.queue?.hasAnswers ?? false },
            deadline: { self.queue?.nextDeadline ?? .max },
            run: {
                do throws(BlockError) {
                    try self.queue?.process()
                    self.queue?.expire(now: Clock.now)
                } catch { violated() }
            })
    }
    /// Nothing is served any more. What is left goes when the device closes.
    func end() { source = nil }
    /// When a request that begins now is over.
    func deadline(_ timeout: Timeout?) -> UInt64 {
        let timeout = timeout ?? options.requestTimeout
        return timeout == .never ? .max : timeout.deadline(from: Clock.now)
    }
    func running() throws(BlockError) -> BlockQueue {
        guard let queue else { throw .closed }
        return queue
    }

    // MARK: The handshake

    private func hypervisor<Result>(
        _ body: () throws(XenError) -> Result
    ) throws(FrontendFailure) -> Result {
        do throws(XenError) { return try body() } catch { throw .hypervisor(error) }
    }

    func publish(_ device: FrontendDevice) throws(FrontendFailure) -> FrontendPublication {
        close()
        let order = min(
            options.ringPageOrder, 4, try device.backendNumber(XenBusKey.maximumRingPageOrder) ?? 0)
        let backend = device.backend
        let pages = try hypervisor { () throws(XenError) in
            try SharedGuestPages(count: 1 << Int(order), for: backend)
        }
        let port = try hypervisor { () throws(XenError) in try Port(to: backend) }
        var publication = FrontendPublication()
        if order == 0 {
            publication.set("ring-ref", "\(pages.reference(0))")
            publication.remove("ring-page-order")
            publication.remove("num-ring-pages")
        } else {
            publication.set("ring-page-order", StoreText(decimal: order))
            publication.set("num-ring-pages", StoreText(decimal: UInt32(1) << order))
            for page in 0..<pages.pageCount {
                publication.set("ring-ref\(page)", "\(pages.reference(page))")
            }
            publication.remove("ring-ref")
        }
        publication.set("event-channel", "\(port.owned.port)")
        publication.set("protocol", "x86_64-abi")
        publication.set("feature-persistent", options.usesPersistentGrants ? "1" : "0")
        // Before the backend learns of it.
        frontRing = FrontRing(
            initializing: pages.ring(slotByteCount: BlockRingABI.x86_64.slotByteCount))
        ring = pages
        self.port = port
        ringPageCount = pages.pageCount
        return publication
    }

    func use(_ device: FrontendDevice) throws(FrontendFailure) {
        guard let port else { throw .closed }
        guard let sectors = try device.backendNumber("sectors", as: UInt64.self) else {
            throw .missing(device.backendPath.appending("sectors"))
        }
        let sectorSize = try device.backendNumber("sector-size", as: Int.self) ?? 512
        let physical = try device.backendNumber("physical-sector-size", as: Int.self) ?? sectorSize
        guard
            var geometry = BlockGeometry(
                sectorCount: sectors, sectorByteCount: sectorSize, physicalSectorByteCount: physical)
        else { throw .malformed(device.backendPath.appending("sector-size")) }
        let info = try device.backendNumber("info", as: UInt32.self) ?? 0
        geometry.isReadOnly = info & BlockInterface.infoReadOnly != 0
        if try device.backendText("mode")?.matches("r") ?? false { geometry.isReadOnly = true }
        if try device.backendOffers("feature-flush-cache") {
            geometry.flushOperation = .flush
        } else if try device.backendOffers("feature-barrier") {
            geometry.flushOperation = .writeBarrier
        }
        geometry.canDiscard = try device.backendOffers("feature-discard")
        if geometry.canDiscard {
            geometry.discardGranularity = try device.backendNumber("discard-granularity") ?? sectorSize
            geometry.discardAlignment = try device.backendNumber("discard-alignment") ?? 0
            geometry.canDiscardSecurely = try device.backendOffers("discard-secure")
        }
        geometry.isPersistent =
            options.usesPersistentGrants ? try device.backendOffers("feature-persistent") : false
        let segments = min(
            try device.backendNumber("feature-max-indirect-segments", as: Int.self) ?? 0,
            max(0, options.indirectSegmentLimit), 4096)
        var indirectPages: [BlockIndirectPage] = []
        if segments > BlockInterface.maximumSegments {
            geometry.indirectSegmentLimit = segments
            let count =
                BlockQueue.indirectPageCount(segmentLimit: segments)
                * max(1, min(options.indirectRequestCount, 256))
            let backend = device.backend
            let pages = try hypervisor { () throws(XenError) in
                // The backend only reads them, but blkback maps them as it maps everything.
                try SharedGuestPages(count: count, for: backend)
            }
            for page in 0..<count {
                indirectPages.append(
                    BlockIndirectPage(grant: pages.reference(page), words: pages.words(page)))
            }
            indirect = pages
        }
        guard let frontRing = frontRing.take() else { throw .closed }
        queue = BlockQueue(
            geometry: geometry, ring: frontRing, indirectPages: indirectPages,
            notify: { try? port.owned.send() })
    }

    /// Fails what is under way and gives ring, grants and port back.
    func close() {
        let queue = queue
        self.queue = nil
        // The backend may work on what stands in the ring for as long as it has the ring.
        if let queue { for owner in queue.close() { ring?.keep(owner) } }
        if let indirect { ring?.keep(indirect) }
        frontRing = nil
        ring = nil
        indirect = nil
        port = nil
        ringPageCount = 0
    }
}
