// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import GuestABI
import XenABI
import XenBus

/// Requests of every kind against the disk's first MiB and its end, and every refusal; what is there is overwritten.
/// Prints a line for each, `ok` or `WRONG`.
func checkRequests(_ disk: borrowing BlockDisk) {
    guard let geometry = disk.geometry else { return Console.print("check: WRONG not connected") }
    func report(_ name: StaticString, _ isRight: Bool) {
        Console.print("check: \(isRight ? "ok" as StaticString : "WRONG") \(name)")
    }
    func outcome(_ body: () throws(BlockError) -> Void) -> BlockError? {
        do throws(BlockError) { try body() } catch { return error }
        return nil
    }
    func pattern(_ buffer: borrowing BlockBuffer, _ seed: UInt64) {
        for offset in stride(from: 0, to: buffer.byteCount, by: 8) {
            buffer[word: offset] = word(UInt64(offset), seed)
        }
    }
    func matches(_ buffer: borrowing BlockBuffer, _ seed: UInt64, from: Int = 0, to: Int, at shift: Int = 0)
        -> Bool
    {
        for offset in stride(from: from, to: to, by: 8)
        where buffer[word: offset] != word(UInt64(offset - from + shift), seed) { return false }
        return true
    }
    guard let small = try? disk.makeBuffer(byteCount: 8192),
        let big = try? disk.makeBuffer(byteCount: 1 << 20),
        let other = try? disk.makeBuffer(byteCount: 1 << 20)
    else { return Console.print("check: WRONG no buffers") }

    // Refusals that never reach the backend.
    let end = geometry.sectorCount
    report(
        "out of range",
        outcome { () throws(BlockError) in try disk.read(sector: end - 8, into: small) } == .outOfRange)
    report(
        "far out of range",
        outcome { () throws(BlockError) in try disk.read(sector: .max - 7, into: small) } == .outOfRange)
    report(
        "beyond the buffer",
        outcome { () throws(BlockError) in try disk.read(sector: 0, into: small, 4096..<12288) }
            == .bufferTooSmall)
    report(
        "half a sector",
        outcome { () throws(BlockError) in try disk.read(sector: 0, into: small, 0..<700) } == .misaligned)
    report(
        "odd start in the buffer",
        outcome { () throws(BlockError) in try disk.read(sector: 0, into: small, 100..<4196) } == .misaligned)
    report(
        "nothing",
        outcome { () throws(BlockError) in try disk.read(sector: 0, into: small, 0..<0) } == .misaligned)
    report(
        "reads the last sectors",
        outcome { () throws(BlockError) in try disk.read(sector: end - 16, into: small) } == nil)

    if geometry.isReadOnly {
        report(
            "refuses to write",
            outcome { () throws(BlockError) in try disk.write(sector: 0, from: small) } == .readOnly)
        report(
            "refuses to discard",
            outcome { () throws(BlockError) in try disk.discard(sector: 0, count: 8) } == .readOnly)
        return Console.print("check: finished")
    }

    // One page and two, parts of pages, with direct segments.
    pattern(small, 11)
    report("writes", outcome { () throws(BlockError) in try disk.write(sector: 16, from: small) } == nil)
    let before = disk.requestCounts
    report(
        "reads",
        outcome { () throws(BlockError) in try disk.read(sector: 16, into: other, 0..<8192) } == nil
            && matches(other, 11, to: 8192))
    report("directly", disk.requestCounts.direct == before.direct + 1)
    if geometry.sectorByteCount == 512 {
        report(
            "reads within pages",
            outcome { () throws(BlockError) in try disk.read(sector: 17, into: other, 1024..<5632) } == nil
                && matches(other, 11, from: 1024, to: 5632, at: 512))
    }
    report(
        "flushes",
        geometry.flushOperation == nil || outcome { () throws(BlockError) in try disk.flush() } == nil)

    // A MiB in one call: indirect where the backend takes that, else cut into many.
    pattern(big, 12)
    report("writes a MiB", outcome { () throws(BlockError) in try disk.write(sector: 0, from: big) } == nil)
    report(
        "reads a MiB",
        outcome { () throws(BlockError) in try disk.read(sector: 0, into: other) } == nil
            && matches(other, 12, to: 1 << 20))
    report("in the ways offered", (disk.requestCounts.indirect > 0) == (geometry.indirectSegmentLimit > 11))

    // Many at once.
    final class Counter { var ended = 0, failed = 0 }
    let counter = Counter()
    for index in 0..<200 {
        let start = index % 64 * 16384
        do throws(BlockError) {
            try disk.read(sector: UInt64(start / 512), into: big, start..<start + 16384) {
                counter.ended += 1
                if $0 != nil { counter.failed += 1 }
            }
        } catch { counter.failed += 1 }
    }
    disk.wait()
    report(
        "two hundred at once", counter.ended == 200 && counter.failed == 0 && matches(big, 12, to: 1 << 20))

    if geometry.canDiscard {
        report(
            "discards", outcome { () throws(BlockError) in try disk.discard(sector: 0, count: 2048) } == nil)
        report(
            "refuses to discard beyond the end",
            outcome { () throws(BlockError) in try disk.discard(sector: end, count: 8) } == .outOfRange)
        report(
            "reads what was discarded",
            outcome { () throws(BlockError) in try disk.read(sector: 0, into: other) } == nil)
        if !geometry.canDiscardSecurely {
            report(
                "refuses secure discard",
                outcome { () throws(BlockError) in try disk.discard(sector: 0, count: 8, isSecure: true) }
                    == .notSupported)
        }
    } else {
        report(
            "refuses to discard",
            outcome { () throws(BlockError) in try disk.discard(sector: 0, count: 8) } == .notSupported)
    }
    Console.print("check: finished")
}
