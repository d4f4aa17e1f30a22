// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI

/// The words of a response that carry meaning; the same in both layouts.
public typealias BlockResponseSlot = RingSlot<3>

/// The answer to one block request. `struct blkif_response`, `public/io/blkif.h`.
public struct BlockResponse: Equatable, BitwiseCopyable, Sendable {
    public var identifier: UInt64
    public var operation: BlockOperation
    public var status: BlockStatus

    @inlinable public init(identifier: UInt64, operation: BlockOperation, status: BlockStatus) {
        self.identifier = identifier
        self.operation = operation
        self.status = status
    }
    @inlinable public init(decoding slot: BlockResponseSlot) {
        identifier = slot[Field<BlockResponseLayout, UInt64>.identifier]
        operation = BlockOperation(rawValue: slot[Field<BlockResponseLayout, UInt8>.operation])
        status = BlockStatus(rawValue: Int16(bitPattern: slot[Field<BlockResponseLayout, UInt16>.status]))
    }
    @inlinable public func encoded() -> BlockResponseSlot {
        var slot = BlockResponseSlot()
        slot[Field<BlockResponseLayout, UInt64>.identifier] = identifier
        slot[Field<BlockResponseLayout, UInt8>.operation] = operation.rawValue
        slot[Field<BlockResponseLayout, UInt16>.status] = UInt16(bitPattern: status.rawValue)
        return slot
    }
}
