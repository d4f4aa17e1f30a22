// SPDX-License-Identifier: Apache-2.0
import GuestABI
import XenABI
import XenBus
import XenStoreWire

/// A shell on the guest's console that looks at XenStore and changes it.
struct StoreShell: ~Copyable {
    private var console: ConsoleDevice
    private let store: XenStore
    private final class Watching {
        let path: StoreText
        let watch: XenStoreWatch
        init(_ path: StoreText, _ watch: consuming XenStoreWatch) {
            self.path = path
            self.watch = watch
        }
    }
    private var watches: [Watching] = []

    init(_ console: consuming ConsoleDevice, _ store: XenStore) {
        self.console = console
        self.store = store
    }

    /// Reads and does commands until `quit`.
    mutating func run() throws(ConsoleError) {
        try console.print("storeshell: help lists the commands")
        while true {
            try console.write("store> ")
            let words = StoreShell.words(try console.readLine())
            guard let command = words.first else { continue }
            if command.matches("quit") { return try console.print("storeshell: bye") }
            var failure: XenStoreFailure?
            let answer = perform(command, words, &failure)
            if let failure { try console.print("error: \(StoreShell.name(failure))") }
            for line in answer { try console.write(line + [0x0D, 0x0A]) }
        }
    }

    /// Does one command; the lines it answers with.
    private mutating func perform(
        _ command: StoreText, _ words: [StoreText], _ failure: inout XenStoreFailure?
    ) -> [[UInt8]] {
        do throws(XenStoreFailure) {
            let path = words.count > 1 ? words[1] : ""
            let argument = words.count > 2 ? words[2] : ""
            if command.matches("ls") { return try store.list(path).map { $0.bytes } }
            if command.matches("read") { return [try store.read(path).bytes] }
            if command.matches("write") {
                try store.write(path, argument)
            } else if command.matches("mkdir") {
                try store.makeDirectory(path)
            } else if command.matches("rm") {
                try store.remove(path)
            } else if command.matches("perms") {
                return try store.permissions(path).map {
                    var text: [UInt8] = []
                    $0.append(to: &text)
                    return Array(text.dropLast())
                }
            } else if command.matches("share") {
                // The owner stays, everybody may read.
                guard let owner = try store.permissions(path).first else { return [] }
                try store.setPermissions(path, [XenStorePermission(.read, owner.domain)])
            } else if command.matches("add") {
                return [StoreText(decimal: try add(path, argument)).bytes]
            } else if command.matches("watch") {
                let watch = try store.watch(path) { changed in
                    Console.print("\r\nchanged: \(Text(changed))\r")
                }
                watches.append(Watching(path, watch))
            } else if command.matches("unwatch") {
                watches.removeAll { $0.path == path }
            } else if command.matches("fill") {
                // More than the ring holds: writing waits until it is read.
                let line = [UInt8](repeating: 0x2E, count: 126)
                return Array(
                    repeating: line, count: path.decimal(as: Int.self).map { min($0, 4096) * 8 } ?? 0)
            } else if command.matches("help") {
                return [
                    "ls read write mkdir rm perms share PATH, add PATH N, watch unwatch PATH, fill N, quit"
                ]
                .map { (text: StoreText) in text.bytes }
            } else {
                return [("no such command: \(command)" as StoreText).bytes]
            }
            return [("ok" as StoreText).bytes]
        } catch {
            failure = error
            return []
        }
    }

    /// Adds to a number in a transaction that somebody may disturb: between reading and writing it waits for a line.
    private mutating func add(_ path: StoreText, _ number: StoreText) throws(XenStoreFailure) -> UInt64 {
        let summand = number.decimal(as: UInt64.self) ?? 1
        var attempt = 0
        while true {
            let transaction = try store.beginTransaction()
            let value = try transaction.readNumber(path, as: UInt64.self) ?? 0
            attempt += 1
            do throws(ConsoleError) {
                try console.print("attempt \(attempt) read \(value); press enter")
                _ = try console.readLine()
            } catch { throw .busy }
            try transaction.write(path, StoreText(decimal: value &+ summand))
            do throws(XenStoreFailure) {
                try transaction.commit()
                return value &+ summand
            } catch {
                guard error == .refused(.tryAgain) else { throw error }
            }
        }
    }

    private static func words(_ line: [UInt8]) -> [StoreText] {
        var words: [StoreText] = []
        var word: [UInt8] = []
        for byte in line + [0x20] {
            if byte != 0x20 {
                word.append(byte)
            } else if !word.isEmpty {
                words.append(StoreText(word))
                word = []
            }
        }
        return words
    }
    private static func name(_ failure: XenStoreFailure) -> Text {
        switch failure {
        case .refused(let error): "\(error.name)"
        case .badReply: "the store's answer makes no sense"
        case .notANumber: "the value is no number"
        case .connectionLost, .connectionDead: "the connection to the store is broken"
        case .timedOut: "no answer"
        case .busy: "busy"
        case .unreachable(let error): "\(error)"
        }
    }
}

extension Text {
    /// The text's bytes, cut off where a `Text` ends.
    init(_ text: StoreText) {
        self.init()
        for byte in text.bytes { append(byte: byte) }
    }
}

@c(guest_main)
public func guestMain() {
    let store: XenStore
    do throws(XenStoreFailure) { store = try XenStore.open() } catch {
        return Console.print("storeshell: this domain has no store")
    }
    do throws(ConsoleError) {
        var shell = StoreShell(try ConsoleDevice(), store)
        try shell.run()
    } catch {
        Console.print("storeshell: the console failed")
    }
}
