// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// `HYPERVISOR_event_channel_op`. Xen public/event_channel.h. The order of checks is Xen's.
extension Ref<VirtualCPU> {
    /// - Parameters:
    ///   - command: `EVTCHNOP_…`; the upper 32 bits are ignored.
    ///   - argument: guest-linear address of its block.
    /// - Returns: 0.
    ///
    /// Throws `badAddress` for a block that cannot be read or written, `notImplemented` for an unknown
    /// command and for those of the FIFO ABI (the guest then uses the 2-level one), else what the command's
    /// function says.
    public func eventChannelOperation(_ command: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        switch UInt32(truncatingIfNeeded: command) {
        case EventChannelOperation.send: try sendEvent(argument)
        case EventChannelOperation.unmask: try unmaskEvent(argument)
        case EventChannelOperation.close: try closePort(argument)
        case EventChannelOperation.bindInterdomain: try bindInterdomain(argument)
        case EventChannelOperation.allocateUnbound: try allocateUnbound(argument)
        case EventChannelOperation.bindVirtualInterrupt: try bindVirtualInterrupt(argument)
        case EventChannelOperation.bindIPI: try bindIPI(argument)
        case EventChannelOperation.bindVCPU: try bindVCPU(argument)
        case EventChannelOperation.status: try eventStatus(argument)
        case EventChannelOperation.reset: try resetPorts(argument)
        case EventChannelOperation.bindPhysicalInterrupt:
            // PVH guests have no PIRQs: every number is out of range.
            _ = try copyIn(EventChannelBindPhysicalInterruptLayout.self, at: argument)
            throw .invalidArgument
        default: throw .notImplemented
        }
        return 0
    }

    /// A domain by number, `DOMID_SELF` included. Throws `noSuchDomain`.
    private func anyDomain(_ id: UInt16) throws(XenError) -> Ref<Domain> {
        if id == DomainID.caller.rawValue { return domain }
        guard let found = hypervisor.state.domains.find(DomainID(rawValue: id)) else { throw .noSuchDomain }
        return found
    }
    /// Throws `notPermitted` unless the caller is `target` itself or privileged.
    private func requireControl(of target: Ref<Domain>) throws(XenError) {
        guard target == domain || domain.state.isPrivileged else { throw .notPermitted }
    }
    /// The single port number that is the block of several commands. The aligned case is the notification
    /// path: one load.
    @inline(__always)
    private func readPort(_ argument: UInt64) throws(XenError) -> UInt32 {
        guard argument & 3 == 0 else { return try read(UInt32.self, at: argument) }
        guard let frame = translate(linear: argument, forWriting: false) else { throw .badAddress }
        return hypervisor.state.memory.sharedView(
            EventChannelSendLayout.self, in: frame, at: Int(truncatingIfNeeded: argument & 0xfff)
        ).load(.port)
    }

    /// `EVTCHNOP_send`. Throws `invalidArgument` for a port that is closed or bound to a VIRQ.
    private func sendEvent(_ argument: UInt64) throws(XenError) {
        let port = try readPort(argument)
        let domain = domain
        guard let record = domain.portRecord(port) else { throw .invalidArgument }
        switch EventPortKind(rawValue: record[EventPortLayout.kind]) {
        case .interdomain:
            let remotePort = record[EventPortLayout.remote]
            guard let peer = record[EventPortLayout.peer], let other = peer.portRecord(remotePort) else {
                return
            }
            peer.setPending(remotePort, vcpu: UInt32(other[EventPortLayout.vcpu]))
        case .ipi: domain.setPending(port, vcpu: UInt32(record[EventPortLayout.vcpu]))
        case .unbound: break
        case .closed, .virq, nil: throw .invalidArgument
        }
    }
    /// `EVTCHNOP_unmask`. Throws `invalidArgument` for a number that is no port.
    private func unmaskEvent(_ argument: UInt64) throws(XenError) {
        let port = try readPort(argument)
        guard domain.isValidPort(port) else { throw .invalidArgument }
        domain.unmask(port)
    }
    /// `EVTCHNOP_close`. Throws `invalidArgument` for a port that is not open.
    private func closePort(_ argument: UInt64) throws(XenError) {
        let port = try readPort(argument)
        guard domain.portKind(port) != .closed, let record = domain.portRecord(port) else {
            throw .invalidArgument
        }
        domain.close(port, record)
    }

    /// `EVTCHNOP_alloc_unbound`. Throws `noSuchDomain`, `invalidArgument` (dying domain), `noSpace`,
    /// `notPermitted`, `noMemory`.
    private func allocateUnbound(_ argument: UInt64) throws(XenError) {
        let block = try copyIn(EventChannelAllocateUnboundLayout.self, at: argument)
        let target = try anyDomain(block[.domain])
        let port = try target.unusedPort()
        try requireControl(of: target)
        let record = try target.recordToOpen(port)
        let remote = block[Field<EventChannelAllocateUnboundLayout, UInt16>.remoteDomain]
        target.open(
            port, record, .unbound,
            remote: UInt32(remote == DomainID.caller.rawValue ? domain.id.rawValue : remote))
        // The port stays open if this fails, as in Xen: the guest gave a bad address.
        try copyOut(port, field: .port, of: argument, in: EventChannelAllocateUnboundLayout.self)
    }
    /// `EVTCHNOP_bind_interdomain`. Throws `noSuchDomain`, `noSpace`, `invalidArgument` (the remote port is
    /// not unbound or not meant for the caller), `noMemory`.
    private func bindInterdomain(_ argument: UInt64) throws(XenError) {
        let block = try copyIn(EventChannelBindInterdomainLayout.self, at: argument)
        let domain = domain
        let remote = try anyDomain(block[.remoteDomain])
        let remotePort = block[Field<EventChannelBindInterdomainLayout, UInt32>.remotePort]
        let port = try domain.unusedPort()
        guard let other = remote.portRecord(remotePort),
            other[EventPortLayout.kind] == EventPortKind.unbound.rawValue,
            other[EventPortLayout.remote] == UInt32(domain.id.rawValue)
        else { throw .invalidArgument }
        let record = try domain.recordToOpen(port)
        domain.open(port, record, .interdomain, remote: remotePort, peer: remote)
        other[EventPortLayout.peer] = domain
        other[EventPortLayout.remote] = port
        other[EventPortLayout.kind] = EventPortKind.interdomain.rawValue
        // Notifications sent while the other end was unbound are lost: one on this end makes up for them.
        domain.setPending(port, vcpu: 0)
        try copyOut(port, field: .localPort, of: argument, in: EventChannelBindInterdomainLayout.self)
    }
    /// `EVTCHNOP_bind_virq`. Throws `invalidArgument`, `noEntry` (vCPU), `exists`, `noSpace`, `noMemory`.
    private func bindVirtualInterrupt(_ argument: UInt64) throws(XenError) {
        let block = try copyIn(EventChannelBindVirtualInterruptLayout.self, at: argument)
        let virq = block[.virtualInterrupt]
        let id = block[Field<EventChannelBindVirtualInterruptLayout, UInt32>.vcpu]
        guard virq < VirtualInterrupt.count else { throw .invalidArgument }
        guard !VirtualInterrupt.isGlobal(virq) || id == 0 else { throw .invalidArgument }
        guard let vcpu = domain.vcpu(id) else { throw .noEntry }
        guard vcpu.state.virqPorts[Int(virq)] == 0 else { throw .exists }
        let port = try domain.unusedPort()
        let record = try domain.recordToOpen(port)
        domain.open(port, record, .virq, vcpu: id, virq: virq)
        vcpu.state.virqPorts[Int(virq)] = port
        try copyOut(port, field: .port, of: argument, in: EventChannelBindVirtualInterruptLayout.self)
    }
    /// `EVTCHNOP_bind_ipi`. Throws `noEntry` (vCPU), `noSpace`, `noMemory`.
    private func bindIPI(_ argument: UInt64) throws(XenError) {
        let block = try copyIn(EventChannelBindIPILayout.self, at: argument)
        let id = block[Field<EventChannelBindIPILayout, UInt32>.vcpu]
        guard domain.vcpu(id) != nil else { throw .noEntry }
        let port = try domain.unusedPort()
        let record = try domain.recordToOpen(port)
        domain.open(port, record, .ipi, vcpu: id)
        try copyOut(port, field: .port, of: argument, in: EventChannelBindIPILayout.self)
    }
    /// `EVTCHNOP_bind_vcpu`. Throws `noEntry` (vCPU), `invalidArgument` for a port that is closed or belongs
    /// to its vCPU.
    private func bindVCPU(_ argument: UInt64) throws(XenError) {
        let block = try copyIn(EventChannelBindVCPULayout.self, at: argument)
        let id = block[Field<EventChannelBindVCPULayout, UInt32>.vcpu]
        guard domain.vcpu(id) != nil else { throw .noEntry }
        guard let record = domain.portRecord(block[Field<EventChannelBindVCPULayout, UInt32>.port]) else {
            throw .invalidArgument
        }
        switch EventPortKind(rawValue: record[EventPortLayout.kind]) {
        case .unbound, .interdomain: break
        case .virq:
            guard VirtualInterrupt.isGlobal(UInt32(record[EventPortLayout.virq])) else {
                throw .invalidArgument
            }
        case .ipi, .closed, nil: throw .invalidArgument
        }
        record[EventPortLayout.vcpu] = UInt16(truncatingIfNeeded: id)
    }

    /// `EVTCHNOP_status`. Throws `noSuchDomain`, `invalidArgument` for a number that is no port,
    /// `notPermitted`.
    private func eventStatus(_ argument: UInt64) throws(XenError) {
        var block = try copyIn(EventChannelStatusLayout.self, at: argument)
        let target = try anyDomain(block[.domain])
        let port = block[Field<EventChannelStatusLayout, UInt32>.port]
        guard target.isValidPort(port) else { throw .invalidArgument }
        try requireControl(of: target)
        let kind = target.portKind(port)
        block[.status] = UInt32(kind.rawValue)
        block[.vcpu] = 0
        if let record = target.portRecord(port) {
            block[.vcpu] = UInt32(record[EventPortLayout.vcpu])
            switch kind {
            case .closed, .ipi: break
            case .unbound: block[.unboundDomain] = UInt16(truncatingIfNeeded: record[EventPortLayout.remote])
            case .interdomain:
                block[.interdomainDomain] =
                    record[EventPortLayout.peer]?.id.rawValue ?? DomainID.invalid.rawValue
                block[.interdomainPort] = record[EventPortLayout.remote]
            case .virq: block[.virtualInterrupt] = UInt32(record[EventPortLayout.virq])
            }
        }
        try copyOut(block, to: argument)
    }
    /// `EVTCHNOP_reset`. Throws `noSuchDomain`, `notPermitted`, `invalidArgument` for another domain that the
    /// controller has not paused.
    private func resetPorts(_ argument: UInt64) throws(XenError) {
        let block = try copyIn(EventChannelResetLayout.self, at: argument)
        let target = try anyDomain(block[.domain])
        try requireControl(of: target)
        guard target == domain || target.state.controllerPauseCount > 0 else { throw .invalidArgument }
        target.resetEventChannels()
    }

    /// Writes one field of the block at `address`; the layout is named because the number alone does not tell
    /// it.
    private func copyOut<Layout: ABILayout>(
        _ value: UInt32, field: Field<Layout, UInt32>, of address: UInt64, in layout: Layout.Type
    ) throws(XenError) {
        try copyOut(value, field: field, of: address)
    }
}
