// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import ControlAPI

struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a domain from a configuration file and start it.",
        discussion:
            "Settings after the file replace those in it: \(Program.name) create web.cfg memory=256 name=web2"
    )

    @Argument(
        help: "Configuration file in xl's syntax (- for the standard input), then settings.",
        completion: .file())
    var words: [String] = []
    @Option(
        name: [.customShort("f"), .customLong("defconfig")], help: "The configuration file.",
        completion: .file())
    var file: String?
    @Flag(name: [.customShort("c"), .customLong("console")], help: "Attach the console at once.")
    var attachesConsole = false
    @Flag(name: [.customShort("p"), .customLong("pause")], help: "Leave the domain paused.")
    var staysPaused = false
    @Flag(
        name: [.customShort("n"), .customLong("dryrun"), .customLong("dry-run")],
        help: "Check and print the configuration only.")
    var isDryRun = false
    @Flag(name: .shortAndLong, help: "Print nothing but errors.")
    var quiet = false
    @Flag(name: .long, help: "Print the new domain as JSON.")
    var json = false
    @Flag(name: .long, help: "Do not stay a moment to see whether the domain crashes at once.")
    var noWait = false
    @Flag(name: [.customShort("e"), .customShort("F"), .customShort("d")], help: .hidden)
    var ignoredFlags: Int

    func run() throws {
        var words = words
        guard let path = file ?? (words.isEmpty ? nil : words.removeFirst()) else {
            throw ValidationError("Which configuration file?")
        }
        if let wrong = words.first(where: { !$0.contains("=") }) {
            throw ValidationError("\"\(wrong)\" is not a setting: write name=value.")
        }
        let settings = words
        let (configuration, warnings) = try doing("read the configuration") { () throws(APIError) in
            let bytes = try Program.read(file: path)
            do throws(ConfigurationError) {
                return try DomainConfiguration.read(bytes, source: path, overrides: settings)
            } catch {
                throw APIError(error)
            }
        }
        if Program.isXl && !quiet { Output.print("Parsing config from \(path)\n") }
        if !quiet { for warning in warnings { Output.error("\(Program.name): warning: \(warning)\n") } }
        var domain = configuration
        domain.kernel = Program.absolute(domain.kernel)
        domain.ramdisk = domain.ramdisk.map(Program.absolute)
        for index in domain.disks.indices {
            domain.disks[index].target = Program.absolute(domain.disks[index].target)
        }
        if isDryRun {
            Output.print(String(decoding: JSON.encode(domain, isPretty: true), as: UTF8.self) + "\n")
            return
        }
        try create(domain)
    }

    private func create(_ configuration: DomainConfiguration) throws {
        let what = "create \"\(configuration.name)\""
        var created: DomainInfo?
        var failure: CreateUpdate?
        let stays = !noWait && !attachesConsole && !staysPaused
        try doing(what) { () throws(APIError) in
            try service.lines(
                "POST", "/v1/domains", body: CreateRequest(configuration: configuration, paused: staysPaused)
            ) {
                guard let update = try? JSON.decode(CreateUpdate.self, from: $0) else { return true }
                if let progress = update.progress, !quiet, !json, !Program.isXl {
                    Output.error("  \(progress)\n")
                }
                if let domain = update.domain {
                    created = domain
                    report(domain)
                    return stays
                }
                if update.error != nil { failure = update }
                return update.error == nil
            }
        }
        if let failure, let error = failure.error {
            if let console = failure.console, !console.isEmpty {
                Output.error("the last lines of its console:\n")
                for line in console.split(separator: "\n") { Output.error("    | \(line)\n") }
            }
            throw Failure(error: error, doing: what)
        }
        guard let created else {
            throw Failure(
                error: APIError(.svdLost, "svd ended the answer early", hint: "look at svd's log"),
                doing: what)
        }
        if attachesConsole { try attachConsole(to: String(created.id), isNew: true) }
    }

    private func report(_ domain: DomainInfo) {
        if json {
            Output.print(String(decoding: JSON.encode(domain, isPretty: true), as: UTF8.self) + "\n")
        } else if !quiet, !Program.isXl {
            Output.print("created \(domain.name), domain \(domain.id)\(staysPaused ? ", paused" : "")\n")
        }
    }
}
