// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc

/// An open device file, closed when the last owner drops it.
final class FileHandle {
    let descriptor: Int32
    let path: String

    /// Opens `path` for reading and writing.
    init(_ path: String) throws(XenCallError) {
        // SAFETY: the text lives as long as the call.
        let fd = unsafe sv_open_device(path)
        guard fd >= 0 else { throw XenCallError(operation: path, errno: -fd, detail: "open") }
        descriptor = fd
        self.path = path
    }

    deinit { _ = close(descriptor) }
}
