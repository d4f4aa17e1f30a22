// SPDX-License-Identifier: Apache-2.0
import XenABI

/// What the hypervisor offers its guests: the first word of the feature bits. `XENFEAT_…`, `public/features.h`.
public struct HypervisorFeatures: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    private init(bit: UInt32) { rawValue = 1 &<< bit }
    /// Page numbers are the guest's own. `XENFEAT_auto_translated_physmap`.
    public static var autoTranslatedPhysmap: HypervisorFeatures {
        HypervisorFeatures(bit: FeatureBit.autoTranslatedPhysmap)
    }
    /// Events can come by an interrupt vector. `XENFEAT_hvm_callback_vector`.
    public static var callbackVector: HypervisorFeatures {
        HypervisorFeatures(bit: FeatureBit.callbackVector)
    }
    /// The clock's numbers outlive a move of the domain. `XENFEAT_hvm_safe_pvclock`.
    public static var safeClock: HypervisorFeatures { HypervisorFeatures(bit: FeatureBit.safePVClock) }
    /// Physical interrupts as events. `XENFEAT_hvm_pirqs`.
    public static var physicalInterrupts: HypervisorFeatures {
        HypervisorFeatures(bit: FeatureBit.physicalInterrupts)
    }
    /// The caller is domain 0. `XENFEAT_dom0`.
    public static var domain0: HypervisorFeatures { HypervisorFeatures(bit: FeatureBit.domain0) }
    /// Guest page numbers are not those of the machine, or are. `XENFEAT_not_direct_mapped`, `XENFEAT_direct_mapped`.
    public static var notDirectMapped: HypervisorFeatures {
        HypervisorFeatures(bit: FeatureBit.notDirectMapped)
    }
    public static var directMapped: HypervisorFeatures { HypervisorFeatures(bit: FeatureBit.directMapped) }
}
