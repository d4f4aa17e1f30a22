// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A console's history in a file, which the next svd finds there after this one was killed.
public final class ConsoleHistoryFile: HistoryKeeping {
    private let path: String
    private var descriptor: Int32 = -1

    /// - Parameter path: made with the first bytes. If it cannot be written, nothing is kept.
    public init(path: String) { self.path = path }
    deinit { close() }

    public var contents: [UInt8] { (try? System.readFile(path)) ?? [] }

    public func append(_ bytes: [UInt8]) {
        if descriptor < 0 { descriptor = (try? System.open(path, O_WRONLY | O_CREAT | O_APPEND)) ?? -1 }
        guard descriptor >= 0 else { return }
        try? System.writeAll(bytes, to: descriptor)
    }
    public func replace(with bytes: [UInt8]) {
        close()
        try? System.replaceFile(path, with: bytes)
    }
    public func remove() {
        close()
        System.remove(path)
    }

    private func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }
}
