// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_vcpu_op`. Xen public/vcpu.h.
    func vcpuOperation(_ command: UInt64, _ id: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        guard id <= UInt64(UInt32.max), let target = domain.vcpu(UInt32(truncatingIfNeeded: id)) else {
            throw .noEntry
        }
        switch command {
        case UInt64(VCPUOperation.initialise): return try initialise(target, argument)
        case UInt64(VCPUOperation.up):
            guard target.state.isInitialised else { throw .invalidArgument }
            target.comeUp()
            return 0
        case UInt64(VCPUOperation.down):
            if !target.state.isDown { target.goDown() }
            return 0
        case UInt64(VCPUOperation.isUp): return target.state.isDown ? 0 : 1
        case UInt64(VCPUOperation.getRunstateInfo):
            var block = ArgumentBlock<RunstateInfoLayout>()
            target.fillRunState(&block)
            try copyOut(block, to: argument)
            return 0
        case UInt64(VCPUOperation.registerRunstateMemoryArea):
            let address = try copyIn(RegisterMemoryAreaLayout.self, at: argument)[.address]
            let place = address == 0 ? nil : try pinArea(address, byteCount: callerIs32Bit ? 44 : 48)
            target.unpinArea(target.state.runStatePlace)
            target.state.runStatePlace = place
            target.publishRunState()
            return 0
        case UInt64(VCPUOperation.setPeriodicTimer):
            // Nobody in scope uses it: guests are told so, and use the single-shot timer.
            throw .invalidArgument
        case UInt64(VCPUOperation.stopPeriodicTimer): return 0
        case UInt64(VCPUOperation.setSingleshotTimer):
            guard target == self else { throw .invalidArgument }
            // The flags are not looked at, as in Xen 4.17, but must be readable: the block may cross a page.
            let deadline = try read(UInt64.self, at: argument)
            if argument & 0xfff > 0xff0 {
                _ =
                    callerIs32Bit
                    ? UInt64(try read(UInt32.self, at: argument &+ 8))
                    : try read(UInt64.self, at: argument &+ 8)
            }
            hypervisor.state.timers.set(state.singleshotTimer, at: deadline)
            return 0
        case UInt64(VCPUOperation.stopSingleshotTimer):
            guard target == self else { throw .invalidArgument }
            hypervisor.state.timers.stop(state.singleshotTimer)
            return 0
        case UInt64(VCPUOperation.registerVCPUInfo):
            let block = try copyIn(RegisterVCPUInfoLayout.self, at: argument)
            try registerInfo(
                of: target, GuestFrame(rawValue: block[.guestFrame]),
                Int(block[Field<RegisterVCPUInfoLayout, UInt32>.offset]))
            return 0
        case UInt64(VCPUOperation.sendNMI):
            guard argument == 0 else { throw .invalidArgument }
            target.state.isNMIPending = true
            target.wake()
            return 0
        case UInt64(VCPUOperation.getPhysicalID): throw .invalidArgument
        case UInt64(VCPUOperation.registerTimeMemoryArea):
            let address = try copyIn(RegisterTimeMemoryAreaLayout.self, at: argument)[.address]
            let place = address == 0 ? nil : try pinArea(address, byteCount: 32)
            if let place, place.secondFrame != nil {
                unpinArea(place)
                throw .noSuchAddress
            }
            target.unpinArea(target.state.timeAreaPlace)
            target.state.timeAreaPlace = place
            target.publishTime()
            return 0
        default: throw .notImplemented
        }
    }

    /// `HYPERVISOR_set_timer_op`: VIRQ_TIMER at `deadline` ns of system time; 0 cancels.
    func setTimer(_ deadline: UInt64) -> Int64 {
        if deadline == 0 {
            hypervisor.state.timers.stop(state.singleshotTimer)
        } else {
            hypervisor.state.timers.set(state.singleshotTimer, at: deadline)
        }
        return 0
    }

    func fillRunState(_ block: inout ArgumentBlock<RunstateInfoLayout>) {
        let now = hypervisor.state.now()
        block[.state] = state.runState.rawValue
        block[.stateEntryTime] = state.runStateEntryTime
        var index = 0
        while index < 4 {
            var time = state.runStateTimes[index]
            if index == Int(state.runState.rawValue), now > state.runStateEntryTime {
                time &+= now &- state.runStateEntryTime
            }
            block[Field<RunstateInfoLayout, UInt64>.times.element(index)] = time
            index &+= 1
        }
    }

    /// Translates a guest-linear area once and pins its frames, so that it can be written while another address space is loaded.
    /// Only the domain's own pages: the hypervisor goes on writing there, which a granted page's owner could not stop.
    private func pinArea(_ address: UInt64, byteCount: Int) throws(XenError) -> AreaPlace {
        guard address & (callerIs32Bit ? 3 : 7) == 0, let frame = translate(linear: address, forWriting: true)
        else {
            throw .badAddress
        }
        let offset = Int(truncatingIfNeeded: address & 0xfff)
        var second: MachineFrame?
        if offset &+ byteCount > pageSize {
            let (next, overflow) = (address & ~0xfff).addingReportingOverflow(4096)
            guard !overflow, let found = translate(linear: next, forWriting: true) else { throw .badAddress }
            second = found
        }
        guard hypervisor.state.frames.owner(of: frame) == domain.id,
            second.map({ hypervisor.state.frames.owner(of: $0) == domain.id }) ?? true
        else { throw .badAddress }
        try hypervisor.state.frames.pin(frame)
        if let second {
            do throws(XenError) {
                try hypervisor.state.frames.pin(second)
            } catch {
                hypervisor.dropPin(frame)
                throw error
            }
        }
        return AreaPlace(frame: frame, offset: offset, secondFrame: second, is32Bit: callerIs32Bit)
    }
    func unpinArea(_ place: AreaPlace?) {
        guard let place else { return }
        hypervisor.dropPin(place.frame)
        if let second = place.secondFrame { hypervisor.dropPin(second) }
    }
    /// Gives back what the vCPU's registered areas hold; teardown.
    public func releaseAreas() {
        unpinArea(state.runStatePlace)
        state.runStatePlace = nil
        unpinArea(state.timeAreaPlace)
        state.timeAreaPlace = nil
        if state.hasRegisteredInfo, let frame = state.infoFrame {
            hypervisor.dropPin(frame)
            state.infoFrame = nil
            state.hasRegisteredInfo = false
        }
    }

    /// `VCPUOP_register_vcpu_info`: moves the vcpu_info to the guest's page, with its content; one spurious event follows.
    private func registerInfo(of target: Ref<VirtualCPU>, _ gfn: GuestFrame, _ offset: Int) throws(XenError) {
        // Aligned as C aligns it in the form that the domain reads.
        guard offset <= pageSize &- 64, offset & (domain.state.sharedInfoIs32Bit ? 3 : 7) == 0 else {
            throw .noSuchAddress
        }
        guard target == self || target.state.isDown else { throw .invalidArgument }
        guard !target.state.hasRegisteredInfo else { throw .invalidArgument }
        guard let mapping = domain.state.physmap.lookup(gfn), mapping.type == .ram, mapping.isWritable else {
            throw .invalidArgument
        }
        let memory = hypervisor.state.memory
        try hypervisor.state.frames.pin(mapping.frame)
        if let old = target.state.infoFrame {
            memory.copy(64, from: old, at: target.state.infoOffset, to: mapping.frame, at: offset)
        }
        target.state.infoFrame = mapping.frame
        target.state.infoOffset = offset
        target.state.hasRegisteredInfo = true
        target.publishTime()
        if let info = target.info {
            if domain.state.sharedInfoIs32Bit {
                target.info32?.store(UInt32.max, to: .pendingSelector)
            } else {
                info.store(UInt64.max, to: .pendingSelector)
            }
            fullMemoryBarrier()
            if info.exchange(1, at: .upcallPending) == 0 { target.upcallBecamePending() }
        }
    }

    /// `VCPUOP_initialise` with a `vcpu_hvm_context`.
    private func initialise(_ target: Ref<VirtualCPU>, _ argument: UInt64) throws(XenError) -> Int64 {
        guard target.state.infoFrame != nil else { throw .invalidArgument }
        let block = try copyIn(VCPUContextLayout.self, at: argument)
        guard !target.state.isInitialised else { throw .exists }
        var context = CPUContext()
        func word32(_ offset: Int) -> UInt64 {
            UInt64(block[Field<VCPUContextLayout, UInt32>(at: 8 &+ offset)])
        }
        func word64(_ offset: Int) -> UInt64 { block[Field<VCPUContextLayout, UInt64>(at: 8 &+ offset)] }
        switch block[Field<VCPUContextLayout, UInt32>(at: 0)] {
        case VCPUContextMode.bits32:
            context.rax = word32(0)
            context.rcx = word32(4)
            context.rdx = word32(8)
            context.rbx = word32(12)
            context.rsp = word32(16)
            context.rbp = word32(20)
            context.rsi = word32(24)
            context.rdi = word32(28)
            context.rip = word32(32)
            context.rflags = word32(36)
            context.cr0 = word32(40)
            context.cr3 = word32(44)
            context.cr4 = word32(48)
            context.efer = word64(56)
            guard word32(52) == 0 else { throw .invalidArgument }
            func segment(_ index: Int) -> SegmentState {
                SegmentState(
                    selector: 0,
                    attributes: block[Field<VCPUContextLayout, UInt16>(at: 8 &+ 104 &+ 2 &* index)],
                    limit: UInt32(truncatingIfNeeded: word32(84 &+ 4 &* index)),
                    base: word32(64 &+ 4 &* index))
            }
            context.cs = segment(0)
            context.ds = segment(1)
            context.ss = segment(2)
            context.es = segment(3)
            context.tr = segment(4)
            context.fs = context.ds
            context.gs = context.ds
            guard context.cs.attributes & 0x80 != 0, context.ss.attributes & 0x80 != 0 else {
                throw .invalidArgument
            }
        case VCPUContextMode.bits64:
            context.rax = word64(0)
            context.rcx = word64(8)
            context.rdx = word64(16)
            context.rbx = word64(24)
            context.rsp = word64(32)
            context.rbp = word64(40)
            context.rsi = word64(48)
            context.rdi = word64(56)
            context.rip = word64(64)
            context.rflags = word64(72)
            context.cr0 = word64(80)
            context.cr3 = word64(88)
            context.cr4 = word64(96)
            context.efer = word64(104)
            context.cs = SegmentState(attributes: 0xa9b, limit: .max)
        default: throw .invalidArgument
        }
        guard context.isAcceptable else { throw .invalidArgument }
        hypervisor.state.hooks.loadContext(target, context)
        target.state.isInitialised = true
        target.state.waitsForStartup = false
        return 0
    }
}

extension CPUContext {
    /// True for control registers that the CPU can run with: what VM entry would refuse is refused here, as an error of the
    /// caller. AMD APM vol 2 §15.5.1 (canonicalisation and consistency checks).
    public var isAcceptable: Bool {
        // Bits the architecture defines; reserved ones must be 0.
        guard cr0 &>> 32 == 0, cr0 & ~0xe005_003f == 0 else { return false }
        guard cr0 & (1 << 29) == 0 || cr0 & (1 << 30) != 0 else { return false }  // NW without CD
        guard cr0 & (1 << 31) == 0 || cr0 & 1 != 0 else { return false }  // PG without PE
        guard cr4 & ~0x0077_0fff == 0 else { return false }
        guard efer & ~0x4d01 == 0 else { return false }  // SCE, LME, LMA, NXE, FFXSR
        let pages = cr0 & (1 << 31) != 0
        if pages, efer & (1 << 8) != 0 {
            guard cr4 & (1 << 5) != 0 else { return false }
            // A code segment both long and default-32 is invalid.
            guard cs.attributes & 0x600 != 0x600 else { return false }
        }
        guard cr3 &>> 52 == 0, rflags & (1 << 17) == 0 || efer & (1 << 8) == 0 else { return false }
        return rflags & ~0x3f_7fd7 == 0 && dr7 &>> 32 == 0 && dr6 &>> 32 == 0
    }
}
