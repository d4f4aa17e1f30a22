// SPDX-License-Identifier: Apache-2.0
import HypercallTypes
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
        VersionedRead.read(version: { info.load(.timeVersion) }, relax: Processor.relax) {
            let base = info.load(Field<VCPUInfoLayout, UInt64>.timeSystemTime)
            let stamp = info.load(Field<VCPUInfoLayout, UInt64>.timeTSCTimestamp)
            let scale = TickScale(
                multiplier: info.load(.timeTSCToSystemMultiplier),
                shift: Int8(bitPattern: info.load(Field<VCPUInfoLayout, UInt8>(at: 60))))
            return base &+ scale.nanoseconds(Processor.timestamp &- stamp)
        }
    }

    /// Seconds of the wall clock at system time 0, and nanoseconds.
    public static var wallclock: (seconds: UInt64, nanoseconds: UInt32) {
        guard let shared = Events.shared else { return (0, 0) }
        return VersionedRead.read(version: { shared.load(.wallclockVersion) }, relax: Processor.relax) {
            let seconds =
                UInt64(shared.load(.wallclockSeconds)) | UInt64(shared.load(.wallclockSecondsHigh)) << 32
            return (seconds, shared.load(.wallclockNanoseconds))
        }
    }
}
