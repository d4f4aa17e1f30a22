// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A disk image that is removed at the end.
final class TemporaryImage {
    let path: String
    /// - Parameter directory: `/dev/shm` is tmpfs, where the image is mapped.
    init(byteCount: Int, directory: String = NSTemporaryDirectory()) throws {
        path = "\(directory)/swiftvisor-test-\(UUID().uuidString).img"
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 / 512 &+ $0) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
    var bytes: [UInt8] { (try? [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))) ?? [] }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}
