// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKitTesting
import TestSupport
import XenABI

extension InMemoryGrants {
    /// Grants one of the test's pages.
    func grant(_ pages: RingPages, page: Int = 0, isWritable: Bool = true) -> GrantReference {
        let memory = unsafe LocalMemory(unsafeBase: pages.base, byteCount: pages.pageCount * 4096)
        return grant(memory, ownedBy: pages, page: page, isWritable: isWritable)
    }
}
