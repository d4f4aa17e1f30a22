// SPDX-License-Identifier: Apache-2.0
import CNetworkStack

/// A TCP connection that a client opened. A name only: of one that ended nothing can be read, and writing does nothing.
public struct TCPConnection: Equatable, BitwiseCopyable, Sendable {
    let number: UInt32
    let generation: UInt32

    private var isOpen: Bool { Network.isOpen(self) }

    /// Calls `body` with the next bytes that came, piece by piece, until there are no more or it takes less than all of
    /// a piece. It answers how many it took.
    public func read(_ body: (Span<UInt8>) -> Int) {
        while isOpen {
            var count = 0
            // SAFETY: the stack keeps the bytes until they are consumed, which `body` cannot do.
            guard let start = unsafe stack_readable(number, &count), count > 0 else { return }
            let bytes = unsafe start.assumingMemoryBound(to: UInt8.self)
            let taken = body(unsafe Span(_unsafeStart: bytes, count: count))
            precondition(taken >= 0 && taken <= count)
            guard isOpen else { return }
            if taken > 0 { stack_consume(number, taken) }
            if taken < count { return }
        }
    }
    public var hasBytes: Bool {
        var count = 0
        // SAFETY: only the count is used.
        guard isOpen else { return false }
        _ = unsafe stack_readable(number, &count)
        return count > 0
    }
    /// The client sends nothing after what can be read.
    public var hasPeerFinished: Bool { isOpen && stack_is_finished(number) }

    /// Bytes that may be written now; memory may still be short.
    public var writableByteCount: Int { isOpen ? stack_writable(number) : 0 }
    /// Writes as many of the bytes as there is room for, and says how many; they are on their way after `flush`.
    public func write(_ bytes: Span<UInt8>) -> Int {
        var written = 0
        var step = 32768
        while written < bytes.count {
            let count = min(bytes.count - written, writableByteCount, step)
            guard count > 0 else { break }
            // SAFETY: the stack copies the bytes during the call.
            let isTaken = unsafe bytes.extracting(written..<written + count).withUnsafeBytes {
                unsafe stack_write(number, $0.baseAddress, $0.count)
            }
            if isTaken {
                written += count
            } else if step > 1024 {
                // Memory in smaller pieces may be left.
                step = 1024
            } else {
                break
            }
        }
        return written
    }
    public func flush() {
        if isOpen { stack_flush(number) }
    }

    /// Sends what was written, then the end; what the client sends still comes. False: memory is short, ask again when
    /// the session is ready.
    public func finish() -> Bool { !isOpen || stack_finish(number) }
    /// Sends what was written, then the end; the session hears nothing more. A client that still sends is reset, and may
    /// then not read what it was sent: see `finish`.
    public func close() {
        guard isOpen else { return }
        Network.forget(self)
        stack_close(number)
    }
    /// Resets the connection; the session hears nothing more.
    public func abort() {
        guard isOpen else { return }
        Network.forget(self)
        stack_abort(number)
    }
}

/// What a server does with one connection. All is called from `Network.run`, one call at a time.
open class TCPSession {
    public let connection: TCPConnection
    public init(_ connection: TCPConnection) { self.connection = connection }
    /// There are bytes to read, there is more room to write, or the client finished; or none of it: look.
    open func ready() {}
    /// The connection was reset, or its client is gone. The session is let go after this.
    open func lost() {}
}
