// SPDX-License-Identifier: Apache-2.0

/// A block request's type. `BLKIF_OP_…`, `public/io/blkif.h`.
public struct BlockOperation: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// `BLKIF_OP_READ`.
    @inlinable public static var read: Self { .init(rawValue: 0) }
    /// `BLKIF_OP_WRITE`.
    @inlinable public static var write: Self { .init(rawValue: 1) }
    /// A write that nothing may be reordered across. Only if `feature-barrier`. `BLKIF_OP_WRITE_BARRIER`.
    @inlinable public static var writeBarrier: Self { .init(rawValue: 2) }
    /// Makes all completed writes durable. Only if `feature-flush-cache`. `BLKIF_OP_FLUSH_DISKCACHE`.
    @inlinable public static var flush: Self { .init(rawValue: 3) }
    /// Only if `feature-discard`. `BLKIF_OP_DISCARD`.
    @inlinable public static var discard: Self { .init(rawValue: 5) }
    /// Segments stand in other pages. Only if `feature-max-indirect-segments`. `BLKIF_OP_INDIRECT`.
    @inlinable public static var indirect: Self { .init(rawValue: 6) }
}

/// How a block request ended. `BLKIF_RSP_…`, `public/io/blkif.h`.
public struct BlockStatus: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: Int16
    @inlinable public init(rawValue: Int16) { self.rawValue = rawValue }
    /// `BLKIF_RSP_OKAY`.
    @inlinable public static var okay: Self { .init(rawValue: 0) }
    /// `BLKIF_RSP_ERROR`.
    @inlinable public static var error: Self { .init(rawValue: -1) }
    /// The operation is not offered. `BLKIF_RSP_EOPNOTSUPP`.
    @inlinable public static var notSupported: Self { .init(rawValue: -2) }
}

/// Numbers of the block protocol. `public/io/blkif.h`.
public enum BlockInterface {
    /// Unit of every sector number on the ring, in bytes.
    @inlinable public static var sectorByteCount: Int { 512 }
    /// Sectors in one page.
    @inlinable public static var sectorsPerPage: Int { 8 }
    /// `BLKIF_MAX_SEGMENTS_PER_REQUEST`.
    @inlinable public static var maximumSegments: Int { 11 }
    /// `BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST`.
    @inlinable public static var maximumIndirectPages: Int { 8 }
    /// Segments in one indirect page.
    @inlinable public static var segmentsPerIndirectPage: Int { 512 }
    /// Flag of a discard request: erase so that nothing can be read back. `BLKIF_DISCARD_SECURE`.
    @inlinable public static var discardSecure: UInt8 { 1 }
    /// Bit of the `info` key. `VDISK_CDROM`.
    @inlinable public static var infoCDROM: UInt32 { 1 }
    /// Bit of the `info` key. `VDISK_REMOVABLE`.
    @inlinable public static var infoRemovable: UInt32 { 2 }
    /// Bit of the `info` key. `VDISK_READONLY`.
    @inlinable public static var infoReadOnly: UInt32 { 4 }
}

/// `struct blkif_request_segment`. 8 bytes, also the element of an indirect page.
public enum BlockSegmentLayout: ABILayout { @inlinable public static var byteCount: Int { 8 } }
extension Field<BlockSegmentLayout, UInt32> {
    /// `gref`.
    @inlinable public static var grant: Self { .init(at: 0) }
}
extension Field<BlockSegmentLayout, UInt8> {
    /// First sector of the page to use, 0 to 7. `first_sect`.
    @inlinable public static var firstSector: Self { .init(at: 4) }
    /// Last sector of the page to use, inclusive. `last_sect`.
    @inlinable public static var lastSector: Self { .init(at: 5) }
}

/// `struct blkif_request` as a 64-bit guest lays it out ("x86_64-abi"). 112 bytes.
public enum BlockRequestLayout: ABILayout { @inlinable public static var byteCount: Int { 112 } }
extension Field<BlockRequestLayout, UInt8> {
    /// `operation`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `nr_segments`.
    @inlinable public static var segmentCount: Self { .init(at: 1) }
}
extension Field<BlockRequestLayout, UInt16> {
    /// `handle`.
    @inlinable public static var handle: Self { .init(at: 2) }
}
extension Field<BlockRequestLayout, UInt64> {
    /// The frontend's own word, echoed in the response. `id`.
    @inlinable public static var identifier: Self { .init(at: 8) }
    /// `sector_number`.
    @inlinable public static var sector: Self { .init(at: 16) }
}
extension BlockRequestLayout {
    /// Offset of `seg[0]`.
    @inlinable public static var segments: Int { 24 }
}

/// `struct blkif_request` as a 32-bit guest lays it out ("x86_32-abi"). 108 bytes.
public enum BlockRequest32Layout: ABILayout { @inlinable public static var byteCount: Int { 108 } }
extension BlockRequest32Layout {
    /// Every field after `handle` stands this many bytes before its place in the 64-bit layout.
    @inlinable public static var shift: Int { 4 }
}

/// `struct blkif_request_discard`, 64-bit layout. 32 bytes of the slot.
public enum BlockDiscardLayout: ABILayout { @inlinable public static var byteCount: Int { 32 } }
extension Field<BlockDiscardLayout, UInt8> {
    /// `operation`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// `flag`.
    @inlinable public static var flag: Self { .init(at: 1) }
}
extension Field<BlockDiscardLayout, UInt16> {
    /// `handle`.
    @inlinable public static var handle: Self { .init(at: 2) }
}
extension Field<BlockDiscardLayout, UInt64> {
    /// `id`.
    @inlinable public static var identifier: Self { .init(at: 8) }
    /// `sector_number`.
    @inlinable public static var sector: Self { .init(at: 16) }
    /// `nr_sectors`.
    @inlinable public static var sectorCount: Self { .init(at: 24) }
}

/// `struct blkif_request_indirect`, 64-bit layout. 64 bytes of the slot.
public enum BlockIndirectLayout: ABILayout { @inlinable public static var byteCount: Int { 64 } }
extension Field<BlockIndirectLayout, UInt8> {
    /// Always `BlockOperation.indirect`. `operation`.
    @inlinable public static var operation: Self { .init(at: 0) }
    /// What to do: read or write. `indirect_op`.
    @inlinable public static var indirectOperation: Self { .init(at: 1) }
}
extension Field<BlockIndirectLayout, UInt16> {
    /// Segments in all the pages together. `nr_segments`.
    @inlinable public static var segmentCount: Self { .init(at: 2) }
    /// `handle`. At 20 in the 32-bit layout.
    @inlinable public static var handle: Self { .init(at: 24) }
}
extension Field<BlockIndirectLayout, UInt64> {
    /// `id`.
    @inlinable public static var identifier: Self { .init(at: 8) }
    /// `sector_number`.
    @inlinable public static var sector: Self { .init(at: 16) }
}
extension Field<BlockIndirectLayout, UInt32> {
    /// First of eight grants of segment pages. At 24 in the 32-bit layout. `indirect_grefs`.
    @inlinable public static var grants: Self { .init(at: 28) }
}

/// `struct blkif_response`. 16 bytes for a 64-bit guest, 12 for a 32-bit one; the fields stand at the same offsets.
public enum BlockResponseLayout: ABILayout { @inlinable public static var byteCount: Int { 16 } }
extension Field<BlockResponseLayout, UInt64> {
    /// `id`.
    @inlinable public static var identifier: Self { .init(at: 0) }
}
extension Field<BlockResponseLayout, UInt8> {
    /// `operation`.
    @inlinable public static var operation: Self { .init(at: 8) }
}
extension Field<BlockResponseLayout, UInt16> {
    /// Signed: see `BlockStatus`. `status`.
    @inlinable public static var status: Self { .init(at: 10) }
}
