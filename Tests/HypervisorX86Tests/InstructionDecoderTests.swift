// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HypervisorX86

private func decode(_ bytes: [UInt8], isLongMode: Bool = true, is32Bit: Bool = false) -> MemoryInstruction? {
    var block: InlineArray<16, UInt8> = InlineArray(repeating: 0x90)
    for (index, byte) in bytes.prefix(15).enumerated() { block[index] = byte }
    var decoder = InstructionDecoder(block, count: bytes.count)
    return decoder.decode(isLongMode: isLongMode, is32Bit: is32Bit)
}

struct InstructionDecoderTests {
    struct Case: CustomTestStringConvertible {
        let bytes: [UInt8]
        let size: Int
        let access: MemoryAccess
        var testDescription: String { bytes.map { String($0, radix: 16) }.joined(separator: " ") }
    }
    /// Encodings as an assembler gives them.
    static let cases = [
        Case(bytes: [0x8b, 0x07], size: 4, access: .load(register: 0, isSigned: false)),  // mov eax, [rdi]
        Case(bytes: [0x89, 0x07], size: 4, access: .store(register: 0)),  // mov [rdi], eax
        Case(bytes: [0x48, 0x8b, 0x4f, 0x10], size: 8, access: .load(register: 1, isSigned: false)),
        Case(bytes: [0x44, 0x8b, 0x00], size: 4, access: .load(register: 8, isSigned: false)),
        Case(bytes: [0x66, 0x89, 0x1c, 0x24], size: 2, access: .store(register: 3)),  // mov [rsp], bx
        Case(
            bytes: [0x8b, 0x04, 0x25, 0x20, 0, 0xe0, 0xfe], size: 4,
            access: .load(register: 0, isSigned: false)),
        // [rip+…]
        Case(bytes: [0x8b, 0x05, 1, 2, 3, 4], size: 4, access: .load(register: 0, isSigned: false)),
        Case(bytes: [0xc7, 0x07, 0x78, 0x56, 0x34, 0x12], size: 4, access: .storeImmediate(0x1234_5678)),
        Case(bytes: [0xc6, 0x07, 0xff], size: 1, access: .storeImmediate(.max)),
        Case(bytes: [0x0f, 0xb6, 0x07], size: 1, access: .load(register: 0, isSigned: false)),
        Case(bytes: [0x0f, 0xbf, 0x07], size: 2, access: .load(register: 0, isSigned: true)),
        Case(bytes: [0x48, 0x63, 0x07], size: 4, access: .load(register: 0, isSigned: true)),
        Case(bytes: [0x87, 0x07], size: 4, access: .exchange(register: 0)),
        Case(bytes: [0xf7, 0x07, 0, 0x10, 0, 0], size: 4, access: .test(register: nil, immediate: 0x1000)),
        Case(
            bytes: [0x83, 0x3f, 0xff], size: 4,
            access: .compare(register: nil, immediate: .max, memoryFirst: true)),
        Case(bytes: [0x3b, 0x07], size: 4, access: .compare(register: 0, immediate: 0, memoryFirst: false)),
        Case(bytes: [0xf0, 0x83, 0x0f, 0x01], size: 4, access: .combine(.or, register: nil, immediate: 1)),
        Case(bytes: [0x21, 0x07], size: 4, access: .combine(.and, register: 0, immediate: 0)),
    ]
    @Test(arguments: cases) func decodesLengthSizeAndAccess(_ c: Case) {
        let instruction = decode(c.bytes)
        #expect(instruction?.length == c.bytes.count)
        #expect(instruction?.byteCount == c.size)
        #expect(instruction?.access == c.access)
    }
    @Test(arguments: cases) func refusesEveryPrefixOfAnInstruction(_ c: Case) {
        for count in 0..<c.bytes.count { #expect(decode(Array(c.bytes.prefix(count))) == nil) }
    }
    @Test func tellsOldHighByteRegisters() {
        #expect(decode([0x88, 0x27])?.isHighByte == true)  // mov [rdi], ah
        #expect(decode([0x40, 0x88, 0x27])?.isHighByte == false)  // mov [rdi], spl
    }
    @Test func knowsSixteenBitAddressing() {
        #expect(decode([0x8b, 0x06, 0x34, 0x12], isLongMode: false, is32Bit: false)?.length == 4)
        #expect(decode([0x8b, 0x06, 0x34, 0x12], isLongMode: false, is32Bit: false)?.byteCount == 2)
        #expect(decode([0x8b, 0x06], isLongMode: false, is32Bit: true)?.length == 2)
    }
    @Test func refusesWhatIsNotEmulated() {
        #expect(decode([0x8b, 0xc7]) == nil)  // register operand
        #expect(decode([0x0f, 0x28, 0x07]) == nil)  // movaps
        #expect(decode([0xff, 0x07]) == nil)
        #expect(decode([UInt8](repeating: 0x66, count: 15)) == nil)
    }
    @Test func neverTrapsOnAnyBytes() {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        var decoded = 0
        for _ in 0..<200_000 {
            let bytes = (0..<15).map { _ in next() }
            if let instruction = decode(bytes, isLongMode: next() & 1 == 0, is32Bit: next() & 1 == 0) {
                decoded += 1
                #expect(instruction.length <= 15 && [1, 2, 4, 8].contains(instruction.byteCount))
            }
        }
        #expect(decoded > 1000)
    }
    @Test(
        arguments: [
            ([0x44, 0x0f, 0x22, 0xc0], 0), ([0x44, 0x0f, 0x22, 0xc4], 4), ([0x45, 0x0f, 0x22, 0xc7], 15),
            ([0x4c, 0x0f, 0x22, 0x00], 0), ([0x66, 0x44, 0x0f, 0x22, 0xc1], 1),
            ([0xf0, 0x0f, 0x22, 0xc3], 3),
        ] as [([UInt8], Int)])
    func decodesWritesToCR8(_ bytes: [UInt8], _ register: Int) {
        for count in 0...bytes.count {
            var block: InlineArray<16, UInt8> = InlineArray(repeating: 0x90)
            for (index, byte) in bytes.prefix(count).enumerated() { block[index] = byte }
            var decoder = InstructionDecoder(block, count: count)
            let found = decoder.decodeTaskPriorityWrite(isLongMode: true)
            #expect(found?.register == (count == bytes.count ? register : nil))
            #expect(found == nil || found?.length == bytes.count)
        }
    }
    @Test func knowsNoOtherWritesToControlRegisters() {
        for bytes: [UInt8] in [
            [0x0f, 0x22, 0xc0], [0x44, 0x0f, 0x20, 0xc0], [0x44, 0x0f, 0x22, 0xd8], [0x90, 0x44, 0x0f, 0x22],
            [0x44, 0x66, 0x0f, 0x22, 0xc0],
        ] {
            var block: InlineArray<16, UInt8> = InlineArray(repeating: 0x90)
            for (index, byte) in bytes.enumerated() { block[index] = byte }
            var decoder = InstructionDecoder(block, count: bytes.count)
            #expect(decoder.decodeTaskPriorityWrite(isLongMode: true) == nil)
        }
    }
}
