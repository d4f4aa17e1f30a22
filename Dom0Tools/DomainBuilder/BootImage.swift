// SPDX-License-Identifier: Apache-2.0

/// How a kernel's payload is compressed.
enum Compression: String, Sendable, CaseIterable {
    case gzip, bzip2, lzma, xz, lzo, lz4, zstd
    /// The payload is the ELF file itself.
    case none

    /// Tells the method by the first bytes, as Linux's lib/decompress.c does; nil if they are none of the known ones.
    init?(magic file: FileView, at offset: UInt64) {
        func starts(_ bytes: [UInt8]) -> Bool {
            bytes.enumerated().allSatisfy {
                file.load(UInt8.self, at: offset + UInt64($0.offset)) == $0.element
            }
        }
        if starts([0x1f, 0x8b]) || starts([0x1f, 0x9e]) {
            self = .gzip
        } else if starts([0x42, 0x5a]) {
            self = .bzip2
        } else if starts([0x5d, 0x00]) {
            self = .lzma
        } else if starts([0xfd, 0x37, 0x7a, 0x58, 0x5a]) {
            self = .xz
        } else if starts([0x89, 0x4c]) {
            self = .lzo
        } else if starts([0x02, 0x21, 0x4c, 0x18]) {
            self = .lz4
        } else if starts([0x28, 0xb5, 0x2f, 0xfd]) {
            self = .zstd
        } else if starts([0x7f, 0x45, 0x4c, 0x46]) {
            self = .none
        } else {
            return nil
        }
    }
}

/// A Linux bzImage: a compressed ELF file behind a real-mode setup program.
///
/// Source: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
struct BootImage {
    /// Where the compressed payload starts in the file.
    let payloadOffset: UInt64
    /// Its size in bytes, the trailing word included.
    let payloadByteCount: UInt64
    let compression: Compression
    /// Size in bytes of what it decompresses to: the payload's last word.
    let uncompressedByteCount: UInt64

    struct ParseError: Error, Hashable {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// More than any kernel decompresses to; a guard against nonsense in the last word.
    static let uncompressedLimit: UInt64 = 1 << 30

    /// True if the file has the boot sector signature and the "HdrS" mark.
    static func hasMagic(_ file: FileView) -> Bool {
        file.load(UInt16.self, at: 0x1fe) == 0xaa55 && file.load(UInt32.self, at: 0x202) == 0x5372_6448
    }

    init(_ file: FileView) throws(ParseError) {
        guard Self.hasMagic(file) else { throw ParseError("it has no boot header") }
        guard let version = file.load(UInt16.self, at: 0x206), version >= 0x208 else {
            throw ParseError("its boot protocol is older than 2.08")
        }
        guard let setupSectors = file.load(UInt8.self, at: 0x1f1),
            let offset = file.load(UInt32.self, at: 0x248),
            let length = file.load(UInt32.self, at: 0x24c)
        else { throw ParseError("its boot header is cut off") }
        // A count of 0 means 4, for the sake of very old kernels.
        let setup = (UInt64(setupSectors == 0 ? 4 : setupSectors) + 1) * 512
        payloadOffset = setup + UInt64(offset)
        payloadByteCount = UInt64(length)
        guard payloadByteCount >= 8 else { throw ParseError("it has no payload") }
        guard file.contains(payloadOffset, payloadByteCount) else {
            throw ParseError("its payload lies beyond the end of the file")
        }
        guard let compression = Compression(magic: file, at: payloadOffset) else {
            throw ParseError("its payload is in an unknown format")
        }
        self.compression = compression
        if compression == .none {
            uncompressedByteCount = payloadByteCount
        } else {
            uncompressedByteCount = UInt64(
                file.load(UInt32.self, at: payloadOffset + payloadByteCount - 4) ?? 0)
        }
        guard uncompressedByteCount >= 64, uncompressedByteCount <= Self.uncompressedLimit else {
            throw ParseError("its payload claims to decompress to \(uncompressedByteCount) bytes")
        }
    }
}
