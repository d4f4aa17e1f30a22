// SPDX-License-Identifier: Apache-2.0
import CX86

// The allocator pair that Embedded Swift calls. Hot paths allocate nothing; what little start-up code needs comes from a
// fixed arena and is never given back, so the image's memory use is known when it is linked.

private let arenaByteCount = 16384
// SAFETY: one CPU allocates, at start-up, before any other code could.
nonisolated(unsafe) private var arena: InlineArray<2048, UInt64> = InlineArray(repeating: 0)
nonisolated(unsafe) private var arenaUsed = 0

/// `posix_memalign`, reached through the assembly file (the name is the runtime's). ENOMEM when the arena is used up.
@c(sv_allocate)
public func allocate(
    _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: UInt, _ byteCount: UInt
) -> Int32 {
    let mask = Int(bitPattern: max(alignment, 16)) &- 1
    let start = unsafe (arenaUsed &+ mask) & ~mask
    guard alignment <= 4096, byteCount <= UInt(arenaByteCount),
        start &+ Int(bitPattern: byteCount) <= arenaByteCount
    else { return 12 }
    unsafe arenaUsed = start &+ Int(bitPattern: byteCount)
    // SAFETY: the range lies inside the arena, which has static storage.
    unsafe withUnsafeMutableBytes(of: &arena) { bytes in
        unsafe result.pointee = bytes.baseAddress?.advanced(by: start)
    }
    return 0
}
