// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI

/// Commands in their plainest form, with names and no option, are done without the argument parser: it takes half the time
/// of a short command, and scripts run many of these.
enum Shortcut {
    /// Does the command if it is one of these; false if the argument parser has to look at it.
    static func run(_ arguments: ArraySlice<String>) throws(Failure) -> Bool {
        guard let command = arguments.first, !arguments.contains(where: { $0.hasPrefix("-") || $0.isEmpty })
        else { return false }
        let words = arguments.dropFirst()
        switch (command, words.count) {
        case ("list", 0): Output.print(TextTables.list(try all()))
        case ("pause", 1): for domain in words { try pause(domain) }
        case ("unpause", 1): for domain in words { try unpause(domain) }
        case ("destroy", 1...): for domain in words { try destroy(domain) }
        default: return false
        }
        return true
    }

    static func all() throws(Failure) -> [DomainInfo] { try fetch("list domains", "/v1/domains") }
    static func pause(_ domain: String) throws(Failure) {
        try doing("pause \"\(domain)\"") { () throws(APIError) in
            try service.tell("POST", path(domain, "pause"))
        }
    }
    static func unpause(_ domain: String) throws(Failure) {
        try doing("unpause \"\(domain)\"") { () throws(APIError) in
            try service.tell("POST", path(domain, "unpause"))
        }
    }
    static func destroy(_ domain: String) throws(Failure) {
        try doing("destroy \"\(domain)\"") { () throws(APIError) in try service.tell("DELETE", path(domain)) }
    }
}

private func path(_ domain: String, _ action: String = "") -> String {
    "/v1/domains/" + ControlClient.escaped(domain) + (action.isEmpty ? "" : "/" + action)
}

private func printJSON(_ value: some Encodable) {
    Output.print(String(decoding: JSON.encode(value, isPretty: true), as: UTF8.self) + "\n")
}

private func fetch<Answer: Decodable>(_ what: String, _ path: String) throws(Failure) -> Answer {
    try doing(what) { () throws(APIError) in try service.ask("GET", path) }
}

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List domains.", aliases: ["ls"])
    @Argument(help: "Names or numbers; all if none.") var domains: [String] = []
    @Flag(name: .shortAndLong, help: "Everything about each domain, as JSON.") var long = false
    @Flag(name: .long, help: "The same list as JSON.") var json = false
    @Flag(name: .shortAndLong, help: "UUIDs and why a domain stopped.") var verbose = false
    @Flag(
        name: [.customShort("Z"), .customLong("context"), .customShort("c"), .customShort("n")], help: .hidden
    ) var ignoredFlags: Int

    func run() throws {
        if long {
            let names = domains.isEmpty ? try all().map { String($0.id) } : domains
            var details: [DomainDetails] = []
            for name in names { details.append(try fetch("list \"\(name)\"", path(name))) }
            printJSON(details)
            return
        }
        var list: [DomainInfo] = []
        if domains.isEmpty {
            list = try all()
        } else {
            for name in domains {
                let details: DomainDetails = try fetch("list \"\(name)\"", path(name))
                list.append(details.domain)
            }
        }
        if json { printJSON(list) } else { Output.print(TextTables.list(list, isVerbose: verbose)) }
    }
    private func all() throws -> [DomainInfo] { try Shortcut.all() }
}

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop a domain's vCPUs until unpause.")
    @Argument(help: "Name or number of the domain.") var domain: String
    func run() throws { try Shortcut.pause(domain) }
}

struct Unpause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpause", abstract: "Let a paused domain run.")
    @Argument(help: "Name or number of the domain.") var domain: String
    func run() throws { try Shortcut.unpause(domain) }
}

struct StopOptions: ParsableArguments {
    @Argument(help: "Name or number of the domain.") var domains: [String] = []
    @Flag(name: .shortAndLong, help: "All domains but domain 0.") var all = false
    @Flag(name: .shortAndLong, help: "Wait until it is done.") var wait = false
    @Option(name: .long, help: "Seconds to wait at most, with -w.") var timeout = 120
    @Flag(name: .customShort("F"), help: .hidden) var ignoredFallback = false

    func validate() throws {
        guard all != !domains.isEmpty else { throw ValidationError("Name a domain, or give -a for all.") }
        guard (1...86400).contains(timeout) else {
            throw ValidationError("--timeout must be 1 to 86400 seconds.")
        }
    }

    func send(_ action: String) throws {
        var names = domains
        if all {
            let list: [DomainInfo] = try fetch("list domains", "/v1/domains")
            names = list.filter { $0.id != 0 }.map { String($0.id) }
        }
        // Ask all of them first, so that they stop at the same time.
        if wait && names.count > 1 {
            for name in names { try send(action, to: name, wait: nil) }
            for name in names { try? send(action, to: name, wait: timeout) }
            return
        }
        for name in names { try send(action, to: name, wait: wait ? timeout : nil) }
    }
    private func send(_ action: String, to name: String, wait: Int?) throws {
        try doing("\(action == "reboot" ? "reboot" : "shut down") \"\(name)\"") { () throws(APIError) in
            try service.tell("POST", path(name, action), body: ShutdownRequest(wait: wait))
        }
    }
}

struct Shutdown: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shutdown", abstract: "Ask a domain's kernel to power off.")
    @OptionGroup var options: StopOptions
    func run() throws { try options.send("shutdown") }
}

struct Reboot: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reboot", abstract: "Ask a domain's kernel to reboot.")
    @OptionGroup var options: StopOptions
    func run() throws { try options.send("reboot") }
}

struct Destroy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy", abstract: "End a domain at once, as if its power were cut.")
    @Argument(help: "Names or numbers of domains.") var domains: [String]
    @Flag(name: .short, help: .hidden) var force = false
    func run() throws { for domain in domains { try Shortcut.destroy(domain) } }
}

struct Rename: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename", abstract: "Give a domain another name.")
    @Argument(help: "Name or number of the domain.") var domain: String
    @Argument(help: "The new name.") var name: String
    func run() throws {
        try doing("rename \"\(domain)\"") { () throws(APIError) in
            try service.tell("POST", path(domain, "rename"), body: RenameRequest(name: name))
        }
    }
}

struct DomainIdentifier: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domid", abstract: "Print a domain's number.")
    @Argument(help: "Name of the domain.") var domain: String
    func run() throws {
        let details: DomainDetails = try fetch("find \"\(domain)\"", path(domain))
        Output.print("\(details.domain.id)\n")
    }
}

struct DomainName: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domname", abstract: "Print a domain's name.")
    @Argument(help: "Number of the domain.") var domain: String
    func run() throws {
        let details: DomainDetails = try fetch("find \"\(domain)\"", path(domain))
        Output.print("\(details.domain.name)\n")
    }
}

struct Uptime: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uptime", abstract: "Print how long domains have been running.")
    @Argument(help: "Names or numbers; all if none.") var domains: [String] = []
    @Flag(name: .long, help: "As JSON.") var json = false
    func run() throws {
        var list: [DomainInfo] = []
        if domains.isEmpty { list = try fetch("list domains", "/v1/domains") }
        for name in domains {
            let details: DomainDetails = try fetch("find \"\(name)\"", path(name))
            list.append(details.domain)
        }
        if json { printJSON(list) } else { Output.print(TextTables.uptime(list)) }
    }
}

struct VcpuList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "vcpu-list", abstract: "List virtual CPUs.")
    @Argument(help: "Names or numbers; all if none.") var domains: [String] = []
    @Flag(name: .long, help: "As JSON.") var json = false
    func run() throws {
        var names = domains
        if names.isEmpty {
            let list: [DomainInfo] = try fetch("list domains", "/v1/domains")
            names = list.map { String($0.id) }
        }
        var details: [DomainDetails] = []
        for name in names { details.append(try fetch("find \"\(name)\"", path(name))) }
        if json { printJSON(details) } else { Output.print(TextTables.vcpus(details)) }
    }
}

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Describe the machine and the hypervisor.")
    @Flag(name: .long, help: "As JSON.") var json = false
    @Flag(name: .shortAndLong, help: .hidden) var numa = false
    func run() throws {
        let host: HostInfo = try fetch("describe the machine", "/v1/host")
        if json { printJSON(host) } else { Output.print(TextTables.info(host)) }
    }
}

struct Dmesg: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dmesg", abstract: "Print the hypervisor's log.")
    @Flag(name: [.customShort("c"), .customLong("clear")], help: "Clear the log afterwards.") var clears =
        false
    func run() throws {
        let log: HypervisorLog = try doing("read the hypervisor's log") { () throws(APIError) in
            try service.ask("GET", clears ? "/v1/dmesg?clear=1" : "/v1/dmesg")
        }
        Output.print(log.text)
    }
}

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Print what happens to domains, until interrupted.")
    @Flag(name: .long, help: "One JSON object a line.") var json = false
    func run() throws {
        try doing("follow events") { () throws(APIError) in
            try service.lines("GET", "/v1/events") { line in
                guard line.starts(with: "data: ".utf8) else { return true }
                let text = Array(line.dropFirst(6))
                if json {
                    Output.write(text + [UInt8(ascii: "\n")], to: 1)
                } else if let event = try? JSON.decode(DomainEvent.self, from: text) {
                    Output.print(TextTables.event(event))
                }
                return true
            }
        }
    }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the versions of svctl and svd.")
    func run() throws {
        Output.print("svctl \(ControlRelease.text), interface \(APIVersion.current)\n")
        let version: VersionInfo = try fetch("ask svd", "/v1/version")
        Output.print("svd \(version.release), interface \(version.oldestApi) to \(version.api)\n")
    }
}
