// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_platform_op`, for the control domain. Xen public/platform.h.
    func platformOperation(_ argument: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        var block = ArgumentBlock<PlatformLayout>()
        // The kernel's block may be shorter than the union: what an operation needs is read by its case.
        try copyIn(&block, byteCount: PlatformLayout.argumentOffset, at: argument)
        guard block[.interfaceVersion] == PlatformVersion.value else { throw .accessDenied }
        guard domain.state.isPrivileged else { throw .notPermitted }
        let body = PlatformLayout.argumentOffset
        switch block[.command] {
        case PlatformOperation.setTime64:
            try copyIn(&block, byteCount: body &+ PlatformSetTime64Layout.byteCount, at: argument)
            guard block[Field<PlatformSetTime64Layout, UInt32>.mustBeZero, in: body] == 0 else {
                throw .invalidArgument
            }
            try hypervisor.setWallclock(
                seconds: block[Field<PlatformSetTime64Layout, UInt64>.seconds, in: body],
                nanoseconds: block[Field<PlatformSetTime64Layout, UInt32>.nanoseconds, in: body],
                systemTime: block[Field<PlatformSetTime64Layout, UInt64>.systemTime, in: body])
            return 0
        case PlatformOperation.setTime32:
            try copyIn(&block, byteCount: body &+ PlatformSetTime32Layout.byteCount, at: argument)
            try hypervisor.setWallclock(
                seconds: UInt64(block[Field<PlatformSetTime32Layout, UInt32>.seconds, in: body]),
                nanoseconds: block[Field<PlatformSetTime32Layout, UInt32>.nanoseconds, in: body],
                systemTime: block[Field<PlatformSetTime32Layout, UInt64>.systemTime, in: body])
            return 0
        case PlatformOperation.getCPUInfo:
            try copyIn(&block, byteCount: body &+ PlatformCPUInfoLayout.byteCount, at: argument)
            let cpu = block[Field<PlatformCPUInfoLayout, UInt32>.cpu, in: body]
            let count = hypervisor.state.facts.cpuCount
            block[Field<PlatformCPUInfoLayout, UInt32>.maximumPresent, in: body] = count &- 1
            let exists = cpu < count
            block[Field<PlatformCPUInfoLayout, UInt32>.flags, in: body] =
                exists ? PhysicalCPUFlag.online : PhysicalCPUFlag.invalid
            block[Field<PlatformCPUInfoLayout, UInt32>.apicID, in: body] = exists ? cpu : .max
            block[Field<PlatformCPUInfoLayout, UInt32>.acpiID, in: body] = exists ? cpu : .max
            try copyOut(block, byteCount: body &+ PlatformCPUInfoLayout.byteCount, to: argument)
            return 0
        case PlatformOperation.enterACPISleep:
            try copyIn(&block, byteCount: body &+ PlatformACPISleepLayout.byteCount, at: argument)
            let flags = block[Field<PlatformACPISleepLayout, UInt32>.flags, in: body]
            guard flags & ~ACPISleepFlag.extended == 0 else { throw .invalidArgument }
            // Soft off is the only sleep that the machine is woken from by its owner.
            guard block[Field<PlatformACPISleepLayout, UInt32>.sleepState, in: body] == 5 else {
                throw .notSupported
            }
            hypervisor.state.hooks.stopMachine(.powerOff)
            return 0
        default: throw .notImplemented
        }
    }
}

extension Ref<Hypervisor> {
    /// Takes over the time of day: `seconds` and `nanoseconds` since 1970 at `systemTime` ns. Every domain's wallclock
    /// is rewritten. Throws `invalidArgument` for a time before the machine started counting.
    public func setWallclock(seconds: UInt64, nanoseconds: UInt32, systemTime: UInt64) throws(XenError) {
        guard nanoseconds < 1_000_000_000 else { throw .invalidArgument }
        var wholeSeconds = systemTime / 1_000_000_000
        let rest = UInt32(truncatingIfNeeded: systemTime % 1_000_000_000)
        var fraction = nanoseconds
        if fraction < rest {
            fraction &+= 1_000_000_000
            wholeSeconds &+= 1
        }
        guard seconds >= wholeSeconds else { throw .invalidArgument }
        state.wallclockSeconds = seconds &- wholeSeconds
        state.wallclockNanoseconds = fraction &- rest
        var index = 0
        while let domain = state.domains[index] {
            if domain.state.lifecycle == .alive { updateWallclock(domain) }
            index &+= 1
        }
    }
    /// Writes a domain's wallclock, with its offset, into its shared info by the version protocol.
    public func updateWallclock(_ domain: Ref<Domain>) {
        if domain.state.sharedInfoIs32Bit { return updateWallclock32(domain) }
        let view = domain.sharedInfo
        let seconds = state.wallclockSeconds &+ UInt64(bitPattern: domain.state.timeOffsetSeconds)
        let version = view.load(Field<SharedInfoLayout, UInt32>.wallclockVersion)
        view.store(version | 1, to: .wallclockVersion)
        fullMemoryBarrier()
        view.store(UInt32(truncatingIfNeeded: seconds), to: Field<SharedInfoLayout, UInt32>.wallclockSeconds)
        view.store(
            UInt32(truncatingIfNeeded: seconds &>> 32),
            to: Field<SharedInfoLayout, UInt32>.wallclockSecondsHigh)
        view.store(state.wallclockNanoseconds, to: Field<SharedInfoLayout, UInt32>.wallclockNanoseconds)
        fullMemoryBarrier()
        view.store((version | 1) &+ 1, to: .wallclockVersion)
    }
    /// The same in the 32-bit form.
    private func updateWallclock32(_ domain: Ref<Domain>) {
        let view = domain.sharedInfo32
        let seconds = state.wallclockSeconds &+ UInt64(bitPattern: domain.state.timeOffsetSeconds)
        let version = view.load(.wallclockVersion)
        view.store(version | 1, to: .wallclockVersion)
        fullMemoryBarrier()
        view.store(UInt32(truncatingIfNeeded: seconds), to: .wallclockSeconds)
        view.store(UInt32(truncatingIfNeeded: seconds &>> 32), to: .wallclockSecondsHigh)
        view.store(state.wallclockNanoseconds, to: .wallclockNanoseconds)
        fullMemoryBarrier()
        view.store((version | 1) &+ 1, to: .wallclockVersion)
    }
}
