// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
import Reactor
import Synchronization

/// A file of records that survives the process's death: appended to in memory that the kernel writes back.
///
/// Layout: 8 bytes of mark, then records: length (u32, little endian), bytes, padding to 4; a length of 0 is the end. The
/// length is stored last, so that a record either is there whole or not at all.
@safe final class JournalFile {
    private let path: String
    private var fd: Int32
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    /// Bytes in use.
    private(set) var byteCount: Int
    private static var mark: UInt64 { 0x3130_4a53_5658 }  // "XVSJ01"

    /// Opens or makes the file. `fresh`: what it held is dropped.
    init(_ path: String, fresh: Bool) throws(SystemCallError) {
        // SAFETY: the string lives during the call.
        let fd = unsafe sv_journal_open(path, fresh ? 1 : 0)
        guard fd >= 0 else { throw SystemCallError(operation: "open \(path)", number: -fd) }
        let size = sv_file_size(fd)
        let wanted = max(Int(size), 1 << 18)
        do {
            // SAFETY: the mapping is kept with its size and unmapped in deinit or `grow`.
            unsafe base = try JournalFile.map(fd, wanted, path)
        } catch {
            close(fd)
            throw error
        }
        self.fd = fd
        self.path = path
        capacity = wanted
        byteCount = 8
        // SAFETY: the mapping has at least 8 bytes.
        let mark = unsafe base.load(as: UInt64.self)
        if mark != JournalFile.mark {
            // A new file, or none of ours: begin anew.
            unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: capacity)
            unsafe base.storeBytes(of: JournalFile.mark, as: UInt64.self)
        }
    }

    deinit {
        // SAFETY: mapped by this object only.
        unsafe munmap(base, capacity)
        close(fd)
    }

    private static func map(
        _ fd: Int32, _ size: Int, _ path: String
    ) throws(SystemCallError) -> UnsafeMutableRawPointer {
        let result = sv_file_extend(fd, Int64(size))
        guard result == 0 else { throw SystemCallError(operation: "extend \(path)", number: -result) }
        var error: Int32 = 0
        guard let base = unsafe sv_file_map(fd, Int64(size), &error) else {
            throw SystemCallError(operation: "map \(path)", number: error)
        }
        return unsafe base
    }

    /// Reads the records from the start; those appended later come behind the last one that is whole.
    func read(_ body: ([UInt8]) -> Void) {
        byteCount = 8
        while byteCount + 4 <= capacity {
            // SAFETY: the word lies inside the mapping.
            let length = unsafe Int(base.load(fromByteOffset: byteCount, as: UInt32.self))
            guard length > 0, byteCount + 4 + length <= capacity else { break }
            // SAFETY: just checked.
            body(unsafe [UInt8](UnsafeRawBufferPointer(start: base + byteCount + 4, count: length)))
            byteCount += 4 + (length + 3) & ~3
        }
        // Whatever stands behind the end is dropped.
        if byteCount < capacity {
            unsafe (base + byteCount).initializeMemory(
                as: UInt8.self, repeating: 0, count: capacity - byteCount)
        }
    }

    /// Appends a record.
    func append(_ record: [UInt8]) throws(SystemCallError) {
        guard !record.isEmpty else { return }
        let needed = byteCount + 4 + (record.count + 3) & ~3 + 4
        if needed > capacity { try grow(to: max(capacity * 2, needed)) }
        // SAFETY: room was just made; `record` does not overlap the mapping.
        unsafe record.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (base + byteCount + 4).copyMemory(from: start, byteCount: source.count)
        }
        atomicMemoryFence(ordering: .releasing)
        unsafe base.storeBytes(of: UInt32(record.count), toByteOffset: byteCount, as: UInt32.self)
        byteCount += 4 + (record.count + 3) & ~3
    }

    private func grow(to size: Int) throws(SystemCallError) {
        // SAFETY: the old mapping is replaced, and nobody else has its address.
        let new = unsafe try JournalFile.map(fd, size, path)
        unsafe munmap(base, capacity)
        unsafe base = new
        capacity = size
    }

    /// Takes the place of the file at `target`.
    func rename(to target: String) throws(SystemCallError) {
        // SAFETY: both strings live during the call.
        guard unsafe Glibc.rename(path, target) == 0 else {
            throw SystemCallError(operation: "rename \(path) to \(target)", number: errno)
        }
    }
}
