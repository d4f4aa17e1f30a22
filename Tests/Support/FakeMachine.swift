// SPDX-License-Identifier: Apache-2.0
public import HypervisorCore
public import SharedMemory
public import XenABI

/// A machine without hardware: the portable core over an allocated arena, with hooks that note what they were
/// asked.
///
/// Frames 0 to `hardwareFrames` - 1 are kept for a 1:1 mapped hardware domain; the allocator has the rest.
/// The time-stamp counter is `tsc`, at 1 GHz, so ticks are nanoseconds of system time; it moves only when a
/// test moves it.
@safe public final class FakeMachine {
    /// What the hooks were asked to do.
    public final class Log {
        public var tsc: UInt64 = 0
        public var kicks: [Int] = []
        public var console: [UInt8] = []
        public var stops: [MachineStop] = []
        public var deadlines: [UInt64] = []
        public var contexts: [(vcpu: UInt32, context: CPUContext)] = []
        public var backendStates = 0
        public var refusesBackendState = false
        public var injectedNMIs = 0
        /// Pins written: pin, vector, level, active low, masked.
        public var programmedPins: [(Int, UInt8, Bool, Bool, Bool)] = []
    }
    public let log = Log()
    public let memory: MachineMemory
    public let hypervisor: Ref<Hypervisor>
    public let hardwareFrames: UInt64
    // SAFETY: allocated in init, freed in deinit, used by the views made in init only.
    private let storages: [UnsafeMutableRawPointer]
    private let hypervisorStorage: UnsafeMutablePointer<Hypervisor>

    /// What the console device received.
    public var consoleText: String { String(decoding: log.console, as: UTF8.self) }
    public var tsc: UInt64 {
        get { log.tsc }
        set { log.tsc = newValue }
    }

    /// - Parameters:
    ///   - frameCount: size of the machine's memory in frames.
    ///   - hardwareFrames: how many of them, from 0 on, are for `makeHardwareDomain`.
    public init(frameCount: UInt64 = 4096, hardwareFrames: UInt64 = 256) {
        func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
            // SAFETY: initialised to its end.
            let storage = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
            unsafe storage.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
            return unsafe storage
        }
        // SAFETY: every storage has the size its user is told and lives until deinit.
        let arena = unsafe allocate(Int(frameCount) * 4096)
        let records = unsafe allocate(Int(frameCount) * MemoryLayout<FrameRecord>.stride)
        let timers = unsafe allocate(TimerQueue.byteCount(capacity: 512))
        let console = unsafe allocate(16384)
        let trace = unsafe allocate(64 * MemoryLayout<TraceRecord>.stride)
        memory = unsafe MachineMemory(unsafeBase: arena, frameCount: frameCount)
        self.hardwareFrames = hardwareFrames
        unsafe storages = [arena, records, timers, console, trace]
        let log = log
        let hooks = MachineHooks(
            readTSC: { log.tsc }, kick: { log.kicks.append($0) }, consoleWrite: { log.console.append($0) },
            stopMachine: { log.stops.append($0) },
            createBackendState: { _ in
                if log.refusesBackendState { return false }
                log.backendStates += 1
                return true
            },
            destroyBackendState: { _ in log.backendStates -= 1 },
            loadContext: { vcpu, context in log.contexts.append((vcpu.state.id, context)) },
            saveContext: { vcpu in
                log.contexts.last { $0.vcpu == vcpu.state.id }?.context ?? CPUContext()
            },
            pagingState: { $0.state.paging }, injectNMI: { _ in log.injectedNMIs += 1 },
            armTimer: { log.deadlines.append($0) })
        var frames = unsafe FrameAllocator(
            memory: memory,
            records: FixedArray(unsafeStorage: records, count: Int(frameCount), repeating: FrameRecord()))
        frames.addRange(MachineFrame(rawValue: hardwareFrames), count: frameCount - hardwareFrames)
        var facts = MachineFacts()
        facts.tscKiloHertz = 1_000_000
        facts.highestFrame = frameCount - 1
        let value = unsafe Hypervisor(
            memory: memory, frames: frames, hooks: hooks, facts: facts, domains: DomainTable(),
            scheduler: Scheduler(), timers: TimerQueue(unsafeStorage: timers, capacity: 512),
            clock: SystemClock(hertz: 1_000_000_000, baseTSC: 0),
            console: ConsoleRing(storage: FixedArray(unsafeStorage: console, count: 16384, repeating: 0)),
            trace: TraceRing(storage: FixedArray(unsafeStorage: trace, count: 64, repeating: TraceRecord())),
            interrupts: InterruptRouting(program: { pin, vector, isLevel, isLow, isMasked in
                log.programmedPins.append((pin, vector, isLevel, isLow, isMasked))
            }))
        unsafe hypervisorStorage = UnsafeMutablePointer<Hypervisor>.allocate(capacity: 1)
        unsafe hypervisorStorage.initialize(to: value)
        hypervisor = unsafe Ref(unsafePointer: hypervisorStorage)
    }
    deinit {
        // SAFETY: allocated in init; nothing refers to it any more.
        unsafe hypervisorStorage.deinitialize(count: 1)
        unsafe hypervisorStorage.deallocate()
        unsafe storages.forEach { unsafe $0.deallocate() }
    }

    // MARK: Domains

    /// The domain of number `id` with vCPUs that are up and idle, unpaused, its RAM at guest frames 0 to
    /// `pages` - 1.
    public func makeDomain(
        _ id: UInt16, vcpus: UInt32 = 1, pages: UInt64 = 16, isPrivileged: Bool = false,
        maximumEventPort: UInt32 = 1023, maximumGrantFrames: UInt32 = 4, maximumMaptrackFrames: UInt32 = 2
    ) throws -> Ref<Domain> {
        let domain = try hypervisor.createDomain(
            id: DomainID(rawValue: id), maximumVCPUs: vcpus, maximumEventPort: maximumEventPort,
            maximumGrantFrames: maximumGrantFrames, maximumMaptrackFrames: maximumMaptrackFrames,
            isPrivileged: isPrivileged, isHardwareDomain: false)
        domain.state.maximumPages = pages + 1024
        for gfn in 0..<pages { try domain.addRAM(GuestFrame(rawValue: gfn), order: 0) }
        try addVCPUs(vcpus, to: domain)
        return domain
    }
    /// Domain 0, privileged, with the machine's first `hardwareFrames` frames mapped 1:1.
    public func makeHardwareDomain(
        vcpus: UInt32 = 1, maximumEventPort: UInt32 = 4095, maximumGrantFrames: UInt32 = 4,
        maximumMaptrackFrames: UInt32 = 16
    ) throws -> Ref<Domain> {
        let domain = try hypervisor.createDomain(
            id: .zero, maximumVCPUs: vcpus, maximumEventPort: maximumEventPort,
            maximumGrantFrames: maximumGrantFrames, maximumMaptrackFrames: maximumMaptrackFrames,
            isPrivileged: true, isHardwareDomain: true)
        domain.state.maximumPages = hardwareFrames
        for number in 0..<hardwareFrames {
            let frame = MachineFrame(rawValue: number)
            hypervisor.state.frames.assign(frame, to: .zero)
            hypervisor.state.frames.setGuestFrame(of: frame, GuestFrame(rawValue: number))
            try domain.state.physmap.map(
                GuestFrame(rawValue: number), to: frame, type: .ram, writable: true,
                frames: &hypervisor.state.frames)
        }
        domain.state.totalPages = hardwareFrames
        hypervisor.state.controlDomain = domain
        try addVCPUs(vcpus, to: domain)
        return domain
    }
    private func addVCPUs(_ count: UInt32, to domain: Ref<Domain>) throws {
        for id in 0..<count {
            let vcpu = try hypervisor.createVCPU(in: domain, id: id)
            vcpu.state.isDown = false
            vcpu.state.isInitialised = true
            vcpu.setGuestMode()
        }
        domain.state.pauseCount = 0
        domain.state.controllerPauseCount = 0
        domain.state.isCreationFinished = true
    }

    /// Argument blocks are written and read in the form of 32-bit callers.
    public private(set) var callersAre32Bit = false

    // MARK: Guest memory, by guest-physical address. A test that reads what is not there has a bug: it traps.

    private func place(_ address: UInt64, in domain: Ref<Domain>) -> (MachineFrame, Int) {
        guard let mapping = domain.state.physmap.lookup(GuestFrame(rawValue: address >> 12)) else {
            preconditionFailure("nothing at this guest-physical address")
        }
        return (mapping.frame, Int(address & 0xfff))
    }
    /// Writes an integer, byte by byte: it may cross a page.
    public func write<Value: FixedWidthInteger>(_ value: Value, at address: UInt64, in domain: Ref<Domain>) {
        for index in 0..<UInt64(Value.bitWidth / 8) {
            let (frame, offset) = place(address + index, in: domain)
            memory.storeByte(UInt8(truncatingIfNeeded: value >> Value(index * 8)), frame, offset)
        }
    }
    public func read<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self, at address: UInt64, in domain: Ref<Domain>
    ) -> Value {
        var value: Value = 0
        for index in 0..<UInt64(Value.bitWidth / 8) {
            let (frame, offset) = place(address + index, in: domain)
            value |= Value(truncatingIfNeeded: memory.loadByte(frame, offset)) << Value(index * 8)
        }
        return value
    }
    /// Writes a field of a guest's block.
    public func set<Layout: ABILayout, Value: FixedWidthInteger>(
        _ field: Field<Layout, Value>, _ value: Value, at address: UInt64, in domain: Ref<Domain>
    ) {
        guard callersAre32Bit, let run = Layout.compat?.run(holding: field.offset) else {
            return write(value, at: address + UInt64(field.offset), in: domain)
        }
        let place = address + UInt64(run.offset + field.offset - run.wideOffset)
        if run.isLong {
            write(UInt32(truncatingIfNeeded: value), at: place, in: domain)
        } else {
            write(value, at: place, in: domain)
        }
    }
    /// Reads a field of a guest's block.
    public func get<Layout: ABILayout, Value: FixedWidthInteger>(
        _ field: Field<Layout, Value>, at address: UInt64, in domain: Ref<Domain>
    ) -> Value {
        guard callersAre32Bit, let run = Layout.compat?.run(holding: field.offset) else {
            return read(Value.self, at: address + UInt64(field.offset), in: domain)
        }
        let place = address + UInt64(run.offset + field.offset - run.wideOffset)
        return run.isLong
            ? Value(truncatingIfNeeded: read(UInt32.self, at: place, in: domain))
            : read(Value.self, at: place, in: domain)
    }
    /// Writes element `index` of a guest's list of frame numbers or other C `long`s.
    public func setLong(_ value: UInt64, _ index: Int, of list: UInt64, in domain: Ref<Domain>) {
        if callersAre32Bit {
            write(UInt32(truncatingIfNeeded: value), at: list + UInt64(index * 4), in: domain)
        } else {
            write(value, at: list + UInt64(index * 8), in: domain)
        }
    }
    public func getLong(_ index: Int, of list: UInt64, in domain: Ref<Domain>) -> UInt64 {
        callersAre32Bit
            ? UInt64(read(UInt32.self, at: list + UInt64(index * 4), in: domain))
            : read(at: list + UInt64(index * 8), in: domain)
    }
    /// From now on the vCPUs of these domains call from 32-bit code, and blocks are written in that form.
    public func makeCallers32Bit(_ domains: Ref<Domain>...) {
        callersAre32Bit = true
        for domain in domains { domain.forEachVCPU { $0.setGuestMode(is32Bit: true) } }
    }
    /// Fills guest memory with one byte.
    public func fill(_ byte: UInt8, at address: UInt64, count: Int, in domain: Ref<Domain>) {
        for index in 0..<UInt64(count) { write(byte, at: address + index, in: domain) }
    }
}

extension Ref<VirtualCPU> {
    /// As at a hypercall of a kernel, but with paging off: linear addresses are guest-physical ones.
    public func setGuestMode(privilegeLevel: UInt8 = 0, is32Bit: Bool = false) {
        state.paging = GuestPagingState(
            cr0: 0x11, cr3: 0, cr4: 0, efer: 0, privilegeLevel: privilegeLevel, isLongMode: !is32Bit)
    }
    /// Makes a hypercall the way a guest does, continuations included, and returns its result.
    @discardableResult
    public func hypercall(
        _ number: UInt32, _ first: UInt64 = 0, _ second: UInt64 = 0, _ third: UInt64 = 0,
        _ fourth: UInt64 = 0,
        _ fifth: UInt64 = 0
    ) -> Int64 {
        load(UInt64(number), [first, second, third, fourth, fifth])
        repeat {
            state.continuesHypercall = false
            handleHypercall()
        } while state.continuesHypercall
        let result = state.registers[.rax]
        return state.paging.isLongMode
            ? Int64(bitPattern: result) : Int64(Int32(truncatingIfNeeded: result))
    }
    /// Puts a call where the handler looks for it, by the mode that is set. A 32-bit caller's high halves hold rubbish.
    public func load(_ number: UInt64, _ arguments: [UInt64]) {
        let registers = state.registers
        guard state.paging.isLongMode else {
            let rubbish: UInt64 = 0xdead_beef << 32
            registers[.rax] = number & 0xffff_ffff | rubbish
            registers[.rbx] = arguments[0] & 0xffff_ffff | rubbish
            registers[.rcx] = arguments[1] & 0xffff_ffff | rubbish
            registers[.rdx] = arguments[2] & 0xffff_ffff | rubbish
            registers[.rsi] = arguments[3] & 0xffff_ffff | rubbish
            registers[.rdi] = arguments[4] & 0xffff_ffff | rubbish
            return
        }
        registers[.rax] = number
        registers[.rdi] = arguments[0]
        registers[.rsi] = arguments[1]
        registers[.rdx] = arguments[2]
        registers[.r10] = arguments[3]
        registers[.r8] = arguments[4]
    }
}
