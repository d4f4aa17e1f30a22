// SPDX-License-Identifier: Apache-2.0
import XenABI

/// The saved records that put a new domain's vCPU 0 at a PVH kernel's entry, and give every vCPU its memory types.
///
/// 32-bit protected mode without paging, flat segments, EBX at start info. Source: Xen docs/misc/pvh.pandoc;
/// public/arch-x86/hvm/save.h.
enum FirstContext {
    /// - Parameters:
    ///   - entry: guest-physical address of the kernel's first instruction.
    ///   - startInfo: guest-physical address of start info.
    static func records(entry: UInt64, startInfo: UInt64, vcpuCount: Int) -> [UInt8] {
        var writer = ByteWriter()
        let header = begin(&writer, HVMSaveRecord.header, 0, HVMSaveHeaderLayout.byteCount)
        writer.set(Field<HVMSaveHeaderLayout, UInt32>.magic, HVMSaveMagic.value, start: header)
        writer.set(Field<HVMSaveHeaderLayout, UInt32>.version, HVMSaveMagic.version, start: header)
        for vcpu in 0..<vcpuCount { addMemoryTypes(&writer, vcpu) }
        addRegisters(&writer, entry, startInfo)
        _ = begin(&writer, HVMSaveRecord.end, 0, 0)
        return writer.bytes
    }

    /// Adds a descriptor and a cleared body; returns where the body starts.
    private static func begin(_ writer: inout ByteWriter, _ type: UInt16, _ instance: Int, _ size: Int) -> Int
    {
        writer.append(type)
        writer.append(UInt16(instance))
        writer.append(UInt32(size))
        writer.append(zeros: size)
        return writer.count - size
    }

    private static func addMemoryTypes(_ writer: inout ByteWriter, _ vcpu: Int) {
        let start = begin(&writer, HVMSaveRecord.mtrr, vcpu, HVMSaveMTRRLayout.byteCount)
        // Reset value of the PAT; Intel SDM vol 3 §12.12.4.
        writer.set(Field<HVMSaveMTRRLayout, UInt64>.pat, 0x0007_0406_0007_0406, start: start)
        // Eight variable ranges, fixed ranges, write combining.
        writer.set(Field<HVMSaveMTRRLayout, UInt64>.capability, 1 << 10 | 1 << 8 | 8, start: start)
        // Enabled, everything write-back.
        writer.set(Field<HVMSaveMTRRLayout, UInt64>.defaultType, 1 << 11 | 6, start: start)
    }

    private static func addRegisters(_ writer: inout ByteWriter, _ entry: UInt64, _ startInfo: UInt64) {
        let start = begin(&writer, HVMSaveRecord.cpu, 0, HVMSaveCPULayout.byteCount)
        func set(_ field: Field<HVMSaveCPULayout, UInt64>, _ value: UInt64) {
            writer.set(field, value, start: start)
        }
        func set(_ field: Field<HVMSaveCPULayout, UInt32>, _ value: UInt32) {
            writer.set(field, value, start: start)
        }
        set(.rip, entry)
        set(.rbx, startInfo)
        set(.rflags, 1 << 1)  // The bit that is always one.
        set(.cr0, 1 << 0 | 1 << 4)  // PE, ET
        set(.dr6, 0xffff_0ff0)
        set(.dr7, 0x400)
        set(.csLimit, .max)
        set(.dsLimit, .max)
        set(.esLimit, .max)
        set(.ssLimit, .max)
        set(.trLimit, 0x67)
        set(.csAttributes, 0xc9b)
        set(.dsAttributes, 0xc93)
        set(.esAttributes, 0xc93)
        set(.ssAttributes, 0xc93)
        set(.trAttributes, 0x8b)
    }
}
