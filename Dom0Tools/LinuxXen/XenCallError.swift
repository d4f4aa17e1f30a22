// SPDX-License-Identifier: Apache-2.0
import Glibc
public import XenABI

/// A call to the hypervisor, or to one of Linux's Xen devices, failed.
public struct XenCallError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The C name of the operation, or the device's path.
    public let operation: String
    /// Linux's errno; for errors of the hypervisor the two sets of numbers agree.
    public let errno: Int32
    /// What it was about: which domain, which frame, which port. May be empty.
    public let detail: String

    public init(operation: String, errno: Int32, detail: String = "") {
        self.operation = operation
        self.errno = errno
        self.detail = detail
    }

    /// The same number as an error of the hypercall ABI.
    public var xenError: XenError { XenError(rawValue: errno) }

    /// "XEN_DOMCTL_createdomain (domain 3): Cannot allocate memory (ENOMEM)".
    public var description: String {
        let about = detail.isEmpty ? "" : " (\(detail))"
        return "\(operation)\(about): \(errorText(errno)) (\(errorName(errno)))"
    }
}

/// The C library's words for an errno.
func errorText(_ number: Int32) -> String {
    // SAFETY: strerror returns a NUL-terminated text that stays valid until the next call on this thread.
    unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
}

/// "ENOMEM" for 12; the plain number if it has no name here.
func errorName(_ number: Int32) -> String {
    let names: [Int32: String] = [
        1: "EPERM", 2: "ENOENT", 3: "ESRCH", 4: "EINTR", 5: "EIO", 6: "ENXIO", 7: "E2BIG", 8: "ENOEXEC",
        9: "EBADF",
        11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST", 18: "EXDEV",
        19: "ENODEV",
        20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 25: "ENOTTY", 28: "ENOSPC", 30: "EROFS", 33: "EDOM",
        34: "ERANGE",
        35: "EDEADLK", 38: "ENOSYS", 61: "ENODATA", 75: "EOVERFLOW", 95: "EOPNOTSUPP", 98: "EADDRINUSE",
        105: "ENOBUFS", 107: "ENOTCONN", 110: "ETIMEDOUT",
    ]
    return names[number] ?? "error \(number)"
}
