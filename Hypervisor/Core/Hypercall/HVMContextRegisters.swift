// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension CPUContext {
    /// Reads the registers of a CPU record; the floating-point part is left.
    init(from view: ABIView<HVMSaveCPULayout>) {
        self.init()
        rax = view[.rax]
        rbx = view[.rbx]
        rcx = view[.rcx]
        rdx = view[.rdx]
        rbp = view[.rbp]
        rsi = view[.rsi]
        rdi = view[.rdi]
        rsp = view[.rsp]
        r8 = view[.r8]
        r9 = view[.r9]
        r10 = view[.r10]
        r11 = view[.r11]
        r12 = view[.r12]
        r13 = view[.r13]
        r14 = view[.r14]
        r15 = view[.r15]
        rip = view[.rip]
        rflags = view[.rflags] | 2
        cr0 = view[.cr0]
        cr2 = view[.cr2]
        cr3 = view[.cr3]
        cr4 = view[.cr4]
        efer = view[.efer]
        dr6 = view[.dr6]
        dr7 = view[.dr7]
        func segment(
            _ selector: Field<HVMSaveCPULayout, UInt32>, _ attributes: Field<HVMSaveCPULayout, UInt32>,
            _ limit: Field<HVMSaveCPULayout, UInt32>, _ base: Field<HVMSaveCPULayout, UInt64>
        ) -> SegmentState {
            SegmentState(
                selector: UInt16(truncatingIfNeeded: view[selector]),
                attributes: UInt16(truncatingIfNeeded: view[attributes]), limit: view[limit], base: view[base]
            )
        }
        cs = segment(.csSelector, .csAttributes, .csLimit, .csBase)
        ds = segment(.dsSelector, .dsAttributes, .dsLimit, .dsBase)
        es = segment(.esSelector, .esAttributes, .esLimit, .esBase)
        fs = segment(.fsSelector, .fsAttributes, .fsLimit, .fsBase)
        gs = segment(.gsSelector, .gsAttributes, .gsLimit, .gsBase)
        ss = segment(.ssSelector, .ssAttributes, .ssLimit, .ssBase)
        tr = segment(.trSelector, .trAttributes, .trLimit, .trBase)
        ldtr = segment(.ldtrSelector, .ldtrAttributes, .ldtrLimit, .ldtrBase)
        idtLimit = view[.idtrLimit]
        gdtLimit = view[.gdtrLimit]
        idtBase = view[.idtrBase]
        gdtBase = view[.gdtrBase]
        sysenterCS = view[.sysenterCS]
        sysenterESP = view[.sysenterESP]
        sysenterEIP = view[.sysenterEIP]
        star = view[.star]
        lstar = view[.lstar]
        cstar = view[.cstar]
        sfmask = view[.syscallMask]
        kernelGSBase = view[.shadowGS]
        tscAux = view[.tscAux]
    }
    /// Writes the registers into a CPU record whose other bytes are zero.
    func store(to view: ABIView<HVMSaveCPULayout>) {
        view[.rax] = rax
        view[.rbx] = rbx
        view[.rcx] = rcx
        view[.rdx] = rdx
        view[.rbp] = rbp
        view[.rsi] = rsi
        view[.rdi] = rdi
        view[.rsp] = rsp
        view[.r8] = r8
        view[.r9] = r9
        view[.r10] = r10
        view[.r11] = r11
        view[.r12] = r12
        view[.r13] = r13
        view[.r14] = r14
        view[.r15] = r15
        view[.rip] = rip
        view[.rflags] = rflags
        view[.cr0] = cr0
        view[.cr2] = cr2
        view[.cr3] = cr3
        view[.cr4] = cr4
        view[.efer] = efer
        view[.dr6] = dr6
        view[.dr7] = dr7
        func set(
            _ segment: SegmentState, _ selector: Field<HVMSaveCPULayout, UInt32>,
            _ attributes: Field<HVMSaveCPULayout, UInt32>, _ limit: Field<HVMSaveCPULayout, UInt32>,
            _ base: Field<HVMSaveCPULayout, UInt64>
        ) {
            view[selector] = UInt32(segment.selector)
            view[attributes] = UInt32(segment.attributes)
            view[limit] = segment.limit
            view[base] = segment.base
        }
        set(cs, .csSelector, .csAttributes, .csLimit, .csBase)
        set(ds, .dsSelector, .dsAttributes, .dsLimit, .dsBase)
        set(es, .esSelector, .esAttributes, .esLimit, .esBase)
        set(fs, .fsSelector, .fsAttributes, .fsLimit, .fsBase)
        set(gs, .gsSelector, .gsAttributes, .gsLimit, .gsBase)
        set(ss, .ssSelector, .ssAttributes, .ssLimit, .ssBase)
        set(tr, .trSelector, .trAttributes, .trLimit, .trBase)
        set(ldtr, .ldtrSelector, .ldtrAttributes, .ldtrLimit, .ldtrBase)
        view[.idtrLimit] = idtLimit
        view[.gdtrLimit] = gdtLimit
        view[.idtrBase] = idtBase
        view[.gdtrBase] = gdtBase
        view[.sysenterCS] = sysenterCS
        view[.sysenterESP] = sysenterESP
        view[.sysenterEIP] = sysenterEIP
        view[.star] = star
        view[.lstar] = lstar
        view[.cstar] = cstar
        view[.syscallMask] = sfmask
        view[.shadowGS] = kernelGSBase
        view[.tscAux] = tscAux
    }
}
