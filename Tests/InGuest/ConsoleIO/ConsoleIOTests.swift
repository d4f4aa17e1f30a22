// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// console_io: the hypervisor's console as domain 0 writes and reads it.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("console")
    let isInitialDomain = BootInformation.current.isInitialDomain
    func write(_ address: UInt64, _ count: UInt64) -> Int64 {
        Hypercall.invoke(HypercallNumber.consoleIO, UInt64(ConsoleIOOperation.write), count, address)
    }

    suite.test("write") { t throws(XenError) in
        guard isInitialDomain else { return t.skip("only domain 0 may write on every Xen") }
        try HypervisorConsole.write([0x6F, 0x6B, 0x0A])
        try HypervisorConsole.write([])
        t.expectReturn(write(AddressSpace.testArea, 0), 0, "no bytes from nowhere")
        // Far more than any line buffer.
        var line = [UInt8](repeating: 0x2E, count: 4096)
        line[4095] = 0x0A
        try HypervisorConsole.write(line)
    }
    suite.test("write_of_what_is_not_there") { t throws(XenError) in
        guard isInitialDomain else { return t.skip("only domain 0 may write on every Xen") }
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
        guard isInitialDomain else { return t.skip("only domain 0 may write on every Xen") }
        var bytes: [UInt8] = []
        for byte: UInt8 in 0..<32 { bytes.append(byte == 10 ? 0 : byte) }
        bytes.append(0x0A)
        try HypervisorConsole.write(bytes)
    }
    suite.test("read") { t throws(XenError) in
        guard isInitialDomain else { return t.skip("only domain 0 may read") }
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
    suite.finish()
}
