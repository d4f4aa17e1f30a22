// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import XenABI

/// Bytes of an argument block that is being made up.
struct Draft {
    var bytes: [UInt8]
    /// Fields go where a 32-bit caller has them.
    let is32Bit: Bool
    init(_ count: Int, is32Bit: Bool = false) {
        bytes = [UInt8](repeating: 0, count: count)
        self.is32Bit = is32Bit
    }
    /// Puts a value where the field says, in the block of a list that starts `base` bytes into its 64-bit form.
    mutating func put<Layout: ABILayout, Value: FixedWidthInteger>(
        _ field: Field<Layout, Value>, _ value: Value, at base: Int = 0
    ) {
        var place = base + field.offset
        var count = Value.bitWidth / 8
        if is32Bit, let compat = Layout.compat, let run = compat.run(holding: field.offset) {
            place = base / Layout.byteCount * compat.byteCount + run.offset + field.offset - run.wideOffset
            if run.isLong { count = 4 }
        }
        for index in 0..<count where place + index < bytes.count {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> Value(index * 8))
        }
    }
}

// Guest memory as the guest itself reaches it, and the handles that calls are made of.
extension FuzzWorld {
    /// Where a guest's store to a guest-physical address goes; nil where it would fault.
    private func place(_ address: UInt64, _ domain: Ref<Domain>, writing: Bool) -> (MachineFrame, Int)? {
        guard let mapping = domain.state.physmap.lookup(GuestFrame(rawValue: address >> 12)),
            mapping.type != .device, !writing || mapping.isWritable
        else { return nil }
        return (mapping.frame, Int(address & 0xfff))
    }
    func poke(_ bytes: [UInt8], _ address: UInt64, _ domain: Ref<Domain>) {
        for (index, byte) in bytes.enumerated() {
            if let (frame, offset) = place(address &+ UInt64(index), domain, writing: true) {
                machine.memory.storeByte(byte, frame, offset)
            }
        }
    }
    func poke<Value: FixedWidthInteger>(_ value: Value, _ address: UInt64, _ domain: Ref<Domain>) {
        poke(
            (0..<(Value.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> Value($0 * 8)) }, address,
            domain)
    }
    /// An empty block for the caller that is being played.
    func newDraft(_ count: Int) -> Draft { Draft(count, is32Bit: playsA32BitCaller) }
    func newDraft<Layout: ABILayout>(_ layout: Layout.Type) -> Draft { newDraft(Layout.byteCount) }
    /// Writes element `index` of a list of frame numbers.
    func poke(long value: UInt64, _ index: UInt64, of list: UInt64, _ domain: Ref<Domain>) {
        if playsA32BitCaller {
            poke(UInt32(truncatingIfNeeded: value), list &+ index * 4, domain)
        } else {
            poke(value, list &+ index * 8, domain)
        }
    }
    func peek<Value: FixedWidthInteger>(
        _ type: Value.Type, _ address: UInt64, _ domain: Ref<Domain>
    ) -> Value? {
        var value: Value = 0
        for index in 0..<(Value.bitWidth / 8) {
            guard let (frame, offset) = place(address &+ UInt64(index), domain, writing: false) else {
                return nil
            }
            value |= Value(truncatingIfNeeded: machine.memory.loadByte(frame, offset)) << Value(index * 8)
        }
        return value
    }

    // MARK: Handles

    /// A page of the domain's RAM below 32, if a few tries find one.
    func ramPage(_ domain: Ref<Domain>) -> UInt64 {
        for _ in 0..<4 {
            let gfn = random.below(UInt64(20))
            if domain.state.physmap.lookup(GuestFrame(rawValue: gfn))?.type == .ram { return gfn }
        }
        return 3
    }
    /// Room for a block of `count` bytes: mostly aligned and within a page of RAM.
    func room(_ count: Int, _ domain: Ref<Domain>) -> UInt64 {
        if random.once(in: 48) { return random.edge() }
        let page = ramPage(domain) << 12
        if random.once(in: 24) { return page &+ 4096 &- random.below(UInt64(max(count, 1))) }
        let slots = max(1, (4096 - min(count, 4096)) / 8)
        let address = page + UInt64(random.below(slots)) * 8
        return random.once(in: 24) ? address + 1 + random.below(UInt64(7)) : address
    }
    /// Writes a block somewhere in the caller's memory, now and then with a wrong bit, and gives its address.
    func stage(_ draft: Draft, _ domain: Ref<Domain>) -> UInt64 {
        var draft = draft
        if random.once(in: 24), !draft.bytes.isEmpty {
            draft.bytes[random.below(draft.bytes.count)] ^= 1 << UInt8(random.below(8))
        }
        let address = room(draft.bytes.count, domain)
        poke(draft.bytes, address, domain)
        return address
    }
    func gfn(_ domain: Ref<Domain>) -> UInt64 {
        switch random.weighted([40, 20, 10, 6, 3]) {
        case 0: return random.below(UInt64(20))
        case 1: return 0x100 + random.below(UInt64(12))
        case 2: return 0x200 + random.below(UInt64(4)) * 0x100
        case 3: return random.below(UInt64(2048))
        default:
            let limits: [UInt64] = [
                0x7ff_ffff, 0x800_0000, 0xffff_ffff, 0x1_0000_0000, 0xf_ffff_ffff, 0x10_0000_0000, 1 << 52,
                .max,
            ]
            return random.once(in: 4) ? random.edge() : random.pick(limits)
        }
    }
    /// A place for a mapping: mostly one that is free.
    func hole(_ domain: Ref<Domain>) -> UInt64 {
        random.once(in: 6) ? gfn(domain) : 0x100 + random.below(UInt64(40))
    }
    func domainID(_ caller: Ref<Domain>) -> UInt16 {
        switch random.weighted([16, 12, 8, 1]) {
        case 0: DomainID.caller.rawValue
        case 1: hypervisor.state.domains[random.below(hypervisor.state.domains.count)]?.id.rawValue ?? 0
        case 2: UInt16(random.below(UInt64(6)))
        default:
            random.once(in: 2)
                ? 0x7FF0 + UInt16(random.below(UInt64(8))) : UInt16(truncatingIfNeeded: random.edge())
        }
    }
    /// Another domain's number, for grants and channels between two.
    func peerID(_ caller: Ref<Domain>) -> UInt16 {
        random.once(in: 5)
            ? domainID(caller)
            : hypervisor.state.domains[random.below(hypervisor.state.domains.count)]?.id.rawValue ?? 0
    }
    func port(_ domain: Ref<Domain>) -> UInt32 {
        let ports = known(domain).ports
        switch random.weighted([ports.isEmpty ? 0 : 30, 20, 1]) {
        case 0: return random.pick(ports)
        case 1: return UInt32(random.below(UInt64(24)))
        default:
            return random.pick([
                63, 64, 255, 256, 1023, 1024, 4095, 4096, .max, UInt32(random.below(UInt64(4096))),
            ])
        }
    }
    func reference() -> UInt32 {
        random.once(in: 12)
            ? random.pick([
                8, 255, 256, 511, 512, 1023, 1535, 1536, 1 << 31, .max, UInt32(random.below(UInt64(2048))),
            ])
            : UInt32(random.below(UInt64(12)))
    }
    /// A grant to map or copy: mostly one that was made for this domain.
    func grant(for domain: Ref<Domain>) -> (granter: UInt16, reference: UInt32) {
        let made = offers.filter { $0.user == domain.id.rawValue }
        if !made.isEmpty, !random.once(in: 4) {
            let offer = random.pick(made)
            return (offer.granter, offer.reference)
        }
        return (peerID(domain), reference())
    }
    func vcpuID() -> UInt32 {
        random.once(in: 16) ? UInt32(truncatingIfNeeded: random.edge()) : UInt32(random.below(UInt64(4)))
    }

    // MARK: What guests change by themselves

    /// A domain writes to its own memory: grant entries, shared info, anything.
    func mutate(_ domain: Ref<Domain>) {
        for _ in 0..<(1 + random.below(4)) {
            switch random.weighted([12, 3, 4, 2]) {
            case 0: changeGrant(domain)
            case 1:
                let word = random.below(64)
                let bits = random.once(in: 2) ? random.word() : 1 << random.below(UInt64(64))
                let field = random.once(in: 2) ? Field<SharedInfoLayout, UInt64>.eventMask : .eventPending
                if random.once(in: 2) {
                    domain.sharedInfo.setBits(bits, at: field.element(word))
                } else {
                    domain.sharedInfo.clearBits(bits, at: field.element(word))
                }
            case 2: poke(random.word(), ramPage(domain) << 12 | random.below(UInt64(512)) * 8, domain)
            default:
                poke(
                    UInt8(truncatingIfNeeded: random.word()),
                    gfn(domain) << 12 | random.below(UInt64(4096)), domain)
            }
        }
    }
    private func changeGrant(_ domain: Ref<Domain>) {
        let reference = reference()
        // What the guest can reach: the frames that its table has.
        guard reference / 512 < domain.state.grants.frameCount,
            let frame = try? domain.grantFrame(reference / 512)
        else { return }
        let entry = machine.memory.sharedView(
            GrantEntryV1Layout.self, in: frame, at: Int(reference % 512) * GrantEntryV1Layout.byteCount)
        typealias Flags = Field<GrantEntryV1Layout, UInt16>
        switch random.weighted([8, 2, 1]) {
        case 0:
            entry.store(
                UInt32(truncatingIfNeeded: random.once(in: 8) ? gfn(domain) : ramPage(domain)), to: .frame)
            let user = peerID(domain)
            entry.store(user, to: .domain)
            if offers.count >= 32 { offers.removeFirst() }
            offers.append((domain.id.rawValue, reference, user))
            entry.store(
                GrantEntryFlag.permitAccess | (random.once(in: 4) ? GrantEntryFlag.readOnly : 0)
                    | (random.once(in: 24) ? 1 << UInt16(random.below(UInt64(16))) : 0), to: Flags.flags)
        case 1: entry.store(UInt16(0), to: Flags.flags)
        default: entry.store(UInt16(truncatingIfNeeded: random.word()), to: Flags.flags)
        }
    }
}
