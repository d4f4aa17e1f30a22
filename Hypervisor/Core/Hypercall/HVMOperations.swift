// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_hvm_op`. Xen public/hvm/hvm_op.h, public/hvm/params.h.
    func hvmOperation(_ operation: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        switch operation {
        case UInt64(HVMOperation.setParameter):
            let block = try copyIn(HVMParameterLayout.self, at: argument)
            let index = block[Field<HVMParameterLayout, UInt32>.index]
            guard index < HVMParameter.count else { throw .invalidArgument }
            let target = try target(block[.domain])
            try HVMParameterRule.checkSetting(index, bySelf: target == domain)
            try target.setParameter(index, block[Field<HVMParameterLayout, UInt64>.value])
            if index == HVMParameter.callbackInterrupt, target == domain {
                target.latchSharedInfoForm(is32Bit: callerIs32Bit)
            }
            return 0
        case UInt64(HVMOperation.getParameter):
            let block = try copyIn(HVMParameterLayout.self, at: argument)
            let index = block[Field<HVMParameterLayout, UInt32>.index]
            guard index < HVMParameter.count else { throw .invalidArgument }
            let target = try target(block[.domain])
            try HVMParameterRule.checkGetting(index, bySelf: target == domain)
            try copyOut(
                target.state.parameters[Int(index)], field: Field<HVMParameterLayout, UInt64>.value,
                of: argument)
            return 0
        case UInt64(HVMOperation.flushTLBs):
            guard argument == 0 else { throw .invalidArgument }
            domain.state.physmap.needsFlush = true
            return 0
        case UInt64(HVMOperation.pageTableDying):
            let block = try copyIn(HVMPageTableDyingLayout.self, at: argument)
            let id = block[Field<HVMPageTableDyingLayout, UInt16>.domain]
            guard id == DomainID.caller.rawValue || id == domain.id.rawValue else {
                guard hypervisor.state.domains.find(DomainID(rawValue: id)) != nil else {
                    throw .noSuchDomain
                }
                throw .notSupported
            }
            // Nothing shadows page tables; the error tells the guest to stop calling.
            throw .invalidArgument
        case UInt64(HVMOperation.getTime):
            try write(hypervisor.state.now(), at: argument)
            return 0
        case UInt64(HVMOperation.trace):
            // Nobody traces: checked and dropped.
            let block = try copyIn(HVMTraceLayout.self, at: argument)
            guard block[.event] &>> 12 == 0,
                block[.extraByteCount] <= HVMTraceLayout.byteCount
                    &- Field<HVMTraceLayout, UInt8>.extra.offset
            else { throw .invalidArgument }
            return 0
        case UInt64(HVMOperation.getMemoryType):
            let block = try copyIn(HVMMemoryTypeLayout.self, at: argument)
            let target = try target(block[Field<HVMMemoryTypeLayout, UInt16>.domain])
            let mapping = target.state.physmap.lookup(GuestFrame(rawValue: block[.guestFrame]))
            let type =
                switch mapping?.type {
                case .ram, .foreign, .grant, .special:
                    mapping?.isWritable == true ? HVMMemoryType.ramReadWrite : HVMMemoryType.ramReadOnly
                case .device, .some(.none), nil: HVMMemoryType.mmio
                }
            try copyOut(type, field: Field<HVMMemoryTypeLayout, UInt16>.memoryType, of: argument)
            return 0
        case UInt64(HVMOperation.setEventUpcallVector):
            let block = try copyIn(HVMUpcallVectorLayout.self, at: argument)
            let vector = block[Field<HVMUpcallVectorLayout, UInt8>.vector]
            guard vector >= 16 else { throw .invalidArgument }
            guard let target = domain.vcpu(block[.vcpu]) else { throw .noEntry }
            target.state.upcallVector = vector
            target.upcallBecamePending()
            return 0
        case UInt64(HVMOperation.guestRequestVMEvent):
            // Nobody listens, which is no business of the guest's.
            guard argument == 0 else { throw .invalidArgument }
            return 0
        case UInt64(HVMOperation.altp2m): throw .notSupported
        default: throw .notImplemented
        }
    }
}

/// Who may read and write which HVM parameter. Xen public/hvm/params.h.
enum HVMParameterRule {
    /// Parameters that no longer mean anything.
    static func isDeprecated(_ index: UInt32) -> Bool {
        switch index {
        case HVMParameter.paeEnabled, HVMParameter.deviceModelDomain, 20...26, 30: true
        default: false
        }
    }
    /// Throws `notPermitted` for one a domain may not set itself, `invalidArgument` for a deprecated one.
    static func checkSetting(_ index: UInt32, bySelf: Bool) throws(XenError) {
        if isDeprecated(index) { throw .invalidArgument }
        switch index {
        case HVMParameter.callbackInterrupt, HVMParameter.storePort, HVMParameter.vm86TaskState,
            HVMParameter.consolePort, HVMParameter.acpiIOPortsLocation, HVMParameter.generationIDAddress,
            HVMParameter.x87FIPWidth, HVMParameter.vm86TaskStateSized:
            return
        default: if bySelf { throw .notPermitted }
        }
    }
    /// Throws `notPermitted` for one a domain may not read itself, `invalidArgument` for a deprecated one.
    static func checkGetting(_ index: UInt32, bySelf: Bool) throws(XenError) {
        if isDeprecated(index) { throw .invalidArgument }
        switch index {
        case HVMParameter.callbackInterrupt, HVMParameter.storeFrame, HVMParameter.storePort,
            HVMParameter.vm86TaskState, HVMParameter.consoleFrame, HVMParameter.consolePort,
            HVMParameter.acpiIOPortsLocation, HVMParameter.generationIDAddress, HVMParameter.altp2m,
            HVMParameter.x87FIPWidth, HVMParameter.vm86TaskStateSized:
            return
        default: if bySelf { throw .notPermitted }
        }
    }
    /// Parameters whose value, once not zero, stays.
    static func isSetOnce(_ index: UInt32) -> Bool {
        switch index {
        case HVMParameter.ioreqFrame, HVMParameter.bufferedIOreqFrame, HVMParameter.viridian,
            HVMParameter.ioreqServerFrame, HVMParameter.ioreqServerPageCount, HVMParameter.altp2m,
            HVMParameter.machineCheckCapability:
            true
        default: false
        }
    }
    /// Throws `invalidArgument` for a value the parameter cannot have, `noDevice` for the place of a device that no PVH
    /// guest has.
    static func checkValue(_ index: UInt32, _ value: UInt64) throws(XenError) {
        if index == HVMParameter.acpiIOPortsLocation { throw .noDevice }
        let isFine =
            switch index {
            case HVMParameter.timerMode: value <= 3
            case HVMParameter.tripleFaultReason: value <= 5
            case HVMParameter.x87FIPWidth: value == 0 || value == 4 || value == 8
            // Not offered: only "off" can be set.
            case HVMParameter.viridian, HVMParameter.altp2m, HVMParameter.machineCheckCapability: value == 0
            default: true
            }
        if !isFine { throw .invalidArgument }
    }
}

extension Ref<Domain> {
    /// Sets a parameter whose index is in range. Throws `invalidArgument` for the value, `exists` if it may be set once
    /// only and differs.
    public func setParameter(_ index: UInt32, _ value: UInt64) throws(XenError) {
        try HVMParameterRule.checkValue(index, value)
        let former = state.parameters[Int(index)]
        if HVMParameterRule.isSetOnce(index), former != 0, former != value { throw .exists }
        state.parameters[Int(index)] = value
        guard index == HVMParameter.callbackInterrupt else { return }
        // Interrupt lines (types 0 and 1) have no controller behind them: stored, without effect; an earlier vector stays
        // in force, as in Xen. Vectors below 16 are the processor's exceptions.
        guard value &>> 56 == HVMCallbackType.vector else { return }
        let vector = UInt8(truncatingIfNeeded: value)
        state.callbackVector = vector >= 16 ? vector : 0
        if state.callbackVector != 0 {
            forEachVCPU { vcpu in if vcpu.pendingCallbackVector != nil { vcpu.wake() } }
        }
    }
}
