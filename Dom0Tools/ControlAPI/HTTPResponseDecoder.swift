// SPDX-License-Identifier: Apache-2.0

/// Takes an HTTP/1.1 response apart as its bytes arrive: status, headers, then the body in pieces.
///
/// No I/O. Bodies end by length, by chunks, or with the connection. It never traps, whatever the bytes.
public struct HTTPResponseDecoder {
    /// Why a response is no response. `Docs/Errors.md` calls it `svd-lost`.
    public struct Malformed: Error, Equatable, Sendable { public let what: String }

    private enum State {
        case head
        case body(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailer
        case untilClose
        case complete
    }
    /// Longest status line or header accepted, in bytes, and most headers.
    private static let lineLimit = 16 * 1024
    private static let headerLimit = 100

    private var state = State.head
    private var line: [UInt8] = []
    /// 0 until the status line has arrived.
    public private(set) var status = 0
    /// Names in lower case.
    public private(set) var headers: [(name: String, value: String)] = []

    public init() {}

    /// True when the body is complete.
    public var isComplete: Bool { if case .complete = state { true } else { false } }
    /// True when all headers have arrived.
    public var hasHead: Bool { if case .head = state { false } else { true } }

    /// The value of a header, its name given in lower case.
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// Takes bytes as they came; gives body bytes to `body`.
    public mutating func take(_ bytes: some Sequence<UInt8>, body: (UInt8) -> Void) throws(Malformed) {
        for byte in bytes { try take(byte, body) }
    }

    /// The connection has ended. Fails if the response had not.
    public mutating func finish() throws(Malformed) {
        switch state {
        case .untilClose, .complete: state = .complete
        default: throw Malformed(what: "the connection ended in the middle of an answer")
        }
    }

    private mutating func take(_ byte: UInt8, _ body: (UInt8) -> Void) throws(Malformed) {
        switch state {
        case .head, .chunkSize, .chunkEnd, .trailer:
            guard byte == UInt8(ascii: "\n") else {
                guard line.count < Self.lineLimit else { throw Malformed(what: "a header is too long") }
                line.append(byte)
                return
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            let text = String(decoding: line, as: UTF8.self)
            line.removeAll(keepingCapacity: true)
            try takeLine(text)
        case .body(let remaining):
            body(byte)
            state = remaining == 1 ? .complete : .body(remaining: remaining - 1)
        case .chunk(let remaining):
            body(byte)
            state = remaining == 1 ? .chunkEnd : .chunk(remaining: remaining - 1)
        case .untilClose:
            body(byte)
        case .complete:
            throw Malformed(what: "bytes follow the answer")
        }
    }

    private mutating func takeLine(_ text: String) throws(Malformed) {
        switch state {
        case .head where status == 0:
            let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), parts[1].utf8.count == 3,
                let code = Int(parts[1]),
                code >= 100
            else { throw Malformed(what: "the answer is not HTTP") }
            status = code
        case .head where text.isEmpty:
            try chooseBody()
        case .head:
            guard headers.count < Self.headerLimit, let colon = text.firstIndex(of: ":") else {
                throw Malformed(what: "a header is malformed")
            }
            let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append((text[..<colon].lowercased(), String(value)))
        case .chunkSize:
            let digits = text.prefix { $0 != ";" && $0 != " " }
            guard (1...8).contains(digits.utf8.count), digits.first != "+", digits.first != "-",
                let size = Int(digits, radix: 16)
            else { throw Malformed(what: "a chunk has no length") }
            state = size == 0 ? .trailer : .chunk(remaining: size)
        case .chunkEnd:
            guard text.isEmpty else { throw Malformed(what: "a chunk is longer than announced") }
            state = .chunkSize
        case .trailer:
            if text.isEmpty { state = .complete }
        default:
            throw Malformed(what: "the answer is malformed")
        }
    }

    private mutating func chooseBody() throws(Malformed) {
        if header("transfer-encoding")?.lowercased() == "chunked" {
            state = .chunkSize
        } else if let text = header("content-length") {
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(text) else {
                throw Malformed(what: "the length is malformed")
            }
            state = length == 0 ? .complete : .body(remaining: length)
        } else {
            state = status == 204 ? .complete : .untilClose
        }
    }
}
