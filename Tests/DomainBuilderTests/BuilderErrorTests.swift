// SPDX-License-Identifier: Apache-2.0
import LinuxXen
import Testing
import XenABI

@testable import DomainBuilder

@Suite struct BuilderErrorTests {
    @Test func errorsSayWhatWhereAndWhatToDo() {
        let short = BuilderError.notEnoughMemory(neededKiB: 132_000, freeKiB: 4096)
        #expect(
            "\(short)" == "not enough free memory: the domain needs 132000 KiB, 4096 KiB are free. "
                + "Lower \"memory\", or shut another domain down.")
        let call = XenCallError(operation: "XEN_DOMCTL_createdomain", errno: 12, detail: "domain 0")
        #expect("\(call)" == "XEN_DOMCTL_createdomain (domain 0): Cannot allocate memory (ENOMEM)")
        #expect(call.xenError == .noMemory)
        let step = BuilderError.hypervisor(step: "create the domain", call)
        #expect("\(step)".hasPrefix("cannot create the domain: XEN_DOMCTL_createdomain"))
        #expect("\(XenCallError(operation: "X", errno: 999))".contains("error 999"))
    }

    @Test func withoutAHypervisorTheControlInterfaceSaysWhichFileIsMissing() {
        let error = #expect(throws: XenCallError.self) { try XenControl(privcmd: "/nowhere/privcmd") }
        #expect(error?.operation == "/nowhere/privcmd" && error?.xenError == .noEntry)
    }

    @Test func theStoreDaemonsPortNeedsXenfs() throws {
        let error = #expect(throws: XenCallError.self) { try StoreDaemonPort(folder: "/nowhere") }
        #expect(error?.operation == "/nowhere/xsd_port")
        let folder = try TemporaryFolder()
        _ = folder.file("xsd_port", Array("zero\n".utf8))
        let text = #expect(throws: XenCallError.self) { try StoreDaemonPort(folder: folder.path) }
        #expect(text?.detail == "not a port number")
        _ = folder.file("xsd_port", Array("12\n".utf8))
        let page = #expect(throws: XenCallError.self) { try StoreDaemonPort(folder: folder.path) }
        #expect(page?.operation == "\(folder.path)/xsd_kva")
        _ = folder.file("xsd_kva", [UInt8](repeating: 7, count: 4096))
        let port = try StoreDaemonPort(folder: folder.path)
        #expect(port.port == EventPort(rawValue: 12))
        #expect(port.ring.read(at: 4090, count: 6) == [7, 7, 7, 7, 7, 7])
    }
}
