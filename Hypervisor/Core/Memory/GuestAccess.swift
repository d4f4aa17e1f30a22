// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// How hypercalls read and write their caller's memory: guest-linear addresses through the guest's page tables and the
/// physmap. Every value is the guest's; nothing here traps. AMD APM vol 2 §5; Intel SDM vol 3 §4.
extension Ref<VirtualCPU> {
    private static var present: UInt64 { 1 }
    private static var writable: UInt64 { 2 }
    private static var accessed: UInt64 { 0x20 }
    private static var dirty: UInt64 { 0x40 }
    private static var large: UInt64 { 0x80 }
    private static var addressMask: UInt64 { 0x000f_ffff_ffff_f000 }

    /// RAM of this vCPU's domain behind a guest frame: its own, or granted or foreign pages mapped there.
    @inline(__always)
    func ram(_ gfn: GuestFrame, forWriting: Bool) -> MachineFrame? {
        domain.state.physmap.frame(gfn, .memory, forWriting: forWriting)
    }

    /// The machine frame behind the page of a linear address, or nil if the guest itself could not access it there.
    /// Sets the accessed and dirty bits as the CPU would.
    public func translate(linear: UInt64, forWriting: Bool) -> MachineFrame? {
        let paging = state.paging
        guard paging.cr0 & (1 << 31) != 0 else {
            return ram(GuestFrame(rawValue: (linear & 0xffff_ffff) &>> 12), forWriting: forWriting)
        }
        let memory = hypervisor.state.memory
        let isLong = paging.efer & (1 << 10) != 0
        let isPAE = paging.cr4 & (1 << 5) != 0
        var level: Int
        var table = (paging.cr3 & Self.addressMask) &>> 12
        var linear = linear
        if isLong {
            let hasFive = paging.cr4 & (1 << 12) != 0
            let bits: UInt64 = hasFive ? 57 : 48
            let sign = Int64(bitPattern: linear &<< (64 &- bits)) &>> Int64(64 &- bits)
            guard UInt64(bitPattern: sign) == linear else { return nil }
            level = hasFive ? 4 : 3
        } else {
            linear &= 0xffff_ffff
            level = isPAE ? 2 : 1
        }
        while true {
            guard let tableFrame = ram(GuestFrame(rawValue: table), forWriting: false) else { return nil }
            var index: Int
            var entry: UInt64
            let view = memory.sharedView(PageOfWords.self, in: tableFrame)
            if isLong || isPAE {
                index = Int(truncatingIfNeeded: (linear &>> UInt64(12 &+ 9 &* level)) & 511)
                // The PDPT of PAE mode is 32 bytes and need not start a page.
                if !isLong, level == 2 {
                    index = (Int(truncatingIfNeeded: (paging.cr3 & 0xfe0) &>> 3) &+ (index & 3)) & 511
                }
                entry = view.load(PageOfWords.words.element(index))
            } else {
                index = Int(truncatingIfNeeded: (linear &>> UInt64(12 &+ 10 &* level)) & 1023)
                entry = UInt64(view.load(Field<PageOfWords, UInt32>(at: index &* 4)))
            }
            guard entry & Self.present != 0 else { return nil }
            let isPDPTEOfPAE = !isLong && isPAE && level == 2
            if forWriting, !isPDPTEOfPAE, entry & Self.writable == 0, paging.cr0 & (1 << 16) != 0 {
                return nil
            }
            let isLeaf = level == 0 || (entry & Self.large != 0 && !isPDPTEOfPAE && level <= 2)
            if isLeaf {
                let wanted = Self.accessed | (forWriting ? Self.dirty : 0)
                if entry & wanted != wanted, ram(GuestFrame(rawValue: table), forWriting: true) != nil {
                    if isLong || isPAE {
                        view.setBits(wanted, at: PageOfWords.words.element(index))
                    } else {
                        view.setBits(
                            index & 1 == 0 ? wanted : wanted &<< 32, at: PageOfWords.words.element(index / 2))
                    }
                }
                var frame: UInt64
                if isLong || isPAE {
                    let span = (UInt64(1) &<< UInt64(9 &* level)) &- 1
                    frame = ((entry & Self.addressMask) &>> 12) & ~span
                    frame |= (linear &>> 12) & span
                } else if level == 1 {
                    frame =
                        ((entry & 0xffc0_0000) &>> 12) | ((entry & 0x1f_e000) &<< 7)
                        | ((linear &>> 12) & 0x3ff)
                } else {
                    frame = (entry & 0xffff_f000) &>> 12
                }
                return ram(GuestFrame(rawValue: frame), forWriting: forWriting)
            }
            table = (entry & Self.addressMask) &>> 12
            level &-= 1
        }
    }

    /// Calls `body` for each page's run of the linear range: frame, offset in it, offset in the range, byte count.
    @inline(__always)
    private func forEachRun(
        _ linear: UInt64, _ byteCount: Int, forWriting: Bool, _ body: (MachineFrame, Int, Int, Int) -> Void
    ) throws(XenError) {
        var done = 0
        while done < byteCount {
            let (address, overflow) = linear.addingReportingOverflow(UInt64(truncatingIfNeeded: done))
            guard !overflow, let frame = translate(linear: address, forWriting: forWriting) else {
                throw .badAddress
            }
            let offset = Int(truncatingIfNeeded: address & 0xfff)
            let count = min(byteCount &- done, pageSize &- offset)
            body(frame, offset, done, count)
            done &+= count
        }
    }

    /// Copies a block in, once. Throws `badAddress`.
    @inline(__always)
    public func copyIn<Layout: ABILayout>(
        _ layout: Layout.Type, at linear: UInt64
    ) throws(XenError) -> ArgumentBlock<Layout> {
        var block = ArgumentBlock<Layout>()
        if let compat = Layout.compat, callerIs32Bit {
            var narrow = ArgumentBlock<Layout>()
            try copyIn(&narrow, byteCount: compat.byteCount, at: linear)
            block.widen(narrow, compat)
        } else {
            try copyIn(&block, byteCount: Layout.byteCount, at: linear)
        }
        return block
    }
    /// Copies the first `byteCount` bytes (at most 160) of a block in.
    public func copyIn<Layout: ABILayout>(
        _ block: inout ArgumentBlock<Layout>, byteCount: Int, at linear: UInt64
    ) throws(XenError) {
        let memory = hypervisor.state.memory
        var done = 0
        while done < byteCount {
            let (address, overflow) = linear.addingReportingOverflow(UInt64(truncatingIfNeeded: done))
            guard !overflow, let frame = translate(linear: address, forWriting: false) else {
                throw .badAddress
            }
            let offset = Int(truncatingIfNeeded: address & 0xfff)
            let count = min(byteCount &- done, pageSize &- offset)
            block.fill(at: done, count: count, from: memory, frame: frame, frameOffset: offset)
            done &+= count
        }
    }
    /// Copies a whole block out. Throws `badAddress`; part may be written then.
    @inline(__always)
    public func copyOut<Layout: ABILayout>(
        _ block: borrowing ArgumentBlock<Layout>, to linear: UInt64
    ) throws(XenError) {
        if let compat = Layout.compat, callerIs32Bit {
            try copyOut(block.narrowed(compat), byteCount: compat.byteCount, to: linear)
        } else {
            try copyOut(block, byteCount: Layout.byteCount, to: linear)
        }
    }
    /// Copies the first `byteCount` bytes of a block out as they are. Throws `badAddress`; part may be written then.
    public func copyOut<Layout: ABILayout>(
        _ block: borrowing ArgumentBlock<Layout>, byteCount total: Int, to linear: UInt64
    ) throws(XenError) {
        let memory = hypervisor.state.memory
        var done = 0
        while done < total {
            let (address, overflow) = linear.addingReportingOverflow(UInt64(truncatingIfNeeded: done))
            guard !overflow, let frame = translate(linear: address, forWriting: true) else {
                throw .badAddress
            }
            let offset = Int(truncatingIfNeeded: address & 0xfff)
            let count = min(total &- done, pageSize &- offset)
            block.drain(at: done, count: count, to: memory, frame: frame, frameOffset: offset)
            done &+= count
        }
    }
    /// Writes one field of a guest's block.
    public func copyOut<Layout: ABILayout, Word: FixedWidthInteger & BitwiseCopyable>(
        _ value: Word, field: Field<Layout, Word>, of linear: UInt64
    ) throws(XenError) {
        var offset = field.offset
        if let compat = Layout.compat, callerIs32Bit, let run = compat.run(holding: offset) {
            offset = run.offset &+ offset &- run.wideOffset
            if run.isLong {
                return try write(
                    UInt32(truncatingIfNeeded: value), at: linear &+ UInt64(truncatingIfNeeded: offset))
            }
        }
        let (address, overflow) = linear.addingReportingOverflow(UInt64(truncatingIfNeeded: offset))
        guard !overflow else { throw .badAddress }
        try write(value, at: address)
    }
    /// Reads an integer at a linear address, once.
    public func read<Word: FixedWidthInteger & BitwiseCopyable>(
        _ type: Word.Type, at linear: UInt64
    ) throws(XenError) -> Word {
        let offset = Int(truncatingIfNeeded: linear & 0xfff)
        if offset &+ MemoryLayout<Word>.size <= pageSize {
            guard let frame = translate(linear: linear, forWriting: false) else { throw .badAddress }
            return hypervisor.state.memory.load(Word.self, frame, offset)
        }
        var block = ArgumentBlock<ScratchLayout>()
        try copyIn(&block, byteCount: MemoryLayout<Word>.size, at: linear)
        return block[Field<ScratchLayout, Word>(at: 0)]
    }
    /// Writes an integer at a linear address.
    public func write<Word: FixedWidthInteger & BitwiseCopyable>(_ value: Word, at linear: UInt64)
        throws(XenError)
    {
        let offset = Int(truncatingIfNeeded: linear & 0xfff)
        if offset &+ MemoryLayout<Word>.size <= pageSize {
            guard let frame = translate(linear: linear, forWriting: true) else { throw .badAddress }
            hypervisor.state.memory.store(value, frame, offset)
            return
        }
        var block = ArgumentBlock<ScratchLayout>()
        block[Field<ScratchLayout, Word>(at: 0)] = value
        try copyOut(block, byteCount: MemoryLayout<Word>.size, to: linear)
    }
    /// Reads element `index` of a list of C `long`s, which frame numbers are: 8 bytes each, 4 for a 32-bit caller.
    func readLong(_ list: UInt64, _ index: UInt64) throws(XenError) -> UInt64 {
        callerIs32Bit
            ? UInt64(try read(UInt32.self, at: list &+ index &* 4))
            : try read(UInt64.self, at: list &+ index &* 8)
    }
    /// Writes element `index` of a list of C `long`s.
    func writeLong(_ value: UInt64, _ list: UInt64, _ index: UInt64) throws(XenError) {
        if callerIs32Bit {
            try write(UInt32(truncatingIfNeeded: value), at: list &+ index &* 4)
        } else {
            try write(value, at: list &+ index &* 8)
        }
    }
    /// Distance between blocks in a list of them, in bytes.
    @inline(__always)
    func stride<Layout: ABILayout>(of layout: Layout.Type) -> UInt64 {
        if let compat = Layout.compat, callerIs32Bit { return UInt64(compat.byteCount) }
        return UInt64(Layout.byteCount)
    }
    /// Writes `text` and a NUL at a linear address, padded with NULs to `capacity` bytes in all; cut if longer.
    public func writeText(_ text: StaticString, capacity: Int, at linear: UInt64) throws(XenError) {
        var index = 0
        while index < capacity {
            let byte = index < capacity &- 1 ? text.byte(at: index) : 0
            try write(byte, at: linear &+ UInt64(truncatingIfNeeded: index))
            index &+= 1
        }
    }
    /// Copies `byteCount` bytes from guest memory into a frame of the hypervisor's. Each byte is read once.
    public func copyIn(
        _ byteCount: Int, at linear: UInt64, to frame: MachineFrame, offset: Int
    ) throws(XenError) {
        let memory = hypervisor.state.memory
        try forEachRun(linear, byteCount, forWriting: false) { source, sourceOffset, done, count in
            memory.copy(count, from: source, at: sourceOffset, to: frame, at: offset &+ done)
        }
    }
    /// Copies `byteCount` bytes of a frame out to guest memory.
    public func copyOut(
        _ byteCount: Int, from frame: MachineFrame, offset: Int, to linear: UInt64
    ) throws(XenError) {
        let memory = hypervisor.state.memory
        try forEachRun(linear, byteCount, forWriting: true) { target, targetOffset, done, count in
            memory.copy(count, from: frame, at: offset &+ done, to: target, at: targetOffset)
        }
    }
}

/// Eight bytes on their way to or from a guest.
public enum ScratchLayout: ABILayout { public static var byteCount: Int { 8 } }
