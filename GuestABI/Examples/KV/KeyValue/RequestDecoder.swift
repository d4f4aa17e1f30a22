// SPDX-License-Identifier: Apache-2.0

/// What a client sent that is no request. The connection is of no use after it.
public enum RequestError: Error, Equatable, Sendable {
    case invalidArgumentCount
    case expectedBulk(UInt8)
    case invalidBulkLength
    case missingLineEnd
    case lineTooLong
    case unbalancedQuotes
    case outOfMemory
}

/// Cuts what a client sends into requests: arrays of bulk strings, or lines typed by hand. RESP2; takes bytes in pieces of
/// any size.
///
/// The memory of a request that is incomplete is counted; `giveBack` ends the counting of one that was returned.
public struct RequestDecoder: ~Copyable {
    /// Most arguments of a request, its name included.
    public static var maximumArgumentCount: Int { 1024 }
    /// Longest line typed by hand, in bytes.
    public static var maximumLineLength: Int { 4096 }
    /// Longest argument, in bytes.
    public static var maximumBulkLength: Int { 512 * 1024 }

    private enum State { case start, line, argumentCount, bulkHeader, bulk, bulkEnd }
    private var state = State.start
    private var line: Bytes = []
    private var expected = 0
    private var arguments: [Bytes] = []
    private var bulk: Bytes = []
    private var filled = 0
    private var endSeen = 0
    private let budget: MemoryBudget

    public init(budget: MemoryBudget) { self.budget = budget }
    deinit {
        if state == .bulk || state == .bulkEnd { budget.give(bulk.count) }
        for argument in arguments { budget.give(argument.count) }
    }

    /// The arguments of a request are not needed any more, or counted elsewhere.
    public func giveBack(_ request: [Bytes]) {
        for argument in request { budget.give(argument.count) }
    }

    /// Reads from `position` on, which moves, until a request is complete or there is no more. Nil: there is no more.
    public mutating func next(_ bytes: Span<UInt8>, _ position: inout Int) throws(RequestError) -> [Bytes]? {
        while position < bytes.count {
            switch state {
            case .start:
                if bytes[position] == 0x2A {
                    position += 1
                    state = .argumentCount
                } else {
                    state = .line
                }
            case .line:
                guard try readLine(bytes, &position) else { return nil }
                state = .start
                try split()
                line.removeAll(keepingCapacity: true)
                if let request = complete(arguments.count) { return request }
            case .argumentCount:
                guard try readLine(bytes, &position) else { return nil }
                guard let count = line.integer, count <= Int64(Self.maximumArgumentCount) else {
                    throw .invalidArgumentCount
                }
                line.removeAll(keepingCapacity: true)
                expected = Int(max(count, 0))
                state = expected == 0 ? .start : .bulkHeader
            case .bulkHeader:
                guard try readLine(bytes, &position) else { return nil }
                try startBulk()
            case .bulk:
                let count = min(bulk.count - filled, bytes.count - position)
                let start = filled
                var target = bulk.mutableSpan
                for index in 0..<count { target[start + index] = bytes[position + index] }
                filled += count
                position += count
                if filled == bulk.count { state = .bulkEnd }
            case .bulkEnd:
                guard bytes[position] == (endSeen == 0 ? 0x0D : 0x0A) else { throw .missingLineEnd }
                position += 1
                endSeen += 1
                if endSeen == 2 {
                    arguments.append(bulk)
                    bulk = []
                    state = .bulkHeader
                    if let request = complete(expected) { return request }
                }
            }
        }
        return nil
    }

    private mutating func complete(_ count: Int) -> [Bytes]? {
        guard count > 0, arguments.count == count else { return nil }
        let request = arguments
        arguments = []
        state = .start
        return request
    }
    /// Collects a line without its end. True once it is whole.
    private mutating func readLine(_ bytes: Span<UInt8>, _ position: inout Int) throws(RequestError) -> Bool {
        let limit = state == .line ? Self.maximumLineLength : 32
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 0x0A {
                if line.last == 0x0D { line.removeLast() }
                return true
            }
            guard line.count < limit else { throw .lineTooLong }
            line.append(byte)
        }
        return false
    }
    private mutating func startBulk() throws(RequestError) {
        guard line.first == 0x24 else { throw .expectedBulk(line.first ?? 0x0D) }
        guard let length = line.span.extracting(1..<line.count).integer, length >= 0,
            length <= Int64(Self.maximumBulkLength)
        else { throw .invalidBulkLength }
        line.removeAll(keepingCapacity: true)
        guard budget.take(Int(length)) else { throw .outOfMemory }
        bulk = Bytes(repeating: 0, count: Int(length))
        filled = 0
        endSeen = 0
        state = length == 0 ? .bulkEnd : .bulk
    }

    /// Splits a line at blanks; quotes hold blanks together.
    private mutating func split() throws(RequestError) {
        var at = 0
        while true {
            while at < line.count && line[at].isBlank { at += 1 }
            guard at < line.count else { return }
            var word: Bytes = []
            while at < line.count && !line[at].isBlank {
                if line[at] == 0x22 || line[at] == 0x27 {
                    try quoted(&at, into: &word)
                    guard at == line.count || line[at].isBlank else { throw .unbalancedQuotes }
                } else {
                    word.append(line[at])
                    at += 1
                }
            }
            guard arguments.count < Self.maximumArgumentCount else { throw .invalidArgumentCount }
            guard budget.take(word.count) else { throw .outOfMemory }
            arguments.append(word.trimmed)
        }
    }
    private func quoted(_ at: inout Int, into word: inout Bytes) throws(RequestError) {
        let quote = line[at]
        at += 1
        while at < line.count, line[at] != quote {
            guard line[at] == 0x5C, at + 1 < line.count else {
                word.append(line[at])
                at += 1
                continue
            }
            let escaped = line[at + 1]
            if quote == 0x27 {
                if escaped != 0x27 { word.append(0x5C) }
                word.append(escaped)
            } else if escaped == 0x78, at + 3 < line.count, let high = line[at + 2].hexDigit,
                let low = line[at + 3].hexDigit
            {
                word.append(high << 4 | low)
                at += 2
            } else {
                switch escaped {
                case 0x6E: word.append(0x0A)
                case 0x72: word.append(0x0D)
                case 0x74: word.append(0x09)
                case 0x62: word.append(0x08)
                case 0x61: word.append(0x07)
                default: word.append(escaped)
                }
            }
            at += 2
        }
        guard at < line.count else { throw .unbalancedQuotes }
        at += 1
    }
}
