// SPDX-License-Identifier: Apache-2.0
import Glibc
public import RingProtocol
public import XenStoreClient

/// Why a device cannot be offered or served any more. The text goes to the log and into the store.
public enum BackendError: Error, Equatable, CustomStringConvertible {
    /// The disk image or device could not be opened, or is of no use.
    case storage(path: String, problem: String)
    /// The disk is in use by somebody else.
    case storageInUse(path: String)
    /// The network interface could not be made or attached.
    case network(interface: String, problem: String)
    /// A key that must be in the store is missing or holds nonsense.
    case key(path: String, problem: String)
    /// A call to the hypervisor or to one of Linux's Xen devices failed.
    case hypervisor(String)
    /// The store could not be reached or refused.
    case store(StoreClientError)
    /// The frontend broke the rules of its ring.
    case ring(name: String, RingError)
    /// The frontend broke the rules of its device.
    case frontend(String)

    public var description: String {
        switch self {
        case .storage(let path, let problem): return "disk '\(path)': \(problem)"
        case .storageInUse(let path):
            return
                "disk '\(path)' is in use by another domain or program: stop that, or attach the disk read-only"
        case .network(let interface, let problem): return "network interface '\(interface)': \(problem)"
        case .key(let path, let problem): return "store key '\(path)': \(problem)"
        case .hypervisor(let problem): return problem
        case .store(let problem): return problem.description
        case .ring(let name, .producerOutOfRange(let produced, let accounted, let slots)):
            return "\(name) ring: the frontend's producer index \(produced) is out of range "
                + "(\(accounted) accounted for, \(slots) slots)"
        case .ring(let name, .dead): return "\(name) ring: unusable since an earlier error"
        case .ring(let name, .interruptedWrite):
            return "\(name) ring: the backend before stopped while it wrote responses; "
                + "restart the guest's device or the guest"
        case .frontend(let problem): return "frontend: \(problem)"
        }
    }

    /// The C library's words for an errno.
    static func text(_ number: Int32) -> String {
        // SAFETY: the returned text stays valid until the next call, and is copied here.
        unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    }
}
