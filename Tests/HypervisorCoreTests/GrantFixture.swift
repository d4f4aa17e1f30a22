// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

/// A machine with domain 0 (1:1, 256 frames) and three guests of 16 pages, and grant operations as calls.
///
/// Argument blocks stand at `block` of the caller's RAM. The guests' tables are reached the way the guest
/// does, in the shared frames; holes of a guest's map start at gfn 0x100.
final class GrantFixture {
    static let block: UInt64 = 0x3000
    static let hole: UInt64 = 0x100
    let machine: FakeMachine
    let control: Ref<Domain>
    let granter: Ref<Domain>
    let mapper: Ref<Domain>
    let stranger: Ref<Domain>

    init(maximumGrantFrames: UInt32 = 4, maximumMaptrackFrames: UInt32 = 2, hardwareFrames: UInt64 = 256)
        throws
    {
        machine = FakeMachine(hardwareFrames: hardwareFrames)
        control = try machine.makeHardwareDomain()
        granter = try machine.makeDomain(
            1, maximumGrantFrames: maximumGrantFrames, maximumMaptrackFrames: maximumMaptrackFrames)
        mapper = try machine.makeDomain(
            2, maximumGrantFrames: maximumGrantFrames, maximumMaptrackFrames: maximumMaptrackFrames)
        stranger = try machine.makeDomain(3)
        for domain in domains { _ = try domain.grantFrame(0) }
    }
    var domains: [Ref<Domain>] { [control, granter, mapper, stranger] }
    var frames: Ref<Hypervisor> { machine.hypervisor }

    func checkInvariants() {
        for domain in domains where machine.hypervisor.state.domains.find(domain.id) == domain {
            let fault = domain.checkGrantInvariants()
            #expect(fault == nil, "domain \(domain.id.rawValue): \(fault.map { "\($0)" } ?? "")")
        }
    }
    func operate(
        _ command: UInt32, by domain: Ref<Domain>, at address: UInt64 = block, count: UInt64 = 1
    ) -> Int64 {
        // swift-format-ignore: NeverForceUnwrap
        let result = domain.vcpu(0)!.hypercall(HypercallNumber.grantTable, UInt64(command), address, count)
        checkInvariants()
        return result
    }

    // MARK: The granter's side

    /// The shared entry of a reference, as the guest sees it.
    func entry(_ reference: UInt32, of domain: Ref<Domain>) throws -> SharedView<GrantEntryV1Layout> {
        machine.memory.sharedView(
            GrantEntryV1Layout.self, in: try domain.grantFrame(reference / 512), at: Int(reference % 512) * 8)
    }
    /// Writes an entry the way a guest must: frame and domain first, flags last.
    func grant(
        _ reference: UInt32, page gfn: UInt64, to user: UInt16, readOnly: Bool = false, by domain: Ref<Domain>
    ) throws {
        let entry = try entry(reference, of: domain)
        entry.store(UInt32(gfn), to: .frame)
        entry.store(user, to: .domain)
        entry.store(
            GrantEntryFlag.permitAccess | (readOnly ? GrantEntryFlag.readOnly : 0),
            to: Field<GrantEntryV1Layout, UInt16>.flags)
    }
    func flags(_ reference: UInt32, of domain: Ref<Domain>) throws -> UInt16 {
        try entry(reference, of: domain).load(Field<GrantEntryV1Layout, UInt16>.flags)
    }
    /// Takes a grant back the way a guest does: fails while it is in use.
    func revoke(_ reference: UInt32, of domain: Ref<Domain>) throws -> Bool {
        let entry = try entry(reference, of: domain)
        let flags = entry.load(Field<GrantEntryV1Layout, UInt16>.flags)
        guard flags & (GrantEntryFlag.reading | GrantEntryFlag.writing) == 0 else { return false }
        return entry.compareExchange(at: .flags, expected: flags, desired: 0) == flags
    }

    // MARK: Mapping

    struct Mapped: Equatable {
        var status: Int16
        var handle: UInt32 = 0
        var busAddress: UInt64 = 0
    }
    func writeMap(
        _ reference: UInt32, of granter: UInt16, at gfn: UInt64, flags: UInt32 = GrantMapFlag.hostMap,
        block address: UInt64 = block, by domain: Ref<Domain>
    ) {
        typealias Word = Field<GrantMapLayout, UInt32>
        machine.set(Field<GrantMapLayout, UInt64>.hostAddress, gfn << 12, at: address, in: domain)
        machine.set(Word.flags, flags, at: address, in: domain)
        machine.set(Word.reference, reference, at: address, in: domain)
        machine.set(Field<GrantMapLayout, UInt16>.domain, granter, at: address, in: domain)
        machine.set(Field<GrantMapLayout, Int16>.status, 99, at: address, in: domain)
    }
    func readMap(block address: UInt64 = block, by domain: Ref<Domain>) -> Mapped {
        let status = machine.get(Field<GrantMapLayout, Int16>.status, at: address, in: domain)
        guard status == 0 else { return Mapped(status: status) }
        return Mapped(
            status: status,
            handle: machine.get(Field<GrantMapLayout, UInt32>.handle, at: address, in: domain),
            busAddress: machine.get(Field<GrantMapLayout, UInt64>.deviceBusAddress, at: address, in: domain))
    }
    func map(
        _ reference: UInt32, of granter: UInt16 = 1, at gfn: UInt64 = hole,
        flags: UInt32 = GrantMapFlag.hostMap, by domain: Ref<Domain>
    ) -> Mapped {
        writeMap(reference, of: granter, at: gfn, flags: flags, by: domain)
        let result = operate(GrantTableOperation.mapGrantReference, by: domain)
        #expect(result == 0)
        return readMap(by: domain)
    }
    func unmap(_ handle: UInt32, at gfn: UInt64 = hole, by domain: Ref<Domain>) -> Int16 {
        machine.set(Field<GrantUnmapLayout, UInt64>.hostAddress, gfn << 12, at: Self.block, in: domain)
        machine.set(Field<GrantUnmapLayout, UInt64>.deviceBusAddress, 0, at: Self.block, in: domain)
        machine.set(Field<GrantUnmapLayout, UInt32>.handle, handle, at: Self.block, in: domain)
        machine.set(Field<GrantUnmapLayout, Int16>.status, 99, at: Self.block, in: domain)
        #expect(operate(GrantTableOperation.unmapGrantReference, by: domain) == 0)
        return machine.get(Field<GrantUnmapLayout, Int16>.status, at: Self.block, in: domain)
    }
    func mapping(_ gfn: UInt64, of domain: Ref<Domain>) -> Mapping? {
        domain.state.physmap.lookup(GuestFrame(rawValue: gfn))
    }
    func machineFrame(_ gfn: UInt64, of domain: Ref<Domain>) -> MachineFrame {
        // swift-format-ignore: NeverForceUnwrap
        mapping(gfn, of: domain)!.frame
    }
    func pins(_ frame: MachineFrame) -> UInt32 { machine.hypervisor.state.frames.pinCount(frame) }

    // MARK: Copying

    /// One end of a copy.
    struct End {
        var isReference: Bool
        var number: UInt64
        var domain: UInt16
        var offset: UInt16 = 0
        static func reference(_ number: UInt32, of domain: UInt16, offset: UInt16 = 0) -> End {
            End(isReference: true, number: UInt64(number), domain: domain, offset: offset)
        }
        static func frame(_ gfn: UInt64, of domain: UInt16 = 0x7FF0, offset: UInt16 = 0) -> End {
            End(isReference: false, number: gfn, domain: domain, offset: offset)
        }
    }
    func writeCopy(
        _ source: End, _ target: End, _ length: UInt16, at address: UInt64 = block, by domain: Ref<Domain>
    ) {
        typealias Half = Field<GrantCopyLayout, UInt16>
        machine.set(Field<GrantCopyLayout, UInt64>.sourceFrame, source.number, at: address, in: domain)
        machine.set(Half.sourceDomain, source.domain, at: address, in: domain)
        machine.set(Half.sourceOffset, source.offset, at: address, in: domain)
        machine.set(Field<GrantCopyLayout, UInt64>.destinationFrame, target.number, at: address, in: domain)
        machine.set(Half.destinationDomain, target.domain, at: address, in: domain)
        machine.set(Half.destinationOffset, target.offset, at: address, in: domain)
        machine.set(Half.length, length, at: address, in: domain)
        machine.set(
            Half.flags,
            (source.isReference ? GrantCopyFlag.sourceIsReference : 0)
                | (target.isReference ? GrantCopyFlag.destinationIsReference : 0), at: address, in: domain)
        machine.set(Field<GrantCopyLayout, Int16>.status, 99, at: address, in: domain)
    }
    func copyStatus(at address: UInt64 = block, by domain: Ref<Domain>) -> Int16 {
        machine.get(Field<GrantCopyLayout, Int16>.status, at: address, in: domain)
    }
    func copy(_ source: End, to target: End, length: UInt16 = 4096, by domain: Ref<Domain>) -> Int16 {
        writeCopy(source, target, length, by: domain)
        #expect(operate(GrantTableOperation.copy, by: domain) == 0)
        return copyStatus(by: domain)
    }
}
