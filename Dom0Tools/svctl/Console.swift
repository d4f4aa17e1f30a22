// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI

struct Console: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Attach to a domain's console. Ctrl-] leaves it.",
        discussion:
            "The last 16 KiB that the domain wrote are shown first. With the standard input from a file or pipe, "
            + "the console stays attached when the input ends, until the domain goes away.")
    @Argument(help: "Name or number of the domain.") var domain: String
    @Option(name: .short, help: .init("Type of console: only pv is there.", visibility: .hidden)) var type:
        String?
    @Option(name: .short, help: .init("Number of the console: only 0 is there.", visibility: .hidden))
    var number: Int?

    func validate() throws {
        guard type == nil || type == "pv", number == nil || number == 0 else {
            throw ValidationError("A domain has one console: leave out -t and -n.")
        }
    }
    func run() throws { try attachConsole(to: domain, isNew: false) }
}

/// Attaches the terminal to a console until Ctrl-] or the domain's end.
func attachConsole(to domain: String, isNew: Bool) throws {
    let leftByUser = try doing("attach to the console of \"\(domain)\"") { () throws(APIError) in
        let socket = try ControlClient.connect(ControlPaths.consoleSocket(in: Program.runDirectory))
        let rest = try ConsoleProtocol.attach(to: domain, over: socket)
        if Terminal.isPresent && !Program.isXl { Output.error("[attached; Ctrl-] leaves]\r\n") }
        return try Terminal.relay(socket, pending: rest)
    }
    if Terminal.isPresent && !Program.isXl {
        Output.error(leftByUser ? "\n[left]\n" : "\n[the domain is gone]\n")
    }
}
