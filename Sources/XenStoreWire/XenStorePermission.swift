// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What may be done with a node.
public struct XenStoreAccess: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    @inlinable public static var none: Self { Self(rawValue: 0) }
    @inlinable public static var read: Self { Self(rawValue: 1) }
    @inlinable public static var write: Self { Self(rawValue: 2) }
    @inlinable public static var readWrite: Self { Self(rawValue: 3) }
    /// Change permissions. Not on the wire: it comes with being the first of the list.
    @inlinable public static var own: Self { Self(rawValue: 4) }
}

/// One entry of a node's list: a letter and a domain. The first entry names the owner, and its letter is what everybody
/// may do who is not in the list.
public struct XenStorePermission: Equatable, BitwiseCopyable, Sendable {
    public var access: XenStoreAccess
    public var domain: DomainID

    @inlinable public init(_ access: XenStoreAccess, _ domain: DomainID) {
        self.access = access
        self.domain = domain
    }

    /// Reads an entry such as `r5`; nil if the letter is none of w r b n or the number no domain's.
    public init?(_ text: Span<UInt8>) {
        guard text.count >= 2, let number = text.extracting(1..<text.count).decimal(as: UInt16.self) else {
            return nil
        }
        switch text[0] {
        case 0x77: access = .write
        case 0x72: access = .read
        case 0x62: access = .readWrite
        case 0x6e: access = .none
        default: return nil
        }
        domain = DomainID(rawValue: number)
    }

    /// The letter.
    public var letter: UInt8 {
        switch access.intersection(.readWrite) {
        case .write: 0x77
        case .read: 0x72
        case .readWrite: 0x62
        default: 0x6e
        }
    }

    /// Appends the entry with its NUL.
    public func append(to bytes: inout [UInt8]) {
        bytes.append(letter)
        bytes.append(decimal: domain.rawValue)
        bytes.append(0)
    }
}
