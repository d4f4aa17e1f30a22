// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc

/// A connection to the store's socket. All unsafe code of the module is here and in `StoreClientError`.
final class StoreSocket {
    let fd: Int32
    private var buffer = [UInt8](repeating: 0, count: 8192)

    /// - Throws: the error number.
    init(path: String) throws(StoreClientError) {
        // SAFETY: the string lives during the call.
        let fd = unsafe sv_unix_connect(path)
        guard fd >= 0 else { throw .unreachable(socket: path, number: -fd) }
        self.fd = fd
    }

    deinit { close(fd) }

    /// Sends all the bytes; false if the store is gone.
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            // SAFETY: the kernel reads what is left of the array.
            let count = unsafe bytes.withUnsafeBytes {
                unsafe sv_send(fd, $0.baseAddress.map { unsafe $0 + sent }, $0.count - sent, 1)
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Bytes that arrived: empty if there are none and it does not block, nil if the store is gone.
    func receive(blocks: Bool) -> [UInt8]? {
        // SAFETY: the kernel writes at most `count` bytes into the array.
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe sv_receive(fd, $0.baseAddress, $0.count, blocks ? 1 : 0)
        }
        if count == -Int(EAGAIN) { return [] }
        return count > 0 ? Array(buffer[..<count]) : nil
    }
}
