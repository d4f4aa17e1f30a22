// SPDX-License-Identifier: Apache-2.0

/// Takes the ELF file out of a kernel image.
public enum KernelExtraction {
    /// Writes the ELF file inside the kernel `path` to `target`, which is replaced as a whole or not at all.
    ///
    /// - Throws: what is wrong with the kernel, or why `target` cannot be written.
    public static func extract(_ path: String, to target: String) throws(BuilderError) {
        try KernelFile.extract(path, to: target)
    }
}
