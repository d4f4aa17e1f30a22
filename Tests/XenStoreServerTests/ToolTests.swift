// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing
import XenABI
import XenStoreService
import XenStoreWire

/// Debian's own tools, over libxenstore, against our service.
@Suite(
    .serialized,
    .enabled(if: isInstalled("xenstore-ls"), "needs the xenstore-ls, -read, … of Debian's xenstore-utils"))
struct ToolTests {
    @Test func readWriteListAndRemove() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        func run(_ words: String...) -> Outcome { runTool(words, server.socket) }
        #expect(run("xenstore-write", "/a/b", "hello", "/a/c", "x y").status == 0)
        #expect(run("xenstore-read", "/a/b") == Outcome(status: 0, output: "hello\n"))
        #expect(run("xenstore-read", "-p", "/a/c") == Outcome(status: 0, output: "/a/c: x y\n"))
        #expect(run("xenstore-list", "/a") == Outcome(status: 0, output: "b\nc\n"))
        #expect(run("xenstore-ls", "/a") == Outcome(status: 0, output: "b = \"hello\"\nc = \"x y\"\n"))
        #expect(
            run("xenstore-ls", "-f", "/")
                == Outcome(
                    status: 0, output: "/a = \"\"\n/a/b = \"hello\"\n/a/c = \"x y\"\n"))
        #expect(run("xenstore-exists", "/a/b").status == 0)
        #expect(run("xenstore-exists", "/a/d").status == 1)
        #expect(run("xenstore-rm", "/a/b").status == 0)
        #expect(
            run("xenstore-read", "/a/b")
                == Outcome(status: 1, output: "xenstore-read: couldn't read path /a/b\n"))
        #expect(run("xenstore-rm", "/a").status == 0)
        #expect(run("xenstore-ls", "/") == Outcome(status: 0, output: ""))
        #expect(run("xenstore-write", "bad path", "x").status == 1)
    }

    @Test func permissions() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        func run(_ words: String...) -> Outcome { runTool(words, server.socket) }
        #expect(run("xenstore-write", "/p", "1").status == 0)
        #expect(run("xenstore-chmod", "/p", "n0", "r5", "b7").status == 0)
        let line = run("xenstore-ls", "-p", "/").output
        #expect(line.hasPrefix("p = \"1\"") && line.hasSuffix("(n0,r5,b7)\n"))
        #expect(run("xenstore-chmod", "/none", "n0").status == 1)
    }

    @Test func relativePathsAreDomainZeros() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        func run(_ words: String...) -> Outcome { runTool(words, server.socket) }
        #expect(run("xenstore-write", "name", "Domain-0").status == 0)
        #expect(run("xenstore-read", "/local/domain/0/name") == Outcome(status: 0, output: "Domain-0\n"))
    }

    @Test func watch() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        let watcher = try RunningTool(["xenstore-watch", "-n", "3", "/w"], server.socket)
        #expect(watcher.readLine() == "/w")
        #expect(runTool(["xenstore-write", "/w/x", "1"], server.socket).status == 0)
        #expect(watcher.readLine() == "/w/x")
        #expect(runTool(["xenstore-rm", "/w"], server.socket).status == 0)
        #expect(watcher.readLine() == "/w")
        #expect(watcher.wait() == 0)
    }

    @Test func bigTreesAndValues() throws {
        let server = try ServiceThread()
        defer { server.stop() }
        server.onService { service in
            do {
                for index in 0..<1000 { try service.client.write("/big/number-\(index)", "\(index)") }
                try service.client.write("/value", String(repeating: "v", count: 4000))
            } catch { Issue.record("\(error)") }
        }
        let list = runTool(["xenstore-list", "/big"], server.socket)
        #expect(list.output.split(separator: "\n").count == 1000)
        #expect(runTool(["xenstore-read", "/value"], server.socket).output.count == 4001)
    }
}

struct Outcome: Equatable {
    var status: Int32
    /// Standard output and error together.
    var output: String
}

func isInstalled(_ tool: String) -> Bool {
    // SAFETY: the string lives during the call.
    unsafe access("/usr/bin/" + tool, X_OK) == 0
}

func runTool(_ words: [String], _ socket: String) -> Outcome {
    do {
        let tool = try RunningTool(words, socket)
        var output = ""
        while let line = tool.readLine() { output += line + "\n" }
        return Outcome(status: tool.wait(), output: output)
    } catch {
        return Outcome(status: -1, output: "\(error)")
    }
}

/// A tool that runs with our socket in place of the system's.
final class RunningTool {
    private var process: pid_t = 0
    private let output: Int32
    private var pending: [UInt8] = []

    init(_ words: [String], _ socket: String) throws {
        var ends: [Int32] = [-1, -1]
        // SAFETY: two descriptors fit the array.
        _ = unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        output = ends[0]
        var actions = unsafe posix_spawn_file_actions_t()
        // SAFETY: the actions are initialised before and destroyed after their use; the C strings live until then.
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe [strdup("XENSTORED_PATH=\(socket)"), nil]
        let result = unsafe posix_spawn(
            &process, "/usr/bin/" + words[0], &actions, nil, &arguments, &environment)
        unsafe posix_spawn_file_actions_destroy(&actions)
        unsafe (arguments + environment).forEach { unsafe free($0) }
        close(ends[1])
        try #require(result == 0)
    }
    deinit { close(output) }

    /// The next line, without its end; nil when the tool has closed its output.
    func readLine() -> String? {
        while true {
            if let end = pending.firstIndex(of: 0x0a) {
                defer { pending.removeSubrange(...end) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            var chunk = [UInt8](repeating: 0, count: 4096)
            // SAFETY: the kernel writes at most 4096 bytes.
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(output, $0.baseAddress, 4096) }
            guard count > 0 else { return nil }
            pending += chunk[..<count]
        }
    }

    /// Waits for its end; returns the exit status.
    func wait() -> Int32 {
        var status: Int32 = 0
        // SAFETY: the status is a local variable.
        unsafe waitpid(process, &status, 0)
        return status & 0x7f == 0 ? status >> 8 & 0xff : -status
    }
}
