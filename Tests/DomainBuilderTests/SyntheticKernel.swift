// SPDX-License-Identifier: Apache-2.0
import Foundation
import XenABI

@testable import DomainBuilder

/// Little-endian bytes of numbers and texts, in order.
struct Bytes {
    var all: [UInt8] = []
    mutating func add(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            all.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
    mutating func add(_ text: String) { all += Array(text.utf8) }
    mutating func add(_ bytes: [UInt8]) { all += bytes }
    mutating func pad(to count: Int) { all += [UInt8](repeating: 0, count: max(0, count - all.count)) }
    mutating func set(_ value: some FixedWidthInteger, at offset: Int) {
        for index in 0..<value.bitWidth / 8 {
            all[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
        }
    }
}

/// Makes ELF files and bzImages for tests.
enum SyntheticKernel {
    struct Segment {
        var type: UInt32 = 1
        var address: UInt64
        var content: [UInt8]
        var memoryByteCount: UInt64
    }

    static func note(_ type: UInt32, _ content: [UInt8], name: String = "Xen") -> [UInt8] {
        var bytes = Bytes()
        bytes.add(UInt32(name.utf8.count + 1))
        bytes.add(UInt32(content.count))
        bytes.add(type)
        bytes.add(name)
        bytes.add(UInt8(0))
        bytes.pad(to: (bytes.all.count + 3) / 4 * 4)
        bytes.add(content)
        bytes.pad(to: (bytes.all.count + 3) / 4 * 4)
        return bytes.all
    }

    static func number(_ value: UInt64, wide: Bool = true) -> [UInt8] {
        var bytes = Bytes()
        if wide { bytes.add(value) } else { bytes.add(UInt32(truncatingIfNeeded: value)) }
        return bytes.all
    }

    /// The notes a Linux kernel has.
    static func linuxNotes(entry: UInt64, features: UInt64 = 1 << 15) -> [UInt8] {
        note(ELFNoteType.guestOS, Array("linux\0".utf8))
            + note(ELFNoteType.supportedFeatures, number(features))
            + note(ELFNoteType.physicalEntry32, number(entry))
    }

    static func elf(is64Bit: Bool = true, machine: UInt16 = 62, segments: [Segment], notes: [UInt8])
        -> [UInt8]
    {
        let header = is64Bit ? 64 : 52
        let entry = is64Bit ? 56 : 32
        let all =
            segments + [Segment(type: 4, address: 0, content: notes, memoryByteCount: UInt64(notes.count))]
        var bytes = Bytes()
        bytes.add([0x7f, 0x45, 0x4c, 0x46, is64Bit ? 2 : 1, 1, 1, 0])
        bytes.add(UInt64(0))
        bytes.add(UInt16(2))
        bytes.add(machine)
        bytes.add(UInt32(1))
        if is64Bit {
            bytes.add(UInt64(0))
            bytes.add(UInt64(header))
            bytes.add(UInt64(0))
        } else {
            bytes.add(UInt32(0))
            bytes.add(UInt32(header))
            bytes.add(UInt32(0))
        }
        bytes.add(UInt32(0))
        bytes.add(UInt16(header))
        bytes.add(UInt16(entry))
        bytes.add(UInt16(all.count))
        bytes.add(UInt16(0))
        bytes.add(UInt16(0))
        bytes.add(UInt16(0))
        var offset = header + all.count * entry
        for segment in all {
            let size = UInt64(segment.content.count)
            bytes.add(segment.type)
            if is64Bit {
                bytes.add(UInt32(7))
                bytes.add(UInt64(offset))
                bytes.add(segment.address)
                bytes.add(segment.address)
                bytes.add(size)
                bytes.add(segment.memoryByteCount)
                bytes.add(UInt64(4))
            } else {
                bytes.add(UInt32(offset))
                bytes.add(UInt32(segment.address))
                bytes.add(UInt32(segment.address))
                bytes.add(UInt32(size))
                bytes.add(UInt32(segment.memoryByteCount))
                bytes.add(UInt32(7))
                bytes.add(UInt32(4))
            }
            offset += segment.content.count
        }
        for segment in all { bytes.add(segment.content) }
        return bytes.all
    }

    /// A kernel of two segments at 16 MiB, started at its first byte.
    static func linux(entry: UInt64 = 0x100_0000, size: Int = 100_000) -> [UInt8] {
        // Compressible, and not the same in any two blocks.
        let pattern = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        var text: [UInt8] = []
        text.reserveCapacity(size + 4096)
        while text.count < size { text += pattern + number(UInt64(text.count)) }
        text.removeLast(text.count - size)
        return elf(
            segments: [
                Segment(address: 0x100_0000, content: text, memoryByteCount: UInt64(size)),
                Segment(address: 0x200_0000, content: [1, 2, 3], memoryByteCount: 0x10000),
            ], notes: linuxNotes(entry: entry))
    }

    /// A bzImage around a payload that already ends with the size word.
    static func bzImage(payload: [UInt8], setupSectors: UInt8 = 3, version: UInt16 = 0x20f) -> [UInt8] {
        var bytes = Bytes()
        bytes.pad(to: (Int(setupSectors == 0 ? 4 : setupSectors) + 1) * 512)
        bytes.set(setupSectors, at: 0x1f1)
        bytes.set(UInt16(0xaa55), at: 0x1fe)
        bytes.set(UInt32(0x5372_6448), at: 0x202)
        bytes.set(version, at: 0x206)
        bytes.set(UInt32(16), at: 0x248)
        bytes.set(UInt32(payload.count), at: 0x24c)
        bytes.add([UInt8](repeating: 0x90, count: 16))
        bytes.add(payload)
        bytes.add([0xcc, 0xcc, 0xcc])
        return bytes.all
    }

    /// Compresses with the program of that name, and appends the size word where the format has none.
    static func compress(_ content: [UInt8], with method: String) throws -> [UInt8] {
        let programs: [String: (path: String, arguments: [String])] = [
            "xz": ("/usr/bin/xz", ["--check=crc32", "--x86", "--lzma2=dict=1MiB", "-c"]),
            "lzma": ("/usr/bin/xz", ["--format=lzma", "-c"]),
            "gzip": ("/usr/bin/gzip", ["-n", "-c"]),
            "zstd": ("/usr/bin/zstd", ["-q", "-c"]),
            "lz4": ("/usr/bin/lz4", ["-q", "-l", "-c"]),
            "bzip2": ("/usr/bin/bzip2", ["-c"]),
        ]
        guard let program = programs[method] else { throw CocoaError(.fileNoSuchFile) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program.path)
        process.arguments = program.arguments
        let folder = try TemporaryFolder()
        let input = folder.file("in", content), output = folder.file("out", [])
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
        var result = [UInt8](try Data(contentsOf: URL(fileURLWithPath: output)))
        if method != "gzip" { result += number(UInt64(content.count), wide: false) }
        return result
    }

    static func hasProgram(_ method: String) -> Bool {
        let name = method == "lzma" ? "xz" : method
        return FileManager.default.isExecutableFile(atPath: "/usr/bin/\(name)")
    }
}

/// A folder that goes away with the test.
final class TemporaryFolder {
    let path: String
    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("svb-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String, _ content: [UInt8]) -> String {
        let file = "\(path)/\(name)"
        _ = FileManager.default.createFile(atPath: file, contents: Data(content))
        return file
    }
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

extension FileView {
    /// True if the content is these bytes.
    func holds(_ expected: [UInt8]) -> Bool {
        guard count == expected.count else { return false }
        return withSpan(0..<count) { span in
            unsafe span.withUnsafeBytes { here in
                // SAFETY: both ranges have the same size and outlive the comparison.
                unsafe expected.withUnsafeBytes { there in
                    guard let a = here.baseAddress, let b = there.baseAddress else { return true }
                    return unsafe memcmp(a, b, there.count) == 0
                }
            }
        }
    }
}

/// A generator whose sequence depends on its seed only.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
