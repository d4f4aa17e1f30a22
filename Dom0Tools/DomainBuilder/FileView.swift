// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Bytes of a file, mapped read-only, or of anonymous memory. Every access is checked against their end.
@safe final class FileView {
    private let base: UnsafeMutableRawPointer?
    /// Number of bytes.
    let count: Int

    /// What tells this version of a file from any other.
    struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
        var modifiedNanoseconds: Int64
        var byteCount: Int
    }
    let identity: Identity

    /// Why a file could not be mapped.
    struct OpenError: Error {
        let errno: Int32
        /// "No such file or directory", or what is wrong with the file.
        let reason: String
        init(_ number: Int32) {
            errno = number
            // SAFETY: strerror returns a NUL-terminated text.
            reason = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        }
        init(reason: String) {
            errno = EINVAL
            self.reason = reason
        }
    }

    /// Maps a regular file.
    convenience init(path: String) throws(OpenError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw OpenError(errno) }
        defer { _ = close(descriptor) }
        try self.init(descriptor: descriptor)
    }

    /// Maps the file of an open descriptor, which stays the caller's.
    init(descriptor: Int32) throws(OpenError) {
        var status = stat()
        // SAFETY: `status` is a whole struct stat.
        guard unsafe fstat(descriptor, &status) == 0 else { throw OpenError(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw OpenError(reason: status.st_mode & S_IFMT == S_IFDIR ? "it is a directory" : "it is not a file")
        }
        count = Int(status.st_size)
        identity = Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            modifiedNanoseconds: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec),
            byteCount: count)
        guard count > 0 else {
            unsafe base = nil
            return
        }
        // SAFETY: a new mapping; nothing else uses the range.
        let mapped = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard unsafe mapped != MAP_FAILED else { throw OpenError(errno) }
        unsafe base = mapped
    }

    /// Zeroed memory to be filled.
    init(anonymousByteCount: Int) throws(OpenError) {
        count = anonymousByteCount
        identity = Identity(device: 0, inode: 0, modifiedNanoseconds: 0, byteCount: anonymousByteCount)
        guard count > 0 else {
            unsafe base = nil
            return
        }
        // SAFETY: a new mapping; nothing else uses the range.
        let mapped = unsafe mmap(
            nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard unsafe mapped != MAP_FAILED else { throw OpenError(errno) }
        unsafe base = mapped
    }

    deinit {
        // SAFETY: mapped by the initialisers, with this size, and unmapped only here.
        if let base = unsafe base { _ = unsafe munmap(base, count) }
    }

    /// The bytes themselves, for copies. They are valid while `self` is.
    @unsafe var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }
    /// The same, to be filled. Only for anonymous memory.
    @unsafe var mutableBytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: count)
    }

    /// True if `offset..<offset + length` lies inside.
    func contains(_ offset: UInt64, _ length: UInt64) -> Bool {
        let (end, overflow) = offset.addingReportingOverflow(length)
        return !overflow && end <= UInt64(count)
    }

    /// The number at `offset`, lowest byte first, or nil if it ends beyond the file.
    func load<Value: FixedWidthInteger>(_ type: Value.Type, at offset: UInt64) -> Value? {
        let size = MemoryLayout<Value>.size
        guard contains(offset, UInt64(size)) else { return nil }
        // SAFETY: the range was just checked.
        return unsafe Value(littleEndian: bytes.loadUnaligned(fromByteOffset: Int(offset), as: Value.self))
    }
}
