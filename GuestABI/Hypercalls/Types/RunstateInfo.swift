// SPDX-License-Identifier: Apache-2.0
import XenABI

/// What one vCPU did with its time. `struct vcpu_runstate_info`, `public/vcpu.h`.
public struct RunstateInfo: BitwiseCopyable, Sendable {
    /// `RUNSTATE_…`.
    public struct State: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// It runs on a physical CPU.
        public static var running: State { State(rawValue: Runstate.running) }
        /// It could run, and waits for a physical CPU.
        public static var runnable: State { State(rawValue: Runstate.runnable) }
        /// It waits for an event.
        public static var blocked: State { State(rawValue: Runstate.blocked) }
        /// It is down or paused.
        public static var offline: State { State(rawValue: Runstate.offline) }
    }
    public var state: State
    /// System time of the last change, in ns.
    public var stateEntryTime: UInt64
    /// Nanoseconds in each state, in the order of their numbers.
    public var times: InlineArray<4, UInt64>
    /// Nanoseconds in one state; 0 for one that does not exist.
    public func time(in state: State) -> UInt64 { state.rawValue < 4 ? times[Int(state.rawValue)] : 0 }

    /// Reads a `RunstateInfoLayout` that starts at byte `start`.
    public init<Source: FieldSource & ~Copyable>(from source: borrowing Source, at start: Int) {
        typealias Long = Field<RunstateInfoLayout, UInt64>
        state = State(rawValue: source[Field<RunstateInfoLayout, UInt32>.state, at: start])
        stateEntryTime = source[Long.stateEntryTime, at: start]
        times = InlineArray(repeating: 0)
        for index in 0..<4 { times[index] = source[Long.times.element(index), at: start] }
    }
}

/// What a page number of a domain holds, as `HVMOP_get_mem_type` tells. `HVMMEM_…`, `public/hvm/hvm_op.h`.
public struct HVMMemoryKind: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Memory, which may be written.
    public static var writable: HVMMemoryKind { HVMMemoryKind(rawValue: HVMMemoryType.ramReadWrite) }
    /// Memory, which may be read only.
    public static var readOnly: HVMMemoryKind { HVMMemoryKind(rawValue: HVMMemoryType.ramReadOnly) }
    /// Nothing, or a device.
    public static var hole: HVMMemoryKind { HVMMemoryKind(rawValue: HVMMemoryType.mmio) }
}
