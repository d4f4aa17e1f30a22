// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// I/O ports that exits reach. Dom0 owns the machine's ports, but for those the hypervisor keeps; a DomU has none.
enum GuestPort {
    /// Counter 2 of the interval timer, which is absent, but which kernels measure themselves with.
    private static let timerCounter: UInt16 = 0x42

    /// All ones: nothing is there. The timer's counter stands at 0 instead: Linux looks 50,000 times whether ones move
    /// on (`quick_pit_calibrate`), 30 ms of each boot, and gives a 0 up at once.
    static func read(_ port: UInt16, _ size: Int, _ vcpu: Ref<VirtualCPU>) -> UInt64 {
        port == timerCounter ? 0 : .max
    }

    static func write(_ port: UInt16, _ size: Int, _ value: UInt32, _ vcpu: Ref<VirtualCPU>) {
        // The debug console of Xen guests: a byte to the hypervisor's log.
        if port == 0xe9, size == 1 { Machine.debugByte(UInt8(truncatingIfNeeded: value), vcpu.domain) }
    }
}

/// Device registers in memory: the local APIC's page and Dom0's IO-APICs. Everything else is all ones.
enum DeviceAccess {
    static func perform(
        _ instruction: MemoryInstruction, at address: GuestPhysical, _ vcpu: Ref<VirtualCPU>,
        _ vmcb: ABIView<VMCBLayout>
    ) {
        let registers = vcpu.state.registers
        let size = instruction.byteCount
        let mask: UInt64 = size == 8 ? .max : (1 &<< UInt64(8 &* size)) &- 1
        func value(_ register: Int) -> UInt64 {
            if instruction.isHighByte { return (get(register &- 4, registers, vmcb) &>> 8) & 0xff }
            return get(register, registers, vmcb) & mask
        }
        switch instruction.access {
        case .load(let register, let isSigned):
            var loaded = read(address, size, vcpu) & mask
            if isSigned {
                let shift = UInt64(64 &- 8 &* size)
                loaded = UInt64(bitPattern: Int64(bitPattern: loaded &<< shift) &>> Int64(shift))
            }
            put(loaded, register, instruction, registers, vmcb)
        case .store(let register): write(address, size, value(register), vcpu)
        case .storeImmediate(let immediate): write(address, size, immediate & mask, vcpu)
        case .exchange(let register):
            let old = read(address, size, vcpu) & mask
            write(address, size, value(register), vcpu)
            put(old, register, instruction, registers, vmcb)
        case .combine(let operation, let register, let immediate):
            let left = read(address, size, vcpu) & mask
            let right = (register.map(value) ?? immediate) & mask
            let result: UInt64
            switch operation {
            case .add: result = left &+ right
            case .subtract: result = left &- right
            case .and: result = left & right
            case .or: result = left | right
            case .xor: result = left ^ right
            }
            write(address, size, result & mask, vcpu)
            setFlags(result, left, right, operation, size, vmcb)
        case .test(let register, let immediate):
            let left = read(address, size, vcpu) & mask
            let right = (register.map(value) ?? immediate) & mask
            setFlags(left & right, left, right, .and, size, vmcb)
        case .compare(let register, let immediate, let memoryFirst):
            let memory = read(address, size, vcpu) & mask
            let operand = (register.map(value) ?? immediate) & mask
            let left = memoryFirst ? memory : operand
            let right = memoryFirst ? operand : memory
            setFlags(left &- right, left, right, .subtract, size, vmcb)
        }
    }
    private static func get(
        _ register: Int, _ registers: ABIView<GuestRegistersLayout>, _ vmcb: ABIView<VMCBLayout>
    ) -> UInt64 {
        register == 4 ? vmcb[.rsp] : registers[.numbered(register)]
    }
    private static func put(
        _ value: UInt64, _ register: Int, _ instruction: MemoryInstruction,
        _ registers: ABIView<GuestRegistersLayout>, _ vmcb: ABIView<VMCBLayout>
    ) {
        let number = instruction.isHighByte ? register &- 4 : register
        let old = get(number, registers, vmcb)
        let new: UInt64
        switch instruction.registerBytes {
        case 1:
            new = instruction.isHighByte ? old & ~0xff00 | (value & 0xff) &<< 8 : old & ~0xff | value & 0xff
        case 2: new = old & ~0xffff | value & 0xffff
        case 4: new = value & 0xffff_ffff
        default: new = value
        }
        if number == 4 { vmcb[.rsp] = new } else { registers[.numbered(number)] = new }
    }
    /// CF 0, PF 2, AF 4, ZF 6, SF 7, OF 11. AMD APM vol 1 §3.1.4.
    private static func setFlags(
        _ result: UInt64, _ left: UInt64, _ right: UInt64, _ operation: CombineOperation, _ size: Int,
        _ vmcb: ABIView<VMCBLayout>
    ) {
        let bits = UInt64(8 &* size)
        let mask: UInt64 = size == 8 ? .max : (1 &<< bits) &- 1
        let sign: UInt64 = 1 &<< (bits &- 1)
        var flags = vmcb[.rflags] & ~0x8d5
        let cut = result & mask
        if cut == 0 { flags |= 0x40 }
        if cut & sign != 0 { flags |= 0x80 }
        if (cut & 0xff).nonzeroBitCount & 1 == 0 { flags |= 4 }
        switch operation {
        case .add:
            if cut < left { flags |= 1 }
            if (left ^ cut) & (right ^ cut) & sign != 0 { flags |= 0x800 }
            if (left ^ right ^ cut) & 0x10 != 0 { flags |= 0x10 }
        case .subtract:
            if left < right { flags |= 1 }
            if (left ^ right) & (left ^ cut) & sign != 0 { flags |= 0x800 }
            if (left ^ right ^ cut) & 0x10 != 0 { flags |= 0x10 }
        case .and, .or, .xor: break
        }
        vmcb[.rflags] = flags
    }

    private static func read(_ address: GuestPhysical, _ size: Int, _ vcpu: Ref<VirtualCPU>) -> UInt64 {
        let offset = address.pageOffset
        if vcpu.state.apic.isHardwareEnabled, !vcpu.state.apic.isX2,
            address.frame.rawValue == vcpu.state.apic.baseFrame
        {
            let value = vcpu.state.apic.read(offset / 16, now: vcpu.hypervisor.state.now()) ?? 0
            return UInt64(value) &>> UInt64(8 &* (offset & 3))
        }
        if vcpu.domain.state.isHardwareDomain, let chip = Machine.ioapic(at: address) {
            return UInt64(Machine.readIOAPIC(chip, offset & 0xff))
        }
        return .max
    }
    private static func write(_ address: GuestPhysical, _ size: Int, _ value: UInt64, _ vcpu: Ref<VirtualCPU>)
    {
        let offset = address.pageOffset
        if vcpu.state.apic.isHardwareEnabled, !vcpu.state.apic.isX2,
            address.frame.rawValue == vcpu.state.apic.baseFrame
        {
            if offset & 15 == 0 { _ = vcpu.writeAPIC(offset / 16, UInt32(truncatingIfNeeded: value)) }
            return
        }
        if vcpu.domain.state.isHardwareDomain, let chip = Machine.ioapic(at: address) {
            Machine.writeIOAPIC(chip, offset & 0xff, UInt32(truncatingIfNeeded: value))
        }
    }
}
