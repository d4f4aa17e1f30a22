// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// Grants that a frontend uses again and again, each mapped once and kept. `feature-persistent`, `public/io/blkif.h`.
///
/// Bounded: beyond the limit a grant is not mapped, and its data is copied as if it were not persistent.
public final class PersistentGrants {
    private let grants: any GrantAccess
    private let domain: DomainID
    private let isWritable: Bool
    private let limit: Int
    private var mapped: [UInt32: any MappedGrants] = [:]

    public init(grants: any GrantAccess, domain: DomainID, isWritable: Bool = true, limit: Int = 1056) {
        self.grants = grants
        self.domain = domain
        self.isWritable = isWritable
        self.limit = limit
    }
    /// Grants mapped now.
    public var count: Int { mapped.count }

    /// The page; nil if it cannot be mapped or the limit is reached.
    public func page(_ reference: GrantReference) -> LocalMemory? {
        if let found = mapped[reference.rawValue] { return found.memory }
        guard mapped.count < limit else { return nil }
        guard let fresh = try? grants.map([reference], of: domain, isWritable: isWritable) else { return nil }
        mapped[reference.rawValue] = fresh
        return fresh.memory
    }
}
