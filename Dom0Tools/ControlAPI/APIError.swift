// SPDX-License-Identifier: Apache-2.0

/// The kinds of failure that svd and svctl report. `Docs/Errors.md` has an entry for each.
public enum ErrorCode: String, CaseIterable, Sendable {
    // Talking to svd.
    case svdNotRunning = "svd-not-running"
    case svdNoAccess = "svd-no-access"
    case svdLost = "svd-lost"
    case apiVersion = "api-version"
    case badRequest = "bad-request"
    // Files and arguments of svctl.
    case fileUnreadable = "file-unreadable"
    // Domains.
    case domainUnknown = "domain-unknown"
    case domainExists = "domain-exists"
    case domainZero = "domain-zero"
    case domainState = "domain-state"
    case domainCrashed = "domain-crashed"
    case uuidInUse = "uuid-in-use"
    case shutdownTimeout = "shutdown-timeout"
    // Building one.
    case kernelUnreadable = "kernel-unreadable"
    case kernelFormat = "kernel-format"
    case kernelNoPVH = "kernel-no-pvh"
    case kernelTooBig = "kernel-too-big"
    case ramdiskUnreadable = "ramdisk-unreadable"
    case memoryShort = "memory-short"
    // Its devices.
    case diskUnreadable = "disk-unreadable"
    case diskInUse = "disk-in-use"
    case bridgeMissing = "bridge-missing"
    case deviceFailed = "device-failed"
    case deviceTimeout = "device-timeout"
    case backendFailed = "backend-failed"
    case backendMissing = "backend-missing"
    // Below.
    case hypervisor = "hypervisor"
    case store = "store"
    case stateUnwritable = "state-unwritable"
    case notDomainZero = "not-domain-zero"
    case alreadyRunning = "already-running"
    case xenstoredRunning = "xenstored-running"
}

/// A failure as it crosses the interface: `{"code": …, "message": …, "hint": …, "details": {…}}`.
public struct APIError: Error, Codable, Hashable, Sendable, CustomStringConvertible {
    /// One of `ErrorCode` or of `ConfigurationError.Code`; a newer svd may send others.
    public var code: String
    /// What is wrong and where, in one line.
    public var message: String
    /// What to do, if that is known.
    public var hint: String?
    /// Numbers and names in the message, for programs.
    public var details: [String: String]?

    public init(_ code: ErrorCode, _ message: String, hint: String? = nil, details: [String: String]? = nil) {
        self.init(code: code.rawValue, message: message, hint: hint, details: details)
    }
    public init(code: String, message: String, hint: String? = nil, details: [String: String]? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
    }
    public var description: String { message }

    /// The HTTP status it travels with.
    public var httpStatus: Int {
        switch ErrorCode(rawValue: code) {
        case .domainUnknown: return 404
        case .domainExists, .domainState, .diskInUse, .uuidInUse, .domainZero: return 409
        case .badRequest, .apiVersion: return 400
        case .memoryShort: return 507
        case .backendMissing: return 503
        case .shutdownTimeout, .deviceTimeout: return 504
        case .hypervisor, .store, .stateUnwritable, .backendFailed: return 500
        default: return 422
        }
    }

    /// The error as the tools print it, one line for what and one for what to do.
    public func report(program: String, doing: String?) -> String {
        var text = "\(program): "
        if let doing { text += "cannot \(doing): " }
        text += message
        if text.last != "." && text.last != "\n" { text += "." }
        if let hint { text += "\n  what to do: \(hint)" }
        return text + "\n  see Docs/Errors.md#\(code)\n"
    }
}
