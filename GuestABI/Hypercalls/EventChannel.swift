// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// Event channel operations. `HYPERVISOR_event_channel_op`, `public/event_channel.h`.
public enum EventChannel {
    private static func call<Layout: ABILayout>(
        _ operation: UInt32, _ block: inout ArgumentBlock<Layout>
    ) throws(XenError) {
        try Hypercall.call(HypercallNumber.eventChannel, operation, &block)
    }

    /// Opens a port of `domain` that `remote` may bind. `EVTCHNOP_alloc_unbound`.
    public static func allocateUnboundPort(
        of domain: DomainID = .caller, for remote: DomainID
    ) throws(XenError) -> EventPort {
        var block = ArgumentBlock<EventChannelAllocateUnboundLayout>()
        block[.domain] = domain.rawValue
        block[.remoteDomain] = remote.rawValue
        try call(EventChannelOperation.allocateUnbound, &block)
        return EventPort(rawValue: block[.port])
    }
    /// Connects a new port of this domain with `remotePort` of `remote`. `EVTCHNOP_bind_interdomain`.
    public static func bindInterdomain(
        _ remote: DomainID, _ remotePort: EventPort
    ) throws(XenError) -> EventPort {
        var block = ArgumentBlock<EventChannelBindInterdomainLayout>()
        block[.remoteDomain] = remote.rawValue
        block[.remotePort] = remotePort.rawValue
        try call(EventChannelOperation.bindInterdomain, &block)
        return EventPort(rawValue: block[.localPort])
    }
    /// Opens a port for a virtual interrupt (`VirtualInterrupt`) of a vCPU. `EVTCHNOP_bind_virq`.
    public static func bindVirtualInterrupt(_ number: UInt32, vcpu: UInt32) throws(XenError) -> EventPort {
        var block = ArgumentBlock<EventChannelBindVirtualInterruptLayout>()
        block[.virtualInterrupt] = number
        block[.vcpu] = vcpu
        try call(EventChannelOperation.bindVirtualInterrupt, &block)
        return EventPort(rawValue: block[.port])
    }
    /// Opens a port for a physical interrupt, which no PVH guest has. `EVTCHNOP_bind_pirq`.
    public static func bindPhysicalInterrupt(_ number: UInt32) throws(XenError) -> EventPort {
        var block = ArgumentBlock<EventChannelBindPhysicalInterruptLayout>()
        block[.physicalInterrupt] = number
        try call(EventChannelOperation.bindPhysicalInterrupt, &block)
        return EventPort(rawValue: block[.port])
    }
    /// Opens a port by which this domain interrupts its own vCPU. `EVTCHNOP_bind_ipi`.
    public static func bindInterprocessor(vcpu: UInt32) throws(XenError) -> EventPort {
        var block = ArgumentBlock<EventChannelBindIPILayout>()
        block[.vcpu] = vcpu
        try call(EventChannelOperation.bindIPI, &block)
        return EventPort(rawValue: block[.port])
    }
    /// Closes a port of this domain; an interdomain one's other end is unbound from then on. `EVTCHNOP_close`.
    /// - Throws: `invalidArgument` for a port that is not open.
    public static func close(_ port: EventPort) throws(XenError) {
        var block = ArgumentBlock<EventChannelCloseLayout>()
        block[.port] = port.rawValue
        try call(EventChannelOperation.close, &block)
    }
    /// Makes the other end pending. `EVTCHNOP_send`.
    public static func send(_ port: EventPort) throws(XenError) {
        var block = ArgumentBlock<EventChannelSendLayout>()
        block[.port] = port.rawValue
        try call(EventChannelOperation.send, &block)
    }
    /// What a port is; `invalidArgument` for a number beyond the table. `EVTCHNOP_status`.
    public static func status(
        of port: EventPort, in domain: DomainID = .caller
    ) throws(XenError) -> EventChannelStatus {
        var block = ArgumentBlock<EventChannelStatusLayout>()
        block[.domain] = domain.rawValue
        block[.port] = port.rawValue
        try call(EventChannelOperation.status, &block)
        return EventChannelStatus(from: block, at: 0)
    }
    /// Moves a port's notification to another vCPU. `EVTCHNOP_bind_vcpu`.
    public static func notify(vcpu: UInt32, of port: EventPort) throws(XenError) {
        var block = ArgumentBlock<EventChannelBindVCPULayout>()
        block[.port] = port.rawValue
        block[.vcpu] = vcpu
        try call(EventChannelOperation.bindVCPU, &block)
    }
    /// Clears a port's mask bit and delivers what is pending. `EVTCHNOP_unmask`.
    public static func unmask(_ port: EventPort) throws(XenError) {
        var block = ArgumentBlock<EventChannelUnmaskLayout>()
        block[.port] = port.rawValue
        try call(EventChannelOperation.unmask, &block)
    }
    /// Closes every port of `domain`. `EVTCHNOP_reset`.
    public static func reset(_ domain: DomainID = .caller) throws(XenError) {
        var block = ArgumentBlock<EventChannelResetLayout>()
        block[.domain] = domain.rawValue
        try call(EventChannelOperation.reset, &block)
    }
    /// `EVTCHNOP_set_priority`.
    public static func setPriority(_ priority: UInt32, of port: EventPort) throws(XenError) {
        var block = ArgumentBlock<EventChannelSetPriorityLayout>()
        block[.port] = port.rawValue
        block[.priority] = priority
        try call(EventChannelOperation.setPriority, &block)
    }
    /// Switches to FIFO delivery. `EVTCHNOP_init_control`.
    public static func initialiseControl(
        frame: GuestFrame, offset: UInt32, vcpu: UInt32
    ) throws(XenError) {
        var block = ArgumentBlock<EventChannelInitControlLayout>()
        block[.controlFrame] = frame.rawValue
        block[.offset] = offset
        block[.vcpu] = vcpu
        try call(EventChannelOperation.initControl, &block)
    }
    /// `EVTCHNOP_expand_array`.
    public static func expandArray(frame: GuestFrame) throws(XenError) {
        var block = ArgumentBlock<EventChannelExpandArrayLayout>()
        block[.arrayFrame] = frame.rawValue
        try call(EventChannelOperation.expandArray, &block)
    }
}

/// A port this code is responsible for; closed when the value goes.
public struct OwnedPort: ~Copyable {
    public let port: EventPort
    private var isOpen = true

    /// Takes over a port that one of `EventChannel`'s functions opened.
    public init(_ port: EventPort) { self.port = port }
    /// A port that `remote` may bind.
    public init(unboundFor remote: DomainID) throws(XenError) {
        port = try EventChannel.allocateUnboundPort(for: remote)
    }
    /// A port connected with one that `remote` opened for this domain.
    public init(to remote: DomainID, _ remotePort: EventPort) throws(XenError) {
        port = try EventChannel.bindInterdomain(remote, remotePort)
    }
    /// A port for a virtual interrupt.
    public init(virtualInterrupt: UInt32, vcpu: UInt32 = 0) throws(XenError) {
        port = try EventChannel.bindVirtualInterrupt(virtualInterrupt, vcpu: vcpu)
    }
    /// A port that this domain raises on one of its vCPUs.
    public init(interprocessorTo vcpu: UInt32) throws(XenError) {
        port = try EventChannel.bindInterprocessor(vcpu: vcpu)
    }
    public func send() throws(XenError) { try EventChannel.send(port) }
    public func unmask() throws(XenError) { try EventChannel.unmask(port) }
    public func status() throws(XenError) -> EventChannelStatus { try EventChannel.status(of: port) }
    /// Closes the port now, and says whether the hypervisor agreed.
    public consuming func close() throws(XenError) {
        isOpen = false
        try EventChannel.close(port)
    }
    deinit { if isOpen { try? EventChannel.close(port) } }
}
