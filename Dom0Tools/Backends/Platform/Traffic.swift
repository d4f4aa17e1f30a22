// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
public import TrafficCounts

/// Counts the bytes that backends move.
public final class Traffic {
    private let memory: LocalMemory?

    /// Counts for this process only.
    public init() { memory = LocalMemory.allocate(byteCount: TrafficCounts.byteCount) }

    /// Counts in a file, where others read along and whoever comes later goes on. Without the file nothing is counted.
    /// - Parameter path: made if it does not exist.
    public init(file path: String, log: Log) {
        // SAFETY: the text lives during the call.
        let descriptor = unsafe sv_journal_open(path, 0)
        guard descriptor >= 0 else {
            log.warning("nothing is counted in \(path): \(BackendError.text(-descriptor))")
            memory = nil
            return
        }
        defer { _ = close(descriptor) }
        // Room first: a store to a page that the file system cannot give would end the process.
        let error = sv_file_extend(descriptor, Int64(TrafficCounts.byteCount))
        memory =
            error == 0
            ? LocalMemory.map(file: descriptor, byteCount: TrafficCounts.byteCount, isReadOnly: false) : nil
        if memory == nil { log.warning("nothing is counted in \(path): \(BackendError.text(-error))") }
    }
    deinit { memory?.deallocate() }

    func add(_ byteCount: Int, _ direction: TrafficCounts.Direction) {
        guard let memory else { return }
        let count = memory.load(direction.offset, as: UInt64.self)
        memory.store(count &+ UInt64(byteCount), at: direction.offset)
    }

    /// What was counted; nil if nothing could be.
    public var counts: TrafficCounts? {
        guard let memory else { return nil }
        return TrafficCounts((0..<TrafficCounts.byteCount).map { memory.load($0, as: UInt8.self) })
    }
}
