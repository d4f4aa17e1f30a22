// SPDX-License-Identifier: Apache-2.0

/// Opens kernels, and keeps the last one open: domains are often started from the same kernel, and mapping it again costs a
/// good part of building a domain.
final class KernelLibrary {
    private let cacheFolder: String?
    private var last: (path: String, identity: FileView.Identity, kernel: KernelFile)?

    /// - Parameter cacheFolder: where decompressed kernels are kept; nil for nowhere.
    init(cacheFolder: String?) { self.cacheFolder = cacheFolder }

    /// The kernel `path` as it is now.
    func open(_ path: String, progress: (String) -> Void) throws(BuilderError) -> KernelFile {
        let file: FileView
        do {
            file = try FileView(path: path)
        } catch {
            throw .cannotRead(role: .kernel, path: path, reason: error.reason)
        }
        if let last, last.path == path, last.identity == file.identity { return last.kernel }
        last = nil
        let kernel = try KernelFile(file, path: path, cacheFolder: cacheFolder, progress: progress)
        last = (path, file.identity, kernel)
        return kernel
    }
}
