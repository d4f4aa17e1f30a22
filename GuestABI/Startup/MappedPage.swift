// SPDX-License-Identifier: Apache-2.0
public import SharedMemory
public import XenABI

/// One 4096-byte page that this guest has mapped: offsets are checked, an offset out of range traps.
@safe public struct MappedPage: BitwiseCopyable, Sendable {
    /// Virtual address of the first byte.
    public let address: UInt64

    /// - Parameter unsafeAddress: a page-aligned address that stays mapped as long as the value is used.
    public init(unsafeAddress: UInt64) { address = unsafeAddress }

    private func pointer(_ offset: Int, _ byteCount: Int) -> UnsafeMutableRawPointer {
        precondition(offset >= 0 && byteCount >= 0 && offset &+ byteCount <= pageSize)
        // SAFETY: the page is mapped by construction and the bytes lie inside it.
        return unsafe rawPointer(address &+ UInt64(offset))
    }
    /// Memory that nobody else writes now.
    public func view<Layout: ABILayout>(_ layout: Layout.Type, at offset: Int = 0) -> ABIView<Layout> {
        // SAFETY: in range by `pointer`.
        unsafe ABIView(unsafeBase: pointer(offset, Layout.byteCount))
    }
    /// Memory that another domain, or the hypervisor, may write at any moment.
    public func sharedView<Layout: ABILayout>(_ layout: Layout.Type, at offset: Int = 0) -> SharedView<Layout>
    {
        // SAFETY: in range by `pointer`.
        unsafe SharedView(unsafeBase: pointer(offset, Layout.byteCount))
    }
    public func load<Value: BitwiseCopyable & FixedWidthInteger>(at offset: Int, as type: Value.Type) -> Value
    {
        // SAFETY: in range by `pointer`.
        unsafe pointer(offset, MemoryLayout<Value>.size).loadUnaligned(as: Value.self)
    }
    public func store<Value: BitwiseCopyable & FixedWidthInteger>(_ value: Value, at offset: Int) {
        // SAFETY: in range by `pointer`.
        unsafe pointer(offset, MemoryLayout<Value>.size).storeBytes(of: value, as: Value.self)
    }
    /// Writes `byte` everywhere.
    public func fill(_ byte: UInt8) {
        // SAFETY: exactly the page.
        unsafe pointer(0, pageSize).initializeMemory(as: UInt8.self, repeating: byte, count: pageSize)
    }
}

/// The pointer for a virtual address; address 0 is our mistake and traps.
func rawPointer(_ address: UInt64) -> UnsafeMutableRawPointer {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
        preconditionFailure("address 0")
    }
    // SAFETY: only a number so far; whoever looks through it says why there is something.
    return unsafe pointer
}
