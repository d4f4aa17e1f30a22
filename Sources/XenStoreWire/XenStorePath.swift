// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// The name of a node, absolute, checked: `/`, or `/` and names of A-Z a-z 0-9 - _ @ between single slashes.
/// `docs/misc/xenstore.txt`.
public struct XenStorePath: Equatable, Sendable {
    public let bytes: [UInt8]

    /// What bytes sent as a path turn out to be.
    public enum Kind: Equatable, Sendable {
        case absolute
        /// Counts from the sender's own directory.
        case relative
        /// Begins with @: an event, not a node.
        case special
    }

    /// The kind of path the bytes are; nil if they break a rule: a character, an empty name, a length.
    public static func kind(of path: Span<UInt8>) -> Kind? {
        let count = path.count
        guard count > 0 else { return nil }
        let kind: Kind = path[0] == 0x2f ? .absolute : path[0] == 0x40 ? .special : .relative
        guard count <= (kind == .absolute ? XenStoreLimits.absolutePath : XenStoreLimits.relativePath) else {
            return nil
        }
        if count == 1 && kind == .absolute { return .absolute }
        var previous: UInt8 = 0
        for index in 0..<count {
            let byte = path[index]
            let isLetter = (byte | 0x20) &- 0x61 < 26
            if !isLetter && !(byte >= 0x2d && byte <= 0x39 && byte != 0x2e) && byte != 0x5f && byte != 0x40 {
                return nil
            }
            if byte == 0x2f && previous == 0x2f { return nil }
            previous = byte
        }
        return previous == 0x2f ? nil : kind
    }

    /// A path that was checked before.
    public init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// The path; nil if the bytes are not an absolute one.
    public init?(_ bytes: Span<UInt8>) {
        guard Self.kind(of: bytes) == .absolute else { return nil }
        self.bytes = bytes.copied()
    }

    /// `/local/domain/N`, the directory of a domain.
    public static func home(of domain: DomainID) -> XenStorePath {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        bytes.append("/local/domain/")
        bytes.append(decimal: domain.rawValue)
        return XenStorePath(checked: bytes)
    }

    /// The node of that name, or relative path, below this one. The literal is the caller's to get right.
    public func appending(_ name: StaticString) -> XenStorePath {
        var path = bytes
        if path.count > 1 { path.append(0x2f) }
        path.append(name)
        return XenStorePath(checked: path)
    }

    /// The node whose name is the number.
    public func appending(decimal number: some UnsignedInteger & FixedWidthInteger) -> XenStorePath {
        var path = bytes
        if path.count > 1 { path.append(0x2f) }
        path.append(decimal: number)
        return XenStorePath(checked: path)
    }

    /// True if `path` names a node below `ancestor`, or the same.
    public static func isAtOrBelow(_ path: Span<UInt8>, _ ancestor: Span<UInt8>) -> Bool {
        if ancestor.count == 1 { return true }
        guard path.count >= ancestor.count else { return false }
        for index in 0..<ancestor.count where path[index] != ancestor[index] { return false }
        return path.count == ancestor.count || path[ancestor.count] == 0x2f
    }
}

#if !hasFeature(Embedded)
    extension XenStorePath: Hashable, CustomStringConvertible {
        /// The path; nil if the text is not an absolute one.
        public init?(_ text: String) {
            let bytes = Array(text.utf8)
            guard Self.kind(of: bytes.span) == .absolute else { return nil }
            self.init(checked: bytes)
        }
        public var description: String { String(decoding: bytes, as: UTF8.self) }
    }
#endif
