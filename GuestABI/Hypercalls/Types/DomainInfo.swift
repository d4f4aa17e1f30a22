// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What the hypervisor tells of a domain. `struct xen_domctl_getdomaininfo`, `public/domctl.h`.
public struct DomainInfo: BitwiseCopyable, Sendable {
    /// What a domain is doing. `XEN_DOMINF_…`.
    public struct Flags: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// It is being destroyed. `XEN_DOMINF_dying`.
        public static var dying: Flags { Flags(rawValue: DomainInfoFlag.dying) }
        /// It has hardware virtualization: every domain here. `XEN_DOMINF_hvm_guest`.
        public static var hvmGuest: Flags { Flags(rawValue: DomainInfoFlag.hvmGuest) }
        /// It has shut down; `shutdownReason` says why. `XEN_DOMINF_shutdown`.
        public static var shutdown: Flags { Flags(rawValue: DomainInfoFlag.shutdown) }
        /// The control domain paused it, or it has not started. `XEN_DOMINF_paused`.
        public static var paused: Flags { Flags(rawValue: DomainInfoFlag.paused) }
        /// Every vCPU waits for something. `XEN_DOMINF_blocked`.
        public static var blocked: Flags { Flags(rawValue: DomainInfoFlag.blocked) }
        /// A vCPU runs now. `XEN_DOMINF_running`.
        public static var running: Flags { Flags(rawValue: DomainInfoFlag.running) }
        /// `XEN_DOMINF_debugged`.
        public static var debugged: Flags { Flags(rawValue: DomainInfoFlag.debugged) }
        /// It serves the store. `XEN_DOMINF_xs_domain`.
        public static var storeDomain: Flags { Flags(rawValue: DomainInfoFlag.xenstoreDomain) }
        /// It has nested paging. `XEN_DOMINF_hap`.
        public static var nestedPaging: Flags { Flags(rawValue: DomainInfoFlag.hap) }
    }
    public var domain: DomainID
    public var flags: Flags
    /// Pages it has, and may have.
    public var totalPages: UInt64
    public var maximumPages: UInt64
    /// Pages staked for it that it does not have yet.
    public var claimedPages: UInt64
    /// Nanoseconds its vCPUs ran.
    public var cpuTime: UInt64
    public var onlineVCPUs: UInt32
    /// Highest vCPU number; `DomainInfoLimit.noVCPUs` before there is one.
    public var maximumVCPUID: UInt32
    public var handle: DomainHandle
    /// The CPU pool it runs in.
    public var cpupool: UInt32
    public var emulation: DomainConfiguration.Emulation

    public func has(_ flag: Flags) -> Bool { !flags.isDisjoint(with: flag) }
    /// Why it shut down, a `ShutdownReason`; meaningless unless it did.
    public var shutdownReason: UInt32 {
        flags.rawValue &>> DomainInfoFlag.shutdownShift & DomainInfoFlag.shutdownMask
    }

    /// Reads a `DomctlDomainInfoLayout` that starts at byte `start`.
    public init<Source: FieldSource & ~Copyable>(from source: borrowing Source, at start: Int) {
        typealias Word = Field<DomctlDomainInfoLayout, UInt32>
        typealias Long = Field<DomctlDomainInfoLayout, UInt64>
        domain = DomainID(rawValue: source[Field<DomctlDomainInfoLayout, UInt16>.domain, at: start])
        flags = Flags(rawValue: source[Word.flags, at: start])
        totalPages = source[Long.totalPages, at: start]
        maximumPages = source[Long.maximumPages, at: start]
        claimedPages = source[Long.outstandingPages, at: start]
        cpuTime = source[Long.cpuTime, at: start]
        onlineVCPUs = source[Word.onlineVCPUs, at: start]
        maximumVCPUID = source[Word.maximumVCPUID, at: start]
        handle = DomainHandle(from: source, Field<DomctlDomainInfoLayout, UInt8>.handle, at: start)
        cpupool = source[Word.cpupool, at: start]
        emulation = DomainConfiguration.Emulation(rawValue: source[Word.emulationFlags, at: start])
    }
}
