// SPDX-License-Identifier: Apache-2.0
public import Configuration
public import ControlAPI
public import DomainBuilder
import LinuxXen
public import XenABI

/// Builds PVH domains with the builder of this project.
public final class XenBuilder: DomainBuilding {
    private let builder: DomainBuilder

    public init(_ builder: DomainBuilder) { self.builder = builder }

    public func build(
        _ configuration: DomainConfiguration, uuid: DomainUUID, progress: (String) -> Void
    ) throws(APIError) -> (id: DomainID, rings: GuestRings) {
        var specification = DomainSpecification(
            kernelPath: configuration.kernel, ramdiskPath: configuration.ramdisk,
            commandLine: configuration.commandLine,
            memoryKiB: UInt64(configuration.memory) * 1024,
            maximumMemoryKiB: UInt64(configuration.maximumMemory) * 1024,
            vcpuCount: configuration.maximumVcpus, uuid: uuid.bytes)
        specification.maximumEventPorts = configuration.maximumEventPorts
        specification.maximumGrantFrames = configuration.maximumGrantFrames
        specification.maximumMaptrackFrames = configuration.maximumMaptrackFrames
        do throws(BuilderError) {
            let built = try builder.build(specification, progress: progress)
            return (
                built.id,
                GuestRings(
                    storeFrame: built.storeFrame.rawValue, storePort: built.storePort.rawValue,
                    consoleFrame: built.consoleFrame.rawValue, consolePort: built.consolePort.rawValue)
            )
        } catch {
            throw Self.describe(error)
        }
    }

    static func describe(_ error: BuilderError) -> APIError {
        switch error {
        case .cannotRead(let role, let path, let reason):
            return APIError(
                role == .kernel ? .kernelUnreadable : .ramdiskUnreadable,
                "the \(role.rawValue) \(path) cannot be read: \(reason)",
                hint: "check the path: it is a path in domain 0",
                details: ["path": path])
        case .cannotWrite(let path, let reason):
            return APIError(
                .stateUnwritable, "\(path) cannot be written: \(reason)",
                hint: "check its directory and the free space")
        case .notAKernel(let path, let reason):
            return APIError(
                .kernelFormat, "\(path) is not a kernel that can be started: \(reason)",
                hint: "give a Linux bzImage or an ELF file for x86", details: ["path": path])
        case .unsupportedCompression(let path, let method):
            return APIError(
                .kernelFormat, "the kernel \(path) is compressed with \(method), which is not supported",
                hint: "use one compressed with xz, gzip, lz4, zstd or lzma, or its uncompressed vmlinux",
                details: ["path": path])
        case .corruptPayload(let path, let method, let reason):
            return APIError(
                .kernelFormat, "the kernel \(path) is damaged: its \(method) payload \(reason)",
                hint: "install the kernel again", details: ["path": path])
        case .noPVHEntry(let path):
            return APIError(
                .kernelNoPVH, "the kernel \(path) has no PVH entry (ELF note XEN_ELFNOTE_PHYS32_ENTRY)",
                hint: "use a kernel built with CONFIG_PVH=y, such as Debian's", details: ["path": path])
        case .doesNotFit(let what, let needed, let memory):
            return APIError(
                .kernelTooBig,
                "\(what) does not fit the domain's memory: \(needed) KiB are needed, it has \(memory) KiB",
                hint: "raise memory", details: ["needed_kib": "\(needed)", "memory_kib": "\(memory)"])
        case .notEnoughMemory(let needed, let free):
            return APIError(
                .memoryShort,
                "not enough memory: \(needed / 1024) MiB are needed, \(free / 1024) MiB are free",
                hint: "lower memory, or stop another domain",
                details: ["needed_bytes": "\(needed * 1024)", "free_bytes": "\(free * 1024)"])
        case .badSpecification(let reason):
            return APIError(
                code: ConfigurationError.Code.outOfRange.rawValue, message: reason,
                hint: "correct the configuration")
        case .hypervisor(let step, let error):
            return APIError(
                .hypervisor, "the hypervisor refused to \(step): \(error.description)",
                hint: "svctl dmesg may say why",
                details: ["operation": error.operation, "errno": "\(error.errno)"])
        }
    }
}
