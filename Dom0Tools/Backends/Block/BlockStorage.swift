// SPDX-License-Identifier: Apache-2.0

/// What a disk is, as its frontend is told.
public struct DiskGeometry: Equatable, Sendable {
    /// Size in bytes, a multiple of 512.
    public var byteCount: UInt64
    /// Smallest unit of reading and writing in bytes: 512 or 4096.
    public var sectorByteCount: UInt32 = 512
    /// Unit in which the medium itself works, in bytes.
    public var physicalSectorByteCount: UInt32 = 512
    /// Smallest useful discard in bytes; 0 if discards are not possible.
    public var discardGranularity: UInt32 = 0
    public var isReadOnly = false

    public init(byteCount: UInt64) { self.byteCount = byteCount }
    /// Size in the 512-byte units of the ring.
    public var sectorCount: UInt64 { byteCount / 512 }
}

/// One thing to do with a disk. Offsets and counts are in bytes and inside the disk: the caller checked.
public enum StorageOperation {
    case read(LocalMemory, offset: UInt64)
    case write(LocalMemory, offset: UInt64)
    /// Makes every completed write durable.
    case flush
    case discard(offset: UInt64, byteCount: UInt64)
}

/// A disk's bytes.
public protocol BlockStorage: AnyObject {
    var geometry: DiskGeometry { get }
    /// The disk itself as memory, where it lives in memory anyway; then data is copied without a buffer between.
    var mapping: LocalMemory? { get }
    /// Readable when started operations have ended; nil if none can be started.
    var completionDescriptor: Int32? { get }
    /// Does it now. 0, or an errno.
    func perform(_ operation: StorageOperation) -> Int32
    /// Starts it; `token` comes back from `takeCompletion`. False if it must be done with `perform`.
    func start(_ operation: StorageOperation, token: Int) -> Bool
    /// Hands what was started to the kernel.
    func submit()
    /// An operation that has ended: its token and 0 or an errno.
    func takeCompletion() -> (token: Int, error: Int32)?
    /// Waits until all that was started has ended and its completions can be taken.
    func settle()
    /// Waits likewise, and closes the disk.
    func close()
}
