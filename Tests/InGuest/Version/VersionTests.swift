// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// xen_version, vm_assist and the hypercall page.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("version")

    suite.test("number_is_4_17") { t throws(XenError) in
        t.expectEqual(try Version.number(), 0x0004_0011, "XENVER_version")
        t.expectEqual(
            Hypercall.invoke(HypercallNumber.version, 0, 0xDEAD_0000_0000_0000), 0x0004_0011,
            "XENVER_version with a bad pointer, which it ignores")
    }
    suite.test("texts_stay_in_their_buffers") { t throws(XenError) in
        _ = try Version.extra()
        let capabilities = try Version.capabilities()
        t.expect(
            capabilities.contains("hvm-3.0-x86_64"), "capabilities \"\(capabilities)\" lack hvm-3.0-x86_64")
        _ = try Version.changeset()
        let compilation = try Version.compilation()
        t.expect(compilation.compiler.count > 0, "no compiler is named")
        _ = try Version.commandLine()
    }
    suite.test("features") { t throws(XenError) in
        let features = try Version.features()
        let word = features.rawValue
        t.expect(
            features.contains(.autoTranslatedPhysmap), "auto_translated_physmap is missing in \(hex: word)")
        t.expect(features.contains(.callbackVector), "hvm_callback_vector is missing in \(hex: word)")
        t.expect(features.contains(.safeClock), "hvm_safe_pvclock is missing in \(hex: word)")
        t.expect(!features.contains(.physicalInterrupts), "hvm_pirqs is set in \(hex: word)")
        t.expect(
            features.contains(.notDirectMapped) != features.contains(.directMapped),
            "exactly one of direct_mapped and not_direct_mapped in \(hex: word)")
        t.expect(
            features.contains(.domain0) == BootInformation.current.isInitialDomain,
            "the dom0 bit in \(hex: word) disagrees with start info")
        t.expectError(.invalidArgument, "feature word 1") { () throws(XenError) in
            _ = try Version.features(word: 1)
        }
    }
    suite.test("page_size_takes_no_argument") { t throws(XenError) in
        t.expectEqual(try Version.pageByteCount(), 4096, "XENVER_pagesize")
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.pageSize), 1),
            .invalidArgument, "XENVER_pagesize with an argument")
    }
    suite.test("platform_parameters") { t throws(XenError) in
        // `virtualStart` itself sees that nothing is written behind the block.
        t.expectEqual(try Version.virtualStart(), 0xFFFF_8000_0000_0000, "virt_start")
    }
    suite.test("guest_handle_is_16_bytes") { t throws(XenError) in
        let handle = try Version.ownHandle()
        // `ChildDomain` leaves the default of a configuration; domain 0's is 0.
        if TestSuite.isChild {
            t.expect(handle == DomainConfiguration(vcpuCount: 2).handle, "handle \(hex: handle.low)")
        }
        // `ownHandle` itself sees that no 17th byte is written.
        t.expect(handle == (try Version.ownHandle()), "the handle changes by itself")
    }
    suite.test("command_line_and_build_id_are_for_domain_0") { t throws(XenError) in
        let isInitialDomain = BootInformation.current.isInitialDomain
        let line = try Version.commandLine()
        t.expect(line.starts(with: "<denied>") != isInitialDomain, "command line \"\(line)\"")
        t.expectError(isInitialDomain ? .noData : .notPermitted, "XENVER_build_id") { () throws(XenError) in
            _ = try Version.buildID()
        }
    }
    suite.test("unknown_operation") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        for operation: UInt64 in [11, 99, 0xFFFF_FFFF] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.version, operation, page.memory.address), .notImplemented,
                "xen_version \(operation)")
        }
    }
    suite.test("bad_pointers") { t throws(XenError) in
        for operation in [
            VersionOperation.extraVersion, VersionOperation.compileInfo, VersionOperation.capabilities,
            VersionOperation.changeset, VersionOperation.platformParameters, VersionOperation.getFeatures,
            VersionOperation.guestHandle, VersionOperation.commandLine,
        ] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.version, UInt64(operation), AddressSpace.testArea),
                .badAddress,
                "xen_version \(operation) to unmapped memory")
        }
    }
    suite.test("vm_assist") { t throws(XenError) in
        try VMAssist.enable(.runstateUpdateFlag)
        try VMAssist.disable(.runstateUpdateFlag)
        for type: UInt32 in [0, 99] {
            t.expectError(.invalidArgument, "enabling type \(type)") { () throws(XenError) in
                try VMAssist.enable(VMAssist.Behaviour(rawValue: type))
            }
            t.expectError(.invalidArgument, "disabling type \(type)") { () throws(XenError) in
                try VMAssist.disable(VMAssist.Behaviour(rawValue: type))
            }
        }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.vmAssist, 7, UInt64(VMAssistType.runstateUpdateFlag)),
            .notImplemented, "command 7")
    }
    suite.test("hypercall_page") { t throws(XenError) in
        guard let leaf = Platform.hypervisorLeaf, let page = GuestPage() else { throw .noMemory }
        let pages = Processor.cpuid(leaf + 2)
        t.expectEqual(pages.eax, 1, "number of hypercall pages")
        do throws(Fault) {
            try Processor.writeMSR(pages.ebx, page.frame.address.rawValue)
        } catch {
            t.expect(false, "writing the hypercall page MSR raised \(error.vector)")
            return
        }
        t.expectEqual(
            page.memory.load(at: 17 * 32, as: UInt8.self), 0xB8, "first byte of slot 17 (mov to eax)")
        t.expectEqual(page.memory.load(at: 17 * 32 + 1, as: UInt32.self), 17, "number in slot 17")
        t.expectEqual(page.memory.load(at: 17 * 32 + 8, as: UInt8.self), 0xC3, "return in slot 17")
        t.expectEqual(page.memory.load(at: 23 * 32, as: UInt16.self), 0x0B0F, "slot 23 (iret) as ud2")
        t.expectEqual(
            Hypercall.invokeThroughPage(page.memory.address, HypercallNumber.version), 0x0004_0011,
            "xen_version through the page")
        t.expectFault(.generalProtection, "a page index other than 0") { () throws(Fault) in
            try Processor.writeMSR(pages.ebx, page.frame.address.rawValue | 1)
        }
        t.expectFault(.generalProtection, "an address with no memory") { () throws(Fault) in
            try Processor.writeMSR(pages.ebx, 0x3F_FFFF_F000)
        }
    }
    suite.test("multicall") { t throws(XenError) in
        var calls: InlineArray<3, MulticallEntry> = [
            MulticallEntry(HypercallNumber.version, 0),
            MulticallEntry(200),
            MulticallEntry(HypercallNumber.scheduler, UInt64(SchedulerOperation.yield)),
        ]
        try Hypercall.multicall(&calls)
        t.expectReturn(calls[0].result, 0x0004_0011, "first call")
        t.expectReturn(calls[1].result, .notImplemented, "second call")
        t.expectReturn(calls[2].result, 0, "third call")
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.multicall, AddressSpace.testArea, 1), .badAddress,
            "a batch in unmapped memory")
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.multicall, AddressSpace.testArea, 0), 0, "an empty batch")
    }
    suite.test("multicall_refusals") { t throws(XenError) in
        var nested: InlineArray<2, MulticallEntry> = [
            MulticallEntry(HypercallNumber.multicall, AddressSpace.testArea, 1),
            MulticallEntry(HypercallNumber.version, 0),
        ]
        try Hypercall.multicall(&nested)
        t.expectReturn(nested[0].result, .invalidArgument, "a batch inside a batch")
        t.expectReturn(nested[1].result, 0x0004_0011, "the call after it")
        // The result of the second entry cannot be written: the first is done.
        guard let first = GuestPage(), let second = GuestPage() else { throw .noMemory }
        let address = AddressSpace.testArea + 0x3_0000
        guard AddressSpace.map(first.frame, at: address, .writable),
            AddressSpace.map(second.frame, at: address + 4096, [])
        else { throw .noMemory }
        for page in [first.memory, second.memory] {
            for index in 0..<64 {
                page.store(UInt64(HypercallNumber.version), at: index * 64)
            }
        }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.multicall, address + 4096 - 64, 2), .badAddress,
            "a batch into a read-only page")
        t.expectEqual(first.memory.load(at: 4096 - 64 + 8, as: UInt64.self), 0x0004_0011, "the first result")
        t.expectEqual(second.memory.load(at: 8, as: UInt64.self), 0, "the second result")
        AddressSpace.unmap(at: address)
        AddressSpace.unmap(at: address + 4096)
    }
    suite.test("long_calls_inside_a_multicall") { t throws(XenError) in
        // A list of 40000 grant copies, all in one page and all refused: longer than a time slice may be.
        guard let list = GuestPage(), let batch = GuestPage(),
            AddressSpace.mapRepeatedly(list.frame, at: AddressSpace.testArea + 1 << 31)
        else { throw .noMemory }
        let entry = batch.memory.view(MulticallEntryLayout.self)
        entry[.operation] = UInt64(HypercallNumber.grantTable)
        entry[.arguments.element(0)] = UInt64(GrantTableOperation.copy)
        entry[.arguments.element(1)] = AddressSpace.testArea + 1 << 31
        entry[.arguments.element(2)] = 40_000
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.multicall, batch.memory.address, 1), 0, "the batch")
        t.expectEqual(entry[.result], 0, "its one call")
    }
    suite.runAgainAsDomU()
    suite.finish()
}
