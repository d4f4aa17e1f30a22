// SPDX-License-Identifier: Apache-2.0

/// The texts that svctl prints, in the columns of the `xl` subcommands of the same name.
public enum TextTables {
    /// `text` in at least `width` columns, flush left.
    static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
    /// `text` in at least `width` columns, flush right.
    static func right(_ text: some CustomStringConvertible, _ width: Int) -> String {
        let text = text.description
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
    /// Nanoseconds as seconds with one digit after the point, rounded.
    static func seconds(_ nanoseconds: UInt64) -> String {
        let tenths = nanoseconds / 100_000_000 + (nanoseconds % 100_000_000 >= 50_000_000 ? 1 : 0)
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// `xl list`; with `-v` also UUID, why it stopped, and the security label that nobody has here.
    public static func list(_ domains: [DomainInfo], isVerbose: Bool = false) -> String {
        var text = "Name                                        ID   Mem VCPUs\tState\tTime(s)"
        if isVerbose { text += "   UUID                            Reason-Code\tSecurity Label" }
        text += "\n"
        for domain in domains {
            text +=
                left(domain.name, 40) + " " + right(domain.id, 5) + " " + right(domain.memory / 1024, 5) + " "
            text +=
                right(domain.vcpus, 5) + "     " + domain.stateLetters + "  "
                + right(seconds(domain.cpuTime), 8)
            if isVerbose {
                text +=
                    " " + domain.uuid + " "
                    + right(domain.isShutdown ? (domain.isCrashed ? 3 : 0).description : "-", 8)
                text += " " + right("-", 16)
            }
            text += "\n"
        }
        return text
    }

    /// `xl vcpu-list`.
    public static func vcpus(_ domains: [DomainDetails]) -> String {
        var text =
            left("Name", 32) + " " + right("ID", 5) + " " + right("VCPU", 5) + " " + right("CPU", 5) + " "
        text += right("State", 5) + " " + right("Time(s)", 9) + " Affinity (Hard / Soft)\n"
        for details in domains {
            for vcpu in details.vcpus {
                text +=
                    left(details.domain.name, 32) + " " + right(details.domain.id, 5) + " "
                    + right(vcpu.id, 5) + " "
                if vcpu.isOnline {
                    text +=
                        right(vcpu.cpu, 5) + "   " + (vcpu.isRunning ? "r" : "-")
                        + (vcpu.isBlocked ? "b" : "-") + "- "
                } else {
                    text += right("-", 5) + "   --p "
                }
                text += right(seconds(vcpu.cpuTime), 9) + "  all / all\n"
            }
        }
        return text
    }

    /// `xl uptime`.
    public static func uptime(_ domains: [DomainInfo]) -> String {
        var text = left("Name", 33) + " " + left("ID", 7) + " Uptime\n"
        for domain in domains {
            text += left(domain.name, 33) + " " + left(domain.id.description, 7) + " "
            text += (domain.uptime.map(duration) ?? "unknown") + "\n"
        }
        return text
    }

    /// `1 day, 02:03:04`.
    static func duration(_ seconds: Int) -> String {
        let days = seconds / 86400
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let prefix = days == 0 ? "" : days == 1 ? "1 day, " : "\(days) days, "
        return prefix + "\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }

    /// `xl info`.
    public static func info(_ host: HostInfo) -> String {
        let megahertz = host.cpuKilohertz / 1000
        let fraction = (host.cpuKilohertz % 1000).description
        let rows: [(String, String)] = [
            ("host", host.host), ("release", host.release), ("version", host.version),
            ("machine", host.machine),
            ("nr_cpus", "\(host.cpuCount)"), ("max_cpu_id", "\(host.maximumCpuID)"),
            ("nr_nodes", "\(host.nodeCount)"),
            ("cores_per_socket", "\(host.coresPerSocket)"), ("threads_per_core", "\(host.threadsPerCore)"),
            ("cpu_mhz", "\(megahertz)." + String(repeating: "0", count: 3 - fraction.count) + fraction),
            ("virt_caps", host.virtualCapabilities.joined(separator: " ")),
            ("total_memory", "\(host.totalMemory >> 20)"), ("free_memory", "\(host.freeMemory >> 20)"),
            ("sharing_freed_memory", "0"), ("sharing_used_memory", "0"), ("outstanding_claims", "0"),
            ("free_cpus", "\(host.freeCpus)"), ("xen_major", "\(host.xenMajor)"),
            ("xen_minor", "\(host.xenMinor)"),
            ("xen_extra", host.xenExtra),
            ("xen_version", "\(host.xenMajor).\(host.xenMinor)\(host.xenExtra)"),
            ("xen_caps", host.xenCapabilities), ("xen_scheduler", host.xenScheduler),
            ("xen_pagesize", "4096"),
            ("platform_params", "virt_start=0xffff800000000000"), ("xen_changeset", host.xenChangeset),
            ("xen_commandline", host.xenCommandLine), ("cc_compiler", host.xenCompiler),
            ("cc_compile_by", host.xenCompileBy), ("cc_compile_domain", host.xenCompileDomain),
            ("cc_compile_date", host.xenCompileDate), ("svd_release", host.svdRelease),
        ]
        return rows.map { left($0.0, 23) + ": " + $0.1 + "\n" }.joined()
    }

    /// One line for one event.
    public static func event(_ event: DomainEvent) -> String {
        var text = "\(event.time) \(event.kind.rawValue) \(event.name) (domain \(event.domain))"
        if let reason = event.reason { text += ": \(reason)" }
        text += "\n"
        if let console = event.console, !console.isEmpty {
            text += console.split(separator: "\n", omittingEmptySubsequences: true).map { "    | \($0)\n" }
                .joined()
        }
        return text
    }
}
