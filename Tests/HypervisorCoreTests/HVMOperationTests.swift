// SPDX-License-Identifier: Apache-2.0

import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

extension Caller {
    func hvm(_ operation: UInt32, at address: UInt64? = nil) -> Int64 {
        call(HypercallNumber.hvm, UInt64(operation), address ?? block)
    }
    func setParameter(_ index: UInt32, _ value: UInt64, of id: UInt16 = DomainID.caller.rawValue) -> Int64 {
        set(Field<HVMParameterLayout, UInt16>.domain, id)
        set(Field<HVMParameterLayout, UInt32>.index, index)
        set(Field<HVMParameterLayout, UInt64>.value, value)
        return hvm(HVMOperation.setParameter)
    }
    func getParameter(_ index: UInt32, of id: UInt16 = DomainID.caller.rawValue) -> Int64 {
        set(Field<HVMParameterLayout, UInt16>.domain, id)
        set(Field<HVMParameterLayout, UInt32>.index, index)
        set(Field<HVMParameterLayout, UInt64>.value, .max)
        return hvm(HVMOperation.getParameter)
    }
    var parameterValue: UInt64 { self.get(Field<HVMParameterLayout, UInt64>.value) }
}

private func failure(_ error: XenError) -> Int64 { error.returnValue }

@Suite struct HVMParameterTests {
    @Test(arguments: UInt32(0)..<39)
    func accessFollowsTheTable(index: UInt32) throws {
        let machine = FakeMachine(frameCount: 256, hardwareFrames: 16)
        let control = try machine.control()
        let guest = try machine.guest(3)
        let deprecated: Set<UInt32> = [4, 13, 20, 21, 22, 23, 24, 25, 26, 30]
        let readable: Set<UInt32> = [0, 1, 2, 15, 17, 18, 19, 34, 35, 36, 37]
        let writable: Set<UInt32> = [0, 2, 15, 18, 34, 36, 37]
        if deprecated.contains(index) {
            for caller in [control, guest] {
                #expect(caller.setParameter(index, 0, of: 3) == failure(.invalidArgument))
                #expect(caller.getParameter(index, of: 3) == failure(.invalidArgument))
            }
            return
        }
        #expect(guest.getParameter(index) == (readable.contains(index) ? 0 : failure(.notPermitted)))
        // Where the ports of a device are that PVH guests do not have.
        if index == HVMParameter.acpiIOPortsLocation {
            return #expect(guest.setParameter(index, 0) == failure(.noDevice))
        }
        #expect(guest.setParameter(index, 0) == (writable.contains(index) ? 0 : failure(.notPermitted)))
        #expect(control.setParameter(index, 0, of: 3) == 0)
        #expect(control.getParameter(index, of: 3) == 0)
        #expect(control.parameterValue == 0)
    }
    @Test func valuesAreChecked() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(control.setParameter(HVMParameter.timerMode, 4, of: 3) == failure(.invalidArgument))
        #expect(control.setParameter(HVMParameter.tripleFaultReason, 6, of: 3) == failure(.invalidArgument))
        #expect(guest.setParameter(HVMParameter.x87FIPWidth, 5) == failure(.invalidArgument))
        #expect(guest.setParameter(HVMParameter.acpiIOPortsLocation, 1) == failure(.noDevice))
        #expect(control.setParameter(HVMParameter.viridian, 1, of: 3) == failure(.invalidArgument))
        #expect(control.setParameter(HVMParameter.altp2m, 1, of: 3) == failure(.invalidArgument))
        #expect(
            control.setParameter(HVMParameter.machineCheckCapability, 1, of: 3) == failure(.invalidArgument))
        #expect(guest.setParameter(39, 0) == failure(.invalidArgument))
        #expect(guest.getParameter(.max) == failure(.invalidArgument))
        #expect(control.getParameter(HVMParameter.tripleFaultReason, of: 3) == 0)
        #expect(control.parameterValue == 1)
    }
    @Test func someAreSetOnce() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        _ = try machine.guest(3)
        #expect(control.setParameter(HVMParameter.ioreqFrame, 0xfeffd, of: 3) == 0)
        #expect(control.setParameter(HVMParameter.ioreqFrame, 0xfeffd, of: 3) == 0)
        #expect(control.setParameter(HVMParameter.ioreqFrame, 0, of: 3) == failure(.exists))
        #expect(control.setParameter(HVMParameter.storeFrame, 5, of: 3) == 0)
        #expect(control.setParameter(HVMParameter.storeFrame, 6, of: 3) == 0)
    }
    @Test func domainsAndAddressesAreChecked() throws {
        let machine = FakeMachine()
        _ = try machine.guest(4)
        let guest = try machine.guest(3)
        #expect(guest.setParameter(0, 0, of: 9) == failure(.noSuchDomain))
        #expect(guest.setParameter(0, 0, of: 4) == failure(.notPermitted))
        #expect(guest.getParameter(0, of: 4) == failure(.notPermitted))
        #expect(guest.hvm(HVMOperation.setParameter, at: Caller.nowhere) == failure(.badAddress))
        #expect(guest.hvm(HVMOperation.getParameter, at: Caller.nowhere) == failure(.badAddress))
    }
    @Test func theCallbackVectorIsArmedByItsTypeOnly() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        #expect(guest.setParameter(0, 2 << 56 | 0xf3) == 0)
        #expect(guest.domain.state.callbackVector == 0xf3)
        // The GSI that Linux sets as a mark, and a PCI line: stored; the earlier vector stays in force.
        #expect(guest.setParameter(0, 1) == 0)
        #expect(guest.domain.state.callbackVector == 0xf3)
        #expect(guest.getParameter(0) == 0)
        #expect(guest.parameterValue == 1)
        #expect(guest.setParameter(0, 1 << 56 | 0xf4) == 0)
        #expect(guest.domain.state.callbackVector == 0xf3)
        // An exception's vector would not be an interrupt.
        #expect(guest.setParameter(0, 2 << 56 | 14) == 0)
        #expect(guest.domain.state.callbackVector == 0)
    }
    @Test func armingTheCallbackWakesWhoHasAnEvent() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        guest.vcpu.state.isBlocked = true
        guest.vcpu.info?.store(1, to: Field<VCPUInfoLayout, UInt8>.upcallPending)
        // The caller itself sleeps only in this test.
        #expect(guest.setParameter(0, 2 << 56 | 0xf3) == 0)
        #expect(guest.vcpu.state.isBlocked == false)
    }
}

@Suite struct HVMOperationTests {
    @Test func theUpcallVectorIsPerVCPU() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        func set(_ vcpu: UInt32, _ vector: UInt8) -> Int64 {
            guest.set(Field<HVMUpcallVectorLayout, UInt32>.vcpu, vcpu)
            guest.set(Field<HVMUpcallVectorLayout, UInt8>.vector, vector)
            return guest.hvm(HVMOperation.setEventUpcallVector)
        }
        #expect(set(0, 15) == failure(.invalidArgument))
        #expect(set(1, 0xf3) == failure(.noEntry))
        #expect(set(.max, 0xf3) == failure(.noEntry))
        #expect(set(0, 0xf3) == 0)
        #expect(guest.vcpu.state.upcallVector == 0xf3)
        // The APIC is disabled by software: nothing is pending. Enabled, one upcall comes at once.
        #expect(guest.vcpu.state.apic.requested[0xf3] == false)
        _ = guest.vcpu.state.apic.write(0x0f, 0x1ff, now: 0)
        #expect(set(0, 0xf3) == 0)
        #expect(guest.vcpu.state.apic.requested[0xf3] == true)
    }
    @Test func smallOperations() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        machine.tsc = 5000
        #expect(guest.hvm(HVMOperation.getTime) == 0)
        #expect(guest.get(Field<HVMTimeLayout, UInt64>.now) == machine.hypervisor.state.now())
        #expect(guest.hvm(HVMOperation.getTime, at: Caller.nowhere) == failure(.badAddress))
        guest.set(Field<HVMTraceLayout, UInt16>.event, 0xFFF)
        guest.set(Field<HVMTraceLayout, UInt16>.extraByteCount, 28)
        #expect(guest.hvm(HVMOperation.trace) == 0)
        #expect(guest.hvm(HVMOperation.trace, at: Caller.nowhere) == failure(.badAddress))
        guest.set(Field<HVMTraceLayout, UInt16>.event, 0x1000)
        #expect(guest.hvm(HVMOperation.trace) == failure(.invalidArgument))
        guest.set(Field<HVMTraceLayout, UInt16>.event, 0xFFF)
        guest.set(Field<HVMTraceLayout, UInt16>.extraByteCount, 29)
        #expect(guest.hvm(HVMOperation.trace) == failure(.invalidArgument))
        guest.domain.state.physmap.needsFlush = false
        #expect(guest.hvm(HVMOperation.flushTLBs) == failure(.invalidArgument))
        #expect(guest.hvm(HVMOperation.flushTLBs, at: 0) == 0)
        #expect(guest.domain.state.physmap.needsFlush == true)
        guest.set(Field<HVMPageTableDyingLayout, UInt16>.domain, DomainID.caller.rawValue)
        #expect(guest.hvm(HVMOperation.pageTableDying) == failure(.invalidArgument))
        guest.set(Field<HVMPageTableDyingLayout, UInt16>.domain, 0)
        #expect(guest.hvm(HVMOperation.pageTableDying) == failure(.noSuchDomain))
        _ = try machine.guest(4)
        guest.set(Field<HVMPageTableDyingLayout, UInt16>.domain, 4)
        #expect(guest.hvm(HVMOperation.pageTableDying) == failure(.notSupported))
        #expect(guest.hvm(HVMOperation.altp2m) == failure(.notSupported))
        #expect(guest.hvm(HVMOperation.guestRequestVMEvent) == failure(.invalidArgument))
        #expect(guest.hvm(HVMOperation.guestRequestVMEvent, at: 0) == 0)
        for operation in [UInt32(2), 3, 4, 12, 13, 99] {
            #expect(guest.hvm(operation) == failure(.notImplemented))
        }
    }
    @Test func memoryTypesAreTold() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        func type(_ gfn: UInt64, of id: UInt16 = DomainID.caller.rawValue) -> (Int64, UInt16) {
            guest.set(Field<HVMMemoryTypeLayout, UInt16>.domain, id)
            guest.set(Field<HVMMemoryTypeLayout, UInt64>.guestFrame, gfn)
            return (
                guest.hvm(HVMOperation.getMemoryType),
                guest.get(Field<HVMMemoryTypeLayout, UInt16>.memoryType)
            )
        }
        #expect(type(5) == (0, HVMMemoryType.ramReadWrite))
        #expect(type(0x900) == (0, HVMMemoryType.mmio))
        #expect(type(.max) == (0, HVMMemoryType.mmio))
        #expect(type(5, of: 8).0 == failure(.noSuchDomain))
    }
    @Test func deviceModelsAreNotThereButToolsMayAsk() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        func operate(
            _ caller: Caller, _ operation: UInt32, _ word: UInt32 = 0, of id: UInt64 = 3, size: UInt64 = 32
        ) -> Int64 {
            machine.set(
                Field<DeviceModelBufferLayout, UInt64>.address, caller.list, at: caller.block,
                in: caller.domain)
            machine.set(
                Field<DeviceModelBufferLayout, UInt64>.size, size, at: caller.block, in: caller.domain)
            machine.set(
                Field<DeviceModelLayout, UInt32>.operation, operation, at: caller.list, in: caller.domain)
            machine.set(
                Field<DeviceModelLayout, UInt32>.shutdownReason, word, at: caller.list, in: caller.domain)
            return caller.call(HypercallNumber.deviceModel, id, 1, caller.block)
        }
        #expect(operate(control, DeviceModelOperation.vcpuCount) == 0)
        #expect(
            machine.get(Field<DeviceModelLayout, UInt32>.vcpuCount, at: control.list, in: control.domain) == 1
        )
        #expect(operate(control, 1) == failure(.notSupported))
        #expect(operate(control, DeviceModelOperation.remoteShutdown, 9) == failure(.invalidArgument))
        #expect(operate(control, DeviceModelOperation.remoteShutdown, 1, of: 0) == failure(.invalidArgument))
        #expect(operate(control, 1, of: 8) == failure(.noSuchDomain))
        #expect(operate(control, 1, size: 31) == failure(.invalidArgument))
        #expect(control.call(HypercallNumber.deviceModel, 3, 0, control.block) == failure(.invalidArgument))
        #expect(control.call(HypercallNumber.deviceModel, 3, 1, Caller.nowhere) == failure(.badAddress))
        #expect(operate(guest, DeviceModelOperation.vcpuCount) == failure(.notPermitted))
        #expect(operate(control, DeviceModelOperation.remoteShutdown, 1) == 0)
        #expect(guest.domain.state.shutdownReason == 1)
    }
    @Test func pciNewsComesFromTheHardwareDomain() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        func physical(_ caller: Caller, _ command: UInt32, at address: UInt64? = nil) -> Int64 {
            caller.call(HypercallNumber.physicalDevice, UInt64(command), address ?? caller.block)
        }
        machine.fill(0, at: control.block, count: 64, in: control.domain)
        for command in [
            PhysicalDeviceOperation.pciMMCFGReserved, PhysicalDeviceOperation.pciDeviceAdd,
            PhysicalDeviceOperation.pciDeviceRemove,
        ] {
            #expect(physical(control, command) == 0)
            #expect(physical(control, command, at: Caller.nowhere) == failure(.badAddress))
            #expect(physical(guest, command) == failure(.notImplemented))
        }
        control.set(Field<PCIMMCFGReservedLayout, UInt64>.address, 0x1234)
        #expect(physical(control, PhysicalDeviceOperation.pciMMCFGReserved) == failure(.invalidArgument))
        for command in [
            PhysicalDeviceOperation.mapInterrupt, PhysicalDeviceOperation.eoi,
            PhysicalDeviceOperation.setupGSI,
            PhysicalDeviceOperation.prepareMSIX, 99,
        ] { #expect(physical(control, command) == failure(.notImplemented)) }
    }
}
