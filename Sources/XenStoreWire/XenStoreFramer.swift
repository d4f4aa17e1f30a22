// SPDX-License-Identifier: Apache-2.0
import XenABI

/// Splits a byte stream into packets, whatever the sizes of the chunks it comes in. No I/O and no clock.
///
/// Packets that lie whole in a chunk are handed out from there; only an incomplete one is kept, at most 4112 bytes.
public struct XenStoreFramer: Sendable {
    /// What the stream broke the protocol with. The stream cannot be followed any further.
    public enum Malformed: Error, Equatable, Sendable {
        /// The header announces more than `XenStoreLimits.payload` bytes.
        case payloadTooLong(XenStoreHeader)
    }

    private var pending: [UInt8] = []

    public init() {}

    /// Goes on where another framer stopped.
    ///
    /// - Parameter pending: its `pendingBytes`.
    public init(pending: [UInt8]) { self.pending = pending }

    /// The incomplete packet so far.
    public var pendingBytes: [UInt8] { pending }

    /// How many more bytes complete the pending packet, as far as is known: the header first.
    public var missingByteCount: Int {
        guard let header = XenStoreHeader(pending.span) else {
            return XenStoreHeader.byteCount - pending.count
        }
        return XenStoreHeader.byteCount + Int(header.length) - pending.count
    }

    /// Takes a chunk and calls `body` for each packet that is complete; it answers whether to go on.
    ///
    /// - Returns: how many bytes were taken: all of them, unless `body` answered false. Give the rest again later.
    public mutating func feed(
        _ bytes: Span<UInt8>, _ body: (XenStoreHeader, Span<UInt8>) -> Bool
    ) throws(Malformed) -> Int {
        var at = 0
        while !pending.isEmpty {
            let take = min(missingByteCount, bytes.count - at)
            guard take > 0 else { return at }
            pending.append(bytes.extracting(at..<(at + take)))
            at += take
            guard let header = XenStoreHeader(pending.span) else { return at }
            guard header.length <= XenStoreLimits.payload else { throw .payloadTooLong(header) }
            guard missingByteCount == 0 else { continue }
            let packet = pending
            pending.removeAll(keepingCapacity: true)
            guard body(header, packet.span.extracting(XenStoreHeader.byteCount..<packet.count)) else {
                return at
            }
        }
        while at < bytes.count {
            guard let header = XenStoreHeader(bytes, at: at) else { break }
            guard header.length <= XenStoreLimits.payload else { throw .payloadTooLong(header) }
            let start = at + XenStoreHeader.byteCount
            let end = start + Int(header.length)
            guard end <= bytes.count else { break }
            at = end
            guard body(header, bytes.extracting(start..<end)) else { return at }
        }
        if at < bytes.count { pending.append(bytes.extracting(at..<bytes.count)) }
        return bytes.count
    }
}
