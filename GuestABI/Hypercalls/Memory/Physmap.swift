// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// What is behind page numbers.
extension Memory {
    /// Makes a page number of `domain` stand for something, instead of what was there. `XENMEM_add_to_physmap`.
    /// - Throws: `invalidArgument` for a page that is not there or beyond the grant table, `overflow` for a range beyond the
    ///   end, `noMemory` when the tables of the domain's memory are full, `noSuchDomain`, `notPermitted`.
    public static func addToPhysmap(
        _ source: PhysmapSource, at frame: GuestFrame, domain: DomainID = .caller
    ) throws(XenError) {
        let (space, index, size) = source.arguments
        try addToPhysmap(domain: domain, space: space, index: index, size: size, at: frame)
    }
    /// The raw form: a `PhysmapSpace` and what it takes.
    public static func addToPhysmap(
        domain: DomainID = .caller, space: UInt32, index: UInt64, size: UInt16 = 0, at frame: GuestFrame
    ) throws(XenError) {
        var block = ArgumentBlock<AddToPhysmapLayout>()
        block[.domain] = domain.rawValue
        block[.size] = size
        block[.space] = space
        block[.index] = index
        block[.guestFrame] = frame.rawValue
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.addToPhysmap, &block)
    }
    /// Maps one page of another domain at a page number of this one. `XENMEM_add_to_physmap_batch`.
    /// - Throws: the call's error or that of its one entry: `invalidArgument` for a page that the other does not have.
    public static func mapForeign(
        _ foreignFrame: GuestFrame, of domain: DomainID, at frame: GuestFrame
    ) throws(XenError) {
        var indexes: InlineArray<1, UInt64> = [foreignFrame.rawValue]
        var frames: InlineArray<1, UInt64> = [frame.rawValue]
        var errors: InlineArray<1, Int32> = [1]
        let result = Hypercall.withAddress(of: &indexes) { indexes in
            Hypercall.withAddress(of: &frames) { frames in
                Hypercall.withAddress(of: &errors) { errors in
                    addBatch(indexes, frames, errors, 1, of: domain)
                }
            }
        }
        try Hypercall.check(result)
        if errors[0] != 0 { throw XenError(rawValue: -errors[0]) }
    }
    /// Maps pages of another domain at page numbers of this one, each `foreignFrames` at the same place of `frames`.
    /// `XENMEM_add_to_physmap_batch`.
    /// - Returns: the error of each page, nil where it is mapped. A page may fail and the next be mapped.
    public static func mapForeign(
        _ foreignFrames: [GuestFrame], of domain: DomainID, at frames: [GuestFrame]
    ) throws(XenError) -> [XenError?] {
        guard foreignFrames.count == frames.count, frames.count <= Int(UInt16.max) else {
            throw .invalidArgument
        }
        var indexes = foreignFrames.map { $0.rawValue }
        var places = frames.map { $0.rawValue }
        var errors = [Int32](repeating: 1, count: frames.count)
        let count = UInt16(frames.count)
        let result = Hypercall.withAddress(of: &indexes) { indexes in
            Hypercall.withAddress(of: &places) { places in
                Hypercall.withAddress(of: &errors) { errors in
                    addBatch(indexes, places, errors, count, of: domain)
                }
            }
        }
        try Hypercall.check(result)
        return errors.map { $0 == 0 ? nil : XenError(rawValue: -$0) }
    }
    private static func addBatch(
        _ indexes: UInt64, _ frames: UInt64, _ errors: UInt64, _ count: UInt16, of domain: DomainID
    ) -> Int64 {
        var block = ArgumentBlock<AddToPhysmapBatchLayout>()
        block[.domain] = DomainID.caller.rawValue
        block[.space] = UInt16(PhysmapSpace.foreignGuestFrame)
        block[.size] = count
        block[.foreignDomain] = domain.rawValue
        block[.indexes] = indexes
        block[.guestFrames] = frames
        block[.errors] = errors
        return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.addToPhysmapBatch, &block)
    }
    /// Unmaps a page number. `XENMEM_remove_from_physmap`.
    public static func removeFromPhysmap(_ frame: GuestFrame, domain: DomainID = .caller) throws(XenError) {
        var block = ArgumentBlock<RemoveFromPhysmapLayout>()
        block[.domain] = domain.rawValue
        block[.guestFrame] = frame.rawValue
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.removeFromPhysmap, &block)
    }

    /// How many pages a resource of `domain` has. `XENMEM_acquire_resource` without a list.
    public static func pageCount(of resource: DomainResource, of domain: DomainID) throws(XenError) -> UInt32
    {
        var block = resourceBlock(resource, domain)
        try Hypercall.call(HypercallNumber.memory, MemoryOperation.acquireResource, &block)
        return block[.frameCount]
    }
    /// Maps pages of a resource, from page `first` of it on, at page numbers of this domain. For the control domain, others
    /// get `accessDenied`. `XENMEM_acquire_resource`.
    /// - Throws: `notSupported` or `invalidArgument` for a resource that is not there, `invalidArgument` for pages beyond it.
    public static func map(
        _ resource: DomainResource, of domain: DomainID, from first: UInt64 = 0, at frames: [GuestFrame]
    ) throws(XenError) {
        var list = frames.map { $0.rawValue }
        var block = resourceBlock(resource, domain)
        block[.frame] = first
        block[.frameCount] = UInt32(truncatingIfNeeded: list.count)
        let result = Hypercall.withAddress(of: &list) {
            block[.frameList] = $0
            return Hypercall.invoke(HypercallNumber.memory, MemoryOperation.acquireResource, &block)
        }
        try Hypercall.check(result)
    }
    private static func resourceBlock(
        _ resource: DomainResource, _ domain: DomainID
    ) -> ArgumentBlock<AcquireResourceLayout> {
        var block = ArgumentBlock<AcquireResourceLayout>()
        block[.domain] = domain.rawValue
        block[.type] = resource.type
        block[.id] = resource.id
        return block
    }
}
