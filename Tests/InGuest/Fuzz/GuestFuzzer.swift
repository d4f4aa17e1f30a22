// SPDX-License-Identifier: Apache-2.0
import GuestABI
import SharedMemory
import XenABI

/// Makes random hypercalls from inside a guest. It spares what it stands on (its own image, stack, shared info, interrupt
/// vector): blocks are written to pages of its own, and the pages that it gives away, grants and moves are an arena that
/// nothing else uses.
final class GuestFuzzer {
    private static var pageCount: Int { 8 }
    private static var arenaCount: Int { 16 }
    private static var holeCount: UInt64 { 16 }
    private static var remembered: Int { 16 }

    private var state: UInt64
    private let isControl: Bool
    /// Numbers of domains that may live now.
    private let highestDomain: UInt16
    private var blocks: InlineArray<8, UInt64> = InlineArray(repeating: 0)
    private var arena: InlineArray<16, UInt64> = InlineArray(repeating: 0)
    private let holes: UInt64
    private var ports: InlineArray<16, UInt32> = InlineArray(repeating: 0)
    /// Handle in the low half, hole in the high half, all ones: none.
    private var handles: InlineArray<16, UInt64> = InlineArray(repeating: .max)
    private var references: InlineArray<8, UInt32> = InlineArray(repeating: 8)
    private(set) var callCount: UInt64 = 0
    private(set) var successCount: UInt64 = 0

    /// Nil: no memory.
    init?(seed: UInt64, isControl: Bool, highestDomain: UInt16) {
        state = seed
        self.isControl = isControl
        self.highestDomain = highestDomain
        // One more than is named: extents of two pages fit behind the last.
        guard let holes = UnusedFrames.take(count: Self.holeCount + 1) else { return nil }
        self.holes = holes.rawValue
        // One after the other, so that what the hypervisor writes stays in them.
        for index in 0..<Self.pageCount {
            guard let page = GuestPage() else { return nil }
            blocks[index] = page.forget().address.rawValue
            guard index == 0 || blocks[index] == blocks[index - 1] + 4096 else { return nil }
        }
        for index in 0..<Self.arenaCount {
            guard let page = GuestPage() else { return nil }
            arena[index] = page.forget().rawValue
        }
        for index in 0..<8 { references[index] = GrantTable.takeReference()?.rawValue ?? 8 }
    }

    // MARK: Chance

    /// SplitMix64.
    private func next() -> UInt64 {
        state = state &+ 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z &>> 31)
    }
    private func below(_ limit: UInt64) -> UInt64 { next() % limit }
    private func once(in times: UInt64) -> Bool { below(times) == 0 }
    private func edge() -> UInt64 {
        switch below(6) {
        case 0: .max
        // Not a page or an address of our own image, which lies from 16 MiB on.
        case 1: 1 &<< (25 + below(39))
        case 2: (1 &<< (25 + below(39))) &- 1
        case 3: 0xffff_8000_0000_0000
        case 4: UInt64(UInt32.max)
        default: next()
        }
    }
    /// An address at which nothing of ours is: what stands elsewhere could be taken for an order to shut down.
    private func badAddress() -> UInt64 {
        switch below(3) {
        case 0: 0 &- 1 &- below(4096)
        case 1: 0xffff_8000_0000_0000
        default: 1 &<< (37 + below(27))
        }
    }
    private func domain() -> UInt16 {
        switch below(8) {
        case 0, 1, 2: DomainID.caller.rawValue
        case 3: UInt16(truncatingIfNeeded: edge())
        default: UInt16(below(UInt64(highestDomain) + 1))
        }
    }
    private func arenaFrame() -> UInt64 { arena[Int(below(UInt64(Self.arenaCount)))] }
    private func hole() -> UInt64 { holes + below(Self.holeCount) }
    private func frame() -> UInt64 { once(in: 12) ? edge() : once(in: 2) ? hole() : arenaFrame() }
    private func port() -> UInt32 {
        once(in: 4) ? UInt32(below(24)) : ports[Int(below(UInt64(Self.remembered)))]
    }
    private func reference() -> UInt32 {
        once(in: 4) ? UInt32(truncatingIfNeeded: edge()) : 8 + UInt32(below(16))
    }
    /// Room for up to 8 KiB, now and then where there is none.
    private func room() -> UInt64 { once(in: 40) ? badAddress() : blocks[0] + below(6 * 512) * 8 }
    /// Writes words to a block of our own, where that can be written, and gives its address.
    private func stage<let count: Int>(_ words: InlineArray<count, UInt64>) -> UInt64 {
        let page = blocks[Int(below(UInt64(Self.pageCount)))]
        let offset = below(400) * 8
        for index in 0..<count {
            let at = Int(offset) + 8 * index
            if at <= 4088 { MappedPage(unsafeAddress: page).store(words[index], at: at) }
        }
        return once(in: 40) ? badAddress() : page + offset
    }
    /// Room that `stage` gave and that we can read: not one of the bad addresses.
    private func isOurs(_ block: UInt64) -> Bool {
        for index in 0..<Self.pageCount where block & ~0xfff == blocks[index] { return block & 0xfff < 4000 }
        return false
    }
    private func remember(portAt offset: Int, of block: UInt64) {
        guard isOurs(block) else { return }
        let place = Int(below(UInt64(Self.remembered)))
        if ports[place] != 0 { try? EventChannel.close(EventPort(rawValue: ports[place])) }
        ports[place] = MappedPage(unsafeAddress: block).load(at: offset, as: UInt32.self)
    }
    private func half(_ low: UInt64, _ high: UInt64) -> UInt64 { low & 0xffff_ffff | high &<< 32 }

    // MARK: Calls

    @discardableResult
    private func call(_ number: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) -> Int64 {
        let result = Hypercall.invoke(number, a, b, c)
        callCount += 1
        if result >= 0 { successCount += 1 }
        return result
    }
    func run(_ count: UInt64) {
        let end = callCount + count
        while callCount < end { step() }
    }
    private func step() {
        switch below(isControl ? 14 : 11) {
        case 0, 1: memory()
        case 2, 3: events()
        case 4, 5, 6: grants()
        case 7: scheduling()
        case 8: vcpus()
        case 9: parameters()
        case 10: others()
        case 11: lifeCycle()
        case 12: control()
        default: system()
        }
    }

    private func memory() {
        switch below(7) {
        case 0:
            let list = stage([arenaFrame(), arenaFrame(), hole(), frame()])
            call(
                HypercallNumber.memory, UInt64(MemoryOperation.decreaseReservation),
                stage([
                    list, below(5), half(once(in: 8) ? 19 + below(8) : 0, 0),
                    UInt64(DomainID.caller.rawValue),
                ]))
        case 1, 2:
            let list = stage([arenaFrame(), arenaFrame(), hole(), hole()])
            call(
                HypercallNumber.memory, UInt64(MemoryOperation.populatePhysmap),
                stage([
                    list, below(5), half(once(in: 8) ? 19 + below(8) : below(2), 0),
                    UInt64(DomainID.caller.rawValue),
                ]))
        case 3:
            // Space 1: frames of the grant table beyond the first, which we use; 2: pages of the arena.
            let isTable = once(in: 3)
            call(
                HypercallNumber.memory, UInt64(MemoryOperation.addToPhysmap),
                stage([
                    half(UInt64(DomainID.caller.rawValue), isTable ? 1 : once(in: 8) ? below(8) | 4 : 2),
                    isTable ? 1 + below(4) : arenaFrame(), hole(),
                ]))
        case 4:
            call(
                HypercallNumber.memory, UInt64(MemoryOperation.removeFromPhysmap),
                stage([UInt64(DomainID.caller.rawValue), once(in: 3) ? hole() : arenaFrame()]))
        case 5:
            // Foreign pages, where we may: from the other's low memory.
            let list = stage([below(16), 1024 + below(64)])
            let places = stage([hole(), hole()])
            call(
                HypercallNumber.memory, UInt64(MemoryOperation.addToPhysmapBatch),
                stage([
                    UInt64(DomainID.caller.rawValue) | 4 &<< 16 | 2 &<< 32 | UInt64(domain()) &<< 48, list,
                    places,
                    room(),
                ]))
        default:
            let operation = once(in: 4) ? below(64) : [3, 4, 9, 14, 17, 27, 28, 24][Int(below(8))]
            // Nothing that could take more than the arena away.
            guard operation > 7 || operation == 3 || operation == 4, operation != 15, operation != 23 else {
                return
            }
            call(
                HypercallNumber.memory, operation,
                stage([UInt64(domain()), below(4), room(), 0, UInt64(domain())]))
        }
    }
    private func events() {
        let number = HypercallNumber.eventChannel
        switch below(9) {
        case 0:
            let block = stage([half(UInt64(DomainID.caller.rawValue) | UInt64(domain()) &<< 16, 0)])
            if call(number, UInt64(EventChannelOperation.allocateUnbound), block) == 0 {
                remember(portAt: 4, of: block)
            }
        case 1, 2:
            let block = stage([half(UInt64(domain()), 1 + below(24)), 0])
            if call(number, UInt64(EventChannelOperation.bindInterdomain), block) == 0 {
                remember(portAt: 8, of: block)
            }
        case 3:
            let block = stage([half(below(26), below(3)), 0])
            if call(number, UInt64(EventChannelOperation.bindVirtualInterrupt), block) == 0 {
                remember(portAt: 8, of: block)
            }
        case 4:
            let block = stage([below(3), 0])
            if call(number, UInt64(EventChannelOperation.bindIPI), block) == 0 {
                remember(portAt: 4, of: block)
            }
        case 5:
            let place = Int(below(UInt64(Self.remembered)))
            if ports[place] != 0 {
                let block = stage([UInt64(ports[place])])
                if call(number, UInt64(EventChannelOperation.close), block) == 0 { ports[place] = 0 }
            }
        case 6: call(number, UInt64(EventChannelOperation.bindVCPU), stage([half(UInt64(port()), below(3))]))
        case 7:
            call(
                number, UInt64(EventChannelOperation.status),
                stage([half(UInt64(domain()), UInt64(port())), 0, 0]))
        default:
            let operation = once(in: 8) ? 11 + below(8) : [4, 9, 4][Int(below(3))]
            call(number, operation, stage([UInt64(port())]))
        }
    }
    private func grants() {
        let number = HypercallNumber.grantTable
        switch below(6) {
        case 0:
            let reference = GrantReference(rawValue: references[Int(below(8))])
            if once(in: 3) {
                _ = GrantTable.revoke(reference)
            } else if once(in: 4) || GrantTable.revoke(reference) {
                GrantTable.publish(
                    GuestFrame(rawValue: arenaFrame()),
                    to: DomainID(rawValue: UInt16(below(UInt64(highestDomain) + 1))),
                    flags: GrantEntryFlag.permitAccess | (once(in: 3) ? GrantEntryFlag.readOnly : 0),
                    as: reference)
            }
        case 1, 2:
            let place = Int(below(UInt64(Self.remembered)))
            guard handles[place] == .max else { return unmap(place) }
            let hole = hole()
            let block = stage([
                hole &<< 12, half(once(in: 3) ? 6 : once(in: 12) ? below(32) : 2, UInt64(reference())),
                UInt64(domain()), 0,
            ])
            if isOurs(block) { MappedPage(unsafeAddress: block).store(UInt16(99), at: 18) }
            if call(number, 0, block, 1) == 0, isOurs(block),
                MappedPage(unsafeAddress: block).load(at: 18, as: UInt16.self) == 0
            {
                handles[place] =
                    UInt64(MappedPage(unsafeAddress: block).load(at: 20, as: UInt32.self)) | (hole - holes)
                    &<< 32
            }
        case 3: unmap(Int(below(UInt64(Self.remembered))))
        case 4:
            call(
                number, 5,
                stage([
                    once(in: 2) ? UInt64(reference()) : arenaFrame(),
                    UInt64(once(in: 2) ? domain() : DomainID.caller.rawValue) | below(2048) &<< 16,
                    once(in: 2) ? UInt64(reference()) : arenaFrame(),
                    UInt64(once(in: 2) ? domain() : DomainID.caller.rawValue) | below(2048) &<< 16,
                    below(2100) | below(4) &<< 16,
                ]), 1 + below(2))
        default:
            let operation = [6, 8, 10, 2, 11, 3, 12][Int(below(7))]
            let low = UInt64(references[Int(below(8))])
            call(
                number, UInt64(operation),
                operation == 11
                    ? stage([half(low, UInt64(references[Int(below(8))])), 0])
                    : stage([half(UInt64(domain()), below(6)), 0, room()]),
                once(in: 12) ? edge() & 0xff : 1)
        }
    }
    private func unmap(_ place: Int) {
        guard handles[place] != .max else { return }
        let address = (holes + handles[place] &>> 32) &<< 12
        call(
            HypercallNumber.grantTable, 1,
            stage([once(in: 12) ? edge() : address, 0, handles[place] & 0xffff_ffff]), 1)
        if once(in: 2) { release(place) }
    }
    /// Unmaps for certain what may be mapped still.
    private func release(_ place: Int) {
        guard handles[place] != .max else { return }
        let address = (holes + handles[place] &>> 32) &<< 12
        try? GrantTable.unmap(
            GrantHandle(rawValue: UInt32(truncatingIfNeeded: handles[place])),
            at: GuestPhysical(rawValue: address))
        handles[place] = .max
    }
    private func scheduling() {
        switch below(6) {
        case 0, 1: call(HypercallNumber.scheduler, UInt64(SchedulerOperation.yield))
        case 2:
            // Always with an end: nobody else is sure to wake us.
            let list = stage([half(UInt64(port()), UInt64(port()))])
            var block = ArgumentBlock<SchedulerPollLayout>()
            block[.ports] = list
            block[.portCount] = UInt32(below(3))
            block[.timeout] = Clock.now + 1 + below(200_000)
            _ = Hypercall.invoke(HypercallNumber.scheduler, SchedulerOperation.poll, &block)
            callCount += 1
        case 3: call(HypercallNumber.setTimer, once(in: 4) ? 0 : Clock.now + below(1_000_000))
        case 4: call(HypercallNumber.scheduler, 6 + below(8), stage([below(8)]))
        default:
            // A shutdown of ourselves is not among them: reasons out of range only.
            call(HypercallNumber.scheduler, UInt64(SchedulerOperation.shutdown), stage([6 + below(100)]))
        }
    }
    private func vcpus() {
        let other: UInt64 = once(in: 4) ? edge() : 1
        switch below(7) {
        case 0: call(HypercallNumber.vcpu, 4, below(3), room())
        case 1:
            call(
                HypercallNumber.vcpu, 5, other,
                stage([once(in: 3) ? 0 : once(in: 3) ? hole() &<< 12 : room()]))
        case 2: call(HypercallNumber.vcpu, 13, other, stage([once(in: 3) ? 0 : room()]))
        case 3: call(HypercallNumber.vcpu, 8, below(3), stage([Clock.now + below(1_000_000), 0]))
        case 4: call(HypercallNumber.vcpu, 9, below(3))
        case 5: call(HypercallNumber.vcpu, 0, other, stage([7, 0, 0, 0]))
        default: call(HypercallNumber.vcpu, 3 + below(1), other)
        }
    }
    private func parameters() {
        switch below(4) {
        // Parameter 0 is our interrupt.
        case 0:
            call(
                HypercallNumber.hvm, 0,
                stage([half(UInt64(DomainID.caller.rawValue), 1 + below(40)), edge()]))
        case 1: call(HypercallNumber.hvm, 1, stage([half(UInt64(domain()), below(41)), 0]))
        case 2: call(HypercallNumber.hvm, 15, stage([half(UInt64(domain()), 0), frame()]))
        default:
            let operation = 2 + below(30)
            if operation != 23 { call(HypercallNumber.hvm, operation, stage([UInt64(domain()), below(4)])) }
        }
    }
    private func others() {
        switch below(5) {
        case 0: call(HypercallNumber.version, below(12), blocks[0] + below(256) * 8)
        case 1:
            // A batch of harmless calls, one of them a batch.
            let entries = blocks[1]
            for index in 0..<4 {
                let page = MappedPage(unsafeAddress: entries)
                page.store([17, 13, 29, 64 + below(1000)][index], at: 64 * index)
                page.store(index == 0 ? below(12) : 0, at: 64 * index + 16)
                page.store(blocks[2], at: 64 * index + 24)
            }
            call(HypercallNumber.multicall, once(in: 12) ? badAddress() : entries, 4)
        case 2: call(50 &+ UInt32(truncatingIfNeeded: edge()) & 0x7fff_ffff, edge(), edge(), edge())
        case 3:
            // What we are refused, or what takes no known number.
            if !isControl {
                call([7, 33, 35, 36, 41][Int(below(5))], room(), room(), room())
            }
        default: call(HypercallNumber.vmAssist, below(3), below(8))
        }
    }

    // MARK: The control domain's

    private func lifeCycle() {
        var block = DomainControl.block(DomctlOperation.createDomain, DomainID(rawValue: 0))
        let body = DomctlLayout.argumentOffset
        block[Field<DomctlCreateDomainLayout, UInt32>.flags, at: body] =
            CreateDomainFlag.hvm | CreateDomainFlag.hap
        block[Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs, at: body] = UInt32(
            truncatingIfNeeded: once(in: 8) ? edge() : 1 + below(3))
        block[Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort, at: body] = UInt32(below(2000))
        block[Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames, at: body] = Int32(below(8)) - 2
        block[Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames, at: body] = Int32(below(8)) - 2
        block[Field<DomctlCreateDomainLayout, UInt32>.grantOptions, at: body] = 1
        block[Field<DomctlCreateDomainLayout, UInt32>.emulationFlags, at: body] = EmulationFlag.lapic
        callCount += 1
        guard (try? DomainControl.call(&block)) != nil else { return }
        successCount += 1
        let id = DomainID(rawValue: block[Field<DomctlLayout, UInt16>.domain])
        try? DomainControl.setMaximumMemory(kibibytes: below(4096), of: id)
        try? DomainControl.setPagingPool(byteCount: below(64) &<< 12, of: id)
        try? DomainControl.setMaximumVCPUs(UInt32(1 + below(3)), of: id)
        let count = below(40)
        let start = below(64)
        for index in 0..<count {
            _ = Memory.populate(GuestFrame(rawValue: once(in: 12) ? edge() : start + index), domain: id)
            callCount += 1
        }
        // A page of it in our map while it goes.
        let place = GuestFrame(rawValue: hole())
        let isMapped = (try? Memory.mapForeign(GuestFrame(rawValue: start), of: id, at: place)) != nil
        callCount += 1
        try? DomainControl.destroy(id)
        callCount += 1
        if isMapped { try? Memory.removeFromPhysmap(place) }
    }
    private func control() {
        // Nothing that stops or changes a child: only what reads, and what is refused.
        let operations: InlineArray<12, UInt32> = [
            DomctlOperation.getDomainInfo, DomctlOperation.getVCPUInfo, DomctlOperation.getVCPUContext,
            DomctlOperation.getHVMContext, DomctlOperation.getHVMContextPartial,
            DomctlOperation.getPageFrameInfo3,
            DomctlOperation.getVCPUAffinity, DomctlOperation.getTSCInfo, DomctlOperation.getCPUPolicy,
            DomctlOperation.iomemPermission, DomctlOperation.getPagingMempoolSize, DomctlOperation.vuart,
        ]
        var block = DomainControl.block(
            operations[Int(below(12))], DomainID(rawValue: UInt16(below(UInt64(highestDomain) + 2))))
        for offset in stride(from: DomctlLayout.argumentOffset, to: DomctlLayout.byteCount, by: 8) {
            block[Field<DomctlLayout, UInt64>(at: offset)] =
                once(in: 3) ? room() : below(3)
        }
        let result = Hypercall.invoke(HypercallNumber.domctl, &block)
        callCount += 1
        if result >= 0 { successCount += 1 }
    }
    private func system() {
        let operation = UInt32(below(31))
        guard operation != SysctlOperation.debugKeys else { return }
        var block = SystemControl.block(operation)
        for offset in stride(from: SysctlLayout.argumentOffset, to: SysctlLayout.byteCount, by: 8) {
            block[Field<SysctlLayout, UInt64>(at: offset)] =
                once(in: 3) ? room() : below(16)
        }
        let result = Hypercall.invoke(HypercallNumber.sysctl, &block)
        callCount += 1
        if result >= 0 { successCount += 1 }
    }

    // MARK: The end

    /// Gives back what the run holds, and takes its arena back.
    func cleanUp() {
        for place in 0..<Self.remembered {
            release(place)
            if ports[place] != 0 { try? EventChannel.close(EventPort(rawValue: ports[place])) }
            ports[place] = 0
        }
        for index in 0..<8 { _ = GrantTable.revoke(GrantReference(rawValue: references[index])) }
        for vcpu in 0..<2 as Range<UInt32> {
            _ = Hypercall.invoke(HypercallNumber.vcpu, 5, UInt64(vcpu), stageZero())
            _ = Hypercall.invoke(HypercallNumber.vcpu, 13, UInt64(vcpu), stageZero())
        }
        _ = Hypercall.invoke(HypercallNumber.setTimer, 0)
        for hole in holes...holes + Self.holeCount {
            _ = Memory.decrease(GuestFrame(rawValue: hole))
            try? Memory.removeFromPhysmap(GuestFrame(rawValue: hole))
        }
        for index in 0..<Self.arenaCount {
            _ = Memory.populate(GuestFrame(rawValue: arena[index]))
        }
    }
    private func stageZero() -> UInt64 {
        MappedPage(unsafeAddress: blocks[0]).store(UInt64(0), at: 0)
        return blocks[0]
    }
}
