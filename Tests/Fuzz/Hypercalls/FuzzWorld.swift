// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import XenABI

/// What broke, and where.
public struct FuzzFailure: Error, CustomStringConvertible {
    /// The step after which it was found.
    public var step: Int
    public var what: String
    public var description: String { "step \(step): \(what)" }
}

/// What a domain of the fuzzer has learnt from answers: handles to use again, right or wrong.
final class Knowledge {
    var ports: [UInt32] = []
    var handles: [(handle: UInt32, gfn: UInt64)] = []
    func learn(port: UInt32) {
        if ports.count >= 24 { ports.removeFirst() }
        ports.append(port)
    }
    func learn(handle: UInt32, gfn: UInt64) {
        if handles.count >= 24 { handles.removeFirst() }
        handles.append((handle, gfn))
    }
}

/// A call as it is made, and what to do with the answer.
struct FuzzCall {
    var operation: FuzzOperation
    var number: UInt64
    var arguments: [UInt64]
    var then: Afterwards = .nothing

    enum Afterwards {
        case nothing
        /// A port number stands at this address.
        case port(UInt64)
        /// So many blocks of `GNTTABOP_map_grant_ref` stand there.
        case mappings(UInt64, Int)
    }
}

/// One machine under attack: domain 0 mapped 1:1, some guests, and the run loop's part of the hypervisor driven by a random
/// source. Each step lets time pass, lets the scheduler choose, and lets the chosen vCPU do something: go on with a
/// preempted call, make one, change its memory, or take its interrupts.
public final class FuzzWorld {
    public let machine: FakeMachine
    public private(set) var coverage = Coverage()
    /// Told each step, in words.
    public var log: ((String) -> Void)?
    /// Steps between two looks at the invariants.
    public var stepsPerCheck = 16

    var random: RandomSource
    let control: Ref<Domain>
    var knowledge: [UInt16: Knowledge] = [:]
    /// Grants that were made, by whom and for whom.
    var offers: [(granter: UInt16, reference: UInt32, user: UInt16)] = []
    private var inFlight: [InFlight] = []
    private var step = 0
    private let startFree: UInt64
    var hypervisor: Ref<Hypervisor> { machine.hypervisor }

    private struct InFlight {
        var domain: Ref<Domain>
        var id: DomainID
        var vcpu: UInt32
        var call: FuzzCall
    }

    public init(_ random: RandomSource) throws {
        self.random = random
        let isLarge = self.random.once(in: 4)
        machine = FakeMachine(frameCount: isLarge ? 2560 : 1024, hardwareFrames: 96)
        startFree = machine.hypervisor.state.frames.freeFrames
        control = try machine.makeHardwareDomain(vcpus: 2, maximumMaptrackFrames: 2)
        hypervisorStart(control)
        for id in UInt16(1)...3 { _ = try makeGuest(id) }
    }
    /// Lets a domain that test support made run by the scheduler.
    private func hypervisorStart(_ domain: Ref<Domain>) {
        domain.state.pauseCount = 1
        domain.unpause()
    }
    @discardableResult
    func makeGuest(_ id: UInt16) throws -> Ref<Domain> {
        knowledge[id] = nil
        let domain = try machine.makeDomain(
            id, vcpus: 1 + UInt32(random.below(3)), pages: 16,
            maximumEventPort: random.pick([15, 63, 300, 1023]),
            maximumGrantFrames: 1 + UInt32(random.below(3)), maximumMaptrackFrames: UInt32(random.below(3)))
        domain.state.maximumPages = random.pick([16, 24, 64, 1024])
        hypervisorStart(domain)
        return domain
    }
    func known(_ domain: Ref<Domain>) -> Knowledge {
        if let known = knowledge[domain.id.rawValue] { return known }
        let new = Knowledge()
        knowledge[domain.id.rawValue] = new
        return new
    }

    /// The call that is being made up comes from 32-bit code.
    var playsA32BitCaller = false

    // MARK: Running

    /// Does step `number` with decisions of its own.
    ///
    /// Throws what does not hold any more.
    public func run(step number: Int, _ source: RandomSource) throws(FuzzFailure) {
        random = source
        try takeStep(number)
    }
    /// Does as many steps as the source has bytes for, at most `limit`.
    public func run(limit: Int) throws(FuzzFailure) {
        var number = 0
        while number < limit, !random.isExhausted {
            try takeStep(number)
            number += 1
        }
    }
    /// The control domain shut the machine down: nothing more will happen.
    public var isOver: Bool { control.state.isShutDown }

    private func takeStep(_ number: Int) throws(FuzzFailure) {
        step = number
        passTime()
        if let vcpu = hypervisor.state.scheduler.current[0] {
            try act(vcpu)
        } else {
            stir()
        }
        if number % stepsPerCheck == 0 { try check() }
    }
    public func check() throws(FuzzFailure) {
        if let fault = hypervisor.checkInvariants() {
            tellState()
            throw failure("\(fault)")
        }
    }
    /// Tells the log what stands where, when something is wrong.
    private func tellState() {
        guard log != nil else { return }
        for index in 0..<hypervisor.state.domains.count {
            guard let domain = hypervisor.state.domains[index] else { continue }
            say(
                "domain \(domain.id.rawValue) \(domain.state.lifecycle): \(domain.state.totalPages) pages, "
                    + "\(domain.state.events.openCount) ports, \(domain.state.grants.activeCount) grants in use, "
                    + "\(domain.state.grants.mappingCount) mappings")
        }
        for number in 0..<machine.memory.frameCount {
            let frame = MachineFrame(rawValue: number)
            let owner = hypervisor.state.frames.owner(of: frame)
            guard owner != .invalid, hypervisor.state.frames.pinCount(frame) > 0 else { continue }
            let gfn = hypervisor.state.frames.guestFrame(of: frame).map { "\($0.rawValue)" } ?? "nowhere"
            say(
                "frame \(number) of \(owner.rawValue), at \(gfn): "
                    + "\(hypervisor.state.frames.pinCount(frame)) pins")
        }
    }
    private func failure(_ what: String) -> FuzzFailure { FuzzFailure(step: step, what: what) }
    func say(_ text: @autoclosure () -> String) {
        if let log { log("step \(step): \(text())") }
    }

    private func passTime() {
        machine.tsc += random.once(in: 16) ? random.below(UInt64(20_000_000)) : random.below(UInt64(60000))
        hypervisor.runTimers(cpu: 0)
        if hypervisor.state.scheduler.needsReschedule[0] || hypervisor.state.scheduler.current[0] == nil
            || random.once(in: 32)
        {
            _ = hypervisor.reschedule(cpu: 0)
        }
    }
    /// Nobody runs: what a device, a timer or a person at the console would change.
    private func stir() {
        switch random.below(5) {
        case 0:
            let next = hypervisor.nextDeadline(cpu: 0)
            if next != .max, next < machine.tsc &+ 1 << 40 { machine.tsc = max(machine.tsc, next) }
        case 1: control.raise(globalVIRQ: UInt32(random.below(24)))
        case 2:
            hypervisor.state.console.typed(UInt8(truncatingIfNeeded: random.word()))
        default:
            if let vcpu = control.vcpu(UInt32(random.below(2))) {
                if vcpu.state.isDown {
                    if vcpu.state.isInitialised { vcpu.comeUp() }
                } else {
                    vcpu.wake()
                }
            }
        }
        reviveGuests()
    }
    /// Keeps enough guests alive to be interesting.
    private func reviveGuests() {
        guard hypervisor.state.domains.count < 4, random.once(in: 4) else { return }
        guard let id = hypervisor.state.domains.unusedID() else { return }
        say("a guest \(id.rawValue) starts")
        do { try makeGuest(id.rawValue) } catch {
            // No memory for it: what was made of it goes.
            if let domain = hypervisor.state.domains.find(id) {
                while !hypervisor.destroy(domain, budget: 64) {}
            }
        }
    }

    private func act(_ vcpu: Ref<VirtualCPU>) throws(FuzzFailure) {
        if let index = inFlight.firstIndex(where: { $0.domain == vcpu.domain && $0.vcpu == vcpu.state.id }) {
            // Another domain may have the slot by now: then the call went with its caller.
            guard inFlight[index].id == vcpu.domain.id, vcpu.state.continuesHypercall else {
                inFlight.remove(at: index)
                return
            }
            if random.once(in: 4) { mutate(vcpu.domain) }
            let call = inFlight[index].call
            inFlight.remove(at: index)
            return try make(call, by: vcpu, goesOn: true)
        }
        switch random.weighted([60, 14, 8, 4]) {
        case 0:
            setMode(vcpu)
            playsA32BitCaller = !vcpu.state.paging.isLongMode
            let call = makeCall(vcpu)
            vcpu.load(call.number, call.arguments)
            try make(told(call, vcpu.domain), by: vcpu)
        case 1: mutate(vcpu.domain)
        case 2: takeInterrupts(vcpu)
        default:
            let index = random.pick([
                0x08, 0x0b, 0x0d, 0x0e, 0x0f, 0x30, 0x30, 0x32, 0x38, 0x3e, Int(random.below(64)),
            ])
            var value = UInt32(truncatingIfNeeded: random.word())
            if index == 0x0f, !random.once(in: 4) { value |= 0x100 }
            // Start-up and INIT go to others than vCPU 0 of domain 0, which must live.
            if index == 0x30, vcpu.domain == control { value &= ~0x700 }
            say("\(name(vcpu)) APIC \(index) := \(value)")
            _ = vcpu.writeAPIC(index, value, high: random.once(in: 2) ? UInt32(random.below(8)) << 24 : 0)
        }
        reviveGuests()
    }
    func name(_ vcpu: Ref<VirtualCPU>) -> String { "d\(vcpu.domain.id.rawValue)v\(vcpu.state.id)" }

    /// Makes a call, or goes on with it, up to its end or to where it makes room for others.
    private func make(
        _ call: FuzzCall, by vcpu: Ref<VirtualCPU>, goesOn: Bool = false
    ) throws(FuzzFailure) {
        let domain = vcpu.domain
        let id = domain.id
        vcpu.state.continuesHypercall = false
        vcpu.handleHypercall()
        guard hypervisor.state.domains.find(id) == domain else {
            throw failure("a call of domain \(id.rawValue) ended the domain")
        }
        guard !vcpu.state.continuesHypercall else {
            say("\(name(vcpu)) \(describe(call)) is preempted")
            inFlight.append(InFlight(domain: domain, id: id, vcpu: vcpu.state.id, call: call))
            return
        }
        var result = Int64(bitPattern: vcpu.state.registers[.rax])
        // A 32-bit caller looks at EAX.
        if !vcpu.state.paging.isLongMode { result = Int64(Int32(truncatingIfNeeded: result)) }
        say("\(name(vcpu)) \(describe(call)) = \(result)")
        coverage.note(call.operation, result)
        guard !vcpu.state.isInMulticall else { throw failure("a multicall left its mark") }
        // The block of a call that goes on may have become another's meanwhile.
        guard goesOn || !isPlain(vcpu) || DocumentedErrors.allows(result, of: call.operation) else {
            throw failure("\(describe(call)) returned \(result), which is not documented")
        }
        guard result >= 0 else { return }
        switch call.then {
        case .nothing: break
        case .port(let address):
            if let port = peek(UInt32.self, address, domain) { known(domain).learn(port: port) }
        case .mappings(let address, let count):
            for index in 0..<count {
                let block = address &+ UInt64(index * GrantMapLayout.byteCount)
                guard
                    let status = peek(
                        Int16.self, block &+ UInt64(Field<GrantMapLayout, Int16>.status.offset), domain),
                    let handle = peek(
                        UInt32.self, block &+ UInt64(Field<GrantMapLayout, UInt32>.handle.offset), domain),
                    let place = peek(UInt64.self, block, domain)
                else { continue }
                coverage.note(FuzzOperation(HypercallNumber.grantTable, 100), Int64(status))
                if status == 0 { known(domain).learn(handle: handle, gfn: place >> 12) }
            }
        }
    }
    /// Linear addresses are physical ones, and the caller may call.
    private func isPlain(_ vcpu: Ref<VirtualCPU>) -> Bool {
        let paging = vcpu.state.paging
        return paging.cr0 >> 31 == 0 && paging.privilegeLevel == 0
    }
    /// The call under the operation that its block names, which chance may have changed.
    private func told(_ call: FuzzCall, _ domain: Ref<Domain>) -> FuzzCall {
        var call = call
        switch call.operation.number {
        case HypercallNumber.domctl, HypercallNumber.sysctl, HypercallNumber.platform:
            // Without paging an address wraps at 4 GiB, within a block too.
            var command: UInt32 = 0
            for index: UInt64 in 0..<4 {
                let place = (call.arguments[0] &+ index) & 0xffff_ffff
                guard let byte = peek(UInt8.self, place, domain) else { return call }
                command |= UInt32(byte) << UInt32(index * 8)
            }
            call.operation.command = command
        default: break
        }
        return call
    }
    func describe(_ call: FuzzCall) -> String {
        let words = call.arguments.prefix(3).map { String($0, radix: 16) }.joined(separator: ", ")
        return "\(HypercallNumber.name(call.operation.number)) \(call.operation.command) (\(words))"
    }

    /// The state that the exit brings: mostly a kernel with paging off, one of five 32-bit, so that linear addresses are physical ones.
    private func setMode(_ vcpu: Ref<VirtualCPU>) {
        vcpu.setGuestMode(privilegeLevel: random.once(in: 64) ? 3 : 0, is32Bit: random.once(in: 5))
        vcpu.state.paging.acceptsInterrupts = !random.once(in: 4)
        guard random.once(in: 8) else { return }
        // Identity map of the first 2 MiB, in pages 12 to 14 where they are RAM; then something may change it.
        if random.once(in: 2) {
            poke(13 << 12 | 7, 12 << 12, vcpu.domain)
            poke(14 << 12 | 7, 13 << 12, vcpu.domain)
            poke(UInt64(0xe7), 14 << 12, vcpu.domain)
        }
        vcpu.state.paging = GuestPagingState(
            cr0: 0x8000_0011 | (random.once(in: 2) ? 0x10000 : 0), cr3: 12 << 12,
            cr4: random.once(in: 8) ? random.word() & 0x1020 : 0x20,
            efer: random.once(in: 8) ? random.word() & 0x500 : 0x500, privilegeLevel: 0,
            isLongMode: !random.once(in: 16), acceptsInterrupts: !random.once(in: 4))
        if random.once(in: 8) { vcpu.state.paging.cr3 = random.edge() }
    }
    /// What a kernel does at an upcall.
    private func takeInterrupts(_ vcpu: Ref<VirtualCPU>) {
        if let info = vcpu.info {
            _ = info.exchange(0, at: .upcallPending)
            if random.once(in: 2) { info.store(UInt64(0), to: .pendingSelector) }
        }
        if random.once(in: 2) {
            for word in 0..<64 where random.once(in: 2) {
                vcpu.domain.sharedInfo.store(UInt64(0), to: .eventPending.element(word))
            }
        }
        vcpu.state.isNMIPending = false
        if let vector = vcpu.state.apic.highestDeliverable {
            vcpu.state.apic.acknowledge(vector)
            if random.once(in: 2) { _ = vcpu.writeAPIC(0x0b, 0) }
        }
    }

    // MARK: The end

    /// Ends every domain and checks that nothing is left of any.
    public func finish() throws(FuzzFailure) {
        step += 1
        inFlight = []
        control.pause()
        _ = hypervisor.reschedule(cpu: 0)
        let all = (0..<hypervisor.state.domains.count).compactMap { hypervisor.state.domains[$0] }
        // Guests in any order; a few are left to the control domain's end.
        for domain in all where domain != control && domain.state.lifecycle != .dead {
            try destroy(domain)
        }
        // The control domain lets go of what it maps, and takes back what it gave up.
        control.releaseAllGrantMappings()
        removeForeignPages()
        try check(allowingMaptrack: true)
        guard hypervisor.state.domains.count == 1 else {
            throw failure("dead domains are left though nobody maps them")
        }
        for gfn in 0..<machine.hardwareFrames {
            if control.state.physmap.lookup(GuestFrame(rawValue: gfn))?.type != .ram {
                try? control.removeMapping(GuestFrame(rawValue: gfn))
                do { try control.addRAM(GuestFrame(rawValue: gfn), order: 0) } catch {
                    throw failure("domain 0 cannot have its page \(gfn) back: \(error.rawValue)")
                }
            }
        }
        hypervisor.state.controlDomain = nil
        try destroy(control)
        guard hypervisor.state.domains.count == 0 else { throw failure("the control domain is left") }
        if let fault = hypervisor.checkInvariants() { throw failure("at the end: \(fault)") }
        let slots =
            hypervisor.state.domainPool.frameCount(in: machine.memory)
            + hypervisor.state.vcpuPool.frameCount(in: machine.memory)
        let free = hypervisor.state.frames.freeFrames
        guard free + slots == startFree + machine.hardwareFrames else {
            throw failure(
                "\(Int64(startFree + machine.hardwareFrames) - Int64(free + slots)) frames are lost")
        }
        guard machine.log.backendStates == 0 else { throw failure("vendor state of vCPUs is left") }
        guard hypervisor.state.timers.queuedCount == 0 else { throw failure("timers are left") }
    }
    private func check(allowingMaptrack: Bool) throws(FuzzFailure) {
        if let fault = hypervisor.state.frames.checkInvariants() { throw failure("\(fault)") }
    }
    private func destroy(_ domain: Ref<Domain>) throws(FuzzFailure) {
        var steps = 0
        while !hypervisor.destroy(domain, budget: random.isExhausted ? 4096 : 1 + random.below(64)) {
            steps += 1
            if domain.vcpu(0) != nil { _ = hypervisor.reschedule(cpu: 0) }
            if steps % 512 == 1, let fault = hypervisor.checkInvariants() {
                throw failure("while domain \(domain.id.rawValue) goes: \(fault)")
            }
            guard steps < 1_000_000 else { throw failure("a domain's end does not come") }
        }
        if let fault = hypervisor.checkInvariants() {
            throw failure("after a domain's end: \(fault)")
        }
    }
    private func removeForeignPages() {
        var pages: [GuestFrame] = []
        var place: GuestFrame? = GuestFrame(rawValue: 0)
        while let from = place {
            place = control.state.physmap.forEach(from: from, limit: 512) { gfn, mapping in
                if mapping.type == .foreign { pages.append(gfn) }
            }
        }
        for gfn in pages { try? control.removeMapping(gfn) }
    }
}
