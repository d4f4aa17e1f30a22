// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// What the machine is asked to do when the control domain stops.
public enum MachineStop: UInt8, Sendable { case powerOff, reboot, crash }

/// What the portable core asks of the machine underneath. Closures without captures on hardware; fakes in tests.
public struct MachineHooks {
    /// The time-stamp counter, in ticks.
    public var readTSC: () -> UInt64
    /// Makes another CPU leave its guest or its idle loop and look at its run queue.
    public var kick: (_ cpu: Int) -> Void
    /// One byte to the hypervisor's console device.
    public var consoleWrite: (UInt8) -> Void
    /// Ends the machine's life; returns only in tests.
    public var stopMachine: (MachineStop) -> Void
    /// Allocates and initialises the vendor's control block of a new vCPU. False: no memory.
    public var createBackendState: (Ref<VirtualCPU>) -> Bool
    /// Gives that back.
    public var destroyBackendState: (Ref<VirtualCPU>) -> Void
    /// Sets a stopped vCPU's architectural state.
    public var loadContext: (Ref<VirtualCPU>, CPUContext) -> Void
    /// Reads a stopped vCPU's architectural state.
    public var saveContext: (Ref<VirtualCPU>) -> CPUContext
    /// Control, paging and segment state that the guest page-table walk needs, of the vCPU that made the current exit.
    public var pagingState: (Ref<VirtualCPU>) -> GuestPagingState
    /// Requests an NMI in a vCPU.
    public var injectNMI: (Ref<VirtualCPU>) -> Void
    /// Called with the new earliest deadline of this CPU's timers, in ns of system time; `UInt64.max`: none.
    public var armTimer: (UInt64) -> Void
    /// What CPUID tells guests for a leaf and subleaf, before what depends on the vCPU.
    public var cpuid: (_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters
    public init(
        readTSC: @escaping () -> UInt64, kick: @escaping (Int) -> Void,
        consoleWrite: @escaping (UInt8) -> Void,
        stopMachine: @escaping (MachineStop) -> Void, createBackendState: @escaping (Ref<VirtualCPU>) -> Bool,
        destroyBackendState: @escaping (Ref<VirtualCPU>) -> Void,
        loadContext: @escaping (Ref<VirtualCPU>, CPUContext) -> Void,
        saveContext: @escaping (Ref<VirtualCPU>) -> CPUContext,
        pagingState: @escaping (Ref<VirtualCPU>) -> GuestPagingState,
        injectNMI: @escaping (Ref<VirtualCPU>) -> Void, armTimer: @escaping (UInt64) -> Void,
        cpuid: @escaping (UInt32, UInt32) -> CPUIDRegisters = { _, _ in CPUIDRegisters() }
    ) {
        self.readTSC = readTSC
        self.kick = kick
        self.consoleWrite = consoleWrite
        self.stopMachine = stopMachine
        self.createBackendState = createBackendState
        self.destroyBackendState = destroyBackendState
        self.loadContext = loadContext
        self.saveContext = saveContext
        self.pagingState = pagingState
        self.injectNMI = injectNMI
        self.armTimer = armTimer
        self.cpuid = cpuid
    }
}

/// Facts about the machine that Dom0's tools ask for.
public struct MachineFacts: BitwiseCopyable, Sendable {
    public var cpuCount: UInt32 = 1
    public var tscKiloHertz: UInt32 = 1_000_000
    public var highestFrame: UInt64 = 0
    public var allowsGiantPages = false
    public var nestedFormat = NestedEntryFormat.amd
    public init() {}
}

/// The whole hypervisor's state, one value. Guarded by the hypervisor lock (`LockOrder.swift`): every path from an exit or
/// an interrupt takes it before it looks here and drops it before it enters a guest or idles.
public struct Hypervisor: ~Copyable {
    public let memory: MachineMemory
    public var frames: FrameAllocator
    public var hooks: MachineHooks
    public var facts: MachineFacts
    public var domains: DomainTable
    public var scheduler: Scheduler
    public var timers: TimerQueue
    public var clock: SystemClock
    public var console: ConsoleRing
    public var trace: TraceRing
    public var interrupts: InterruptRouting
    /// Wall-clock seconds and nanoseconds at system time 0, as Dom0 last set them (`XENPF_settime64`).
    public var wallclockSeconds: UInt64 = 0
    public var wallclockNanoseconds: UInt32 = 0
    /// The domain that started the control software: domain 0.
    public var controlDomain: Ref<Domain>?
    /// Slots of all domains and vCPUs.
    public var domainPool = RefPool<Domain>()
    public var vcpuPool = RefPool<VirtualCPU>()
    /// The hypervisor's own command line, NUL-free, for `XENVER_commandline`.
    public var commandLine: InlineArray<256, UInt8> = InlineArray(repeating: 0)

    public init(
        memory: MachineMemory, frames: consuming FrameAllocator, hooks: MachineHooks, facts: MachineFacts,
        domains: consuming DomainTable, scheduler: consuming Scheduler, timers: consuming TimerQueue,
        clock: SystemClock, console: consuming ConsoleRing, trace: consuming TraceRing,
        interrupts: consuming InterruptRouting
    ) {
        self.memory = memory
        self.frames = frames
        self.hooks = hooks
        self.facts = facts
        self.domains = domains
        self.scheduler = scheduler
        self.timers = timers
        self.clock = clock
        self.console = console
        self.trace = trace
        self.interrupts = interrupts
    }

    /// System time: nanoseconds since boot. Mutating because the compiler copies what it calls a non-mutating method of, all
    /// of it, before the call; the same goes for every `mutating` in Core that changes nothing.
    public mutating func now() -> UInt64 { clock.nanoseconds(atTSC: hooks.readTSC()) }
}
