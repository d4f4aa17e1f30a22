// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Instructions that one round of `body` takes, `count` times: the least of five batches, without the loop's own.
///
/// Under `-icount shift=0` the time stamp counter advances by one for each instruction.
func instructions(_ count: UInt64, _ body: () -> Void) -> UInt64 {
    var best = UInt64.max
    for _ in 0..<5 {
        let start = Processor.timestamp
        for _ in 0..<count { body() }
        let taken = (Processor.timestamp - start) / count
        best = min(best, taken)
    }
    return best
}
func report(_ name: StaticString, _ value: UInt64) { Console.print("BENCH \(name) \(value) instructions") }

/// What hypercalls and exits cost. The figures mean instructions only under `-icount shift=0`.
@c(guest_main)
public func guestMain() {
    let started = Processor.timestamp
    Peer.runIfPeer()
    report("guest.start_instructions", started - BootInformation.entryTimestamp)
    do throws(XenError) {
        try measure()
    } catch {
        Console.print("TEST benchmark FAIL \(error)")
        Console.print("Test result: FAILURE")
        shutDown()
    }
    Console.print("TEST benchmark PASS")
    Console.print("Test result: SUCCESS")
    shutDown()
}

func measure() throws(XenError) {
    try Events.start()
    try GrantTable.start()
    report(
        "hypercall.xen_version", instructions(1000) { _ = Hypercall.invoke(HypercallNumber.version, 0, 0) })
    report("exit.cpuid", instructions(1000) { _ = Processor.cpuid(0x4000_0000) })
    // Domain 0 owns every port but the hypervisor's own, such as the interrupt controller's.
    let port: UInt16 = BootInformation.current.isInitialDomain ? 0x21 : 0x5F0
    report("exit.in_unclaimed_port", instructions(1000) { _ = Processor.in8(port) })

    let first = try OwnedPort(unboundFor: .caller)
    let second = try OwnedPort(to: .caller, first.port)
    var send = ArgumentBlock<EventChannelSendLayout>()
    send[.port] = first.port.rawValue
    report(
        "hypercall.evtchn_send",
        instructions(1000) {
            Events.clear(second.port)
            _ = Hypercall.invoke(HypercallNumber.eventChannel, EventChannelOperation.send, &send)
        })

    let timer = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
    var shot = ArgumentBlock<SetSingleshotTimerLayout>()
    shot[.timeoutNanoseconds] = Clock.now + 3_600_000_000_000
    report(
        "vcpu.set_singleshot_timer",
        instructions(1000) {
            let result = Hypercall.withAddress(of: &shot) {
                Hypercall.invoke(HypercallNumber.vcpu, UInt64(VCPUOperation.setSingleshotTimer), 0, $0)
            }
            if result != 0 { panic("set_singleshot_timer: \(result)") }
        })
    try VirtualCPU.stopTimer(0)
    try timer.close()

    guard let page = GuestPage() else { throw .noMemory }
    let frame = page.forget()
    report(
        "memory.decrease_populate_4k",
        instructions(200) {
            if !Memory.decrease(frame) { panic("decrease_reservation refused") }
            if !Memory.populate(frame) { panic("populate_physmap refused") }
        })

    guard BootInformation.current.isInitialDomain else { return }
    let peer = try Peer()
    guard let number = try peer.ask(.grant, 0), let remote = try peer.ask(.echo), let own = GuestPage() else {
        throw .inputOutput
    }
    let reference = GrantReference(rawValue: UInt32(number))
    var copy = GrantTable.copyBlock(
        from: .reference(reference, of: peer.id, offset: 0), to: .frame(own.frame, offset: 0), byteCount: 4096
    )
    report(
        "grant.copy_4k",
        instructions(200) {
            if (try? GrantTable.call(GrantTableOperation.copy, &copy)) == nil || copy[.status] != 0 {
                panic("grant copy: status \(copy[.status])")
            }
        })
    guard let hole = UnusedFrames.take() else { throw .noMemory }
    var map = ArgumentBlock<GrantMapLayout>()
    map[.hostAddress] = hole.address.rawValue
    map[.flags] = GrantMapFlag.hostMap
    map[.reference] = reference.rawValue
    map[.domain] = peer.id.rawValue
    var unmap = ArgumentBlock<GrantUnmapLayout>()
    unmap[.hostAddress] = hole.address.rawValue
    report(
        "grant.map_unmap_4k",
        instructions(200) {
            if (try? GrantTable.call(GrantTableOperation.mapGrantReference, &map)) == nil || map[.status] != 0
            {
                panic("grant map: status \(map[.status])")
            }
            unmap[.handle] = map[.handle]
            if (try? GrantTable.call(GrantTableOperation.unmapGrantReference, &unmap)) == nil
                || unmap[.status] != 0
            {
                panic("grant unmap: status \(unmap[.status])")
            }
        })
    // Send, wake the peer, its upcall, its answer, the upcall here; both sleep in HLT.
    let echo = try OwnedPort(to: peer.id, EventPort(rawValue: UInt32(remote)))
    let counter = Counter()
    try Events.handle(echo.port) { counter.count += 1 }
    var knock = ArgumentBlock<EventChannelSendLayout>()
    knock[.port] = echo.port.rawValue
    // The binding itself raised the first event.
    Events.wait { counter.count > 0 }
    report(
        "evtchn.interdomain_round_trip",
        instructions(200) {
            let wanted = counter.count + 1
            _ = Hypercall.invoke(HypercallNumber.eventChannel, EventChannelOperation.send, &knock)
            Events.wait { counter.count >= wanted }
        })
    Processor.disableInterrupts()
    Events.ignore(echo.port)
    try peer.destroy()

    // A small domain from nothing to nothing.
    var rounds: UInt64 = UInt64.max
    for _ in 0..<3 {
        let start = Processor.timestamp
        let child = try ChildDomain(pageCount: 16)
        try child.loadTinyPrograms()
        try child.setEntry64(0x1000, pageTable: 0x3000)
        try child.unpause()
        _ = try child.waitForShutdown()
        try child.destroy()
        rounds = min(rounds, Processor.timestamp - start)
    }
    report("domain.tiny_create_run_destroy", rounds)
}

/// How often a port's handler ran.
final class Counter {
    var count = 0
}
