// SPDX-License-Identifier: Apache-2.0

/// What a decoded instruction does to its memory operand.
public enum MemoryAccess: BitwiseCopyable, Equatable, Sendable {
    /// Loads into the register, zero- or sign-extended to `registerBytes`.
    case load(register: Int, isSigned: Bool)
    /// Stores the register.
    case store(register: Int)
    case storeImmediate(UInt64)
    /// Exchanges with the register.
    case exchange(register: Int)
    /// AND, OR, XOR, ADD, SUB of register or immediate with memory; flags are set from the result.
    case combine(CombineOperation, register: Int?, immediate: UInt64)
    /// AND of memory and operand, for the flags only.
    case test(register: Int?, immediate: UInt64)
    /// Compares memory with operand, for the flags only; `memoryFirst`: memory minus operand.
    case compare(register: Int?, immediate: UInt64, memoryFirst: Bool)
}

public enum CombineOperation: UInt8, BitwiseCopyable, Sendable {
    case add = 0, or = 1, and = 4, subtract = 5, xor = 6
}

/// An instruction with one memory operand, as a nested page fault on a device page meets it.
public struct MemoryInstruction: BitwiseCopyable, Equatable, Sendable {
    public var length: Int
    /// Bytes moved from or to memory: 1, 2, 4 or 8.
    public var byteCount: Int
    /// Bytes of the register written by a load.
    public var registerBytes: Int
    /// True for AH, CH, DH and BH, which old 8-bit encodings name as registers 4 to 7.
    public var isHighByte: Bool
    public var access: MemoryAccess
}

/// Decodes the few instruction forms that kernels use on device registers. No memory access, no trap; anything else is nil.
/// AMD APM vol 3 §1.2, Appendix A.
public struct InstructionDecoder: ~Copyable {
    private let bytes: InlineArray<16, UInt8>
    private let count: Int
    private var at = 0

    /// - Parameter count: how many of `bytes` could be read, at most 15.
    public init(_ bytes: InlineArray<16, UInt8>, count: Int) {
        self.bytes = bytes
        self.count = min(max(count, 0), 15)
    }
    private mutating func next() -> UInt8? {
        guard at < count else { return nil }
        at &+= 1
        return bytes[at &- 1]
    }
    private mutating func number(_ byteCount: Int) -> UInt64? {
        var value: UInt64 = 0
        var index = 0
        while index < byteCount {
            guard let byte = next() else { return nil }
            value |= UInt64(byte) &<< UInt64(8 &* index)
            index &+= 1
        }
        return value
    }
    /// An immediate operand, sign-extended from at most four bytes.
    private mutating func immediate(_ operandBytes: Int) -> UInt64? {
        let width = min(operandBytes, 4)
        guard let value = number(width) else { return nil }
        let shift = UInt64(64 &- 8 &* width)
        return UInt64(bitPattern: Int64(bitPattern: value &<< shift) &>> Int64(shift))
    }

    /// - Parameters:
    ///   - isLongMode: 64-bit code.
    ///   - is32Bit: default operand and address size of 32 bits (else 16) outside 64-bit code.
    public mutating func decode(isLongMode: Bool, is32Bit: Bool) -> MemoryInstruction? {
        var operandPrefix = false
        var addressPrefix = false
        var rex: UInt8 = 0
        var opcode: UInt8 = 0
        prefixes: while true {
            guard let byte = next() else { return nil }
            switch byte {
            case 0x66: operandPrefix = true
            case 0x67: addressPrefix = true
            case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0: break
            case 0x40...0x4f where isLongMode:
                rex = byte
                guard let following = next() else { return nil }
                opcode = following
                break prefixes
            default:
                opcode = byte
                break prefixes
            }
        }
        var operandBytes = isLongMode || is32Bit ? (operandPrefix ? 2 : 4) : (operandPrefix ? 4 : 2)
        if rex & 8 != 0 { operandBytes = 8 }
        let has16BitAddress = !isLongMode && (is32Bit == addressPrefix)

        if opcode == 0xa0 || opcode == 0xa1 || opcode == 0xa2 || opcode == 0xa3 {
            let width = isLongMode ? (addressPrefix ? 4 : 8) : (has16BitAddress ? 2 : 4)
            guard number(width) != nil else { return nil }
            let size = opcode & 1 == 0 ? 1 : operandBytes
            return make(
                size, size, 0, opcode < 0xa2 ? .load(register: 0, isSigned: false) : .store(register: 0), rex)
        }
        var secondByte = false
        if opcode == 0x0f {
            guard let byte = next() else { return nil }
            opcode = byte
            secondByte = true
        }
        guard let modrm = next() else { return nil }
        let mod = modrm &>> 6
        guard mod != 3 else { return nil }
        let register = Int((modrm &>> 3) & 7) | (rex & 4 != 0 ? 8 : 0)
        guard skipAddress(mod, modrm & 7, has16BitAddress) else { return nil }

        if secondByte {
            switch opcode {
            case 0xb6, 0xbe:
                return make(
                    1, operandBytes, register, .load(register: register, isSigned: opcode == 0xbe), rex,
                    byteRegister: false)
            case 0xb7, 0xbf:
                return make(
                    2, operandBytes, register, .load(register: register, isSigned: opcode == 0xbf), rex,
                    byteRegister: false)
            default: return nil
            }
        }
        let size = opcode & 1 == 0 ? 1 : operandBytes
        switch opcode {
        case 0x88, 0x89: return make(size, size, register, .store(register: register), rex)
        case 0x8a, 0x8b: return make(size, size, register, .load(register: register, isSigned: false), rex)
        case 0x86, 0x87: return make(size, size, register, .exchange(register: register), rex)
        case 0x63 where isLongMode:
            return make(
                4, operandBytes, register, .load(register: register, isSigned: true), rex, byteRegister: false
            )
        case 0xc6, 0xc7:
            guard register & 7 == 0, let value = immediate(size) else { return nil }
            return make(size, size, 0, .storeImmediate(value), rex, byteRegister: false)
        case 0x84, 0x85: return make(size, size, register, .test(register: register, immediate: 0), rex)
        case 0xf6, 0xf7:
            guard register & 7 <= 1, let value = immediate(size) else { return nil }
            return make(size, size, 0, .test(register: nil, immediate: value), rex, byteRegister: false)
        case 0x38, 0x39:
            return make(
                size, size, register, .compare(register: register, immediate: 0, memoryFirst: true), rex)
        case 0x3a, 0x3b:
            return make(
                size, size, register, .compare(register: register, immediate: 0, memoryFirst: false), rex)
        case 0x00, 0x01, 0x08, 0x09, 0x20, 0x21, 0x28, 0x29, 0x30, 0x31:
            guard let operation = CombineOperation(rawValue: opcode &>> 3) else { return nil }
            return make(size, size, register, .combine(operation, register: register, immediate: 0), rex)
        case 0x80, 0x81, 0x83:
            guard let value = immediate(opcode == 0x81 ? size : 1) else { return nil }
            if register & 7 == 7 {
                return make(
                    size, size, 0, .compare(register: nil, immediate: value, memoryFirst: true), rex,
                    byteRegister: false)
            }
            guard let operation = CombineOperation(rawValue: UInt8(register & 7)) else { return nil }
            return make(
                size, size, 0, .combine(operation, register: nil, immediate: value), rex, byteRegister: false)
        default: return nil
        }
    }
    /// MOV to CR8, as `mov cr8, r` or by a LOCK prefix before `mov cr0, r` (APM vol 3, MOV CRn): the general register and the
    /// length.
    public mutating func decodeTaskPriorityWrite(isLongMode: Bool) -> (register: Int, length: Int)? {
        var rex: UInt8 = 0
        var isLocked = false
        var opcode: UInt8 = 0
        prefixes: while true {
            guard let byte = next() else { return nil }
            switch byte {
            case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3: break
            case 0xf0: isLocked = true
            case 0x40...0x4f where isLongMode:
                rex = byte
                guard let following = next() else { return nil }
                opcode = following
                break prefixes
            default:
                opcode = byte
                break prefixes
            }
        }
        guard opcode == 0x0f, next() == 0x22, let modrm = next() else { return nil }
        let control = Int((modrm &>> 3) & 7) | (rex & 4 != 0 || isLocked ? 8 : 0)
        guard control == 8 else { return nil }
        return (Int(modrm & 7) | (rex & 1 != 0 ? 8 : 0), at)
    }
    private func make(
        _ byteCount: Int, _ registerBytes: Int, _ register: Int, _ access: MemoryAccess, _ rex: UInt8,
        byteRegister: Bool = true
    ) -> MemoryInstruction {
        MemoryInstruction(
            length: at, byteCount: byteCount, registerBytes: registerBytes,
            isHighByte: byteRegister && byteCount == 1 && rex == 0 && register >= 4 && register < 8,
            access: access)
    }
    private mutating func skipAddress(_ mod: UInt8, _ rm: UInt8, _ has16BitAddress: Bool) -> Bool {
        if has16BitAddress {
            if mod == 1 { return number(1) != nil }
            if mod == 2 || rm == 6 { return number(2) != nil }
            return true
        }
        var base = rm
        if rm == 4 {
            guard let sib = next() else { return false }
            base = sib & 7
        }
        if mod == 1 { return number(1) != nil }
        if mod == 2 || (mod == 0 && base == 5) { return number(4) != nil }
        return true
    }
}
