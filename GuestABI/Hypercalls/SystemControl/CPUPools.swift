// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// CPU pools: pool 0 has every CPU and every domain, and there is no other. `XEN_SYSCTL_cpupool_op`.
extension SystemControl {
    /// A pool; `noEntry` if it is not there. `XEN_SYSCTL_CPUPOOL_OP_INFO`.
    /// - Parameter capacity: CPUs from 0 on that are told.
    public static func cpuPool(_ id: UInt32, capacity: Int = 64) throws(XenError) -> CPUPool {
        typealias Word = Field<SysctlCPUPoolLayout, UInt32>
        var cpus = NumberSet(capacity: capacity)
        var block = poolBlock(CPUPoolOperation.info, id)
        try call(&block, &cpus)
        return CPUPool(
            id: block[Word.cpupool, at: body],
            scheduler: SchedulerKind(rawValue: block[Word.schedulerID, at: body]),
            domainCount: block[Word.domainCount, at: body], cpus: cpus)
    }
    /// The CPUs that no pool has. `XEN_SYSCTL_CPUPOOL_OP_FREEINFO`.
    public static func freeCPUs(capacity: Int = 64) throws(XenError) -> NumberSet {
        var cpus = NumberSet(capacity: capacity)
        var block = poolBlock(CPUPoolOperation.freeInfo, 0)
        try call(&block, &cpus)
        return cpus
    }
    /// Moves a domain; `noSuchDomain` comes before `noEntry` for the pool. `XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN`.
    public static func move(_ domain: DomainID, toPool id: UInt32) throws(XenError) {
        var block = poolBlock(CPUPoolOperation.moveDomain, id)
        block[Field<SysctlCPUPoolLayout, UInt32>.domain, at: body] = UInt32(domain.rawValue)
        try call(&block)
    }
    /// Makes a pool: refused with `invalidArgument`. `XEN_SYSCTL_CPUPOOL_OP_CREATE`.
    /// - Returns: its number.
    public static func createPool(_ scheduler: SchedulerKind) throws(XenError) -> UInt32 {
        var block = poolBlock(CPUPoolOperation.create, .max)
        block[Field<SysctlCPUPoolLayout, UInt32>.schedulerID, at: body] = scheduler.rawValue
        try call(&block)
        return block[Field<SysctlCPUPoolLayout, UInt32>.cpupool, at: body]
    }
    private static func poolBlock(_ operation: UInt32, _ id: UInt32) -> ArgumentBlock<SysctlLayout> {
        var block = block(SysctlOperation.cpupool)
        block[Field<SysctlCPUPoolLayout, UInt32>.operation, at: body] = operation
        block[Field<SysctlCPUPoolLayout, UInt32>.cpupool, at: body] = id
        return block
    }
    private static func call(
        _ block: inout ArgumentBlock<SysctlLayout>, _ cpus: inout NumberSet
    ) throws(XenError) {
        block[Field<SysctlCPUPoolLayout, UInt32>.bitCount, at: body] = UInt32(
            truncatingIfNeeded: cpus.capacity)
        try call(&block, Field<SysctlCPUPoolLayout, UInt64>.bitmap, &cpus.bytes)
    }
}
