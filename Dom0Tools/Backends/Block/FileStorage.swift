// SPDX-License-Identifier: Apache-2.0
import CBackends
import Glibc

/// A disk in a file or a block device.
///
/// - A file of tmpfs is used through its mapped pages: they are memory already, so data moves between them and the
///   guest's pages in one copy.
/// - Everything else is read and written with O_DIRECT through io_uring, into buffers of our own. Where the file
///   system refuses O_DIRECT the page cache is used; where the kernel refuses io_uring the calls wait.
@safe public final class FileStorage: BlockStorage {
    public let geometry: DiskGeometry
    public let mapping: LocalMemory?
    public let path: String
    /// True while reads and writes pass the page cache by.
    public private(set) var isDirect = false
    private let descriptor: Int32
    private let isBlockDevice: Bool
    // SAFETY: zeroed; `sv_uring_open` fills it, and it is not used before.
    private var ring = unsafe sv_uring()
    private var usesRing = false
    /// What each started operation is to move, to finish what the kernel did only in part.
    private var started: [StorageOperation?]
    private var startedCount = 0
    private var isClosed = false

    /// How a disk is accessed; `automatic` is right except in tests.
    public enum Access: Sendable {
        case automatic, waiting
    }

    /// Opens and locks a disk.
    ///
    /// - Parameters:
    ///   - isReadOnly: nothing is written, and others may read the disk too.
    ///   - offersDiscard: the configuration allows discards.
    ///   - operationLimit: tokens of `start` are below this.
    /// - Throws: `storage` or `storageInUse`.
    public init(
        path: String, isReadOnly: Bool, offersDiscard: Bool = true, access: Access = .automatic,
        operationLimit: Int = 64
    ) throws(BackendError) {
        self.path = path
        started = [StorageOperation?](repeating: nil, count: operationLimit)
        // SAFETY: the C function reads the text, or fills what it is given, and keeps nothing of it.
        let fd = unsafe sv_storage_open(path, isReadOnly ? 1 : 0)
        guard fd >= 0 else {
            var problem = "cannot be opened: \(BackendError.text(-fd))"
            if fd == -ENOENT { problem += "; create it, or correct the path in the configuration" }
            if fd == -EROFS || fd == -EACCES { problem += "; attach it read-only, or allow writing" }
            throw .storage(path: path, problem: problem)
        }
        do throws(BackendError) {
            let lock = sv_storage_lock(fd, isReadOnly ? 1 : 0)
            if lock == -EWOULDBLOCK { throw .storageInUse(path: path) }
            var info = sv_storage_info()
            let inspected = unsafe sv_storage_inspect(fd, &info)
            guard inspected == 0 else { throw .storage(path: path, problem: BackendError.text(-inspected)) }
            guard info.is_block_device != 0 || info.is_regular_file != 0 else {
                throw .storage(path: path, problem: "is neither a file nor a block device")
            }
            guard info.byte_count >= 512, info.byte_count <= UInt64(Int64.max) else {
                throw .storage(path: path, problem: "has \(info.byte_count) bytes; a disk needs at least 512")
            }
            var geometry = DiskGeometry(byteCount: info.byte_count & ~511)
            geometry.sectorByteCount = info.sector_byte_count
            geometry.physicalSectorByteCount = info.physical_sector_byte_count
            geometry.discardGranularity = offersDiscard && !isReadOnly ? info.discard_granularity : 0
            geometry.isReadOnly = isReadOnly
            self.geometry = geometry
            isBlockDevice = info.is_block_device != 0
            mapping =
                info.is_in_memory != 0
                ? LocalMemory.map(file: fd, byteCount: Int(geometry.byteCount), isReadOnly: isReadOnly) : nil
        } catch {
            _ = Glibc.close(fd)
            throw error
        }
        descriptor = fd
        // SAFETY: the C function reads the text, or fills what it is given, and keeps nothing of it.
        if mapping == nil && access == .automatic {
            isDirect = sv_storage_set_direct(fd, 1) == 0
            usesRing = unsafe sv_uring_open(&ring, UInt32(operationLimit)) == 0
        }
    }

    public var completionDescriptor: Int32? { unsafe usesRing ? ring.fd : nil }

    public func perform(_ operation: StorageOperation) -> Int32 {
        switch operation {
        case .read(let memory, let offset): return transfer(memory, offset, isWrite: false, done: 0)
        case .write(let memory, let offset): return transfer(memory, offset, isWrite: true, done: 0)
        case .flush: return -sv_storage_flush(descriptor)
        case .discard(let offset, let byteCount):
            return isBlockDevice
                ? -sv_storage_block_discard(descriptor, offset, byteCount)
                : -sv_storage_punch(descriptor, offset, byteCount)
        }
    }

    /// Moves all bytes from the `done`th on, however many calls it takes.
    private func transfer(_ memory: LocalMemory, _ offset: UInt64, isWrite: Bool, done: Int) -> Int32 {
        var done = done
        while done < memory.byteCount {
            let rest = memory.slice(done, memory.byteCount - done)
            let position = offset + UInt64(done)
            // SAFETY: `rest` gives its own bounds.
            let result =
                unsafe isWrite
                ? sv_storage_write(descriptor, rest.base, UInt64(rest.byteCount), position)
                : sv_storage_read(descriptor, rest.base, UInt64(rest.byteCount), position)
            if result == Int64(-EINVAL) && isDirect {
                // The medium wants larger units than the guest uses: go through the page cache from here on.
                isDirect = false
                _ = sv_storage_set_direct(descriptor, 0)
                continue
            }
            if result < 0 { return Int32(-result) }
            // The end of a file that somebody made shorter.
            if result == 0 { return EIO }
            done += Int(result)
        }
        return 0
    }

    public func start(_ operation: StorageOperation, token: Int) -> Bool {
        guard usesRing else { return false }
        let isPut: Int32
        switch operation {
        // SAFETY: the C function reads the text, or fills what it is given, and keeps nothing of it.
        case .read(let memory, let offset):
            isPut = unsafe sv_uring_put_read(
                &ring, descriptor, memory.base, UInt32(memory.byteCount), offset, UInt64(token))
        case .write(let memory, let offset):
            isPut = unsafe sv_uring_put_write(
                &ring, descriptor, memory.base, UInt32(memory.byteCount), offset, UInt64(token))
        case .flush: isPut = unsafe sv_uring_put_flush(&ring, descriptor, UInt64(token))
        case .discard: return false
        }
        guard isPut != 0 else { return false }
        started[token] = operation
        startedCount += 1
        return true
    }

    public func submit() {
        guard usesRing else { return }
        _ = unsafe sv_uring_submit(&ring, 0)
    }

    public func takeCompletion() -> (token: Int, error: Int32)? {
        guard usesRing else { return nil }
        var token: UInt64 = 0
        var result: Int32 = 0
        // SAFETY: the C function reads the text, or fills what it is given, and keeps nothing of it.
        guard unsafe sv_uring_take(&ring, &token, &result) != 0 else { return nil }
        let operation = started[Int(token)]
        started[Int(token)] = nil
        startedCount -= 1
        switch operation {
        case .read(let memory, let offset):
            return (Int(token), finish(memory, offset, isWrite: false, result))
        case .write(let memory, let offset):
            return (Int(token), finish(memory, offset, isWrite: true, result))
        default: return (Int(token), result < 0 ? -result : 0)
        }
    }

    /// A transfer the kernel did in part, or refused for its alignment, is finished by waiting calls.
    private func finish(_ memory: LocalMemory, _ offset: UInt64, isWrite: Bool, _ result: Int32) -> Int32 {
        if result == -EINVAL && isDirect || result == -EAGAIN || result == -EINTR {
            return transfer(memory, offset, isWrite: isWrite, done: 0)
        }
        if result < 0 { return -result }
        return Int(result) == memory.byteCount
            ? 0 : transfer(memory, offset, isWrite: isWrite, done: Int(result))
    }

    public func settle() {
        // SAFETY: the C function reads the text, or fills what it is given, and keeps nothing of it.
        guard usesRing, startedCount > 0 else { return }
        _ = unsafe sv_uring_submit(&ring, UInt32(startedCount))
    }

    public func close() {
        guard !isClosed else { return }
        isClosed = true
        if usesRing {
            settle()
            usesRing = false
            unsafe sv_uring_close(&ring)
        }
        mapping?.deallocate()
        _ = Glibc.close(descriptor)
    }

    deinit { close() }
}
