// SPDX-License-Identifier: Apache-2.0
import XenABI

/// An ELF file for x86, 32 or 64 bits: what of it goes where in a guest's memory, and how Xen's notes want it started.
///
/// Nothing in the file is trusted: every offset and size is checked before use. Source: the System V ABI, "Object
/// Files"; Xen public/elfnote.h.
struct ELFImage {
    /// Bytes to load. Never empty in memory; `fileByteCount` may be 0.
    struct Segment: Hashable {
        var fileOffset: UInt64
        var fileByteCount: UInt64
        /// First guest-physical address.
        var address: UInt64
        /// Size in memory; what lies beyond `fileByteCount` is zero.
        var memoryByteCount: UInt64
        /// One past its last byte. Never overflows: checked when the image was read.
        var end: UInt64 { address + memoryByteCount }
    }

    let is64Bit: Bool
    let segments: [Segment]
    /// `XEN_ELFNOTE_PHYS32_ENTRY`, if there is one.
    let physicalEntry: UInt64?
    /// `XEN_ELFNOTE_GUEST_OS`.
    let guestOS: String
    /// `XEN_ELFNOTE_SUPPORTED_FEATURES`.
    let supportedFeatures: UInt64

    /// Why a file is no ELF image for us.
    struct ParseError: Error, Hashable {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// True if the file starts as an ELF file does.
    static func hasMagic(_ file: FileView) -> Bool { file.load(UInt32.self, at: 0) == 0x464C_457F }

    private enum HeaderType {
        static var load: UInt32 { 1 }
        static var note: UInt32 { 4 }
        static var sectionNote: UInt32 { 7 }
    }

    init(_ file: FileView) throws(ParseError) {
        guard Self.hasMagic(file) else { throw ParseError("it has no ELF header") }
        guard let fileClass = file.load(UInt8.self, at: 4), let data = file.load(UInt8.self, at: 5) else {
            throw ParseError("its ELF header is cut off")
        }
        guard fileClass == 1 || fileClass == 2 else {
            throw ParseError("its ELF class \(fileClass) is unknown")
        }
        guard data == 1 else { throw ParseError("it is not little-endian") }
        is64Bit = fileClass == 2
        let wide = is64Bit
        guard let machine = file.load(UInt16.self, at: 18),
            let headers = wide
                ? file.load(UInt64.self, at: 32) : file.load(UInt32.self, at: 28).map(UInt64.init),
            let sections = wide
                ? file.load(UInt64.self, at: 40) : file.load(UInt32.self, at: 32).map(UInt64.init),
            let headerSize = file.load(UInt16.self, at: wide ? 54 : 42),
            let headerCount = file.load(UInt16.self, at: wide ? 56 : 44),
            let sectionSize = file.load(UInt16.self, at: wide ? 58 : 46),
            let sectionCount = file.load(UInt16.self, at: wide ? 60 : 48)
        else { throw ParseError("its ELF header is cut off") }
        guard machine == 62 || machine == 3 else {
            throw ParseError("it is for another machine (\(machine)), not x86")
        }
        guard headerSize >= (wide ? 56 : 32), headerCount > 0, headerCount < 0xffff else {
            throw ParseError("it has no program headers")
        }
        guard file.contains(headers, UInt64(headerSize) * UInt64(headerCount)) else {
            throw ParseError("its program headers lie beyond its end")
        }

        var segments: [Segment] = []
        var notes = Notes()
        for index in 0..<UInt64(headerCount) {
            let at = headers + index * UInt64(headerSize)
            guard let type = file.load(UInt32.self, at: at),
                type == HeaderType.load || type == HeaderType.note
            else {
                continue
            }
            func word(_ wideOffset: UInt64, _ narrowOffset: UInt64) -> UInt64 {
                wide
                    ? file.load(UInt64.self, at: at + wideOffset) ?? 0
                    : UInt64(file.load(UInt32.self, at: at + narrowOffset) ?? 0)
            }
            let offset = word(8, 4)
            let address = word(24, 12)
            let fileBytes = word(32, 16)
            let memoryBytes = word(40, 20)
            guard file.contains(offset, fileBytes) else {
                throw ParseError("segment \(index) lies beyond the end of the file")
            }
            if type == HeaderType.note {
                notes.read(file, offset, fileBytes, alignment: word(48, 28) == 8 ? 8 : 4)
                continue
            }
            guard fileBytes <= memoryBytes else {
                throw ParseError("segment \(index) is larger in the file than in memory")
            }
            guard memoryBytes > 0 else { continue }
            guard !address.addingReportingOverflow(memoryBytes).overflow else {
                throw ParseError("segment \(index) ends beyond the address space")
            }
            segments.append(
                Segment(
                    fileOffset: offset, fileByteCount: fileBytes, address: address,
                    memoryByteCount: memoryBytes))
        }
        guard !segments.isEmpty else { throw ParseError("it has nothing to load") }

        // Some images keep the notes in sections only.
        let tableSize = UInt64(sectionSize) * UInt64(sectionCount)
        if !notes.isPresent, sectionSize >= (wide ? 64 : 40), file.contains(sections, tableSize) {
            for index in 0..<UInt64(sectionCount) {
                let at = sections + index * UInt64(sectionSize)
                guard file.load(UInt32.self, at: at + 4) == HeaderType.sectionNote else { continue }
                let offset =
                    wide
                    ? file.load(UInt64.self, at: at + 24)
                    : file.load(UInt32.self, at: at + 16).map(UInt64.init)
                let size =
                    wide
                    ? file.load(UInt64.self, at: at + 32)
                    : file.load(UInt32.self, at: at + 20).map(UInt64.init)
                guard let offset, let size, file.contains(offset, size) else { continue }
                notes.read(file, offset, size, alignment: 4)
            }
        }
        self.segments = segments
        physicalEntry = notes.physicalEntry
        guestOS = notes.guestOS
        supportedFeatures = notes.supportedFeatures
    }

    /// True if a byte of some segment's memory lies at `address`.
    func covers(_ address: UInt64) -> Bool { segments.contains { $0.address <= address && address < $0.end } }

    /// What the notes named "Xen" say.
    private struct Notes {
        var isPresent = false
        var physicalEntry: UInt64?
        var guestOS = ""
        var supportedFeatures: UInt64 = 0

        /// Reads notes from a range that lies in the file. Stops at the first that does not fit.
        mutating func read(_ file: FileView, _ start: UInt64, _ byteCount: UInt64, alignment: UInt64) {
            let end = start + byteCount
            func aligned(_ value: UInt64) -> UInt64 { (value + alignment - 1) / alignment * alignment }
            var at = start
            while end - at >= 12 {
                guard let nameSize = file.load(UInt32.self, at: at),
                    let size = file.load(UInt32.self, at: at + 4),
                    let type = file.load(UInt32.self, at: at + 8)
                else { return }
                let name = at + 12
                let content = start + aligned(name + UInt64(nameSize) - start)
                let next = start + aligned(content + UInt64(size) - start)
                guard content <= end, content + UInt64(size) <= end else { return }
                if nameSize == 4, file.load(UInt32.self, at: name) == 0x006E_6558 {  // "Xen" and NUL
                    isPresent = true
                    take(file, type, content, UInt64(size))
                }
                guard next > at, next <= end else { return }
                at = next
            }
        }

        private mutating func take(_ file: FileView, _ type: UInt32, _ content: UInt64, _ size: UInt64) {
            switch type {
            case ELFNoteType.physicalEntry32: physicalEntry = number(file, content, size)
            case ELFNoteType.supportedFeatures: supportedFeatures = number(file, content, size) ?? 0
            case ELFNoteType.guestOS:
                var text: [UInt8] = []
                for index in 0..<min(size, 64) {
                    guard let byte = file.load(UInt8.self, at: content + index), byte != 0 else { break }
                    text.append(byte)
                }
                guestOS = String(decoding: text, as: UTF8.self)
            default: break
            }
        }

        private func number(_ file: FileView, _ content: UInt64, _ size: UInt64) -> UInt64? {
            switch size {
            case 4: file.load(UInt32.self, at: content).map(UInt64.init)
            case 8: file.load(UInt64.self, at: content)
            default: nil
            }
        }
    }
}
