// SPDX-License-Identifier: Apache-2.0

import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

private func failure(_ error: XenError) -> Int64 { error.returnValue }

/// What keeps one guest from having more of the hypervisor than its share.
struct GuestLimitTests {
    @Test func aCallInsideAMulticallMakesRoomAndGoesOnInItsEntry() throws {
        let machine = FakeMachine(frameCount: 8192)
        let guest = try machine.guest()
        guest.domain.state.maximumPages = 4096
        // One entry: three extents of 512 pages, which somebody interrupts after each.
        guest.writeList([0x200, 0x400, 0x600])
        guest.set(Field<MemoryReservationLayout, UInt64>.extentStart, guest.list)
        guest.set(Field<MemoryReservationLayout, UInt64>.extentCount, 3)
        guest.set(Field<MemoryReservationLayout, UInt32>.extentOrder, 9)
        guest.set(Field<MemoryReservationLayout, UInt16>.domain, DomainID.caller.rawValue)
        let entry: UInt64 = 0x3000
        guest.writeList(
            [
                UInt64(HypercallNumber.memory), 0x77, UInt64(MemoryOperation.populatePhysmap), guest.block, 0,
                0,
                0, 0,
                UInt64(HypercallNumber.version), 0x77, 0, 0, 0, 0, 0, 0,
            ], at: entry)
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        let vcpu = guest.vcpu
        let registers = vcpu.state.registers
        var calls = 0
        var progress: [UInt64] = []
        registers[.rax] = UInt64(HypercallNumber.multicall)
        registers[.rdi] = entry
        registers[.rsi] = 2
        repeat {
            calls += 1
            vcpu.state.continuesHypercall = false
            vcpu.handleHypercall()
            progress.append(machine.read(at: entry + 16, in: guest.domain) >> 6)
            #expect(plain(!vcpu.state.isInMulticall))
        } while vcpu.state.continuesHypercall && calls < 10
        #expect(plain(registers[.rax] == 0))
        // Twice out of the first entry, then between the entries, then the end.
        #expect(progress == [1, 2, 2, 2])
        #expect(guest.readList(1, of: UInt64.self, at: entry + 8) == [3])
        #expect(guest.readList(1, of: UInt64.self, at: entry + 64 + 8) == [0x0004_0011])
        #expect(guest.domain.state.totalPages == 16 + 3 * 512)
        machine.checkBooks()
    }
    @Test func anEntryThatCannotBeRewrittenEndsTheMulticall() throws {
        let machine = FakeMachine(frameCount: 8192)
        let guest = try machine.guest()
        #expect(guest.call(HypercallNumber.multicall, Caller.nowhere, 1) == failure(.badAddress))
        #expect(guest.call(HypercallNumber.multicall, Caller.nowhere, 0) == 0)
    }
    @Test func tablesOfTheMapAreLimitedByThePagingPool() throws {
        let machine = FakeMachine(frameCount: 8192)
        let guest = try machine.guest()
        let free = machine.hypervisor.state.frames.freeFrames
        var places = 0
        // The shared page moves on by 512 GiB of frames each time: three new tables for one page.
        while places < 1000 {
            let result = guest.add(PhysmapSpace.sharedInfo, 0, at: UInt64(places + 1) << 27)
            if result != 0 {
                #expect(result == failure(.noMemory))
                break
            }
            places += 1
        }
        #expect(places >= 80 && places < 90)
        #expect(guest.domain.state.physmap.tableCount <= PhysicalMap.minimumTableLimit)
        #expect(free - machine.hypervisor.state.frames.freeFrames <= PhysicalMap.minimumTableLimit)
        // A page whose tables exist can still be mapped.
        #expect(guest.add(PhysmapSpace.sharedInfo, 0, at: 1 << 27 + 1) == 0)
        machine.checkBooks()
    }
    @Test func theControlToolsSetThatLimit() throws {
        let machine = FakeMachine(frameCount: 8192)
        let guest = try machine.guest()
        guest.domain.setPagingPool(byteCount: 1024 << 12)
        #expect(guest.domain.state.physmap.tableLimit == 1024)
        guest.domain.setPagingPool(byteCount: 4096)
        #expect(guest.domain.state.physmap.tableLimit == PhysicalMap.minimumTableLimit)
        let control = try machine.control()
        control.domain.setPagingPool(byteCount: 0)
        #expect(control.domain.state.physmap.tableLimit == .max)
    }
    @Test func segmentsOfA32BitStartAreInTheOrderOfTheABI() throws {
        let machine = FakeMachine()
        let domain = try machine.makeDomain(5, vcpus: 2)
        let guest = Caller(machine: machine, domain: domain)
        domain.vcpu(1)?.state.isInitialised = false
        let body = UInt64(8)
        machine.write(VCPUContextMode.bits32, at: guest.block, in: domain)
        machine.write(UInt32(0), at: guest.block + 4, in: domain)
        for offset in stride(from: UInt64(0), to: 120, by: 8) {
            machine.write(UInt64(0), at: guest.block + body + offset, in: domain)
        }
        func put<Value: FixedWidthInteger>(_ field: Field<VCPUContext32Layout, Value>, _ value: Value) {
            machine.write(value, at: guest.block + body + UInt64(field.offset), in: domain)
        }
        put(Field<VCPUContext32Layout, UInt32>.cr0, 0x11)
        put(.eflags, 2)
        put(.ssBase, 0x5000)
        put(.esBase, 0xe000)
        put(.ssLimit, 0x5fff)
        put(.esLimit, 0xefff)
        put(.csAttributes, 0xc9b)
        put(.dsAttributes, 0xc93)
        put(.ssAttributes, 0xc93)
        put(.esAttributes, 0xc91)
        put(.trAttributes, 0x8b)
        #expect(
            guest.call(HypercallNumber.vcpu, UInt64(VCPUOperation.initialise), 1, guest.block) == 0)
        let context = try #require(machine.log.contexts.last { $0.vcpu == 1 }?.context)
        #expect(context.ss.base == 0x5000 && context.ss.limit == 0x5fff && context.ss.attributes == 0xc93)
        #expect(context.es.base == 0xe000 && context.es.limit == 0xefff && context.es.attributes == 0xc91)
    }
}
