// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import XenABI

@testable import DomainBuilder

@Suite struct KernelFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: ["xz", "lzma", "gzip", "lz4", "zstd"].filter(SyntheticKernel.hasProgram))
    func takesTheKernelOutOfABzImage(_ method: String) throws {
        let elf = SyntheticKernel.linux(size: 3_000_000)
        let payload = try SyntheticKernel.compress(elf, with: method)
        let kernel = try KernelFile(
            path: folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload)), cacheFolder: nil)
        #expect(kernel.content.count == elf.count)
        #expect(kernel.content.holds(elf))
        #expect(kernel.image.physicalEntry == 0x100_0000)
        #expect(kernel.image.segments.count == 2)
    }

    @Test func lz4PayloadsOfSeveralBlocksComeTogether() throws {
        guard SyntheticKernel.hasProgram("lz4") else { return }
        let elf = SyntheticKernel.linux(size: 9_000_000)
        let payload = try SyntheticKernel.compress(elf, with: "lz4")
        let kernel = try KernelFile(
            path: folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload)), cacheFolder: nil)
        #expect(kernel.content.holds(elf))
    }

    @Test func takesAnUncompressedPayloadAndAPlainELF() throws {
        let elf = SyntheticKernel.linux()
        let inside = try KernelFile(
            path: folder.file("a", SyntheticKernel.bzImage(payload: elf)), cacheFolder: nil)
        #expect(inside.content.count == elf.count)
        let plain = try KernelFile(path: folder.file("b", elf), cacheFolder: nil)
        #expect(plain.image.segments == inside.image.segments)
    }

    @Test func aSetupSectorCountOfZeroMeansFour() throws {
        let elf = SyntheticKernel.linux()
        let image = SyntheticKernel.bzImage(payload: elf, setupSectors: 0)
        #expect(try KernelFile(path: folder.file("a", image), cacheFolder: nil).content.count == elf.count)
    }

    @Test func keepsTheDecompressedImageAndDropsOldVersions() throws {
        let cache = "\(folder.path)/cache/deep"
        let elf = SyntheticKernel.linux()
        let payload = try SyntheticKernel.compress(elf, with: "gzip")
        let path = folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload))
        var steps: [String] = []
        _ = try KernelFile(path: path, cacheFolder: cache, progress: { steps.append($0) })
        #expect(steps.count == 1 && steps[0].contains("gzip"))
        let kept = try FileManager.default.contentsOfDirectory(atPath: cache)
        #expect(kept.count == 1)

        let again = try KernelFile(path: path, cacheFolder: cache, progress: { steps.append($0) })
        #expect(steps.count == 1, "the second time it is not decompressed")
        #expect(again.content.holds(elf))

        // Another kernel at the same path replaces what was kept.
        let newer = SyntheticKernel.linux(size: 5000)
        _ = folder.file(
            "vmlinuz", SyntheticKernel.bzImage(payload: try SyntheticKernel.compress(newer, with: "gzip")))
        let changed = try KernelFile(path: path, cacheFolder: cache, progress: { steps.append($0) })
        #expect(steps.count == 2)
        #expect(changed.content.count == newer.count)
        let now = try FileManager.default.contentsOfDirectory(atPath: cache)
        #expect(now.count == 1 && now != kept)
    }

    @Test func worksWithoutAFolderToKeepImagesIn() throws {
        let payload = try SyntheticKernel.compress(SyntheticKernel.linux(), with: "gzip")
        let path = folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload))
        #expect(throws: Never.self) { try KernelFile(path: path, cacheFolder: "\(path)/not-a-folder") }
    }

    @Test func theLibraryNoticesThatAKernelChanged() throws {
        let library = KernelLibrary(cacheFolder: nil)
        let path = folder.file("vmlinuz", SyntheticKernel.linux(size: 5000))
        let first = try library.open(path, progress: { _ in })
        #expect(
            try library.open(path, progress: { _ in }).content === first.content, "it is not opened twice")
        let other = folder.file("other", SyntheticKernel.linux(size: 6000))
        #expect(try library.open(other, progress: { _ in }).content.count != first.content.count)
        _ = folder.file("vmlinuz", SyntheticKernel.linux(size: 7000))
        #expect(try library.open(path, progress: { _ in }).content.count == first.content.count + 2000)
        _ = folder.file("vmlinuz", [1, 2, 3])
        #expect(throws: BuilderError.self) { try library.open(path, progress: { _ in }) }
    }

    @Test func namesAMissingKernelAndAFolder() {
        #expect(
            throws: BuilderError.cannotRead(
                role: .kernel, path: "/nowhere", reason: "No such file or directory")
        ) {
            try KernelFile(path: "/nowhere", cacheFolder: nil)
        }
        #expect(throws: BuilderError.cannotRead(role: .kernel, path: "/tmp", reason: "it is a directory")) {
            try KernelFile(path: "/tmp", cacheFolder: nil)
        }
    }

    @Test(arguments: ["bzip2", "lzo"])
    func refusesOtherCompressionsByName(_ method: String) throws {
        let magic: [UInt8] = method == "bzip2" ? [0x42, 0x5a, 0x68, 0x39] : [0x89, 0x4c, 0x5a, 0x4f]
        let payload = magic + [UInt8](repeating: 7, count: 100) + SyntheticKernel.number(4096, wide: false)
        let path = folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload))
        #expect(throws: BuilderError.unsupportedCompression(path: path, method: method)) {
            try KernelFile(path: path, cacheFolder: nil)
        }
    }

    @Test(arguments: ["xz", "gzip", "lz4", "zstd", "lzma"].filter(SyntheticKernel.hasProgram))
    func refusesDamagedPayloads(_ method: String) throws {
        let elf = SyntheticKernel.linux()
        let good = try SyntheticKernel.compress(elf, with: method)
        let size = SyntheticKernel.number(UInt64(elf.count), wide: false)

        func verdict(_ payload: [UInt8]) throws -> String {
            let path = folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload))
            do {
                _ = try KernelFile(path: path, cacheFolder: nil)
                return "accepted"
            } catch BuilderError.corruptPayload(_, let named, let reason) {
                #expect(named == method)
                return reason
            }
        }
        // Cut in the middle, the size word at its end.
        #expect(try verdict(Array(good[..<(good.count / 2)]) + size) != "accepted")
        // A size word that promises more, and one that promises less.
        let body = Array(good.dropLast(4))
        #expect(
            try verdict(body + SyntheticKernel.number(UInt64(elf.count + 4096), wide: false)) != "accepted")
        #expect(
            try verdict(body + SyntheticKernel.number(UInt64(elf.count - 4096), wide: false)) != "accepted")
    }

    @Test func refusesHostileBootHeaders() throws {
        let elf = SyntheticKernel.linux()
        let good = SyntheticKernel.bzImage(payload: elf)
        func reason(_ change: (inout Bytes) -> Void) -> String {
            var bytes = Bytes(all: good)
            change(&bytes)
            do {
                _ = try KernelFile(path: folder.file("vmlinuz", bytes.all), cacheFolder: nil)
                return "accepted"
            } catch BuilderError.notAKernel(_, let reason) {
                return reason
            } catch {
                return "\(error)"
            }
        }
        #expect(reason { _ in } == "accepted")
        #expect(reason { $0.set(UInt16(0x207), at: 0x206) } == "its boot protocol is older than 2.08")
        #expect(reason { $0.set(UInt32.max, at: 0x248) } == "its payload lies beyond the end of the file")
        #expect(reason { $0.set(UInt32.max, at: 0x24c) } == "its payload lies beyond the end of the file")
        #expect(reason { $0.set(UInt32(0), at: 0x24c) } == "it has no payload")
        #expect(reason { $0.set(UInt8(255), at: 0x1f1) } != "accepted")
        #expect(reason { $0.set(UInt32(12), at: 0x248) } == "its payload is in an unknown format")
        #expect(reason { $0.all.removeLast($0.all.count - 0x230) } != "accepted")
        #expect(reason { $0.all.removeAll() } == "it is empty")
        #expect(reason { $0.set(UInt32(0), at: 0x202) } == "it is neither a bzImage nor an ELF file")
    }

    @Test func refusesAPayloadThatClaimsAGigabyteAndMore() throws {
        var payload = try SyntheticKernel.compress(SyntheticKernel.linux(), with: "gzip")
        payload.replaceSubrange(
            (payload.count - 4)..., with: SyntheticKernel.number(0xffff_fff0, wide: false))
        let path = folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload))
        #expect(throws: BuilderError.self) { try KernelFile(path: path, cacheFolder: nil) }
    }

    /// Every byte of the headers takes every value of a few; nothing may crash.
    @Test func survivesChangedBytesEverywhere() throws {
        let elf = SyntheticKernel.linux(size: 400)
        var generator = SeededGenerator(state: 1)
        var accepted = 0
        for round in 0..<800 {
            var bytes = Bytes(all: elf)
            for _ in 0...(round % 4) {
                let offset = Int.random(in: 0..<min(elf.count, 320), using: &generator)
                bytes.all[offset] =
                    [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &generator)]
                    .randomElement(using: &generator) ?? 0
            }
            if round % 7 == 0 { bytes.all.removeLast(Int.random(in: 0..<elf.count, using: &generator)) }
            if (try? KernelFile(path: folder.file("elf", bytes.all), cacheFolder: nil)) != nil {
                accepted += 1
            }
        }
        #expect(accepted < 800)
    }

    @Test func extractsToAFileOrLeavesNothing() throws {
        let elf = SyntheticKernel.linux()
        let payload = try SyntheticKernel.compress(elf, with: "gzip")
        let target = "\(folder.path)/vmlinux"
        try KernelExtraction.extract(
            folder.file("vmlinuz", SyntheticKernel.bzImage(payload: payload)), to: target)
        #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: target))) == elf)

        let bad = folder.file("bad", [1, 2, 3])
        #expect(throws: BuilderError.self) { try KernelExtraction.extract(bad, to: "\(folder.path)/none") }
        #expect(throws: BuilderError.self) {
            try KernelExtraction.extract(target, to: "\(folder.path)/no/such/folder")
        }
        #expect(folder.names == ["bad", "vmlinux", "vmlinuz"])
    }
}
