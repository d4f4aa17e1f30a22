// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import XenABI

/// A DomU whose store messages and rings lie, for Tests/System/hostile-rings.sh: its command line says which. It ends by
/// itself with a power-off, and says on the hypervisor's console how far it came.
@c(guest_main)
public func guestMain() {
    let line = BootInformation.current.commandLine
    if line.starts(with: "store") {
        // "store 3": the lie about the ring to start with.
        lieToStore(first: Int(line[6] &- 0x30) < 10 ? Int(line[6] &- 0x30) : 0)
    } else if line.starts(with: "flood") {
        floodStore()
    } else if line.starts(with: "block") {
        lieToBlockBackend()
    } else if line.starts(with: "net") {
        lieToNetBackend()
    } else if line.starts(with: "states") {
        lieAboutStates()
    } else {
        var suite = TestSuite("rings")
        suite.test("all") { t throws(XenError) in t.skip("runs beside a Dom0: Tests/System/hostile-rings.sh")
        }
        suite.finish()
    }
    shutDown()
}

/// Sleeps until a condition holds, at most so many milliseconds; says whether it does.
func within(milliseconds: UInt64, _ condition: () -> Bool) -> Bool {
    let end = Clock.now + milliseconds * 1_000_000
    while !condition() {
        if Clock.now >= end { return false }
        try? Scheduler.sleep(until: Clock.now + 1_000_000)
    }
    return true
}

/// Numbers that look random: the same in every run.
struct Noise {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 2 &+ 1 }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state &>> 29
    }
}
