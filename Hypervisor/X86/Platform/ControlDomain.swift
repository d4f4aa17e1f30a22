// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import XenABI

/// Builds domain 0 from the boot modules: an ELF kernel with a PVH entry, mapped 1:1, and an optional initrd.
/// Xen docs/misc/pvh; architecture decision 4.
struct ControlDomainBuilder: ~Copyable {
    let hypervisor: Ref<Hypervisor>
    let memory: BootMemory
    let boot: Ref<BootInformation>
    let acpi: ACPI
    /// Dom0's RAM: [0, lowEnd) without the hypervisor's ranges, then [4 GiB, highEnd).
    let lowEnd: UInt64
    let highEnd: UInt64
    /// The image and boot-time storage, excluded from Dom0: [imageStart, imageEnd).
    let imageStart: UInt64
    let imageEnd: UInt64
    let vcpuCount: UInt32

    /// The kernel as found: entry point and span.
    private struct Kernel {
        var entry: UInt64 = 0
        var low: UInt64 = .max
        var high: UInt64 = 0
    }

    /// True for a frame of machine RAM that Dom0 owns.
    private func isOwn(_ frame: UInt64) -> Bool {
        let address = frame &<< 12
        guard boot.state.isRAM(frame: frame) else { return false }
        if address >= imageStart, address < imageEnd { return false }
        return address < lowEnd || (address >= 1 << 32 && address < highEnd)
    }

    /// Returns the reason of failure, or nil.
    func build() -> StaticString? {
        guard boot.state.moduleCount > 0 else {
            return "no Dom0 kernel: give an ELF kernel as the first boot module"
        }
        let domain: Ref<Domain>
        do throws(XenError) {
            domain = try hypervisor.createDomain(
                id: .zero, maximumVCPUs: vcpuCount, maximumEventPort: 4095, maximumGrantFrames: 64,
                maximumMaptrackFrames: 1024, isPrivileged: true, isHardwareDomain: true)
            var id: UInt32 = 0
            while id < vcpuCount {
                _ = try hypervisor.createVCPU(in: domain, id: id)
                id &+= 1
            }
            try mapMemory(domain)
        } catch {
            return "not enough memory for Dom0's tables"
        }
        hypervisor.state.controlDomain = domain
        var kernel = Kernel()
        let module = boot.state.modules[0]
        if let problem = readKernel(module, &kernel) { return problem }

        // The initrd goes to the top of Dom0's low RAM, the kernel file below it, out of the way of its own segments.
        var top = lowEnd
        var ramdisk = BootModule()
        if boot.state.moduleCount > 1 {
            ramdisk = boot.state.modules[1]
            top = (top &- ramdisk.byteCount) & ~0xfff
            guard top > kernel.high &+ module.byteCount else {
                return "dom0_mem is too small for kernel and initrd"
            }
        }
        let tables = (top &- 0x10000) & ~0xfff
        var file = (tables &- module.byteCount) & ~0xfff
        guard file > kernel.high, kernel.high <= lowEnd else { return "dom0_mem is too small for the kernel" }
        // Whichever of the two lies in the other's way is moved first.
        var commandLine: InlineArray<2048, UInt8> = InlineArray(repeating: 0)
        var length = 0
        if module.commandLine != 0 {
            while length < 2047, memory.u8(module.commandLine &+ UInt64(length)) != 0 {
                commandLine[length] = memory.u8(module.commandLine &+ UInt64(length))
                length &+= 1
            }
        }
        // Boot loaders put the module's file name first: the kernel must not see it.
        var skip = 0
        if length > 0 {
            while skip < length, commandLine[skip] > 32 { skip &+= 1 }
            while skip < length, commandLine[skip] == 32 { skip &+= 1 }
        }
        let ramdiskTarget = top
        if ramdisk.byteCount > 0, module.start < top &+ ramdisk.byteCount,
            top < module.start &+ module.byteCount
        {
            // The initrd's place is where the kernel file is: park the file at its own place first if that is free.
            memory.move(module.byteCount, from: module.start, to: file)
        } else {
            if ramdisk.byteCount > 0 {
                memory.move(ramdisk.byteCount, from: ramdisk.start, to: ramdiskTarget)
            }
            memory.move(module.byteCount, from: module.start, to: file)
        }
        if let problem = load(file, module.byteCount) { return problem }
        memory.zero(module.byteCount, at: file)
        file = 0

        writeTables(
            domain, at: tables, ramdisk: ramdiskTarget, ramdiskByteCount: ramdisk.byteCount, commandLine,
            skip, length)
        guard let vcpu = domain.vcpu(0) else { return "no vCPU" }
        var context = CPUContext()
        context.rip = kernel.entry
        context.rbx = tables
        hypervisor.state.hooks.loadContext(vcpu, context)
        vcpu.state.isInitialised = true
        var id: UInt32 = 1
        while let other = domain.vcpu(id) {
            other.state.waitsForStartup = true
            id &+= 1
        }
        domain.state.isCreationFinished = true
        domain.state.controllerPauseCount = 0
        vcpu.comeUp()
        while domain.state.pauseCount > 0 { domain.unpause() }
        return nil
    }

    // MARK: Kernel

    /// Checks the ELF header and notes; fills in entry point and span. ELF specification; Xen public/elfnote.h.
    private func readKernel(_ module: BootModule, _ kernel: inout Kernel) -> StaticString? {
        let file = module.start
        guard module.byteCount > 64, memory.u32(file) == 0x464c_457f else {
            return "the first boot module is not an ELF file (svkernel extract makes one of a bzImage)"
        }
        let is64 = memory.u8(file &+ 4) == 2
        let headers = is64 ? memory.u64(file &+ 32) : UInt64(memory.u32(file &+ 28))
        let size = UInt64(memory.u16(file &+ (is64 ? 54 : 42)))
        let count = UInt64(memory.u16(file &+ (is64 ? 56 : 44)))
        guard size >= 32, count > 0, headers &+ size &* count <= module.byteCount else {
            return "the Dom0 kernel's program headers are damaged"
        }
        var index: UInt64 = 0
        while index < count {
            let header = file &+ headers &+ index &* size
            let type = memory.u32(header)
            let offset = is64 ? memory.u64(header &+ 8) : UInt64(memory.u32(header &+ 4))
            let physical = is64 ? memory.u64(header &+ 24) : UInt64(memory.u32(header &+ 12))
            let fileBytes = is64 ? memory.u64(header &+ 32) : UInt64(memory.u32(header &+ 16))
            let memoryBytes = is64 ? memory.u64(header &+ 40) : UInt64(memory.u32(header &+ 20))
            if type == 1, memoryBytes > 0 {
                guard offset <= module.byteCount, fileBytes <= module.byteCount &- offset, physical < lowEnd,
                    memoryBytes < lowEnd
                else {
                    return "a segment of the Dom0 kernel does not fit: larger dom0_mem, or a damaged file"
                }
                kernel.low = min(kernel.low, physical)
                kernel.high = max(kernel.high, physical &+ memoryBytes)
            } else if type == 4, offset <= module.byteCount, fileBytes <= module.byteCount &- offset {
                var note = file &+ offset
                let end = note &+ fileBytes
                while note &+ 12 <= end {
                    let nameBytes = UInt64(memory.u32(note))
                    let descriptorBytes = UInt64(memory.u32(note &+ 4))
                    let descriptor = note &+ 12 &+ (nameBytes &+ 3) & ~3
                    if nameBytes == 4, memory.u32(note &+ 12) == 0x006e_6558, memory.u32(note &+ 8) == 18 {
                        kernel.entry =
                            descriptorBytes >= 8 ? memory.u64(descriptor) : UInt64(memory.u32(descriptor))
                    }
                    note = descriptor &+ (descriptorBytes &+ 3) & ~3
                }
            }
            index &+= 1
        }
        guard kernel.entry != 0 else { return "the Dom0 kernel has no PVH entry (ELF note PHYS32_ENTRY)" }
        guard kernel.high > kernel.low else { return "the Dom0 kernel has nothing to load" }
        // Every page of the kernel must be Dom0's RAM.
        var frame = kernel.low &>> 12
        while frame <= (kernel.high &- 1) &>> 12 {
            guard isOwn(frame) else { return "the Dom0 kernel's addresses are not RAM that Dom0 gets" }
            frame &+= 1
        }
        return nil
    }
    /// Copies the segments from the parked file to where they belong.
    private func load(_ file: UInt64, _ byteCount: UInt64) -> StaticString? {
        let is64 = memory.u8(file &+ 4) == 2
        let headers = is64 ? memory.u64(file &+ 32) : UInt64(memory.u32(file &+ 28))
        let size = UInt64(memory.u16(file &+ (is64 ? 54 : 42)))
        let count = UInt64(memory.u16(file &+ (is64 ? 56 : 44)))
        guard memory.u32(file) == 0x464c_457f else { return "kernel and initrd overlap: larger dom0_mem" }
        var index: UInt64 = 0
        while index < count {
            let header = file &+ headers &+ index &* size
            if memory.u32(header) == 1 {
                let offset = is64 ? memory.u64(header &+ 8) : UInt64(memory.u32(header &+ 4))
                let physical = is64 ? memory.u64(header &+ 24) : UInt64(memory.u32(header &+ 12))
                let fileBytes = is64 ? memory.u64(header &+ 32) : UInt64(memory.u32(header &+ 16))
                let memoryBytes = is64 ? memory.u64(header &+ 40) : UInt64(memory.u32(header &+ 20))
                memory.move(fileBytes, from: file &+ offset, to: physical)
                if memoryBytes > fileBytes {
                    memory.zero(memoryBytes &- fileBytes, at: physical &+ fileBytes)
                }
            }
            index &+= 1
        }
        return nil
    }

    // MARK: Memory

    /// Gives Dom0 its frames and maps them where they are, in the largest pages that fit.
    private func mapMemory(_ domain: Ref<Domain>) throws(XenError) {
        var frame: UInt64 = 0
        let end = max(lowEnd, highEnd) &>> 12
        while frame < end {
            if frame == lowEnd &>> 12, frame < 1 << 20 { frame = 1 << 20 }
            guard frame < end else { break }
            guard isOwn(frame) else {
                frame &+= 1
                continue
            }
            var order = 0
            if frame & 511 == 0, isOwnRun(frame, 512) {
                order = 9
                if domain.state.physmap.allowsGiantPages, frame & 0x3ffff == 0, isOwnRun(frame, 0x40000) {
                    order = 18
                }
            }
            try domain.state.physmap.map(
                GuestFrame(rawValue: frame), to: MachineFrame(rawValue: frame), order: order, type: .ram,
                writable: true,
                frames: &hypervisor.state.frames)
            var index = frame
            while index < frame &+ (1 &<< UInt64(order)) {
                hypervisor.state.frames.assign(MachineFrame(rawValue: index), to: .zero)
                hypervisor.state.frames.setGuestFrame(
                    of: MachineFrame(rawValue: index), GuestFrame(rawValue: index))
                index &+= 1
            }
            domain.state.totalPages &+= 1 &<< UInt64(order)
            frame &+= 1 &<< UInt64(order)
        }
        domain.state.maximumPages = domain.state.totalPages
        // Below 1 MiB what is not RAM is firmware and video memory: identity, as a PC has it.
        frame = 0
        while frame < 256 {
            if !isOwn(frame), !boot.state.touchesRAM(frame: frame) {
                try domain.state.physmap.map(
                    GuestFrame(rawValue: frame), to: MachineFrame(rawValue: frame), type: .device,
                    writable: true,
                    frames: &hypervisor.state.frames)
            }
            frame &+= 1
        }
    }
    private func isOwnRun(_ frame: UInt64, _ count: UInt64) -> Bool {
        // Ranges are few: check the borders and every 2 MiB step by page only at the ends.
        var index = frame
        while index < frame &+ count {
            if !isOwn(index) { return false }
            index &+= 1
        }
        return true
    }

    // MARK: Tables

    /// Start info, module list, memory map, command line and ACPI tables, in 16 pages from `at` on. Xen
    /// public/arch-x86/hvm/start_info.h.
    private func writeTables(
        _ domain: Ref<Domain>, at: UInt64, ramdisk: UInt64, ramdiskByteCount: UInt64,
        _ commandLine: InlineArray<2048, UInt8>, _ skip: Int, _ length: Int
    ) {
        memory.zero(0x10000, at: at)
        let text = at &+ 0x1000
        var index = skip
        while index < length {
            memory.store(commandLine[index], text &+ UInt64(index &- skip))
            index &+= 1
        }
        let modules = at &+ 0x100
        let map = at &+ 0x2000
        let acpiPages = at &+ 0x4000
        let root = writeACPI(at: acpiPages)
        memory.store(0x336e_c578 as UInt32, at)
        memory.store(1 as UInt32, at &+ 4)
        memory.store(3 as UInt32, at &+ 8)  // SIF_PRIVILEGED, SIF_INITDOMAIN
        memory.store(ramdiskByteCount > 0 ? 1 : 0 as UInt32, at &+ 12)
        memory.store(modules, at &+ 16)
        memory.store(text, at &+ 24)
        memory.store(root, at &+ 32)
        memory.store(map, at &+ 40)
        memory.store(ramdisk, modules)
        memory.store(ramdiskByteCount, modules &+ 8)

        // The map: the machine's, with RAM that is not Dom0's marked unusable, and our ACPI pages as ACPI.
        var count: UInt64 = 0
        func add(_ start: UInt64, _ end: UInt64, _ type: UInt32) {
            guard end > start, count < 120 else { return }
            memory.store(start, map &+ count &* 24)
            memory.store(end &- start, map &+ count &* 24 &+ 8)
            memory.store(type, map &+ count &* 24 &+ 16)
            count &+= 1
        }
        var entry = 0
        while entry < boot.state.rangeCount {
            let range = boot.state.ranges[entry]
            entry &+= 1
            guard range.type == 1 else {
                add(range.start, range.end, range.type)
                continue
            }
            // Cut the RAM range at the borders that matter, in order.
            var start = range.start
            while start < range.end {
                var end = range.end
                var type: UInt32 = 1
                func cut(_ from: UInt64, _ to: UInt64, _ kind: UInt32) {
                    if start >= from, start < to {
                        type = kind
                        end = min(end, to)
                    } else if from > start {
                        end = min(end, from)
                    }
                }
                cut(lowEnd, 1 << 32, 5)
                cut(max(highEnd, 1 << 32), .max, 5)
                cut(imageStart, imageEnd, 5)
                cut(acpiPages, acpiPages &+ 0xc000, 3)
                add(start, end, type)
                start = end
            }
        }
        memory.store(UInt32(truncatingIfNeeded: count), at &+ 48)
        publishMap(domain, map, count)
    }
    /// The same map for `XENMEM_memory_map`: 20-byte entries.
    private func publishMap(_ domain: Ref<Domain>, _ map: UInt64, _ count: UInt64) {
        guard let frame = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else { return }
        var index: UInt64 = 0
        while index < count {
            memory.move(20, from: map &+ index &* 24, to: frame.address.rawValue &+ index &* 20)
            index &+= 1
        }
        domain.state.memoryMapFrame = frame
        domain.state.memoryMapCount = UInt32(truncatingIfNeeded: count)
    }

    /// New RSDP, XSDT and MADT; every other table that Dom0 may see is the machine's own. Returns the RSDP's address.
    private func writeACPI(at: UInt64) -> UInt64 {
        guard acpi.rsdp != 0 else { return 0 }
        let xsdt = at &+ 0x100
        let madt = at &+ 0x1000
        // MADT. ACPI specification §5.2.12.
        var end = madt &+ 44
        header(madt, 0x4349_5041, revision: 4)
        memory.store(0xfee0_0000 as UInt32, madt &+ 36)
        var id: UInt32 = 0
        while id < vcpuCount {
            memory.store(UInt8(0), end)
            memory.store(UInt8(8), end &+ 1)
            memory.store(UInt8(truncatingIfNeeded: id), end &+ 2)
            memory.store(UInt8(truncatingIfNeeded: id &* 2), end &+ 3)
            memory.store(1 as UInt32, end &+ 4)
            end &+= 8
            id &+= 1
        }
        acpi.forEachMADTEntry(memory) { type, entry in
            // IO-APICs and interrupt source overrides as they are.
            guard type == 1 || type == 2 else { return }
            let length = UInt64(memory.u8(entry &+ 1))
            memory.move(length, from: entry, to: end)
            end &+= length
        }
        finish(madt, end)
        // XSDT.
        header(xsdt, 0x5444_5358, revision: 1)
        end = xsdt &+ 36
        memory.store(madt, end)
        end &+= 8
        var index: UInt32 = 0
        while let table = acpi.table(index, memory) {
            index &+= 1
            switch memory.u32(table) {
            case 0x5043_4146, 0x4746_434d, 0x5444_5353, 0x5444_5350, 0x5453_4253, 0x4343_4c53, 0x4d44_534d,
                0x5441_4457,
                0x5444_5046:
                // FACP MCFG SSDT PSDT SBST SLIC MSDM WDAT FPDT
                memory.store(table, end)
                end &+= 8
            default: break
            }
        }
        finish(xsdt, end)
        // RSDP. §5.2.5.3.
        memory.store(0x2052_5450_2044_5352 as UInt64, at)
        memory.store(UInt8(2), at &+ 15)
        memory.store(36 as UInt32, at &+ 20)
        memory.store(xsdt, at &+ 24)
        memory.store(checksum(at, 20), at &+ 8)
        memory.store(checksum(at, 36), at &+ 32)
        return at
    }
    private func header(_ table: UInt64, _ signature: UInt32, revision: UInt8) {
        memory.store(signature, table)
        memory.store(revision, table &+ 8)
        memory.store(0x5346_5753 as UInt32, table &+ 10)
        memory.store(0x3056_5349 as UInt32, table &+ 16)
        memory.store(1 as UInt32, table &+ 24)
    }
    private func finish(_ table: UInt64, _ end: UInt64) {
        memory.store(UInt32(truncatingIfNeeded: end &- table), table &+ 4)
        memory.store(checksum(table, end &- table), table &+ 9)
    }
    private func checksum(_ start: UInt64, _ count: UInt64) -> UInt8 {
        var sum: UInt8 = 0
        var index: UInt64 = 0
        while index < count {
            sum = sum &+ memory.u8(start &+ index)
            index &+= 1
        }
        return 0 &- sum
    }
}
