// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// What the hardware domain tells of its devices; others get `notImplemented`. `HYPERVISOR_physdev_op`,
/// `public/physdev.h`.
public enum PhysicalDevices {
    /// A window of PCI configuration space: 1 MiB for each bus. `PHYSDEVOP_pci_mmcfg_reserved`.
    /// - Parameter address: of bus 0, whether or not it is among the buses.
    /// - Throws: `invalidArgument` for no bus, or an address that is no multiple of 1 MiB.
    public static func addConfigurationWindow(
        at address: MachinePhysical, segment: UInt16 = 0, buses: ClosedRange<UInt8>, isReserved: Bool = true
    ) throws(XenError) {
        var block = ArgumentBlock<PCIMMCFGReservedLayout>()
        block[.address] = address.rawValue
        block[.segment] = segment
        block[.startBus] = buses.lowerBound
        block[.endBus] = buses.upperBound
        block[.flags] = isReserved ? PCIMMCFGFlag.reserved : 0
        try Hypercall.call(
            HypercallNumber.physicalDevice, PhysicalDeviceOperation.pciMMCFGReserved, &block)
    }
    /// A function that was found. `PHYSDEVOP_pci_device_add`.
    /// - Parameter physical: the function of which it is a virtual one.
    public static func add(_ function: PCIFunction, virtualOf physical: PCIFunction? = nil) throws(XenError) {
        var block = ArgumentBlock<PCIDeviceAddLayout>()
        block[.segment] = function.segment
        block[.bus] = function.bus
        block[.deviceFunction] = function.deviceFunction
        if let physical {
            block[.flags] = PCIDeviceFlag.virtualFunction
            block[.physicalFunctionBus] = physical.bus
            block[.physicalFunctionDeviceFunction] = physical.deviceFunction
        }
        try Hypercall.call(HypercallNumber.physicalDevice, PhysicalDeviceOperation.pciDeviceAdd, &block)
    }
    /// A function that went away. `PHYSDEVOP_pci_device_remove`.
    public static func remove(_ function: PCIFunction) throws(XenError) {
        var block = ArgumentBlock<PCIDeviceLayout>()
        block[.segment] = function.segment
        block[.bus] = function.bus
        block[.deviceFunction] = function.deviceFunction
        try Hypercall.call(HypercallNumber.physicalDevice, PhysicalDeviceOperation.pciDeviceRemove, &block)
    }
}
