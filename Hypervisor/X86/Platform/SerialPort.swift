// SPDX-License-Identifier: Apache-2.0
import CX86

/// A 16550 UART: the hypervisor's console.
public struct SerialPort: BitwiseCopyable {
    let port: UInt16
    /// 115200 baud, 8 data bits, no parity, FIFOs on.
    public init(port: UInt16) {
        self.port = port
        cx86_out8(port &+ 1, 0)
        cx86_out8(port &+ 3, 0x80)
        cx86_out8(port, 1)
        cx86_out8(port &+ 1, 0)
        cx86_out8(port &+ 3, 3)
        cx86_out8(port &+ 2, 0xc7)
        cx86_out8(port &+ 4, 0xb)
    }
    /// Sends a byte; gives up on a port that never gets ready.
    public func write(_ byte: UInt8) {
        var tries = 100_000
        while cx86_in8(port &+ 5) & 0x20 == 0, tries > 0 {
            cx86_pause()
            tries &-= 1
        }
        cx86_out8(port, byte)
    }
    public func read() -> UInt8? { cx86_in8(port &+ 5) & 1 != 0 ? cx86_in8(port) : nil }
    /// Asks for an interrupt per received byte.
    func enableInterrupts() { cx86_out8(port &+ 1, 1) }
}
