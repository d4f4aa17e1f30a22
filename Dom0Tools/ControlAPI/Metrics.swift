// SPDX-License-Identifier: Apache-2.0

/// Domains and machine in the text format of Prometheus.
public enum Metrics {
    public static func text(_ domains: [DomainInfo], _ host: HostInfo) -> String {
        var text = ""
        func family(_ name: String, _ type: String, _ help: String, _ rows: [(String, String)]) {
            text += "# HELP swiftvisor_\(name) \(help)\n# TYPE swiftvisor_\(name) \(type)\n"
            for row in rows { text += "swiftvisor_\(name)\(row.0) \(row.1)\n" }
        }
        func each(_ value: (DomainInfo) -> String) -> [(String, String)] {
            domains.map { ("{domain=\"\($0.id)\",name=\"\(escaped($0.name))\"}", value($0)) }
        }
        family("domains", "gauge", "Number of domains, domain 0 included.", [("", "\(domains.count)")])
        family("memory_total_bytes", "gauge", "Memory of the machine.", [("", "\(host.totalMemory)")])
        family("memory_free_bytes", "gauge", "Memory that no domain has.", [("", "\(host.freeMemory)")])
        family("cpus", "gauge", "Physical CPUs.", [("", "\(host.cpuCount)")])
        family(
            "domain_cpu_seconds_total", "counter", "Time the domain's vCPUs ran.",
            each { seconds($0.cpuTime) })
        family("domain_memory_bytes", "gauge", "Memory the domain has.", each { "\($0.memory * 1024)" })
        family(
            "domain_memory_max_bytes", "gauge", "Memory the domain may have.",
            each { "\($0.maximumMemory * 1024)" })
        family("domain_vcpus", "gauge", "vCPUs online.", each { "\($0.vcpus)" })
        family("domain_paused", "gauge", "1 if the domain is paused.", each { $0.isPaused ? "1" : "0" })
        family(
            "domain_crashed", "gauge", "1 if the domain crashed and is kept.",
            each { $0.isCrashed ? "1" : "0" })
        return text
    }

    private static func escaped(_ name: String) -> String {
        String(name.flatMap { $0 == "\"" || $0 == "\\" ? "\\\($0)" : $0 == "\n" ? "\\n" : "\($0)" })
    }
    private static func seconds(_ nanoseconds: UInt64) -> String {
        let fraction = (nanoseconds % 1_000_000_000 / 1_000_000).description
        return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 3 - fraction.count)
            + fraction
    }
}
