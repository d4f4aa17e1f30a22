// SPDX-License-Identifier: Apache-2.0

/// A value as written in an `xl.cfg` file, before anyone asked what it means.
public struct ConfigurationValue: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case string(String)
        case integer(Int64)
        case list([ConfigurationValue])
    }
    public let content: Content
    public let position: SourcePosition

    /// What it is, for messages.
    var kind: String {
        switch content {
        case .string: return "a string"
        case .integer: return "a number"
        case .list: return "a list"
        }
    }
}

/// One `name = value`, or what `name += value` made of it.
public struct ConfigurationSetting: Hashable, Sendable {
    public let name: String
    public let position: SourcePosition
    public let value: ConfigurationValue
}

/// Reads the syntax of `xl.cfg(5)`: settings separated by newline or `;`, strings in either quote with escapes, decimal,
/// hexadecimal and octal numbers, lists that nest and span lines, `#` comments, and `+=`.
///
/// Any bytes may be given; the answer is settings or an error with line and column, never a trap.
public struct ConfigurationSyntax {
    /// Longest text accepted, in bytes.
    public static let maximumByteCount = 1 << 20
    /// Deepest nesting of lists.
    static let maximumDepth = 8

    private let bytes: [UInt8]
    private let source: String
    private var index = 0
    private var line = 1
    private var column = 1
    private var depth = 0
    private var settings: [ConfigurationSetting] = []

    private init(bytes: [UInt8], source: String) {
        self.bytes = bytes
        self.source = source
    }

    /// The settings of `bytes` in order; a later setting of the same name replaces the earlier one.
    ///
    /// - Parameter source: file name for positions.
    public static func parse(_ bytes: [UInt8], source: String) throws(ConfigurationError)
        -> [ConfigurationSetting]
    {
        guard bytes.count <= maximumByteCount else {
            throw ConfigurationError(
                .syntax, "the file has \(bytes.count) bytes; at most \(maximumByteCount) are accepted",
                hint: "check that this is a domain configuration",
                at: SourcePosition(source: source, line: 1, column: 1))
        }
        var parser = ConfigurationSyntax(bytes: bytes, source: source)
        try parser.parseFile()
        return parser.settings
    }

    // MARK: Characters

    private var here: SourcePosition { SourcePosition(source: source, line: line, column: column) }
    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func advance() {
        let byte = bytes[index]
        index += 1
        if byte == UInt8(ascii: "\n") {
            line += 1
            column = 1
        } else if byte & 0xC0 != 0x80 {  // not a continuation byte of UTF-8
            column += 1
        }
    }

    private func syntaxError(_ message: String, hint: String? = nil, at place: SourcePosition? = nil)
        -> ConfigurationError
    {
        ConfigurationError(.syntax, message, hint: hint, at: place ?? here)
    }

    /// The character at the cursor, for messages.
    private var described: String {
        guard let byte = current else { return "the end of the file" }
        switch byte {
        case UInt8(ascii: "\n"): return "the end of the line"
        case 0x20...0x7E: return "\"\(Character(UnicodeScalar(byte)))\""
        default: return "byte 0x\(String(byte, radix: 16))"
        }
    }

    /// Skips blanks and a comment; newlines too if `acrossLines`.
    private mutating func skipBlanks(acrossLines: Bool) {
        while let byte = current {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                advance()
            case UInt8(ascii: "\n") where acrossLines:
                advance()
            case UInt8(ascii: "#"):
                while let next = current, next != UInt8(ascii: "\n") { advance() }
            default:
                return
            }
        }
    }

    // MARK: Grammar

    private mutating func parseFile() throws(ConfigurationError) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }  // byte order mark
        while true {
            skipBlanks(acrossLines: true)
            guard let byte = current else { return }
            if byte == UInt8(ascii: ";") {
                advance()
                continue
            }
            try parseSetting()
            skipBlanks(acrossLines: false)
            guard let end = current else { return }
            guard end == UInt8(ascii: "\n") || end == UInt8(ascii: ";") else {
                throw syntaxError(
                    "expected the end of the line, found \(described)",
                    hint: "write one setting per line, or put \";\" between them")
            }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }
    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private mutating func parseSetting() throws(ConfigurationError) {
        let place = here
        guard let first = current, Self.isLetter(first) else {
            throw syntaxError("expected the name of a setting, found \(described)")
        }
        let name = word()
        skipBlanks(acrossLines: false)
        var appends = false
        if current == UInt8(ascii: "+") {
            appends = true
            advance()
        }
        guard current == UInt8(ascii: "=") else {
            throw syntaxError("expected \"=\" after \"\(name)\", found \(described)")
        }
        advance()
        skipBlanks(acrossLines: false)
        var value = try parseValue()
        let previous = settings.firstIndex { $0.name == name }
        if appends, let previous {
            value = try joined(settings[previous].value, value, name: name, at: place)
        }
        if let previous { settings.remove(at: previous) }
        settings.append(ConfigurationSetting(name: name, position: place, value: value))
    }

    private mutating func word() -> String {
        let start = index
        while let byte = current, Self.isLetter(byte) || Self.isDigit(byte) { advance() }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    /// The value of `name += addition`: lists and strings are joined, as xl does.
    private func joined(
        _ value: ConfigurationValue, _ addition: ConfigurationValue, name: String, at place: SourcePosition
    ) throws(ConfigurationError) -> ConfigurationValue {
        switch (value.content, addition.content) {
        case (.list(let first), .list(let second)):
            return ConfigurationValue(content: .list(first + second), position: value.position)
        case (.string(let first), .string(let second)):
            return ConfigurationValue(content: .string(first + second), position: value.position)
        default:
            throw ConfigurationError(
                .wrongType, "\"\(name)\" is \(value.kind): \(addition.kind) cannot be appended to it",
                hint: "\"+=\" joins two lists or two strings", at: place)
        }
    }

    private mutating func parseValue() throws(ConfigurationError) -> ConfigurationValue {
        let place = here
        guard let byte = current else { throw syntaxError("expected a value, found \(described)") }
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            return ConfigurationValue(content: .string(try parseString(quote: byte)), position: place)
        case UInt8(ascii: "["):
            return ConfigurationValue(content: .list(try parseList()), position: place)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return ConfigurationValue(content: .integer(try parseNumber()), position: place)
        default:
            if Self.isLetter(byte) {
                let text = word()
                throw syntaxError(
                    "expected a value, found \"\(text)\"", hint: "put quotes around text: \"\(text)\"",
                    at: place)
            }
            throw syntaxError("expected a string, a number or a list, found \(described)")
        }
    }

    private mutating func parseList() throws(ConfigurationError) -> [ConfigurationValue] {
        let open = here
        guard depth < Self.maximumDepth else {
            throw syntaxError("lists nest deeper than \(Self.maximumDepth) levels")
        }
        depth += 1
        defer { depth -= 1 }
        advance()
        var items: [ConfigurationValue] = []
        while true {
            skipBlanks(acrossLines: true)
            if current == UInt8(ascii: "]") { break }
            guard current != nil else { throw unclosed("list", open) }
            items.append(try parseValue())
            skipBlanks(acrossLines: true)
            if current == UInt8(ascii: ",") {
                advance()
            } else if current == nil {
                throw unclosed("list", open)
            } else if current != UInt8(ascii: "]") {
                throw syntaxError("expected \",\" or \"]\" in a list, found \(described)")
            }
        }
        advance()
        return items
    }

    private func unclosed(_ what: String, _ open: SourcePosition) -> ConfigurationError {
        ConfigurationError(
            .syntax, "this \(what) is not closed", hint: "add the closing bracket or quote", at: open)
    }

    private mutating func parseNumber() throws(ConfigurationError) -> Int64 {
        let place = here
        let start = index
        if current == UInt8(ascii: "-") { advance() }
        while let byte = current, Self.isLetter(byte) || Self.isDigit(byte) { advance() }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        guard let number = Self.number(text) else {
            throw syntaxError(
                "\"\(text)\" is not a number",
                hint: "put quotes around text; a leading 0 means octal, 0x hexadecimal",
                at: place)
        }
        return number
    }

    /// The number `text` stands for in C's notation (base 0 of `strtol`), or nil.
    static func number(_ text: String) -> Int64? {
        var digits = text[...]
        let isNegative = digits.hasPrefix("-")
        if isNegative { digits = digits.dropFirst() }
        var radix = 10
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            radix = 16
            digits = digits.dropFirst(2)
        } else if digits.hasPrefix("0"), digits.utf8.count > 1 {
            radix = 8
            digits = digits.dropFirst()
        }
        guard let first = digits.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else {
            return nil
        }
        return Int64((isNegative ? "-" : "") + digits, radix: radix)
    }

    private mutating func parseString(quote: UInt8) throws(ConfigurationError) -> String {
        let open = here
        advance()
        var text: [UInt8] = []
        while true {
            guard let byte = current, byte != UInt8(ascii: "\n") else { throw unclosed("string", open) }
            if byte == quote { break }
            if byte == 0 { throw syntaxError("a string holds a zero byte") }
            if byte == UInt8(ascii: "\\") {
                text.append(try parseEscape())
            } else {
                text.append(byte)
                advance()
            }
        }
        advance()
        guard let string = String(validating: text, as: UTF8.self) else {
            throw syntaxError("this string is not UTF-8", at: open)
        }
        return string
    }

    /// One escape, the cursor on its backslash.
    private mutating func parseEscape() throws(ConfigurationError) -> UInt8 {
        let place = here
        advance()
        guard let byte = current, byte != UInt8(ascii: "\n") else {
            throw syntaxError("a line ends inside a string, after \"\\\"", at: place)
        }
        switch byte {
        case UInt8(ascii: "a"): return literal(7)
        case UInt8(ascii: "b"): return literal(8)
        case UInt8(ascii: "f"): return literal(12)
        case UInt8(ascii: "n"): return literal(10)
        case UInt8(ascii: "r"): return literal(13)
        case UInt8(ascii: "t"): return literal(9)
        case UInt8(ascii: "v"): return literal(11)
        case UInt8(ascii: "x"):
            advance()
            return try escapedNumber(radix: 16, maximumDigits: 2, at: place)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            return try escapedNumber(radix: 8, maximumDigits: 3, at: place)
        case 0x21...0x7E where !Self.isLetter(byte) && !Self.isDigit(byte):
            return literal(byte)
        default:
            throw syntaxError(
                "unknown escape \"\\\" before \(described)", hint: "write a backslash as \"\\\\\"", at: place)
        }
    }

    private mutating func literal(_ byte: UInt8) -> UInt8 {
        advance()
        return byte
    }

    private mutating func escapedNumber(
        radix: Int, maximumDigits: Int, at place: SourcePosition
    ) throws(ConfigurationError) -> UInt8 {
        var value = 0
        var count = 0
        while count < maximumDigits, let byte = current,
            let digit = Character(UnicodeScalar(byte)).hexDigitValue,
            byte < 0x80, digit < radix
        {
            value = value * radix + digit
            count += 1
            advance()
        }
        guard count > 0, let byte = UInt8(exactly: value), byte != 0 else {
            throw syntaxError("an escaped byte must be 1 to 255", at: place)
        }
        return byte
    }
}
