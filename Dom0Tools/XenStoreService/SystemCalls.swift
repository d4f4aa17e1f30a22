// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc

/// The Linux calls of the service. Together with `JournalFile.swift` and `XenStoreRing.swift` all its unsafe code.
enum SystemCalls {
    static func close(_ fd: Int32) { _ = Glibc.close(fd) }

    /// Bytes sent; 0 if the peer has no room; nil if it is gone.
    static func send(_ bytes: Span<UInt8>, to fd: Int32) -> Int? {
        // SAFETY: the kernel reads `count` bytes of the span.
        let count = unsafe bytes.withUnsafeBytes { unsafe sv_send(fd, $0.baseAddress, $0.count, 0) }
        if count == -Int(EAGAIN) { return 0 }
        return count >= 0 ? count : nil
    }
}

/// Memory that sockets are read into.
final class ReceiveBuffer {
    private var bytes: [UInt8]
    init(byteCount: Int) { bytes = [UInt8](repeating: 0, count: byteCount) }

    var byteCount: Int { bytes.count }

    enum Outcome { case bytes(Int), nothingYet, closed }

    func receive(from fd: Int32) -> Outcome {
        // SAFETY: the kernel writes at most `count` bytes into the array.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe sv_receive(fd, $0.baseAddress, $0.count, 0) }
        if count == -Int(EAGAIN) { return .nothingYet }
        return count > 0 ? .bytes(count) : .closed
    }

    /// Calls `body` with bytes received last.
    func withReceived<R>(_ count: Int, _ body: (Span<UInt8>) -> R) -> R {
        let bytes = bytes
        return body(bytes.span.extracting(0..<count))
    }
}
