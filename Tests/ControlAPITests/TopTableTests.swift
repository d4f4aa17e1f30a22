// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Testing

@Suite struct TopTableTests {
    private static func domain(
        _ id: Int, _ name: String, cpuTime: UInt64, traffic: DomainUsage.Traffic? = nil, uuid: String = "u"
    ) -> DomainUsage {
        var info = DomainInfo(id: id, name: name, uuid: uuid)
        info.cpuTime = cpuTime
        info.memory = 131_072
        info.vcpus = 2
        info.isBlocked = true
        return DomainUsage(domain: info, traffic: traffic)
    }
    private static func usage(_ time: UInt64, _ domains: [DomainUsage]) -> Usage {
        var host = HostInfo()
        host.totalMemory = 1 << 30
        host.freeMemory = 300 << 20
        host.cpuCount = 2
        return Usage(time: time, host: host, domains: domains)
    }
    private static func traffic(_ scale: UInt64) -> DomainUsage.Traffic {
        .init(netReceived: scale, netSent: 2 * scale, blockRead: 3 * scale, blockWritten: 4 * scale)
    }

    @Test func ratesAreDifferencesBySeconds() {
        let before = Self.usage(
            5_000_000_000,
            [Self.domain(1, "web1", cpuTime: 1_000_000_000, traffic: Self.traffic(1000))])
        let now = Self.usage(
            7_500_000_000,
            [Self.domain(1, "web1", cpuTime: 2_234_000_000, traffic: Self.traffic(6000))])
        let row = TopTable(now, since: before).domains[0]
        #expect(row.cpuPercent == 49.4)
        #expect(row.netReceived == 2000 && row.netSent == 4000)
        #expect(row.blockRead == 6000 && row.blockWritten == 8000)
        #expect(row.state == "-b----" && row.memory == 131_072 && row.vcpus == 2)
    }

    @Test func severalVCPUsAreMoreThanOneHundredPercent() {
        let table = TopTable(
            Self.usage(1_000_000_000, [Self.domain(1, "a", cpuTime: 2_000_000_000)]),
            since: Self.usage(0, [Self.domain(1, "a", cpuTime: 0)]))
        #expect(table.domains[0].cpuPercent == 200)
    }

    @Test func whatCannotBeIsNotKnown() {
        let table = TopTable(
            Self.usage(2, [Self.domain(1, "a", cpuTime: .max, traffic: Self.traffic(.max / 4))]),
            since: Self.usage(1, [Self.domain(1, "a", cpuTime: 0, traffic: Self.traffic(0))]))
        #expect(table.domains[0].netReceived == nil && table.domains[0].blockWritten == nil)
        #expect(table.text.contains("\na "))
    }

    @Test func whatIsNotKnownIsNotMadeUp() {
        let old = Self.domain(1, "a", cpuTime: 500, traffic: Self.traffic(50))
        func row(_ now: DomainUsage, _ before: Usage?, time: UInt64 = 2_000_000_000) -> TopTable.Row {
            TopTable(Self.usage(time, [now]), since: before).domains[0]
        }
        func isBlank(_ row: TopTable.Row) -> Bool {
            row.cpuPercent == nil && row.netReceived == nil && row.blockWritten == nil
        }
        let before = Self.usage(1_000_000_000, [old])
        // Nothing before; the clock of another svd; a domain that is new, or another of the same number.
        #expect(isBlank(row(old, nil)))
        #expect(
            isBlank(row(old, before, time: 900_000_000)) && isBlank(row(old, before, time: 1_000_000_000)))
        #expect(isBlank(row(Self.domain(2, "b", cpuTime: 9000, traffic: Self.traffic(90)), before)))
        #expect(
            isBlank(row(Self.domain(1, "a", cpuTime: 9000, traffic: Self.traffic(90), uuid: "v"), before)))
        // Counts that went back.
        #expect(isBlank(row(Self.domain(1, "a", cpuTime: 100, traffic: Self.traffic(5)), before)))
        // A domain without devices of ours, or whose backend was started since.
        let other = row(Self.domain(1, "a", cpuTime: 600), before)
        #expect(other.cpuPercent == 0 && other.netSent == nil)
        let gained = TopTable(
            Self.usage(2, [old]), since: Self.usage(1, [Self.domain(1, "a", cpuTime: 500)]))
        #expect(gained.domains[0].netSent == nil && gained.domains[0].cpuPercent == 0)
        #expect(TopTable(Self.usage(2, []), since: before).domains.isEmpty)
    }

    @Test(
        arguments: [
            (0, "0"), (999, "999"), (1023, "1023"), (1024, "1.0K"), (1536, "1.5K"), (10 << 10, "10K"),
            ((10 << 10) - 1, "9.9K"), ((1 << 20) - 1, "1023K"), (1 << 20, "1.0M"), (5 << 30, "5.0G"),
            (70 << 40, "70T"), (UInt64.max, "16777215T"),
        ] as [(UInt64, String)]) func countsAreBrief(_ count: UInt64, _ text: String)
    {
        var row = TopTable(
            Self.usage(1_000_000_000, [Self.domain(1, "a", cpuTime: 0, traffic: Self.traffic(0))]), since: nil
        )
        row.domains[0].netReceived = count
        #expect(row.text.split(separator: "\n").last?.split(separator: " ")[6] == text[...])
    }

    @Test func theTableHasItsColumns() {
        let table = TopTable(
            Self.usage(
                2_000_000_000,
                [
                    Self.domain(0, "Domain-0", cpuTime: 1_500_000_000),
                    Self.domain(12, "web1", cpuTime: 50_000_000, traffic: Self.traffic(2000)),
                ]),
            since: Self.usage(
                1_000_000_000,
                [
                    Self.domain(0, "Domain-0", cpuTime: 1_000_000_000),
                    Self.domain(12, "web1", cpuTime: 0, traffic: Self.traffic(0)),
                ]))
        #expect(
            table.text == """
                2 domains: 0 running, 2 blocked, 0 paused, 0 crashed, 0 dying, 0 shut down
                memory 1024 MiB, 300 MiB free; CPUs: 2
                NAME                ID  STATE   CPU%    MiB VCPU  NET-IN NET-OUT DISK-RD DISK-WR
                Domain-0             0 -b----   50.0    128    2       -       -       -       -
                web1                12 -b----    5.0    128    2    1.9K    3.9K    5.8K    7.8K

                """)
        var long = table
        long.domains[0].name = String(repeating: "n", count: 40)
        #expect(long.text.contains(long.domains[0].name + "    0 -b----"))
        #expect(long.text.contains("web1" + String(repeating: " ", count: 39) + "12 -b----"))
    }

    @Test func aScreenFitsItsTerminal() {
        let domains = (0..<30).map { Self.domain($0, "domain-with-a-long-name-\($0)", cpuTime: 0) }
        let table = TopTable(Self.usage(1, domains), since: nil)
        for (columns, rows) in [(80, 24), (200, 60), (20, 3), (1, 1)] {
            let screen = table.screen(columns: columns, rows: rows)
            #expect(screen.hasPrefix("\u{1B}[H") && screen.hasSuffix("\u{1B}[K\u{1B}[J"))
            let lines = screen.dropFirst(3).dropLast(3).split(
                separator: "\r\n", omittingEmptySubsequences: false)
            #expect(lines.count == min(rows, 33))
            #expect(lines.allSatisfy { $0.hasSuffix("\u{1B}[K") && $0.count - 3 <= columns })
        }
        #expect(table.screen(columns: 80, rows: 24).contains("domain-with-a-lon    0"))
    }

    @Test func theObjectHasItsKeys() throws {
        let table = TopTable(
            Self.usage(
                1_000_000_000, [Self.domain(1, "a", cpuTime: 123_456_789, traffic: Self.traffic(7))]),
            since: Self.usage(0, [Self.domain(1, "a", cpuTime: 0, traffic: Self.traffic(0))]))
        #expect(
            String(decoding: JSON.encode(table), as: UTF8.self)
                == #"{"domains":[{"block_read_per_second":21,"block_written_per_second":28,"cpu_percent":12.3,"#
                + #""id":1,"memory_kib":131072,"name":"a","net_received_per_second":7,"net_sent_per_second":14,"#
                + #""state":"-b----","vcpus":2}],"free_memory_bytes":314572800,"nr_cpus":2,"#
                + #""total_memory_bytes":1073741824}"#)
        #expect(try JSON.decode(TopTable.self, from: JSON.encode(table)) == table)
    }
}
