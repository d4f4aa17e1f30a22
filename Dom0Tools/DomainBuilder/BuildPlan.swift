// SPDX-License-Identifier: Apache-2.0
import LinuxXen
import XenABI

/// All that is known about a domain before it exists: files opened, everything checked and placed.
struct BuildPlan {
    let specification: DomainSpecification
    let kernel: KernelFile
    let ramdisk: FileView?
    /// Guest-physical address of the kernel's first instruction.
    let entry: UInt64
    let layout: DomainLayout
    let startInfo: StartInfo
    let acpi: ACPITables

    /// - Throws: what is wrong with the specification or its files.
    init(
        _ specification: DomainSpecification, kernels: KernelLibrary, progress: (String) -> Void = { _ in }
    ) throws(BuilderError) {
        self.specification = specification
        try Self.check(specification)
        let path = specification.kernelPath
        kernel = try kernels.open(path, progress: progress)
        guard let entry = kernel.image.physicalEntry else { throw .noPVHEntry(path: path) }
        guard entry <= UInt64(UInt32.max), kernel.image.covers(entry) else {
            throw .notAKernel(path: path, reason: "its PVH entry \(hexText(entry)) lies outside of it")
        }
        self.entry = entry
        if let path = specification.ramdiskPath {
            do {
                ramdisk = try FileView(path: path)
            } catch {
                throw .cannotRead(role: .ramdisk, path: path, reason: error.reason)
            }
        } else {
            ramdisk = nil
        }
        acpi = ACPITables(address: DomainLayout.lowMemoryLimit, vcpuCount: specification.vcpuCount)
        layout = try DomainLayout(
            memoryKiB: specification.memoryKiB, kernel: kernel.image, kernelPath: path,
            ramdiskByteCount: UInt64(ramdisk?.count ?? 0), ramdiskPath: specification.ramdiskPath,
            // Four ranges at most.
            startInfoByteCount: StartInfo.byteCount(commandLine: specification.commandLine, mapCount: 4),
            acpiByteCount: UInt64(acpi.tables.count))
        startInfo = StartInfo(
            commandLine: specification.commandLine,
            ramdisk: layout.ramdiskByteCount == 0 ? nil : (layout.ramdiskAddress, layout.ramdiskByteCount),
            rootPointer: layout.rootPointerAddress, memoryMap: layout.memoryMap)
    }

    private static func check(_ specification: DomainSpecification) throws(BuilderError) {
        guard specification.uuid.count == 16 else {
            throw .badSpecification("the UUID has \(specification.uuid.count) bytes instead of 16.")
        }
        guard (1...DomainBuilder.maximumVCPUs).contains(specification.vcpuCount) else {
            throw .badSpecification(
                "\(specification.vcpuCount) vCPUs are asked for. Give \"vcpus\" a value from 1 to "
                    + "\(DomainBuilder.maximumVCPUs).")
        }
        guard specification.memoryKiB <= DomainBuilder.maximumMemoryKiB,
            specification.maximumMemoryKiB <= DomainBuilder.maximumMemoryKiB
        else {
            throw .badSpecification(
                "more memory is asked for than a domain can have. Give \"memory\" and \"maxmem\" at most "
                    + "\(DomainBuilder.maximumMemoryKiB / 1024) MiB.")
        }
        let line = specification.commandLine.utf8
        guard line.count <= DomainBuilder.maximumCommandLine else {
            throw .badSpecification(
                "the kernel's command line has \(line.count) bytes. Shorten it to at most "
                    + "\(DomainBuilder.maximumCommandLine).")
        }
        guard !line.contains(0) else {
            throw .badSpecification("the kernel's command line contains a NUL byte. Remove it.")
        }
        guard specification.maximumEventPorts > 0, specification.maximumEventPorts < 1 << 17,
            (1...0x1_0000).contains(specification.maximumGrantFrames),
            (0...0x1_0000).contains(specification.maximumMaptrackFrames)
        else {
            throw .badSpecification(
                "the limits of event ports, grant frames or maptrack frames are out of range.")
        }
    }

    /// Memory for the domain's nested page tables, by libxl's rule: 1 MiB for each vCPU and 8 KiB for each MiB of RAM.
    var pagingPoolKiB: UInt64 {
        let mebibytes = (max(specification.memoryKiB, specification.maximumMemoryKiB) + 1023) / 1024
        return 1024 * UInt64(specification.vcpuCount) + 8 * mebibytes
    }

    /// What the domain may hold: RAM, and a mebibyte for ACPI tables and special pages.
    var maximumKiB: UInt64 { max(specification.memoryKiB, specification.maximumMemoryKiB) + 1024 }

    /// What has to be free in the machine.
    var neededKiB: UInt64 { specification.memoryKiB + layout.acpiPageCount * 4 + 3 * 4 + pagingPoolKiB }
}
