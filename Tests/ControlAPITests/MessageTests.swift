// SPDX-License-Identifier: Apache-2.0
import Configuration
import FoundationEssentials
import Testing

@testable import ControlAPI

@Suite struct MessageTests {
    private func survives<Value: Codable & Equatable>(_ value: Value) throws {
        #expect(try JSON.decode(Value.self, from: JSON.encode(value)) == value)
        #expect(try JSON.decode(Value.self, from: JSON.encode(value, isPretty: true)) == value)
    }

    @Test func everyMessageSurvivesJSON() throws {
        var info = DomainInfo(id: 3, name: "web1", uuid: DomainUUID.random().description)
        info.isBlocked = true
        info.cpuTime = 12_345_678_901
        let configuration = DomainConfiguration(name: "web1", kernel: "/boot/k", memory: 128)
        try survives(info)
        try survives(CreateRequest(configuration: configuration, paused: true))
        try survives(CreateUpdate(progress: "loading"))
        try survives(CreateUpdate(domain: info))
        try survives(
            CreateUpdate(error: APIError(.kernelNoPVH, "x", details: ["path": "/k"]), console: "panic"))
        try survives(ShutdownRequest(wait: 5))
        try survives(
            DomainDetails(
                domain: info, configuration: configuration,
                vcpus: [
                    VcpuInfo(id: 0, isOnline: true, isBlocked: false, isRunning: true, cpuTime: 1, cpu: 0)
                ],
                backendProcess: 77))
        try survives(HostInfo())
        try survives(
            DomainEvent(kind: .backendRestarted, domain: 1, name: "a", time: 1, reason: "x", console: nil))
        try survives(VersionInfo())
    }

    @Test func jsonIsOneLineWithSortedKeys() {
        let text = String(decoding: JSON.encode(APIError(.domainUnknown, "a/b", hint: "h")), as: UTF8.self)
        #expect(text == #"{"code":"domain-unknown","hint":"h","message":"a/b"}"#)
    }

    @Test(arguments: [
        ("{", "not valid JSON"), ("[]", "wrong type"), ("{}", "configuration is missing"),
        (#"{"configuration":{"name":"a"}}"#, "configuration.kernel is missing"),
        (
            #"{"configuration":{"name":"a","kernel":"k","memory":"lots"}}"#,
            "configuration.memory has the wrong type"
        ),
        (
            #"{"configuration":{"name":"a","kernel":"k","memory":64,"disk":[{}]}}"#,
            "configuration.disk.[0].target is missing"
        ),
        (
            #"{"configuration":{"name":"a","kernel":"k","memory":64,"uuid":"z"}}"#,
            "configuration.uuid: \"z\" is not a UUID"
        ),
        (#"{"configuration":{"name":"a","kernel":"k","memory":64,"on_crash":"explode"}}"#, "on_crash"),
    ])
    func namesTheKeyThatIsWrong(text: String, message: String) {
        do {
            _ = try JSON.decode(CreateRequest.self, from: Array(text.utf8))
            Issue.record("accepted")
        } catch {
            #expect(error.code == "bad-request")
            #expect(error.message.contains(message), "\(error.message)")
        }
    }

    @Test func versionsAreNegotiated() {
        #expect(APIVersion.check(announced: nil) == nil && APIVersion.check(announced: "1") == nil)
        #expect(APIVersion.check(announced: "2")?.code == "api-version")
        #expect(APIVersion.check(announced: "0")?.code == "bad-request")
        #expect(APIVersion.check(announced: "one")?.code == "bad-request")
    }

    @Test func errorsArePrintedWithHintAndReference() {
        let error = APIError(.bridgeMissing, "there is no bridge br0", hint: "create it")
        #expect(
            error.report(program: "svctl", doing: "create \"web1\"")
                == "svctl: cannot create \"web1\": there is no bridge br0.\n  what to do: create it\n  see Docs/Errors.md#bridge-missing\n"
        )
    }

    @Test func everyErrorHasAStatusOfFailure() {
        for code in ErrorCode.allCases { #expect((400..<600).contains(APIError(code, "x").httpStatus)) }
    }
}

@Suite struct TextTableTests {
    private var domain: DomainInfo {
        var domain = DomainInfo(id: 3, name: "web1", uuid: "c0ffee00-1234-4678-9abc-def012345678")
        domain.memory = 131_072
        domain.vcpus = 1
        domain.isBlocked = true
        domain.cpuTime = 12_345_678_901
        domain.uptime = 93_784
        return domain
    }

    @Test func listHasTheColumnsOfXl() {
        #expect(
            TextTables.list([domain])
                == "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
                + "web1                                         3   128     1     -b----      12.3\n")
        var long = domain
        long.name = String(repeating: "n", count: 45)
        #expect(TextTables.list([long]).contains(long.name + "     3 "))
        #expect(
            TextTables.list([domain], isVerbose: true).contains(
                " c0ffee00-1234-4678-9abc-def012345678        -"))
    }

    @Test func secondsAreRounded() {
        #expect(TextTables.seconds(0) == "0.0" && TextTables.seconds(49_999_999) == "0.0")
        #expect(TextTables.seconds(50_000_000) == "0.1" && TextTables.seconds(999_950_000_000) == "1000.0")
        #expect(TextTables.seconds(.max) == "18446744073.7")
    }

    @Test func uptimeInDays() {
        #expect(TextTables.duration(93_784) == "1 day, 02:03:04" && TextTables.duration(59) == "00:00:59")
        #expect(
            TextTables.uptime([domain]) == "Name" + String(repeating: " ", count: 30) + "ID      Uptime\n"
                + "web1" + String(repeating: " ", count: 30) + "3       1 day, 02:03:04\n")
    }

    @Test func vcpusOnlineAndOffline() {
        let vcpus = [
            VcpuInfo(
                id: 0, isOnline: true, isBlocked: false, isRunning: true, cpuTime: 1_000_000_000, cpu: 0),
            VcpuInfo(id: 1, isOnline: false, isBlocked: false, isRunning: false, cpuTime: 0, cpu: 0),
        ]
        let lines = TextTables.vcpus([
            DomainDetails(domain: domain, configuration: nil, vcpus: vcpus, backendProcess: nil)
        ])
        .split(separator: "\n")
        #expect(lines.count == 3 && lines[1].contains("    0   r-- ") && lines[2].contains("    -   --p "))
    }

    @Test func infoNamesWhatXlNames() {
        var host = HostInfo()
        host.cpuKilohertz = 2_400_005
        host.totalMemory = 2 << 30
        host.xenMajor = 4
        host.xenMinor = 17
        host.xenExtra = ".7"
        let text = TextTables.info(host)
        for line in [
            "cpu_mhz                : 2400.005", "total_memory           : 2048",
            "xen_version            : 4.17.7",
        ] {
            #expect(text.contains(line + "\n"))
        }
    }

    @Test func eventsAreOneLineAndTheConsole() {
        let event = DomainEvent(
            kind: .crashed, domain: 3, name: "web1", time: 9, reason: "crash", console: "a\nb")
        #expect(TextTables.event(event) == "9 crashed web1 (domain 3): crash\n    | a\n    | b\n")
    }

    @Test func metricsAreEscaped() {
        var domain = domain
        domain.name = "a\"b\\c"
        let text = Metrics.text([domain], HostInfo())
        #expect(
            text.contains(#"swiftvisor_domain_cpu_seconds_total{domain="3",name="a\"b\\c"} 12.345"# + "\n"))
        #expect(text.contains("# TYPE swiftvisor_domains gauge\nswiftvisor_domains 1\n"))
    }
}

@Suite struct ErrorCatalogueTests {
    /// The catalogue beside the sources these tests were built from.
    private func catalogue() throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return String(decoding: try Data(contentsOf: URL(filePath: "/\(root)/Docs/Errors.md")), as: UTF8.self)
    }

    @Test func everyErrorHasAnEntryWithMeaningCauseAndRemedy() throws {
        let sections = try catalogue().split(separator: "\n### ").dropFirst()
        let codes = ErrorCode.allCases.map(\.rawValue) + ConfigurationError.Code.allCases.map(\.rawValue)
        for code in codes {
            let section = sections.first { $0.hasPrefix(code + "\n") }
            #expect(section != nil, "Docs/Errors.md has no entry for \(code)")
            for word in ["**Meaning.**", "**Usual cause.**", "**What to do.**"] {
                #expect(section?.contains(word) == true, "the entry for \(code) lacks \(word)")
            }
        }
        for section in sections {
            let name = section.prefix { $0 != "\n" }
            #expect(
                codes.contains(String(name)), "Docs/Errors.md has an entry for \(name), which nothing reports"
            )
        }
    }
}
