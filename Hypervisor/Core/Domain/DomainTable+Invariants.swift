// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension DomainTable {
    /// Checks what must hold between operations; nil if it does, else what does not. For tests: the image never calls it.
    public mutating func checkInvariants() -> StaticString? {
        guard count >= 0, count <= Self.capacity else { return "the domain table's count is out of range" }
        var last = -1
        var index = 0
        while index < count {
            guard let domain = self[index] else { return "a slot of the domain table is empty" }
            guard Int(domain.id.rawValue) > last, domain.id.isReal else { return "domains are out of order" }
            last = Int(domain.id.rawValue)
            guard domain.state.lifecycle != .vacant else { return "a listed domain is vacant" }
            index &+= 1
        }
        return nil
    }
}
