// SPDX-License-Identifier: Apache-2.0
import CXenHeaders
import Foundation
import Testing
import XenABI

/// Holds `CompatLayout` against libxen-dev's headers compiled for i386: every field of every block of a hypercall is where the
/// description puts it, and a block without description is the same in both widths.
@Suite struct NarrowFormTests {
    /// By C's name of the block.
    static let described: [String: CompatLayout?] = [
        "multicall_entry": MulticallEntryLayout.compat,
        "xen_memory_reservation": MemoryReservationLayout.compat,
        "xen_memory_exchange": MemoryExchangeLayout.compat,
        "xen_add_to_physmap": AddToPhysmapLayout.compat,
        "xen_add_to_physmap_batch": AddToPhysmapBatchLayout.compat,
        "xen_remove_from_physmap": RemoveFromPhysmapLayout.compat,
        "xen_memory_map": MemoryMapLayout.compat,
        "xen_foreign_memory_map": ForeignMemoryMapLayout.compat,
        "xen_pod_target": PoDTargetLayout.compat,
        "xen_reserved_device_memory_map": ReservedDeviceMemoryMapLayout.compat,
        "xen_mem_acquire_resource": AcquireResourceLayout.compat,
        "gnttab_setup_table": GrantSetupTableLayout.compat,
        "gnttab_copy": GrantCopyLayout.compat,
        "sched_poll": SchedulerPollLayout.compat,
        "vcpu_runstate_info": RunstateInfoLayout.compat,
        "vcpu_set_singleshot_timer": SetSingleshotTimerLayout.compat,
        "xen_platform_parameters": PlatformParametersLayout.compat,
        "xen_dm_op_buf": DeviceModelBufferLayout.compat,
    ]
    /// Not blocks of calls that are served, or translated by hand.
    static let others: Set<String> = [
        // Refused, whatever they hold.
        "xen_vnuma_topology_info", "gnttab_dump_table", "gnttab_get_status_frames",
        "gnttab_unmap_and_replace", "gnttab_cache_flush", "xen_hvm_altp2m_op", "vcpu_get_physid",
        "physdev_map_pirq", "xenpf_firmware_info",
        // Read by the control domain's tools, which are 64-bit: records of a context, registers of a vCPU.
        "hvm_msr", "vcpu_guest_context",
        // A union whose first 4 bytes are the address.
        "vcpu_register_runstate_memory_area", "vcpu_register_time_memory_area",
        // Pages in memory with a form of their own: `SharedInfo32Layout`, `VCPUInfo32Layout`; rings of the other width.
        "shared_info", "vcpu_info", "blkif_request", "blkif_response", "blkif_request_indirect",
        "blkif_request_discard", "blkif_sring", "start_info",
    ]

    private struct Row {
        let field: String
        let offset: Int
        let byteCount: Int
    }
    /// The fields of each struct of a hypercall, as the 64-bit compiler places them; "" is the struct itself.
    private static let structs: [String: [Row]] = {
        var found: [String: [Row]] = [:]
        for index in 0..<xen_abi_row_count() {
            let row = unsafe xen_abi_row_at(index)
            // SAFETY: both are string literals of the header.
            let layout = unsafe String(cString: row.layout)
            let field = unsafe String(cString: row.field)
            guard !layout.isEmpty, !others.contains(layout), !layout.hasPrefix("union:") else { continue }
            found[layout, default: []].append(
                unsafe Row(field: field, offset: Int(row.offset), byteCount: Int(row.byte_count)))
        }
        return found
    }()

    /// Compiles `assertions` for i386 with Xen's headers; returns what the compiler says against them.
    private func compile(_ assertions: [String]) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "narrow-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let rows = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("CXenHeaders/rows.h")
        let includes = try String(contentsOf: rows, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("#include") || $0.hasPrefix("#define __XEN_TOOLS__") }
        let source = folder.appendingPathComponent("narrow.c")
        try (includes.map(String.init) + assertions).joined(separator: "\n")
            .write(to: source, atomically: true, encoding: .utf8)
        let clang = Process()
        clang.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        clang.arguments = [
            "clang", "-m32", "-ffreestanding", "-fsyntax-only", "-ferror-limit=0", source.path,
        ]
        // The compiler of the toolchain, which may be known by the path of its `swift` only.
        var environment = ProcessInfo.processInfo.environment
        if let swift = environment["SWIFT"], swift.contains("/") {
            let folder = URL(fileURLWithPath: swift).deletingLastPathComponent().path
            environment["PATH"] = "\(folder):\(environment["PATH"] ?? "/usr/bin")"
        }
        clang.environment = environment
        let pipe = Pipe()
        clang.standardError = pipe
        try clang.run()
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        clang.waitUntilExit()
        let text = String(decoding: said, as: UTF8.self)
        return text.isEmpty && clang.terminationStatus != 0
            ? "clang ended with \(clang.terminationStatus)" : text
    }

    private func assertions() throws -> [String] {
        var lines: [String] = []
        for (name, rows) in Self.structs.sorted(by: { $0.key < $1.key }) {
            let compat = Self.described[name].flatMap { $0 }
            for row in rows {
                if row.field.isEmpty {
                    let size = compat?.byteCount ?? row.byteCount
                    lines.append("_Static_assert(sizeof(struct \(name)) == \(size), \"size of \(name)\");")
                    continue
                }
                var offset = row.offset
                if let compat {
                    let run = try #require(compat.run(holding: offset), "\(name).\(row.field) is in no run")
                    offset = run.offset + offset - run.wideOffset
                }
                let path = "\(name), \(row.field)"
                lines.append(
                    "_Static_assert(__builtin_offsetof(struct \(path)) == \(offset), \"place of \(path)\");")
            }
        }
        return lines
    }

    @Test func everyBlockIsWhereTheDescriptionPutsIt() throws {
        for name in Self.described.keys {
            _ = try #require(Self.structs[name], "\(name) is missing from rows.h")
        }
        let lines = try assertions()
        #expect(lines.count > 500)
        let said = try compile(lines)
        #expect(said == "")
    }
    @Test func theComparisonCanFail() throws {
        let wrong =
            "_Static_assert(__builtin_offsetof(struct sched_poll, timeout) == 16, \"as for 64 bits\");"
        #expect(try compile([wrong]).contains("as for 64 bits"))
    }
    @Test func theSharedPageIsWhereC32BitPutsIt() throws {
        func at(_ type: String, _ field: String, _ offset: Int) -> String {
            "_Static_assert(__builtin_offsetof(struct \(type), \(field)) == \(offset), \"place of \(field)\");"
        }
        let said = try compile([
            "_Static_assert(sizeof(struct shared_info) == \(SharedInfo32Layout.byteCount), \"shared_info\");",
            at("shared_info", "evtchn_pending", Field<SharedInfo32Layout, UInt32>.eventPending.offset),
            at("shared_info", "evtchn_mask", Field<SharedInfo32Layout, UInt32>.eventMask.offset),
            at("shared_info", "wc_version", Field<SharedInfo32Layout, UInt32>.wallclockVersion.offset),
            at("shared_info", "wc_sec", Field<SharedInfo32Layout, UInt32>.wallclockSeconds.offset),
            at("shared_info", "wc_nsec", Field<SharedInfo32Layout, UInt32>.wallclockNanoseconds.offset),
            at("shared_info", "arch.nmi_reason", Field<SharedInfo32Layout, UInt32>.nmiReason.offset),
            at(
                "shared_info", "arch.wc_sec_hi", Field<SharedInfo32Layout, UInt32>.wallclockSecondsHigh.offset
            ),
            "_Static_assert(sizeof(struct vcpu_info) == \(VCPUInfo32Layout.byteCount), \"vcpu_info\");",
            at("vcpu_info", "evtchn_upcall_pending", Field<VCPUInfo32Layout, UInt8>.upcallPending.offset),
            at("vcpu_info", "evtchn_upcall_mask", Field<VCPUInfo32Layout, UInt8>.upcallMask.offset),
            at("vcpu_info", "evtchn_pending_sel", Field<VCPUInfo32Layout, UInt32>.pendingSelector.offset),
            at("vcpu_info", "time", VCPUInfoLayout.timeOffset),
        ])
        #expect(said == "")
    }
}
