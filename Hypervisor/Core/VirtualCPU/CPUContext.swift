// SPDX-License-Identifier: Apache-2.0

/// A segment register in the packed form of HVM save records: attributes are descriptor bits 47:40 in 7:0 and 55:52 in 11:8.
public struct SegmentState: BitwiseCopyable, Sendable {
    public var selector: UInt16 = 0
    public var attributes: UInt16 = 0
    public var limit: UInt32 = 0
    public var base: UInt64 = 0
    public init(selector: UInt16 = 0, attributes: UInt16 = 0, limit: UInt32 = 0, base: UInt64 = 0) {
        self.selector = selector
        self.attributes = attributes
        self.limit = limit
        self.base = base
    }
}

/// The architectural state of one vCPU in words both vendors share: what save records and `VCPUOP_initialise` carry.
public struct CPUContext: BitwiseCopyable, Sendable {
    public var rax: UInt64 = 0, rbx: UInt64 = 0, rcx: UInt64 = 0, rdx: UInt64 = 0
    public var rbp: UInt64 = 0, rsi: UInt64 = 0, rdi: UInt64 = 0, rsp: UInt64 = 0
    public var r8: UInt64 = 0, r9: UInt64 = 0, r10: UInt64 = 0, r11: UInt64 = 0
    public var r12: UInt64 = 0, r13: UInt64 = 0, r14: UInt64 = 0, r15: UInt64 = 0
    public var rip: UInt64 = 0, rflags: UInt64 = 2
    public var cr0: UInt64 = 0x11, cr2: UInt64 = 0, cr3: UInt64 = 0, cr4: UInt64 = 0, efer: UInt64 = 0
    public var dr6: UInt64 = 0xffff_0ff0, dr7: UInt64 = 0x400
    public var cs = SegmentState(attributes: 0xc9b, limit: .max)
    public var ds = SegmentState(attributes: 0xc93, limit: .max)
    public var es = SegmentState(attributes: 0xc93, limit: .max)
    public var fs = SegmentState(attributes: 0xc93, limit: .max)
    public var gs = SegmentState(attributes: 0xc93, limit: .max)
    public var ss = SegmentState(attributes: 0xc93, limit: .max)
    public var tr = SegmentState(attributes: 0x8b, limit: 0x67)
    public var ldtr = SegmentState(attributes: 0x82, limit: 0)
    public var idtLimit: UInt32 = 0, gdtLimit: UInt32 = 0
    public var idtBase: UInt64 = 0, gdtBase: UInt64 = 0
    public var sysenterCS: UInt64 = 0, sysenterESP: UInt64 = 0, sysenterEIP: UInt64 = 0
    public var star: UInt64 = 0, lstar: UInt64 = 0, cstar: UInt64 = 0, sfmask: UInt64 = 0
    public var kernelGSBase: UInt64 = 0, tscAux: UInt64 = 0
    /// Flat 32-bit protected mode without paging: the state at a PVH entry point.
    public init() {}

    /// What a start-up IPI leaves: real mode at `vector` * 4096.
    public static func startup(vector: UInt8) -> CPUContext {
        var c = CPUContext()
        c.cr0 = 0x6000_0010
        let data = SegmentState(attributes: 0x93, limit: 0xffff)
        c.ds = data
        c.es = data
        c.fs = data
        c.gs = data
        c.ss = data
        c.cs = SegmentState(
            selector: UInt16(vector) &<< 8, attributes: 0x9b, limit: 0xffff, base: UInt64(vector) &<< 12)
        c.tr = SegmentState(attributes: 0x8b, limit: 0xffff)
        c.ldtr = SegmentState(attributes: 0x82, limit: 0xffff)
        c.idtLimit = 0xffff
        c.gdtLimit = 0xffff
        return c
    }
}

/// What the walk of a guest's page tables, and the privilege check of a hypercall, need to know.
public struct GuestPagingState: BitwiseCopyable, Sendable {
    public var cr0: UInt64
    public var cr3: UInt64
    public var cr4: UInt64
    public var efer: UInt64
    /// Current privilege level, 0 to 3.
    public var privilegeLevel: UInt8
    /// True if the code segment is a 64-bit one in long mode.
    public var isLongMode: Bool
    /// The interrupt flag is set and no interrupt shadow stands.
    public var acceptsInterrupts: Bool
    public init(
        cr0: UInt64, cr3: UInt64, cr4: UInt64, efer: UInt64, privilegeLevel: UInt8, isLongMode: Bool,
        acceptsInterrupts: Bool = true
    ) {
        self.cr0 = cr0
        self.cr3 = cr3
        self.cr4 = cr4
        self.efer = efer
        self.privilegeLevel = privilegeLevel
        self.isLongMode = isLongMode
        self.acceptsInterrupts = acceptsInterrupts
    }
}
