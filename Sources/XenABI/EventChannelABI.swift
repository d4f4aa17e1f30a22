// SPDX-License-Identifier: Apache-2.0

// Source: Xen public/event_channel.h. Fields name their C spelling.

/// First argument of `event_channel_op`.
public enum EventChannelOperation {
    /// `EVTCHNOP_bind_interdomain`.
    @inlinable public static var bindInterdomain: UInt32 { 0 }
    /// `EVTCHNOP_bind_virq`.
    @inlinable public static var bindVirtualInterrupt: UInt32 { 1 }
    /// `EVTCHNOP_bind_pirq`.
    @inlinable public static var bindPhysicalInterrupt: UInt32 { 2 }
    /// `EVTCHNOP_close`.
    @inlinable public static var close: UInt32 { 3 }
    /// `EVTCHNOP_send`.
    @inlinable public static var send: UInt32 { 4 }
    /// `EVTCHNOP_status`.
    @inlinable public static var status: UInt32 { 5 }
    /// `EVTCHNOP_alloc_unbound`.
    @inlinable public static var allocateUnbound: UInt32 { 6 }
    /// `EVTCHNOP_bind_ipi`.
    @inlinable public static var bindIPI: UInt32 { 7 }
    /// `EVTCHNOP_bind_vcpu`.
    @inlinable public static var bindVCPU: UInt32 { 8 }
    /// `EVTCHNOP_unmask`.
    @inlinable public static var unmask: UInt32 { 9 }
    /// `EVTCHNOP_reset`.
    @inlinable public static var reset: UInt32 { 10 }
    /// `EVTCHNOP_init_control`.
    @inlinable public static var initControl: UInt32 { 11 }
    /// `EVTCHNOP_expand_array`.
    @inlinable public static var expandArray: UInt32 { 12 }
    /// `EVTCHNOP_set_priority`.
    @inlinable public static var setPriority: UInt32 { 13 }
}

/// What `EVTCHNOP_status` reports a port to be.
public enum EventChannelState {
    /// `EVTCHNSTAT_closed`.
    @inlinable public static var closed: UInt32 { 0 }
    /// `EVTCHNSTAT_unbound`.
    @inlinable public static var unbound: UInt32 { 1 }
    /// `EVTCHNSTAT_interdomain`.
    @inlinable public static var interdomain: UInt32 { 2 }
    /// `EVTCHNSTAT_pirq`.
    @inlinable public static var physicalInterrupt: UInt32 { 3 }
    /// `EVTCHNSTAT_virq`.
    @inlinable public static var virtualInterrupt: UInt32 { 4 }
    /// `EVTCHNSTAT_ipi`.
    @inlinable public static var ipi: UInt32 { 5 }
}

/// Virtual interrupts that a port can be bound to. `VIRQ_…`, `public/xen.h`. "Per vCPU" ones are bound once
/// for each vCPU, the rest once, on vCPU 0.
public enum VirtualInterrupt {
    /// `VIRQ_TIMER`. Per vCPU: a timer set by the guest expired.
    @inlinable public static var timer: UInt32 { 0 }
    /// `VIRQ_DEBUG`. Per vCPU: print debugging state.
    @inlinable public static var debug: UInt32 { 1 }
    /// `VIRQ_CONSOLE`. Input arrived on the hypervisor's console.
    @inlinable public static var console: UInt32 { 2 }
    /// `VIRQ_DOM_EXC`. A domain shut down, crashed or died.
    @inlinable public static var domainException: UInt32 { 3 }
    /// `VIRQ_TBUF`.
    @inlinable public static var traceBuffer: UInt32 { 4 }
    /// `VIRQ_DEBUGGER`.
    @inlinable public static var debugger: UInt32 { 6 }
    /// `VIRQ_XENOPROF`. Per vCPU.
    @inlinable public static var xenoprof: UInt32 { 7 }
    /// `VIRQ_CON_RING`. The hypervisor's log grew.
    @inlinable public static var consoleRing: UInt32 { 8 }
    /// `VIRQ_PCPU_STATE`.
    @inlinable public static var physicalCPUState: UInt32 { 9 }
    /// `VIRQ_MEM_EVENT`.
    @inlinable public static var memoryEvent: UInt32 { 10 }
    /// `VIRQ_ARGO`.
    @inlinable public static var argo: UInt32 { 11 }
    /// `VIRQ_ENOMEM`.
    @inlinable public static var lowMemory: UInt32 { 12 }
    /// `VIRQ_XENPMU`. Per vCPU.
    @inlinable public static var pmu: UInt32 { 13 }
    /// `NR_VIRQS`.
    @inlinable public static var count: UInt32 { 24 }
}

/// Sizes of the two event delivery ABIs.
public enum EventChannelLimit {
    /// `EVTCHN_2L_NR_CHANNELS`. Ports of the 2-level ABI, 64-bit guest.
    @inlinable public static var twoLevelPorts: UInt32 { 4096 }
    /// Ports of the 2-level ABI, 32-bit guest.
    @inlinable public static var twoLevelPorts32: UInt32 { 1024 }
    /// `EVTCHN_FIFO_NR_CHANNELS`.
    @inlinable public static var fifoPorts: UInt32 { 131072 }
    /// `EVTCHN_FIFO_MAX_QUEUES`.
    @inlinable public static var fifoPriorities: UInt32 { 16 }
    /// `EVTCHN_FIFO_PRIORITY_DEFAULT`.
    @inlinable public static var fifoPriorityDefault: UInt32 { 7 }
    /// `EVTCHN_FIFO_PRIORITY_MIN`.
    @inlinable public static var fifoPriorityLowest: UInt32 { 15 }
    /// `EVTCHN_FIFO_LINK_BITS`.
    @inlinable public static var fifoLinkBits: UInt32 { 17 }
}

/// Bit numbers in a FIFO event word.
public enum EventWordBit {
    /// `EVTCHN_FIFO_PENDING`.
    @inlinable public static var pending: UInt32 { 31 }
    /// `EVTCHN_FIFO_MASKED`.
    @inlinable public static var masked: UInt32 { 30 }
    /// `EVTCHN_FIFO_LINKED`.
    @inlinable public static var linked: UInt32 { 29 }
    /// `EVTCHN_FIFO_BUSY`.
    @inlinable public static var busy: UInt32 { 28 }
}

/// Opens a port of `domain` that `remoteDomain` may bind. `struct evtchn_alloc_unbound`, 8 bytes.
public enum EventChannelAllocateUnboundLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<EventChannelAllocateUnboundLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 0) }
    /// `remote_dom`.
    @inlinable public static var remoteDomain: Self { .init(at: 2) }
}
extension Field<EventChannelAllocateUnboundLayout, UInt32> {
    /// `port`.
    @inlinable public static var port: Self { .init(at: 4) }
}

/// Connects a new local port with an unbound port of another domain. `struct evtchn_bind_interdomain`, 12
/// bytes.
public enum EventChannelBindInterdomainLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<EventChannelBindInterdomainLayout, UInt16> {
    /// `remote_dom`.
    @inlinable public static var remoteDomain: Self { .init(at: 0) }
}
extension Field<EventChannelBindInterdomainLayout, UInt32> {
    /// `remote_port`.
    @inlinable public static var remotePort: Self { .init(at: 4) }
    /// `local_port`.
    @inlinable public static var localPort: Self { .init(at: 8) }
}

/// Opens a port for a virtual interrupt. `struct evtchn_bind_virq`, 12 bytes.
public enum EventChannelBindVirtualInterruptLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<EventChannelBindVirtualInterruptLayout, UInt32> {
    /// `virq`.
    @inlinable public static var virtualInterrupt: Self { .init(at: 0) }
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 4) }
    /// `port`.
    @inlinable public static var port: Self { .init(at: 8) }
}

/// Opens a port for a physical interrupt. `struct evtchn_bind_pirq`, 12 bytes.
public enum EventChannelBindPhysicalInterruptLayout: ABILayout {
    @inlinable public static var byteCount: Int { 12 }
}
extension Field<EventChannelBindPhysicalInterruptLayout, UInt32> {
    /// `pirq`.
    @inlinable public static var physicalInterrupt: Self { .init(at: 0) }
    /// `flags`.
    @inlinable public static var flags: Self { .init(at: 4) }
    /// `port`.
    @inlinable public static var port: Self { .init(at: 8) }
}

/// Opens a port that only the domain itself notifies. `struct evtchn_bind_ipi`, 8 bytes.
public enum EventChannelBindIPILayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<EventChannelBindIPILayout, UInt32> {
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 0) }
    /// `port`.
    @inlinable public static var port: Self { .init(at: 4) }
}

/// Closes a port of the caller. `struct evtchn_close`, 4 bytes.
public enum EventChannelCloseLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<EventChannelCloseLayout, UInt32> {
    /// `port`.
    @inlinable public static var port: Self { .init(at: 0) }
}

/// Notifies the other end of a port. `struct evtchn_send`, 4 bytes.
public enum EventChannelSendLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<EventChannelSendLayout, UInt32> {
    /// `port`.
    @inlinable public static var port: Self { .init(at: 0) }
}

/// Reports what a port is; the last fields depend on `status`. `struct evtchn_status`, 24 bytes.
public enum EventChannelStatusLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<EventChannelStatusLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 0) }
    /// `u.unbound.dom`.
    @inlinable public static var unboundDomain: Self { .init(at: 16) }
    /// `u.interdomain.dom`.
    @inlinable public static var interdomainDomain: Self { .init(at: 16) }
}
extension Field<EventChannelStatusLayout, UInt32> {
    /// `port`.
    @inlinable public static var port: Self { .init(at: 4) }
    /// `status`.
    @inlinable public static var status: Self { .init(at: 8) }
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 12) }
    /// `u.interdomain.port`.
    @inlinable public static var interdomainPort: Self { .init(at: 20) }
    /// `u.pirq`.
    @inlinable public static var physicalInterrupt: Self { .init(at: 16) }
    /// `u.virq`.
    @inlinable public static var virtualInterrupt: Self { .init(at: 16) }
}

/// Chooses the vCPU a port notifies. `struct evtchn_bind_vcpu`, 8 bytes.
public enum EventChannelBindVCPULayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<EventChannelBindVCPULayout, UInt32> {
    /// `port`.
    @inlinable public static var port: Self { .init(at: 0) }
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 4) }
}

/// Clears a port's mask and delivers what is pending. `struct evtchn_unmask`, 4 bytes.
public enum EventChannelUnmaskLayout: ABILayout {
    @inlinable public static var byteCount: Int { 4 }
}
extension Field<EventChannelUnmaskLayout, UInt32> {
    /// `port`.
    @inlinable public static var port: Self { .init(at: 0) }
}

/// Closes all ports of a domain. `struct evtchn_reset`, 2 bytes.
public enum EventChannelResetLayout: ABILayout {
    @inlinable public static var byteCount: Int { 2 }
}
extension Field<EventChannelResetLayout, UInt16> {
    /// `dom`.
    @inlinable public static var domain: Self { .init(at: 0) }
}

/// Gives a vCPU's control block and switches to the FIFO ABI. `struct evtchn_init_control`, 24 bytes.
public enum EventChannelInitControlLayout: ABILayout {
    @inlinable public static var byteCount: Int { 24 }
}
extension Field<EventChannelInitControlLayout, UInt64> {
    /// `control_gfn`.
    @inlinable public static var controlFrame: Self { .init(at: 0) }
}
extension Field<EventChannelInitControlLayout, UInt32> {
    /// `offset`.
    @inlinable public static var offset: Self { .init(at: 8) }
    /// `vcpu`.
    @inlinable public static var vcpu: Self { .init(at: 12) }
}
extension Field<EventChannelInitControlLayout, UInt8> {
    /// `link_bits`.
    @inlinable public static var linkBits: Self { .init(at: 16) }
}

/// Adds a page of event words. `struct evtchn_expand_array`, 8 bytes.
public enum EventChannelExpandArrayLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<EventChannelExpandArrayLayout, UInt64> {
    /// `array_gfn`.
    @inlinable public static var arrayFrame: Self { .init(at: 0) }
}

/// Sets a port's FIFO priority. `struct evtchn_set_priority`, 8 bytes.
public enum EventChannelSetPriorityLayout: ABILayout {
    @inlinable public static var byteCount: Int { 8 }
}
extension Field<EventChannelSetPriorityLayout, UInt32> {
    /// `port`.
    @inlinable public static var port: Self { .init(at: 0) }
    /// `priority`.
    @inlinable public static var priority: Self { .init(at: 4) }
}

/// A vCPU's FIFO control block, in guest memory. `struct evtchn_fifo_control_block`, 72 bytes.
public enum EventFIFOControlBlockLayout: ABILayout {
    @inlinable public static var byteCount: Int { 72 }
}
extension Field<EventFIFOControlBlockLayout, UInt32> {
    /// `ready`.
    @inlinable public static var ready: Self { .init(at: 0) }
    /// `head`, the first of 16.
    @inlinable public static var heads: Self { .init(at: 8) }
}
