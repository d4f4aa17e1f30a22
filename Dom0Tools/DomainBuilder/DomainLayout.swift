// SPDX-License-Identifier: Apache-2.0
import LinuxXen
import XenABI

/// What lies where in a new domain's guest-physical memory.
///
/// RAM starts at 0 and has no hole below 4 GiB but the one for ACPI tables, special pages and the local APIC. The kernel
/// stands where its file says; ramdisk and start info stand in the lowest free place above 1 MiB.
struct DomainLayout {
    /// End of RAM below 4 GiB at most; the ACPI tables start there. `LAPIC` and special pages lie above.
    static let lowMemoryLimit: UInt64 = 0xfc00_0000
    /// First of the eight special pages.
    static let specialFrame: UInt64 = 0xfeff8
    static let specialFrameCount: UInt64 = 8
    static let storeFrame = specialFrame + 4
    static let identityPageTableFrame = specialFrame + 6
    static let consoleFrame = specialFrame + 7
    /// RAM beyond `lowMemoryLimit` goes on here.
    static let highMemoryStart: UInt64 = 1 << 32
    /// Old Linux kernels look for the root pointer below 1 MiB only.
    static let lowRootPointer: UInt64 = 0x100000 - 64
    private static let firstMebibyte: UInt64 = 1 << 20

    /// Size of all RAM in bytes.
    let memoryByteCount: UInt64
    let ramdiskAddress: UInt64
    let ramdiskByteCount: UInt64
    let startInfoAddress: UInt64
    let startInfoByteCount: UInt64
    /// Tables stand at `lowMemoryLimit`; the root pointer behind them or below 1 MiB.
    let acpiPageCount: UInt64
    let rootPointerAddress: UInt64

    var lowMemoryEnd: UInt64 { min(memoryByteCount, Self.lowMemoryLimit) }
    var highMemoryByteCount: UInt64 { memoryByteCount - lowMemoryEnd }

    /// - Parameters:
    ///   - ramdiskByteCount: 0 for none.
    ///   - startInfoByteCount: start info and all it points to.
    ///   - acpiByteCount: the tables without the root pointer.
    /// - Throws: `doesNotFit`, naming what has no place.
    init(
        memoryKiB: UInt64, kernel: ELFImage, kernelPath: String, ramdiskByteCount: UInt64,
        ramdiskPath: String?,
        startInfoByteCount: UInt64, acpiByteCount: UInt64
    ) throws(BuilderError) {
        let page = UInt64(pageSize)
        memoryByteCount = memoryKiB * 1024 / page * page
        let end = min(memoryByteCount, Self.lowMemoryLimit)
        var taken: [Range<UInt64>] = [0..<Self.firstMebibyte]
        let kernelEnd = kernel.segments.map(\.end).max() ?? 0
        guard kernelEnd <= end else {
            throw .doesNotFit(
                what: "the kernel \(kernelPath) (it is linked to \(hexText(kernel.segments[0].address)))",
                neededKiB: kernelEnd / 1024 + (kernelEnd % 1024 == 0 ? 0 : 1), memoryKiB: end / 1024)
        }
        for segment in kernel.segments {
            taken.append(segment.address / page * page..<(segment.end + page - 1) / page * page)
        }
        guard end > Self.firstMebibyte else {
            throw .doesNotFit(what: "a PVH domain", neededKiB: 2048, memoryKiB: memoryKiB)
        }

        /// Lowest free whole pages above 1 MiB.
        func place(_ byteCount: UInt64, _ what: String) throws(BuilderError) -> UInt64 {
            let size = (byteCount + page - 1) / page * page
            var start = Self.firstMebibyte
            while let obstacle = taken.first(where: { $0.overlaps(start..<start + max(size, 1)) }) {
                start = obstacle.upperBound
            }
            guard size <= end, start <= end - size else {
                throw .doesNotFit(what: what, neededKiB: (start + size) / 1024, memoryKiB: end / 1024)
            }
            taken.append(start..<start + size)
            return start
        }
        guard byteCountFits(ramdiskByteCount) else {
            throw .doesNotFit(
                what: "the ramdisk \(ramdiskPath ?? "")", neededKiB: ramdiskByteCount / 1024,
                memoryKiB: end / 1024)
        }
        self.ramdiskByteCount = ramdiskByteCount
        ramdiskAddress =
            ramdiskByteCount == 0 ? 0 : try place(ramdiskByteCount, "the ramdisk \(ramdiskPath ?? "")")
        self.startInfoByteCount = startInfoByteCount
        startInfoAddress = try place(startInfoByteCount, "the start information")

        let tables = (acpiByteCount + 63) / 64 * 64
        // Linux kernels that accept the root pointer anywhere say so in bit 15 of their feature note.
        let isRestricted =
            kernel.guestOS == "linux"
            && kernel.supportedFeatures >> UInt64(FeatureBit.linuxRSDPUnrestricted) & 1 == 0
        rootPointerAddress = isRestricted ? Self.lowRootPointer : Self.lowMemoryLimit + tables
        acpiPageCount = (tables + 64 + page - 1) / page
    }

    /// The map that start info and `XENMEM_memory_map` give the guest.
    var memoryMap: [MemoryRange] {
        let page = UInt64(pageSize)
        var map = [
            MemoryRange(address: 0, byteCount: lowMemoryEnd, type: E820Type.ram),
            MemoryRange(address: Self.lowMemoryLimit, byteCount: acpiPageCount * page, type: E820Type.acpi),
            MemoryRange(
                address: Self.specialFrame * page, byteCount: Self.specialFrameCount * page,
                type: E820Type.reserved),
        ]
        if highMemoryByteCount > 0 {
            map.append(
                MemoryRange(address: Self.highMemoryStart, byteCount: highMemoryByteCount, type: E820Type.ram)
            )
        }
        return map
    }
}

/// Sizes up to 4 GiB; anything larger cannot fit below it, and stays out of the arithmetic.
private func byteCountFits(_ count: UInt64) -> Bool { count <= 1 << 32 }

func hexText(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
