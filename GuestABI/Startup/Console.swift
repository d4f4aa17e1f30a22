// SPDX-License-Identifier: Apache-2.0
import CGuest
import SharedMemory
import XenABI

/// Where a guest prints: the hypervisor's console, or the first serial port when there is no hypervisor.
public enum Console {
    /// Prints one line.
    public static func print(_ text: Text) {
        var line = text
        line.append(byte: 0x0A)
        write(line)
    }
    /// Prints without ending the line.
    public static func write(_ text: Text) {
        var text = text
        let count = text.count
        // SAFETY: the bytes are a local copy that outlives the call.
        var span = text.bytes.mutableSpan
        unsafe span.withUnsafeMutableBytes { storage in
            guard let start = storage.baseAddress else { return }
            unsafe write(start, count)
        }
    }
    private static func write(_ start: UnsafeMutableRawPointer, _ count: Int) {
        if Platform.hypervisorLeaf != nil {
            let result = Hypercall.invoke(
                HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.write), UInt64(count),
                UInt64(UInt(bitPattern: start)))
            if result < 0 { unsafe writeRing(start, count) }
            return
        }
        for index in 0..<count {
            while guest_in8(0x3FD) & 0x20 == 0 { guest_pause() }
            // SAFETY: index is below the count of bytes given.
            guest_out8(0x3F8, unsafe start.load(fromByteOffset: index, as: UInt8.self))
        }
    }
    /// Writes to the console ring of the domain's builder, and waits until its reader took everything. `io/console.h`.
    private static func writeRing(_ start: UnsafeMutableRawPointer, _ count: Int) {
        guard let frame = try? HVM.parameter(HVMParameter.consoleFrame), frame != 0,
            let port = try? HVM.parameter(HVMParameter.consolePort)
        else { return }
        let ring = MappedPage(unsafeAddress: frame << 12)
        let indexes = ring.sharedView(ConsoleRingLayout.self)
        for index in 0..<count {
            while indexes.load(.outputProducer) &- indexes.load(.outputConsumer)
                >= UInt32(ConsoleRingLayout.outputByteCount)
            {
                try? Scheduler.yield()
            }
            let producer = indexes.load(.outputProducer)
            // SAFETY: index is below the count of bytes given.
            let byte = unsafe start.load(fromByteOffset: index, as: UInt8.self)
            ring.store(byte, at: 1024 + Int(producer & UInt32(ConsoleRingLayout.outputByteCount - 1)))
            indexes.store(producer &+ 1, to: .outputProducer)
        }
        try? EventChannel.send(EventPort(rawValue: UInt32(truncatingIfNeeded: port)))
        while indexes.load(.outputConsumer) != indexes.load(.outputProducer) { try? Scheduler.yield() }
    }
    /// Appends one byte to the current line; a newline sends it.
    static func put(_ byte: UInt8) {
        // SAFETY: `print` is for one vCPU at a time.
        unsafe pending.append(byte: byte)
        if unsafe byte == 0x0A || pending.count == Text.capacity {
            unsafe write(pending)
            unsafe pending = Text()
        }
    }
    nonisolated(unsafe) private static var pending = Text()
}
