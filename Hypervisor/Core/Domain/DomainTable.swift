// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// All domains, by number. Guarded by the hypervisor lock.
///
/// The look-ups say `mutating` though they change nothing: the compiler copies the whole array of slots to read an element
/// of a borrowed table, and reads it in place through a mutable one.
public struct DomainTable: ~Copyable {
    public static var capacity: Int { 512 }
    /// Slots in order of `DomainID`: kept sorted, so that "the next domain from N on" is a search.
    private var slots: InlineArray<512, Ref<Domain>?> = InlineArray(repeating: nil)
    public private(set) var count = 0
    /// Where the search for a free number starts; Xen's rover.
    public var nextID: UInt16 = 1
    public init() {}

    private mutating func firstIndex(atOrAbove id: UInt16) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) / 2
            if let domain = slots[middle], domain.id.rawValue < id {
                low = middle &+ 1
            } else {
                high = middle
            }
        }
        return low
    }
    /// The domain with this number, dying ones included.
    public mutating func find(_ id: DomainID) -> Ref<Domain>? {
        let index = firstIndex(atOrAbove: id.rawValue)
        guard index < count, let domain = slots[index], domain.id == id else { return nil }
        return domain
    }
    /// The existing domain with the lowest number at or above `id`.
    public mutating func next(from id: UInt16) -> Ref<Domain>? {
        let index = firstIndex(atOrAbove: id)
        return index < count ? slots[index] : nil
    }
    public subscript(index: Int) -> Ref<Domain>? {
        mutating get { index >= 0 && index < count ? slots[index] : nil }
    }

    /// Adds a domain. Throws `noSpace` when the table is full, `exists` if the number is taken.
    public mutating func insert(_ domain: Ref<Domain>) throws(XenError) {
        guard count < Self.capacity else { throw .noSpace }
        let index = firstIndex(atOrAbove: domain.id.rawValue)
        if index < count, let other = slots[index], other.id == domain.id { throw .exists }
        var move = count
        while move > index {
            slots[move] = slots[move &- 1]
            move &-= 1
        }
        slots[index] = domain
        count &+= 1
    }
    public mutating func remove(_ id: DomainID) {
        let index = firstIndex(atOrAbove: id.rawValue)
        guard index < count, let domain = slots[index], domain.id == id else { return }
        var move = index
        while move &+ 1 < count {
            slots[move] = slots[move &+ 1]
            move &+= 1
        }
        slots[count &- 1] = nil
        count &-= 1
    }
    /// A number nobody has, from the rover on; nil when there is none.
    public mutating func unusedID() -> DomainID? {
        var tries = 0
        while tries < 0x7FF0 {
            let id = nextID
            nextID = id &+ 1 >= 0x7FF0 ? 1 : id &+ 1
            if find(DomainID(rawValue: id)) == nil { return DomainID(rawValue: id) }
            tries &+= 1
        }
        return nil
    }
}
