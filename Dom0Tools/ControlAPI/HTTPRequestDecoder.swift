// SPDX-License-Identifier: Apache-2.0

/// One request of HTTP/1.1.
public struct HTTPRequest: Equatable, Sendable {
    public var method: String
    /// The path's components, percent escapes undone.
    public var path: [String]
    /// What follows `?`, by name.
    public var query: [String: String]
    /// Names in lower case; the last of several equal ones.
    public var headers: [String: String]
    public var body: [UInt8]
    /// Whether the client wants to send more over the same connection.
    public var keepsAlive: Bool
}

/// Takes requests out of a byte stream. No I/O; never traps, whatever the bytes.
public struct HTTPRequestDecoder {
    /// Why a request cannot be taken, and the status to answer with before the connection ends.
    public struct Refusal: Error, Equatable, Sendable {
        public let status: Int
        public let what: String
    }
    /// Longest request line and headers together, and longest body, in bytes.
    static let headLimit = 16 * 1024
    static let bodyLimit = 1 << 20

    private struct Head {
        var request: HTTPRequest
        var bodyLength: Int
    }
    private var buffer: [UInt8] = []
    private var head: Head?
    /// True once after a head with `Expect: 100-continue` has come, until asked.
    private var wantsContinue = false

    public init() {}

    /// Takes bytes as they came.
    public mutating func take(_ bytes: [UInt8]) { buffer += bytes }

    /// True if the client waits for `100 Continue`. Says so once a request.
    public mutating func takeContinue() -> Bool {
        defer { wantsContinue = false }
        return wantsContinue
    }

    /// The next whole request, nil if more bytes are needed.
    public mutating func next() throws(Refusal) -> HTTPRequest? {
        if head == nil {
            // Empty lines before a request are to be overlooked.
            let start = buffer.prefix { $0 == 13 || $0 == 10 }.count
            if start > 0 { buffer.removeFirst(start) }
            guard let (end, bodyStart) = Self.endOfHead(buffer) else {
                guard buffer.count <= Self.headLimit else {
                    throw Refusal(status: 431, what: "the headers are too long")
                }
                return nil
            }
            guard end <= Self.headLimit else { throw Refusal(status: 431, what: "the headers are too long") }
            let text = String(decoding: buffer[..<end], as: UTF8.self)
            buffer.removeFirst(bodyStart)
            head = try parse(text)
        }
        guard var request = head?.request, let length = head?.bodyLength else { return nil }
        guard buffer.count >= length else { return nil }
        request.body = Array(buffer[..<length])
        buffer.removeFirst(length)
        head = nil
        wantsContinue = false
        return request
    }

    /// Where the head ends and the body starts.
    private static func endOfHead(_ bytes: [UInt8]) -> (Int, Int)? {
        var index = 0
        while let newline = bytes[index...].firstIndex(of: 10) {
            let rest = bytes[(newline + 1)...]
            if rest.first == 10 { return (newline, newline + 2) }
            if rest.starts(with: [13, 10]) { return (newline, newline + 3) }
            index = newline + 1
        }
        return nil
    }

    private mutating func parse(_ text: String) throws(Refusal) -> Head {
        var lines = text.split(omittingEmptySubsequences: true) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }[
            ...]
        let words = lines.popFirst()?.split(separator: " ", omittingEmptySubsequences: false) ?? []
        guard words.count == 3, words[2].hasPrefix("HTTP/1."), words[1].hasPrefix("/"), !words[0].isEmpty,
            words[0].utf8.allSatisfy({ (0x41...0x5A).contains($0) })
        else { throw Refusal(status: 400, what: "this is no HTTP request") }
        guard lines.count <= 100 else { throw Refusal(status: 431, what: "there are too many headers") }
        var headers: [String: String] = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else {
                throw Refusal(status: 400, what: "a header is malformed")
            }
            var value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            while let last = value.last, last == " " || last == "\t" { value.removeLast() }
            headers[line[..<colon].lowercased()] = String(value)
        }
        guard headers["transfer-encoding"] == nil else {
            throw Refusal(status: 411, what: "the body must come with a Content-Length")
        }
        var length = 0
        if let text = headers["content-length"] {
            guard text.utf8.count <= 9, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(text)
            else {
                throw Refusal(status: 400, what: "the Content-Length is malformed")
            }
            length = number
        }
        guard length <= Self.bodyLimit else {
            throw Refusal(status: 413, what: "the body is longer than \(Self.bodyLimit) bytes")
        }
        wantsContinue = headers["expect"]?.lowercased() == "100-continue" && length > 0
        let target = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var query: [String: String] = [:]
        for pair in target.count == 2 ? target[1].split(separator: "&") : [] {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[try Self.unescaped(parts[0])] = parts.count == 2 ? try Self.unescaped(parts[1]) : ""
        }
        var path: [String] = []
        for part in target[0].split(separator: "/", omittingEmptySubsequences: true) {
            path.append(try Self.unescaped(part))
        }
        let connection = headers["connection"]?.lowercased()
        return Head(
            request: HTTPRequest(
                method: String(words[0]), path: path, query: query, headers: headers, body: [],
                keepsAlive: words[2] == "HTTP/1.0" ? connection == "keep-alive" : connection != "close"),
            bodyLength: length)
    }

    private static func unescaped(_ text: Substring) throws(Refusal) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2,
                digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit && $0 < 0x80 }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16), value != 0
            else { throw Refusal(status: 400, what: "the path is malformed") }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Refusal(status: 400, what: "the path is not UTF-8")
        }
        return text
    }
}
