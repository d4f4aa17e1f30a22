// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import GuestABI
import XenABI
import XenBus

extension Text.StringInterpolation {
    mutating func appendInterpolation(_ error: BlockError) {
        let name: StaticString =
            switch error {
            case .outOfRange: "out of range"
            case .misaligned: "misaligned"
            case .bufferTooSmall: "buffer too small"
            case .readOnly: "read-only"
            case .notSupported: "not supported"
            case .inputOutput: "input/output error"
            case .closed: "closed"
            case .timedOut: "timed out"
            case .protocolViolation: "protocol violation"
            case .exhausted: "out of pages or grants"
            case .busy: "busy"
            }
        appendInterpolation(name)
    }
    mutating func appendInterpolation(_ failure: FrontendFailure) {
        switch failure {
        case .missing(let path): appendInterpolation("there is no " as StaticString, path)
        case .malformed(let path): appendInterpolation("makes no sense: " as StaticString, path)
        case .store: appendInterpolation("the store failed" as StaticString)
        case .hypervisor(let error): appendInterpolation(error)
        case .closed: appendInterpolation("closed" as StaticString)
        case .protocolViolation: appendInterpolation("protocol violation" as StaticString)
        case .timedOut: appendInterpolation("no answer" as StaticString)
        }
    }
    private mutating func appendInterpolation(_ words: StaticString, _ path: StoreText) {
        appendInterpolation(words)
        var text = Text()
        for byte in path.bytes { text.append(byte: byte) }
        appendInterpolation(text)
    }
}

/// The words of the command line, one after the other.
struct Words {
    private let text: Text
    private var at = 0
    init(_ text: Text) { self.text = text }
    mutating func next() -> Text? {
        while at < text.count, text[at] == 0x20 { at += 1 }
        guard at < text.count else { return nil }
        var found = Text()
        while at < text.count, text[at] != 0x20 {
            found.append(byte: text[at])
            at += 1
        }
        return found
    }
}

extension Text {
    func matches(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && starts(with: literal)
    }
}

/// The number behind `name=`; nil if the text is something else.
func value(_ text: Text, _ name: StaticString) -> UInt64? {
    guard text.starts(with: name) else { return nil }
    var bytes: [UInt8] = []
    for index in name.utf8CodeUnitCount..<text.count { bytes.append(text[index]) }
    return StoreText(bytes).decimal(as: UInt64.self)
}

func run(_ command: Text, _ disk: borrowing BlockDisk, _ settings: Settings) throws(BlockError) {
    if command.matches("info") {
        guard let geometry = disk.geometry else { throw .closed }
        Console.print(
            "blockcat: \(geometry.sectorCount) sectors of 512 bytes, in units of \(geometry.sectorByteCount)")
        Console.print("blockcat: read-only \(geometry.isReadOnly), flush \(geometry.flushOperation != nil)")
        Console.print("blockcat: discard \(geometry.canDiscard), persistent \(geometry.isPersistent)")
        Console.print(
            "blockcat: indirect \(geometry.indirectSegmentLimit), ring pages \(disk.ringPageCount)")
    } else if command.matches("write") {
        var run = try Run(disk, settings)
        try run.go(disk, .write)
    } else if command.matches("rewrite") {
        var run = try Run(disk, settings)
        try run.go(disk, .rewrite)
    } else if command.matches("read") {
        var run = try Run(disk, settings)
        try run.go(disk, .read)
    } else if command.matches("verify") {
        var run = try Run(disk, settings)
        try run.go(disk, .verify)
        if run.wrongCount > 0 {
            Console.print(
                "blockcat: VERIFY FAILED: \(run.wrongCount) words differ, first at \(run.firstWrong)")
        } else {
            Console.print("blockcat: verified, checksum \(hex: run.sum)")
        }
    } else if command.matches("discard") {
        guard let geometry = disk.geometry else { throw .closed }
        let count = settings.mebibytes == 0 ? geometry.sectorCount : settings.mebibytes << 11
        try disk.discard(sector: 0, count: count)
        Console.print("blockcat: discarded \(count) sectors")
    } else if command.matches("check") {
        checkRequests(disk)
    } else {
        Console.print("blockcat: no command is called \(command)")
    }
}

/// Reads the command line, connects the disk, does what is asked, and powers off.
@c(guest_main)
public func guestMain() {
    var settings = Settings()
    var words = Words(BootInformation.current.commandLine)
    while let word = words.next() {
        if let number = value(word, "disk=") { settings.disk = UInt32(truncatingIfNeeded: number) }
        if let number = value(word, "chunk=") { settings.chunk = Int(min(max(4, number), 8192)) << 10 }
        if let number = value(word, "depth=") { settings.depth = Int(min(max(1, number), 64)) }
        if let number = value(word, "size=") { settings.mebibytes = number }
        if let number = value(word, "seed=") { settings.seed = number }
        if let number = value(word, "ring=") { settings.options.ringPageOrder = UInt32(min(number, 4)) }
        if let number = value(word, "indirect=") {
            settings.options.indirectSegmentLimit = Int(min(number, 4096))
        }
        if let number = value(word, "persistent=") { settings.options.usesPersistentGrants = number != 0 }
    }
    do throws(FrontendFailure) {
        if settings.disk == 0 {
            guard let first = try BlockDisk.numbers().first else {
                Console.print("blockcat: this domain has no disk")
                return
            }
            settings.disk = first
        }
        let disk = try BlockDisk(settings.disk, options: settings.options)
        words = Words(BootInformation.current.commandLine)
        while let word = words.next() {
            if word.contains("=") { continue }
            var failure: BlockError?
            do throws(BlockError) { try run(word, disk, settings) } catch { failure = error }
            guard let failure else { continue }
            Console.print("blockcat: \(word) failed: \(failure)")
            guard failure == .closed || failure == .protocolViolation else { break }
            try disk.reconnect()
            Console.print("blockcat: connected again")
        }
        let counts = disk.requestCounts
        Console.print("blockcat: \(counts.direct) direct and \(counts.indirect) indirect requests")
        disk.close()
        Console.print("blockcat: done")
    } catch {
        Console.print("blockcat: disk \(settings.disk): \(error)")
    }
}
