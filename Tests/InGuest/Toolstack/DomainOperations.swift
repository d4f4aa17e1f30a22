// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// The domctls on a domain as a whole, and dm_op.
func domainOperations(_ suite: inout TestSuite) {
    let body = domctlBody
    let nowhere = AddressSpace.testArea

    suite.test("pause_counts") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        // It starts with a count of 1.
        for _ in 1..<255 { try DomainControl.pause(id) }
        t.expectError(.overflow, "the 256th pause") { () throws(XenError) in try DomainControl.pause(id) }
        for _ in 0..<255 { try DomainControl.unpause(id) }
        t.expect(try !DomainControl.info(id).has(.paused), "still paused")
        t.expectError(.invalidArgument, "one unpause more") { () throws(XenError) in
            try DomainControl.unpause(id)
        }
        t.expectError(.invalidArgument, "pausing itself") { () throws(XenError) in
            try DomainControl.pause(.zero)
        }
        try child.destroy()
    }
    suite.test("create_refusals_by_field") { t throws(XenError) in
        func expectRefusal(
            _ wanted: XenError, _ what: Text, _ change: (inout DomainConfiguration) -> Void
        ) {
            var configuration = DomainConfiguration(vcpuCount: 1)
            change(&configuration)
            t.expectError(wanted, what) { () throws(XenError) in _ = try DomainControl.create(configuration) }
        }
        let free = try SystemControl.physicalInfo().freePages
        expectRefusal(.invalidArgument, "grant table version 2") { $0.grantTableVersion = 2 }
        expectRefusal(.notSupported, "a trace buffer") { $0.traceByteCount = 4096 }
        expectRefusal(.invalidArgument, "pool 1") { $0.cpupool = 1 }
        expectRefusal(.invalidArgument, "misc flag 2") { $0.miscellaneousFlags = 2 }
        expectRefusal(.invalidArgument, "-2 grant frames") { $0.maximumGrantFrames = -2 }
        expectRefusal(.invalidArgument, "nested virtualization") { $0.flags.insert(.nestedVirtualization) }
        expectRefusal(.invalidArgument, "129 vCPUs") { $0.vcpuCount = 129 }
        // The number cannot be told: nothing stays.
        guard let page = GuestPage(), AddressSpace.map(page.frame, at: nowhere, []) else { throw .noMemory }
        let block = page.memory
        block.store(DomctlOperation.createDomain, at: 0)
        block.store(DomctlVersion.value, at: 4)
        let fields = block.view(DomctlCreateDomainLayout.self, at: body)
        fields[.flags] = CreateDomainFlag.hvm | CreateDomainFlag.hap
        fields[.maximumVCPUs] = 1
        fields[.maximumEventPort] = 1023
        fields[.emulationFlags] = EmulationFlag.lapic
        fields[.maximumGrantFrames] = 4
        fields[.maximumMaptrackFrames] = 4
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.domctl, nowhere), .badAddress, "a block that is read-only")
        AddressSpace.unmap(at: nowhere)
        t.expectError(.noSuchDomain, "a domain from 1 on") { () throws(XenError) in
            _ = try DomainControl.info(DomainID(rawValue: 1))
        }
        t.expectEqual(try SystemControl.physicalInfo().freePages, free, "free pages")
        // A wanted number, and -1 as the default for tables.
        var configuration = DomainConfiguration(vcpuCount: 1)
        configuration.maximumGrantFrames = -1
        configuration.maximumMaptrackFrames = -1
        let given = try DomainControl.create(configuration, as: DomainID(rawValue: 77))
        t.expectEqual(given.rawValue, 77, "the number it got")
        guard let size = try? GrantTable.querySize(of: DomainID(rawValue: 77)) else {
            return t.expect(false, "query_size")
        }
        t.expectEqual(size.maximumFrameCount, 64, "grant frames by default")
        try DomainControl.destroy(DomainID(rawValue: 77))
    }
    suite.test("handle_and_time_offset") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        var handle = DomainHandle(low: 0, high: 0)
        for index in 0..<DomainHandle.byteCount { handle[index] = UInt8(0xA0 + index) }
        try DomainControl.setHandle(of: id, to: handle)
        let found = try DomainControl.info(id).handle
        t.expect(found == handle, "the handle is \(hex: found.low), \(hex: found.high)")
        try DomainControl.setTimeOffset(of: id, toSeconds: -3600)
        t.expectError(.noSuchDomain, "the offset of nobody") { () throws(XenError) in
            try DomainControl.setTimeOffset(of: nobody, toSeconds: 0)
        }
        t.expectError(.noSuchDomain, "the handle of nobody") { () throws(XenError) in
            try DomainControl.setHandle(of: nobody, to: handle)
        }
        try child.destroy()
    }
    suite.test("tsc") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        func expectRefusal(
            _ wanted: XenError, _ what: Text, _ counter: TimestampCounter, of id: DomainID
        ) {
            t.expectError(wanted, what) { () throws(XenError) in
                try DomainControl.setTimestampCounter(of: id, to: counter)
            }
        }
        let frequency = try SystemControl.physicalInfo().cpuKilohertz
        try DomainControl.setTimestampCounter(of: id, to: TimestampCounter())
        let wanted = TimestampCounter(mode: .native, kilohertz: frequency, incarnation: 5)
        try DomainControl.setTimestampCounter(of: id, to: wanted)
        expectRefusal(
            .invalidArgument, "mode 3", TimestampCounter(mode: TimestampCounter.Mode(rawValue: 3)), of: id)
        expectRefusal(
            .notSupported, "half the frequency",
            TimestampCounter(mode: .alwaysEmulated, kilohertz: frequency / 2), of: id)
        expectRefusal(.invalidArgument, "its own", TimestampCounter(), of: .zero)
        let found = try DomainControl.timestampCounter(of: id)
        t.expect(found.mode == .native, "mode \(found.mode.rawValue)")
        t.expectEqual(found.kilohertz, frequency, "kHz")
        t.expectEqual(found.incarnation, 5, "incarnation")
        try child.destroy()
    }
    suite.test("hardware_is_not_given_away") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        let first = MachineFrame(rawValue: 0xFEE00)
        try DomainControl.setAccess(toInterrupt: 9, allowed: false, of: id)
        try DomainControl.setAccess(toPages: first, count: 1, allowed: false, of: id)
        try DomainControl.setAccess(toPorts: 0x3F8, count: 8, allowed: false, of: id)
        t.expectError(.notSupported, "giving an interrupt") { () throws(XenError) in
            try DomainControl.setAccess(toInterrupt: 9, allowed: true, of: id)
        }
        t.expectError(.notSupported, "giving pages") { () throws(XenError) in
            try DomainControl.setAccess(toPages: first, count: 1, allowed: true, of: id)
        }
        t.expectError(.notSupported, "giving ports") { () throws(XenError) in
            try DomainControl.setAccess(toPorts: 0x3F8, count: 8, allowed: true, of: id)
        }
        try child.destroy()
    }
    suite.test("paging_pool") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        t.expectEqual(try DomainControl.pagingPool(of: id), 1 << 20, "bytes as `ChildDomain` set")
        t.expectError(.invalidArgument, "a size that is no number of pages") { () throws(XenError) in
            try DomainControl.setPagingPool(byteCount: 4097, of: id)
        }
        _ = try DomainControl.shadow(ShadowOperation.setAllocation, mebibytes: 3, of: id)
        t.expectEqual(try DomainControl.shadow(ShadowOperation.getAllocation, of: id), 3, "MiB")
        t.expectEqual(try DomainControl.pagingPool(of: id), 3 << 20, "bytes")
        for operation in [ShadowOperation.off, ShadowOperation.enableLogDirty, ShadowOperation.clean] {
            t.expectError(.notSupported, "shadow_op \(operation)") { () throws(XenError) in
                _ = try DomainControl.shadow(operation, of: id)
            }
        }
        try child.destroy()
    }
    suite.test("trigger") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        func expectRefusal(_ wanted: XenError, _ what: Text, _ trigger: VCPUTrigger, _ vcpu: UInt32) {
            t.expectError(wanted, what) { () throws(XenError) in
                try DomainControl.send(trigger, toVCPU: vcpu, of: id)
            }
        }
        try DomainControl.send(.nonMaskable, toVCPU: 0, of: id)
        expectRefusal(.noSuchDomain, "an NMI to a vCPU that is not there", .nonMaskable, 1)
        expectRefusal(.noSuchDomain, "vCPU 0xffffffff", .nonMaskable, UInt32.max)
        expectRefusal(.notSupported, "the power button", .powerButton, 0)
        expectRefusal(.notImplemented, "trigger 99", VCPUTrigger(rawValue: 99), 0)
        expectRefusal(.noSuchDomain, "trigger 99 to a vCPU that is not there", VCPUTrigger(rawValue: 99), 1)
        try child.destroy()
    }
    suite.test("resume") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        t.expectError(.invalidArgument, "resuming itself") { () throws(XenError) in
            try DomainControl.resume(.zero)
        }
        try DomainControl.resume(id)
        try Scheduler.shutDown(id, ShutdownReason.suspend)
        t.expect(try DomainControl.info(id).has(.shutdown), "shut down")
        try DomainControl.resume(id)
        t.expect(try !DomainControl.info(id).has(.shutdown), "resumed")
        t.expectError(.invalidArgument, "a reason that does not exist") { () throws(XenError) in
            try Scheduler.shutDown(id, 6)
        }
        try child.destroy()
    }
    suite.test("destroy_refusals") { t throws(XenError) in
        t.expectError(.noSuchDomain, "nobody") { () throws(XenError) in try DomainControl.destroy(nobody) }
        t.expectError(.invalidArgument, "itself") { () throws(XenError) in try DomainControl.destroy(.zero) }
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        try child.destroy()
        t.expectError(.noSuchDomain, "twice") { () throws(XenError) in try DomainControl.destroy(id) }
    }
    suite.test("domctls_that_are_refused") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        for operation in [
            DomctlOperation.setAddressSize, DomctlOperation.getAddressSize,
            DomctlOperation.setExtendedVCPUContext, DomctlOperation.getExtendedVCPUContext,
            DomctlOperation.setVCPUExtendedState, DomctlOperation.getVCPUExtendedState,
            DomctlOperation.getVCPUMSRs, DomctlOperation.setVCPUMSRs, DomctlOperation.hypercallInit,
            DomctlOperation.vmEvent, DomctlOperation.monitor, DomctlOperation.vmtrace,
        ] {
            t.expectError(.notSupported, "domctl \(operation)") { () throws(XenError) in
                try DomainControl.call(operation, id)
            }
            t.expectError(.noSuchDomain, "domctl \(operation) on nobody") { () throws(XenError) in
                try DomainControl.call(operation, nobody)
            }
        }
        try child.destroy()
    }
}

/// dm_op: what tools ask although no domain has a device model.
func deviceModelOperations(_ suite: inout TestSuite) {
    suite.test("device_model") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let child = try ChildDomain(vcpuCount: 3, pageCount: 4)
        let id = child.id
        let request = page.memory.view(DeviceModelLayout.self)
        let buffer = page.memory.view(DeviceModelBufferLayout.self, at: 256)
        func call(
            _ domain: DomainID, _ operation: UInt32, size: UInt64 = UInt64(DeviceModelLayout.byteCount),
            count: UInt64 = 1, at address: UInt64? = nil
        ) -> Int64 {
            request[.operation] = operation
            buffer[.size] = size
            buffer[.address] = address ?? page.memory.address
            return Hypercall.invoke(
                HypercallNumber.deviceModel, UInt64(domain.rawValue), count, page.memory.address + 256)
        }
        t.expectEqual(try DeviceModel.vcpuCount(of: id), 3, "vCPUs")
        t.expectError(.invalidArgument, "reason 9") { () throws(XenError) in
            try DeviceModel.shutDown(id, 9)
        }
        t.expectError(.invalidArgument, "itself") { () throws(XenError) in
            try DeviceModel.shutDown(.zero, ShutdownReason.crash)
        }
        try DeviceModel.shutDown(id, ShutdownReason.crash)
        t.expectEqual(try DomainControl.info(id).shutdownReason, ShutdownReason.crash, "reason")
        t.expectError(.noSuchDomain, "vCPUs of nobody") { () throws(XenError) in
            _ = try DeviceModel.vcpuCount(of: nobody)
        }
        t.expectError(.noSuchDomain, "shutting nobody down") { () throws(XenError) in
            try DeviceModel.shutDown(nobody, ShutdownReason.crash)
        }
        t.expectReturn(call(id, 1), .notSupported, "dm_op 1")
        t.expectReturn(call(id, 99), .notSupported, "dm_op 99")
        t.expectReturn(call(nobody, 1), .noSuchDomain, "of nobody")
        t.expectReturn(call(id, 1, count: 0), .invalidArgument, "no buffer")
        t.expectReturn(call(id, 1, size: 8), .invalidArgument, "a buffer that is too small")
        t.expectReturn(
            call(id, DeviceModelOperation.vcpuCount, at: AddressSpace.testArea), .badAddress,
            "a buffer that is not there")
        t.expectReturn(
            call(id, DeviceModelOperation.remoteShutdown, at: AddressSpace.testArea), .badAddress,
            "a buffer that is not there")
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.deviceModel, UInt64(id.rawValue), 1, AddressSpace.testArea), .badAddress,
            "a list that is not there")
        try child.destroy()
    }
}
