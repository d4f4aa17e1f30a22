// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// What a vCPU of a domain does. `struct xen_domctl_getvcpuinfo`, `public/domctl.h`.
public struct VCPUState: Equatable, BitwiseCopyable, Sendable {
    /// It has been brought up; it waits for something; it runs at this moment.
    public var isOnline: Bool
    public var isBlocked: Bool
    public var isRunning: Bool
    /// Nanoseconds it ran.
    public var cpuTime: UInt64
    /// The physical CPU it ran on last.
    public var cpu: UInt32

    /// Reads a `DomctlVCPUInfoLayout` that starts at byte `start`.
    public init<Source: FieldSource & ~Copyable>(from source: borrowing Source, at start: Int) {
        typealias Byte = Field<DomctlVCPUInfoLayout, UInt8>
        isOnline = source[Byte.online, at: start] != 0
        isBlocked = source[Byte.blocked, at: start] != 0
        isRunning = source[Byte.running, at: start] != 0
        cpuTime = source[Field<DomctlVCPUInfoLayout, UInt64>.cpuTime, at: start]
        cpu = source[Field<DomctlVCPUInfoLayout, UInt32>.cpu, at: start]
    }
}

/// Which of a vCPU's two sets of CPUs is meant. `XEN_VCPUAFFINITY_…`.
public enum VCPUAffinity: Sendable {
    /// Where it may run.
    case hard
    /// Where it should run.
    case soft
    /// `flags` of `DomctlVCPUAffinityLayout`.
    public var flag: UInt32 {
        switch self {
        case .hard: VCPUAffinityFlag.hard
        case .soft: VCPUAffinityFlag.soft
        }
    }
}

/// What is sent to a vCPU from outside. `XEN_DOMCTL_SENDTRIGGER_…`.
public struct VCPUTrigger: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// A non-maskable interrupt.
    public static var nonMaskable: VCPUTrigger { VCPUTrigger(rawValue: TriggerKind.nmi) }
    public static var reset: VCPUTrigger { VCPUTrigger(rawValue: TriggerKind.reset) }
    public static var initialise: VCPUTrigger { VCPUTrigger(rawValue: TriggerKind.initialise) }
    /// The power and sleep buttons of ACPI.
    public static var powerButton: VCPUTrigger { VCPUTrigger(rawValue: TriggerKind.power) }
    public static var sleepButton: VCPUTrigger { VCPUTrigger(rawValue: TriggerKind.sleep) }
}

/// How a domain's time stamp counter behaves. `struct xen_domctl_tsc_info`, `public/domctl.h`.
public struct TimestampCounter: Equatable, BitwiseCopyable, Sendable {
    /// `tsc_mode`.
    public struct Mode: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// The hypervisor chooses.
        public static var automatic: Mode { Mode(rawValue: 0) }
        /// Every read is emulated.
        public static var alwaysEmulated: Mode { Mode(rawValue: 1) }
        /// The machine's own counter.
        public static var native: Mode { Mode(rawValue: 2) }
    }
    public var mode: Mode
    /// Counts in a millisecond; 0 for the machine's.
    public var kilohertz: UInt32
    /// How often the domain has been moved to another machine.
    public var incarnation: UInt32
    /// Nanoseconds that the counter has run.
    public var elapsedNanoseconds: UInt64

    public init(
        mode: Mode = .automatic, kilohertz: UInt32 = 0, incarnation: UInt32 = 0,
        elapsedNanoseconds: UInt64 = 0
    ) {
        self.mode = mode
        self.kilohertz = kilohertz
        self.incarnation = incarnation
        self.elapsedNanoseconds = elapsedNanoseconds
    }
    /// Reads a `DomctlTSCInfoLayout` that starts at byte `start`.
    public init<Source: FieldSource & ~Copyable>(from source: borrowing Source, at start: Int) {
        typealias Word = Field<DomctlTSCInfoLayout, UInt32>
        self.init(
            mode: Mode(rawValue: source[Word.mode, at: start]), kilohertz: source[Word.kilohertz, at: start],
            incarnation: source[Word.incarnation, at: start],
            elapsedNanoseconds: source[Field<DomctlTSCInfoLayout, UInt64>.elapsedNanoseconds, at: start])
    }
    /// Writes a `DomctlTSCInfoLayout` into a block, from byte `start` on.
    public func store<Outer: ABILayout>(in block: inout ArgumentBlock<Outer>, at start: Int) {
        typealias Word = Field<DomctlTSCInfoLayout, UInt32>
        block[Word.mode, at: start] = mode.rawValue
        block[Word.kilohertz, at: start] = kilohertz
        block[Word.incarnation, at: start] = incarnation
        block[Field<DomctlTSCInfoLayout, UInt64>.elapsedNanoseconds, at: start] = elapsedNanoseconds
    }
}
