// SPDX-License-Identifier: Apache-2.0
public import LinuxXen

/// Why a domain could not be built. The text says what is wrong, with what, and what to do.
public enum BuilderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which file a message is about.
    public enum Role: String, Sendable {
        case kernel, ramdisk
    }

    /// A file is missing or cannot be read.
    case cannotRead(role: Role, path: String, reason: String)
    /// A file cannot be written.
    case cannotWrite(path: String, reason: String)
    /// The file is neither a bzImage nor an ELF for x86.
    case notAKernel(path: String, reason: String)
    /// The kernel's payload is compressed in a way nobody here can undo.
    case unsupportedCompression(path: String, method: String)
    /// The kernel's payload does not decompress.
    case corruptPayload(path: String, method: String, reason: String)
    /// The kernel has no note that says where a PVH guest starts.
    case noPVHEntry(path: String)
    /// Something has no place in the domain's memory. Sizes in KiB.
    case doesNotFit(what: String, neededKiB: UInt64, memoryKiB: UInt64)
    /// The hypervisor has too little free memory. Sizes in KiB.
    case notEnoughMemory(neededKiB: UInt64, freeKiB: UInt64)
    /// The domain as asked for cannot exist.
    case badSpecification(String)
    /// The hypervisor refused a step.
    case hypervisor(step: String, XenCallError)

    public var description: String {
        switch self {
        case .cannotRead(let role, let path, let reason):
            "cannot read the \(role.rawValue) \(path): \(reason). Check the path in \"\(role.rawValue)\"."
        case .cannotWrite(let path, let reason):
            "cannot write \(path): \(reason). Check its folder and the free space."
        case .notAKernel(let path, let reason):
            "\(path) is not a kernel that can be started: \(reason). Give a Linux bzImage or an ELF file for x86."
        case .unsupportedCompression(let path, let method):
            "the kernel \(path) is compressed with \(method), which is not supported. "
                + "Use one compressed with xz, gzip, lz4, zstd or lzma, or its uncompressed vmlinux."
        case .corruptPayload(let path, let method, let reason):
            "the kernel \(path) is damaged: its \(method) payload \(reason). Install the kernel again."
        case .noPVHEntry(let path):
            "the kernel \(path) has no PVH entry (ELF note XEN_ELFNOTE_PHYS32_ENTRY). "
                + "Use a kernel built with CONFIG_PVH=y; Debian's kernels are."
        case .doesNotFit(let what, let needed, let memory):
            "\(what) does not fit the domain's memory: \(needed) KiB are needed, the domain has \(memory) KiB. "
                + "Raise \"memory\"."
        case .notEnoughMemory(let needed, let free):
            "not enough free memory: the domain needs \(needed) KiB, \(free) KiB are free. "
                + "Lower \"memory\", or shut another domain down."
        case .badSpecification(let reason):
            reason
        case .hypervisor(let step, let error):
            "cannot \(step): \(error)"
        }
    }
}
