// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// sysctl, domctl, platform_op and physdev_op as domain 0 uses them on itself and on the machine.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("control")
    guard BootInformation.current.isInitialDomain else {
        suite.test("all") { t throws(XenError) in t.skip("this is not domain 0") }
        suite.finish()
    }

    suite.test("physinfo") { t throws(XenError) in
        let info = try SystemControl.physicalInfo()
        t.expect(info.cpuCount >= 1, "\(info.cpuCount) CPUs")
        t.expectEqual(info.nodeCount, 1, "nodes")
        t.expect(info.cpuKilohertz > 1000, "\(info.cpuKilohertz) kHz")
        t.expect(info.totalPages > 8192, "\(info.totalPages) pages")
        t.expect(info.freePages < info.totalPages, "\(info.freePages) of \(info.totalPages) pages are free")
        t.expect(info.capabilities.contains(.hvm), "the hvm capability")
        t.expect(info.capabilities.contains(.nestedPaging), "the hap capability")
        t.expect(!info.capabilities.contains(.pv), "the pv capability")
    }
    suite.test("sched_id") { t throws(XenError) in
        t.expect(try SystemControl.scheduler() == .null, "the scheduler is not null")
    }
    suite.test("domain_list") { t throws(XenError) in
        let domains = try SystemControl.domains(maximum: 16)
        t.expectEqual(domains.count, 1, "domains")
        t.expect(domains.first?.domain == .zero, "the first is not domain 0")
        t.expectEqual(
            try SystemControl.domains(from: DomainID(rawValue: 1), maximum: 16).count, 0, "domains from 1 on")
    }
    suite.test("domain_info") { t throws(XenError) in
        let info = try DomainControl.info(.zero)
        t.expectEqual(info.domain.rawValue, 0, "domain")
        t.expect(info.has(.hvmGuest), "the hvm flag in \(hex: info.flags.rawValue)")
        t.expect(
            !info.has(.paused) && !info.has(.dying) && !info.has(.shutdown),
            "flags \(hex: info.flags.rawValue)")
        t.expectEqual(info.totalPages, try Memory.currentReservation(), "pages")
        t.expect(info.onlineVCPUs >= 1, "\(info.onlineVCPUs) vCPUs online")
        t.expect(info.cpuTime > 0, "CPU time")
        t.expectError(.noSuchDomain, "a domain from 1 on") { () throws(XenError) in
            _ = try DomainControl.info(DomainID(rawValue: 1))
        }
    }
    suite.test("wrong_interface_version") { t throws(XenError) in
        var domctl = DomainControl.block(DomctlOperation.getDomainInfo, .zero)
        domctl[.interfaceVersion] = DomctlVersion.value + 1
        t.expectReturn(Hypercall.invoke(HypercallNumber.domctl, &domctl), .accessDenied, "domctl")
        var sysctl = SystemControl.block(SysctlOperation.physicalInfo)
        sysctl[.interfaceVersion] = 0
        t.expectReturn(Hypercall.invoke(HypercallNumber.sysctl, &sysctl), .accessDenied, "sysctl")
        var platform = PlatformControl.block(PlatformOperation.getCPUInfo)
        platform[.interfaceVersion] = 0
        t.expectReturn(Hypercall.invoke(HypercallNumber.platform, &platform), .accessDenied, "platform_op")
    }
    suite.test("unknown_operations") { t throws(XenError) in
        for operation: UInt32 in [0, 23, 87, 999, 0xFFFF_FFFF] {
            var domctl = DomainControl.block(operation, .zero)
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.domctl, &domctl), .notImplemented, "domctl \(operation)")
        }
        for operation: UInt32 in [0, 13, 30, 999] {
            var sysctl = SystemControl.block(operation)
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.sysctl, &sysctl), .notImplemented, "sysctl \(operation)")
        }
        for operation: UInt32 in [0, 64, 999] {
            var platform = PlatformControl.block(operation)
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.platform, &platform), .notImplemented,
                "platform_op \(operation)")
        }
        for operation: UInt64 in [0, 5, 12, 13, 14, 99] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.physicalDevice, operation, 0), .notImplemented,
                "physdev_op \(operation)")
        }
    }
    suite.test("bad_pointers") { t throws(XenError) in
        for number in [HypercallNumber.domctl, HypercallNumber.sysctl, HypercallNumber.platform] {
            t.expectReturn(
                Hypercall.invoke(number, AddressSpace.testArea), .badAddress,
                "\(HypercallNumber.name(number))")
        }
    }
    suite.test("log") { t throws(XenError) in
        let count = try SystemControl.readLog(maximum: 4096).bytes.count
        t.expect(count > 0 && count <= 4096, "\(count) bytes of log")
    }
    suite.test("cpu_info") { t throws(XenError) in
        let first = try PlatformControl.cpuInfo(0)
        t.expect(first.flags.contains(.online), "CPU 0 is not online")
        let beyond = try PlatformControl.cpuInfo(first.maximumPresent + 1)
        t.expect(beyond.flags.contains(.invalid), "the CPU after the last is not invalid")
    }
    suite.test("set_time") { t throws(XenError) in
        try Events.mapSharedInfo()
        let old = Clock.wallclock
        let body = PlatformLayout.argumentOffset
        var block = PlatformControl.block(PlatformOperation.setTime64)
        block[Field<PlatformSetTime64Layout, UInt64>.seconds, at: body] = 1_700_000_000
        block[Field<PlatformSetTime64Layout, UInt32>.mustBeZero, at: body] = 1
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.platform, &block), .invalidArgument, "a word that must be zero")
        try PlatformControl.setTime(seconds: 1_700_000_123, nanoseconds: 500, systemTime: 3_000_000_000)
        t.expectEqual(Clock.wallclock.seconds, 1_700_000_120, "seconds at system time 0")
        t.expectEqual(Clock.wallclock.nanoseconds, 500, "nanoseconds at system time 0")
        try PlatformControl.setTime(seconds: old.seconds, nanoseconds: old.nanoseconds, systemTime: 0)
    }
    suite.test("pci") { t throws(XenError) in
        try PhysicalDevices.addConfigurationWindow(
            at: MachinePhysical(rawValue: 0xB000_0000), buses: 0...255)
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.physicalDevice, UInt64(PhysicalDeviceOperation.pciDeviceAdd),
                AddressSpace.testArea),
            .badAddress, "pci_device_add on unmapped memory")
    }
    suite.test("operations_on_itself_that_are_refused") { t throws(XenError) in
        t.expectError(.invalidArgument, "pausing itself") { () throws(XenError) in
            try DomainControl.pause(.zero)
        }
        t.expectError(.invalidArgument, "destroying itself") { () throws(XenError) in
            try DomainControl.destroy(.zero)
        }
    }
    suite.test("operations_on_nobody") { t throws(XenError) in
        let nobody = DomainID(rawValue: 1234)
        for operation in [
            DomctlOperation.destroyDomain, DomctlOperation.pauseDomain, DomctlOperation.unpauseDomain,
            DomctlOperation.maximumVCPUs, DomctlOperation.maximumMemory, DomctlOperation.setHVMContext,
            DomctlOperation.getHVMContext, DomctlOperation.resumeDomain, DomctlOperation.getVCPUInfo,
        ] {
            t.expectError(.noSuchDomain, "domctl \(operation)") { () throws(XenError) in
                try DomainControl.call(operation, nobody)
            }
        }
    }
    suite.finish()
}
