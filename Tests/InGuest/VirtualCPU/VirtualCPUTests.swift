// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import Synchronization
import XenABI

/// What the second vCPU tells the first.
final class Mailbox: Sendable {
    let stage = Atomic<UInt32>(0)
    let value = Atomic<UInt64>(0)
}

/// vcpu_op: state, info and runstate areas, NMI, bringing a second vCPU up and down.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("vcpu")
    let zero = GuestLinear(rawValue: 0)

    suite.test("unknown_vcpu") { t throws(XenError) in
        for operation: UInt64 in 0...13 {
            t.expectReturn(
                Hypercall.invoke(HypercallNumber.vcpu, operation, 5000, 0), .noEntry, "vcpu_op \(operation)")
        }
    }
    suite.test("unknown_operation") { t throws(XenError) in
        t.expectReturn(Hypercall.invoke(HypercallNumber.vcpu, 99, 0, 0), .notImplemented, "vcpu_op 99")
    }
    suite.test("is_up") { t throws(XenError) in
        t.expect(try VirtualCPU.isUp(0), "vCPU 0 is up")
    }
    suite.test("initialise_of_a_running_vcpu") { t throws(XenError) in
        t.expectError(.exists, "VCPUOP_initialise") { () throws(XenError) in
            try VirtualCPU.initialise(
                0, entry: zero, stack: zero, argument: 0, pageTable: GuestPhysical(rawValue: 0))
        }
        try VirtualCPU.up(0)
    }
    suite.test("events_start") { t throws(XenError) in try Events.start() }
    suite.test("runstate") { t throws(XenError) in
        let info = try VirtualCPU.runstate(of: 0)
        t.expect(info.state == .running, "state \(info.state.rawValue)")
        t.expect(info.stateEntryTime <= Clock.now, "state entry time \(info.stateEntryTime) is in the future")
        let sum =
            info.time(in: .running) + info.time(in: .runnable) + info.time(in: .blocked)
            + info.time(in: .offline)
        t.expect(sum <= Clock.now + 1_000_000, "times add up to \(sum), now is \(Clock.now)")
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.vcpu, UInt64(VCPUOperation.getRunstateInfo), 0, AddressSpace.testArea),
            .badAddress, "an unmapped buffer")
    }
    suite.test("runstate_area_is_kept_up_to_date") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        try VirtualCPU.registerRunstate(of: 0, in: page.memory)
        let area = page.memory.sharedView(RunstateInfoLayout.self)
        let before = area.load(.times.element(Int(Runstate.blocked)))
        // A machine that is busy elsewhere may let the deadline pass before the vCPU sleeps: it sleeps again.
        var slept: UInt64 = 0
        for _ in 0..<20 where slept < 1_000_000 {
            let deadline = try Deadline(nanoseconds: 20_000_000)
            _ = deadline.wait { false }
            Processor.disableInterrupts()
            slept = area.load(.times.element(Int(Runstate.blocked))) - before
        }
        t.expectEqual(area.load(.state), Runstate.running, "state")
        t.expect(slept >= 1_000_000, "blocked time grew by \(slept) ns in sleeps of 20 ms")
        try VirtualCPU.unregisterRunstate(of: 0)
    }
    suite.test("runstate_area_across_a_page_border") { t throws(XenError) in
        guard let first = GuestPage(), let second = GuestPage() else { throw .noMemory }
        let base = AddressSpace.testArea + 0x10000
        guard AddressSpace.map(first.frame, at: base, .writable),
            AddressSpace.map(second.frame, at: base + 4096, .writable)
        else { throw .noMemory }
        try VirtualCPU.registerRunstate(of: 0, in: MappedPage(unsafeAddress: base), offset: 4096 - 24)
        for _ in 0..<20 where second.memory.load(at: 8, as: UInt64.self) == 0 {
            let deadline = try Deadline(nanoseconds: 20_000_000)
            _ = deadline.wait { false }
            Processor.disableInterrupts()
        }
        t.expectEqual(
            first.memory.load(at: 4096 - 24, as: UInt32.self), Runstate.running, "state before the border")
        t.expect(second.memory.load(at: 8, as: UInt64.self) > 0, "blocked time behind the border")
        try VirtualCPU.unregisterRunstate(of: 0)
        AddressSpace.unmap(at: base)
        AddressSpace.unmap(at: base + 4096)
    }
    suite.test("time_area") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        try VirtualCPU.registerTime(of: 0, in: page.memory)
        let time = page.memory.view(VCPUTimeInfoLayout.self)
        t.expect(time[.tscToSystemMultiplier] != 0, "the multiplier is written at once")
        t.expect(time[.version] & 1 == 0, "the version is even")
        try VirtualCPU.unregisterTime(of: 0)
    }
    suite.test("areas_refuse_bad_places") { t throws(XenError) in
        guard !TestSuite.isReference else { return t.skip("the reference looks only when it writes") }
        guard let page = GuestPage() else { throw .noMemory }
        t.expectError(.badAddress, "run state at an unaligned address") { () throws(XenError) in
            try VirtualCPU.registerRunstate(of: 0, in: page.memory, offset: 4)
        }
        t.expectError(.badAddress, "run state in unmapped memory") { () throws(XenError) in
            try VirtualCPU.registerRunstate(of: 0, in: MappedPage(unsafeAddress: AddressSpace.testArea))
        }
        t.expectError(.badAddress, "time in unmapped memory") { () throws(XenError) in
            try VirtualCPU.registerTime(of: 0, in: MappedPage(unsafeAddress: AddressSpace.testArea))
        }
        guard let second = GuestPage() else { throw .noMemory }
        let base = AddressSpace.testArea + 0x4_0000
        guard AddressSpace.map(page.frame, at: base, .writable),
            AddressSpace.map(second.frame, at: base + 4096, .writable)
        else { throw .noMemory }
        t.expectError(.noSuchAddress, "time across a page border") { () throws(XenError) in
            try VirtualCPU.registerTime(of: 0, in: MappedPage(unsafeAddress: base), offset: 4096 - 16)
        }
        AddressSpace.unmap(at: base + 4096)
        t.expectError(.badAddress, "run state into unmapped memory") { () throws(XenError) in
            try VirtualCPU.registerRunstate(of: 0, in: MappedPage(unsafeAddress: base), offset: 4096 - 16)
        }
        guard AddressSpace.map(page.frame, at: base, []) else { throw .noMemory }
        t.expectError(.badAddress, "run state in read-only memory") { () throws(XenError) in
            try VirtualCPU.registerRunstate(of: 0, in: MappedPage(unsafeAddress: base))
        }
        // The hypervisor's page is no place of the guest's.
        t.expectError(.badAddress, "run state in the shared page") { () throws(XenError) in
            try VirtualCPU.registerRunstate(
                of: 0, in: MappedPage(unsafeAddress: Events.sharedInfoAddress), offset: 3584)
        }
        AddressSpace.unmap(at: base)
        try VirtualCPU.unregisterRunstate(of: 0)
        try VirtualCPU.unregisterTime(of: 0)
    }
    suite.test("timers_and_ids_that_are_refused") { t throws(XenError) in
        try VirtualCPU.stopPeriodicTimer(0)
        t.expectError(.invalidArgument, "get_physid") { () throws(XenError) in
            _ = try VirtualCPU.physicalID(of: 0)
        }
    }
    suite.test("initialise_refusals") { t throws(XenError) in
        guard (try? VirtualCPU.isUp(1)) != nil else { return t.skip("this domain has one vCPU") }
        t.expectReturn(
            Hypercall.invoke(
                HypercallNumber.vcpu, UInt64(VCPUOperation.initialise), 1, AddressSpace.testArea),
            .badAddress, "a context that is not there")
        var block = ArgumentBlock<VCPUContextLayout>()
        func call() -> Int64 {
            Hypercall.withAddress(of: &block) {
                Hypercall.invoke(HypercallNumber.vcpu, UInt64(VCPUOperation.initialise), 1, $0)
            }
        }
        block[.mode] = 7
        t.expectReturn(call(), .invalidArgument, "mode 7")
        block[.mode] = VCPUContextMode.bits64
        block[Field<VCPUContext64Layout, UInt64>.cr0, at: 8] = UInt64.max
        t.expectReturn(call(), .invalidArgument, "CR0 of all ones")
        block[Field<VCPUContext64Layout, UInt64>.cr0, at: 8] = 0x8001_0031
        block[Field<VCPUContext64Layout, UInt64>.cr4, at: 8] = 0x20
        block[Field<VCPUContext64Layout, UInt64>.rflags, at: 8] = 2
        block[Field<VCPUContext64Layout, UInt64>.efer, at: 8] = 0x1500
        t.expectReturn(call(), .invalidArgument, "SVME in EFER")
        block = ArgumentBlock<VCPUContextLayout>()
        block[.mode] = VCPUContextMode.bits32
        block[Field<VCPUContext32Layout, UInt32>.cr0, at: 8] = 0x11
        block[Field<VCPUContext32Layout, UInt32>.eflags, at: 8] = 2
        t.expectReturn(call(), .invalidArgument, "32-bit segments that are not present")
        t.expectError(.invalidArgument, "up without a state") { () throws(XenError) in
            try VirtualCPU.up(1)
        }
    }
    suite.test("vcpu_info_refuses_bad_places") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        t.expectError(.noSuchAddress, "a block across the page's end") { () throws(XenError) in
            try VirtualCPU.registerInfo(of: 0, in: page.frame, offset: 4096 - 56)
        }
        t.expectError(.noSuchAddress, "an unaligned block") { () throws(XenError) in
            try VirtualCPU.registerInfo(of: 0, in: page.frame, offset: 4)
        }
        t.expectError(.invalidArgument, "a page that does not exist") { () throws(XenError) in
            try VirtualCPU.registerInfo(of: 0, in: GuestFrame(rawValue: 0xF_FFFF_FFFF), offset: 0)
        }
    }
    suite.test("vcpu_info_moves_once") { t throws(XenError) in
        guard let page = GuestPage() else { throw .noMemory }
        let frame = page.frame
        let memory = page.memory
        try Events.moveInfo(of: 0, to: frame, offset: 128)
        _ = page.forget()
        let info = memory.sharedView(VCPUInfoLayout.self, at: 128)
        t.expectEqual(info.load(.upcallPending), 1, "upcall pending after the move")
        t.expectEqual(
            info.load(Field<VCPUInfoLayout, UInt64>.pendingSelector), UInt64.max, "selector after the move")
        t.expect(info.load(.timeTSCToSystemMultiplier) != 0, "the clock moved too")
        t.expectError(.invalidArgument, "a second move") { () throws(XenError) in
            try VirtualCPU.registerInfo(of: 0, in: frame, offset: 256)
        }
        // Events still arrive, at the new place.
        let deadline = try Deadline(nanoseconds: 1_000_000)
        _ = deadline.wait { false }
        Processor.disableInterrupts()
        t.expect(deadline.hasPassed, "the timer event arrived through the moved block")
    }
    suite.test("nmi") { t throws(XenError) in
        Interrupts.expectNonMaskable()
        let before = Interrupts.nonMaskableCount
        try VirtualCPU.sendNonMaskable(0)
        try Scheduler.yield()
        t.expectEqual(Interrupts.nonMaskableCount - before, 1, "NMIs after one VCPUOP_send_nmi")
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.vcpu, UInt64(VCPUOperation.sendNMI), 0, 0x1000),
            .invalidArgument,
            "send_nmi with an argument")
    }
    suite.test("second_vcpu_by_hypercall") { t throws(XenError) in
        do throws(XenError) {
            t.expect(try !VirtualCPU.isUp(1), "vCPU 1 starts down")
        } catch {
            return t.skip("this domain has one vCPU")
        }
        t.expectError(.invalidArgument, "up before initialise") { () throws(XenError) in try VirtualCPU.up(1)
        }
        let mailbox = Mailbox()
        try SecondaryVCPU.start(1) {
            mailbox.value.store(Processor.timestamp, ordering: .releasing)
            mailbox.stage.store(1, ordering: .releasing)
            while mailbox.stage.load(ordering: .acquiring) == 1 { try? Scheduler.yield() }
        }
        let deadline = try Deadline(nanoseconds: 5_000_000_000)
        while mailbox.stage.load(ordering: .acquiring) == 0 && !deadline.hasPassed { try Scheduler.yield() }
        t.expectEqual(mailbox.stage.load(ordering: .acquiring), 1, "stage of the second vCPU")
        t.expect(try VirtualCPU.isUp(1), "vCPU 1 is up")
        t.expect(mailbox.value.load(ordering: .acquiring) > 0, "it read its time stamp counter")
        t.expectError(.exists, "a second initialise") { () throws(XenError) in
            try VirtualCPU.initialise(
                1, entry: zero, stack: zero, argument: 0, pageTable: GuestPhysical(rawValue: 0))
        }
        t.expectError(.invalidArgument, "its timer, set from here") { () throws(XenError) in
            try VirtualCPU.setTimer(1, at: Clock.now + 1_000_000)
        }
        mailbox.stage.store(2, ordering: .releasing)
        while try VirtualCPU.isUp(1), !deadline.hasPassed { try Scheduler.yield() }
        t.expect(try !VirtualCPU.isUp(1), "vCPU 1 went down")
        try VirtualCPU.down(1)
        t.expect(try !VirtualCPU.isUp(1), "vCPU 1 is down after being taken down again")
    }
    suite.test("second_vcpu_by_init_and_sipi") { t throws(XenError) in
        guard (try? VirtualCPU.isUp(1)) != nil else { return t.skip("this domain has one vCPU") }
        var page: UInt8 = 0
        let boot = BootInformation.current
        for index in 0..<boot.regionCount {
            let region = boot.region(index)
            if region.type == E820Type.ram, region.start <= 0x8000, region.end >= 0x9000 { page = 8 }
        }
        guard page != 0 else { return t.skip("no RAM at 0x8000") }
        let mailbox = Mailbox()
        let deadline = try Deadline(nanoseconds: 5_000_000_000)
        try SecondaryVCPU.startByInterrupt(1, page: page) {
            do throws(XenError) {
                try Events.startSecondary(vcpu: 1)
                mailbox.stage.store(1, ordering: .releasing)
                while mailbox.stage.load(ordering: .acquiring) == 1 { try Scheduler.yield() }
            } catch {
                mailbox.stage.store(99, ordering: .releasing)
            }
        }
        while mailbox.stage.load(ordering: .acquiring) == 0 && !deadline.hasPassed { try Scheduler.yield() }
        t.expectEqual(mailbox.stage.load(ordering: .acquiring), 1, "stage of the second vCPU")
        t.expect(try VirtualCPU.isUp(1), "vCPU 1 is up")
        mailbox.stage.store(2, ordering: .releasing)
        while try VirtualCPU.isUp(1), !deadline.hasPassed { try Scheduler.yield() }
        t.expect(try !VirtualCPU.isUp(1), "vCPU 1 went down")
    }
    suite.test("second_vcpu_by_32_bit_context") { t throws(XenError) in
        guard (try? VirtualCPU.isUp(1)) != nil else { return t.skip("this domain has one vCPU") }
        let boot = BootInformation.current
        var isMemory = false
        for index in 0..<boot.regionCount {
            let region = boot.region(index)
            if region.type == E820Type.ram, region.start <= 0x1000, region.end >= 0x2000 { isMemory = true }
        }
        guard isMemory else { return t.skip("no RAM at 0x1000") }
        // After an INIT it is as if it had never run.
        LocalAPIC.command(0x4500, to: 2)
        let page = MappedPage(unsafeAddress: 0x1000)
        page.store(UInt32(0), at: 0x800)
        try VirtualCPU.initialise32(
            1, entry: UInt32(GuestImage.tinyPrograms + 0x100), stack: 0x2000, argument: 0)
        t.expect(try !VirtualCPU.isUp(1), "it runs before it is told to")
        try VirtualCPU.up(1)
        // It writes a word, then halts for good, which takes it down.
        let end = Clock.now + 5_000_000_000
        while page.load(at: 0x800, as: UInt32.self) == 0, Clock.now < end { try Scheduler.yield() }
        t.expectEqual(page.load(at: 0x800, as: UInt32.self), 0x5449_4E59, "the word that it writes")
        while try VirtualCPU.isUp(1), Clock.now < end { try Scheduler.yield() }
        t.expect(try !VirtualCPU.isUp(1), "it is up after it halted for good")
    }
    suite.runAgainAsDomU()
    suite.finish()
}
