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
        t.expect(try !DomainControl.info(id).has(DomainInfoFlag.paused), "still paused")
        t.expectError(.invalidArgument, "one unpause more") { () throws(XenError) in
            try DomainControl.unpause(id)
        }
        t.expectError(.invalidArgument, "pausing itself") { () throws(XenError) in
            try DomainControl.pause(.zero)
        }
        try child.destroy()
    }
    suite.test("create_refusals_by_field") { t throws(XenError) in
        func create(_ domain: DomainID, _ change: (inout ArgumentBlock<DomctlLayout>) -> Void) -> Int64 {
            domctl(DomctlOperation.createDomain, domain) { block in
                block[Field<DomctlCreateDomainLayout, UInt32>.flags, at: body] =
                    CreateDomainFlag.hvm | CreateDomainFlag.hap
                block[Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs, at: body] = 1
                block[Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort, at: body] = 1023
                block[Field<DomctlCreateDomainLayout, UInt32>.emulationFlags, at: body] = EmulationFlag.lapic
                block[Field<DomctlCreateDomainLayout, UInt32>.grantOptions, at: body] = 1
                block[Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, at: body] = 4
                block[Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames, at: body] = 4
                change(&block)
            }
        }
        let free = try SystemControl.physicalInfo().freePages
        t.expectReturn(
            create(.zero) { $0[Field<DomctlCreateDomainLayout, UInt32>.grantOptions, at: body] = 2 },
            .invalidArgument, "grant table version 2")
        t.expectReturn(
            create(.zero) { $0[Field<DomctlCreateDomainLayout, UInt32>.vmtraceSize, at: body] = 4096 },
            .notSupported, "a trace buffer")
        t.expectReturn(
            create(.zero) { $0[Field<DomctlCreateDomainLayout, UInt32>.cpupool, at: body] = 1 },
            .invalidArgument, "pool 1")
        t.expectReturn(
            create(.zero) { $0[Field<DomctlCreateDomainLayout, UInt32>.miscFlags, at: body] = 2 },
            .invalidArgument, "misc flag 2")
        t.expectReturn(
            create(.zero) { $0[Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, at: body] = -2 },
            .invalidArgument, "-2 grant frames")
        t.expectReturn(
            create(.zero) {
                $0[Field<DomctlCreateDomainLayout, UInt32>.flags, at: body] =
                    CreateDomainFlag.hvm | CreateDomainFlag.hap | CreateDomainFlag.nestedVirtualization
            }, .invalidArgument, "nested virtualization")
        t.expectReturn(
            create(.zero) { $0[Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs, at: body] = 129 },
            .invalidArgument, "129 vCPUs")
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
        var given: UInt16 = 0
        var asked = DomainControl.block(DomctlOperation.createDomain, DomainID(rawValue: 77))
        asked[Field<DomctlCreateDomainLayout, UInt32>.flags, at: body] = 3
        asked[Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs, at: body] = 1
        asked[Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort, at: body] = 1023
        asked[Field<DomctlCreateDomainLayout, UInt32>.emulationFlags, at: body] = EmulationFlag.lapic
        asked[Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, at: body] = -1
        asked[Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames, at: body] = -1
        t.expectReturn(Hypercall.invoke(HypercallNumber.domctl, &asked), 0, "creating domain 77")
        given = asked[.domain]
        t.expectEqual(given, 77, "the number it got")
        guard let size = try? GrantTable.querySize(of: DomainID(rawValue: 77)) else {
            return t.expect(false, "query_size")
        }
        t.expectEqual(size.maximumFrameCount, 64, "grant frames by default")
        try DomainControl.destroy(DomainID(rawValue: 77))
    }
    suite.test("handle_and_time_offset") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        t.expectReturn(
            domctl(DomctlOperation.setDomainHandle, id) { block in
                for index in 0..<16 {
                    block[Field<DomctlDomainHandleLayout, UInt8>.handle.element(index), at: body] =
                        UInt8(0xA0 + index)
                }
            }, 0, "setdomainhandle")
        var last: UInt8 = 0
        t.expectReturn(
            domctl(DomctlOperation.getDomainInfo, id) { _ in
            } check: {
                last = $0[Field<DomctlDomainInfoLayout, UInt8>.handle.element(15), at: body]
            }, 0,
            "getdomaininfo")
        t.expectEqual(last, 0xAF, "the handle's last byte")
        t.expectReturn(
            domctl(DomctlOperation.setTimeOffset, id) { block in
                block[Field<DomctlTimeOffsetLayout, Int64>.seconds, at: body] = -3600
            }, 0, "settimeoffset")
        t.expectReturn(domctl(DomctlOperation.setTimeOffset, nobody), .noSuchDomain, "of nobody")
        t.expectReturn(domctl(DomctlOperation.setDomainHandle, nobody), .noSuchDomain, "of nobody")
        try child.destroy()
    }
    suite.test("tsc") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        func set(_ mode: UInt32, _ kilohertz: UInt32, of id: DomainID) -> Int64 {
            domctl(DomctlOperation.setTSCInfo, id) { block in
                block[Field<DomctlTSCInfoLayout, UInt32>.mode, at: body] = mode
                block[Field<DomctlTSCInfoLayout, UInt32>.kilohertz, at: body] = kilohertz
                block[Field<DomctlTSCInfoLayout, UInt32>.incarnation, at: body] = 5
            }
        }
        let frequency = try SystemControl.physicalInfo().cpuKilohertz
        t.expectReturn(set(0, 0, of: id), 0, "the default mode")
        t.expectReturn(set(2, frequency, of: id), 0, "mode 2 at the machine's frequency")
        t.expectReturn(set(3, 0, of: id), .invalidArgument, "mode 3")
        t.expectReturn(set(1, frequency / 2, of: id), .notSupported, "half the frequency")
        t.expectReturn(set(0, 0, of: .zero), .invalidArgument, "its own")
        var (mode, kilohertz, incarnation): (UInt32, UInt32, UInt32) = (9, 0, 0)
        t.expectReturn(
            domctl(DomctlOperation.getTSCInfo, id) { _ in
            } check: {
                mode = $0[Field<DomctlTSCInfoLayout, UInt32>.mode, at: body]
                kilohertz = $0[Field<DomctlTSCInfoLayout, UInt32>.kilohertz, at: body]
                incarnation = $0[Field<DomctlTSCInfoLayout, UInt32>.incarnation, at: body]
            }, 0, "gettscinfo")
        t.expectEqual(mode, 2, "mode")
        t.expectEqual(kilohertz, frequency, "kHz")
        t.expectEqual(incarnation, 5, "incarnation")
        try child.destroy()
    }
    suite.test("hardware_is_not_given_away") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        for allow: UInt8 in [0, 1] {
            let results = [
                domctl(DomctlOperation.irqPermission, id) {
                    $0[Field<DomctlInterruptPermissionLayout, UInt8>.allow, at: body] = allow
                },
                domctl(DomctlOperation.iomemPermission, id) {
                    $0[Field<DomctlIOMemoryPermissionLayout, UInt8>.allow, at: body] = allow
                },
                domctl(DomctlOperation.ioportPermission, id) {
                    $0[Field<DomctlIOPortPermissionLayout, UInt8>.allow, at: body] = allow
                },
            ]
            for result in results {
                if allow == 0 {
                    t.expectReturn(result, 0, "taking hardware away")
                } else {
                    t.expectReturn(result, .notSupported, "giving hardware")
                }
            }
        }
        try child.destroy()
    }
    suite.test("paging_pool") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        var size: UInt64 = 0
        func get() -> Int64 {
            domctl(DomctlOperation.getPagingMempoolSize, id) { _ in
            } check: {
                size = $0[Field<DomctlPagingMempoolLayout, UInt64>.size, at: body]
            }
        }
        t.expectReturn(get(), 0, "get_paging_mempool_size")
        t.expectEqual(size, 1 << 20, "bytes as `ChildDomain` set")
        t.expectError(.invalidArgument, "a size that is no number of pages") { () throws(XenError) in
            try DomainControl.setPagingPool(byteCount: 4097, of: id)
        }
        func shadow(_ operation: UInt32, _ megabytes: UInt32 = 0, check: (UInt32) -> Void = { _ in }) -> Int64
        {
            domctl(DomctlOperation.shadow, id) { block in
                block[Field<DomctlShadowLayout, UInt32>.operation, at: body] = operation
                block[Field<DomctlShadowLayout, UInt32>.megabytes, at: body] = megabytes
            } check: {
                check($0[Field<DomctlShadowLayout, UInt32>.megabytes, at: body])
            }
        }
        t.expectReturn(shadow(ShadowOperation.setAllocation, 3), 0, "set allocation")
        var megabytes: UInt32 = 0
        t.expectReturn(shadow(ShadowOperation.getAllocation) { megabytes = $0 }, 0, "get allocation")
        t.expectEqual(megabytes, 3, "MiB")
        for operation in [ShadowOperation.off, ShadowOperation.enableLogDirty, ShadowOperation.clean] {
            t.expectReturn(shadow(operation), .notSupported, "shadow_op \(operation)")
        }
        try child.destroy()
    }
    suite.test("trigger") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        func trigger(_ kind: UInt32, _ vcpu: UInt32) -> Int64 {
            domctl(DomctlOperation.sendTrigger, id) { block in
                block[Field<DomctlSendTriggerLayout, UInt32>.trigger, at: body] = kind
                block[Field<DomctlSendTriggerLayout, UInt32>.vcpu, at: body] = vcpu
            }
        }
        t.expectReturn(trigger(TriggerKind.nmi, 0), 0, "an NMI")
        t.expectReturn(trigger(TriggerKind.nmi, 1), .noSuchDomain, "an NMI to a vCPU that is not there")
        t.expectReturn(trigger(TriggerKind.nmi, UInt32.max), .noSuchDomain, "vCPU 0xffffffff")
        t.expectReturn(trigger(TriggerKind.power, 0), .notSupported, "the power button")
        t.expectReturn(trigger(99, 0), .notImplemented, "trigger 99")
        t.expectReturn(trigger(99, 1), .noSuchDomain, "trigger 99 to a vCPU that is not there")
        try child.destroy()
    }
    suite.test("resume") { t throws(XenError) in
        let child = try ChildDomain(pageCount: 4)
        let id = child.id
        t.expectError(.invalidArgument, "resuming itself") { () throws(XenError) in
            try DomainControl.call(DomctlOperation.resumeDomain, .zero)
        }
        try DomainControl.call(DomctlOperation.resumeDomain, id)
        try Scheduler.shutDown(id, ShutdownReason.suspend)
        t.expect(try DomainControl.info(id).has(DomainInfoFlag.shutdown), "shut down")
        try DomainControl.call(DomctlOperation.resumeDomain, id)
        t.expect(try !DomainControl.info(id).has(DomainInfoFlag.shutdown), "resumed")
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
        for operation in [
            DomctlOperation.setAddressSize, DomctlOperation.getAddressSize,
            DomctlOperation.setExtendedVCPUContext, DomctlOperation.getExtendedVCPUContext,
            DomctlOperation.setVCPUExtendedState, DomctlOperation.getVCPUExtendedState,
            DomctlOperation.getVCPUMSRs, DomctlOperation.setVCPUMSRs, DomctlOperation.hypercallInit,
            DomctlOperation.vmEvent, DomctlOperation.monitor, DomctlOperation.vmtrace,
        ] {
            t.expectReturn(domctl(operation, child.id), .notSupported, "domctl \(operation)")
            t.expectReturn(domctl(operation, nobody), .noSuchDomain, "domctl \(operation) on nobody")
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
        t.expectReturn(call(id, DeviceModelOperation.vcpuCount), 0, "nr_vcpus")
        t.expectEqual(request[Field<DeviceModelLayout, UInt32>.vcpuCount], 3, "vCPUs")
        request[.shutdownReason] = 9
        t.expectReturn(call(id, DeviceModelOperation.remoteShutdown), .invalidArgument, "reason 9")
        request[.shutdownReason] = ShutdownReason.crash
        t.expectReturn(call(.zero, DeviceModelOperation.remoteShutdown), .invalidArgument, "itself")
        t.expectReturn(call(id, DeviceModelOperation.remoteShutdown), 0, "remote_shutdown")
        t.expectEqual(try DomainControl.info(id).shutdownReason, ShutdownReason.crash, "reason")
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
