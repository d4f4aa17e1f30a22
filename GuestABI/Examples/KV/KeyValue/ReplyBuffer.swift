// SPDX-License-Identifier: Apache-2.0

/// Replies to a client that are not sent yet, in blocks of one size, counted. RESP2.
public final class ReplyBuffer {
    /// Bytes in a block: with its headers it fills a heap block.
    static var blockByteCount: Int { 16384 - MemoryBudget.overhead }
    private var blocks: [Bytes] = []
    /// Bytes of the first block that were sent.
    private var sent = 0
    /// Bytes of the last block that are written.
    private var written = 0
    private let budget: MemoryBudget
    /// The client does not read its replies and there is no memory to keep more: it must be disconnected.
    public private(set) var hasOverflown = false

    public init(budget: MemoryBudget) { self.budget = budget }
    deinit { for _ in blocks { budget.give(Self.blockByteCount) } }

    /// Bytes that wait.
    public var byteCount: Int {
        blocks.isEmpty ? 0 : (blocks.count - 1) * Self.blockByteCount + written - sent
    }

    // MARK: Writing

    func append(_ byte: UInt8) {
        guard makeRoom() else { return }
        blocks[blocks.count - 1][written] = byte
        written += 1
    }
    func append(_ bytes: Span<UInt8>) {
        var position = 0
        while position < bytes.count {
            guard makeRoom() else { return }
            let count = min(bytes.count - position, Self.blockByteCount - written)
            let start = written
            var target = blocks[blocks.count - 1].mutableSpan
            for index in 0..<count { target[start + index] = bytes[position + index] }
            written += count
            position += count
        }
    }
    private func append(_ literal: StaticString) { literal.withUTF8Span { append($0) } }
    private func append(decimal number: Int64) {
        var digits: Bytes = []
        digits.append(decimal: number)
        append(digits.span)
    }
    private func makeRoom() -> Bool {
        if hasOverflown { return false }
        if blocks.isEmpty || written == Self.blockByteCount {
            guard budget.take(Self.blockByteCount) else {
                hasOverflown = true
                return false
            }
            blocks.append(Bytes(repeating: 0, count: Self.blockByteCount))
            written = 0
        }
        return true
    }

    // MARK: Replies

    public func status(_ text: StaticString) {
        append(0x2B)
        append(text)
        append("\r\n")
    }
    /// An error; `detail` is shortened and cleaned of control characters.
    public func error(_ text: StaticString, _ detail: Bytes? = nil, _ rest: StaticString = "") {
        append(0x2D)
        append(text)
        if let detail {
            for byte in detail.prefix(64) { append(byte < 0x20 || byte == 0x7F ? 0x3F : byte) }
        }
        append(rest)
        append("\r\n")
    }
    public func integer(_ number: Int64) {
        append(0x3A)
        append(decimal: number)
        append("\r\n")
    }
    /// A string, or nothing at all.
    public func bulk(_ bytes: Bytes?) {
        guard let bytes else {
            append("$-1\r\n")
            return
        }
        append(0x24)
        append(decimal: Int64(bytes.count))
        append("\r\n")
        append(bytes.span)
        append("\r\n")
    }
    public func bulk(_ text: StaticString) {
        var bytes: Bytes = []
        bytes.append(text)
        bulk(bytes)
    }
    /// `count` replies follow.
    public func array(_ count: Int) {
        append(0x2A)
        append(decimal: Int64(count))
        append("\r\n")
    }

    // MARK: Sending

    /// Gives waiting bytes to `send`, which answers how many it took, until it takes less than it was given.
    public func drain(_ send: (Span<UInt8>) -> Int) {
        while !blocks.isEmpty {
            let end = blocks.count == 1 ? written : Self.blockByteCount
            let block = blocks[0]
            let taken = send(block.span.extracting(sent..<end))
            precondition(taken >= 0 && taken <= end - sent)
            sent += taken
            guard sent == end else { return }
            sent = 0
            if blocks.count == 1 {
                written = 0
                // A block is kept for the next replies.
                return
            }
            blocks.removeFirst()
            budget.give(Self.blockByteCount)
        }
    }
}
