// SPDX-License-Identifier: Apache-2.0
/// A kernel file, brought into the form of an ELF image.
///
/// Decompressing a kernel costs far more than everything else in building a domain, so the result is kept as a file in a
/// cache folder, named for the kernel's path, device, inode, time of change and size. Without a folder that can be
/// written to, the image is made in memory each time.
struct KernelFile {
    /// The ELF file's bytes.
    let content: FileView
    let image: ELFImage

    /// Where decompressed kernels are kept.
    static let cacheFolder = "/var/cache/swiftvisor"

    /// Opens `path` and decompresses it if necessary.
    init(
        path: String, cacheFolder: String? = Self.cacheFolder, progress: (String) -> Void = { _ in }
    ) throws(BuilderError) {
        let file: FileView
        do {
            file = try FileView(path: path)
        } catch {
            throw .cannotRead(role: .kernel, path: path, reason: error.reason)
        }
        try self.init(file, path: path, cacheFolder: cacheFolder, progress: progress)
    }

    /// Decompresses the open file `path` if necessary.
    ///
    /// - Parameters:
    ///   - cacheFolder: nil to keep nothing.
    ///   - progress: told before a step that takes long.
    init(
        _ file: FileView, path: String, cacheFolder: String?, progress: (String) -> Void
    ) throws(BuilderError) {
        if ELFImage.hasMagic(file) {
            content = file
        } else if BootImage.hasMagic(file) {
            content = try Self.extract(file, path, cacheFolder, progress)
        } else {
            throw .notAKernel(
                path: path,
                reason: file.count == 0 ? "it is empty" : "it is neither a bzImage nor an ELF file")
        }
        do {
            image = try ELFImage(content)
        } catch {
            throw .notAKernel(path: path, reason: error.reason)
        }
    }

    private static func extract(
        _ file: FileView, _ path: String, _ cacheFolder: String?, _ progress: (String) -> Void
    ) throws(BuilderError) -> FileView {
        let boot: BootImage
        do {
            boot = try BootImage(file)
        } catch {
            throw .notAKernel(path: path, reason: error.reason)
        }
        let entry = cacheFolder.map { CacheEntry(folder: $0, path: path, identity: file.identity) }
        if let kept = entry?.open(byteCount: Int(boot.uncompressedByteCount)), ELFImage.hasMagic(kept) {
            return kept
        }

        progress("decompressing \(path) (\(boot.compression.rawValue))")
        let target: FileView
        do {
            target = try FileView(anonymousByteCount: Int(boot.uncompressedByteCount))
        } catch {
            throw .corruptPayload(
                path: path, method: boot.compression.rawValue,
                reason: "needs \(boot.uncompressedByteCount / 1024) KiB to decompress: \(error.reason)")
        }
        let start = Int(boot.payloadOffset)
        do {
            try file.withSpan(start..<start + Int(boot.payloadByteCount)) {
                source throws(Decompressor.Failure) in
                try target.withMutableSpan { target throws(Decompressor.Failure) in
                    try Decompressor.decompress(boot.compression, source, to: &target)
                }
            }
        } catch {
            switch error {
            case .unsupported: throw .unsupportedCompression(path: path, method: boot.compression.rawValue)
            case .bad(let reason):
                throw .corruptPayload(path: path, method: boot.compression.rawValue, reason: reason)
            }
        }
        guard ELFImage.hasMagic(target) else {
            throw .notAKernel(path: path, reason: "its payload is not an ELF file")
        }
        entry?.store(target)
        return target
    }

    /// Writes the ELF file inside `path` to `target`, for other programs.
    static func extract(_ path: String, to target: String) throws(BuilderError) {
        let kernel = try KernelFile(path: path, cacheFolder: nil)
        if let failure = kernel.content.store(at: target, mode: 0o644) {
            throw .cannotWrite(path: target, reason: failure.reason)
        }
    }
}

/// One kept image.
private struct CacheEntry {
    private let folder: Folder
    /// The same for all versions of one path, so that old versions are found and removed.
    private let prefix: String
    private let name: String

    init(folder: String, path: String, identity: FileView.Identity) {
        self.folder = Folder(path: folder)
        var hash = FNV1a()
        hash.add(path.utf8)
        prefix = "kernel-\(hash.text)-"
        var version = FNV1a()
        version.add(identity.device)
        version.add(identity.inode)
        version.add(UInt64(bitPattern: identity.modifiedNanoseconds))
        version.add(UInt64(identity.byteCount))
        name = "\(prefix)\(version.text).elf"
    }

    func open(byteCount: Int) -> FileView? {
        guard let file = try? FileView(path: "\(folder.path)/\(name)"), file.count == byteCount else {
            return nil
        }
        return file
    }

    /// Keeps an image. Failure is no error: the next start decompresses again.
    func store(_ content: FileView) {
        folder.make()
        guard content.store(at: "\(folder.path)/\(name)", mode: 0o600) == nil else { return }
        for other in folder.names where other.hasPrefix(prefix) && other != name { folder.remove(other) }
    }
}

/// The 64-bit FNV-1a hash: names files, keeps no secrets.
private struct FNV1a {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325
    mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
    mutating func add(_ bytes: some Sequence<UInt8>) { for byte in bytes { add(byte) } }
    mutating func add(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { add(UInt8(truncatingIfNeeded: value >> shift)) }
    }
    var text: String { String(state, radix: 16) }
}
