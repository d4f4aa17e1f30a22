// SPDX-License-Identifier: Apache-2.0

/// One client: what it sent and what it is to be sent. Knows no network.
public final class Session {
    private let server: Server
    private var decoder: RequestDecoder
    public let reply: ReplyBuffer
    /// Nothing more is read: the replies are to be sent, then the connection ends.
    public private(set) var isClosing = false

    public init(_ server: Server) {
        self.server = server
        decoder = RequestDecoder(budget: server.clientBudget)
        reply = ReplyBuffer(budget: server.clientBudget)
        server.clientCount += 1
    }
    deinit { server.clientCount -= 1 }

    /// Waiting replies beyond which no more requests are read.
    public static var replyMark: Int { 64 * 1024 }

    /// Carries requests out as they become whole, until the bytes are used up or the client has enough replies to read.
    /// - Returns: how many bytes were used.
    public func receive(_ bytes: Span<UInt8>, now: UInt64) -> Int {
        var position = 0
        while !isClosing, position < bytes.count, reply.byteCount < Self.replyMark {
            do throws(RequestError) {
                guard let request = try decoder.next(bytes, &position) else { break }
                // From here on what the table keeps is counted by the table.
                decoder.giveBack(request)
                if !server.perform(request, now: now, reply: reply) { isClosing = true }
            } catch {
                isClosing = true
                tell(error)
            }
            if reply.hasOverflown { isClosing = true }
        }
        return isClosing ? bytes.count : position
    }
    private func tell(_ error: RequestError) {
        switch error {
        case .invalidArgumentCount: reply.error("ERR Protocol error: invalid multibulk length")
        case .expectedBulk(let byte): reply.error("ERR Protocol error: expected '$', got '", [byte], "'")
        case .invalidBulkLength: reply.error("ERR Protocol error: invalid bulk length")
        case .missingLineEnd: reply.error("ERR Protocol error: no line end after a bulk string")
        case .lineTooLong: reply.error("ERR Protocol error: too big inline request")
        case .unbalancedQuotes: reply.error("ERR Protocol error: unbalanced quotes in request")
        case .outOfMemory: reply.error("OOM no memory for the request")
        }
    }
}
