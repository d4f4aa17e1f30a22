// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<Domain> {
    /// A domain by number as grant operations take it: `DOMID_SELF` or a living domain's.
    @inline(__always)
    func grantPeer(_ id: UInt16) -> Ref<Domain>? {
        if id == DomainID.caller.rawValue { return self }
        guard let found = hypervisor.state.domains.find(DomainID(rawValue: id)), found.state.lifecycle == .alive else {
            return nil
        }
        return found
    }

    /// Does one `GNTTABOP_copy` for this domain. Both grants are in use while the bytes are copied.
    ///
    /// Throws, in Xen's order: `permissionDenied` for a page given by frame that is not the caller's, `badDomain`, what
    /// `takeGrant` throws, `badPage`, `badCopyArgument` for a run that leaves its page.
    func copyGrant(_ block: borrowing ArgumentBlock<GrantCopyLayout>) throws(GrantStatus) {
        let flags = block[.flags]
        let isSourceGrant = flags & GrantCopyFlag.sourceIsReference != 0
        let isTargetGrant = flags & GrantCopyFlag.destinationIsReference != 0
        let sourceID = block[.sourceDomain]
        guard isSourceGrant || sourceID == DomainID.caller.rawValue else { throw .permissionDenied }
        guard let source = grantPeer(sourceID) else { throw .badDomain }
        let targetID = block[.destinationDomain]
        guard isTargetGrant || targetID == DomainID.caller.rawValue else { throw .permissionDenied }
        guard let target = grantPeer(targetID) else { throw .badDomain }

        let sourceFrame: MachineFrame
        if isSourceGrant {
            sourceFrame = try source.takeGrant(block[.sourceReference], for: id, writing: false, forMapping: false)
        } else {
            guard let frame = ownRAM(GuestFrame(rawValue: block[.sourceFrame]), writing: false) else {
                throw .badPage
            }
            sourceFrame = frame
        }
        defer {
            if isSourceGrant, let entry = source.grantEntry(block[.sourceReference]) {
                source.unmark(block[.sourceReference], entry)
            }
        }
        let targetFrame: MachineFrame
        if isTargetGrant {
            targetFrame = try target.takeGrant(
                block[.destinationReference], for: id, writing: true, forMapping: false)
        } else {
            guard let frame = ownRAM(GuestFrame(rawValue: block[.destinationFrame]), writing: true) else {
                throw .badPage
            }
            targetFrame = frame
        }
        defer {
            if isTargetGrant, let entry = target.grantEntry(block[.destinationReference]) {
                target.unmark(block[.destinationReference], entry)
            }
        }
        let count = Int(block[.length])
        let sourceOffset = Int(block[.sourceOffset])
        let targetOffset = Int(block[.destinationOffset])
        guard sourceOffset &+ count <= pageSize, targetOffset &+ count <= pageSize else { throw .badCopyArgument }
        hypervisor.state.memory.copy(
            count, from: sourceFrame, at: sourceOffset, to: targetFrame, at: targetOffset)
    }
}
