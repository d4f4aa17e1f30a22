// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show what domains use, over and over. q leaves it.",
        discussion:
            "CPU% is of one physical CPU. NET and DISK are bytes a second, of devices that svback serves. On a terminal the "
            + "table stays in place; a key other than q shows the next one at once. Elsewhere tables follow each other.",
        aliases: ["xentop"])
    @Option(name: .shortAndLong, help: "Seconds from one table to the next.") var delay = 3.0
    @Option(name: .shortAndLong, help: "Tables to show; without end if not given.") var iterations: Int?
    @Flag(name: .shortAndLong, help: "Tables one after the other, on a terminal too.") var batch = false
    @Flag(name: .long, help: "One JSON object a table and line.") var json = false

    /// q, Q, and Ctrl-C and Ctrl-D, which come as keys.
    private static let endingKeys = [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4]

    func validate() throws {
        guard (0.1...3600).contains(delay) else {
            throw ValidationError("--delay must be 0.1 to 3600 seconds.")
        }
        guard iterations ?? 1 > 0 else { throw ValidationError("--iterations must be at least 1.") }
    }

    func run() throws {
        let isScreen = !batch && !json && Terminal.isScreen
        let hasKeys = isScreen && Terminal.isPresent
        if isScreen { Output.print("\u{1B}[H\u{1B}[2J") }
        if hasKeys { Terminal.makeRaw() }
        defer {
            if isScreen { Output.print("\r\n") }
            if hasKeys { Terminal.restore() }
        }
        let milliseconds = Int(delay * 1000)
        var before = try usage()
        // Something to look at until there are rates.
        if isScreen { show(TopTable(before, since: nil), isScreen) }
        var wait = isScreen ? min(milliseconds, 500) : milliseconds
        var shown = 0
        while shown != iterations {
            let keys = Terminal.wait(milliseconds: wait, forKeys: hasKeys)
            guard let keys, !keys.contains(where: Self.endingKeys.contains) else { return }
            let now = try usage()
            show(TopTable(now, since: before), isScreen)
            before = now
            shown += 1
            wait = milliseconds
        }
    }

    private func usage() throws(Failure) -> Usage {
        try doing("ask what domains use") { () throws(APIError) in try service.ask("GET", "/v1/usage") }
    }

    private func show(_ table: TopTable, _ isScreen: Bool) {
        if isScreen {
            let size = Terminal.size
            Output.print(table.screen(columns: size.columns, rows: size.rows))
        } else if json {
            Output.write(JSON.encode(table) + [UInt8(ascii: "\n")], to: 1)
        } else {
            Output.print(table.text + "\n")
        }
    }
}
