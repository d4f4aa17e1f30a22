// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI

/// Parses, asks svd, prints. Exit status: 0 done, 1 failed, 2 wrong usage.
@main
struct Svctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Program.name,
        abstract: "Create, list and control domains.",
        discussion: "A domain is named by its name or its number. Configuration files are those of xl.",
        version: ControlRelease.text,
        subcommands: [
            Create.self, List.self, Console.self, Pause.self, Unpause.self, Shutdown.self, Reboot.self,
            Destroy.self,
            Info.self, Dmesg.self, DomainIdentifier.self, DomainName.self, Uptime.self, Rename.self,
            VcpuList.self,
            Top.self, Events.self, Version.self,
        ])

    static func main() {
        do {
            if try Shortcut.run(CommandLine.arguments.dropFirst()) { return }
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            Output.error(failure.error.report(program: Program.name, doing: failure.doing))
            Program.exit(1)
        } catch {
            let code = exitCode(for: error)
            if code == .success {
                Output.print(fullMessage(for: error) + "\n")
                Program.exit(0)
            }
            if let status = error as? ExitCode { Program.exit(status.rawValue) }
            Output.error(fullMessage(for: error) + "\n")
            Program.exit(2)
        }
    }
}

/// An error of svd or of the connection, and what was being done.
struct Failure: Error {
    let error: APIError
    let doing: String
}

/// Runs `work` and says what was being done if it fails.
func doing<Result>(_ what: String, _ work: () throws(APIError) -> Result) throws(Failure) -> Result {
    do throws(APIError) {
        return try work()
    } catch {
        throw Failure(error: error, doing: what)
    }
}

/// svd, at its usual place or where `SVD_RUN_DIR` says.
var service: ControlClient { ControlClient(runDirectory: Program.runDirectory) }
