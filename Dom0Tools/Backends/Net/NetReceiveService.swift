// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
public import RingProtocol
public import XenABI

/// Takes frames from the interface and gives them to a frontend, into the pages it offers on its receive ring.
///
/// A frame that does not fit the pages offered is held; until there are enough, nothing more is read, and the
/// interface's own queue drops what is too much. Responses stand at the places of their requests.
public final class NetReceiveService {
    private struct Answer {
        var response: NetReceiveResponse
        /// An extra-information slot in place of `response`.
        var extra: NetExtraInfo?
        /// Its copy in the list, or -1.
        var copy: Int
    }

    private var ring: BackRing
    private let domain: DomainID
    private let grants: any GrantAccess
    private let interface: any NetworkInterface
    private let offload: NetworkOffload
    /// A frame may take several pages.
    private let takesScattered: Bool
    private let traffic: Traffic
    private let notify: () -> Void
    /// Says whether frames are to be waited for.
    private let setActive: (Bool) -> Void

    private static let batchByteCount = 512 * 1024
    private static let largestFrame = 65536 + 64
    /// Where a frame starts from the start of its pages on: its header stands before, in a page of its own, so that
    /// each piece of the frame lies in one page. A piece that crosses a page costs two copies.
    private static let lead = 4096 - VirtioNetHeader.byteCount
    private let memory: LocalMemory
    private var answers: [Answer] = []
    private var copies = GrantCopyList(capacity: 512)
    /// A frame that was read and has no place yet, with its header.
    private var held: LocalMemory?
    private var isActive = true

    /// Frames given to the frontend, and frames dropped.
    public private(set) var deliveredCount: UInt64 = 0
    public private(set) var droppedCount: UInt64 = 0

    /// - Parameters:
    ///   - offload: what the frontend takes unfinished; the interface has been told.
    ///   - takesScattered: the frontend's `feature-sg`.
    ///   - setActive: called with false when frames must wait for the frontend's pages, with true when no longer.
    /// - Throws: `hypervisor` if there is no memory for the buffers.
    public init(
        ring: consuming BackRing, domain: DomainID, interface: any NetworkInterface, grants: any GrantAccess,
        offload: NetworkOffload, takesScattered: Bool, traffic: Traffic, notify: @escaping () -> Void,
        setActive: @escaping (Bool) -> Void
    ) throws(BackendError) {
        memory = try .buffers(
            byteCount: Self.batchByteCount + 2 * 4096 + Self.largestFrame, of: "network")
        self.ring = ring
        self.domain = domain
        self.interface = interface
        self.grants = grants
        self.offload = offload
        self.takesScattered = takesScattered
        self.traffic = traffic
        self.notify = notify
        self.setActive = setActive
        answers.reserveCapacity(512)
    }
    deinit { memory.deallocate() }

    /// Delivers what waits, as far as the frontend has pages. Call when the interface is readable and on every event.
    /// - Throws: `ring` or `network`; the device must be closed then.
    public func serve() throws(BackendError) {
        do throws(RingError) { try deliver() } catch { throw .ring(name: "receive", error) }
        if let failure = interface.failure { throw failure }
    }

    private func deliver() throws(RingError) {
        // Bounded: whoever keeps the interface readable is heard again after the others.
        for _ in 0..<16 {
            answers.removeAll(keepingCapacity: true)
            copies.removeAll()
            var used = 0
            var wanted = 0
            var isDrained = false
            if let waiting = held {
                // It may lie where the next frames go.
                let moved = memory.slice(Self.lead, waiting.byteCount)
                moved.copy(from: waiting)
                held = moved
                used = Self.end(0, waiting.byteCount)
            }
            while used < Self.batchByteCount, answers.count < 256 {
                if held == nil {
                    guard
                        let count = interface.receive(into: memory.slice(used + Self.lead, Self.largestFrame))
                    else {
                        isDrained = true
                        break
                    }
                    guard count >= VirtioNetHeader.byteCount + 14 else { continue }
                    held = memory.slice(used + Self.lead, count)
                    used = Self.end(used, count)
                }
                guard let frame = held else { break }
                let header = VirtioNetHeader(decoding: frame)
                let slotCount = slotCount(frame, header)
                if slotCount > Int(ring.memory.slotCount) || !takesScattered && slotCount > 1 {
                    droppedCount &+= 1
                    held = nil
                    continue
                }
                guard try ring.availableRequestCount() >= UInt32(slotCount) else {
                    wanted = slotCount
                    break
                }
                try place(frame, header)
                held = nil
            }
            finish()
            if wanted > 0 {
                // All of the frame's slots must be there before it is worth waking up.
                guard try ring.requestNotification(afterRequests: UInt32(wanted)) < UInt32(wanted) else {
                    continue
                }
                activate(false)
                return
            }
            activate(true)
            if isDrained { return }
        }
    }

    /// The last page in use by a frame of `count` bytes, header included, whose place begins at page `start`: the next
    /// header may stand at its end if the frame leaves room.
    private static func end(_ start: Int, _ count: Int) -> Int {
        let last = start + lead + count
        let page = last & ~4095
        return last - page <= lead ? page : page + 4096
    }

    private func activate(_ isActive: Bool) {
        guard isActive != self.isActive else { return }
        self.isActive = isActive
        setActive(isActive)
    }

    private func gsoType(_ header: VirtioNetHeader) -> NetGSOType? {
        switch header.gsoType & ~VirtioNetHeader.gsoECN {
        case VirtioNetHeader.gsoTCP4: return .tcp4
        case VirtioNetHeader.gsoTCP6: return .tcp6
        default: return nil
        }
    }
    private func slotCount(_ frame: LocalMemory, _ header: VirtioNetHeader) -> Int {
        (frame.byteCount - VirtioNetHeader.byteCount + 4095) / 4096 + (gsoType(header) == nil ? 0 : 1)
    }

    /// Plans the copies of a frame; the pages it needs are there.
    private func place(_ whole: LocalMemory, _ header: VirtioNetHeader) throws(RingError) {
        let frame = whole.slice(VirtioNetHeader.byteCount, whole.byteCount - VirtioNetHeader.byteCount)
        var flags: NetReceiveFlags = []
        if header.flags & VirtioNetHeader.needsChecksum != 0 {
            let isIPv6 = frame.load(12, as: UInt16.self) == UInt16(0x86dd).bigEndian
            if isIPv6 && !offload.checksum6 {
                _ = PacketChecksum.complete(
                    frame, start: Int(header.checksumStart), offset: Int(header.checksumOffset))
                flags = .dataValidated
            } else {
                flags = NetReceiveFlags.checksumBlank.union(.dataValidated)
            }
        } else if header.flags & VirtioNetHeader.dataValid != 0 {
            flags = .dataValidated
        }
        let gso = gsoType(header)
        var position = 0
        var slot = NetReceiveSlot()
        while position < frame.byteCount {
            guard try ring.takeRequest(into: &slot) else { return }
            let request = NetReceiveRequest(decoding: slot)
            let count = min(4096, frame.byteCount - position)
            copies.append(from: frame.slice(position, count), to: request.grant, of: domain, offset: 0)
            var slotFlags: NetReceiveFlags = position == 0 ? flags : []
            if position + count < frame.byteCount { slotFlags = slotFlags.union(.moreData) }
            if position == 0 && gso != nil { slotFlags = slotFlags.union(.extraInfo) }
            answers.append(
                Answer(
                    response: NetReceiveResponse(
                        identifier: request.identifier, offset: 0, flags: slotFlags,
                        status: Int16(truncatingIfNeeded: count)),
                    extra: nil, copy: copies.count - 1))
            if position == 0, let gso {
                guard try ring.takeRequest(into: &slot) else { return }
                answers.append(
                    Answer(
                        response: NetReceiveResponse(identifier: 0, offset: 0, flags: [], status: 0),
                        extra: .gso(gso, segmentByteCount: header.segmentByteCount), copy: -1))
            }
            position += count
        }
        deliveredCount &+= 1
        traffic.add(frame.byteCount, .netReceived)
    }

    /// Copies the data of all frames, and answers.
    private func finish() {
        guard !answers.isEmpty else { return }
        let ran = grants.copy(&copies)
        for var answer in answers {
            if let extra = answer.extra {
                ring.putResponse(extra.encoded())
                continue
            }
            if !ran || !copies.succeeded(answer.copy..<answer.copy + 1) {
                answer.response.status = NetStatus.error.rawValue
            }
            ring.putResponse(answer.response.encoded())
        }
        if ring.publishResponses() { notify() }
    }
}
