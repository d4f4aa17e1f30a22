// SPDX-License-Identifier: Apache-2.0

// Source: Xen public headers compiled for i386, `XenABICompatTests` compares; xen/include/xlat.lst names the same blocks.

/// How a 32-bit caller lays a block out: its size, and where each run of its bytes belongs in the 64-bit form.
///
/// `long`, pointers and frame numbers have 4 bytes there in place of 8, and what follows them moves up. Handlers see
/// the 64-bit form only: the block is widened when it is read, and narrowed when it is written.
public struct CompatLayout: BitwiseCopyable, Sendable {
    /// Size of the 32-bit form in bytes.
    public let byteCount: Int
    /// Runs in ascending order; those from `count` on mean nothing.
    public let runs: InlineArray<8, CompatRun>
    public let count: Int

    @inlinable public init(byteCount: Int, _ runs: InlineArray<8, CompatRun>, count: Int) {
        self.byteCount = byteCount
        self.runs = runs
        self.count = count
    }
    @inlinable public init(
        byteCount: Int, _ a: CompatRun, _ b: CompatRun? = nil, _ c: CompatRun? = nil, _ d: CompatRun? = nil,
        _ e: CompatRun? = nil
    ) {
        let none = CompatRun.bytes(0, at: 0, wide: 0)
        self.byteCount = byteCount
        runs = [a, b ?? none, c ?? none, d ?? none, e ?? none, none, none, none]
        count = e != nil ? 5 : d != nil ? 4 : c != nil ? 3 : b != nil ? 2 : 1
    }

    /// The run that holds byte `offset` of the 64-bit form; nil for padding.
    @inlinable public func run(holding offset: Int) -> CompatRun? {
        for index in 0..<count where runs[index].wideRange.contains(offset) { return runs[index] }
        return nil
    }
}

/// Bytes that lie together in both forms of a block.
public struct CompatRun: BitwiseCopyable, Sendable {
    // Bytes, so that a description is a constant of a few words.
    @usableFromInline let place: UInt8
    @usableFromInline let widePlace: UInt8
    @usableFromInline let length: UInt8
    /// A `long` gets 4 zero bytes more in the 64-bit form.
    public let isLong: Bool

    @inlinable init(offset: Int, wideOffset: Int, byteCount: Int, isLong: Bool) {
        place = UInt8(truncatingIfNeeded: offset)
        widePlace = UInt8(truncatingIfNeeded: wideOffset)
        length = UInt8(truncatingIfNeeded: byteCount)
        self.isLong = isLong
    }
    /// Where it is in the 32-bit form.
    @inlinable public var offset: Int { Int(place) }
    /// Where it is in the 64-bit form.
    @inlinable public var wideOffset: Int { Int(widePlace) }
    /// How many bytes the 32-bit form has.
    @inlinable public var byteCount: Int { Int(length) }

    /// A `long`, pointer, handle or frame number: 4 bytes here, 8 there.
    @inlinable public static func long(at offset: Int, wide: Int) -> Self {
        Self(offset: offset, wideOffset: wide, byteCount: 4, isLong: true)
    }
    /// `count` bytes that both forms have.
    @inlinable public static func bytes(_ count: Int, at offset: Int, wide: Int) -> Self {
        Self(offset: offset, wideOffset: wide, byteCount: count, isLong: false)
    }
    @inlinable public var wideRange: Range<Int> { wideOffset..<wideOffset &+ byteCount &+ (isLong ? 4 : 0) }
}

extension MulticallEntryLayout {
    /// 32 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(
            byteCount: 32,
            [
                .long(at: 0, wide: 0), .long(at: 4, wide: 8), .long(at: 8, wide: 16), .long(at: 12, wide: 24),
                .long(at: 16, wide: 32), .long(at: 20, wide: 40), .long(at: 24, wide: 48),
                .long(at: 28, wide: 56),
            ], count: 8)
    }
}
extension MemoryReservationLayout {
    /// 20 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 20, .long(at: 0, wide: 0), .long(at: 4, wide: 8), .bytes(10, at: 8, wide: 16))
    }
}
extension MemoryExchangeLayout {
    /// 44 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(
            byteCount: 44,
            [
                .long(at: 0, wide: 0), .long(at: 4, wide: 8), .bytes(10, at: 8, wide: 16),
                .long(at: 20, wide: 32), .long(at: 24, wide: 40), .bytes(10, at: 28, wide: 48),
                .long(at: 40, wide: 64), .bytes(0, at: 0, wide: 0),
            ], count: 7)
    }
}
extension AddToPhysmapLayout {
    /// 16 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 16, .bytes(8, at: 0, wide: 0), .long(at: 8, wide: 8), .long(at: 12, wide: 16))
    }
}
extension AddToPhysmapBatchLayout {
    /// 20 bytes; its lists of indexes and frames have 4 bytes an entry.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(
            byteCount: 20, .bytes(8, at: 0, wide: 0), .long(at: 8, wide: 8), .long(at: 12, wide: 16),
            .long(at: 16, wide: 24))
    }
}
extension RemoveFromPhysmapLayout {
    /// 8 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 8, .bytes(2, at: 0, wide: 0), .long(at: 4, wide: 8))
    }
}
extension MemoryMapLayout {
    /// 8 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 8, .bytes(4, at: 0, wide: 0), .long(at: 4, wide: 8))
    }
}
extension ForeignMemoryMapLayout {
    /// 12 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(
            byteCount: 12, .bytes(2, at: 0, wide: 0), .bytes(4, at: 4, wide: 8), .long(at: 8, wide: 16))
    }
}
extension PoDTargetLayout {
    /// 36 bytes: no padding at its end.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 36, .bytes(34, at: 0, wide: 0))
    }
}
extension ReservedDeviceMemoryMapLayout {
    /// 16 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(
            byteCount: 16, .bytes(8, at: 0, wide: 0), .long(at: 8, wide: 8), .bytes(4, at: 12, wide: 16))
    }
}
extension AcquireResourceLayout {
    /// 28 bytes; its list of frames has 4 bytes an entry.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 28, .bytes(24, at: 0, wide: 0), .long(at: 24, wide: 24))
    }
}
extension GrantSetupTableLayout {
    /// 16 bytes; its list of frames has 4 bytes an entry.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 16, .bytes(10, at: 0, wide: 0), .long(at: 12, wide: 16))
    }
}
extension GrantCopyLayout {
    /// 24 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(
            byteCount: 24, .long(at: 0, wide: 0), .bytes(4, at: 4, wide: 8), .long(at: 8, wide: 16),
            .bytes(4, at: 12, wide: 24), .bytes(6, at: 16, wide: 32))
    }
}
extension SchedulerPollLayout {
    /// 16 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(
            byteCount: 16, .long(at: 0, wide: 0), .bytes(4, at: 4, wide: 8), .bytes(8, at: 8, wide: 16))
    }
}
extension RunstateInfoLayout {
    /// 44 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 44, .bytes(4, at: 0, wide: 0), .bytes(40, at: 4, wide: 8))
    }
}
extension SetSingleshotTimerLayout {
    /// 12 bytes: no padding at its end.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 12, .bytes(12, at: 0, wide: 0))
    }
}
extension RegisterMemoryAreaLayout {
    /// 8 bytes, of which the first 4 are the address.
    @inlinable public static var compat: CompatLayout? { CompatLayout(byteCount: 8, .long(at: 0, wide: 0)) }
}
extension RegisterTimeMemoryAreaLayout {
    /// 8 bytes, of which the first 4 are the address.
    @inlinable public static var compat: CompatLayout? { CompatLayout(byteCount: 8, .long(at: 0, wide: 0)) }
}
extension PlatformParametersLayout {
    /// 4 bytes.
    @inlinable public static var compat: CompatLayout? { CompatLayout(byteCount: 4, .long(at: 0, wide: 0)) }
}
extension DeviceModelBufferLayout {
    /// 8 bytes.
    @inlinable public static var compat: CompatLayout? {
        CompatLayout(byteCount: 8, .long(at: 0, wide: 0), .long(at: 4, wide: 8))
    }
}
