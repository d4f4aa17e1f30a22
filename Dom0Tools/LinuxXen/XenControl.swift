// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
import SharedMemory
import XenABI

/// The control interface of the hypervisor, as a privileged domain's user space reaches it.
///
/// One thread at a time may use an instance: argument blocks are built in one buffer that all calls share.
/// Every call throws `XenCallError` with the C name of the operation and the hypervisor's error.
public final class XenControl {
    let privcmd: FileHandle
    /// Memory that stays where it is while the hypervisor reads it: `/dev/xen/hypercall`, or locked pages without it.
    private let bufferDevice: FileHandle?
    /// One page: the argument block of the current call.
    let block: MappedPages
    private var list: MappedPages?
    /// False once the hypervisor refused to copy into a domain by itself.
    var offersDirectCopy = true

    /// - Throws: ENOENT if the kernel has no privcmd driver or runs under no hypervisor.
    public init(privcmd: String = "/dev/xen/privcmd", hypercall: String = "/dev/xen/hypercall")
        throws(XenCallError)
    {
        self.privcmd = try FileHandle(privcmd)
        bufferDevice = try? FileHandle(hypercall)
        block = try Self.safePages(1, from: bufferDevice)
    }

    private static func safePages(_ count: Int, from device: FileHandle?) throws(XenCallError) -> MappedPages
    {
        if let device {
            return try MappedPages(
                file: device.descriptor, pageCount: count, operation: device.path,
                detail: "\(count) buffer pages")
        }
        let pages = try MappedPages(
            file: nil, pageCount: count, populate: true, operation: "mmap", detail: "\(count) buffer pages")
        // SAFETY: the range is mapped. Locked pages are never swapped out or moved while the hypervisor uses them.
        guard unsafe mlock(pages.base, pages.byteCount) == 0 else {
            throw XenCallError(operation: "mlock", errno: errno, detail: "\(count) buffer pages")
        }
        return pages
    }

    /// The buffer for a list that an argument block points to; its content is undefined. Valid until the next call.
    func listBuffer(byteCount: Int) throws(XenCallError) -> MappedPages {
        if let list, list.byteCount >= byteCount { return list }
        let pages = try Self.safePages(max(4, (byteCount + pageSize - 1) / pageSize), from: bufferDevice)
        list = pages
        return pages
    }

    /// Calls the hypervisor and returns its non-negative result.
    func call(
        _ number: UInt32, _ a0: UInt64 = 0, _ a1: UInt64 = 0, _ a2: UInt64 = 0, _ a3: UInt64 = 0,
        name: StaticString, detail: @autoclosure () -> String = ""
    ) throws(XenCallError) -> Int {
        while true {
            let result = sv_privcmd_hypercall(privcmd.descriptor, UInt64(number), a0, a1, a2, a3, 0)
            if result >= 0 { return result }
            if result == Int(-EINTR) { continue }
            throw XenCallError(operation: "\(name)", errno: Int32(-result), detail: detail())
        }
    }

    /// The argument block, cleared, as `layout`.
    func argument<Layout: ABILayout>(_ layout: Layout.Type) -> ABIView<Layout> {
        clearBlock(layout.byteCount)
        return block.view(as: layout)
    }

    func clearBlock(_ byteCount: Int) {
        // SAFETY: blocks are at most a page.
        unsafe memset(block.base, 0, min(byteCount, block.byteCount))
    }

    var blockAddress: UInt64 { unsafe UInt64(UInt(bitPattern: block.base)) }

    // MARK: domctl

    /// Starts a domctl: fills the head and returns the operation's own, cleared, block.
    func domctl<Layout: ABILayout>(
        _ command: UInt32, _ domain: DomainID, _ layout: Layout.Type
    ) -> ABIView<Layout> {
        let head = argument(DomctlLayout.self)
        head[.command] = command
        head[.interfaceVersion] = DomctlVersion.value
        head[.domain] = domain.rawValue
        return block.view(as: layout, at: DomctlLayout.argumentOffset)
    }

    /// Runs the domctl in the block.
    @discardableResult
    func runDomctl(_ name: StaticString, detail: String = "") throws(XenCallError) -> Int {
        let domain = block.view(as: DomctlLayout.self)[.domain]
        return try call(
            HypercallNumber.domctl, blockAddress, name: name,
            detail: detail.isEmpty ? "domain \(domain)" : "domain \(domain), \(detail)")
    }

    /// Runs a domctl that has no arguments.
    func simpleDomctl(_ command: UInt32, _ domain: DomainID, _ name: StaticString) throws(XenCallError) {
        _ = domctl(command, domain, DomctlSetTargetLayout.self)
        try runDomctl(name)
    }

    // MARK: sysctl

    /// Starts a sysctl: fills the head and returns the operation's own, cleared, block.
    func sysctl<Layout: ABILayout>(_ command: UInt32, _ layout: Layout.Type) -> ABIView<Layout> {
        let head = argument(SysctlLayout.self)
        head[.command] = command
        head[.interfaceVersion] = SysctlVersion.value
        return block.view(as: layout, at: SysctlLayout.argumentOffset)
    }

    /// Runs the sysctl in the block.
    @discardableResult
    func runSysctl(_ name: StaticString) throws(XenCallError) -> Int {
        try call(HypercallNumber.sysctl, blockAddress, name: name)
    }
}

extension MappedPages {
    // SAFETY: a number, not a pointer.
    /// The address as an argument block holds it.
    var address: UInt64 { unsafe UInt64(UInt(bitPattern: base)) }
}
