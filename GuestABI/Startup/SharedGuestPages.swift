// SPDX-License-Identifier: Apache-2.0
public import DriverKit
public import RingProtocol
import SharedMemory
public import XenABI

/// Pages of this guest next to each other, granted to one domain for as long as the object lives.
///
/// A page that the other domain still has mapped when the object goes is set aside until it let go of it.
public final class SharedGuestPages: SharedPages {
    private let start: MappedPage
    private var references: [GrantReference] = []
    public let pageCount: Int

    private var kept: [AnyObject] = []
    /// Pages of objects that went, and that another domain still has mapped; whether it has is looked at when pages are
    /// granted or go.
    public static var setAsideCount: Int { SetAsidePages.count }

    /// - Parameter isReadOnly: the other domain may not write.
    /// - Throws: `noMemory` or `noSpace`, or an error of setting the grant table up.
    public init(count: Int, for domain: DomainID, isReadOnly: Bool = false) throws(XenError) {
        try GrantTable.start()
        SetAsidePages.takeBack()
        guard count > 0, let first = PageAllocator.take(count: UInt64(count)) else { throw .noMemory }
        start = MappedPage(unsafeAddress: first.address.rawValue)
        pageCount = count
        for page in 0..<count {
            guard let reference = GrantTable.takeReference() else {
                // What is granted so far goes with the object; the rest was never given away.
                for rest in page..<count { PageAllocator.give(frame(rest)) }
                throw .noSpace
            }
            self.page(page).fill(0)
            GrantTable.publish(
                frame(page), to: domain,
                flags: GrantEntryFlag.permitAccess | (isReadOnly ? GrantEntryFlag.readOnly : 0),
                as: reference)
            references.append(reference)
        }
    }
    deinit {
        let kept = kept.isEmpty ? nil : SetAsidePages.Kept(kept)
        for index in 0..<references.count {
            SetAsidePages.add(frame(index), references[index], keeping: kept)
        }
        SetAsidePages.takeBack()
    }
    public func keep(_ object: AnyObject) { kept.append(object) }

    private func page(_ index: Int) -> MappedPage {
        MappedPage(unsafeAddress: start.address + UInt64(index) * 4096)
    }
    private func frame(_ index: Int) -> GuestFrame {
        GuestPhysical(rawValue: start.address + UInt64(index) * 4096).frame
    }

    public func reference(_ page: Int) -> GrantReference { references[page] }
    public func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < pageCount * 4096)
        return page(offset >> 12).load(at: offset & 4095, as: UInt8.self)
    }
    public func setByte(_ byte: UInt8, at offset: Int) {
        precondition(offset >= 0 && offset < pageCount * 4096)
        page(offset >> 12).store(byte, at: offset & 4095)
    }
    /// The 64-bit word at an offset that is a multiple of 8; the other domain may change it at any moment. An offset out
    /// of range traps.
    public func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset & 7 == 0 && offset < pageCount * 4096)
        return page(offset >> 12).load(at: offset & 4095, as: UInt64.self)
    }
    public func setWord(_ word: UInt64, at offset: Int) {
        precondition(offset >= 0 && offset & 7 == 0 && offset < pageCount * 4096)
        page(offset >> 12).store(word, at: offset & 4095)
    }
    /// A page as words.
    func words(_ index: Int) -> SharedView<PageOfWords> {
        precondition(index >= 0 && index < pageCount)
        return page(index).sharedView(PageOfWords.self)
    }
    public func ring(slotByteCount: Int) -> RingMemory {
        // SAFETY: the pages are next to each other, identity mapped, and outlive the ring: whoever has the ring has
        // this object.
        unsafe RingMemory(
            unsafeBase: rawPointer(start.address), pageCount: pageCount, slotByteCount: slotByteCount)
    }
}
