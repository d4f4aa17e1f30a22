// SPDX-License-Identifier: Apache-2.0
import XenABI

/// Pages that were granted, whose owner has gone, and that the other domain still has mapped: neither page nor grant is used
/// for anything else before it lets go of them. Each later grant looks whether it has.
enum SetAsidePages {
    /// What is kept until one set of pages is free.
    final class Kept {
        let objects: [AnyObject]
        init(_ objects: [AnyObject]) { self.objects = objects }
    }
    private struct Page {
        let frame: GuestFrame
        let reference: GrantReference
        let kept: Kept?
    }
    // SAFETY: used by one vCPU outside interrupt handlers.
    nonisolated(unsafe) private static var pages: [Page] = []
    nonisolated(unsafe) private static var isTakingBack = false

    /// How many there are.
    // SAFETY: as above.
    static var count: Int { unsafe pages.count }

    /// Gives a page back as soon as its grant can be revoked; now, if it can.
    static func add(_ frame: GuestFrame, _ reference: GrantReference, keeping kept: Kept? = nil) {
        // SAFETY: as above.
        unsafe pages.append(Page(frame: frame, reference: reference, kept: kept))
    }

    /// Uses again what the other domain has let go of.
    static func takeBack() {
        // What is kept may add pages of its own when it goes; they are looked at in the same turn.
        // SAFETY: as above.
        guard unsafe !isTakingBack else { return }
        unsafe isTakingBack = true
        defer { unsafe isTakingBack = false }
        var isNew = true
        while isNew {
            let all = unsafe pages
            unsafe pages = []
            var free: [Kept] = []
            for page in all {
                guard GrantTable.revoke(page.reference) else {
                    unsafe pages.append(page)
                    continue
                }
                GrantTable.giveReference(page.reference)
                PageAllocator.give(page.frame)
                if let kept = page.kept { free.append(kept) }
            }
            let count = unsafe pages.count
            free = []
            isNew = unsafe pages.count > count
        }
    }
}
