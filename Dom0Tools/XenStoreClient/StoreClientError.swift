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

extension XenStoreRequest {
    /// What it is for, in an error's words.
    var purpose: String {
        func named(_ verb: String, _ path: [UInt8]) -> String {
            "\(verb) \(String(decoding: path, as: UTF8.self))"
        }
        switch self {
        case .read(let path): return named("read", path)
        case .directory(let path), .directoryPart(let path, _): return named("list", path)
        case .write(let path, _): return named("write", path)
        case .makeDirectory(let path): return named("make", path)
        case .remove(let path): return named("remove", path)
        case .getPermissions(let path): return named("read permissions of", path)
        case .setPermissions(let path, _): return named("set permissions of", path)
        case .watch(let path, _, _): return named("watch", path)
        case .unwatch(let path, _): return named("unwatch", path)
        case .transactionStart: return "start a transaction"
        case .transactionEnd(let commits): return commits ? "commit" : "abort"
        default: return "\(operation)"
        }
    }
}
