// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Random hypercalls of domain 0 and two domains with two vCPUs each, at once, on the real image: nobody else is harmed, and
/// no frame is lost. The command line may say `seed=N calls=N`; the second is for each vCPU of a round.
@c(guest_main)
public func guestMain() {
    Peer.runIfPeer()
    let seed = number(after: "seed=") ?? 1
    let calls = number(after: "calls=") ?? 3000
    if TestSuite.isChild { attack(seed, calls) }
    var suite = TestSuite("fuzz")
    suite.test("random_hypercalls_lose_nothing") { t throws(XenError) in
        try Events.start()
        try GrantTable.start()
        guard let fuzzer = GuestFuzzer(seed: seed, isControl: true, highestDomain: 16) else {
            throw .noMemory
        }
        // Tables grow to what they need and keep it: a round in which nothing is lost must come.
        var before = try SystemControl.physicalInfo().freePages
        var lost: UInt64 = 0
        var total = 0
        for number in 0..<5 as Range<UInt64> {
            total += try round(fuzzer, seed &+ number, calls, &t)
            let after = try SystemControl.physicalInfo().freePages
            lost = before > after ? before - after : 0
            before = after
            if number > 0, lost == 0 { break }
        }
        t.expectEqual(lost, 0, "pages that were free before the last round and are not after it")
        Console.print(
            "FUZZ seed \(seed): \(fuzzer.callCount) calls here, \(fuzzer.successCount) succeeded, \(total) children's ended well"
        )
    }
    suite.test("a_new_domain_answers_afterwards") { t throws(XenError) in
        let peer = try Peer()
        t.expectEqual(try peer.ask(.identify) ?? 0, UInt64(peer.id.rawValue), "its own number")
        try peer.destroy()
    }
    suite.finish()
}

/// Two children attack while we do. How many of them came to their end.
private func round(
    _ fuzzer: GuestFuzzer, _ seed: UInt64, _ calls: UInt64, _ t: inout Test
) throws(XenError) -> Int {
    let first = try child(seed &* 2, calls)
    let second = try child(seed &* 2 &+ 1, calls)
    fuzzer.run(calls)
    fuzzer.cleanUp()
    var ended = 0
    for reason in [
        try first.waitForShutdown(nanoseconds: 60_000_000_000),
        try second.waitForShutdown(nanoseconds: 60_000_000_000),
    ] {
        if reason == ShutdownReason.powerOff {
            ended += 1
        } else {
            t.expect(false, "a child ended with \(reason ?? 99)")
        }
    }
    // Our mappings are gone: so are the domains, at once.
    try first.destroy()
    try second.destroy()
    return ended
}
private func child(_ seed: UInt64, _ calls: UInt64) throws(XenError) -> ChildDomain {
    let child = try ChildDomain(vcpuCount: 2, pageCount: ChildDomain.ownImagePageCount + 32)
    try child.loadOwnImage(commandLine: "child seed=\(seed) calls=\(calls)")
    try child.unpause()
    return child
}

/// A child's life: random calls of both vCPUs, then the end.
private func attack(_ seed: UInt64, _ calls: UInt64) -> Never {
    do throws(XenError) {
        try Events.start()
        try GrantTable.start()
    } catch {
        panic("fuzz: \(error)")
    }
    guard let first = GuestFuzzer(seed: seed, isControl: false, highestDomain: 16),
        let second = GuestFuzzer(seed: ~seed, isControl: false, highestDomain: 16)
    else { panic("fuzz: no memory") }
    try? SecondaryVCPU.start(1) { second.run(calls) }
    first.run(calls)
    let end = Clock.now + 20_000_000_000
    while (try? VirtualCPU.isUp(1)) ?? false, Clock.now < end { try? Scheduler.yield() }
    Console.print(
        "FUZZ child \(seed): \(first.callCount + second.callCount) calls, \(first.successCount + second.successCount) succeeded"
    )
    shutDown(ShutdownReason.powerOff)
}

/// The decimal number after a word of the command line.
private func number(after word: StaticString) -> UInt64? {
    let line = BootInformation.current.commandLine
    let length = word.utf8CodeUnitCount
    var start = 0
    while start + length < line.count {
        var matches = 0
        while matches < length, line[start + matches] == word.byte(at: matches) { matches += 1 }
        if matches == length {
            var value: UInt64 = 0
            var at = start + length
            while at < line.count, line[at] >= 0x30, line[at] <= 0x39 {
                value = value &* 10 &+ UInt64(line[at] &- 0x30)
                at += 1
            }
            return value
        }
        start += 1
    }
    return nil
}
