// SPDX-License-Identifier: Apache-2.0

/// The ACPI tables of a PVH domain: RSDP, XSDT, FADT, FACS, DSDT, MADT.
///
/// The guest finds its processors in the MADT (the processor id is Xen's vCPU number, the APIC id twice that), and in the
/// FADT that it has neither an i8042 nor a CMOS clock nor VGA. There is no hardware behind the FADT's power management
/// ports. Source: ACPI Specification 6.3 §5.2; Xen docs/misc/pvh.pandoc.
struct ACPITables {
    /// All tables but the RSDP, to stand at the address they were made for.
    let tables: [UInt8]
    /// The root pointer, 36 bytes.
    let rootPointer: [UInt8]

    /// - Parameters:
    ///   - address: guest-physical address of `tables`, a multiple of 64 below 4 GiB.
    ///   - vcpuCount: processors to list.
    init(address: UInt64, vcpuCount: Int) {
        var writer = ByteWriter()

        // FACS. §5.2.10: aligned to 64 bytes, no checksum.
        let facs = address
        writer.append(text: "FACS")
        writer.append(UInt32(64))
        writer.append(zeros: 24)
        writer.append(UInt8(2))  // Version.
        writer.append(zeros: 64 - 33)

        let dsdt = address + UInt64(writer.count)
        writer.append(Self.table("DSDT", revision: 2, Self.processorObjects(vcpuCount)))
        writer.align(to: 16)

        let fadt = address + UInt64(writer.count)
        writer.append(Self.fixedDescription(facs: facs, dsdt: dsdt))
        writer.align(to: 16)

        let madt = address + UInt64(writer.count)
        writer.append(Self.table("APIC", revision: 4, Self.interruptControllers(vcpuCount)))
        writer.align(to: 16)

        let xsdt = address + UInt64(writer.count)
        var pointers = ByteWriter()
        pointers.append(fadt)
        pointers.append(madt)
        writer.append(Self.table("XSDT", revision: 1, pointers.bytes))
        tables = writer.bytes

        // RSDP. §5.2.5.3: the first checksum covers 20 bytes, the second all 36.
        var root = ByteWriter()
        root.append(text: "RSD PTR ")
        root.append(UInt8(0))
        root.append(text: "SWIFTV")
        root.append(UInt8(2))
        root.append(UInt32(0))
        root.append(UInt32(36))
        root.append(xsdt)
        root.append(zeros: 4)
        root.set(Self.checksum(root.bytes[..<20]), at: 8)
        root.set(Self.checksum(root.bytes[...]), at: 32)
        rootPointer = root.bytes
    }

    /// The byte that makes a sum over all bytes zero.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt8 { 0 &- bytes.reduce(0, &+) }

    /// A table's header, §5.2.6, in front of `body`.
    private static func table(_ signature: String, revision: UInt8, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(text: signature)
        writer.append(UInt32(36 + body.count))
        writer.append(revision)
        writer.append(UInt8(0))
        writer.append(text: "SWIFTV")
        writer.append(text: "SVPVHDOM")
        writer.append(UInt32(1))
        writer.append(text: "SVIS")
        writer.append(UInt32(1))
        writer.append(body)
        writer.set(checksum(writer.bytes[...]), at: 9)
        return writer.bytes
    }

    /// FADT, §5.2.9. Revision 5: 268 bytes.
    private static func fixedDescription(facs: UInt64, dsdt: UInt64) -> [UInt8] {
        // Offsets count from the table's start; the body lacks the header's 36 bytes.
        var body = ByteWriter(zeros: 268 - 36)
        func at(_ offset: Int) -> Int { offset - 36 }
        body.set(UInt32(truncatingIfNeeded: facs), at: at(36))
        body.set(UInt32(truncatingIfNeeded: dsdt), at: at(40))
        body.set(UInt16(9), at: at(46))  // SCI_INT
        body.set(UInt32(0xb000), at: at(56))  // PM1a_EVT_BLK
        body.set(UInt32(0xb004), at: at(64))  // PM1a_CNT_BLK
        body.set(UInt8(4), at: at(88))  // PM1_EVT_LEN
        body.set(UInt8(2), at: at(89))  // PM1_CNT_LEN
        body.set(UInt16(0xfff), at: at(96))  // P_LVL2_LAT: over 100, so no C2.
        body.set(UInt16(0xfff), at: at(98))  // P_LVL3_LAT: over 1000, so no C3.
        // No VGA (bit 2), no CMOS clock (5), and no 8042, whose bit is clear.
        let architecture: UInt16 = 0b10_0100
        body.set(architecture, at: at(109))
        // WBINVD works (bit 0), C1 on all CPUs (2), no fixed power button (4), sleep button (5) or RTC wake (6), a reset
        // register (10).
        let flags: UInt32 = 0b100_0111_0101
        body.set(flags, at: at(112))
        body.set(genericAddress(bits: 8, port: 0xcf9), at: at(116))  // RESET_REG
        body.set(UInt8(6), at: at(128))  // RESET_VALUE
        body.set(facs, at: at(132))
        body.set(dsdt, at: at(140))
        body.set(genericAddress(bits: 32, port: 0xb000), at: at(148))  // X_PM1a_EVT_BLK
        body.set(genericAddress(bits: 16, port: 0xb004), at: at(172))  // X_PM1a_CNT_BLK
        return table("FACP", revision: 5, body.bytes)
    }

    /// Generic Address Structure, §5.2.3.2, of an I/O port.
    private static func genericAddress(bits: UInt8, port: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt8(1))  // System I/O space.
        writer.append(bits)
        writer.append(UInt8(0))
        writer.append(UInt8(bits / 16 + 1))  // Access size: 1 byte, 2 words, 3 double words.
        writer.append(port)
        return writer.bytes
    }

    /// The body of the MADT, §5.2.12: one local APIC for each vCPU.
    private static func interruptControllers(_ vcpuCount: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(0xfee0_0000))
        writer.append(UInt32(1))  // PCAT_COMPAT, as Xen has it.
        for vcpu in 0..<vcpuCount {
            let apic = vcpu * 2
            if apic < 255 {
                writer.append([0, 8, UInt8(vcpu), UInt8(apic)])
                writer.append(UInt32(1))  // Enabled.
            } else {
                writer.append([9, 16, 0, 0])  // Local x2APIC, §5.2.12.12.
                writer.append(UInt32(apic))
                writer.append(UInt32(1))
                writer.append(UInt32(vcpu))
            }
        }
        return writer.bytes
    }

    /// The body of the DSDT: a processor device for each vCPU, and nothing else. §19 and §20, AML.
    private static func processorObjects(_ vcpuCount: Int) -> [UInt8] {
        var scope = ByteWriter()
        scope.append(text: "\\_SB_")
        for vcpu in 0..<vcpuCount {
            var device = ByteWriter()
            device.append(Array("C\(hexDigits(vcpu))".utf8))
            device.append(UInt8(0x08))  // Name
            device.append(text: "_HID")
            device.append(UInt8(0x0d))  // String
            device.append(text: "ACPI0007")
            device.append(UInt8(0))
            device.append(UInt8(0x08))
            device.append(text: "_UID")
            device.append(UInt8(0x0b))  // Word
            device.append(UInt16(vcpu))
            scope.append([0x5b, 0x82])  // Device
            scope.append(package(device.bytes))
        }
        return [0x10] + package(scope.bytes)  // Scope
    }

    /// Three digits, upper case, for a name segment.
    private static func hexDigits(_ value: Int) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }

    /// A package length (§20.2.4), which counts itself, and then `content`.
    static func package(_ content: [UInt8]) -> [UInt8] {
        if content.count + 1 < 0x40 { return [UInt8(content.count + 1)] + content }
        for extra in 1...3 {
            let length = content.count + 1 + extra
            guard length < 1 << (4 + 8 * extra) else { continue }
            var head = [UInt8(extra << 6 | length & 0xf)]
            for index in 0..<extra { head.append(UInt8(truncatingIfNeeded: length >> (4 + 8 * index))) }
            return head + content
        }
        preconditionFailure("a package of \(content.count) bytes")
    }
}
