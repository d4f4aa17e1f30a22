// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import XenABI

/// Memory that a disk's backend reads and writes directly: pages of this guest, granted once and used for as many
/// requests as wanted. Zeroed when made, given back when the value goes and no request uses it any more.
///
/// The backend may write to it at any moment: copy what must not change, or look at it only after the request.
public struct BlockBuffer: ~Copyable {
    let pages: SharedGuestPages
    let grants: [GrantReference]
    /// A multiple of 4096.
    public var byteCount: Int { pages.pageCount * pageSize }

    init(byteCount: Int, for domain: DomainID) throws(BlockError) {
        guard byteCount > 0, byteCount <= 1 << 24 else { throw .bufferTooSmall }
        do throws(XenError) {
            pages = try SharedGuestPages(count: (byteCount + pageSize - 1) / pageSize, for: domain)
        } catch { throw .exhausted }
        var grants: [GrantReference] = []
        grants.reserveCapacity(pages.pageCount)
        for page in 0..<pages.pageCount { grants.append(pages.reference(page)) }
        self.grants = grants
    }

    /// The byte at an offset below `byteCount`; another traps.
    public subscript(offset: Int) -> UInt8 {
        get { pages.byte(at: offset) }
        nonmutating set { pages.setByte(newValue, at: offset) }
    }
    /// The 64-bit word at an offset that is a multiple of 8 and below `byteCount`; another traps.
    public subscript(word offset: Int) -> UInt64 {
        get { pages.word(at: offset) }
        nonmutating set { pages.setWord(newValue, at: offset) }
    }

    /// Part of the buffer for a request.
    func part(_ range: Range<Int>) -> BlockData {
        BlockData(grants: grants, offset: range.lowerBound, byteCount: range.count, owner: pages)
    }
}
