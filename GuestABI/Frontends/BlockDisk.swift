// SPDX-License-Identifier: Apache-2.0
public import DeviceProtocols
import XenABI
public import XenBus

/// What a block frontend asks of its backend where that offers it.
public struct BlockDiskOptions: BitwiseCopyable, Sendable {
    /// Base-two logarithm of the ring's pages, 0 to 4, cut to what the backend takes. One page holds 32 requests.
    public var ringPageOrder: UInt32 = 2
    /// Segments of 4096 bytes in one request, through further pages; 0 for requests of at most eleven.
    public var indirectSegmentLimit = 256
    /// Indirect requests under way at the same time.
    public var indirectRequestCount = 16
    /// Let the backend keep pages mapped that it has seen. Use few buffers again and again then.
    public var usesPersistentGrants = true
    /// For the backend to be there, in `BlockDisk.init` and `reconnect`.
    public var openTimeout: Timeout = .opening
    /// For the backend to let go, when the disk is closed. Pages that it has not let go of then are set aside.
    public var closeTimeout: Timeout = .closing
    /// For each request that does not say otherwise, the wait for room in the ring included; `never`: a backend that is
    /// killed and started again makes a pause, not an error.
    public var requestTimeout: Timeout = .never
    public init() {}
}

/// A disk of this domain (`device/vbd/N`), connected with its backend as long as the value lives. `public/io/blkif.h`.
///
/// Requests go to the ring at once and end in any order; completions run on vCPU 0, outside interrupt handlers, while it
/// waits (`EventLoop`). The calls without completion wait for their own end. Sector numbers count 512 bytes, as on the
/// ring, whatever the disk's sector size is.
///
/// The backend is not trusted: what breaks the protocol ends the device with an error. When the backend goes away, what is
/// under way fails with `closed`; when it comes back the disk connects again by itself. A request whose time is over fails
/// with `timedOut`, and its late answer is taken for no other's; until then it keeps its place in the ring and its buffer's
/// pages, which the backend may still read and write: make another buffer for what comes next.
public struct BlockDisk: ~Copyable {
    private let core: BlockDiskCore
    private let device: FrontendDevice

    /// Numbers of this domain's disks: 51712 is `xvda`, 51728 `xvdb`.
    public static func numbers() throws(FrontendFailure) -> [UInt32] {
        do throws(XenStoreFailure) {
            return try FrontendDevice.numbers(of: "vbd", in: XenStore.open())
        } catch { throw .store(error) }
    }

    /// Finds the disk and connects it. Waits for the backend to be there.
    /// - Parameter number: one of `numbers()`.
    /// - Throws: `timedOut` after `BlockDiskOptions.openTimeout`.
    public init(_ number: UInt32, options: BlockDiskOptions = BlockDiskOptions()) throws(FrontendFailure) {
        let store: XenStore
        do throws(XenStoreFailure) { store = try XenStore.open() } catch { throw .store(error) }
        let core = BlockDiskCore(options)
        let device = try FrontendDevice(
            store, kind: "vbd", id: number,
            driver: FrontendDriver(
                publish: { device throws(FrontendFailure) in try core.publish(device) },
                use: { device throws(FrontendFailure) in try core.use(device) },
                close: { _ in core.close() }))
        core.listen { device.fail(.protocolViolation) }
        do throws(FrontendFailure) { try device.connect(options.openTimeout) } catch {
            device.abandon()
            core.end()
            throw error
        }
        self.core = core
        self.device = device
    }

    /// Size and abilities; nil while the disk is not connected.
    public var geometry: BlockGeometry? { core.queue?.geometry }
    public var isConnected: Bool { core.queue != nil }
    /// Why the connection ended; nil while there is one.
    public var failure: FrontendFailure? { device.failure }
    /// Pages of the ring.
    public var ringPageCount: Int { core.ringPageCount }
    /// Requests whose completion has not been called.
    public var outstandingCount: Int { core.queue?.outstandingCount ?? 0 }
    /// Requests put into the ring so far with their segments in the slot, and in further pages.
    public var requestCounts: (direct: Int, indirect: Int) {
        (core.queue?.directCount ?? 0, core.queue?.indirectCount ?? 0)
    }

    /// Connects once more after the backend closed the device or broke the rules, and waits for it. Nothing if the disk is
    /// connected. Buffers made before remain usable if the backend is the same domain.
    /// - Throws: `timedOut` after `BlockDiskOptions.openTimeout`.
    public func reconnect() throws(FrontendFailure) { try device.connect(core.options.openTimeout) }
    /// Gives the connection up at once, as if the backend had closed it: for one that does not answer. What is under way
    /// fails with `closed`; `reconnect` waits for a backend that begins anew.
    public func abandon() { device.abandon() }

    /// Memory for requests to this disk, of `byteCount` bytes rounded up to whole pages; at most 16 MiB.
    /// - Throws: `exhausted`, `bufferTooSmall` for 0 and for more than 16 MiB.
    public func makeBuffer(byteCount: Int) throws(BlockError) -> BlockBuffer {
        try BlockBuffer(byteCount: byteCount, for: device.backend)
    }

    /// Requests that were given up after their time, and that the backend has not answered.
    public var lateCount: Int { core.queue?.lateCount ?? 0 }
    /// Answers that came after their time.
    public var lateAnswerCount: Int { core.queue?.lateAnswerCount ?? 0 }

    // MARK: Requests that end later. Each may say how long it waits, else it waits for `BlockDiskOptions.requestTimeout`.

    /// Reads from 512-byte sector `sector` on into `range` of the buffer. `completion` gets nil, or what went wrong.
    /// - Throws: what is wrong with the request; `completion` is not called then.
    public func read(
        sector: UInt64, into buffer: borrowing BlockBuffer, _ range: Range<Int>, timeout: Timeout? = nil,
        completion: @escaping (BlockError?) -> Void
    ) throws(BlockError) {
        try core.running().transfer(
            .read, sector: sector, data: buffer.part(range), before: core.deadline(timeout), completion)
    }
    /// Writes `range` of the buffer from 512-byte sector `sector` on.
    public func write(
        sector: UInt64, from buffer: borrowing BlockBuffer, _ range: Range<Int>, timeout: Timeout? = nil,
        completion: @escaping (BlockError?) -> Void
    ) throws(BlockError) {
        try core.running().transfer(
            .write, sector: sector, data: buffer.part(range), before: core.deadline(timeout), completion)
    }
    /// Makes durable what was written: every write that had ended before this call.
    public func flush(
        timeout: Timeout? = nil, completion: @escaping (BlockError?) -> Void
    ) throws(BlockError) {
        try core.running().flush(before: core.deadline(timeout), completion)
    }
    /// Tells the disk that 512-byte sectors hold nothing of use; `isSecure` asks for erasing.
    public func discard(
        sector: UInt64, count: UInt64, isSecure: Bool = false, timeout: Timeout? = nil,
        completion: @escaping (BlockError?) -> Void
    ) throws(BlockError) {
        try core.running().discard(
            sector: sector, sectorCount: count, isSecure: isSecure, before: core.deadline(timeout),
            completion)
    }
    /// Waits until at most `count` requests are under way, calling completions. From a completion of this disk: does not
    /// wait.
    /// - Returns: false if there are more.
    @discardableResult
    public func wait(forAtMost count: Int = 0, _ timeout: Timeout = .never) -> Bool {
        let core = core
        let isDone = { (core.queue?.outstandingCount ?? 0) <= count }
        if core.queue?.isProcessing ?? false { return isDone() }
        return EventLoop.wait(timeout, until: isDone)
    }

    // MARK: Requests that are waited for, with the same time-outs; from a completion of this disk they throw `busy`

    private func finish(
        _ start: (@escaping (BlockError?) -> Void) throws(BlockError) -> Void
    ) throws(BlockError) {
        if core.queue?.isProcessing ?? false { throw .busy }
        var isDone = false
        var failure: BlockError?
        try start {
            failure = $0
            isDone = true
        }
        EventLoop.wait { isDone }
        if let failure { throw failure }
    }
    /// Reads from 512-byte sector `sector` on into the whole buffer, or `range` of it.
    public func read(
        sector: UInt64, into buffer: borrowing BlockBuffer, _ range: Range<Int>? = nil,
        timeout: Timeout? = nil
    ) throws(BlockError) {
        let part = buffer.part(range ?? 0..<buffer.byteCount)
        let core = core
        try finish { done throws(BlockError) in
            try core.running().transfer(
                .read, sector: sector, data: part, before: core.deadline(timeout), done)
        }
    }
    /// Writes the whole buffer, or `range` of it, from 512-byte sector `sector` on.
    public func write(
        sector: UInt64, from buffer: borrowing BlockBuffer, _ range: Range<Int>? = nil,
        timeout: Timeout? = nil
    ) throws(BlockError) {
        let part = buffer.part(range ?? 0..<buffer.byteCount)
        let core = core
        try finish { done throws(BlockError) in
            try core.running().transfer(
                .write, sector: sector, data: part, before: core.deadline(timeout), done)
        }
    }
    /// Makes durable what was written before.
    public func flush(timeout: Timeout? = nil) throws(BlockError) {
        let core = core
        try finish { done throws(BlockError) in
            try core.running().flush(before: core.deadline(timeout), done)
        }
    }
    /// Tells the disk that 512-byte sectors hold nothing of use; `isSecure` asks for erasing.
    public func discard(
        sector: UInt64, count: UInt64, isSecure: Bool = false, timeout: Timeout? = nil
    ) throws(BlockError) {
        let core = core
        try finish { done throws(BlockError) in
            try core.running().discard(
                sector: sector, sectorCount: count, isSecure: isSecure, before: core.deadline(timeout), done)
        }
    }
    /// Says good-bye to the backend and gives pages, grants and ports back; dropping the value does the same. Waits for
    /// the backend as long as `BlockDiskOptions.closeTimeout` says.
    public consuming func close() {}
    deinit {
        try? device.disconnect(core.options.closeTimeout)
        core.end()
    }
}
