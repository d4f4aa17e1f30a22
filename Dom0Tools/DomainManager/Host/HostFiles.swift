// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The few file operations that svd itself needs.
public enum HostFiles {
    /// Makes a directory and those above it.
    public static func makeDirectory(_ path: String) throws(HostFailure) { try System.makeDirectory(path) }

    /// Removes a file if it is there.
    public static func remove(_ path: String) { System.remove(path) }

    /// Writes a text to a descriptor such as the standard error output. What cannot be written is lost.
    public static func write(_ text: String, to descriptor: Int32) {
        try? System.writeAll(Array(text.utf8), to: descriptor)
    }

    /// Takes the lock of a file, for as long as the descriptor stays open; nil if another process has it.
    public static func lock(_ path: String) throws(HostFailure) -> Int32? {
        let descriptor = try System.open(path, O_RDWR | O_CREAT)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            _ = close(descriptor)
            return nil
        }
        return descriptor
    }
}
