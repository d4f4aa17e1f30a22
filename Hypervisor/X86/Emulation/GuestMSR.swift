// SPDX-License-Identifier: Apache-2.0
import CX86
import HypervisorCore
import SharedMemory
import XenABI

/// Model-specific registers that exits reach; those the hardware switches by itself are open in the permission map.
/// An unknown one is a #GP in the guest. AMD APM vol 2, Appendix A.
enum GuestMSR {
    static func read(_ number: UInt32, _ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>) -> UInt64? {
        switch number {
        case 0xc000_0080: return vmcb[.efer] & ~(1 << 12)
        case 0x1b: return vcpu.state.apic.baseMSR
        case 0x800...0x8ff:
            guard vcpu.state.apic.isX2 else { return nil }
            let now = vcpu.hypervisor.state.now()
            if number == 0x830 {
                return vcpu.state.apic.read(0x30, now: now).map {
                    UInt64($0) | UInt64(vcpu.state.apic.commandHigh) &<< 32
                }
            }
            return vcpu.state.apic.read(Int(number &- 0x800), now: now).map(UInt64.init)
        case 0x10: return cx86_rdtsc() &+ vcpu.state.tscOffset
        case 0x277: return vmcb[.guestPAT]
        case 0xfe: return 0x500
        case 0x2ff: return vcpu.svm[.mtrrDefault]
        case 0x200...0x20f, 0x250, 0x258, 0x259, 0x268...0x26f: return 0
        case 0x8b: return 0x0100_00ff
        case 0x179: return 0
        case 0x17a, 0x17b: return 0
        case 0x400...0x47f: return 0
        case 0xc001_0015: return 0
        case 0xc001_0010, 0xc001_001a, 0xc001_001d, 0xc001_001f, 0xc001_0055, 0xc001_0140, 0xc001_0141:
            return 0
        case 0xc001_1029: return 2
        case 0xc001_0000...0xc001_0007, 0xc001_0200...0xc001_020b: return 0
        case 0xc001_0112, 0xc001_0113, 0xc001_0111, 0xc001_1023, 0xc001_1022, 0xc001_1020, 0xc001_1021,
            0xc001_102c:
            return 0
        case 0x1d9, 0x1db, 0x1dc, 0x1dd, 0x1de: return 0
        case 0xc000_0103: return vcpu.svm[.tscAux]
        case 0xce, 0x140: return 0
        case 0x1a0: return 0
        default: return nil
        }
    }
    static func write(_ number: UInt32, _ value: UInt64, _ vcpu: Ref<VirtualCPU>, _ vmcb: ABIView<VMCBLayout>)
        -> Bool
    {
        switch number {
        case 0xc000_0080:
            // SCE, LME, LMA (as it is), NXE, FFXSR.
            guard value & ~0x4d01 == 0 else { return false }
            let paging = vmcb[.cr0] & (1 << 31) != 0
            let old = vmcb[.efer]
            if paging, (value ^ old) & (1 << 8) != 0 { return false }
            vmcb[.efer] = value & ~(1 << 10) | old & (1 << 10) | 1 << 12
            return true
        case 0x1b: return vcpu.state.apic.setBase(value)
        case 0x800...0x8ff:
            guard vcpu.state.apic.isX2 else { return false }
            let index = Int(number &- 0x800)
            guard index == 0x30 || value &>> 32 == 0 else { return false }
            if index == 0x0b || index == 0x28, value != 0 { return false }
            return vcpu.writeAPIC(
                index, UInt32(truncatingIfNeeded: value), high: UInt32(truncatingIfNeeded: value &>> 32))
        case 0x10:
            vcpu.state.tscOffset = value &- cx86_rdtsc()
            vmcb[.tscOffset] = vcpu.state.tscOffset
            vcpu.publishTime()
            return true
        case 0x277:
            var shift: UInt64 = 0
            while shift < 64 {
                let type = (value &>> shift) & 0xff
                if type == 2 || type == 3 || type > 7 { return false }
                shift &+= 8
            }
            vmcb[.guestPAT] = value
            return true
        case 0x2ff:
            vcpu.svm[.mtrrDefault] = value & 0xcff
            return true
        case 0x200...0x20f, 0x250, 0x258, 0x259, 0x268...0x26f: return true
        case 0x8b, 0xc001_0020: return true
        case 0x179, 0x17a, 0x17b, 0x400...0x47f: return true
        case 0xc001_0015, 0xc001_0010, 0xc001_001f, 0xc001_1029, 0xc001_0055, 0xc001_1023, 0xc001_1022,
            0xc001_1020,
            0xc001_1021, 0xc001_102c, 0xc001_0141:
            return true
        case 0xc001_0000...0xc001_0007, 0xc001_0200...0xc001_020b: return true
        case 0x1d9: return true
        case 0xc000_0103:
            vcpu.svm[.tscAux] = value & 0xffff_ffff
            if Machine.hasTSCAux { cx86_wrmsr(0xc000_0103, value & 0xffff_ffff) }
            return true
        case 0x4000_0000: return HypercallPage.write(value, vcpu)
        case 0x1a0: return true
        default: return false
        }
    }
}

/// The page of call stubs that older kernels use: 128 slots of 32 bytes. Xen public/arch-x86/cpuid.h (leaf 3).
enum HypercallPage {
    static func write(_ value: UInt64, _ vcpu: Ref<VirtualCPU>) -> Bool {
        guard value & 0xfff == 0,
            let mapping = vcpu.domain.state.physmap.lookup(GuestFrame(rawValue: value &>> 12)),
            mapping.type == .ram,
            mapping.isWritable
        else { return false }
        let memory = vcpu.hypervisor.state.memory
        var slot = 0
        while slot < 128 {
            let at = slot &* 32
            if slot == 23 {
                memory.storeByte(0x0f, mapping.frame, at)
                memory.storeByte(0x0b, mapping.frame, at &+ 1)
            } else {
                let code: InlineArray<9, UInt8> = [0xb8, UInt8(slot), 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3]
                var index = 0
                while index < 9 {
                    memory.storeByte(code[index], mapping.frame, at &+ index)
                    index &+= 1
                }
            }
            slot &+= 1
        }
        vcpu.domain.latchSharedInfoForm(is32Bit: !SVMBackend.pagingState(vcpu.vmcb).isLongMode)
        return true
    }
}
