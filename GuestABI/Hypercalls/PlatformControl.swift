// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Platform operations, for the hardware domain; others get `notPermitted`. `HYPERVISOR_platform_op`, `public/platform.h`.
public enum PlatformControl {
    private static var body: Int { PlatformLayout.argumentOffset }

    /// The raw form: a block for `operation`, with the interface version set.
    public static func block(_ operation: UInt32) -> ArgumentBlock<PlatformLayout> {
        var block = ArgumentBlock<PlatformLayout>()
        block[.command] = operation
        block[.interfaceVersion] = PlatformVersion.value
        return block
    }
    /// The raw form: makes the call; results are in the block.
    public static func call(_ block: inout ArgumentBlock<PlatformLayout>) throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.platform, &block))
    }

    /// Sets the time of day, in seconds since 1970, at a system time in ns. `XENPF_settime64`.
    /// - Throws: `invalidArgument` for a second of nanoseconds or more, or a time before the machine started.
    public static func setTime(
        seconds: UInt64, nanoseconds: UInt32, systemTime: UInt64
    ) throws(XenError) {
        var block = block(PlatformOperation.setTime64)
        block[Field<PlatformSetTime64Layout, UInt64>.seconds, at: body] = seconds
        block[Field<PlatformSetTime64Layout, UInt32>.nanoseconds, at: body] = nanoseconds
        block[Field<PlatformSetTime64Layout, UInt64>.systemTime, at: body] = systemTime
        try call(&block)
    }
    /// The same with seconds of 32 bits, for older callers. `XENPF_settime32`.
    public static func setTime32(
        seconds: UInt32, nanoseconds: UInt32, systemTime: UInt64
    ) throws(XenError) {
        var block = block(PlatformOperation.setTime32)
        block[Field<PlatformSetTime32Layout, UInt32>.seconds, at: body] = seconds
        block[Field<PlatformSetTime32Layout, UInt32>.nanoseconds, at: body] = nanoseconds
        block[Field<PlatformSetTime32Layout, UInt64>.systemTime, at: body] = systemTime
        try call(&block)
    }
    /// One physical CPU; a number that does not exist is answered with `invalid`. `XENPF_get_cpuinfo`.
    public static func cpuInfo(_ number: UInt32) throws(XenError) -> PhysicalCPU {
        var block = block(PlatformOperation.getCPUInfo)
        block[Field<PlatformCPUInfoLayout, UInt32>.cpu, at: body] = number
        try call(&block)
        return PhysicalCPU(from: block, at: body)
    }
    /// Puts the machine to sleep, of which only soft off (S5) is offered; others are `notSupported`.
    /// `XENPF_enter_acpi_sleep`.
    /// - Parameters:
    ///   - state: 1 to 5.
    ///   - valueA: for the first ACPI control register, and `valueB` for the second.
    ///   - extended: the values are for the registers of hardware-reduced ACPI.
    public static func sleep(
        state: UInt32, valueA: UInt16 = 0, valueB: UInt16 = 0, extended: Bool = false
    ) throws(XenError) {
        var block = block(PlatformOperation.enterACPISleep)
        block[Field<PlatformACPISleepLayout, UInt16>.valueA, at: body] = valueA
        block[Field<PlatformACPISleepLayout, UInt16>.valueB, at: body] = valueB
        block[Field<PlatformACPISleepLayout, UInt32>.sleepState, at: body] = state
        block[Field<PlatformACPISleepLayout, UInt32>.flags, at: body] = extended ? ACPISleepFlag.extended : 0
        try call(&block)
    }
}
