// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// The general registers of a stopped vCPU, laid out for the assembly stub that saves and loads them.
public enum GuestRegistersLayout: ABILayout { public static var byteCount: Int { 160 } }
extension Field<GuestRegistersLayout, UInt64> {
    @inlinable public static var rax: Self { .init(at: 0) }
    @inlinable public static var rcx: Self { .init(at: 8) }
    @inlinable public static var rdx: Self { .init(at: 16) }
    @inlinable public static var rbx: Self { .init(at: 24) }
    @inlinable public static var rsp: Self { .init(at: 32) }
    @inlinable public static var rbp: Self { .init(at: 40) }
    @inlinable public static var rsi: Self { .init(at: 48) }
    @inlinable public static var rdi: Self { .init(at: 56) }
    @inlinable public static var r8: Self { .init(at: 64) }
    @inlinable public static var r9: Self { .init(at: 72) }
    @inlinable public static var r10: Self { .init(at: 80) }
    @inlinable public static var r11: Self { .init(at: 88) }
    @inlinable public static var r12: Self { .init(at: 96) }
    @inlinable public static var r13: Self { .init(at: 104) }
    @inlinable public static var r14: Self { .init(at: 112) }
    @inlinable public static var r15: Self { .init(at: 120) }
    @inlinable public static var rip: Self { .init(at: 128) }
    @inlinable public static var rflags: Self { .init(at: 136) }
    /// The register an instruction encodes with `number` (0: rax … 15: r15).
    @inlinable public static func numbered(_ number: Int) -> Self { .init(at: (number & 15) &* 8) }
}

/// A virtual CPU. Lives in a type-stable slot; guarded by the hypervisor lock.
public struct VirtualCPU: ~Copyable {
    public let hypervisor: Ref<Hypervisor>
    public let domain: Ref<Domain>
    public let id: UInt32
    /// General registers while stopped.
    public let registers: ABIView<GuestRegistersLayout>
    /// The page that holds `registers`, and the FPU state from offset 512 on.
    public let contextFrame: MachineFrame
    /// The vendor's control block (VMCB or VMCS).
    public var controlFrame: MachineFrame?
    /// Address-space tag bookkeeping of the backend.
    public var addressSpaceTag: UInt32 = 0
    public var addressSpaceGeneration: UInt64 = 0
    /// The domain's `translationGeneration` that the tag's cached translations belong to.
    public var translationGeneration: UInt64 = 0

    // MARK: Scheduling
    /// Not started, or `VCPUOP_down`.
    public var isDown = true
    /// Has architectural state (`VCPUOP_initialise`, set context, or start-up IPI).
    public var isInitialised = false
    /// Waiting for an INIT-SIPI sequence.
    public var waitsForStartup = false
    /// Sleeping until an event or interrupt.
    public var isBlocked = false
    /// The CPU it runs on now, -1 for none.
    public var runningOn: Int32 = -1
    public var isQueued = false
    /// Time received, weighted, in ns: the scheduler runs the smallest first.
    public var virtualRuntime: UInt64 = 0
    /// Link of the run queue.
    public var nextInQueue: Ref<VirtualCPU>?

    // MARK: Run state (`vcpu_runstate_info`)
    public var runState = RunState.offline
    public var runStateEntryTime: UInt64 = 0
    public var runStateTimes: InlineArray<4, UInt64> = InlineArray(repeating: 0)
    /// Guest-linear address of the registered area; 0: none.
    public var runStateArea: UInt64 = 0
    /// Where that area lies, as translated at registration: frame and offset; the second part if it crosses a page.
    public var runStatePlace: AreaPlace?
    /// Same for `VCPUOP_register_vcpu_time_memory_area`.
    public var timeAreaPlace: AreaPlace?

    // MARK: Events
    /// Where the 64-byte vcpu_info lies; nil before one is registered for vCPUs above 31.
    public var infoFrame: MachineFrame?
    public var infoOffset: Int = 0
    /// Registered by `VCPUOP_register_vcpu_info`, which works once; the frame is pinned then.
    public var hasRegisteredInfo = false
    /// Vector of `HVMOP_set_evtchn_upcall_vector`; 0: none.
    public var upcallVector: UInt8 = 0
    /// Ports of VIRQs bound on this vCPU, by VIRQ number; 0: unbound. Global VIRQs use vCPU 0's.
    public var virqPorts: InlineArray<24, UInt32> = InlineArray(repeating: 0)
    /// `SCHEDOP_poll`: the port being polled (0: none, `UInt32.max`: several).
    public var pollPort: UInt32 = 0

    // MARK: Timers, as slots of the timer queue
    public var singleshotTimer: TimerID = .none
    public var apicTimer: TimerID = .none
    public var pollTimer: TimerID = .none

    public var apic: VirtualAPIC
    public var isNMIPending = false
    /// Set by a hypercall that is to be re-executed (its registers hold the progress): RIP stays where it is.
    public var continuesHypercall = false
    /// Inside `HYPERVISOR_multicall`: a call that is to be continued leaves its rest here, for its entry.
    public var isInMulticall = false
    public var multicallRest = MulticallRest()
    /// Paging state of the exit being handled.
    public var paging = GuestPagingState(
        cr0: 0, cr3: 0, cr4: 0, efer: 0, privilegeLevel: 3, isLongMode: false)
    /// TSC offset of this vCPU: guest TSC = host TSC + offset.
    public var tscOffset: UInt64 = 0

    /// What the control tools stored.
    public var control = VirtualCPUControlState()

    public init(
        hypervisor: Ref<Hypervisor>, domain: Ref<Domain>, id: UInt32, contextFrame: MachineFrame
    ) {
        self.hypervisor = hypervisor
        self.domain = domain
        self.id = id
        self.contextFrame = contextFrame
        registers = hypervisor.state.memory.view(GuestRegistersLayout.self, in: contextFrame)
        apic = VirtualAPIC(id: id &* 2, isBootProcessor: id == 0)
    }
}

/// A small guest area translated once: where its bytes are in machine memory. The frames are pinned while it stands.
public struct AreaPlace: BitwiseCopyable, Sendable {
    public var frame: MachineFrame
    public var offset: Int
    /// The frame of the bytes beyond the first page.
    public var secondFrame: MachineFrame?
    /// Registered by a 32-bit caller: its content has the 32-bit form.
    public var is32Bit = false
}

/// `RUNSTATE_…`, public/vcpu.h.
public enum RunState: UInt32, BitwiseCopyable, Sendable { case running = 0, runnable, blocked, offline }

extension Ref<VirtualCPU> {
    /// The view of this vCPU's vcpu_info; nil while it has none.
    public var info: SharedView<VCPUInfoLayout>? {
        guard let frame = state.infoFrame else { return nil }
        return state.hypervisor.state.memory.sharedView(VCPUInfoLayout.self, in: frame, at: state.infoOffset)
    }
    /// The same, in a domain whose shared information has the 32-bit form.
    public var info32: SharedView<VCPUInfo32Layout>? {
        guard let frame = state.infoFrame else { return nil }
        return state.hypervisor.state.memory.sharedView(
            VCPUInfo32Layout.self, in: frame, at: state.infoOffset)
    }
    public var isRunnable: Bool { !state.isDown && !state.isBlocked && state.domain.state.pauseCount == 0 }
    public var hypervisor: Ref<Hypervisor> { state.hypervisor }
    public var domain: Ref<Domain> { state.domain }
}
