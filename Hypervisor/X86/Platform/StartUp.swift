// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// Takes frames from the top of a range of RAM before there is a frame allocator. What it took stays the hypervisor's.
struct BootAllocator {
    private(set) var next: UInt64
    let bottom: UInt64
    let memory: BootMemory
    init(top: UInt64, bottom: UInt64, memory: BootMemory) {
        next = top & ~0xfff
        self.bottom = bottom
        self.memory = memory
    }
    /// Zeroed bytes, rounded up to pages; halts with a message when there are none.
    mutating func take(_ byteCount: UInt64) -> UInt64 {
        let size = (byteCount &+ 0xfff) & ~0xfff
        guard next &- bottom >= size, next >= size else {
            StartUp.fail("not enough memory for the hypervisor's own tables")
        }
        next &-= size
        memory.zero(size, at: next)
        return next
    }
}

/// From the loader's hand-over to the first guest instruction.
public enum StartUp {
    static func fail(_ text: StaticString) -> Never {
        EarlyConsole.print("Swiftvisor: ")
        EarlyConsole.print(text)
        EarlyConsole.print("; halted.\n")
        Machine.halt()
    }

    /// Never returns.
    public static func run() -> Never {
        let memory = BootMemory(directMap: HostPaging.directMap, limit: 1 << 32)
        // SAFETY: start-up runs alone, before there are interrupts or other CPUs.
        unsafe machineState.serial = SerialPort(port: 0x3f8)
        HostInterrupts.install(memory: memory)
        guard let boot = readBootInformation(memory) else { fail("the boot loader's protocol is unknown") }
        let boots = unsafe Ref(unsafePointer: bootStorage(boot))
        let options = readOptions(boots, memory)
        if options.consolePort != 0x3f8 {
            unsafe machineState.serial =
                options.consolePort == 0 ? nil : SerialPort(port: options.consolePort)
        }
        EarlyConsole.print("Swiftvisor: booted by ")
        EarlyConsole.print(boots.state.protocolName)
        EarlyConsole.print("\n")

        // The hypervisor's own storage comes from the top of the largest RAM range below 4 GiB.
        var best = MemoryRange(start: 0, byteCount: 0, type: 0)
        var index = 0
        var ramBytes: UInt64 = 0
        while index < boots.state.rangeCount {
            let range = boots.state.ranges[index]
            if range.type == 1 {
                ramBytes &+= range.byteCount
                if range.end <= 1 << 32, range.byteCount > best.byteCount { best = range }
            }
            index &+= 1
        }
        guard best.byteCount > 64 << 20 else { fail("this machine has too little memory: 128 MiB at least") }
        let endOfRAM = boots.state.endOfRAM
        let allocator = BootAllocator(top: best.end, bottom: best.start &+ 32 << 20, memory: memory)
        // SAFETY: start-up runs alone.
        unsafe bootAllocator = allocator
        func take(_ byteCount: UInt64) -> UInt64 { unsafe bootAllocator?.take(byteCount) ?? 0 }

        let paging = HostPaging(
            top: endOfRAM, memory: memory, isRAM: { boots.state.touchesRAM(frame: $0 &>> 12) },
            allocate: { take(4096) })
        paging.activate()
        let wide = BootMemory(directMap: HostPaging.directMap, limit: max(endOfRAM, 1 << 32))
        unsafe machineState.bootMemory = wide

        // CPU, SVM.
        let hostSaveArea = take(4096)
        let hostStateArea = take(4096)
        if let problem = SVMBackend.enable(hostSaveArea: hostSaveArea, hostStateArea: hostStateArea) {
            fail(problem.text)
        }
        let features = SVMBackend.features()
        unsafe machineState.features = features
        unsafe machineState.hasTSCAux = cx86_cpuid_d(0x8000_0001, 0) & (1 << 27) != 0
        let acpi = ACPI(hint: boots.state.rsdp, memory: memory)
        // SAFETY: start-up runs alone.
        unsafe machineState.acpi = acpi
        disableLegacyInterrupts()
        var apic = LocalAPIC(directMap: HostPaging.directMap)
        let rates = CalibratedRates(CalibrationRound.measure(apic))
        apic.ticksPerMeganano = rates.apicTicksPerMeganano
        let hertz = rates.hertz
        unsafe machineState.localAPIC = apic
        buildPermissionMaps(take, memory)

        // Frame records, rings, timers.
        let frameCount = endOfRAM &>> 12
        let recordBytes = frameCount &* UInt64(MemoryLayout<FrameRecord>.stride)
        guard let records = unsafe memory.storage(at: take(recordBytes)),
            let timerStorage = unsafe memory.storage(at: take(UInt64(TimerQueue.byteCount(capacity: 2048)))),
            let consoleStorage = unsafe memory.storage(at: take(32768)),
            let traceStorage = unsafe memory.storage(
                at: take(UInt64(1024 &* MemoryLayout<TraceRecord>.stride))),
            let hypervisorStorage = unsafe memory.storage(at: take(UInt64(MemoryLayout<Hypervisor>.stride))),
            let processorStorage = unsafe memory.storage(at: take(UInt64(MemoryLayout<Processor>.stride))),
            let window = unsafe memory.storage(at: 0)
        else { fail("no memory") }
        // SAFETY: the storage just taken is large enough, aligned to pages, and never given back.
        let machineMemory = unsafe MachineMemory(unsafeBase: window, frameCount: frameCount)
        let frames = unsafe FrameAllocator(
            memory: machineMemory,
            records: FixedArray(unsafeStorage: records, count: Int(frameCount), repeating: FrameRecord()))
        var facts = MachineFacts()
        facts.tscKiloHertz = UInt32(truncatingIfNeeded: hertz / 1000)
        facts.highestFrame = frameCount
        facts.allowsGiantPages = cx86_cpuid_d(0x8000_0001, 0) & (1 << 26) != 0
        let pointer = unsafe hypervisorStorage.bindMemory(to: Hypervisor.self, capacity: 1)
        unsafe pointer.initialize(
            to: Hypervisor(
                memory: machineMemory, frames: frames, hooks: hooks(), facts: facts, domains: DomainTable(),
                scheduler: Scheduler(), timers: TimerQueue(unsafeStorage: timerStorage, capacity: 2048),
                clock: SystemClock(hertz: hertz, baseTSC: cx86_rdtsc()),
                console: ConsoleRing(
                    storage: FixedArray(unsafeStorage: consoleStorage, count: 32768, repeating: 0)),
                trace: TraceRing(
                    storage: FixedArray(unsafeStorage: traceStorage, count: 1024, repeating: TraceRecord())),
                interrupts: InterruptRouting(program: { Machine.programPin($0, $1, $2, $3, $4) })))
        let hypervisor = unsafe Ref(unsafePointer: pointer)
        hypervisor.state.trace.isEnabled = options.traces
        // SAFETY: start-up runs alone.
        unsafe machineState.hypervisor = hypervisor
        unsafe machineState.ramMap = boots
        let processorPointer = unsafe processorStorage.bindMemory(to: Processor.self, capacity: 1)
        unsafe processorPointer.initialize(
            to: Processor(number: 0, apic: apic, hostStateArea: hostStateArea, features: features))
        let processor = unsafe Ref(unsafePointer: processorPointer)
        unsafe machineState.processor = processor
        findIOAPICs(acpi, memory, hypervisor)
        setWallclock(hypervisor)

        // Who gets which memory.
        let imageStart = (cx86_image_start() &- HostPaging.imageBase) & ~0x1f_ffff
        let imageEnd = (cx86_image_end() &- HostPaging.imageBase &+ 0xfff) & ~0xfff
        var own = options.dom0Memory != 0 ? options.dom0Memory : min(ramBytes / 2, 4 << 30)
        own = (own &+ 0x1f_ffff) & ~0x1f_ffff
        let lowLimit = (best.end &- (64 << 20)) & ~0x1f_ffff
        let lowEnd = min(own, min(lowLimit, unsafe (bootAllocator?.next ?? 0) & ~0x1f_ffff))
        let rest = own > lowEnd ? own &- lowEnd : 0
        let highEnd =
            endOfRAM > 1 << 32 ? (1 << 32) &+ min(rest, endOfRAM &- (1 << 32)) & ~0x1f_ffff : 1 << 32
        // Boot modules are read while Dom0 is built, and its tables need frames: the pool starts as what lies beyond both.
        var busyEnd = lowEnd
        index = 0
        // SAFETY: start-up runs alone.
        while index < boots.state.moduleCount {
            busyEnd = max(busyEnd, boots.state.modules[index].start &+ boots.state.modules[index].byteCount)
            index &+= 1
        }
        busyEnd = (busyEnd &+ 0xfff) & ~0xfff
        addPool(hypervisor, boots, from: busyEnd, to: unsafe bootAllocator?.next ?? 0)
        addPool(hypervisor, boots, from: max(highEnd, 1 << 32), to: endOfRAM)
        printSummary(hypervisor, ramBytes, hertz)

        let builder = ControlDomainBuilder(
            hypervisor: hypervisor, memory: memory, boot: boots, acpi: acpi, lowEnd: lowEnd, highEnd: highEnd,
            imageStart: imageStart, imageEnd: imageEnd, vcpuCount: 1)
        if options.dom0VCPUs > 1 {
            hypervisor.print("(sv) dom0_max_vcpus: this version gives Dom0 one vCPU (Docs/Caveats.md)\n")
        }
        if let problem = builder.build() {
            hypervisor.print("Swiftvisor: ")
            hypervisor.print(problem)
            hypervisor.print("; halted.\n")
            Machine.halt()
        }
        // The modules' memory beyond Dom0's is free now.
        if busyEnd > lowEnd { addPool(hypervisor, boots, from: lowEnd, to: busyEnd) }
        enableSerialInput(hypervisor)
        hypervisor.print("(sv) Dom0 starts ")
        hypervisor.print(decimal: (cx86_rdtsc() &- cx86_boot_tsc()) / max(hertz / 1_000_000, 1))
        hypervisor.print(" us after the hypervisor's first instruction\n")
        ProcessorLoop(hypervisor: hypervisor, processor: processor).run()
    }

    private static func addPool(
        _ hypervisor: Ref<Hypervisor>, _ boot: Ref<BootInformation>, from: UInt64, to: UInt64
    ) {
        var index = 0
        while index < boot.state.rangeCount {
            let range = boot.state.ranges[index]
            index &+= 1
            guard range.type == 1 else { continue }
            let start = (max(range.start, from) &+ 0xfff) & ~0xfff
            let end = min(range.end, to) & ~0xfff
            if end > start {
                hypervisor.state.frames.addRange(
                    MachineFrame(rawValue: start &>> 12), count: (end &- start) &>> 12)
            }
        }
    }
    // SAFETY: start-up runs alone.
    private static func printSummary(_ hypervisor: Ref<Hypervisor>, _ ramBytes: UInt64, _ hertz: UInt64) {
        hypervisor.print("(sv) Swiftvisor 0.1: ")
        hypervisor.print(decimal: ramBytes &>> 20)
        hypervisor.print(" MiB of memory, ")
        hypervisor.print(decimal: hypervisor.state.frames.freeFrames &>> 8)
        hypervisor.print(" MiB for guests; TSC ")
        hypervisor.print(decimal: hertz / 1_000_000)
        hypervisor.print(" MHz; AMD SVM with nested paging, ")
        hypervisor.print(decimal: UInt64(unsafe machineState.features.asidCount))
        hypervisor.print(" ASIDs\n")
    }

    // MARK: Loader

    private static func readBootInformation(_ memory: BootMemory) -> BootInformation? {
        let ranges: FixedArray<MemoryRange> = unsafe withUnsafeMutableBytes(of: &rangeStorage) { bytes in
            guard let start = bytes.baseAddress else { fail("no storage") }
            // SAFETY: static storage of 128 times 24 bytes.
            return unsafe FixedArray(
                unsafeStorage: start, count: 128, repeating: MemoryRange(start: 0, byteCount: 0, type: 0))
        }
        var boot = BootInformation(ranges: ranges)
        guard boot.read(magic: cx86_boot_magic(), address: cx86_boot_info(), memory: memory) else {
            return nil
        }
        return boot
    }
    private static func readOptions(_ boot: Ref<BootInformation>, _ memory: BootMemory) -> CommandLine {
        var options = CommandLine()
        options.parse(at: boot.state.commandLine, memory: memory) { start, length, problem in
            EarlyConsole.print("Swiftvisor: option \"")
            var index = 0
            while index < length {
                EarlyConsole.put(memory.u8(start &+ UInt64(index)))
                index &+= 1
            }
            EarlyConsole.print("\" ")
            EarlyConsole.print(problem)
            EarlyConsole.print("; ignored\n")
        }
        return options
    }

    // MARK: Clocks and interrupts

    /// The 8259s stay masked for ever; their vectors are moved away from the exceptions.
    private static func disableLegacyInterrupts() {
        cx86_out8(0x20, 0x11)
        cx86_out8(0xa0, 0x11)
        cx86_out8(0x21, 0xf0)
        cx86_out8(0xa1, 0xf8)
        cx86_out8(0x21, 4)
        cx86_out8(0xa1, 2)
        cx86_out8(0x21, 1)
        cx86_out8(0xa1, 1)
        cx86_out8(0x21, 0xff)
        cx86_out8(0xa1, 0xff)
    }
    private static func findIOAPICs(_ acpi: ACPI, _ memory: BootMemory, _ hypervisor: Ref<Hypervisor>) {
        acpi.forEachMADTEntry(memory) { type, entry in
            // SAFETY: start-up runs alone.
            guard type == 1, unsafe machineState.ioapicCount < 8 else { return }
            let chip = IOAPIC(
                id: memory.u8(entry &+ 2), physicalAddress: UInt64(memory.u32(entry &+ 4)),
                firstPin: memory.u32(entry &+ 8), directMap: HostPaging.directMap)
            unsafe machineState.ioapics[machineState.ioapicCount] = chip
            unsafe machineState.ioapicCount &+= 1
            hypervisor.state.interrupts.pinCount = min(
                max(hypervisor.state.interrupts.pinCount, Int(chip.firstPin &+ chip.pinCount)),
                InterruptRouting.pinCapacity)
            var pin: UInt32 = 0
            while pin < chip.pinCount {
                chip.program(pin, vector: 0, isLevel: false, isActiveLow: false, masked: true, target: 0)
                pin &+= 1
            }
        }
    }
    /// The time of day from the battery-backed clock, until Dom0 sets it. Motorola MC146818 data sheet.
    private static func setWallclock(_ hypervisor: Ref<Hypervisor>) {
        func register(_ index: UInt8) -> UInt64 {
            cx86_out8(0x70, index)
            return UInt64(cx86_in8(0x71))
        }
        func reading() -> (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) {
            var tries = 1_000_000
            while register(0x0a) & 0x80 != 0, tries > 0 { tries &-= 1 }
            return (register(0), register(2), register(4), register(7), register(8), register(9))
        }
        // Two equal readings: no update ran between.
        var now = reading()
        var tries = 8
        while tries > 0 {
            let again = reading()
            if again == now { break }
            now = again
            tries &-= 1
        }
        let isBinary = register(0x0b) & 4 != 0
        let is24Hour = register(0x0b) & 2 != 0
        func number(_ raw: UInt64) -> UInt64 { isBinary ? raw : (raw &>> 4) &* 10 &+ (raw & 15) }
        var hour = number(now.2 & 0x7f)
        if !is24Hour { hour = hour % 12 &+ (now.2 & 0x80 != 0 ? 12 : 0) }
        let year = 2000 &+ number(now.5)
        let month = max(number(now.4), 1)
        // Days since 1970 in the proleptic Gregorian calendar, years counted from March.
        let shifted = month > 2 ? year : year &- 1
        let days =
            shifted &* 365 &+ shifted / 4 &- shifted / 100 &+ shifted / 400
            &+ (153 &* (month > 2 ? month &- 3 : month &+ 9) &+ 2) / 5 &+ number(now.3) &- 1 &- 719_468
        let seconds = days &* 86400 &+ hour &* 3600 &+ number(now.1) &* 60 &+ number(now.0)
        do throws(XenError) {
            try hypervisor.setWallclock(seconds: seconds, nanoseconds: 0, systemTime: hypervisor.state.now())
        } catch {
            hypervisor.print("(sv) the battery-backed clock gives no sensible time\n")
        }
    }
    private static func enableSerialInput(_ hypervisor: Ref<Hypervisor>) {
        // SAFETY: start-up runs alone.
        guard let serial = unsafe machineState.serial else { return }
        let pin = serial.port == 0x3f8 ? 4 : 3
        hypervisor.state.interrupts.ownPin = pin
        Machine.programPin(pin, LocalAPIC.serialVector, false, false, false)
        serial.enableInterrupts()
    }

    /// I/O permissions (a set bit intercepts): Dom0 has every port but the hypervisor's; other domains none. MSR permissions:
    /// what VMRUN, VMLOAD and VMSAVE switch is open. AMD APM vol 2 §15.10, §15.11.
    private static func buildPermissionMaps(_ take: (UInt64) -> UInt64, _ memory: BootMemory) {
        let dom0 = take(12288)
        let guest = take(12288)
        var index: UInt64 = 0
        while index < 12288 {
            memory.store(0xff as UInt8, guest &+ index)
            index &+= 1
        }
        func keep(_ first: UInt64, _ last: UInt64) {
            var port = first
            while port <= last {
                memory.store(memory.u8(dom0 &+ port / 8) | 1 &<< UInt8(port & 7), dom0 &+ port / 8)
                port &+= 1
            }
        }
        keep(0x20, 0x21)
        keep(0xa0, 0xa1)
        keep(0x40, 0x43)
        keep(0xe9, 0xe9)
        // SAFETY: start-up runs alone.
        if let serial = unsafe machineState.serial { keep(UInt64(serial.port), UInt64(serial.port) &+ 7) }
        keep(0x10000, 0x10003)
        let msr = take(8192)
        index = 0
        while index < 8192 {
            memory.store(0xff as UInt8, msr &+ index)
            index &+= 1
        }
        func open(_ number: UInt32) {
            let (base, offset): (UInt32, UInt64) =
                number < 0x2000 ? (0, 0) : number < 0xc000_2000 ? (0xc000_0000, 2048) : (0xc001_0000, 4096)
            let bit = UInt64(number &- base) &* 2
            let at = msr &+ offset &+ bit / 8
            memory.store(memory.u8(at) & ~(3 &<< UInt8(bit & 7)), at)
        }
        open(0x174)
        open(0x175)
        open(0x176)
        open(0xc000_0081)
        open(0xc000_0082)
        open(0xc000_0083)
        open(0xc000_0084)
        open(0xc000_0100)
        open(0xc000_0101)
        open(0xc000_0102)
        // SAFETY: start-up runs alone.
        unsafe machineState.dom0IOMap = dom0
        unsafe machineState.guestIOMap = guest
        unsafe machineState.msrMap = msr
    }

    // MARK: Hooks

    private static func hooks() -> MachineHooks {
        MachineHooks(
            readTSC: { cx86_rdtsc() },
            kick: { _ in },
            consoleWrite: { byte in unsafe machineState.serial?.write(byte) },
            stopMachine: { Machine.stop($0) },
            createBackendState: { createControlBlock($0) },
            destroyBackendState: { vcpu in
                Machine.forgetVectorState(vcpu)
                if let frame = vcpu.state.controlFrame {
                    vcpu.hypervisor.state.frames.free(frame)
                    vcpu.state.controlFrame = nil
                }
            },
            loadContext: { vcpu, context in
                SVMBackend.load(context, vcpu.vmcb, vcpu.svm, vcpu.state.registers)
            },
            saveContext: { vcpu in SVMBackend.save(vcpu.vmcb, vcpu.svm, vcpu.state.registers) },
            pagingState: { vcpu in SVMBackend.pagingState(vcpu.vmcb) },
            injectNMI: { vcpu in
                vcpu.state.isNMIPending = true
                vcpu.wake()
            },
            armTimer: { _ in },
            cpuid: { leaf, subleaf in
                let answer = GuestCPUID.policy(leaf: leaf, subleaf: subleaf)
                return CPUIDRegisters(a: answer.a, b: answer.b, c: answer.c, d: answer.d)
            })
    }
    private static func createControlBlock(_ vcpu: Ref<VirtualCPU>) -> Bool {
        guard let frame = vcpu.hypervisor.state.frames.allocate(order: 0, owner: .hypervisor),
            let root = vcpu.domain.state.physmap.root
        else { return false }
        vcpu.state.controlFrame = frame
        // SAFETY: start-up runs alone.
        let isDom0 = vcpu.domain.state.isHardwareDomain
        SVMBackend.initialise(
            vcpu.vmcb, vcpu.svm, ioMap: unsafe isDom0 ? machineState.dom0IOMap : machineState.guestIOMap,
            msrMap: unsafe machineState.msrMap, nestedRoot: root.address.rawValue)
        // Vector state at reset: FCW 0x37f, MXCSR 0x1f80. AMD APM vol 2 §14.1.3.
        let memory = vcpu.hypervisor.state.memory
        memory.storeByte(0x7f, vcpu.state.contextFrame, 512)
        memory.storeByte(0x03, vcpu.state.contextFrame, 513)
        memory.storeByte(0x80, vcpu.state.contextFrame, 512 &+ 24)
        memory.storeByte(0x1f, vcpu.state.contextFrame, 512 &+ 25)
        return true
    }

    /// Moves the boot information into static storage, so that it can be referred to for ever.
    private static func bootStorage(_ boot: consuming BootInformation) -> UnsafeMutablePointer<
        BootInformation
    > {
        let start = unsafe withUnsafeMutableBytes(of: &bootInformationStorage) { bytes in bytes.baseAddress }
        guard let start = unsafe start else { fail("no storage") }
        // SAFETY: static storage, larger than the value, aligned to 8.
        let pointer = unsafe start.bindMemory(to: BootInformation.self, capacity: 1)
        unsafe pointer.initialize(to: boot)
        return unsafe pointer
    }
}

nonisolated(unsafe) private var bootInformationStorage: InlineArray<128, UInt64> = InlineArray(repeating: 0)
nonisolated(unsafe) private var rangeStorage: InlineArray<384, UInt64> = InlineArray(repeating: 0)
nonisolated(unsafe) private var bootAllocator: BootAllocator?
