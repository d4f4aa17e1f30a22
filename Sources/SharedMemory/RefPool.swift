// SPDX-License-Identifier: Apache-2.0
import XenABI

/// Slots for values of one type, in blocks of machine frames that are never put to another use: what makes a `Ref` to a
/// removed value harmless.
///
/// A block starts with two words: the frame of the next block (all ones: none) and one bit per taken slot. The pool grows
/// by a block when all slots are taken and never shrinks. Whoever guards the values guards the pool.
@safe public struct RefPool<Value: ~Copyable>: ~Copyable {
    @usableFromInline static var headerBytes: Int { 64 }
    @usableFromInline static var noFrame: UInt64 { .max }
    @usableFromInline var firstBlock: UInt64 = .max
    /// Slots taken.
    public private(set) var count = 0
    public init() {}

    /// log2 of the frames in a block: the smallest with room for at least sixteen values.
    public static var blockOrder: Int {
        var order = 0
        while (pageSize &<< order) &- headerBytes < 16 &* MemoryLayout<Value>.stride { order &+= 1 }
        return order
    }
    /// Values in a block: at least 16, at most 64.
    public static var slotsPerBlock: Int {
        min(64, ((pageSize &<< blockOrder) &- headerBytes) / max(1, MemoryLayout<Value>.stride))
    }

    private func slot(_ index: Int, in block: MachineFrame, _ memory: MachineMemory) -> UnsafeMutablePointer<
        Value
    > {
        precondition(
            index >= 0 && index < Self.slotsPerBlock && MemoryLayout<Value>.alignment <= Self.headerBytes)
        // SAFETY: the block's frames are consecutive in the window and the slot lies inside them, aligned.
        return unsafe memory.unsafePointer(to: block)
            .advanced(by: Self.headerBytes &+ index &* MemoryLayout<Value>.stride)
            .assumingMemoryBound(to: Value.self)
    }
    /// The first block with a free slot.
    private func blockWithRoom(_ memory: MachineMemory) -> MachineFrame? {
        let full: UInt64 = Self.slotsPerBlock == 64 ? .max : (1 &<< UInt64(Self.slotsPerBlock)) &- 1
        var next = firstBlock
        while next != Self.noFrame {
            let block = MachineFrame(rawValue: next)
            if memory.loadWord(block, 1) != full { return block }
            next = memory.loadWord(block, 0)
        }
        return nil
    }

    /// Frames in the pool's blocks.
    public func frameCount(in memory: MachineMemory) -> UInt64 {
        var count: UInt64 = 0
        var next = firstBlock
        while next != Self.noFrame {
            count &+= 1 &<< UInt64(Self.blockOrder)
            next = memory.loadWord(MachineFrame(rawValue: next), 0)
        }
        return count
    }
    /// Makes sure that the next `insert` finds a slot. False: `allocate`, which is asked for 2^`blockOrder` consecutive
    /// frames, had none.
    public mutating func reserve(in memory: MachineMemory, allocate: (_ order: Int) -> MachineFrame?) -> Bool
    {
        if blockWithRoom(memory) != nil { return true }
        guard let block = allocate(Self.blockOrder) else { return false }
        memory.zero(block, count: 1 &<< UInt64(Self.blockOrder))
        memory.storeWord(firstBlock, block, 0)
        firstBlock = block.rawValue
        return true
    }
    /// Puts a value into a slot. A slot must be free: see `reserve`.
    public mutating func insert(_ value: consuming Value, in memory: MachineMemory) -> Ref<Value> {
        guard let block = blockWithRoom(memory) else { preconditionFailure() }
        let taken = memory.loadWord(block, 1)
        let index = (~taken).trailingZeroBitCount
        memory.storeWord(taken | (1 &<< UInt64(index)), block, 1)
        count &+= 1
        // SAFETY: the slot lies in a frame that this pool owns.
        let pointer = unsafe slot(index, in: block, memory)
        // SAFETY: the slot is free, so it holds no value.
        unsafe pointer.initialize(to: value)
        return unsafe Ref(unsafePointer: pointer)
    }
    /// Ends a value's life and frees its slot. The reference must have come from `insert` and not been removed since.
    public mutating func remove(_ reference: Ref<Value>, in memory: MachineMemory) {
        var next = firstBlock
        while next != Self.noFrame {
            let block = MachineFrame(rawValue: next)
            let start = unsafe UInt(bitPattern: slot(0, in: block, memory))
            let address = unsafe UInt(bitPattern: reference.pointer)
            let stride = UInt(MemoryLayout<Value>.stride)
            if address >= start, address < start &+ UInt(Self.slotsPerBlock) &* stride {
                let bit: UInt64 = 1 &<< UInt64((address &- start) / stride)
                let taken = memory.loadWord(block, 1)
                precondition((address &- start) % stride == 0 && taken & bit != 0)
                memory.storeWord(taken & ~bit, block, 1)
                count &-= 1
                // SAFETY: the slot was taken, so it holds a value.
                unsafe reference.pointer.deinitialize(count: 1)
                return
            }
            next = memory.loadWord(block, 0)
        }
        preconditionFailure()
    }
}
