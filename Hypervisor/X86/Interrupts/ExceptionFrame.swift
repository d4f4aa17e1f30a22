// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// What the assembly stub leaves on the stack: r15 first, then up to rax, vector, error code, rip, cs, rflags, rsp, ss.
enum ExceptionFrameLayout: ABILayout { static var byteCount: Int { 176 } }
extension Field<ExceptionFrameLayout, UInt64> {
    static var r15: Self { .init(at: 0) }
    static var rbp: Self { .init(at: 80) }
    static var rax: Self { .init(at: 112) }
    static var vector: Self { .init(at: 120) }
    static var errorCode: Self { .init(at: 128) }
    static var rip: Self { .init(at: 136) }
    static var cs: Self { .init(at: 144) }
    static var rflags: Self { .init(at: 152) }
    static var rsp: Self { .init(at: 160) }
}

/// Every exception and interrupt of the host arrives here, with interrupts off.
public enum HostInterrupts {
    static func handle(_ frame: ABIView<ExceptionFrameLayout>) {
        let vector = UInt8(truncatingIfNeeded: frame[.vector])
        if vector >= 32 {
            // SAFETY: the machine's state is written at start-up and by this CPU only.
            guard vector != LocalAPIC.spuriousVector, let processor = unsafe machineState.processor else {
                return
            }
            processor.state.pending[vector] = true
            processor.state.hasPending = true
            return
        }
        if vector == 2 { return }
        PanicReport.print(frame)
        Machine.halt()
    }
    public static func handle(unsafeFrame: UnsafeMutableRawPointer) {
        // SAFETY: the stub built the frame at this address.
        handle(unsafe ABIView<ExceptionFrameLayout>(unsafeBase: unsafeFrame))
    }

    /// Builds the interrupt table and task state: exceptions on their own stack where the current one may be bad.
    /// AMD APM vol 2 §8.9, §12.2.5.
    static func install(memory: BootMemory) {
        let image = HostPaging.imageBase
        let tss = cx86_boot_tss() &- image
        memory.store(cx86_fault_stack_top(), tss &+ 36)  // IST1
        let gdt = cx86_boot_gdt() &- image
        let base = cx86_boot_tss()
        var low: UInt64 = 103
        low |= (base & 0xff_ffff) &<< 16
        low |= 0x89 &<< 40
        low |= (base &>> 24 & 0xff) &<< 56
        memory.store(low, gdt &+ 24)
        memory.store(base &>> 32, gdt &+ 32)
        unsafe idtStorage.install()
        // SAFETY: both descriptors live in static storage.
        unsafe withUnsafeMutableBytes(of: &tableDescriptor) { bytes in
            unsafe bytes.storeBytes(of: 39, as: UInt16.self)
            unsafe bytes.storeBytes(of: cx86_boot_gdt(), toByteOffset: 2, as: UInt64.self)
            unsafe cx86_lgdt(bytes.baseAddress)
        }
        cx86_ltr(24)
    }
}

nonisolated(unsafe) private var tableDescriptor: InlineArray<2, UInt64> = InlineArray(repeating: 0)
nonisolated(unsafe) private var idtStorage = InterruptTable()

/// 256 gates of 16 bytes. AMD APM vol 2 §4.8.4.
private struct InterruptTable {
    var words: InlineArray<512, UInt64> = InlineArray(repeating: 0)
    mutating func install() {
        var vector: UInt64 = 0
        while vector < 256 {
            let target = cx86_isr_table() &+ vector &* 16
            // Double fault, NMI, machine check, and page fault (a guard page hit) use IST1.
            let stack: UInt64 = vector == 2 || vector == 8 || vector == 14 || vector == 18 ? 1 : 0
            var low = target & 0xffff
            low |= 8 &<< 16
            low |= stack &<< 32
            low |= 0x8e &<< 40
            low |= (target &>> 16 & 0xffff) &<< 48
            words[Int(vector) &* 2] = low
            words[Int(vector) &* 2 &+ 1] = target &>> 32
            vector &+= 1
        }
        // SAFETY: the table has static storage; the descriptor is read by the instruction only.
        unsafe withUnsafeMutableBytes(of: &words) { table in
            unsafe withUnsafeMutableBytes(of: &tableDescriptor) { bytes in
                unsafe bytes.storeBytes(of: 4095, as: UInt16.self)
                unsafe bytes.storeBytes(
                    of: UInt64(UInt(bitPattern: table.baseAddress)), toByteOffset: 2, as: UInt64.self)
                unsafe cx86_lidt(bytes.baseAddress)
            }
        }
    }
}

/// Our own mistake: what can still be said is said, and the machine stops.
enum PanicReport {
    static func print(_ frame: ABIView<ExceptionFrameLayout>) {
        // SAFETY: the machine's state; a fault inside this report sees the mark and says no more.
        guard !(unsafe machineState.isPanicking), let hypervisor = unsafe machineState.hypervisor else {
            EarlyConsole.print("\n(sv) fault before the console or inside a panic report; vector, rip:")
            EarlyConsole.print(hex: frame[.vector])
            EarlyConsole.print(" ")
            EarlyConsole.print(hex: frame[.rip])
            EarlyConsole.print("\n")
            return
        }
        unsafe machineState.isPanicking = true
        let vector = frame[.vector]
        let name: StaticString =
            switch vector {
            case 0: "divide error"
            case 3: "breakpoint"
            case 6: "invalid opcode (a Swift trap: a check of ours failed)"
            case 8: "double fault"
            case 13: "general protection"
            case 14: "page fault"
            case 18: "machine check"
            default: "exception"
            }
        hypervisor.print("\n(sv) PANIC: ")
        hypervisor.print(name)
        hypervisor.print("\n")
        line(hypervisor, "  vector", vector, " error", frame[.errorCode])
        line(hypervisor, "  rip", frame[.rip], " rsp", frame[.rsp])
        symbol(hypervisor, frame[.rip])
        line(hypervisor, "  cr2", cx86_read_cr2(), " rflags", frame[.rflags])
        var index = 0
        while index < 14 {
            line(
                hypervisor, "  r", frame[Field<ExceptionFrameLayout, UInt64>(at: index &* 8)], "  r",
                frame[Field<ExceptionFrameLayout, UInt64>(at: index &* 8 &+ 8)])
            index &+= 2
        }
        hypervisor.print(
            "(sv) (order: r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rbx rdx rcx)\n(sv) stack words that point into code:\n"
        )
        // SAFETY: the machine's one state; nothing else runs any more.
        let memory = unsafe machineState.bootMemory
        var at = frame[.rsp] & ~7
        var found = 0
        let top = cx86_boot_stack_top()
        while at < top, at >= cx86_boot_stack_guard(), found < 24 {
            let word = memory.u64(at &- HostPaging.imageBase)
            if word >= cx86_image_start(), word < cx86_text_end() {
                line(hypervisor, "  at", at, " ->", word)
                symbol(hypervisor, word)
                found &+= 1
            }
            at &+= 8
        }
        if let vcpu = hypervisor.state.scheduler.current[0] {
            line(
                hypervisor, "  current domain", UInt64(vcpu.domain.id.rawValue), " vcpu",
                UInt64(vcpu.state.id))
        }
        hypervisor.print("(sv) last trace records:\n")
        ConsoleKeys.trace(hypervisor, count: 32)
        hypervisor.print("(sv) halted\n")
    }
    private static func line(
        _ hypervisor: Ref<Hypervisor>, _ first: StaticString, _ a: UInt64, _ second: StaticString, _ b: UInt64
    ) {
        hypervisor.print("(sv)")
        hypervisor.print(first)
        hypervisor.print(" ")
        hypervisor.print(hex: a)
        hypervisor.print(second)
        hypervisor.print(" ")
        hypervisor.print(hex: b)
        hypervisor.print("\n")
    }
    /// Prints the name of the function that contains `address`, if the image carries a symbol table: records of 64 bytes,
    /// sorted, address first, the name NUL-padded behind it; a record of address 0 ends it.
    private static func symbol(_ hypervisor: Ref<Hypervisor>, _ address: UInt64) {
        // SAFETY: the machine's one state; nothing else runs any more.
        let memory = unsafe machineState.bootMemory
        var record = cx86_symbols()
        guard record != 0 else { return }
        record &-= HostPaging.imageBase
        var best: UInt64 = 0
        while memory.u64(record) != 0, memory.u64(record) <= address {
            best = record
            record &+= 64
        }
        guard best != 0 else { return }
        hypervisor.print("(sv)      ")
        var index: UInt64 = 8
        while index < 64, memory.u8(best &+ index) != 0 {
            hypervisor.putByte(memory.u8(best &+ index))
            index &+= 1
        }
        hypervisor.print(" + ")
        hypervisor.print(hex: address &- memory.u64(best))
        hypervisor.print("\n")
    }
}

/// Output before there is a hypervisor to print through.
enum EarlyConsole {
    static func print(_ text: StaticString) {
        var index = 0
        while index < text.utf8CodeUnitCount {
            put(text.byte(at: index))
            index &+= 1
        }
    }
    static func put(_ byte: UInt8) {
        // SAFETY: the machine's one state; nothing else runs any more.
        guard let serial = unsafe machineState.serial else { return }
        if byte == 10 { serial.write(13) }
        serial.write(byte)
    }
    static func print(hex value: UInt64) {
        var shift = 60
        print("0x")
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: (value &>> UInt64(shift)) & 15)
            put(digit < 10 ? 48 &+ digit : 87 &+ digit)
            shift &-= 4
        }
    }
}
