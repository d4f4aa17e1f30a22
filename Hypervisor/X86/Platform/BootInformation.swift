// SPDX-License-Identifier: Apache-2.0
import SharedMemory

/// A range of machine memory and its E820 type (1 RAM, 2 reserved, 3 ACPI, 4 NVS, 5 unusable).
public struct MemoryRange: BitwiseCopyable, Sendable {
    public var start: UInt64
    public var byteCount: UInt64
    public var type: UInt32
    var end: UInt64 { start &+ byteCount }
}

/// A file the boot loader put into memory.
public struct BootModule: BitwiseCopyable, Sendable {
    public var start: UInt64 = 0
    public var byteCount: UInt64 = 0
    /// Machine address of its NUL-terminated command line, 0: none.
    public var commandLine: UInt64 = 0
}

/// What the boot loader told: Multiboot 1 §3.3, Multiboot 2 §3.6, or Xen's hvm_start_info, in one form.
public struct BootInformation: ~Copyable {
    /// In order of start. 128 at most.
    public let ranges: FixedArray<MemoryRange>
    public private(set) var rangeCount = 0
    public private(set) var modules: InlineArray<8, BootModule> = InlineArray(repeating: BootModule())
    public private(set) var moduleCount = 0
    public private(set) var commandLine: UInt64 = 0
    public private(set) var rsdp: UInt64 = 0
    public private(set) var protocolName: StaticString = "none"
    public init(ranges: FixedArray<MemoryRange>) { self.ranges = ranges }

    private mutating func add(_ start: UInt64, _ byteCount: UInt64, _ type: UInt32) {
        guard rangeCount < ranges.count, byteCount > 0, start &+ byteCount > start else { return }
        var index = rangeCount
        while index > 0, ranges[index &- 1].start > start {
            ranges[index] = ranges[index &- 1]
            index &-= 1
        }
        ranges[index] = MemoryRange(start: start, byteCount: byteCount, type: type)
        rangeCount &+= 1
    }
    private mutating func addModule(_ start: UInt64, _ end: UInt64, _ commandLine: UInt64) {
        guard moduleCount < 8, end >= start else { return }
        modules[moduleCount] = BootModule(start: start, byteCount: end &- start, commandLine: commandLine)
        moduleCount &+= 1
    }

    /// Reads what the entry code saved. False: the loader's protocol is unknown.
    public mutating func read(magic: UInt32, address: UInt64, memory: BootMemory) -> Bool {
        switch magic {
        case 0x2BAD_B002:
            protocolName = "Multiboot 1"
            readMultiboot1(address, memory)
        case 0x36D7_6289:
            protocolName = "Multiboot 2"
            readMultiboot2(address, memory)
        case 0x336e_c578:
            protocolName = "PVH"
            readStartInfo(address, memory)
        default: return false
        }
        return rangeCount > 0
    }
    private mutating func readMultiboot1(_ info: UInt64, _ memory: BootMemory) {
        let flags = memory.u32(info)
        if flags & 4 != 0 { commandLine = UInt64(memory.u32(info &+ 16)) }
        if flags & 8 != 0 {
            let count = min(memory.u32(info &+ 20), 8)
            let list = UInt64(memory.u32(info &+ 24))
            var index: UInt64 = 0
            while index < UInt64(count) {
                let entry = list &+ index &* 16
                addModule(
                    UInt64(memory.u32(entry)), UInt64(memory.u32(entry &+ 4)), UInt64(memory.u32(entry &+ 8)))
                index &+= 1
            }
        }
        if flags & 64 != 0 {
            let end = UInt64(memory.u32(info &+ 48)) &+ UInt64(memory.u32(info &+ 44))
            var entry = UInt64(memory.u32(info &+ 48))
            while entry < end {
                let size = memory.u32(entry)
                guard size >= 20 else { break }
                add(memory.u64(entry &+ 4), memory.u64(entry &+ 12), memory.u32(entry &+ 20))
                entry &+= UInt64(size) &+ 4
            }
        }
    }
    private mutating func readMultiboot2(_ info: UInt64, _ memory: BootMemory) {
        let end = info &+ UInt64(memory.u32(info))
        var tag = info &+ 8
        while tag &+ 8 <= end {
            let type = memory.u32(tag)
            let size = UInt64(memory.u32(tag &+ 4))
            guard type != 0, size >= 8 else { break }
            switch type {
            case 1: commandLine = tag &+ 8
            case 3: addModule(UInt64(memory.u32(tag &+ 8)), UInt64(memory.u32(tag &+ 12)), tag &+ 16)
            case 6:
                let step = UInt64(memory.u32(tag &+ 8))
                guard step >= 24 else { break }
                var entry = tag &+ 16
                while entry &+ 24 <= tag &+ size {
                    add(memory.u64(entry), memory.u64(entry &+ 8), memory.u32(entry &+ 16))
                    entry &+= step
                }
            case 14: if rsdp == 0 { rsdp = tag &+ 8 }
            case 15: rsdp = tag &+ 8
            default: break
            }
            tag = (tag &+ size &+ 7) & ~7
        }
    }
    private mutating func readStartInfo(_ info: UInt64, _ memory: BootMemory) {
        commandLine = memory.u64(info &+ 24)
        rsdp = memory.u64(info &+ 32)
        let count = min(memory.u32(info &+ 12), 8)
        var index: UInt64 = 0
        while index < UInt64(count) {
            let entry = memory.u64(info &+ 16) &+ index &* 32
            let start = memory.u64(entry)
            addModule(start, start &+ memory.u64(entry &+ 8), memory.u64(entry &+ 16))
            index &+= 1
        }
        guard memory.u32(info &+ 4) >= 1 else { return }
        let entries = min(memory.u32(info &+ 48), 128)
        index = 0
        while index < UInt64(entries) {
            let entry = memory.u64(info &+ 40) &+ index &* 24
            add(memory.u64(entry), memory.u64(entry &+ 8), memory.u32(entry &+ 16))
            index &+= 1
        }
    }
    /// True if the whole frame is RAM.
    public func isRAM(frame: UInt64) -> Bool {
        let start = frame &<< 12
        var index = 0
        while index < rangeCount {
            let range = ranges[index]
            if range.type == 1, range.start <= start, start &+ 4096 <= range.end { return true }
            index &+= 1
        }
        return false
    }
    /// True if any byte of the frame is RAM.
    public func touchesRAM(frame: UInt64) -> Bool {
        let start = frame &<< 12
        var index = 0
        while index < rangeCount {
            let range = ranges[index]
            if range.type == 1, range.start < start &+ 4096, start < range.end { return true }
            index &+= 1
        }
        return false
    }
    /// One past the last RAM byte.
    public var endOfRAM: UInt64 {
        var end: UInt64 = 0
        var index = 0
        while index < rangeCount {
            if ranges[index].type == 1 { end = max(end, ranges[index].end) }
            index &+= 1
        }
        return end & ~0xfff
    }
}
