// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import XenABI

/// How often an interrupt came.
final class Counter {
    var count = 0
}

/// When interrupts come: task priority, non-maskable interrupts, exceptions in their delivery. In domain 0 and in a DomU.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("interrupts")
    suite.test("start") { t throws(XenError) in try Events.start() }
    addNonMaskableTests(&suite)
    addPriorityTests(&suite)
    addExceptionTests(&suite)
    suite.runAgainAsDomU()
    suite.finish()
}

/// Counts interrupts at `vector`.
func counting(_ vector: UInt8) -> Counter {
    let counter = Counter()
    Interrupts.handle(vector) {
        counter.count += 1
        LocalAPIC.acknowledge()
    }
    return counter
}
