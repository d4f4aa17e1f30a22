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
            throw OpenError(
                reason: status.st_mode & S_IFMT == S_IFDIR ? "it is a directory" : "it is not a file")
        }
        count = Int(status.st_size)
        identity = Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            modifiedNanoseconds: Int64(status.st_mtim.tv_sec) &* 1_000_000_000
                &+ Int64(status.st_mtim.tv_nsec),
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

    /// The bytes themselves. They are valid while `self` is.
    @unsafe private var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: count)
    }

    /// Lends the bytes of `range` to `body`.
    ///
    /// - Precondition: the range lies inside.
    func withSpan<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        // SAFETY: the mapping holds the range, and lives as long as the loan.
        let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[range]))
        return try body(span)
    }

    /// Lends all the bytes to `body`, to be filled. Only for anonymous memory.
    func withMutableSpan<Result, Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: the mapping is writable and lives as long as the loan; nobody else uses it meanwhile.
        var span = unsafe MutableRawSpan(
            _unsafeBytes: UnsafeMutableRawBufferPointer(start: base, count: count))
        return try body(&span)
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

// MARK: Files

extension FileView {
    /// Writes all the bytes to a new file, has it reach the disk, and only then gives it its name.
    ///
    /// - Returns: what went wrong, or nil. Then there is no such file, or still the old one.
    func store(at path: String, mode: mode_t) -> OpenError? {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let temporary = "\(path[..<slash]).\(path[slash...]).\(getpid())"
        var failure = write(to: temporary, mode: mode)
        // SAFETY: the texts live as long as the calls.
        if failure == nil, unsafe rename(temporary, path) != 0 { failure = OpenError(errno) }
        if failure != nil { _ = unsafe unlink(temporary) }
        return failure
    }

    private func write(to path: String, mode: mode_t) -> OpenError? {
        // SAFETY: the text lives as long as the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { return OpenError(errno) }
        defer { _ = close(descriptor) }
        var done = 0
        while done < count {
            // SAFETY: the range lies inside the mapping.
            let written = unsafe Glibc.write(
                descriptor, bytes.baseAddress.map { unsafe $0 + done }, count - done)
            if written < 0 {
                if errno == EINTR { continue }
                return OpenError(errno)
            }
            done += written
        }
        return fsync(descriptor) == 0 ? nil : OpenError(errno)
    }
}

/// A folder of files.
struct Folder {
    let path: String

    /// Makes the folder, for its owner only, and those above it that are missing. What fails shows in later steps.
    func make() {
        var prefix = ""
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            // SAFETY: the text lives as long as the call.
            _ = unsafe mkdir(prefix, prefix == path ? 0o700 : 0o755)
        }
    }

    /// The names in it, in no order; none if it cannot be read.
    var names: [String] {
        // SAFETY: the listing is open until the function ends; d_name is NUL-terminated.
        guard let listing = unsafe opendir(path) else { return [] }
        defer { _ = unsafe closedir(listing) }
        var names: [String] = []
        while let entry = unsafe readdir(listing) {
            // SAFETY: d_name is NUL-terminated.
            names.append(
                unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                })
        }
        return names
    }

    /// Removes a file of this name.
    func remove(_ name: String) {
        // SAFETY: the text lives as long as the call.
        _ = unsafe unlink("\(path)/\(name)")
    }
}

extension KernelExtraction {
    /// Writes a line to standard error.
    public static func printError(_ text: String) {
        let line = Array("\(text)\n".utf8)
        // SAFETY: the array outlives the call.
        _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
