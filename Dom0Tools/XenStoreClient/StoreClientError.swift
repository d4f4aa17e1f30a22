// SPDX-License-Identifier: Apache-2.0
import Glibc
public import XenStoreWire

/// A request to the store failed.
public enum StoreClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The store refused it. `operation` names it, e.g. "write /local/domain/1/name".
    case refused(operation: String, XenStoreError)
    /// There is no store at the socket. The number is from `errno.h`.
    case unreachable(socket: String, number: Int32)
    /// The store went away before it answered. The next request connects anew.
    case connectionLost(operation: String)

    public var description: String {
        switch self {
        case .refused(let operation, let error):
            // SAFETY: strerror returns a NUL-terminated string, copied here at once.
            unsafe "store: cannot \(operation): \(String(cString: strerror(error.number))) (\(error.name))"
        case .unreachable(let socket, let number):
            // SAFETY: as above.
            unsafe "no store at \(socket): \(String(cString: strerror(number))). Is svd running?"
        case .connectionLost(let operation):
            "store: the connection was lost during: \(operation)"
        }
    }

    /// The store's reason, if it was the store that refused.
    public var reason: XenStoreError? {
        if case .refused(_, let error) = self { return error }
        return nil
    }
}
