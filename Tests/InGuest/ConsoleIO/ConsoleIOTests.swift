// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// console_io: the hypervisor's console as domain 0 writes and reads it, and as others write to it.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("console")
    let isInitialDomain = BootInformation.current.isInitialDomain
    func write(_ address: UInt64, _ count: UInt64) -> Int64 {
        Hypercall.invoke(HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.write), count, address)
    }

    suite.test("write") { t throws(XenError) in
        try HypervisorConsole.write([0x6F, 0x6B, 0x0A])
        try HypervisorConsole.write([])
        t.expectReturn(write(AddressSpace.testArea, 0), 0, "no bytes from nowhere")
        // Far more than any line buffer.
        var line = [UInt8](repeating: 0x2E, count: 4096)
        line[4095] = 0x0A
        try HypervisorConsole.write(line)
        guard isInitialDomain else { return }
        var log = try HypervisorLog()
        try HypervisorConsole.write(Array("this is in the log\n".utf8))
        t.expectLog(try log.read(), holds: ["this is in the log\n"])
    }
    suite.test("write_of_what_is_not_there") { t throws(XenError) in
        t.expectReturn(write(AddressSpace.testArea, 16), .badAddress, "16 bytes of unmapped memory")
        t.expectReturn(write(0x8000_0000_0000, 16), .badAddress, "16 bytes at a non-canonical address")
        // A page, then nothing.
        guard let page = GuestPage() else { throw .noMemory }
        guard AddressSpace.map(page.frame, at: AddressSpace.testArea, .writable) else { throw .noMemory }
        page.memory.fill(0x0A)
        t.expectReturn(write(AddressSpace.testArea + 4090, 16), .badAddress, "a run into unmapped memory")
        AddressSpace.unmap(at: AddressSpace.testArea)
    }
    suite.test("control_characters_are_harmless") { t throws(XenError) in
        // What another domain would do to a terminal is read by domain 0, below.
        guard isInitialDomain else { return try HypervisorConsole.write(hostileLine) }
        var bytes: [UInt8] = []
        for byte: UInt8 in 0..<32 { bytes.append(byte == 10 ? 0 : byte) }
        bytes.append(0x0A)
        try HypervisorConsole.write(bytes)
    }
    suite.test("read") { t throws(XenError) in
        guard isInitialDomain else {
            t.expectError(.notPermitted, "reading") { () throws(XenError) in
                _ = try HypervisorConsole.read(maximum: 16)
            }
            return
        }
        try Events.start()
        func read(_ count: UInt64, _ address: UInt64) -> Int64 {
            Hypercall.invoke(
                HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.read), count, address)
        }
        // The harness types "typed". Until then there is nothing to write to a bad address.
        let end = Clock.now + 5_000_000_000
        var found: Int64 = 0
        while Clock.now < end {
            found = read(64, AddressSpace.testArea)
            if found != 0 { break }
            try Scheduler.sleep(until: Clock.now + 1_000_000)
        }
        if found == 0 { return t.skip("nobody types") }
        t.expectReturn(found, .badAddress, "reading to unmapped memory")
        // What could not be stored is not lost.
        var typed: [UInt8] = []
        while typed.count < 5, Clock.now < end {
            typed.append(contentsOf: try HypervisorConsole.read(maximum: 5 - typed.count))
        }
        t.expect(typed == [0x74, 0x79, 0x70, 0x65, 0x64], "\(typed.count) bytes, not \"typed\"")
        t.expectReturn(read(0, AddressSpace.testArea), 0, "reading nothing")
    }
    suite.test("unknown_operation") { t throws(XenError) in
        guard isInitialDomain else { return t.skip("refused before it is looked at") }
        t.expectReturn(
            Hypercall.invoke(HypercallNumber.consoleIO, 2, 0, 0), .notImplemented, "console_io 2")
    }
    if isInitialDomain {
        guard var log = try? HypervisorLog() else { panic("no log") }
        suite.runAgainAsDomU()
        suite.test("lines_of_others_have_their_number_and_no_control_characters") { t throws(XenError) in
            let said = try log.read()
            t.expectLog(said, holds: [") ok\n", ") .[31mred..\tx\n"])
            for byte in said where byte < 32 && byte != 9 && byte != 10 || byte > 126 {
                return t.expect(false, "the log has the byte \(hex: UInt64(byte))")
            }
        }
    }
    suite.finish()
}

/// A line with an escape sequence, and bytes that are not characters.
private let hostileLine: [UInt8] =
    [0x1B, 0x5B, 0x33, 0x31, 0x6D, 0x72, 0x65, 0x64, 0x00, 0x0D, 0x7F, 0xFF, 0x09, 0x78, 0x0A]
