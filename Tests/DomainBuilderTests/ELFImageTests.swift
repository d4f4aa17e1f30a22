// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI

@testable import DomainBuilder

@Suite struct ELFImageTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    func parse(_ bytes: [UInt8]) throws -> ELFImage {
        try ELFImage(FileView(path: folder.file("elf", bytes)))
    }

    func reason(_ bytes: [UInt8]) -> String {
        do {
            _ = try parse(bytes)
            return "accepted"
        } catch let error as ELFImage.ParseError {
            return error.reason
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [true, false])
    func readsSegmentsAndNotes(_ is64Bit: Bool) throws {
        let image = try parse(
            SyntheticKernel.elf(
                is64Bit: is64Bit, machine: is64Bit ? 62 : 3,
                segments: [
                    .init(address: 0x10_0000, content: [1, 2, 3, 4], memoryByteCount: 0x1000),
                    .init(address: 0x20_0000, content: [], memoryByteCount: 0x800),
                    .init(address: 0x30_0000, content: [], memoryByteCount: 0),
                ],
                notes: SyntheticKernel.note(1, [9, 9], name: "GNU")
                    + SyntheticKernel.note(
                        ELFNoteType.physicalEntry32, SyntheticKernel.number(0x10_0002, wide: is64Bit))
                    + SyntheticKernel.note(ELFNoteType.guestOS, Array("xtf\0".utf8))))
        #expect(image.is64Bit == is64Bit)
        #expect(image.physicalEntry == 0x10_0002)
        #expect(image.guestOS == "xtf")
        #expect(image.supportedFeatures == 0)
        #expect(image.segments.map(\.address) == [0x10_0000, 0x20_0000], "an empty segment loads nothing")
        #expect(image.segments[0].fileByteCount == 4 && image.segments[0].end == 0x10_1000)
        #expect(image.covers(0x10_0fff) && !image.covers(0x10_1000) && image.covers(0x20_07ff))
    }

    @Test func aKernelWithoutTheNoteHasNoEntry() throws {
        let segments = [SyntheticKernel.Segment(address: 0x10_0000, content: [1], memoryByteCount: 1)]
        #expect(try parse(SyntheticKernel.elf(segments: segments, notes: [])).physicalEntry == nil)
        // Another owner's note of the same type, and one of the wrong size, are none.
        let other = SyntheticKernel.note(ELFNoteType.physicalEntry32, SyntheticKernel.number(1), name: "Not")
        #expect(try parse(SyntheticKernel.elf(segments: segments, notes: other)).physicalEntry == nil)
        let short = SyntheticKernel.note(ELFNoteType.physicalEntry32, [1, 2])
        #expect(try parse(SyntheticKernel.elf(segments: segments, notes: short)).physicalEntry == nil)
    }

    @Test func aNoteThatEndsBeyondItsSegmentIsIgnored() throws {
        let segments = [SyntheticKernel.Segment(address: 0x10_0000, content: [1], memoryByteCount: 1)]
        var notes = Bytes(all: SyntheticKernel.linuxNotes(entry: 0x10_0000))
        notes.set(UInt32.max, at: 4)
        #expect(try parse(SyntheticKernel.elf(segments: segments, notes: notes.all)).physicalEntry == nil)
        notes = Bytes(all: SyntheticKernel.linuxNotes(entry: 0x10_0000))
        notes.set(UInt32.max, at: 0)
        #expect(try parse(SyntheticKernel.elf(segments: segments, notes: notes.all)).physicalEntry == nil)
    }

    @Test func refusesWhatIsNoUsableELF() {
        let good = SyntheticKernel.linux()
        func changed(_ offset: Int, _ value: some FixedWidthInteger) -> [UInt8] {
            var bytes = Bytes(all: good)
            bytes.set(value, at: offset)
            return bytes.all
        }
        #expect(reason(good) == "accepted")
        #expect(reason([]) == "it has no ELF header")
        #expect(reason(Array(good[..<40])) == "its ELF header is cut off")
        #expect(reason(changed(4, UInt8(3))) == "its ELF class 3 is unknown")
        #expect(reason(changed(5, UInt8(2))) == "it is not little-endian")
        #expect(reason(changed(18, UInt16(183))) == "it is for another machine (183), not x86")
        #expect(reason(changed(32, UInt64.max)) == "its program headers lie beyond its end")
        #expect(reason(changed(54, UInt16(8))) == "it has no program headers")
        #expect(reason(changed(56, UInt16(0))) == "it has no program headers")
        #expect(reason(changed(56, UInt16(0xfff0))) == "its program headers lie beyond its end")
        // Program header 0 stands at 64: offset at 72, address at 88, sizes at 96 and 104.
        #expect(reason(changed(72, UInt64.max - 10)) == "segment 0 lies beyond the end of the file")
        #expect(reason(changed(96, UInt64.max)) == "segment 0 lies beyond the end of the file")
        #expect(reason(changed(104, UInt64(1))) == "segment 0 is larger in the file than in memory")
        #expect(reason(changed(88, UInt64.max - 5)) == "segment 0 ends beyond the address space")
        #expect(reason(changed(104, UInt64.max)) == "segment 0 ends beyond the address space")
        let empty = SyntheticKernel.elf(segments: [], notes: SyntheticKernel.linuxNotes(entry: 0))
        #expect(reason(empty) == "it has nothing to load")
    }

    @Test func everyPrefixIsRefusedOrRead() {
        let good = SyntheticKernel.linux(size: 300)
        for count in stride(from: 0, to: good.count, by: 3) { _ = reason(Array(good[..<count])) }
        #expect(reason(Array(good.dropLast())) != "accepted")
    }
}
