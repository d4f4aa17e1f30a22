// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// A new domain's fixed properties, as PVH guests have them by default. `struct xen_domctl_createdomain`,
/// `public/domctl.h`.
public struct DomainConfiguration: BitwiseCopyable, Sendable {
    /// `XEN_DOMCTL_CDF_…`.
    public struct Flags: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Hardware virtualization. `XEN_DOMCTL_CDF_hvm`.
        public static var hvm: Flags { Flags(rawValue: CreateDomainFlag.hvm) }
        /// Nested paging. `XEN_DOMCTL_CDF_hap`.
        public static var nestedPaging: Flags { Flags(rawValue: CreateDomainFlag.hap) }
        /// The domain serves the store. `XEN_DOMCTL_CDF_xs_domain`.
        public static var storeDomain: Flags { Flags(rawValue: CreateDomainFlag.xenstoreDomain) }
        /// `XEN_DOMCTL_CDF_iommu`.
        public static var iommu: Flags { Flags(rawValue: CreateDomainFlag.iommu) }
        /// `XEN_DOMCTL_CDF_nested_virt`.
        public static var nestedVirtualization: Flags {
            Flags(rawValue: CreateDomainFlag.nestedVirtualization)
        }
        /// `XEN_DOMCTL_CDF_vpmu`.
        public static var performanceCounters: Flags { Flags(rawValue: CreateDomainFlag.vpmu) }
    }
    /// Devices that the hypervisor emulates for the domain. `XEN_X86_EMU_…`, `public/arch-x86/xen.h`.
    public struct Emulation: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// The local APIC: what PVH has. `XEN_X86_EMU_LAPIC`.
        public static var localAPIC: Emulation { Emulation(rawValue: EmulationFlag.lapic) }
        /// `XEN_X86_EMU_IOAPIC`.
        public static var ioAPIC: Emulation { Emulation(rawValue: EmulationFlag.ioapic) }
        /// `XEN_X86_EMU_VGA`.
        public static var vga: Emulation { Emulation(rawValue: EmulationFlag.vga) }
        /// Everything a PC has. `XEN_X86_EMU_ALL`.
        public static var all: Emulation { Emulation(rawValue: EmulationFlag.all) }
    }
    public var handle = DomainHandle(low: 0x0807_0605_0403_0201, high: 0x100F_0E0D_0C0B_0A09)
    public var flags = Flags.hvm.union(.nestedPaging)
    /// vCPUs it will have; they do not exist before `setMaximumVCPUs`.
    public var vcpuCount: UInt32
    public var maximumEventPort: UInt32 = 1023
    /// Most pages of its grant table, and of its table of mappings; -1 for the hypervisor's own limit.
    public var maximumGrantFrames: Int32 = 4
    public var maximumMaptrackFrames: Int32 = 4
    /// Highest version of its grant table.
    public var grantTableVersion: UInt32 = 1
    /// Bytes of processor trace for each vCPU.
    public var traceByteCount: UInt32 = 0
    public var cpupool: UInt32 = 0
    public var emulation = Emulation.localAPIC
    /// `misc_flags` of the architecture's part, none of which is known here.
    public var miscellaneousFlags: UInt32 = 0

    public init(vcpuCount: UInt32) { self.vcpuCount = vcpuCount }

    /// Writes a `DomctlCreateDomainLayout` into a block, from byte `start` on.
    public func store<Outer: ABILayout>(in block: inout ArgumentBlock<Outer>, at start: Int) {
        typealias Word = Field<DomctlCreateDomainLayout, UInt32>
        typealias Signed = Field<DomctlCreateDomainLayout, Int32>
        for index in 0..<DomainHandle.byteCount {
            block[Field<DomctlCreateDomainLayout, UInt8>.handle.element(index), at: start] = handle[index]
        }
        block[Word.flags, at: start] = flags.rawValue
        block[Word.maximumVCPUs, at: start] = vcpuCount
        block[Word.maximumEventPort, at: start] = maximumEventPort
        block[Signed.maximumGrantFrames, at: start] = maximumGrantFrames
        block[Signed.maximumMaptrackFrames, at: start] = maximumMaptrackFrames
        block[Word.grantOptions, at: start] = grantTableVersion
        block[Word.vmtraceSize, at: start] = traceByteCount
        block[Word.cpupool, at: start] = cpupool
        block[Word.emulationFlags, at: start] = emulation.rawValue
        block[Word.miscFlags, at: start] = miscellaneousFlags
    }
}
