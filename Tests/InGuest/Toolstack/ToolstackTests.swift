// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// sysctl, domctl, platform_op, dm_op and the control tools' memory_op: every operation with its effect and refusals, on a
/// domain that never runs.
@c(guest_main)
public func guestMain() {
    var suite = TestSuite("toolstack")
    guard BootInformation.current.isInitialDomain else {
        suite.test("all") { t throws(XenError) in t.skip("this is not domain 0") }
        suite.finish()
    }
    suite.test("start") { t throws(XenError) in try Events.start() }
    machineOperations(&suite)
    domainOperations(&suite)
    virtualCPUOperations(&suite)
    memoryOperations(&suite)
    deviceModelOperations(&suite)
    suite.finish()
}

let nobody = DomainID(rawValue: 1234)
let sysctlBody = SysctlLayout.argumentOffset
let domctlBody = DomctlLayout.argumentOffset

/// One sysctl whose body `fill` writes; what it returned, and the block for `check`.
func sysctl(
    _ operation: UInt32, _ fill: (inout ArgumentBlock<SysctlLayout>) -> Void = { _ in },
    check: (borrowing ArgumentBlock<SysctlLayout>) -> Void = { _ in }
) -> Int64 {
    var block = SystemControl.block(operation)
    fill(&block)
    let result = Hypercall.invoke(HypercallNumber.sysctl, &block)
    check(block)
    return result
}
/// One domctl on `domain`, likewise.
func domctl(
    _ operation: UInt32, _ domain: DomainID, _ fill: (inout ArgumentBlock<DomctlLayout>) -> Void = { _ in },
    check: (borrowing ArgumentBlock<DomctlLayout>) -> Void = { _ in }
) -> Int64 {
    var block = DomainControl.block(operation, domain)
    fill(&block)
    let result = Hypercall.invoke(HypercallNumber.domctl, &block)
    check(block)
    return result
}
/// One platform_op, likewise.
func platform(
    _ operation: UInt32, _ fill: (inout ArgumentBlock<PlatformLayout>) -> Void = { _ in }
) -> Int64 {
    var block = PlatformControl.block(operation)
    fill(&block)
    return Hypercall.invoke(HypercallNumber.platform, &block)
}
