// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What the hypervisor says of a domain. `struct xen_domctl_getdomaininfo` in the manager's words.
public struct DomainStatus: Hashable, Sendable {
    public var id: DomainID
    /// 16 bytes.
    public var handle: [UInt8]
    public var isRunning = false
    public var isBlocked = false
    public var isPaused = false
    public var isDying = false
    /// Why it stopped, nil while it has not.
    public var shutdownReason: StopReason?
    public var totalPages: UInt64 = 0
    public var maximumPages: UInt64 = 0
    /// Nanoseconds.
    public var cpuTime: UInt64 = 0
    public var onlineVCPUs: UInt32 = 0
    /// Number of vCPUs it has, online or not.
    public var vcpuCount: UInt32 = 0

    public init(id: DomainID, handle: [UInt8]) {
        self.id = id
        self.handle = handle
    }
}

/// Why a domain stopped by itself. `SHUTDOWN_…`, `public/sched.h`.
public struct StopReason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `SHUTDOWN_poweroff`.
    public static let poweroff = StopReason(rawValue: ShutdownReason.powerOff)
    /// `SHUTDOWN_reboot`.
    public static let reboot = StopReason(rawValue: ShutdownReason.reboot)
    /// `SHUTDOWN_suspend`.
    public static let suspend = StopReason(rawValue: ShutdownReason.suspend)
    /// `SHUTDOWN_crash`.
    public static let crash = StopReason(rawValue: ShutdownReason.crash)
    /// `SHUTDOWN_watchdog`.
    public static let watchdog = StopReason(rawValue: ShutdownReason.watchdog)
    /// True for crash, watchdog and everything the ABI does not name.
    public var isFailure: Bool { self != .poweroff && self != .reboot && self != .suspend }

    public var description: String {
        switch self {
        case .poweroff: return "poweroff"
        case .reboot: return "reboot"
        case .suspend: return "suspend"
        case .crash: return "crash"
        case .watchdog: return "watchdog"
        default: return "reason \(rawValue)"
        }
    }
}
