// SPDX-License-Identifier: Apache-2.0
import CGuest
@_exported public import HypercallTypes
public import SharedMemory
public import XenABI

/// The one way into the hypervisor: number and up to five arguments in registers, a signed result.
///
/// Every operation has a typed function of its own, in `EventChannel`, `GrantTable`, `Memory`, `DomainControl` and so on.
/// What is here is the raw form under them, for calls that those cannot express: conformance tests pass addresses that are
/// not there, wrong versions and padding that is not zero.
public enum Hypercall {
    /// Calls with raw arguments; the result is the hypervisor's, a negated error number included.
    @inline(__always)
    public static func invoke(
        _ number: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0, _ e: UInt64 = 0
    ) -> Int64 {
        guest_hypercall(UInt64(number), a, b, c, d, e)
    }

    /// Calls `operation` of `number` with a block as its second argument; the hypervisor may change the block.
    @inline(__always)
    public static func invoke<Layout: ABILayout>(
        _ number: UInt32, _ operation: UInt32, _ block: inout ArgumentBlock<Layout>
    ) -> Int64 {
        withAddress(of: &block) { invoke(number, UInt64(operation), $0) }
    }

    /// Calls a number whose only argument is a block (`domctl`, `sysctl`, `platform_op`).
    @inline(__always)
    public static func invoke<Layout: ABILayout>(_ number: UInt32, _ block: inout ArgumentBlock<Layout>)
        -> Int64
    {
        withAddress(of: &block) { invoke(number, $0) }
    }

    /// Like `invoke`, with a negative result as an error.
    @inline(__always) @discardableResult
    public static func call<Layout: ABILayout>(
        _ number: UInt32, _ operation: UInt32, _ block: inout ArgumentBlock<Layout>
    ) throws(XenError) -> UInt64 {
        try check(invoke(number, operation, &block))
    }

    /// A hypercall's result as a value, or as the error it encodes.
    @inline(__always) @discardableResult
    public static func check(_ result: Int64) throws(XenError) -> UInt64 {
        if result < 0 { throw XenError(rawValue: Int32(truncatingIfNeeded: 0 &- result)) }
        return UInt64(bitPattern: result)
    }

    /// Gives `body` the linear address of a block, which is in place until `body` returns.
    @inline(__always)
    public static func withAddress<Layout: ABILayout, R>(
        of block: inout ArgumentBlock<Layout>, _ body: (UInt64) -> R
    ) -> R {
        // SAFETY: only the address leaves; the hypervisor reads and writes at most `capacity` bytes there meanwhile.
        unsafe withUnsafeMutablePointer(to: &block) { body(UInt64(UInt(bitPattern: $0))) }
    }

    /// Gives `body` the linear address of a fixed array of words.
    @inline(__always)
    public static func withAddress<let count: Int, Element: BitwiseCopyable, R>(
        of array: inout InlineArray<count, Element>, _ body: (UInt64) -> R
    ) -> R {
        // SAFETY: only the address leaves; the array is in place until `body` returns.
        unsafe withUnsafeMutablePointer(to: &array) { body(UInt64(UInt(bitPattern: $0))) }
    }

    /// Gives `body` the linear address of an array's elements, 0 for an empty one.
    @inline(__always)
    public static func withAddress<Element: BitwiseCopyable, R>(
        of array: inout [Element], _ body: (UInt64) -> R
    ) -> R {
        if array.isEmpty { return body(0) }
        // SAFETY: only the address leaves; the array is in place until `body` returns.
        return unsafe array.withUnsafeMutableBytes { body(UInt64(UInt(bitPattern: $0.baseAddress))) }
    }
    /// Gives `body` the linear address of a buffer's bytes, 0 for an empty one.
    @inline(__always)
    public static func withAddress<R>(of buffer: inout HypercallBuffer, _ body: (UInt64) -> R) -> R {
        withAddress(of: &buffer.bytes, body)
    }
}

extension Hypercall {
    /// Calls through a slot of a hypercall page that the hypervisor filled, as older guests do.
    public static func invokeThroughPage(_ page: UInt64, _ number: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0)
        -> Int64
    {
        guest_hypercall_through_page(page, UInt64(number), a, b)
    }
}
