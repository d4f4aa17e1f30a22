// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import XenABI

/// A fixed set of pages granted to one domain for as long as the object lives.
final class GrantedPages {
    private final class One {
        let page: GrantedPage
        init(_ page: consuming GrantedPage) { self.page = page }
    }
    private var pages: [One] = []

    init(count: Int, to domain: DomainID, readOnly: Bool) throws(XenError) {
        pages.reserveCapacity(count)
        for _ in 0..<count { pages.append(One(try GrantedPage(to: domain, readOnly: readOnly))) }
    }
    subscript(index: Int) -> MappedPage { pages[index].page.memory }
    var references: [GrantReference] {
        var references: [GrantReference] = []
        references.reserveCapacity(pages.count)
        for one in pages { references.append(one.page.reference) }
        return references
    }
}
