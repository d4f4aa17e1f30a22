// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// A domain's memory and what manages it.
extension DomainControl {
    /// Most memory the domain may have, in KiB. `XEN_DOMCTL_max_mem`.
    public static func setMaximumMemory(kibibytes: UInt64, of domain: DomainID) throws(XenError) {
        var block = block(DomctlOperation.maximumMemory, domain)
        block[Field<DomctlMaximumMemoryLayout, UInt64>.kibibytes, at: body] = kibibytes
        try call(&block)
    }
    /// Bytes set aside for the domain's nested page tables. `XEN_DOMCTL_get_paging_mempool_size`.
    public static func pagingPool(of domain: DomainID) throws(XenError) -> UInt64 {
        var block = block(DomctlOperation.getPagingMempoolSize, domain)
        try call(&block)
        return block[Field<DomctlPagingMempoolLayout, UInt64>.size, at: body]
    }
    /// Sets the same; `invalidArgument` for a size that is no number of pages. `XEN_DOMCTL_set_paging_mempool_size`.
    public static func setPagingPool(byteCount: UInt64, of domain: DomainID) throws(XenError) {
        var block = block(DomctlOperation.setPagingMempoolSize, domain)
        block[Field<DomctlPagingMempoolLayout, UInt64>.size, at: body] = byteCount
        try call(&block)
    }
    /// One operation of `ShadowOperation`, of which only the pool's size in MiB is offered; others are `notSupported`.
    /// `XEN_DOMCTL_shadow_op`.
    /// - Returns: the size in MiB.
    public static func shadow(
        _ operation: UInt32, mebibytes: UInt32 = 0, of domain: DomainID
    ) throws(XenError) -> UInt32 {
        var block = block(DomctlOperation.shadow, domain)
        block[Field<DomctlShadowLayout, UInt32>.operation, at: body] = operation
        block[Field<DomctlShadowLayout, UInt32>.megabytes, at: body] = mebibytes
        try call(&block)
        return block[Field<DomctlShadowLayout, UInt32>.megabytes, at: body]
    }

    /// What the domain's page numbers stand for, at most 1024 of them. `XEN_DOMCTL_getpageframeinfo3`.
    /// - Throws: `tooBig` for more.
    public static func pageKinds(of frames: [GuestFrame], in domain: DomainID) throws(XenError) -> [PageKind]
    {
        var list = frames.map { $0.rawValue }
        var block = block(DomctlOperation.getPageFrameInfo3, domain)
        block[Field<DomctlPageFrameInfo3Layout, UInt64>.count, at: body] = UInt64(list.count)
        try call(&block, Field<DomctlPageFrameInfo3Layout, UInt64>.array, &list)
        return list.map { PageKind(rawValue: UInt32(truncatingIfNeeded: $0)) }
    }
    /// Bytes of the domain's memory, at an address as its vCPU 0 has it mapped. `XEN_DOMCTL_gdbsx_guestmemio`.
    public static func readMemory(
        of domain: DomainID, at address: GuestLinear, byteCount: Int
    ) throws(GuestMemoryError) -> HypercallBuffer {
        var buffer = HypercallBuffer(byteCount: byteCount)
        try accessMemory(of: domain, at: address, &buffer, writes: false)
        return buffer
    }
    /// Writes to the domain's memory, likewise. `XEN_DOMCTL_gdbsx_guestmemio`.
    public static func writeMemory(
        of domain: DomainID, at address: GuestLinear, _ bytes: HypercallBuffer
    ) throws(GuestMemoryError) {
        var buffer = bytes
        try accessMemory(of: domain, at: address, &buffer, writes: true)
    }
    private static func accessMemory(
        of domain: DomainID, at address: GuestLinear, _ buffer: inout HypercallBuffer, writes: Bool
    ) throws(GuestMemoryError) {
        typealias Long = Field<DomctlGuestMemoryIOLayout, UInt64>
        typealias Word = Field<DomctlGuestMemoryIOLayout, UInt32>
        let byteCount = UInt32(truncatingIfNeeded: buffer.byteCount)
        var block = block(DomctlOperation.gdbsxGuestMemoryIO, domain)
        block[Long.guestAddress, at: body] = address.rawValue
        block[Word.length, at: body] = byteCount
        block[Word.remaining, at: body] = byteCount
        block[Field<DomctlGuestMemoryIOLayout, UInt8>.isWrite, at: body] = writes ? 1 : 0
        do throws(XenError) {
            try call(&block, Long.buffer, &buffer.bytes)
        } catch {
            throw GuestMemoryError(error: error, remaining: block[Word.remaining, at: body])
        }
    }
}

/// Access to the machine's devices, which no domain but the first is given here: taking it away always succeeds, giving it is
/// `notSupported`.
extension DomainControl {
    /// `XEN_DOMCTL_irq_permission`.
    public static func setAccess(
        toInterrupt interrupt: UInt32, allowed: Bool, of domain: DomainID
    ) throws(XenError) {
        var block = block(DomctlOperation.irqPermission, domain)
        block[Field<DomctlInterruptPermissionLayout, UInt32>.interrupt, at: body] = interrupt
        block[Field<DomctlInterruptPermissionLayout, UInt8>.allow, at: body] = allowed ? 1 : 0
        try call(&block)
    }
    /// Machine pages that are not RAM. `XEN_DOMCTL_iomem_permission`.
    public static func setAccess(
        toPages first: MachineFrame, count: UInt64, allowed: Bool, of domain: DomainID
    ) throws(XenError) {
        var block = block(DomctlOperation.iomemPermission, domain)
        block[Field<DomctlIOMemoryPermissionLayout, UInt64>.firstFrame, at: body] = first.rawValue
        block[Field<DomctlIOMemoryPermissionLayout, UInt64>.frameCount, at: body] = count
        block[Field<DomctlIOMemoryPermissionLayout, UInt8>.allow, at: body] = allowed ? 1 : 0
        try call(&block)
    }
    /// I/O ports. `XEN_DOMCTL_ioport_permission`.
    public static func setAccess(
        toPorts first: UInt16, count: UInt32, allowed: Bool, of domain: DomainID
    ) throws(XenError) {
        var block = block(DomctlOperation.ioportPermission, domain)
        block[Field<DomctlIOPortPermissionLayout, UInt32>.firstPort, at: body] = UInt32(first)
        block[Field<DomctlIOPortPermissionLayout, UInt32>.portCount, at: body] = count
        block[Field<DomctlIOPortPermissionLayout, UInt8>.allow, at: body] = allowed ? 1 : 0
        try call(&block)
    }
}
