// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// What the control tools have said about a domain and want to hear again, and how far long operations on it have come.
public struct DomainControlState: BitwiseCopyable, Sendable {
    /// `XEN_X86_EMU_…` and `XEN_DOMCTL_CDF_…` of its creation.
    public var emulationFlags: UInt32 = EmulationFlag.lapic
    public var creationFlags: UInt32 = CreateDomainFlag.hvm | CreateDomainFlag.hap
    public var miscFlags: UInt32 = 0
    /// Bitmap of `XEN_DOMCTL_setnodeaffinity`.
    public var nodeAffinity: UInt64 = 1
    /// A large extent on its way into the physmap: allocated to the hypervisor, cleared up to `parkedZeroed` frames.
    public var parkedFrame: MachineFrame?
    public var parkedOrder = 0
    public var parkedZeroed: UInt64 = 0
    /// Next step of a teardown that was preempted.
    public var teardownStep = TeardownStep.stop
    public init() {}
}

/// The steps of `Ref<Hypervisor>.destroy`, in order.
public enum TeardownStep: UInt8, BitwiseCopyable, Sendable { case stop, grants, memory, tables, finished }

/// What the control tools have said about a vCPU.
public struct VirtualCPUControlState: BitwiseCopyable, Sendable {
    /// CPU bitmaps of `XEN_DOMCTL_setvcpuaffinity`.
    public var hardAffinity: UInt64 = .max
    public var softAffinity: UInt64 = .max
    /// The body of the MTRR save record, as last loaded: 30 words.
    public var mtrr: InlineArray<30, UInt64> = {
        var words = InlineArray<30, UInt64>(repeating: 0)
        words[0] = 0x0007_0406_0007_0406  // PAT after reset
        words[28] = 0x508  // MTRRcap: eight variable ranges, fixed ranges, write-combining
        words[29] = 0x806  // enabled, default type write-back
        return words
    }()
    public init() {}
}
