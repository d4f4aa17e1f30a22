// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// How often an interrupt came.
final class Counter {
    var count = 0
}

/// hvm_op: parameters, upcall vector, memory type.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("hvm")
    let nobody = DomainID(rawValue: 1234)
    let isInitialDomain = BootInformation.current.isInitialDomain

    suite.test("callback_vector_interrupts") { t throws(XenError) in
        // The older way of delivery, before this guest sets a vector through the local APIC: no APIC, no EOI.
        try Events.mapSharedInfo()
        guard let info = Events.info(of: 0) else { return t.error("no vcpu_info") }
        let counter = Counter()
        Interrupts.handle(0xF2) {
            counter.count += 1
            _ = info.exchange(0, at: .upcallPending)
            _ = info.exchange(0, at: Field<VCPUInfoLayout, UInt64>.pendingSelector)
        }
        try HVM.setParameter(HVMParameter.callbackInterrupt, to: HVMCallbackType.vector << 56 | 0xF2)
        let timer = try OwnedPort(virtualInterrupt: VirtualInterrupt.timer)
        try timer.unmask()
        for round in 1...3 {
            Events.clear(timer.port)
            try VirtualCPU.setTimer(0, at: Clock.now + 1_000_000)
            Events.wait { Events.isPending(timer.port) }
            Processor.enableInterrupts()
            Processor.noOperation()
            Processor.disableInterrupts()
            t.expect(counter.count >= round, "\(counter.count) interrupts after \(round) events")
        }
        Events.mask(timer.port)
        Events.clear(timer.port)
        // The vector stays in force on a guest without interrupt controllers, whatever other type is asked for.
        Interrupts.handle(0xF2) { Events.takeCallback() }
        try HVM.setParameter(HVMParameter.callbackInterrupt, to: 0)
    }
    suite.test("get_param") { t throws(XenError) in
        _ = try HVM.parameter(HVMParameter.callbackInterrupt)
        _ = try HVM.parameter(HVMParameter.storeFrame)
        _ = try HVM.parameter(HVMParameter.storePort)
        if isInitialDomain {
            t.expectEqual(try HVM.parameter(HVMParameter.storePort), 0, "domain 0's store port at start")
        }
        t.expectError(.invalidArgument, "parameter 39") { () throws(XenError) in _ = try HVM.parameter(39) }
        t.expectError(.invalidArgument, "parameter 0xffffffff") { () throws(XenError) in
            _ = try HVM.parameter(0xFFFF_FFFF)
        }
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            _ = try HVM.parameter(HVMParameter.storeFrame, of: nobody)
        }
        t.expectError(.invalidArgument, "parameter 39 of a domain that is not there") { () throws(XenError) in
            _ = try HVM.parameter(39, of: nobody)
        }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.hvm, UInt64(HVMOperation.getParameter), AddressSpace.testArea),
            .badAddress, "a block that is not there")
    }
    suite.test("deprecated_parameters") { t throws(XenError) in
        for index: UInt32 in [4, 13, 20, 21, 22, 23, 24, 25, 26, 30] {
            t.expectError(.invalidArgument, "getting parameter \(index)") { () throws(XenError) in
                _ = try HVM.parameter(index)
            }
            t.expectError(.invalidArgument, "setting parameter \(index)") { () throws(XenError) in
                try HVM.setParameter(index, to: 0)
            }
        }
    }
    suite.test("set_param") { t throws(XenError) in
        let port = try HVM.parameter(HVMParameter.consolePort)
        try HVM.setParameter(HVMParameter.consolePort, to: 77)
        t.expectEqual(try HVM.parameter(HVMParameter.consolePort), 77, "console port after setting 77")
        try HVM.setParameter(HVMParameter.consolePort, to: port)
        t.expectError(.invalidArgument, "parameter 39") { () throws(XenError) in
            try HVM.setParameter(39, to: 0)
        }
        t.expectError(.noSuchDomain, "a domain that is not there") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.storePort, of: nobody, to: 0)
        }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.hvm, UInt64(HVMOperation.setParameter), AddressSpace.testArea),
            .badAddress, "a block that is not there")
    }
    suite.test("a_guest_may_not_set_what_its_builder_set") { t throws(XenError) in
        guard !isInitialDomain else { return t.skip("domain 0 is privileged") }
        t.expectError(.notPermitted, "the store's frame") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.storeFrame, to: 1)
        }
        t.expectError(.notPermitted, "timer mode") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.timerMode, to: 1)
        }
    }
    suite.test("callback_marker_of_linux") { t throws(XenError) in
        // Linux sets a GSI of 1 as a mark that it uses per-vCPU upcalls; it must have no effect.
        try Events.start()
        try HVM.setParameter(HVMParameter.callbackInterrupt, to: 1)
        let deadline = try Deadline(nanoseconds: 1_000_000)
        t.expect(!deadline.wait { false } && deadline.hasPassed, "events arrive after the mark")
        Processor.disableInterrupts()
    }
    suite.test("upcall_vector") { t throws(XenError) in
        t.expectError(.invalidArgument, "vector 0x0f") { () throws(XenError) in
            try HVM.setUpcallVector(0x0F, of: 0)
        }
        t.expectError(.invalidArgument, "vector 0") { () throws(XenError) in try HVM.setUpcallVector(0, of: 0)
        }
        t.expectError(.noEntry, "vCPU 5000") { () throws(XenError) in try HVM.setUpcallVector(0xF3, of: 5000)
        }
        try HVM.setUpcallVector(Events.vector, of: 0)
    }
    suite.test("callback_vector_for_all") { t throws(XenError) in
        // The older way: a vector outside the local APIC, for a guest that set no vector of its own.
        try HVM.setParameter(
            HVMParameter.callbackInterrupt, to: HVMCallbackType.vector << 56 | UInt64(Events.vector))
        try HVM.setParameter(HVMParameter.callbackInterrupt, to: 1)
    }
    suite.test("memory_type") { t throws(XenError) in
        guard let page = GuestPage(), let hole = UnusedFrames.take() else { throw .noMemory }
        do throws(XenError) {
            t.expect(try HVM.memoryKind(of: page.frame) == .writable, "RAM is not writable memory")
            t.expect(try HVM.memoryKind(of: hole) == .hole, "a hole is memory")
        } catch {
            guard error == .notPermitted || error == .notImplemented else { throw error }
            t.skip("HVMOP_get_mem_type: \(error)")
        }
    }
    suite.test("time_trace_and_flush") { t throws(XenError) in
        try Events.mapSharedInfo()
        func call(_ operation: UInt32, _ argument: UInt64) -> Int64 {
            Hypercall.invoke(HypercallNumber.hvm, UInt64(operation), argument)
        }
        let before = Clock.now
        let time = try HVM.time()
        t.expect(time >= before && time < before + 5_000_000_000, "it is \(time), not \(before)")
        t.expectReturn(call(HVMOperation.getTime, AddressSpace.testArea), .badAddress, "to unmapped memory")
        try HVM.flushTLBs()
        t.expectReturn(call(HVMOperation.flushTLBs, 8), .invalidArgument, "flush_tlbs of some vCPUs")
        try HVM.trace(event: 0xFFF, extra: [1, 2, 3])
        t.expectError(.invalidArgument, "event 0x1000") { () throws(XenError) in
            try HVM.trace(event: 0x1000)
        }
        t.expectReturn(
            call(HVMOperation.trace, AddressSpace.testArea), .badAddress, "xentrace of what is not there")
        try HVM.requestVMEvent()
        t.expectReturn(
            call(HVMOperation.guestRequestVMEvent, 8), .invalidArgument, "guest_request_vm_event with a word")
        t.expectReturn(call(HVMOperation.altp2m, AddressSpace.testArea), .notSupported, "altp2m")
    }
    suite.test("other_domains_are_refused") { t throws(XenError) in
        guard !isInitialDomain else { return t.skip("domain 0 may") }
        guard !TestSuite.isReference else { return t.skip("domain 0 of the reference has no parameters") }
        t.expectError(.notPermitted, "getting a parameter of domain 0") { () throws(XenError) in
            _ = try HVM.parameter(HVMParameter.storeFrame, of: .zero)
        }
        t.expectError(.notPermitted, "setting a parameter of domain 0") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.storePort, of: .zero, to: 0)
        }
        t.expectError(.notPermitted, "a memory type of domain 0") { () throws(XenError) in
            _ = try HVM.memoryKind(of: GuestFrame(rawValue: 0), domain: .zero)
        }
        t.expectError(.notPermitted, "getting the timer mode") { () throws(XenError) in
            _ = try HVM.parameter(HVMParameter.timerMode)
        }
    }
    suite.test("parameter_values") { t throws(XenError) in
        t.expectError(.invalidArgument, "x87 FIP width 3") { () throws(XenError) in
            try HVM.setParameter(HVMParameter.x87FIPWidth, to: 3)
        }
        for value: UInt64 in 0...2 {
            t.expectError(.noDevice, "ACPI ports \(value)") { () throws(XenError) in
                try HVM.setParameter(HVMParameter.acpiIOPortsLocation, to: value)
            }
        }
        t.expectError(.noSuchDomain, "a memory type of nobody") { () throws(XenError) in
            _ = try HVM.memoryKind(of: GuestFrame(rawValue: 0), domain: nobody)
        }
    }
    suite.test("pagetable_dying") { t throws(XenError) in
        let table = GuestPhysical(rawValue: AddressSpace.root)
        t.expectError(.invalidArgument, "with nested paging") { () throws(XenError) in
            try HVM.pageTableDying(at: table)
        }
        t.expectError(.noSuchDomain, "of nobody") { () throws(XenError) in
            try HVM.pageTableDying(at: table, domain: nobody)
        }
        if !isInitialDomain {
            t.expectError(.notSupported, "of another domain") { () throws(XenError) in
                try HVM.pageTableDying(at: table, domain: .zero)
            }
        }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.hvm, UInt64(HVMOperation.pageTableDying), AddressSpace.testArea),
            .badAddress, "a block that is not there")
    }
    suite.test("unknown_operations") { t throws(XenError) in
        for operation: UInt64 in [2, 3, 4, 99] {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.hvm, operation, 0), .notImplemented, "hvm_op \(operation)")
        }
    }
    suite.runAgainAsDomU()
    suite.finish()
}
