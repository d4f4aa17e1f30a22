// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A Linux call on a descriptor, file or socket failed.
public struct SystemCallError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done, e.g. "watch descriptor 7".
    public let operation: String
    /// The error number, `errno.h`.
    public let number: Int32

    public init(operation: String, number: Int32) {
        self.operation = operation
        self.number = number
    }

    public var description: String {
        // SAFETY: strerror returns a NUL-terminated string, copied here at once.
        unsafe "cannot \(operation): \(String(cString: strerror(number)))"
    }
}
