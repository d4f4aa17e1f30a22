// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import DomainBuilder

@Suite struct ACPITablesTests {
    static let address: UInt64 = 0xfc00_0000

    struct Reader {
        let tables: ACPITables
        func byte(_ address: UInt64) -> UInt8 { tables.tables[Int(address - ACPITablesTests.address)] }
        func word(_ address: UInt64, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(byte(address + UInt64($1))) << UInt64(8 * $1) }
        }
        func text(_ address: UInt64, _ size: Int) -> String {
            String(decoding: (0..<size).map { byte(address + UInt64($0)) }, as: UTF8.self)
        }
        /// A table's bytes, its length and checksum verified.
        func table(_ address: UInt64, _ signature: String) throws -> [UInt8] {
            #expect(text(address, 4) == signature)
            let length = Int(word(address + 4, 4))
            try #require(
                length >= 36 && Int(address - ACPITablesTests.address) + length <= tables.tables.count)
            let bytes = (0..<length).map { byte(address + UInt64($0)) }
            #expect(bytes.reduce(0, &+) == 0, "checksum of \(signature)")
            return bytes
        }
    }

    @Test(arguments: [1, 2, 8, 127, 128])
    func theChainFromTheRootPointerHolds(_ vcpuCount: Int) throws {
        let tables = ACPITables(address: Self.address, vcpuCount: vcpuCount)
        let reader = Reader(tables: tables)
        let root = tables.rootPointer
        #expect(root.count == 36 && String(decoding: root[..<8], as: UTF8.self) == "RSD PTR ")
        #expect(root[..<20].reduce(0, &+) == 0 && root.reduce(0, &+) == 0)
        #expect(root[15] == 2)
        let xsdtAddress = (0..<8).reduce(UInt64(0)) { $0 | UInt64(root[24 + $1]) << UInt64(8 * $1) }
        let xsdt = try reader.table(xsdtAddress, "XSDT")
        #expect(xsdt.count == 36 + 16)

        let fadtAddress = reader.word(xsdtAddress + 36, 8)
        let fadt = try reader.table(fadtAddress, "FACP")
        #expect(fadt.count == 268 && fadt[8] == 5)
        #expect(fadt[109] == 0b10_0100 && fadt[110] == 0, "no VGA, no CMOS clock, no 8042")
        let facs = reader.word(fadtAddress + 132, 8), dsdt = reader.word(fadtAddress + 140, 8)
        #expect(facs % 64 == 0 && reader.text(facs, 4) == "FACS" && reader.word(facs + 4, 4) == 64)
        #expect(reader.word(fadtAddress + 36, 4) == facs && reader.word(fadtAddress + 40, 4) == dsdt)
        _ = try reader.table(dsdt, "DSDT")

        let madtAddress = reader.word(xsdtAddress + 44, 8)
        let madt = try reader.table(madtAddress, "APIC")
        #expect(reader.word(madtAddress + 36, 4) == 0xfee0_0000)
        var at = 44, found = 0
        while at < madt.count {
            let base = madtAddress + UInt64(at)
            if madt[at] == 0 {
                #expect(madt[at + 1] == 8)
                #expect(Int(madt[at + 2]) == found && Int(madt[at + 3]) == found * 2)
                #expect(reader.word(base + 4, 4) == 1)
            } else {
                #expect(madt[at] == 9 && madt[at + 1] == 16)
                #expect(
                    reader.word(base + 4, 4) == UInt64(found * 2)
                        && reader.word(base + 12, 4) == UInt64(found))
            }
            at += Int(madt[at + 1])
            found += 1
        }
        #expect(at == madt.count && found == vcpuCount)
        for table in [fadtAddress, madtAddress, xsdtAddress] { #expect(table % 16 == 0) }
    }

    @Test(arguments: [0, 1, 61, 62, 63, 64, 4000, 4093, 4094, 4095, 5000, 70000, 2_000_000])
    func packageLengthsCountThemselves(_ count: Int) {
        let content = [UInt8](repeating: 0x55, count: count)
        let package = ACPITables.package(content)
        let extra = Int(package[0] >> 6)
        var length = extra == 0 ? Int(package[0] & 0x3f) : Int(package[0] & 0xf)
        for index in 0..<extra { length |= Int(package[1 + index]) << (4 + 8 * index) }
        #expect(length == package.count)
        #expect(Array(package[(1 + extra)...]) == content)
    }

    /// The DSDT's devices stand one after the other, and each names its processor.
    @Test func theDSDTNamesEveryProcessor() {
        let tables = ACPITables(address: Self.address, vcpuCount: 20).tables
        let text = String(decoding: tables.map { $0 < 0x80 ? $0 : 0x2e }, as: UTF8.self)
        for vcpu in 0..<20 {
            let digits = String(vcpu, radix: 16, uppercase: true)
            #expect(text.contains("C" + String(repeating: "0", count: 3 - digits.count) + digits))
        }
        #expect(text.components(separatedBy: "ACPI0007").count == 21)
    }
}
