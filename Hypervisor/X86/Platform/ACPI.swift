// SPDX-License-Identifier: Apache-2.0

/// What the hypervisor needs of the firmware's tables. ACPI specification 6.4 §5.2.
public struct ACPI: BitwiseCopyable {
    public var rsdp: UInt64 = 0
    var xsdt: UInt64 = 0
    var rsdt: UInt64 = 0
    var madt: UInt64 = 0
    var fadt: UInt64 = 0
    public var pm1aControl: UInt16 = 0
    public var pm1bControl: UInt16 = 0
    public var powerManagementTimer: UInt16 = 0
    /// SLP_TYP values of \_S5, or nil if the DSDT has none in the usual form.
    public var sleepTypeA: UInt8?
    public var sleepTypeB: UInt8 = 0
    public var resetPort: UInt16 = 0
    public var resetValue: UInt8 = 0
    public var cpuCount: UInt32 = 0

    /// Finds the tables from `hint` (0: search the BIOS area).
    public init(hint: UInt64, memory: BootMemory) {
        var candidate = hint
        if candidate == 0 || !Self.isRSDP(candidate, memory) {
            candidate = 0
            var address: UInt64 = 0xe0000
            while address < 0x100000 {
                if Self.isRSDP(address, memory) {
                    candidate = address
                    break
                }
                address &+= 16
            }
        }
        guard candidate != 0 else { return }
        rsdp = candidate
        rsdt = UInt64(memory.u32(candidate &+ 16))
        if memory.u8(candidate &+ 15) >= 2 { xsdt = memory.u64(candidate &+ 24) }
        var index: UInt32 = 0
        while let table = table(index, memory) {
            switch memory.u32(table) {
            case 0x4349_5041: madt = table  // "APIC"
            case 0x5043_4146: fadt = table  // "FACP"
            default: break
            }
            index &+= 1
        }
        readFADT(memory)
        forEachMADTEntry(memory) { type, _ in if type == 0 || type == 9 { cpuCount &+= 1 } }
    }
    private static func isRSDP(_ address: UInt64, _ memory: BootMemory) -> Bool {
        memory.u64(address) == 0x2052_5450_2044_5352  // "RSD PTR "
    }
    /// The `index`th table of the root table, or nil behind the last.
    func table(_ index: UInt32, _ memory: BootMemory) -> UInt64? {
        let root = xsdt != 0 ? xsdt : rsdt
        guard root != 0 else { return nil }
        let length = memory.u32(root &+ 4)
        guard length >= 36, length < 0x10000 else { return nil }
        let width: UInt32 = xsdt != 0 ? 8 : 4
        guard index < (length &- 36) / width else { return nil }
        let entry = root &+ 36 &+ UInt64(index &* width)
        return xsdt != 0 ? memory.u64(entry) : UInt64(memory.u32(entry))
    }
    private mutating func readFADT(_ memory: BootMemory) {
        guard fadt != 0 else { return }
        pm1aControl = UInt16(truncatingIfNeeded: memory.u32(fadt &+ 64))
        pm1bControl = UInt16(truncatingIfNeeded: memory.u32(fadt &+ 68))
        powerManagementTimer = UInt16(truncatingIfNeeded: memory.u32(fadt &+ 76))
        if memory.u32(fadt &+ 4) >= 129, memory.u32(fadt &+ 112) & (1 << 10) != 0, memory.u8(fadt &+ 116) == 1
        {
            resetPort = UInt16(truncatingIfNeeded: memory.u64(fadt &+ 120))
            resetValue = memory.u8(fadt &+ 128)
        }
        var dsdt = UInt64(memory.u32(fadt &+ 40))
        if dsdt == 0 { dsdt = memory.u64(fadt &+ 140) }
        guard dsdt != 0 else { return }
        let length = UInt64(memory.u32(dsdt &+ 4))
        guard length > 44, length < 1 << 20 else { return }
        var at = dsdt &+ 36
        while at < dsdt &+ length &- 8 {
            // Name (_S5_, Package () { a, b, … }): 08 5F 53 35 5F 12 length count values
            if memory.u32(at) == 0x5f35_535f, memory.u8(at &+ 4) == 0x12 {
                var cursor = at &+ 5
                cursor &+= UInt64(memory.u8(cursor) &>> 6) &+ 1
                cursor &+= 1
                sleepTypeA = Self.integer(&cursor, memory)
                sleepTypeB = Self.integer(&cursor, memory)
                return
            }
            at &+= 1
        }
    }
    private static func integer(_ cursor: inout UInt64, _ memory: BootMemory) -> UInt8 {
        let byte = memory.u8(cursor)
        if byte == 0x0a {
            cursor &+= 2
            return memory.u8(cursor &- 1)
        }
        cursor &+= 1
        return byte <= 1 ? byte : 0
    }
    /// Calls `body` with type and address of each interrupt-controller structure.
    func forEachMADTEntry(_ memory: BootMemory, _ body: (UInt8, UInt64) -> Void) {
        guard madt != 0 else { return }
        let end = madt &+ UInt64(memory.u32(madt &+ 4))
        var entry = madt &+ 44
        while entry &+ 2 <= end {
            let length = memory.u8(entry &+ 1)
            guard length >= 2 else { return }
            body(memory.u8(entry), entry)
            entry &+= UInt64(length)
        }
    }
}
