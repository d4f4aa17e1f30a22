// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<Domain> {
    /// Checks what must hold of a domain's event channels between operations; nil if it does, else what does
    /// not.
    public func checkEventChannelInvariants() -> StaticString? {
        guard state.events.lowestCandidate >= 1 else { return "port 0 is a candidate" }
        guard portKind(0) == .closed else { return "port 0 is open" }
        var open: UInt32 = 0
        var port: UInt32 = 0
        while port < state.events.limit {
            guard let record = portRecord(port) else {
                port = (port / EventChannelTable.portsPerPage &+ 1) &* EventChannelTable.portsPerPage
                continue
            }
            defer { port &+= 1 }
            guard let kind = EventPortKind(rawValue: record[EventPortLayout.kind]) else {
                return "unknown kind"
            }
            if kind != .closed { open &+= 1 }
            guard (record[EventPortLayout.peer] != nil) == (kind == .interdomain) else {
                return "peer without need"
            }
            switch kind {
            case .closed:
                guard record[EventPortLayout.remote] == 0, record[EventPortLayout.vcpu] == 0,
                    record[EventPortLayout.virq] == 0
                else { return "closed port holds something" }
                if port >= 1, port < state.events.lowestCandidate { return "closed port below the candidate" }
            case .unbound:
                guard record[EventPortLayout.remote] <= 0xffff else { return "unbound for no domain number" }
            case .interdomain:
                guard let peer = record[EventPortLayout.peer] else { return "no peer" }
                guard let other = peer.portRecord(record[EventPortLayout.remote]),
                    other[EventPortLayout.kind] == EventPortKind.interdomain.rawValue,
                    other[EventPortLayout.peer] == self, other[EventPortLayout.remote] == port
                else { return "the peer does not point back" }
                guard hypervisor.state.domains.find(peer.id) == peer else { return "the peer is gone" }
            case .virq:
                let virq = UInt32(record[EventPortLayout.virq])
                guard virq < VirtualInterrupt.count else { return "no such VIRQ" }
                let holder = VirtualInterrupt.isGlobal(virq) ? 0 : UInt32(record[EventPortLayout.vcpu])
                guard vcpu(holder)?.state.virqPorts[Int(virq)] == port else {
                    return "its vCPU does not know the VIRQ"
                }
            case .ipi: break
            }
        }
        guard open == state.events.openCount else { return "open ports miscounted" }
        var virqFault: StaticString?
        forEachVCPU { vcpu in
            var virq = 0
            while virq < 24 {
                let port = vcpu.state.virqPorts[virq]
                if port != 0,
                    portKind(port) != .virq || portRecord(port)?[EventPortLayout.virq] != UInt8(virq)
                {
                    virqFault = "a VIRQ names another port"
                }
                virq &+= 1
            }
        }
        return virqFault
    }
}
