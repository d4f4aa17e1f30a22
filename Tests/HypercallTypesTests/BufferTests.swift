// SPDX-License-Identifier: Apache-2.0
import HypercallTypes
import SharedMemory
import Testing
import XenABI

@Suite struct BufferTests {
    @Test func numbersAreLittleEndianAtAnyOffset() {
        var buffer = HypercallBuffer(byteCount: 11)
        buffer.store(UInt32(0x0102_0304), at: 1)
        buffer.store(Int16(-2), at: 5)
        #expect(buffer.bytes == [0, 4, 3, 2, 1, 0xFE, 0xFF, 0, 0, 0, 0])
        #expect(buffer.load(at: 1, as: UInt32.self) == 0x0102_0304)
        #expect(buffer.load(at: 5, as: Int16.self) == -2)
        buffer.store(UInt64.max - 1, at: 3)
        #expect(buffer.load(at: 3, as: UInt64.self) == UInt64.max - 1)
        #expect(buffer.load(at: 3, as: Int64.self) == -2)
        #expect(buffer.load(at: 10, as: UInt8.self) == 0xFF)
    }
    @Test func keepingMoreThanThereIsChangesNothing() {
        var buffer = HypercallBuffer([1, 2, 3])
        buffer.keep(first: 4)
        #expect(buffer.byteCount == 3)
        buffer.keep(first: 2)
        #expect(buffer.bytes == [1, 2])
        buffer.keep(first: -1)
        #expect(buffer.bytes.isEmpty)
    }
    @Test func fieldsOfABlockLieWhereItStarts() {
        var buffer = HypercallBuffer(byteCount: 8 + MemoryDomainLayout.byteCount)
        buffer[Field<MemoryDomainLayout, UInt16>.domain, at: 8] = 0x7FF0
        #expect(buffer.bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0x7F])
        var block = HypercallBlock<HVMSaveHeaderLayout>()
        #expect(block.buffer.byteCount == 24)
        block[.cpuid] = 7
        #expect(block[.cpuid] == 7 && block[.magic] == 0)
    }
    @Test func aHandlesBytesKeepTheirOrder() {
        var handle = DomainHandle(low: 0, high: 0)
        for index in 0..<16 { handle[index] = UInt8(0xA0 + index) }
        #expect(handle.low == 0xA7A6_A5A4_A3A2_A1A0)
        #expect(handle.high == 0xAFAE_ADAC_ABAA_A9A8)
        for index in 0..<16 { #expect(handle[index] == UInt8(0xA0 + index)) }
        handle[9] = 0
        #expect(handle.high == 0xAFAE_ADAC_ABAA_00A8)
        var buffer = HypercallBuffer(byteCount: DomctlDomainInfoLayout.byteCount)
        for index in 0..<16 { buffer.bytes[76 + index] = UInt8(index) }
        let read = DomainHandle(from: buffer, Field<DomctlDomainInfoLayout, UInt8>.handle, at: 0)
        #expect(read == DomainHandle(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908))
    }
}
