// SPDX-License-Identifier: Apache-2.0
public import RingProtocol

/// A kind of device with one half in a guest and the other in Dom0: its name in the store and what goes through its ring.
///
/// Both halves are written against the same conformance; `Frontend` and `DeviceService` are the halves.
public protocol SplitDevice: Sendable {
    /// The name in the store, as in `device/<kind>/0`: lower-case letters, digits and hyphens.
    static var kind: StaticString { get }
    /// The frontend refuses a backend of another version. 1 unless said otherwise.
    static var version: UInt32 { get }
    /// Base-two logarithm of the ring's pages, 0 to 4. 0 unless said otherwise.
    static var ringPageOrder: UInt32 { get }
    /// What the frontend asks.
    associatedtype Request: RingMessage
    /// What the backend answers, once for each request, in any order.
    associatedtype Response: RingMessage
}

extension SplitDevice {
    public static var version: UInt32 { 1 }
    public static var ringPageOrder: UInt32 { 0 }
    /// Bytes of a slot of the ring: the larger of request and response.
    public static var slotByteCount: Int { max(Request.Slot.byteCount, Response.Slot.byteCount) }
}

/// A request or response: a typed view of the words of a slot.
///
/// Word 0 belongs to the kit, which matches answers with requests by it; a message's own fields start at word 1. Whoever
/// receives a message has a private copy: the peer cannot change it any more, but it may hold anything.
public protocol RingMessage: Sendable {
    /// `RingSlot` of as many words as the message has, word 0 included.
    associatedtype Slot: RingMessageSlot
    /// The words. Only ever copied as a whole.
    var slot: Slot { get set }
    /// Any words at all must do: what they mean is checked when they are used.
    init(slot: Slot)
}

/// The operations of a slot that the kit needs; `RingSlot` of every size has them.
public protocol RingMessageSlot: BitwiseCopyable, Sendable {
    static var byteCount: Int { get }
    init()
    subscript(word index: Int) -> UInt32 { get set }
    func putRequest(in ring: inout FrontRing) -> Bool
    func putResponse(in ring: inout BackRing)
    mutating func takeRequest(from ring: inout BackRing) throws(RingError) -> Bool
    mutating func takeResponse(from ring: inout FrontRing) throws(RingError) -> Bool
}

extension RingSlot: RingMessageSlot {
    public static var byteCount: Int { wordCount * 4 }
    public func putRequest(in ring: inout FrontRing) -> Bool { ring.putRequest(self) }
    public func putResponse(in ring: inout BackRing) { ring.putResponse(self) }
    public mutating func takeRequest(from ring: inout BackRing) throws(RingError) -> Bool {
        try ring.takeRequest(into: &self)
    }
    public mutating func takeResponse(from ring: inout FrontRing) throws(RingError) -> Bool {
        try ring.takeResponse(into: &self)
    }
}
