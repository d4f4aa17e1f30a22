// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import RingProtocol
import SharedMemory
public import XenABI
public import XenBus

/// Why the console cannot be used.
public enum ConsoleError: Error, Equatable, Sendable {
    /// The domain has no console ring, as Dom0 has none.
    case noConsole
    /// The backend broke the rules of the ring.
    case protocolViolation
    /// Nothing was typed in time; or nobody took what was written: only its first `written` bytes went out.
    case timedOut(written: Int)
    case hypervisor(XenError)
}

/// This domain's first console, both ways: what `svctl console` shows and types. `public/io/console.h`.
///
/// Waits by event: writing while the ring is full, reading while it is empty. `Console.print` writes to the same ring, so
/// both may be used; that one also works in interrupt handlers, where this must not be. For vCPU 0; one at a time.
public struct ConsoleDevice: ~Copyable {
    private let input: ConsoleByteRing
    private let output: ConsoleByteRing
    private let port: EventPort
    private var pending: [UInt8] = []
    /// The beginning of a line whose end has not been typed.
    private var line: [UInt8] = []
    private var skipsNewline = false

    /// How long writing waits for room in the ring unless it says otherwise: without end at first.
    public var writeTimeout: Timeout = .never

    /// Longest line that `readLine` returns, in bytes.
    public static var maximumLineByteCount: Int { 4096 }

    /// Finds the console by `HVM_PARAM_CONSOLE_PFN` and `HVM_PARAM_CONSOLE_EVTCHN`. Starts `Events` if need be.
    public init() throws(ConsoleError) {
        let found: (SharedView<ConsoleRingLayout>, EventPort)
        do throws(XenError) { found = try Self.find() } catch {
            throw error == .noDevice ? .noConsole : .hypervisor(error)
        }
        input = .input(found.0)
        output = .output(found.0)
        port = found.1
    }
    private static func find() throws(XenError) -> (SharedView<ConsoleRingLayout>, EventPort) {
        try Events.start()
        let frame = try HVM.parameter(HVMParameter.consoleFrame)
        let number = try HVM.parameter(HVMParameter.consolePort)
        guard frame != 0, frame < 1 << 40, number != 0, number < EventChannelLimit.twoLevelPorts else {
            throw .noDevice
        }
        AddressSpace.ensureIdentity(GuestPhysical(rawValue: frame << 12))
        let port = EventPort(rawValue: UInt32(number))
        // The handler has nothing to do but wake the vCPU.
        try Events.handle(port) {}
        return (MappedPage(unsafeAddress: frame << 12).sharedView(ConsoleRingLayout.self), port)
    }
    deinit { Events.ignore(port) }

    private func notify() throws(ConsoleError) {
        do throws(XenError) { try EventChannel.send(port) } catch { throw .hypervisor(error) }
    }
    private func checked<Result>(_ body: () throws(RingError) -> Result) throws(ConsoleError) -> Result {
        do throws(RingError) { return try body() } catch { throw .protocolViolation }
    }

    // MARK: Out

    /// Writes all the bytes, as they are; waits while the ring is full.
    /// - Parameter timeout: nil for `writeTimeout`.
    /// - Throws: `timedOut` if nobody makes room in time.
    public func write(_ bytes: [UInt8], timeout: Timeout? = nil) throws(ConsoleError) {
        let output = output
        let end = Self.deadline(timeout ?? writeTimeout)
        var sent = 0
        while sent < bytes.count {
            let count = try checked { () throws(RingError) in
                try output.write(count: bytes.count - sent) { bytes[sent + $0] }
            }
            sent += count
            if count > 0 {
                try notify()
                continue
            }
            let hasRoom = EventLoop.wait(before: end) {
                do throws(RingError) { return try output.writableByteCount() > 0 } catch { return true }
            }
            guard hasRoom else { throw .timedOut(written: sent) }
        }
    }
    private static func deadline(_ timeout: Timeout) -> UInt64 {
        timeout == .never ? .max : timeout.deadline(from: Clock.now)
    }
    /// Writes the text, with CR before each LF, as a terminal wants it.
    public func write(_ text: Text) throws(ConsoleError) {
        var bytes: [UInt8] = []
        for index in 0..<text.count {
            if text[index] == 0x0A { bytes.append(0x0D) }
            bytes.append(text[index])
        }
        try write(bytes)
    }
    /// Writes the text and ends the line.
    public func print(_ text: Text) throws(ConsoleError) {
        try write(text)
        try write([0x0D, 0x0A])
    }

    // MARK: In

    /// Whether a byte waits, or the backend broke the rules. Cheap; for `EventLoop.add(isReady:run:)` and `wait`.
    public var hasInput: Bool {
        if !pending.isEmpty { return true }
        do throws(RingError) { return try input.readableByteCount() > 0 } catch { return true }
    }
    /// What was typed and not read yet, up to `limit` bytes; empty if nothing was. Does not wait.
    public mutating func readAvailable(limit: Int = 1024) throws(ConsoleError) -> [UInt8] {
        if !pending.isEmpty {
            let count = min(limit, pending.count)
            let bytes = Array(pending[0..<count])
            pending.removeFirst(count)
            return bytes
        }
        var bytes: [UInt8] = []
        let count = try checked { () throws(RingError) in
            try input.read(limit: limit) { bytes.append($0) }
        }
        if count > 0 { try notify() }
        return bytes
    }
    /// The next byte; waits for it.
    /// - Throws: `timedOut` if none comes in time.
    public mutating func readByte(timeout: Timeout = .never) throws(ConsoleError) -> UInt8 {
        try readByte(before: Self.deadline(timeout))
    }
    private mutating func readByte(before end: UInt64) throws(ConsoleError) -> UInt8 {
        while true {
            if pending.isEmpty { pending = try readAvailable() }
            if !pending.isEmpty { return pending.removeFirst() }
            let input = input
            let hasCome = EventLoop.wait(before: end) {
                do throws(RingError) { return try input.readableByteCount() > 0 } catch { return true }
            }
            guard hasCome else { throw .timedOut(written: 0) }
        }
    }
    /// The next line without its end, which may be CR, LF or CR LF; waits for it. A line longer than
    /// `maximumLineByteCount` is cut off there.
    /// - Parameters:
    ///   - echoes: writes back what is typed, and lets backspace take back: for a person at a terminal.
    ///   - timeout: for the whole line.
    /// - Throws: `timedOut`; what was typed so far is the beginning of what the next call returns.
    public mutating func readLine(
        echoes: Bool = true, timeout: Timeout = .never
    ) throws(ConsoleError) -> [UInt8] {
        let end = Self.deadline(timeout)
        while true {
            let byte = try readByte(before: end)
            defer { skipsNewline = byte == 0x0D }
            switch byte {
            case 0x0A where skipsNewline: continue
            case 0x0A, 0x0D:
                if echoes { try write([0x0D, 0x0A]) }
                defer { line = [] }
                return line
            case 0x08, 0x7F:
                guard echoes else { fallthrough }
                if line.popLast() != nil { try write([0x08, 0x20, 0x08]) }
            default:
                guard line.count < Self.maximumLineByteCount else { continue }
                line.append(byte)
                if echoes { try write([byte]) }
            }
        }
    }
}
