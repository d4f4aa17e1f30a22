// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// System time, as the hypervisor publishes it beside each vCPU's event flags. `struct vcpu_time_info`, `public/xen.h`.
public enum Clock {
    /// Nanoseconds since the hypervisor started, read by the version protocol from vCPU 0's block; 0 before `Events.start`.
    public static var now: UInt64 {
        guard let info = Events.info(of: 0) else { return 0 }
        return systemTime(from: info)
    }
    static func systemTime(from info: SharedView<VCPUInfoLayout>) -> UInt64 {
        while true {
            let before = info.load(.timeVersion)
            if before & 1 == 0 {
                let base = info.load(Field<VCPUInfoLayout, UInt64>.timeSystemTime)
                let stamp = info.load(Field<VCPUInfoLayout, UInt64>.timeTSCTimestamp)
                let multiplier = info.load(.timeTSCToSystemMultiplier)
                let shift = Int8(bitPattern: info.load(Field<VCPUInfoLayout, UInt8>(at: 60)))
                let now = Processor.timestamp
                if info.load(.timeVersion) == before {
                    return base &+ nanoseconds(now &- stamp, multiplier, shift)
                }
            }
            Processor.relax()
        }
    }
    /// Ticks as nanoseconds: shifted, then times a 32.32 fixed-point factor.
    static func nanoseconds(_ ticks: UInt64, _ multiplier: UInt32, _ shift: Int8) -> UInt64 {
        let shifted = shift >= 0 ? ticks &<< UInt64(UInt8(shift)) : ticks &>> UInt64(shift.magnitude)
        let product = shifted.multipliedFullWidth(by: UInt64(multiplier))
        return product.high &<< 32 | product.low &>> 32
    }

    /// Seconds of the wall clock at system time 0, and nanoseconds.
    public static var wallclock: (seconds: UInt64, nanoseconds: UInt32) {
        guard let shared = Events.shared else { return (0, 0) }
        while true {
            let before = shared.load(.wallclockVersion)
            if before & 1 == 0 {
                let seconds =
                    UInt64(shared.load(.wallclockSeconds)) | UInt64(shared.load(.wallclockSecondsHigh)) << 32
                let nanoseconds = shared.load(.wallclockNanoseconds)
                if shared.load(.wallclockVersion) == before { return (seconds, nanoseconds) }
            }
            Processor.relax()
        }
    }
}
