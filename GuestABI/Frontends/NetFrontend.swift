// SPDX-License-Identifier: Apache-2.0
public import DeviceProtocols
import XenABI
public import XenBus

/// What a network frontend asks of its backend, and how much memory it uses.
public struct NetFrontendOptions: BitwiseCopyable, Sendable {
    /// Pages to receive into: 1 to 256. A packet of 64 KiB takes 17.
    public var receivePageCount = 192
    /// Pages to send from: 1 to 256.
    public var transmitPageCount = 96
    /// Packets may come in several pages, and as TCP packets that would have to be cut for a wire.
    public var takesLargePackets = true
    /// Packets may come with a checksum that holds only the pseudo-header's sum.
    public var takesBlankChecksums = true
    /// Both also with IPv6.
    public var takesUnfinishedIPv6 = false
    /// For the backend to be there, in `NetFrontend.init`.
    public var openTimeout: Timeout = .opening
    /// For the backend to let go, when the card is closed. Pages that it has not let go of then are set aside.
    public var closeTimeout: Timeout = .closing
    public init() {}
}

/// What the backend can do with packets from the frontend.
public struct NetBackendFeatures: Equatable, BitwiseCopyable, Sendable {
    /// Packets of more than one page. `feature-sg`.
    public var takesScattered = false
    /// TCP over IPv4 of up to 64 KiB, to be cut. `feature-gso-tcpv4`.
    public var segmentsTCP4 = false
    /// `feature-gso-tcpv6`.
    public var segmentsTCP6 = false
    /// Blank checksums with IPv6; with IPv4 every backend takes them. `feature-ipv6-csum-offload`.
    public var checksumsIPv6 = false
}

/// A packet that came: pieces to be copied out while `NetFrontend.receive` calls its closure.
public struct NetPacket {
    let packet: NetReceivedPacket
    let pages: GrantedPages

    public var byteCount: Int { packet.byteCount }
    public var pieceCount: Int { packet.pieceCount }
    /// Its TCP or UDP checksum was verified, or need not be: its place may hold only the pseudo-header's sum.
    public var isChecksumGood: Bool { packet.isChecksumGood }
    /// Payload bytes of the segments it was joined from, or 0.
    public var segmentByteCount: UInt16 { packet.segmentByteCount }

    /// Lends one piece. A backend that lies may still change its bytes: copy once, then look at the copy.
    public func withPiece<Result>(_ index: Int, _ body: (RawSpan) -> Result) -> Result {
        let piece = packet[index]
        let start = Int(piece.offset)
        return pages[Int(piece.buffer)].withBytes(start..<start + Int(piece.byteCount), body)
    }
}

/// A network card of this domain (`device/vif/N`), connected with its backend as long as the value lives.
///
/// Its pages are granted once for each connection and used again and again: sending or receiving makes no grant call.
/// When the backend goes away and comes back, the frontend connects again by itself; what was in the rings then is lost.
/// For vCPU 0, outside interrupt handlers. `public/io/netif.h`.
public struct NetFrontend: ~Copyable {
    private let core: NetFrontendCore
    private let device: FrontendDevice

    /// Finds the card and connects it. Waits for the backend to be there.
    /// - Parameter id: the number of the card; see `FrontendDevice.numbers(of: "vif", in:)`.
    /// - Throws: `timedOut` after `NetFrontendOptions.openTimeout`.
    public init(
        _ store: XenStore, id: UInt32 = 0, options: NetFrontendOptions = NetFrontendOptions()
    ) throws(FrontendFailure) {
        let core = NetFrontendCore(options)
        let device = try FrontendDevice(
            store, kind: "vif", id: id, connectsAtOnce: true,
            driver: FrontendDriver(
                publish: { device throws(FrontendFailure) in try core.publish(device) },
                use: { _ in core.start() },
                close: { _ in core.close() }))
        try core.readAddress(device)
        do throws(FrontendFailure) { try device.connect(options.openTimeout) } catch {
            device.abandon()
            throw error
        }
        self.core = core
        self.device = device
    }

    public var macAddress: MACAddress { core.macAddress }
    public var features: NetBackendFeatures { core.features }
    public var isConnected: Bool { core.connection != nil }
    /// Why the connection did not come about or ended.
    public var failure: FrontendFailure? { device.failure }
    /// Largest packet that can be sent, in bytes.
    public var maximumPacketByteCount: Int {
        features.takesScattered ? NetInterface.maximumPacketByteCount : Int(pageSize)
    }
    public var receivedPacketCount: UInt64 { core.receivedPacketCount }
    public var sentPacketCount: UInt64 { core.sentPacketCount }
    /// Packets that the backend could not deliver or send.
    public var failedPacketCount: UInt64 { core.failedPacketCount }
    /// How often this side told the backend of work.
    public var notificationCount: UInt64 { core.notificationCount }

    /// Whether `receive` may have something to do: an event came since. Cheap; for `EventLoop` and with interrupts off.
    public var hasWork: Bool { core.hasWork }
    /// The same as a closure that keeps the card's state alive: for `EventLoop.add(isReady:run:)`.
    public var workIndicator: () -> Bool {
        let core = core
        return { core.hasWork }
    }

    /// Calls `body` for each packet that came, at most `limit`, and offers the pages again.
    /// - Returns: how many packets. `hasWork` tells whether there are more.
    /// - Throws: `protocolViolation` if the backend broke the rules of the ring; the card is then closing.
    @discardableResult
    public func receive(limit: Int = 64, _ body: (NetPacket) -> Void) throws(FrontendFailure) -> Int {
        do throws(NetQueueError) { return try core.receive(limit: limit, body) } catch {
            throw violated(error)
        }
    }

    /// Puts a packet of 14 bytes or more; the backend learns of it with `flush`. False, and nothing happens, if there is
    /// no room: `hasWork` becomes true and `hasRoomAgain` answers true when there is; or if the card is not connected, or
    /// the packet is larger than the backend takes.
    ///
    /// - Parameter fill: writes bytes of the packet, from the offset given on, over the whole span given.
    /// - Throws: `protocolViolation` if the backend broke the rules of the ring; the card is then closing.
    public func send(
        byteCount: Int, offload: NetTransmitOffload = NetTransmitOffload(),
        fill: (_ bytes: inout MutableRawSpan, _ offset: Int) -> Void
    ) throws(FrontendFailure) -> Bool {
        guard byteCount >= 14, byteCount <= maximumPacketByteCount else { return false }
        do throws(NetQueueError) { return try core.send(byteCount, offload, fill) } catch {
            throw violated(error)
        }
    }
    /// Tells the backend of the packets put.
    public func flush() { core.flush() }

    /// True once after `send` had no room and there is room now.
    /// - Throws: `protocolViolation` if the backend broke the rules of the ring; the card is then closing.
    public func hasRoomAgain() throws(FrontendFailure) -> Bool {
        do throws(NetQueueError) { return try core.hasRoomAgain() } catch { throw violated(error) }
    }

    private func violated(_ error: NetQueueError) -> FrontendFailure {
        core.lastError = error
        device.fail(.protocolViolation)
        return .protocolViolation
    }
    /// What the backend did when `protocolViolation` was thrown.
    public var violation: NetQueueError? { core.lastError }

    /// Says good-bye to the backend and gives pages, grants and ports back; dropping the value does the same. Waits for
    /// the backend as long as `NetFrontendOptions.closeTimeout` says.
    public consuming func close() {}
    deinit { try? device.disconnect(core.options.closeTimeout) }
}
