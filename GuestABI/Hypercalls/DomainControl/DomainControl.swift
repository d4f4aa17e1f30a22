// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Operations on other domains, for the control domain. `HYPERVISOR_domctl`, `public/domctl.h`.
///
/// Each is refused with `notPermitted` for another caller, and with `noSuchDomain` for a domain that is not there or is being
/// destroyed. A caller's own domain is `invalidArgument` for most.
public enum DomainControl {
    /// Where the operation's own block starts in the argument.
    static var body: Int { DomctlLayout.argumentOffset }

    /// The raw form: a block for `operation` on `domain`, with the interface version set.
    public static func block(_ operation: UInt32, _ domain: DomainID) -> ArgumentBlock<DomctlLayout> {
        var block = ArgumentBlock<DomctlLayout>()
        block[.command] = operation
        block[.interfaceVersion] = DomctlVersion.value
        block[.domain] = domain.rawValue
        return block
    }
    /// The raw form: makes the call; results are in the block.
    public static func call(_ block: inout ArgumentBlock<DomctlLayout>) throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.domctl, &block))
    }
    /// Makes the call with the address of an array's elements, 0 for an empty one, in `field` of the operation's own block.
    static func call<Inner: ABILayout, Element: BitwiseCopyable>(
        _ block: inout ArgumentBlock<DomctlLayout>, _ field: Field<Inner, UInt64>, _ array: inout [Element]
    ) throws(XenError) {
        let result = Hypercall.withAddress(of: &array) {
            block[field, at: body] = $0
            return Hypercall.invoke(HypercallNumber.domctl, &block)
        }
        try Hypercall.check(result)
    }
    /// The raw form of an operation without arguments of its own.
    public static func call(_ operation: UInt32, _ domain: DomainID) throws(XenError) {
        var block = block(operation, domain)
        try call(&block)
    }
}
