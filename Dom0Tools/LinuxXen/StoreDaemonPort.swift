// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
public import XenABI

/// The ring between Dom0's kernel and its store daemon: `/proc/xen/xsd_kva` and `/proc/xen/xsd_port` (xenfs).
public struct StoreDaemonPort {
    /// The ring page.
    public let ring: MappedPages
    /// The kernel's port; bind to it as a port of domain 0.
    public let port: EventPort

    /// - Parameter folder: where xenfs is mounted.
    /// - Throws: ENOENT if xenfs is not mounted there.
    public init(folder: String = "/proc/xen") throws(XenCallError) {
        port = EventPort(rawValue: try Self.readPort("\(folder)/xsd_port"))
        let file = try FileHandle("\(folder)/xsd_kva")
        ring = try MappedPages(file: file.descriptor, pageCount: 1, operation: file.path, detail: "mmap")
    }

    private static func readPort(_ path: String) throws(XenCallError) -> UInt32 {
        // SAFETY: the text lives as long as the call.
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw XenCallError(operation: path, errno: errno, detail: "open") }
        defer { _ = close(fd) }
        var text = [UInt8](repeating: 0, count: 32)
        let limit = text.count
        // SAFETY: the buffer has room for `limit` bytes.
        let count = unsafe text.withUnsafeMutableBytes { unsafe read(fd, $0.baseAddress, limit) }
        guard count > 0 else {
            throw XenCallError(operation: path, errno: count < 0 ? errno : EIO, detail: "read")
        }
        let digits = String(decoding: text[..<count].prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self)
        guard let port = UInt32(digits), port != 0 else {
            throw XenCallError(operation: path, errno: EINVAL, detail: "not a port number")
        }
        return port
    }
}
