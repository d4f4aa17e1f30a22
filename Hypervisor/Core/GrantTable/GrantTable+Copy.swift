// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<Domain> {
    /// A domain by number as grant operations take it: `DOMID_SELF` or a living domain's.
    @inline(__always)
    func grantPeer(_ id: UInt16) -> Ref<Domain>? {
        if id == DomainID.caller.rawValue { return self }
        guard let found = hypervisor.state.domains.find(DomainID(rawValue: id)),
            found.state.lifecycle == .alive
        else {
            return nil
        }
        return found
    }

    /// Does one `GNTTABOP_copy` for this domain. Both grants are in use while the bytes are copied.
    ///
    /// Throws, in Xen's order: `badDomain`, `permissionDenied` for a page given by frame that is not the caller's, what
    /// `takeGrant` throws, `badPage`, `badCopyArgument` for a run that leaves its page.
    func copyGrant(_ request: GrantCopyRequest) throws(GrantStatus) {
        let isSourceGrant = request.flags & GrantCopyFlag.sourceIsReference != 0
        let isTargetGrant = request.flags & GrantCopyFlag.destinationIsReference != 0
        guard let source = grantPeer(request.sourceDomain) else { throw .badDomain }
        guard isSourceGrant || request.sourceDomain == DomainID.caller.rawValue else {
            throw .permissionDenied
        }
        guard let target = grantPeer(request.targetDomain) else { throw .badDomain }
        guard isTargetGrant || request.targetDomain == DomainID.caller.rawValue else {
            throw .permissionDenied
        }
        let id = self.id

        let sourceReference = UInt32(truncatingIfNeeded: request.source)
        let sourceFrame =
            isSourceGrant
            ? try source.takeGrant(sourceReference, for: id, writing: false, forMapping: false)
            : try callersPage(request.source, writing: false)
        defer { if isSourceGrant { source.returnGrant(sourceReference) } }
        let targetReference = UInt32(truncatingIfNeeded: request.target)
        let targetFrame =
            isTargetGrant
            ? try target.takeGrant(targetReference, for: id, writing: true, forMapping: false)
            : try callersPage(request.target, writing: true)
        defer { if isTargetGrant { target.returnGrant(targetReference) } }

        let count = Int(request.length)
        let sourceOffset = Int(request.sourceOffset)
        let targetOffset = Int(request.targetOffset)
        guard sourceOffset &+ count <= pageSize, targetOffset &+ count <= pageSize else {
            throw .badCopyArgument
        }
        hypervisor.state.memory.copy(
            count, from: sourceFrame, at: sourceOffset, to: targetFrame, at: targetOffset)
    }
    private func callersPage(_ gfn: UInt64, writing: Bool) throws(GrantStatus) -> MachineFrame {
        guard let frame = ownRAM(GuestFrame(rawValue: gfn), writing: writing) else { throw .badPage }
        return frame
    }
}

/// A `struct gnttab_copy` as read, each field once.
struct GrantCopyRequest: BitwiseCopyable {
    /// The reference (low half) or frame of each end.
    var source: UInt64
    var target: UInt64
    var sourceDomain: UInt16
    var sourceOffset: UInt16
    var targetDomain: UInt16
    var targetOffset: UInt16
    var length: UInt16
    var flags: UInt16

    @inline(__always)
    init(_ view: SharedView<GrantCopyLayout>) {
        source = view.load(.sourceFrame)
        target = view.load(.destinationFrame)
        sourceDomain = view.load(.sourceDomain)
        sourceOffset = view.load(.sourceOffset)
        targetDomain = view.load(.destinationDomain)
        targetOffset = view.load(.destinationOffset)
        length = view.load(.length)
        flags = view.load(.flags)
    }
    init(_ block: borrowing ArgumentBlock<GrantCopyLayout>) {
        source = block[.sourceFrame]
        target = block[.destinationFrame]
        sourceDomain = block[.sourceDomain]
        sourceOffset = block[.sourceOffset]
        targetDomain = block[.destinationDomain]
        targetOffset = block[.destinationOffset]
        length = block[.length]
        flags = block[.flags]
    }
}
