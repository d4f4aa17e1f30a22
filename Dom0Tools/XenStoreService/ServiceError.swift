// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The service could not do something with a file or socket.
public struct XenStoreServiceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done, e.g. "listen at /run/xenstored/socket".
    public let operation: String
    /// `errno.h`.
    public let number: Int32

    public init(operation: String, number: Int32) {
        self.operation = operation
        self.number = number
    }

    public var description: String {
        // SAFETY: strerror returns a NUL-terminated string, copied here at once.
        unsafe "store: cannot \(operation): \(String(cString: strerror(number)))"
    }
}
