// SPDX-License-Identifier: Apache-2.0
import Glibc
public import Reactor
import XenStoreClient

/// A backend program's command line, and the loop that it runs until a signal or its own end.
public struct BackendCommand {
    private let name: String
    private let usage: String
    private var storePath = XenStoreClient.defaultSocket
    private var level = LogLevel.warning

    /// The options every such program has, for its usage text.
    public static let optionsUsage = """
          --store PATH           unix socket of the store (default \(XenStoreClient.defaultSocket))
          --log-level LEVEL      error, warning, info or debug (default warning)
          --help                 this text
        """

    /// Reads the arguments. `--help` prints the usage and ends the process with 0; a wrong one ends it with 2.
    /// - Parameter own: takes an argument of the program's own, with what follows it if that is its value, or says what
    ///   is wrong with it.
    public init(
        name: String, usage: String, arguments: some Sequence<String> = CommandLine.arguments.dropFirst(),
        own: (_ argument: String, _ next: () -> String?) -> String?
    ) {
        self.name = name
        self.usage = usage
        var arguments = arguments.makeIterator()
        while let argument = arguments.next() {
            switch argument {
            case "--help", "-h":
                print(usage, terminator: "")
                exit(0)
            case "--store":
                guard let path = arguments.next() else { refuse("--store wants a path") }
                storePath = path
            case "--log-level":
                guard let level = arguments.next().flatMap({ LogLevel(name: $0) }) else {
                    refuse("--log-level wants error, warning, info or debug")
                }
                self.level = level
            default:
                if let problem = own(argument, { arguments.next() }) { refuse(problem) }
            }
        }
    }

    /// Ends the process with 2 over a wrong command line.
    public func refuse(_ problem: String) -> Never { fail("\(problem); see \(name) --help", status: 2) }

    private func fail(_ problem: String, status: Int32) -> Never {
        Log(level: .error, prefix: name).error(problem)
        exit(status)
    }

    /// Runs the program and ends the process: with 0 when its loop is done, with 1 on failure.
    /// - Parameters:
    ///   - subject: what the program is about, for its log; may be empty.
    ///   - traffic: the file in which the bytes moved are counted.
    ///   - start: begins to serve, and gives back what SIGTERM and SIGINT are to do.
    public func run(
        about subject: String = "", traffic: String? = nil,
        _ start: (Reactor, BackendPlatform, Log) throws -> () -> Void
    ) -> Never {
        do {
            let log = Log(level: level, prefix: subject.isEmpty ? name : "\(name) \(subject)")
            let reactor = try Reactor()
            let platform = try BackendPlatform.linux(
                reactor, storePath: storePath,
                traffic: traffic.map { Traffic(file: $0, log: log) } ?? Traffic(), log: log)
            let stop = try start(reactor, platform, log)
            for signal in [SIGTERM, SIGINT] { try reactor.onSignal(signal, stop) }
            reactor.run()
        } catch {
            fail("\(error)", status: 1)
        }
        exit(0)
    }
}
