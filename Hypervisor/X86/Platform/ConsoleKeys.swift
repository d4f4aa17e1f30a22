// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import XenABI

/// One key prints one thing (Xen's *keyhandler* idea). Three times Ctrl-A switches the serial line between Dom0 and these.
enum ConsoleKeys {
    static func pressed(_ key: UInt8, _ hypervisor: Ref<Hypervisor>) {
        switch key {
        case UInt8(ascii: "h"):
            hypervisor.print(
                "(sv) h this list; d domains; r scheduler; m memory; t trace on/off; T last trace records; P panic; R reboot\n"
            )
        case UInt8(ascii: "d"): domains(hypervisor)
        case UInt8(ascii: "r"):
            hypervisor.print("(sv) queued vCPUs: ")
            hypervisor.print(decimal: UInt64(hypervisor.state.scheduler.queuedCount))
            hypervisor.print(", queued timers: ")
            hypervisor.print(decimal: UInt64(hypervisor.state.timers.queuedCount))
            hypervisor.print("\n")
        case UInt8(ascii: "m"):
            hypervisor.print("(sv) frames free ")
            hypervisor.print(decimal: hypervisor.state.frames.freeFrames)
            hypervisor.print(" of ")
            hypervisor.print(decimal: hypervisor.state.frames.totalFrames)
            hypervisor.print(", promised ")
            hypervisor.print(decimal: hypervisor.state.frames.claimedFrames)
            hypervisor.print("\n")
        case UInt8(ascii: "t"): hypervisor.state.trace.isEnabled.toggle()
        case UInt8(ascii: "T"): trace(hypervisor, count: 64)
        case UInt8(ascii: "P"): preconditionFailure("asked for on the console")
        case UInt8(ascii: "R"): Machine.stop(.reboot)
        default: break
        }
    }
    static func domains(_ hypervisor: Ref<Hypervisor>) {
        var index = 0
        while let domain = hypervisor.state.domains[index] {
            hypervisor.print("(sv) d")
            hypervisor.print(decimal: UInt64(domain.id.rawValue))
            hypervisor.print(" pages ")
            hypervisor.print(decimal: domain.state.totalPages)
            hypervisor.print(" tables ")
            hypervisor.print(decimal: domain.state.physmap.tableCount)
            hypervisor.print(" pauses ")
            hypervisor.print(decimal: UInt64(domain.state.pauseCount))
            hypervisor.print(domain.state.isShutDown ? " shut down" : "")
            hypervisor.print("\n")
            domain.forEachVCPU { vcpu in
                hypervisor.print("(sv)   v")
                hypervisor.print(decimal: UInt64(vcpu.state.id))
                hypervisor.print(
                    vcpu.state.isDown ? " down" : vcpu.state.isBlocked ? " blocked" : " runnable")
                hypervisor.print(vcpu.state.runningOn >= 0 ? " running" : "")
                if vcpu.state.controlFrame != nil {
                    hypervisor.print(" rip ")
                    hypervisor.print(hex: vcpu.vmcb[.rip])
                    hypervisor.print(" cr3 ")
                    hypervisor.print(hex: vcpu.vmcb[.cr3])
                }
                if let info = vcpu.info {
                    hypervisor.print(" pending ")
                    hypervisor.print(hex: UInt64(info.load(.upcallPending)))
                    hypervisor.print(" vector ")
                    hypervisor.print(hex: UInt64(vcpu.state.upcallVector))
                }
                hypervisor.print(" requested ")
                hypervisor.print(hex: UInt64(vcpu.state.apic.requested.highest ?? 0))
                hypervisor.print(" in service ")
                hypervisor.print(hex: UInt64(vcpu.state.apic.inService.highest ?? 0))
                hypervisor.print(vcpu.state.apic.isSoftwareEnabled ? " enabled" : " disabled")
                hypervisor.print("\n")
            }
            index &+= 1
        }
    }
    static func trace(_ hypervisor: Ref<Hypervisor>, count: UInt64) {
        var back = count
        while back > 0 {
            back &-= 1
            guard let record = hypervisor.state.trace.recent(back) else { continue }
            hypervisor.print("  tsc ")
            hypervisor.print(decimal: record.tsc)
            hypervisor.print(" d")
            hypervisor.print(decimal: UInt64(record.domain))
            hypervisor.print("v")
            hypervisor.print(decimal: UInt64(record.vcpu))
            let name: StaticString =
                switch record.event {
                case .none: " -"
                case .exit: " exit"
                case .hypercall: " hypercall"
                case .switchTo: " switch"
                case .interrupt: " interrupt"
                case .inject: " inject"
                case .error: " error"
                case .nestedFault: " fault"
                case .upcall: " upcall"
                case .ended: " eoi"
                }
            hypervisor.print(name)
            hypervisor.print(" ")
            hypervisor.print(hex: record.first)
            hypervisor.print(" ")
            hypervisor.print(hex: record.second)
            hypervisor.print("\n")
        }
    }
}
