// SPDX-License-Identifier: Apache-2.0
import CGuest
import SharedMemory
import XenABI

/// Where a guest prints: the console ring that its builder gave it (`svctl console`), else the hypervisor's console, or
/// the first serial port when there is no hypervisor.
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
            // SAFETY: the caller gives `count` valid bytes.
            if unsafe writeRing(start, count) { return }
            _ = Hypercall.invoke(
                HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.write), UInt64(count),
                UInt64(UInt(bitPattern: start)))
            return
        }
        for index in 0..<count {
            while guest_in8(0x3FD) & 0x20 == 0 { guest_pause() }
            // SAFETY: index is below the count of bytes given.
            guest_out8(0x3F8, unsafe start.load(fromByteOffset: index, as: UInt8.self))
        }
    }
    // SAFETY: single words that every vCPU would set to the same.
    nonisolated(unsafe) private static var ringPage: GuestFrame?
    nonisolated(unsafe) private static var ringPort = EventPort(rawValue: 0)
    nonisolated(unsafe) private static var isRingKnown = false

    /// Writes to the console ring of the domain's builder, waiting while it is full; false if there is none. `io/console.h`.
    private static func writeRing(_ start: UnsafeMutableRawPointer, _ count: Int) -> Bool {
        if unsafe !isRingKnown {
            // SAFETY: as for the state above.
            unsafe isRingKnown = true
            if let frame = try? HVM.parameter(HVMParameter.consoleFrame), frame != 0,
                let port = try? HVM.parameter(HVMParameter.consolePort), port != 0
            {
                unsafe ringPage = GuestFrame(rawValue: frame)
                unsafe ringPort = EventPort(rawValue: UInt32(truncatingIfNeeded: port))
            }
        }
        guard let frame = unsafe ringPage?.rawValue else { return false }
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
        // SAFETY: as for the state above.
        try? EventChannel.send(unsafe ringPort)
        return true
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
