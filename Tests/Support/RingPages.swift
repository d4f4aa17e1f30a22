// SPDX-License-Identifier: Apache-2.0
public import RingProtocol

/// Zeroed pages for rings and data in tests, with direct access for those who play a hostile peer.
@safe public final class RingPages: @unchecked Sendable {
    /// First byte; valid while the object is.
    @unsafe public let base: UnsafeMutableRawPointer
    public let pageCount: Int

    public init(pageCount: Int = 1) {
        self.pageCount = pageCount
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: pageCount * 4096, alignment: 4096)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: pageCount * 4096)
    }
    deinit { unsafe base.deallocate() }

    /// The pages as a ring.
    public func ring(slotByteCount: Int) -> RingMemory {
        unsafe RingMemory(unsafeBase: base, pageCount: pageCount, slotByteCount: slotByteCount)
    }
    /// The byte at an offset.
    public subscript(byte offset: Int) -> UInt8 {
        get {
            precondition(offset >= 0 && offset < pageCount * 4096)
            return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
        }
        set {
            precondition(offset >= 0 && offset < pageCount * 4096)
            unsafe base.storeBytes(of: newValue, toByteOffset: offset, as: UInt8.self)
        }
    }
    /// `count` bytes from an offset.
    public func bytes(_ offset: Int, _ count: Int) -> [UInt8] {
        (offset..<offset + count).map { self[byte: $0] }
    }
    /// Replaces bytes from an offset on.
    public func write(_ bytes: [UInt8], at offset: Int = 0) {
        for (index, byte) in bytes.enumerated() { self[byte: offset + index] = byte }
    }
}
