// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// The one machine this image runs on: what start-up found and the hooks need. Written once, before the first guest
/// runs; what changes later is guarded by the hypervisor lock.
@safe struct MachineState {
    var hypervisor: Ref<Hypervisor>?
    var processor: Ref<Processor>?
    var serial: SerialPort?
    var acpi: ACPI?
    var bootMemory = BootMemory(directMap: HostPaging.directMap, limit: 1 << 32)
    var features = SVMFeatures()
    var localAPIC: LocalAPIC?
    var ioapics: InlineArray<8, IOAPIC?> = InlineArray(repeating: nil)
    var ioapicCount = 0
    /// Register selected in each of Dom0's virtual IO-APICs.
    var ioapicSelect: InlineArray<8, UInt32> = InlineArray(repeating: 0)
    var dom0IOMap: UInt64 = 0
    var guestIOMap: UInt64 = 0
    var msrMap: UInt64 = 0
    var hasTSCAux = false
    /// Frames below this are RAM or holes between; device pages of Dom0 are never RAM.
    var ramMap: Ref<BootInformation>?
    var isPanicking = false
    /// Ctrl-A presses on the console: three in a row hand the keys to the hypervisor.
    var escapeCount = 0
    var keysAreOurs = false
}

// SAFETY: written at start-up, then under the hypervisor lock.
nonisolated(unsafe) var machineState = MachineState()

/// Names for the state above, and what the hooks do with it.
enum Machine {
    static var hasNextRIP: Bool { unsafe machineState.features.hasNextRIP }
    static var hasXSAVE: Bool { unsafe machineState.features.hasXSAVE }
    static var xcr0Mask: UInt64 { unsafe machineState.features.xcr0Mask }
    /// True under QEMU's TCG, whose costs differ from a processor's.
    static var isEmulator: Bool { unsafe machineState.features.isEmulator }
    static var hasTSCAux: Bool { unsafe machineState.hasTSCAux }

    // MARK: Vector state

    static func saveVectorState(_ vcpu: Ref<VirtualCPU>) {
        saveDebugRegisters(vcpu)
        let area = vcpu.hypervisor.state.memory
        // SAFETY: the context frame is the vCPU's own, and its area from 512 on is for this state.
        let address = unsafe area.unsafePointer(to: vcpu.state.contextFrame) + 512
        if hasXSAVE {
            // Read, not remembered: an emulator may let the guest's XSETBV through although it is intercepted.
            vcpu.svm[.xcr0] = cx86_xgetbv(0) & xcr0Mask
            cx86_xsetbv(0, xcr0Mask)
            unsafe cx86_xsave(address)
        } else {
            unsafe cx86_fxsave(address)
        }
    }
    static func loadVectorState(_ vcpu: Ref<VirtualCPU>) {
        // SAFETY: as above; what is there was saved there, or is the initial state.
        let address = unsafe vcpu.hypervisor.state.memory.unsafePointer(to: vcpu.state.contextFrame) + 512
        if hasXSAVE {
            cx86_xsetbv(0, xcr0Mask)
            unsafe cx86_xrstor(address)
            cx86_xsetbv(0, vcpu.svm[.xcr0] | 1)
        } else {
            unsafe cx86_fxrstor(address)
        }
        if hasTSCAux { cx86_wrmsr(0xc000_0103, vcpu.svm[.tscAux]) }
        // Breakpoints that are on work from the start; else the first touch brings the registers back.
        let vmcb = vcpu.vmcb
        if vmcb[.dr7] & 0xff != 0 { loadDebugRegisters(vcpu, vmcb) }
    }
    /// DR0 to DR3 are not in the control block: each vCPU's stay its own.
    static func loadDebugRegisters(_ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) {
        let svm = vcpu.svm
        cx86_write_dr0(svm[.debugRegister(0)])
        cx86_write_dr1(svm[.debugRegister(1)])
        cx86_write_dr2(svm[.debugRegister(2)])
        cx86_write_dr3(svm[.debugRegister(3)])
        svm[.ownsDebugRegisters] = 1
        vmcb[.interceptDR] = 0
    }
    private static func saveDebugRegisters(_ vcpu: Ref<VirtualCPU>) {
        let svm = vcpu.svm
        guard svm[.ownsDebugRegisters] != 0 else { return }
        svm[.debugRegister(0)] = cx86_read_dr0()
        svm[.debugRegister(1)] = cx86_read_dr1()
        svm[.debugRegister(2)] = cx86_read_dr2()
        svm[.debugRegister(3)] = cx86_read_dr3()
        svm[.ownsDebugRegisters] = 0
        vcpu.vmcb[.interceptDR] = .max
    }
    /// A vCPU goes away: its vector state must not be saved into a page that is no longer its own.
    static func forgetVectorState(_ vcpu: Ref<VirtualCPU>) {
        // SAFETY: the machine's one state, under the hypervisor lock.
        if let processor = unsafe machineState.processor, let loaded = processor.state.loaded, loaded == vcpu
        {
            processor.state.loaded = nil
        }
    }

    // MARK: Trace and console

    /// A byte of the debug port: Dom0's as it is, a DomU's in lines that carry its number.
    static func debugByte(_ byte: UInt8, _ domain: Ref<Domain>) {
        if domain.state.isPrivileged { domain.hypervisor.putByte(byte) } else { domain.putConsoleLine(byte) }
    }

    static func serialInput() {
        guard let serial = unsafe machineState.serial, let hypervisor = unsafe machineState.hypervisor else {
            return
        }
        var any = false
        while let byte = serial.read() {
            if byte == 1 {
                // SAFETY: the machine's one state, under the hypervisor lock.
                unsafe machineState.escapeCount &+= 1
                if unsafe machineState.escapeCount == 3 {
                    unsafe machineState.escapeCount = 0
                    unsafe machineState.keysAreOurs.toggle()
                    hypervisor.print(
                        unsafe machineState.keysAreOurs
                            ? "(sv) keys go to the hypervisor; h lists them\n" : "(sv) keys go to Dom0\n")
                    continue
                }
            } else {
                unsafe machineState.escapeCount = 0
            }
            if unsafe machineState.keysAreOurs {
                ConsoleKeys.pressed(byte, hypervisor)
                continue
            }
            hypervisor.state.console.typed(byte)
            any = true
        }
        if any { hypervisor.state.controlDomain?.raise(globalVIRQ: VirtualInterrupt.console) }
    }

    // MARK: Dom0's devices

    /// Maps a page of device memory where Dom0 touches it. False: there is RAM, or a device the hypervisor keeps.
    static func mapDevicePage(_ domain: Ref<Domain>, _ gfn: GuestFrame) -> Bool {
        guard domain.state.physmap.lookup(gfn) == nil, gfn.rawValue < 1 << 36 else { return false }
        // SAFETY: the machine's one state, under the hypervisor lock.
        guard let boot = unsafe machineState.ramMap, !boot.state.touchesRAM(frame: gfn.rawValue) else {
            return false
        }
        // The local APIC's page and the window of message-signalled interrupts; the IO-APICs.
        if gfn.rawValue >= 0xfee00, gfn.rawValue < 0xfef00 { return false }
        if ioapic(at: gfn.address) != nil { return false }
        let hypervisor = domain.hypervisor
        do throws(XenError) {
            try domain.state.physmap.map(
                gfn, to: MachineFrame(rawValue: gfn.rawValue), type: .device, writable: true,
                frames: &hypervisor.state.frames)
            return true
        } catch {
            return false
        }
    }
    static func ioapic(at address: GuestPhysical) -> Int? {
        var index = 0
        while unsafe index < machineState.ioapicCount {
            if let chip = unsafe machineState.ioapics[index],
                chip.physicalAddress &>> 12 == address.frame.rawValue
            {
                return index
            }
            index &+= 1
        }
        return nil
    }
    /// Reads a virtual IO-APIC: select at 0, window at 0x10. Intel 82093AA data sheet §3.
    static func readIOAPIC(_ index: Int, _ offset: Int) -> UInt32 {
        // SAFETY: the machine's one state, under the hypervisor lock.
        guard let chip = unsafe machineState.ioapics[index], let hypervisor = unsafe machineState.hypervisor
        else {
            return .max
        }
        let select = unsafe machineState.ioapicSelect[index]
        if offset == 0 { return select }
        guard offset == 0x10 else { return 0 }
        switch select {
        case 0, 2: return UInt32(chip.id) &<< 24
        case 1: return (chip.pinCount &- 1) &<< 16 | 0x20
        case 0x10..<(0x10 &+ 2 &* chip.pinCount):
            let entry = hypervisor.state.interrupts.entry(Int(chip.firstPin &+ (select &- 0x10) / 2)).rawValue
            return UInt32(truncatingIfNeeded: select & 1 == 0 ? entry : entry &>> 32)
        default: return 0
        }
    }
    static func writeIOAPIC(_ index: Int, _ offset: Int, _ value: UInt32) {
        guard let chip = unsafe machineState.ioapics[index], let hypervisor = unsafe machineState.hypervisor
        else {
            return
        }
        if offset == 0 {
            // SAFETY: the machine's one state, under the hypervisor lock.
            unsafe machineState.ioapicSelect[index] = value & 0xff
            return
        }
        if offset == 0x40 {
            hypervisor.state.interrupts.ended(vector: UInt8(truncatingIfNeeded: value))
            return
        }
        let select = unsafe machineState.ioapicSelect[index]
        guard offset == 0x10, select >= 0x10, select < 0x10 &+ 2 &* chip.pinCount else { return }
        let pin = Int(chip.firstPin &+ (select &- 0x10) / 2)
        var entry = hypervisor.state.interrupts.entry(pin).rawValue
        if select & 1 == 0 {
            entry = entry & 0xffff_ffff_0000_0000 | UInt64(value)
        } else {
            entry = entry & 0xffff_ffff | UInt64(value) &<< 32
        }
        hypervisor.state.interrupts.set(pin, RedirectionEntry(rawValue: entry))
    }
    static func programPin(_ pin: Int, _ vector: UInt8, _ isLevel: Bool, _ isActiveLow: Bool, _ masked: Bool)
    {
        // SAFETY: the machine's one state, under the hypervisor lock.
        guard let target = unsafe machineState.localAPIC?.id else { return }
        var index = 0
        while unsafe index < machineState.ioapicCount {
            if let chip = unsafe machineState.ioapics[index], pin >= Int(chip.firstPin),
                pin < Int(chip.firstPin &+ chip.pinCount)
            {
                chip.program(
                    UInt32(pin) &- chip.firstPin, vector: vector, isLevel: isLevel, isActiveLow: isActiveLow,
                    masked: masked, target: target)
                return
            }
            index &+= 1
        }
    }

    // MARK: End

    static func stop(_ how: MachineStop) {
        let name: StaticString =
            switch how {
            case .powerOff: "(sv) power off\n"
            case .reboot: "(sv) reboot\n"
            case .crash: "(sv) Dom0 crashed: reboot\n"
            }
        // SAFETY: the machine's one state, under the hypervisor lock.
        unsafe machineState.hypervisor?.print(name)
        if how == .powerOff { powerOff() }
        reset()
    }
    private static func powerOff() {
        if let acpi = unsafe machineState.acpi, let type = acpi.sleepTypeA, acpi.pm1aControl != 0 {
            cx86_out16(acpi.pm1aControl, UInt16(type) &<< 10 | 1 << 13)
            if acpi.pm1bControl != 0 {
                cx86_out16(acpi.pm1bControl, UInt16(acpi.sleepTypeB) &<< 10 | 1 << 13)
            }
        }
        halt()
    }
    private static func reset() -> Never {
        if let acpi = unsafe machineState.acpi, acpi.resetPort != 0 {
            cx86_out8(acpi.resetPort, acpi.resetValue)
        }
        cx86_out8(0xcf9, 6)
        cx86_out8(0x64, 0xfe)
        halt()
    }
    static func halt() -> Never {
        cx86_cli()
        while true { cx86_hlt() }
    }
}
