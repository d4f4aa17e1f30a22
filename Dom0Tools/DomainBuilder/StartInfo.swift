// SPDX-License-Identifier: Apache-2.0
import LinuxXen
import XenABI

/// What EBX points at when the guest starts, with everything behind the pointers. Xen public/arch-x86/hvm/start_info.h.
struct StartInfo {
    var commandLine: String
    /// Address and size of the ramdisk, if there is one.
    var ramdisk: (address: UInt64, byteCount: UInt64)?
    var rootPointer: UInt64
    var memoryMap: [MemoryRange]

    /// Bytes that `encode` makes for these values.
    static func byteCount(commandLine: String, mapCount: Int) -> UInt64 {
        UInt64(
            64 + ModuleListEntryLayout.byteCount + mapCount * MemoryMapTableEntryLayout.byteCount
                + commandLine.utf8.count + 1)
    }

    /// The block as it stands at `address`.
    func encode(at address: UInt64) -> [UInt8] {
        let moduleList = 64
        let map = moduleList + ModuleListEntryLayout.byteCount
        let text = map + memoryMap.count * MemoryMapTableEntryLayout.byteCount
        var writer = ByteWriter(zeros: text)
        writer.set(Field<StartInfoLayout, UInt32>.magic, StartInfoMagic.value)
        writer.set(Field<StartInfoLayout, UInt32>.version, 1)
        if let ramdisk {
            writer.set(Field<StartInfoLayout, UInt32>.moduleCount, 1)
            writer.set(Field<StartInfoLayout, UInt64>.moduleList, address + UInt64(moduleList))
            writer.set(Field<ModuleListEntryLayout, UInt64>.address, ramdisk.address, start: moduleList)
            writer.set(Field<ModuleListEntryLayout, UInt64>.size, ramdisk.byteCount, start: moduleList)
        }
        writer.set(Field<StartInfoLayout, UInt64>.commandLine, address + UInt64(text))
        writer.set(Field<StartInfoLayout, UInt64>.rsdp, rootPointer)
        writer.set(Field<StartInfoLayout, UInt64>.memoryMap, address + UInt64(map))
        writer.set(Field<StartInfoLayout, UInt32>.memoryMapCount, UInt32(memoryMap.count))
        for (index, range) in memoryMap.enumerated() {
            let start = map + index * MemoryMapTableEntryLayout.byteCount
            writer.set(Field<MemoryMapTableEntryLayout, UInt64>.address, range.address, start: start)
            writer.set(Field<MemoryMapTableEntryLayout, UInt64>.size, range.byteCount, start: start)
            writer.set(Field<MemoryMapTableEntryLayout, UInt32>.type, range.type, start: start)
        }
        writer.append(Array(commandLine.utf8))
        writer.append(UInt8(0))
        return writer.bytes
    }
}
