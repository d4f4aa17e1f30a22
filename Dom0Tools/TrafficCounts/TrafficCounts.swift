// SPDX-License-Identifier: Apache-2.0

/// Bytes that a domain's virtual devices moved, as svback leaves them in a file for svd: four 64-bit numbers, little-endian,
/// in the order of `Direction`, changed in place.
public struct TrafficCounts: Equatable, Sendable {
    public enum Direction: Int, CaseIterable, Sendable {
        /// What the domain got from its network cards.
        case netReceived
        case netSent
        /// What the domain read from its disks.
        case blockRead
        case blockWritten

        /// Where the number stands in the file.
        public var offset: Int { rawValue * 8 }
    }
    /// Size of the file.
    public static let byteCount = Direction.allCases.count * 8
    private var counts: [UInt64]

    /// Nil if these are not the bytes of such a file.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        counts = Direction.allCases.map { direction in
            bytes[direction.offset..<direction.offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    public subscript(direction: Direction) -> UInt64 { counts[direction.rawValue] }
}
