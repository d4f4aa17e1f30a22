// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// What the hypervisor says of itself. `HYPERVISOR_xen_version`, `public/version.h`.
public enum Version {
    /// Version number: major in bits 31:16, minor in 15:0. `XENVER_version`.
    public static func number() throws(XenError) -> UInt64 {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.version)))
    }
    /// A NUL-terminated text of at most `byteCount` bytes. `XENVER_extraversion`, `XENVER_capabilities`, …
    public static func text(_ operation: UInt32, byteCount: Int) throws(XenError) -> Text {
        guard byteCount <= pageSize, let page = GuestPage() else { throw .noMemory }
        page.memory.fill(0xFF)
        try Hypercall.check(Hypercall.invoke(HypercallNumber.version, UInt64(operation), page.memory.address))
        var text = Text()
        for index in 0..<min(byteCount, Text.capacity) {
            let byte = page.memory.load(at: index, as: UInt8.self)
            if byte == 0 { break }
            text.append(byte: byte)
        }
        // A hypervisor may fill the buffer as far as it is specified, and no further.
        if byteCount < pageSize, page.memory.load(at: byteCount, as: UInt8.self) != 0xFF { throw .overflow }
        return text
    }
    /// Word `index` of the feature bits (`FeatureBit`). `XENVER_get_features`.
    public static func features(_ index: UInt32 = 0) throws(XenError) -> UInt32 {
        var block = ArgumentBlock<FeatureInfoLayout>()
        block[.submapIndex] = index
        try Hypercall.call(HypercallNumber.version, VersionOperation.getFeatures, &block)
        return block[.submap]
    }
    /// `XENVER_pagesize`.
    public static func pageByteCount(argument: UInt64 = 0) throws(XenError) -> UInt64 {
        try Hypercall.check(
            Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.pageSize), argument))
    }
    /// Switches an optional behaviour (`VMAssistType`) on or off. `HYPERVISOR_vm_assist`.
    public static func assist(_ operation: UInt32, _ type: UInt32) throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.vmAssist, UInt64(operation), UInt64(type)))
    }
}

/// HVM operations: parameters, upcall vector. `HYPERVISOR_hvm_op`, `public/hvm/hvm_op.h`.
public enum HVM {
    /// `HVMOP_get_param`.
    public static func parameter(_ index: UInt32, of domain: DomainID = .caller) throws(XenError) -> UInt64 {
        var block = ArgumentBlock<HVMParameterLayout>()
        block[.domain] = domain.rawValue
        block[.index] = index
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.getParameter, &block)
        return block[.value]
    }
    /// `HVMOP_set_param`.
    public static func setParameter(
        _ index: UInt32, of domain: DomainID = .caller, to value: UInt64
    ) throws(XenError) {
        var block = ArgumentBlock<HVMParameterLayout>()
        block[.domain] = domain.rawValue
        block[.index] = index
        block[.value] = value
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.setParameter, &block)
    }
    /// `HVMOP_set_evtchn_upcall_vector`.
    public static func setUpcallVector(_ vector: UInt8, of vcpu: UInt32) throws(XenError) {
        var block = ArgumentBlock<HVMUpcallVectorLayout>()
        block[.vcpu] = vcpu
        block[.vector] = vector
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.setEventUpcallVector, &block)
    }
    /// What a page number holds (`HVMMemoryType`). `HVMOP_get_mem_type`.
    public static func memoryType(
        of frame: GuestFrame, domain: DomainID = .caller
    ) throws(XenError) -> UInt16 {
        var block = ArgumentBlock<HVMMemoryTypeLayout>()
        block[.domain] = domain.rawValue
        block[.guestFrame] = frame.rawValue
        try Hypercall.call(HypercallNumber.hvm, HVMOperation.getMemoryType, &block)
        return block[.memoryType]
    }
}
