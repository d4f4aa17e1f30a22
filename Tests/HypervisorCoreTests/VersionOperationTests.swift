// SPDX-License-Identifier: Apache-2.0

import SharedMemory
import TestSupport
import Testing
import XenABI

@testable import HypervisorCore

private func failure(_ error: XenError) -> Int64 { error.returnValue }

@Suite struct VersionOperationTests {
    private func version(_ caller: Caller, _ command: UInt32, _ argument: UInt64? = nil) -> Int64 {
        caller.call(HypercallNumber.version, UInt64(command), argument ?? caller.list)
    }
    @Test func textsFillTheirBuffersAndNoMore() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        let texts: [(UInt32, Int, String)] = [
            (VersionOperation.extraVersion, 16, ".0"),
            (VersionOperation.compileInfo, 144, "Swift"),
            (VersionOperation.capabilities, 1024, "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 \0"),
            (VersionOperation.changeset, 64, "swiftvisor\0"),
            (VersionOperation.commandLine, 1024, "<denied>\0"),
        ]
        for (command, count, start) in texts {
            machine.fill(0xee, at: guest.list, count: 2048, in: guest.domain)
            #expect(version(guest, command) == 0)
            #expect(guest.text(count, at: guest.list).hasPrefix(start))
            #expect(machine.read(UInt8.self, at: guest.list + UInt64(count) - 1, in: guest.domain) == 0)
            #expect(machine.read(UInt8.self, at: guest.list + UInt64(count), in: guest.domain) == 0xee)
            #expect(version(guest, command, Caller.nowhere) == failure(.badAddress))
        }
    }
    @Test func numbersAndIdentity() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        guest.domain.state.handle[3] = 0x77
        #expect(version(guest, VersionOperation.version, 0) == 0x40011)
        #expect(version(guest, VersionOperation.pageSize, 0) == 4096)
        #expect(version(guest, VersionOperation.pageSize) == failure(.invalidArgument))
        #expect(version(guest, VersionOperation.platformParameters) == 0)
        #expect(machine.read(UInt64.self, at: guest.list, in: guest.domain) == 0xffff_8000_0000_0000)
        #expect(version(guest, VersionOperation.guestHandle) == 0)
        #expect(machine.read(UInt8.self, at: guest.list + 3, in: guest.domain) == 0x77)
        #expect(version(guest, VersionOperation.buildID) == failure(.notPermitted))
        for command in [UInt32(11), 99, .max] { #expect(version(guest, command) == failure(.notImplemented)) }
    }
    @Test func featuresDifferForTheHardwareDomain() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        for (caller, expected) in [(guest, UInt32(0x12305)), (control, 0x22b05)] {
            machine.write(UInt64(0), at: caller.list, in: caller.domain)
            #expect(version(caller, VersionOperation.getFeatures) == 0)
            #expect(machine.read(UInt32.self, at: caller.list + 4, in: caller.domain) == expected)
        }
        machine.write(UInt64(1), at: guest.list, in: guest.domain)
        #expect(version(guest, VersionOperation.getFeatures) == failure(.invalidArgument))
    }
    @Test func theCommandLineIsThePrivilegedDomainsToRead() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        for (index, byte) in "console=com1".utf8.enumerated() {
            machine.hypervisor.state.commandLine[index] = byte
        }
        #expect(version(control, VersionOperation.commandLine) == 0)
        #expect(control.text(13, at: control.list) == "console=com1\0")
        #expect(version(control, VersionOperation.buildID) == failure(.noData))
    }
    @Test func assistKnowsOneType() throws {
        let machine = FakeMachine()
        let guest = try machine.guest(3)
        let assist = HypercallNumber.vmAssist
        #expect(guest.call(assist, 0, 5) == 0)
        #expect(guest.domain.state.updatesRunStateFlag == true)
        #expect(guest.call(assist, 1, 5) == 0)
        #expect(guest.domain.state.updatesRunStateFlag == false)
        #expect(guest.call(assist, 0, 4) == failure(.invalidArgument))
        #expect(guest.call(assist, 2, 5) == failure(.notImplemented))
    }
}

@Suite struct VersionConsoleTests {
    private func write(_ caller: Caller, _ text: String) -> Int64 {
        for (index, byte) in text.utf8.enumerated() {
            caller.machine.write(byte, at: caller.list + UInt64(index), in: caller.domain)
        }
        return caller.call(HypercallNumber.consoleIO, 0, UInt64(text.utf8.count), caller.list)
    }
    @Test func theHardwareDomainWritesThrough() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        #expect(write(control, "abc") == 0)
        #expect(machine.consoleText == "abc")
    }
    @Test func guestsWriteWholeLinesWithTheirNumber() throws {
        let machine = FakeMachine()
        let first = try machine.guest(3)
        let second = try machine.guest(12)
        #expect(write(first, "one ") == 0)
        #expect(write(second, "other\n") == 0)
        #expect(machine.consoleText == "(d12) other\r\n")
        #expect(write(first, "two\r\nthree\u{1b}[2J\n") == 0)
        #expect(machine.consoleText == "(d12) other\r\n(d3) one two\r\n(d3) three.[2J\r\n")
        // A line without end is cut.
        machine.log.console.removeAll()
        #expect(write(first, String(repeating: "x", count: 250)) == 0)
        #expect(machine.consoleText == "(d3) " + String(repeating: "x", count: 248) + "\r\n")
    }
    @Test func badRequests() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        let guest = try machine.guest(3)
        #expect(guest.call(HypercallNumber.consoleIO, 0, 10, Caller.nowhere) == failure(.badAddress))
        #expect(guest.call(HypercallNumber.consoleIO, 0, .max, guest.list) == failure(.badAddress))
        #expect(guest.call(HypercallNumber.consoleIO, 0, 0, Caller.nowhere) == 0)
        #expect(guest.call(HypercallNumber.consoleIO, 1, 10, guest.list) == failure(.notPermitted))
        #expect(guest.call(HypercallNumber.consoleIO, 2, 10, guest.list) == failure(.notImplemented))
        machine.hypervisor.state.console.typed(65)
        #expect(control.call(HypercallNumber.consoleIO, 1, 10, Caller.nowhere) == failure(.badAddress))
        #expect(machine.hypervisor.state.console.hasTyped == true)
    }
    @Test func longWritesArePreempted() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        machine.hypervisor.state.scheduler.needsReschedule[0] = true
        #expect(write(control, String(repeating: "y", count: 1000)) == 0)
        #expect(machine.consoleText == String(repeating: "y", count: 1000))
    }
    @Test func whatIsTypedIsReadOnce() throws {
        let machine = FakeMachine()
        let control = try machine.control()
        for byte in "ls\n".utf8 { machine.hypervisor.state.console.typed(byte) }
        #expect(control.call(HypercallNumber.consoleIO, 1, 2, control.list) == 2)
        #expect(control.text(2, at: control.list) == "ls")
        #expect(control.call(HypercallNumber.consoleIO, 1, 10, control.list) == 1)
        #expect(control.call(HypercallNumber.consoleIO, 1, 10, control.list) == 0)
    }
}
