// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// A shared entry is the granter's to change at any moment. Its flags and domain are one word that is taken by
// compare-and-exchange: while `reading` or `writing` stand in it, the granter's own exchange to 0 fails, and
// so the page stays granted. Xen public/grant_table.h, "Invalidating an entry".
extension Ref<Domain> {
    /// Sets `reading` (and `writing`) in an entry of this table.
    ///
    /// - Parameters:
    ///   - isActive: the entry is mapped already: its kind and domain were checked then.
    ///   - forMapping: a mapping, which is of whole pages; false: a copy.
    ///
    /// Throws `generalError` for an entry that does not permit this, or changes under our hands again and
    /// again.
    @inline(__always)
    private func mark(
        _ entry: SharedView<GrantEntryV1Layout>, for user: DomainID, writing: Bool, isActive: Bool,
        forMapping: Bool
    ) throws(GrantStatus) {
        let mask = GrantEntryFlag.typeMask | (forMapping ? GrantEntryFlag.subPage : 0)
        let wanted = GrantEntryFlag.reading | (writing ? GrantEntryFlag.writing : 0)
        var word = entry.load(.flagsAndDomain)
        var tries = 0
        while true {
            let flags = UInt16(truncatingIfNeeded: word)
            if !isActive {
                guard flags & mask == GrantEntryFlag.permitAccess,
                    UInt16(truncatingIfNeeded: word &>> 16) == user.rawValue
                else { throw .generalError }
            }
            guard !writing || flags & GrantEntryFlag.readOnly == 0 else { throw .generalError }
            let found = entry.compareExchange(
                at: .flagsAndDomain, expected: word, desired: word | UInt32(wanted))
            if found == word { return }
            tries &+= 1
            guard tries < 5 else { throw .generalError }
            word = found
        }
    }
    /// Clears those of `reading` and `writing` that no mapping accounts for any more.
    @inline(__always)
    func unmark(_ reference: UInt32, _ entry: SharedView<GrantEntryV1Layout>) {
        let active = activeGrant(reference)
        let writers = active?[ActiveGrantLayout.writers] ?? 0
        let readers = active?[ActiveGrantLayout.readers] ?? 0
        if writers != 0 { return }
        entry.clearBits(
            readers != 0 ? GrantEntryFlag.writing : GrantEntryFlag.writing | GrantEntryFlag.reading,
            at: .flags)
    }
    /// Ends the use of a grant by a copy.
    func returnGrant(_ reference: UInt32) {
        if let entry = grantEntry(reference) { unmark(reference, entry) }
    }
    /// Takes a grant of this domain for `user`: checks it, marks the entry in use and returns the frame.
    /// `unmark` gives it back, unless a mapping is recorded meanwhile.
    ///
    /// Throws `badReference` beyond the table, `generalError` as `mark` does or if another domain has it
    /// mapped, `badPage` if the entry names no page of the granter's RAM.
    func takeGrant(
        _ reference: UInt32, for user: DomainID, writing: Bool, forMapping: Bool
    ) throws(GrantStatus) -> MachineFrame {
        guard let entry = grantEntry(reference) else { throw .badReference }
        var isActive = false
        if let active = activeGrant(reference) {
            let writers = active[ActiveGrantLayout.writers]
            if active[ActiveGrantLayout.readers] | writers != 0 {
                isActive = true
                guard active[ActiveGrantLayout.domain] == user.rawValue else { throw .generalError }
                if !writing || writers != 0 {
                    return MachineFrame(rawValue: UInt64(active[ActiveGrantLayout.frame]))
                }
            }
        }
        try mark(entry, for: user, writing: writing, isActive: isActive, forMapping: forMapping)
        if isActive, let active = activeGrant(reference) {
            return MachineFrame(rawValue: UInt64(active[ActiveGrantLayout.frame]))
        }
        guard let frame = ownRAM(GuestFrame(rawValue: UInt64(entry.load(.frame))), writing: writing) else {
            unmark(reference, entry)
            throw .badPage
        }
        return frame
    }
    /// The machine frame of a page of this domain's own RAM.
    func ownRAM(_ gfn: GuestFrame, writing: Bool) -> MachineFrame? {
        state.physmap.frame(gfn, .ownRAM, forWriting: writing)
    }
}
