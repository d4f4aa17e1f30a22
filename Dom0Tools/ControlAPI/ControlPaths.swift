// SPDX-License-Identifier: Apache-2.0

/// Where things are in domain 0.
public enum ControlPaths {
    /// Directory of svd's sockets.
    public static let runDirectory = "/run/svd"
    /// HTTP over this unix socket: `ControlAPI.version` of the interface.
    public static func apiSocket(in runDirectory: String = runDirectory) -> String {
        runDirectory + "/svd.sock"
    }
    /// One request line, then the bytes of a domain's console.
    public static func consoleSocket(in runDirectory: String = runDirectory) -> String {
        runDirectory + "/console.sock"
    }
    /// Environment variable that replaces `runDirectory` for svctl.
    public static let runDirectoryVariable = "SVD_RUN_DIR"
}

/// The version of the interface between svctl and svd. Both say theirs in the header `Swiftvisor-API`.
///
/// Additions (new routes, new keys) keep the number; anything that breaks an older peer raises it.
public enum APIVersion {
    public static let current = 1
    /// Oldest version this svd still answers.
    public static let oldestServed = 1
    /// Name of the header, in lower case.
    public static let header = "swiftvisor-api"

    /// What a server says to a client that announced `text` (nil: nothing, which is taken for the current version).
    public static func check(announced text: String?) -> APIError? {
        guard let text else { return nil }
        guard let version = Int(text), version > 0 else {
            return APIError(
                .badRequest, "the header Swiftvisor-API is \"\(text)\"",
                hint: "send a version number: \(current)")
        }
        guard (oldestServed...current).contains(version) else { return mismatch(peer: version, own: current) }
        return nil
    }

    static func mismatch(peer: Int, own: Int) -> APIError {
        APIError(
            .apiVersion, "the peer speaks version \(peer) of the interface, this program \(own)",
            hint:
                "use svctl and svd of the same release; restart svd after an upgrade: running domains are kept",
            details: ["peer": String(peer), "own": String(own)])
    }
}

/// What `GET /v1/version` answers.
public struct VersionInfo: Codable, Hashable, Sendable {
    public var api: Int
    public var oldestApi: Int
    /// Release of svd.
    public var release: String
    private enum CodingKeys: String, CodingKey {
        case api, release
        case oldestApi = "oldest_api"
    }
    public init() {
        api = APIVersion.current
        oldestApi = APIVersion.oldestServed
        release = ControlRelease.text
    }
}

/// The release these tools belong to.
public enum ControlRelease {
    public static let text = "0.1.0"
}
