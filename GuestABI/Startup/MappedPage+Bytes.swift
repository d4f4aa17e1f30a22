// SPDX-License-Identifier: Apache-2.0
import RingProtocol

/// Whole runs of a page's bytes. Another domain may change them at any moment if it has the page: copy, then look.
extension MappedPage {
    private func start(_ range: Range<Int>) -> UnsafeMutableRawPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= 4096)
        // SAFETY: the page is mapped by construction and the bytes lie inside it.
        return unsafe rawPointer(address &+ UInt64(range.lowerBound))
    }
    /// Lends bytes to read. A range outside the page traps.
    public func withBytes<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: in range by `start`; the span does not outlive the call.
        try body(unsafe RawSpan(_unsafeStart: start(range), byteCount: range.count))
    }
    /// Lends bytes to write. A range outside the page traps.
    public func withMutableBytes<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: in range by `start`; the span does not outlive the call.
        var span = unsafe MutableRawSpan(_unsafeStart: start(range), byteCount: range.count)
        return try body(&span)
    }
    /// The page as a shared ring of its own.
    func singlePageRing(slotByteCount: Int) -> RingMemory {
        // SAFETY: exactly the page, mapped by construction; rings live no longer than their page.
        unsafe RingMemory(unsafeBase: start(0..<4096), pageCount: 1, slotByteCount: slotByteCount)
    }
}
