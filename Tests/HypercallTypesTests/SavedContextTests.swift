// SPDX-License-Identifier: Apache-2.0
import HypercallTypes
import Testing
import XenABI

@Suite struct SavedContextTests {
    private func contextOfTwoVCPUs() -> SavedContext {
        var context = SavedContext(cpuid: 0x600F12, kilohertz: 1_000_000)
        for vcpu: UInt16 in 0..<2 {
            var cpu = HypercallBlock<HVMSaveCPULayout>()
            cpu[.rip] = 0x1000 + UInt64(vcpu)
            context.append(cpu, type: HVMSaveRecord.cpu, instance: vcpu)
        }
        context.end()
        return context
    }

    @Test func recordsFollowOneAnother() throws {
        let context = contextOfTwoVCPUs()
        // Header, two vCPUs, an end without body; eight bytes before each.
        #expect(context.buffer.byteCount == 8 + 24 + 2 * (8 + 1032) + 8)
        let records = context.records
        #expect(records.map(\.type) == [HVMSaveRecord.header, HVMSaveRecord.cpu, HVMSaveRecord.cpu])
        #expect(records.map(\.instance) == [0, 0, 1])
        #expect(records.map(\.start) == [8, 40, 1080])
        #expect(records.map(\.byteCount) == [24, 1032, 1032])
        let header = try #require(context.block(HVMSaveHeaderLayout.self, type: HVMSaveRecord.header))
        #expect(header[.magic] == HVMSaveMagic.value && header[.version] == HVMSaveMagic.version)
        #expect(header[.cpuid] == 0x600F12 && header[.guestTSCKilohertz] == 1_000_000)
        let second = try #require(
            context.block(HVMSaveCPULayout.self, type: HVMSaveRecord.cpu, instance: 1))
        #expect(second[.rip] == 0x1001)
    }
    @Test func whatIsNotThereIsNil() {
        let context = contextOfTwoVCPUs()
        #expect(context.block(HVMSaveCPULayout.self, type: HVMSaveRecord.cpu, instance: 2) == nil)
        #expect(context.block(HVMSaveMTRRLayout.self, type: HVMSaveRecord.mtrr) == nil)
        // The end is no record.
        #expect(context.block(HVMSaveHeaderLayout.self, type: HVMSaveRecord.end) == nil)
        #expect(SavedContext(HypercallBuffer(byteCount: 0)).records.isEmpty)
        #expect(SavedContext(HypercallBuffer(byteCount: 4096)).records.isEmpty)
    }
    @Test func aBodyBeyondTheBytesEndsTheList() {
        var context = contextOfTwoVCPUs()
        // The second vCPU's length is too large, then its descriptor is cut off, then the first one's body.
        context.buffer.store(UInt32(1041), at: 1076)
        #expect(context.records.count == 2)
        context.buffer.store(UInt32.max, at: 1076)
        #expect(context.records.count == 2)
        context.buffer.keep(first: 1079)
        #expect(context.records.count == 2)
        context.buffer.keep(first: 1071)
        #expect(context.records.count == 1)
    }
    @Test func aShorterOrLongerBodyFillsAsMuchAsThereIs() throws {
        var context = SavedContext(cpuid: 0)
        var short = HypercallBlock<HVMSaveHeaderLayout>()
        short[.magic] = 0x1234_5678
        context.append(short, type: HVMSaveRecord.cpu)
        context.end()
        let cpu = try #require(context.block(HVMSaveCPULayout.self, type: HVMSaveRecord.cpu))
        #expect(cpu.buffer.byteCount == 1032)
        #expect(cpu.buffer.load(at: 0, as: UInt32.self) == 0x1234_5678)
        #expect(cpu.buffer.bytes[24...].allSatisfy { $0 == 0 })
        let head = try #require(context.block(HVMSaveDescriptorLayout.self, type: HVMSaveRecord.cpu))
        #expect(head.buffer.byteCount == 8)
    }
}
