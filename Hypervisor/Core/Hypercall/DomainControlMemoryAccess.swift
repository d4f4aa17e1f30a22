// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `XEN_DOMCTL_gdbsx_guestmemio`: copies between the caller's buffer and another domain's memory, by the linear
    /// addresses of its vCPU 0 as that stands: guest-physical ones before it turned paging on. One copy and no mappings:
    /// how a domain builder loads a kernel. Xen public/domctl.h.
    ///
    /// A call that is preempted moves the addresses and the length in the caller's block on. Throws `badAddress` when it
    /// could not copy all; `remain` then says how many bytes are left.
    func accessMemory(
        of target: Ref<Domain>, _ block: inout ArgumentBlock<DomctlLayout>, _ argument: UInt64
    ) throws(XenError) {
        let body = Self.domctlBody
        guard target != domain else { throw .invalidArgument }
        guard let owner = target.vcpu(0) else { throw .noSuchDomain }
        var guestAddress = block[Field<DomctlGuestMemoryIOLayout, UInt64>.guestAddress, in: body]
        var buffer = block[Field<DomctlGuestMemoryIOLayout, UInt64>.buffer, in: body]
        var left = UInt64(block[Field<DomctlGuestMemoryIOLayout, UInt32>.length, in: body])
        let isWrite = block[Field<DomctlGuestMemoryIOLayout, UInt8>.isWrite, in: body] != 0
        let hypervisor = hypervisor
        let memory = hypervisor.state.memory
        let context = owner.state.isInitialised ? hypervisor.state.hooks.saveContext(owner) : CPUContext()
        owner.state.paging = GuestPagingState(
            cr0: context.cr0, cr3: context.cr3, cr4: context.cr4, efer: context.efer, privilegeLevel: 0,
            isLongMode: context.efer & (1 << 10) != 0)
        var pages = 0
        while left > 0 {
            guard let there = owner.translate(linear: guestAddress, forWriting: isWrite),
                let here = translate(linear: buffer, forWriting: !isWrite)
            else { break }
            let thereOffset = Int(truncatingIfNeeded: guestAddress & 0xfff)
            let hereOffset = Int(truncatingIfNeeded: buffer & 0xfff)
            let count = Int(
                truncatingIfNeeded: min(left, UInt64(pageSize &- max(thereOffset, hereOffset))))
            if isWrite {
                memory.copy(count, from: here, at: hereOffset, to: there, at: thereOffset)
            } else {
                memory.copy(count, from: there, at: thereOffset, to: here, at: hereOffset)
            }
            guestAddress &+= UInt64(count)
            buffer &+= UInt64(count)
            left &-= UInt64(count)
            pages &+= 1
            if pages & 15 == 0, left > 0, shouldPreempt {
                block[Field<DomctlGuestMemoryIOLayout, UInt64>.guestAddress, in: body] = guestAddress
                block[Field<DomctlGuestMemoryIOLayout, UInt64>.buffer, in: body] = buffer
                block[Field<DomctlGuestMemoryIOLayout, UInt32>.length, in: body] = UInt32(
                    truncatingIfNeeded: left)
                try copyOut(block, to: argument)
                continueHypercall(HypercallNumber.domctl, argument)
                return
            }
        }
        block[Field<DomctlGuestMemoryIOLayout, UInt32>.remaining, in: body] = UInt32(truncatingIfNeeded: left)
        try copyOut(block, to: argument)
        guard left == 0 else { throw .badAddress }
    }
}
