// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_physdev_op`: what the hardware domain says about PCI. The bus was scanned at boot and configuration
    /// space is trapped whoever speaks, so the calls carry no news; they succeed. There are no PIRQs.
    /// Xen public/physdev.h.
    func physicalDeviceOperation(_ command: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        guard domain.state.isHardwareDomain else { throw .notImplemented }
        switch command {
        case UInt64(PhysicalDeviceOperation.pciMMCFGReserved):
            let block = try copyIn(PCIMMCFGReservedLayout.self, at: argument)
            guard block[.startBus] <= block[.endBus], block[.address] & 0xfffff == 0 else {
                throw .invalidArgument
            }
            return 0
        case UInt64(PhysicalDeviceOperation.pciDeviceAdd):
            _ = try copyIn(PCIDeviceAddLayout.self, at: argument)
            return 0
        case UInt64(PhysicalDeviceOperation.pciDeviceRemove):
            _ = try copyIn(PCIDeviceLayout.self, at: argument)
            return 0
        default: throw .notImplemented
        }
    }
}
