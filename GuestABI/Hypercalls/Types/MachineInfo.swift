// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What the hypervisor tells of the machine. `struct xen_sysctl_physinfo`, `public/sysctl.h`.
public struct PhysicalInfo: BitwiseCopyable, Sendable {
    /// What domains may be and have. `XEN_SYSCTL_PHYSCAP_…`.
    public struct Capabilities: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Domains with hardware virtualization. `XEN_SYSCTL_PHYSCAP_hvm`.
        public static var hvm: Capabilities { Capabilities(rawValue: PhysicalCapability.hvm) }
        /// Paravirtual domains. `XEN_SYSCTL_PHYSCAP_pv`.
        public static var pv: Capabilities { Capabilities(rawValue: PhysicalCapability.pv) }
        /// Devices handed to domains. `XEN_SYSCTL_PHYSCAP_directio`.
        public static var directIO: Capabilities { Capabilities(rawValue: PhysicalCapability.directIO) }
        /// Nested paging. `XEN_SYSCTL_PHYSCAP_hap`.
        public static var nestedPaging: Capabilities { Capabilities(rawValue: PhysicalCapability.hap) }
        /// `XEN_SYSCTL_PHYSCAP_shadow`.
        public static var shadowPaging: Capabilities { Capabilities(rawValue: PhysicalCapability.shadow) }
        /// `XEN_SYSCTL_PHYSCAP_gnttab_v1`.
        public static var grantTableV1: Capabilities {
            Capabilities(rawValue: PhysicalCapability.grantTableV1)
        }
        /// `XEN_SYSCTL_PHYSCAP_gnttab_v2`.
        public static var grantTableV2: Capabilities {
            Capabilities(rawValue: PhysicalCapability.grantTableV2)
        }
    }
    public var threadsPerCore: UInt32
    public var coresPerSocket: UInt32
    public var cpuCount: UInt32
    public var nodeCount: UInt32
    public var cpuKilohertz: UInt32
    public var capabilities: Capabilities
    public var totalPages: UInt64
    /// Pages nobody has, to be scrubbed pages included.
    public var freePages: UInt64
    /// Pages staked for domains that do not have them yet.
    public var claimedPages: UInt64
    /// Highest page of the machine.
    public var maximumFrame: MachineFrame

    /// Reads a `SysctlPhysicalInfoLayout` that starts at byte `start`.
    public init<Source: FieldSource & ~Copyable>(from source: borrowing Source, at start: Int) {
        typealias Word = Field<SysctlPhysicalInfoLayout, UInt32>
        typealias Long = Field<SysctlPhysicalInfoLayout, UInt64>
        threadsPerCore = source[Word.threadsPerCore, at: start]
        coresPerSocket = source[Word.coresPerSocket, at: start]
        cpuCount = source[Word.cpuCount, at: start]
        nodeCount = source[Word.nodeCount, at: start]
        cpuKilohertz = source[Word.cpuKilohertz, at: start]
        capabilities = Capabilities(rawValue: source[Word.capabilities, at: start])
        totalPages = source[Long.totalPages, at: start]
        freePages = source[Long.freePages, at: start] &+ source[Long.scrubPages, at: start]
        claimedPages = source[Long.outstandingPages, at: start]
        maximumFrame = MachineFrame(rawValue: source[Long.maximumMachineFrame, at: start])
    }
}

/// Where a physical CPU is. `struct xen_sysctl_cputopo`, `public/sysctl.h`.
public struct CPUTopology: Equatable, BitwiseCopyable, Sendable {
    public var core: UInt32
    public var socket: UInt32
    public var node: UInt32
    /// Reads a `SysctlCPUTopologyLayout` that starts at byte `start`.
    public init(from source: HypercallBuffer, at start: Int) {
        typealias Word = Field<SysctlCPUTopologyLayout, UInt32>
        core = source[Word.core, at: start]
        socket = source[Word.socket, at: start]
        node = source[Word.node, at: start]
    }
}

/// The machine's NUMA nodes. `struct xen_sysctl_numainfo`, `public/sysctl.h`.
public struct NUMAInfo: Equatable, Sendable {
    /// Memory of one node in bytes. `struct xen_sysctl_meminfo`.
    public struct Memory: Equatable, BitwiseCopyable, Sendable {
        public var byteCount: UInt64
        public var freeByteCount: UInt64
    }
    public var memory: [Memory] = []
    /// Distances from each node to each, the first node's first; 10 is a node's own.
    public var distances: [UInt32] = []
    public var nodeCount: Int { memory.count }
    /// Reads the two lists that a call filled for `count` nodes.
    public init(memory: HypercallBuffer, distances: HypercallBuffer, count: Int) {
        typealias Long = Field<SysctlMemoryInfoLayout, UInt64>
        for index in 0..<min(count, memory.byteCount / SysctlMemoryInfoLayout.byteCount) {
            let start = index * SysctlMemoryInfoLayout.byteCount
            self.memory.append(
                Memory(byteCount: memory[Long.size, at: start], freeByteCount: memory[Long.free, at: start]))
        }
        for index in 0..<min(count * count, distances.byteCount / 4) {
            self.distances.append(distances.load(at: index * 4))
        }
    }
    /// From one node to another; nil for a node that is not there.
    public func distance(from: Int, to: Int) -> UInt32? {
        guard from >= 0, to >= 0, from < nodeCount, to < nodeCount,
            from * nodeCount + to < distances.count
        else { return nil }
        return distances[from * nodeCount + to]
    }
}

/// A pool of CPUs and what runs there. `struct xen_sysctl_cpupool_op`, `public/sysctl.h`.
public struct CPUPool: Equatable, Sendable {
    public var id: UInt32
    public var scheduler: SchedulerKind
    public var domainCount: UInt32
    public var cpus: NumberSet
    public init(id: UInt32, scheduler: SchedulerKind, domainCount: UInt32, cpus: NumberSet) {
        self.id = id
        self.scheduler = scheduler
        self.domainCount = domainCount
        self.cpus = cpus
    }
}

/// How a pool's CPUs are shared out. `XEN_SCHEDULER_…`, `public/domctl.h`.
public struct SchedulerKind: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static var credit: SchedulerKind { SchedulerKind(rawValue: SchedulerID.credit) }
    public static var credit2: SchedulerKind { SchedulerKind(rawValue: SchedulerID.credit2) }
    public static var arinc653: SchedulerKind { SchedulerKind(rawValue: SchedulerID.arinc653) }
    public static var rtds: SchedulerKind { SchedulerKind(rawValue: SchedulerID.rtds) }
    /// No parameters to set: what is here.
    public static var null: SchedulerKind { SchedulerKind(rawValue: SchedulerID.null) }
}

/// A part of the hypervisor's log. `struct xen_sysctl_readconsole`, `public/sysctl.h`.
public struct LogPart: Equatable, Sendable {
    public var bytes: [UInt8]
    /// Where reading goes on: the `index` of the next call.
    public var next: UInt32
    public init(bytes: [UInt8], next: UInt32) {
        self.bytes = bytes
        self.next = next
    }
}

/// One physical CPU, as the hardware domain asks for it. `struct xenpf_pcpuinfo`, `public/platform.h`.
public struct PhysicalCPU: Equatable, BitwiseCopyable, Sendable {
    /// `XEN_PCPU_FLAGS_…`.
    public struct Flags: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static var online: Flags { Flags(rawValue: PhysicalCPUFlag.online) }
        /// There is no such CPU.
        public static var invalid: Flags { Flags(rawValue: PhysicalCPUFlag.invalid) }
    }
    /// Highest number of a CPU that is present.
    public var maximumPresent: UInt32
    public var flags: Flags
    public var apicID: UInt32
    public var acpiID: UInt32
    /// Reads a `PlatformCPUInfoLayout` that starts at byte `start`.
    public init<Source: FieldSource & ~Copyable>(from source: borrowing Source, at start: Int) {
        typealias Word = Field<PlatformCPUInfoLayout, UInt32>
        maximumPresent = source[Word.maximumPresent, at: start]
        flags = Flags(rawValue: source[Word.flags, at: start])
        apicID = source[Word.apicID, at: start]
        acpiID = source[Word.acpiID, at: start]
    }
}

/// Names a PCI function. `struct physdev_pci_device`, `public/physdev.h`.
public struct PCIFunction: Hashable, BitwiseCopyable, Sendable {
    public var segment: UInt16
    public var bus: UInt8
    /// Device in bits 7:3, function in bits 2:0.
    public var deviceFunction: UInt8
    public init(segment: UInt16 = 0, bus: UInt8, device: UInt8, function: UInt8) {
        self.segment = segment
        self.bus = bus
        deviceFunction = device &<< 3 | function & 7
    }
    public var device: UInt8 { deviceFunction &>> 3 }
    public var function: UInt8 { deviceFunction & 7 }
}
