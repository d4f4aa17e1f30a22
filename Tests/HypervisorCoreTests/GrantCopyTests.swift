// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

@Suite struct GrantCopyTests {
    typealias Flag = GrantEntryFlag
    typealias Status = GrantStatusCode

    private func fixture() throws -> GrantFixture {
        let f = try GrantFixture()
        try f.grant(8, page: 5, to: 2, by: f.granter)
        for index in 0..<UInt64(4096) {
            f.machine.write(UInt8(truncatingIfNeeded: index &* 7 &+ 3), at: 0x5000 + index, in: f.granter)
            f.machine.write(UInt8(truncatingIfNeeded: index &* 5 &+ 1), at: 0x6000 + index, in: f.mapper)
        }
        return f
    }
    private func bytes(_ gfn: UInt64, of domain: Ref<Domain>, _ f: GrantFixture) -> [UInt8] {
        (0..<UInt64(4096)).map { f.machine.read(UInt8.self, at: gfn << 12 + $0, in: domain) }
    }

    @Test func readsAWholeGrantedPage() throws {
        let f = try fixture()
        #expect(f.copy(.reference(8, of: 1), to: .frame(6), by: f.mapper) == Status.okay)
        #expect(bytes(6, of: f.mapper, f) == bytes(5, of: f.granter, f))
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
        #expect(f.granter.hasMappedPages == false)
    }
    @Test func writesPartOfAGrantedPage() throws {
        let f = try fixture()
        var expected = bytes(5, of: f.granter, f)
        expected.replaceSubrange(4000..<4096, with: bytes(6, of: f.mapper, f)[100..<196])
        #expect(
            f.copy(.frame(6, offset: 100), to: .reference(8, of: 1, offset: 4000), length: 96, by: f.mapper)
                == Status.okay)
        #expect(bytes(5, of: f.granter, f) == expected)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
    }
    @Test func copiesBetweenTwoGrants() throws {
        let f = try fixture()
        try f.grant(9, page: 7, to: 2, by: f.stranger)
        #expect(
            f.copy(.reference(8, of: 1), to: .reference(9, of: 3), length: 4096, by: f.mapper) == Status.okay)
        #expect(bytes(7, of: f.stranger, f) == bytes(5, of: f.granter, f))
        // Within one page, overlapping, through one reference on both sides.
        var expected = bytes(5, of: f.granter, f)
        expected.replaceSubrange(16..<1016, with: Array(expected[..<1000]))
        #expect(
            f.copy(.reference(8, of: 1), to: .reference(8, of: 1, offset: 16), length: 1000, by: f.mapper)
                == Status.okay)
        #expect(bytes(5, of: f.granter, f) == expected)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
    }
    @Test func copiesItsOwnPagesAndGrants() throws {
        let f = try fixture()
        #expect(f.copy(.frame(6), to: .frame(7), by: f.mapper) == Status.okay)
        #expect(bytes(7, of: f.mapper, f) == bytes(6, of: f.mapper, f))
        try f.grant(20, page: 8, to: 2, by: f.mapper)
        #expect(f.copy(.frame(6), to: .reference(20, of: 0x7FF0), by: f.mapper) == Status.okay)
        #expect(bytes(8, of: f.mapper, f) == bytes(6, of: f.mapper, f))
        #expect(f.copy(.reference(20, of: 2), to: .frame(9), by: f.mapper) == Status.okay)
        #expect(bytes(9, of: f.mapper, f) == bytes(6, of: f.mapper, f))
    }
    @Test func aCopyOfNothingChecksAllTheSame() throws {
        let f = try fixture()
        #expect(f.copy(.reference(8, of: 1), to: .frame(6), length: 0, by: f.mapper) == Status.okay)
        #expect(f.copy(.reference(9, of: 1), to: .frame(6), length: 0, by: f.mapper) == Status.generalError)
    }
    @Test func leavesTheMarksOfMappingsAlone() throws {
        let f = try fixture()
        let readOnly = f.map(8, flags: GrantMapFlag.hostMap | GrantMapFlag.readOnly, by: f.mapper)
        #expect(f.copy(.frame(6), to: .reference(8, of: 1), by: f.mapper) == Status.okay)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.reading)
        let writable = f.map(8, at: 0x101, by: f.mapper)
        #expect(f.copy(.frame(6), to: .reference(8, of: 1), by: f.mapper) == Status.okay)
        #expect(f.copy(.reference(8, of: 1), to: .frame(6), by: f.mapper) == Status.okay)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess | Flag.reading | Flag.writing)
        #expect(f.unmap(writable.handle, at: 0x101, by: f.mapper) == Status.okay)
        #expect(f.unmap(readOnly.handle, by: f.mapper) == Status.okay)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
    }
    @Test func aGrantMappedByAnotherIsNotOurs() throws {
        let f = try fixture()
        #expect(f.map(8, by: f.mapper).status == Status.okay)
        try f.entry(8, of: f.granter).store(UInt16(3), to: .domain)
        #expect(f.copy(.reference(8, of: 1), to: .frame(6), by: f.stranger) == Status.generalError)
    }

    // MARK: Refusals

    @Test func staysWithinPages() throws {
        let f = try fixture()
        let before = bytes(6, of: f.mapper, f)
        for (source, target, length) in [
            (0, 0, 4097), (1, 0, 4096), (0, 1, 4096), (4096, 0, 1), (0, 0xffff, 0xffff),
        ] {
            #expect(
                f.copy(
                    .reference(8, of: 1, offset: UInt16(source)), to: .frame(6, offset: UInt16(target)),
                    length: UInt16(length), by: f.mapper) == Status.badCopyArgument)
        }
        #expect(bytes(6, of: f.mapper, f) == before)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
        #expect(
            f.copy(.reference(8, of: 1, offset: 4096), to: .frame(6), length: 0, by: f.mapper) == Status.okay)
    }
    @Test func framesAreTheCallersOnly() throws {
        let f = try fixture()
        for id: UInt16 in [0, 1, 2, 99] {
            // Whether the domain is there comes first.
            let refusal = id == 99 ? Status.badDomain : Status.permissionDenied
            #expect(f.copy(.frame(5, of: id), to: .frame(6), by: f.mapper) == refusal)
            #expect(f.copy(.frame(5), to: .frame(6, of: id), by: f.mapper) == refusal)
        }
        #expect(f.copy(.frame(0x100), to: .frame(6), by: f.mapper) == Status.badPage)
        #expect(f.copy(.frame(6), to: .frame(.max), by: f.mapper) == Status.badPage)
        // A page that is only mapped here is not the caller's either.
        #expect(f.map(8, by: f.mapper).status == Status.okay)
        #expect(f.copy(.frame(0x100), to: .frame(6), by: f.mapper) == Status.badPage)
    }
    @Test func refusesBadDomainsReferencesAndEntries() throws {
        let f = try fixture()
        #expect(f.copy(.reference(8, of: 99), to: .frame(6), by: f.mapper) == Status.badDomain)
        #expect(f.copy(.frame(6), to: .reference(8, of: 0x7FF2), by: f.mapper) == Status.badDomain)
        #expect(f.copy(.reference(512, of: 1), to: .frame(6), by: f.mapper) == Status.badReference)
        #expect(f.copy(.reference(.max, of: 1), to: .frame(6), by: f.mapper) == Status.badReference)
        #expect(f.copy(.reference(9, of: 1), to: .frame(6), by: f.mapper) == Status.generalError)
        #expect(f.copy(.reference(8, of: 1), to: .frame(6), by: f.stranger) == Status.generalError)
        try f.grant(10, page: 5, to: 2, readOnly: true, by: f.granter)
        #expect(f.copy(.frame(6), to: .reference(10, of: 1), by: f.mapper) == Status.generalError)
        #expect(f.copy(.reference(10, of: 1), to: .frame(6), by: f.mapper) == Status.okay)
        try f.grant(11, page: 0x777, to: 2, by: f.granter)
        #expect(f.copy(.reference(11, of: 1), to: .frame(6), by: f.mapper) == Status.badPage)
        #expect(try f.flags(11, of: f.granter) == Flag.permitAccess)
        f.granter.state.lifecycle = .dying
        #expect(f.copy(.reference(8, of: 1), to: .frame(6), by: f.mapper) == Status.badDomain)
    }
    @Test func aRefusedTargetReleasesTheSource() throws {
        let f = try fixture()
        #expect(f.copy(.reference(8, of: 1), to: .reference(9, of: 1), by: f.mapper) == Status.generalError)
        #expect(try f.flags(8, of: f.granter) == Flag.permitAccess)
        #expect(try f.revoke(8, of: f.granter) == true)
    }

    // MARK: Lists

    @Test func aListGoesOnAfterErrorsAndAcrossPages() throws {
        let f = try fixture()
        // 30 entries of 40 bytes from 0x3f80 on: one crosses into the next page.
        let start: UInt64 = 0x3f80
        for index in 0..<UInt64(30) {
            f.writeCopy(
                index % 3 == 1 ? .reference(77, of: 1) : .reference(8, of: 1, offset: UInt16(index * 8)),
                .frame(6, offset: UInt16(index * 8)), 8, at: start + index * 40, by: f.mapper)
        }
        let before = bytes(6, of: f.mapper, f)
        let source = bytes(5, of: f.granter, f)
        #expect(f.operate(GrantTableOperation.copy, by: f.mapper, at: start, count: 30) == 0)
        let after = bytes(6, of: f.mapper, f)
        for index in 0..<30 {
            let range = index * 8..<index * 8 + 8
            let refused = index % 3 == 1
            #expect(
                f.copyStatus(at: start + UInt64(index) * 40, by: f.mapper)
                    == (refused ? Status.generalError : Status.okay))
            #expect(after[range] == (refused ? before[range] : source[range]))
        }
        #expect(after[240...] == before[240...])
    }
    @Test func aListMayBeUnaligned() throws {
        let f = try fixture()
        f.writeCopy(.reference(8, of: 1), .frame(6), 64, at: 0x3003, by: f.mapper)
        #expect(f.operate(GrantTableOperation.copy, by: f.mapper, at: 0x3003) == 0)
        #expect(f.copyStatus(at: 0x3003, by: f.mapper) == Status.okay)
    }
    @Test func aListThatEndsInNowhereIsDoneUpToThere() throws {
        let f = try fixture()
        for index in 0..<UInt64(2) {
            f.writeCopy(.reference(8, of: 1), .frame(6), 8, at: 0x10000 - 90 + index * 40, by: f.mapper)
        }
        #expect(
            f.operate(GrantTableOperation.copy, by: f.mapper, at: 0x10000 - 90, count: 3)
                == XenError.badAddress.returnValue)
        #expect(f.copyStatus(at: 0x10000 - 90, by: f.mapper) == Status.okay)
        #expect(f.copyStatus(at: 0x10000 - 50, by: f.mapper) == Status.okay)
    }
    @Test func longListsMakeRoomForOthers() throws {
        let f = try fixture()
        let vcpu = f.mapper.vcpu(0)!
        for index in 0..<UInt64(20) {
            f.writeCopy(.reference(8, of: 1), .frame(6), 8, at: 0x3000 + index * 40, by: f.mapper)
        }
        f.machine.hypervisor.state.scheduler.needsReschedule[0] = true
        let registers = vcpu.state.registers
        var calls = 0
        registers[.rax] = UInt64(HypercallNumber.grantTable)
        registers[.rdi] = UInt64(GrantTableOperation.copy)
        registers[.rsi] = 0x3000
        registers[.rdx] = 20
        repeat {
            vcpu.state.continuesHypercall = false
            vcpu.handleHypercall()
            calls += 1
        } while vcpu.state.continuesHypercall && calls < 100
        #expect(registers[.rax] == 0)
        #expect(calls == 3)
        for index in 0..<UInt64(20) {
            #expect(f.copyStatus(at: 0x3000 + index * 40, by: f.mapper) == Status.okay)
        }
    }
}
