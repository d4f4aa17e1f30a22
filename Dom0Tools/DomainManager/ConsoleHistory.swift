// SPDX-License-Identifier: Apache-2.0

/// Where a console's history outlives svd. What cannot be kept is lost without a word.
public protocol HistoryKeeping: AnyObject {
    /// What an earlier svd kept there; empty if there is nothing.
    var contents: [UInt8] { get }
    func append(_ bytes: [UInt8])
    func replace(with bytes: [UInt8])
    func remove()
}

/// The last bytes a domain wrote to its console.
public struct ConsoleHistory {
    /// Bytes kept.
    public static let capacity = 16 * 1024
    private var bytes: [UInt8] = []
    private let keeper: (any HistoryKeeping)?

    /// Goes on with what `keeper` has.
    public init(keeper: (any HistoryKeeping)? = nil) {
        self.keeper = keeper
        bytes = keeper?.contents ?? []
    }

    public mutating func append(_ more: [UInt8]) {
        bytes += more
        // Cut rarely, so that appending stays cheap.
        if bytes.count > 2 * Self.capacity {
            bytes.removeFirst(bytes.count - Self.capacity)
            keeper?.replace(with: bytes)
        } else {
            keeper?.append(more)
        }
    }

    /// The last `capacity` bytes, oldest first.
    public var contents: [UInt8] { Array(bytes.suffix(Self.capacity)) }

    /// The last `count` lines as printable text: control characters but tab and newline are left out.
    public func lastLines(_ count: Int) -> String {
        let text = String(
            decoding: bytes.suffix(8 * 1024).filter { $0 >= 0x20 && $0 != 0x7F || $0 == 9 || $0 == 10 },
            as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: true).suffix(count).joined(
            separator: "\n")
    }
}
