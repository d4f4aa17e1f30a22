// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import XenABI

// The exceptions that an exit stands before, because they can raise themselves in their own delivery (Xen: XSA-156).

func addExceptionTests(_ suite: inout TestSuite) {
    // A breakpoint where a frame is *pushed* ends QEMU 7.2, whatever runs in it: it delivers exceptions with its big lock
    // held, and takes that lock once more for a breakpoint that is hit.
    suite.test("a_breakpoint_on_the_frame_that_iret_reads") { t throws(XenError) in
        let records = InterruptProbe.breakpointOnFrame()
        t.expectEqual(records.count, 1, "debug exceptions")
        guard records.count == 1 else { return }
        t.expectEqual(records[0].vector, 1, "the exception")
        t.expectEqual(records[0].address, InterruptProbe.interruptedAt, "where it came: behind the IRET")
        t.expectEqual(records[0].detail & 0xF, 1, "the breakpoint in DR6")
        t.expectEqual(records[0].detail & 1 << 14, 0, "the step bit in DR6")
    }
    suite.test("breakpoints_inside_the_handlers_of_others") { t throws(XenError) in
        let records = InterruptProbe.nestedBreakpoints()
        t.expectEqual(records.count, 4, "debug exceptions")
        for (index, record) in records.enumerated() {
            t.expectEqual(record.detail & 0xF, 1 << UInt64(index), "the breakpoint in DR6 at depth \(index)")
            t.expect((record.address == records.first?.address) == (index == 0), "where depth \(index) is")
        }
    }
    suite.test("steps_over_what_the_hypervisor_executes") { t throws(XenError) in
        let (records, behind) = InterruptProbe.steps()
        for (number, address) in behind.enumerated() {
            let found = records.filter { $0.address == address }
            t.expectEqual(found.count, 1, "steps that end behind instruction \(number)")
            for record in found { t.expectEqual(record.detail & 1 << 14, 1 << 14, "the step bit in DR6") }
        }
        // CPUID, MOV, RDMSR, MOV, IN, three MOVs, VMMCALL, POPF.
        t.expectEqual(records.count, 10, "steps")
    }
    suite.test("alignment_checks") { t throws(XenError) in
        do throws(Fault) {
            try InterruptProbe.misalignedLoad()
            t.skip("this CPU does not check alignment: QEMU's emulator does not")
        } catch {
            t.expectEqual(error.vector, 17, "the exception of a word that is not aligned")
        }
    }
}
