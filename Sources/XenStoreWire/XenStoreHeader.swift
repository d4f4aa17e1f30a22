// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// The header of a message, decoded. `struct xsd_sockmsg`, `public/io/xs_wire.h`.
public struct XenStoreHeader: Equatable, BitwiseCopyable, Sendable {
    public var operation: XenStoreOperation
    /// Chosen by the client; the reply has the same. 0 in events.
    public var requestID: UInt32
    /// 0 outside transactions and in events.
    public var transactionID: UInt32
    /// Bytes of payload that follow. More than `XenStoreLimits.payload` breaks the protocol.
    public var length: UInt32

    @inlinable public static var byteCount: Int { XenStoreHeaderLayout.byteCount }

    @inlinable public init(
        operation: XenStoreOperation, requestID: UInt32 = 0, transactionID: UInt32 = 0, length: UInt32 = 0
    ) {
        self.operation = operation
        self.requestID = requestID
        self.transactionID = transactionID
        self.length = length
    }

    /// Decodes the header at `offset`; nil if fewer than 16 bytes are left there.
    public init?(_ bytes: Span<UInt8>, at offset: Int = 0) {
        guard offset >= 0, bytes.count - offset >= Self.byteCount else { return nil }
        func word(_ field: Field<XenStoreHeaderLayout, UInt32>) -> UInt32 {
            let at = offset &+ field.offset
            return UInt32(bytes[at]) | UInt32(bytes[at &+ 1]) &<< 8 | UInt32(bytes[at &+ 2]) &<< 16
                | UInt32(bytes[at &+ 3]) &<< 24
        }
        self.init(
            operation: XenStoreOperation(rawValue: word(.operation)), requestID: word(.requestID),
            transactionID: word(.transactionID), length: word(.length))
    }

    /// Appends the 16 bytes.
    public func append(to bytes: inout [UInt8]) {
        bytes.append(word: operation.rawValue)
        bytes.append(word: requestID)
        bytes.append(word: transactionID)
        bytes.append(word: length)
    }

    /// Appends the header with the payload's length in place of its own, and the payload.
    public func append(payload: Span<UInt8>, to bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + Self.byteCount + payload.count)
        var header = self
        header.length = UInt32(truncatingIfNeeded: payload.count)
        header.append(to: &bytes)
        bytes.append(payload)
    }
}
