// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// How often a port's handler ran.
final class Counter {
    var count = 0
}

/// event_channel_op: every sub-operation, its errors, delivery and limits, with this domain at both ends.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("evtchn")
    let nobody = DomainID(rawValue: 1234)
    let huge = EventPort(rawValue: 0x0010_0000)

    suite.test("start") { t throws(XenError) in try Events.start() }

    suite.test("alloc_unbound") { t throws(XenError) in
        let first = try OwnedPort(unboundFor: .caller)
        let second = try OwnedPort(unboundFor: .caller)
        t.expect(first.port.rawValue != 0 && second.port.rawValue != 0, "port 0 is never given out")
        t.expect(first.port != second.port, "ports differ")
        let status = try first.status()
        t.expectEqual(status.state, EventChannelState.unbound, "state")
        t.expectEqual(status.vcpu, 0, "vCPU")
        if let own = Platform.domainID {
            t.expect(status.remoteDomain == own, "remote is \(status.remoteDomain)")
        }
        t.expectError(.noSuchDomain, "a port of a domain that is not there") { () throws(XenError) in
            _ = try EventChannel.allocateUnboundPort(of: nobody, for: .caller)
        }
    }
    suite.test("bind_interdomain_with_itself") { t throws(XenError) in
        let first = try OwnedPort(unboundFor: .caller)
        let second = try OwnedPort(to: .caller, first.port)
        t.expect(Events.isPending(second.port), "the local port is pending once, at birth")
        Events.clear(second.port)
        let status = try first.status()
        t.expectEqual(status.state, EventChannelState.interdomain, "state of the first end")
        t.expect(status.remotePort == second.port, "its remote port is \(status.remotePort)")
        t.expect(try second.status().remotePort == first.port, "and the other way round")
        try first.send()
        t.expect(Events.isPending(second.port), "a send arrives at the other end")
        t.expect(!Events.isPending(first.port), "and not at this one")
        try second.send()
        t.expect(Events.isPending(first.port), "and back")
        Events.clear(first.port)
        Events.clear(second.port)
    }
    suite.test("bind_interdomain_refusals") { t throws(XenError) in
        let unbound = try OwnedPort(unboundFor: nobody)
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(nobody, unbound.port)
        }
        t.expectError(.invalidArgument, "a port for another domain") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(.caller, unbound.port)
        }
        t.expectError(.invalidArgument, "a port beyond the table") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(.caller, huge)
        }
        t.expectError(.invalidArgument, "port 0") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(.caller, EventPort(rawValue: 0))
        }
        let interprocessor = try OwnedPort(interprocessorTo: 0)
        t.expectError(.invalidArgument, "a port that is not unbound") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(.caller, interprocessor.port)
        }
    }
    suite.test("close") { t throws(XenError) in
        let first = try OwnedPort(unboundFor: .caller)
        let second = try OwnedPort(to: .caller, first.port)
        let closed = second.port
        try second.close()
        t.expectEqual(try first.status().state, EventChannelState.unbound, "the peer of a closed port")
        t.expectEqual(try EventChannel.status(of: closed).state, EventChannelState.closed, "the closed port")
        t.expectError(.invalidArgument, "closing it again") { () throws(XenError) in
            try EventChannel.close(closed)
        }
        t.expectError(.invalidArgument, "closing port 0") { () throws(XenError) in
            try EventChannel.close(EventPort(rawValue: 0))
        }
        t.expectError(.invalidArgument, "closing a port beyond the table") { () throws(XenError) in
            try EventChannel.close(huge)
        }
        let again = try OwnedPort(to: .caller, first.port)
        t.expectEqual(try again.status().state, EventChannelState.interdomain, "the peer can be bound again")
    }
    suite.test("close_clears_pending") { t throws(XenError) in
        let port = try OwnedPort(interprocessorTo: 0)
        let number = port.port
        try port.send()
        t.expect(Events.isPending(number), "pending after the send")
        try port.close()
        t.expect(!Events.isPending(number), "not pending after the close")
    }
    suite.test("bind_virq") { t throws(XenError) in
        let timer = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        let status = try timer.status()
        t.expectEqual(status.state, EventChannelState.virtualInterrupt, "state")
        t.expectEqual(status.virtualInterrupt, VirtualInterrupt.timer, "number")
        t.expectError(.exists, "a second port for the timer") { () throws(XenError) in
            _ = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.timer, vcpu: 0)
        }
        t.expectError(.invalidArgument, "virq 24") { () throws(XenError) in
            _ = try EventChannel.bindVirtualInterrupt(24, vcpu: 0)
        }
        t.expectError(.invalidArgument, "virq 0xffffffff") { () throws(XenError) in
            _ = try EventChannel.bindVirtualInterrupt(0xFFFF_FFFF, vcpu: 0)
        }
        t.expectError(.noEntry, "the timer of vCPU 5000") { () throws(XenError) in
            _ = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.debug, vcpu: 5000)
        }
        t.expectError(.invalidArgument, "a global virq on vCPU 1") { () throws(XenError) in
            _ = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.memoryEvent, vcpu: 1)
        }
        t.expectError(.invalidArgument, "sending to a virq's port") { () throws(XenError) in try timer.send()
        }
        try timer.close()
        let again = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        try again.close()
    }
    suite.test("bind_ipi") { t throws(XenError) in
        let port = try OwnedPort(interprocessorTo: 0)
        t.expectEqual(try port.status().state, EventChannelState.ipi, "state")
        t.expectError(.noEntry, "vCPU 5000") { () throws(XenError) in
            _ = try EventChannel.bindInterprocessor(vcpu: 5000)
        }
    }
    suite.test("bind_pirq_is_not_for_pvh") { t throws(XenError) in
        do throws(XenError) {
            _ = try EventChannel.bindPhysicalInterrupt(0xFFFF_FFFF)
            t.expect(false, "pirq 0xffffffff was bound")
        } catch {
            t.expect(
                error == .invalidArgument || error == .notImplemented, "EVTCHNOP_bind_pirq gave \(error)")
        }
    }
    suite.test("send_refusals") { t throws(XenError) in
        t.expectError(.invalidArgument, "port 0") { () throws(XenError) in
            try EventChannel.send(EventPort(rawValue: 0))
        }
        t.expectError(.invalidArgument, "a port beyond the table") { () throws(XenError) in
            try EventChannel.send(huge)
        }
        let port = try OwnedPort(unboundFor: nobody)
        try port.send()
        let number = port.port
        try port.close()
        t.expectError(.invalidArgument, "a closed port") { () throws(XenError) in
            try EventChannel.send(number)
        }
    }
    suite.test("status_refusals") { t throws(XenError) in
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            _ = try EventChannel.status(of: EventPort(rawValue: 1), in: nobody)
        }
        t.expectError(.invalidArgument, "a port beyond the table") { () throws(XenError) in
            _ = try EventChannel.status(of: huge)
        }
        t.expectEqual(
            try EventChannel.status(of: EventPort(rawValue: 0)).state, EventChannelState.closed,
            "state of port 0")
    }
    suite.test("ports_of_others_are_refused") { t throws(XenError) in
        guard !BootInformation.current.isInitialDomain else { return t.skip("domain 0 may") }
        t.expectError(.notPermitted, "a port of domain 0") { () throws(XenError) in
            _ = try EventChannel.allocateUnboundPort(of: .zero, for: .caller)
        }
        t.expectError(.notPermitted, "the status of a port of domain 0") { () throws(XenError) in
            _ = try EventChannel.status(of: EventPort(rawValue: 1), in: .zero)
        }
        t.expectError(.notPermitted, "resetting domain 0") { () throws(XenError) in
            try EventChannel.reset(.zero)
        }
        t.expectError(.invalidArgument, "a port of domain 0 for somebody else") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(.zero, EventPort(rawValue: 1))
        }
    }
    suite.test("bind_vcpu") { t throws(XenError) in
        let port = try OwnedPort(unboundFor: .caller)
        try EventChannel.notify(vcpu: 0, of: port.port)
        t.expectError(.noEntry, "vCPU 5000") { () throws(XenError) in
            try EventChannel.notify(vcpu: 5000, of: port.port)
        }
        t.expectError(.invalidArgument, "a port beyond the table") { () throws(XenError) in
            try EventChannel.notify(vcpu: 0, of: huge)
        }
        let interprocessor = try OwnedPort(interprocessorTo: 0)
        t.expectError(.invalidArgument, "a port that is tied to its vCPU (ipi)") { () throws(XenError) in
            try EventChannel.notify(vcpu: 0, of: interprocessor.port)
        }
        let timer = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        t.expectError(.invalidArgument, "a port that is tied to its vCPU (timer)") { () throws(XenError) in
            try EventChannel.notify(vcpu: 0, of: timer.port)
        }
        if (try? VirtualCPU.isUp(1)) != nil {
            try EventChannel.notify(vcpu: 1, of: port.port)
            t.expectEqual(try port.status().vcpu, 1, "vCPU after the move")
        }
    }
    suite.test("a_masked_port_waits") { t throws(XenError) in
        let port = try OwnedPort(interprocessorTo: 0)
        let counter = Counter()
        try Events.handle(port.port) { counter.count += 1 }
        Events.mask(port.port)
        Processor.enableInterrupts()
        try port.send()
        try Scheduler.yield()
        t.expectEqual(counter.count, 0, "handler calls while masked")
        t.expect(Events.isPending(port.port), "the event is pending")
        try port.unmask()
        t.expectEqual(counter.count, 1, "handler calls after unmask")
        t.expect(!Events.isMasked(port.port), "unmask clears the mask bit")
        Processor.disableInterrupts()
        Events.ignore(port.port)
    }
    suite.test("unmask_refusals") { t throws(XenError) in
        t.expectError(.invalidArgument, "a port beyond the table") { () throws(XenError) in
            try EventChannel.unmask(huge)
        }
    }
    suite.test("sends_before_the_upcall_are_one_event") { t throws(XenError) in
        let port = try OwnedPort(interprocessorTo: 0)
        let counter = Counter()
        try Events.handle(port.port) { counter.count += 1 }
        let upcalls = Events.upcallCount
        Processor.disableInterrupts()
        for _ in 0..<5 { try port.send() }
        t.expectEqual(counter.count, 0, "handler calls with interrupts off")
        Processor.enableInterrupts()
        try Scheduler.yield()
        Processor.disableInterrupts()
        t.expectEqual(counter.count, 1, "handler calls for five sends")
        t.expectEqual(Events.upcallCount - upcalls, 1, "upcalls for five sends")
        Events.ignore(port.port)
    }
    suite.test("every_event_of_many_ports_arrives") { t throws(XenError) in
        var ports: [EventPort] = []
        let counter = Counter()
        for _ in 0..<300 {
            let port = try EventChannel.bindInterprocessor(vcpu: 0)
            try Events.handle(port) { counter.count += 1 }
            ports.append(port)
        }
        Processor.disableInterrupts()
        for port in ports { try EventChannel.send(port) }
        Processor.enableInterrupts()
        try Scheduler.yield()
        t.expectEqual(counter.count, 300, "handler calls")
        for port in ports { try EventChannel.send(port) }
        try Scheduler.yield()
        Processor.disableInterrupts()
        t.expectEqual(counter.count, 600, "handler calls after a second round with interrupts on")
        for port in ports {
            Events.ignore(port)
            try EventChannel.close(port)
        }
    }
    suite.test("ports_run_out_with_an_error_and_come_back") { t throws(XenError) in
        var ports: [EventPort] = []
        var reason = XenError(rawValue: 0)
        while ports.count < 140_000 {
            do throws(XenError) {
                ports.append(try EventChannel.allocateUnboundPort(for: .caller))
            } catch {
                reason = error
                break
            }
        }
        t.expect(reason == .noSpace, "after \(ports.count) ports: \(reason), ENOSPC expected")
        t.expect(ports.count > 900, "only \(ports.count) ports")
        // Everything else that opens a port says so too: after what it says of the domain or vCPU, before what it says of
        // the other port.
        t.expectError(.noSpace, "bind_interdomain") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(.caller, ports[0])
        }
        t.expectError(.noSpace, "bind_interdomain to no port") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(.caller, huge)
        }
        t.expectError(.noSuchDomain, "bind_interdomain to nobody") { () throws(XenError) in
            _ = try EventChannel.bindInterdomain(nobody, ports[0])
        }
        t.expectError(.noSpace, "bind_virq") { () throws(XenError) in
            _ = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.debug, vcpu: 0)
        }
        t.expectError(.noEntry, "bind_virq of vCPU 5000") { () throws(XenError) in
            _ = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.debug, vcpu: 5000)
        }
        t.expectError(.noSpace, "bind_ipi") { () throws(XenError) in
            _ = try EventChannel.bindInterprocessor(vcpu: 0)
        }
        t.expectError(.noEntry, "bind_ipi of vCPU 5000") { () throws(XenError) in
            _ = try EventChannel.bindInterprocessor(vcpu: 5000)
        }
        for port in ports { try EventChannel.close(port) }
        let again = try OwnedPort(unboundFor: .caller)
        try again.close()
    }
    suite.test("fifo_is_optional") { t throws(XenError) in
        do throws(XenError) {
            try EventChannel.initialiseControl(frame: GuestFrame(rawValue: 0), offset: 0, vcpu: 5000)
            t.expect(false, "init_control for vCPU 5000 succeeded")
        } catch {
            t.expect(error == .noEntry || error == .notImplemented, "init_control gave \(error)")
        }
        do throws(XenError) {
            try EventChannel.expandArray(frame: GuestFrame(rawValue: 0))
            t.expect(false, "expand_array before init_control succeeded")
        } catch {
            t.expect(error == .notSupported || error == .notImplemented, "expand_array gave \(error)")
        }
        let port = try OwnedPort(interprocessorTo: 0)
        t.expectError(.notImplemented, "set_priority with 2-level delivery") { () throws(XenError) in
            try EventChannel.setPriority(3, of: port.port)
        }
    }
    suite.test("bad_pointers_and_numbers") { t throws(XenError) in
        for operation: UInt64 in [0, 1, 3, 4, 5, 6, 7, 8, 9, 10] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.eventChannel, operation, AddressSpace.testArea), .badAddress,
                "event_channel_op \(operation) on unmapped memory")
        }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.eventChannel, 99, 0), .notImplemented, "event_channel_op 99")
    }
    suite.test("result_that_cannot_be_written_back") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        // Ports are given out from the lowest on.
        let next = try EventChannel.bindInterprocessor(vcpu: 0)
        try EventChannel.close(next)
        let address = AddressSpace.testArea + 0x20000
        guard AddressSpace.map(page.frame, at: address, []) else { throw .noMemory }
        let block = page.memory.view(EventChannelAllocateUnboundLayout.self)
        block[.domain] = DomainID.caller.rawValue
        block[.remoteDomain] = DomainID.caller.rawValue
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.eventChannel, UInt64(EventChannelOperation.allocateUnbound), address),
            .badAddress, "alloc_unbound with a read-only block")
        AddressSpace.unmap(at: address)
        // As in Xen the port is open all the same, and may be closed.
        let status = try EventChannel.status(of: next)
        t.expectEqual(status.state, EventChannelState.unbound, "state of the port that was not told")
        try EventChannel.close(next)
    }
    suite.test("reset_closes_everything") { t throws(XenError) in
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            try EventChannel.reset(nobody)
        }
        guard BootInformation.current.isInitialDomain else { return t.skip("it would take the console away") }
        let port = try EventChannel.allocateUnboundPort(for: .caller)
        let timer = try EventChannel.bindVirtualInterrupt(VirtualInterrupt.timer, vcpu: 0)
        try EventChannel.reset()
        t.expectEqual(try EventChannel.status(of: port).state, EventChannelState.closed, "an unbound port")
        t.expectEqual(try EventChannel.status(of: timer).state, EventChannelState.closed, "the timer's port")
        let again = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        try again.close()
    }
    suite.runAgainAsDomU()
    suite.finish()
}
