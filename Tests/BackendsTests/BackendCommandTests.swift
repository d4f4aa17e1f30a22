// SPDX-License-Identifier: Apache-2.0
import Backends
import Testing

@Suite struct BackendCommandTests {
    private static func read(_ arguments: [String]) -> [String] {
        var own: [String] = []
        _ = BackendCommand(name: "test", usage: "usage\n", arguments: arguments) { argument, next in
            own.append(argument)
            if argument == "--own" { own.append(next() ?? "nothing") }
            return argument.hasPrefix("-") && argument != "--own" ? "unknown option '\(argument)'" : nil
        }
        return own
    }

    @Test func takesItsOptionsAndLeavesTheRest() {
        #expect(
            Self.read(["--store", "/x", "7", "--log-level", "debug", "--store", "/y", "more"])
                == ["7", "more"])
        #expect(Self.read([]) == [])
        #expect(
            Self.read(["--own", "--store", "7", "--own"]) == ["--own", "--store", "7", "--own", "nothing"])
    }

    @Test func helpEndsWell() async {
        await #expect(processExitsWith: .success) { _ = BackendCommandTests.read(["7", "--help", "--bad"]) }
    }

    @Test func wrongCommandLinesEndWithTwo() async {
        func ending(_ arguments: [String]) async -> String? {
            let result = await #expect(
                processExitsWith: .exitCode(2), observing: [\.standardErrorContent]
            ) { [arguments] in _ = BackendCommandTests.read(arguments) }
            return result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) }
        }
        let help = "; see test --help\n"
        #expect(await ending(["7", "--store"]) == "test: error: --store wants a path" + help)
        let levels = "test: error: --log-level wants error, warning, info or debug" + help
        #expect(await ending(["--log-level"]) == levels)
        #expect(await ending(["--log-level", "loud"]) == levels)
        #expect(await ending(["--bad"]) == "test: error: unknown option '--bad'" + help)
    }

    @Test func withoutAStoreItEndsWithOne() async {
        let result = await #expect(
            processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
        ) {
            BackendCommand(name: "test", usage: "", arguments: ["--store", "/nowhere"]) { _, _ in nil }
                .run { _, _, _ in {} }
        }
        // On a machine that is no Dom0 the grant device is missed first.
        let said = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) }
        #expect(said?.hasPrefix("test: error: ") == true)
    }
}
