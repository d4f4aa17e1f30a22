// SPDX-License-Identifier: Apache-2.0

/// A set of interrupt vectors.
public struct VectorSet: BitwiseCopyable, Sendable {
    private var words: InlineArray<4, UInt64> = InlineArray(repeating: 0)
    public init() {}
    public subscript(vector: UInt8) -> Bool {
        get { words[Int(vector &>> 6)] & (1 &<< UInt64(vector & 63)) != 0 }
        set {
            let bit: UInt64 = 1 &<< UInt64(vector & 63)
            if newValue { words[Int(vector &>> 6)] |= bit } else { words[Int(vector &>> 6)] &= ~bit }
        }
    }
    /// The highest vector in the set.
    public var highest: UInt8? {
        if words[3] != 0 { return 255 &- UInt8(truncatingIfNeeded: words[3].leadingZeroBitCount) }
        if words[2] != 0 { return 191 &- UInt8(truncatingIfNeeded: words[2].leadingZeroBitCount) }
        if words[1] != 0 { return 127 &- UInt8(truncatingIfNeeded: words[1].leadingZeroBitCount) }
        if words[0] != 0 { return 63 &- UInt8(truncatingIfNeeded: words[0].leadingZeroBitCount) }
        return nil
    }
    /// The `index`th (0 to 7) 32-bit register of the set.
    public func register(_ index: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: words[(index & 7) / 2] &>> UInt64(32 &* (index & 1)))
    }
    public mutating func setRegister(_ index: Int, _ value: UInt32) {
        let shift = UInt64(32 &* (index & 1))
        words[(index & 7) / 2] = words[(index & 7) / 2] & ~(0xffff_ffff &<< shift) | UInt64(value) &<< shift
    }
}

/// What a register write asks the rest of the machine to do.
public enum APICAction: BitwiseCopyable, Sendable {
    case none
    /// The interrupt command register was written.
    case sendIPI(command: UInt32, destination: UInt32)
    /// The in-service vector that ended; the IO-APIC wants to know of level-triggered ones.
    case ended(vector: UInt8, wasLevel: Bool)
    /// Timer set-up changed.
    case timerChanged
    /// The access has no place (reserved register): #GP in x2APIC mode, ignored else.
    case refused
}

/// A virtual local APIC: registers and priorities, no clock of its own. Intel SDM vol 3 §11; AMD APM vol 2 §16.
public struct VirtualAPIC: BitwiseCopyable, Sendable {
    public let id: UInt32
    /// IA32_APIC_BASE: enable, x2APIC enable, BSP, address.
    public private(set) var baseMSR: UInt64
    private var spurious: UInt32 = 0xff
    /// Bits 7:4 of the task priority register, 0 to 15: the same as CR8. AMD APM vol 2 §16.6.4.
    public var taskClass: UInt8 = 0
    /// Bits 3:0; a write to CR8 clears them.
    private var taskSubclass: UInt8 = 0
    public private(set) var requested = VectorSet()
    public private(set) var inService = VectorSet()
    public private(set) var levelTriggered = VectorSet()
    private var logicalDestination: UInt32 = 0
    private var destinationFormat: UInt32 = 0xffff_ffff
    private var command: UInt64 = 0
    private var errorStatus: UInt32 = 0
    private var localVectors: InlineArray<6, UInt32> = InlineArray(repeating: 0x10000)
    private var divideConfiguration: UInt32 = 0
    private var initialCount: UInt32 = 0
    /// When the timer was started, and when it fires, in ns of system time; 0: stopped.
    public private(set) var timerStart: UInt64 = 0
    public private(set) var timerDeadline: UInt64 = 0
    /// Nanoseconds a timer tick takes before division: a 1 GHz bus clock.
    static var busTick: UInt64 { 1 }

    public init(id: UInt32, isBootProcessor: Bool) {
        self.id = id
        baseMSR = 0xfee0_0800 | (isBootProcessor ? 0x100 : 0)
    }

    public var isHardwareEnabled: Bool { baseMSR & 0x800 != 0 }
    public var isX2: Bool { baseMSR & 0xc00 == 0xc00 }
    public var isSoftwareEnabled: Bool { isHardwareEnabled && spurious & 0x100 != 0 }
    public var baseFrame: UInt64 { (baseMSR & 0x000f_ffff_ffff_f000) &>> 12 }

    /// Writes IA32_APIC_BASE. False: a transition the architecture refuses (#GP).
    public mutating func setBase(_ value: UInt64) -> Bool {
        guard value & 0xfff0_0000_0000_02ff & ~0x100 == 0 else { return false }
        let wasX2 = isX2
        let mode = value & 0xc00
        if mode == 0x400 || (wasX2 && mode == 0x800) || (!isHardwareEnabled && mode == 0xc00) { return false }
        baseMSR = (value & ~0x100) | (baseMSR & 0x100)
        if mode == 0 { self = VirtualAPIC(id: id, base: baseMSR) }
        return true
    }
    private init(id: UInt32, base: UInt64) {
        self.id = id
        baseMSR = base
    }
    /// What INIT does.
    public mutating func reset() { self = VirtualAPIC(id: id, base: 0xfee0_0800 | (baseMSR & 0x100)) }

    /// A vector arrives. Vectors below 16 are illegal and are dropped.
    public mutating func setPending(vector: UInt8, isLevel: Bool) {
        guard vector >= 16 else { return }
        requested[vector] = true
        levelTriggered[vector] = isLevel
    }
    // `mutating get` here and below: read in place through a `Ref`, where a plain getter copies the whole register file.
    private var processorPriority: UInt8 {
        mutating get {
            let service = (inService.highest ?? 0) & 0xf0
            let task = taskPriority
            return task & 0xf0 >= service ? task : service
        }
    }
    public var taskPriority: UInt8 { taskClass &<< 4 | taskSubclass }
    /// Takes over what the guest wrote to CR8 without an exit.
    public mutating func setTaskClass(_ value: UInt8) {
        taskClass = value & 0xf
        taskSubclass = 0
    }
    /// The vector the processor would take next if its task priority let it: the highest above those in service.
    public var highestRequested: UInt8? {
        mutating get {
            guard let vector = requested.highest, isHardwareEnabled else { return nil }
            guard let service = inService.highest else { return vector }
            return vector & 0xf0 > service & 0xf0 ? vector : nil
        }
    }
    /// The vector the processor would take now, if its interrupt flag lets it.
    public var highestDeliverable: UInt8? {
        mutating get {
            guard let vector = highestRequested else { return nil }
            return admits(vector) ? vector : nil
        }
    }
    /// Whether the task priority lets `vector` through.
    public func admits(_ vector: UInt8) -> Bool { vector &>> 4 > taskClass }
    /// The processor takes `vector`.
    public mutating func acknowledge(_ vector: UInt8) {
        requested[vector] = false
        inService[vector] = true
    }
    mutating func endOfInterrupt() -> APICAction {
        guard let vector = inService.highest else { return .none }
        inService[vector] = false
        return .ended(vector: vector, wasLevel: levelTriggered[vector])
    }

    /// Upper half of the interrupt command register.
    public var commandHigh: UInt32 { UInt32(truncatingIfNeeded: command &>> 32) }

    // MARK: Timer

    private var divisor: UInt64 {
        let code = (divideConfiguration & 3) | ((divideConfiguration &>> 1) & 4)
        return code == 7 ? 1 : 2 &<< UInt64(code)
    }
    private var timerPeriod: UInt64 { UInt64(initialCount) &* divisor &* Self.busTick }
    private var isPeriodic: Bool { localVectors[0] & 0x20000 != 0 }
    private mutating func startTimer(now: UInt64) {
        timerStart = now
        timerDeadline = initialCount == 0 ? 0 : now &+ timerPeriod
    }
    private func currentCount(now: UInt64) -> UInt32 {
        guard timerDeadline != 0, timerPeriod != 0, now >= timerStart else { return 0 }
        let elapsed = (now &- timerStart) / (divisor &* Self.busTick)
        if isPeriodic { return initialCount &- UInt32(truncatingIfNeeded: elapsed % UInt64(initialCount)) }
        return elapsed >= UInt64(initialCount) ? 0 : initialCount &- UInt32(truncatingIfNeeded: elapsed)
    }
    /// The deadline passed: raises the timer vector and, in periodic mode, sets the next deadline.
    mutating func timerExpired(now: UInt64) {
        let entry = localVectors[0]
        if entry & 0x10000 == 0, isSoftwareEnabled {
            setPending(vector: UInt8(truncatingIfNeeded: entry), isLevel: false)
        }
        if isPeriodic, initialCount != 0 {
            // A period shorter than 50 µs would let a guest keep the hypervisor busy.
            let period = max(timerPeriod, 50_000)
            timerStart = now
            timerDeadline = now &+ period
        } else {
            timerDeadline = 0
        }
    }

    // MARK: Registers, by offset in the page divided by 16 (the x2APIC MSR number less 0x800)

    public mutating func read(_ index: Int, now: UInt64) -> UInt32? {
        switch index {
        case 0x02: return isX2 ? id : id &<< 24
        case 0x03: return 0x0005_0014
        case 0x08: return UInt32(taskPriority)
        case 0x0a: return UInt32(processorPriority)
        case 0x0d: return isX2 ? ((id &>> 4) &<< 16) | (1 &<< (id & 15)) : logicalDestination
        case 0x0e: return isX2 ? nil : destinationFormat
        case 0x0f: return spurious
        case 0x10...0x17: return inService.register(index &- 0x10)
        case 0x18...0x1f: return levelTriggered.register(index &- 0x18)
        case 0x20...0x27: return requested.register(index &- 0x20)
        case 0x28: return errorStatus
        case 0x30: return UInt32(truncatingIfNeeded: command)
        case 0x31: return isX2 ? nil : UInt32(truncatingIfNeeded: command &>> 32)
        case 0x32...0x37: return localVectors[index &- 0x32]
        case 0x38: return initialCount
        case 0x39: return currentCount(now: now)
        case 0x3e: return divideConfiguration
        default: return nil
        }
    }
    public mutating func write(_ index: Int, _ value: UInt32, high: UInt32 = 0, now: UInt64) -> APICAction {
        switch index {
        case 0x08:
            guard !isX2 || value <= 0xff else { return .refused }
            taskClass = UInt8(truncatingIfNeeded: value &>> 4) & 0xf
            taskSubclass = UInt8(truncatingIfNeeded: value) & 0xf
        case 0x0b: return endOfInterrupt()
        case 0x0d:
            guard !isX2 else { return .refused }
            logicalDestination = value & 0xff00_0000
        case 0x0e:
            guard !isX2 else { return .refused }
            destinationFormat = value | 0x0fff_ffff
        case 0x0f:
            spurious = value & 0x1ff
            if spurious & 0x100 == 0 {
                for entry in 0..<6 { localVectors[entry] |= 0x10000 }
            }
        case 0x28: errorStatus = 0
        case 0x30:
            if isX2 {
                command = UInt64(high) &<< 32 | UInt64(value)
            } else {
                command = command & 0xffff_ffff_0000_0000 | UInt64(value & ~0x1000)
            }
            let target = UInt32(truncatingIfNeeded: command &>> 32)
            return .sendIPI(command: value, destination: isX2 ? target : target &>> 24)
        case 0x31:
            guard !isX2 else { return .refused }
            command = command & 0xffff_ffff | UInt64(value) &<< 32
        case 0x32...0x37:
            var entry = value & 0x300ff | (value & 0x1a700)
            if !isSoftwareEnabled { entry |= 0x10000 }
            localVectors[index &- 0x32] = entry
            if index == 0x32 { return .timerChanged }
        case 0x38:
            initialCount = value
            startTimer(now: now)
            return .timerChanged
        case 0x3e:
            divideConfiguration = value & 0xb
        case 0x3f:
            guard isX2 else { return .refused }
            return .sendIPI(command: value & 0xff | 0x40000, destination: 0)
        default: return .refused
        }
        return .none
    }
    /// True if a physical or logical destination names this APIC.
    public func matches(destination: UInt32, isLogical: Bool, senderIsX2: Bool) -> Bool {
        if !isLogical { return destination == id || destination == (senderIsX2 ? 0xffff_ffff : 0xff) }
        if isX2 {
            return destination &>> 16 == id &>> 4 && destination & (1 &<< (id & 15)) & 0xffff != 0
        }
        if destinationFormat &>> 28 == 0xf { return destination & (logicalDestination &>> 24) & 0xff != 0 }
        let own = logicalDestination &>> 24
        return destination & 0xf0 == own & 0xf0 && destination & own & 0xf != 0
    }
}
