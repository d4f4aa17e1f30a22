// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// Who may call what: ring 3, numbers that do not exist, the other vendor's instruction.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("privilege")

    suite.test("ring_3_is_refused") { t throws(XenError) in
        for number in [
            HypercallNumber.version, HypercallNumber.scheduler, HypercallNumber.eventChannel,
            HypercallNumber.memory,
            HypercallNumber.domctl, 200,
        ] {
            do throws(Fault) {
                let result = try UserMode.hypercall(UInt64(number))
                t.expectReturn(result, .notPermitted, "hypercall \(number) from ring 3")
            } catch {
                t.expect(false, "hypercall \(number) from ring 3 raised \(error.vector)")
            }
        }
    }
    suite.test("ring_3_is_really_ring_3") { t throws(XenError) in
        t.expectFault(.generalProtection, "CLI in ring 3") { () throws(Fault) in
            try UserMode.privilegedInstruction()
        }
    }
    suite.test("calls_that_are_not_for_pvh") { t throws(XenError) in
        for number: UInt32 in [
            0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 14, 16, 19, 22, 23, 25, 28, 30, 31, 38, 39, 43, 44, 45, 46, 47,
            48, 50,
            51, 52, 53, 54, 55, 56, 57, 63, 64, 100, 127, 128, 1000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
        ] {
            t.expectReturn(Hypercall.invoke(number, 0, 0, 0), .notImplemented, "hypercall \(number)")
        }
    }
    suite.test("the_other_vendors_instruction") { t throws(XenError) in
        do throws(Fault) {
            let result = try Processor.hypercallOfOtherVendor(200)
            t.expectReturn(result, .notImplemented, "hypercall 200 by the other vendor's instruction")
        } catch {
            t.expect(error == .undefinedInstruction, "it raised \(error.vector)")
        }
    }
    suite.test("undefined_instruction_reaches_the_guest") { t throws(XenError) in
        t.expectFault(.undefinedInstruction, "ud2") { () throws(Fault) in try Processor.undefinedInstruction()
        }
    }
    suite.test("page_fault_reaches_the_guest") { t throws(XenError) in
        t.expectFault(.pageFault, "a load from unmapped memory") { () throws(Fault) in
            _ = try AddressSpace.probe(AddressSpace.testArea + 0x100_0000)
        }
        t.expectFault(.generalProtection, "a load from a non-canonical address") { () throws(Fault) in
            _ = try AddressSpace.probe(0x8000_0000_0000_0000)
        }
    }
    suite.test("domctl_is_for_domain_0") { t throws(XenError) in
        guard !BootInformation.current.isInitialDomain else { return t.skip("this is domain 0") }
        t.expectError(.notPermitted, "getdomaininfo") { () throws(XenError) in
            _ = try DomainControl.info(.zero)
        }
        t.expectError(.notPermitted, "physinfo") { () throws(XenError) in _ = try SystemControl.physicalInfo()
        }
        t.expectError(.notPermitted, "createdomain") { () throws(XenError) in
            _ = try DomainControl.create(vcpuCount: 1)
        }
        t.expectError(.notPermitted, "settime") { () throws(XenError) in
            try PlatformControl.setTime(seconds: 1, nanoseconds: 0, systemTime: 0)
        }
        for operation: UInt32 in 1..<90 {
            var domctl = DomainControl.block(operation, .zero)
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.domctl, &domctl), .notPermitted, "domctl \(operation)")
            var sysctl = SystemControl.block(operation)
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.sysctl, &sysctl), .notPermitted, "sysctl \(operation)")
            var platform = PlatformControl.block(operation)
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.platform, &platform), .notPermitted,
                "platform_op \(operation)")
        }
        guard let page = GuestPage() else { throw .noMemory }
        for domain: UInt64 in [0, UInt64(DomainID.caller.rawValue)] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.deviceModel, domain, 1, page.memory.address), .notPermitted,
                "dm_op on \(domain)")
        }
        for operation: UInt64 in [24, 25, 26] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.physicalDevice, operation, page.memory.address),
                .notImplemented, "physdev_op \(operation)")
        }
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.read), 16, page.memory.address),
            .notPermitted, "reading the console")
    }
    suite.test("other_domains_are_out_of_reach") { t throws(XenError) in
        guard !BootInformation.current.isInitialDomain else { return t.skip("this is domain 0") }
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        let port = EventPort(rawValue: 1)
        func refused(_ what: Text, _ body: () throws(XenError) -> Void) {
            t.expectError(.notPermitted, "\(what) of domain 0", body)
        }
        t.expect(!Memory.populate(frame, domain: .zero), "memory for domain 0")
        t.expect(!Memory.decrease(GuestFrame(rawValue: 0x100), domain: .zero), "memory of domain 0")
        refused("the reservation") { () throws(XenError) in _ = try Memory.currentReservation(of: .zero) }
        refused("the limit") { () throws(XenError) in _ = try Memory.maximumReservation(of: .zero) }
        refused("the highest page") { () throws(XenError) in _ = try Memory.maximumGuestFrame(of: .zero) }
        refused("the map") { () throws(XenError) in
            try Memory.addToPhysmap(domain: .zero, space: PhysmapSpace.sharedInfo, index: 0, at: frame)
        }
        refused("a page in the map") { () throws(XenError) in
            try Memory.removeFromPhysmap(GuestFrame(rawValue: 0x100), domain: .zero)
        }
        refused("a foreign page") { () throws(XenError) in
            try Memory.mapForeign(GuestFrame(rawValue: 0x100), of: .zero, at: frame)
        }
        // Only the hardware domain may map resources at all.
        t.expectError(.accessDenied, "the grant table of domain 0") { () throws(XenError) in
            try Memory.map(.grantTable, of: .zero, at: [frame])
        }
        refused("a claim") { () throws(XenError) in try Memory.claim(pages: 1, for: .zero) }
        refused("a parameter") { () throws(XenError) in
            _ = try HVM.parameter(HVMParameter.storeFrame, of: .zero)
        }
        refused("setting a parameter") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.storeFrame, of: .zero, to: 1)
        }
        refused("the kind of a page") { () throws(XenError) in
            _ = try HVM.memoryKind(of: GuestFrame(rawValue: 0x100), domain: .zero)
        }
        refused("a port's state") { () throws(XenError) in
            _ = try EventChannel.status(of: port, in: .zero)
        }
        refused("a new port") { () throws(XenError) in
            _ = try EventChannel.allocateUnboundPort(of: .zero, for: .caller)
        }
        refused("all ports") { () throws(XenError) in try EventChannel.reset(.zero) }
        refused("the end") { () throws(XenError) in try Scheduler.shutDown(.zero, ShutdownReason.powerOff) }
        refused("the grant version") { () throws(XenError) in _ = try GrantTable.version(of: .zero) }
    }
    suite.runAgainAsDomU()
    suite.finish()
}
