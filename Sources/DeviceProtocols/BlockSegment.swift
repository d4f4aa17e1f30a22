// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// A run of sectors within one granted page. `struct blkif_request_segment`, `public/io/blkif.h`.
public struct BlockSegment: Equatable, BitwiseCopyable, Sendable {
    public var grant: GrantReference
    /// First 512-byte sector of the page to use.
    public var firstSector: UInt8
    /// Last 512-byte sector of the page to use, inclusive.
    public var lastSector: UInt8

    @inlinable public init(grant: GrantReference, firstSector: UInt8, lastSector: UInt8) {
        self.grant = grant
        self.firstSector = firstSector
        self.lastSector = lastSector
    }
    /// A segment of no use: what unused places of a request hold.
    @inlinable public static var none: Self {
        .init(grant: GrantReference(rawValue: 0), firstSector: 1, lastSector: 0)
    }
    /// True if the sectors are in order and inside the page. Ask before using the two below.
    @inlinable public var isValid: Bool { firstSector <= lastSector && lastSector < 8 }
    /// Offset of the first byte in the page.
    @inlinable public var pageOffset: Int { Int(firstSector) &* 512 }
    /// Bytes in the segment, 512 to 4096.
    @inlinable public var byteCount: Int { (Int(lastSector) &- Int(firstSector) &+ 1) &* 512 }

    /// From the two 32-bit words of `BlockSegmentLayout`.
    @inlinable public init(words low: UInt32, _ high: UInt32) {
        grant = GrantReference(rawValue: low)
        firstSector = UInt8(truncatingIfNeeded: high)
        lastSector = UInt8(truncatingIfNeeded: high &>> 8)
    }
    /// The two 32-bit words of `BlockSegmentLayout`.
    @inlinable public var words: (UInt32, UInt32) {
        (grant.rawValue, UInt32(firstSector) | UInt32(lastSector) &<< 8)
    }
}
