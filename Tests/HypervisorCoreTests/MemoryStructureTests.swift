// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

struct FrameAllocatorTests {
    @Test func blocksSplitAndMergeWithoutLoss() throws {
        let machine = FakeMachine()
        let before = machine.hypervisor.state.frames.freeFrames
        var held: [(MachineFrame, Int)] = []
        var state: UInt64 = 7
        for _ in 0..<2000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            if state >> 63 == 0 || held.isEmpty {
                let order = Int((state >> 40) % 6)
                if let frame = machine.hypervisor.state.frames.allocate(order: order, owner: .hypervisor) {
                    #expect(plain(frame.rawValue % (1 << UInt64(order)) == 0))
                    held.append((frame, order))
                }
            } else {
                let (frame, order) = held.remove(at: Int((state >> 20) % UInt64(held.count)))
                machine.hypervisor.state.frames.free(frame, order: order)
            }
            let used = held.reduce(UInt64(0)) { $0 + 1 << UInt64($1.1) }
            #expect(plain(machine.hypervisor.state.frames.freeFrames == before - used))
        }
        var taken = Set<UInt64>()
        for (frame, order) in held {
            for number in frame.rawValue..<frame.rawValue + (1 << UInt64(order)) {
                #expect(plain(taken.insert(number).inserted))
            }
        }
        for (frame, order) in held { machine.hypervisor.state.frames.free(frame, order: order) }
        #expect(plain(machine.hypervisor.state.frames.freeFrames == before))
        #expect(plain(machine.hypervisor.state.frames.allocate(order: 9, owner: .hypervisor) != nil))
    }
    @Test func whatAnOwnerWroteIsGoneForTheNext() throws {
        let machine = FakeMachine()
        let frame = try #require(
            plain(machine.hypervisor.state.frames.allocate(order: 0, owner: .hypervisor)))
        machine.memory.storeWord(0x5ec2e7, frame, 17)
        machine.hypervisor.state.frames.free(frame)
        let again = try #require(
            plain(machine.hypervisor.state.frames.allocate(order: 0, owner: DomainID(rawValue: 3))))
        #expect(plain(again == frame))
        #expect(plain(machine.memory.loadWord(again, 17) == 0))
    }
    @Test func aPinnedFrameIsFreedByItsLastPin() throws {
        let machine = FakeMachine()
        let frame = try #require(
            plain(machine.hypervisor.state.frames.allocate(order: 0, owner: DomainID(rawValue: 3))))
        let free = machine.hypervisor.state.frames.freeFrames
        try machine.hypervisor.state.frames.pin(frame)
        try machine.hypervisor.state.frames.pin(frame)
        #expect(plain(!machine.hypervisor.state.frames.releaseFromOwner(frame)))
        #expect(plain(machine.hypervisor.state.frames.unpin(frame) == nil))
        #expect(plain(machine.hypervisor.state.frames.freeFrames == free))
        #expect(plain(machine.hypervisor.state.frames.unpin(frame) == DomainID(rawValue: 3)))
        #expect(plain(machine.hypervisor.state.frames.freeFrames == free + 1))
    }
    @Test func refusesOrdersThatDoNotExist() {
        let machine = FakeMachine()
        #expect(plain(machine.hypervisor.state.frames.allocate(order: -1, owner: .hypervisor) == nil))
        #expect(plain(machine.hypervisor.state.frames.allocate(order: 19, owner: .hypervisor) == nil))
        #expect(plain(machine.hypervisor.state.frames.allocate(order: 18, owner: .hypervisor) == nil))
        #expect(plain(machine.hypervisor.state.frames.owner(of: MachineFrame(rawValue: .max)) == .invalid))
    }
}

struct PhysicalMapTests {
    @Test func mapsSplitsAndFindsEveryFrame() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, pages: 1)
        let big = MachineFrame(rawValue: 0x200)
        try domain.state.physmap.map(
            GuestFrame(rawValue: 0x400), to: big, order: 9, type: .ram, writable: true,
            frames: &machine.hypervisor.state.frames)
        #expect(plain(domain.state.physmap.lookup(GuestFrame(rawValue: 0x5ff))?.frame.rawValue == 0x3ff))
        try domain.state.physmap.unmap(GuestFrame(rawValue: 0x480), frames: &machine.hypervisor.state.frames)
        #expect(plain(domain.state.physmap.needsFlush))
        #expect(plain(domain.state.physmap.lookup(GuestFrame(rawValue: 0x480)) == nil))
        for gfn in (0x400..<0x600 as Range<UInt64>) where gfn != 0x480 {
            let mapping = try #require(plain(domain.state.physmap.lookup(GuestFrame(rawValue: gfn))))
            #expect(
                plain(
                    mapping.frame.rawValue == gfn - 0x200 && mapping.type == .ram && mapping.isWritable
                        && mapping.order == 0))
        }
    }
    @Test func refusesMisalignedAndFarFrames() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, pages: 1)
        #expect(throws: XenError.invalidArgument) {
            try domain.state.physmap.map(
                GuestFrame(rawValue: 1), to: MachineFrame(rawValue: 0x200), order: 9, type: .ram,
                writable: true,
                frames: &machine.hypervisor.state.frames)
        }
        #expect(throws: XenError.invalidArgument) {
            try domain.state.physmap.map(
                GuestFrame(rawValue: 1 << 36), to: MachineFrame(rawValue: 0x200), type: .ram, writable: true,
                frames: &machine.hypervisor.state.frames)
        }
        for gfn: UInt64 in [1 << 36, 1 << 52, .max] {
            #expect(plain(domain.state.physmap.lookup(GuestFrame(rawValue: gfn)) == nil))
        }
    }
    @Test func tablesAreGivenBack() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, pages: 1)
        let before = machine.hypervisor.state.frames.freeFrames
        let tables = domain.state.physmap.tableCount
        for gfn: UInt64 in [0x1_0000, 0x80_0000, 0x4000_0000] {
            try domain.state.physmap.map(
                GuestFrame(rawValue: gfn), to: MachineFrame(rawValue: 0x200), type: .foreign, writable: false,
                frames: &machine.hypervisor.state.frames)
        }
        #expect(
            plain(
                machine.hypervisor.state.frames.freeFrames == before
                    - (domain.state.physmap.tableCount - tables)))
        domain.state.physmap.tearDown(frames: &machine.hypervisor.state.frames)
        #expect(plain(machine.hypervisor.state.frames.freeFrames == before + tables))
        #expect(plain(domain.state.physmap.lookup(GuestFrame(rawValue: 0)) == nil))
    }
}

struct GuestAccessTests {
    /// Builds four-level page tables in the guest at 0x1000 to 0x4fff that map linear 0x40_0000_0000 on to frames 5, 6 (read-only) and a hole.
    private func paged() throws -> (FakeMachine, Ref<Domain>, Ref<VirtualCPU>) {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(1, pages: 16)
        let vcpu = try #require(plain(domain.vcpu(0)))
        machine.write(0x2003 as UInt64, at: 0x1000, in: domain)
        machine.write(0x3003 as UInt64, at: 0x2000 + 8 * 256, in: domain)
        machine.write(0x4003 as UInt64, at: 0x3000, in: domain)
        machine.write(0x5003 as UInt64, at: 0x4000, in: domain)
        machine.write(0x6001 as UInt64, at: 0x4008, in: domain)
        machine.write(0xffff_f003 as UInt64, at: 0x4018, in: domain)  // no RAM there
        vcpu.state.paging = GuestPagingState(
            cr0: 0x8001_0011, cr3: 0x1000, cr4: 0x20, efer: 0x500, privilegeLevel: 0, isLongMode: true)
        return (machine, domain, vcpu)
    }
    private let base: UInt64 = 0x40_0000_0000

    @Test func readsAcrossPagesThroughTheGuestsTables() throws {
        let (machine, domain, vcpu) = try paged()
        machine.write(0x1122_3344 as UInt32, at: 0x5ffc, in: domain)
        machine.write(0x5566_7788 as UInt32, at: 0x6000, in: domain)
        #expect(try plain(vcpu.read(UInt64.self, at: base + 0xffc) == 0x5566_7788_1122_3344))
    }
    @Test func writesSetAccessedAndDirty() throws {
        let (machine, domain, vcpu) = try paged()
        try vcpu.write(0xabcd as UInt16, at: base + 8)
        #expect(plain(machine.read(UInt16.self, at: 0x5008, in: domain) == 0xabcd))
        #expect(plain(machine.read(UInt64.self, at: 0x4000, in: domain) == 0x5063))
    }
    @Test func refusesReadOnlyUnmappedAndNonCanonical() throws {
        let (machine, domain, vcpu) = try paged()
        #expect(throws: XenError.badAddress) { try vcpu.write(1 as UInt8, at: base + 0x1000) }
        #expect(plain(machine.read(UInt64.self, at: 0x4008, in: domain) == 0x6001))
        #expect(throws: XenError.badAddress) { _ = try vcpu.read(UInt8.self, at: base + 0x2000) }
        #expect(throws: XenError.badAddress) { _ = try vcpu.read(UInt8.self, at: base + 0x3000) }
        #expect(throws: XenError.badAddress) { _ = try vcpu.read(UInt8.self, at: 0x8000_0000_0000) }
        #expect(throws: XenError.badAddress) { _ = try vcpu.read(UInt64.self, at: .max - 3) }
        // A write that starts well and ends on a page that may not be written.
        #expect(throws: XenError.badAddress) { try vcpu.write(UInt64.max, at: base + 0xffc) }
    }
    @Test func tablesThatLoopEnd() throws {
        let (machine, domain, vcpu) = try paged()
        machine.write(0x1003 as UInt64, at: 0x1000, in: domain)  // the top table points to itself
        #expect(try plain(vcpu.read(UInt64.self, at: 0)) == 0x1023)
        // Linear 0 walks the same table four times and ends in it; the walk marks its own entry accessed.
        vcpu.state.paging.cr3 = 0xffff_ffff_f000
        #expect(throws: XenError.badAddress) { _ = try vcpu.read(UInt8.self, at: base) }
    }
    @Test func largePagesAreFollowed() throws {
        let (machine, domain, vcpu) = try paged()
        machine.write(0x83 as UInt64, at: 0x3008, in: domain)  // 2 MiB at guest-physical 0
        machine.write(0x77 as UInt8, at: 0x7123, in: domain)
        #expect(try plain(vcpu.read(UInt8.self, at: base + 0x20_7123) == 0x77))
    }
}

struct RecentEntryTests {
    /// The short look-up remembers level-1 entries: it must agree with the full one after every kind of change.
    @Test func theShortLookUpAgreesWithTheFullOneAfterEveryChange() throws {
        let machine = FakeMachine(frameCount: 8192)
        let domain = try machine.makeDomain(1, pages: 1)
        let vcpu = try #require(domain.vcpu(0))
        var state: UInt64 = 99
        func next(_ limit: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % limit
        }
        for _ in 0..<1500 {
            let gfn = next(8) * 512 + (next(2) == 0 ? 0 : next(512))
            switch next(3) {
            case 0:
                try domain.state.physmap.map(
                    GuestFrame(rawValue: gfn & ~511), to: MachineFrame(rawValue: 512 * (1 + next(4))),
                    order: 9, type: .ram,
                    writable: next(2) == 0, frames: &machine.hypervisor.state.frames)
            case 1:
                try domain.state.physmap.map(
                    GuestFrame(rawValue: gfn), to: MachineFrame(rawValue: 1024 + next(512)), type: .grant,
                    writable: next(2) == 0, frames: &machine.hypervisor.state.frames)
            default:
                try domain.state.physmap.unmap(
                    GuestFrame(rawValue: gfn), frames: &machine.hypervisor.state.frames)
            }
            for _ in 0..<8 {
                let probe = GuestFrame(rawValue: next(8 * 512))
                for forWriting in [false, true] {
                    var expected = domain.state.physmap.lookup(probe)
                    if forWriting, expected?.isWritable == false { expected = nil }
                    let found = vcpu.translate(linear: probe.rawValue << 12, forWriting: forWriting)
                    #expect(found == expected?.frame)
                }
            }
        }
    }
}

struct RegisteredAreaTests {
    @Test func anAreaInSomebodyElsesPageIsRefused() throws {
        let machine = FakeMachine()
        let owner = try machine.makeDomain(1)
        let domain = try machine.makeDomain(2)
        let vcpu = try #require(domain.vcpu(0))
        let theirs = try #require(plain(owner.state.physmap.lookup(GuestFrame(rawValue: 3))))
        try domain.state.physmap.map(
            GuestFrame(rawValue: 0x100), to: theirs.frame, type: .grant, writable: true,
            frames: &machine.hypervisor.state.frames)
        for command in [VCPUOperation.registerRunstateMemoryArea, VCPUOperation.registerTimeMemoryArea] {
            machine.write(0x10_0000 as UInt64, at: 0x100, in: domain)
            let refused = vcpu.hypercall(HypercallNumber.vcpu, UInt64(command), 0, 0x100)
            #expect(refused == XenError.badAddress.returnValue)
            machine.write(0x3000 as UInt64, at: 0x100, in: domain)
            #expect(vcpu.hypercall(HypercallNumber.vcpu, UInt64(command), 0, 0x100) == 0)
        }
        #expect(plain(machine.hypervisor.state.frames.pinCount(theirs.frame) == 0))
    }
}
