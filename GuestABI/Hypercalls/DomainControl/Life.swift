// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// A domain's beginning and end.
extension DomainControl {
    /// A paused domain without memory, whose vCPUs do not exist yet. `XEN_DOMCTL_createdomain`.
    /// - Parameter wanted: the number it shall have; 0 for any that is free.
    /// - Throws: `invalidArgument` or `notSupported` for what PVH does not have, `exists` for a number that is taken,
    ///   `noMemory`.
    public static func create(
        _ configuration: DomainConfiguration, as wanted: DomainID = .zero
    ) throws(XenError) -> DomainID {
        var block = block(DomctlOperation.createDomain, wanted)
        configuration.store(in: &block, at: body)
        try call(&block)
        return DomainID(rawValue: block[.domain])
    }
    /// The same with everything but the number of vCPUs as PVH guests have it.
    public static func create(vcpuCount: UInt32) throws(XenError) -> DomainID {
        try create(DomainConfiguration(vcpuCount: vcpuCount))
    }
    /// Ends a domain and takes all it has; called again for as long as the hypervisor asks. Pages that others have mapped
    /// keep it, as dying, until they are given back. `XEN_DOMCTL_destroydomain`.
    public static func destroy(_ domain: DomainID) throws(XenError) {
        try call(DomctlOperation.destroyDomain, domain)
    }
    /// Stops a domain's vCPUs; counted, to 255, then `overflow`. `XEN_DOMCTL_pausedomain`.
    public static func pause(_ domain: DomainID) throws(XenError) {
        try call(DomctlOperation.pauseDomain, domain)
    }
    /// Takes one pause back, the one of its creation included; `invalidArgument` when there is none.
    /// `XEN_DOMCTL_unpausedomain`.
    public static func unpause(_ domain: DomainID) throws(XenError) {
        try call(DomctlOperation.unpauseDomain, domain)
    }
    /// Lets a domain that has shut down run on. `XEN_DOMCTL_resumedomain`.
    public static func resume(_ domain: DomainID) throws(XenError) {
        try call(DomctlOperation.resumeDomain, domain)
    }
    /// The first existing domain from `domain` on; `noSuchDomain` if there is none. `XEN_DOMCTL_getdomaininfo`.
    public static func info(_ domain: DomainID) throws(XenError) -> DomainInfo {
        var block = block(DomctlOperation.getDomainInfo, domain)
        try call(&block)
        return DomainInfo(from: block, at: body)
    }
    /// Names a domain for tools. `XEN_DOMCTL_setdomainhandle`.
    public static func setHandle(of domain: DomainID, to handle: DomainHandle) throws(XenError) {
        var block = block(DomctlOperation.setDomainHandle, domain)
        for index in 0..<DomainHandle.byteCount {
            block[Field<DomctlDomainHandleLayout, UInt8>.handle.element(index), at: body] = handle[index]
        }
        try call(&block)
    }
}

/// A domain's clock.
extension DomainControl {
    /// Seconds between the domain's wall clock and the machine's. `XEN_DOMCTL_settimeoffset`.
    public static func setTimeOffset(of domain: DomainID, toSeconds seconds: Int64) throws(XenError) {
        var block = block(DomctlOperation.setTimeOffset, domain)
        block[Field<DomctlTimeOffsetLayout, Int64>.seconds, at: body] = seconds
        try call(&block)
    }
    /// `XEN_DOMCTL_gettscinfo`.
    public static func timestampCounter(of domain: DomainID) throws(XenError) -> TimestampCounter {
        var block = block(DomctlOperation.getTSCInfo, domain)
        try call(&block)
        return TimestampCounter(from: block, at: body)
    }
    /// `XEN_DOMCTL_settscinfo`.
    /// - Throws: `invalidArgument` for a mode that does not exist, `notSupported` for another frequency than the machine's.
    public static func setTimestampCounter(
        of domain: DomainID, to counter: TimestampCounter
    ) throws(XenError) {
        var block = block(DomctlOperation.setTSCInfo, domain)
        counter.store(in: &block, at: body)
        try call(&block)
    }
}
