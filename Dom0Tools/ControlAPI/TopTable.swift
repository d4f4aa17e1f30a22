// SPDX-License-Identifier: Apache-2.0

/// What `svctl top` shows: what each domain used between two answers of svd.
public struct TopTable: Codable, Hashable, Sendable {
    /// One domain. Rates are nil where they are not known.
    public struct Row: Codable, Hashable, Sendable {
        public var id: Int
        public var name: String
        /// As in `svctl list`.
        public var state: String
        /// Of one physical CPU, with one digit after the point; more than 100 if several vCPUs ran.
        public var cpuPercent: Double?
        /// KiB.
        public var memory: UInt64
        public var vcpus: Int
        /// Bytes a second.
        public var netReceived: UInt64?
        public var netSent: UInt64?
        public var blockRead: UInt64?
        public var blockWritten: UInt64?

        private enum CodingKeys: String, CodingKey {
            case id, name, state, vcpus
            case cpuPercent = "cpu_percent"
            case memory = "memory_kib"
            case netReceived = "net_received_per_second"
            case netSent = "net_sent_per_second"
            case blockRead = "block_read_per_second"
            case blockWritten = "block_written_per_second"
        }
    }
    /// Bytes.
    public var totalMemory: UInt64
    public var freeMemory: UInt64
    public var cpuCount: Int
    public var domains: [Row]

    private enum CodingKeys: String, CodingKey {
        case domains
        case totalMemory = "total_memory_bytes"
        case freeMemory = "free_memory_bytes"
        case cpuCount = "nr_cpus"
    }

    /// - Parameter before: an earlier answer; without it no rate is known.
    public init(_ now: Usage, since before: Usage?) {
        totalMemory = now.host.totalMemory
        freeMemory = now.host.freeMemory
        cpuCount = now.host.cpuCount
        let elapsed = before.map { now.time > $0.time ? now.time - $0.time : 0 } ?? 0
        // Numbers of domains come again; what a domain that is gone used says nothing of its successor.
        let earlier = Dictionary(
            (before?.domains ?? []).map { ("\($0.domain.id) \($0.domain.uuid)", $0) }
        ) { first, _ in first }
        domains = now.domains.map { usage in
            let domain = usage.domain
            let old = earlier["\(domain.id) \(domain.uuid)"]
            /// A count that went back began anew.
            func perSecond(_ count: UInt64?, _ oldCount: UInt64?, scale: Double = 1) -> Double? {
                guard let count, let oldCount, elapsed > 0, count >= oldCount else { return nil }
                return Double(count - oldCount) * scale / Double(elapsed) * 1_000_000_000
            }
            func rate(_ key: KeyPath<DomainUsage.Traffic, UInt64>) -> UInt64? {
                perSecond(usage.traffic?[keyPath: key], old?.traffic?[keyPath: key])
                    .flatMap { UInt64(exactly: $0.rounded()) }
            }
            return Row(
                id: domain.id, name: domain.name, state: domain.stateLetters,
                cpuPercent: perSecond(domain.cpuTime, old?.domain.cpuTime, scale: 1e-7)
                    .map { ($0 * 10).rounded() / 10 },
                memory: domain.memory, vcpus: domain.vcpus, netReceived: rate(\.netReceived),
                netSent: rate(\.netSent), blockRead: rate(\.blockRead), blockWritten: rate(\.blockWritten))
        }
    }

    // MARK: Text

    /// `0`, `999`, `1.5K`, `12M`: at most five characters for less than 10 000 TiB; `-` if it is not known.
    static func brief(_ count: UInt64?) -> String {
        guard let count else { return "-" }
        var unit: UInt64 = 1
        for letter in ["", "K", "M", "G", "T"] {
            let whole = count / unit
            if whole < 1024 || letter == "T" {
                guard !letter.isEmpty, whole < 10 else { return "\(whole)\(letter)" }
                return "\(whole).\(count % unit * 10 / unit)\(letter)"
            }
            unit *= 1024
        }
        return "-"
    }
    private static func percent(_ value: Double?) -> String {
        guard let value, let tenths = Int(exactly: (value * 10).rounded()) else { return "-" }
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// The lines of the table, without their ends.
    /// - Parameter nameWidth: room for names, which are cut to it; nil: each name whole.
    func lines(nameWidth: Int?) -> [String] {
        func count(_ letter: Character) -> Int { domains.count { $0.state.contains(letter) } }
        let width = nameWidth ?? max(17, domains.map(\.name.count).max() ?? 0)
        func row(_ name: String, _ cells: [(String, Int)]) -> String {
            TextTables.left(String(name.prefix(width)), width)
                + cells.map { " " + TextTables.right($0.0, $0.1) }.joined()
        }
        var lines = [
            "\(domains.count) domains: \(count("r")) running, \(count("b")) blocked, \(count("p")) paused, "
                + "\(count("c")) crashed, \(count("d")) dying, \(count("s")) shut down",
            "memory \(totalMemory >> 20) MiB, \(freeMemory >> 20) MiB free; CPUs: \(cpuCount)",
            row(
                "NAME",
                [
                    ("ID", 4), ("STATE", 6), ("CPU%", 6), ("MiB", 6), ("VCPU", 4), ("NET-IN", 7),
                    ("NET-OUT", 7), ("DISK-RD", 7), ("DISK-WR", 7),
                ]),
        ]
        for domain in domains {
            lines.append(
                row(
                    domain.name,
                    [
                        ("\(domain.id)", 4), (domain.state, 6), (Self.percent(domain.cpuPercent), 6),
                        ("\(domain.memory / 1024)", 6), ("\(domain.vcpus)", 4),
                        (Self.brief(domain.netReceived), 7), (Self.brief(domain.netSent), 7),
                        (Self.brief(domain.blockRead), 7), (Self.brief(domain.blockWritten), 7),
                    ]))
        }
        return lines
    }

    /// The table as text to keep.
    public var text: String { lines(nameWidth: nil).map { $0 + "\n" }.joined() }

    /// What makes a terminal of that size show the table: each line over the one that stood there, the rest cleared.
    public func screen(columns: Int, rows: Int) -> String {
        // Everything but the name takes 63 columns.
        let lines = lines(nameWidth: max(4, columns - 63)).prefix(max(rows, 1))
        return "\u{1B}[H" + lines.map { $0.prefix(columns) + "\u{1B}[K" }.joined(separator: "\r\n")
            + "\u{1B}[J"
    }
}
