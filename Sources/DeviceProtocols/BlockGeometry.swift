// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What a disk is, and what its backend offers. `public/io/blkif.h`, the backend's nodes.
public struct BlockGeometry: Equatable, BitwiseCopyable, Sendable {
    /// Size in units of 512 bytes, whatever the sector size. `sectors`.
    public var sectorCount: UInt64
    /// Smallest unit of a request in bytes: a power of two, 512 or more. `sector-size`.
    public var sectorByteCount: Int
    /// Unit that the medium writes at once, in bytes. `physical-sector-size`.
    public var physicalSectorByteCount: Int
    /// `info`.
    public var isReadOnly = false
    /// How a flush is asked for: `flush` or `writeBarrier`; nil if the backend offers neither. `feature-flush-cache`,
    /// `feature-barrier`.
    public var flushOperation: BlockOperation?
    /// `feature-discard`.
    public var canDiscard = false
    /// `discard-secure`.
    public var canDiscardSecurely = false
    /// Unit of discarding in bytes. `discard-granularity`.
    public var discardGranularity = 0
    /// Where the first such unit begins, in bytes. `discard-alignment`.
    public var discardAlignment = 0
    /// Segments an indirect request may have: 0 if the backend takes none, at most 4096.
    /// `feature-max-indirect-segments`.
    public var indirectSegmentLimit = 0
    /// Whether both ends agreed that the backend keeps pages mapped. `feature-persistent`.
    public var isPersistent = false

    /// Nil if the numbers make no disk.
    public init?(sectorCount: UInt64, sectorByteCount: Int = 512, physicalSectorByteCount: Int? = nil) {
        let physical = physicalSectorByteCount ?? sectorByteCount
        guard sectorByteCount >= BlockInterface.sectorByteCount, sectorByteCount <= pageSize,
            sectorByteCount & (sectorByteCount - 1) == 0, sectorCount <= UInt64(Int64.max) >> 9,
            physical > 0
        else { return nil }
        self.sectorCount = sectorCount
        self.sectorByteCount = sectorByteCount
        self.physicalSectorByteCount = physical
    }
    /// Size of the disk in bytes.
    public var byteCount: UInt64 { sectorCount &* UInt64(BlockInterface.sectorByteCount) }
    /// 512-byte sectors in one of the disk's.
    var sectorsPerSector: UInt64 { UInt64(sectorByteCount / BlockInterface.sectorByteCount) }
}

/// Why a request to a disk failed, or was not made.
public enum BlockError: Error, Equatable, Sendable {
    /// The range ends beyond the disk.
    case outOfRange
    /// The range is empty or does not begin and end with sectors of the disk; or the buffer's part does not begin at a
    /// multiple of 512 bytes.
    case misaligned
    /// The part of the buffer ends beyond it.
    case bufferTooSmall
    /// The disk cannot be written.
    case readOnly
    /// The backend does not offer this.
    case notSupported
    /// The backend tried and failed.
    case inputOutput
    /// The device was closed before the answer came. A write may or may not have been carried out.
    case closed
    /// No answer came in time. A write may still be carried out, and a read may still write into the buffer: it keeps its
    /// pages until the backend has answered or let go of the ring.
    case timedOut
    /// The backend broke the rules: the device is given up.
    case protocolViolation
    /// No page or grant is free.
    case exhausted
    /// A completion of this disk asked to wait for this disk: that wait would never end.
    case busy
}
