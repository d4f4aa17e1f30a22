// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

// The end of a domain. Its vCPUs, channels, mappings and memory go at once, in steps that may be preempted; what others
// still map of it, and the tables that say so, stay until they let go: until then it is a zombie, listed as dying.

extension Ref<Hypervisor> {
    /// Takes the next steps of destroying a domain; `budget` bounds the mappings looked at. False: more to do, call
    /// again. True: done, though it may stay listed while others map its pages. Must not be the caller's domain.
    public func destroy(_ domain: Ref<Domain>, budget: Int) -> Bool {
        switch domain.state.control.teardownStep {
        case .stop:
            if domain.state.lifecycle == .alive {
                domain.state.lifecycle = .dying
                domain.pause()
            }
            // Another CPU was told to let go of it.
            if domain.isOnAnyCPU { return false }
            domain.closeAllEventChannels()
            domain.forEachVCPU { vcpu in destroyVCPU(vcpu) }
            domain.dropClaim()
            domain.dropParked()
            domain.freeMemoryMap()
            if domain.state.consoleLineCount > 0 { domain.flushConsoleLine() }
            domain.state.control.teardownStep = .grants
            return false
        case .grants:
            if domain.releaseGrantMappings(limit: max(budget, 1)) {
                domain.state.control.teardownStep = .memory
            }
            return false
        case .memory:
            guard let next = domain.state.teardownNext else {
                domain.state.control.teardownStep = .tables
                return false
            }
            domain.state.teardownNext = domain.state.physmap.forEach(from: next, limit: max(budget, 1)) {
                gfn, mapping in
                domain.releaseContent(mapping, at: gfn)
            }
            return false
        case .tables:
            domain.state.physmap.tearDown(frames: &state.frames)
            domain.state.lifecycle = .dead
            domain.state.control.teardownStep = .finished
            if domain.state.totalPages == 0 {
                finishDestroying(domain)
            } else {
                state.controlDomain?.raise(globalVIRQ: VirtualInterrupt.domainException)
            }
            return true
        case .finished: return true
        }
    }
    /// Forgets a dead domain of which nobody maps a page any more.
    func finishDestroying(_ domain: Ref<Domain>) {
        state.domains.remove(domain.id)
        domain.freeTables()
        state.domainPool.remove(domain, in: state.memory)
        state.controlDomain?.raise(globalVIRQ: VirtualInterrupt.domainException)
    }
}

extension Ref<Domain> {
    /// Releases what an entry of the physmap maps. The entry stays: its table goes later, and nothing runs on it.
    fileprivate func releaseContent(_ mapping: Mapping, at gfn: GuestFrame) {
        let hypervisor = hypervisor
        switch mapping.type {
        case .foreign: hypervisor.dropPin(mapping.frame)
        case .ram:
            let count = UInt64(1) &<< UInt64(mapping.order)
            // `forEach` may start inside a large entry: from there to its end.
            let left = count &- (gfn.rawValue & (count &- 1))
            var isPinned = false
            var index: UInt64 = 0
            while index < left {
                if hypervisor.state.frames.pinCount(MachineFrame(rawValue: mapping.frame.rawValue &+ index))
                    != 0
                {
                    isPinned = true
                    break
                }
                index &+= 1
            }
            if !isPinned, left == count {
                hypervisor.state.frames.free(mapping.frame, order: mapping.order)
                state.totalPages &-= count
                return
            }
            index = 0
            while index < left {
                if hypervisor.state.frames.releaseFromOwner(
                    MachineFrame(rawValue: mapping.frame.rawValue &+ index))
                {
                    state.totalPages &-= 1
                }
                index &+= 1
            }
        case .grant, .special, .device, .none: break
        }
    }
    /// Frees the frames that hold the domain's own tables.
    func freeTables() {
        let hypervisor = hypervisor
        state.physmap.tearDown(frames: &hypervisor.state.frames)
        freeGrantTable()
        freeMemoryMap()
        hypervisor.state.frames.free(state.sharedInfoFrame)
    }
}
