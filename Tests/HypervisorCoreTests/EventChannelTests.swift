// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

@Suite struct EventChannelTests {
    // MARK: alloc_unbound

    @Test func opensTheLowestClosedPort() throws {
        let f = try EventChannelFixture()
        #expect(f.allocateUnbound(by: f.guest, for: 0) == Call(0, 1))
        #expect(f.allocateUnbound(by: f.guest, for: 0) == Call(0, 2))
        #expect(f.allocateUnbound(by: f.guest, for: 0) == Call(0, 3))
        #expect(f.close(2, by: f.guest) == 0)
        #expect(f.allocateUnbound(by: f.guest, for: 2) == Call(0, 2))
        #expect(f.status(2, by: f.guest) == .success(.init(kind: EventChannelState.unbound, first: 2)))
        #expect(f.allocateUnbound(by: f.guest, for: 0) == Call(0, 4))
    }
    @Test func unboundForItselfNamesTheCaller() throws {
        let f = try EventChannelFixture()
        #expect(f.allocateUnbound(by: f.guest, for: 0x7FF0) == Call(0, 1))
        #expect(f.status(1, by: f.guest) == .success(.init(kind: EventChannelState.unbound, first: 1)))
    }
    @Test func controlDomainOpensPortsOfOthers() throws {
        let f = try EventChannelFixture()
        #expect(f.allocateUnbound(by: f.control, in: 1, for: 0x7FF0) == Call(0, 1))
        #expect(f.status(1, by: f.guest) == .success(.init(kind: EventChannelState.unbound, first: 0)))
        #expect(f.guest.state.events.openCount == 1)
        #expect(f.control.state.events.openCount == 0)
    }
    @Test func guestsDoNotOpenPortsOfOthers() throws {
        let f = try EventChannelFixture()
        #expect(f.allocateUnbound(by: f.guest, in: 2, for: 1).result == XenError.notPermitted.returnValue)
        #expect(f.allocateUnbound(by: f.guest, in: 77, for: 1).result == XenError.noSuchDomain.returnValue)
        #expect(
            f.allocateUnbound(by: f.guest, in: 0x7FF2, for: 1).result == XenError.noSuchDomain.returnValue)
        #expect(f.allocateUnbound(by: f.guest, in: 1, for: 0) == Call(0, 1))
        #expect(f.other.state.events.openCount == 0)
    }
    @Test func stopsAtTheLimit() throws {
        let f = try EventChannelFixture(guestPorts: 5)
        for port in UInt32(1)...5 { #expect(f.allocateUnbound(by: f.guest, for: 0) == Call(0, port)) }
        #expect(f.allocateUnbound(by: f.guest, for: 0).result == XenError.noSpace.returnValue)
        #expect(f.bindIPI(by: f.guest).result == XenError.noSpace.returnValue)
        #expect(f.bindVIRQ(VirtualInterrupt.timer, by: f.guest).result == XenError.noSpace.returnValue)
        #expect(f.bindInterdomain(by: f.guest, to: 0, port: 1).result == XenError.noSpace.returnValue)
        #expect(f.guest.vcpu(0)!.state.virqPorts[0] == 0)
        #expect(f.close(3, by: f.guest) == 0)
        #expect(f.bindIPI(by: f.guest) == Call(0, 3))
    }
    @Test func portsEndAt4095() throws {
        let f = try EventChannelFixture(guestPorts: .max)
        f.machine.set(.domain, 0x7FF0, at: 0x3000, in: f.guest, EventChannelAllocateUnboundLayout.self)
        let vcpu = f.guest.vcpu(0)!
        for _ in 1..<4096 {
            #expect(
                vcpu.hypercall(
                    HypercallNumber.eventChannel, UInt64(EventChannelOperation.allocateUnbound), 0x3000) == 0)
        }
        #expect(f.allocateUnbound(by: f.guest, for: 0).result == XenError.noSpace.returnValue)
        #expect(f.status(4095, by: f.guest) == .success(.init(kind: EventChannelState.unbound, first: 0)))
        #expect(f.status(4096, by: f.guest) == .failure(Refusal(.invalidArgument)))
        let free = f.machine.hypervisor.state.frames.freeFrames
        f.guest.closeAllEventChannels()
        #expect(f.machine.hypervisor.state.frames.freeFrames == free + 16)
    }
    @Test func memoryExhaustionRefusesAndChangesNothing() throws {
        let f = try EventChannelFixture()
        while f.machine.hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) != nil {}
        #expect(f.allocateUnbound(by: f.guest, for: 0).result == XenError.noMemory.returnValue)
        #expect(f.bindIPI(by: f.guest).result == XenError.noMemory.returnValue)
        #expect(f.bindVIRQ(0, by: f.guest).result == XenError.noMemory.returnValue)
        #expect(f.guest.state.events.openCount == 0)
        #expect(f.guest.vcpu(0)!.state.virqPorts[0] == 0)
    }
    @Test func dyingDomainOpensNothing() throws {
        let f = try EventChannelFixture()
        f.guest.state.lifecycle = .dying
        #expect(
            f.allocateUnbound(by: f.control, in: 1, for: 0).result == XenError.invalidArgument.returnValue)
    }

    // MARK: bind_interdomain

    @Test func connectsTwoDomains() throws {
        let f = try EventChannelFixture()
        _ = f.allocateUnbound(by: f.guest, for: 0x7FF0)
        let (guestPort, controlPort) = try f.connect()
        #expect((guestPort, controlPort) == (2, 1))
        #expect(
            f.status(2, by: f.guest)
                == .success(.init(kind: EventChannelState.interdomain, first: 0, port: 1)))
        #expect(
            f.status(1, by: f.control)
                == .success(.init(kind: EventChannelState.interdomain, first: 1, port: 2)))
        // The binder's own port is notified once; nobody else's.
        #expect(f.isPending(1, f.control))
        #expect(f.selector(f.control) == 1 && f.upcall(f.control) == 1)
        #expect(!f.isPending(2, f.guest) && f.upcall(f.guest) == 0)
    }
    @Test func connectsADomainWithItself() throws {
        let f = try EventChannelFixture()
        let offered = f.allocateUnbound(by: f.control, for: 0x7FF0)
        let bound = f.bindInterdomain(by: f.control, to: 0x7FF0, port: offered.port)
        #expect(bound == Call(0, 2))
        _ = f.consume(f.control)
        #expect(f.send(2, by: f.control) == 0)
        #expect(f.consume(f.control) == [1])
        #expect(f.send(1, by: f.control) == 0)
        #expect(f.consume(f.control) == [2])
        #expect(f.close(1, by: f.control) == 0)
        #expect(f.status(2, by: f.control) == .success(.init(kind: EventChannelState.unbound, first: 0)))
        #expect(f.bindInterdomain(by: f.control, to: 0, port: 2) == Call(0, 1))
        #expect(f.close(2, by: f.control) == 0)
        #expect(f.close(1, by: f.control) == 0)
    }
    @Test func bindsOnlyWhatIsOfferedToIt() throws {
        let f = try EventChannelFixture()
        let offered = f.allocateUnbound(by: f.guest, for: 0).port
        #expect(
            f.bindInterdomain(by: f.other, to: 1, port: offered).result
                == XenError.invalidArgument.returnValue)
        #expect(
            f.bindInterdomain(by: f.control, to: 1, port: 0).result == XenError.invalidArgument.returnValue)
        #expect(
            f.bindInterdomain(by: f.control, to: 1, port: 9).result == XenError.invalidArgument.returnValue)
        #expect(
            f.bindInterdomain(by: f.control, to: 1, port: .max).result == XenError.invalidArgument.returnValue
        )
        #expect(
            f.bindInterdomain(by: f.control, to: 9, port: offered).result == XenError.noSuchDomain.returnValue
        )
        #expect(f.bindInterdomain(by: f.control, to: 1, port: offered).result == 0)
        // Once bound it is no longer on offer.
        #expect(
            f.bindInterdomain(by: f.control, to: 1, port: offered).result
                == XenError.invalidArgument.returnValue)
        let ipi = f.bindIPI(by: f.guest).port
        #expect(
            f.bindInterdomain(by: f.control, to: 1, port: ipi).result == XenError.invalidArgument.returnValue)
        #expect(f.control.state.events.openCount == 1)
    }

    // MARK: bind_virq

    @Test func perVCPUInterruptsAreBoundOncePerVCPU() throws {
        let f = try EventChannelFixture()
        #expect(f.bindVIRQ(VirtualInterrupt.timer, vcpu: 0, by: f.guest) == Call(0, 1))
        #expect(f.bindVIRQ(VirtualInterrupt.timer, vcpu: 1, by: f.guest) == Call(0, 2))
        #expect(
            f.bindVIRQ(VirtualInterrupt.timer, vcpu: 1, by: f.guest).result == XenError.exists.returnValue)
        #expect(
            f.bindVIRQ(VirtualInterrupt.timer, vcpu: 2, by: f.guest).result == XenError.noEntry.returnValue)
        #expect(
            f.bindVIRQ(VirtualInterrupt.timer, vcpu: .max, by: f.guest).result == XenError.noEntry.returnValue
        )
        #expect(
            f.status(2, by: f.guest)
                == .success(
                    .init(kind: EventChannelState.virtualInterrupt, vcpu: 1, first: VirtualInterrupt.timer)))
        f.guest.vcpu(1)!.raise(virq: VirtualInterrupt.timer)
        #expect(f.consume(f.guest, vcpu: 0) == [])
        #expect(f.consume(f.guest, vcpu: 1) == [2])
        #expect(f.close(2, by: f.guest) == 0)
        f.guest.vcpu(1)!.raise(virq: VirtualInterrupt.timer)
        #expect(f.consume(f.guest, vcpu: 1) == [])
        #expect(f.bindVIRQ(VirtualInterrupt.timer, vcpu: 1, by: f.guest) == Call(0, 2))
    }
    @Test func globalInterruptsBelongToVCPU0() throws {
        let f = try EventChannelFixture()
        #expect(
            f.bindVIRQ(VirtualInterrupt.domainException, vcpu: 1, by: f.control).result
                == XenError.invalidArgument.returnValue)
        let port = f.bindVIRQ(VirtualInterrupt.domainException, by: f.control)
        #expect(port == Call(0, 1))
        #expect(
            f.bindVIRQ(VirtualInterrupt.domainException, by: f.control).result == XenError.exists.returnValue)
        f.control.raise(globalVIRQ: VirtualInterrupt.domainException)
        #expect(f.consume(f.control) == [1])
        // It may be moved, and is then delivered there.
        #expect(f.bindVCPU(1, to: 1, by: f.control) == 0)
        f.control.raise(globalVIRQ: VirtualInterrupt.domainException)
        #expect(f.consume(f.control) == [])
        #expect(f.consume(f.control, vcpu: 1) == [1])
        #expect(f.bindVIRQ(24, by: f.control).result == XenError.invalidArgument.returnValue)
        #expect(f.bindVIRQ(.max, by: f.control).result == XenError.invalidArgument.returnValue)
        f.control.raise(globalVIRQ: VirtualInterrupt.console)
        f.control.raise(globalVIRQ: .max)
        f.control.vcpu(0)!.raise(virq: .max)
        #expect(f.consume(f.control) == [])
    }

    // MARK: bind_ipi, bind_pirq, the FIFO operations

    @Test func interProcessorPortsNotifyTheirVCPU() throws {
        let f = try EventChannelFixture()
        #expect(f.bindIPI(vcpu: 1, by: f.guest) == Call(0, 1))
        #expect(f.bindIPI(vcpu: 2, by: f.guest).result == XenError.noEntry.returnValue)
        #expect(f.status(1, by: f.guest) == .success(.init(kind: EventChannelState.ipi, vcpu: 1)))
        #expect(f.send(1, by: f.guest) == 0)
        #expect(f.consume(f.guest, vcpu: 0) == [])
        #expect(f.consume(f.guest, vcpu: 1) == [1])
    }
    @Test func refusesWhatItDoesNotOffer() throws {
        let f = try EventChannelFixture()
        #expect(
            f.operate(EventChannelOperation.bindPhysicalInterrupt, by: f.control)
                == XenError.invalidArgument.returnValue)
        for command in [
            EventChannelOperation.initControl, EventChannelOperation.expandArray,
            EventChannelOperation.setPriority,
            14, 15, .max,
        ] {
            #expect(f.operate(command, by: f.guest) == XenError.notImplemented.returnValue)
        }
    }
    @Test(arguments: 0...10 as ClosedRange<UInt32>) func unreadableBlocksAreBadAddresses(command: UInt32)
        throws
    {
        let f = try EventChannelFixture()
        // The guest has 16 pages; the last block hangs over their end.
        for address: UInt64 in [0x10000, 0x8000_0000, 0xffff] {
            #expect(f.operate(command, by: f.guest, at: address) == XenError.badAddress.returnValue)
        }
        #expect(f.guest.state.events.openCount == 0)
    }

    // MARK: send

    @Test func sendSetsPendingSelectorAndUpcall() throws {
        let f = try EventChannelFixture()
        for _ in 1..<70 { _ = f.allocateUnbound(by: f.guest, for: 2) }
        let (guestPort, controlPort) = try f.connect()
        #expect(guestPort == 70)
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.isPending(guestPort, f.guest))
        #expect(f.selector(f.guest) == 1 << 1)
        #expect(f.upcall(f.guest) == 1)
        #expect(f.consume(f.guest) == [70])
    }
    @Test func aPendingPortIsNotDeliveredAgain() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        #expect(f.send(controlPort, by: f.control) == 0)
        // The guest took the upcall but not the port yet.
        let info = f.guest.vcpu(0)!.info!
        info.store(UInt8(0), to: .upcallPending)
        info.store(UInt64(0), to: .pendingSelector)
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.upcall(f.guest) == 0 && f.selector(f.guest) == 0)
        #expect(f.isPending(guestPort, f.guest))
    }
    @Test func aMaskedPortWaitsForUnmask() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        f.setMask(guestPort, f.guest)
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.isPending(guestPort, f.guest))
        #expect(f.upcall(f.guest) == 0 && f.selector(f.guest) == 0)
        #expect(f.unmask(guestPort, by: f.guest) == 0)
        #expect(!f.isMasked(guestPort, f.guest))
        #expect(f.upcall(f.guest) == 1)
        #expect(f.consume(f.guest) == [guestPort])
        // Nothing waits now: no event out of nothing.
        f.setMask(guestPort, f.guest)
        #expect(f.unmask(guestPort, by: f.guest) == 0)
        #expect(f.upcall(f.guest) == 0)
        #expect(f.unmask(guestPort, by: f.guest) == 0)
        #expect(f.unmask(1024, by: f.guest) == XenError.invalidArgument.returnValue)
        #expect(f.unmask(.max, by: f.guest) == XenError.invalidArgument.returnValue)
    }
    @Test func unmaskWithoutMaskDeliversNothing() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        #expect(f.send(controlPort, by: f.control) == 0)
        let info = f.guest.vcpu(0)!.info!
        info.store(UInt8(0), to: .upcallPending)
        info.store(UInt64(0), to: .pendingSelector)
        #expect(f.unmask(guestPort, by: f.guest) == 0)
        #expect(f.upcall(f.guest) == 0)
    }
    @Test func refusesToSendThroughWhatIsNoChannel() throws {
        let f = try EventChannelFixture()
        let offered = f.allocateUnbound(by: f.guest, for: 0).port
        let virq = f.bindVIRQ(VirtualInterrupt.debug, by: f.guest).port
        #expect(f.send(offered, by: f.guest) == 0)
        #expect(!f.isPending(offered, f.guest))
        for port in [0, virq, 3, 4095, 4096, .max] as [UInt32] {
            #expect(f.send(port, by: f.guest) == XenError.invalidArgument.returnValue)
        }
    }
    @Test func eventsGoToTheChosenVCPU() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        #expect(f.bindVCPU(guestPort, to: 1, by: f.guest) == 0)
        #expect(
            f.status(guestPort, by: f.guest)
                == .success(.init(kind: EventChannelState.interdomain, vcpu: 1, first: 0, port: controlPort)))
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.upcall(f.guest, vcpu: 0) == 0)
        #expect(f.consume(f.guest, vcpu: 1) == [guestPort])
        // A closed and reopened port starts at vCPU 0 again.
        #expect(f.close(guestPort, by: f.guest) == 0)
        #expect(f.allocateUnbound(by: f.guest, for: 0) == Call(0, guestPort))
        #expect(
            f.status(guestPort, by: f.guest) == .success(.init(kind: EventChannelState.unbound, first: 0)))
    }
    @Test func onlySomePortsMove() throws {
        let f = try EventChannelFixture()
        let timer = f.bindVIRQ(VirtualInterrupt.timer, by: f.guest).port
        let ipi = f.bindIPI(by: f.guest).port
        let offered = f.allocateUnbound(by: f.guest, for: 0).port
        #expect(f.bindVCPU(timer, to: 1, by: f.guest) == XenError.invalidArgument.returnValue)
        #expect(f.bindVCPU(ipi, to: 1, by: f.guest) == XenError.invalidArgument.returnValue)
        #expect(f.bindVCPU(99, to: 1, by: f.guest) == XenError.invalidArgument.returnValue)
        #expect(f.bindVCPU(0, to: 0, by: f.guest) == XenError.invalidArgument.returnValue)
        #expect(f.bindVCPU(99, to: 2, by: f.guest) == XenError.noEntry.returnValue)
        #expect(f.bindVCPU(offered, to: 2, by: f.guest) == XenError.noEntry.returnValue)
        #expect(f.bindVCPU(offered, to: 1, by: f.guest) == 0)
    }
    @Test func aVCPUWithoutInfoIsNotifiedLater() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        f.guest.vcpu(0)!.state.infoFrame = nil
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.isPending(guestPort, f.guest))
    }
    @Test func blocksMayCrossPagesAndBeUnaligned() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        for address: UInt64 in [0x3ffd, 0x3001] {
            f.machine.write(controlPort, at: address, in: f.control)
            #expect(f.operate(EventChannelOperation.send, by: f.control, at: address) == 0)
            #expect(f.consume(f.guest) == [guestPort])
        }
        let address: UInt64 = 0x3ffa
        f.machine.write(UInt16(0x7FF0), at: address, in: f.guest)
        f.machine.write(UInt16(0), at: address + 2, in: f.guest)
        #expect(f.operate(EventChannelOperation.allocateUnbound, by: f.guest, at: address) == 0)
        #expect(f.machine.read(UInt32.self, at: address + 4, in: f.guest) == 2)
    }

    // MARK: Waking

    @Test func anEventWakesABlockedVCPU() throws {
        let f = try EventChannelFixture()
        let (_, controlPort) = try f.connect()
        let vcpu = f.guest.vcpu(0)!
        vcpu.block()
        #expect(vcpu.state.isBlocked == true)
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(vcpu.state.isBlocked == false)
    }
    @Test func aMaskedEventWakesOnlyWhoPollsIt() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        let second = f.bindIPI(by: f.guest).port
        f.setMask(guestPort, f.guest)
        f.setMask(second, f.guest)
        let poller = f.guest.vcpu(0)!
        let sleeper = f.guest.vcpu(1)!
        #expect(f.guest.isEventPending(guestPort) == false)
        poller.state.pollPort = guestPort
        poller.block()
        sleeper.block()
        #expect(f.send(second, by: f.guest) == 0)
        #expect(poller.state.isBlocked == true)
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(!poller.state.isBlocked && poller.state.pollPort == 0)
        #expect(sleeper.state.isBlocked == true)
    }
    @Test func whoPollsSeveralPortsIsWokenByAny() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        f.setMask(guestPort, f.guest)
        #expect(f.guest.isEventPending(guestPort) == false)
        let poller = f.guest.vcpu(1)!
        poller.state.pollPort = .max
        poller.block()
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(poller.state.isBlocked == false)
    }
    @Test func pollReturnsAtOnceWhenAPortIsPending() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        f.setMask(guestPort, f.guest)
        #expect(f.guest.isEventPending(guestPort) == false)
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.guest.isEventPending(guestPort) == true)
        #expect(f.guest.isEventPending(5000) == nil)
        #expect(f.guest.isEventPending(.max) == nil)
        #expect(f.guest.isEventPending(0) == false)
    }
    @Test func theUpcallVectorIsRequestedOnce() throws {
        let f = try EventChannelFixture()
        let (_, controlPort) = try f.connect()
        let vcpu = f.guest.vcpu(0)!
        vcpu.state.upcallVector = 0xf3
        #expect(vcpu.writeAPIC(0xf, 0x1ff))
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(vcpu.state.apic.requested[0xf3])
        #expect(vcpu.hasDeliverableInterrupt)
    }

    // MARK: close

    @Test func closingLeavesThePeerUnbound() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.close(guestPort, by: f.guest) == 0)
        #expect(!f.isPending(guestPort, f.guest))
        #expect(f.status(guestPort, by: f.guest) == .success(.init(kind: EventChannelState.closed)))
        #expect(
            f.status(controlPort, by: f.control) == .success(.init(kind: EventChannelState.unbound, first: 1))
        )
        // Sending now is silently lost, and the closer may connect again.
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.bindInterdomain(by: f.guest, to: 0, port: controlPort) == Call(0, guestPort))
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.consume(f.guest) == [guestPort])
    }
    @Test func closesOnlyWhatIsOpen() throws {
        let f = try EventChannelFixture()
        for port in [0, 1, 63, 64, 4095, 4096, .max] as [UInt32] {
            #expect(f.close(port, by: f.guest) == XenError.invalidArgument.returnValue)
        }
        let port = f.bindIPI(by: f.guest).port
        #expect(f.close(port, by: f.guest) == 0)
        #expect(f.close(port, by: f.guest) == XenError.invalidArgument.returnValue)
    }

    // MARK: status

    @Test func statusOfOthersIsForTheControlDomain() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        #expect(
            f.status(guestPort, of: 1, by: f.control)
                == .success(.init(kind: EventChannelState.interdomain, first: 0, port: controlPort)))
        #expect(f.status(controlPort, of: 0, by: f.guest) == .failure(Refusal(.notPermitted)))
        #expect(f.status(5000, of: 0, by: f.guest) == .failure(Refusal(.invalidArgument)))
        #expect(f.status(1, of: 99, by: f.control) == .failure(Refusal(.noSuchDomain)))
        #expect(f.status(0, by: f.guest) == .success(.init(kind: EventChannelState.closed)))
        #expect(f.status(1, by: f.other) == .success(.init(kind: EventChannelState.closed)))
        #expect(f.status(1024, by: f.guest) == .failure(Refusal(.invalidArgument)))
    }

    // MARK: reset and teardown

    @Test func resetClosesAll() throws {
        let f = try EventChannelFixture()
        let (guestPort, controlPort) = try f.connect()
        _ = f.bindVIRQ(VirtualInterrupt.timer, by: f.guest)
        _ = f.bindIPI(by: f.guest)
        _ = f.allocateUnbound(by: f.guest, for: 2)
        #expect(f.send(controlPort, by: f.control) == 0)
        #expect(f.reset(0x7FF0, by: f.guest) == 0)
        #expect(f.guest.state.events.openCount == 0)
        #expect(!f.isPending(guestPort, f.guest))
        #expect(f.guest.vcpu(0)!.state.virqPorts[0] == 0)
        #expect(
            f.status(controlPort, by: f.control) == .success(.init(kind: EventChannelState.unbound, first: 1))
        )
        #expect(f.bindVIRQ(VirtualInterrupt.timer, by: f.guest) == Call(0, 1))
    }
    @Test func resetOfAnotherNeedsRightsAndAPause() throws {
        let f = try EventChannelFixture()
        _ = f.bindIPI(by: f.guest)
        #expect(f.reset(1, by: f.other) == XenError.notPermitted.returnValue)
        #expect(f.reset(9, by: f.control) == XenError.noSuchDomain.returnValue)
        #expect(f.reset(1, by: f.control) == XenError.invalidArgument.returnValue)
        #expect(f.guest.state.events.openCount == 1)
        f.guest.state.controllerPauseCount = 1
        #expect(f.reset(1, by: f.control) == 0)
        #expect(f.guest.state.events.openCount == 0)
    }
    @Test func teardownUnbindsThePeersAndFreesMemory() throws {
        let f = try EventChannelFixture()
        let free = f.machine.hypervisor.state.frames.freeFrames
        let (_, controlPort) = try f.connect()
        for _ in 0..<600 { _ = f.bindIPI(by: f.guest) }
        f.guest.state.lifecycle = .dying
        f.guest.closeAllEventChannels()
        #expect(f.guest.state.events.openCount == 0)
        f.checkInvariants()
        #expect(
            f.status(controlPort, by: f.control) == .success(.init(kind: EventChannelState.unbound, first: 1))
        )
        #expect(f.send(controlPort, by: f.control) == 0)
        f.control.closeAllEventChannels()
        #expect(f.machine.hypervisor.state.frames.freeFrames == free)
    }

    // MARK: Any sequence

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func randomSequencesKeepTheInvariants(seed: UInt64) throws {
        let f = try EventChannelFixture(guestPorts: 20)
        var random = SplitMix(state: seed)
        func port() -> UInt32 {
            random.next() % 16 == 0 ? UInt32(truncatingIfNeeded: random.next()) : UInt32(random.next() % 24)
        }
        func number() -> UInt16 { [0, 1, 2, 0x7FF0, 3][Int(random.next() % 5)] }
        var successes = 0
        for _ in 0..<800 {
            let domain = f.domains[Int(random.next() % 3)]
            let result: Int64
            switch random.next() % 10 {
            case 0: result = f.allocateUnbound(by: domain, in: number(), for: number()).result
            case 1, 2: result = f.bindInterdomain(by: domain, to: number(), port: port()).result
            case 3:
                result =
                    f.bindVIRQ(UInt32(random.next() % 26), vcpu: UInt32(random.next() % 3), by: domain).result
            case 4: result = f.bindIPI(vcpu: UInt32(random.next() % 3), by: domain).result
            case 5, 6: result = f.close(port(), by: domain)
            case 7: result = f.bindVCPU(port(), to: UInt32(random.next() % 3), by: domain)
            case 8: result = f.unmask(port(), by: domain)
            default:
                result = random.next() % 64 == 0 ? f.reset(number(), by: domain) : f.send(port(), by: domain)
            }
            if result == 0 { successes += 1 }
        }
        #expect(successes > 100)
        for domain in f.domains { domain.resetEventChannels(by: f) }
        f.checkInvariants()
        #expect(f.domains.allSatisfy { $0.state.events.openCount == 0 })
    }
}

extension Ref<Domain> {
    fileprivate func resetEventChannels(by f: EventChannelFixture) { #expect(f.reset(0x7FF0, by: self) == 0) }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
