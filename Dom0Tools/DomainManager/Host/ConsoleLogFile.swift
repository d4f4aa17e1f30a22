// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A console's log: appended to, and set aside as `….1` when it reaches 1 MiB.
public final class ConsoleLogFile: ConsoleLog {
    /// Size at which a log is set aside, in bytes.
    public static let limit = 1 << 20
    private let path: String
    private var descriptor: Int32 = -1
    private var size = 0

    /// - Parameter path: made if it does not exist. If it cannot be written, nothing is kept.
    public init(path: String) {
        self.path = path
        reopen()
    }
    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    private func reopen() {
        if descriptor >= 0 { _ = close(descriptor) }
        descriptor = (try? System.open(path, O_WRONLY | O_CREAT | O_APPEND)) ?? -1
        size = descriptor < 0 ? 0 : (try? System.status(descriptor)).map { Int($0.st_size) } ?? 0
    }

    public func append(_ bytes: [UInt8]) {
        if size + bytes.count > Self.limit {
            try? System.move(path, to: path + ".1")
            reopen()
        }
        guard descriptor >= 0 else { return }
        do throws(HostFailure) {
            try System.writeAll(bytes, to: descriptor)
            size += bytes.count
        } catch {
            // A full disk must not stop the domain: this part of the log is lost.
            return
        }
    }
}
