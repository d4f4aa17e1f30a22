// SPDX-License-Identifier: Apache-2.0
public import CLinuxXen
public import XenABI

/// Copies between this process's memory and granted pages, run together by `GrantAccess.copy`. Made once, used often.
public struct GrantCopyList: ~Copyable {
    /// As the kernel's grant device reads them.
    public private(set) var segments: [sv_grant_copy_segment] = []

    /// - Parameter capacity: segments to have room for from the start.
    public init(capacity: Int) { segments.reserveCapacity(capacity) }

    /// Number of copies.
    public var count: Int { segments.count }
    /// Forgets all copies and keeps their memory.
    public mutating func removeAll() { segments.removeAll(keepingCapacity: true) }

    /// Adds a copy from a granted page into `destination`.
    ///
    /// `offset + destination.byteCount` is at most 4096: the caller checked it.
    @inline(__always) public mutating func append(
        from reference: GrantReference, of domain: DomainID, offset: Int, to destination: LocalMemory
    ) {
        precondition(offset &+ destination.byteCount <= 4096)
        // SAFETY: only the address is kept; `destination` outlives the run of the list, as its doc wants.
        unsafe segments.append(
            sv_grant_copy_segment(
                source: Self.word(reference, domain, offset),
                destination: UInt64(UInt(bitPattern: destination.base)),
                length: UInt16(truncatingIfNeeded: destination.byteCount),
                flags: GrantCopyFlag.sourceIsReference,
                status: 0))
    }
    /// Adds a copy from `source` into a granted page.
    ///
    /// `offset + source.byteCount` is at most 4096: the caller checked it.
    @inline(__always) public mutating func append(
        from source: LocalMemory, to reference: GrantReference, of domain: DomainID, offset: Int
    ) {
        precondition(offset &+ source.byteCount <= 4096)
        unsafe segments.append(
            sv_grant_copy_segment(
                source: UInt64(UInt(bitPattern: source.base)),
                destination: Self.word(reference, domain, offset),
                length: UInt16(truncatingIfNeeded: source.byteCount),
                flags: GrantCopyFlag.destinationIsReference,
                status: 0))
    }
    @inline(__always) private static func word(_ reference: GrantReference, _ domain: DomainID, _ offset: Int)
        -> UInt64
    {
        UInt64(reference.rawValue) | UInt64(truncatingIfNeeded: offset) &<< 32 | UInt64(domain.rawValue)
            &<< 48
    }

    /// True if all of these copies were made. Meaningful after the list has been run.
    public func succeeded(_ range: Range<Int>) -> Bool {
        for index in range where segments[index].status != GrantStatusCode.okay { return false }
        return true
    }
    /// This process's side of one copy, for those who run the list.
    public func localSide(of index: Int) -> LocalMemory? {
        let segment = segments[index]
        let isFromGrant = segment.flags == GrantCopyFlag.sourceIsReference
        let address = UInt(isFromGrant ? segment.destination : segment.source)
        // SAFETY: an address that `append` took from a `LocalMemory`.
        guard let base = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return nil }
        // SAFETY: made of a `LocalMemory` by `append`.
        return unsafe LocalMemory(unsafeBase: base, byteCount: Int(segment.length))
    }
    /// Notes what became of one copy: for those who run the list.
    public mutating func setStatus(_ status: Int16, of index: Int) { segments[index].status = status }

    /// Hands the segments to `body`, which may write their statuses.
    mutating func submit(_ body: (UInt32, UnsafeMutablePointer<sv_grant_copy_segment>?) -> Int) -> Int {
        // SAFETY: the array is not touched while `body` runs.
        unsafe segments.withUnsafeMutableBufferPointer { unsafe body(UInt32($0.count), $0.baseAddress) }
    }
}
