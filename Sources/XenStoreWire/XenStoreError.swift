// SPDX-License-Identifier: Apache-2.0

/// An error as the store's protocol knows it: sent by name. `xsd_errors`, `public/io/xs_wire.h`.
public enum XenStoreError: UInt8, Error, CaseIterable, Equatable, BitwiseCopyable, Sendable {
    /// A path, field or number is malformed.
    case invalidArgument
    /// Permissions of the node, or of the caller, forbid it.
    case accessDenied
    /// There is one already.
    case exists
    case isDirectory
    /// No such node, watch, transaction or domain.
    case noEntry
    /// The domain's memory quota is used up.
    case noMemory
    /// Another quota is used up.
    case noSpace
    case inputOutput
    case notEmpty
    /// The operation is unknown.
    case notImplemented
    case readOnly
    case busy
    /// The transaction met a conflicting change: do it all again.
    case tryAgain
    case isConnected
    /// A reply would not fit a packet, or too many of something were asked for.
    case tooBig
    case notPermitted

    /// The name on the wire.
    public var name: StaticString {
        switch self {
        case .invalidArgument: "EINVAL"
        case .accessDenied: "EACCES"
        case .exists: "EEXIST"
        case .isDirectory: "EISDIR"
        case .noEntry: "ENOENT"
        case .noMemory: "ENOMEM"
        case .noSpace: "ENOSPC"
        case .inputOutput: "EIO"
        case .notEmpty: "ENOTEMPTY"
        case .notImplemented: "ENOSYS"
        case .readOnly: "EROFS"
        case .busy: "EBUSY"
        case .tryAgain: "EAGAIN"
        case .isConnected: "EISCONN"
        case .tooBig: "E2BIG"
        case .notPermitted: "EPERM"
        }
    }

    /// The error number, as `public/errno.h` and Linux have it.
    public var number: Int32 {
        switch self {
        case .invalidArgument: 22
        case .accessDenied: 13
        case .exists: 17
        case .isDirectory: 21
        case .noEntry: 2
        case .noMemory: 12
        case .noSpace: 28
        case .inputOutput: 5
        case .notEmpty: 39
        case .notImplemented: 38
        case .readOnly: 30
        case .busy: 16
        case .tryAgain: 11
        case .isConnected: 106
        case .tooBig: 7
        case .notPermitted: 1
        }
    }

    /// The error an ERROR reply's payload names, with or without its NUL. A name nobody knows is `inputOutput`.
    public init(name payload: Span<UInt8>) {
        var end = payload.count
        if end > 0 && payload[end - 1] == 0 { end -= 1 }
        for error in XenStoreError.allCases where payload.extracting(0..<end).matches(error.name) {
            self = error
            return
        }
        self = .inputOutput
    }
}
