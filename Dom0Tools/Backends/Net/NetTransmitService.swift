// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
public import RingProtocol
public import XenABI

/// Takes packets from a frontend's transmit ring and sends them.
///
/// The data of many packets is copied in one call, each packet into one piece of memory behind room for its header.
/// The frontend's mistakes in the shape of a packet chain are fatal for the device: after them nobody can tell where
/// the next packet starts.
public final class NetTransmitService {
    private struct Packet {
        var memory: LocalMemory
        var firstCopy: Int
        var lastCopy: Int
        /// First of its answers.
        var firstAnswer: Int
        var lastAnswer: Int
        var flags: NetTransmitFlags
        var gsoType = NetGSOType(rawValue: 0)
        var gsoSize: UInt16 = 0
    }

    private var ring: BackRing
    private let domain: DomainID
    private let grants: any GrantAccess
    private let interface: any NetworkInterface
    private let traffic: Traffic
    private let notify: () -> Void
    private let again: () -> Void

    /// Slots a packet may have beyond which it is dropped, and beyond which the frontend is not believed any more.
    private static let slotLimit = NetInterface.minimumPacketSlots
    private static let fatalSlotLimit = 20
    private static let batchByteCount = 512 * 1024
    private static let largestPacket = 65536 + 8192
    private let memory: LocalMemory
    private var packets: [Packet] = []
    private var answers: [NetTransmitResponse] = []
    private var slots: [NetTransmitRequest] = []
    private var copies = GrantCopyList(capacity: 512)

    /// Packets handed to the interface, and packets dropped or in error.
    public private(set) var sentCount: UInt64 = 0
    public private(set) var droppedCount: UInt64 = 0

    /// - Parameters:
    ///   - notify: tells the frontend.
    ///   - again: calls `serve` soon, after other work.
    /// - Throws: `hypervisor` if there is no memory for the buffers.
    public init(
        ring: consuming BackRing, domain: DomainID, interface: any NetworkInterface, grants: any GrantAccess,
        traffic: Traffic, notify: @escaping () -> Void, again: @escaping () -> Void
    ) throws(BackendError) {
        memory = try .buffers(byteCount: Self.batchByteCount + Self.largestPacket, of: "network")
        self.ring = ring
        self.domain = domain
        self.interface = interface
        self.grants = grants
        self.traffic = traffic
        self.notify = notify
        self.again = again
        packets.reserveCapacity(256)
        answers.reserveCapacity(256)
        slots.reserveCapacity(Self.fatalSlotLimit + 1)
    }
    deinit { memory.deallocate() }

    /// Sends all that waits.
    /// - Throws: `ring` or `frontend`; the device must be closed then.
    public func serve() throws(BackendError) {
        var rounds = 0
        repeat {
            var used = 0
            packets.removeAll(keepingCapacity: true)
            answers.removeAll(keepingCapacity: true)
            copies.removeAll()
            var waiting = try available()
            var problem: BackendError?
            while waiting > 0, used < Self.batchByteCount, answers.count < 256 {
                do throws(BackendError) {
                    try takePacket(&waiting, &used)
                } catch {
                    problem = error
                    break
                }
            }
            send()
            if let problem { throw problem }
            rounds += 1
            if rounds == 16 {
                // Let the other devices and the store have their turn.
                again()
                return
            }
        } while try hasMore()
    }

    private func available() throws(BackendError) -> UInt32 {
        do throws(RingError) { return try ring.availableRequestCount() } catch {
            throw .ring(name: "transmit", error)
        }
    }
    private func hasMore() throws(BackendError) -> Bool {
        do throws(RingError) { return try ring.finalCheckForRequests() } catch {
            throw .ring(name: "transmit", error)
        }
    }
    /// The next slot of a packet that has begun.
    private func nextSlot(_ waiting: inout UInt32) throws(BackendError) -> NetTransmitSlot {
        guard waiting > 0 else { throw .frontend("a packet's slots are published in part") }
        waiting -= 1
        var slot = NetTransmitSlot()
        do throws(RingError) { _ = try ring.takeRequest(into: &slot) } catch {
            throw .ring(name: "transmit", error)
        }
        return slot
    }

    /// Takes all slots of one packet, and plans its copies. Each slot gets an answer, in their order.
    private func takePacket(_ waiting: inout UInt32, _ used: inout Int) throws(BackendError) {
        let firstAnswer = answers.count
        let first = NetTransmitRequest(decoding: try nextSlot(&waiting))
        answers.append(NetTransmitResponse(identifier: first.identifier, status: .okay))
        var isDropped = false
        var gso: NetExtraInfo?
        var hasExtra = first.flags.contains(.extraInfo)
        while hasExtra {
            let extra = NetExtraInfo(decoding: try nextSlot(&waiting))
            answers.append(NetTransmitResponse(identifier: 0, status: .null))
            if extra.type == .gso {
                guard extra.gsoSegmentByteCount > 0, extra.gsoType == .tcp4 || extra.gsoType == .tcp6 else {
                    throw .frontend(
                        "segmentation into \(extra.gsoSegmentByteCount) bytes of type \(extra.gsoType.rawValue)"
                    )
                }
                gso = extra
            } else {
                // Nothing that was offered.
                isDropped = true
            }
            hasExtra = extra.hasMore
        }
        slots.removeAll(keepingCapacity: true)
        var rest = Int(first.size)
        var hasMore = first.flags.contains(.moreData)
        while hasMore {
            guard slots.count < Self.fatalSlotLimit else {
                throw .frontend("a packet has more than \(Self.fatalSlotLimit) slots")
            }
            let slot = NetTransmitRequest(decoding: try nextSlot(&waiting))
            answers.append(NetTransmitResponse(identifier: slot.identifier, status: .okay))
            guard Int(slot.offset) + Int(slot.size) <= 4096 else {
                throw .frontend("a packet's slot crosses its page: offset \(slot.offset), size \(slot.size)")
            }
            // A packet beyond 64 KiB has a size that wrapped: the frontend's fault, but no reason to stop it.
            if Int(slot.size) > rest { isDropped = true }
            rest -= Int(slot.size)
            slots.append(slot)
            hasMore = slot.flags.contains(.moreData)
        }
        if !isDropped, Int(first.offset) + rest > 4096 {
            throw .frontend("a packet's slot crosses its page: offset \(first.offset), size \(rest)")
        }
        if first.size < 14 || slots.count + 1 > Self.slotLimit { isDropped = true }
        if isDropped {
            fail(firstAnswer..<answers.count)
            return
        }
        // The frame is put so that the guest's whole pages fall on whole pages here: a piece that crosses a page costs
        // two copies. The header stands before the frame.
        let header = VirtioNetHeader.byteCount
        var lead = 64
        if let second = slots.first {
            let boundary = second.offset == 0 ? rest : rest + 4096 - Int(second.offset)
            lead += (0 - used - lead - boundary) & 4095
        }
        let place = memory.slice(used + lead - header, header + Int(first.size))
        used += lead + (Int(first.size) + 63) & ~63
        let firstCopy = copies.count
        copies.append(
            from: first.grant, of: domain, offset: Int(first.offset), to: place.slice(header, rest))
        var position = header + rest
        for slot in slots {
            copies.append(
                from: slot.grant, of: domain, offset: Int(slot.offset),
                to: place.slice(position, Int(slot.size)))
            position += Int(slot.size)
        }
        packets.append(
            Packet(
                memory: place, firstCopy: firstCopy, lastCopy: copies.count, firstAnswer: firstAnswer,
                lastAnswer: answers.count, flags: first.flags,
                gsoType: gso?.gsoType ?? NetGSOType(rawValue: 0),
                gsoSize: gso?.gsoSegmentByteCount ?? 0))
    }

    private func fail(_ range: Range<Int>) {
        droppedCount &+= 1
        for index in range where answers[index].status != .null { answers[index].status = .error }
    }

    /// Copies the data of all packets, sends them, and answers.
    private func send() {
        if copies.count > 0 {
            let ran = grants.copy(&copies)
            for index in packets.indices {
                let packet = packets[index]
                guard ran, copies.succeeded(packet.firstCopy..<packet.lastCopy) else {
                    fail(packet.firstAnswer..<packet.lastAnswer)
                    continue
                }
                if complete(packet), interface.send(packet.memory) {
                    sentCount &+= 1
                    traffic.add(packet.memory.byteCount - VirtioNetHeader.byteCount, .netSent)
                } else {
                    droppedCount &+= 1
                }
            }
        }
        for answer in answers { ring.putResponse(answer.encoded()) }
        if ring.publishResponses() { notify() }
    }

    /// Writes the header before the frame. False if the flags do not fit the packet.
    private func complete(_ packet: Packet) -> Bool {
        var header = VirtioNetHeader()
        if packet.flags.contains(.checksumBlank) || packet.gsoSize > 0 {
            let frame = packet.memory.slice(
                VirtioNetHeader.byteCount, packet.memory.byteCount - VirtioNetHeader.byteCount)
            guard packet.flags.contains(.checksumBlank), let checksum = PacketChecksum(frame: frame) else {
                return false
            }
            header.flags = VirtioNetHeader.needsChecksum
            header.checksumStart = UInt16(truncatingIfNeeded: checksum.start)
            header.checksumOffset = UInt16(truncatingIfNeeded: checksum.offset)
            if packet.gsoSize > 0 {
                guard checksum.isIPv6 == (packet.gsoType == .tcp6), checksum.offset == 16 else {
                    return false
                }
                header.gsoType = checksum.isIPv6 ? VirtioNetHeader.gsoTCP6 : VirtioNetHeader.gsoTCP4
                header.segmentByteCount = packet.gsoSize
                header.headerByteCount = UInt16(truncatingIfNeeded: checksum.headerByteCount)
            }
        } else if packet.flags.contains(.dataValidated) {
            header.flags = VirtioNetHeader.dataValid
        }
        header.encode(to: packet.memory)
        return true
    }
}
