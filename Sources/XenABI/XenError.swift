// SPDX-License-Identifier: Apache-2.0

/// An error as the hypercall ABI numbers it. Returned to guests as the negated value. `public/errno.h`.
public struct XenError: RawRepresentable, Error, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: Int32
    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
    /// What a hypercall returns for this error.
    @inlinable public var returnValue: Int64 { -Int64(rawValue) }
}

extension XenError {
    /// The caller may not do this. `XEN_EPERM`.
    @inlinable public static var notPermitted: XenError { XenError(rawValue: 1) }
    /// No such entry, file or vCPU. `XEN_ENOENT`.
    @inlinable public static var noEntry: XenError { XenError(rawValue: 2) }
    /// No such domain. `XEN_ESRCH`.
    @inlinable public static var noSuchDomain: XenError { XenError(rawValue: 3) }
    /// Interrupted. `XEN_EINTR`.
    @inlinable public static var interrupted: XenError { XenError(rawValue: 4) }
    /// Input or output failed. `XEN_EIO`.
    @inlinable public static var inputOutput: XenError { XenError(rawValue: 5) }
    /// No such device or address. `XEN_ENXIO`.
    @inlinable public static var noSuchAddress: XenError { XenError(rawValue: 6) }
    /// An argument list is too long. `XEN_E2BIG`.
    @inlinable public static var tooBig: XenError { XenError(rawValue: 7) }
    /// The image's format is wrong. `XEN_ENOEXEC`.
    @inlinable public static var notExecutable: XenError { XenError(rawValue: 8) }
    /// Try again. `XEN_EAGAIN`.
    @inlinable public static var tryAgain: XenError { XenError(rawValue: 11) }
    /// Out of memory. `XEN_ENOMEM`.
    @inlinable public static var noMemory: XenError { XenError(rawValue: 12) }
    /// Access denied, or a wrong interface version. `XEN_EACCES`.
    @inlinable public static var accessDenied: XenError { XenError(rawValue: 13) }
    /// A guest address cannot be read or written. `XEN_EFAULT`.
    @inlinable public static var badAddress: XenError { XenError(rawValue: 14) }
    /// In use. `XEN_EBUSY`.
    @inlinable public static var busy: XenError { XenError(rawValue: 16) }
    /// Exists already. `XEN_EEXIST`.
    @inlinable public static var exists: XenError { XenError(rawValue: 17) }
    /// Crosses a border between owners. `XEN_EXDEV`.
    @inlinable public static var crossDevice: XenError { XenError(rawValue: 18) }
    /// No such device. `XEN_ENODEV`.
    @inlinable public static var noDevice: XenError { XenError(rawValue: 19) }
    /// An argument is out of range or contradicts another. `XEN_EINVAL`.
    @inlinable public static var invalidArgument: XenError { XenError(rawValue: 22) }
    /// A fixed-size table is full. `XEN_ENOSPC`.
    @inlinable public static var noSpace: XenError { XenError(rawValue: 28) }
    /// Read-only. `XEN_EROFS`.
    @inlinable public static var readOnly: XenError { XenError(rawValue: 30) }
    /// Out of range. `XEN_ERANGE`.
    @inlinable public static var outOfRange: XenError { XenError(rawValue: 34) }
    /// Would deadlock. `XEN_EDEADLK`.
    @inlinable public static var deadlock: XenError { XenError(rawValue: 35) }
    /// Unknown operation. `XEN_ENOSYS`.
    @inlinable public static var notImplemented: XenError { XenError(rawValue: 38) }
    /// No data. `XEN_ENODATA`.
    @inlinable public static var noData: XenError { XenError(rawValue: 61) }
    /// A value does not fit. `XEN_EOVERFLOW`.
    @inlinable public static var overflow: XenError { XenError(rawValue: 75) }
    /// Known, and not offered. `XEN_EOPNOTSUPP`.
    @inlinable public static var notSupported: XenError { XenError(rawValue: 95) }
    /// The buffer is too small. `XEN_ENOBUFS`.
    @inlinable public static var noBuffers: XenError { XenError(rawValue: 105) }
}
