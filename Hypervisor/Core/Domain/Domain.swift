// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// Where a domain stands between creation and oblivion.
public enum DomainLifecycle: UInt8, BitwiseCopyable, Sendable {
    /// Slot not in use.
    case vacant
    case alive
    /// Being torn down: no new references to its resources are given out.
    case dying
    /// Torn down except for pages that others still map.
    case dead
}

/// A domain: the unit of ownership. Lives in a type-stable slot; guarded by the hypervisor lock.
public struct Domain: ~Copyable {
    public static var maximumVCPUs: Int { 128 }
    public let hypervisor: Ref<Hypervisor>
    public let id: DomainID
    public var lifecycle = DomainLifecycle.alive
    /// May use control operations (domctl, sysctl, other domains' resources).
    public var isPrivileged = false
    /// Owns the hardware; mapped 1:1.
    public var isHardwareDomain = false
    public var handle: InlineArray<16, UInt8> = InlineArray(repeating: 0)

    // MARK: vCPUs
    public var maximumVCPUCount: UInt32 = 0
    /// Slots 0..<maximumVCPUCount, filled once `XEN_DOMCTL_max_vcpus` ran.
    public var vcpus: InlineArray<128, Ref<VirtualCPU>?> = InlineArray(repeating: nil)
    /// Why nobody here may run: controller pauses, shutdown, creation not finished.
    public var pauseCount: UInt32 = 0
    /// Pauses by `XEN_DOMCTL_pausedomain`; starts at 1.
    public var controllerPauseCount: UInt32 = 0
    /// The first unpause has happened.
    public var isCreationFinished = false
    public var isShutDown = false
    /// `SHUTDOWN_…` of the first shutdown; `UInt8.max` before.
    public var shutdownReason: UInt8 = .max

    // MARK: Memory
    public var physmap: PhysicalMap
    /// Counts the times cached translations of the physmap had to be dropped.
    public var translationGeneration: UInt64 = 0
    /// Pages accounted to the domain, and their limit.
    public var totalPages: UInt64 = 0
    public var maximumPages: UInt64 = 0
    /// Pages still promised by `XENMEM_claim_pages`.
    public var claimedPages: UInt64 = 0
    public var sharedInfoFrame: MachineFrame
    /// The domain reads its shared information in the 32-bit form; see `latchSharedInfoForm`.
    public internal(set) var sharedInfoIs32Bit = false
    /// gfn where the guest put shared_info; nil: nowhere yet.
    public var sharedInfoGuestFrame: GuestFrame?
    /// The E820 map of `XENMEM_set_memory_map`: 20-byte entries in this frame.
    public var memoryMapFrame: MachineFrame?
    public var memoryMapCount: UInt32 = 0
    /// What the tools set aside for the physmap's tables; `setPagingPool`.
    public internal(set) var pagingPoolBytes: UInt64 = 0

    // MARK: Interfaces
    public var events: EventChannelTable
    public var grants: GrantTable
    public var parameters: InlineArray<39, UInt64> = InlineArray(repeating: 0)
    /// Vector of `HVM_PARAM_CALLBACK_IRQ` type 2; 0: none.
    public var callbackVector: UInt8 = 0
    public var timeOffsetSeconds: Int64 = 0
    public var tscMode: UInt32 = 0
    public var tscIncarnation: UInt32 = 0
    public var updatesRunStateFlag = false
    public var cpuTime: UInt64 = 0
    /// Line being collected from `CONSOLEIO_write` of an unprivileged domain.
    public var consoleLine: InlineArray<248, UInt8> = InlineArray(repeating: 0)
    public var consoleLineCount: Int = 0
    /// What the control tools stored; progress of long operations.
    public var control = DomainControlState()
    /// Where a preempted teardown goes on.
    public var teardownNext: GuestFrame? = GuestFrame(rawValue: 0)

    public init(
        hypervisor: Ref<Hypervisor>, id: DomainID, physmap: consuming PhysicalMap,
        sharedInfoFrame: MachineFrame,
        events: consuming EventChannelTable, grants: consuming GrantTable
    ) {
        self.hypervisor = hypervisor
        self.id = id
        self.physmap = physmap
        self.sharedInfoFrame = sharedInfoFrame
        self.events = events
        self.grants = grants
    }
}

extension Ref<Domain> {
    public var hypervisor: Ref<Hypervisor> { state.hypervisor }
    public var id: DomainID { state.id }
    public var sharedInfo: SharedView<SharedInfoLayout> {
        state.hypervisor.state.memory.sharedView(SharedInfoLayout.self, in: state.sharedInfoFrame)
    }
    /// The same, when it has the 32-bit form.
    var sharedInfo32: SharedView<SharedInfo32Layout> {
        state.hypervisor.state.memory.sharedView(SharedInfo32Layout.self, in: state.sharedInfoFrame)
    }
    /// The vCPU with this number; nil if the domain lacks it. Any value is safe.
    public func vcpu(_ id: UInt32) -> Ref<VirtualCPU>? {
        guard id < state.maximumVCPUCount, id < UInt32(Domain.maximumVCPUs) else { return nil }
        return state.vcpus[Int(id)]
    }
    /// Bounds the tables of the physmap; the hardware domain's have no bound.
    func setPagingPool(byteCount: UInt64) {
        state.pagingPoolBytes = byteCount
        if !state.isHardwareDomain { state.physmap.setLimit(byteCount: byteCount) }
    }
    public func forEachVCPU(_ body: (Ref<VirtualCPU>) -> Void) {
        var index: UInt32 = 0
        while index < state.maximumVCPUCount {
            if let vcpu = vcpu(index) { body(vcpu) }
            index &+= 1
        }
    }
}
