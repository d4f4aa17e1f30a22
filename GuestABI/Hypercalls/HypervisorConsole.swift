// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// The hypervisor's own console, not the domain's. `HYPERVISOR_console_io`.
public enum HypervisorConsole {
    /// Prints bytes; lines of a domain other than the first carry its number. `CONSOLEIO_write`.
    public static func write(_ bytes: [UInt8]) throws(XenError) {
        var bytes = bytes
        let count = UInt64(bytes.count)
        try Hypercall.check(
            Hypercall.withAddress(of: &bytes) {
                Hypercall.invoke(
                    HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.write), count, $0)
            })
    }
    /// What was typed since, at most `byteCount` bytes; for domain 0, others get `notPermitted`. `CONSOLEIO_read`.
    public static func read(maximum byteCount: Int) throws(XenError) -> [UInt8] {
        var buffer = HypercallBuffer(byteCount: byteCount)
        let count = try Hypercall.check(
            Hypercall.withAddress(of: &buffer) {
                Hypercall.invoke(
                    HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.read), UInt64(byteCount), $0)
            })
        buffer.keep(first: Int(count))
        return buffer.bytes
    }
}
