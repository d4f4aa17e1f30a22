// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// HVM operations: parameters, upcall vector. `HYPERVISOR_hvm_op`, `public/hvm/hvm_op.h`.
public enum HVM {
    /// The value of a parameter (`HVMParameter`). `HVMOP_get_param`.
    /// - Throws: `invalidArgument` for a parameter that does not exist, `noSuchDomain`, `notPermitted`.
    public static func parameter(_ index: UInt32, of domain: DomainID = .caller) throws(XenError) -> UInt64 {
        var block = ArgumentBlock<HVMParameterLayout>()
        block[.domain] = domain.rawValue
        block[.index] = index
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.getParameter, &block)
        return block[.value]
    }
    /// Sets a parameter (`HVMParameter`). `HVMOP_set_param`.
    /// - Throws: as `parameter`; `exists` for another value of what may be set once.
    public static func setParameter(
        _ index: UInt32, of domain: DomainID = .caller, to value: UInt64
    ) throws(XenError) {
        var block = ArgumentBlock<HVMParameterLayout>()
        block[.domain] = domain.rawValue
        block[.index] = index
        block[.value] = value
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.setParameter, &block)
    }
    /// The interrupt vector, 0x10 to 0xFF, by which a vCPU's local APIC tells of events.
    /// `HVMOP_set_evtchn_upcall_vector`.
    /// - Throws: `invalidArgument` for a lower vector, `noEntry` for a vCPU that is not there.
    public static func setUpcallVector(_ vector: UInt8, of vcpu: UInt32) throws(XenError) {
        var block = ArgumentBlock<HVMUpcallVectorLayout>()
        block[.vcpu] = vcpu
        block[.vector] = vector
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.setEventUpcallVector, &block)
    }
    /// What a page number holds. `HVMOP_get_mem_type`.
    public static func memoryKind(
        of frame: GuestFrame, domain: DomainID = .caller
    ) throws(XenError) -> HVMMemoryKind {
        var block = ArgumentBlock<HVMMemoryTypeLayout>()
        block[.domain] = domain.rawValue
        block[.guestFrame] = frame.rawValue
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.getMemoryType, &block)
        return HVMMemoryKind(rawValue: block[.memoryType])
    }
    /// System time in ns. `HVMOP_get_time`.
    public static func time() throws(XenError) -> UInt64 {
        var block = ArgumentBlock<HVMTimeLayout>()
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.getTime, &block)
        return block[.now]
    }
    /// Forgets what every vCPU's TLB holds of this domain's addresses. `HVMOP_flush_tlbs`.
    public static func flushTLBs() throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.hvm, UInt64(HVMOperation.flushTLBs)))
    }
    /// Tells who watches this domain from outside that there is something to see; nobody does here, so nothing happens.
    /// `HVMOP_guest_request_vm_event`.
    public static func requestVMEvent() throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.hvm, UInt64(HVMOperation.guestRequestVMEvent)))
    }
    /// Writes a record to the trace, with the first 28 bytes of `extra`; there is none here, so nothing happens.
    /// `HVMOP_xentrace`.
    public static func trace(event: UInt16, extra: [UInt8] = []) throws(XenError) {
        var block = ArgumentBlock<HVMTraceLayout>()
        let count = min(extra.count, HVMTraceLayout.byteCount - Field<HVMTraceLayout, UInt8>.extra.offset)
        block[.event] = event
        block[.extraByteCount] = UInt16(truncatingIfNeeded: count)
        for index in 0..<count { block[.extra.element(index)] = extra[index] }
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.trace, &block)
    }
    /// Says that a page table is about to go, for hypervisors that shadow them: `invalidArgument` where paging is nested, as
    /// here. `HVMOP_pagetable_dying`.
    public static func pageTableDying(
        at address: GuestPhysical, domain: DomainID = .caller
    ) throws(XenError) {
        var block = ArgumentBlock<HVMPageTableDyingLayout>()
        block[.domain] = domain.rawValue
        block[.guestPhysical] = address.rawValue
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.pageTableDying, &block)
    }
}
