// SPDX-License-Identifier: Apache-2.0
public import Backends
import CLinuxXen
public import XenABI

/// A guest's grant table in memory: maps and copies for real, and refuses what a hypervisor would refuse.
public final class InMemoryGrants: GrantAccess {
    private struct Entry {
        let memory: LocalMemory
        /// Keeps the memory.
        let owner: AnyObject
        let page: Int
        let isWritable: Bool
        var mappings = 0
        var isRevoked = false
    }
    private final class Mapping: MappedGrants {
        let memory: LocalMemory
        private let keepsAlive: AnyObject
        private let references: [UInt32]
        private let grants: InMemoryGrants
        init(_ memory: LocalMemory, _ keepsAlive: AnyObject, _ references: [UInt32], _ grants: InMemoryGrants)
        {
            self.memory = memory
            self.keepsAlive = keepsAlive
            self.references = references
            self.grants = grants
            grants.mappingCount += 1
            for reference in references { grants.entries[reference]?.mappings += 1 }
        }
        deinit {
            grants.mappingCount -= 1
            for reference in references { grants.unmapped(reference) }
        }
    }
    public let domain: DomainID
    private var entries: [UInt32: Entry] = [:]
    private var next: UInt32 = 8
    /// Mappings that have not been dropped.
    public fileprivate(set) var mappingCount = 0
    public private(set) var copyCallCount = 0
    public private(set) var copySegmentCount = 0
    /// The next so many lists cannot be run at all.
    public var failingLists = 0

    public init(domain: DomainID) { self.domain = domain }

    /// Grants that are valid.
    public var grantCount: Int { entries.values.count { !$0.isRevoked } }
    /// Every valid reference, in order.
    public var references: [GrantReference] {
        entries.filter { !$0.value.isRevoked }.keys.sorted().map { GrantReference(rawValue: $0) }
    }

    /// Grants one page of memory that `owner` keeps.
    public func grant(_ memory: LocalMemory, ownedBy owner: AnyObject, page: Int = 0, isWritable: Bool = true)
        -> GrantReference
    {
        next += 1
        entries[next] = Entry(memory: memory, owner: owner, page: page, isWritable: isWritable)
        return GrantReference(rawValue: next)
    }
    /// Takes a grant back, whether or not somebody has the page mapped.
    public func revoke(_ reference: GrantReference) {
        guard let entry = entries[reference.rawValue] else { return }
        if entry.mappings > 0 {
            // The page stays until it is unmapped, as with a hypervisor.
            entries[reference.rawValue]?.isRevoked = true
        } else {
            entries[reference.rawValue] = nil
        }
    }
    private func unmapped(_ reference: UInt32) {
        guard var entry = entries[reference] else { return }
        entry.mappings -= 1
        entries[reference] = entry.isRevoked && entry.mappings == 0 ? nil : entry
    }
    private func valid(_ reference: UInt32) -> Entry? {
        entries[reference].flatMap { $0.isRevoked ? nil : $0 }
    }
    /// The granted page, for whoever plays the other end; nil if the grant is not valid.
    public func page(_ reference: GrantReference) -> LocalMemory? {
        valid(reference.rawValue).map { $0.memory.slice($0.page * 4096, 4096) }
    }

    public func map(
        _ references: [GrantReference], of domain: DomainID, isWritable: Bool
    ) throws(BackendError) -> any MappedGrants {
        guard domain == self.domain, let first = references.first.flatMap({ valid($0.rawValue) }) else {
            throw .hypervisor("no such grant")
        }
        for (index, reference) in references.enumerated() {
            // Pages next to each other are all that can be mapped next to each other here.
            guard let entry = valid(reference.rawValue), entry.owner === first.owner,
                entry.page == first.page + index, entry.isWritable || !isWritable
            else { throw .hypervisor("grant \(reference.rawValue) cannot be mapped") }
        }
        let memory = first.memory.slice(first.page * 4096, references.count * 4096)
        return Mapping(memory, first.owner, references.map(\.rawValue), self)
    }

    public func copy(_ list: inout GrantCopyList) -> Bool {
        copyCallCount += 1
        if failingLists > 0 {
            failingLists -= 1
            return false
        }
        for index in 0..<list.count {
            copySegmentCount += 1
            let segment = list.segments[index]
            let isFromGrant = segment.flags == GrantCopyFlag.sourceIsReference
            let word = isFromGrant ? segment.source : segment.destination
            let offset = Int(word >> 32 & 0xffff)
            guard UInt16(word >> 48) == domain.rawValue, let entry = valid(UInt32(truncatingIfNeeded: word))
            else {
                list.setStatus(GrantStatusCode.badReference, of: index)
                continue
            }
            guard entry.isWritable || isFromGrant, offset + Int(segment.length) <= 4096,
                let local = list.localSide(of: index)
            else {
                list.setStatus(GrantStatusCode.permissionDenied, of: index)
                continue
            }
            let remote = entry.memory.slice(entry.page * 4096 + offset, local.byteCount)
            if isFromGrant { local.copy(from: remote) } else { remote.copy(from: local) }
            list.setStatus(GrantStatusCode.okay, of: index)
        }
        return true
    }
}
