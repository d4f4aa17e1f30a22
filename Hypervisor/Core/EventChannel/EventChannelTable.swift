// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// What one port of a domain is, as the hypervisor keeps it: 16 bytes, 256 to a frame. All zero: closed.
enum EventPortLayout: ABILayout {
    static var byteCount: Int { 16 }
    /// The kind, an `EventPortKind`.
    static var kind: Field<Self, UInt8> { .init(at: 0) }
    /// The VIRQ that a port of kind `virq` stands for.
    static var virq: Field<Self, UInt8> { .init(at: 1) }
    /// Number of the vCPU that is notified.
    static var vcpu: Field<Self, UInt16> { .init(at: 2) }
    /// Interdomain: the port at the other end. Unbound: the number of the domain that may bind.
    static var remote: Field<Self, UInt32> { .init(at: 4) }
    /// Interdomain: the domain at the other end. Both ends are unlinked together, so it is never stale.
    static var peer: Field<Self, Ref<Domain>?> { .init(at: 8) }
}

/// Kind of a port; raw values are those that `EVTCHNOP_status` reports (`EVTCHNSTAT_…`).
enum EventPortKind: UInt8 {
    case closed = 0
    case unbound = 1
    case interdomain = 2
    case virq = 4
    case ipi = 5
}

/// The event channel ports of one domain, for the 2-level ABI: at most 4096. Xen public/event_channel.h.
///
/// Records live in frames of the hypervisor that are allocated when the first of their ports is opened;
/// sending allocates nothing. Port 0 is never open. Every interdomain port's peer points back at it
/// (`checkInvariants`). Guarded by the hypervisor lock.
public struct EventChannelTable: ~Copyable {
    static var portsPerPage: UInt32 { 256 }
    /// Ports that count as valid, though closed, before the first is opened: the size of Xen's first bucket.
    static var alwaysValid: UInt32 { 64 }
    static var noPage: UInt32 { .max }

    /// First port number that the domain cannot have, 1 to 4096.
    public let limit: UInt32
    /// Number of open ports.
    public internal(set) var openCount: UInt32 = 0
    /// Frames of the records.
    var pages: InlineArray<16, UInt32> = InlineArray(repeating: .max)
    /// No closed port lies below this one.
    var lowestCandidate: UInt32 = 1
    /// False: no vCPU of the domain sleeps in `SCHEDOP_poll`.
    var mayHavePollers = false

    /// - Parameter limit: highest port number plus one; more than 4096 is taken as 4096.
    public init(limit: UInt32) {
        self.limit = max(1, min(limit, EventChannelLimit.twoLevelPorts))
    }
}

extension Ref<Domain> {
    /// The record of a port; nil if the number is out of range or its page was never needed.
    @inline(__always)
    func portRecord(_ port: UInt32) -> ABIView<EventPortLayout>? {
        guard port < state.events.limit else { return nil }
        let page = state.events.pages[Int(port / EventChannelTable.portsPerPage)]
        guard page != EventChannelTable.noPage else { return nil }
        return hypervisor.state.memory.view(
            EventPortLayout.self, in: MachineFrame(rawValue: UInt64(page)),
            at: Int(port % EventChannelTable.portsPerPage) &* EventPortLayout.byteCount)
    }
    func portKind(_ port: UInt32) -> EventPortKind {
        portRecord(port).flatMap { EventPortKind(rawValue: $0[EventPortLayout.kind]) } ?? .closed
    }
    /// True for a number that operations accept as a port, open or closed.
    func isValidPort(_ port: UInt32) -> Bool {
        portRecord(port) != nil || (port < state.events.limit && port < EventChannelTable.alwaysValid)
    }

    /// The lowest closed port. Throws `invalidArgument` in a dying domain, `noSpace` when all are open.
    func unusedPort() throws(XenError) -> UInt32 {
        guard state.lifecycle == .alive else { throw .invalidArgument }
        var port = state.events.lowestCandidate
        let limit = portLimit
        while port < limit {
            if portKind(port) == .closed {
                state.events.lowestCandidate = port
                return port
            }
            port &+= 1
        }
        state.events.lowestCandidate = max(port, state.events.lowestCandidate)
        throw .noSpace
    }
    /// The record of a closed port that is about to be opened, with its page allocated. Throws `noMemory`.
    func recordToOpen(_ port: UInt32) throws(XenError) -> ABIView<EventPortLayout> {
        if let record = portRecord(port) { return record }
        guard let frame = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else {
            throw .noMemory
        }
        state.events.pages[Int(port / EventChannelTable.portsPerPage)] = UInt32(
            truncatingIfNeeded: frame.rawValue)
        return hypervisor.state.memory.view(
            EventPortLayout.self, in: frame,
            at: Int(port % EventChannelTable.portsPerPage) &* EventPortLayout.byteCount)
    }
    /// Opens a port: cannot fail.
    func open(
        _ port: UInt32, _ record: ABIView<EventPortLayout>, _ kind: EventPortKind, vcpu: UInt32 = 0,
        virq: UInt32 = 0,
        remote: UInt32 = 0, peer: Ref<Domain>? = nil
    ) {
        record[EventPortLayout.virq] = UInt8(truncatingIfNeeded: virq)
        record[EventPortLayout.vcpu] = UInt16(truncatingIfNeeded: vcpu)
        record[EventPortLayout.remote] = remote
        record[EventPortLayout.peer] = peer
        record[EventPortLayout.kind] = kind.rawValue
        state.events.openCount &+= 1
        state.events.lowestCandidate = port &+ 1
    }
    /// Closes an open port and clears its pending bit. The other end, if any, becomes unbound, for this
    /// domain to bind.
    func close(_ port: UInt32, _ record: ABIView<EventPortLayout>) {
        switch EventPortKind(rawValue: record[EventPortLayout.kind]) {
        case .interdomain:
            if let peer = record[EventPortLayout.peer],
                let other = peer.portRecord(record[EventPortLayout.remote])
            {
                other[EventPortLayout.kind] = EventPortKind.unbound.rawValue
                other[EventPortLayout.peer] = nil
                other[EventPortLayout.remote] = UInt32(id.rawValue)
            }
        case .virq:
            let virq = Int(record[EventPortLayout.virq])
            forEachVCPU { vcpu in
                if vcpu.state.virqPorts[virq] == port { vcpu.state.virqPorts[virq] = 0 }
            }
        case .unbound, .ipi: break
        case .closed, nil: return
        }
        clearPending(port)
        record[EventPortLayout.kind] = 0
        record[EventPortLayout.virq] = 0
        record[EventPortLayout.vcpu] = 0
        record[EventPortLayout.remote] = 0
        record[EventPortLayout.peer] = nil
        state.events.openCount &-= 1
        if port < state.events.lowestCandidate { state.events.lowestCandidate = port }
    }
    /// Closes every port (`EVTCHNOP_reset`).
    func resetEventChannels() {
        var port: UInt32 = 1
        while port < state.events.limit, state.events.openCount > 0 {
            if let record = portRecord(port) {
                close(port, record)
                port &+= 1
            } else {
                port = (port / EventChannelTable.portsPerPage &+ 1) &* EventChannelTable.portsPerPage
            }
        }
    }

    /// Closes every port and gives the table's memory back. The domain is dying: it opens no port afterwards.
    public func closeAllEventChannels() {
        resetEventChannels()
        var index = 0
        while index < 16 {
            let page = state.events.pages[index]
            if page != EventChannelTable.noPage {
                hypervisor.state.frames.free(MachineFrame(rawValue: UInt64(page)))
                state.events.pages[index] = EventChannelTable.noPage
            }
            index &+= 1
        }
    }
    /// Whether a port's pending bit is set; nil for a number that is no port. Whoever asks is taken to be
    /// about to poll.
    public func isEventPending(_ port: UInt32) -> Bool? {
        guard isValidPort(port) else { return nil }
        state.events.mayHavePollers = true
        return hasPendingBit(port)
    }
}
