// SPDX-License-Identifier: Apache-2.0
import LinuxXen
import Testing
import XenABI

@testable import DomainBuilder

@Suite struct BuildPlanTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    func specification(
        kernel: [UInt8] = SyntheticKernel.linux(), ramdisk: Int = 0, commandLine: String = "console=hvc0",
        mebibytes: UInt64 = 128, vcpuCount: Int = 1
    ) -> DomainSpecification {
        DomainSpecification(
            kernelPath: folder.file("kernel", kernel),
            ramdiskPath: ramdisk == 0
                ? nil : folder.file("ramdisk", [UInt8](repeating: 0xab, count: ramdisk)),
            commandLine: commandLine, memoryKiB: mebibytes * 1024, vcpuCount: vcpuCount,
            uuid: [UInt8](repeating: 1, count: 16))
    }

    func plan(_ specification: DomainSpecification) throws -> BuildPlan {
        try BuildPlan(specification, kernels: KernelLibrary(cacheFolder: nil))
    }

    @Test(arguments: [UInt64(34), 48, 64, 128, 512, 1024, 2048, 3072, 4031, 4032, 4033, 4096, 5120, 8192])
    func everythingHasAPlaceOfItsOwn(_ mebibytes: UInt64) throws {
        let plan = try plan(specification(ramdisk: 100_001, mebibytes: mebibytes))
        let layout = plan.layout
        let ram = layout.memoryMap.filter { $0.type == E820Type.ram }
        #expect(ram.reduce(0) { $0 + $1.byteCount } == mebibytes << 20, "all of the memory is RAM of the map")

        // No two ranges of the map overlap, and they come in order.
        for (range, next) in zip(layout.memoryMap, layout.memoryMap.dropFirst()) {
            #expect(range.address + range.byteCount <= next.address)
        }
        // The local APIC is in none.
        #expect(
            !layout.memoryMap.contains {
                $0.address <= 0xfee0_0000 && 0xfee0_0000 < $0.address + $0.byteCount
            })

        // Kernel, ramdisk and start info lie in low RAM above 1 MiB, apart from each other.
        var taken = plan.kernel.image.segments.map { $0.address..<$0.end }
        taken.append(layout.ramdiskAddress..<layout.ramdiskAddress + layout.ramdiskByteCount)
        taken.append(layout.startInfoAddress..<layout.startInfoAddress + layout.startInfoByteCount)
        for (index, range) in taken.enumerated() {
            #expect(range.lowerBound >= 1 << 20 && range.upperBound <= layout.lowMemoryEnd)
            for other in taken[..<index] { #expect(!range.overlaps(other)) }
        }
        #expect(layout.ramdiskAddress % 4096 == 0)
        #expect(layout.ramdiskByteCount == 100_001)
        #expect(layout.rootPointerAddress >= DomainLayout.lowMemoryLimit)
        #expect(layout.rootPointerAddress + 64 <= DomainLayout.lowMemoryLimit + layout.acpiPageCount * 4096)
        #expect(layout.rootPointerAddress % 16 == 0)
    }

    @Test(arguments: [UInt64(1), 15, 16, 24, 32])
    func aKernelAt16MiBNeedsMoreThanThat(_ mebibytes: UInt64) throws {
        // Its second segment ends at 32 MiB and 64 KiB.
        let error = #expect(throws: BuilderError.self) { try plan(specification(mebibytes: mebibytes)) }
        guard case .doesNotFit(let what, let needed, let memory) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(what.contains("kernel") && needed == 32 * 1024 + 64 && memory == mebibytes * 1024)
    }

    @Test func aKernelAtTheEndOfTheAddressSpaceIsRefused() {
        let kernel = SyntheticKernel.elf(
            segments: [
                .init(address: 0x100_0000, content: [1], memoryByteCount: 0x1000),
                .init(address: .max - 0x1fff, content: [1], memoryByteCount: 0x1fff),
            ], notes: SyntheticKernel.linuxNotes(entry: 0x100_0000))
        let error = #expect(throws: BuilderError.self) { try plan(specification(kernel: kernel)) }
        guard case .doesNotFit = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func aSmallKernelRunsIn16MiB() throws {
        let kernel = SyntheticKernel.elf(
            is64Bit: false, machine: 3,
            segments: [.init(address: 0x10_0000, content: [0xf4], memoryByteCount: 0x4000)],
            notes: SyntheticKernel.note(
                ELFNoteType.physicalEntry32, SyntheticKernel.number(0x10_0000, wide: false)))
        let plan = try plan(specification(kernel: kernel, ramdisk: 4096, mebibytes: 16))
        #expect(plan.entry == 0x10_0000)
        #expect(plan.layout.ramdiskAddress == 0x10_4000)
        #expect(plan.layout.startInfoAddress == 0x10_5000)
        #expect(throws: BuilderError.self) { try self.plan(specification(kernel: kernel, mebibytes: 1)) }
    }

    @Test func oldLinuxKernelsFindTheRootPointerBelow1MiB() throws {
        let old = SyntheticKernel.elf(
            segments: [.init(address: 0x100_0000, content: [1], memoryByteCount: 0x1000)],
            notes: SyntheticKernel.linuxNotes(entry: 0x100_0000, features: 0))
        #expect(try plan(specification(kernel: old)).layout.rootPointerAddress == 0x100000 - 64)
    }

    @Test func aRamdiskThatDoesNotFitIsNamed() throws {
        let specification = specification(ramdisk: 40 << 20, mebibytes: 48)
        let error = #expect(throws: BuilderError.self) { try plan(specification) }
        #expect("\(try #require(error))".contains("the ramdisk \(folder.path)/ramdisk does not fit"))
    }

    @Test func refusesAKernelWithoutEntryAndOneThatStartsElsewhere() throws {
        let segments = [SyntheticKernel.Segment(address: 0x100_0000, content: [1], memoryByteCount: 0x1000)]
        let without = SyntheticKernel.elf(segments: segments, notes: [])
        #expect(throws: BuilderError.noPVHEntry(path: "\(folder.path)/kernel")) {
            try plan(specification(kernel: without))
        }
        let elsewhere = SyntheticKernel.linux(entry: 0x300_0000)
        #expect(
            throws: BuilderError.notAKernel(
                path: "\(folder.path)/kernel", reason: "its PVH entry 0x3000000 lies outside of it")
        ) { try plan(specification(kernel: elsewhere)) }
    }

    @Test func refusesAMissingRamdisk() throws {
        var specification = specification()
        specification.ramdiskPath = "/nowhere"
        #expect(
            throws: BuilderError.cannotRead(
                role: .ramdisk, path: "/nowhere", reason: "No such file or directory")
        ) { try plan(specification) }
    }

    @Test func refusesImpossibleSpecifications() throws {
        func text(_ change: (inout DomainSpecification) -> Void) -> String {
            var specification = specification()
            change(&specification)
            do {
                _ = try plan(specification)
                return "accepted"
            } catch {
                return "\(error)"
            }
        }
        #expect(text { _ in } == "accepted")
        #expect(text { $0.vcpuCount = 0 }.contains("from 1 to 128"))
        #expect(text { $0.vcpuCount = 129 }.contains("from 1 to 128"))
        #expect(text { $0.uuid = [1] }.contains("UUID"))
        #expect(text { $0.memoryKiB = .max }.contains("at most"))
        #expect(text { $0.maximumMemoryKiB = .max }.contains("at most"))
        #expect(text { $0.memoryKiB = 0 }.contains("does not fit"))
        #expect(text { $0.commandLine = String(repeating: "x", count: 4096) }.contains("4096 bytes"))
        #expect(text { $0.commandLine = "a\0b" }.contains("NUL"))
        #expect(text { $0.maximumGrantFrames = 0 }.contains("out of range"))
        #expect(text { $0.maximumEventPorts = -1 }.contains("out of range"))
    }

    @Test func startInfoSaysWhereEverythingIs() throws {
        let plan = try plan(specification(ramdisk: 5000, commandLine: "console=hvc0 quiet", mebibytes: 6144))
        let address = plan.layout.startInfoAddress
        let bytes = plan.startInfo.encode(at: address)
        #expect(UInt64(bytes.count) <= plan.layout.startInfoByteCount)
        func word(_ offset: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
        }
        #expect(word(0, 4) == 0x336e_c578)
        #expect(word(4, 4) == 1)
        #expect(word(8, 4) == 0, "a DomU has no flags")
        #expect(word(12, 4) == 1)
        let module = Int(word(16, 8) - address)
        #expect(word(module, 8) == plan.layout.ramdiskAddress && word(module + 8, 8) == 5000)
        #expect(word(module + 16, 8) == 0)
        let line = Int(word(24, 8) - address)
        #expect(String(decoding: bytes[line...].prefix { $0 != 0 }, as: UTF8.self) == "console=hvc0 quiet")
        #expect(bytes.last == 0)
        #expect(word(32, 8) == plan.layout.rootPointerAddress)
        let map = Int(word(40, 8) - address)
        #expect(word(48, 4) == 4 && word(52, 4) == 0)
        for (index, range) in plan.layout.memoryMap.enumerated() {
            #expect(word(map + 24 * index, 8) == range.address)
            #expect(word(map + 24 * index + 8, 8) == range.byteCount)
            #expect(word(map + 24 * index + 16, 4) == UInt64(range.type))
        }
        #expect(module % 8 == 0 && map % 8 == 0)
    }

    @Test func withoutARamdiskThereIsNoModule() throws {
        let plan = try plan(specification())
        let bytes = plan.startInfo.encode(at: plan.layout.startInfoAddress)
        #expect(bytes[12..<24].allSatisfy { $0 == 0 })
    }

    @Test func theFirstContextStartsTheKernelAsPVHDemands() {
        let records = FirstContext.records(entry: 0x100_0850, startInfo: 0x400_0000, vcpuCount: 3)
        func word(_ offset: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(records[offset + $1]) << UInt64(8 * $1) }
        }
        var found: [(type: UInt64, instance: UInt64, body: Int)] = []
        var at = 0
        while at < records.count {
            found.append((word(at, 2), word(at + 2, 2), at + 8))
            at += 8 + Int(word(at + 4, 4))
        }
        #expect(at == records.count)
        #expect(found.map(\.type) == [1, 14, 14, 14, 2, 0])
        #expect(found.map(\.instance) == [0, 0, 1, 2, 0, 0])
        #expect(word(found[0].body, 4) == 0x5438_1286 && word(found[0].body + 4, 4) == 1)
        let cpu = found[4].body
        #expect(word(cpu + 640, 8) == 0x100_0850, "rip")
        #expect(word(cpu + 520, 8) == 0x400_0000, "rbx")
        #expect(word(cpu + 656, 8) == 0x11, "cr0: PE and ET")
        #expect(word(cpu + 680, 8) == 0 && word(cpu + 992, 8) == 0, "cr4, efer")
        #expect(word(cpu + 648, 8) == 2, "rflags")
        #expect(word(cpu + 768, 4) == 0xffff_ffff && word(cpu + 888, 4) == 0xc9b, "cs")
        #expect(word(cpu + 772, 4) == 0xffff_ffff && word(cpu + 892, 4) == 0xc93, "ds")
        #expect(word(cpu + 792, 4) == 0x67 && word(cpu + 912, 4) == 0x8b, "tr")
        #expect(word(found[1].body + 232, 8) == 0x806, "memory types: enabled, write-back")
    }
}
