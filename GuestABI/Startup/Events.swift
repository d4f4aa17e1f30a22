// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Event delivery to this guest, 2-level ABI: the shared page, the upcall and a handler for each port.
public enum Events {
    /// Interrupt vector of the upcall.
    public static var vector: UInt8 { 0xF3 }
    // SAFETY: set up by vCPU 0 before other vCPUs run; tables change with interrupts off, counters are single
    // words that a reader may see late.
    nonisolated(unsafe) private static var sharedAddress: UInt64 = 0
    nonisolated(unsafe) private static var handlers: [(() -> Void)?] = []
    nonisolated(unsafe) private static var upcalls: UInt64 = 0
    nonisolated(unsafe) private static var stray: UInt64 = 0
    nonisolated(unsafe) private static var movedInfo: InlineArray<8, UInt64> = InlineArray(repeating: 0)
    nonisolated(unsafe) private static var usesLocalAPIC = false
    nonisolated(unsafe) private static var isUpcallSet = false
    nonisolated(unsafe) private static var depth = 0

    /// The page shared with the hypervisor, once `start` or `mapSharedInfo` ran.
    public static var shared: SharedView<SharedInfoLayout>? {
        let address = unsafe sharedAddress
        return address == 0 ? nil : MappedPage(unsafeAddress: address).sharedView(SharedInfoLayout.self)
    }
    /// Guest-physical address of the shared page, 0 before it is mapped.
    public static var sharedInfoAddress: UInt64 { unsafe sharedAddress }

    /// Event flags and clock of a vCPU below 8.
    public static func info(of vcpu: Int) -> SharedView<VCPUInfoLayout>? {
        guard vcpu < 8 else { return nil }
        // SAFETY: as for the state above: set up by vCPU 0, changed with interrupts off.
        if unsafe movedInfo[vcpu] != 0 {
            let address = unsafe movedInfo[vcpu]
            return MappedPage(unsafeAddress: address & ~0xFFF)
                .sharedView(VCPUInfoLayout.self, at: Int(address & 0xFFF))
        }
        let address = unsafe sharedAddress
        guard address != 0 else { return nil }
        return MappedPage(unsafeAddress: address).sharedView(
            VCPUInfoLayout.self, at: vcpu * VCPUInfoLayout.byteCount)
    }

    /// Maps the shared page, once, and masks every port.
    public static func mapSharedInfo() throws(XenError) {
        if unsafe sharedAddress != 0 { return }
        guard let frame = UnusedFrames.take() else { throw .noMemory }
        try Memory.addToPhysmap(.sharedInfo, at: frame)
        unsafe sharedAddress = frame.address.rawValue
        for word in 0..<64 { shared?.store(UInt64.max, to: .eventMask.element(word)) }
    }
    /// Maps the shared page and asks for upcalls on vCPU 0: through the local APIC where the hypervisor can, else as
    /// a vector of its own. Interrupts stay as they are.
    public static func start() throws(XenError) {
        try mapSharedInfo()
        // SAFETY: as for the state above: set up by vCPU 0, changed with interrupts off.
        if unsafe isUpcallSet { return }
        Interrupts.handle(vector) { upcall() }
        if Platform.hasUpcallVector {
            do throws(Fault) { try LocalAPIC.enable() } catch { throw .noDevice }
            unsafe usesLocalAPIC = true
            try HVM.setUpcallVector(vector, of: 0)
        } else {
            try HVM.setParameter(
                HVMParameter.callbackInterrupt, to: HVMCallbackType.vector << 56 | UInt64(vector))
        }
        unsafe isUpcallSet = true
    }
    /// Asks for upcalls on the vCPU that runs this, another than vCPU 0.
    public static func startSecondary(vcpu: UInt32) throws(XenError) {
        guard unsafe usesLocalAPIC else { return }
        do throws(Fault) { try LocalAPIC.enable() } catch { throw .noDevice }
        try HVM.setUpcallVector(vector, of: vcpu)
    }
    /// Moves a vCPU's event flags and clock to a place of the guest's choice.
    public static func moveInfo(of vcpu: Int, to frame: GuestFrame, offset: UInt32) throws(XenError) {
        try VirtualCPU.registerInfo(of: UInt32(vcpu), in: frame, offset: offset)
        // SAFETY: as for the state above: set up by vCPU 0, changed with interrupts off.
        if vcpu < 8 { unsafe movedInfo[vcpu] = frame.address.rawValue + UInt64(offset) }
    }

    /// Calls `handler`, with interrupts off, for each event of `port`, and unmasks the port.
    public static func handle(_ port: EventPort, _ handler: @escaping () -> Void) throws(XenError) {
        guard port.rawValue < EventChannelLimit.twoLevelPorts else { throw .outOfRange }
        Processor.withoutInterrupts {
            if unsafe handlers.isEmpty {
                unsafe handlers = Array(repeating: nil, count: Int(EventChannelLimit.twoLevelPorts))
            }
            unsafe handlers[Int(port.rawValue)] = handler
        }
        try EventChannel.unmask(port)
    }
    /// Masks the port and forgets its handler.
    public static func ignore(_ port: EventPort) {
        guard port.rawValue < EventChannelLimit.twoLevelPorts else { return }
        mask(port)
        clear(port)
        Processor.withoutInterrupts {
            // SAFETY: as for the state above: set up by vCPU 0, changed with interrupts off.
            if unsafe !handlers.isEmpty { unsafe handlers[Int(port.rawValue)] = nil }
        }
    }
    public static func mask(_ port: EventPort) {
        shared?.setBits(bit(port), at: .eventMask.element(word(port)))
    }
    public static func isMasked(_ port: EventPort) -> Bool {
        (shared?.load(Field<SharedInfoLayout, UInt64>.eventMask.element(word(port))) ?? 0) & bit(port) != 0
    }
    public static func isPending(_ port: EventPort) -> Bool {
        (shared?.load(Field<SharedInfoLayout, UInt64>.eventPending.element(word(port))) ?? 0) & bit(port) != 0
    }
    /// Clears the pending bit; true if it was set.
    @discardableResult
    public static func clear(_ port: EventPort) -> Bool {
        (shared?.clearBits(bit(port), at: .eventPending.element(word(port))) ?? 0) & bit(port) != 0
    }
    private static func word(_ port: EventPort) -> Int { Int(port.rawValue >> 6) & 63 }
    private static func bit(_ port: EventPort) -> UInt64 { 1 << UInt64(port.rawValue & 63) }

    /// How many upcalls came.
    // SAFETY: as for the state above: set up by vCPU 0, changed with interrupts off.
    public static var upcallCount: UInt64 { unsafe upcalls }
    /// How many events came on ports without handler.
    public static var strayCount: UInt64 { unsafe stray }

    /// Takes every deliverable event of the vCPU that runs this. `public/xen.h`, "evtchn_upcall_pending".
    static func upcall() {
        unsafe upcalls &+= 1
        drain(vcpu: currentVCPU)
        if unsafe usesLocalAPIC { LocalAPIC.acknowledge() }
    }
    /// Takes every deliverable event of vCPU 0 for an interrupt that came beside the local APIC (`HVMCallbackType.vector`).
    public static func takeCallback() {
        // SAFETY: a single word, changed with interrupts off.
        unsafe upcalls &+= 1
        drain(vcpu: 0)
    }
    static var currentVCPU: Int {
        // APIC ids are twice the vCPU number.
        unsafe usesLocalAPIC && SecondaryVCPU.wasStarted ? Int(LocalAPIC.id / 2) : 0
    }
    static func drain(vcpu: Int) {
        guard let info = info(of: vcpu), let shared else { return }
        while info.exchange(0, at: .upcallPending) != 0 {
            var selector = info.exchange(0, at: Field<VCPUInfoLayout, UInt64>.pendingSelector)
            while selector != 0 {
                let word = selector.trailingZeroBitCount
                selector &= selector &- 1
                while true {
                    let ready =
                        shared.load(Field<SharedInfoLayout, UInt64>.eventPending.element(word))
                        & ~shared.load(Field<SharedInfoLayout, UInt64>.eventMask.element(word))
                    if ready == 0 { break }
                    let index = ready.trailingZeroBitCount
                    shared.clearBits(1 << UInt64(index), at: .eventPending.element(word))
                    let port = word * 64 + index
                    // SAFETY: as for the state above: set up by vCPU 0, changed with interrupts off.
                    if unsafe port < handlers.count, let handler = unsafe handlers[port] {
                        // Only vCPU 0 waits for the store, and only its handlers count.
                        if vcpu == 0 { unsafe depth += 1 }
                        handler()
                        if vcpu == 0 { unsafe depth -= 1 }
                    } else {
                        unsafe stray &+= 1
                    }
                }
            }
        }
    }

    /// Sleeps with interrupts on until `condition` holds; it is asked with interrupts off, after every interrupt.
    /// Something must be going to interrupt.
    public static func wait(until condition: () -> Bool) { _ = wait(before: .max, until: condition) }
    /// The same with an end: false if `Clock` shows `deadline` (`UInt64.max`: never) and the condition does not hold.
    ///
    /// With an end it is for vCPU 0, whose one-shot timer it sets.
    public static func wait(before deadline: UInt64, until condition: () -> Bool) -> Bool {
        defer { Processor.enableInterrupts() }
        while true {
            Processor.disableInterrupts()
            if condition() { return true }
            if deadline != .max {
                if Clock.now >= deadline { return false }
                OneShotTimer.wake(before: deadline)
            }
            Processor.waitForInterrupt()
        }
    }
    /// Whether this is called from the handler of an event.
    // SAFETY: as for the state above: a single word, changed with interrupts off.
    static var isDelivering: Bool { unsafe depth > 0 }
}
