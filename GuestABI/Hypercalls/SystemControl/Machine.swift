// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// CPUs, memory and nodes of the machine.
extension SystemControl {
    /// `XEN_SYSCTL_physinfo`.
    public static func physicalInfo() throws(XenError) -> PhysicalInfo {
        var block = block(SysctlOperation.physicalInfo)
        try call(&block)
        return PhysicalInfo(from: block, at: body)
    }
    /// How vCPUs share the CPUs. `XEN_SYSCTL_sched_id`.
    public static func scheduler() throws(XenError) -> SchedulerKind {
        var block = block(SysctlOperation.schedulerID)
        try call(&block)
        return SchedulerKind(rawValue: block[Field<SysctlSchedulerIDLayout, UInt32>.schedulerID, at: body])
    }
    /// Nanoseconds for which each CPU had nothing to do, of the first `maximum` CPUs. `XEN_SYSCTL_getcpuinfo`.
    public static func idleTimes(maximum: Int = 64) throws(XenError) -> [UInt64] {
        var times = [UInt64](repeating: 0, count: maximum)
        var block = block(SysctlOperation.getCPUInfo)
        block[Field<SysctlCPUInfoLayout, UInt32>.maximumCPUs, at: body] = UInt32(truncatingIfNeeded: maximum)
        try call(&block, Field<SysctlCPUInfoLayout, UInt64>.info, &times)
        let count = Int(block[Field<SysctlCPUInfoLayout, UInt32>.cpuCount, at: body])
        if count < maximum { times.removeLast(maximum - count) }
        return times
    }
    /// Bytes that nobody has, of addresses that need at least `minimumBits` and at most `maximumBits` bits; 0 for any.
    /// `XEN_SYSCTL_availheap`.
    /// - Parameter node: of one NUMA node, or nil for all.
    public static func availableMemory(
        minimumBits: UInt32 = 0, maximumBits: UInt32 = 0, node: UInt32? = nil
    ) throws(XenError) -> UInt64 {
        var block = block(SysctlOperation.availableHeap)
        block[Field<SysctlAvailableHeapLayout, UInt32>.minimumBits, at: body] = minimumBits
        block[Field<SysctlAvailableHeapLayout, UInt32>.maximumBits, at: body] = maximumBits
        block[Field<SysctlAvailableHeapLayout, Int32>.node, at: body] =
            node.map { Int32(truncatingIfNeeded: $0) } ?? -1
        try call(&block)
        return block[Field<SysctlAvailableHeapLayout, UInt64>.availableBytes, at: body]
    }
    /// How many CPUs there are. `XEN_SYSCTL_cputopoinfo` without a buffer.
    public static func cpuCount() throws(XenError) -> Int {
        var none = HypercallBuffer(byteCount: 0)
        return try topology(&none, room: 0)
    }
    /// Where the first `maximum` CPUs are. `XEN_SYSCTL_cputopoinfo`.
    public static func cpuTopology(maximum: Int = 64) throws(XenError) -> [CPUTopology] {
        var buffer = HypercallBuffer(byteCount: maximum * SysctlCPUTopologyLayout.byteCount)
        var found: [CPUTopology] = []
        for index in 0..<min(try topology(&buffer, room: maximum), maximum) {
            found.append(CPUTopology(from: buffer, at: index * SysctlCPUTopologyLayout.byteCount))
        }
        return found
    }
    private static func topology(_ buffer: inout HypercallBuffer, room: Int) throws(XenError) -> Int {
        var block = block(SysctlOperation.cpuTopology)
        block[Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount, at: body] = UInt32(
            truncatingIfNeeded: room)
        try call(&block, Field<SysctlCPUTopologyInfoLayout, UInt64>.topology, &buffer.bytes)
        return Int(block[Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount, at: body])
    }
    /// How many NUMA nodes there are. `XEN_SYSCTL_numainfo` without buffers.
    public static func nodeCount() throws(XenError) -> Int {
        var (memory, distances) = (HypercallBuffer(byteCount: 0), HypercallBuffer(byteCount: 0))
        return try nodes(&memory, &distances, room: 0)
    }
    /// Memory and distances of the NUMA nodes. `XEN_SYSCTL_numainfo`.
    public static func nodes() throws(XenError) -> NUMAInfo {
        let room = try nodeCount()
        var memory = HypercallBuffer(byteCount: room * SysctlMemoryInfoLayout.byteCount)
        var distances = HypercallBuffer(byteCount: room * room * 4)
        let count = try nodes(&memory, &distances, room: room)
        return NUMAInfo(memory: memory, distances: distances, count: count)
    }
    private static func nodes(
        _ memory: inout HypercallBuffer, _ distances: inout HypercallBuffer, room: Int
    ) throws(XenError) -> Int {
        typealias Long = Field<SysctlNUMAInfoLayout, UInt64>
        var block = block(SysctlOperation.numaInfo)
        block[Field<SysctlNUMAInfoLayout, UInt32>.nodeCount, at: body] = UInt32(truncatingIfNeeded: room)
        try Hypercall.check(
            Hypercall.withAddress(of: &memory) { memory in
                Hypercall.withAddress(of: &distances) { distances in
                    block[Long.memoryInfo, at: body] = memory
                    block[Long.distance, at: body] = distances
                    return Hypercall.invoke(HypercallNumber.sysctl, &block)
                }
            })
        return Int(block[Field<SysctlNUMAInfoLayout, UInt32>.nodeCount, at: body])
    }
    /// The NUMA nodes of PCI devices, of as many as the hypervisor answers for: of none here. `XEN_SYSCTL_pcitopoinfo`.
    public static func nodes(of devices: [PCIFunction]) throws(XenError) -> [UInt32] {
        typealias Byte = Field<PCIDeviceLayout, UInt8>
        var list = HypercallBuffer(byteCount: devices.count * PCIDeviceLayout.byteCount)
        for index in 0..<devices.count {
            let start = index * PCIDeviceLayout.byteCount
            list[Field<PCIDeviceLayout, UInt16>.segment, at: start] = devices[index].segment
            list[Byte.bus, at: start] = devices[index].bus
            list[Byte.deviceFunction, at: start] = devices[index].deviceFunction
        }
        var nodes = [UInt32](repeating: 0, count: devices.count)
        var block = block(SysctlOperation.pciTopology)
        block[Field<SysctlPCITopologyLayout, UInt32>.deviceCount, at: body] = UInt32(
            truncatingIfNeeded: devices.count)
        try Hypercall.check(
            Hypercall.withAddress(of: &list) { list in
                Hypercall.withAddress(of: &nodes) { nodes in
                    block[Field<SysctlPCITopologyLayout, UInt64>.devices, at: body] = list
                    block[Field<SysctlPCITopologyLayout, UInt64>.nodes, at: body] = nodes
                    return Hypercall.invoke(HypercallNumber.sysctl, &block)
                }
            })
        let answered = Int(block[Field<SysctlPCITopologyLayout, UInt32>.deviceCount, at: body])
        if answered < nodes.count { nodes.removeLast(nodes.count - answered) }
        return nodes
    }
}
