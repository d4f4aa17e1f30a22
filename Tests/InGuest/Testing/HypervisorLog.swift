// SPDX-License-Identifier: Apache-2.0
public import GuestABI
public import XenABI

/// What the hypervisor's log says from some moment on, for domain 0.
public struct HypervisorLog: ~Copyable {
    private var next: UInt32?

    /// What is there already does not count.
    public init() throws(XenError) { _ = try read() }
    /// What came since the last time.
    public mutating func read() throws(XenError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let part = try SystemControl.readLog(maximum: 4096, from: next)
            next = part.next
            if part.bytes.isEmpty { return bytes }
            bytes += part.bytes
        }
    }
}

extension Test {
    /// The log must hold each of these texts.
    public mutating func expectLog(_ log: [UInt8], holds texts: [Text], line: Int = #line) {
        for text in texts {
            expect(log.holds(text), "the log has no \"\(text)\"", line: line)
        }
    }
}

extension [UInt8] {
    /// Whether a text is somewhere in these bytes.
    public func holds(_ text: Text) -> Bool {
        guard count >= text.count else { return false }
        for start in 0...(count - text.count) {
            var length = 0
            while length < text.count, self[start + length] == text[length] { length += 1 }
            if length == text.count { return true }
        }
        return false
    }
}
