// SPDX-License-Identifier: Apache-2.0
import GuestABI
import SharedMemory
import XenABI

/// A page of argument blocks in the form of 32-bit callers.
struct NarrowBlock: ~Copyable {
    private let page: GuestPage
    init() throws(XenError) {
        guard let page = GuestPage() else { throw .noMemory }
        self.page = page
    }
    /// Linear address of the page: below 4 GiB, as all of this guest.
    var address: UInt32 { UInt32(truncatingIfNeeded: page.memory.address) }
    var frame: GuestFrame { page.frame }

    func clear(_ byte: UInt8 = 0) { page.memory.fill(byte) }
    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value {
        page.memory.load(at: offset, as: type)
    }
    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, _ offset: Int) {
        page.memory.store(value, at: offset)
    }
    /// Words of 4 bytes from `offset` on.
    func store<let count: Int>(words: InlineArray<count, UInt32>, at offset: Int = 0) {
        for index in 0..<count { store(words[index], offset + 4 * index) }
    }
}

/// Makes a call from 32-bit code; the result as a value, or as the error it encodes.
@discardableResult
func call32(
    _ number: UInt32, _ a: UInt32 = 0, _ b: UInt32 = 0, _ c: UInt32 = 0, _ d: UInt32 = 0
) throws(XenError) -> UInt32 {
    UInt32(truncatingIfNeeded: try Hypercall.check(Int64(Hypercall.invokeFrom32BitCode(number, a, b, c, d))))
}

/// An address where nothing is: in the hole above this guest's memory.
let nowhere32: UInt32 = 0xF000_0000
