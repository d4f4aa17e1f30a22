// SPDX-License-Identifier: Apache-2.0
import XenABI

/// A private copy of a guest's argument block: read once, checked, never read again from the guest.
///
/// Holds blocks up to 160 bytes, which covers every argument of the ABI.
@safe public struct ArgumentBlock<Layout: ABILayout>: ~Copyable {
    @usableFromInline var words: InlineArray<20, UInt64>
    @inlinable public static var capacity: Int { 160 }
    @inlinable public init() { words = InlineArray(repeating: 0) }
    @inlinable public subscript<Value: BitwiseCopyable>(field: Field<Layout, Value>) -> Value {
        get {
            precondition(field.offset >= 0 && field.offset &+ MemoryLayout<Value>.size <= 160)
            // SAFETY: the field lies inside the storage.
            return unsafe words.span.bytes.unsafeLoadUnaligned(fromByteOffset: field.offset, as: Value.self)
        }
        set {
            precondition(field.offset >= 0 && field.offset &+ MemoryLayout<Value>.size <= 160)
            var span = words.mutableSpan
            // SAFETY: the field lies inside the storage.
            unsafe span.withUnsafeMutableBytes {
                unsafe $0.storeBytes(of: newValue, toByteOffset: field.offset, as: Value.self)
            }
        }
    }
    /// Fills `count` bytes of the block from `offset` on with bytes of a frame.
    @inlinable public mutating func fill(
        at offset: Int, count: Int, from memory: MachineMemory, frame: MachineFrame, frameOffset: Int
    ) {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= 160)
        let source = unsafe memory.pointer(frame, frameOffset, count)
        var span = words.mutableSpan
        // SAFETY: both runs are in range.
        unsafe span.withUnsafeMutableBytes {
            unsafe $0.baseAddress?.advanced(by: offset).copyMemory(from: source, byteCount: count)
        }
    }
    /// Writes `count` bytes of the block from `offset` on to a frame.
    @inlinable public func drain(
        at offset: Int, count: Int, to memory: MachineMemory, frame: MachineFrame, frameOffset: Int
    ) {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= 160)
        let target = unsafe memory.pointer(frame, frameOffset, count)
        // SAFETY: both runs are in range.
        unsafe words.span.bytes.withUnsafeBytes {
            if let start = $0.baseAddress {
                unsafe target.copyMemory(from: start.advanced(by: offset), byteCount: count)
            }
        }
    }
}
