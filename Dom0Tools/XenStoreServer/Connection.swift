// SPDX-License-Identifier: Apache-2.0
import XenABI
import XenStoreWire

/// Names a connection of the store; never used again for another.
public struct ConnectionID: Hashable, Sendable {
    let rawValue: UInt64
}

/// One client: what it owns in the store, and what it is still to be sent.
final class Connection {
    let id: ConnectionID
    let domain: DomainID
    var isPrivileged: Bool { domain == .zero }
    /// `/local/domain/N`
    let home: [UInt8]
    var watches: [Watch] = []
    var transactions: [Transaction] = []
    /// True if the client may know transactions from before a restart of the store.
    var isRestored = false
    /// Another domain whose rights this one has too.
    var target: DomainID?

    /// Bytes to send; those before `outputStart` are sent.
    private(set) var output: [UInt8] = []
    private(set) var outputStart = 0
    /// Of a guest: the length of each packet that is not sent whole, oldest first, negative for events.
    private var packets: [Int] = []
    private var firstPacket = 0
    /// Of a guest: payloads of the events that are not sent whole. One that is waiting is not queued again.
    private var waitingEvents: Set<[UInt8]> = []
    /// Memory its watches and output take.
    var watchMemory = 0

    init(id: ConnectionID, domain: DomainID) {
        self.id = id
        self.domain = domain
        home = XenStorePath.home(of: domain).bytes
    }

    var hasOutput: Bool { outputStart < output.count }
    var outputByteCount: Int { output.count - outputStart }
    /// Replies and events that are not sent whole; counted for guests only.
    var outstanding: Int { packets.count - firstPacket }

    func reply(_ header: XenStoreHeader, _ payload: Span<UInt8>) {
        header.append(payload: payload, to: &output)
        if !isPrivileged { packets.append(XenStoreHeader.byteCount + payload.count) }
    }

    /// Queues an event, unless the same is waiting.
    func event(_ payload: [UInt8]) {
        if !isPrivileged {
            guard waitingEvents.insert(payload).inserted else { return }
            packets.append(-(XenStoreHeader.byteCount + payload.count))
        }
        XenStoreHeader(operation: .watchEvent).append(payload: payload.span, to: &output)
    }

    /// Takes note that `count` bytes were sent.
    func sent(_ count: Int) {
        precondition(count >= 0 && count <= outputByteCount)
        var sent = partOfPacketSent + count
        while firstPacket < packets.count, sent >= abs(packets[firstPacket]) {
            let length = abs(packets[firstPacket])
            if packets[firstPacket] < 0 {
                let start = outputStart - partOfPacketSent
                waitingEvents.remove(Array(output[(start + XenStoreHeader.byteCount)..<(start + length)]))
            }
            outputStart += length - partOfPacketSent
            partOfPacketSent = 0
            sent -= length
            firstPacket += 1
        }
        if isPrivileged {
            outputStart += count
        } else {
            outputStart += sent - partOfPacketSent
            partOfPacketSent = sent
        }
        if outputStart == output.count {
            if output.capacity > 65536 { output = [] } else { output.removeAll(keepingCapacity: true) }
            outputStart = 0
            packets.removeAll(keepingCapacity: true)
            firstPacket = 0
        } else if outputStart > 65536 {
            // The bytes of a packet that is partly sent are kept: its payload names a waiting event.
            let keep = outputStart - partOfPacketSent
            output.removeSubrange(..<keep)
            outputStart = partOfPacketSent
            packets.removeSubrange(..<firstPacket)
            firstPacket = 0
        }
    }
    private var partOfPacketSent = 0

    /// What waits to be sent, for the record: whole packets only, of at most about `limit` bytes for a guest.
    func unsent(limit: Int) -> [UInt8] {
        var end = output.count
        if !isPrivileged && outputByteCount > limit {
            end = outputStart - partOfPacketSent
            for length in packets[firstPacket...] {
                if end > outputStart && end - outputStart + abs(length) > limit { break }
                end += abs(length)
            }
        }
        return Array(output[outputStart..<end])
    }

    /// Puts back what was waiting before a restart. It counts as one packet.
    func restore(output bytes: [UInt8]) {
        output = bytes
        outputStart = 0
        if !isPrivileged && !bytes.isEmpty { packets = [bytes.count] }
    }

    func clearOutput() {
        output = []
        outputStart = 0
        packets = []
        firstPacket = 0
        partOfPacketSent = 0
        waitingEvents = []
    }
}
