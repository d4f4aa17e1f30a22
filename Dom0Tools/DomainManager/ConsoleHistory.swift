// SPDX-License-Identifier: Apache-2.0

/// The last bytes a domain wrote to its console.
public struct ConsoleHistory: Sendable {
    /// Bytes kept.
    public static let capacity = 16 * 1024
    private var bytes: [UInt8] = []

    public init() {}

    public mutating func append(_ more: [UInt8]) {
        bytes += more
        // Cut rarely, so that appending stays cheap.
        if bytes.count > 2 * Self.capacity { bytes.removeFirst(bytes.count - Self.capacity) }
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
