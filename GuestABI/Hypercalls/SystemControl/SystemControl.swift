// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// Operations on the machine, for the control domain; others get `notPermitted`. `HYPERVISOR_sysctl`, `public/sysctl.h`.
public enum SystemControl {
    /// Where the operation's own block starts in the argument.
    static var body: Int { SysctlLayout.argumentOffset }

    /// The raw form: a block for `operation`, with the interface version set.
    public static func block(_ operation: UInt32) -> ArgumentBlock<SysctlLayout> {
        var block = ArgumentBlock<SysctlLayout>()
        block[.command] = operation
        block[.interfaceVersion] = SysctlVersion.value
        return block
    }
    /// The raw form: makes the call; results are in the block.
    public static func call(_ block: inout ArgumentBlock<SysctlLayout>) throws(XenError) {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.sysctl, &block))
    }
    /// Makes the call with the address of an array's elements, 0 for an empty one, in `field` of the operation's own block.
    static func call<Inner: ABILayout, Element: BitwiseCopyable>(
        _ block: inout ArgumentBlock<SysctlLayout>, _ field: Field<Inner, UInt64>, _ array: inout [Element]
    ) throws(XenError) {
        let result = Hypercall.withAddress(of: &array) {
            block[field, at: body] = $0
            return Hypercall.invoke(HypercallNumber.sysctl, &block)
        }
        try Hypercall.check(result)
    }
}

/// The hypervisor's console.
extension SystemControl {
    /// A part of the hypervisor's log, at most `byteCount` bytes of it. `XEN_SYSCTL_readconsole`.
    /// - Parameters:
    ///   - index: where to go on, as the part before said; nil for the oldest text there is.
    ///   - clear: what was read does not come again.
    public static func readLog(
        maximum byteCount: Int, from index: UInt32? = nil, clear: Bool = false
    ) throws(XenError) -> LogPart {
        typealias Word = Field<SysctlReadConsoleLayout, UInt32>
        var buffer = HypercallBuffer(byteCount: byteCount)
        var block = block(SysctlOperation.readConsole)
        block[Field<SysctlReadConsoleLayout, UInt8>.clear, at: body] = clear ? 1 : 0
        block[Field<SysctlReadConsoleLayout, UInt8>.incremental, at: body] = index == nil ? 0 : 1
        block[Word.index, at: body] = index ?? 0
        block[Word.count, at: body] = UInt32(truncatingIfNeeded: byteCount)
        try call(&block, Field<SysctlReadConsoleLayout, UInt64>.buffer, &buffer.bytes)
        buffer.keep(first: Int(block[Word.count, at: body]))
        return LogPart(bytes: buffer.bytes, next: block[Word.index, at: body])
    }
    /// Presses keys of the hypervisor's console, at most 256, else `tooBig`. `XEN_SYSCTL_debug_keys`.
    public static func pressDebugKeys(_ keys: [UInt8]) throws(XenError) {
        var keys = keys
        var block = block(SysctlOperation.debugKeys)
        block[Field<SysctlDebugKeysLayout, UInt32>.keyCount, at: body] = UInt32(
            truncatingIfNeeded: keys.count)
        try call(&block, Field<SysctlDebugKeysLayout, UInt64>.keys, &keys)
    }
}

/// Domains.
extension SystemControl {
    /// The domains from `first` on, at most `maximum` of them. `XEN_SYSCTL_getdomaininfolist`.
    public static func domains(
        from first: DomainID = .zero, maximum: Int = 64
    ) throws(XenError) -> [DomainInfo] {
        typealias Word = Field<SysctlDomainInfoListLayout, UInt32>
        var buffer = HypercallBuffer(byteCount: maximum * DomctlDomainInfoLayout.byteCount)
        var block = block(SysctlOperation.getDomainInfoList)
        block[Field<SysctlDomainInfoListLayout, UInt16>.firstDomain, at: body] = first.rawValue
        block[Word.maximumDomains, at: body] = UInt32(truncatingIfNeeded: maximum)
        try call(&block, Field<SysctlDomainInfoListLayout, UInt64>.buffer, &buffer.bytes)
        var found: [DomainInfo] = []
        for index in 0..<min(Int(block[Word.domainCount, at: body]), maximum) {
            found.append(DomainInfo(from: buffer, at: index * DomctlDomainInfoLayout.byteCount))
        }
        return found
    }
}
