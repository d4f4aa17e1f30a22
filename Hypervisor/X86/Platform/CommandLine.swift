// SPDX-License-Identifier: Apache-2.0
import SharedMemory

/// The hypervisor's options. Docs/GettingStarted.md lists them for users.
public struct CommandLine: BitwiseCopyable, Sendable {
    /// `console=com1|com2|none`
    public var consolePort: UInt16 = 0x3f8
    /// `dom0_mem=SIZE`, in bytes; 0: half of the machine's memory.
    public var dom0Memory: UInt64 = 0
    /// `dom0_max_vcpus=N`
    public var dom0VCPUs: UInt32 = 1
    /// `loglvl=` and `guest_loglvl=`: error, warning, info, debug (0 to 3).
    public var logLevel: UInt8 = 2
    public var guestLogLevel: UInt8 = 2
    /// `trace`: keep trace records from the start.
    public var traces = false
    public init() {}

    /// Reads a NUL-terminated line. `complain` gets the start and length of each option that is unknown or malformed.
    public mutating func parse(
        at address: UInt64, memory: BootMemory, complain: (UInt64, Int, StaticString) -> Void
    ) {
        guard address != 0 else { return }
        var at = address
        var isFirst = true
        while true {
            while memory.u8(at) == 32 { at &+= 1 }
            guard memory.u8(at) != 0, at &- address < 4096 else { return }
            var length = 0
            while memory.u8(at &+ UInt64(length)) > 32 { length &+= 1 }
            if length == 0 { length = 1 }
            var nameLength = 0
            while nameLength < length, memory.u8(at &+ UInt64(nameLength)) != 61 { nameLength &+= 1 }
            let value = nameLength < length ? at &+ UInt64(nameLength) &+ 1 : 0
            let valueLength = nameLength < length ? length &- nameLength &- 1 : 0
            let reader = OptionReader(
                memory: memory, name: at, nameLength: nameLength, value: value, valueLength: valueLength)
            if let problem = apply(reader, isFirst: isFirst) { complain(at, length, problem) }
            isFirst = false
            at &+= UInt64(length)
        }
    }
    private mutating func apply(_ option: OptionReader, isFirst: Bool) -> StaticString? {
        if option.isNamed("console") {
            if option.hasValue("com1") || option.hasValue("vga,com1") || option.hasValue("com1,vga") {
                consolePort = 0x3f8
            } else if option.hasValue("com2") {
                consolePort = 0x2f8
            } else if option.hasValue("none") {
                consolePort = 0
            } else {
                return "takes com1, com2 or none"
            }
        } else if option.isNamed("dom0_mem") {
            guard let size = option.size, size >= 32 << 20 else {
                return "takes a size of at least 32M, like 512M or 2G"
            }
            dom0Memory = size
        } else if option.isNamed("dom0_max_vcpus") {
            guard let count = option.number, count >= 1, count <= 128 else {
                return "takes a number from 1 to 128"
            }
            dom0VCPUs = UInt32(count)
        } else if option.isNamed("loglvl") {
            guard let level = option.level else { return "takes error, warning, info, debug or all" }
            logLevel = level
        } else if option.isNamed("guest_loglvl") {
            guard let level = option.level else { return "takes error, warning, info, debug or all" }
            guestLogLevel = level
        } else if option.isNamed("trace") {
            traces = true
        } else if option.isNamed("placeholder") || isFirst && !option.hasValueSign {
            // Boot loaders put the file's name, or GRUB's filler word, first.
        } else {
            return "is unknown"
        }
        return nil
    }
}

/// One word of the command line, compared in place.
struct OptionReader: BitwiseCopyable {
    let memory: BootMemory
    let name: UInt64
    let nameLength: Int
    let value: UInt64
    let valueLength: Int
    var hasValueSign: Bool { value != 0 }
    private func equals(_ start: UInt64, _ length: Int, _ text: StaticString) -> Bool {
        guard length == text.utf8CodeUnitCount else { return false }
        var index = 0
        while index < length {
            if memory.u8(start &+ UInt64(index)) != text.byte(at: index) { return false }
            index &+= 1
        }
        return true
    }
    func isNamed(_ text: StaticString) -> Bool { equals(name, nameLength, text) }
    func hasValue(_ text: StaticString) -> Bool { equals(value, valueLength, text) }
    /// Decimal digits, all of the value but `less` bytes at the end.
    private func digits(less: Int) -> UInt64? {
        guard valueLength &- less > 0 else { return nil }
        var total: UInt64 = 0
        var index = 0
        while index < valueLength &- less {
            let byte = memory.u8(value &+ UInt64(index))
            guard byte >= 48, byte <= 57, total < 1 << 50 else { return nil }
            total = total &* 10 &+ UInt64(byte &- 48)
            index &+= 1
        }
        return total
    }
    var number: UInt64? { digits(less: 0) }
    /// A size with K, M or G; without one, KiB as Xen has it.
    var size: UInt64? {
        guard valueLength > 0 else { return nil }
        let unit = memory.u8(value &+ UInt64(valueLength &- 1)) | 0x20
        switch unit {
        case 0x6b: return digits(less: 1).map { $0 &<< 10 }
        case 0x6d: return digits(less: 1).map { $0 &<< 20 }
        case 0x67: return digits(less: 1).map { $0 &<< 30 }
        default: return digits(less: 0).map { $0 &<< 10 }
        }
    }
    var level: UInt8? {
        if hasValue("error") || hasValue("none") { return 0 }
        if hasValue("warning") { return 1 }
        if hasValue("info") { return 2 }
        if hasValue("debug") || hasValue("all") { return 3 }
        return nil
    }
}
